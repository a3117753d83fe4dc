//! Writes a session description as RFC 8866 §5 orders it.

use std::fmt::{self, Write};
use std::net::IpAddr;

use super::description::{
    Attribute, ConnectionAddress, MediaDescription, Origin, SessionDescription, Time,
};
use crate::decimal::{write_ipv4, write_number};

impl fmt::Display for SessionDescription {
    /// Writes the body that goes on the wire.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("v=0\r\n")?;
        write_origin(out, &self.origin)?;
        write_all(out, &["s=", &self.name, "\r\n"])?;
        if let Some(connection) = &self.connection {
            write_connection(out, connection)?;
        }
        write_times(out, &self.times)?;
        write_attributes(out, &self.attributes)?;
        self.media
            .iter()
            .try_for_each(|media| write_section(out, media))
    }
}

fn write_origin(out: &mut impl Write, origin: &Origin) -> fmt::Result {
    let Origin {
        username,
        session_id,
        session_version,
        address,
    } = origin;
    let user_and_version = ["o=", username, " ", session_id, " ", session_version, " "];
    write_all(out, &user_and_version)?;
    write_address(out, address)?;
    out.write_str("\r\n")
}

pub(super) fn write_ip(out: &mut impl Write, address: IpAddr) -> fmt::Result {
    match address {
        IpAddr::V4(address) => {
            out.write_str("IN IP4 ")?;
            write_ipv4(out, address)
        }
        IpAddr::V6(address) => write!(out, "IN IP6 {address}"),
    }
}

pub(super) fn write_times(out: &mut impl Write, times: &[Time]) -> fmt::Result {
    times.iter().try_for_each(|time| {
        out.write_str("t=")?;
        write_number(out, time.start)?;
        out.write_str(" ")?;
        write_number(out, time.stop)?;
        out.write_str("\r\n")
    })
}

fn write_connection(out: &mut impl Write, connection: &ConnectionAddress) -> fmt::Result {
    out.write_str("c=")?;
    write_address(out, connection)?;
    out.write_str("\r\n")
}

/// Network type, address type and address.
fn write_address(out: &mut impl Write, address: &ConnectionAddress) -> fmt::Result {
    match address {
        ConnectionAddress::Ip(address) => write_ip(out, *address),
        ConnectionAddress::Name(name) => write_all(out, &["IN IP4 ", name]),
    }
}

/// The begin of an `m=` line, which its formats follow.
pub(super) fn write_media(
    out: &mut impl Write,
    media: &str,
    port: u16,
    protocol: &str,
) -> fmt::Result {
    write_all(out, &["m=", media, " "])?;
    write_number(out, port.into())?;
    write_all(out, &[" ", protocol])
}

fn write_section(out: &mut impl Write, media: &MediaDescription) -> fmt::Result {
    write_media(out, &media.media, media.port, &media.protocol)?;
    for format in &media.formats {
        write_all(out, &[" ", format])?;
    }
    out.write_str("\r\n")?;
    if let Some(connection) = &media.connection {
        write_connection(out, connection)?;
    }
    write_attributes(out, &media.attributes)
}

fn write_attributes(out: &mut impl Write, attributes: &[Attribute]) -> fmt::Result {
    attributes
        .iter()
        .try_for_each(|attribute| match &attribute.value {
            Some(value) => write_all(out, &["a=", &attribute.name, ":", value, "\r\n"]),
            None => write_all(out, &["a=", &attribute.name, "\r\n"]),
        })
}

pub(super) fn write_all(out: &mut impl Write, texts: &[&str]) -> fmt::Result {
    texts.iter().try_for_each(|text| out.write_str(text))
}
