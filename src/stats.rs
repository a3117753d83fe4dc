//! Every counter and gauge of the server under its name, in one list.
//!
//! Each layer keeps the numbers that it alone writes: the endpoint its [`EndpointStats`], each media
//! thread its [`MediaStats`](crate::media::MediaStats), each loaded module its [`Counts`]. [`Stats`]
//! has those of sessions, router and signalling task. [`samples`] reads all of them for a log line or a
//! metrics page.

use std::fmt;

use crate::counter::{Counter, Gauge};
use crate::media::MediaTotals;
use crate::plugin::module::Counts;
use crate::sip::endpoint::EndpointStats;

/// What sessions, the router and the signalling task count; they share one.
#[derive(Debug, Default)]
pub struct Stats {
    /// INVITEs that would start a call.
    pub calls_received: Counter,
    /// Calls that we refused, by reason.
    pub calls_refused: CallsRefused,
    /// Calls that the server started itself.
    pub calls_placed: Counter,
    /// Calls that somebody wanted the server to start and that it did not, by reason.
    pub calls_not_placed: CallsRefused,
    /// Requests outside calls that are for a diagram.
    pub requests_received: Counter,
    /// Of these, those that we refused, by reason; `calls_per_second` counts requests here.
    pub requests_refused: CallsRefused,
    /// Sessions that exist now.
    pub sessions_active: Gauge,
    /// Times that more messages came than could be dealt with, and new calls were refused for a while.
    pub overloads: Counter,
    /// SIP messages written to the network, retransmissions included.
    pub sip_messages_sent: Counter,
    /// SIP messages thrown away, by reason.
    pub sip_dropped: SipDropped,
    /// Connections of stream transports.
    pub connections: ConnectionStats,
    /// Commands of a session that a media thread had no room for.
    pub media_commands_dropped: Counter,
    /// Calls that a fault in this server ended.
    pub session_faults: Counter,
    /// Requests that had to say who they are from.
    pub authentication: AuthenticationStats,
    /// The monitoring store.
    pub monitoring: MonitoringStats,
}

/// The monitoring store.
#[derive(Debug, Default)]
pub struct MonitoringStats {
    /// Records that it has now.
    pub records: Gauge,
    /// Writes that it had no room for.
    pub lost: Counter,
}

/// Requests that had to say who they are from, by what became of them.
#[derive(Debug, Default)]
pub struct AuthenticationStats {
    /// Answered 401.
    pub challenged: Counter,
    /// Let pass.
    pub accepted: Counter,
    /// Came with a wrong user or password; counted under `challenged` too.
    pub failed: Counter,
    /// Refused because their address had failed too often.
    pub blocked: Counter,
}

/// Calls refused, or not placed.
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
}

/// SIP messages thrown away.
#[derive(Debug, Default)]
pub struct SipDropped {
    /// A session had no room for it.
    pub overload: Counter,
    /// Requests inside a call that sent too many of them.
    pub call_rate: Counter,
}

/// Connections of stream transports.
#[derive(Debug, Default)]
pub struct ConnectionStats {
    /// Those that are there now.
    pub open: Gauge,
    /// Those that peers opened, and that were not refused.
    pub accepted: Counter,
    /// Those that we opened, or tried to.
    pub opened: Counter,
    /// Of these, those that came to nothing.
    pub unreachable: Counter,
    /// Those that were closed at once.
    pub refused: ConnectionsRefused,
    /// Those that we closed, by reason.
    pub closed: ConnectionsClosed,
}

/// Connections refused, by the limit that was reached.
#[derive(Debug, Default)]
pub struct ConnectionsRefused {
    /// `[connections] total`.
    pub total: Counter,
    /// `[connections] per_source`.
    pub source: Counter,
    /// `[connections] handshakes_per_second`.
    pub handshakes: Counter,
}

/// Connections that we closed, by reason.
#[derive(Debug, Default)]
pub struct ConnectionsClosed {
    /// TLS or WebSocket handshakes that failed or took longer than `[connections] handshake_s`.
    pub handshake: Counter,
    /// No message within `[connections] first_message_s`.
    pub silent: Counter,
    /// A message that was not complete within `[connections] message_s`.
    pub unfinished: Counter,
    /// Not SIP, or longer than `[connections] message_kib`.
    pub malformed: Counter,
    /// More than `[connections] backlog_kib` waiting, or ten seconds without taking any.
    pub slow_reader: Counter,
    /// Pings that were not answered any more.
    pub no_pong: Counter,
    /// Silent for `[connections] idle_s`, without a call.
    pub idle: Counter,
}

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

impl Sample {
    fn counter(name: &'static str, value: u64) -> Self {
        Self {
            name,
            reason: None,
            kind: SampleKind::Counter,
            value,
        }
    }

    fn gauge(name: &'static str, value: u64) -> Self {
        Self {
            kind: SampleKind::Gauge,
            ..Self::counter(name, value)
        }
    }

    fn because(self, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }
}

/// All values, in a fixed order. They are read one after the other, not at one instant.
///
/// The name of a value is that of its field, with `sip_` before those of the endpoint, `media_`
/// before those of media threads and `module_` before those of loaded modules, whose name is the reason.
pub fn samples(
    stats: &Stats,
    endpoint: &EndpointStats,
    media: &MediaTotals,
    modules: &[(&'static str, Counts)],
) -> Vec<Sample> {
    let mut samples = Vec::with_capacity(96);
    stats.sample(&mut samples);
    sample_endpoint(endpoint, &mut samples);
    sample_media(media, &mut samples);
    for (module, counts) in modules {
        sample_module(module, *counts, &mut samples);
    }
    samples
}

// Each of the four names every field of its structure, without `..`: a field that is not in the list
// does not compile.

impl Stats {
    fn sample(&self, samples: &mut Vec<Sample>) {
        let Self {
            calls_received,
            calls_refused,
            calls_placed,
            calls_not_placed,
            requests_received,
            requests_refused,
            sessions_active,
            overloads,
            sip_messages_sent,
            sip_dropped:
                SipDropped {
                    overload,
                    call_rate,
                },
            connections,
            media_commands_dropped,
            session_faults,
            authentication:
                AuthenticationStats {
                    challenged,
                    accepted,
                    failed,
                    blocked,
                },
            monitoring: MonitoringStats { records, lost },
        } = self;
        let counter = |name, counter: &Counter| Sample::counter(name, counter.value());
        samples.push(counter("calls_received", calls_received));
        calls_refused.sample("calls_refused", samples);
        samples.push(counter("calls_placed", calls_placed));
        calls_not_placed.sample("calls_not_placed", samples);
        samples.push(counter("requests_received", requests_received));
        requests_refused.sample("requests_refused", samples);
        samples.extend([
            Sample::gauge("sessions_active", sessions_active.value()),
            counter("overloads", overloads),
            counter("sip_messages_sent", sip_messages_sent),
            counter("sip_dropped", overload).because("overload"),
            counter("sip_dropped", call_rate).because("call_rate"),
            counter("media_commands_dropped", media_commands_dropped),
            counter("session_faults", session_faults),
            counter("authentication", challenged).because("challenged"),
            counter("authentication", accepted).because("accepted"),
            counter("authentication", failed).because("failed"),
            counter("authentication", blocked).because("blocked"),
            Sample::gauge("monitoring_records", records.value()),
            counter("monitoring_writes_lost", lost),
        ]);
        connections.sample(samples);
    }
}

impl ConnectionStats {
    fn sample(&self, samples: &mut Vec<Sample>) {
        let Self {
            open,
            accepted,
            opened,
            unreachable,
            refused:
                ConnectionsRefused {
                    total,
                    source,
                    handshakes,
                },
            closed:
                ConnectionsClosed {
                    handshake,
                    silent,
                    unfinished,
                    malformed,
                    slow_reader,
                    no_pong,
                    idle,
                },
        } = self;
        let counter = |name, counter: &Counter| Sample::counter(name, counter.value());
        let refused = |reason, value| counter("connections_refused", value).because(reason);
        let closed = |reason, value| counter("connections_closed", value).because(reason);
        samples.extend([
            Sample::gauge("connections_open", open.value()),
            counter("connections_accepted", accepted),
            counter("connections_opened", opened),
            counter("connections_unreachable", unreachable),
            refused("total", total),
            refused("source", source),
            refused("handshakes", handshakes),
            closed("handshake", handshake),
            closed("silent", silent),
            closed("unfinished", unfinished),
            closed("malformed", malformed),
            closed("slow_reader", slow_reader),
            closed("no_pong", no_pong),
            closed("idle", idle),
        ]);
    }
}

impl CallsRefused {
    fn sample(&self, name: &'static str, samples: &mut Vec<Sample>) {
        let Self {
            sessions,
            calls_per_second,
            shutdown,
            no_application,
        } = self;
        let refused =
            |reason, counter: &Counter| Sample::counter(name, counter.value()).because(reason);
        samples.extend([
            refused("sessions", sessions),
            refused("calls_per_second", calls_per_second),
            refused("shutdown", shutdown),
            refused("no_application", no_application),
        ]);
    }
}

fn sample_endpoint(stats: &EndpointStats, samples: &mut Vec<Sample>) {
    let EndpointStats {
        requests,
        forgotten_requests,
        repeated_requests,
        retransmissions,
        refused_requests,
        overload_refusals,
        from_refused_networks,
        rate_refused,
        rate_ignored,
        malformed_answered,
        malformed_dropped,
        keep_alives,
        stray_responses,
        refusal_acks,
        stray_acks,
        late_responses,
        unanswered_requests,
        ack_timeouts,
        timeouts,
        send_failures,
    } = *stats;
    samples.extend([
        Sample::counter("sip_requests", requests),
        Sample::counter("sip_forgotten_requests", forgotten_requests),
        Sample::counter("sip_repeated_requests", repeated_requests),
        Sample::counter("sip_retransmissions", retransmissions),
        Sample::counter("sip_refused_requests", refused_requests),
        Sample::counter("sip_overload_refusals", overload_refusals),
        Sample::counter("sip_from_refused_networks", from_refused_networks),
        Sample::counter("sip_rate_refused", rate_refused),
        Sample::counter("sip_rate_ignored", rate_ignored),
        Sample::counter("sip_malformed_answered", malformed_answered),
        Sample::counter("sip_malformed_dropped", malformed_dropped),
        Sample::counter("sip_keep_alives", keep_alives),
        Sample::counter("sip_stray_responses", stray_responses),
        Sample::counter("sip_refusal_acks", refusal_acks),
        Sample::counter("sip_stray_acks", stray_acks),
        Sample::counter("sip_late_responses", late_responses),
        Sample::counter("sip_unanswered_requests", unanswered_requests),
        Sample::counter("sip_ack_timeouts", ack_timeouts),
        Sample::counter("sip_timeouts", timeouts),
        Sample::counter("sip_send_failures", send_failures),
    ]);
}

fn sample_media(totals: &MediaTotals, samples: &mut Vec<Sample>) {
    let MediaTotals {
        streams,
        active_streams,
        packets_sent,
        packets_unsent,
        packets_received,
        packets_from_strangers,
        packets_unproven,
        packets_of_other_ssrc,
        packets_out_of_sequence,
        packets_repeated,
        packets_not_agreed,
        packets_malformed,
        packets_overflowed,
        packets_forged,
        packets_replayed,
        sources_moved,
        rtcp_sent,
        rtcp_received,
        rtcp_refused,
        packets_late,
        packets_duplicate,
        packets_lost,
        concealed_ms,
        stretched_ms,
        starved_packets,
        late_ticks,
        skipped_ticks,
        events_dropped,
        streams_failed,
    } = *totals;
    samples.extend([
        Sample::gauge("media_streams", streams),
        Sample::gauge("media_active_streams", active_streams),
        Sample::counter("media_packets_sent", packets_sent),
        Sample::counter("media_packets_unsent", packets_unsent),
        Sample::counter("media_packets_received", packets_received),
        Sample::counter("media_packets_from_strangers", packets_from_strangers),
        Sample::counter("media_packets_unproven", packets_unproven),
        Sample::counter("media_packets_of_other_ssrc", packets_of_other_ssrc),
        Sample::counter("media_packets_out_of_sequence", packets_out_of_sequence),
        Sample::counter("media_packets_repeated", packets_repeated),
        Sample::counter("media_packets_not_agreed", packets_not_agreed),
        Sample::counter("media_packets_malformed", packets_malformed),
        Sample::counter("media_packets_overflowed", packets_overflowed),
        Sample::counter("media_packets_forged", packets_forged),
        Sample::counter("media_packets_replayed", packets_replayed),
        Sample::counter("media_sources_moved", sources_moved),
        Sample::counter("media_rtcp_sent", rtcp_sent),
        Sample::counter("media_rtcp_received", rtcp_received),
        Sample::counter("media_rtcp_refused", rtcp_refused),
        Sample::counter("media_packets_late", packets_late),
        Sample::counter("media_packets_duplicate", packets_duplicate),
        Sample::counter("media_packets_lost", packets_lost),
        Sample::counter("media_concealed_ms", concealed_ms),
        Sample::counter("media_stretched_ms", stretched_ms),
        Sample::counter("media_starved_packets", starved_packets),
        Sample::counter("media_late_ticks", late_ticks),
        Sample::counter("media_skipped_ticks", skipped_ticks),
        Sample::counter("media_events_dropped", events_dropped),
        Sample::counter("media_streams_failed", streams_failed),
    ]);
}

fn sample_module(module: &'static str, counts: Counts, samples: &mut Vec<Sample>) {
    let Counts {
        twice,
        late,
        invented,
        never,
        slow,
    } = counts;
    let counter = |name, value| Sample::counter(name, value).because(module);
    samples.extend([
        counter("module_completed_twice", twice),
        counter("module_completed_late", late),
        counter("module_completed_invented", invented),
        counter("module_never_completed", never),
        counter("module_slow_calls", slow),
    ]);
}

/// What is not zero, for a log line: `calls_received=3 calls_refused.shutdown=1`.
#[derive(Debug, Clone, Copy)]
pub struct LogLine<'a>(pub &'a [Sample]);

impl fmt::Display for LogLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut blank = "";
        for sample in self.0.iter().filter(|sample| sample.value > 0) {
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

    fn all(stats: &Stats) -> Vec<Sample> {
        let (endpoint, media) = (EndpointStats::default(), MediaTotals::default());
        samples(stats, &endpoint, &media, &[])
    }

    #[test]
    fn every_value_is_sampled_once() {
        let samples = all(&Stats::default());
        let names: HashSet<_> = samples
            .iter()
            .map(|sample| (sample.name, sample.reason))
            .collect();
        assert_eq!(names.len(), samples.len());
        let bytes = size_of::<Stats>() + size_of::<EndpointStats>() + size_of::<MediaTotals>();
        assert_eq!(samples.len(), bytes / size_of::<u64>());
    }

    #[test]
    fn values_of_all_layers_are_sampled_under_their_names() {
        let stats = Stats::default();
        stats.session_faults.increment();
        let endpoint = EndpointStats {
            stray_acks: 2,
            ..EndpointStats::default()
        };
        let media = MediaTotals {
            late_ticks: 3,
            ..MediaTotals::default()
        };
        let slow = Counts {
            slow: 4,
            ..Counts::default()
        };
        let samples = samples(&stats, &endpoint, &media, &[("mod_x", slow)]);
        assert_eq!(
            LogLine(&samples).to_string(),
            "session_faults=1 sip_stray_acks=2 media_late_ticks=3 module_slow_calls.mod_x=4"
        );
    }

    #[test]
    fn a_log_line_shows_what_is_not_zero() {
        let stats = Stats::default();
        assert_eq!(LogLine(&all(&stats)).to_string(), "");
        stats.calls_received.add(2);
        stats.calls_refused.shutdown.increment();
        stats.sessions_active.increment();
        assert_eq!(
            LogLine(&all(&stats)).to_string(),
            "calls_received=2 calls_refused.shutdown=1 sessions_active=1"
        );
        stats.sessions_active.decrement();
        assert_eq!(stats.sessions_active.value(), 0);
    }
}
