//! CORE. One stream: its outgoing and its incoming half, and what joins them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::command::{MediaCommand, MediaEvent, Output, StreamId, StreamParameters};
use super::core::{MediaIo, Retired, RetiredRecording};
use super::figures::{Measured, StreamFigures};
use super::hearing::PlayoutCounters;
use super::playout::Playout;
use super::receiver::Receiver;
use super::recording::Recording;
use super::reports::{Moment, Reports, Sent, WallClock};
use super::schedule::{FrameClock, Tick};
use super::sender::{PacketBuffer, Sender};
use super::stats::MediaStats;
use crate::audio::playlist::PlaylistItem;
use crate::audio::silence::SilenceWatch;
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

    /// A playlist had no room for `item`.
    pub(super) fn refuse(&mut self, item: PlaylistItem) {
        self.event(MediaEvent::PlaylistFull);
        self.io.retire(Retired::Item(item));
    }
}

/// One stream of a [`super::Core`].
pub(super) struct Stream {
    sender: Sender,
    receiver: Receiver,
    recording: Option<Box<Recording>>,
    silence: Option<SilenceWatch>,
    /// The peer takes what we send.
    sends: bool,
    /// Where to, unless the receiver learned a better address.
    destination: Option<SocketAddr>,
    packets_sent: u64,
    /// Of payload.
    octets_sent: u64,
    /// Made when RTCP is first agreed.
    reports: Option<Box<Reports>>,
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
            sends: false,
            destination: None,
            packets_sent: 0,
            octets_sent: 0,
            reports: None,
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
            // The core ends the stream itself.
            MediaCommand::Close => self.send_bye(turn),
        }
        self.receiver.settle(now, self.heard_at());
    }

    fn configure(&mut self, parameters: &StreamParameters, turn: &mut Turn<'_, impl MediaIo>) {
        self.sends = parameters.send && (parameters.remote.is_some() || parameters.follow_source);
        self.destination = parameters.remote;
        self.sender.configure(parameters);
        self.receiver.configure(parameters);
        match (parameters.rtcp, &mut self.reports) {
            (None, reports) => *reports = None,
            (Some(rtcp), Some(reports)) => reports.configure(rtcp),
            (Some(rtcp), reports) => {
                *reports = Some(Box::new(Reports::new(rtcp, self.seed.rotate_left(32))));
            }
        }
        let own_port = parameters.rtcp.is_some_and(|rtcp| !rtcp.mux);
        turn.io.control_port(turn.id, own_port);
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
        let taken = self.receiver.is_peer_host(source)
            && reports
                .handle(now, ntp, source, datagram, ours, peer)
                .is_ok();
        if taken {
            self.receiver.heard_of(now);
            turn.stats.rtcp_received.increment();
        } else {
            turn.stats.rtcp_refused.increment();
        }
    }

    /// Takes in one packet time of what the peer sent.
    pub(super) fn read(&mut self, now: Instant, turn: &mut Turn<'_, impl MediaIo>) {
        let packet_time = self.sender.packet_time();
        self.receiver.read(now, packet_time, turn);
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
        let reports = self.reports.as_mut();
        if reports.is_some_and(|reports| reports.is_due(now)) {
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
        if let Some(destination) = self.destination() {
            if late {
                self.sender.interrupted();
            }
            len = self
                .sender
                .next_packet(clock, tick, self.receiver.heard(), turn);
            if len > 0 {
                turn.io.send(turn.id, destination, &turn.packet[..len]);
                self.packets_sent += 1;
                self.octets_sent += (len - RTP_HEADER_BYTES) as u64;
            }
        }
        if let Some(recording) = &mut self.recording {
            let encoding = self.sender.sent_encoding().filter(|_| len > 0);
            let sent = encoding.map(|encoding| (encoding, &turn.packet[RTP_HEADER_BYTES..len]));
            // Held, or not receiving: the recording keeps the time all the same.
            recording.take(self.sender.packet_time(), self.receiver.frame(), sent);
        }
    }

    fn send_report(
        &mut self,
        now: Instant,
        clock: &FrameClock,
        tick: Tick,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let sent = self.sender.media_clock(clock, tick).map(|clock| Sent {
            packets: self.packets_sent,
            octets: self.octets_sent,
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

    fn send_control(&self, report: Option<Report>, turn: &mut Turn<'_, impl MediaIo>) {
        let followed = self.receiver.learned_address();
        let (Some(report), Some(reports), Some(rtp)) =
            (report, &self.reports, followed.or(self.destination))
        else {
            return;
        };
        if let Some(destination) = reports.destination(rtp, followed.is_some()) {
            let len = report.write(turn.packet);
            turn.io
                .send_control(turn.id, destination, &turn.packet[..len]);
        }
    }

    /// What the stream has done so far, and how it sounded.
    fn figures(&mut self) -> StreamFigures {
        let peer = self.reports.as_ref().map(|reports| reports.peer());
        StreamFigures::new(&Measured {
            packets_sent: self.packets_sent,
            octets_sent: self.octets_sent,
            peer: peer.unwrap_or_default(),
            codec: self.sender.codec(),
            packet_time: self.sender.packet_time(),
            reception: self.receiver.reception(),
        })
    }

    /// What became of the peer's audio while someone heard it.
    pub(super) fn playout_counters(&self) -> PlayoutCounters {
        self.receiver.playout_counters()
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
        self.sender.packet_time()
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
        let Some(recording) = self.recording.as_mut().filter(|it| !it.is_paused()) else {
            return;
        };
        let packet_time = self.sender.packet_time();
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
            || self.receiver.wants_tones();
        match self.recording.as_ref().filter(|it| !it.is_paused()) {
            Some(recording) => Some(recording.sample_rate()),
            None => wanted.then_some(sent),
        }
    }
}

/// Packets that a jitter buffer may hold back, and more.
const MAX_UNHEARD: usize = 50;
