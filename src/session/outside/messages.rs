//! Messages of scripts (RFC 3428): one request each, and its answer told as `sipReply`.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use super::{Names, News, Order, OutsideError, Parties, Ticket, is_challenge, renumber};
use crate::dsm::{Event, EventKind};
use crate::ids::Ids;
use crate::session::SessionId;
use crate::session::header_lines::Line;
use crate::session::script::message;
use crate::sip::auth::{Accounts, DigestClient};
use crate::sip::message::{HeaderName, Method, Request, Response, StatusCode};

/// Messages of one session without an answer.
const MAX_OF_SESSION: usize = 64;
/// Messages of all sessions without an answer; each waits for 32 s at most.
const MAX_IN_ALL: usize = 20_000;

/// A message that a script wants to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageOrder {
    /// From whom to whom.
    pub parties: Parties,
    /// Header lines to add.
    pub headers: Vec<Line>,
    /// Type of the text.
    pub content_type: String,
    /// The text.
    pub body: Bytes,
    /// What challenges are answered with.
    pub accounts: Accounts,
}

/// The messages that have no answer.
#[derive(Debug, Default)]
pub struct Messages {
    under_way: HashMap<u64, UnderWay>,
    /// How many of them each session has.
    of_session: HashMap<SessionId, usize>,
    /// Of the next one.
    number: u64,
    orders: VecDeque<Order>,
    news: VecDeque<News>,
}

#[derive(Debug)]
struct UnderWay {
    owner: SessionId,
    digest: Box<DigestClient>,
    parties: Parties,
}

impl Messages {
    /// Sends a message for `owner`, who is told of its answer.
    ///
    /// # Errors
    /// [`OutsideError`] if too many have no answer.
    pub fn send(
        &mut self,
        owner: SessionId,
        order: MessageOrder,
        ids: &mut Ids,
    ) -> Result<(), OutsideError> {
        if self.under_way.len() >= MAX_IN_ALL {
            return Err(OutsideError::TooManyInAll(MAX_IN_ALL));
        }
        let own = self.of_session.entry(owner.clone()).or_default();
        if *own >= MAX_OF_SESSION {
            return Err(OutsideError::TooMany(MAX_OF_SESSION));
        }
        *own += 1;
        let mut request = order.parties.first(Method::Message, &Names::new(ids));
        for (name, value) in order.headers {
            request.headers.push(name, value);
        }
        request
            .headers
            .push(HeaderName::ContentType, order.content_type);
        request.body = order.body;
        self.number += 1;
        let under_way = UnderWay {
            owner,
            digest: Box::new(DigestClient::new(order.accounts, ids.seed())),
            parties: order.parties,
        };
        self.order(self.number, &under_way, request);
        self.under_way.insert(self.number, under_way);
        Ok(())
    }

    /// Takes the answer to a message. `request` is as it was sent.
    pub fn handle_answer(
        &mut self,
        number: u64,
        mut request: Request,
        answer: Result<Response, StatusCode>,
    ) {
        let Some(mut under_way) = self.under_way.remove(&number) else {
            return;
        };
        if let Ok(response) = &answer
            && is_challenge(response.status)
            && under_way.digest.answer(&mut request, response).is_ok()
        {
            renumber(&mut request);
            self.order(number, &under_way, request);
            self.under_way.insert(number, under_way);
            return;
        }
        if let Some(own) = self.of_session.get_mut(&under_way.owner) {
            *own -= 1;
            if *own == 0 {
                self.of_session.remove(&under_way.owner);
            }
        }
        let response = answer.unwrap_or_else(|status| Response::answering(&request, status, None));
        let event = Event::new(EventKind::SipReply)
            .with("method", request.method.as_str())
            .with("code", response.status.code().to_string())
            .with("reason", &*response.reason);
        self.news.push_back(News {
            to: under_way.owner,
            event: message::about(event, &response.headers, &response.body),
        });
    }

    /// Next request to send.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Next thing to tell.
    pub fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// Messages without an answer.
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    fn order(&mut self, number: u64, under_way: &UnderWay, request: Request) {
        self.orders.push_back(Order {
            ticket: Ticket::Message(number),
            request: Box::new(request),
            next_hop: under_way.parties.proxy.clone(),
            contact: None,
        });
    }
}
