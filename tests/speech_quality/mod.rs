//! Speech through the whole server over a bad network, judged by PESQ (ITU-T P.862).
//!
//! What a caller says goes to `echo` with packets lost and late, and what comes back is compared with
//! what was said. The measure is what the codec alone makes of the same packets when none is late: all
//! that the jitter buffer, the playout and the media threads may take away from that is a twentieth of
//! a point.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::codec::{CodecId, Decoder};
use muleteer::rtp::RtpPacket;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::support::audio;
use crate::support::caller::Caller;
use crate::support::server::{TestServer, project_root};

const FRAME: usize = 160;
const FRAME_TIME: Duration = Duration::from_millis(20);
/// A packet comes up to so much later than the fastest.
const JITTER: Duration = Duration::from_millis(40);
/// Frames of silence before the speech, in which the jitter shows: what is judged is a call under way.
const LEAD: usize = 200;
/// Talks until one has what is asked. On a machine that is busy with other tests packets come later than the
/// line says, and threads run late; a server that does worse than it should fails in all of them.
const ATTEMPTS: usize = 6;
/// What the server may take away, in points of PESQ.
const TOLERANCE: f64 = 0.05;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jitter_and_loss_cost_no_more_than_the_codec_makes_of_the_loss() {
    let server = TestServer::start().await;
    let speech = audio::wav(&project_root().join("audio/demo/menu.wav"));
    let folder = tempfile::tempdir().unwrap();
    let said = folder.path().join("said.wav");
    std::fs::write(&said, audio::wav_file(&speech)).unwrap();

    let mut open = Vec::new();
    for percent in [0, 2, 5] {
        let line = Arc::new(Line::new(&speech, percent));
        let alone = folder.path().join(format!("alone-{percent}.wav"));
        std::fs::write(&alone, audio::wav_file(&line.codec_alone())).unwrap();
        open.push((percent, line, pesq(&said, &alone)));
    }
    for _ in 0..ATTEMPTS {
        let mut talks = Vec::new();
        for (percent, line, alone) in open.drain(..) {
            let mut caller = Caller::new(server.udp, "echo").await;
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let answer = caller.call(socket.local_addr().unwrap().port()).await;
            let port = port_of(&String::from_utf8_lossy(&answer.body));
            let speaker = line.clone();
            let talk = tokio::task::spawn_blocking(move || speaker.talk(&socket, port));
            talks.push((percent, line, alone, caller, talk));
        }
        for (percent, line, alone, mut caller, talk) in talks {
            let through = folder.path().join(format!("through-{percent}.wav"));
            std::fs::write(&through, audio::wav_file(&talk.await.unwrap())).unwrap();
            caller.bye().await;
            let through = pesq(&said, &through);
            println!("{percent} % loss: codec alone {alone:.3}, through the server {through:.3}");
            if through < alone - TOLERANCE {
                open.push((percent, line, alone));
            }
        }
    }
    server.stop().await;
    let missed: Vec<_> = open.iter().map(|(percent, ..)| percent).collect();
    assert!(
        missed.is_empty(),
        "with {missed:?} % loss no talk came within {TOLERANCE} points of the codec alone"
    );
}

/// What happens to each packet of a talk on its way to the server.
struct Line {
    payloads: Vec<Vec<u8>>,
    /// How much later than the fastest each comes; `None` for a lost one.
    delays: Vec<Option<Duration>>,
}

impl Line {
    fn new(speech: &[i16], loss_percent: u32) -> Self {
        let variant = CodecId::PCMU.variant("").unwrap();
        let mut encoder = CodecId::PCMU.encoder(variant).unwrap();
        let mut random = SmallRng::seed_from_u64(u64::from(loss_percent));
        let lead = std::iter::repeat_n(&[0; FRAME][..], LEAD);
        let payloads = lead.chain(speech.chunks_exact(FRAME)).map(|frame| {
            let mut payload = vec![0; FRAME];
            encoder.encode(frame, &mut payload);
            payload
        });
        let payloads: Vec<_> = payloads.collect();
        let delays = payloads.iter().enumerate().map(|(number, _)| {
            let lost = random.random_range(0..100) < loss_percent;
            let delay = random.random_range(0..JITTER.as_micros() as u64);
            // The first ones arrive, so that all listeners begin alike.
            (!lost || number < 10).then(|| Duration::from_micros(delay))
        });
        let delays = delays.collect();
        Self { payloads, delays }
    }

    /// The decoder's work on all packets in order.
    fn codec_alone(&self) -> Vec<i16> {
        let mut decoder = decoder();
        let mut heard = Vec::new();
        for (payload, delay) in self.payloads.iter().zip(&self.delays) {
            let mut pcm = [0; FRAME];
            match delay {
                Some(_) => decoder.decode(payload, &mut pcm).unwrap(),
                None => decoder.conceal(&mut pcm),
            };
            heard.extend(pcm);
        }
        heard.split_off(LEAD * FRAME)
    }

    /// Says it all to the server's `port` and listens to what comes back, for a while longer.
    fn talk(&self, socket: &UdpSocket, port: u16) -> Vec<i16> {
        let times = self.delays.iter().enumerate();
        let times = times
            .filter_map(|(number, delay)| Some((FRAME_TIME * number as u32 + (*delay)?, number)));
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        let mut echo = Echo::default();
        let start = Instant::now();
        for (time, number) in times {
            echo.listen(socket, start + time);
            let packet = packet(number as u16, &self.payloads[number]);
            socket.send_to(&packet, ("127.0.0.1", port)).unwrap();
        }
        echo.listen(socket, Instant::now() + Duration::from_millis(500));
        echo.heard.split_off(LEAD * FRAME)
    }
}

/// What came back, at its place in time.
#[derive(Default)]
struct Echo {
    first: Option<u32>,
    heard: Vec<i16>,
}

impl Echo {
    fn listen(&mut self, socket: &UdpSocket, until: Instant) {
        let mut buffer = [0; 1500];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            socket.set_read_timeout(Some(left)).unwrap();
            let Ok(count) = socket.recv(&mut buffer) else {
                continue;
            };
            let Ok(packet) = RtpPacket::parse(&buffer[..count]) else {
                continue;
            };
            let timestamp = packet.timestamp.0;
            let first = *self.first.get_or_insert(timestamp);
            let at = timestamp.wrapping_sub(first) as usize;
            self.heard.resize(self.heard.len().max(at + FRAME), 0);
            let out = &mut self.heard[at..at + FRAME];
            decoder().decode(packet.payload, out).unwrap();
        }
    }
}

fn decoder() -> Box<dyn Decoder> {
    let variant = CodecId::PCMU.variant("").unwrap();
    CodecId::PCMU.decoder(variant).unwrap()
}

fn packet(number: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(number.to_be_bytes());
    packet.extend((u32::from(number) * FRAME as u32).to_be_bytes());
    packet.extend(0x5350_4545_u32.to_be_bytes());
    packet.extend(payload);
    packet
}

fn port_of(answer: &str) -> u16 {
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("m=audio "));
    let port = line.and_then(|line| line.split(' ').next());
    port.expect("an audio line").parse().expect("a port")
}

/// The score of `heard` against `said`, both at 8 kHz.
fn pesq(said: &Path, heard: &Path) -> f64 {
    let python = project_root().join("target/python/bin/python");
    assert!(
        python.is_file(),
        "PESQ is not here: run make test-packages, which puts it into target/python"
    );
    let script = project_root().join("tests/speech_quality/score.py");
    let output = Command::new(python)
        .arg(script)
        .args([said, heard])
        .output()
        .unwrap();
    let score = String::from_utf8_lossy(&output.stdout).trim().parse();
    score.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}
