//! Peers on real sockets of loopback.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use muleteer::codec::{CodecId, Variant};
use muleteer::rtp::RtpPacket;

pub const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Longest wait for something that has to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A socket on a free port, on which [`receive`] waits no longer than [`PATIENCE`].
pub fn peer() -> UdpSocket {
    let socket = UdpSocket::bind((LOOPBACK, 0)).expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket
}

/// Waits for a datagram. A wait ends before its time when the whole machine was stopped, so it begins anew then.
pub fn receive(socket: &UdpSocket, out: &mut [u8]) -> (usize, SocketAddr) {
    loop {
        match socket.recv_from(out) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            received => return received.expect("a datagram"),
        }
    }
}

/// What the next packets of PCMU say.
pub fn hear(peer: &UdpSocket, packets: usize) -> Vec<i16> {
    let mut decoder = CodecId::PCMU
        .decoder(Variant::default())
        .expect("a decoder");
    let mut pcm = Vec::new();
    for _ in 0..packets {
        let (mut datagram, mut samples) = ([0; 1_500], [0; 480]);
        let (len, _) = receive(peer, &mut datagram);
        let packet = RtpPacket::parse(&datagram[..len]).expect("RTP");
        let count = decoder.decode(packet.payload, &mut samples);
        pcm.extend_from_slice(&samples[..count.expect("a payload")]);
    }
    pcm
}

/// Waits until `condition` holds, without sleeping: the socket's timeout is the clock.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let clock = UdpSocket::bind((LOOPBACK, 0)).expect("a free port");
    let moment = Duration::from_millis(5);
    clock.set_read_timeout(Some(moment)).expect("a timeout");
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        let _ = clock.recv(&mut [0]);
    }
}
