//! Reads the lines of a body into the model, in one pass and within limits.
//!
//! Lenient where a body can be understood: line ends may be CRLF, LF or CR, lines may be out of order within
//! their section, fields may have several blanks between them, and lines that a media server has no use for
//! are not looked at.

use std::borrow::Cow;

use super::description::{
    AddressFamily, Attribute, ConnectionAddress, MediaDescription, Origin, SdpError,
    SessionDescription, Time,
};

/// The longest body that is read.
pub const MAX_DESCRIPTION_BYTES: usize = 64 * 1024;
/// The most media sections in a body. A browser with video sends about ten.
pub const MAX_MEDIA: usize = 64;
/// The most attributes in one section, counting ICE candidates and codec parameters.
pub const MAX_ATTRIBUTES_PER_SECTION: usize = 256;
/// The most formats in one `m=` line; there are 128 payload types, of which 32 are dynamic.
pub const MAX_FORMATS_PER_MEDIA: usize = 64;
/// The most `t=` lines; a call has one.
pub const MAX_TIMES: usize = 16;

/// Reads a body.
pub(super) fn read(text: &str) -> Result<SessionDescription, SdpError> {
    let mut lines = lines(text);
    if lines.next() != Some("v=0") {
        return Err(SdpError::NoVersion);
    }
    let mut read = SessionDescription {
        origin: Origin::default(),
        name: "-".into(),
        connection: None,
        times: Vec::new(),
        attributes: Vec::new(),
        media: Vec::new(),
    };
    let mut has_origin = false;
    for (index, line) in lines.enumerate() {
        // `enumerate` starts behind the `v=` line, and people count from 1.
        let bad_line = SdpError::BadLine { line: index + 2 };
        let [kind, b'=', ..] = line.as_bytes() else {
            return Err(bad_line);
        };
        let value = &line[2..];
        match kind {
            // The first of several, which there should not be.
            b'o' if !std::mem::replace(&mut has_origin, true) => read.origin = origin(value)?,
            b's' if read.media.is_empty() => read.name = value.to_owned().into(),
            b't' => push(
                &mut read.times,
                time(value),
                MAX_TIMES,
                SdpError::TooManyTimes,
            )?,
            b'c' => {
                // The first of several: more than one is for multicast layers.
                let own = match read.media.last_mut() {
                    Some(media) => &mut media.connection,
                    None => &mut read.connection,
                };
                if own.is_none() {
                    *own = Some(connection(value)?);
                }
            }
            b'a' => push(
                match read.media.last_mut() {
                    Some(media) => &mut media.attributes,
                    None => &mut read.attributes,
                },
                Attribute::parse(value),
                MAX_ATTRIBUTES_PER_SECTION,
                SdpError::TooManyAttributes,
            )?,
            b'm' => push(
                &mut read.media,
                section(value)?,
                MAX_MEDIA,
                SdpError::TooManyMedia,
            )?,
            _ => {}
        }
    }
    if read.times.is_empty() {
        read.times.push(Time::default());
    }
    Ok(read)
}

/// The lines that are not blank, whatever ends them, without blanks around them.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memchr2(b'\r', b'\n', text.as_bytes());
        let (line, behind) = text.split_at(end.unwrap_or(text.len()));
        // CRLF in one step; the other line ends are of one byte.
        rest = behind.strip_prefix("\r\n").or(behind.get(1..));
        Some(line.trim_ascii())
    });
    lines.filter(|line| !line.is_empty())
}

/// `o=<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>`. Some write a display
/// name, blanks included, for the user.
fn origin(line: &str) -> Result<Origin, SdpError> {
    let mut fields = line.split_ascii_whitespace();
    let mut last = || fields.next_back().ok_or(SdpError::BadOrigin);
    let (address, _, _, session_version, session_id) =
        (last()?, last()?, last()?, last()?, last()?);
    let mut username = known_or(fields.next().ok_or(SdpError::BadOrigin)?, &["-"]);
    for word in fields {
        let username = username.to_mut();
        username.push(' ');
        username.push_str(word);
    }
    Ok(Origin {
        username,
        session_id: session_id.to_owned(),
        session_version: session_version.to_owned(),
        address: ConnectionAddress::parse(address).ok_or(SdpError::BadOrigin)?,
    })
}

/// `c=<nettype> <addrtype> <connection-address>`
fn connection(line: &str) -> Result<ConnectionAddress, SdpError> {
    let mut fields = line.split_ascii_whitespace();
    let (family, address) = match [(); 3].map(|()| fields.next().unwrap_or_default()) {
        ["IN", "IP4", address] => (AddressFamily::Ip4, address),
        ["IN", "IP6", address] => (AddressFamily::Ip6, address),
        _ => return Err(SdpError::BadConnection),
    };
    ConnectionAddress::parse(address)
        .filter(|address| address.is_host(family) && fields.next().is_none())
        .ok_or(SdpError::BadConnection)
}

/// `t=<start-time> <stop-time>`. An unreadable one cannot matter to a call that is being set up.
fn time(line: &str) -> Time {
    let fields = line.split_ascii_whitespace();
    let mut seconds = fields.map(|field| field.parse().unwrap_or(0));
    Time {
        start: seconds.next().unwrap_or(0),
        stop: seconds.next().unwrap_or(0),
    }
}

/// `m=<media> <port>[/<number of ports>] <proto> <fmt> ...`
pub(super) fn section(line: &str) -> Result<MediaDescription, SdpError> {
    let mut fields = line.split_ascii_whitespace();
    let mut field = || fields.next().ok_or(SdpError::BadMedia);
    let (media, ports, protocol) = (field()?, field()?, field()?);
    let port = ports.split('/').next().and_then(|port| port.parse().ok());
    let mut formats = Vec::with_capacity(TYPICAL_FORMATS);
    for format in fields {
        let (limit, error) = (MAX_FORMATS_PER_MEDIA, SdpError::TooManyFormats);
        push(&mut formats, format.to_owned(), limit, error)?;
    }
    Ok(MediaDescription {
        media: known_or(media, &["audio", "video"]),
        port: port.ok_or(SdpError::BadMedia)?,
        protocol: known_or(protocol, &["RTP/AVP", "RTP/SAVP"]),
        formats,
        connection: None,
        attributes: Vec::with_capacity(TYPICAL_ATTRIBUTES),
    })
}

/// Room in a section of a phone.
const TYPICAL_FORMATS: usize = 4;
const TYPICAL_ATTRIBUTES: usize = 8;

/// `text` as one of the words that are known, without a copy, or as a copy of its own.
pub(super) fn known_or(text: &str, known: &[&'static str]) -> Cow<'static, str> {
    let same = known.iter().find(|word| **word == text);
    same.map_or_else(|| Cow::Owned(text.to_owned()), |word| Cow::Borrowed(*word))
}

fn push<T>(list: &mut Vec<T>, item: T, limit: usize, error: SdpError) -> Result<(), SdpError> {
    if list.len() == limit {
        return Err(error);
    }
    list.push(item);
    Ok(())
}

#[cfg(test)]
mod tests;
