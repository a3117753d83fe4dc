//! CORE. The outgoing half of a stream: playlist, echo or digits to RTP packets.
//!
//! A prompt that is encoded already costs one header and one copy. Everything else (tones, echo,
//! prompts nobody encoded in time, and all that is sent in a codec that does not join payloads) goes
//! through an encoder that is made when it is first needed and kept.
//! Timestamps come from the clock of the thread, so a pause is a jump in them and the marker bit
//! tells the peer (RFC 3550 §5.1, RFC 3551 §4.1).

use std::net::SocketAddr;
use std::time::Duration;

use super::coder::{self, Coder, Format, Unit};
use super::command::{MediaEvent, Output, StreamParameters};
use super::core::{MediaIo, Retired};
use super::digits::ToneMouth;
use super::mix_in::{MixIn, MixInSettings};
use super::schedule::{FRAME, FrameClock, Tick};
use super::stream::Turn;
use crate::audio::frame::MAX_FRAME_SAMPLES;
use crate::audio::playlist::{Passed, Playlist, PlaylistItem, RoomId, RoomSeat};
use crate::codec::{CodecId, Encoding, MAX_PAYLOAD_BYTES};
use crate::rtp::srtp::{MAX_SRTP_OVERHEAD, SrtpKeys, SrtpSender, SrtpSuite};
use crate::rtp::{
    ClockRate, Digit, EventSender, PayloadType, RTP_HEADER_BYTES, RtpHeaderTemplate, RtpTimestamp,
    Ssrc,
};

mod room;

use room::RoomOutput;

/// Room for the largest packet we send.
pub(super) type PacketBuffer = [u8; RTP_HEADER_BYTES + MAX_PAYLOAD_BYTES + MAX_SRTP_OVERHEAD];

/// Where the payload of a packet is put.
pub(super) fn payload_of(packet: &mut PacketBuffer) -> &mut [u8] {
    &mut packet[RTP_HEADER_BYTES..][..MAX_PAYLOAD_BYTES]
}

pub(super) struct Sender {
    header: RtpHeaderTemplate,
    format: Option<Format>,
    telephone_event: Option<(PayloadType, ClockRate)>,
    playlist: Playlist,
    /// Changes made to it from outside, see [`MediaEvent::NoAudio`].
    version: u32,
    /// Made when the first digit is to be sent.
    digits: Option<EventSender>,
    /// Digits are sent as tones.
    sends_tones: bool,
    tones: ToneMouth,
    output: Output,
    muted: bool,
    /// The last packet time was used, so the next packet continues a talk-spurt.
    talking: bool,
    coder: Coder,
    room: RoomOutput,
    packets_sent: u64,
    octets_sent: u64,
    mix_in: Option<Box<MixIn>>,
    srtp: Option<Box<SrtpSender>>,
}

impl Sender {
    /// `seed` gives SSRC, first sequence number and first timestamp.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            header: RtpHeaderTemplate::new(seed),
            format: None,
            telephone_event: None,
            playlist: Playlist::default(),
            version: 0,
            digits: None,
            sends_tones: false,
            tones: ToneMouth::default(),
            output: Output::default(),
            muted: false,
            talking: false,
            coder: Coder::default(),
            room: RoomOutput::default(),
            packets_sent: 0,
            octets_sent: 0,
            mix_in: None,
            srtp: None,
        }
    }

    pub(super) fn configure(&mut self, parameters: &StreamParameters) {
        let format = Format::new(parameters);
        if self.format != Some(format) {
            self.talking = false;
        }
        self.format = Some(format);
        self.sends_tones = parameters.send_tones;
        self.set_srtp(parameters.srtp.as_deref());
        if self.telephone_event != parameters.telephone_event {
            self.telephone_event = parameters.telephone_event;
            self.digits = None;
        }
    }

    pub(super) fn append(&mut self, item: PlaylistItem, turn: &mut Turn<'_, impl MediaIo>) {
        self.version = self.version.wrapping_add(1);
        if let Err(item) = self.playlist.append(item) {
            turn.refuse(item);
        }
    }

    pub(super) fn prepend(&mut self, item: PlaylistItem, turn: &mut Turn<'_, impl MediaIo>) {
        self.version = self.version.wrapping_add(1);
        if let Err(item) = self.playlist.prepend(item) {
            turn.refuse(item);
        }
    }

    pub(super) fn flush(&mut self, turn: &mut Turn<'_, impl MediaIo>) {
        self.version = self.version.wrapping_add(1);
        for item in self.playlist.flush() {
            turn.io.retire(Retired::Item(item));
        }
    }

    /// Takes what the peer asks of what is encoded for it.
    pub(super) fn follow(&mut self, codec: CodecId, request: u32) {
        self.coder.follow(codec, request);
    }

    pub(super) fn change_seat(&mut self, seat: RoomSeat) {
        self.playlist.change_seat(seat);
    }

    pub(super) fn leave_room(&mut self, room: RoomId) {
        self.version = self.version.wrapping_add(1);
        self.playlist.leave_room(room);
    }

    pub(super) fn end_room(&mut self, room: RoomId) {
        self.playlist.end_room(room);
    }

    pub(super) fn set_mix_in(&mut self, settings: MixInSettings) {
        match &mut self.mix_in {
            Some(mix_in) => mix_in.set(settings),
            None => self.mix_in = Some(Box::new(MixIn::new(settings))),
        }
    }

    /// Where sounds are mixed in; `None` if it was never said how.
    pub(super) fn mix_in(&mut self) -> Option<&mut MixIn> {
        self.mix_in.as_deref_mut()
    }

    pub(super) fn set_output(&mut self, output: Output) {
        self.output = output;
    }

    pub(super) fn output(&self) -> Output {
        self.output
    }

    pub(super) fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Nothing is sent before audio is agreed on; as an event, if the peer did not agree to
    /// telephone-event; or if too many keys wait.
    pub(super) fn send_digit(&mut self, digit: Digit, duration: Duration) {
        if self.sends_tones {
            if let Some(rate) = self.sample_rate() {
                self.tones.queue(digit, duration, rate);
            }
            return;
        }
        let Some((_, rate)) = self.telephone_event else {
            return;
        };
        let digits = self.digits.get_or_insert_with(|| EventSender::new(rate));
        // The limit is far above what anyone types: what exceeds it is not worth an event.
        let _ = digits.queue(digit, duration);
    }

    /// Whether a tick would find something to send or to report.
    pub(super) fn has_work(&self) -> bool {
        let audio = self.output == Output::Playlist && !self.playlist.is_idle();
        let digits = self.digits.as_ref().is_some_and(|digits| !digits.is_idle());
        let mixed_in = self.mix_in.as_ref().is_some_and(|mix_in| mix_in.has_work());
        self.format.is_some() && (audio || digits || mixed_in || !self.tones.is_idle())
    }

    /// Whether the last packet time was used, or the next one will be.
    pub(super) fn is_talking(&self) -> bool {
        self.talking || self.has_work()
    }

    pub(super) fn packet_time(&self) -> Duration {
        self.format.map_or(FRAME, |format| format.packet_time)
    }

    /// Samples a second of what is sent, once that is agreed.
    pub(super) fn sample_rate(&self) -> Option<u32> {
        self.format.map(|format| format.codec().sample_rate())
    }

    /// Notes that ticks were left out: the next packet does not continue the last one.
    pub(super) fn interrupted(&mut self) {
        self.talking = false;
    }

    /// What the packet that was just written holds, if it is audio.
    pub(super) fn sent_encoding(&self) -> Option<Encoding> {
        self.format
            .filter(|_| self.talking)
            .map(|format| format.encoding)
    }

    /// Writes the packet of `tick` into `turn.packet` and returns its length; zero if there is
    /// nothing to send. `heard` is what the peer said in the same packet time.
    pub(super) fn next_packet(
        &mut self,
        clock: &FrameClock,
        tick: Tick,
        heard: Option<&[i16]>,
        turn: &mut Turn<'_, impl MediaIo>,
    ) -> usize {
        let Some(format) = self.format else { return 0 };
        let len = self.next_event(clock, tick, format.packet_time, turn.packet);
        if len > 0 {
            // Audio waits for the event to end, and then starts a new talk-spurt.
            self.talking = false;
            return len;
        }
        let payload = payload_of(turn.packet);
        let tone = self.next_tone(&format, payload);
        let mixed = tone == 0
            && self
                .mix_in
                .as_mut()
                .is_some_and(|mix_in| mix_in.advance(format.packet_time));
        // Keys are sent while muted, too.
        let silenced = self.muted && tone == 0;
        self.coder.set_paused(silenced);
        let len = match (self.output, heard) {
            _ if tone > 0 => tone,
            _ if mixed => self.play_mixed(&format, heard, turn),
            (Output::Playlist, _) => self.play(&format, turn),
            (Output::Echo, Some(pcm)) => self.coder.encode(format.encoding, pcm, payload),
            (Output::Echo, None) | (Output::None, _) => 0,
        };
        self.coder.set_paused(false);
        if len == 0 || silenced {
            self.talking = false;
            return 0;
        }
        let timestamp = self.timestamp(clock, tick, format.codec().clock_rate());
        self.seal(&format, timestamp, len, turn.packet)
    }

    /// Sends the packet of `len` bytes in the turn's buffer, which is sealed by that if it has to be.
    pub(super) fn transmit(
        &mut self,
        destination: SocketAddr,
        len: usize,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        self.packets_sent += 1;
        self.octets_sent += (len - RTP_HEADER_BYTES) as u64;
        let sealed = match &mut self.srtp {
            None => Some(len),
            Some(srtp) => srtp.protect(turn.packet, len),
        };
        // There is room for it: see `PacketBuffer`.
        if let Some(len) = sealed {
            turn.send(destination, len);
        }
    }

    /// Seals the RTCP packet of `len` bytes if it has to be; its new length.
    pub(super) fn seal_control(&mut self, packet: &mut PacketBuffer, len: usize) -> Option<usize> {
        match &mut self.srtp {
            None => Some(len),
            Some(srtp) => srtp.protect_control(packet, len),
        }
    }

    /// Chooses whether packets are sealed, and how.
    fn set_srtp(&mut self, keys: Option<&SrtpKeys>) {
        match (&mut self.srtp, keys) {
            (srtp, None) => *srtp = None,
            (Some(srtp), Some(keys)) => srtp.rekey(&keys.send),
            (srtp, Some(keys)) => *srtp = Some(Box::new(SrtpSender::new(keys.send.clone()))),
        }
    }

    /// What packets are sealed with.
    pub(super) fn suite(&self) -> Option<SrtpSuite> {
        self.srtp.as_ref().map(|srtp| srtp.master().suite())
    }

    /// Packets of this stream so far, and the octets of their payloads (RFC 3550 §6.4.1).
    pub(super) fn sent(&self) -> (u64, u64) {
        (self.packets_sent, self.octets_sent)
    }

    /// Puts the header before a payload of `len` bytes and returns the length of both.
    fn seal(
        &mut self,
        format: &Format,
        timestamp: RtpTimestamp,
        len: usize,
        packet: &mut PacketBuffer,
    ) -> usize {
        let header = self
            .header
            .next_header(format.payload_type, !self.talking, timestamp);
        packet[..RTP_HEADER_BYTES].copy_from_slice(header);
        self.talking = true;
        RTP_HEADER_BYTES + len
    }

    fn next_event(
        &mut self,
        clock: &FrameClock,
        tick: Tick,
        packet_time: Duration,
        packet: &mut PacketBuffer,
    ) -> usize {
        let Some((payload_type, rate)) = self.telephone_event else {
            return 0;
        };
        let now = self.timestamp(clock, tick, rate);
        let Some(digits) = &mut self.digits else {
            return 0;
        };
        let Some(event) = digits.next_packet(now, rate.ticks_in(packet_time)) else {
            return 0;
        };
        let header = self
            .header
            .next_header(payload_type, event.marker, event.timestamp);
        let (head, rest) = packet.split_at_mut(RTP_HEADER_BYTES);
        head.copy_from_slice(header);
        rest[..event.payload.len()].copy_from_slice(&event.payload);
        RTP_HEADER_BYTES + event.payload.len()
    }

    /// Writes the tone of a key; zero if none is to be sent.
    fn next_tone(&mut self, format: &Format, payload: &mut [u8]) -> usize {
        if self.tones.is_idle() {
            return 0;
        }
        let mut pcm = [0; MAX_FRAME_SAMPLES];
        let pcm = &mut pcm[..format.packet_samples];
        match self.tones.fill(pcm, format.codec().sample_rate()) {
            true => self.coder.encode(format.encoding, pcm, payload),
            false => 0,
        }
    }

    /// Fills one payload from the playlist; zero bytes if that is empty.
    fn play(&mut self, format: &Format, turn: &mut Turn<'_, impl MediaIo>) -> usize {
        let len = match format.unit() {
            Some(unit) => self.play_units(format, unit, turn),
            None => self.play_frame(format, turn),
        };
        let starved = self.coder.take_starved();
        turn.stats.starved_packets.add(starved.into());
        if len.is_none() && self.playlist.take_ran_empty() {
            turn.event(MediaEvent::NoAudio {
                version: self.version,
            });
        }
        len.unwrap_or(0)
    }

    /// The next packet of a codec whose payloads can be cut anywhere: items follow each other
    /// without a gap. `None` if there is nothing to play.
    fn play_units(
        &mut self,
        format: &Format,
        unit: Unit,
        turn: &mut Turn<'_, impl MediaIo>,
    ) -> Option<usize> {
        let (mut filled, mut len) = (Duration::ZERO, 0);
        while filled < format.packet_time {
            pass(&mut self.playlist, turn);
            let Some(next) = self.playlist.play(format.packet_time - filled) else {
                break;
            };
            let end = format.bytes(unit, filled + next.length);
            let out = &mut payload_of(turn.packet)[len..end];
            self.coder.fill(format, unit, next.item, next.position, out);
            (len, filled) = (end, filled + next.length);
        }
        if filled.is_zero() {
            return None;
        }
        let end = format.bytes(unit, format.packet_time);
        let rest = &mut payload_of(turn.packet)[len..end];
        self.coder.fill_silence(format, unit, rest);
        Some(end)
    }

    /// The next packet of a codec that encodes each as a whole. What is encoded already starts with
    /// a packet, and its last one is filled up with silence; all else, and the rounds of a loop,
    /// follow each other without a gap. `None` if there is nothing to play.
    fn play_frame(&mut self, format: &Format, turn: &mut Turn<'_, impl MediaIo>) -> Option<usize> {
        pass(&mut self.playlist, turn);
        let payload = payload_of(turn.packet);
        if let Some(len) = coder::ready_packet(format, &self.playlist, payload) {
            self.playlist.play(format.packet_time);
            return Some(len);
        }
        let mut pcm = [0; MAX_FRAME_SAMPLES];
        let pcm = &mut pcm[..format.packet_samples()];
        let ends = coder::starts_packet;
        if !render(&mut self.playlist, &mut self.coder, format, pcm, ends, turn) {
            return None;
        }
        let payload = payload_of(turn.packet);
        Some(self.coder.encode(format.encoding, pcm, payload))
    }

    /// Our SSRC.
    pub(super) fn ssrc(&self) -> Ssrc {
        self.header.ssrc()
    }

    /// How audio is encoded and how much of it a packet holds, once that is agreed.
    pub(super) fn packets(&self) -> Option<(Encoding, Duration)> {
        self.format
            .map(|format| (format.encoding, format.packet_time))
    }

    /// What audio is sent as, once that is agreed.
    pub(super) fn codec(&self) -> Option<CodecId> {
        self.format.map(|format| format.codec())
    }

    /// The media clock at `tick`, once audio is agreed.
    pub(super) fn media_clock(&self, clock: &FrameClock, tick: Tick) -> Option<RtpTimestamp> {
        let rate = self.codec()?.clock_rate();
        Some(self.timestamp(clock, tick, rate))
    }

    /// Fills one payload with the output and what is mixed into it.
    fn play_mixed(
        &mut self,
        format: &Format,
        heard: Option<&[i16]>,
        turn: &mut Turn<'_, impl MediaIo>,
    ) -> usize {
        let Some(mut mix_in) = self.mix_in.take() else {
            return 0;
        };
        let mut pcm = [0; MAX_FRAME_SAMPLES];
        let pcm = &mut pcm[..format.packet_samples()];
        if !mix_in.pauses_output() {
            match (self.output, heard) {
                (Output::Playlist, _) => self.play_pcm(format, pcm, turn),
                (Output::Echo, Some(heard)) => {
                    let len = heard.len().min(pcm.len());
                    pcm[..len].copy_from_slice(&heard[..len]);
                }
                (Output::Echo, None) | (Output::None, _) => {}
            }
        }
        mix_in.mix(format, pcm, turn);
        self.mix_in = Some(mix_in);
        self.coder
            .encode(format.encoding, pcm, payload_of(turn.packet))
    }

    /// Fills `pcm` from the playlist.
    fn play_pcm(&mut self, format: &Format, pcm: &mut [i16], turn: &mut Turn<'_, impl MediaIo>) {
        let (playlist, coder) = (&mut self.playlist, &mut self.coder);
        let played = render(playlist, coder, format, pcm, |_, _| false, turn);
        if !played && self.playlist.take_ran_empty() {
            turn.event(MediaEvent::NoAudio {
                version: self.version,
            });
        }
    }

    fn timestamp(&self, clock: &FrameClock, tick: Tick, rate: ClockRate) -> RtpTimestamp {
        self.header.clock().plus(clock.timestamp(tick, rate.get()))
    }
}

/// Fills `pcm` from `playlist`, as far as that has something, without a gap between items; but with
/// no more once the rest is to start a packet, as `ends` says. False: there was nothing at all.
pub(super) fn render(
    playlist: &mut Playlist,
    coder: &mut Coder,
    format: &Format,
    pcm: &mut [i16],
    ends: impl Fn(&Format, &Playlist) -> bool,
    turn: &mut Turn<'_, impl MediaIo>,
) -> bool {
    let whole = format.duration(pcm.len());
    let mut filled = Duration::ZERO;
    while filled < whole {
        pass(playlist, turn);
        if !filled.is_zero() && ends(format, playlist) {
            break;
        }
        let Some(next) = playlist.play(whole - filled) else {
            break;
        };
        let part = format.samples(filled)..format.samples(filled + next.length);
        coder.render(format, next.item, next.position, &mut pcm[part]);
        filled += next.length;
    }
    !filled.is_zero()
}

/// Reports and drops what lies before the next sound.
pub(super) fn pass(playlist: &mut Playlist, turn: &mut Turn<'_, impl MediaIo>) {
    while let Some(passed) = playlist.pass() {
        match passed {
            Passed::Separator(id) => turn.event(MediaEvent::Separator(id)),
            Passed::Ended(item) => turn.io.retire(Retired::Item(item)),
        }
    }
}
