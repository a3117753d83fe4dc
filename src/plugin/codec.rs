//! A loaded codec as the rest of the server sees it.

use std::borrow::Cow;
use std::ffi::c_void;
use std::ptr::NonNull;

use muleteer_sdk::abi::{self, Text};

use super::error::TableError;
use super::table::{Facts, MAX_FMTP, is_printable};
use crate::codec::{
    CodecDescription, CodecError, CodecFactory, CodecId, Concealment, Decoder, Encoder,
    MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES, Packing, Variant, room_for,
};

/// The functions of a codec, those that must be there without their `Option`.
pub(super) struct Functions {
    variant: Option<abi::Variant>,
    packing: abi::PackingOf,
    answer: Option<abi::Answer>,
    samples_in: abi::PayloadFact,
    /// Both or none.
    requests: Option<(abi::PayloadFact, abi::Request)>,
    encoder_new: abi::New,
    encode: abi::Encode,
    encoder_free: abi::Free,
    decoder_new: abi::New,
    decode: abi::Decode,
    conceal: Option<abi::Conceal>,
    decoder_free: abi::Free,
}

impl Functions {
    pub(super) fn of(name: &str, codec: &abi::Codec) -> Result<Self, TableError> {
        let missing = |function| TableError::Function {
            codec: name.to_owned(),
            function,
        };
        let requests = match (codec.request_in, codec.encoder_request) {
            (Some(request_in), Some(encoder_request)) => Some((request_in, encoder_request)),
            (None, None) => None,
            (Some(_), None) => return Err(missing("encoder_request")),
            (None, Some(_)) => return Err(missing("request_in")),
        };
        Ok(Self {
            requests,
            variant: codec.variant,
            packing: codec.packing.ok_or_else(|| missing("packing"))?,
            answer: codec.answer,
            samples_in: codec.samples_in.ok_or_else(|| missing("samples_in"))?,
            encoder_new: codec.encoder_new.ok_or_else(|| missing("encoder_new"))?,
            encode: codec.encode.ok_or_else(|| missing("encode"))?,
            encoder_free: codec.encoder_free.ok_or_else(|| missing("encoder_free"))?,
            decoder_new: codec.decoder_new.ok_or_else(|| missing("decoder_new"))?,
            decode: codec.decode.ok_or_else(|| missing("decode"))?,
            conceal: codec.conceal,
            decoder_free: codec.decoder_free.ok_or_else(|| missing("decoder_free"))?,
        })
    }
}

/// Registers a checked codec for the rest of the process.
pub(super) fn register(facts: Facts) -> CodecId {
    let Facts {
        encoding_name,
        clock_rate,
        sample_rate,
        channels,
        static_payload_type,
        fmtp,
        packing,
        functions,
    } = facts;
    CodecId::register(CodecDescription {
        encoding_name,
        clock_rate,
        sample_rate,
        channels,
        static_payload_type,
        // The contract does not say.
        joins: false,
        factory: Box::leak(Box::new(LoadedCodec {
            sample_rate,
            fmtp,
            packing,
            functions,
        })),
    })
}

struct LoadedCodec {
    sample_rate: u32,
    fmtp: &'static str,
    /// Of variant 0.
    packing: Packing,
    functions: Functions,
}

impl CodecFactory for LoadedCodec {
    fn fmtp(&self, offered: Option<&str>) -> Cow<'static, str> {
        let (Some(answer), Some(offered)) = (self.functions.answer, offered) else {
            return Cow::Borrowed(self.fmtp);
        };
        let mut text = [0; MAX_FMTP];
        // SAFETY: the text and the buffer are lent for this call.
        let len = unsafe { answer(Text::new(offered), text.as_mut_ptr(), text.len()) };
        let written = usize::try_from(len).ok().and_then(|len| text.get(..len));
        let answer = written.and_then(|text| std::str::from_utf8(text).ok());
        match answer.filter(|text| is_printable(text)) {
            Some(answer) => Cow::Owned(answer.to_owned()),
            None => Cow::Borrowed(self.fmtp),
        }
    }

    fn variant(&self, fmtp: &str) -> Option<Variant> {
        let Some(read) = self.functions.variant else {
            return Some(Variant::default());
        };
        let mut variant = 0;
        // SAFETY: the text and the place are lent for this call.
        let understood = unsafe { read(Text::new(fmtp), &mut variant) } == 1;
        let usable = || packing(&self.functions, self.sample_rate, variant).is_ok();
        (understood && usable()).then_some(Variant(variant))
    }

    fn packing(&self, variant: Variant) -> Packing {
        packing(&self.functions, self.sample_rate, variant.0).unwrap_or(self.packing)
    }

    fn samples_in(&self, variant: Variant, payload: &[u8]) -> Option<usize> {
        samples_in(
            self.functions.samples_in,
            self.sample_rate,
            variant,
            payload,
        )
    }

    fn request_in(&self, variant: Variant, payload: &[u8]) -> Option<u32> {
        let (request_in, _) = self.functions.requests?;
        // SAFETY: the payload is lent for this call.
        let request = unsafe { request_in(variant.0, payload.as_ptr(), payload.len()) };
        u32::try_from(request).ok()
    }

    fn encoder(&self, variant: Variant) -> Result<Box<dyn Encoder>, CodecError> {
        // SAFETY: any variant may be given.
        let state = unsafe { (self.functions.encoder_new)(variant.0) };
        let state = NonNull::new(state).ok_or(CodecError::Unavailable { code: 0 })?;
        Ok(Box::new(LoadedEncoder {
            encode: self.functions.encode,
            request: self.functions.requests.map(|(_, request)| request),
            state: State {
                state,
                free: self.functions.encoder_free,
            },
        }))
    }

    fn decoder(&self, variant: Variant) -> Result<Box<dyn Decoder>, CodecError> {
        // SAFETY: any variant may be given.
        let state = unsafe { (self.functions.decoder_new)(variant.0) };
        let state = NonNull::new(state).ok_or(CodecError::Unavailable { code: 0 })?;
        Ok(Box::new(LoadedDecoder {
            samples_in: self.functions.samples_in,
            sample_rate: self.sample_rate,
            variant,
            decode: self.functions.decode,
            concealing: match self.functions.conceal {
                Some(conceal) => Concealing::Codec(conceal),
                None => Concealing::Server(Concealment::new(self.sample_rate)),
            },
            state: State {
                state,
                free: self.functions.decoder_free,
            },
        }))
    }
}

/// What the server can make of a variant's packing, or the number that it cannot use.
pub(super) fn packing(
    functions: &Functions,
    sample_rate: u32,
    variant: u64,
) -> Result<Packing, (&'static str, u32)> {
    let mut packing = abi::Packing::default();
    // SAFETY: the place is lent for this call.
    unsafe { (functions.packing)(variant, &mut packing) };
    let abi::Packing {
        kind,
        unit_samples,
        unit_bytes,
        max_frames,
    } = packing;
    let per_ms = sample_rate / 1_000;
    let too_long = |units: u64| units * u64::from(unit_bytes) > MAX_PAYLOAD_BYTES as u64;
    match kind {
        abi::PACKING_SAMPLES => {
            if unit_samples == 0 || !(10 * per_ms).is_multiple_of(unit_samples) {
                return Err(("number of samples in a unit", unit_samples));
            }
            let units = u64::from(20 * per_ms / unit_samples);
            if unit_bytes == 0 || too_long(units) {
                return Err(("number of bytes in a unit", unit_bytes));
            }
            Ok(Packing::Samples {
                samples: unit_samples as usize,
                bytes: unit_bytes as usize,
            })
        }
        abi::PACKING_FRAMES => {
            let ms = unit_samples / per_ms;
            let times = packet_times(ms).filter(|_| unit_samples.is_multiple_of(per_ms));
            let times = times.ok_or(("number of samples in a frame", unit_samples))?;
            if max_frames == 0 || u64::from(ms) * u64::from(max_frames) > MAX_PACKET_MS {
                return Err(("number of frames in a packet", max_frames));
            }
            if unit_bytes == 0 || too_long(max_frames.into()) {
                return Err(("number of bytes in a frame", unit_bytes));
            }
            let fits = |time: &&u8| u32::from(**time) <= ms * max_frames;
            Ok(Packing::Frames {
                packet_ms: &times[..times.iter().take_while(fits).count()],
                max_bytes: (unit_bytes * max_frames) as usize,
            })
        }
        _ => Err(("kind of packing", kind)),
    }
}

const MAX_PACKET_MS: u64 = abi::MAX_PACKET_MS as u64;

/// The packet times that frames of `ms` fill, out of those that the media threads know.
fn packet_times(ms: u32) -> Option<&'static [u8]> {
    match ms {
        10 => Some(&[10, 20, 30, 40, 50, 60]),
        20 => Some(&[20, 40, 60]),
        30 => Some(&[30, 60]),
        40 => Some(&[40]),
        60 => Some(&[60]),
        _ => None,
    }
}

/// What the codec says, unless that is more than a packet can hold.
fn samples_in(
    function: abi::PayloadFact,
    sample_rate: u32,
    variant: Variant,
    payload: &[u8],
) -> Option<usize> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return None;
    }
    // SAFETY: the payload is lent for this call.
    let samples = unsafe { function(variant.0, payload.as_ptr(), payload.len()) };
    let most = (sample_rate / 1_000 * abi::MAX_PACKET_MS) as usize;
    let samples = usize::try_from(samples).ok()?;
    (1..=most.min(MAX_PACKET_SAMPLES))
        .contains(&samples)
        .then_some(samples)
}

/// A coder of the object.
struct State {
    state: NonNull<c_void>,
    free: abi::Free,
}

// SAFETY: the contract lets a coder be used by one thread after the other.
unsafe impl Send for State {}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: the state came from the object that `free` is of, and is used no more.
        unsafe { (self.free)(self.state.as_ptr()) }
    }
}

struct LoadedEncoder {
    encode: abi::Encode,
    request: Option<abi::Request>,
    state: State,
}

impl Encoder for LoadedEncoder {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> usize {
        // SAFETY: the state is the codec's; both buffers are lent for this call.
        let written = unsafe {
            (self.encode)(
                self.state.state.as_ptr(),
                pcm.as_ptr(),
                pcm.len(),
                out.as_mut_ptr(),
                out.len(),
            )
        };
        let written = usize::try_from(written).unwrap_or(0);
        if written > out.len() { 0 } else { written }
    }

    fn request(&mut self, request: u32) {
        if let Some(function) = self.request {
            // SAFETY: the state is the codec's.
            unsafe { function(self.state.state.as_ptr(), request) }
        }
    }
}

struct LoadedDecoder {
    samples_in: abi::PayloadFact,
    sample_rate: u32,
    variant: Variant,
    decode: abi::Decode,
    concealing: Concealing,
    state: State,
}

/// Who makes up what was lost.
enum Concealing {
    Codec(abi::Conceal),
    Server(Concealment),
}

impl Decoder for LoadedDecoder {
    fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize, CodecError> {
        let samples = samples_in(self.samples_in, self.sample_rate, self.variant, payload);
        let out = room_for(payload, samples, out)?;
        let needed = out.len();
        // SAFETY: the state is the codec's; both buffers are lent for this call.
        let written = unsafe {
            (self.decode)(
                self.state.state.as_ptr(),
                payload.as_ptr(),
                payload.len(),
                out.as_mut_ptr(),
                out.len(),
            )
        };
        if usize::try_from(written) != Ok(needed) {
            return Err(CodecError::Corrupt);
        }
        if let Concealing::Server(concealment) = &mut self.concealing {
            concealment.received(out);
        }
        Ok(needed)
    }

    fn conceal(&mut self, out: &mut [i16]) -> usize {
        match &mut self.concealing {
            Concealing::Server(concealment) => concealment.conceal(out),
            Concealing::Codec(conceal) => {
                // SAFETY: the state is the codec's; the buffer is lent for this call.
                let written =
                    unsafe { conceal(self.state.state.as_ptr(), out.as_mut_ptr(), out.len()) };
                let written = usize::try_from(written).unwrap_or(0).min(out.len());
                out[written..].fill(0);
                out.len()
            }
        }
    }
}
