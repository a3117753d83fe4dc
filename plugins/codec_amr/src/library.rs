//! The functions of the three libraries, by the types of interf_enc.h, interf_dec.h, enc_if.h and
//! dec_if.h.

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::sync::OnceLock;

use muleteer_sdk::{LibraryError, SystemLibrary};

type Init = unsafe extern "C" fn() -> *mut c_void;
type Exit = unsafe extern "C" fn(*mut c_void);
/// State, mode, samples, output, an option.
pub(crate) type Encode =
    unsafe extern "C" fn(*mut c_void, c_int, *mut i16, *mut u8, c_int) -> c_int;
/// State, stored frame, samples, bad frame.
pub(crate) type Decode = unsafe extern "C" fn(*mut c_void, *const u8, *mut i16, c_int);

pub(crate) struct Library {
    pub(crate) nb_encoder_init: unsafe extern "C" fn(c_int) -> *mut c_void,
    pub(crate) nb_encode: Encode,
    pub(crate) nb_encoder_exit: Exit,
    pub(crate) nb_decoder_init: Init,
    pub(crate) nb_decode: Decode,
    pub(crate) nb_decoder_exit: Exit,
    pub(crate) wb_encoder_init: Init,
    pub(crate) wb_encode: Encode,
    pub(crate) wb_encoder_exit: Exit,
    pub(crate) wb_decoder_init: Init,
    pub(crate) wb_decode: Decode,
    pub(crate) wb_decoder_exit: Exit,
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

pub(crate) fn open() -> Result<(), LibraryError> {
    let narrow = SystemLibrary::open(
        "libopencore-amrnb.so.0",
        "on Debian: apt install libopencore-amrnb0",
    )?;
    let wide = SystemLibrary::open(
        "libopencore-amrwb.so.0",
        "on Debian: apt install libopencore-amrwb0",
    )?;
    let wide_encoder = SystemLibrary::open(
        "libvo-amrwbenc.so.0",
        "on Debian: apt install libvo-amrwbenc0",
    )?;
    // SAFETY: the types are those of the headers.
    let functions = unsafe {
        Library {
            nb_encoder_init: narrow.function("Encoder_Interface_init")?,
            nb_encode: narrow.function("Encoder_Interface_Encode")?,
            nb_encoder_exit: narrow.function("Encoder_Interface_exit")?,
            nb_decoder_init: narrow.function("Decoder_Interface_init")?,
            nb_decode: narrow.function("Decoder_Interface_Decode")?,
            nb_decoder_exit: narrow.function("Decoder_Interface_exit")?,
            wb_encoder_init: wide_encoder.function("E_IF_init")?,
            wb_encode: wide_encoder.function("E_IF_encode")?,
            wb_encoder_exit: wide_encoder.function("E_IF_exit")?,
            wb_decoder_init: wide.function("D_IF_init")?,
            wb_decode: wide.function("D_IF_decode")?,
            wb_decoder_exit: wide.function("D_IF_exit")?,
        }
    };
    LIBRARY.get_or_init(|| functions);
    Ok(())
}

impl Library {
    pub(crate) fn opened() -> Option<&'static Self> {
        LIBRARY.get()
    }
}

/// A state of one of the libraries.
pub(crate) struct State {
    state: NonNull<c_void>,
    exit: Exit,
}

// SAFETY: the states are plain memory that nothing else points to.
unsafe impl Send for State {}

impl State {
    /// Owns `state`, which `exit` frees; `None` for null.
    pub(crate) fn new(state: *mut c_void, exit: Exit) -> Option<Self> {
        NonNull::new(state).map(|state| Self { state, exit })
    }

    pub(crate) fn as_ptr(&mut self) -> *mut c_void {
        self.state.as_ptr()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: the state came from the library of `exit` and is used no more.
        unsafe { (self.exit)(self.state.as_ptr()) }
    }
}
