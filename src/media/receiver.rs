//! CORE. The incoming half of a stream: RTP packets to samples and digits.
//!
//! Digits are taken from packets as they come. Audio is kept, ordered and decoded only while
//! someone wants to hear it; a caller who listens to a menu and presses keys costs neither a
//! jitter buffer nor a decoder.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::command::{MediaEvent, MediaFormat, StreamParameters};
use super::core::MediaIo;
use super::hearing::Hearing;
use super::stream::Turn;
use crate::codec::CodecId;
use crate::rtp::{
    ClockRate, DigitPress, EventReceiver, PayloadType, RtpPacket, SourceLatch, Verdict,
};

pub(super) struct Receiver {
    formats: SmallVec<[MediaFormat; 4]>,
    event_formats: SmallVec<[(PayloadType, ClockRate); 2]>,
    /// The clock rate that keys come at now, and what they are heard by.
    events: Option<(ClockRate, EventReceiver)>,
    /// The peer's address by its latest description that named one.
    signalled: Option<SocketAddr>,
    latch: SourceLatch,
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
    was_listening: bool,
    hearing: Option<Box<Hearing>>,
    /// What the peer asked of our encoder of that codec.
    request: Option<(CodecId, u32)>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            formats: SmallVec::new(),
            event_formats: SmallVec::new(),
            events: None,
            signalled: None,
            latch: SourceLatch::new(None),
            allowed: false,
            receiving: true,
            detecting: true,
            forced: false,
            timeout: None,
            quiet_since: None,
            was_listening: false,
            hearing: None,
            request: None,
        }
    }
}

impl Receiver {
    /// Learns the peer's address anew only if the description names another one, so that a
    /// re-INVITE does not open the stream to strangers.
    pub(super) fn configure(&mut self, parameters: &StreamParameters) {
        self.allowed = parameters.receive;
        self.timeout = parameters.rtp_timeout;
        if parameters.remote.is_some() && self.signalled != parameters.remote {
            self.signalled = parameters.remote;
            self.latch.reset(parameters.remote);
        }
        if self.formats != parameters.receive_formats {
            self.formats = parameters.receive_formats.clone();
            self.hearing = None;
        }
        if self.event_formats != parameters.receive_events {
            self.event_formats = parameters.receive_events.clone();
            self.events = None;
        }
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
        let listening = self.is_listening();
        if listening && !self.was_listening {
            self.quiet_since = Some(now);
        }
        if !listening {
            self.quiet_since = None;
        }
        self.was_listening = listening;
        let wanted = heard_at.filter(|_| self.takes_audio());
        if self.hearing.as_ref().map(|hearing| hearing.sample_rate()) != wanted {
            self.hearing = wanted.map(|rate| Box::new(Hearing::new(&self.formats, rate)));
        }
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
        let agreed = RtpPacket::parse(datagram)
            .ok()
            .and_then(|packet| Some((packet, self.content(&packet)?)));
        let Some((packet, content)) = agreed else {
            turn.stats.packets_malformed.increment();
            return;
        };
        match self.latch.check(now, source) {
            Verdict::Accepted => {}
            Verdict::Latched => self.forget(),
            Verdict::Refused => {
                turn.stats.packets_from_strangers.increment();
                return;
            }
        }
        turn.stats.packets_received.increment();
        self.quiet_since = Some(now);
        match content {
            Content::Audio { request } => {
                self.request = request.or(self.request);
                if let Some(hearing) = &mut self.hearing {
                    hearing.push(now, &packet);
                }
            }
            Content::Event(rate) => self.take_event(now, turn, rate, &packet),
        }
    }

    /// Takes in one packet time of audio and looks at the clock.
    pub(super) fn read(
        &mut self,
        now: Instant,
        packet_time: Duration,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        if let Some((_, events)) = &mut self.events
            && let Some(press) = events.handle_timeout(now)
        {
            self.report(turn, press);
        }
        if let (Some(since), Some(timeout)) = (self.quiet_since, self.timeout)
            && now.saturating_duration_since(since) >= timeout
        {
            self.quiet_since = None;
            turn.event(MediaEvent::RtpTimeout);
        }
        if let Some(hearing) = &mut self.hearing {
            hearing.advance(packet_time);
        }
    }

    /// The samples of this packet time, silence where nothing came; `None` if nobody wanted any.
    pub(super) fn frame(&self) -> Option<&[i16]> {
        self.hearing.as_deref().map(Hearing::frame)
    }

    /// Samples a second of these.
    pub(super) fn sample_rate(&self) -> Option<u32> {
        self.hearing.as_deref().map(Hearing::sample_rate)
    }

    /// The same, if the peer said something.
    pub(super) fn heard(&self) -> Option<&[i16]> {
        self.hearing.as_deref().and_then(Hearing::heard)
    }

    /// Goes on by one packet time ahead of the clock; `None` if nothing more has come.
    pub(super) fn hear_on(&mut self, packet_time: Duration) -> Option<&[i16]> {
        let hearing = self.hearing.as_deref_mut()?;
        hearing.advance(packet_time);
        hearing.heard()
    }

    /// Where the peer really sends from (symmetric RTP, RFC 4961).
    pub(super) fn learned_address(&self) -> Option<SocketAddr> {
        self.latch.source()
    }

    pub(super) fn is_listening(&self) -> bool {
        self.allowed && (self.receiving || self.forced && self.detecting)
    }

    /// What the peer has asked of our encoder since the last call.
    pub(super) fn take_request(&mut self) -> Option<(CodecId, u32)> {
        self.request.take()
    }

    fn takes_audio(&self) -> bool {
        self.allowed && self.receiving
    }

    /// What an agreed packet holds; `None` for a payload type or size that is not ours.
    fn content(&self, packet: &RtpPacket<'_>) -> Option<Content> {
        let mut events = self.event_formats.iter();
        if let Some((_, rate)) = events.find(|(agreed, _)| *agreed == packet.payload_type) {
            return Some(Content::Event(*rate));
        }
        let format = self
            .formats
            .iter()
            .find(|agreed| agreed.payload_type == packet.payload_type)?;
        let MediaFormat { codec, variant, .. } = *format;
        codec.samples_in(variant, packet.payload)?;
        let request = codec.request_in(variant, packet.payload);
        Some(Content::Audio {
            request: request.map(|request| (codec, request)),
        })
    }

    fn take_event(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_, impl MediaIo>,
        rate: ClockRate,
        packet: &RtpPacket<'_>,
    ) {
        if let Some(hearing) = &mut self.hearing {
            hearing.push_other(now, packet);
        }
        // Another rate means another codec; a key that was held has ended with it.
        let known = self.events.take().filter(|(known, _)| *known == rate);
        let (_, events) = self
            .events
            .insert(known.unwrap_or_else(|| (rate, EventReceiver::new(rate))));
        for press in events.handle_packet(now, packet) {
            self.report(turn, press);
        }
    }

    fn report(&self, turn: &mut Turn<'_, impl MediaIo>, press: DigitPress) {
        if self.detecting {
            let duration = Duration::from_millis(press.duration_ms.into());
            turn.event(MediaEvent::Digit {
                digit: press.digit,
                duration,
            });
        }
    }

    /// Another source speaks from now on.
    fn forget(&mut self) {
        if let Some(hearing) = &mut self.hearing {
            hearing.reset();
        }
        self.events = None;
    }
}

enum Content {
    Audio {
        request: Option<(CodecId, u32)>,
    },
    /// At this clock rate.
    Event(ClockRate),
}
