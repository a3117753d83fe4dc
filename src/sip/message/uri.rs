//! URIs: `sip`, `sips`, `tel` and everything else (RFC 3261 §19.1, RFC 3966).

use std::borrow::Cow;
use std::fmt;

use super::host::write_host_port;
use super::lex::{Cursor, class, percent_decode};
use super::{Host, Params, SyntaxError};

/// A URI.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Uri {
    /// `sip:` or `sips:`.
    Sip(SipUri),
    /// `tel:`, RFC 3966.
    Tel(TelUri),
    /// Any other scheme; kept as it came.
    Other {
        /// Before the colon.
        scheme: String,
        /// After the colon.
        rest: String,
    },
}

/// A `sip` or `sips` URI (RFC 3261 §19.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SipUri {
    /// Whether the scheme is `sips`.
    pub secure: bool,
    /// The user, escaped as received, parameters of a telephone subscriber included.
    pub user: Option<String>,
    /// The password, escaped as received.
    pub password: Option<String>,
    /// The host.
    pub host: Host,
    /// The port, if written. Absent is not the same as the default one (§19.1.4).
    pub port: Option<u16>,
    /// The URI parameters, escaped as received.
    pub params: Params,
    /// What follows the question mark, escaped as received.
    pub headers: Option<String>,
}

/// A `tel` URI (RFC 3966).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TelUri {
    /// The number as received, visual separators and leading plus included.
    pub number: String,
    /// The parameters, such as `phone-context`.
    pub params: Params,
}

impl Uri {
    /// Reads one URI without angle brackets.
    ///
    /// # Errors
    /// Characters that no URI has (blanks, quotes, angle brackets, controls, non-ASCII), no
    /// scheme, or for `sip`, `sips` and `tel` a part that breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut params = Params::default();
        let parts = Parts::read(text, |name, value| params.add(name, value))?;
        Ok(match parts {
            Parts::Sip(parts) => Self::Sip(SipUri {
                secure: parts.secure,
                user: parts.user.map(str::to_owned),
                password: parts.password.map(str::to_owned),
                host: parts.host,
                port: parts.port,
                params,
                headers: parts.headers.map(str::to_owned),
            }),
            Parts::Tel { number } => Self::Tel(TelUri {
                number: number.to_owned(),
                params,
            }),
            Parts::Other { scheme, rest } => Self::Other {
                scheme: scheme.to_owned(),
                rest: rest.to_owned(),
            },
        })
    }

    /// Whether [`Self::parse`] takes `text`; keeps nothing.
    pub(super) fn check(text: &str) -> Result<(), SyntaxError> {
        Parts::read(text, |_, _| {}).map(|_| ())
    }

    /// The URI as `sip` or `sips`, if it is one.
    pub fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// Whether the scheme is `sips`.
    pub fn is_sips(&self) -> bool {
        self.as_sip().is_some_and(|uri| uri.secure)
    }
}

/// A URI as it stands in a text, without its parameters.
enum Parts<'a> {
    Sip(SipParts<'a>),
    Tel { number: &'a str },
    Other { scheme: &'a str, rest: &'a str },
}

struct SipParts<'a> {
    secure: bool,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: Host,
    port: Option<u16>,
    headers: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn read(
        text: &'a str,
        param: impl FnMut(&'a str, Option<&'a str>),
    ) -> Result<Self, SyntaxError> {
        if let Some(offset) = text.bytes().position(|b| !is_uri_byte(b)) {
            return Err(SyntaxError {
                offset,
                expected: "URI character",
            });
        }
        let mut cursor = Cursor::new(text);
        if !cursor.peek().is_some_and(|b| b.is_ascii_alphabetic()) {
            return Err(cursor.error("URI scheme"));
        }
        let scheme = cursor.take_while(is_scheme);
        cursor.expect(b':', "URI scheme")?;
        let is = |known: &str| scheme.eq_ignore_ascii_case(known);
        if is("sip") || is("sips") {
            return SipParts::read(&mut cursor, is("sips"), param).map(Self::Sip);
        }
        if is("tel") {
            let is_number = |b: u8| b.is_ascii_hexdigit() || b"+-.()*#".contains(&b);
            let number = cursor.take_some(is_number, "telephone number")?;
            Params::each(&mut cursor, param)?;
            cursor.end("`;` or end of URI")?;
            return Ok(Self::Tel { number });
        }
        let rest = cursor.take_some(|_| true, "something after the scheme")?;
        Ok(Self::Other { scheme, rest })
    }
}

impl<'a> SipParts<'a> {
    /// `[ userinfo ] hostport uri-parameters [ headers ]`
    fn read(
        cursor: &mut Cursor<'a>,
        secure: bool,
        param: impl FnMut(&'a str, Option<&'a str>),
    ) -> Result<Self, SyntaxError> {
        let (user, password) = userinfo(cursor)?;
        let (host, port) = Host::with_port(cursor)?;
        Params::each(cursor, param)?;
        let headers = cursor.eat(b'?').then(|| cursor.take_while(|_| true));
        cursor.end("`;`, `?` or end of URI")?;
        Ok(Self {
            secure,
            user,
            password,
            host,
            port,
            headers,
        })
    }
}

impl SipUri {
    /// A `sip` URI with host and, where given, user and port.
    pub fn new(user: Option<&str>, host: impl Into<Host>, port: Option<u16>) -> Self {
        Self {
            secure: false,
            user: user.map(str::to_owned),
            password: None,
            host: host.into(),
            port,
            params: Params::default(),
            headers: None,
        }
    }

    /// The user with its escapes resolved; bytes that are no UTF-8 become U+FFFD.
    pub fn user_decoded(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(decoded)
    }

    /// Whether the URI is that of a loose router: it has an `lr` parameter (§19.1.1), which may be
    /// written with escapes.
    pub fn is_loose_router(&self) -> bool {
        self.params
            .iter()
            .any(|(name, _)| decoded(name).eq_ignore_ascii_case("lr"))
    }
}

/// `userinfo = ( user / telephone-subscriber ) [ ":" password ] "@"`, if there is an `@`.
///
/// Users may hold `;`, `?` and the like, so the `@` is looked for first. An `@` of its own has to
/// be escaped everywhere else.
fn userinfo<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<(Option<&'a str>, Option<&'a str>), SyntaxError> {
    if memchr::memchr(b'@', cursor.rest().as_bytes()).is_none() {
        return Ok((None, None));
    }
    let user = cursor.take_some(|b| b != b'@' && b != b':', "user")?;
    let password = cursor.eat(b':').then(|| cursor.take_while(|b| b != b'@'));
    cursor.expect(b'@', "`@`")?;
    Ok((Some(user), password))
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&percent_decode(text)).into_owned())
}

/// The characters a URI may hold, with a few that the grammar wants escaped but phones do not.
#[inline]
fn is_uri_byte(byte: u8) -> bool {
    static URI: [bool; 256] =
        class!(|byte| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"'));
    URI[usize::from(byte)]
}

/// `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`
fn is_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => uri.fmt(f),
            Self::Tel(uri) => uri.fmt(f),
            Self::Other { scheme, rest } => write!(f, "{scheme}:{rest}"),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                f.write_str(":")?;
                f.write_str(password)?;
            }
            f.write_str("@")?;
        }
        write_host_port(f, &self.host, self.port)?;
        self.params.fmt(f)?;
        self.headers
            .as_ref()
            .map_or(Ok(()), |headers| write!(f, "?{headers}"))
    }
}

impl fmt::Display for TelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tel:{}{}", self.number, self.params)
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Self {
        Self::Sip(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sip(text: &str) -> SipUri {
        match Uri::parse(text).unwrap() {
            Uri::Sip(uri) => uri,
            other => panic!("a SIP URI, not {other:?}"),
        }
    }

    #[test]
    fn every_part_of_a_sip_uri_is_read() {
        let uri =
            sip("SIPS:al%69ce;x=y:pass?word@Example.com:5061;transport=tcp;lr?Subject=a&to=b");
        assert!(uri.secure);
        assert_eq!(uri.user.as_deref(), Some("al%69ce;x=y"));
        assert_eq!(uri.user_decoded().unwrap(), "alice;x=y");
        assert_eq!(uri.password.as_deref(), Some("pass?word"));
        assert_eq!(uri.host, Host::Name("Example.com".into()));
        assert_eq!(uri.port, Some(5061));
        assert_eq!(uri.params.get("Transport"), Some("tcp"));
        assert!(uri.is_loose_router());
        assert_eq!(uri.headers.as_deref(), Some("Subject=a&to=b"));
    }

    #[test]
    fn addresses_are_addresses() {
        assert_eq!(
            sip("sip:192.0.2.1:5062").host,
            Host::V4([192, 0, 2, 1].into())
        );
        let v6 = sip("sip:a@[2001:db8::10]:5070;lr");
        assert_eq!(
            (v6.host.ip(), v6.port),
            ("2001:db8::10".parse().ok(), Some(5070))
        );
        assert_eq!(v6.to_string(), "sip:a@[2001:db8::10]:5070;lr");
        assert_eq!(sip("sip:[2001:db8::10:5070]").port, None);
    }

    #[test]
    fn other_schemes_keep_what_they_say() {
        for text in [
            "tel:+1-201-555-0123;phone-context=x",
            "urn:service:sos",
            "soap.beep://a:3002",
        ] {
            assert_eq!(Uri::parse(text).unwrap().to_string(), text);
        }
        let Uri::Tel(tel) = Uri::parse("tel:+12015550123").unwrap() else {
            panic!("a tel URI")
        };
        assert_eq!(tel.number, "+12015550123");
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "sip",
            "sip:",
            "sip:@host",
            "sip:a@",
            "sip:a@b@c",
            "sip:a b@c",
            "sip:a@b; lr",
            "tel:",
            "sip:2001:db8::10",
            "sip:a@[2001:db8:::1]",
            "sip:a@[::1",
            "sip:a@256.1.1.1",
            "sip:a@b:70000",
            "sip:a@b:",
            "sip:a@b;",
            "sip:a@b;x=\"a;b\"",
            "<sip:a@b>",
            "sip:\u{e9}@b",
            "urn:",
            "sip:a@b;p,q",
            "1sip:a@b",
            ":a@b",
        ] {
            assert!(Uri::parse(text).is_err(), "{text}");
        }
    }
}
