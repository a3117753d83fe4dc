//! CORE. The incoming half of a stream: RTP packets to samples and digits.
//!
//! Digits are taken from packets as they come. Audio is kept, ordered and decoded only while
//! someone wants to hear it; a caller who listens to a menu and presses keys costs neither a
//! jitter buffer nor a decoder, unless the keys have to be heard in the audio.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::command::{MediaEvent, MediaFormat, StreamParameters};
use super::core::MediaIo;
use super::digits::ToneEar;
use super::hearing::{Hearing, PlayoutCounters};
use super::playout::Playout;
use super::stream::Turn;
use crate::codec::CodecId;
use crate::rtp::srtp::SrtpReceiver;
use crate::rtp::{
    ClockRate, DigitPress, DigitSource, EventReceiver, PayloadType, Push, Reception, RtpPacket,
    SourceLatch, SourceRule, Ssrc, Verdict, comfort_noise_level,
};

pub(super) struct Receiver {
    formats: SmallVec<[MediaFormat; 4]>,
    event_formats: SmallVec<[(PayloadType, ClockRate); 2]>,
    events: EventReceiver,
    tones: ToneEar,
    /// What the latest description that named an address or a host says of the peer's source.
    signalled: Option<(Option<SocketAddr>, SourceRule)>,
    latch: SourceLatch,
    reception: Reception,
    /// The peer may send, by agreement.
    allowed: bool,
    receiving: bool,
    detecting: bool,
    /// Digits are wanted even while not receiving.
    forced: bool,
    timeout: Option<Duration>,
    /// When the peer was last heard, or listening began; `None` while nobody listens or after
    /// the silence was reported.
    quiet_since: Option<Instant>,
    /// The peer has us on hold: it does not want to hear us, and need not say anything.
    on_hold: bool,
    was_watching: bool,
    hearing: Option<Box<Hearing>>,
    /// What the peer asked of our encoder of that codec.
    request: Option<(CodecId, u32)>,
    playout: Playout,
    /// Of what was heard before `hearing` was made.
    heard_before: PlayoutCounters,
    srtp: Option<Box<SrtpReceiver>>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            formats: SmallVec::new(),
            event_formats: SmallVec::new(),
            events: EventReceiver::default(),
            tones: ToneEar::default(),
            signalled: None,
            latch: SourceLatch::new(None, SourceRule::default()),
            reception: Reception::default(),
            allowed: false,
            receiving: true,
            detecting: true,
            forced: false,
            timeout: None,
            quiet_since: None,
            on_hold: false,
            was_watching: false,
            hearing: None,
            request: None,
            playout: Playout::default(),
            heard_before: PlayoutCounters::default(),
            srtp: None,
        }
    }
}

impl Receiver {
    /// Learns the peer's address anew only if the description names another one, so that a
    /// re-INVITE does not open the stream to strangers.
    pub(super) fn configure(&mut self, parameters: &StreamParameters) {
        self.allowed = parameters.receive;
        self.on_hold = !parameters.send;
        self.timeout = parameters.rtp_timeout;
        let signalled = Some((parameters.remote, parameters.source_rule));
        let held = parameters.remote.is_none() && !parameters.follow_source;
        if !held && self.signalled != signalled {
            self.signalled = signalled;
            self.latch.reset(parameters.remote, parameters.source_rule);
        }
        if self.formats != parameters.receive_formats {
            self.formats = parameters.receive_formats.clone();
            self.end_hearing();
        }
        self.event_formats.clone_from(&parameters.receive_events);
        self.tones.set_wanted(parameters.hear_tones);
        match (&mut self.srtp, parameters.srtp.as_deref()) {
            (srtp, None) => *srtp = None,
            (Some(srtp), Some(keys)) => srtp.rekey(&keys.receive),
            (srtp, Some(keys)) => {
                *srtp = Some(Box::new(SrtpReceiver::new(keys.receive.clone())));
            }
        }
    }

    /// What opens the peer's packets; `None`: they are plain.
    pub(super) fn srtp(&mut self) -> Option<&mut SrtpReceiver> {
        self.srtp.as_deref_mut()
    }

    pub(super) fn set_receiving(&mut self, receiving: bool) {
        self.receiving = receiving;
    }

    pub(super) fn set_detecting(&mut self, detecting: bool) {
        self.detecting = detecting;
    }

    pub(super) fn set_forced(&mut self, forced: bool) {
        self.forced = forced;
    }

    /// Follows a change of settings. `heard_at` is the sample rate at which someone wants to hear
    /// the peer, if anyone does.
    pub(super) fn settle(&mut self, now: Instant, heard_at: Option<u32>) {
        let watching = self.is_listening() && !self.on_hold;
        if watching && !self.was_watching {
            self.quiet_since = Some(now);
        }
        if !watching {
            self.quiet_since = None;
        }
        self.was_watching = watching;
        let wanted = heard_at.filter(|_| self.takes_audio());
        if self.hearing.as_ref().map(|hearing| hearing.sample_rate()) != wanted {
            self.end_hearing();
            self.hearing =
                wanted.map(|rate| Box::new(Hearing::new(&self.formats, rate, self.playout)));
        }
        self.tones.settle(wanted.filter(|_| self.wants_tones()));
    }

    fn end_hearing(&mut self) {
        if let Some(hearing) = self.hearing.take() {
            self.heard_before.add(&hearing.counters());
        }
    }

    pub(super) fn set_playout(&mut self, playout: Playout) {
        self.playout = playout;
        if let Some(hearing) = &mut self.hearing {
            hearing.set_playout(playout);
        }
    }

    /// What became of the peer's audio while someone heard it.
    pub(super) fn playout_counters(&self) -> PlayoutCounters {
        let hearing = self.hearing.as_deref();
        let mut counters = hearing.map_or(PlayoutCounters::default(), Hearing::counters);
        counters.add(&self.heard_before);
        counters
    }

    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_, impl MediaIo>,
        source: SocketAddr,
        datagram: &[u8],
    ) {
        if !self.is_listening() {
            return;
        }
        match &self.srtp {
            None => self.take_datagram(now, turn, source, datagram, Proof::None),
            Some(_) => self.take_sealed(now, turn, source, datagram),
        }
    }

    #[inline(never)]
    fn take_sealed(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_, impl MediaIo>,
        source: SocketAddr,
        datagram: &[u8],
    ) {
        let Some(srtp) = &mut self.srtp else {
            return;
        };
        let mut opened = room_for(datagram);
        match srtp.unprotect(now, datagram, &mut opened) {
            Ok(len) => self.take_datagram(now, turn, source, &opened[..len], Proof::Key),
            Err(refusal) => turn.stats.not_opened(refusal).increment(),
        }
    }

    fn take_datagram(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_, impl MediaIo>,
        source: SocketAddr,
        datagram: &[u8],
        proof: Proof,
    ) {
        let Some(packet) = parse(datagram) else {
            turn.stats.packets_malformed.increment();
            return;
        };
        let Some((content, rate)) = self.content(&packet) else {
            turn.stats.packets_not_agreed.increment();
            return;
        };
        let verdict = match proof {
            Proof::None => self.latch.check(now, source, &packet, rate),
            Proof::Key => self.latch.check_proved(now, source, &packet),
        };
        match verdict {
            Verdict::Accepted => {}
            Verdict::Moved => turn.stats.sources_moved.increment(),
            Verdict::Latched => {
                self.forget();
                self.reception.restart();
            }
            Verdict::Refused(refusal) => return turn.stats.refused(refusal).increment(),
        }
        turn.stats.packets_received.increment();
        let timed = matches!(content, Content::Audio { .. });
        self.reception.count(now, &packet, rate, timed);
        self.quiet_since = self.was_watching.then_some(now);
        match content {
            Content::Audio { request } => {
                self.request = request.or(self.request);
                if let Some(hearing) = &mut self.hearing {
                    match hearing.push(now, &packet) {
                        Push::Late => turn.stats.packets_late.increment(),
                        Push::Duplicate => turn.stats.packets_duplicate.increment(),
                        _ => {}
                    }
                }
            }
            Content::Event => self.take_event(now, turn, rate, &packet),
        }
    }

    /// See [`Hearing::spurt_wait`].
    pub(super) fn spurt_wait(&mut self, now: Instant) -> Option<Duration> {
        self.hearing.as_deref_mut()?.spurt_wait(now)
    }

    /// Takes in one packet time of audio and looks at the clock.
    pub(super) fn read(
        &mut self,
        now: Instant,
        packet_time: Duration,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        if let Some(press) = self.events.handle_timeout(now) {
            self.report(turn, press);
        }
        if let (Some(since), Some(timeout)) = (self.quiet_since, self.timeout)
            && now.saturating_duration_since(since) >= timeout
        {
            self.quiet_since = None;
            turn.event(MediaEvent::RtpTimeout);
        }
        if let Some(hearing) = &mut self.hearing {
            hearing.advance(now, packet_time, turn.stats);
            // What is told as an event right now need not be told as a tone as well.
            let held = self.events.held();
            let (frame, came) = (hearing.frame(), hearing.heard().is_some());
            self.tones.hear(frame, packet_time, came, |press| {
                if held != Some(press.digit) {
                    turn.event(digit_event(press, DigitSource::Tone));
                }
            });
        }
    }

    /// The samples of this packet time, silence where nothing came; `None` if nobody wanted any.
    pub(super) fn frame(&self) -> Option<&[i16]> {
        self.heard_hearing().map(Hearing::frame)
    }

    /// Samples a second of these.
    pub(super) fn sample_rate(&self) -> Option<u32> {
        self.hearing.as_deref().map(Hearing::sample_rate)
    }

    /// The same, if the peer said something.
    pub(super) fn heard(&self) -> Option<&[i16]> {
        self.heard_hearing().and_then(Hearing::heard)
    }

    /// Goes on by one packet time ahead of the clock; `None` if nothing more has come.
    pub(super) fn hear_on(&mut self, packet_time: Duration) -> Option<&[i16]> {
        let hearing = self.hearing.as_deref_mut().filter(|_| self.receiving)?;
        hearing.drain(packet_time);
        hearing.heard()
    }

    /// Where to send instead of the address in SDP (symmetric RTP, RFC 4961).
    pub(super) fn learned_address(&self) -> Option<SocketAddr> {
        self.latch.destination()
    }

    /// The SSRC that is listened to.
    pub(super) fn peer_ssrc(&self) -> Option<Ssrc> {
        self.latch.ssrc()
    }

    /// Whether `source` is on the peer's host.
    pub(super) fn is_peer_host(&self, source: SocketAddr) -> bool {
        self.latch.is_host(source.ip())
    }

    /// A sign of life of the peer that is no audio.
    pub(super) fn heard_of(&mut self, now: Instant) {
        if self.quiet_since.is_some() {
            self.quiet_since = Some(now);
        }
    }

    /// How the peer is received.
    pub(super) fn reception(&mut self) -> &mut Reception {
        &mut self.reception
    }

    pub(super) fn is_listening(&self) -> bool {
        self.allowed && (self.receiving || self.forced && self.detecting)
    }

    /// What the peer has asked of our encoder since the last call.
    pub(super) fn take_request(&mut self) -> Option<(CodecId, u32)> {
        self.request.take()
    }

    /// Whether keys are to be heard in the audio.
    pub(super) fn wants_tones(&self) -> bool {
        self.tones.is_wanted() && self.detecting
    }

    fn takes_audio(&self) -> bool {
        self.allowed && (self.receiving || self.forced && self.wants_tones())
    }

    /// While receiving is off, audio is for the keys in it alone.
    fn heard_hearing(&self) -> Option<&Hearing> {
        self.hearing.as_deref().filter(|_| self.receiving)
    }

    /// What an agreed packet holds, and what its timestamp counts in; `None` for a payload type or
    /// size that is not ours.
    fn content(&self, packet: &RtpPacket<'_>) -> Option<(Content, ClockRate)> {
        let mut events = self.event_formats.iter();
        if let Some((_, rate)) = events.find(|(agreed, _)| *agreed == packet.payload_type) {
            return Some((Content::Event, *rate));
        }
        let agreed = self
            .formats
            .iter()
            .find(|agreed| agreed.payload_type == packet.payload_type);
        let Some(MediaFormat { codec, variant, .. }) = agreed.copied() else {
            let content = Content::Audio { request: None };
            let is_noise = self.is_comfort_noise(packet);
            return is_noise.then_some((content, ClockRate::HZ_8000));
        };
        codec.samples_in(variant, packet.payload)?;
        let request = codec.request_in(variant, packet.payload);
        let request = request.map(|request| (codec, request));
        Some((Content::Audio { request }, codec.clock_rate()))
    }

    /// Comfort noise needs no agreement: its number is static, and only G.711 and its like, whose
    /// clock it shares, do not have their own.
    fn is_comfort_noise(&self, packet: &RtpPacket<'_>) -> bool {
        let has_its_clock = |format: &MediaFormat| format.codec.clock_rate() == ClockRate::HZ_8000;
        packet.payload_type == PayloadType::COMFORT_NOISE
            && comfort_noise_level(packet.payload).is_some()
            && self.formats.iter().any(has_its_clock)
    }

    fn take_event(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_, impl MediaIo>,
        rate: ClockRate,
        packet: &RtpPacket<'_>,
    ) {
        if let Some(hearing) = &mut self.hearing {
            hearing.push_other(packet);
        }
        for press in self.events.handle_packet(now, rate, packet) {
            self.report(turn, press);
        }
    }

    fn report(&self, turn: &mut Turn<'_, impl MediaIo>, press: DigitPress) {
        if self.detecting {
            turn.event(digit_event(press, DigitSource::Event));
        }
    }

    /// Another source speaks from now on.
    fn forget(&mut self) {
        if let Some(hearing) = &mut self.hearing {
            hearing.reset();
        }
    }
}

fn digit_event(press: DigitPress, source: DigitSource) -> MediaEvent {
    MediaEvent::Digit {
        digit: press.digit,
        duration: Duration::from_millis(press.duration_ms.into()),
        source,
    }
}

/// What shows that a packet is the peer's.
#[derive(Clone, Copy)]
enum Proof {
    /// Nothing but where it came from.
    None,
    /// It was sealed with the peer's key.
    Key,
}

enum Content {
    /// With what the peer asks of our encoder of a codec, if it does.
    Audio {
        request: Option<(CodecId, u32)>,
    },
    Event,
}

/// Reads a datagram; `None` for what is no RTP packet, or longer than one can be.
fn parse(datagram: &[u8]) -> Option<RtpPacket<'_>> {
    let whole = datagram.len() <= MAX_DATAGRAM;
    RtpPacket::parse(datagram).ok().filter(|_| whole)
}

/// No RTP packet over Ethernet is longer.
pub(super) const MAX_DATAGRAM: usize = 1_500;

/// Room to open a datagram in, on the stack. No more of it is written than the datagram needs; one that is too
/// long has too little, and does not open.
pub(super) fn room_for(datagram: &[u8]) -> SmallVec<[u8; MAX_DATAGRAM]> {
    SmallVec::from_slice(&datagram[..datagram.len().min(MAX_DATAGRAM)])
}
