//! CORE. One stream: its outgoing and its incoming half, and what joins them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::command::{MediaCommand, MediaEvent, Output, StreamId, StreamParameters};
use super::core::{MediaIo, Retired, RetiredRecording};
use super::figures::{Measured, StreamFigures};
use super::hearing::PlayoutCounters;
use super::playout::Playout;
use super::receiver::{Receiver, room_for};
use super::recording::Recording;
use super::reports::{Moment, Reports, Sent, WallClock};
use super::room::{Heard, Room, Settings};
use super::schedule::{FRAME, FrameClock, Tick};
use super::sender::{PacketBuffer, Sender};
use super::stats::MediaStats;
use crate::audio::feed::FeedSink;
use crate::audio::mixer::{MAX_MIX_SAMPLES, frame_samples};
use crate::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use crate::audio::silence::SilenceWatch;
use crate::audio::voice::MAX_GAIN;
use crate::rtp::{RTP_HEADER_BYTES, Report, is_rtcp};

/// What a stream may use of the world while something is done with it.
pub(super) struct Turn<'a, Io> {
    pub(super) id: StreamId,
    pub(super) io: &'a mut Io,
    pub(super) stats: &'a MediaStats,
    pub(super) wall_clock: WallClock,
    /// Where a packet is put together.
    pub(super) packet: &'a mut PacketBuffer,
}

impl<Io: MediaIo> Turn<'_, Io> {
    pub(super) fn event(&mut self, event: MediaEvent) {
        self.io.event(self.id, event);
    }

    /// Sends the first `len` bytes of the packet.
    pub(super) fn send(&mut self, destination: SocketAddr, len: usize) {
        self.io.send(self.id, destination, &self.packet[..len]);
    }

    /// A playlist had no room for `item`.
    pub(super) fn refuse(&mut self, item: PlaylistItem) {
        let room = match &item {
            PlaylistItem::Room(seat) => Some(seat.room),
            _ => None,
        };
        self.event(MediaEvent::PlaylistFull(room));
        self.io.retire(Retired::Item(item));
    }
}

/// One stream of a [`super::Core`].
pub(super) struct Stream {
    sender: Sender,
    receiver: Receiver,
    recording: Option<Box<Recording>>,
    silence: Option<SilenceWatch>,
    /// Rooms that hear the peer without being heard by it, by the number the session gave.
    tees: Vec<(u32, Box<FeedSink>)>,
    /// How loud its room hears the peer, unless that is muted.
    room_gain: f32,
    room_muted: bool,
    /// The peer takes what we send.
    sends: bool,
    /// Where to, unless the receiver learned a better address.
    destination: Option<SocketAddr>,
    /// Made when RTCP is first agreed.
    reports: Option<Box<Reports>>,
    /// No report is due before.
    report_at: Option<Instant>,
    seed: u64,
    failed: bool,
}

impl Stream {
    pub(super) fn new(seed: u64, playout: Playout) -> Self {
        let mut receiver = Receiver::default();
        receiver.set_playout(playout);
        Self {
            sender: Sender::new(seed),
            receiver,
            recording: None,
            silence: None,
            tees: Vec::new(),
            room_gain: 1.0,
            room_muted: false,
            sends: false,
            destination: None,
            reports: None,
            report_at: None,
            seed,
            failed: false,
        }
    }

    pub(super) fn handle_command(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_, impl MediaIo>,
        command: MediaCommand,
    ) {
        match command {
            MediaCommand::Configure(parameters) => self.configure(&parameters, turn),
            MediaCommand::Append(item) => self.sender.append(item, turn),
            MediaCommand::Prepend(item) => self.sender.prepend(item, turn),
            MediaCommand::Flush => self.sender.flush(turn),
            MediaCommand::SetOutput(output) => self.sender.set_output(output),
            MediaCommand::SetPlayout(playout) => self.receiver.set_playout(playout),
            MediaCommand::SetReceiving(receiving) => self.receiver.set_receiving(receiving),
            MediaCommand::SetMuted(muted) => self.sender.set_muted(muted),
            MediaCommand::DetectDigits(detect) => self.receiver.set_detecting(detect),
            MediaCommand::ForceDigits(force) => self.receiver.set_forced(force),
            MediaCommand::SendDigit { digit, duration } => {
                self.sender.send_digit(digit, duration);
            }
            MediaCommand::StartRecording(sink) => {
                self.stop_recording(turn);
                self.recording = Some(Box::new(Recording::new(sink)));
            }
            MediaCommand::StopRecording => self.stop_recording(turn),
            MediaCommand::PauseRecording(paused) => self.pause_recording(paused),
            MediaCommand::WatchSilence(after) => self.silence = after.map(SilenceWatch::new),
            MediaCommand::Measure(sink) => sink.tell(self.figures()),
            MediaCommand::SetSeat(seat) => self.sender.change_seat(seat),
            MediaCommand::LeaveRoom(room) => self.sender.leave_room(room),
            MediaCommand::SetRoomGain(gain) => {
                let gain = if gain.is_nan() { 0.0 } else { gain };
                self.room_gain = gain.clamp(0.0, MAX_GAIN);
            }
            MediaCommand::SetRoomMuted(muted) => self.room_muted = muted,
            MediaCommand::StartTee(number, sink) => self.start_tee(number, sink, turn),
            MediaCommand::StopTee(number) => self.stop_tee(number, turn),
            MediaCommand::SetMixIn(settings) => self.sender.set_mix_in(settings),
            MediaCommand::PlayMixIn(item) => match self.sender.mix_in() {
                Some(mix_in) => mix_in.play(item, turn),
                None => turn.io.retire(Retired::Item(item)),
            },
            MediaCommand::AppendMixIn(item) => match self.sender.mix_in() {
                Some(mix_in) => mix_in.append(item, turn),
                None => turn.io.retire(Retired::Item(item)),
            },
            MediaCommand::FlushMixIn => {
                if let Some(mix_in) = self.sender.mix_in() {
                    mix_in.flush(turn);
                }
            }
            // The core ends the stream itself.
            MediaCommand::Close => self.send_bye(turn),
        }
        self.settle(now);
    }

    /// Hears the peer if anyone wants to, and no more if not.
    pub(super) fn settle(&mut self, now: Instant) {
        self.receiver.settle(now, self.heard_at());
    }

    fn start_tee(&mut self, number: u32, sink: Box<FeedSink>, turn: &mut Turn<'_, impl MediaIo>) {
        self.stop_tee(number, turn);
        if self.tees.len() >= MAX_TEES {
            turn.event(MediaEvent::TeeEnded(number));
            return turn.io.retire(Retired::Tee(sink));
        }
        self.tees.push((number, sink));
    }

    fn stop_tee(&mut self, number: u32, turn: &mut Turn<'_, impl MediaIo>) {
        if let Some(at) = self.tees.iter().position(|(other, _)| *other == number) {
            turn.io.retire(Retired::Tee(self.tees.swap_remove(at).1));
        }
    }

    /// Ends the tees whose rooms are gone.
    fn end_closed_tees(&mut self, now: Instant, turn: &mut Turn<'_, impl MediaIo>) {
        while let Some(&(number, _)) = self.tees.iter().find(|(_, tee)| tee.is_closed()) {
            self.stop_tee(number, turn);
            turn.event(MediaEvent::TeeEnded(number));
            self.settle(now);
        }
    }

    fn configure(&mut self, parameters: &StreamParameters, turn: &mut Turn<'_, impl MediaIo>) {
        self.sends = parameters.send && (parameters.remote.is_some() || parameters.follow_source);
        self.destination = parameters.remote;
        self.sender.configure(parameters);
        self.receiver.configure(parameters);
        self.report_at = None;
        match (parameters.rtcp, &mut self.reports) {
            (None, reports) => *reports = None,
            (Some(rtcp), Some(reports)) => reports.configure(rtcp),
            (Some(rtcp), reports) => {
                *reports = Some(Box::new(Reports::new(rtcp, self.seed.rotate_left(32))));
            }
        }
        // A port of its own is opened when there is something to report: most short calls need none.
        if parameters.rtcp.is_none_or(|rtcp| rtcp.mux) {
            turn.io.control_port(turn.id, false);
        }
    }

    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_, impl MediaIo>,
        source: SocketAddr,
        datagram: &[u8],
    ) {
        let reports = self.reports.as_ref();
        if is_rtcp(datagram) && reports.is_some_and(|reports| reports.shares_port()) {
            return self.handle_control_datagram(now, turn, source, datagram);
        }
        self.receiver.handle_datagram(now, turn, source, datagram);
        if let Some((codec, request)) = self.receiver.take_request() {
            self.sender.follow(codec, request);
        }
    }

    /// How long the datagram that was handled last is to wait for the tick that hears it, if it is for this
    /// stream to choose: it begins a talk-spurt, and nobody counts the ticks.
    pub(super) fn spurt_wait(&mut self, now: Instant) -> Option<Duration> {
        let wait = self.receiver.spurt_wait(now)?;
        let is_counted = self.recording.is_some() || !self.tees.is_empty();
        (!is_counted && !self.sender.is_talking()).then_some(wait)
    }

    /// Takes in RTCP, of the peer's host alone.
    pub(super) fn handle_control_datagram(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_, impl MediaIo>,
        source: SocketAddr,
        datagram: &[u8],
    ) {
        let Some(reports) = &mut self.reports else {
            return;
        };
        let ntp = turn.wall_clock.ntp(now);
        let (ours, peer) = (self.sender.ssrc(), self.receiver.peer_ssrc());
        let mut opened = room_for(datagram);
        let plain = match self.receiver.srtp() {
            // Who has the key is the peer, wherever it sends from.
            Some(srtp) => srtp
                .unprotect_control(now, datagram, &mut opened)
                .ok()
                .map(|len| &opened[..len]),
            None => Some(datagram).filter(|_| self.receiver.is_peer_host(source)),
        };
        let taken =
            plain.is_some_and(|plain| reports.handle(now, ntp, source, plain, ours, peer).is_ok());
        if taken {
            self.receiver.heard_of(now);
            turn.stats.rtcp_received.increment();
        } else {
            turn.stats.rtcp_refused.increment();
        }
    }

    /// Takes in one packet time of what the peer sent.
    pub(super) fn read(&mut self, now: Instant, turn: &mut Turn<'_, impl MediaIo>) {
        let packet_time = self.packet_time();
        self.receiver.read(now, packet_time, turn);
        if let (Some(pcm), Some(rate)) = (self.receiver.heard(), self.receiver.sample_rate()) {
            for (_, tee) in &mut self.tees {
                tee.write(rate, pcm);
            }
        }
        self.end_closed_tees(now, turn);
        if let Some(watch) = &mut self.silence
            && let Some(frame) = self.receiver.frame()
            && watch.hear(frame, packet_time)
        {
            turn.event(MediaEvent::Silence);
        }
        if self.recording.as_ref().is_some_and(|it| it.is_finished()) {
            self.stop_recording(turn);
            self.receiver.settle(now, self.heard_at());
        }
    }

    /// Sends what is due at `tick`; `late` says that ticks of this stream were left out.
    pub(super) fn write(
        &mut self,
        now: Instant,
        clock: &FrameClock,
        tick: Tick,
        late: bool,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        self.send_audio(clock, tick, late, turn);
        self.report(now, clock, tick, turn);
    }

    /// Reports by RTCP, if it is time.
    fn report(
        &mut self,
        now: Instant,
        clock: &FrameClock,
        tick: Tick,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let Some(reports) = &mut self.reports else {
            return;
        };
        // Most ticks are over without a look at what is behind the pointer.
        if self.report_at.is_some_and(|at| now < at) {
            return;
        }
        if !reports.shares_port() && reports.next_due().is_some_and(|due| due <= now) {
            turn.io.control_port(turn.id, true);
            if turn.io.awaits_control_port(turn.id) {
                self.report_at = Some(now + PORT_WAIT);
                return;
            }
        }
        let is_due = reports.is_due(now);
        self.report_at = reports.next_due();
        if is_due {
            self.send_report(now, clock, tick, turn);
        }
    }

    fn send_audio(
        &mut self,
        clock: &FrameClock,
        tick: Tick,
        late: bool,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let mut len = 0;
        let destination = self.destination();
        if destination.is_some() {
            if late {
                self.sender.interrupted();
            }
            len = self
                .sender
                .next_packet(clock, tick, self.receiver.heard(), turn);
        }
        // Recorded first, for sending may encrypt it.
        if let Some(recording) = &mut self.recording {
            let encoding = self.sender.sent_encoding().filter(|_| len > 0);
            let sent = encoding.map(|encoding| (encoding, &turn.packet[RTP_HEADER_BYTES..len]));
            // Held, or not receiving: the recording keeps the time all the same.
            recording.take(self.sender.packet_time(), self.receiver.frame(), sent);
        }
        if let Some(destination) = destination.filter(|_| len > 0) {
            self.sender.transmit(destination, len, turn);
        }
    }

    fn send_report(
        &mut self,
        now: Instant,
        clock: &FrameClock,
        tick: Tick,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let (packets_sent, octets_sent) = self.sender.sent();
        let sent = self.sender.media_clock(clock, tick).map(|clock| Sent {
            packets: packets_sent,
            octets: octets_sent,
            clock,
        });
        let moment = Moment {
            now,
            // The moment of the media clock, which is that of the tick.
            ntp: turn.wall_clock.ntp(clock.time_of(tick)),
            ssrc: self.sender.ssrc(),
            sent: sent.filter(|sent| sent.packets > 0),
            reception: self.receiver.reception(),
        };
        let reports = self.reports.as_mut();
        let report = reports.and_then(|reports| reports.report(moment));
        self.send_control(report, turn);
    }

    fn send_bye(&mut self, turn: &mut Turn<'_, impl MediaIo>) {
        let reports = self.reports.as_ref();
        let bye = reports.and_then(|reports| reports.bye(self.sender.ssrc()));
        self.send_control(bye, turn);
    }

    fn send_control(&mut self, report: Option<Report>, turn: &mut Turn<'_, impl MediaIo>) {
        let followed = self.receiver.learned_address();
        let (Some(report), Some(reports), Some(rtp)) =
            (report, &self.reports, followed.or(self.destination))
        else {
            return;
        };
        if let Some(destination) = reports.destination(rtp, followed.is_some()) {
            let len = report.write(turn.packet);
            if let Some(len) = self.sender.seal_control(turn.packet, len) {
                turn.io
                    .send_control(turn.id, destination, &turn.packet[..len]);
            }
        }
    }

    /// What the stream has done so far, and how it sounded.
    fn figures(&mut self) -> StreamFigures {
        let peer = self.reports.as_ref().map(|reports| reports.peer());
        let (packets_sent, octets_sent) = self.sender.sent();
        StreamFigures::new(&Measured {
            packets_sent,
            octets_sent,
            peer: peer.unwrap_or_default(),
            codec: self.sender.codec(),
            packet_time: self.sender.packet_time(),
            reception: self.receiver.reception(),
            suite: self.sender.suite(),
        })
    }

    /// What became of the peer's audio while someone heard it.
    pub(super) fn playout_counters(&self) -> PlayoutCounters {
        self.receiver.playout_counters()
    }

    /// Sends what is due at `tick` to a member of `room`.
    pub(super) fn write_room(
        &mut self,
        now: Instant,
        (clock, tick): (&FrameClock, Tick),
        late: bool,
        (room, member): (&mut Room, usize),
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let rate = self.sender.sample_rate().unwrap_or(8_000);
        let mut pcm = [0; MAX_MIX_SAMPLES];
        let pcm = &mut pcm[..frame_samples(rate)];
        let mut heard = Heard::Nothing;
        if let Some(destination) = self.destination() {
            if late {
                self.sender.interrupted();
            }
            heard = self
                .sender
                .send_room((clock, tick), room, (member, pcm), destination, turn);
        }
        if let Some(recording) = &mut self.recording {
            let sent = match heard {
                Heard::Own => Some(&*pcm),
                Heard::Common => Some(room.common(rate)),
                Heard::Nothing | Heard::Deaf | Heard::Silence => None,
            };
            let sent = sent.map(|pcm| (rate, pcm));
            recording.take_frame(FRAME, self.receiver.frame(), sent);
        }
        self.report(now, clock, tick, turn);
    }

    /// What the peer said in this packet time and at which rate, if it did.
    pub(super) fn heard(&self) -> Option<(u32, &[i16])> {
        Some((self.receiver.sample_rate()?, self.receiver.heard()?))
    }

    /// The seat that the stream is to have now.
    pub(super) fn seat(&self) -> Option<RoomSeat> {
        self.sender.seat()
    }

    /// What it is in `seat` to the room.
    pub(super) fn room_settings(&self, seat: RoomSeat) -> Settings {
        Settings {
            hears: seat.hears,
            speaks: seat.speaks,
            gain: if self.room_muted { 0.0 } else { self.room_gain },
            rate: self.sender.sample_rate().unwrap_or(8_000),
            sends: self.sender.packets(),
        }
    }

    /// The room is not, or no longer, on this thread.
    pub(super) fn end_room(&mut self, room: RoomId, turn: &mut Turn<'_, impl MediaIo>) {
        self.sender.end_room(room);
        turn.event(MediaEvent::RoomEnded(room));
    }

    /// Whether ticks are to come: there is something to send, or someone to listen to.
    pub(super) fn is_active(&self) -> bool {
        self.is_listening()
            || self.is_recording()
            || self.destination().is_some() && self.sender.has_work()
    }

    /// Whether the socket is to be read.
    pub(super) fn is_listening(&self) -> bool {
        self.receiver.is_listening()
    }

    /// The time between two ticks of this stream.
    pub(super) fn packet_time(&self) -> Duration {
        match self.sender.seat() {
            Some(_) => FRAME,
            None => self.sender.packet_time(),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn set_failed(&mut self) {
        self.failed = true;
    }

    fn destination(&self) -> Option<SocketAddr> {
        let known = self.receiver.learned_address().or(self.destination);
        known.filter(|_| self.sends)
    }

    /// Ends the recording with what has come and was not due yet: it was said before the end.
    fn stop_recording(&mut self, turn: &mut Turn<'_, impl MediaIo>) {
        self.record_unheard();
        if let Some(recording) = self.recording.take() {
            turn.io
                .retire(Retired::Recording(RetiredRecording(recording)));
        }
    }

    fn pause_recording(&mut self, paused: bool) {
        if paused {
            self.record_unheard();
        }
        if let Some(recording) = &mut self.recording {
            recording.set_paused(paused);
        }
    }

    /// Records what waits to be heard.
    fn record_unheard(&mut self) {
        let packet_time = self.packet_time();
        let Some(recording) = self.recording.as_mut().filter(|it| !it.is_paused()) else {
            return;
        };
        for _ in 0..MAX_UNHEARD {
            match self.receiver.hear_on(packet_time) {
                Some(frame) => recording.take(packet_time, Some(frame), None),
                None => break,
            }
        }
    }

    /// Time is being recorded: from the first session description on.
    fn is_recording(&self) -> bool {
        let recording = self.recording.as_ref();
        recording.is_some_and(|it| !it.is_paused()) && self.sender.sample_rate().is_some()
    }

    /// At how many samples a second someone wants to hear the peer; `None` if nobody does. A
    /// recording keeps the rate it began with, whatever is agreed later; nothing that echoes
    /// records.
    fn heard_at(&self) -> Option<u32> {
        let sent = self.sender.sample_rate()?;
        let wanted = self.silence.is_some()
            || self.sender.output() == Output::Echo
            || self.receiver.wants_tones()
            || !self.tees.is_empty()
            || self.sender.seat().is_some_and(|seat| seat.speaks);
        match self.recording.as_ref().filter(|it| !it.is_paused()) {
            Some(recording) => Some(recording.sample_rate()),
            None => wanted.then_some(sent),
        }
    }
}

/// Packets that a jitter buffer may hold back, and more.
const MAX_UNHEARD: usize = 50;
/// How long the first report waits before it looks again whether its port is open.
const PORT_WAIT: Duration = Duration::from_millis(100);
/// Side rooms that one peer is heard in at a time.
pub const MAX_TEES: usize = 8;
