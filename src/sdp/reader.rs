//! Reads sorted lines into the model: by sdp-rs, and where that refuses or loses something, by hand.
//!
//! Never taken from sdp-rs: the text of an attribute (it prints `opus/48000 2`), which is the line's
//! own, and a result that has not exactly the sections and attributes that went in.

use sdp_rs::lines;

use super::description::{
    Attribute, ConnectionAddress, MediaDescription, Origin, SdpError, SessionDescription, Time,
};
use super::normalise::{Lines, MediaLines};

/// Reads a body whose lines are sorted.
pub(super) fn read(lines: &Lines<'_>) -> Result<SessionDescription, SdpError> {
    match read_strictly(lines) {
        Some(description) => Ok(description),
        None => read_leniently(lines),
    }
}

/// Reads with sdp-rs. `None` if it refuses the text or if anything that went in did not come out.
pub(super) fn read_strictly(lines: &Lines<'_>) -> Option<SessionDescription> {
    let parsed = sdp_rs::SessionDescription::try_from(lines.to_text()).ok()?;
    let complete = parsed.times.len() == lines.times.len()
        && parsed.attributes.len() == lines.attributes.len()
        && parsed.connection.is_some() == lines.connection.is_some()
        && parsed.media_descriptions.len() == lines.media.len()
        && parsed
            .media_descriptions
            .iter()
            .zip(&lines.media)
            .all(|(section, lines)| {
                section.attributes.len() == lines.attributes.len()
                    && section.connections.len() == usize::from(lines.connection.is_some())
            });
    complete.then(|| SessionDescription {
        origin: Origin {
            username: parsed.origin.username,
            session_id: parsed.origin.sess_id,
            session_version: parsed.origin.sess_version,
            address: ConnectionAddress::Ip(parsed.origin.unicast_address),
        },
        name: parsed.session_name.into(),
        connection: parsed.connection.as_ref().map(connection),
        times: parsed
            .times
            .iter()
            .map(|time| Time {
                start: time.active.start,
                stop: time.active.stop,
            })
            .collect(),
        attributes: attributes(&lines.attributes),
        media: parsed
            .media_descriptions
            .into_iter()
            .zip(&lines.media)
            .map(|(read, lines)| section(read, lines))
            .collect(),
    })
}

fn section(section: sdp_rs::MediaDescription, lines: &MediaLines<'_>) -> MediaDescription {
    MediaDescription {
        media: section.media.media.to_string(),
        port: section.media.port,
        protocol: section.media.proto.to_string(),
        formats: section
            .media
            .fmt
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect(),
        connection: section.connections.first().map(connection),
        attributes: attributes(&lines.attributes),
    }
}

fn connection(line: &lines::Connection) -> ConnectionAddress {
    ConnectionAddress::Ip(line.connection_address.base)
}

fn attributes(lines: &[&str]) -> Vec<Attribute> {
    lines.iter().map(|text| Attribute::parse(text)).collect()
}

/// Reads by hand what sdp-rs refuses although it can be understood: host names, blanks in the
/// `o=` user, an `a=rtpmap` without clock rate, odd values in attributes that nobody reads.
pub(super) fn read_leniently(lines: &Lines<'_>) -> Result<SessionDescription, SdpError> {
    Ok(SessionDescription {
        origin: read_origin(&lines.origin)?,
        name: lines.name.to_owned(),
        connection: lines
            .connection
            .as_deref()
            .map(read_connection)
            .transpose()?,
        times: lines.times.iter().map(|time| read_time(time)).collect(),
        attributes: attributes(&lines.attributes),
        media: lines
            .media
            .iter()
            .map(read_section)
            .collect::<Result<_, _>>()?,
    })
}

/// `o=<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>`, read from the
/// right because some write a display name, blanks included, for the user.
fn read_origin(line: &str) -> Result<Origin, SdpError> {
    let mut fields = line.rsplitn(6, ' ');
    let mut field = || fields.next().ok_or(SdpError::BadOrigin);
    let address = ConnectionAddress::parse(field()?).ok_or(SdpError::BadOrigin)?;
    let (_address_type, _network_type) = (field()?, field()?);
    let session_version = field()?.to_owned();
    let session_id = field()?.to_owned();
    let username = field()?.to_owned();
    Ok(Origin {
        username,
        session_id,
        session_version,
        address,
    })
}

/// `c=<nettype> <addrtype> <connection-address>`
fn read_connection(line: &str) -> Result<ConnectionAddress, SdpError> {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["IN", "IP4" | "IP6", address] => ConnectionAddress::parse(address)
            .filter(ConnectionAddress::is_host)
            .ok_or(SdpError::BadConnection),
        _ => Err(SdpError::BadConnection),
    }
}

/// `t=<start-time> <stop-time>`. An unreadable one cannot matter to a call that is being set up.
fn read_time(line: &str) -> Time {
    let mut seconds = line.split(' ').map(|field| field.parse().unwrap_or(0));
    Time {
        start: seconds.next().unwrap_or(0),
        stop: seconds.next().unwrap_or(0),
    }
}

/// `m=<media> <port>[/<number of ports>] <proto> <fmt> ...`
fn read_section(lines: &MediaLines<'_>) -> Result<MediaDescription, SdpError> {
    let mut fields = lines.media.split(' ');
    let mut field = || {
        fields
            .next()
            .filter(|field| !field.is_empty())
            .ok_or(SdpError::BadMedia)
    };
    let media = field()?.to_owned();
    let port = field()?
        .split('/')
        .next()
        .and_then(|port| port.parse().ok());
    let protocol = field()?.to_owned();
    Ok(MediaDescription {
        media,
        port: port.ok_or(SdpError::BadMedia)?,
        protocol,
        formats: fields.map(str::to_owned).collect(),
        connection: lines
            .connection
            .as_deref()
            .map(read_connection)
            .transpose()?,
        attributes: attributes(&lines.attributes),
    })
}

#[cfg(test)]
mod tests;
