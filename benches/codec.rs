//! Nanoseconds per 20 ms frame of each codec, in both directions and for a lost packet.

use divan::Bencher;
use muleteer::codec::{CodecId, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES, Variant};

fn main() {
    divan::main();
}

/// A second of a vowel-like sound: harmonics of 125 Hz.
fn voice(codec: CodecId) -> Vec<i16> {
    let rate = codec.sample_rate();
    let sample = |i: u32| {
        let turns = f64::from(i) / f64::from(rate) * 125.0;
        let wave = |harmonic: f64| (turns * harmonic * std::f64::consts::TAU).sin() / harmonic;
        (6_000.0 * [1.0, 3.0, 5.0, 12.0].map(wave).iter().sum::<f64>()) as i16
    };
    (0..rate).map(sample).collect()
}

fn payloads(codec: CodecId) -> Vec<Vec<u8>> {
    let mut encoder = codec
        .encoder(Variant::default())
        .expect("libopus is installed");
    let mut payload = [0; MAX_PAYLOAD_BYTES];
    voice(codec)
        .chunks(codec.sample_rate() as usize / 50)
        .map(|frame| {
            let len = encoder.encode(frame, &mut payload);
            payload[..len].to_vec()
        })
        .collect()
}

#[divan::bench(args = CodecId::BUILT_IN)]
fn encode(bencher: Bencher, codec: CodecId) {
    let pcm = voice(codec);
    let mut frames = pcm.chunks(codec.sample_rate() as usize / 50).cycle();
    let mut encoder = codec
        .encoder(Variant::default())
        .expect("libopus is installed");
    let mut payload = [0; MAX_PAYLOAD_BYTES];
    bencher.bench_local(|| {
        let frame = frames.next().expect("an endless iterator");
        encoder.encode(frame, &mut payload)
    });
}

#[divan::bench(args = CodecId::BUILT_IN)]
fn decode(bencher: Bencher, codec: CodecId) {
    let payloads = payloads(codec);
    let mut payloads = payloads.iter().cycle();
    let mut decoder = codec
        .decoder(Variant::default())
        .expect("libopus is installed");
    let mut out = [0; MAX_PACKET_SAMPLES];
    bencher.bench_local(|| {
        let payload = payloads.next().expect("an endless iterator");
        decoder.decode(payload, &mut out)
    });
}

/// Every second packet is lost, so half of each figure is a decoded frame.
#[divan::bench(args = CodecId::BUILT_IN)]
fn conceal(bencher: Bencher, codec: CodecId) {
    let payloads = payloads(codec);
    let mut payloads = payloads.iter().cycle();
    let mut decoder = codec
        .decoder(Variant::default())
        .expect("libopus is installed");
    let mut out = [0; MAX_PACKET_SAMPLES];
    let frame_samples = codec.sample_rate() as usize / 50;
    bencher.bench_local(|| {
        let payload = payloads.next().expect("an endless iterator");
        let decoded = decoder.decode(payload, &mut out);
        (decoded, decoder.conceal(&mut out[..frame_samples]))
    });
}
