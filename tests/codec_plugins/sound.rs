//! What each codec does to sound, and to payloads.

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use muleteer::codec::{CodecError, CodecId, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES, Variant};

use super::objects::{codec, compile, folder, load_from, loaded, source};
use crate::support::process::Folder;

/// One second of a voice that says one vowel: pulses at 125 Hz through two formants.
fn voice(sample_rate: u32) -> Vec<i16> {
    let rate = f64::from(sample_rate);
    let period = (rate / 125.0).round() as u32;
    let mut pcm: Vec<f64> = (0..sample_rate)
        .map(|n| if n % period == 0 { rate / 16.0 } else { 0.0 })
        .collect();
    for (hertz, width) in [(700.0, 90.0), (1_200.0, 120.0)] {
        let radius = (-std::f64::consts::PI * width / rate).exp();
        let a1 = 2.0 * radius * (std::f64::consts::TAU * hertz / rate).cos();
        let a2 = -radius * radius;
        for n in 2..pcm.len() {
            pcm[n] += a1 * pcm[n - 1] + a2 * pcm[n - 2];
        }
    }
    let loudest = pcm
        .iter()
        .fold(0.0, |all: f64, sample| all.max(sample.abs()));
    pcm.iter()
        .map(|s| (s / loudest * 16_000.0) as i16)
        .collect()
}

fn level(pcm: &[i16]) -> f64 {
    let energy: f64 = pcm.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    (energy / pcm.len() as f64).sqrt()
}

/// How alike two sounds are, at best, when the second is up to 40 ms late: 1 for the same.
fn likeness(said: &[i16], heard: &[i16], sample_rate: u32) -> f64 {
    let most = sample_rate as usize / 25;
    let said = &said[..sample_rate as usize / 5];
    let at = |late: usize| {
        let heard = &heard[late..late + said.len()];
        let product: f64 = said
            .iter()
            .zip(heard)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum();
        product / (level(said) * level(heard) * said.len() as f64)
    };
    (0..most).map(at).fold(0.0, f64::max)
}

/// Encodes and decodes in packets of `ms`; checks each payload with `payload`.
fn through(
    codec: CodecId,
    fmtp: &str,
    ms: usize,
    said: &[i16],
    mut payload: impl FnMut(&[u8]),
) -> Vec<i16> {
    let variant = codec.variant(fmtp).unwrap();
    let mut encoder = codec.encoder(variant).unwrap();
    let mut decoder = codec.decoder(variant).unwrap();
    let samples = codec.sample_rate() as usize / 1_000 * ms;
    let mut heard = Vec::new();
    for packet in said.chunks_exact(samples) {
        let (mut bytes, mut pcm) = ([0; MAX_PAYLOAD_BYTES], [0; MAX_PACKET_SAMPLES]);
        let len = encoder.encode(packet, &mut bytes);
        payload(&bytes[..len]);
        assert_eq!(
            codec.samples_in(variant, &bytes[..len]),
            Some(samples),
            "{codec}"
        );
        assert_eq!(
            decoder.decode(&bytes[..len], &mut pcm),
            Ok(samples),
            "{codec}"
        );
        heard.extend_from_slice(&pcm[..samples]);
    }
    heard
}

/// A voice keeps its level and, in codecs that keep the wave, its shape.
#[track_caller]
fn sounds_like_itself(codec: CodecId, fmtp: &str, ms: usize, bytes: usize, least: f64) {
    let said = voice(codec.sample_rate());
    let heard = through(codec, fmtp, ms, &said, |payload| {
        assert_eq!(payload.len(), bytes, "{codec} {ms} ms");
    });
    // The first 400 ms are for a codec to find its feet.
    let start = codec.sample_rate() as usize / 1_000 * 400;
    let (said, heard) = (&said[start..heard.len()], &heard[start..]);
    let change = level(heard) / level(said);
    assert!(
        (0.6..1.6).contains(&change),
        "{codec} {fmtp} {ms} ms: level {change}"
    );
    let likeness = likeness(said, heard, codec.sample_rate());
    assert!(
        likeness >= least,
        "{codec} {fmtp} {ms} ms: likeness {likeness}"
    );
}

#[test]
fn gsm_keeps_a_voice_in_33_bytes_for_20_ms() {
    let gsm = codec("GSM", 8_000);
    for (ms, bytes) in [(20, 33), (40, 66), (60, 99)] {
        sounds_like_itself(gsm, "", ms, bytes, 0.9);
    }
}

#[test]
fn speex_keeps_a_voice_in_both_bands_and_all_modes() {
    for (ms, frames) in [(20, 1), (40, 2), (60, 3)] {
        // RFC 5574: 300 bits in narrow-band mode 5, and 252 more for the upper band at quality 8.
        sounds_like_itself(
            codec("speex", 8_000),
            "",
            ms,
            (300 * frames as usize).div_ceil(8),
            0.9,
        );
        let wide = (556 * frames as usize).div_ceil(8);
        sounds_like_itself(codec("speex", 16_000), "", ms, wide, 0.9);
    }
    sounds_like_itself(codec("speex", 8_000), "mode=\"7,any\"", 20, 62, 0.95);
    sounds_like_itself(codec("speex", 8_000), "mode=2", 20, 15, 0.5);
    assert_eq!(codec("speex", 8_000).variant("mode=\"0\""), None);
}

#[test]
fn g726_keeps_a_voice_at_every_rate() {
    for prefix in ["", "AAL2-"] {
        for (kilobits, least) in [(16, 0.85), (24, 0.95), (32, 0.98), (40, 0.99)] {
            let codec = codec(&format!("{prefix}G726-{kilobits}"), 8_000);
            for ms in [10, 20, 30, 40, 50, 60] {
                sounds_like_itself(codec, "", ms, kilobits * ms / 8, least);
            }
        }
    }
    let g721 = codec("G721", 8_000);
    assert_eq!(
        g721.static_payload_type().map(|number| number.get()),
        Some(2)
    );
    sounds_like_itself(g721, "", 20, 80, 0.98);
}

#[test]
fn amr_keeps_a_voice_in_both_payload_formats() {
    for (ms, frames) in [(20, 1), (40, 2), (60, 3)] {
        let narrow = (4 + frames * (6 + 244usize)).div_ceil(8);
        sounds_like_itself(codec("AMR", 8_000), "", ms, narrow, 0.9);
        let aligned = 1 + frames * (1 + 31);
        sounds_like_itself(codec("AMR", 8_000), "octet-align=1", ms, aligned, 0.9);
        let wide = (4 + frames * (6 + 477usize)).div_ceil(8);
        sounds_like_itself(codec("AMR-WB", 16_000), "", ms, wide, 0.9);
        let aligned = 1 + frames * (1 + 60);
        sounds_like_itself(codec("AMR-WB", 16_000), "octet-align=1", ms, aligned, 0.9);
    }
    // 12.65 kb/s, what most networks use.
    sounds_like_itself(codec("AMR-WB", 16_000), "mode-set=0,1,2", 20, 33, 0.9);
}

#[test]
fn codec_2_keeps_the_level_of_a_voice() {
    // It codes the pitch and the envelope: the wave has another shape.
    for (name, ms, bytes) in [
        ("CODEC2_3200", 20, 8),
        ("CODEC2_3200", 60, 24),
        ("CODEC2_2400", 20, 6),
        ("CODEC2_1600", 40, 8),
        ("CODEC2_1400", 40, 7),
    ] {
        sounds_like_itself(codec(name, 8_000), "", ms, bytes, 0.0);
    }
}

#[test]
fn g729_keeps_a_voice_in_10_bytes_for_10_ms() {
    let g729 = codec("G729", 8_000);
    for (ms, bytes) in [(10, 10), (20, 20), (30, 30), (40, 40), (60, 60)] {
        sounds_like_itself(g729, "annexb=yes", ms, bytes, 0.7);
    }
    assert_eq!(g729.fmtp(None), "annexb=no");
}

#[test]
fn a_silence_descriptor_of_g729_is_followed_by_quiet_noise() {
    let g729 = codec("G729", 8_000);
    let variant = Variant::default();
    let mut decoder = g729.decoder(variant).unwrap();
    let mut pcm = [0; 960];
    assert_eq!(g729.samples_in(variant, &[0x7b, 0x80]), Some(80));
    assert_eq!(decoder.decode(&[0x7b, 0x80], &mut pcm), Ok(80));
    for _ in 0..50 {
        decoder.conceal(&mut pcm[..160]);
        assert!(level(&pcm[..160]) < 2_000.0, "{}", level(&pcm[..160]));
    }
    // Speech and the descriptor of the silence after it, in one packet.
    assert_eq!(g729.samples_in(variant, &[0; 22]), Some(240));
}

#[test]
fn a_lost_packet_is_concealed_and_a_long_loss_falls_silent() {
    for &codec in loaded() {
        let said = voice(codec.sample_rate());
        let variant = Variant::default();
        let mut encoder = codec.encoder(variant).unwrap();
        let mut decoder = codec.decoder(variant).unwrap();
        let samples = codec.sample_rate() as usize / 25;
        let mut out = vec![0; samples];
        for packet in said.chunks_exact(samples) {
            let mut payload = [0; MAX_PAYLOAD_BYTES];
            let len = encoder.encode(packet, &mut payload);
            decoder.decode(&payload[..len], &mut out).unwrap();
        }
        let before = level(&out);
        assert_eq!(decoder.conceal(&mut out), samples);
        assert!(
            level(&out) > before / 20.0,
            "{codec}: {} of {before}",
            level(&out)
        );
        for _ in 0..50 {
            decoder.conceal(&mut out);
        }
        assert!(
            level(&out) < before / 4.0,
            "{codec}: {} of {before}",
            level(&out)
        );
    }
}

#[test]
fn payloads_of_other_sizes_are_refused() {
    for (name, rate, bad) in [
        ("GSM", 8_000, vec![0, 1, 32, 34, 33 * 7]),
        ("G726-24", 8_000, vec![0, 1, 2, 4, 363]),
        ("G729", 8_000, vec![0, 1, 3, 9, 11, 130]),
        ("CODEC2_2400", 8_000, vec![0, 5, 7, 42]),
        ("AMR", 8_000, vec![0, 1, 400]),
        ("AMR-WB", 16_000, vec![0, 1, 400]),
        ("speex", 8_000, vec![0, MAX_PAYLOAD_BYTES + 1]),
    ] {
        let codec = codec(name, rate);
        let mut decoder = codec.decoder(Variant::default()).unwrap();
        for len in bad {
            let payload = vec![0; len];
            assert_eq!(
                codec.samples_in(Variant::default(), &payload),
                None,
                "{name} {len}"
            );
            assert_eq!(
                decoder.decode(&payload, &mut [0; MAX_PACKET_SAMPLES]),
                Err(CodecError::PayloadSize { bytes: len }),
                "{name}"
            );
        }
    }
    // The right length and not a frame of GSM, which begin with 0xD.
    let mut decoder = codec("GSM", 8_000).decoder(Variant::default()).unwrap();
    assert_eq!(
        decoder.decode(&[0; 33], &mut [0; 160]),
        Err(CodecError::Corrupt)
    );
    let small = decoder.decode(&[0xd0; 33], &mut [0; 159]);
    assert!(matches!(small, Err(CodecError::BufferTooSmall { .. })));
}

#[test]
fn any_bytes_are_decoded_or_refused() {
    let mut noise = 1u32;
    let mut random = move || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    };
    for &codec in loaded() {
        for fmtp in ["", "octet-align=1"] {
            let variant = codec.variant(fmtp).unwrap();
            let mut decoder = codec.decoder(variant).unwrap();
            for n in 0..1_000 {
                let payload: Vec<u8> = (0..n % 160).map(|_| random()).collect();
                let said = codec.samples_in(variant, &payload);
                let decoded = decoder.decode(&payload, &mut [0; MAX_PACKET_SAMPLES]);
                // What has the size of GSM may still lack its signature.
                let refused = codec.encoding_name() == "GSM" && decoded.is_err();
                assert!(refused || decoded.ok() == said, "{codec}");
            }
        }
    }
}

#[test]
fn the_parameters_of_amr_are_answered_as_the_rfc_wants_it() {
    let amr = codec("AMR", 8_000);
    let answer = |offered| amr.fmtp(Some(offered)).into_owned();
    assert_eq!(answer(""), "mode-change-capability=2");
    assert_eq!(
        answer("octet-align=1;mode-set=0,2,4,7"),
        "octet-align=1; mode-set=0,2,4,7; mode-change-capability=2"
    );
    assert_eq!(amr.variant("interleaving=30"), None);
    // A line break of a peer would end the line of our answer.
    assert_eq!(
        answer("mode-set=0\r\na=inactive"),
        "mode-change-capability=2"
    );
}

/// A library of the name and functions of libilbc that puts one sample into each byte. It tells
/// nothing about sound, but all about frames.
#[test]
fn ilbc_is_loaded_where_there_is_a_library() {
    let libraries = Folder::new(&[]);
    let object = libraries.file("libilbc.so.3");
    compile(&source("ilbc.c"), &object, &["-Wl,-soname,libilbc.so.3"]);
    // SAFETY: it has no start-up code. From now on the linker knows it by its name.
    std::mem::forget(unsafe { Library::open(Some(&object), RTLD_NOW | RTLD_LOCAL) }.unwrap());
    let ilbc = load_from(folder(), &["ilbc"]).unwrap()[0];
    assert_eq!(ilbc.fmtp(None), "mode=30");
    assert_eq!(ilbc.fmtp(Some("mode=20")), "mode=20");
    assert_eq!(ilbc.fmtp(Some("")), "mode=30");
    assert_eq!(ilbc.variant("mode=25"), None);
    for (fmtp, ms, bytes) in [
        ("mode=20", 20, 38),
        ("mode=20", 60, 114),
        ("", 30, 50),
        ("", 60, 100),
    ] {
        let variant = ilbc.variant(fmtp).unwrap();
        let samples = 8 * ms;
        let pcm: Vec<i16> = (0..samples as i16).collect();
        let (mut payload, mut heard) = ([0; 200], [0; 480]);
        let len = ilbc.encoder(variant).unwrap().encode(&pcm, &mut payload);
        assert_eq!(len, bytes);
        let mut decoder = ilbc.decoder(variant).unwrap();
        assert_eq!(decoder.decode(&payload[..len], &mut heard), Ok(samples));
        assert_eq!(decoder.conceal(&mut heard[..samples]), samples);
        assert_eq!(heard[0], 1, "the library conceals");
        assert_eq!(ilbc.samples_in(variant, &[0; 51]), None);
    }
    assert_eq!(
        ilbc.encoder(Variant(0))
            .unwrap()
            .encode(&[0; 160], &mut [0; 200]),
        0
    );
}
