//! Places where one sound follows another, as a listener hears them whose decoder is never reset.

use std::sync::Arc;
use std::time::Duration;

use muleteer::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use muleteer::audio::{Prompt, Tone, resample};
use muleteer::codec::{
    CodecDescription, CodecError, CodecFactory, CodecId, Decoder, Encoder, Encoding,
    MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES, Packing, Variant,
};
use muleteer::media::{Audience, MediaCommand, MediaFormat, RoomCommand};
use muleteer::rtp::{ClockRate, PayloadType};

use super::audio::{SAMPLE_RATE, largest_step, peak, sine};
use super::media::{Rig, looped, once, parameters};

/// What a stream sends, and how it is sent.
struct Listener {
    rig: Rig,
    format: MediaFormat,
}

impl Listener {
    fn new(format: MediaFormat, ptime: Duration) -> Self {
        let mut rig = Rig::silent();
        let mut parameters = parameters();
        parameters.send_format = format;
        parameters.ptime = ptime;
        parameters.receive_formats = [format].into_iter().collect();
        rig.command(MediaCommand::Configure(Box::new(parameters)));
        Self { rig, format }
    }

    /// A tone of the level of loud speech, as a session prepares it for this listener.
    fn prompt(&self, hertz: f64, ms: usize) -> Arc<Prompt> {
        let pcm = sine(hertz, ms).iter().map(|&s| s / 5 * 4).collect();
        self.prepared(pcm)
    }

    fn prepared(&self, pcm: Vec<i16>) -> Arc<Prompt> {
        let rate = self.format.codec.sample_rate();
        let pcm = resample::resample(&pcm, SAMPLE_RATE, rate).expect("a rate");
        let prompt = Prompt::from_pcm(pcm, rate);
        let (encoding, _) = encoding(self.format);
        prompt.encoded(encoding).expect("it takes prompts");
        Arc::new(prompt)
    }

    fn append(&mut self, item: PlaylistItem) {
        self.rig.command(MediaCommand::Append(item));
    }

    fn silence(&mut self, ms: u64) {
        self.append(PlaylistItem::Silence(Duration::from_millis(ms)));
    }

    /// Time for all that was appended.
    fn finish(mut self) -> Rig {
        self.rig.run_ms(1_500);
        self.rig
    }

    /// All that was heard, by one decoder.
    fn heard(format: MediaFormat, rig: &Rig) -> Vec<i16> {
        let mut decoder = format.codec.decoder(format.variant).expect("a decoder");
        let mut pcm = Vec::new();
        for packet in rig.audio() {
            let mut samples = [0; MAX_PACKET_SAMPLES];
            let count = decoder.decode(packet.payload, &mut samples);
            pcm.extend_from_slice(&samples[..count.expect("a payload")]);
        }
        pcm
    }
}

fn encoding(format: MediaFormat) -> (Encoding, Duration) {
    Encoding::with_packet_time(format.codec, format.variant, Duration::from_millis(20))
}

/// A name, and what follows what.
type Scene = (&'static str, fn(Listener) -> Rig);

const SCENES: [Scene; 8] = [
    ("prompt to prompt", |mut listener| {
        for (hertz, ms) in [(1_000.0, 305), (400.0, 210), (700.0, 133)] {
            let prompt = listener.prompt(hertz, ms);
            listener.append(once(&prompt));
        }
        listener.finish()
    }),
    ("a prompt interrupted by another", |mut listener| {
        let [first, second] = [1_000.0, 500.0].map(|hertz| listener.prompt(hertz, 700));
        listener.append(once(&first));
        listener.rig.run_ms(230);
        listener.rig.command(MediaCommand::Flush);
        listener.append(once(&second));
        listener.finish()
    }),
    ("the rounds of a loop", |mut listener| {
        let prompt = listener.prompt(1_000.0, 305);
        listener.append(looped(&prompt));
        listener.finish()
    }),
    ("silence to a prompt and back", |mut listener| {
        let prompt = listener.prompt(1_000.0, 305);
        for _ in 0..2 {
            listener.silence(150);
            listener.append(once(&prompt));
        }
        listener.silence(150);
        listener.finish()
    }),
    ("a room to a prompt and back", |mut listener| {
        let room = RoomId::new(0, 0);
        listener.rig.core.open_room(room);
        let announcement = listener.prompt(600.0, 270);
        let prompt = listener.prompt(1_000.0, 305);
        for _ in 0..2 {
            let (hears, speaks) = (true, true);
            let seat = RoomSeat {
                room,
                hears,
                speaks,
            };
            listener.append(PlaylistItem::Room(seat));
            listener.rig.run_ms(60);
            let (sound, to) = (announcement.clone(), Audience::All);
            let play = RoomCommand::Play { prompt: sound, to };
            let now = listener.rig.now();
            let world = &mut listener.rig.world;
            listener
                .rig
                .core
                .handle_room_command(now, room, play, world);
            listener.rig.run_ms(200);
            listener.rig.command(MediaCommand::Flush);
            listener.append(once(&prompt));
            listener.rig.run_ms(260);
            listener.rig.command(MediaCommand::Flush);
        }
        listener.finish()
    }),
    ("a ring tone to a prompt and back", |mut listener| {
        let prompt = listener.prompt(1_000.0, 305);
        for _ in 0..2 {
            let tone = Box::new(Tone::sine(440.0, 6_000));
            let duration = Some(Duration::from_millis(250));
            listener.append(PlaylistItem::Tone { tone, duration });
            listener.append(once(&prompt));
        }
        listener.finish()
    }),
    ("an end and a new beginning", |mut listener| {
        let prompt = listener.prompt(1_000.0, 305);
        for _ in 0..3 {
            listener.append(once(&prompt));
            listener.rig.run_ms(500);
        }
        listener.finish()
    }),
    ("a muted part of a prompt", |mut listener| {
        let prompt = listener.prompt(1_000.0, 605);
        listener.append(once(&prompt));
        listener.append(once(&listener.prompt(300.0, 605)));
        for muted in [true, false] {
            listener.rig.run_ms(310);
            listener.rig.command(MediaCommand::SetMuted(muted));
        }
        listener.finish()
    }),
];

/// Plays everything after everything else, and compares what is heard with what one encoder makes of
/// the same sound without a break.
#[track_caller]
pub fn assert_seamless(format: MediaFormat) {
    let codec = format.codec;
    let plain = CodecId::register(CodecDescription {
        encoding_name: "plain",
        clock_rate: ClockRate::HZ_8000,
        sample_rate: codec.sample_rate(),
        channels: 1,
        static_payload_type: None,
        joins: true,
        factory: &Plain,
    });
    let plain = MediaFormat::new(PayloadType::new(99).expect("a number"), plain);
    // Opus finds into another state within one packet, in which it may be a little wrong.
    let most_click = if codec.joins() { 2.0 } else { 1.3 };
    let (_, packet_time) = encoding(format);
    for (scene, play) in SCENES {
        let said = Listener::heard(plain, &play(Listener::new(plain, packet_time)));
        let heard = Listener::heard(format, &play(Listener::new(format, packet_time)));
        let expected = without_break(format, &said);
        let (loud, loudest) = (peak(&heard), peak(&expected));
        assert!(
            f64::from(loud) < 1.3 * f64::from(loudest),
            "{codec}, {scene}: a peak of {loud}, not {loudest}"
        );
        let (step, steepest) = (largest_step(&heard), largest_step(&expected));
        assert!(
            f64::from(step) < most_click * f64::from(steepest),
            "{codec}, {scene}: a click of {step}, not {steepest}"
        );
        assert!(
            loud > loudest / 2,
            "{codec}, {scene}: {loud}, not {loudest}"
        );
    }
}

/// `said` through one encoder and one decoder.
fn without_break(format: MediaFormat, said: &[i16]) -> Vec<i16> {
    let (_, packet_time) = encoding(format);
    let samples = format.codec.sample_rate() as usize * packet_time.as_millis() as usize / 1_000;
    let mut encoder = format.codec.encoder(format.variant).expect("an encoder");
    let mut decoder = format.codec.decoder(format.variant).expect("a decoder");
    let mut heard = Vec::new();
    for packet in said.chunks_exact(samples) {
        let (mut payload, mut pcm) = ([0; MAX_PAYLOAD_BYTES], [0; MAX_PACKET_SAMPLES]);
        let len = encoder.encode(packet, &mut payload);
        let count = decoder.decode(&payload[..len], &mut pcm).expect("its own");
        heard.extend_from_slice(&pcm[..count]);
    }
    heard
}

/// Samples as they are, at any rate, to hear what was to be sent.
struct Plain;

impl CodecFactory for Plain {
    fn packing(&self, _: Variant) -> Packing {
        Packing::Samples {
            samples: 1,
            bytes: 2,
        }
    }

    fn samples_in(&self, _: Variant, payload: &[u8]) -> Option<usize> {
        Some(payload.len() / 2)
    }

    fn encoder(&self, _: Variant) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(Plain))
    }

    fn decoder(&self, _: Variant) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(Plain))
    }
}

impl Encoder for Plain {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        for (sample, out) in pcm.iter().zip(out.chunks_exact_mut(2)) {
            out.copy_from_slice(&sample.to_ne_bytes());
        }
        2 * pcm.len()
    }
}

impl Decoder for Plain {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        for (bytes, out) in payload.chunks_exact(2).zip(out) {
            *out = i16::from_ne_bytes([bytes[0], bytes[1]]);
        }
        Ok(payload.len() / 2)
    }

    fn conceal(&mut self, out: &mut [i16]) -> usize {
        out.fill(0);
        out.len()
    }
}
