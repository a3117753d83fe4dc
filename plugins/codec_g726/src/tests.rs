#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use muleteer_sdk::SystemLibrary;

use super::*;

/// spandsp's G.726, which the codes are compared with.
struct Reference {
    state: *mut c_void,
    encode: unsafe extern "C" fn(*mut c_void, *mut u8, *const i16, c_int) -> c_int,
    decode: unsafe extern "C" fn(*mut c_void, *mut i16, *const u8, c_int) -> c_int,
}

impl Reference {
    fn new(bits: usize, aal2: bool) -> Self {
        let library =
            SystemLibrary::open("libspandsp.so.2", "on Debian: apt install libspandsp2").unwrap();
        // SAFETY: the types are those of spandsp/g726.h. Linear samples; packing to the left is 1,
        // to the right 2. The state is never freed.
        unsafe {
            let init: unsafe extern "C" fn(*mut c_void, c_int, c_int, c_int) -> *mut c_void =
                library.function("g726_init").unwrap();
            let packing = if aal2 { 1 } else { 2 };
            Self {
                state: init(std::ptr::null_mut(), bits as c_int * 8_000, 0, packing),
                encode: library.function("g726_encode").unwrap(),
                decode: library.function("g726_decode").unwrap(),
            }
        }
    }

    fn encode(&mut self, pcm: &[i16]) -> Vec<u8> {
        let mut out = vec![0; pcm.len()];
        // SAFETY: no sample makes more than a byte.
        let len = unsafe {
            (self.encode)(
                self.state,
                out.as_mut_ptr(),
                pcm.as_ptr(),
                pcm.len() as c_int,
            )
        };
        out.truncate(len as usize);
        out
    }

    fn decode(&mut self, payload: &[u8]) -> Vec<i16> {
        let mut out = vec![0; payload.len() * 4];
        // SAFETY: no byte makes more than four samples.
        let len = unsafe {
            let bytes = payload.len() as c_int;
            (self.decode)(self.state, out.as_mut_ptr(), payload.as_ptr(), bytes)
        };
        out.truncate(len as usize);
        out
    }
}

/// Ten seconds of tones that come and go, with noise, jumps and silence between them.
fn signal() -> Vec<i16> {
    let mut noise = 1u32;
    (0..80_000)
        .map(|n| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let time = f64::from(n) / 8_000.0;
            let tone = (time * 2_000.0 * (1.0 + time.floor())).sin();
            let level = [20_000.0, 300.0, 0.0, 6_000.0][n as usize / 3_000 % 4];
            (tone * level) as i16 + (noise >> 22) as i16 - 512
        })
        .collect()
}

fn agrees_with_reference<const BITS: usize, const KIND: u8>() {
    let mut encoder = G726::<BITS, KIND>::encoder(0).unwrap();
    let mut decoder = G726::<BITS, KIND>::decoder(0).unwrap();
    let mut encoding = Reference::new(BITS, KIND == AAL2);
    let mut decoding = Reference::new(BITS, KIND == AAL2);
    for (n, packet) in signal().chunks_exact(160).enumerate() {
        let mut payload = [0; 160];
        let len = encoder.encode(packet, &mut payload).unwrap();
        assert_eq!(len, 20 * BITS);
        assert_eq!(
            payload[..len],
            encoding.encode(packet),
            "{BITS} bits, packet {n}"
        );
        let mut heard = [0; 160];
        assert_eq!(decoder.decode(&payload[..len], &mut heard), Ok(160));
        assert_eq!(
            heard[..],
            decoding.decode(&payload[..len]),
            "{BITS} bits, packet {n}"
        );
    }
}

#[test]
fn every_rate_and_packing_agrees_with_an_independent_codec_bit_for_bit() {
    agrees_with_reference::<2, RTP>();
    agrees_with_reference::<3, RTP>();
    agrees_with_reference::<4, RTP>();
    agrees_with_reference::<5, RTP>();
    agrees_with_reference::<2, AAL2>();
    agrees_with_reference::<3, AAL2>();
    agrees_with_reference::<4, AAL2>();
    agrees_with_reference::<5, AAL2>();
    agrees_with_reference::<4, G721>();
}

#[test]
fn the_two_packings_hold_the_same_codes_in_opposite_order() {
    let pcm: Vec<i16> = signal()[..160].to_vec();
    let (mut rtp, mut aal2) = ([0; 80], [0; 80]);
    let mut encoder = G726::<4, RTP>::encoder(0).unwrap();
    encoder.encode(&pcm, &mut rtp).unwrap();
    let mut encoder = G726::<4, AAL2>::encoder(0).unwrap();
    encoder.encode(&pcm, &mut aal2).unwrap();
    assert!(rtp.iter().zip(aal2).all(|(a, b)| a.rotate_left(4) == b));
}

#[test]
fn any_bytes_decode_without_a_fault() {
    let mut noise = 7u32;
    let mut decoder = G726::<5, RTP>::decoder(0).unwrap();
    for _ in 0..2_000 {
        let payload = [(); 100].map(|()| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        });
        assert_eq!(decoder.decode(&payload, &mut [0; 160]), Ok(160));
    }
}

#[test]
fn only_whole_units_are_payloads() {
    assert_eq!(G726::<4, RTP>::samples_in(0, &[0; 80]), Some(160));
    assert_eq!(G726::<3, RTP>::samples_in(0, &[0; 60]), Some(160));
    assert_eq!(G726::<3, RTP>::samples_in(0, &[0; 61]), None);
    assert_eq!(G726::<5, RTP>::samples_in(0, &[0; 99]), None);
    assert_eq!(G726::<2, RTP>::samples_in(0, &[]), None);
    assert_eq!(G726::<2, RTP>::samples_in(0, &[0; 241]), None);
}
