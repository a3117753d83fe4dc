//! The codec contract as C sees it. `include/muleteer_codec.h` says the same and explains each
//! function; a test compares the two.

use std::ffi::c_void;

/// Tables of another major version are refused.
pub const ABI_MAJOR: u16 = 1;
/// Counts additions at the end of structures.
pub const ABI_MINOR: u16 = 0;
/// The name of the exported function, an [`Entry`].
pub const ENTRY: &str = "muleteer_codecs";
/// The longest packet, in milliseconds.
pub const MAX_PACKET_MS: u32 = 120;
/// The largest payload: what an Ethernet frame has room for.
pub const MAX_PAYLOAD_BYTES: usize = 1_400;
/// The most codecs in one table.
pub const MAX_CODECS: u32 = 32;

/// Not a payload, or not a length, of this codec.
pub const REFUSED: i32 = -1;
/// `out` does not hold the result.
pub const BUFFER_TOO_SMALL: i32 = -2;
/// The codec itself failed.
pub const FAILED: i32 = -3;

/// [`Packing::kind`]: any number of units, each of exactly `unit_bytes`.
pub const PACKING_SAMPLES: u32 = 0;
/// [`Packing::kind`]: one to `max_frames` frames.
pub const PACKING_FRAMES: u32 = 1;

/// Borrowed UTF-8.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    /// May be null when `len` is 0.
    pub ptr: *const u8,
    /// In bytes.
    pub len: usize,
}

impl Text {
    /// Borrows `text`; the caller sees to it that the result does not outlive it.
    pub const fn new(text: &str) -> Self {
        Self {
            ptr: text.as_ptr(),
            len: text.len(),
        }
    }

    /// The text, or `None` for a null pointer with a length, more than `max` bytes, or bytes that
    /// are not UTF-8.
    ///
    /// # Safety
    /// `ptr` is null or points to `len` bytes that stay unchanged for `'a`.
    pub unsafe fn get<'a>(self, max: usize) -> Option<&'a str> {
        if self.len == 0 {
            return Some("");
        }
        if self.ptr.is_null() || self.len > max {
            return None;
        }
        // SAFETY: not null, and the caller vouches for the rest.
        let bytes = unsafe { std::slice::from_raw_parts(self.ptr, self.len) };
        std::str::from_utf8(bytes).ok()
    }

    /// A text of the host, whose bytes are not looked at.
    ///
    /// # Safety
    /// As [`Text::get`], and they are UTF-8.
    pub unsafe fn trusted<'a>(self) -> &'a str {
        if self.len == 0 || self.ptr.is_null() {
            return "";
        }
        // SAFETY: not null, and the caller vouches for the rest.
        unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(self.ptr, self.len)) }
    }
}

/// A buffer of the server for a line of text.
#[repr(C)]
pub struct Message {
    /// Where the text goes.
    pub ptr: *mut u8,
    /// Bytes at `ptr`.
    pub capacity: usize,
    /// Bytes written; set by the codec.
    pub len: usize,
}

/// How PCM becomes packets.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packing {
    /// [`PACKING_SAMPLES`] or [`PACKING_FRAMES`].
    pub kind: u32,
    /// Samples of a frame, or of the shortest stretch that fills whole bytes.
    pub unit_samples: u32,
    /// Bytes of such a stretch, or of the largest packet of one frame.
    pub unit_bytes: u32,
    /// Frames that may share a packet; 0 with [`PACKING_SAMPLES`].
    pub max_frames: u32,
}

/// Reads an fmtp; 1, or 0 when it cannot be met.
pub type Variant = unsafe extern "C" fn(fmtp: Text, variant: *mut u64) -> i32;
/// Tells how audio is cut.
pub type PackingOf = unsafe extern "C" fn(variant: u64, packing: *mut Packing);
/// Writes the fmtp of an answer; returns its length.
pub type Answer = unsafe extern "C" fn(fmtp: Text, out: *mut u8, capacity: usize) -> i32;
/// Reads a number out of a payload.
pub type PayloadFact = unsafe extern "C" fn(variant: u64, payload: *const u8, len: usize) -> i32;
/// Makes a coder.
pub type New = unsafe extern "C" fn(variant: u64) -> *mut c_void;
/// Ends a coder.
pub type Free = unsafe extern "C" fn(coder: *mut c_void);
/// Encodes the PCM of one packet; returns the bytes written.
pub type Encode = unsafe extern "C" fn(
    encoder: *mut c_void,
    pcm: *const i16,
    samples: usize,
    out: *mut u8,
    capacity: usize,
) -> i32;
/// Takes the peer's wish.
pub type Request = unsafe extern "C" fn(encoder: *mut c_void, request: u32);
/// Decodes one payload; returns the samples written.
pub type Decode = unsafe extern "C" fn(
    decoder: *mut c_void,
    payload: *const u8,
    len: usize,
    out: *mut i16,
    capacity: usize,
) -> i32;
/// Makes up what was lost; returns the samples written.
pub type Conceal = unsafe extern "C" fn(decoder: *mut c_void, out: *mut i16, samples: usize) -> i32;

/// One codec: facts for RTP and SDP, and its functions. The header explains each member.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Codec {
    pub size: u32,
    pub clock_rate: u32,
    pub sample_rate: u32,
    pub static_payload_type: i16,
    pub channels: u8,
    pub reserved: u8,
    pub encoding_name: Text,
    pub fmtp: Text,
    pub variant: Option<Variant>,
    pub packing: Option<PackingOf>,
    pub answer: Option<Answer>,
    pub samples_in: Option<PayloadFact>,
    pub request_in: Option<PayloadFact>,
    pub encoder_new: Option<New>,
    pub encode: Option<Encode>,
    pub encoder_request: Option<Request>,
    pub encoder_free: Option<Free>,
    pub decoder_new: Option<New>,
    pub decode: Option<Decode>,
    pub conceal: Option<Conceal>,
    pub decoder_free: Option<Free>,
}

// SAFETY: a description is constant, and its functions may be called by any thread.
unsafe impl Send for Codec {}
// SAFETY: as above.
unsafe impl Sync for Codec {}

/// What the exported function gives.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CodecTable {
    /// Bytes of this structure as the codec knows it.
    pub size: u32,
    /// [`ABI_MAJOR`] of the codec.
    pub abi_major: u16,
    /// [`ABI_MINOR`] of the codec.
    pub abi_minor: u16,
    /// 1 to [`MAX_CODECS`].
    pub codec_count: u32,
    /// As many pointers, none of them null.
    pub codecs: *const *const Codec,
}

// SAFETY: a table is constant.
unsafe impl Send for CodecTable {}
// SAFETY: as above.
unsafe impl Sync for CodecTable {}

impl CodecTable {
    /// A table of this version.
    pub const fn new(codecs: &'static [&'static Codec]) -> Self {
        Self {
            size: size_of::<Self>() as u32,
            abi_major: ABI_MAJOR,
            abi_minor: ABI_MINOR,
            codec_count: codecs.len() as u32,
            codecs: codecs.as_ptr().cast(),
        }
    }
}

/// The exported function: a table, or null and a message.
pub type Entry = unsafe extern "C" fn(problem: *mut Message) -> *const CodecTable;
