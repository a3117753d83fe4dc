//! The same over real sockets.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use muleteer::codec::{CodecId, Variant};
use muleteer::media::{MediaCommand, MediaConfig, MediaPool, Output, StreamParameters};

use super::talker::{ATTACKER_HZ, PEER_HZ, Talker};
use crate::support::audio::ms_of;
use crate::support::media::parameters;
use crate::support::process::hundred_ports;
use crate::support::sockets::{LOOPBACK, PATIENCE, eventually, peer};

/// How long an echo is waited for before more is said.
const ROUND: Duration = Duration::from_millis(40);

#[test]
fn an_attacker_on_another_host_is_neither_heard_nor_sent_to() {
    let pool = MediaPool::start(MediaConfig {
        threads: 1,
        ports: hundred_ports(),
        ..MediaConfig::default()
    })
    .unwrap();
    let stream = pool.open(LOOPBACK, Box::new(|_| true)).unwrap();
    let victim = peer();
    let attacker = UdpSocket::bind(("127.0.0.66", 0)).unwrap();
    victim.set_read_timeout(Some(ROUND)).unwrap();
    attacker.set_nonblocking(true).unwrap();
    let configured = StreamParameters {
        remote: Some(victim.local_addr().unwrap()),
        ..parameters()
    };
    stream
        .command(MediaCommand::Configure(Box::new(configured)))
        .unwrap();
    stream
        .command(MediaCommand::SetOutput(Output::Echo))
        .unwrap();
    eventually("the stream listens", || pool.totals().active_streams == 1);
    let begin = Instant::now();
    let (mut voice, mut noise) = (Talker::peer(""), Talker::attacker(""));
    let mut heard = Vec::new();
    let mut echo = [0; 1_500];
    // A round waits for an echo, so that the stream keeps the time, but not for ever: what comes late on a busy
    // machine is not heard.
    while ms_of(&heard, PEER_HZ) < 300 {
        assert!(begin.elapsed() < PATIENCE, "the peer is heard");
        attacker
            .send_to(&noise.packet(), stream.local_addr())
            .unwrap();
        victim
            .send_to(&voice.packet(), stream.local_addr())
            .unwrap();
        if let Ok(len) = victim.recv(&mut echo) {
            let mut pcm = [0; 480];
            let mut decoder = CodecId::PCMU.decoder(Variant::default()).unwrap();
            let samples = decoder.decode(&echo[12..len], &mut pcm).unwrap();
            heard.extend_from_slice(&pcm[..samples]);
        }
    }
    assert_eq!(ms_of(&heard, ATTACKER_HZ), 0);
    assert!(
        attacker.recv(&mut echo).is_err(),
        "nothing comes to the attacker"
    );
    assert!(pool.totals().packets_from_strangers > 0);
}
