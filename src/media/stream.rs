//! CORE. One stream: its outgoing and its incoming half, and what joins them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::command::{MediaCommand, MediaEvent, Output, StreamId, StreamParameters};
use super::core::{MediaIo, Retired};
use super::receiver::Receiver;
use super::room::{Room, Settings};
use super::schedule::{FRAME, FrameClock, Tick};
use super::sender::{PacketBuffer, Sender};
use super::stats::MediaStats;
use crate::audio::feed::FeedSink;
use crate::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use crate::audio::recorder::RecorderSink;
use crate::audio::silence::SilenceWatch;
use crate::audio::voice::MAX_GAIN;

/// What a stream may use of the world while something is done with it.
pub(super) struct Turn<'a, Io> {
    pub(super) id: StreamId,
    pub(super) io: &'a mut Io,
    pub(super) stats: &'a MediaStats,
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
        self.event(MediaEvent::PlaylistFull);
        self.io.retire(Retired::Item(item));
    }
}

/// One stream of a [`super::Core`].
pub(super) struct Stream {
    sender: Sender,
    receiver: Receiver,
    recorder: Option<Box<RecorderSink>>,
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
    failed: bool,
}

impl Stream {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            sender: Sender::new(seed),
            receiver: Receiver::default(),
            recorder: None,
            silence: None,
            tees: Vec::new(),
            room_gain: 1.0,
            room_muted: false,
            sends: false,
            destination: None,
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
            MediaCommand::Configure(parameters) => self.configure(&parameters),
            MediaCommand::Append(item) => self.sender.append(item, turn),
            MediaCommand::Prepend(item) => self.sender.prepend(item, turn),
            MediaCommand::Flush => self.sender.flush(turn),
            MediaCommand::SetOutput(output) => self.sender.set_output(output),
            MediaCommand::SetReceiving(receiving) => self.receiver.set_receiving(receiving),
            MediaCommand::SetMuted(muted) => self.sender.set_muted(muted),
            MediaCommand::DetectDigits(detect) => self.receiver.set_detecting(detect),
            MediaCommand::ForceDigits(force) => self.receiver.set_forced(force),
            MediaCommand::SendDigit { digit, duration } => {
                self.sender.send_digit(digit, duration);
            }
            MediaCommand::StartRecording(sink) => {
                self.stop_recording(turn);
                self.recorder = Some(sink);
            }
            MediaCommand::StopRecording => self.stop_recording(turn),
            MediaCommand::WatchSilence(after) => self.silence = after.map(SilenceWatch::new),
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
            MediaCommand::Close => {}
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
            return turn.io.retire(Retired::Tee(sink));
        }
        self.tees.push((number, sink));
    }

    fn stop_tee(&mut self, number: u32, turn: &mut Turn<'_, impl MediaIo>) {
        if let Some(at) = self.tees.iter().position(|(other, _)| *other == number) {
            turn.io.retire(Retired::Tee(self.tees.swap_remove(at).1));
        }
    }

    fn configure(&mut self, parameters: &StreamParameters) {
        self.sends = parameters.send && (parameters.remote.is_some() || parameters.follow_source);
        self.destination = parameters.remote;
        self.sender.configure(parameters);
        self.receiver.configure(parameters);
    }

    pub(super) fn handle_datagram(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_, impl MediaIo>,
        source: SocketAddr,
        datagram: &[u8],
    ) {
        self.receiver.handle_datagram(now, turn, source, datagram);
        if let Some((codec, request)) = self.receiver.take_request() {
            self.sender.follow(codec, request);
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
        if let Some(watch) = &mut self.silence
            && let Some(frame) = self.receiver.frame()
            && watch.hear(frame, packet_time)
        {
            turn.event(MediaEvent::Silence);
        }
        if let Some(recorder) = &mut self.recorder {
            match self.receiver.frame() {
                Some(frame) => recorder.write(frame),
                // Held, or not receiving: the recording keeps the time all the same.
                None => recorder.write_silence(packet_time),
            }
            if recorder.is_finished() {
                self.stop_recording(turn);
                self.receiver.settle(now, self.heard_at());
            }
        }
    }

    /// Sends what is due at `tick`; `late` says that ticks of this stream were left out.
    pub(super) fn write(
        &mut self,
        clock: &FrameClock,
        tick: Tick,
        late: bool,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let Some(destination) = self.destination() else {
            return;
        };
        if late {
            self.sender.interrupted();
        }
        let len = self
            .sender
            .next_packet(clock, tick, self.receiver.heard(), turn);
        if len > 0 {
            turn.io.send(turn.id, destination, &turn.packet[..len]);
        }
    }

    /// Sends what is due at `tick` to a member of `room`.
    pub(super) fn write_room(
        &mut self,
        (clock, tick): (&FrameClock, Tick),
        late: bool,
        (room, member): (&mut Room, usize),
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let Some(destination) = self.destination() else {
            return;
        };
        if late {
            self.sender.interrupted();
        }
        self.sender
            .send_room((clock, tick), room, member, destination, turn);
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
        if let Some(mut recorder) = self.recorder.take() {
            let packet_time = self.packet_time();
            for _ in 0..MAX_UNHEARD {
                match self.receiver.hear_on(packet_time) {
                    Some(frame) => recorder.write(frame),
                    None => break,
                }
            }
            turn.io.retire(Retired::Recorder(recorder));
        }
    }

    /// Time is being recorded: from the first session description on.
    fn is_recording(&self) -> bool {
        self.recorder.is_some() && self.sender.sample_rate().is_some()
    }

    /// At how many samples a second someone wants to hear the peer; `None` if nobody does. A
    /// recording keeps the rate it began with, whatever is agreed later; nothing that echoes
    /// records.
    fn heard_at(&self) -> Option<u32> {
        let sent = self.sender.sample_rate()?;
        let wanted = self.silence.is_some()
            || self.sender.output() == Output::Echo
            || !self.tees.is_empty()
            || self.sender.seat().is_some_and(|seat| seat.speaks);
        match &self.recorder {
            Some(recorder) => Some(recorder.sample_rate()),
            None => wanted.then_some(sent),
        }
    }
}

/// Packets that a jitter buffer may hold back, and more.
const MAX_UNHEARD: usize = 50;
/// Side rooms that one peer is heard in at a time.
const MAX_TEES: usize = 8;
