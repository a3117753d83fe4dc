//! The sections that we write for streams: the audio stream, and those that we decline.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::decimal::write_number;
use crate::sdp::crypto::{CRYPTO, CryptoAttribute};
use crate::sdp::description::{Direction, MediaDescription};
use crate::sdp::format::AudioFormat;
use crate::sdp::write::{write_all, write_media};

pub(super) const RTCP_MUX: &str = "rtcp-mux";

/// Writes the section that declines an offered one: same media type, profile and formats, port 0
/// (RFC 3264 §6).
pub(super) fn write_declined(out: &mut impl Write, section: &MediaDescription) -> fmt::Result {
    write_media(out, &section.media, 0, &section.protocol)?;
    if section.formats.is_empty() {
        // The grammar wants one; a section that came without has to go back with something.
        out.write_str(" 0")?;
    }
    for format in &section.formats {
        write_all(out, &[" ", format])?;
    }
    out.write_str("\r\n")
}

/// The section of the audio stream, but for its formats.
pub(super) struct AudioSection<'a> {
    pub media: &'a str,
    pub port: u16,
    pub protocol: &'a str,
    pub ptime: Duration,
    pub direction: Direction,
    pub rtcp_mux: bool,
    pub keys: &'a [CryptoAttribute],
}

impl AudioSection<'_> {
    pub fn write<'a>(
        &self,
        out: &mut impl Write,
        formats: impl Iterator<Item = &'a AudioFormat> + Clone,
    ) -> fmt::Result {
        write_media(out, self.media, self.port, self.protocol)?;
        for format in formats.clone() {
            out.write_str(" ")?;
            write_number(out, format.payload_type.into())?;
        }
        out.write_str("\r\n")?;
        for format in formats {
            format.write_lines(out)?;
        }
        if self.rtcp_mux {
            write_all(out, &["a=", RTCP_MUX, "\r\n"])?;
        }
        for key in self.keys {
            write!(out, "a={CRYPTO}:{key}\r\n")?;
        }
        out.write_str("a=ptime:")?;
        write_number(out, self.ptime.as_millis() as u64)?;
        write_all(out, &["\r\na=", self.direction.as_str(), "\r\n"])
    }
}
