use super::*;

fn opened() {
    library::open().unwrap();
}

fn tone(rate: u32, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| {
            let phase = n as f64 / f64::from(rate) * std::f64::consts::TAU;
            let voice: f64 = (1..8).map(|k| (phase * 200.0 * f64::from(k)).sin()).sum();
            (voice * 2_000.0) as i16
        })
        .collect()
}

fn level(pcm: &[i16]) -> f64 {
    let energy: f64 = pcm.iter().map(|&s| f64::from(s).powi(2)).sum();
    (energy / pcm.len() as f64).sqrt()
}

fn variant<B: Band>(fmtp: &str) -> u64 {
    Amr::<B>::variant(fmtp).unwrap()
}

/// Encodes two frames for a peer with this `fmtp`.
fn payload<B: Band>(fmtp: &str) -> Vec<u8> {
    opened();
    let mut encoder = Amr::<B>::encoder(variant::<B>(fmtp)).unwrap();
    let mut out = [0; 200];
    let pcm = tone(B::RATE, 2 * B::FRAME_SAMPLES);
    let len = encoder.encode(&pcm, &mut out).unwrap();
    out[..len].to_vec()
}

#[test]
fn payloads_have_the_sizes_of_the_rfc() {
    // RFC 4867 §4.3: 4 + 2 * 6 + 2 * 244 bits; §4.4: 1 + 2 + 2 * 31 bytes.
    let compact = payload::<Narrow>("");
    assert_eq!(compact.len(), (4usize + 12 + 488).div_ceil(8));
    assert_eq!(
        compact[0],
        0xf0 | 0b1011,
        "no request, then another frame of type 7"
    );
    let aligned = payload::<Narrow>("octet-align=1");
    assert_eq!(aligned.len(), 1 + 2 + 62);
    assert_eq!(aligned[..3], [0xf0, 0xbc, 0x3c]);
    let wide = payload::<Wide>("mode-set=0,1,2; octet-align=1");
    assert_eq!(wide.len(), 1 + 2 + 2 * 32);
    assert_eq!(wide[..3], [0xf0, 0x94, 0x14]);
    assert_eq!(
        payload::<Wide>("").len(),
        (4usize + 12 + 2 * 477).div_ceil(8)
    );
}

#[test]
fn both_formats_hold_the_same_speech() {
    let (compact, aligned) = (payload::<Narrow>(""), payload::<Narrow>("octet-align=1"));
    let compact = Reader::<Narrow>::new(Format::BandwidthEfficient, &compact).unwrap();
    let aligned = Reader::<Narrow>::new(Format::OctetAligned, &aligned).unwrap();
    for index in 0..2 {
        let (mut a, mut b) = ([0; MAX_STORED], [0; MAX_STORED]);
        compact.frame(index, &mut a);
        aligned.frame(index, &mut b);
        assert_eq!(a, b);
    }
}

fn sounds_the_same<B: Band>(fmtp: &str) {
    opened();
    let variant = variant::<B>(fmtp);
    let mut encoder = Amr::<B>::encoder(variant).unwrap();
    let mut decoder = Amr::<B>::decoder(variant).unwrap();
    let pcm = tone(B::RATE, 50 * B::FRAME_SAMPLES);
    let mut heard = Vec::new();
    for packet in pcm.chunks_exact(2 * B::FRAME_SAMPLES) {
        let (mut payload, mut out) = ([0; 200], [0; 640]);
        let len = encoder.encode(packet, &mut payload).unwrap();
        assert_eq!(
            Amr::<B>::samples_in(variant, &payload[..len]),
            Some(packet.len())
        );
        let samples = decoder.decode(&payload[..len], &mut out).unwrap();
        heard.extend_from_slice(&out[..samples]);
    }
    let (before, after) = (
        level(&pcm[pcm.len() / 2..]),
        level(&heard[heard.len() / 2..]),
    );
    assert!(
        (0.7..1.4).contains(&(after / before)),
        "{} {fmtp}: {before} {after}",
        B::NAME
    );
    // Lost packets fade away.
    let mut out = vec![0; B::FRAME_SAMPLES * 2];
    decoder.conceal(&mut out);
    assert!(level(&out) > before / 10.0, "{} {}", B::NAME, level(&out));
    for _ in 0..25 {
        decoder.conceal(&mut out);
    }
    assert!(level(&out) < before / 20.0, "{} {}", B::NAME, level(&out));
}

#[test]
fn a_voice_keeps_its_level_in_every_mode_and_format() {
    for top in 0..8 {
        sounds_the_same::<Narrow>(&format!("mode-set={top}"));
        sounds_the_same::<Narrow>(&format!("mode-set={top};octet-align=1"));
    }
    for top in 0..9 {
        sounds_the_same::<Wide>(&format!("mode-set={top}"));
        sounds_the_same::<Wide>(&format!("mode-set={top};octet-align=1"));
    }
}

#[test]
fn a_codec_mode_request_changes_the_mode_of_the_encoder() {
    opened();
    let mut encoder = Amr::<Narrow>::encoder(variant::<Narrow>("octet-align=1")).unwrap();
    // A peer that asks for 5.9 kb/s and sends nothing.
    let asks = [0x20, 0x7c];
    let request = Amr::<Narrow>::request_in(1, &asks).unwrap();
    assert_eq!(request, 2);
    encoder.request(request);
    let mut out = [0; 64];
    let len = encoder.encode(&tone(8_000, 160), &mut out).unwrap();
    assert_eq!((len, out[1]), (1 + 1 + 15, header_of(2)));
    // Mode 9 is not one of AMR's: the request is ignored, the frame is not.
    assert_eq!(Amr::<Narrow>::request_in(1, &[0x90, 0x7c]), None);
    assert_eq!(Amr::<Narrow>::samples_in(1, &[0x90, 0x7c]), Some(160));
    assert_eq!(Amr::<Narrow>::request_in(1, &[0xf0, 0x7c]), Some(15));
}

fn header_of(frame_type: u8) -> u8 {
    payload::header(frame_type)
}

#[test]
fn a_silence_descriptor_becomes_quiet_noise() {
    opened();
    let mut decoder = Amr::<Narrow>::decoder(variant::<Narrow>("octet-align=1")).unwrap();
    // A descriptor (type 8, 39 bits) and frames that were not sent.
    let sid = [0xf0, header_of(8), 0, 0, 0, 0, 0x10];
    let mut out = [0; 160];
    assert_eq!(Amr::<Narrow>::samples_in(1, &sid), Some(160));
    assert_eq!(decoder.decode(&sid, &mut out), Ok(160));
    for _ in 0..20 {
        assert_eq!(decoder.decode(&[0xf0, header_of(15)], &mut out), Ok(160));
        assert!(level(&out) < 1_000.0, "{}", level(&out));
    }
    let mut decoder = Amr::<Wide>::decoder(1).unwrap();
    let sid = [0xf0, header_of(9), 0, 0, 0, 0, 0];
    assert_eq!(decoder.decode(&sid, &mut [0; 320]), Ok(320));
}

#[test]
fn what_is_no_payload_is_refused() {
    let whole = payload::<Narrow>("octet-align=1");
    for bad in [
        &[][..],
        &[0xf0],
        &whole[..whole.len() - 1],
        &[&whole[..], &[0]].concat(),
        // Frame types 9 to 14.
        &[0xf0, header_of(9)],
        &[0xf0, header_of(14)],
        // Seven frames.
        &[0xf0, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0x7c],
    ] {
        assert_eq!(Amr::<Narrow>::samples_in(1, bad), None, "{bad:x?}");
        assert_eq!(Amr::<Narrow>::request_in(1, bad), None, "{bad:x?}");
    }
    opened();
    let mut decoder = Amr::<Narrow>::decoder(1).unwrap();
    assert_eq!(
        decoder.decode(&whole[..40], &mut [0; 960]),
        Err(Failure::Refused)
    );
    assert_eq!(
        decoder.decode(&whole, &mut [0; 319]),
        Err(Failure::BufferTooSmall)
    );
}

#[test]
fn parameters_decide_on_format_and_modes() {
    for (fmtp, bits) in [
        ("", 0),
        ("octet-align=0; mode-change-capability=2; max-red=0", 0),
        ("octet-align=1", 1),
        ("mode-set=0,2,4,7", 0),
        ("mode-set=4, 0, 2; octet-align=1", 3 << 2 | 1),
        ("mode-set=7;mode-change-neighbor=1", 2),
    ] {
        assert_eq!(Amr::<Narrow>::variant(fmtp), Some(bits), "{fmtp}");
    }
    for fmtp in [
        "crc=1",
        "octet-align=1; robust-sorting=1",
        "interleaving=30",
        "mode-set=8",
        "mode-set=",
        "mode-set=x",
    ] {
        assert_eq!(Amr::<Narrow>::variant(fmtp), None, "{fmtp}");
    }
    assert_eq!(Amr::<Wide>::variant("mode-set=8"), Some(0));
    // Whatever number comes, an encoder can be made of it.
    opened();
    assert!(Amr::<Wide>::encoder(u64::MAX).is_some());
}

#[test]
fn an_answer_keeps_the_format_and_the_modes_of_the_offer() {
    assert_eq!(Amr::<Narrow>::answer(""), "mode-change-capability=2");
    assert_eq!(
        Amr::<Narrow>::answer("mode-set=0,2; octet-align=1"),
        "octet-align=1; mode-set=0,2; mode-change-capability=2"
    );
}
