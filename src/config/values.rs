//! Settings that are written as one word of text: addresses, ranges, choices.
//!
//! Each implements [`Setting`], so the configuration file, `--set` and the command line read and
//! explain it alike.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use crate::codec::{CodecId, CodecName};
use crate::media::Playout;
use crate::sdp::SrtpPolicy;
use crate::sip::dialog::capabilities::ReliablePolicy;
use crate::sip::message::{Host, Transport, Uri};
use crate::sip::transport::{DEFAULT_PORT, default_port};

/// A value that is written as one string.
pub trait Setting: Sized {
    /// What to write, for the message about a wrong value: "expected ...".
    const EXPECTED: &'static str;
    /// A value to copy.
    const EXAMPLE: &'static str;

    /// Reads the value; `None` if it is not what [`Setting::EXPECTED`] says.
    fn parse(text: &str) -> Option<Self>;
}

/// A codec, built in or loaded; whether there is such a one shows when the server starts.
impl Setting for CodecName {
    const EXPECTED: &'static str = "the name of a codec, such as `opus` or `L16/16000`";
    const EXAMPLE: &'static str = "PCMU";

    fn parse(text: &str) -> Option<CodecName> {
        CodecName::parse(text)
    }
}

/// A built-in codec, by its name in session descriptions, in any case.
impl Setting for CodecId {
    const EXPECTED: &'static str =
        "one of `opus`, `G722`, `PCMU`, `PCMA`, or `L16` with a rate as in `L16/16000`";
    const EXAMPLE: &'static str = "PCMU";

    fn parse(text: &str) -> Option<CodecId> {
        let name = CodecName::parse(text)?;
        CodecId::BUILT_IN
            .into_iter()
            .find(|codec| name.names(*codec))
    }
}

/// A SIP socket to bind, written `TRANSPORT:ADDRESS:PORT`, such as `udp:0.0.0.0:5060`.
///
/// An IPv6 address stands in brackets. Without a port it is the transport's own: 5060, 5061 for TLS, 80
/// and 443 for WebSockets. Port 0 lets the kernel choose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listen {
    /// Transport protocol.
    pub transport: ListenTransport,
    /// Local address and port.
    pub address: SocketAddr,
}

/// The transports that this build listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListenTransport {
    /// UDP, RFC 3261 §18.
    Udp,
    /// TCP, RFC 3261 §18.
    Tcp,
    /// TLS over TCP, RFC 3261 §26.3.1.
    Tls,
    /// WebSocket, RFC 7118.
    Ws,
    /// WebSocket over TLS, RFC 7118.
    Wss,
}

impl ListenTransport {
    const ALL: [(&'static str, ListenTransport); 5] = [
        ("udp", ListenTransport::Udp),
        ("tcp", ListenTransport::Tcp),
        ("tls", ListenTransport::Tls),
        ("ws", ListenTransport::Ws),
        ("wss", ListenTransport::Wss),
    ];

    /// The transport in the words of SIP.
    pub fn transport(self) -> Transport {
        match self {
            ListenTransport::Udp => Transport::Udp,
            ListenTransport::Tcp => Transport::Tcp,
            ListenTransport::Tls => Transport::Tls,
            ListenTransport::Ws => Transport::Ws,
            ListenTransport::Wss => Transport::Wss,
        }
    }

    /// Whether it needs a certificate.
    pub fn is_secure(self) -> bool {
        matches!(self, ListenTransport::Tls | ListenTransport::Wss)
    }
}

impl Listen {
    const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DEFAULT_PORT);
    /// UDP on every IPv4 address.
    pub(super) const ANY_UDP: Listen = Listen {
        transport: ListenTransport::Udp,
        address: Self::ANY,
    };
    /// TCP on every IPv4 address.
    pub(super) const ANY_TCP: Listen = Listen {
        transport: ListenTransport::Tcp,
        address: Self::ANY,
    };
}

impl Setting for Listen {
    const EXPECTED: &'static str =
        "`TRANSPORT:ADDRESS:PORT` with `udp`, `tcp`, `tls`, `ws` or `wss`";
    const EXAMPLE: &'static str = "udp:0.0.0.0:5060";

    fn parse(text: &str) -> Option<Listen> {
        let (transport, address) = text.split_once(':')?;
        let mut all = ListenTransport::ALL.into_iter();
        let (_, transport) = all.find(|(name, _)| name.eq_ignore_ascii_case(transport))?;
        let without_port = || {
            let bare = address
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .unwrap_or(address);
            let ip = bare.parse().ok()?;
            Some(SocketAddr::new(ip, default_port(transport.transport())))
        };
        let address = address.parse().ok().or_else(without_port)?;
        Some(Listen { transport, address })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = ListenTransport::ALL.into_iter();
        let name = all.find(|(_, transport)| *transport == self.transport);
        let name = name.map_or("", |(name, _)| name);
        write!(f, "{name}:{}", self.address)
    }
}

/// A name that peers find this machine by, a domain name and no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(pub String);

impl Setting for HostName {
    const EXPECTED: &'static str = "a host name";
    const EXAMPLE: &'static str = "media.example.com";

    fn parse(text: &str) -> Option<HostName> {
        let uri = Uri::parse(&format!("sip:{text}")).ok()?;
        let alone = uri.to_string() == format!("sip:{text}");
        match &uri.as_sip()?.host {
            Host::Name(name) if alone && name == text => Some(HostName(text.to_owned())),
            _ => None,
        }
    }
}

/// Whether clients are asked for certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// No.
    #[default]
    Off,
    /// Yes; one that is wrong is refused, and one may be missing.
    Optional,
    /// Yes, and nobody gets in without.
    Required,
}

impl Setting for ClientCertificates {
    const EXPECTED: &'static str = "one of `off`, `optional`, `required`";
    const EXAMPLE: &'static str = "off";

    fn parse(text: &str) -> Option<ClientCertificates> {
        match text {
            "off" => Some(ClientCertificates::Off),
            "optional" => Some(ClientCertificates::Optional),
            "required" => Some(ClientCertificates::Required),
            _ => None,
        }
    }
}

/// A range of UDP ports that holds at least one even port and the odd one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    pub(super) const DEFAULT: PortRange = PortRange {
        first: 10_000,
        last: 19_999,
    };

    /// The range from `first` to `last`, both included; `None` if it starts below 1024 or holds no
    /// even port followed by an odd one.
    pub fn new(first: u16, last: u16) -> Option<PortRange> {
        let first_even = first.checked_add(first % 2)?;
        (first >= 1024 && first_even < last).then_some(PortRange { first, last })
    }

    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub fn last(self) -> u16 {
        self.last
    }
}

impl Setting for PortRange {
    const EXPECTED: &'static str = "`FIRST-LAST` with ports from 1024 to 65535, an even one and the odd one after it among them";
    const EXAMPLE: &'static str = "10000-19999";

    fn parse(text: &str) -> Option<PortRange> {
        let (first, last) = text.split_once('-')?;
        PortRange::new(first.trim().parse().ok()?, last.trim().parse().ok()?)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Where the name of the application comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplicationRule {
    /// A literal name: every call runs that application.
    Fixed(String),
    /// `$(ruri.user)`: user part of the Request-URI.
    RuriUser,
    /// `$(ruri.param)`: parameter `app` of the Request-URI.
    RuriParam,
    /// `$(apphdr)`: header P-App-Name.
    AppHeader,
    /// `$(mapping)`, also `$(app_mapping)`: first matching rule of the mapping file.
    Mapping,
}

impl Setting for ApplicationRule {
    const EXPECTED: &'static str = "the name of an application or one of `$(ruri.user)`, \
         `$(ruri.param)`, `$(apphdr)`, `$(mapping)`";
    const EXAMPLE: &'static str = "$(ruri.user)";

    fn parse(text: &str) -> Option<ApplicationRule> {
        match text.trim() {
            "$(ruri.user)" => Some(ApplicationRule::RuriUser),
            "$(ruri.param)" => Some(ApplicationRule::RuriParam),
            "$(apphdr)" => Some(ApplicationRule::AppHeader),
            "$(mapping)" | "$(app_mapping)" => Some(ApplicationRule::Mapping),
            // A misspelt `$(...)` would silently be the name of an application nobody has.
            other if other.is_empty() || other.starts_with('$') => None,
            name => Some(ApplicationRule::Fixed(name.to_owned())),
        }
    }
}

/// An address of this machine that peers can send to: 0.0.0.0 in a session description means hold.
impl Setting for IpAddr {
    const EXPECTED: &'static str = "an IP address other than 0.0.0.0";
    const EXAMPLE: &'static str = "192.0.2.10";

    fn parse(text: &str) -> Option<IpAddr> {
        text.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified())
    }
}

/// A network; a single address is a network of one.
impl Setting for IpNet {
    const EXPECTED: &'static str = "an address or a network such as `192.0.2.0/24`";
    const EXAMPLE: &'static str = "192.0.2.0/24";

    fn parse(text: &str) -> Option<IpNet> {
        let one = || Some(IpNet::from(text.parse::<IpAddr>().ok()?));
        text.parse().ok().or_else(one)
    }
}

impl Setting for SocketAddr {
    const EXPECTED: &'static str = "`ADDRESS:PORT`";
    const EXAMPLE: &'static str = "127.0.0.1:8080";

    fn parse(text: &str) -> Option<SocketAddr> {
        text.parse().ok()
    }
}

/// When keys are heard as tones in the audio. Telephone-events and INFO are heard in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DigitDetection {
    /// Never.
    Off,
    /// When the peer did not agree to telephone-events.
    #[default]
    Auto,
    /// Always.
    On,
}

impl Setting for DigitDetection {
    const EXPECTED: &'static str = "one of `off`, `auto`, `on`";
    const EXAMPLE: &'static str = "auto";

    fn parse(text: &str) -> Option<DigitDetection> {
        match text {
            "off" => Some(DigitDetection::Off),
            "auto" => Some(DigitDetection::Auto),
            "on" => Some(DigitDetection::On),
            _ => None,
        }
    }
}

/// How keys are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DigitSending {
    /// As telephone-events if the peer agreed to them, else as tones.
    #[default]
    Auto,
    /// As telephone-events, or not at all.
    Rtp,
    /// As tones in the audio.
    Inband,
    /// By SIP INFO.
    Info,
}

impl Setting for ReliablePolicy {
    const EXPECTED: &'static str = "one of `off`, `supported`, `required`";
    const EXAMPLE: &'static str = "supported";

    fn parse(text: &str) -> Option<ReliablePolicy> {
        match text {
            "off" => Some(ReliablePolicy::Off),
            "supported" => Some(ReliablePolicy::Supported),
            "required" => Some(ReliablePolicy::Required),
            _ => None,
        }
    }
}

impl Setting for DigitSending {
    const EXPECTED: &'static str = "one of `auto`, `rtp`, `inband`, `info`";
    const EXAMPLE: &'static str = "auto";

    fn parse(text: &str) -> Option<DigitSending> {
        match text {
            "auto" => Some(DigitSending::Auto),
            "rtp" => Some(DigitSending::Rtp),
            "inband" => Some(DigitSending::Inband),
            "info" => Some(DigitSending::Info),
            _ => None,
        }
    }
}

/// The least severe level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogLevel {
    /// An operator must act.
    Error,
    /// A call was lost.
    Warn,
    /// Life cycle of the server and of calls.
    #[default]
    Info,
    /// Every SIP message and event.
    Debug,
    /// Everything.
    Trace,
}

impl Setting for LogLevel {
    const EXPECTED: &'static str = "one of `error`, `warn`, `info`, `debug`, `trace`";
    const EXAMPLE: &'static str = "info";

    fn parse(text: &str) -> Option<LogLevel> {
        match text {
            "error" => Some(LogLevel::Error),
            "warn" => Some(LogLevel::Warn),
            "info" => Some(LogLevel::Info),
            "debug" => Some(LogLevel::Debug),
            "trace" => Some(LogLevel::Trace),
            _ => None,
        }
    }
}

impl Setting for Playout {
    const EXPECTED: &'static str =
        "one of `adaptive`, `simple`, `fixed`, or `fixed:MS` with 10 to 400 milliseconds";
    const EXAMPLE: &'static str = "adaptive";

    fn parse(text: &str) -> Option<Playout> {
        let fixed = |ms| Playout::Fixed(Duration::from_millis(ms));
        match text {
            "adaptive" => Some(Playout::Adaptive),
            "simple" => Some(Playout::Simple),
            "fixed" => Some(fixed(60)),
            _ => {
                let ms = text.strip_prefix("fixed:")?.parse().ok()?;
                (10..=400).contains(&ms).then(|| fixed(ms))
            }
        }
    }
}

impl Setting for SrtpPolicy {
    const EXPECTED: &'static str = "one of `off`, `optional`, `required`";
    const EXAMPLE: &'static str = "optional";

    fn parse(text: &str) -> Option<SrtpPolicy> {
        match text {
            "off" => Some(SrtpPolicy::Off),
            "optional" => Some(SrtpPolicy::Optional),
            "required" => Some(SrtpPolicy::Required),
            _ => None,
        }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One line of text.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Setting for LogFormat {
    const EXPECTED: &'static str = "one of `text`, `json`";
    const EXAMPLE: &'static str = "text";

    fn parse(text: &str) -> Option<LogFormat> {
        match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        }
    }
}

/// An identity that the function `dial_pin` calls with.
#[derive(Clone, PartialEq, Eq)]
pub struct DialPin {
    /// What chooses it.
    pub pin: String,
    /// Our user.
    pub user: String,
    /// Of caller and callee.
    pub domain: String,
    /// Name for a challenge, and user of From.
    pub auth_user: String,
    /// Password for a challenge.
    pub password: String,
}

impl fmt::Debug for DialPin {
    /// Shows neither pin nor password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DialPin({}@{})", self.auth_user, self.domain)
    }
}

impl Setting for DialPin {
    const EXPECTED: &'static str = "pin;user;domain;auth_user;password";
    const EXAMPLE: &'static str = "4711;desk;example.com;trunk;secret";

    fn parse(text: &str) -> Option<DialPin> {
        let text = text.strip_suffix(';').unwrap_or(text);
        let mut parts = text.split(';').map(|part| part.trim().to_owned());
        let mut part = || parts.next();
        let pin = DialPin {
            pin: part().filter(|pin| !pin.is_empty())?,
            user: part()?,
            domain: part().filter(|domain| !domain.is_empty())?,
            auth_user: part()?,
            password: part()?,
        };
        parts.next().is_none().then_some(pin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn playout_reads_a_method_and_its_delay() {
        let fixed = |ms| Some(Playout::Fixed(Duration::from_millis(ms)));
        assert_eq!(Playout::parse("simple"), Some(Playout::Simple));
        assert_eq!(Playout::parse("fixed"), fixed(60));
        assert_eq!(Playout::parse("fixed:10"), fixed(10));
        for wrong in ["fixed:9", "fixed:401", "fixed:", "Adaptive", ""] {
            assert_eq!(Playout::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn listen_reads_both_families_and_defaults_the_port() {
        let cases = [
            ("udp:0.0.0.0:5060", "udp:0.0.0.0:5060"),
            ("TCP:192.0.2.1", "tcp:192.0.2.1:5060"),
            ("udp:[::1]:0", "udp:[::1]:0"),
            ("udp:[2001:db8::1]", "udp:[2001:db8::1]:5060"),
            ("tls:192.0.2.1", "tls:192.0.2.1:5061"),
            ("ws:192.0.2.1", "ws:192.0.2.1:80"),
            ("WSS:[::]", "wss:[::]:443"),
        ];
        for (text, expected) in cases {
            let listen = Listen::parse(text).expect(text);
            assert_eq!(listen.to_string(), expected);
        }
        for wrong in [
            "",
            "udp",
            "udp:",
            "sctp:0.0.0.0:5060",
            "udp:host:5060",
            "udp:1.2.3.4:70000",
        ] {
            assert_eq!(Listen::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_host_name_is_no_address_and_nothing_more() {
        assert!(HostName::parse("media.example.com").is_some());
        for wrong in ["", "192.0.2.1", "[::1]", "a:5061", "a;b=c", "u@a", "a b"] {
            assert_eq!(HostName::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_port_range_holds_an_even_port_and_its_odd_neighbour() {
        assert_eq!(
            PortRange::parse("10000-10001"),
            PortRange::new(10_000, 10_001)
        );
        assert!(PortRange::parse(" 10001 - 10003 ").is_some());
        for wrong in [
            "",
            "10000",
            "10001-10002",
            "10000-10000",
            "80-90",
            "65535-65535",
            "9-x",
        ] {
            assert_eq!(PortRange::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_rule_is_not_taken_for_a_name() {
        assert_eq!(ApplicationRule::parse("$(ruri.usr)"), None);
        assert_eq!(
            ApplicationRule::parse("$(app_mapping)"),
            Some(ApplicationRule::Mapping)
        );
        assert_eq!(
            ApplicationRule::parse("echo"),
            Some(ApplicationRule::Fixed("echo".to_owned()))
        );
    }
}
