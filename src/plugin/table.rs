//! Checks a codec table before anything of it is used.
//!
//! Sizes and the version are read before what they are about; texts are copied; every number and
//! function that the media threads rely on is looked at once, here.

use muleteer_sdk::abi::{self, Text};

use super::codec::{Functions, packing};
use super::error::TableError;
use crate::codec::Packing;
use crate::rtp::{ClockRate, PayloadType, static_payload};

/// Longest encoding name.
const MAX_ENCODING_NAME: usize = 32;
/// Longest `fmtp` of ours.
pub(super) const MAX_FMTP: usize = 512;

/// One codec of a table, checked.
pub(super) struct Facts {
    pub(super) encoding_name: &'static str,
    pub(super) clock_rate: ClockRate,
    pub(super) sample_rate: u32,
    pub(super) channels: u8,
    pub(super) static_payload_type: Option<PayloadType>,
    pub(super) fmtp: &'static str,
    /// Of variant 0.
    pub(super) packing: Packing,
    pub(super) functions: Functions,
}

/// Reads the table at `found`.
///
/// # Safety
/// `found` is not null, and what it points to is a table of the contract, of any version, that is
/// there as long as the process lives.
pub(super) unsafe fn read(found: *const abi::CodecTable) -> Result<Vec<Facts>, TableError> {
    if !found.is_aligned() {
        return Err(TableError::Pointer { what: "the table" });
    }
    // SAFETY: every version begins with its size and the major version; they are all that is read
    // of a table that may be smaller than ours.
    let (size, major) = unsafe { ((*found).size, (*found).abi_major) };
    if major != abi::ABI_MAJOR {
        return Err(TableError::Version {
            major,
            ours: abi::ABI_MAJOR,
        });
    }
    is_whole::<abi::CodecTable>(size)?;
    // SAFETY: all members are there.
    let table = unsafe { *found };
    if !(1..=abi::MAX_CODECS).contains(&table.codec_count) {
        return Err(TableError::Count {
            count: table.codec_count,
            most: abi::MAX_CODECS,
        });
    }
    if table.codecs.is_null() || !table.codecs.is_aligned() {
        return Err(TableError::Pointer {
            what: "the list of codecs",
        });
    }
    let read_codec = |index: usize| {
        // SAFETY: the list has `codec_count` pointers.
        let codec = unsafe { *table.codecs.add(index) };
        if codec.is_null() || !codec.is_aligned() {
            return Err(TableError::Pointer { what: "a codec" });
        }
        // SAFETY: every version begins with its size.
        is_whole::<abi::Codec>(unsafe { (*codec).size })?;
        // SAFETY: all members are there.
        unsafe { facts(index, &*codec) }
    };
    (0..table.codec_count as usize).map(read_codec).collect()
}

/// Whether a structure that says it has `size` bytes has all members of ours.
fn is_whole<T>(size: u32) -> Result<(), TableError> {
    let least = size_of::<T>();
    if (size as usize) < least {
        return Err(TableError::Size { size, least });
    }
    Ok(())
}

/// # Safety
/// The texts of `codec` are what they say, and its functions those of the contract.
unsafe fn facts(index: usize, codec: &abi::Codec) -> Result<Facts, TableError> {
    // SAFETY: as the caller says.
    let (name, fmtp) = unsafe {
        (
            text(codec.encoding_name, MAX_ENCODING_NAME),
            text(codec.fmtp, MAX_FMTP),
        )
    };
    let name = name.filter(|name| is_token(name)).ok_or(TableError::Text {
        index,
        what: "its encoding name",
    })?;
    let fmtp = fmtp
        .filter(|fmtp| is_printable(fmtp))
        .ok_or(TableError::Text {
            index,
            what: "its fmtp",
        })?;
    let number = |what, value: i64| TableError::Number {
        codec: name.to_owned(),
        what,
        value,
    };
    let clock_rate = Some(codec.clock_rate)
        .filter(|rate| (8_000..=48_000).contains(rate))
        .and_then(ClockRate::new)
        .ok_or_else(|| number("clock rate", codec.clock_rate.into()))?;
    if ![8_000, 16_000, 24_000, 32_000, 48_000].contains(&codec.sample_rate) {
        return Err(number("sample rate", codec.sample_rate.into()));
    }
    if !(1..=2).contains(&codec.channels) {
        return Err(number("channel count", codec.channels.into()));
    }
    let static_payload_type = payload_type(name, codec)?;
    let functions = Functions::of(name, codec)?;
    let packing = packing(&functions, codec.sample_rate, 0)
        .map_err(|(what, value)| number(what, value.into()))?;
    Ok(Facts {
        encoding_name: name.to_owned().leak(),
        clock_rate,
        sample_rate: codec.sample_rate,
        channels: codec.channels,
        static_payload_type,
        fmtp: fmtp.to_owned().leak(),
        packing,
        functions,
    })
}

/// # Safety
/// `text` is what it says, and stays so for `'a`.
unsafe fn text<'a>(text: Text, max: usize) -> Option<&'a str> {
    // SAFETY: as the caller says.
    unsafe { text.get(max) }
}

/// What may stand in front of the slash of an `rtpmap` (`token`, RFC 8866 §9).
fn is_token(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    !text.is_empty() && text.bytes().all(usual)
}

/// One line of ASCII.
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// -1, or a number below the dynamic ones that is not another codec's.
fn payload_type(name: &str, codec: &abi::Codec) -> Result<Option<PayloadType>, TableError> {
    let number = match codec.static_payload_type {
        -1 => return Ok(None),
        number @ 0..96 => PayloadType::new(number as u8),
        _ => None,
    };
    let number = number.ok_or_else(|| TableError::Number {
        codec: name.to_owned(),
        what: "static payload type",
        value: codec.static_payload_type.into(),
    })?;
    let owner = static_payload(number).filter(|owner| {
        !owner.encoding_name.eq_ignore_ascii_case(name)
            || owner.clock_rate.get() != codec.clock_rate
            || owner.channels != codec.channels
    });
    match owner {
        Some(owner) => Err(TableError::PayloadType {
            codec: name.to_owned(),
            number: number.get(),
            owner: owner.encoding_name,
        }),
        None => Ok(Some(number)),
    }
}

#[cfg(test)]
mod tests;
