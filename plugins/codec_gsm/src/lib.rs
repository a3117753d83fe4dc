//! GSM 06.10 full rate through the system's libgsm: 33 bytes for 20 ms.
//!
//! RFC 3551 §4.5.8. What is lost is concealed by the server. The library is under a permissive
//! licence of TU Berlin.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use muleteer_sdk::fixed::Frames;
use muleteer_sdk::{
    Codec, Decoder, Description, Encoder, Failure, LibraryError, Packing, SystemLibrary,
};

muleteer_sdk::export_codecs! { open: open, codecs: [Gsm] }

/// Up to 120 ms in a packet.
const FRAMES: Frames = Frames {
    samples: 160,
    bytes: 33,
    max: 6,
};

/// The functions of libgsm that are used.
struct Library {
    create: unsafe extern "C" fn() -> *mut c_void,
    destroy: unsafe extern "C" fn(*mut c_void),
    encode: unsafe extern "C" fn(*mut c_void, *const i16, *mut u8),
    decode: unsafe extern "C" fn(*mut c_void, *const u8, *mut i16) -> c_int,
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

fn open() -> Result<(), LibraryError> {
    let library = SystemLibrary::open("libgsm.so.1", "on Debian: apt install libgsm1")?;
    // SAFETY: the types are those of gsm.h.
    let functions = unsafe {
        Library {
            create: library.function("gsm_create")?,
            destroy: library.function("gsm_destroy")?,
            encode: library.function("gsm_encode")?,
            decode: library.function("gsm_decode")?,
        }
    };
    LIBRARY.get_or_init(|| functions);
    Ok(())
}

/// The codec.
struct Gsm;

impl Codec for Gsm {
    type Encoder = Coder;
    type Decoder = Coder;
    const DESCRIPTION: Description = Description {
        encoding_name: "GSM",
        clock_rate: 8_000,
        sample_rate: 8_000,
        static_payload_type: Some(3),
        fmtp: "",
    };

    fn packing(_: u64) -> Packing {
        FRAMES.packing()
    }

    fn samples_in(_: u64, payload: &[u8]) -> Option<usize> {
        FRAMES.samples_in(payload)
    }

    fn encoder(_: u64) -> Option<Coder> {
        Coder::new()
    }

    fn decoder(_: u64) -> Option<Coder> {
        Coder::new()
    }
}

/// A state of the library, which serves one direction.
struct Coder {
    library: &'static Library,
    state: *mut c_void,
}

// SAFETY: the state is plain memory that nothing else points to.
unsafe impl Send for Coder {}

impl Coder {
    fn new() -> Option<Self> {
        let library = LIBRARY.get()?;
        // SAFETY: gsm_create has no conditions.
        let state = unsafe { (library.create)() };
        (!state.is_null()).then_some(Self { library, state })
    }
}

impl Drop for Coder {
    fn drop(&mut self) {
        // SAFETY: the state came from gsm_create and is used no more.
        unsafe { (self.library.destroy)(self.state) }
    }
}

impl Encoder for Coder {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, Failure> {
        FRAMES.encode(pcm, out, |frame, code| {
            // SAFETY: 160 samples are read and 33 bytes written.
            unsafe { (self.library.encode)(self.state, frame.as_ptr(), code.as_mut_ptr()) };
            true
        })
    }
}

impl Decoder for Coder {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Failure> {
        FRAMES.decode(payload, out, |code, frame| {
            // SAFETY: 33 bytes are read and 160 samples written. Bytes that do not begin with the
            // signature 0xD are refused.
            unsafe { (self.library.decode)(self.state, code.as_ptr(), frame.as_mut_ptr()) == 0 }
        })
    }
}
