//! Audio formats as a session description names them: `a=rtpmap`, `a=fmtp`, static payload types,
//! and the event ranges of telephone-event (RFC 4733 §2.4.1).

use std::borrow::Cow;
use std::fmt::{self, Write};

use smallvec::SmallVec;

use super::description::MediaDescription;
use super::reader::known_or;
use super::write::write_all;
use crate::codec::{CodecId, Codecs};
use crate::decimal::write_number;
use crate::rtp::{PayloadType, static_payload};

/// The encoding name of RFC 4733 events.
pub const TELEPHONE_EVENT: &str = "telephone-event";

/// A codec, or telephone-event, with its number in one description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFormat {
    /// 0 to 127.
    pub payload_type: u8,
    /// As written; names compare without case.
    pub encoding_name: Cow<'static, str>,
    /// The RTP clock rate in hertz. For G722 that is 8000 although it samples at 16000.
    pub clock_rate: u32,
    /// 1 unless the description says otherwise.
    pub channels: u8,
    /// The text behind the payload type in `a=fmtp`.
    pub fmtp: Option<String>,
}

impl AudioFormat {
    /// Whether both name the same encoding, whatever their numbers and parameters.
    pub fn is_same_encoding(&self, other: &Self) -> bool {
        self.encoding_name
            .eq_ignore_ascii_case(&other.encoding_name)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
    }

    /// Whether this carries key presses rather than sound.
    pub fn is_telephone_event(&self) -> bool {
        self.encoding_name.eq_ignore_ascii_case(TELEPHONE_EVENT)
    }

    /// The parameters, "" if there are none.
    pub fn parameters(&self) -> &str {
        self.fmtp.as_deref().unwrap_or_default()
    }

    /// The codec of this name, if it is among `codecs`.
    pub fn codec(&self, codecs: &Codecs) -> Option<CodecId> {
        codecs.find(&self.encoding_name, self.clock_rate, self.channels)
    }

    /// Writes the `a=rtpmap` line and, if there are parameters, the `a=fmtp` line.
    pub(super) fn write_lines(&self, out: &mut impl Write) -> fmt::Result {
        let Self {
            payload_type,
            encoding_name,
            clock_rate,
            channels,
            fmtp,
        } = self;
        let number = u64::from(*payload_type);
        out.write_str("a=rtpmap:")?;
        write_number(out, number)?;
        write_all(out, &[" ", encoding_name, "/"])?;
        write_number(out, (*clock_rate).into())?;
        if *channels != 1 {
            out.write_str("/")?;
            write_number(out, (*channels).into())?;
        }
        out.write_str("\r\n")?;
        let Some(fmtp) = fmtp else {
            return Ok(());
        };
        out.write_str("a=fmtp:")?;
        write_number(out, number)?;
        write_all(out, &[" ", fmtp, "\r\n"])
    }
}

/// What the lines of a section say of one payload type: the first of each kind, behind the number.
struct Described<'a> {
    payload_type: u8,
    rtpmap: Option<&'a str>,
    fmtp: Option<&'a str>,
}

/// The formats of a media section in the order of its `m=` line, each number once.
pub(super) fn audio_formats(media: &MediaDescription) -> Vec<AudioFormat> {
    let mut described: SmallVec<[Described<'_>; 4]> = SmallVec::new();
    for payload_type in media.formats.iter().filter_map(|text| payload_type(text)) {
        if described.iter().all(|one| one.payload_type != payload_type) {
            described.push(Described {
                payload_type,
                rtpmap: None,
                fmtp: None,
            });
        }
    }
    for attribute in &media.attributes {
        let is_map = match &*attribute.name {
            "rtpmap" => true,
            "fmtp" => false,
            _ => continue,
        };
        let Some((payload_type, text)) = attribute.value.as_deref().and_then(numbered) else {
            continue;
        };
        let mut formats = described.iter_mut();
        if let Some(format) = formats.find(|one| one.payload_type == payload_type) {
            let line = match is_map {
                true => &mut format.rtpmap,
                false => &mut format.fmtp,
            };
            line.get_or_insert(text);
        }
    }
    let format = |one: &Described<'_>| {
        let number = one.payload_type;
        let mapped = one.rtpmap.and_then(|map| rtpmap(number, map));
        Some(AudioFormat {
            fmtp: one.fmtp.map(str::to_owned),
            ..mapped.or_else(|| static_format(number))?
        })
    };
    described.iter().filter_map(format).collect()
}

/// The payload type and the text behind it, of an `a=rtpmap` or `a=fmtp`.
fn numbered(value: &str) -> Option<(u8, &str)> {
    let (number, text) = value.trim_ascii().split_once([' ', '\t'])?;
    Some((payload_type(number)?, text.trim_ascii()))
}

fn payload_type(text: &str) -> Option<u8> {
    text.parse().ok().filter(|number| *number < 128)
}

/// `rtpmap-value = payload-type SP encoding-name "/" clock-rate [ "/" encoding-params ]`,
/// without the payload type (RFC 8866 §6.6).
fn rtpmap(payload_type: u8, text: &str) -> Option<AudioFormat> {
    let mut parts = text.split('/').map(str::trim_ascii);
    let encoding_name = parts.next().filter(|name| !name.is_empty())?;
    let clock_rate = parts.next()?.parse().ok().filter(|rate| *rate > 0)?;
    let channels = parts.next().map_or(Some(1), |count| count.parse().ok())?;
    Some(AudioFormat {
        payload_type,
        encoding_name: known_or(encoding_name, &USUAL),
        clock_rate,
        channels,
        fmtp: None,
    })
}

/// Names that nearly every description has.
const USUAL: [&str; 5] = [TELEPHONE_EVENT, "PCMU", "PCMA", "opus", "G722"];

/// What a number means that needs no `a=rtpmap`.
fn static_format(payload_type: u8) -> Option<AudioFormat> {
    let known = static_payload(PayloadType::new(payload_type)?)?;
    Some(AudioFormat {
        payload_type,
        encoding_name: known.encoding_name.into(),
        clock_rate: known.clock_rate.get(),
        channels: known.channels,
        fmtp: None,
    })
}

/// The telephone events 0 to 31 that a party understands. Later ones (modem and trunk signals) are
/// of no use here and are dropped when read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSet(u32);

impl EventSet {
    /// The digits, `*`, `#` and A to D: what is meant by a description that lists none.
    pub const DTMF: Self = Self(0xffff);

    /// Reads the value of an `a=fmtp` such as `0-15,32`. Parts that are no numbers are skipped.
    pub fn parse(text: &str) -> Self {
        let bits = text.split(',').filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: u32 = first.trim_ascii().parse().ok()?;
            let last: u32 = last.trim_ascii().parse().ok()?;
            Some((first..=last.min(31)).fold(0, |bits, event| bits | 1 << event))
        });
        Self(bits.fold(0, |all, part| all | part))
    }

    /// The events that both understand.
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether no event is left.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn of(format: &AudioFormat) -> Self {
        format.fmtp.as_deref().map_or(Self::DTMF, Self::parse)
    }
}

impl fmt::Display for EventSet {
    /// Writes the value of an `a=fmtp`, such as `0-15,17`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        // In 64 bits, so that a run may be shifted out as a whole.
        let (mut rest, mut first) = (u64::from(self.0), 0);
        while rest != 0 {
            let gap = rest.trailing_zeros();
            let run = (rest >> gap).trailing_ones();
            first += gap;
            f.write_str(separator)?;
            write_number(f, first.into())?;
            if run > 1 {
                f.write_str("-")?;
                write_number(f, (first + run - 1).into())?;
            }
            separator = ",";
            rest >>= gap + run;
            first += run;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_ranges_are_read_cut_and_written() {
        for (offered, ours, both) in [
            ("0-15", "0-16", "0-15"),
            ("0-16,32-36", "0-16", "0-16"),
            ("0-9,11", "0-15", "0-9,11"),
            ("1, 3, 5-4", "0-15", "1,3"),
            ("0-4294967295", "0-31", "0-31"),
            ("99", "0-15", ""),
            ("x-y", "0-15", ""),
        ] {
            let common = EventSet::parse(offered).intersection(EventSet::parse(ours));
            assert_eq!(common.to_string(), both, "{offered} and {ours}");
        }
    }

    #[test]
    fn a_map_needs_a_name_and_a_clock_rate() {
        let opus = rtpmap(111, "opus/48000/2").unwrap();
        assert_eq!((opus.clock_rate, opus.channels), (48_000, 2));
        for text in [
            "opus",
            "/8000",
            "opus/0",
            "opus/-1",
            "opus/48000/x",
            "opus/48000/300",
        ] {
            assert_eq!(rtpmap(111, text), None, "{text}");
        }
    }
}
