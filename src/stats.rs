//! Every counter and gauge of the server, each named once.
//!
//! One [`Stats`] is shared by all tasks and threads. A value is a plain atomic of its own: to count is
//! one relaxed addition, fit for a media thread. Counters only grow, so that any number of readers can
//! take differences. [`Stats::samples`] reads all of them for a log line or a metrics page.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// All values.
#[derive(Debug, Default)]
pub struct Stats {
    /// INVITEs that would start a call.
    pub calls_received: Counter,
    /// Calls that we answered with a 2xx.
    pub calls_answered: Counter,
    /// Calls that we refused, by reason.
    pub calls_refused: CallsRefused,
    /// Sessions that exist now.
    pub sessions_active: Gauge,
    /// SIP requests read from the network.
    pub sip_requests_received: Counter,
    /// SIP responses read from the network.
    pub sip_responses_received: Counter,
    /// SIP messages written to the network, retransmissions included.
    pub sip_messages_sent: Counter,
    /// SIP messages thrown away, by reason.
    pub sip_dropped: SipDropped,
    /// Media streams that exist now.
    pub rtp_streams_active: Gauge,
    /// RTP packets taken.
    pub rtp_packets_received: Counter,
    /// RTP packets sent.
    pub rtp_packets_sent: Counter,
    /// RTP packets thrown away, by reason.
    pub rtp_dropped: RtpDropped,
    /// Streams that fell silent for longer than `[rtp] timeout_s`.
    pub rtp_timeouts: Counter,
    /// Telephone events delivered to a session.
    pub digits_received: Counter,
    /// Events that a media thread could not hand to a full session.
    pub media_events_dropped: Counter,
    /// Commands of a session that a media thread had no room for.
    pub media_commands_dropped: Counter,
    /// Calls that a fault in this server ended.
    pub session_faults: Counter,
}

/// Calls refused.
#[derive(Debug, Default)]
pub struct CallsRefused {
    /// `[limits] sessions`.
    pub sessions: Counter,
    /// `[limits] calls_per_second`.
    pub calls_per_second: Counter,
    /// The server is stopping.
    pub shutdown: Counter,
    /// No application was selected, or none has that name.
    pub no_application: Counter,
    /// The offer has nothing that we can use.
    pub not_acceptable: Counter,
    /// No RTP port, or another failure of ours.
    pub internal: Counter,
}

/// SIP messages thrown away.
#[derive(Debug, Default)]
pub struct SipDropped {
    /// Not SIP, beyond a limit, or answered with a 400.
    pub malformed: Counter,
    /// A response or ACK that belongs to no transaction or dialog.
    pub unmatched: Counter,
    /// `[limits] transactions`, or a full session.
    pub overload: Counter,
    /// The socket did not take it.
    pub unsent: Counter,
}

/// RTP packets thrown away.
#[derive(Debug, Default)]
pub struct RtpDropped {
    /// Not RTP.
    pub malformed: Counter,
    /// From another source than the latched one.
    pub stray: Counter,
    /// With a payload type that was not negotiated, or that does not decode.
    pub payload: Counter,
    /// After their playout time, or a second time.
    pub late: Counter,
    /// The socket did not take it.
    pub unsent: Counter,
}

/// A value that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A value that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// The value of one counter or gauge at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Name in lower case with underscores.
    pub name: &'static str,
    /// The reason, where one name covers several.
    pub reason: Option<&'static str>,
    /// Whether it only grows.
    pub kind: SampleKind,
    /// The value.
    pub value: u64,
}

/// How a sample behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl Counter {
    /// Counts one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    /// The count since start.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn sample(&self, name: &'static str, reason: Option<&'static str>) -> Sample {
        Sample {
            name,
            reason,
            kind: SampleKind::Counter,
            value: self.value(),
        }
    }
}

impl Gauge {
    /// One more; gives the new value.
    pub fn increment(&self) -> u64 {
        self.0.fetch_add(1, Relaxed) + 1
    }

    /// One less. Each call pairs with an [`Gauge::increment`].
    pub fn decrement(&self) {
        let before = self.0.fetch_sub(1, Relaxed);
        debug_assert!(before > 0, "a gauge went below zero");
    }

    /// The value now.
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn sample(&self, name: &'static str) -> Sample {
        Sample {
            name,
            reason: None,
            kind: SampleKind::Gauge,
            value: self.value(),
        }
    }
}

impl Stats {
    /// All values, in a fixed order. They are read one after the other, not at one instant.
    pub fn samples(&self) -> Vec<Sample> {
        let refused = &self.calls_refused;
        let sip = &self.sip_dropped;
        let rtp = &self.rtp_dropped;
        vec![
            self.calls_received.sample("calls_received", None),
            self.calls_answered.sample("calls_answered", None),
            refused.sessions.sample("calls_refused", Some("sessions")),
            refused
                .calls_per_second
                .sample("calls_refused", Some("calls_per_second")),
            refused.shutdown.sample("calls_refused", Some("shutdown")),
            refused
                .no_application
                .sample("calls_refused", Some("no_application")),
            refused
                .not_acceptable
                .sample("calls_refused", Some("not_acceptable")),
            refused.internal.sample("calls_refused", Some("internal")),
            self.sessions_active.sample("sessions_active"),
            self.sip_requests_received
                .sample("sip_requests_received", None),
            self.sip_responses_received
                .sample("sip_responses_received", None),
            self.sip_messages_sent.sample("sip_messages_sent", None),
            sip.malformed.sample("sip_dropped", Some("malformed")),
            sip.unmatched.sample("sip_dropped", Some("unmatched")),
            sip.overload.sample("sip_dropped", Some("overload")),
            sip.unsent.sample("sip_dropped", Some("unsent")),
            self.rtp_streams_active.sample("rtp_streams_active"),
            self.rtp_packets_received
                .sample("rtp_packets_received", None),
            self.rtp_packets_sent.sample("rtp_packets_sent", None),
            rtp.malformed.sample("rtp_dropped", Some("malformed")),
            rtp.stray.sample("rtp_dropped", Some("stray")),
            rtp.payload.sample("rtp_dropped", Some("payload")),
            rtp.late.sample("rtp_dropped", Some("late")),
            rtp.unsent.sample("rtp_dropped", Some("unsent")),
            self.rtp_timeouts.sample("rtp_timeouts", None),
            self.digits_received.sample("digits_received", None),
            self.media_events_dropped
                .sample("media_events_dropped", None),
            self.media_commands_dropped
                .sample("media_commands_dropped", None),
            self.session_faults.sample("session_faults", None),
        ]
    }
}

/// What is not zero, for a log line: `calls_received=3 calls_refused.shutdown=1`.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blank = "";
        for sample in self.samples().into_iter().filter(|sample| sample.value > 0) {
            write!(f, "{blank}{}", sample.name)?;
            if let Some(reason) = sample.reason {
                write!(f, ".{reason}")?;
            }
            write!(f, "={}", sample.value)?;
            blank = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_value_is_sampled_once() {
        let samples = Stats::default().samples();
        let names: HashSet<_> = samples
            .iter()
            .map(|sample| (sample.name, sample.reason))
            .collect();
        assert_eq!(names.len(), samples.len());
        assert_eq!(samples.len() * size_of::<AtomicU64>(), size_of::<Stats>());
    }

    #[test]
    fn a_log_line_shows_what_is_not_zero() {
        let stats = Stats::default();
        assert_eq!(stats.to_string(), "");
        stats.calls_received.add(2);
        stats.calls_refused.shutdown.increment();
        stats.sessions_active.increment();
        assert_eq!(
            stats.to_string(),
            "calls_received=2 calls_refused.shutdown=1 sessions_active=1"
        );
        stats.sessions_active.decrement();
        assert_eq!(stats.sessions_active.value(), 0);
    }
}
