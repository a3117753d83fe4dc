//! A media core in virtual time, with rooms and any number of guests who talk in tones.

use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use muleteer::codec::{CodecId, Encoder, Variant};
use muleteer::media::{
    Core, MediaCommand, MediaEvent, MediaFormat, MediaIo, MediaStats, Retired, RoomCommand,
    RoomEvent, StreamId, StreamParameters,
};
use muleteer::rtp::{PayloadType, RtpHeaderTemplate, RtpPacket};

use crate::support::media::parameters;

/// How loud each guest talks.
pub const LOUDNESS: f64 = 6_000.0;

#[derive(Default)]
pub struct World {
    pub sent: Vec<(StreamId, Duration, Vec<u8>)>,
    pub events: Vec<(StreamId, MediaEvent)>,
    pub room_events: Vec<(RoomId, RoomEvent)>,
    /// Encoders of a mix that rooms let go of.
    pub unshared: usize,
    now: Duration,
}

impl MediaIo for World {
    fn send(&mut self, id: StreamId, _: SocketAddr, packet: &[u8]) {
        self.sent.push((id, self.now, packet.to_vec()));
    }
    fn event(&mut self, id: StreamId, event: MediaEvent) {
        self.events.push((id, event));
    }
    fn send_control(&mut self, _: StreamId, _: SocketAddr, _: &[u8]) {}
    fn control_port(&mut self, _: StreamId, _: bool) {}
    fn listen(&mut self, _: StreamId, _: bool) {}
    fn retire(&mut self, retired: Retired) {
        self.unshared += usize::from(matches!(retired, Retired::Shared(_)));
    }
    fn closed(&mut self, _: StreamId) {}
    fn room_event(&mut self, id: RoomId, event: RoomEvent) {
        self.room_events.push((id, event));
    }
}

struct Guest {
    codec: CodecId,
    ptime: u64,
    header: RtpHeaderTemplate,
    encoder: Box<dyn Encoder>,
    /// Frequency and loudness of what is said.
    says: Option<(f64, f64)>,
    samples: usize,
}

pub struct Hall {
    pub core: Core,
    pub world: World,
    start: Instant,
    guests: Vec<Guest>,
}

impl Hall {
    pub fn new() -> Self {
        let start = Instant::now();
        let stats = Arc::new(MediaStats::default());
        Self {
            core: Core::new(start, Duration::from_millis(2), 7, stats),
            world: World::default(),
            start,
            guests: Vec::new(),
        }
    }

    /// A core whose clock is that of this one, to which streams can move.
    pub fn another_core(&self) -> Core {
        let stats = Arc::new(MediaStats::default());
        Core::new(self.start, Duration::from_millis(2), 9, stats)
    }

    pub fn room(&mut self, key: u32) -> RoomId {
        let id = RoomId::new(key, key);
        self.core.open_room(id);
        id
    }

    /// Somebody calls and talks PCMU in packets of 20 ms.
    pub fn guest(&mut self) -> StreamId {
        self.guest_with(CodecId::PCMU, 20)
    }

    pub fn guest_with(&mut self, codec: CodecId, ptime: u64) -> StreamId {
        let key = self.guests.len() as u32;
        let id = StreamId::new(key, key);
        self.core.open(id);
        self.guests.push(Guest {
            codec,
            ptime,
            header: RtpHeaderTemplate::new(key.into()),
            encoder: codec.encoder(Variant::default()).unwrap(),
            says: None,
            samples: 0,
        });
        let configure = MediaCommand::Configure(Box::new(self.parameters(id)));
        self.tell(id, configure);
        id
    }

    pub fn parameters(&self, id: StreamId) -> StreamParameters {
        let guest = &self.guests[self.index(id)];
        let format = MediaFormat::new(payload_type(guest.codec), guest.codec);
        StreamParameters {
            remote: Some(address(self.index(id))),
            send_format: format,
            receive_formats: [format].into_iter().collect(),
            ptime: Duration::from_millis(guest.ptime),
            ..parameters()
        }
    }

    /// A guest who is in `room`, hears and speaks.
    pub fn member(&mut self, room: RoomId) -> StreamId {
        let id = self.guest();
        self.join(id, room);
        id
    }

    pub fn join(&mut self, id: StreamId, room: RoomId) {
        self.tell(id, MediaCommand::Append(seat(room, true, true)));
    }

    pub fn tell(&mut self, id: StreamId, command: MediaCommand) {
        let now = self.now();
        self.core.handle_command(now, id, command, &mut self.world);
    }

    pub fn tell_room(&mut self, id: RoomId, command: RoomCommand) {
        let now = self.now();
        self.core
            .handle_room_command(now, id, command, &mut self.world);
    }

    /// From now on `id` says a tone.
    pub fn says(&mut self, id: StreamId, hertz: f64) {
        self.says_at(id, hertz, LOUDNESS);
    }

    pub fn says_at(&mut self, id: StreamId, hertz: f64, loudness: f64) {
        let index = self.index(id);
        self.guests[index].says = Some((hertz, loudness));
    }

    /// From now on nothing comes from `id`.
    pub fn falls_silent(&mut self, id: StreamId) {
        let index = self.index(id);
        self.guests[index].says = None;
    }

    pub fn run_ms(&mut self, ms: u64) {
        let end = self.world.now + Duration::from_millis(ms);
        while self.world.now < end {
            let now = self.world.now.as_millis() as u64;
            for index in 0..self.guests.len() {
                if now.is_multiple_of(self.guests[index].ptime) {
                    self.talk(index);
                }
            }
            let next = (self.world.now + Duration::from_millis(1)).min(end);
            self.tick_until(next);
        }
    }

    fn tick_until(&mut self, end: Duration) {
        while let Some(deadline) = self.core.poll_timeout()
            && deadline <= self.start + end
        {
            self.world.now = (deadline - self.start).max(self.world.now);
            self.core.handle_timeout(deadline, &mut self.world);
        }
        self.world.now = end;
    }

    fn talk(&mut self, index: usize) {
        let now = self.now();
        let guest = &mut self.guests[index];
        let Some((hertz, loudness)) = guest.says else {
            return;
        };
        let rate = guest.codec.sample_rate();
        let samples = (u64::from(rate) * guest.ptime / 1_000) as usize;
        let pcm: Vec<i16> = (guest.samples..guest.samples + samples)
            .map(|n| wave(rate, hertz, loudness, n))
            .collect();
        guest.samples += samples;
        let mut payload = [0; 1_275];
        let len = guest.encoder.encode(&pcm, &mut payload);
        let clock = guest.header.clock();
        let header = *guest
            .header
            .next_header(payload_type(guest.codec), false, clock);
        let ticks = guest.codec.clock_rate().get() as u64 * guest.ptime / 1_000;
        guest.header.advance(ticks as u32);
        let datagram = [&header[..], &payload[..len]].concat();
        let id = StreamId::new(index as u32, index as u32);
        self.core
            .handle_datagram(now, id, address(index), &datagram, &mut self.world);
    }

    /// Forgets what was heard so far.
    pub fn listen_anew(&mut self) {
        self.world.sent.clear();
    }

    pub fn packets(&self, id: StreamId) -> Vec<(Duration, RtpPacket<'_>)> {
        let own = self.world.sent.iter().filter(|(to, ..)| *to == id);
        own.map(|(_, at, bytes)| (*at, RtpPacket::parse(bytes).unwrap()))
            .collect()
    }

    /// All that `id` heard, as if there had been no pauses.
    pub fn heard(&self, id: StreamId) -> Vec<i16> {
        let codec = self.guests[self.index(id)].codec;
        let mut decoder = codec.decoder(Variant::default()).unwrap();
        let mut pcm = Vec::new();
        for (_, packet) in self.packets(id) {
            let mut samples = [0; 1_920];
            let count = decoder.decode(packet.payload, &mut samples).unwrap();
            pcm.extend_from_slice(&samples[..count]);
        }
        pcm
    }

    /// How loud `id` heard the tone `hertz`.
    pub fn level(&self, id: StreamId, hertz: f64) -> f64 {
        let rate = self.guests[self.index(id)].codec.sample_rate();
        level(&self.heard(id), rate, hertz)
    }

    #[track_caller]
    pub fn assert_hears(&self, id: StreamId, hertz: f64) {
        let level = self.level(id, hertz);
        assert!((level / LOUDNESS - 1.0).abs() < 0.1, "{hertz} Hz: {level}");
    }

    #[track_caller]
    pub fn assert_does_not_hear(&self, id: StreamId, hertz: f64) {
        let level = self.level(id, hertz);
        assert!(level < LOUDNESS / 50.0, "{hertz} Hz: {level}");
    }

    pub fn now(&self) -> Instant {
        self.start + self.world.now
    }

    fn index(&self, id: StreamId) -> usize {
        (0..self.guests.len())
            .find(|&index| id == StreamId::new(index as u32, index as u32))
            .unwrap()
    }
}

pub fn seat(room: RoomId, hears: bool, speaks: bool) -> PlaylistItem {
    PlaylistItem::Room(RoomSeat {
        room,
        hears,
        speaks,
    })
}

/// Sample number `n` of a tone.
pub fn wave(rate: u32, hertz: f64, loudness: f64, n: usize) -> i16 {
    ((n as f64 * TAU * hertz / f64::from(rate)).sin() * loudness) as i16
}

pub fn level(pcm: &[i16], rate: u32, hertz: f64) -> f64 {
    let step = TAU * hertz / f64::from(rate);
    let (mut re, mut im) = (0.0, 0.0);
    for (n, &sample) in pcm.iter().enumerate() {
        let phase = step * n as f64;
        re += f64::from(sample) * phase.cos();
        im += f64::from(sample) * phase.sin();
    }
    2.0 * f64::hypot(re, im) / pcm.len().max(1) as f64
}

fn payload_type(codec: CodecId) -> PayloadType {
    codec
        .static_payload_type()
        .unwrap_or_else(|| PayloadType::new(96).unwrap())
}

fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 4_000 + index as u16))
}
