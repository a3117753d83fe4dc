//! The model of a session description: what an offer/answer exchange looks at, and no more.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::format::{self, AudioFormat};
use super::offer_answer::is_unicast;
use super::reader;

/// A session description (RFC 8866 §5).
///
/// Lines that mean nothing to a media server (`i= u= e= p= b= k= r= z=`) are not kept.
/// [`fmt::Display`] writes the body that goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// The `o=` line.
    pub origin: Origin,
    /// The `s=` line.
    pub name: Cow<'static, str>,
    /// The session-level `c=` line, which every media section without its own inherits.
    pub connection: Option<ConnectionAddress>,
    /// The `t=` lines; an answer repeats those of its offer (RFC 3264 §6).
    pub times: Vec<Time>,
    /// The session-level `a=` lines.
    pub attributes: Vec<Attribute>,
    /// The media sections, in the order of their `m=` lines.
    pub media: Vec<MediaDescription>,
}

impl SessionDescription {
    /// Reads the body of a message.
    ///
    /// Line ends may be CRLF, LF or CR, the last one may be missing, lines may be out of order
    /// within their section, and `o=`, `s=` and `t=` may be missing.
    ///
    /// # Errors
    /// The first thing found that makes the body unusable, or a limit that it passes.
    pub fn parse(body: &[u8]) -> Result<Self, SdpError> {
        if body.len() > reader::MAX_DESCRIPTION_BYTES {
            return Err(SdpError::TooLong);
        }
        // Bytes that are no UTF-8 cost their own character, not the call.
        match std::str::from_utf8(body) {
            Ok(text) => reader::read(text),
            Err(_) => reader::read(&String::from_utf8_lossy(body)),
        }
    }

    /// The connection address that holds for `media`, its own or the session's (RFC 8866 §5.7).
    pub fn connection_of<'a>(
        &'a self,
        media: &'a MediaDescription,
    ) -> Option<&'a ConnectionAddress> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction that holds for `media`: its own, else the session's, else `sendrecv`
    /// (RFC 8866 §6.7).
    pub fn direction_of(&self, media: &MediaDescription) -> Direction {
        Direction::stated_in(&media.attributes)
            .or_else(|| Direction::stated_in(&self.attributes))
            .unwrap_or(Direction::SendRecv)
    }
}

/// The `o=` line: who made this description, and its version (RFC 8866 §5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `-` where the maker has no notion of users.
    pub username: Cow<'static, str>,
    /// Digits, kept as text: peers exceed 64 bits.
    pub session_id: String,
    /// Digits, kept as text.
    pub session_version: String,
    /// The maker's host. Never used to send media to.
    pub address: ConnectionAddress,
}

impl Default for Origin {
    /// What stands in for a missing `o=` line.
    fn default() -> Self {
        Self {
            username: "-".into(),
            session_id: "0".to_owned(),
            session_version: "0".to_owned(),
            address: ConnectionAddress::Ip(Ipv4Addr::UNSPECIFIED.into()),
        }
    }
}

/// An address of an `o=` or `c=` line. A multicast TTL or count is dropped: we send no multicast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionAddress {
    /// A literal address.
    Ip(IpAddr),
    /// A host name that someone has to resolve before it can be sent to.
    Name(String),
}

impl ConnectionAddress {
    /// `None` for no text at all.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let base = text.split('/').next().filter(|base| !base.is_empty())?;
        let address = base.parse().map(Self::Ip);
        Some(address.unwrap_or_else(|_| Self::Name(base.to_owned())))
    }

    /// Whether something can be sent there, once a name is resolved: an address of this family, or what may
    /// be a name.
    pub(super) fn is_host(&self, family: AddressFamily) -> bool {
        match self {
            Self::Ip(ip) => ip.is_ipv4() == (family == AddressFamily::Ip4),
            Self::Name(name) => is_name(name),
        }
    }
}

/// The `<addrtype>` of a line (RFC 8866 §5.7).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressFamily {
    Ip4,
    Ip6,
}

/// No domain at the top is a number (RFC 3696 §2): what ends like one is an address with a slip.
fn is_name(text: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let top = text.trim_end_matches('.').rsplit('.').next();
    let is_number = top.is_none_or(|top| top.bytes().all(|byte| byte.is_ascii_digit()));
    !is_number && text.bytes().all(is_usual)
}

/// A `t=` line, in seconds since 1900; 0 and 0 for a session without bounds (RFC 8866 §5.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    /// The begin of the session.
    pub start: u64,
    /// The end of the session.
    pub stop: u64,
}

/// An `a=` line as name and value (RFC 8866 §5.13).
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The text before the first colon.
    pub name: Cow<'static, str>,
    /// The text behind the first colon; `None` without colon or without text behind it.
    pub value: Option<String>,
}

impl fmt::Debug for Attribute {
    /// Without the keys of an `a=crypto` line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = self.name.eq_ignore_ascii_case("crypto");
        let shown = self.value.as_deref().map(|value| match secret {
            true => "..",
            false => value,
        });
        f.debug_struct("Attribute")
            .field("name", &self.name)
            .field("value", &shown)
            .finish()
    }
}

impl Attribute {
    pub(super) fn parse(text: &str) -> Self {
        let colon = memchr::memchr(b':', text.as_bytes());
        let (name, value) = colon.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
        Self {
            // Blanks around a name, which it cannot have, are the sender's slip.
            name: reader::known_or(name.trim_ascii(), &USUAL),
            value: (!value.is_empty()).then(|| value.to_owned()),
        }
    }
}

/// Names that nearly every description has.
const USUAL: [&str; 7] = [
    "rtpmap", "fmtp", "ptime", "sendrecv", "rtcp", "maxptime", "rtcp-mux",
];

/// A media section: an `m=` line and what follows it (RFC 8866 §5.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaDescription {
    /// The media type, `audio` for the streams we use.
    pub media: Cow<'static, str>,
    /// The port to send to; 0 in a declined or disabled stream.
    pub port: u16,
    /// The transport profile, such as `RTP/AVP`.
    pub protocol: Cow<'static, str>,
    /// The formats in order of preference; for RTP, payload type numbers.
    pub formats: Vec<String>,
    /// The section's own `c=` line.
    pub connection: Option<ConnectionAddress>,
    /// The section's `a=` lines.
    pub attributes: Vec<Attribute>,
}

impl MediaDescription {
    /// Whether this is audio over RTP or SRTP, with keys in the description if any: RFC 3551 `RTP/AVP`,
    /// RFC 4585 `RTP/AVPF`, RFC 3711 `RTP/SAVP`, RFC 5124 `RTP/SAVPF`. The port does not matter.
    pub fn is_rtp_audio(&self) -> bool {
        let is = |profile: &&str| self.protocol.eq_ignore_ascii_case(profile);
        let profiles = ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"];
        self.is_audio() && profiles.iter().any(is)
    }

    /// Whether this is audio, by whatever profile.
    pub(super) fn is_audio(&self) -> bool {
        self.media.eq_ignore_ascii_case("audio")
    }

    /// Whether its profile is one of SRTP.
    pub fn is_savp(&self) -> bool {
        let is = |profile: &str| self.protocol.eq_ignore_ascii_case(profile);
        is("RTP/SAVP") || is("RTP/SAVPF")
    }

    /// The formats of an RTP section in the order of its `m=` line. A number that is neither
    /// described by an `a=rtpmap` nor static (RFC 3551 §6) is left out.
    pub fn audio_formats(&self) -> Vec<AudioFormat> {
        format::audio_formats(self)
    }

    /// `a=ptime`, in milliseconds: the packet length its sender would like to get.
    pub fn ptime_ms(&self) -> Option<u32> {
        self.milliseconds("ptime")
    }

    /// `a=maxptime`, in milliseconds: the longest packet its sender accepts.
    pub fn maxptime_ms(&self) -> Option<u32> {
        self.milliseconds("maxptime")
    }

    /// Whether a property attribute such as `a=rtcp-mux` is there.
    pub fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|a| a.name == name)
    }

    /// Where RTCP goes that does not share the port of RTP, which goes to `rtp`: the port, and perhaps
    /// the address, of `a=rtcp` (RFC 3605 §2.1), else the next port.
    pub fn rtcp_address(&self, rtp: SocketAddr) -> Option<SocketAddr> {
        let stated = self.attributes.iter().find(|a| a.name == "rtcp");
        let Some(stated) = stated.and_then(|a| a.value.as_deref()) else {
            let port = rtp.port().checked_add(1)?;
            return Some(SocketAddr::new(rtp.ip(), port));
        };
        let mut fields = stated.split_ascii_whitespace();
        let port = fields.next()?.parse().ok().filter(|port| *port != 0)?;
        let ip = match fields.nth(2) {
            Some(address) => address.parse().ok().filter(|ip| is_unicast(*ip))?,
            None => rtp.ip(),
        };
        Some(SocketAddr::new(ip, port))
    }

    fn milliseconds(&self, name: &str) -> Option<u32> {
        let attribute = self.attributes.iter().find(|a| a.name == name)?;
        let value: f32 = attribute.value.as_deref()?.trim().parse().ok()?;
        // The cast saturates; a fraction of a millisecond is of no use to anyone.
        (value >= 1.0).then_some(value as u32)
    }
}

/// The direction of a stream as seen by the party that states it (RFC 8866 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Sends and receives.
    SendRecv,
    /// Sends only.
    SendOnly,
    /// Receives only.
    RecvOnly,
    /// Neither sends nor receives.
    Inactive,
}

impl Direction {
    /// The direction with the given halves.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the party that states it sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the party that states it receives.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same stream seen from the other end (RFC 3264 §6.1).
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow, both seen from the same end.
    pub(super) fn within(self, limit: Self) -> Self {
        Self::new(
            self.sends() && limit.sends(),
            self.receives() && limit.receives(),
        )
    }

    /// The attribute name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn stated_in(attributes: &[Attribute]) -> Option<Self> {
        const ALL: [Direction; 4] = [
            Direction::SendRecv,
            Direction::SendOnly,
            Direction::RecvOnly,
            Direction::Inactive,
        ];
        attributes
            .iter()
            .find_map(|a| ALL.into_iter().find(|d| a.name == d.as_str()))
    }
}

/// Why a body is no session description that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// Longer than [`super::MAX_DESCRIPTION_BYTES`].
    #[error("description longer than {} bytes", super::MAX_DESCRIPTION_BYTES)]
    TooLong,
    /// More than [`super::MAX_MEDIA`] media sections.
    #[error("more than {} media sections", super::MAX_MEDIA)]
    TooManyMedia,
    /// A section with more than [`super::MAX_ATTRIBUTES_PER_SECTION`] attributes.
    #[error(
        "more than {} attributes in a section",
        super::MAX_ATTRIBUTES_PER_SECTION
    )]
    TooManyAttributes,
    /// An `m=` line with more than [`super::MAX_FORMATS_PER_MEDIA`] formats.
    #[error(
        "more than {} formats in a media section",
        super::MAX_FORMATS_PER_MEDIA
    )]
    TooManyFormats,
    /// More than [`super::MAX_TIMES`] `t=` lines.
    #[error("more than {} time lines", super::MAX_TIMES)]
    TooManyTimes,
    /// The first line is not `v=0`.
    #[error("no v=0 at the begin")]
    NoVersion,
    /// A line that does not have the form `x=value`; lines count from 1, blank ones left out.
    #[error("line {line} is not of the form x=value")]
    BadLine {
        /// Which line.
        line: usize,
    },
    /// An `o=` line without its six fields.
    #[error("unreadable o= line")]
    BadOrigin,
    /// A `c=` line that is not `IN`, an address type and an address.
    #[error("unreadable c= line")]
    BadConnection,
    /// An `m=` line without media type, port number and profile.
    #[error("unreadable m= line")]
    BadMedia,
    /// A stream in use has no `c=` line, neither its own nor the session's.
    #[error("no c= line for a stream in use")]
    NoConnection,
    /// An answer has not the media sections of its offer.
    #[error("the media sections of the answer are not those of the offer")]
    NotMirrored,
}
