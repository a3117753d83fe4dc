//! iLBC through libilbc: 38 bytes for 20 ms or 50 for 30 ms.
//!
//! RFC 3951 (codec), RFC 3952 (payload format, `mode`). Debian has no package of the library; it is
//! used where an administrator has installed one. It is under a BSD licence.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use muleteer_sdk::fixed::Frames;
use muleteer_sdk::{
    Codec, Decoder, Description, Encoder, Failure, LibraryError, Packing, SystemLibrary, fmtp,
};

muleteer_sdk::export_codecs! { open: open, codecs: [Ilbc] }

/// Variant 0: the mode of a peer that names none (RFC 3952 §5).
const MODE_30: Frames = Frames {
    samples: 240,
    bytes: 50,
    max: 4,
};
/// Variant 1.
const MODE_20: Frames = Frames {
    samples: 160,
    bytes: 38,
    max: 6,
};

/// The functions of libilbc that are used. Its versions return and take integers of different
/// sizes, all of which hold these values.
struct Library {
    encoder_create: unsafe extern "C" fn(*mut *mut c_void) -> i16,
    encoder_init: unsafe extern "C" fn(*mut c_void, c_int) -> i16,
    encode: unsafe extern "C" fn(*mut c_void, *const i16, usize, *mut u8) -> i16,
    encoder_free: unsafe extern "C" fn(*mut c_void) -> i16,
    decoder_create: unsafe extern "C" fn(*mut *mut c_void) -> i16,
    decoder_init: unsafe extern "C" fn(*mut c_void, c_int) -> i16,
    decode: unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut i16, *mut i16) -> i16,
    decode_plc: unsafe extern "C" fn(*mut c_void, *mut i16, usize) -> i16,
    decoder_free: unsafe extern "C" fn(*mut c_void) -> i16,
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

/// The names under which distributions and the library's own build install it, newest first.
const FILES: [&str; 4] = ["libilbc.so.3", "libilbc.so.2", "libilbc.so.0", "libilbc.so"];

fn open() -> Result<(), LibraryError> {
    let mut found = FILES
        .iter()
        .map(|file| SystemLibrary::open(file, "Debian has no package of it"));
    let first = found.next().expect("there are names");
    let library = first.or_else(|error| found.find_map(Result::ok).ok_or(error))?;
    // SAFETY: the types are those of ilbc.h.
    let functions = unsafe {
        Library {
            encoder_create: library.function("WebRtcIlbcfix_EncoderCreate")?,
            encoder_init: library.function("WebRtcIlbcfix_EncoderInit")?,
            encode: library.function("WebRtcIlbcfix_Encode")?,
            encoder_free: library.function("WebRtcIlbcfix_EncoderFree")?,
            decoder_create: library.function("WebRtcIlbcfix_DecoderCreate")?,
            decoder_init: library.function("WebRtcIlbcfix_DecoderInit")?,
            decode: library.function("WebRtcIlbcfix_Decode")?,
            decode_plc: library.function("WebRtcIlbcfix_DecodePlc")?,
            decoder_free: library.function("WebRtcIlbcfix_DecoderFree")?,
        }
    };
    LIBRARY.get_or_init(|| functions);
    Ok(())
}

/// The codec.
struct Ilbc;

/// The frames and the milliseconds of a variant.
fn mode(variant: u64) -> (Frames, c_int) {
    match variant {
        0 => (MODE_30, 30),
        _ => (MODE_20, 20),
    }
}

impl Codec for Ilbc {
    type Encoder = IlbcEncoder;
    type Decoder = IlbcDecoder;
    const DESCRIPTION: Description = Description {
        encoding_name: "iLBC",
        clock_rate: 8_000,
        sample_rate: 8_000,
        static_payload_type: None,
        // What a peer may answer to an offer of 20, but not the other way round (RFC 3952 §5).
        fmtp: "mode=30",
    };

    fn variant(fmtp: &str) -> Option<u64> {
        match fmtp::parameter(fmtp, "mode") {
            None | Some("30") => Some(0),
            Some("20") => Some(1),
            Some(_) => None,
        }
    }

    fn packing(variant: u64) -> Packing {
        mode(variant).0.packing()
    }

    /// Both sides use the mode of the offer, or 30 if either wants that (RFC 3952 §5).
    fn answer(fmtp: &str) -> String {
        match Self::variant(fmtp) {
            Some(1) => "mode=20".to_owned(),
            _ => "mode=30".to_owned(),
        }
    }

    fn samples_in(variant: u64, payload: &[u8]) -> Option<usize> {
        mode(variant).0.samples_in(payload)
    }

    fn encoder(variant: u64) -> Option<IlbcEncoder> {
        let library = LIBRARY.get()?;
        let (frames, milliseconds) = mode(variant);
        let mut state = std::ptr::null_mut();
        // SAFETY: a place for the state.
        let created = unsafe { (library.encoder_create)(&mut state) };
        if created != 0 || state.is_null() {
            return None;
        }
        let encoder = IlbcEncoder {
            library,
            state,
            frames,
        };
        // SAFETY: the state is the library's.
        (unsafe { (library.encoder_init)(state, milliseconds) } == 0).then_some(encoder)
    }

    fn decoder(variant: u64) -> Option<IlbcDecoder> {
        let library = LIBRARY.get()?;
        let (frames, milliseconds) = mode(variant);
        let mut state = std::ptr::null_mut();
        // SAFETY: a place for the state.
        let created = unsafe { (library.decoder_create)(&mut state) };
        if created != 0 || state.is_null() {
            return None;
        }
        let decoder = IlbcDecoder {
            library,
            state,
            frames,
        };
        // SAFETY: the state is the library's.
        (unsafe { (library.decoder_init)(state, milliseconds) } == 0).then_some(decoder)
    }
}

/// Bytes of one frame where the library may use them as words.
#[repr(align(2))]
struct Aligned([u8; MODE_30.bytes]);

struct IlbcEncoder {
    library: &'static Library,
    state: *mut c_void,
    frames: Frames,
}

// SAFETY: the state is plain memory that nothing else points to.
unsafe impl Send for IlbcEncoder {}

impl Drop for IlbcEncoder {
    fn drop(&mut self) {
        // SAFETY: the state came from the library and is used no more.
        unsafe { (self.library.encoder_free)(self.state) };
    }
}

impl Encoder for IlbcEncoder {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, Failure> {
        self.frames.encode(pcm, out, |frame, code| {
            let mut bytes = Aligned([0; MODE_30.bytes]);
            // SAFETY: one frame is read; its bytes, at most 50, are written.
            let written = unsafe {
                (self.library.encode)(
                    self.state,
                    frame.as_ptr(),
                    frame.len(),
                    bytes.0.as_mut_ptr(),
                )
            };
            code.copy_from_slice(&bytes.0[..code.len()]);
            usize::try_from(written) == Ok(code.len())
        })
    }
}

struct IlbcDecoder {
    library: &'static Library,
    state: *mut c_void,
    frames: Frames,
}

// SAFETY: the state is plain memory that nothing else points to.
unsafe impl Send for IlbcDecoder {}

impl Drop for IlbcDecoder {
    fn drop(&mut self) {
        // SAFETY: the state came from the library and is used no more.
        unsafe { (self.library.decoder_free)(self.state) };
    }
}

impl Decoder for IlbcDecoder {
    const CONCEALS: bool = true;

    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Failure> {
        self.frames.decode(payload, out, |code, frame| {
            let mut bytes = Aligned([0; MODE_30.bytes]);
            bytes.0[..code.len()].copy_from_slice(code);
            let mut speech_type = 0;
            // SAFETY: the bytes of one frame are read and its samples written.
            let samples = unsafe {
                (self.library.decode)(
                    self.state,
                    bytes.0.as_ptr(),
                    code.len(),
                    frame.as_mut_ptr(),
                    &mut speech_type,
                )
            };
            usize::try_from(samples) == Ok(frame.len())
        })
    }

    fn conceal(&mut self, out: &mut [i16]) {
        let mut frames = out.chunks_exact_mut(self.frames.samples);
        for frame in frames.by_ref() {
            // SAFETY: the samples of one frame are written.
            unsafe { (self.library.decode_plc)(self.state, frame.as_mut_ptr(), 1) };
        }
        frames.into_remainder().fill(0);
    }
}
