//! A steady media tick neither allocates nor frees.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::audio::decode;
use muleteer::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use muleteer::audio::recorder::{RecordingPlan, Sides, recorder};
use muleteer::audio::streamed::streamed;
use muleteer::codec::{CodecId, MAX_PAYLOAD_BYTES, Variant};
use muleteer::media::{
    Audience, Core, MediaCommand, MediaEvent, MediaFormat, MediaIo, MediaStats, Output, Retired,
    RoomCommand, RtcpParameters, StreamId, StreamParameters,
};
use muleteer::rtp::srtp::{MasterKey, SrtpKey, SrtpKeys, SrtpSender, SrtpSuite};
use muleteer::rtp::{Digit, PayloadType, RtpHeaderTemplate};

use crate::support::alloc::{allocations_in, bytes_held_by};
use crate::support::audio::wav_file;
use crate::support::media::{PEER, looped, parameters, tone_prompt};

/// Counts packets and reports that are sent, and keeps nothing.
#[derive(Default)]
struct Sink(usize, usize);

impl MediaIo for Sink {
    fn send_control(&mut self, _: StreamId, _: SocketAddr, _: &[u8]) {
        self.1 += 1;
    }
    fn control_port(&mut self, _: StreamId, _: bool) {}
    fn send(&mut self, _: StreamId, _: SocketAddr, _: &[u8]) {
        self.0 += 1;
    }
    fn event(&mut self, _: StreamId, _: MediaEvent) {}
    fn listen(&mut self, _: StreamId, _: bool) {}
    fn retire(&mut self, _: Retired) {}
    fn closed(&mut self, _: StreamId) {}
}

/// Its end is not sent.
type Datagram = [u8; 12 + MAX_PAYLOAD_BYTES];

struct Steady {
    /// What the peer seals its packets with.
    sealer: Option<SrtpSender>,
    core: Core,
    id: StreamId,
    now: Instant,
    sink: Sink,
    peer: RtpHeaderTemplate,
    /// Number, ticks and payload of each packet of the peer.
    said: (PayloadType, u32, Vec<u8>),
}

impl Steady {
    fn new(codec: CodecId, commands: Vec<MediaCommand>) -> Self {
        let now = Instant::now();
        let mut core = Core::new(
            now,
            Duration::from_millis(2),
            1,
            Arc::new(MediaStats::default()),
        );
        let (id, mut sink) = (StreamId::new(0, 0), Sink::default());
        core.open(id);
        let number = codec.static_payload_type().or(PayloadType::new(96));
        let format = MediaFormat::new(number.unwrap(), codec);
        core.handle_command(
            now,
            id,
            MediaCommand::Configure(Box::new(StreamParameters {
                send_format: format,
                receive_formats: [format].into_iter().collect(),
                rtcp: Some(RtcpParameters {
                    mux: true,
                    remote: None,
                }),
                ..parameters()
            })),
            &mut sink,
        );
        for command in commands {
            core.handle_command(now, id, command, &mut sink);
        }
        let pcm: Vec<i16> = (0..codec.sample_rate() / 50)
            .map(|n| (n * 1_000) as i16)
            .collect();
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let mut encoder = codec.encoder(Variant::default()).unwrap();
        let bytes = encoder.encode(&pcm, &mut payload);
        let ticks = codec.clock_rate().ticks_in(Duration::from_millis(20));
        Self {
            sealer: None,
            core,
            id,
            now,
            sink,
            peer: RtpHeaderTemplate::new(5),
            said: (format.payload_type, ticks, payload[..bytes].to_vec()),
        }
    }

    /// One frame in which the peer's packet comes and a tick is handled.
    fn frame(&mut self, source: SocketAddr) {
        let datagram = self.datagram();
        self.receive(source, &datagram);
        self.pass();
    }

    /// The peer's next packet.
    fn datagram(&mut self) -> Datagram {
        let (number, ticks, payload) = &self.said;
        let mut datagram = [0; 12 + MAX_PAYLOAD_BYTES];
        let clock = self.peer.clock();
        datagram[..12].copy_from_slice(self.peer.next_header(*number, false, clock));
        datagram[12..12 + payload.len()].copy_from_slice(payload);
        self.peer.advance(*ticks);
        datagram
    }

    fn receive(&mut self, source: SocketAddr, datagram: &Datagram) {
        let mut sealed = [0; 12 + MAX_PAYLOAD_BYTES];
        let mut len = 12 + self.said.2.len();
        sealed[..len].copy_from_slice(&datagram[..len]);
        if let Some(sealer) = &mut self.sealer {
            len = sealer.protect(&mut sealed, len).expect("room");
        }
        self.core
            .handle_datagram(self.now, self.id, source, &sealed[..len], &mut self.sink);
    }

    fn pass(&mut self) {
        self.now += Duration::from_millis(20);
        self.core.handle_timeout(self.now, &mut self.sink);
    }
}

fn listen_for_tones() -> MediaCommand {
    MediaCommand::Configure(Box::new(StreamParameters {
        telephone_event: None,
        hear_tones: true,
        send_tones: true,
        rtcp: Some(RtcpParameters {
            mux: true,
            remote: None,
        }),
        ..parameters()
    }))
}

fn assert_steady(commands: Vec<MediaCommand>) {
    assert_steady_in(CodecId::PCMU, commands);
}

fn assert_steady_in(codec: CodecId, commands: Vec<MediaCommand>) {
    assert_stays_steady(Steady::new(codec, commands));
}

fn assert_stays_steady(mut steady: Steady) {
    let source = PEER.parse().unwrap();
    for _ in 0..20 {
        steady.frame(source);
    }
    let before = steady.sink.0;
    let allocations = allocations_in(|| {
        for _ in 0..500 {
            steady.frame(source);
        }
    });
    assert_eq!(steady.sink.0 - before, 500);
    assert!(steady.sink.1 > 0, "reports are part of it");
    assert_eq!(allocations, 0);
}

#[test]
fn an_announcement_does_not_allocate() {
    assert_steady(vec![MediaCommand::Append(looped(&tone_prompt(440.0, 330)))]);
}

/// Encoded already, encoded as it is played, and converted to another rate before.
#[test]
fn an_announcement_in_any_codec_does_not_allocate() {
    for codec in [
        CodecId::OPUS,
        CodecId::G722,
        CodecId::PCMU,
        CodecId::L16_16000,
    ] {
        let prompt = tone_prompt(440.0, 330);
        assert_steady_in(codec, vec![MediaCommand::Append(looped(&prompt))]);
        prompt.encoded(codec).unwrap();
        assert_steady_in(codec, vec![MediaCommand::Append(looped(&prompt))]);
    }
}

#[test]
fn an_echo_does_not_allocate() {
    assert_steady(vec![MediaCommand::SetOutput(Output::Echo)]);
}

/// Its buffers come with the first packet of a peer: many calls end before there is one.
#[test]
fn an_echo_of_nothing_holds_no_buffers() {
    let mut steady = Steady::new(CodecId::PCMU, Vec::new());
    let ((), held) = bytes_held_by(|| {
        let echo = MediaCommand::SetOutput(Output::Echo);
        let (now, id) = (steady.now, steady.id);
        steady.core.handle_command(now, id, echo, &mut steady.sink);
    });
    let ((), taken) = bytes_held_by(|| steady.frame(PEER.parse().unwrap()));
    assert!(held < 1_024 && taken > 4_096, "{held} and {taken} bytes");
}

/// Concealment, comfort noise and stretching; jitter so that the delay changes.
#[test]
fn a_bad_network_does_not_allocate() {
    let (sink, mut source) = recorder(RecordingPlan::new(8_000));
    let mut steady = Steady::new(
        CodecId::PCMU,
        vec![MediaCommand::StartRecording(Box::new(sink))],
    );
    let peer = PEER.parse().unwrap();
    (0..20).for_each(|_| steady.frame(peer));
    let allocations = allocations_in(|| {
        let mut held_back = [[0; 12 + MAX_PAYLOAD_BYTES]; 4];
        for n in 0..1_600 {
            let datagram = steady.datagram();
            match n % 50 {
                7 | 20 | 21 => {}
                30..34 if n < 500 => held_back[n % 50 - 30] = datagram,
                34 if n < 500 => {
                    for late in held_back.iter().chain([&datagram]) {
                        steady.receive(peer, late);
                    }
                }
                40 if n > 1_500 => {
                    let mut noise = datagram;
                    noise[1] = PayloadType::COMFORT_NOISE.get();
                    steady.receive(peer, &noise);
                }
                _ => steady.receive(peer, &datagram),
            }
            steady.pass();
            source.read(&mut [0; 160]);
        }
    });
    assert_eq!(allocations, 0);
    let counters = steady.core.playout_counters(steady.id).unwrap();
    assert!(counters.packets.lost > 20, "{counters:?}");
    assert!(!counters.inserted.is_zero() || !counters.removed.is_zero());
}

#[test]
fn an_echo_in_any_codec_does_not_allocate() {
    for codec in [
        CodecId::OPUS,
        CodecId::G722,
        CodecId::PCMA,
        CodecId::L16_16000,
    ] {
        assert_steady_in(codec, vec![MediaCommand::SetOutput(Output::Echo)]);
    }
}

/// Sealing and opening, RTP and RTCP, with either cipher.
#[test]
fn encrypted_audio_does_not_allocate() {
    for suite in SrtpSuite::ALL {
        let master = |seed| MasterKey::new(suite, &vec![seed; suite.master_bytes()]).unwrap();
        let secure = StreamParameters {
            rtcp: Some(RtcpParameters {
                mux: true,
                remote: None,
            }),
            srtp: Some(Box::new(SrtpKeys {
                send: master(1),
                receive: SrtpKey {
                    master: master(2),
                    mki: None,
                },
            })),
            ..parameters()
        };
        let commands = vec![
            MediaCommand::Configure(Box::new(secure)),
            MediaCommand::SetOutput(Output::Echo),
        ];
        let mut steady = Steady::new(CodecId::PCMU, commands);
        steady.sealer = Some(SrtpSender::new(master(2)));
        assert_stays_steady(steady);
    }
}

#[test]
fn a_recording_does_not_allocate() {
    let (sink, mut source) = recorder(RecordingPlan::new(8_000));
    assert_steady(vec![
        MediaCommand::SetOutput(Output::Echo),
        MediaCommand::StartRecording(Box::new(sink)),
    ]);
    assert!(source.read(&mut [0; 8_000]) > 0);
}

#[test]
fn hearing_and_sending_tones_does_not_allocate() {
    let mut commands = vec![listen_for_tones()];
    let digit = Digit::POUND;
    let duration = Duration::from_secs(60);
    commands.push(MediaCommand::SendDigit { digit, duration });
    assert_steady(commands);
}

#[test]
fn a_recording_of_both_sides_does_not_allocate() {
    // At another rate than the call's, so that what is sent is resampled too.
    let (sink, mut source) = recorder(RecordingPlan {
        sides: Sides::Stereo,
        ..RecordingPlan::new(16_000)
    });
    assert_steady(vec![
        MediaCommand::Append(looped(&tone_prompt(440.0, 330))),
        MediaCommand::StartRecording(Box::new(sink)),
    ]);
    assert!(source.read(&mut [0; 8_000]) > 0);
}

#[test]
fn a_streamed_file_does_not_allocate() {
    let file = wav_file(&[500; 10_000]);
    let open = move || decode::open(Box::new(Cursor::new(file.clone())), "wav");
    let (sound, _feed) = streamed(Box::new(open), 8_000, true).unwrap();
    // It runs dry in the middle, which is no reason to allocate either.
    assert_steady(vec![MediaCommand::Append(PlaylistItem::Stream(Box::new(
        sound,
    )))]);
}

/// A room in which three of eight talk, two may only listen, a sound plays and all is recorded.
#[test]
fn a_room_does_not_allocate() {
    let (start, mut sink) = (Instant::now(), Sink::default());
    let stats = Arc::new(MediaStats::default());
    let mut core = Core::new(start, Duration::from_millis(2), 1, stats);
    let room = RoomId::new(0, 0);
    core.open_room(room);
    let ids: Vec<_> = (0..8).map(|key| StreamId::new(key, 0)).collect();
    for (n, &id) in ids.iter().enumerate() {
        core.open(id);
        let mut parameters = parameters();
        parameters.ptime = Duration::from_millis([20, 20, 20, 10, 20, 20, 30, 20][n]);
        let seat = PlaylistItem::Room(RoomSeat {
            room,
            hears: true,
            speaks: n < 6,
        });
        for command in [
            MediaCommand::Configure(Box::new(parameters)),
            MediaCommand::Append(seat),
        ] {
            core.handle_command(start, id, command, &mut sink);
        }
    }
    let (recording, mut recorded) = recorder(RecordingPlan::new(8_000));
    let prompt = tone_prompt(440.0, 20_000);
    let to = Audience::AllBut(ids[4]);
    for command in [
        RoomCommand::StartRecording(Box::new(recording)),
        RoomCommand::Play { prompt, to },
        RoomCommand::SetMaxSpeakers(Some(2)),
    ] {
        core.handle_room_command(start, room, command, &mut sink);
    }
    let mut peer = RtpHeaderTemplate::new(5);
    let mut now = start;
    let mut frame = |sink: &mut Sink| {
        let mut datagram = [0x15; 172];
        let clock = peer.clock();
        datagram[..12].copy_from_slice(peer.next_header(PayloadType::PCMU, false, clock));
        peer.advance(160);
        for &id in &ids[..3] {
            core.handle_datagram(now, id, PEER.parse().unwrap(), &datagram, sink);
        }
        for _ in 0..10 {
            now += Duration::from_millis(2);
            core.handle_timeout(now, sink);
        }
        recorded.read(&mut [0; 500])
    };
    (0..50).for_each(|_| assert!(frame(&mut sink) <= 320));
    let before = sink.0;
    let allocations = allocations_in(|| (0..500).for_each(|_| assert_eq!(frame(&mut sink), 160)));
    // Six of 20 ms, one of 10 ms, one of 30 ms.
    let sent = sink.0 - before;
    assert!((4_330..4_337).contains(&sent), "{sent}");
    assert_eq!(allocations, 0);
}
