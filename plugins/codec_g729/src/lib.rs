//! G.729 with Annexes A and B through the system's bcg729: 10 bytes for 10 ms.
//!
//! RFC 3551 §4.5.6, RFC 4856 §2.1.9. We ask for `annexb=no` and never send silence descriptors,
//! but decode them: a peer may not have read our wish. The library is under GPL-3 or later, so an
//! installation that uses this codec is bound to that licence.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::OnceLock;

use muleteer_sdk::{
    Codec, Decoder, Description, Encoder, Failure, LibraryError, Packing, SystemLibrary,
};

muleteer_sdk::export_codecs! { open: open, codecs: [G729] }

const FRAME_SAMPLES: usize = 80;
const FRAME_BYTES: usize = 10;
/// A silence descriptor of Annex B, always at the end of a packet.
const SID_BYTES: usize = 2;
/// 120 ms.
const MAX_FRAMES: usize = 12;

/// The functions of bcg729 that are used.
struct Library {
    encoder_new: unsafe extern "C" fn(u8) -> *mut c_void,
    encode: unsafe extern "C" fn(*mut c_void, *const i16, *mut u8, *mut u8),
    encoder_free: unsafe extern "C" fn(*mut c_void),
    decoder_new: unsafe extern "C" fn() -> *mut c_void,
    decode: unsafe extern "C" fn(*mut c_void, *const u8, u8, u8, u8, u8, *mut i16),
    decoder_free: unsafe extern "C" fn(*mut c_void),
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

fn open() -> Result<(), LibraryError> {
    let library = SystemLibrary::open("libbcg729.so.0", "on Debian: apt install libbcg729-0")?;
    // SAFETY: the types are those of bcg729/encoder.h and bcg729/decoder.h.
    let functions = unsafe {
        Library {
            encoder_new: library.function("initBcg729EncoderChannel")?,
            encode: library.function("bcg729Encoder")?,
            encoder_free: library.function("closeBcg729EncoderChannel")?,
            decoder_new: library.function("initBcg729DecoderChannel")?,
            decode: library.function("bcg729Decoder")?,
            decoder_free: library.function("closeBcg729DecoderChannel")?,
        }
    };
    LIBRARY.get_or_init(|| functions);
    Ok(())
}

/// The codec.
struct G729;

impl Codec for G729 {
    type Encoder = G729Encoder;
    type Decoder = G729Decoder;
    const DESCRIPTION: Description = Description {
        encoding_name: "G729",
        clock_rate: 8_000,
        sample_rate: 8_000,
        static_payload_type: Some(18),
        fmtp: "annexb=no",
    };

    fn packing(_: u64) -> Packing {
        Packing::Frames {
            samples: FRAME_SAMPLES as u32,
            bytes: FRAME_BYTES as u32,
            max_frames: MAX_FRAMES as u32,
        }
    }

    fn samples_in(_: u64, payload: &[u8]) -> Option<usize> {
        frames_in(payload).map(|frames| frames * FRAME_SAMPLES)
    }

    fn encoder(_: u64) -> Option<G729Encoder> {
        let library = LIBRARY.get()?;
        // SAFETY: without voice activity detection each frame is speech of 10 bytes.
        let state = unsafe { (library.encoder_new)(0) };
        (!state.is_null()).then_some(G729Encoder { library, state })
    }

    fn decoder(_: u64) -> Option<G729Decoder> {
        let library = LIBRARY.get()?;
        // SAFETY: no conditions.
        let state = unsafe { (library.decoder_new)() };
        (!state.is_null()).then_some(G729Decoder { library, state })
    }
}

/// Speech frames, and then perhaps one silence descriptor.
fn frames_in(payload: &[u8]) -> Option<usize> {
    let frames = match payload.len() % FRAME_BYTES {
        0 => payload.len() / FRAME_BYTES,
        SID_BYTES => payload.len() / FRAME_BYTES + 1,
        _ => return None,
    };
    (1..=MAX_FRAMES).contains(&frames).then_some(frames)
}

struct G729Encoder {
    library: &'static Library,
    state: *mut c_void,
}

// SAFETY: the state is plain memory that nothing else points to.
unsafe impl Send for G729Encoder {}

impl Drop for G729Encoder {
    fn drop(&mut self) {
        // SAFETY: the state came from the library and is used no more.
        unsafe { (self.library.encoder_free)(self.state) }
    }
}

impl Encoder for G729Encoder {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, Failure> {
        let frames = pcm.len() / FRAME_SAMPLES;
        if !pcm.len().is_multiple_of(FRAME_SAMPLES) || !(1..=MAX_FRAMES).contains(&frames) {
            return Err(Failure::Refused);
        }
        let needed = frames * FRAME_BYTES;
        let out = out.get_mut(..needed).ok_or(Failure::BufferTooSmall)?;
        let frames = pcm.chunks_exact(FRAME_SAMPLES);
        for (frame, code) in frames.zip(out.chunks_exact_mut(FRAME_BYTES)) {
            let mut len = 0;
            // SAFETY: 80 samples are read; at most 10 bytes and the length are written.
            unsafe {
                (self.library.encode)(self.state, frame.as_ptr(), code.as_mut_ptr(), &mut len);
            }
            if usize::from(len) != FRAME_BYTES {
                return Err(Failure::Failed);
            }
        }
        Ok(needed)
    }
}

struct G729Decoder {
    library: &'static Library,
    state: *mut c_void,
}

// SAFETY: the state is plain memory that nothing else points to.
unsafe impl Send for G729Decoder {}

impl Drop for G729Decoder {
    fn drop(&mut self) {
        // SAFETY: the state came from the library and is used no more.
        unsafe { (self.library.decoder_free)(self.state) }
    }
}

impl G729Decoder {
    /// Decodes one frame of speech or silence; an empty one is lost. After a silence descriptor the
    /// library goes on with comfort noise.
    fn frame(&mut self, code: &[u8], out: &mut [i16; FRAME_SAMPLES]) {
        let (lost, sid) = (code.is_empty(), code.len() == SID_BYTES);
        // The library may look at as many bytes as speech has, and knows a lost frame by null.
        let mut bytes = [0; FRAME_BYTES];
        bytes[..code.len()].copy_from_slice(code);
        let ptr = if lost {
            std::ptr::null()
        } else {
            bytes.as_ptr()
        };
        let len = code.len() as u8;
        let out = out.as_mut_ptr();
        // SAFETY: no more than a frame of speech is read, and 80 samples are written.
        unsafe { (self.library.decode)(self.state, ptr, len, lost.into(), sid.into(), 0, out) }
    }
}

impl Decoder for G729Decoder {
    const CONCEALS: bool = true;

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Failure> {
        let needed = frames_in(payload).ok_or(Failure::Refused)? * FRAME_SAMPLES;
        let out = out.get_mut(..needed).ok_or(Failure::BufferTooSmall)?;
        let (frames, _) = out.as_chunks_mut();
        for (code, frame) in payload.chunks(FRAME_BYTES).zip(frames) {
            self.frame(code, frame);
        }
        Ok(needed)
    }

    fn conceal(&mut self, out: &mut [i16]) {
        let (frames, rest) = out.as_chunks_mut();
        for frame in frames {
            self.frame(&[], frame);
        }
        rest.fill(0);
    }
}
