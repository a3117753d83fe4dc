//! A media core in virtual time, with one stream and its peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::audio::Prompt;
use muleteer::audio::playlist::PlaylistItem;
use muleteer::codec::{CodecId, Variant};
use muleteer::media::{
    Core, MediaCommand, MediaEvent, MediaFormat, MediaIo, MediaStats, Retired, StreamId,
    StreamParameters,
};
use muleteer::rtp::{ClockRate, PayloadType, RtpHeaderTemplate, RtpPacket};

use super::audio;

pub const TELEPHONE_EVENT: PayloadType = PayloadType::new(101).expect("below 128");
/// Where the peer's session description says it is.
pub const PEER: &str = "192.0.2.1:4000";

/// One packet that the stream sent.
pub struct Sent {
    /// Since the rig was made.
    pub at: Duration,
    pub to: SocketAddr,
    bytes: Vec<u8>,
}

impl Sent {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn packet(&self) -> RtpPacket<'_> {
        RtpPacket::parse(&self.bytes).expect("we send RTP")
    }
}

/// What the core did to the world.
#[derive(Default)]
pub struct World {
    now: Duration,
    pub sent: Vec<Sent>,
    pub events: Vec<(Duration, MediaEvent)>,
    pub listening: bool,
    /// RTCP that the stream sent.
    pub reports: Vec<(Duration, SocketAddr, Vec<u8>)>,
    pub control_port: bool,
    pub closed: bool,
    pub retired: usize,
    /// The next packet meets a fault.
    pub panics: bool,
}

impl MediaIo for World {
    fn send(&mut self, _: StreamId, to: SocketAddr, packet: &[u8]) {
        assert!(
            !std::mem::take(&mut self.panics),
            "a fault made by the test"
        );
        self.sent.push(Sent {
            at: self.now,
            to,
            bytes: packet.to_vec(),
        });
    }

    fn send_control(&mut self, _: StreamId, to: SocketAddr, packet: &[u8]) {
        self.reports.push((self.now, to, packet.to_vec()));
    }

    fn control_port(&mut self, _: StreamId, open: bool) {
        self.control_port = open;
    }

    fn event(&mut self, _: StreamId, event: MediaEvent) {
        self.events.push((self.now, event));
    }

    fn listen(&mut self, _: StreamId, listening: bool) {
        self.listening = listening;
    }

    fn retire(&mut self, _: Retired) {
        self.retired += 1;
    }

    fn closed(&mut self, _: StreamId) {
        self.closed = true;
    }
}

/// One stream on a core of its own.
pub struct Rig {
    pub core: Core,
    pub id: StreamId,
    start: Instant,
    pub world: World,
    pub stats: Arc<MediaStats>,
    peer: RtpHeaderTemplate,
    /// What has come, since the core runs on a thread that reads when it wakes: when, and from where.
    unread: Option<Vec<(Duration, SocketAddr, Vec<u8>)>>,
}

impl Rig {
    /// A stream that was not configured yet.
    pub fn silent() -> Self {
        let start = Instant::now();
        let stats = Arc::new(MediaStats::default());
        let mut core = Core::new(start, Duration::from_millis(2), 7, stats.clone());
        let id = StreamId::new(3, 1);
        core.open(id);
        let peer = RtpHeaderTemplate::new(99);
        Self {
            core,
            id,
            start,
            world: World::default(),
            stats,
            peer,
            unread: None,
        }
    }

    /// From now on datagrams are read when the core asks to be woken, as a media thread does it.
    pub fn read_at_wake_ups(&mut self) {
        self.unread = Some(Vec::new());
    }

    /// A stream that sends and receives PCMU.
    pub fn new() -> Self {
        let mut rig = Self::silent();
        rig.command(MediaCommand::Configure(Box::new(parameters())));
        rig
    }

    pub fn now(&self) -> Instant {
        self.start + self.world.now
    }

    /// Since the rig was made.
    pub fn elapsed(&self) -> Duration {
        self.world.now
    }

    pub fn command(&mut self, command: MediaCommand) {
        let now = self.now();
        self.core
            .handle_command(now, self.id, command, &mut self.world);
    }

    pub fn play(&mut self, prompt: &Arc<Prompt>) {
        self.command(MediaCommand::Append(once(prompt)));
    }

    /// Lets time pass, waking the core exactly when it asks.
    pub fn run(&mut self, time: Duration) {
        let end = self.world.now + time;
        while let Some(deadline) = self.core.poll_timeout()
            && deadline <= self.start + end
        {
            self.world.now = deadline - self.start;
            self.read();
            self.core.handle_timeout(deadline, &mut self.world);
        }
        self.world.now = end;
    }

    pub fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }

    /// The core is not called for a while, as on an overloaded machine.
    pub fn stall_ms(&mut self, ms: u64) {
        self.world.now += Duration::from_millis(ms);
        let now = self.now();
        self.read();
        self.core.handle_timeout(now, &mut self.world);
    }

    /// The stream is configured anew.
    pub fn configure(&mut self, parameters: StreamParameters) {
        self.command(MediaCommand::Configure(Box::new(parameters)));
    }

    /// A datagram arrives.
    pub fn receive(&mut self, from: &str, datagram: &[u8]) {
        let source = from.parse().expect("an address");
        if let Some(unread) = &mut self.unread {
            return unread.push((self.world.now, source, datagram.to_vec()));
        }
        let now = self.now();
        self.core
            .handle_datagram(now, self.id, source, datagram, &mut self.world);
    }

    fn read(&mut self) {
        for (came, source, datagram) in self.unread.iter_mut().flat_map(|unread| unread.drain(..)) {
            let came = self.start + came;
            self.core
                .handle_datagram(came, self.id, source, &datagram, &mut self.world);
        }
    }

    /// A datagram arrives at the RTCP port.
    pub fn receive_control(&mut self, from: &str, datagram: &[u8]) {
        let source = from.parse().expect("an address");
        let now = self.now();
        self.core
            .handle_control_datagram(now, self.id, source, datagram, &mut self.world);
    }

    /// The peer's next packet.
    pub fn peer_packet(
        &mut self,
        payload_type: PayloadType,
        ticks: u32,
        payload: &[u8],
    ) -> Vec<u8> {
        let clock = self.peer.clock();
        let header = *self.peer.next_header(payload_type, false, clock);
        self.peer.advance(ticks);
        [&header[..], payload].concat()
    }

    /// The peer says `pcm` in packets of 20 ms while time passes.
    pub fn peer_says(&mut self, from: &str, pcm: &[i16]) {
        let mut encoder = CodecId::PCMU.encoder(Variant::default()).expect("PCMU");
        for frame in pcm.chunks_exact(160) {
            let mut payload = [0; 160];
            encoder.encode(frame, &mut payload);
            let datagram = self.peer_packet(PayloadType::PCMU, 160, &payload);
            self.receive(from, &datagram);
            self.run_ms(20);
        }
    }

    /// The peer is silent for so long, and its clock goes on.
    pub fn peer_pauses(&mut self, ms: u64) {
        self.peer.advance(ms as u32 * 8);
        self.run_ms(ms);
    }

    /// All audio that the peer heard, as if it had no pauses.
    pub fn heard(&self) -> Vec<i16> {
        let mut pcm = Vec::new();
        let mut decoder = CodecId::PCMU.decoder(Variant::default()).expect("PCMU");
        for packet in self.audio() {
            let mut samples = [0; 480];
            let count = decoder.decode(packet.payload, &mut samples).expect("PCMU");
            pcm.extend_from_slice(&samples[..count]);
        }
        pcm
    }

    /// How long the peer heard the tone `hertz`.
    pub fn heard_ms(&self, hertz: f64) -> usize {
        audio::ms_of(&self.heard(), hertz)
    }

    /// The audio packets sent.
    pub fn audio(&self) -> Vec<RtpPacket<'_>> {
        let packets = self.world.sent.iter().map(Sent::packet);
        packets
            .filter(|packet| packet.payload_type != TELEPHONE_EVENT)
            .collect()
    }

    /// What was reported so far; of `NoAudio` without the version.
    pub fn events(&self) -> Vec<MediaEvent> {
        let events = self.world.events.iter();
        events.map(|(_, event)| without_version(event)).collect()
    }
}

pub fn parameters() -> StreamParameters {
    let peer = PEER.parse().expect("an address");
    let keys = (TELEPHONE_EVENT, ClockRate::HZ_8000);
    StreamParameters {
        telephone_event: Some(keys),
        receive_events: [keys].into_iter().collect(),
        ..StreamParameters::new(
            Some(peer),
            MediaFormat::new(PayloadType::PCMU, CodecId::PCMU),
        )
    }
}

/// A prompt that is the tone `hertz` for `ms`, ready to be sent as PCMU.
pub fn tone_prompt(hertz: f64, ms: usize) -> Arc<Prompt> {
    let prompt = Prompt::from_pcm(audio::sine(hertz, ms), audio::SAMPLE_RATE);
    prompt.encoded(CodecId::PCMU).expect("PCMU");
    Arc::new(prompt)
}

pub fn once(prompt: &Arc<Prompt>) -> PlaylistItem {
    PlaylistItem::Prompt {
        prompt: prompt.clone(),
        looped: false,
    }
}

pub fn looped(prompt: &Arc<Prompt>) -> PlaylistItem {
    PlaylistItem::Prompt {
        prompt: prompt.clone(),
        looped: true,
    }
}

pub fn without_version(event: &MediaEvent) -> MediaEvent {
    match event {
        MediaEvent::NoAudio { .. } => MediaEvent::NoAudio { version: 0 },
        other => other.clone(),
    }
}
