//! From [`Codec`] to the C contract: each function checks its pointers, and keeps a panic inside.

use std::ffi::c_void;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use crate::abi::{self, Message, Text};
use crate::codec::{Codec, Decoder, Encoder, Failure, Packing};

/// Longest `fmtp` that is looked at.
const MAX_FMTP: usize = 4_096;

/// Exports codecs from a shared object.
///
/// `open` is called once and says whether the codecs can be used here; its error is shown to the
/// operator.
///
/// ```
/// # use muleteer_sdk::{Codec, Decoder, Description, Encoder, Failure, Packing};
/// struct L8;
///
/// impl Codec for L8 {
///     type Encoder = L8;
///     type Decoder = L8;
///     const DESCRIPTION: Description = Description {
///         encoding_name: "L8",
///         clock_rate: 8_000,
///         sample_rate: 8_000,
///         static_payload_type: None,
///         fmtp: "",
///     };
///     fn packing(_: u64) -> Packing {
///         Packing::Samples { unit_samples: 1, unit_bytes: 1 }
///     }
///     fn samples_in(_: u64, payload: &[u8]) -> Option<usize> {
///         (1..=960).contains(&payload.len()).then_some(payload.len())
///     }
///     fn encoder(_: u64) -> Option<L8> {
///         Some(L8)
///     }
///     fn decoder(_: u64) -> Option<L8> {
///         Some(L8)
///     }
/// }
///
/// impl Encoder for L8 {
///     fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, Failure> {
///         let out = out.get_mut(..pcm.len()).ok_or(Failure::BufferTooSmall)?;
///         for (byte, sample) in out.iter_mut().zip(pcm) {
///             *byte = (*sample >> 8) as u8 ^ 0x80;
///         }
///         Ok(pcm.len())
///     }
/// }
///
/// impl Decoder for L8 {
///     fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, Failure> {
///         let out = out.get_mut(..payload.len()).ok_or(Failure::BufferTooSmall)?;
///         for (sample, byte) in out.iter_mut().zip(payload) {
///             *sample = i16::from((byte ^ 0x80) as i8) << 8;
///         }
///         Ok(payload.len())
///     }
/// }
///
/// muleteer_sdk::export_codecs! { open: || Ok::<(), String>(()), codecs: [L8] }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_codecs {
    (open: $open:expr, codecs: [$($codec:ty),+ $(,)?] $(,)?) => {
        /// Gives the server the codecs of this object.
        ///
        /// # Safety
        /// `problem` is null or a message with a buffer of its `capacity`.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn muleteer_codecs(
            problem: *mut $crate::abi::Message,
        ) -> *const $crate::abi::CodecTable {
            static CODECS: &[&$crate::abi::Codec] = &[$({
                const CODEC: &$crate::abi::Codec = &$crate::describe::<$codec>();
                CODEC
            }),+];
            static TABLE: $crate::abi::CodecTable = $crate::abi::CodecTable::new(CODECS);
            // SAFETY: the caller vouches for `problem`.
            unsafe { $crate::open(problem, $open, &TABLE) }
        }
    };
}

/// Gives out `table` if `open` lets it.
///
/// # Safety
/// `problem` is null or a message with a buffer of its `capacity`.
#[doc(hidden)]
pub unsafe fn open<E: Display>(
    problem: *mut Message,
    open: impl FnOnce() -> Result<(), E>,
    table: &'static abi::CodecTable,
) -> *const abi::CodecTable {
    let text = match catch_unwind(AssertUnwindSafe(|| open().map_err(|e| e.to_string()))) {
        Ok(Ok(())) => return table,
        Ok(Err(text)) => text,
        Err(_) => "the codec panicked while it was opened".to_owned(),
    };
    // SAFETY: as the caller says.
    if let Some(message) = unsafe { problem.as_mut() }
        && !message.ptr.is_null()
    {
        let len = text.floor_char_boundary(message.capacity);
        // SAFETY: the buffer holds `capacity` bytes, and `len` is not more.
        unsafe { message.ptr.copy_from_nonoverlapping(text.as_ptr(), len) };
        message.len = len;
    }
    std::ptr::null()
}

/// The description of `C` with its functions.
#[doc(hidden)]
pub const fn describe<C: Codec>() -> abi::Codec {
    let facts = C::DESCRIPTION;
    abi::Codec {
        size: size_of::<abi::Codec>() as u32,
        clock_rate: facts.clock_rate,
        sample_rate: facts.sample_rate,
        static_payload_type: match facts.static_payload_type {
            Some(number) => number as i16,
            None => -1,
        },
        channels: 1,
        reserved: 0,
        encoding_name: Text::new(facts.encoding_name),
        fmtp: Text::new(facts.fmtp),
        variant: Some(variant::<C>),
        packing: Some(packing::<C>),
        answer: Some(answer::<C>),
        samples_in: Some(samples_in::<C>),
        request_in: if C::REQUESTS {
            Some(request_in::<C>)
        } else {
            None
        },
        encoder_new: Some(encoder_new::<C>),
        encode: Some(encode::<C>),
        encoder_request: if C::REQUESTS {
            Some(encoder_request::<C>)
        } else {
            None
        },
        encoder_free: Some(free::<C::Encoder>),
        decoder_new: Some(decoder_new::<C>),
        decode: Some(decode::<C>),
        conceal: if C::Decoder::CONCEALS {
            Some(conceal::<C>)
        } else {
            None
        },
        decoder_free: Some(free::<C::Decoder>),
    }
}

/// Runs `call`; a panic becomes `instead`.
fn guarded<T>(instead: T, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(instead)
}

/// The count or code of the contract.
fn outcome(result: Result<usize, Failure>) -> i32 {
    match result {
        Ok(count) => i32::try_from(count).unwrap_or(abi::FAILED),
        Err(failure) => failure.code(),
    }
}

/// The bytes at `ptr`; none for a null pointer.
///
/// # Safety
/// `ptr` is null or points to `len` values that stay unchanged for `'a`.
unsafe fn input<'a, T>(ptr: *const T, len: usize) -> &'a [T] {
    if ptr.is_null() {
        return &[];
    }
    // SAFETY: as the caller says.
    unsafe { slice::from_raw_parts(ptr, len) }
}

/// The buffer at `ptr`; none for a null pointer.
///
/// # Safety
/// `ptr` is null or points to `len` values that nobody else uses for `'a`.
unsafe fn output<'a, T>(ptr: *mut T, len: usize) -> &'a mut [T] {
    if ptr.is_null() {
        return &mut [];
    }
    // SAFETY: as the caller says.
    unsafe { slice::from_raw_parts_mut(ptr, len) }
}

unsafe extern "C" fn variant<C: Codec>(fmtp: Text, variant: *mut u64) -> i32 {
    // SAFETY: the contract lends both for this call.
    let (fmtp, place) = unsafe { (fmtp.get(MAX_FMTP), variant.as_mut()) };
    let read = guarded(None, || C::variant(fmtp?));
    match (read, place) {
        (Some(variant), Some(place)) => {
            *place = variant;
            1
        }
        _ => 0,
    }
}

unsafe extern "C" fn packing<C: Codec>(variant: u64, packing: *mut abi::Packing) {
    // SAFETY: the contract lends it for this call.
    let Some(place) = (unsafe { packing.as_mut() }) else {
        return;
    };
    *place = guarded(abi::Packing::default(), || match C::packing(variant) {
        Packing::Samples {
            unit_samples,
            unit_bytes,
        } => abi::Packing {
            kind: abi::PACKING_SAMPLES,
            unit_samples,
            unit_bytes,
            max_frames: 0,
        },
        Packing::Frames {
            samples,
            bytes,
            max_frames,
        } => abi::Packing {
            kind: abi::PACKING_FRAMES,
            unit_samples: samples,
            unit_bytes: bytes,
            max_frames,
        },
    });
}

unsafe extern "C" fn answer<C: Codec>(fmtp: Text, out: *mut u8, capacity: usize) -> i32 {
    // SAFETY: the contract lends both for this call.
    let (fmtp, mut out) = unsafe { (fmtp.get(MAX_FMTP), output(out, capacity)) };
    guarded(abi::FAILED, || {
        let Some(fmtp) = fmtp else {
            return abi::REFUSED;
        };
        let text = C::answer(fmtp);
        match std::io::Write::write_all(&mut out, text.as_bytes()) {
            Ok(()) => outcome(Ok(text.len())),
            Err(_) => abi::BUFFER_TOO_SMALL,
        }
    })
}

unsafe extern "C" fn samples_in<C: Codec>(variant: u64, payload: *const u8, len: usize) -> i32 {
    // SAFETY: the contract lends the payload for this call.
    let payload = unsafe { input(payload, len) };
    guarded(0, || {
        i32::try_from(C::samples_in(variant, payload).unwrap_or(0)).unwrap_or(0)
    })
}

unsafe extern "C" fn request_in<C: Codec>(variant: u64, payload: *const u8, len: usize) -> i32 {
    // SAFETY: the contract lends the payload for this call.
    let payload = unsafe { input(payload, len) };
    guarded(-1, || {
        C::request_in(variant, payload)
            .and_then(|request| i32::try_from(request).ok())
            .unwrap_or(-1)
    })
}

/// Moves a coder to the heap, for [`free`].
fn boxed<T>(make: impl FnOnce() -> Option<T>) -> *mut c_void {
    guarded(std::ptr::null_mut(), || {
        make().map_or(std::ptr::null_mut(), |coder| {
            Box::into_raw(Box::new(coder)).cast()
        })
    })
}

unsafe extern "C" fn free<T>(coder: *mut c_void) {
    if !coder.is_null() {
        // SAFETY: the pointer came from `boxed::<T>`, and the contract gives it back once.
        guarded((), || drop(unsafe { Box::from_raw(coder.cast::<T>()) }));
    }
}

unsafe extern "C" fn encoder_new<C: Codec>(variant: u64) -> *mut c_void {
    boxed(|| C::encoder(variant))
}

unsafe extern "C" fn decoder_new<C: Codec>(variant: u64) -> *mut c_void {
    boxed(|| C::decoder(variant))
}

unsafe extern "C" fn encode<C: Codec>(
    encoder: *mut c_void,
    pcm: *const i16,
    samples: usize,
    out: *mut u8,
    capacity: usize,
) -> i32 {
    // SAFETY: the pointer came from `encoder_new`, and the contract lends all to this call alone.
    let (encoder, pcm, out) = unsafe {
        (
            encoder.cast::<C::Encoder>().as_mut(),
            input(pcm, samples),
            output(out, capacity),
        )
    };
    let Some(encoder) = encoder else {
        return abi::FAILED;
    };
    guarded(abi::FAILED, || outcome(encoder.encode(pcm, out)))
}

unsafe extern "C" fn encoder_request<C: Codec>(encoder: *mut c_void, request: u32) {
    // SAFETY: the pointer came from `encoder_new`, and the contract lends it to this call alone.
    if let Some(encoder) = unsafe { encoder.cast::<C::Encoder>().as_mut() } {
        guarded((), || encoder.request(request));
    }
}

unsafe extern "C" fn decode<C: Codec>(
    decoder: *mut c_void,
    payload: *const u8,
    len: usize,
    out: *mut i16,
    capacity: usize,
) -> i32 {
    // SAFETY: the pointer came from `decoder_new`, and the contract lends all to this call alone.
    let (decoder, payload, out) = unsafe {
        (
            decoder.cast::<C::Decoder>().as_mut(),
            input(payload, len),
            output(out, capacity),
        )
    };
    let Some(decoder) = decoder else {
        return abi::FAILED;
    };
    guarded(abi::FAILED, || outcome(decoder.decode(payload, out)))
}

unsafe extern "C" fn conceal<C: Codec>(decoder: *mut c_void, out: *mut i16, samples: usize) -> i32 {
    // SAFETY: the pointer came from `decoder_new`, and the contract lends both to this call alone.
    let (decoder, out) = unsafe { (decoder.cast::<C::Decoder>().as_mut(), output(out, samples)) };
    let Some(decoder) = decoder else {
        return abi::FAILED;
    };
    guarded(abi::FAILED, || {
        decoder.conceal(out);
        outcome(Ok(out.len()))
    })
}
