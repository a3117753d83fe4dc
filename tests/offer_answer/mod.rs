//! What a peer gets for its offer, and what we understand of its answer.

mod answers;
mod hold;
mod offers;
mod robustness;
mod srtp;

use std::net::SocketAddr;
use std::time::Duration;

use muleteer::codec::{CodecId, CodecName, Codecs};
use muleteer::sdp::{
    AudioFormat, Capabilities, NegotiatedAudio, NegotiationError, OfferAnswer, SessionDescription,
};

const LOCAL: &str = "203.0.113.5:10000";

fn local() -> SocketAddr {
    LOCAL.parse().unwrap()
}

fn format(payload_type: u8, name: &str, clock_rate: u32, channels: u8) -> AudioFormat {
    let encoding_name = name.to_owned().into();
    AudioFormat {
        payload_type,
        encoding_name,
        clock_rate,
        channels,
        fmtp: None,
    }
}

/// Opus, PCMU, PCMA and events at both clock rates, without an order of our own.
fn capabilities() -> Capabilities {
    let events = |payload_type, clock_rate| AudioFormat {
        fmtp: Some("0-16".to_owned()),
        ..format(payload_type, "telephone-event", clock_rate, 1)
    };
    let opus = AudioFormat {
        fmtp: Some("useinbandfec=1".to_owned()),
        ..format(111, "opus", 48_000, 2)
    };
    Capabilities {
        formats: vec![
            opus,
            format(0, "PCMU", 8000, 1),
            format(8, "PCMA", 8000, 1),
            events(101, 8000),
            events(102, 48_000),
        ],
        codecs: Codecs::new([CodecId::OPUS, CodecId::PCMU, CodecId::PCMA]),
        ptime: Duration::from_millis(20),
    }
}

/// What a server says that speaks these codecs.
fn speaking<const N: usize>(codecs: [CodecId; N]) -> Capabilities {
    muleteer::session::call::capabilities(&Codecs::new(codecs))
}

/// The capabilities above, preferring these codecs.
fn preferring(order: &[&str]) -> Capabilities {
    let order: Vec<_> = order
        .iter()
        .map(|name| CodecName::parse(name).unwrap())
        .collect();
    let plain = capabilities();
    Capabilities {
        codecs: Codecs::chosen(plain.codecs.iter(), &order, &[]).unwrap(),
        ..plain
    }
}

/// A body with the sections given, each line ended by CRLF.
fn body(sections: &[&str]) -> String {
    let head = [
        "v=0",
        "o=- 7 7 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
    ];
    let lines = head
        .iter()
        .copied()
        .chain(sections.iter().flat_map(|section| section.lines()));
    lines.map(|line| format!("{}\r\n", line.trim())).collect()
}

fn try_answer(offer: &str) -> Result<(String, NegotiatedAudio), NegotiationError> {
    let answer = OfferAnswer::new(1 << 40).answer(offer.as_bytes(), &capabilities(), local());
    answer.map(|(body, audio)| (body, NegotiatedAudio::clone(&audio)))
}

fn answer(offer: &str) -> (SessionDescription, NegotiatedAudio) {
    let (body, audio) = try_answer(offer).unwrap();
    (SessionDescription::parse(body.as_bytes()).unwrap(), audio)
}

/// The `m=` lines of a body.
fn media_lines(body: &str) -> Vec<&str> {
    body.lines().filter(|line| line.starts_with("m=")).collect()
}
