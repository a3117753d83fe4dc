//! A steady media tick neither allocates nor frees.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::media::{
    Core, MediaCommand, MediaEvent, MediaIo, MediaStats, Output, Retired, StreamId,
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
}

impl Steady {
    fn new(commands: Vec<MediaCommand>) -> Self {
        let now = Instant::now();
        let mut core = Core::new(
            now,
            Duration::from_millis(2),
            1,
            Arc::new(MediaStats::default()),
        );
        let (id, mut sink) = (StreamId::new(0, 0), Sink::default());
        core.open(id);
        core.handle_command(
            now,
            id,
            MediaCommand::Configure(Box::new(parameters())),
            &mut sink,
        );
        for command in commands {
            core.handle_command(now, id, command, &mut sink);
        }
        Self {
            core,
            id,
            now,
            sink,
            peer: RtpHeaderTemplate::new(5),
        }
    }

    /// One frame in which the peer's packet comes and a tick is handled.
    fn frame(&mut self, source: SocketAddr) {
        let mut datagram = [0x55; 172];
        let clock = self.peer.clock();
        datagram[..12].copy_from_slice(self.peer.next_header(PayloadType::PCMU, false, clock));
        self.peer.advance(160);
        self.core
            .handle_datagram(self.now, self.id, source, &datagram, &mut self.sink);
        self.now += Duration::from_millis(20);
        self.core.handle_timeout(self.now, &mut self.sink);
    }
}

fn assert_steady(commands: Vec<MediaCommand>) {
    let source = PEER.parse().unwrap();
    let mut steady = Steady::new(commands);
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
fn a_recording_does_not_allocate() {
    let (sink, mut source) = muleteer::audio::recorder::recorder(8_000, None);
    assert_steady(vec![
        MediaCommand::SetOutput(Output::Echo),
        MediaCommand::StartRecording(Box::new(sink)),
    ]);
    assert!(source.read(&mut [0; 8_000]) > 0);
}
