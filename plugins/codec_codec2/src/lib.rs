//! Codec 2 through the system's libcodec2: speech at 1,400 to 3,200 bit/s.
//!
//! There is no RFC; names and packets are those that SIP servers have agreed on: `CODEC2_3200` and
//! so on at 8000 Hz, whole frames one after the other. What is lost is concealed by the server.
//! The library is under LGPL-2.1.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use muleteer_sdk::fixed::Frames;
use muleteer_sdk::{
    Codec, Decoder, Description, Encoder, Failure, LibraryError, Packing, SystemLibrary,
};

muleteer_sdk::export_codecs! {
    open: open,
    codecs: [Codec2<3_200>, Codec2<2_400>, Codec2<1_600>, Codec2<1_400>],
}

/// The functions of libcodec2 that are used.
struct Library {
    create: unsafe extern "C" fn(c_int) -> *mut c_void,
    destroy: unsafe extern "C" fn(*mut c_void),
    encode: unsafe extern "C" fn(*mut c_void, *mut u8, *const i16),
    decode: unsafe extern "C" fn(*mut c_void, *mut i16, *const u8),
    samples_per_frame: unsafe extern "C" fn(*mut c_void) -> c_int,
    bytes_per_frame: unsafe extern "C" fn(*mut c_void) -> c_int,
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

fn open() -> Result<(), LibraryError> {
    let library = SystemLibrary::open("libcodec2.so.1.0", "on Debian: apt install libcodec2-1.0")?;
    // SAFETY: the types are those of codec2.h.
    let functions = unsafe {
        Library {
            create: library.function("codec2_create")?,
            destroy: library.function("codec2_destroy")?,
            encode: library.function("codec2_encode")?,
            decode: library.function("codec2_decode")?,
            samples_per_frame: library.function("codec2_samples_per_frame")?,
            bytes_per_frame: library.function("codec2_bytes_per_frame")?,
        }
    };
    LIBRARY.get_or_init(|| functions);
    Ok(())
}

/// The codec at so many bits a second.
struct Codec2<const RATE: usize>;

impl<const RATE: usize> Codec2<RATE> {
    /// The mode's name, its number in codec2.h and its frames; up to 120 ms in a packet.
    const MODE: (&'static str, c_int, Frames) = match RATE {
        3_200 => ("CODEC2_3200", 0, frames(160, 8)),
        2_400 => ("CODEC2_2400", 1, frames(160, 6)),
        1_600 => ("CODEC2_1600", 2, frames(320, 8)),
        1_400 => ("CODEC2_1400", 3, frames(320, 7)),
        _ => panic!("no such rate"),
    };
}

const fn frames(samples: usize, bytes: usize) -> Frames {
    Frames {
        samples,
        bytes,
        max: 960 / samples,
    }
}

impl<const RATE: usize> Codec for Codec2<RATE> {
    type Encoder = Coder;
    type Decoder = Coder;
    const DESCRIPTION: Description = Description {
        encoding_name: Self::MODE.0,
        clock_rate: 8_000,
        sample_rate: 8_000,
        static_payload_type: None,
        fmtp: "",
    };

    fn packing(_: u64) -> Packing {
        Self::MODE.2.packing()
    }

    fn samples_in(_: u64, payload: &[u8]) -> Option<usize> {
        Self::MODE.2.samples_in(payload)
    }

    fn encoder(_: u64) -> Option<Coder> {
        Coder::new(Self::MODE.1, Self::MODE.2)
    }

    fn decoder(_: u64) -> Option<Coder> {
        Coder::new(Self::MODE.1, Self::MODE.2)
    }
}

/// A state of the library, which serves one direction.
struct Coder {
    library: &'static Library,
    state: *mut c_void,
    frames: Frames,
}

// SAFETY: the state is plain memory that nothing else points to.
unsafe impl Send for Coder {}

impl Coder {
    fn new(mode: c_int, frames: Frames) -> Option<Self> {
        let library = LIBRARY.get()?;
        // SAFETY: the mode is one of codec2.h.
        let state = unsafe { (library.create)(mode) };
        if state.is_null() {
            return None;
        }
        let coder = Self {
            library,
            state,
            frames,
        };
        // SAFETY: the state is one of the library's. The buffers are cut to these sizes.
        let (samples, bytes) = unsafe {
            (
                (library.samples_per_frame)(state),
                (library.bytes_per_frame)(state),
            )
        };
        let expected = usize::try_from(samples) == Ok(frames.samples)
            && usize::try_from(bytes) == Ok(frames.bytes);
        expected.then_some(coder)
    }
}

impl Drop for Coder {
    fn drop(&mut self) {
        // SAFETY: the state came from codec2_create and is used no more.
        unsafe { (self.library.destroy)(self.state) }
    }
}

impl Encoder for Coder {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, Failure> {
        self.frames.encode(pcm, out, |frame, code| {
            // SAFETY: one frame is read and its bytes are written, of the sizes checked in `new`.
            unsafe { (self.library.encode)(self.state, code.as_mut_ptr(), frame.as_ptr()) };
            true
        })
    }
}

impl Decoder for Coder {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Failure> {
        self.frames.decode(payload, out, |code, frame| {
            // SAFETY: as in `encode`.
            unsafe { (self.library.decode)(self.state, frame.as_mut_ptr(), code.as_ptr()) };
            true
        })
    }
}
