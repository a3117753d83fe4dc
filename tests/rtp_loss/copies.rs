//! Lost packets whose followers hold copies of them: forward error correction in Opus.

use std::time::Duration;

use muleteer::codec::CodecId;
use muleteer::media::{Playout, PlayoutCounters};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::ear::{Ear, OPUS, Packet, Talker};
use crate::support::audio::{self, largest_step};
use crate::support::media::parameters;
use crate::support::server::project_root;

const WITH_COPIES: &str = "useinbandfec=1";
/// Of the wanted delay when nothing is lost and nothing is late.
const SHORTEST: Duration = Duration::from_millis(10);
/// The same when the follower of a packet of 20 ms is waited for.
const WITH_FOLLOWER: Duration = Duration::from_millis(22);

#[test]
fn a_lost_packet_is_heard_from_the_copy_in_the_next() {
    for lose in [every_fifth, one_in_twenty] {
        let whole = hear(Playout::Adaptive, WITH_COPIES, |packets| packets);
        assert_eq!(whole.counters.delay, SHORTEST);
        assert_eq!(whole.counters.inserted, Duration::ZERO);
        let concealed = hear(Playout::Adaptive, "", lose);
        let fixed = hear(Playout::Fixed(Duration::from_millis(40)), WITH_COPIES, lose);
        let adaptive = hear(Playout::Adaptive, WITH_COPIES, lose);
        assert_eq!(adaptive.counters.delay, WITH_FOLLOWER);
        assert_eq!(concealed.counters.delay, SHORTEST);
        let noise = |sound: &Sound| noise(&whole.pcm, &sound.pcm);
        let [concealed, fixed, adaptive] = [&concealed, &fixed, &adaptive].map(noise);
        assert!(adaptive < fixed * 1.25, "{adaptive} {fixed}");
        assert!(adaptive < concealed / 2.0, "{adaptive} {concealed}");
    }
}

#[test]
fn the_delay_grows_with_the_first_loss_and_shrinks_when_none_follows() {
    let mut talker = speaker(WITH_COPIES);
    let mut ear = Ear::new();
    ear.receive(talker.talk_ms(5_000));
    assert_eq!(ear.counters().delay, SHORTEST);
    // Not every packet holds a copy, so several are lost.
    ear.receive(one_in_twenty(talker.talk_ms(5_000)));
    let longer = ear.counters();
    assert_eq!(longer.delay, WITH_FOLLOWER);
    assert!(longer.inserted >= Duration::from_millis(5), "{longer:?}");
    ear.receive(talker.talk_ms(12_000));
    let after = ear.counters();
    assert_eq!(after.delay, SHORTEST);
    assert!(after.removed >= Duration::from_millis(5), "{after:?}");
    assert_eq!(after.packets.late + after.packets.dropped, 0);
    let mut clean = Ear::new();
    clean.receive(speaker(WITH_COPIES).talk_ms(22_000));
    let (step, clean) = (largest_step(&ear.heard), largest_step(&clean.heard));
    assert!(step <= clean + clean / 10, "{step} {clean}");
}

#[test]
fn what_has_no_copies_keeps_its_delay_when_it_is_lost() {
    let mut ear = Ear::new();
    ear.receive(every_fifth(Talker::new().talk_ms(20_000)));
    let counters = ear.counters();
    assert!(counters.packets.lost > 190, "{counters:?}");
    assert_eq!(counters.delay, SHORTEST);
    assert_eq!(counters.inserted + counters.removed, Duration::ZERO);
}

struct Sound {
    counters: PlayoutCounters,
    /// From when the delay has settled.
    pcm: Vec<i16>,
}

/// What is heard of 14 s of speech in Opus of which `lose` takes packets away.
fn hear(playout: Playout, fmtp: &str, lose: fn(Vec<Packet>) -> Vec<Packet>) -> Sound {
    let mut ear = Ear::with(playout, parameters());
    ear.receive(lose(speaker(fmtp).talk_ms(14_000)));
    Sound {
        counters: ear.counters(),
        pcm: ear.heard.split_off(4 * 8_000),
    }
}

fn speaker(fmtp: &str) -> Talker {
    let mut talker = Talker::new();
    talker.switch_to(OPUS, CodecId::OPUS, fmtp);
    talker.speech = speech();
    talker
}

/// At 16 kHz; what is between two samples is their mean.
fn speech() -> Vec<i16> {
    let pcm = audio::wav(&project_root().join("audio/demo/menu.wav"));
    let mean = |pair: &[i16]| ((i32::from(pair[0]) + i32::from(pair[1])) / 2) as i16;
    pcm.windows(2)
        .flat_map(|pair| [pair[0], mean(pair)])
        .collect()
}

fn every_fifth(packets: Vec<Packet>) -> Vec<Packet> {
    let packets = packets.into_iter().enumerate();
    let kept = packets.filter(|(n, _)| n % 5 != 4);
    kept.map(|(_, packet)| packet).collect()
}

fn one_in_twenty(mut packets: Vec<Packet>) -> Vec<Packet> {
    let mut random = SmallRng::seed_from_u64(3);
    packets.retain(|_| !random.random_bool(0.05));
    packets
}

/// What is different in `heard`, which may be up to 60 ms earlier or later than `whole`, as a part of
/// the power of `whole`.
fn noise(whole: &[i16], heard: &[i16]) -> f64 {
    const REACH: usize = 480;
    let count = whole.len().min(heard.len()) - 2 * REACH;
    let whole = &whole[REACH..REACH + count];
    let difference = |count: usize, lag: usize| -> f64 {
        let pairs = whole[..count].iter().zip(&heard[lag..]);
        pairs
            .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
            .sum()
    };
    let of_a_second = |lag: &usize| difference(8_000, *lag);
    let best = (0..2 * REACH).min_by(|a, b| of_a_second(a).total_cmp(&of_a_second(b)));
    let power: f64 = whole.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    difference(count, best.unwrap()) / power
}
