//! What a stream costs a media thread, without the kernel's share.
//!
//! One iteration is one 20 ms frame of all streams. Half of a core, which is what a tick may take
//! of its period, carries the shown items per second divided by 100 as streams.

use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use muleteer::audio::Prompt;
use muleteer::audio::playlist::PlaylistItem;
use muleteer::codec::CodecId;
use muleteer::media::{Core, MediaCommand, MediaStats, Output, StreamId};
use muleteer::rtp::RtpHeaderTemplate;

use support::{Nowhere, format, parameters, peer};

mod support;

fn main() {
    divan::main();
}

const STREAMS: [u32; 3] = [100, 1_000, 10_000];

struct Load {
    core: Core,
    ids: Vec<StreamId>,
    now: Instant,
    peer: RtpHeaderTemplate,
}

impl Load {
    fn new(streams: u32, codec: CodecId, commands: impl Fn() -> Vec<MediaCommand>) -> Self {
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let mut core = Core::new(
            now,
            Duration::from_millis(2),
            1,
            Arc::new(MediaStats::default()),
        );
        let ids: Vec<_> = (0..streams).map(|key| StreamId::new(key, 0)).collect();
        for &id in &ids {
            core.open(id);
            let configure = MediaCommand::Configure(Box::new(parameters(codec)));
            for command in [configure].into_iter().chain(commands()) {
                core.handle_command(now, id, command, &mut Nowhere);
            }
        }
        let mut load = Self {
            core,
            ids,
            now,
            peer: RtpHeaderTemplate::new(1),
        };
        for _ in 0..10 {
            load.frame(codec);
        }
        load
    }

    /// Lets 20 ms pass in steps of one slot.
    fn tick(&mut self) {
        for _ in 0..10 {
            self.now += Duration::from_millis(2);
            self.core.handle_timeout(self.now, &mut Nowhere);
        }
    }

    /// A packet from every peer, and 20 ms.
    fn frame(&mut self, codec: CodecId) {
        let mut datagram = [0x55; 172];
        let clock = self.peer.clock();
        let payload_type = format(codec).payload_type;
        datagram[..12].copy_from_slice(self.peer.next_header(payload_type, false, clock));
        self.peer.advance(160);
        for &id in &self.ids {
            self.core
                .handle_datagram(self.now, id, peer(), &datagram, &mut Nowhere);
        }
        self.tick();
    }
}

#[divan::bench(args = STREAMS)]
fn announcement_pcmu(bencher: Bencher<'_, '_>, streams: u32) {
    announcement(bencher, streams, CodecId::PCMU);
}

#[divan::bench(args = STREAMS)]
fn announcement_opus(bencher: Bencher<'_, '_>, streams: u32) {
    announcement(bencher, streams, CodecId::OPUS);
}

fn announcement(bencher: Bencher<'_, '_>, streams: u32, codec: CodecId) {
    let prompt = Arc::new(Prompt::from_pcm(vec![1_000; 8_000 * 10], 8_000));
    prompt.encoded(codec).expect("a codec of ours");
    let play = || {
        let item = PlaylistItem::Prompt {
            prompt: prompt.clone(),
            looped: true,
        };
        vec![
            MediaCommand::SetReceiving(false),
            MediaCommand::Append(item),
        ]
    };
    let mut load = Load::new(streams, codec, play);
    bencher
        .counter(ItemsCount::new(streams))
        .bench_local(|| load.tick());
}

#[divan::bench(args = STREAMS)]
fn echo(bencher: Bencher<'_, '_>, streams: u32) {
    let echo = || vec![MediaCommand::SetOutput(Output::Echo)];
    let mut load = Load::new(streams, CodecId::PCMU, echo);
    bencher
        .counter(ItemsCount::new(streams))
        .bench_local(|| load.frame(CodecId::PCMU));
}
