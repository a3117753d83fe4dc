//! The SIP endpoint: all transactions of one signalling task, as a value that is driven.
//!
//! Owns the four kinds of transactions with their retransmissions and timers, matches ACK and CANCEL
//! to the INVITE they are for, and answers by itself what needs no application: malformed requests,
//! unknown methods and extensions, loops, overload. Everything else goes up as an [`Event`] to the TU
//! (the session layer), which answers with [`Endpoint::respond`] or sends requests of its own.
//! It is driven by the signalling task, knows no sockets, names, dialogs or sessions, and finds no
//! addresses (RFC 3263): requests come with the [`Flow`] they go by.
//!
//! RFC 3261 §8.1.3, §8.2, §9, §13.3.1.4, §17, §18.1.2, §18.2; RFC 3581; RFC 6026.
//!
//! # Assumptions
//!
//! - Refusals, what the TU [refuses](Endpoint::refuse), and the 200 to a CANCEL are sent without a transaction
//!   (RFC 3261 §8.2.7, §26.3.2.4): a repeated request is judged again and gets the same answer with the same
//!   tag. So who sends what nobody wants leaves nothing behind.
//! - A CANCEL for anything but an INVITE gets 481; RFC 3261 §9.1 tells clients not to send one.
//! - While more comes than can be dealt with, requests outside dialogs get a 503 without a transaction, but for
//!   OPTIONS and what gets 405 or 501 in any case.
//! - Timer C is for proxies; a TU that wants to limit ringing cancels.
//! - A response names the stream connection that its request came by, even if that is gone: the shell
//!   opens another one then (RFC 3261 §18.2.2).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::sip::message::{
    BadMessage, HeaderName, Message, Method, ParseError, Request, Response, StatusCode,
};
use crate::sip::transport::{Flow, Transmit, response_flow, stamp_via};

mod admission;
mod config;
mod deadlines;
mod sources;
mod table;
mod uac;
mod uas;

pub use admission::not_served;
pub use config::{EndpointConfig, EndpointStats, RETRY_AFTER_S, SentBy};
pub(crate) use sources::subscriber;
pub use sources::{Admission, SourceRules, Sources};

use uac::Uac;
use uas::Uas;

/// Name of one transaction; never used again while the endpoint lives (but after 2³¹ transactions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub(crate) u64);

/// What the TU has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new request, never ACK or CANCEL. An INVITE gets its 100 (Trying) unless it is answered within
    /// 200 ms. The topmost Via is stamped with where it came from.
    Request {
        /// To be given to [`Endpoint::respond`].
        transaction: TransactionId,
        /// The request.
        request: Request,
        /// How it came.
        flow: Flow,
    },
    /// The first ACK of a 2xx. Its repetitions are absorbed.
    Ack {
        /// The INVITE that is acknowledged.
        transaction: TransactionId,
        /// The ACK; it carries the answer if the 2xx carried the offer.
        request: Request,
        /// How it came.
        flow: Flow,
    },
    /// The peer cancels an INVITE that has no final response yet. The CANCEL has got its 200; the TU
    /// answers the INVITE, usually with 487 (RFC 3261 §9.2). Comes once.
    Cancelled {
        /// The INVITE.
        transaction: TransactionId,
    },
    /// A 2xx was not acknowledged within 64×T1; the dialog is to be ended (RFC 3261 §13.3.1.4).
    AckTimeout {
        /// The INVITE.
        transaction: TransactionId,
    },
    /// A reliable provisional response was not acknowledged by PRACK within 64×T1; the INVITE is to be
    /// refused (RFC 3262 §3).
    PrackTimeout {
        /// The INVITE.
        transaction: TransactionId,
    },
    /// A response to a request of ours: every provisional one, 100 too, and the final one. An INVITE
    /// may get several 2xx with different To tags, one from each fork that answered.
    Response {
        /// As [`Endpoint::send_request`] returned it.
        transaction: TransactionId,
        /// The response.
        response: Response,
    },
    /// A request of ours got no final response in time. The transaction is over.
    Timeout {
        /// As [`Endpoint::send_request`] returned it.
        transaction: TransactionId,
    },
    /// A request of ours could not be sent. The transaction is over.
    SendFailed {
        /// As [`Endpoint::send_request`] returned it.
        transaction: TransactionId,
    },
}

/// All transactions of one signalling task.
///
/// After each `handle_*` and after the TU's calls, take everything from [`poll_transmit`] and
/// [`poll_event`] before the next `handle_*`; debug builds insist. Call [`handle_timeout`] no later
/// than [`poll_timeout`] says. Same inputs and same seed give the same bytes.
///
/// [`poll_transmit`]: Self::poll_transmit
/// [`poll_event`]: Self::poll_event
/// [`handle_timeout`]: Self::handle_timeout
/// [`poll_timeout`]: Self::poll_timeout
pub struct Endpoint {
    core: Core,
    uas: Uas,
    uac: Uac,
}

/// What both sides of an endpoint use.
struct Core {
    config: EndpointConfig,
    sources: Sources,
    /// Whether more comes than can be dealt with.
    overloaded: bool,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
    stats: EndpointStats,
}

impl Endpoint {
    /// Makes an endpoint without transactions. `seed` gives branches and tags and has to be secret.
    pub fn new(config: EndpointConfig, seed: [u8; 32]) -> Self {
        let core = Core {
            sources: Sources::new(config.sources.clone()),
            overloaded: false,
            config,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
            stats: EndpointStats::default(),
        };
        Self {
            core,
            uas: Uas::new(seed),
            uac: Uac::new(seed),
        }
    }

    /// Takes requests of these methods from now on.
    pub fn set_allow(&mut self, methods: Vec<Method>) {
        self.core.config.allow = methods;
    }

    /// Takes one datagram, or one message that a stream's framer cut out.
    pub fn handle_message(&mut self, now: Instant, flow: Flow, bytes: Bytes) {
        self.core.assert_drained();
        if !self.lets_in(flow.remote.ip()) {
            return;
        }
        match Message::parse_identified(bytes.clone()) {
            Ok((Message::Request(request), identity)) => {
                self.uas
                    .handle_request(&mut self.core, now, flow, request, identity, bytes);
            }
            Ok((Message::Response(response), identity)) => {
                self.uac
                    .handle_response(&mut self.core, now, response, identity);
            }
            Err(bad) => self.core.handle_bad_message(now, flow, bad),
        }
    }

    /// Learns whether messages wait longer than they should before they come here. While they do, requests
    /// that may begin a call or another session get a 503 that costs next to nothing.
    pub fn set_overloaded(&mut self, overloaded: bool) {
        self.core.overloaded = overloaded;
    }

    /// Returns whether anything of this source is looked at; if not, that is counted.
    pub fn lets_in(&mut self, source: IpAddr) -> bool {
        let is_welcome = self.core.sources.lets_in(source);
        self.core.stats.from_refused_networks += u64::from(!is_welcome);
        is_welcome
    }

    /// Learns that nothing can be sent by `flow`: the connection broke or could not be opened. Requests of ours that wait for their first response on it end with
    /// [`Event::SendFailed`] (RFC 3261 §17.1.4). Can be called between two `poll_transmit`.
    pub fn handle_send_error(&mut self, now: Instant, flow: Flow) {
        self.uac.handle_send_error(&mut self.core, now, flow);
    }

    /// Learns that a socket refused this one datagram of ours: too large, say, or barred. A request that
    /// waits for its first response ends with [`Event::SendFailed`] (RFC 3261 §17.1.4); everything else
    /// is as good as lost on the way. Can be called between two `poll_transmit`.
    pub fn handle_unsent(&mut self, now: Instant, bytes: Bytes) {
        self.uac.handle_unsent(&mut self.core, now, bytes);
    }

    /// Runs all timers that are due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.assert_drained();
        self.uas.handle_timeout(&mut self.core, now);
        self.uac.handle_timeout(&mut self.core, now);
    }

    /// Sends a response to a request that came as [`Event::Request`].
    ///
    /// The endpoint repeats it as RFC 3261 §17.2 wants, a 2xx to an INVITE until its ACK comes
    /// (§13.3.1.4, over every transport), a provisional one that has an RSeq until
    /// [`acknowledge`](Self::acknowledge) (RFC 3262 §3); of those one at a time may be out. After a final
    /// response, more are dropped and counted.
    pub fn respond(&mut self, now: Instant, transaction: TransactionId, response: Response) {
        self.uas.respond(&mut self.core, now, transaction, response);
    }

    /// Stops repeating the reliable provisional response to an INVITE: its PRACK has come.
    pub fn acknowledge(&mut self, now: Instant, invite: TransactionId) {
        self.uas.acknowledge(&mut self.core, now, invite);
    }

    /// Says which To tag an INVITE will be answered with, so that the 200 to a CANCEL that comes before
    /// any answer has the same (RFC 3261 §9.2).
    pub fn set_local_tag(&mut self, invite: TransactionId, tag: Arc<str>) {
        self.uas.set_local_tag(invite, tag);
    }

    /// Answers a request that changed nothing with a final response, and forgets it: repetitions come
    /// up again (RFC 3261 §8.2.7). To gets a tag if it has none, the same for each of them.
    ///
    /// When something has been answered already, the 100 of an INVITE say, this is
    /// [`respond`](Self::respond).
    pub fn refuse(&mut self, now: Instant, transaction: TransactionId, response: Response) {
        self.uas.refuse(&mut self.core, now, transaction, response);
    }

    /// Sends a request by `flow`, with a topmost Via and a branch of our own.
    ///
    /// The request has no Via yet and is neither ACK nor CANCEL. The transaction ends with exactly one
    /// of: a final [`Event::Response`] (of an INVITE, further 2xx of other forks may follow),
    /// [`Event::Timeout`], [`Event::SendFailed`].
    pub fn send_request(&mut self, now: Instant, request: Request, flow: Flow) -> TransactionId {
        self.uac.send_request(&mut self.core, now, request, flow)
    }

    /// Sends the ACK of a 2xx, and again for each repetition of a 2xx with the ACK's To tag, until
    /// 64×T1 after the first 2xx (RFC 3261 §13.2.2.4, RFC 6026 §7.2).
    pub fn send_ack(&mut self, invite: TransactionId, request: Request, flow: Flow) {
        self.uac.send_ack(&mut self.core, invite, request, flow);
    }

    /// Cancels an INVITE of ours: at once when a provisional response has come, else when the first
    /// one comes; never after a final one (RFC 3261 §9.1).
    ///
    /// The INVITE still ends as [`send_request`](Self::send_request) says, with 487 if the CANCEL was
    /// in time and with a 2xx, to be acknowledged and ended with BYE, if it was not.
    pub fn cancel(&mut self, now: Instant, transaction: TransactionId) {
        self.uac.cancel(&mut self.core, now, transaction);
    }

    /// Gives an INVITE of ours up because its server is silent: it is not repeated any more, and cancelled
    /// when the first provisional response comes. A 2xx has to be acknowledged all the same.
    pub fn abandon(&mut self, now: Instant, transaction: TransactionId) {
        self.uac.abandon(&mut self.core, now, transaction);
    }

    /// Returns whether `ack` is for a 2xx that this INVITE of ours got.
    pub fn awaits_ack(&mut self, invite: TransactionId, ack: &Request) -> bool {
        self.uac.awaits_ack(invite, ack)
    }

    /// Takes something to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.core.transmits.pop_front()
    }

    /// Takes something the TU has to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.core.events.pop_front();
        if event.is_none() {
            self.uas.settle_fresh();
        }
        event
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) has to be called, `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (uas, uac) = (self.uas.poll_timeout(), self.uac.poll_timeout());
        match (uas, uac) {
            (Some(uas), Some(uac)) => Some(uas.min(uac)),
            (uas, uac) => uas.or(uac),
        }
    }

    /// Returns the counters.
    pub fn stats(&self) -> EndpointStats {
        self.core.stats
    }

    /// Returns how many server transactions there are, lingering ones included.
    pub fn server_transactions(&self) -> usize {
        self.uas.len()
    }

    /// Whether a response to a request of ours may still come: its transaction is not over.
    pub fn has_client(&self, transaction: TransactionId) -> bool {
        self.uac.has(transaction)
    }

    /// Returns how many client transactions there are, lingering ones included.
    pub fn client_transactions(&self) -> usize {
        self.uac.len()
    }
}

impl Core {
    fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.transmits.push_back(Transmit { flow, bytes });
    }

    fn retransmit(&mut self, flow: Flow, bytes: Bytes) {
        self.stats.retransmissions += 1;
        self.transmit(flow, bytes);
    }

    /// Adds what every response of ours has, and writes it.
    fn write(&self, mut response: Response) -> Bytes {
        if let Some(server) = &self.config.server_header
            && response.headers.get(&HeaderName::Server).is_none()
        {
            response.headers.push(HeaderName::Server, server.clone());
        }
        response.to_bytes()
    }

    fn handle_bad_message(&mut self, now: Instant, flow: Flow, bad: BadMessage) {
        if bad.error == ParseError::Empty {
            self.stats.keep_alives += 1;
            return;
        }
        let Some(mut answer) = bad.answer else {
            self.stats.malformed_dropped += 1;
            return;
        };
        if self.sources.take(now, flow.remote.ip()) != Admission::Admit {
            self.stats.rate_ignored += 1;
            return;
        }
        self.stats.malformed_answered += 1;
        let mut to = flow;
        if let Ok(mut via) = answer.headers.via() {
            to = response_flow(flow, &via);
            if stamp_via(&mut via, flow.remote) {
                answer.headers.replace_topmost_via(&via);
            }
        }
        let bytes = self.write(*answer);
        self.transmit(to, bytes);
    }

    fn assert_drained(&self) {
        debug_assert!(
            self.transmits.is_empty(),
            "poll_transmit until None before the next input"
        );
        debug_assert!(
            self.events.is_empty(),
            "poll_event until None before the next input"
        );
    }
}

/// The three classes of responses that transactions tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Provisional,
    Success,
    Failure,
}

impl Class {
    fn of(status: StatusCode) -> Self {
        if status.is_provisional() {
            Self::Provisional
        } else if status.is_success() {
            Self::Success
        } else {
            Self::Failure
        }
    }
}
