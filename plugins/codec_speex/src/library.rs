//! The functions of libspeex that are used, by the types of speex.h and speex_bits.h.

use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

use muleteer_sdk::{LibraryError, SystemLibrary};

pub(crate) const SET_QUALITY: c_int = 4;
pub(crate) const SET_MODE: c_int = 6;
pub(crate) const SET_COMPLEXITY: c_int = 16;

type BitsFunction = unsafe extern "C" fn(*mut c_void);

pub(crate) struct Library {
    lib_get_mode: unsafe extern "C" fn(c_int) -> *const c_void,
    pub(crate) encoder_init: unsafe extern "C" fn(*const c_void) -> *mut c_void,
    pub(crate) encoder_destroy: unsafe extern "C" fn(*mut c_void),
    pub(crate) encoder_ctl: unsafe extern "C" fn(*mut c_void, c_int, *mut c_void) -> c_int,
    pub(crate) encode_int: unsafe extern "C" fn(*mut c_void, *mut i16, *mut c_void) -> c_int,
    pub(crate) decoder_init: unsafe extern "C" fn(*const c_void) -> *mut c_void,
    pub(crate) decoder_destroy: unsafe extern "C" fn(*mut c_void),
    pub(crate) decode_int: unsafe extern "C" fn(*mut c_void, *mut c_void, *mut i16) -> c_int,
    bits_init_buffer: unsafe extern "C" fn(*mut c_void, *mut c_void, c_int),
    bits_reset: BitsFunction,
    bits_insert_terminator: BitsFunction,
    bits_nbytes: unsafe extern "C" fn(*mut c_void) -> c_int,
    bits_write: unsafe extern "C" fn(*mut c_void, *mut c_char, c_int) -> c_int,
    bits_read_from: unsafe extern "C" fn(*mut c_void, *const c_char, c_int),
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

pub(crate) fn open() -> Result<(), LibraryError> {
    let library = SystemLibrary::open("libspeex.so.1", "on Debian: apt install libspeex1")?;
    // SAFETY: the types are those of the headers.
    let functions = unsafe {
        Library {
            lib_get_mode: library.function("speex_lib_get_mode")?,
            encoder_init: library.function("speex_encoder_init")?,
            encoder_destroy: library.function("speex_encoder_destroy")?,
            encoder_ctl: library.function("speex_encoder_ctl")?,
            encode_int: library.function("speex_encode_int")?,
            decoder_init: library.function("speex_decoder_init")?,
            decoder_destroy: library.function("speex_decoder_destroy")?,
            decode_int: library.function("speex_decode_int")?,
            bits_init_buffer: library.function("speex_bits_init_buffer")?,
            bits_reset: library.function("speex_bits_reset")?,
            bits_insert_terminator: library.function("speex_bits_insert_terminator")?,
            bits_nbytes: library.function("speex_bits_nbytes")?,
            bits_write: library.function("speex_bits_write")?,
            bits_read_from: library.function("speex_bits_read_from")?,
        }
    };
    LIBRARY.get_or_init(|| functions);
    Ok(())
}

impl Library {
    pub(crate) fn opened() -> Option<&'static Self> {
        LIBRARY.get()
    }

    /// A mode of speex.h.
    pub(crate) fn mode(&self, mode: c_int) -> Option<*const c_void> {
        // SAFETY: an unknown number gives null.
        let mode = unsafe { (self.lib_get_mode)(mode) };
        (!mode.is_null()).then_some(mode)
    }
}

/// A `SpeexBits` over a buffer of ours, so that the library never makes or moves one.
pub(crate) struct Bits {
    library: &'static Library,
    /// The structure; it holds a pointer to `buffer`.
    structure: Box<[u64; STRUCTURE_WORDS]>,
    buffer: Box<[u8]>,
}

/// `SpeexBits` has 48 bytes where pointers have 8; twice that is room for more.
const STRUCTURE_WORDS: usize = 12;

impl Bits {
    /// Bits for payloads of up to `bytes`.
    pub(crate) fn new(library: &'static Library, bytes: usize) -> Self {
        // One more, which the library keeps free when it writes.
        let mut bits = Self {
            library,
            structure: Box::new([0; STRUCTURE_WORDS]),
            buffer: vec![0; bytes + 1].into_boxed_slice(),
        };
        let (place, size) = (bits.buffer.as_mut_ptr().cast(), bits.buffer.len() as c_int);
        // SAFETY: the structure is large enough, and both live in boxes that do not move.
        unsafe { (library.bits_init_buffer)(bits.as_mut_ptr(), place, size) };
        bits
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut c_void {
        self.structure.as_mut_ptr().cast()
    }

    pub(crate) fn clear(&mut self) {
        // SAFETY: the structure was initialised.
        unsafe { (self.library.bits_reset)(self.as_mut_ptr()) }
    }

    /// Fills up the last byte and copies all to `out`; `None` if it is too small.
    pub(crate) fn take(&mut self, out: &mut [u8]) -> Option<usize> {
        let bits = self.as_mut_ptr();
        // SAFETY: the structure was initialised. No more is written than `out` holds.
        unsafe {
            (self.library.bits_insert_terminator)(bits);
            let len = usize::try_from((self.library.bits_nbytes)(bits)).ok()?;
            let out = out.get_mut(..len)?;
            (self.library.bits_write)(bits, out.as_mut_ptr().cast(), len as c_int);
            Some(len)
        }
    }

    /// Makes a payload, which fits, what is read next.
    pub(crate) fn read(&mut self, payload: &[u8]) {
        let len = payload.len().min(self.buffer.len() - 1) as c_int;
        // SAFETY: the structure was initialised, and its buffer holds `len` bytes.
        unsafe { (self.library.bits_read_from)(self.as_mut_ptr(), payload.as_ptr().cast(), len) }
    }
}
