use std::net::UdpSocket;

use super::*;
use crate::codec::CodecId;
use crate::media::command::{MediaCommand, MediaFormat, StreamParameters};
use crate::media::file_io::FileThread;
use crate::media::sockets::{Control, Opened, Port};
use crate::rtp::PayloadType;

/// Hears `peer` in PCMU.
fn hearing(peer: &UdpSocket) -> MediaCommand {
    let format = MediaFormat::new(PayloadType::PCMU, CodecId::PCMU);
    let parameters = StreamParameters::new(peer.local_addr().ok(), format);
    MediaCommand::Configure(Box::new(parameters))
}

#[test]
fn a_flood_is_read_up_and_not_left_before_the_packets_of_the_call() {
    const FLOOD: u64 = 100;
    let now = Instant::now();
    let files = FileThread::start().expect("a thread");
    let shared = Arc::new(Shared::new(4, Arc::new(Directory::new(4))));
    let stats = shared.stats.clone();
    let core = Core::new(now, Duration::from_millis(2), 7, stats.clone());
    let mut worker = Worker::new(core, files.io().clone(), shared.clone()).expect("epoll");
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let (ours, peer) = (bind(), bind());
    ours.set_nonblocking(true).expect("a socket");
    let address = ours.local_addr().expect("it is bound");
    let id = shared.directory.new_stream();
    let opened = Opened {
        port: Port::new(ours),
        control: Control::Shared,
        sink: Box::new(|_| true),
    };
    worker.handle_request(now, Request::Open(id, Box::new(opened)));
    worker.handle_request(now, Request::Command(id, hearing(&peer)));
    worker.world.settle_listening();
    assert!(!worker.read_sockets(now), "nothing has come");
    for _ in 0..FLOOD {
        peer.send_to(b"junk", address).expect("loopback");
    }
    let mut most_at_once = 0;
    while stats.packets_malformed.value() < FLOOD {
        let before = stats.packets_malformed.value();
        let is_flooded = worker.read_sockets(now);
        let read = stats.packets_malformed.value() - before;
        assert_eq!(is_flooded, read > READ_ROUNDS as u64);
        most_at_once = most_at_once.max(read);
    }
    assert!(most_at_once > READ_ROUNDS as u64);
}
