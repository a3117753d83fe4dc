//! A peer that talks, a network with a seed, and one stream that listens, in virtual time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::audio::recorder::{RecorderSource, RecordingPlan, recorder};
use muleteer::codec::{CodecId, Encoder, Variant};
use muleteer::media::{
    Core, MediaCommand, MediaEvent, MediaFormat, MediaIo, MediaStats, Playout, PlayoutCounters,
    Retired, StreamId, StreamParameters,
};
use muleteer::rtp::PayloadType;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::support::media::{PEER, parameters};

/// The tone that most peers say: no whole number of its periods is a frame.
pub const TONE: f64 = 187.0;
pub const PEAK: f64 = 8_000.0;
pub const OPUS: PayloadType = PayloadType::new(96).expect("below 128");

/// A packet on its way.
#[derive(Clone)]
pub struct Packet {
    /// When it arrives.
    pub at: Duration,
    pub bytes: Vec<u8>,
}

impl Packet {
    pub fn later(mut self, ms: u64) -> Self {
        self.at += Duration::from_millis(ms);
        self
    }
}

/// Says a tone that never ends, or what it is given, in packets.
pub struct Talker {
    pub number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub marker: bool,
    pub payload_type: PayloadType,
    pub packet_ms: u64,
    /// What its clock does in addition, in millionths.
    pub ppm: f64,
    /// What it says again and again instead of the tone, at the sample rate of its codec.
    pub speech: Vec<i16>,
    encoder: Box<dyn Encoder>,
    rate: u32,
    clock: u32,
    /// Of its own clock, in ms.
    time: u64,
    samples: u64,
}

impl Talker {
    pub fn new() -> Self {
        Self {
            number: 65_500,
            timestamp: u32::MAX - 16_000,
            ssrc: 7,
            marker: false,
            payload_type: PayloadType::PCMU,
            packet_ms: 20,
            ppm: 0.0,
            speech: Vec::new(),
            encoder: CodecId::PCMU.encoder(Variant::default()).unwrap(),
            rate: 8_000,
            clock: 8_000,
            time: 5,
            samples: 0,
        }
    }

    pub fn switch(&mut self, payload_type: PayloadType, codec: CodecId) {
        self.switch_to(payload_type, codec, "");
    }

    /// `fmtp` is what the listener asked for.
    pub fn switch_to(&mut self, payload_type: PayloadType, codec: CodecId, fmtp: &str) {
        self.payload_type = payload_type;
        self.encoder = codec.encoder(codec.variant(fmtp).unwrap()).unwrap();
        self.samples = self.samples * u64::from(codec.sample_rate()) / u64::from(self.rate);
        self.rate = codec.sample_rate();
        self.clock = codec.clock_rate().get();
    }

    /// The packet that it sends next, there at once.
    pub fn talk(&mut self) -> Packet {
        let pcm: Vec<i16> = (0..self.packet_ms * u64::from(self.rate) / 1_000)
            .map(|n| {
                let speech = &self.speech;
                if !speech.is_empty() {
                    return speech[(self.samples + n) as usize % speech.len()];
                }
                let seconds = (self.samples + n) as f64 / f64::from(self.rate);
                ((seconds * TONE * std::f64::consts::TAU).sin() * PEAK) as i16
            })
            .collect();
        let mut payload = [0; 1_400];
        let len = self.encoder.encode(&pcm, &mut payload);
        assert!(len > 0);
        self.samples += pcm.len() as u64;
        self.send(self.payload_type, &payload[..len])
    }

    /// A packet of comfort noise.
    pub fn noise(&mut self, level: u8) -> Packet {
        self.send(PayloadType::COMFORT_NOISE, &[level])
    }

    /// Sends nothing, while time goes on.
    pub fn pause(&mut self, ms: u64) {
        self.time += ms;
        self.timestamp = self.timestamp.wrapping_add(self.ticks(ms));
    }

    pub fn talk_ms(&mut self, ms: u64) -> Vec<Packet> {
        (0..ms / self.packet_ms).map(|_| self.talk()).collect()
    }

    fn send(&mut self, payload_type: PayloadType, payload: &[u8]) -> Packet {
        let marker = u8::from(std::mem::take(&mut self.marker)) << 7;
        let mut bytes = vec![0x80, payload_type.get() | marker];
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.extend(payload);
        let seconds = self.time as f64 / 1_000.0 / (1.0 + self.ppm / 1e6);
        self.number = self.number.wrapping_add(1);
        self.pause(self.packet_ms);
        Packet {
            at: Duration::from_secs_f64(seconds),
            bytes,
        }
    }

    fn ticks(&self, ms: u64) -> u32 {
        (ms * u64::from(self.clock) / 1_000) as u32
    }
}

/// What a network does to packets.
pub struct Network {
    random: SmallRng,
    pub loss: f64,
    pub twice: f64,
    /// Packets take up to so much longer.
    pub jitter_ms: f64,
}

impl Network {
    pub fn new(seed: u64) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed),
            loss: 0.0,
            twice: 0.0,
            jitter_ms: 0.0,
        }
    }

    pub fn carry(&mut self, packets: Vec<Packet>) -> Vec<Packet> {
        let mut arriving = Vec::new();
        for mut packet in packets {
            if self.random.random_bool(self.loss) {
                continue;
            }
            let jitter = self.jitter_ms / 1_000.0 * self.random.random::<f64>();
            packet.at += Duration::from_secs_f64(jitter);
            if self.random.random_bool(self.twice) {
                arriving.push(packet.clone().later(3));
            }
            arriving.push(packet);
        }
        arriving
    }
}

#[derive(Default)]
struct World {
    events: Vec<MediaEvent>,
}

impl MediaIo for World {
    fn send(&mut self, _: StreamId, _: SocketAddr, _: &[u8]) {}
    fn event(&mut self, _: StreamId, event: MediaEvent) {
        self.events.push(event);
    }
    fn send_control(&mut self, _: StreamId, _: SocketAddr, _: &[u8]) {}
    fn control_port(&mut self, _: StreamId, _: bool) {}
    fn listen(&mut self, _: StreamId, _: bool) {}
    fn retire(&mut self, _: Retired) {}
    fn closed(&mut self, _: StreamId) {}
}

/// A stream that records all it hears.
pub struct Ear {
    core: Core,
    id: StreamId,
    start: Instant,
    now: Duration,
    world: World,
    recording: RecorderSource,
    pub stats: Arc<MediaStats>,
    /// When recording began.
    began: Option<Duration>,
    /// All that was heard since.
    pub heard: Vec<i16>,
}

impl Ear {
    pub fn new() -> Self {
        Self::with(Playout::Adaptive, parameters())
    }

    pub fn with(playout: Playout, mut parameters: StreamParameters) -> Self {
        let opus = MediaFormat::new(OPUS, CodecId::OPUS);
        parameters.receive_formats.push(opus);
        let start = Instant::now();
        let stats = Arc::new(MediaStats::default());
        let slot = Duration::from_millis(5);
        let mut core = Core::new(start, slot, 7, stats.clone()).with_playout(playout);
        let id = StreamId::new(0, 0);
        core.open(id);
        let (sink, recording) = recorder(RecordingPlan::new(8_000));
        let mut ear = Self {
            core,
            id,
            start,
            now: Duration::ZERO,
            world: World::default(),
            recording,
            began: None,
            stats,
            heard: Vec::new(),
        };
        ear.command(MediaCommand::Configure(Box::new(parameters)));
        ear.command(MediaCommand::StartRecording(Box::new(sink)));
        ear
    }

    pub fn command(&mut self, command: MediaCommand) {
        let now = self.start + self.now;
        self.core
            .handle_command(now, self.id, command, &mut self.world);
    }

    /// Lets the packets come in the order of their arrival, and 200 ms pass after the last.
    pub fn listen(&mut self, packets: Vec<Packet>) {
        self.receive(packets);
        self.run_until(self.now + Duration::from_millis(200));
    }

    /// Lets the packets come in the order of their arrival.
    pub fn receive(&mut self, mut packets: Vec<Packet>) {
        packets.sort_by_key(|packet| packet.at);
        let source = PEER.parse().unwrap();
        for packet in packets {
            self.run_until(packet.at);
            let now = self.start + self.now;
            self.core
                .handle_datagram(now, self.id, source, &packet.bytes, &mut self.world);
        }
    }

    pub fn run_until(&mut self, end: Duration) {
        while let Some(deadline) = self.core.poll_timeout()
            && deadline <= self.start + end
        {
            self.now = deadline - self.start;
            self.core.handle_timeout(deadline, &mut self.world);
            self.began.get_or_insert(self.now);
            let mut pcm = [0; 480];
            let count = self.recording.read(&mut pcm);
            self.heard.extend_from_slice(&pcm[..count]);
        }
        self.now = self.now.max(end);
    }

    pub fn counters(&self) -> PlayoutCounters {
        self.core.playout_counters(self.id).unwrap()
    }

    pub fn events(&self) -> &[MediaEvent] {
        &self.world.events
    }

    /// From the first sound on, until the last.
    pub fn sound(&self) -> &[i16] {
        let is_sound = |sample: &i16| sample.unsigned_abs() > 1_000;
        let first = self.heard.iter().position(is_sound).unwrap();
        let last = self.heard.iter().rposition(is_sound).unwrap();
        &self.heard[first..=last]
    }

    /// When the first sound was heard, in ms.
    pub fn first_ms(&self) -> usize {
        let loud = |sample: &i16| sample.unsigned_abs() > 1_000;
        let silent = self.heard.iter().position(loud).unwrap() / 8;
        self.began.unwrap().as_millis() as usize + silent
    }
}

/// The frequency of a tone, by its zero crossings.
pub fn frequency(pcm: &[i16]) -> f64 {
    let crossings: Vec<usize> = (1..pcm.len())
        .filter(|&n| pcm[n - 1] < 0 && pcm[n] >= 0)
        .collect();
    let (first, last) = (crossings[0], crossings[crossings.len() - 1]);
    (crossings.len() - 1) as f64 * 8_000.0 / (last - first) as f64
}

/// How many 20 ms of sound are quieter than half of the tone's level.
pub fn quiet_frames(pcm: &[i16]) -> usize {
    let power = |frame: &[i16]| {
        let sum: f64 = frame.iter().map(|&sample| f64::from(sample).powi(2)).sum();
        (sum / frame.len() as f64).sqrt()
    };
    pcm.chunks_exact(160)
        .filter(|frame| power(frame) < PEAK / 2f64.sqrt() / 2.0)
        .count()
}

/// No step of the tone itself is larger: 1,175 and what µ-law adds at full swing.
pub const CLEAN_STEP: u16 = 1_500;
/// Above this a step is heard as a click.
pub const CLICK: u16 = 2_600;
