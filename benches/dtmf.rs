//! Nanoseconds per 20 ms frame to listen for keys, and to send one as a tone.

use std::time::Duration;

use divan::Bencher;
use muleteer::audio::{DtmfDetector, DtmfSender};
use muleteer::rtp::Digit;

fn main() {
    divan::main();
}

/// A key that is held for a minute.
fn tone(rate: u32) -> DtmfSender {
    let mut sender = DtmfSender::new(rate);
    sender.queue(Digit::POUND, Duration::from_secs(60));
    sender
}

#[divan::bench(args = [8_000, 16_000, 48_000])]
fn listen(bencher: Bencher, rate: u32) {
    let mut pcm = vec![0; rate as usize];
    tone(rate).fill(&mut pcm);
    let mut frames = pcm.chunks(rate as usize / 50).cycle();
    let mut detector = DtmfDetector::new(rate);
    bencher.bench_local(|| {
        let frame = frames.next().expect("an endless iterator");
        detector.hear(frame, |press| {
            divan::black_box(press);
        });
    });
}

#[divan::bench(args = [8_000, 48_000])]
fn send(bencher: Bencher, rate: u32) {
    let mut sender = tone(rate);
    let mut frame = vec![0; rate as usize / 50];
    bencher.bench_local(|| {
        if sender.is_idle() {
            sender = tone(rate);
        }
        sender.fill(divan::black_box(&mut frame));
    });
}
