//! The sections that we write for streams: the audio stream, and those that we decline.

use std::time::Duration;

use super::agreed::NegotiatedAudio;
use crate::sdp::crypto::{CRYPTO, CryptoAttribute};
use crate::sdp::description::{Attribute, Direction, MediaDescription};
use crate::sdp::format::AudioFormat;

pub(super) const RTCP_MUX: &str = "rtcp-mux";

/// Makes of an offered section the one that declines it: same media type, profile and formats, port 0
/// (RFC 3264 §6).
pub(super) fn decline(section: &mut MediaDescription) {
    if section.formats.is_empty() {
        // The grammar wants one; a section that came without has to go back with something.
        section.formats.push("0".to_owned());
    }
    section.port = 0;
    section.connection = None;
    section.attributes.clear();
}

/// Makes of an offered section the one that agrees to it.
pub(super) fn describe_audio(
    section: &mut MediaDescription,
    port: u16,
    agreed: &NegotiatedAudio,
    keys: &[CryptoAttribute],
) {
    let formats = || agreed.receive.iter().chain(&agreed.receive_events);
    section.port = port;
    section.connection = None;
    section.formats = formats()
        .map(|format| format.payload_type.to_string())
        .collect();
    section.attributes = audio_attributes(
        formats(),
        agreed.ptime,
        agreed.direction,
        agreed.rtcp_mux,
        keys,
    );
}

pub(super) fn audio_attributes<'a>(
    formats: impl Iterator<Item = &'a AudioFormat>,
    ptime: Duration,
    direction: Direction,
    rtcp_mux: bool,
    keys: &[CryptoAttribute],
) -> Vec<Attribute> {
    let mut attributes: Vec<_> = formats.flat_map(AudioFormat::attributes).collect();
    attributes.extend(rtcp_mux.then(|| Attribute::flag(RTCP_MUX)));
    attributes.extend(keys.iter().map(|key| Attribute::value(CRYPTO, key)));
    attributes.push(Attribute::value("ptime", ptime.as_millis()));
    attributes.push(Attribute::flag(direction.as_str()));
    attributes
}
