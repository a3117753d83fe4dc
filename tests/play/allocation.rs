//! A steady media tick neither allocates nor frees.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::audio::playlist::PlaylistItem;
use muleteer::audio::streamed::streamed;
use muleteer::audio::{decode, wav};
use muleteer::codec::{CodecId, MAX_PAYLOAD_BYTES, Variant};
use muleteer::media::{
    Core, MediaCommand, MediaEvent, MediaFormat, MediaIo, MediaStats, Output, Retired, StreamId,
    StreamParameters,
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
    let (sink, mut source) = muleteer::audio::recorder::recorder(8_000, None);
    assert_steady(vec![
        MediaCommand::SetOutput(Output::Echo),
        MediaCommand::StartRecording(Box::new(sink)),
    ]);
    assert!(source.read(&mut [0; 8_000]) > 0);
}

#[test]
fn a_streamed_file_does_not_allocate() {
    let file = wav::image(&[500; 10_000], 8_000);
    let open = move || decode::open(Box::new(Cursor::new(file.clone())), "wav");
    let (sound, _feed) = streamed(Box::new(open), 8_000, true).unwrap();
    // It runs dry in the middle, which is no reason to allocate either.
    assert_steady(vec![MediaCommand::Append(PlaylistItem::Stream(Box::new(
        sound,
    )))]);
}
