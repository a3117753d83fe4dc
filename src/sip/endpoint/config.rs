//! What an endpoint is told when it is made, and what it counted.

use super::SourceRules;
use crate::sip::message::{Host, Method, Transport};
use crate::sip::transaction::TimerValues;

/// Retry-After, in seconds, of every request that is refused because there is no room or time for it
/// (RFC 3261 §21.5.4): what this endpoint, and a TU of it, is short of comes back within seconds.
pub const RETRY_AFTER_S: &str = "5";

/// How an endpoint behaves.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// T1, T2 and T4.
    pub timers: TimerValues,
    /// Value of Server in every response that has none; `None` leaves it out.
    pub server_header: Option<String>,
    /// Methods that reach the TU, also the value of Allow in a 405. ACK and CANCEL are understood in
    /// any case.
    pub allow: Vec<Method>,
    /// Option tags that Require may name (RFC 3261 §8.2.2.3).
    pub supported: Vec<String>,
    /// What our Via says, by transport. The local address of the flow where a transport is missing.
    pub sent_by: Vec<SentBy>,
    /// Whether our Via asks TLS peers to send their requests back by our connections, which needs a
    /// certificate for the name of `sent_by` (RFC 5923 §8.1).
    pub alias: bool,
    /// Most server transactions at one time; requests beyond get a 503. Requests inside a dialog may
    /// take a quarter more, so that calls can still be ended.
    pub max_transactions: usize,
    /// Most bytes of responses, kept for repetition, and of INVITEs that have no answer yet, after which
    /// requests get a 503. Default 512 MiB.
    pub max_retained_bytes: usize,
    /// Who may send, and how much. Default: everybody, anything.
    pub sources: SourceRules,
}

/// Our name on one transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentBy {
    /// The transport that it is for.
    pub transport: Transport,
    /// Name or address that a response can be sent to.
    pub host: Host,
    /// The port, if not the default one.
    pub port: Option<u16>,
}

impl EndpointConfig {
    /// Takes these methods and so many server transactions, with the timers of RFC 3261, without names of its
    /// own, extensions or rules for sources. Each of these is a field.
    pub fn new(allow: Vec<Method>, max_transactions: usize) -> Self {
        Self {
            timers: TimerValues::default(),
            server_header: None,
            allow,
            supported: Vec::new(),
            sent_by: Vec::new(),
            alias: false,
            max_transactions,
            max_retained_bytes: 512 * 1024 * 1024,
            sources: SourceRules::default(),
        }
    }
}

/// What an endpoint has done and dropped since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Requests that came up to the TU.
    pub requests: u64,
    /// Of these, those that it refused and that left no transaction.
    pub forgotten_requests: u64,
    /// Requests of a server transaction that came again.
    pub repeated_requests: u64,
    /// Messages sent again by a timer or because the peer repeated its own.
    pub retransmissions: u64,
    /// Requests refused here, without a transaction: 400, 405, 416, 420, 481 to CANCEL,
    /// 482, 483, 501.
    pub refused_requests: u64,
    /// Requests answered with 503 because a limit was reached or more came than could be dealt with.
    pub overload_refusals: u64,
    /// Messages from networks that are not let in.
    pub from_refused_networks: u64,
    /// Requests answered with 503 because their source sent too many.
    pub rate_refused: u64,
    /// Messages that got no answer because their source went on after that.
    pub rate_ignored: u64,
    /// Malformed requests answered with 400 or 505.
    pub malformed_answered: u64,
    /// Malformed messages dropped: responses, ACKs, and what could not be answered.
    pub malformed_dropped: u64,
    /// Datagrams of nothing but line ends: keep-alives (RFC 5626 §3.5.1).
    pub keep_alives: u64,
    /// Responses that belong to no transaction, with more than one Via, or of too many forks.
    pub stray_responses: u64,
    /// ACKs of refusals that left no transaction.
    pub refusal_acks: u64,
    /// Other ACKs that belong to no transaction.
    pub stray_acks: u64,
    /// Responses of the TU to a transaction that is over or has its final response.
    pub late_responses: u64,
    /// Requests other than INVITE that the TU did not answer for 64×T1: a fault of ours.
    pub unanswered_requests: u64,
    /// 2xx responses that were never acknowledged.
    pub ack_timeouts: u64,
    /// Client transactions that got no final response.
    pub timeouts: u64,
    /// Client transactions that the transport failed.
    pub send_failures: u64,
}
