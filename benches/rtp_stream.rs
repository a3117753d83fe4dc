//! Nanoseconds per received packet: parsed, source checked, through the jitter buffer; and per
//! sent header.
#![allow(clippy::disallowed_methods)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use divan::Bencher;
use muleteer::rtp::{
    ClockRate, Front, JitterBuffer, JitterConfig, PayloadType, RTP_HEADER_BYTES, RtpHeaderTemplate,
    RtpPacket, SourceLatch, SourceRule, TransitTimes, Verdict,
};

fn main() {
    divan::main();
}

/// 20 ms of G.711 a datagram; as many as there are sequence numbers, so that they can go round.
fn datagrams() -> Vec<[u8; RTP_HEADER_BYTES + 160]> {
    let mut template = RtpHeaderTemplate::new(1);
    (0..=u16::MAX)
        .map(|_| {
            let mut datagram = [0x55; RTP_HEADER_BYTES + 160];
            let header = template.next_header(PayloadType::PCMA, false, template.clock());
            datagram[..RTP_HEADER_BYTES].copy_from_slice(header);
            template.advance(160);
            datagram
        })
        .collect()
}

#[divan::bench]
fn receive(bencher: Bencher) {
    let datagrams = datagrams();
    let mut datagrams = datagrams.iter().cycle();
    let source: SocketAddr = ([192, 0, 2, 1], 4_000).into();
    let mut latch = SourceLatch::new(Some(source), SourceRule::default());
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let mut transit = TransitTimes::default();
    let mut now = Instant::now();
    bencher.bench_local(|| {
        let datagram = datagrams.next().expect("an endless iterator");
        let packet = RtpPacket::parse(datagram).expect("made above");
        let verdict = latch.check(now, source, &packet, ClockRate::HZ_8000);
        if !matches!(verdict, Verdict::Refused(_)) {
            buffer.push(&packet);
            transit.note(now, ClockRate::HZ_8000, packet.timestamp);
        }
        now += Duration::from_millis(20);
        let here = matches!(buffer.front(), Front::Packet(_));
        buffer.pop();
        here
    });
}

#[divan::bench]
fn send_header(bencher: Bencher) {
    let mut template = RtpHeaderTemplate::new(1);
    bencher.bench_local(|| {
        template.advance(160);
        *template.next_header(PayloadType::PCMA, false, template.clock())
    });
}
