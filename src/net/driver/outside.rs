//! Requests outside dialogs: sent for whoever asks, and their answers brought back.
//!
//! Each is a sender of its own for the delivery, which locates it and tries one server after the other.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::Driver;
use crate::session::SessionId;
use crate::session::outside::{Order, OutsideAnswer, OutsideRequest, Ticket};
use crate::sip::contact::ContactPlace;
use crate::sip::delivery::Outbound;
use crate::sip::dialog::invite_usage::RequestToken;
use crate::sip::endpoint::{Event, TransactionId};
use crate::sip::message::{HeaderName, Method, NameAddr, Request, Response, StatusCode, Uri};
use crate::sip::registration::granted;
use crate::sip::transport::{ConnectionId, Flow};

/// The requests that are under way.
#[derive(Debug, Default)]
pub(super) struct OutsideRequests {
    pending: HashMap<SessionId, Pending>,
    by_transaction: HashMap<TransactionId, SessionId>,
    /// Of the next one.
    number: u64,
}

#[derive(Debug)]
struct Pending {
    request: Box<Request>,
    /// Without an address of ours.
    contact: Option<NameAddr>,
    /// As it was sent last.
    sent_contact: Option<NameAddr>,
    /// One for each server that was tried.
    transactions: SmallVec<[TransactionId; 1]>,
    /// The one it was sent by last.
    connection: Option<ConnectionId>,
    asker: Asker,
}

/// Who gets the answer.
#[derive(Debug)]
enum Asker {
    Channel(oneshot::Sender<OutsideAnswer>),
    Router(Ticket),
}

impl OutsideRequests {
    /// The Contact for a request of this sender that goes by this flow.
    pub(super) fn contact(
        &mut self,
        sender: &SessionId,
        place: &ContactPlace<'_>,
    ) -> Option<String> {
        let pending = self.pending.get_mut(sender)?;
        let mut contact = pending.contact.clone()?;
        if let Uri::Sip(uri) = &mut contact.uri {
            place.write_to(uri);
        }
        let text = contact.to_string();
        pending.sent_contact = Some(contact);
        Some(text)
    }

    /// Notes that `transaction` carries the sender's request. False: it is no sender of ours.
    pub(super) fn bind(
        &mut self,
        sender: &SessionId,
        transaction: TransactionId,
        flow: &Flow,
    ) -> bool {
        let Some(pending) = self.pending.get_mut(sender) else {
            return false;
        };
        pending.transactions.push(transaction);
        pending.connection = flow.connection;
        self.by_transaction.insert(transaction, sender.clone());
        true
    }

    /// Takes out the request of this sender as it was sent, and who gets its answer. `None`: it is no sender of
    /// ours.
    fn finish(&mut self, sender: &SessionId) -> Option<(Box<Request>, Asker)> {
        let pending = self.pending.remove(sender)?;
        for transaction in &pending.transactions {
            self.by_transaction.remove(transaction);
        }
        let mut request = pending.request;
        if let Some(contact) = pending.sent_contact {
            request
                .headers
                .push(HeaderName::Contact, contact.to_string());
        }
        Some((request, pending.asker))
    }

    /// The connection that a registration came about by, and how long the registrar may call by it.
    fn registered(
        &self,
        sender: &SessionId,
        response: &Response,
    ) -> Option<(ConnectionId, Duration)> {
        let pending = self.pending.get(sender)?;
        if pending.request.method != Method::Register || !response.status.is_success() {
            return None;
        }
        let asked = pending.request.headers.expires().ok()??;
        if asked == 0 {
            return None;
        }
        // A request that answers a challenge brings the Contact that was sent before.
        let contacts = pending.request.headers.contacts().unwrap_or_default();
        let ours = pending.sent_contact.as_ref().or(contacts.first());
        let granted = granted(ours.map(|contact| &contact.uri), response, asked);
        Some((pending.connection?, Duration::from_secs(granted.into())))
    }

    fn sender_of(&self, transaction: TransactionId) -> Option<SessionId> {
        self.by_transaction.get(&transaction).cloned()
    }
}

impl Driver {
    pub(super) fn on_outside(&mut self, now: Instant, outside: OutsideRequest) {
        let OutsideRequest {
            request,
            next_hop,
            contact,
            answer,
        } = outside;
        self.send_outside(now, request, next_hop, contact, Asker::Channel(answer));
    }

    /// Sends what sessions have under way outside calls.
    pub(super) fn send_orders(&mut self, now: Instant) {
        while let Some(order) = self.router.poll_outside() {
            let Order {
                ticket,
                mut request,
                next_hop,
                contact,
            } = order;
            let agent = self.pool.user_agent();
            if !agent.is_empty() {
                request.headers.set(HeaderName::UserAgent, agent.to_owned());
            }
            self.send_outside(now, request, next_hop, contact, Asker::Router(ticket));
        }
    }

    fn send_outside(
        &mut self,
        now: Instant,
        request: Box<Request>,
        next_hop: Option<Uri>,
        contact: Option<NameAddr>,
        asker: Asker,
    ) {
        self.outside.number += 1;
        // A blank keeps it apart from sessions, whose names are tokens.
        let sender = SessionId(format!("outside {}", self.outside.number).into());
        if let Some(next_hop) = next_hop {
            let outbound = Outbound {
                proxy: None,
                next_hop: vec![next_hop],
            };
            self.delivery.set_outbound(sender.clone(), outbound);
        }
        let pending = Pending {
            request: request.clone(),
            contact,
            sent_contact: None,
            transactions: SmallVec::new(),
            connection: None,
            asker,
        };
        self.outside.pending.insert(sender.clone(), pending);
        let (token, hop) = (RequestToken(0), first_hop(&request));
        self.delivery.send(now, sender, token, request, &hop);
    }

    /// Takes an event of such a request; gives every other event back.
    pub(super) fn take_outside(&mut self, now: Instant, event: Event) -> Option<Event> {
        let (Event::Response { transaction, .. }
        | Event::Timeout { transaction }
        | Event::SendFailed { transaction }) = &event
        else {
            return Some(event);
        };
        let Some(sender) = self.outside.sender_of(*transaction) else {
            return Some(event);
        };
        let response = match event {
            Event::Response { response, .. } if response.status.is_provisional() => return None,
            Event::Response { response, .. } => Ok(response),
            Event::Timeout { .. } => Err(StatusCode::REQUEST_TIMEOUT),
            _ => Err(StatusCode::SERVICE_UNAVAILABLE),
        };
        if let Ok(response) = &response
            && let Some((connection, granted)) = self.outside.registered(&sender, response)
        {
            self.connections.need(connection, now + granted);
        }
        self.finish_outside(now, &sender, response);
        None
    }

    /// Ends a request outside dialogs. False: the sender is somebody else.
    pub(super) fn finish_outside(
        &mut self,
        now: Instant,
        sender: &SessionId,
        response: Result<Response, StatusCode>,
    ) -> bool {
        let Some((request, asker)) = self.outside.finish(sender) else {
            return false;
        };
        self.delivery.forget(sender);
        match asker {
            // Whoever asked may have given up.
            Asker::Channel(answer) => drop(answer.send(OutsideAnswer { request, response })),
            Asker::Router(ticket) => {
                self.router
                    .handle_outside_answer(now, ticket, *request, response);
            }
        }
        true
    }
}

/// Where a request goes by itself: its first Route, else its Request-URI (RFC 3261 §8.1.2).
fn first_hop(request: &Request) -> Uri {
    let routes = request.headers.routes().unwrap_or_default();
    let first = routes.into_iter().next().map(|route| route.uri);
    first.unwrap_or_else(|| request.uri.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Transport;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A REGISTER that asks for an hour, as it went out by a connection.
    fn sent(request_contact: Option<&str>, contact: Option<&str>) -> (OutsideRequests, SessionId) {
        let uri = Uri::parse("sip:example.com").unwrap();
        let mut request = Request::new(Method::Register, uri);
        request.headers.set(HeaderName::Expires, "3600".to_owned());
        if let Some(text) = request_contact {
            request.headers.push(HeaderName::Contact, text.to_owned());
        }
        let (answer, _) = oneshot::channel();
        let pending = Pending {
            request: Box::new(request),
            contact: contact.map(|text| NameAddr::parse(text).unwrap()),
            sent_contact: None,
            transactions: SmallVec::new(),
            connection: None,
            asker: Asker::Channel(answer),
        };
        let sender = SessionId("outside 1".into());
        let mut requests = OutsideRequests::default();
        requests.pending.insert(sender.clone(), pending);
        let local = "192.0.2.9:5060".parse().unwrap();
        let place = ContactPlace {
            transport: Transport::Tcp,
            local,
            name: None,
            is_request: true,
        };
        let completed = requests.contact(&sender, &place);
        assert_eq!(completed.is_some(), contact.is_some());
        let flow = Flow {
            transport: Transport::Tcp,
            local,
            remote: "192.0.2.1:5060".parse().unwrap(),
            connection: Some(ConnectionId(7)),
        };
        assert!(requests.bind(&sender, TransactionId(1), &flow));
        (requests, sender)
    }

    fn kept((requests, sender): &(OutsideRequests, SessionId), contacts: &[&str]) -> Duration {
        let mut response = Response::new(StatusCode::OK);
        for contact in contacts {
            let contact = (*contact).to_owned();
            response.headers.push(HeaderName::Contact, contact);
        }
        let (connection, granted) = requests.registered(sender, &response).expect("registered");
        assert_eq!(connection, ConnectionId(7));
        granted
    }

    #[test]
    fn a_connection_is_kept_for_our_binding_and_no_longer_for_that_of_another_phone() {
        let other = "<sip:alice@192.0.2.77>;expires=4294967295";
        let ours = "<sip:alice@192.0.2.9:5060;transport=tcp>";
        let minute = format!("{ours};expires=60");
        let minute = minute.as_str();
        let completed = sent(None, Some("<sip:alice@invalid>"));
        // A challenge is answered with the request as it was sent, with its Contact.
        let repeated = sent(Some(ours), None);
        for sent in [completed, repeated] {
            let kept = |contacts: &[&str]| kept(&sent, contacts);
            assert_eq!(kept(&[other, minute]), Duration::from_secs(60));
            assert_eq!(kept(&[minute, other]), Duration::from_secs(60));
            assert_eq!(
                kept(&[other]),
                HOUR,
                "ours is not listed: what we asked for"
            );
            assert_eq!(kept(&[other, ours]), HOUR, "nothing is said of ours");
        }
    }
}
