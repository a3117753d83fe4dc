//! Via (RFC 3261 §20.42, RFC 3581).

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use crate::sip::message::host::write_host_port;
use crate::sip::message::lex::{Cursor, is_blank, is_token};
use crate::sip::message::{Host, Params, SyntaxError};

/// One `via-parm`: `sent-protocol LWS sent-by *( SEMI via-params )`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Via {
    /// Protocol and version, `SIP/2.0`. Others are kept, so that a wrong version can be answered.
    pub protocol: Cow<'static, str>,
    /// The transport as received, open to unknown ones; compare ignoring case.
    pub transport: Cow<'static, str>,
    /// The host of `sent-by`.
    pub host: Host,
    /// The port of `sent-by`, if written.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, `maddr`, `ttl` and others.
    pub params: Params,
}

impl Via {
    /// A `SIP/2.0` Via without parameters.
    pub fn new(transport: &'static str, host: impl Into<Host>, port: Option<u16>) -> Self {
        Self {
            protocol: Cow::Borrowed(PROTOCOL),
            transport: Cow::Borrowed(transport),
            host: host.into(),
            port,
            params: Params::default(),
        }
    }

    /// Reads one value.
    ///
    /// # Errors
    /// The protocol, host, port or a parameter breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut params = Params::default();
        let parts = read(text, |name, value| params.add(name, value))?;
        let ((name, version, transport), (host, port)) = parts;
        let usual = name.eq_ignore_ascii_case("SIP") && version == "2.0";
        let protocol = match usual {
            true => Cow::Borrowed(PROTOCOL),
            false => Cow::Owned(format!("{name}/{version}")),
        };
        let known = TRANSPORTS.into_iter().find(|known| *known == transport);
        let transport = known.map_or_else(|| Cow::Owned(transport.to_owned()), Cow::Borrowed);
        Ok(Self {
            protocol,
            transport,
            host,
            port,
            params,
        })
    }

    /// The `branch` parameter: with the magic cookie the transaction's identity (§17.1.3).
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch")
    }

    /// The address that the next hop saw (§18.2.1), also in brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        self.params
            .get("received")?
            .trim_matches(['[', ']'])
            .parse()
            .ok()
    }

    /// The port that the next hop saw. `None` without `rport`, and while it has no value.
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport")?.parse().ok()
    }

    /// Whether the sender wants the answer at its source port (RFC 3581 §3): `rport` is there.
    pub fn wants_rport(&self) -> bool {
        self.params.contains("rport")
    }
}

const PROTOCOL: &str = "SIP/2.0";
const TRANSPORTS: [&str; 6] = ["UDP", "TCP", "TLS", "WS", "WSS", "SCTP"];

/// Name, version and transport; host and port.
type Parts<'a> = ((&'a str, &'a str, &'a str), (Host, Option<u16>));

fn read<'a>(
    text: &'a str,
    param: impl FnMut(&'a str, Option<&'a str>),
) -> Result<Parts<'a>, SyntaxError> {
    let mut cursor = Cursor::new(text);
    let protocol = sent_protocol(&mut cursor)?;
    cursor.take_some(is_blank, "blank and sent-by")?;
    let sent_by = Host::with_port(&mut cursor)?;
    Params::each(&mut cursor, param)?;
    cursor.end("`;` or end of Via")?;
    Ok((protocol, sent_by))
}

/// `protocol-name SLASH protocol-version SLASH transport`, with blanks around the slashes.
fn sent_protocol<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, &'a str, &'a str), SyntaxError> {
    let (name, version) = match cursor.eat_text("SIP/2.0/") {
        true => ("SIP", "2.0"),
        false => {
            let name = spaced_token(cursor, "protocol name")?;
            cursor.expect(b'/', "`/`")?;
            let version = spaced_token(cursor, "protocol version")?;
            cursor.expect(b'/', "`/`")?;
            (name, version)
        }
    };
    cursor.skip_blanks();
    Ok((name, version, cursor.take_some(is_token, "transport")?))
}

fn spaced_token<'a>(
    cursor: &mut Cursor<'a>,
    expected: &'static str,
) -> Result<&'a str, SyntaxError> {
    cursor.skip_blanks();
    let token = cursor.take_some(is_token, expected)?;
    cursor.skip_blanks();
    Ok(token)
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.protocol)?;
        f.write_str("/")?;
        f.write_str(&self.transport)?;
        f.write_str(" ")?;
        write_host_port(f, &self.host, self.port)?;
        self.params.fmt(f)
    }
}
