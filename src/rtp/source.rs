//! Which source a stream listens to, and whether it is where audio goes.
//!
//! Without this, anyone who guesses the port can speak in a call, or draw its audio to himself ("RTP
//! bleed"). The rules, from the first packet on:
//!
//! - The address that SDP names is believed at once. Whoever else sends has to prove himself first: by
//!   a short run of packets from another port of the same host, where SDP cannot be right (it names a private
//!   address and the packets come from outside) or signalling comes from the same host, by a second of
//!   them otherwise.
//! - Whoever is better attested than the source in use takes its place.
//! - Nobody else takes the place of a source that is heard. One that has fallen silent is followed to
//!   another address only by its own SSRC, numbers and clock (a NAT that binds anew), which nobody
//!   off the path can guess.
//! - A new SSRC, or numbers that do not follow, are believed of the same source when its old packets
//!   have stopped.
//! - Whatever took a stream over in a pause has to give it back when the packets before it go on.
//!
//! A packet that is sealed with the peer's key ([`srtp`](super::srtp)) needs no other proof: it is believed
//! wherever it comes from, and the stream follows it at once. One that is not is never seen here.
//!
//! Packets are told apart by [`Run`]. RFC 3550 §A.1, §8.2; RFC 4961; RFC 7362 (latching).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::source_run::{Fit, Run};
use super::{ClockRate, RtpPacket, Ssrc};

/// What is known of a peer's source besides the address of SDP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceRule {
    /// The host that the peer's signalling comes from, as the first proxy saw it. Behind a NAT it is
    /// that of RTP too, while SDP names another.
    pub signalling_host: Option<IpAddr>,
    /// Only the host that SDP names is listened to, and audio goes nowhere else.
    pub strict: bool,
    /// The peer may receive on another port than it sends from: as long as the host is that of SDP,
    /// audio goes to the port of SDP, too. Otherwise it goes where it comes from (RFC 4961).
    pub asymmetric: bool,
}

/// The source a stream is bound to. Media thread; does not allocate.
#[derive(Debug, Clone)]
pub struct SourceLatch {
    signalled: Option<SocketAddr>,
    rule: SourceRule,
    latched: Option<Latched>,
    /// Whose place `latched` took, or who it was before SDP named another address.
    previous: Option<Previous>,
    candidate: Option<Candidate>,
}

impl SourceLatch {
    /// A latch that prefers `signalled`, the peer's address in SDP.
    pub fn new(signalled: Option<SocketAddr>, rule: SourceRule) -> Self {
        Self {
            signalled: signalled.map(canonical),
            rule: rule.canonical(),
            latched: None,
            previous: None,
            candidate: None,
        }
    }

    /// Learns anew after a session description that names `signalled`. Until that is heard, the packets
    /// that were listened to may go on.
    pub fn reset(&mut self, signalled: Option<SocketAddr>, rule: SourceRule) {
        let previous = self.latched.take().map(Latched::into_previous);
        *self = Self {
            previous: previous.filter(|_| !rule.strict),
            ..Self::new(signalled, rule)
        };
    }

    /// Decides about a packet from `source`, whose timestamps count in `rate`. The caller has refused
    /// what is no RTP and what was not agreed: that must not latch.
    pub fn check(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &RtpPacket<'_>,
        rate: ClockRate,
    ) -> Verdict {
        let source = canonical(source);
        let refusal = match &mut self.latched {
            Some(latched) if latched.source == source => match latched.run.fit(packet) {
                Fit::Ahead(_) | Fit::Late(_) => {
                    latched.run.take(now, packet);
                    return Verdict::Accepted;
                }
                Fit::Repeated => Refusal::Repeated,
                Fit::Far => Refusal::Sequence,
                Fit::Other => Refusal::Ssrc,
            },
            Some(_) => Refusal::Stranger,
            None => Refusal::Unproven,
        };
        let trust = self.trust(source);
        if self.rule.strict && trust < Trust::SignalledHost {
            return Verdict::Refused(Refusal::Stranger);
        }
        if let Some(verdict) = self.restore(now, source, packet, trust) {
            return verdict;
        }
        let Some(candidate) = self.stand(now, source, packet, trust, rate) else {
            return Verdict::Refused(refusal);
        };
        let Some(verdict) = self.proved(now, &candidate) else {
            return Verdict::Refused(refusal);
        };
        self.promote(now, candidate, verdict);
        verdict
    }

    /// Takes a packet from `source` that only the peer can have made, and that has not come before.
    pub fn check_proved(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &RtpPacket<'_>,
    ) -> Verdict {
        let source = canonical(source);
        let trust = self.trust(source);
        if self.rule.strict && trust < Trust::SignalledHost {
            return Verdict::Refused(Refusal::Stranger);
        }
        let verdict = match &mut self.latched {
            Some(latched) => match (latched.source == source, latched.run.fit(packet)) {
                (true, Fit::Ahead(_) | Fit::Late(_)) => {
                    latched.run.take(now, packet);
                    return Verdict::Accepted;
                }
                (_, Fit::Repeated) => return Verdict::Refused(Refusal::Repeated),
                // It was under way when the peer went on from elsewhere.
                (false, Fit::Late(_)) => return Verdict::Accepted,
                (false, Fit::Ahead(_)) => Verdict::Moved,
                (_, Fit::Far | Fit::Other) => Verdict::Latched,
            },
            None => Verdict::Latched,
        };
        let candidate = Candidate {
            source,
            trust,
            goes_on: true,
            run: Run::new(now, packet),
            packets: 1,
            since: now,
        };
        self.promote(now, candidate, verdict);
        verdict
    }

    /// The source that is listened to.
    pub fn source(&self) -> Option<SocketAddr> {
        self.latched.as_ref().map(|latched| latched.source)
    }

    /// The SSRC that is listened to.
    pub fn ssrc(&self) -> Option<Ssrc> {
        self.latched.as_ref().map(|latched| latched.run.ssrc())
    }

    /// Where to send instead of the address in SDP (symmetric RTP, RFC 4961). `None` for that address:
    /// nothing was heard, or the source is the one of SDP.
    pub fn destination(&self) -> Option<SocketAddr> {
        let latched = self.latched.as_ref()?;
        latched.follow.then_some(latched.source)
    }

    /// Whether `host` is that of the source, or before there is one, that of SDP.
    pub fn is_host(&self, host: IpAddr) -> bool {
        let known = self.source().or(self.signalled);
        known.is_some_and(|known| known.ip() == host.to_canonical())
    }

    fn trust(&self, source: SocketAddr) -> Trust {
        match self.signalled {
            Some(signalled) if signalled == source => Trust::Signalled,
            Some(signalled) if signalled.ip() == source.ip() => Trust::SignalledHost,
            _ if self.rule.signalling_host == Some(source.ip()) => Trust::SignallingHost,
            _ => Trust::Foreign,
        }
    }

    /// Whether SDP's address may be where `source` really is.
    fn is_plausible(&self, source: SocketAddr) -> bool {
        let signalled = self.signalled.map(|signalled| signalled.ip());
        signalled.is_some_and(|signalled| !is_private(signalled) || is_private(source.ip()))
    }

    /// Goes back to the packets that were listened to before, if `packet` is the next of them.
    fn restore(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &RtpPacket<'_>,
        trust: Trust,
    ) -> Option<Verdict> {
        let previous = self
            .previous
            .take_if(|previous| previous.goes_on(source, packet))?;
        let follow = match &self.latched {
            Some(_) => previous.follow,
            None => trust < Trust::SignalledHost && !self.is_plausible(source),
        };
        let mut run = previous.run;
        run.take(now, packet);
        self.candidate = None;
        self.latched = Some(Latched {
            source,
            trust,
            follow,
            run,
            learning_until: now + LEARNING_WINDOW,
        });
        Some(Verdict::Latched)
    }

    /// Whether packets like this one could ever make `source` the source.
    fn may_win(&self, source: SocketAddr, packet: &RtpPacket<'_>, trust: Trust) -> bool {
        self.latched.as_ref().is_none_or(|latched| {
            trust > Trust::Foreign || latched.source == source || latched.run.ssrc() == packet.ssrc
        })
    }

    /// Notes a packet of who may become the source. Only one candidate stands at a time, the best
    /// attested; one that does not go on gives way.
    fn stand(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &RtpPacket<'_>,
        trust: Trust,
        rate: ClockRate,
    ) -> Option<Candidate> {
        if !self.may_win(source, packet, trust) {
            return None;
        }
        let fresh = Candidate {
            source,
            trust,
            goes_on: self
                .latched
                .as_ref()
                .is_some_and(|latched| latched.run.goes_on_with(now, packet, rate)),
            run: Run::new(now, packet),
            packets: 1,
            since: now,
        };
        let candidate = match self.candidate.take() {
            Some(mut standing) if standing.source == source => match standing.run.fit(packet) {
                Fit::Ahead(1..=MAX_GAP) => {
                    standing.run.take(now, packet);
                    standing.packets = standing.packets.saturating_add(1);
                    standing
                }
                Fit::Late(_) | Fit::Repeated => standing,
                _ => fresh,
            },
            Some(standing) if standing.holds_against(now, trust) => {
                self.candidate = Some(standing);
                return None;
            }
            _ => fresh,
        };
        self.candidate = Some(candidate.clone());
        Some(candidate)
    }

    /// What the candidate's proof is good for, if it is enough.
    fn proved(&self, now: Instant, candidate: &Candidate) -> Option<Verdict> {
        let Some(latched) = &self.latched else {
            let proof = match candidate.trust {
                Trust::Foreign if self.is_plausible(candidate.source) => Proof::LONG,
                Trust::Foreign | Trust::SignallingHost => Proof::SHORT,
                // Audio follows it to another port, so one packet is not enough.
                Trust::SignalledHost if !self.rule.asymmetric && !self.rule.strict => Proof::SHORT,
                Trust::SignalledHost | Trust::Signalled => Proof::ONE_PACKET,
            };
            return candidate.gives(now, proof).then_some(Verdict::Latched);
        };
        let silent = latched.run.silent_for(now);
        if candidate.source == latched.source {
            let proved = silent >= RUN_SILENCE && candidate.gives(now, Proof::SHORT);
            return proved.then_some(Verdict::Latched);
        }
        if candidate.trust > latched.trust {
            if now < latched.learning_until {
                return Some(Verdict::Latched);
            }
            if self.is_plausible(latched.source) && candidate.gives(now, Proof::SHORT) {
                return Some(Verdict::Latched);
            }
        }
        if silent < SOURCE_SILENCE || !candidate.gives(now, Proof::SHORT) {
            return None;
        }
        if candidate.goes_on {
            return Some(Verdict::Moved);
        }
        (candidate.trust > Trust::Foreign).then_some(Verdict::Latched)
    }

    /// The candidate becomes the source.
    fn promote(&mut self, now: Instant, candidate: Candidate, verdict: Verdict) {
        self.candidate = None;
        let follow = match (&self.latched, verdict) {
            // Where its SDP was right, its NAT has changed; a peer that receives elsewhere still does.
            (Some(latched), Verdict::Moved) => latched.follow || latched.trust == Trust::Signalled,
            (Some(latched), _) if latched.source == candidate.source => latched.follow,
            _ if self.rule.asymmetric => candidate.trust < Trust::SignalledHost,
            _ => candidate.trust < Trust::Signalled,
        };
        let learning_until = match &self.latched {
            Some(latched) => latched.learning_until,
            None => now + LEARNING_WINDOW,
        };
        let followed = self.latched.replace(Latched {
            source: candidate.source,
            trust: candidate.trust,
            follow: follow && !self.rule.strict,
            run: candidate.run,
            learning_until,
        });
        // Who was less well attested does not come back.
        self.previous = followed
            .filter(|followed| followed.trust >= candidate.trust)
            .map(Latched::into_previous);
    }
}

impl SourceRule {
    fn canonical(self) -> Self {
        Self {
            signalling_host: self.signalling_host.map(|host| host.to_canonical()),
            ..self
        }
    }
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Use it.
    Accepted,
    /// Use it; the peer goes on from another address.
    Moved,
    /// Use it; it does not continue what was used before, which is to be forgotten.
    Latched,
    /// Drop it.
    Refused(Refusal),
}

/// Why a packet is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its source is not the one that is listened to, or not one that may ever be.
    Stranger,
    /// There is no source yet, and this one has not proved enough.
    Unproven,
    /// The right source with an SSRC that is not believed.
    Ssrc,
    /// The right source and SSRC, and a number far from the others.
    Sequence,
    /// It has come before.
    Repeated,
}

/// How long after the first packet anyone better attested takes over with his first packet: enough for
/// a peer that starts to send late. Picked by feel.
pub const LEARNING_WINDOW: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
struct Latched {
    source: SocketAddr,
    trust: Trust,
    /// Audio goes to the source rather than to SDP's address.
    follow: bool,
    run: Run,
    learning_until: Instant,
}

impl Latched {
    fn into_previous(self) -> Previous {
        Previous {
            source: self.source,
            follow: self.follow,
            run: self.run,
        }
    }
}

#[derive(Debug, Clone)]
struct Previous {
    source: SocketAddr,
    follow: bool,
    run: Run,
}

impl Previous {
    fn goes_on(&self, source: SocketAddr, packet: &RtpPacket<'_>) -> bool {
        self.source == source && matches!(self.run.fit(packet), Fit::Ahead(_))
    }
}

#[derive(Debug, Clone)]
struct Candidate {
    source: SocketAddr,
    trust: Trust,
    /// Its first packet was the next one of the source in use.
    goes_on: bool,
    run: Run,
    packets: u16,
    since: Instant,
}

impl Candidate {
    fn holds_against(&self, now: Instant, trust: Trust) -> bool {
        trust <= self.trust && self.run.silent_for(now) < CANDIDATE_SILENCE
    }

    fn gives(&self, now: Instant, proof: Proof) -> bool {
        self.packets >= proof.packets && now.saturating_duration_since(self.since) >= proof.time
    }
}

/// What a candidate has to show: so many packets in sequence, over so long.
struct Proof {
    packets: u16,
    time: Duration,
}

impl Proof {
    const ONE_PACKET: Proof = Proof {
        packets: 1,
        time: Duration::ZERO,
    };
    /// One more than RFC 3550 §A.1 asks for, and no burst: three packets of 20 ms.
    const SHORT: Proof = Proof {
        packets: 3,
        time: Duration::from_millis(30),
    };
    /// A peer at another address than a plausible one of SDP: time for the peer itself to be heard.
    const LONG: Proof = Proof {
        packets: 16,
        time: Duration::from_secs(1),
    };
}

/// How well a source is attested, rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    Foreign,
    /// The host that the peer's signalling comes from.
    SignallingHost,
    /// The right host, another port: an asymmetric sender.
    SignalledHost,
    Signalled,
}

/// Numbers that may be missing between two packets of a candidate.
const MAX_GAP: u16 = 16;
/// How long the packets of an SSRC have to be away before the same source may use other ones. No packet
/// that we accept is as long. Picked by feel.
const RUN_SILENCE: Duration = Duration::from_millis(100);
/// How long a source has to be away before it may have moved. Picked by feel.
const SOURCE_SILENCE: Duration = Duration::from_millis(500);
/// How long a candidate stands without another packet: longer than the longest packet, so that a flood
/// of strangers does not displace a peer. Picked by feel.
const CANDIDATE_SILENCE: Duration = Duration::from_millis(70);

/// IPv4 as IPv4, also when a dual-stack socket shows it mapped into IPv6; no flow label or scope.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether an address means something in its own network only.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let carrier_nat = first == 100 && second & 0xC0 == 64;
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || carrier_nat
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
