//! The way of requests out of an agent: names, targets, requests outside calls, and what comes back.

use std::time::{Duration, Instant};

use muleteer::session::{SessionEvent, SessionId};
use muleteer::sip::contact::ContactPlace;
use muleteer::sip::delivery::{Output, stamp_contact};
use muleteer::sip::dialog::invite_usage::{Command, RequestToken};
use muleteer::sip::endpoint::Event;
use muleteer::sip::locate::{Answer, RecordType, Target};
use muleteer::sip::message::{HeaderName, Request, Response, StatusCode, Uri};
use muleteer::sip::transport::Flow;

use super::Agent;

impl Agent {
    /// The DNS answers what it was asked.
    pub fn answer_dns(&mut self, now: Instant) {
        for question in std::mem::take(&mut self.asked) {
            let kind = match question.kind {
                RecordType::Naptr => "NAPTR",
                RecordType::Srv => "SRV",
                RecordType::A => "A",
                RecordType::Aaaa => "AAAA",
            };
            let answer = self.zone.get(&(question.name.to_string(), kind)).cloned();
            let answer = answer.unwrap_or(Answer::none(Duration::from_secs(60)));
            self.delivery.handle_answer(now, question, &answer);
        }
        self.settle(now);
    }

    pub(super) fn send(&mut self, now: Instant, id: &SessionId, command: Command) {
        match command {
            Command::Respond {
                transaction,
                response,
            } => {
                self.router.note_answer(id, transaction, response.status);
                self.endpoint.respond(now, transaction, *response);
            }
            Command::Acknowledged { transaction } => self.endpoint.acknowledge(now, transaction),
            Command::Cancel { invite } => {
                if self.delivery.cancel(now, id, invite) {
                    return;
                }
                if let Some(transaction) = self.router.client(id, invite) {
                    self.delivery.hold(transaction);
                    self.endpoint.cancel(now, transaction);
                }
            }
            Command::Request {
                token,
                request,
                next_hop,
            } => self
                .delivery
                .send(now, id.clone(), token, request, &next_hop),
            Command::Ack {
                invite,
                request,
                next_hop,
            } => self
                .delivery
                .send_ack(now, id.clone(), invite, request, &next_hop),
        }
    }

    pub(super) fn deliver(&mut self, now: Instant, output: Output<SessionId>) {
        match output {
            Output::Ask(question) => {
                self.asked.push(question);
                if !self.dns_is_slow {
                    self.answer_dns(now);
                }
            }
            Output::Send {
                attempt,
                mut request,
            } => {
                let flow = self.flow(&attempt.target);
                let place = ContactPlace {
                    transport: flow.transport,
                    local: flow.local,
                    name: None,
                    is_request: true,
                };
                if let Some((_, sent)) = self.outside.get_mut(&attempt.sender) {
                    for request in [&mut *request, sent] {
                        place_contact(request, &place);
                    }
                    let transaction = self.endpoint.send_request(now, *request, flow);
                    let sender = attempt.sender.clone();
                    self.outside_clients.insert(transaction, sender);
                    return self.delivery.handle_sent(now, attempt, transaction);
                }
                stamp_contact(&mut request, &place, |local| local == self.address);
                let transaction = self.endpoint.send_request(now, *request, flow);
                self.router
                    .bind_client(&attempt.sender, attempt.token, transaction, |id| {
                        self.endpoint.has_client(id)
                    });
                self.delivery.handle_sent(now, attempt, transaction);
            }
            Output::Ack {
                sender,
                invite,
                request,
                target,
            } => {
                let flow = self.flow(&target);
                let transactions: Vec<_> = self.router.clients(&sender, invite).collect();
                let mut all = transactions.iter();
                let found = all.find(|one| self.endpoint.awaits_ack(**one, &request));
                let orphan = self.farewells.remove(&sender);
                if let Some(transaction) = orphan.as_ref().or(found).or(transactions.first()) {
                    self.endpoint.send_ack(*transaction, *request, flow);
                }
            }
            Output::Own { sender, command } => self.send(now, &sender, command),
            Output::Located { .. } => {}
            Output::Abandon(transaction) => self.endpoint.abandon(now, transaction),
            Output::Failed {
                sender,
                token,
                status,
            } => {
                if !self.finish_outside(now, &sender, Err(status)) {
                    self.router
                        .deliver(&sender, SessionEvent::NoResponse(token, status));
                }
            }
        }
    }

    /// Sends what sessions have under way outside calls. False: there is nothing.
    pub(super) fn send_orders(&mut self, now: Instant) -> bool {
        let mut some = false;
        while let Some(order) = self.router.poll_outside() {
            some = true;
            self.outside_sent += 1;
            let sender = SessionId(format!("outside {}", self.outside_sent).into());
            let mut request = order.request;
            if let Some(contact) = order.contact {
                let headers = &mut request.headers;
                headers.push(HeaderName::Contact, contact.to_string());
            }
            let route = request.headers.routes().unwrap().into_iter().next();
            let hop = order.next_hop.or(route.map(|route| route.uri));
            let hop = hop.unwrap_or_else(|| request.uri.clone());
            let under_way = (order.ticket, (*request).clone());
            self.outside.insert(sender.clone(), under_way);
            self.delivery
                .send(now, sender, RequestToken(0), request, &hop);
        }
        some
    }

    /// Takes an event of a request outside calls; gives every other one back.
    pub(super) fn take_outside(&mut self, now: Instant, event: Event) -> Option<Event> {
        let (Event::Response { transaction, .. } | Event::Timeout { transaction }) = &event else {
            return Some(event);
        };
        let Some(sender) = self.outside_clients.get(transaction).cloned() else {
            return Some(event);
        };
        let answer = match event {
            Event::Response { response, .. } if response.status.is_provisional() => return None,
            Event::Response { response, .. } => Ok(response),
            _ => Err(StatusCode::REQUEST_TIMEOUT),
        };
        self.finish_outside(now, &sender, answer);
        None
    }

    fn finish_outside(
        &mut self,
        now: Instant,
        sender: &SessionId,
        answer: Result<Response, StatusCode>,
    ) -> bool {
        let Some((ticket, request)) = self.outside.remove(sender) else {
            return false;
        };
        self.outside_clients.retain(|_, other| other != sender);
        self.delivery.forget(sender);
        self.router
            .handle_outside_answer(now, ticket, request, answer);
        true
    }

    fn flow(&self, target: &Target) -> Flow {
        Flow {
            transport: target.transport,
            local: self.address,
            remote: target.address,
            connection: None,
        }
    }
}

/// Puts our address into the Contact of a request that has none of ours yet.
fn place_contact(request: &mut Request, place: &ContactPlace<'_>) {
    let contact = request.headers.contacts().unwrap().pop();
    if let Some(mut contact) = contact
        && let Uri::Sip(uri) = &mut contact.uri
        && uri.host.to_string() == "invalid"
    {
        place.write_to(uri);
        request
            .headers
            .set(HeaderName::Contact, contact.to_string());
    }
}
