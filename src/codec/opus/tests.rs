use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::probe::{level_at, sine};

const SAMPLE_RATE: u32 = 16_000;
/// In 20 ms.
const FRAME: usize = 320;

fn encoder(fmtp: &str) -> Box<dyn Encoder> {
    let variant = CodecId::OPUS.variant(fmtp).unwrap();
    CodecId::OPUS.encoder(variant).unwrap()
}

fn decoder() -> Box<dyn Decoder> {
    CodecId::OPUS.decoder(Variant::default()).unwrap()
}

fn samples(payload: &[u8]) -> Option<usize> {
    CodecId::OPUS.samples_in(Variant::default(), payload)
}

fn packets(pcm: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = encoder("useinbandfec=1");
    let mut payload = [0; MAX_OPUS_BYTES];
    pcm.chunks_exact(FRAME)
        .map(|frame| {
            let len = encoder.encode(frame, &mut payload);
            payload[..len].to_vec()
        })
        .collect()
}

#[test]
fn a_tone_keeps_its_level() {
    let mut decoder = decoder();
    let mut heard = Vec::new();
    for payload in packets(&sine(1_000.0, 8_000.0, SAMPLE_RATE, 16_000)) {
        let mut out = [0; MAX_PACKET_SAMPLES];
        assert_eq!(samples(&payload), Some(FRAME));
        let samples = decoder.decode(&payload, &mut out).unwrap();
        heard.extend_from_slice(&out[..samples]);
    }
    assert_eq!(heard.len(), 16_000);
    let level = level_at(&heard[4_000..], SAMPLE_RATE, 1_000.0);
    assert!((level - 8_000.0).abs() < 800.0, "{level}");
}

#[test]
fn a_lost_packet_is_concealed_or_recovered_from_the_next() {
    let tone = packets(&sine(300.0, 8_000.0, SAMPLE_RATE, 9_600));
    let mut out = [0; FRAME];
    for recover in [false, true] {
        let mut decoder = decoder();
        for payload in &tone[..10] {
            decoder.decode(payload, &mut out).unwrap();
        }
        let samples = match recover {
            true => decoder.recover(&tone[11], &mut out),
            false => decoder.conceal(&mut out),
        };
        assert_eq!(samples, FRAME);
        let level = level_at(&out, SAMPLE_RATE, 300.0);
        assert!(level > 3_000.0, "{level}");
        assert_eq!(decoder.decode(&tone[11], &mut out), Ok(FRAME));
    }
}

#[test]
fn a_packet_tells_whether_it_holds_a_copy_of_the_one_before() {
    let speech = sine(300.0, 8_000.0, SAMPLE_RATE, 16_000);
    let decoder = decoder();
    for (fmtp, expected) in [("useinbandfec=1", true), ("", false)] {
        for packet_ms in [10, 20, 40, 60] {
            let mut encoder = encoder(fmtp);
            let mut payload = [0; MAX_OPUS_BYTES];
            let copies = speech
                .chunks_exact(packet_ms * SAMPLE_RATE as usize / 1_000)
                .filter(|frame| {
                    let len = encoder.encode(frame, &mut payload);
                    decoder.holds_copy(&payload[..len])
                })
                .count();
            assert_eq!(copies > 0, expected, "{fmtp}, {packet_ms} ms: {copies}");
        }
    }
}

#[test]
fn rfc6716_3_2_the_first_frame_is_found_in_every_packing() {
    const WITH: u8 = 0b0100_0000;
    const WITHOUT: u8 = 0b1000_0000;
    let decoder = decoder();
    // 20 ms of SILK, mono; the last two bits say how frames are packed.
    let one = 1 << 3;
    for (head, behind) in [
        (&[one][..], &[][..]),
        (&[one | 1], &[0]),
        (&[one | 2, 1], &[WITHOUT]),
        (&[one | 2, 252, 0], &[0; 300]),
        (&[one | 3, 1], &[]),
        (&[one | 3, 0x41, 2], &[0, 0]),
        (&[one | 3, 0x41, 255, 0], &[0; 254]),
        (&[one | 3, 0x82, 1], &[WITHOUT]),
        (&[one | 3, 0xC3, 1, 1, 1], &[0, 0, 0]),
    ] {
        for (bits, expected) in [(WITH, true), (WITHOUT, false)] {
            let packet = [head, &[bits], behind].concat();
            assert_eq!(decoder.holds_copy(&packet), expected, "{packet:?}");
        }
    }
    for ends_too_soon in [&[][..], &[one], &[one | 2], &[one | 2, 0, WITH], &[one | 3]] {
        assert!(!decoder.holds_copy(ends_too_soon), "{ends_too_soon:?}");
    }
    // 60 ms, of which three bits tell of activity; stereo, with a copy of the side alone; CELT.
    assert!(decoder.holds_copy(&[3 << 3, 0b0001_0000]));
    assert!(decoder.holds_copy(&[one | 4, 0b0001_0000]));
    assert!(!decoder.holds_copy(&[31 << 3, 0xFF]));
}

#[test]
fn impossible_lengths_and_short_buffers_are_refused() {
    let mut decoder = decoder();
    let mut out = [0; MAX_PACKET_SAMPLES];
    let too_long = [0xFF; MAX_OPUS_BYTES + 1];
    assert_eq!(
        decoder.decode(&[], &mut out),
        Err(CodecError::PayloadSize { bytes: 0 })
    );
    let bytes = too_long.len();
    assert_eq!(
        decoder.decode(&too_long, &mut out),
        Err(CodecError::PayloadSize { bytes })
    );
    let payload = &packets(&[0; FRAME])[0];
    assert_eq!(
        decoder.decode(payload, &mut out[..100]),
        Err(CodecError::BufferTooSmall {
            needed: FRAME,
            available: 100
        })
    );
    let mut encoder = encoder("");
    assert_eq!(encoder.encode(&[0; 77], &mut [0; 100]), 0);
    assert_eq!(encoder.encode(&[0; FRAME], &mut []), 0);
}

#[test]
fn random_payloads_never_panic_or_overrun() {
    let mut random = SmallRng::seed_from_u64(9);
    let mut decoder = decoder();
    let mut out = [0; MAX_PACKET_SAMPLES];
    for _ in 0..5_000 {
        let mut payload = [0u8; 200];
        random.fill(&mut payload[..]);
        let len = random.random_range(0..=payload.len());
        match decoder.decode(&payload[..len], &mut out) {
            Ok(count) => assert_eq!(Some(count), samples(&payload[..len])),
            Err(error) => assert!(!matches!(error, CodecError::BufferTooSmall { .. })),
        }
        decoder.recover(&payload[..len], &mut out[..FRAME]);
        decoder.holds_copy(&payload[..len]);
    }
}

#[test]
fn rfc7587_6_1_what_the_peer_asks_for_bounds_what_is_sent() {
    let ours = OpusSettings {
        bitrate: 40_000,
        sample_rate: 48_000,
        dtx: true,
        ..OpusSettings::default()
    };
    let plain = Wishes {
        fec: false,
        dtx: false,
        constant_bitrate: false,
        max_bitrate: 0,
        max_rate: 0,
    };
    for (fmtp, wishes) in [
        ("", plain),
        ("minptime=10; stereo=1;sprop-stereo=1", plain),
        ("useinbandfec=1;usedtx=0", Wishes { fec: true, ..plain }),
        (
            "USEDTX=1; cbr=1",
            Wishes {
                dtx: true,
                constant_bitrate: true,
                ..plain
            },
        ),
        (
            "maxaveragebitrate=20500",
            Wishes {
                max_bitrate: 20_000,
                ..plain
            },
        ),
        (
            "maxaveragebitrate=1",
            Wishes {
                max_bitrate: 6_000,
                ..plain
            },
        ),
        ("maxaveragebitrate=510000;maxplaybackrate=48000", plain),
        (
            "maxplaybackrate=16000",
            Wishes {
                max_rate: 16_000,
                ..plain
            },
        ),
        ("maxplaybackrate=x;maxaveragebitrate=-3", plain),
    ] {
        assert_eq!(Wishes::of(fmtp, &ours), wishes, "{fmtp}");
        assert_eq!(Wishes::unpack(wishes.pack()), wishes);
    }
    assert_eq!(plain.pack(), Variant::default());
}

#[test]
fn settings_refuse_what_a_peer_would_like() {
    let ours = OpusSettings {
        fec: false,
        ..OpusSettings::default()
    };
    let codec = CodecId::opus(&ours);
    assert_eq!(
        codec.variant("useinbandfec=1;usedtx=1"),
        Some(Variant::default())
    );
    assert_eq!(CodecId::opus(&OpusSettings::default()), CodecId::OPUS);
}

#[test]
fn a_bounded_bit_rate_is_kept() {
    let voice = sine(300.0, 8_000.0, SAMPLE_RATE, 16_000);
    let bytes = |fmtp| {
        let mut encoder = encoder(fmtp);
        let mut payload = [0; MAX_OPUS_BYTES];
        let frames = voice.chunks_exact(FRAME);
        frames
            .map(|frame| encoder.encode(frame, &mut payload))
            .sum::<usize>()
    };
    assert!(
        bytes("maxaveragebitrate=8000") < 1_300,
        "{}",
        bytes("maxaveragebitrate=8000")
    );
    assert!(
        (2_500..3_500).contains(&bytes("cbr=1")),
        "{}",
        bytes("cbr=1")
    );
}

#[test]
fn every_rate_of_ours_codes_every_packet_time() {
    for sample_rate in OpusSettings::SAMPLE_RATES {
        let codec = CodecId::opus(&OpusSettings {
            sample_rate,
            ..OpusSettings::default()
        });
        assert_eq!(codec.sample_rate(), sample_rate);
        let variant = Variant::default();
        let mut decoder = codec.decoder(variant).unwrap();
        for ms in [10, 20, 40, 60] {
            let samples = sample_rate as usize * ms / 1_000;
            let mut payload = [0; MAX_OPUS_BYTES];
            let mut encoder = codec.encoder(variant).unwrap();
            let bytes = encoder.encode(&sine(440.0, 8_000.0, sample_rate, samples), &mut payload);
            let mut out = [0; MAX_PACKET_SAMPLES];
            assert_eq!(codec.samples_in(variant, &payload[..bytes]), Some(samples));
            assert_eq!(decoder.decode(&payload[..bytes], &mut out), Ok(samples));
        }
    }
}

#[test]
fn silence_is_not_sent_to_a_peer_that_asks_for_gaps() {
    let codec = CodecId::opus(&OpusSettings {
        dtx: true,
        ..OpusSettings::default()
    });
    assert!(codec.fmtp(None).ends_with(";usedtx=1"));
    let sent = |fmtp| {
        let mut encoder = codec.encoder(codec.variant(fmtp).unwrap()).unwrap();
        let mut payload = [0; MAX_OPUS_BYTES];
        let sent = |_: &usize| encoder.encode(&[0; FRAME], &mut payload) > 0;
        (0..100).filter(sent).count()
    };
    assert_eq!(sent(""), 100);
    assert!(sent("usedtx=1") < 30, "{}", sent("usedtx=1"));
}
