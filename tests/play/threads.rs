//! The real threads on loopback.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use muleteer::audio::recorder::{EndCause, Sides};
use muleteer::audio::recording::{FileFormat, WavEncoding};
use muleteer::codec::{CodecId, Variant};
use muleteer::media::{
    MediaCommand, MediaConfig, MediaEvent, MediaPool, OpenError, Output, RecordingRequest,
    StartError, StreamHandle, StreamParameters,
};
use muleteer::rtp::{PayloadType, RtpHeaderTemplate};

use crate::support::audio::{ms_of, sine};
use crate::support::media::{looped, once, parameters, tone_prompt};
use crate::support::process::hundred_ports;
use crate::support::sockets::{LOOPBACK, PATIENCE, eventually, hear, peer};

/// A pool whose ports no other test uses.
fn pool() -> MediaPool {
    MediaPool::start(MediaConfig {
        threads: 2,
        ports: hundred_ports(),
        ..MediaConfig::default()
    })
    .unwrap()
}

fn open(pool: &MediaPool) -> (StreamHandle, Receiver<MediaEvent>) {
    let (events, receiver) = mpsc::channel();
    let sink = Box::new(move |event| events.send(event).is_ok());
    (pool.open(LOOPBACK, sink).unwrap(), receiver)
}

fn towards(peer: &UdpSocket) -> Box<StreamParameters> {
    Box::new(StreamParameters {
        remote: Some(peer.local_addr().unwrap()),
        ..parameters()
    })
}

#[test]
fn a_prompt_is_heard_on_loopback() {
    let pool = pool();
    let (stream, events) = open(&pool);
    let peer = peer();
    stream.command(MediaCommand::SetReceiving(false)).unwrap();
    stream
        .command(MediaCommand::Configure(towards(&peer)))
        .unwrap();
    stream
        .command(MediaCommand::Append(once(&tone_prompt(440.0, 400))))
        .unwrap();
    assert_eq!(ms_of(&hear(&peer, 20), 440.0), 400);
    assert_eq!(
        events.recv_timeout(PATIENCE),
        Ok(MediaEvent::NoAudio { version: 1 })
    );
    assert_eq!(pool.totals().packets_sent, 20);
}

#[test]
fn a_peer_whose_port_is_closed_does_not_end_the_stream() {
    let pool = pool();
    let (stream, events) = open(&pool);
    let gone = peer();
    stream.command(MediaCommand::SetReceiving(false)).unwrap();
    stream
        .command(MediaCommand::Configure(towards(&gone)))
        .unwrap();
    drop(gone);
    stream
        .command(MediaCommand::Append(once(&tone_prompt(440.0, 200))))
        .unwrap();
    assert_eq!(
        events.recv_timeout(PATIENCE),
        Ok(MediaEvent::NoAudio { version: 1 })
    );
    let peer = peer();
    stream
        .command(MediaCommand::Configure(towards(&peer)))
        .unwrap();
    stream
        .command(MediaCommand::Append(once(&tone_prompt(440.0, 100))))
        .unwrap();
    assert_eq!(ms_of(&hear(&peer, 5), 440.0), 100);
}

#[test]
fn an_echo_crosses_real_sockets() {
    let pool = pool();
    let (stream, _events) = open(&pool);
    let peer = peer();
    stream
        .command(MediaCommand::Configure(towards(&peer)))
        .unwrap();
    stream
        .command(MediaCommand::SetOutput(Output::Echo))
        .unwrap();
    let mut header = RtpHeaderTemplate::new(1);
    let mut encoder = CodecId::PCMU.encoder(Variant::default()).unwrap();
    // The first packets may come before the stream listens.
    eventually("the stream listens", || pool.totals().active_streams == 1);
    for frame in sine(440.0, 100).chunks_exact(160) {
        let mut datagram = [0; 172];
        let clock = header.clock();
        datagram[..12].copy_from_slice(header.next_header(PayloadType::PCMU, false, clock));
        header.advance(160);
        encoder.encode(frame, &mut datagram[12..]);
        peer.send_to(&datagram, stream.local_addr()).unwrap();
    }
    assert!(ms_of(&hear(&peer, 3), 440.0) >= 40);
}

#[test]
fn what_came_while_nobody_listened_is_not_heard_later() {
    let pool = pool();
    let (stream, _events) = open(&pool);
    let peer = peer();
    stream.command(MediaCommand::SetReceiving(false)).unwrap();
    stream
        .command(MediaCommand::Configure(towards(&peer)))
        .unwrap();
    stream
        .command(MediaCommand::Append(looped(&tone_prompt(440.0, 100))))
        .unwrap();
    hear(&peer, 1);
    for _ in 0..50 {
        peer.send_to(&[0x80; 172], stream.local_addr()).unwrap();
    }
    stream.command(MediaCommand::SetReceiving(true)).unwrap();
    hear(&peer, 20);
    assert_eq!(pool.totals().packets_received, 0);
    assert_eq!(pool.totals().packets_malformed, 0);
}

#[test]
fn a_recording_is_on_disk_when_it_is_reported() {
    let pool = pool();
    let (stream, _events) = open(&pool);
    let peer = peer();
    stream
        .command(MediaCommand::Configure(towards(&peer)))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let (ended, receiver) = mpsc::channel();
    let done = Box::new(move |end| ended.send(end).unwrap());
    let request = RecordingRequest {
        path: path.clone(),
        format: FileFormat::Wav(WavEncoding::Pcm16),
        sample_rate: 8_000,
        sides: Sides::Peer,
        limit: Some(Duration::from_millis(200)),
        silence: None,
        trim: false,
    };
    let sink = pool.files().record(request, done).unwrap();
    stream.command(MediaCommand::StartRecording(sink)).unwrap();
    let end = receiver.recv_timeout(PATIENCE).unwrap();
    assert_eq!(end.cause, EndCause::Length);
    assert_eq!(end.length, Duration::from_millis(200));
    assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 1_600);
}

#[test]
fn ports_come_back_after_thousands_of_streams() {
    let pool = pool();
    for _ in 0..60 {
        let mut streams = Vec::new();
        eventually("all ports are free again", || {
            streams.clear();
            streams.extend((0..50).map_while(|_| pool.open(LOOPBACK, Box::new(|_| true)).ok()));
            streams.len() == 50
        });
        let exhausted = pool.open(LOOPBACK, Box::new(|_| true)).unwrap_err();
        assert!(
            matches!(exhausted, OpenError::PortsExhausted { .. }),
            "{exhausted}"
        );
    }
    eventually("all streams are closed", || pool.totals().streams == 0);
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let config = MediaConfig {
        threads: 1,
        ports: hundred_ports(),
        max_streams: 2,
        ..MediaConfig::default()
    };
    let pool = MediaPool::start(config).unwrap();
    let (_one, _) = open(&pool);
    let (_two, _) = open(&pool);
    let refused = pool.open(LOOPBACK, Box::new(|_| true)).unwrap_err();
    assert!(matches!(refused, OpenError::TooManyStreams { limit: 2 }));
}

#[test]
fn a_slot_must_divide_the_frame() {
    let config = MediaConfig {
        slot: Duration::from_millis(3),
        ..MediaConfig::default()
    };
    assert!(matches!(MediaPool::start(config), Err(StartError::Slot(_))));
}

#[test]
fn a_stream_is_shared_by_no_one_and_moves_between_threads() {
    fn assert_send<T: Send>() {}
    assert_send::<StreamHandle>();
    assert_send::<Arc<MediaPool>>();
}
