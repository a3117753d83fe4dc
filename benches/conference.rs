//! What rooms cost a media thread, without the kernel's share.
//!
//! One iteration is one 20 ms frame: every talker's packet is taken in, jitter buffer and decoder
//! included, the room is mixed, and each member gets its packet. Items are members.

use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use muleteer::audio::mixer::Band;
use muleteer::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use muleteer::codec::{CodecId, Variant};
use muleteer::media::{Core, MediaCommand, MediaFormat, MediaStats, StreamId};
use muleteer::rtp::RtpHeaderTemplate;

use support::{Nowhere, format, parameters, peer};

mod support;

fn main() {
    divan::main();
}

struct Conference {
    core: Core,
    talkers: Vec<StreamId>,
    now: Instant,
    peer: RtpHeaderTemplate,
    format: MediaFormat,
    payload: Vec<u8>,
}

impl Conference {
    /// One room. Listeners may only listen.
    fn new(codec: CodecId, talkers: u32, listeners: u32) -> Self {
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let stats = Arc::new(MediaStats::default());
        let mut core = Core::new(now, Duration::from_millis(2), 1, stats);
        let room = RoomId::new(0, 0);
        core.open_room(room);
        let ids: Vec<_> = (0..talkers + listeners)
            .map(|key| StreamId::new(key, 0))
            .collect();
        for (&id, n) in ids.iter().zip(0..) {
            core.open(id);
            let speaks = n < talkers;
            let seat = PlaylistItem::Room(RoomSeat {
                room,
                hears: true,
                speaks,
            });
            for command in [
                MediaCommand::SetReceiving(speaks),
                MediaCommand::Configure(Box::new(parameters(codec))),
                MediaCommand::Append(seat),
            ] {
                core.handle_command(now, id, command, &mut Nowhere);
            }
        }
        let mut conference = Self {
            core,
            talkers: ids[..talkers as usize].to_vec(),
            now,
            peer: RtpHeaderTemplate::new(1),
            format: format(codec),
            payload: speech(codec),
        };
        (0..20).for_each(|_| conference.frame());
        conference
    }

    /// A packet from every talker, and 20 ms.
    fn frame(&mut self) {
        let clock = self.peer.clock();
        let header = *self
            .peer
            .next_header(self.format.payload_type, false, clock);
        self.peer.advance(self.format.codec.clock_rate().get() / 50);
        let datagram = [&header[..], &self.payload].concat();
        for &id in &self.talkers {
            self.core
                .handle_datagram(self.now, id, peer(), &datagram, &mut Nowhere);
        }
        for _ in 0..10 {
            self.now += Duration::from_millis(2);
            self.core.handle_timeout(self.now, &mut Nowhere);
        }
    }
}

#[divan::bench(args = [3, 50, 200])]
fn all_talk_pcmu(bencher: Bencher<'_, '_>, members: u32) {
    run(bencher, CodecId::PCMU, members, 0);
}

#[divan::bench(args = [3, 50])]
fn all_talk_opus(bencher: Bencher<'_, '_>, members: u32) {
    run(bencher, CodecId::OPUS, members, 0);
}

#[divan::bench(args = [1_000])]
fn three_talk_to_listeners_pcmu(bencher: Bencher<'_, '_>, listeners: u32) {
    run(bencher, CodecId::PCMU, 3, listeners);
}

#[divan::bench(args = [1_000])]
fn three_talk_to_listeners_opus(bencher: Bencher<'_, '_>, listeners: u32) {
    run(bencher, CodecId::OPUS, 3, listeners);
}

fn run(bencher: Bencher<'_, '_>, codec: CodecId, talkers: u32, listeners: u32) {
    let mut conference = Conference::new(codec, talkers, listeners);
    bencher
        .counter(ItemsCount::new(talkers + listeners))
        .bench_local(|| conference.frame());
}

/// The mixer alone: one frame of three is added up, and each hears the other two.
#[divan::bench(args = [8_000, 48_000])]
fn mix_of_three(bencher: Bencher<'_, '_>, rate: u32) {
    let mut band = Band::new(rate);
    let voice: Vec<i16> = (0..rate as i16 / 50).map(|n| n * 20).collect();
    let mut out = voice.clone();
    bencher.counter(ItemsCount::new(3_u32)).bench_local(|| {
        band.begin();
        (0..3).for_each(|_| band.add(&voice));
        for _ in 0..3 {
            band.without(std::iter::once(&voice[..]), &mut out);
            divan::black_box(&out);
        }
    });
}

fn speech(codec: CodecId) -> Vec<u8> {
    let samples = codec.sample_rate() as usize / 50;
    let pcm: Vec<i16> = (0..samples)
        .map(|n| ((n as f64 * 0.4).sin() * 6_000.0) as i16)
        .collect();
    let mut encoder = codec.encoder(Variant::default()).expect("a codec of ours");
    let mut payload = vec![0; 1_275];
    let len = encoder.encode(&pcm, &mut payload);
    payload.truncate(len);
    payload
}
