//! What benchmarks of the media core share.

use std::net::SocketAddr;

use muleteer::codec::CodecId;
use muleteer::media::{MediaEvent, MediaFormat, MediaIo, Retired, StreamId, StreamParameters};
use muleteer::rtp::PayloadType;

/// A network that is free of charge.
pub struct Nowhere;

impl MediaIo for Nowhere {
    fn send(&mut self, _: StreamId, _: SocketAddr, packet: &[u8]) {
        divan::black_box(packet);
    }
    fn event(&mut self, _: StreamId, _: MediaEvent) {}
    fn send_control(&mut self, _: StreamId, _: SocketAddr, _: &[u8]) {}
    fn control_port(&mut self, _: StreamId, _: bool) {}
    fn listen(&mut self, _: StreamId, _: bool) {}
    fn retire(&mut self, _: Retired) {}
    fn closed(&mut self, _: StreamId) {}
}

/// Where every peer is.
pub fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000))
}

/// `codec` under its own number, or 96.
pub fn format(codec: CodecId) -> MediaFormat {
    let payload_type = codec.static_payload_type().or(PayloadType::new(96));
    MediaFormat::new(payload_type.expect("96 is a payload number"), codec)
}

/// A stream that sends and receives `codec`.
pub fn parameters(codec: CodecId) -> StreamParameters {
    StreamParameters::new(Some(peer()), format(codec))
}
