//! Speex at 8 and 16 kHz through the system's libspeex, under a BSD licence.
//!
//! RFC 5574. Payloads hold frames of 20 ms without gaps between them; each names its own mode, so
//! every mode is decoded. Of the `fmtp` parameters the first mode counts; variable rate and
//! discontinuous transmission are preferences that the encoder does not follow.

#![allow(unsafe_code)]

mod frames;
mod library;

use std::ffi::{c_int, c_void};

use muleteer_sdk::{Codec, Decoder, Description, Encoder, Failure, Packing, fmtp};

use frames::frames_in;
use library::{Bits, Library};

muleteer_sdk::export_codecs! { open: library::open, codecs: [Speex<8_000>, Speex<16_000>] }

/// 120 ms.
const MAX_FRAMES: usize = 6;
/// Bytes of the largest frame: narrow-band mode 7 under wide-band layer 4, 844 bits.
const MAX_FRAME_BYTES: usize = 106;
/// Bytes of the largest payload, the terminator included.
const MAX_BYTES: usize = MAX_FRAMES * MAX_FRAME_BYTES;

/// The codec at a sample rate.
struct Speex<const RATE: u32>;

impl<const RATE: u32> Speex<RATE> {
    const FRAME_SAMPLES: usize = RATE as usize / 50;
    /// The number of the mode in speex.h.
    const MODE: c_int = (RATE == 16_000) as c_int;
}

impl<const RATE: u32> Codec for Speex<RATE> {
    type Encoder = SpeexEncoder<RATE>;
    type Decoder = SpeexDecoder<RATE>;
    const DESCRIPTION: Description = Description {
        encoding_name: "speex",
        clock_rate: RATE,
        sample_rate: RATE,
        static_payload_type: None,
        fmtp: "",
    };

    /// 0, or one more than the first mode that the peer prefers: the modes 1 to 8 of narrow band,
    /// or the qualities 0 to 10 of wide band (RFC 5574 §4.1.1).
    fn variant(fmtp: &str) -> Option<u64> {
        let modes = fmtp::parameter(fmtp, "mode").unwrap_or("any");
        let range = if RATE == 8_000 { 1..=8u64 } else { 0..=10 };
        for mode in modes.split(',').map(str::trim) {
            match mode.parse() {
                Ok(mode) if range.contains(&mode) => return Some(mode + 1),
                Ok(_) => {}
                Err(_) => return Some(0),
            }
        }
        None
    }

    fn packing(_: u64) -> Packing {
        Packing::Frames {
            samples: Self::FRAME_SAMPLES as u32,
            bytes: MAX_FRAME_BYTES as u32,
            max_frames: MAX_FRAMES as u32,
        }
    }

    fn samples_in(_: u64, payload: &[u8]) -> Option<usize> {
        frames_in(payload, MAX_FRAMES).map(|frames| frames * Self::FRAME_SAMPLES)
    }

    fn encoder(variant: u64) -> Option<SpeexEncoder<RATE>> {
        SpeexEncoder::new(variant)
    }

    fn decoder(_: u64) -> Option<SpeexDecoder<RATE>> {
        let library = Library::opened()?;
        // SAFETY: the mode is one of the library's.
        let state = unsafe { (library.decoder_init)(library.mode(Speex::<RATE>::MODE)?) };
        let bits = Bits::new(library, MAX_BYTES);
        (!state.is_null()).then_some(SpeexDecoder {
            library,
            state,
            bits,
        })
    }
}

struct SpeexEncoder<const RATE: u32> {
    library: &'static Library,
    state: *mut c_void,
    bits: Bits,
}

// SAFETY: the state is plain memory that nothing else points to.
unsafe impl<const RATE: u32> Send for SpeexEncoder<RATE> {}

impl<const RATE: u32> SpeexEncoder<RATE> {
    fn new(variant: u64) -> Option<Self> {
        let library = Library::opened()?;
        // SAFETY: the mode is one of the library's.
        let state = unsafe { (library.encoder_init)(library.mode(Speex::<RATE>::MODE)?) };
        if state.is_null() {
            return None;
        }
        let encoder = Self {
            library,
            state,
            bits: Bits::new(library, MAX_BYTES),
        };
        let peers = variant.checked_sub(1).map(|mode| mode as c_int);
        let (request, value) = if RATE == 8_000 {
            let mode = peers.map(|mode| (library::SET_MODE, mode));
            mode.unwrap_or((library::SET_QUALITY, DEFAULT_QUALITY))
        } else {
            (library::SET_QUALITY, peers.unwrap_or(DEFAULT_QUALITY))
        };
        encoder.set(request, value);
        encoder.set(library::SET_COMPLEXITY, COMPLEXITY);
        Some(encoder)
    }

    fn set(&self, request: c_int, mut value: c_int) {
        // SAFETY: these requests take a pointer to an integer.
        unsafe { (self.library.encoder_ctl)(self.state, request, (&raw mut value).cast()) };
    }
}

/// 15 kb/s in narrow band, 28 kb/s in wide band: what RFC 5574 §4.1.1 takes for wide band when
/// nothing is said. Narrow band gets more than its default there, for music on hold.
const DEFAULT_QUALITY: c_int = 8;
/// Effort of 1 to 10; above 3 few hear a difference. Picked by feel.
const COMPLEXITY: c_int = 3;

impl<const RATE: u32> Drop for SpeexEncoder<RATE> {
    fn drop(&mut self) {
        // SAFETY: the state came from the library and is used no more.
        unsafe { (self.library.encoder_destroy)(self.state) }
    }
}

impl<const RATE: u32> Encoder for SpeexEncoder<RATE> {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, Failure> {
        let size = Speex::<RATE>::FRAME_SAMPLES;
        if !pcm.len().is_multiple_of(size) || !(1..=MAX_FRAMES).contains(&(pcm.len() / size)) {
            return Err(Failure::Refused);
        }
        self.bits.clear();
        // The library filters its input in place.
        let mut samples = [0; 320];
        for frame in pcm.chunks_exact(size) {
            samples[..size].copy_from_slice(frame);
            let bits = self.bits.as_mut_ptr();
            // SAFETY: one frame is read and changed; the bits have room for MAX_FRAMES.
            unsafe { (self.library.encode_int)(self.state, samples.as_mut_ptr(), bits) };
        }
        self.bits.take(out).ok_or(Failure::BufferTooSmall)
    }
}

struct SpeexDecoder<const RATE: u32> {
    library: &'static Library,
    state: *mut c_void,
    bits: Bits,
}

// SAFETY: the state is plain memory that nothing else points to.
unsafe impl<const RATE: u32> Send for SpeexDecoder<RATE> {}

impl<const RATE: u32> Drop for SpeexDecoder<RATE> {
    fn drop(&mut self) {
        // SAFETY: the state came from the library and is used no more.
        unsafe { (self.library.decoder_destroy)(self.state) }
    }
}

impl<const RATE: u32> Decoder for SpeexDecoder<RATE> {
    const CONCEALS: bool = true;

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Failure> {
        let size = Speex::<RATE>::FRAME_SAMPLES;
        let frames = frames_in(payload, MAX_FRAMES).ok_or(Failure::Refused)?;
        let out = out
            .get_mut(..frames * size)
            .ok_or(Failure::BufferTooSmall)?;
        self.bits.read(payload);
        for frame in out.chunks_exact_mut(size) {
            let bits = self.bits.as_mut_ptr();
            // SAFETY: the bits are those of the payload, and one frame is written.
            let result = unsafe { (self.library.decode_int)(self.state, bits, frame.as_mut_ptr()) };
            if result != 0 {
                return Err(Failure::Refused);
            }
        }
        Ok(frames * size)
    }

    fn conceal(&mut self, out: &mut [i16]) {
        let mut frames = out.chunks_exact_mut(Speex::<RATE>::FRAME_SAMPLES);
        for frame in frames.by_ref() {
            // SAFETY: null stands for a lost frame; one frame is written.
            unsafe {
                (self.library.decode_int)(self.state, std::ptr::null_mut(), frame.as_mut_ptr());
            }
        }
        frames.into_remainder().fill(0);
    }
}
