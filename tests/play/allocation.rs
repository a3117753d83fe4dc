//! A steady media tick neither allocates nor frees.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use muleteer::audio::recorder::recorder;
use muleteer::codec::{CodecId, MAX_PAYLOAD_BYTES, Variant};
use muleteer::media::{
    Audience, Core, MediaCommand, MediaEvent, MediaFormat, MediaIo, MediaStats, Output, Retired,
    RoomCommand, StreamId, StreamParameters,
};
use muleteer::rtp::{PayloadType, RtpHeaderTemplate};

use crate::support::alloc::allocations_in;
use crate::support::media::{PEER, looped, parameters, tone_prompt};

/// Counts what is sent, and keeps nothing.
#[derive(Default)]
struct Sink(usize);

impl MediaIo for Sink {
    fn send(&mut self, _: StreamId, _: SocketAddr, _: &[u8]) {
        self.0 += 1;
    }
    fn event(&mut self, _: StreamId, _: MediaEvent) {}
    fn listen(&mut self, _: StreamId, _: bool) {}
    fn retire(&mut self, _: Retired) {}
    fn closed(&mut self, _: StreamId) {}
}

struct Steady {
    core: Core,
    id: StreamId,
    now: Instant,
    sink: Sink,
    peer: RtpHeaderTemplate,
    /// Number, ticks and payload of each packet of the peer.
    said: (PayloadType, u32, Vec<u8>),
}

impl Steady {
    fn new(codec: CodecId, commands: Vec<MediaCommand>) -> Self {
        let now = Instant::now();
        let mut core = Core::new(
            now,
            Duration::from_millis(2),
            1,
            Arc::new(MediaStats::default()),
        );
        let (id, mut sink) = (StreamId::new(0, 0), Sink::default());
        core.open(id);
        let number = codec.static_payload_type().or(PayloadType::new(96));
        let format = MediaFormat::new(number.unwrap(), codec);
        core.handle_command(
            now,
            id,
            MediaCommand::Configure(Box::new(StreamParameters {
                send_format: format,
                receive_formats: [format].into_iter().collect(),
                ..parameters()
            })),
            &mut sink,
        );
        for command in commands {
            core.handle_command(now, id, command, &mut sink);
        }
        let pcm: Vec<i16> = (0..codec.sample_rate() / 50)
            .map(|n| (n * 1_000) as i16)
            .collect();
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let mut encoder = codec.encoder(Variant::default()).unwrap();
        let bytes = encoder.encode(&pcm, &mut payload);
        let ticks = codec.clock_rate().ticks_in(Duration::from_millis(20));
        Self {
            core,
            id,
            now,
            sink,
            peer: RtpHeaderTemplate::new(5),
            said: (format.payload_type, ticks, payload[..bytes].to_vec()),
        }
    }

    /// One frame in which the peer's packet comes and a tick is handled.
    fn frame(&mut self, source: SocketAddr) {
        let (number, ticks, payload) = &self.said;
        let mut datagram = [0; 12 + MAX_PAYLOAD_BYTES];
        let clock = self.peer.clock();
        datagram[..12].copy_from_slice(self.peer.next_header(*number, false, clock));
        datagram[12..12 + payload.len()].copy_from_slice(payload);
        let datagram = &datagram[..12 + payload.len()];
        self.peer.advance(*ticks);
        self.core
            .handle_datagram(self.now, self.id, source, datagram, &mut self.sink);
        self.now += Duration::from_millis(20);
        self.core.handle_timeout(self.now, &mut self.sink);
    }
}

fn assert_steady(commands: Vec<MediaCommand>) {
    assert_steady_in(CodecId::PCMU, commands);
}

fn assert_steady_in(codec: CodecId, commands: Vec<MediaCommand>) {
    let source = PEER.parse().unwrap();
    let mut steady = Steady::new(codec, commands);
    for _ in 0..20 {
        steady.frame(source);
    }
    let before = steady.sink.0;
    let allocations = allocations_in(|| {
        for _ in 0..500 {
            steady.frame(source);
        }
    });
    assert_eq!(steady.sink.0 - before, 500);
    assert_eq!(allocations, 0);
}

#[test]
fn an_announcement_does_not_allocate() {
    assert_steady(vec![MediaCommand::Append(looped(&tone_prompt(440.0, 330)))]);
}

#[test]
fn an_echo_does_not_allocate() {
    assert_steady(vec![MediaCommand::SetOutput(Output::Echo)]);
}

#[test]
fn an_echo_in_any_codec_does_not_allocate() {
    for codec in [
        CodecId::OPUS,
        CodecId::G722,
        CodecId::PCMA,
        CodecId::L16_16000,
    ] {
        assert_steady_in(codec, vec![MediaCommand::SetOutput(Output::Echo)]);
    }
}

#[test]
fn a_recording_does_not_allocate() {
    let (sink, mut source) = recorder(8_000, None);
    assert_steady(vec![
        MediaCommand::SetOutput(Output::Echo),
        MediaCommand::StartRecording(Box::new(sink)),
    ]);
    assert!(source.read(&mut [0; 8_000]) > 0);
}

/// A room in which three of eight talk, two may only listen, a sound plays and all is recorded.
#[test]
fn a_room_does_not_allocate() {
    let (start, mut sink) = (Instant::now(), Sink::default());
    let stats = Arc::new(MediaStats::default());
    let mut core = Core::new(start, Duration::from_millis(2), 1, stats);
    let room = RoomId::new(0, 0);
    core.open_room(room);
    let ids: Vec<_> = (0..8).map(|key| StreamId::new(key, 0)).collect();
    for (n, &id) in ids.iter().enumerate() {
        core.open(id);
        let mut parameters = parameters();
        parameters.ptime = Duration::from_millis([20, 20, 20, 10, 20, 20, 30, 20][n]);
        let seat = PlaylistItem::Room(RoomSeat {
            room,
            hears: true,
            speaks: n < 6,
        });
        for command in [
            MediaCommand::Configure(Box::new(parameters)),
            MediaCommand::Append(seat),
        ] {
            core.handle_command(start, id, command, &mut sink);
        }
    }
    let (recording, mut recorded) = recorder(8_000, None);
    let prompt = tone_prompt(440.0, 20_000);
    let to = Audience::AllBut(ids[4]);
    for command in [
        RoomCommand::StartRecording(Box::new(recording)),
        RoomCommand::Play { prompt, to },
        RoomCommand::SetMaxSpeakers(Some(2)),
    ] {
        core.handle_room_command(start, room, command, &mut sink);
    }
    let mut peer = RtpHeaderTemplate::new(5);
    let mut now = start;
    let mut frame = |sink: &mut Sink| {
        let mut datagram = [0x15; 172];
        let clock = peer.clock();
        datagram[..12].copy_from_slice(peer.next_header(PayloadType::PCMU, false, clock));
        peer.advance(160);
        for &id in &ids[..3] {
            core.handle_datagram(now, id, PEER.parse().unwrap(), &datagram, sink);
        }
        for _ in 0..10 {
            now += Duration::from_millis(2);
            core.handle_timeout(now, sink);
        }
        recorded.read(&mut [0; 500])
    };
    (0..50).for_each(|_| assert!(frame(&mut sink) <= 320));
    let before = sink.0;
    let allocations = allocations_in(|| (0..500).for_each(|_| assert_eq!(frame(&mut sink), 160)));
    // Six of 20 ms, one of 10 ms, one of 30 ms.
    let sent = sink.0 - before;
    assert!((4_330..4_337).contains(&sent), "{sent}");
    assert_eq!(allocations, 0);
}
