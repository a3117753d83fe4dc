//! The typed configuration and its defaults. One struct a section, one field a key.
//!
//! A key that holds a time carries its unit at the end of its name (`t1_ms`, `grace_s`); the field is a
//! [`Duration`] and drops it. Defaults that are paths are relative to the current directory.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::codec::{CodecName, OpusSettings};
use crate::media::Playout;
use crate::sdp::SrtpPolicy;
use crate::sip::dialog::capabilities::ReliablePolicy;
use crate::sip::dialog::session_timer::SessionTimerSettings;
use crate::sip::message::{MAX_MESSAGE_BYTES, Method};

use super::auth::Auth;
use super::monitoring::{MonitorSelect, Monitoring};
use super::registration::ConfiguredAccount;
use super::sip_values::{NameServer, NextHop, ProxyUri};
use super::values::{
    ApplicationRule, ClientCertificates, DialPin, DigitDetection, DigitSending, HostName, Listen,
    LogFormat, LogLevel, PortRange,
};

/// Everything an operator can set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// `[sip]`: signalling.
    pub sip: Sip,
    /// `[dns]`: who is asked for host names.
    pub dns: Dns,
    /// `[tls]`: certificates.
    pub tls: Tls,
    /// `[websocket]`: browsers.
    pub websocket: WebSocket,
    /// `[connections]`: connections of stream transports.
    pub connections: Connections,
    /// `[rtp]`: media sockets.
    pub rtp: Rtp,
    /// `[media]`: media threads.
    pub media: Media,
    /// `[codec]`.
    pub codec: Codec,
    /// `[dtmf]`: keys.
    pub dtmf: Dtmf,
    /// `[http]`: reserved for the management listener.
    pub http: Http,
    /// `[app]`: which application takes a call.
    pub app: App,
    /// `[requests]`: which application takes a request outside calls.
    pub requests: Requests,
    /// `[dsm]`: state diagrams.
    pub dsm: Dsm,
    /// `[audio]`: prompts.
    pub audio: Audio,
    /// `[recording]`: what diagrams record.
    pub recording: Recording,
    /// `[auth]`: which callers have to say who they are.
    pub auth: Auth,
    /// `[[registration]]`: accounts that are kept registered.
    pub registrations: Vec<ConfiguredAccount>,
    /// `[dial_out]`: calls that the server starts.
    pub dial_out: DialOut,
    /// `[sys]`: what diagrams do on the machine.
    pub sys: Sys,
    /// `[monitoring]`: what is kept in memory about calls.
    pub monitoring: Monitoring,
    /// `[limits]`: when to refuse.
    pub limits: Limits,
    /// `[shutdown]`: how to stop.
    pub shutdown: Shutdown,
    /// `[log]`: what to log and how.
    pub log: Log,
    /// `[application.NAME]`: the settings of one application, by its name.
    pub applications: BTreeMap<String, ApplicationSettings>,
    /// `[module.NAME]`: the settings of the module mod_NAME, as a JSON object.
    pub modules: BTreeMap<String, String>,
}

/// The settings of one application; a diagram reads each as `$config.KEY`.
///
/// Numbers keep the digits as written; booleans are `true` and `false`.
pub type ApplicationSettings = BTreeMap<String, String>;

/// `[sip]`: signalling.
#[derive(Debug, Clone, PartialEq)]
pub struct Sip {
    /// `listen`: sockets to bind, at least one.
    pub listen: Vec<Listen>,
    /// `server_header`: value of Server and User-Agent; `None` (an empty value) sends neither.
    pub server_header: Option<String>,
    /// `100rel`: whether provisional responses are reliable. RFC 3262.
    pub reliable: ReliablePolicy,
    /// `session_timer`, `session_expires_s`, `minimum_timer_s`, `maximum_timer_s`: how sessions are
    /// refreshed; `None`: not at all. RFC 4028.
    pub session_timer: Option<SessionTimerSettings>,
    /// `t1_ms`: round-trip estimate, 10 ms to 10 s. RFC 3261 §17.1.1.1.
    pub t1: Duration,
    /// `t2_ms`: longest interval between retransmissions, 100 ms to 60 s. RFC 3261 §17.1.2.2.
    pub t2: Duration,
    /// `t4_ms`: longest time a message stays in the network, 100 ms to 60 s. RFC 3261 §17.1.2.2.
    pub t4: Duration,
    /// `allow`: networks that may send to us; empty: all.
    pub allow: Vec<IpNet>,
    /// `deny`: networks that may not, whatever `allow` says.
    pub deny: Vec<IpNet>,
    /// `outbound_proxy`: first Route of requests outside dialogs; `None` (an empty value) adds none.
    /// RFC 3261 §8.1.2.
    pub outbound_proxy: Option<ProxyUri>,
    /// `next_hop`: servers for requests outside dialogs, tried in order; if there is none, each request
    /// is sent where it says.
    pub next_hop: Vec<NextHop>,
    /// `failover_s`: silence after which an INVITE is sent to the next address, 1 to 32 s.
    pub failover: Duration,
    /// `blacklist_s`: how long an address that failed is used only if there is no other, up to a day.
    pub blacklist: Duration,
}

/// `[dns]`: who is asked for host names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dns {
    /// `servers`: name servers; if there is none, those of the system.
    pub servers: Vec<NameServer>,
}

/// `[tls]`: certificates, read at start and with each reload. All files are PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `certificate`: ours, followed by those that lead to its authority.
    pub certificate: Option<PathBuf>,
    /// `key`: the private key of the certificate, without a password.
    pub key: Option<PathBuf>,
    /// `name`: a host name in the certificate, by which peers reach us over TLS.
    pub name: Option<HostName>,
    /// `ca`: authorities that servers' certificates may come from; `None`: those of the system.
    pub ca: Option<PathBuf>,
    /// `verify_server`: servers have to prove that they speak for the domain that is called.
    pub verify_server: bool,
    /// `client_certificates`: whether clients are asked for certificates.
    pub client_certificates: ClientCertificates,
    /// `client_ca`: authorities that clients' certificates may come from.
    pub client_ca: Option<PathBuf>,
}

/// `[websocket]`: browsers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebSocket {
    /// `origins`: pages that may connect, as `https://HOST`; empty: all.
    pub origins: Vec<String>,
}

/// `[connections]`: connections of stream transports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// `total`: connections at a time, 1 to a million.
    pub total: u32,
    /// `per_source`: of these from one IPv4 address or IPv6 /64, 1 to a million.
    pub per_source: u32,
    /// `handshakes_per_second`: TLS handshakes that one source may begin, which may also come all at once, to
    /// a million; `None` (0): any number. Sources of `[limits] trusted` may begin any number.
    pub handshakes_per_second: Option<NonZeroU32>,
    /// `handshake_s`: time for connecting, and for TLS and WebSocket handshakes, 1 to 300 s.
    pub handshake: Duration,
    /// `first_message_s`: time for the first whole message of a client, 1 to 3600 s.
    pub first_message: Duration,
    /// `message_s`: time for the rest of a message that has begun, 1 to 3600 s.
    pub message: Duration,
    /// `message_kib`: longest message, and so the most that is kept of an unfinished one, 1 to 64 KiB.
    pub message_bytes: usize,
    /// `backlog_kib`: what may wait to be written to one peer, 64 KiB to 64 MiB.
    pub backlog_bytes: usize,
    /// `idle_s`: silence after which a connection without calls is closed, 1 s to a day.
    pub idle: Duration,
    /// `keep_alive_s`: how often connections that we opened are pinged; `None` (0) never.
    pub keep_alive: Option<Duration>,
}

/// `[rtp]`: media sockets.
#[derive(Debug, Clone, PartialEq)]
pub struct Rtp {
    /// `address`: address of the media sockets, also written into SDP; `None` (an empty value) takes
    /// the address that the SIP socket answers from.
    pub address: Option<IpAddr>,
    /// `ports`: range of the media sockets, RTP on even ports. Keep it out of the kernel's ephemeral
    /// range.
    pub ports: PortRange,
    /// `timeout_s`: a call that should receive, and is not on hold, but hears nothing for so long has lost its peer;
    /// `None` (0) never gives up. Up to a day.
    pub timeout: Option<Duration>,
    /// `strict_source`: only the host that a peer's session description names is listened to.
    pub strict_source: bool,
    /// `asymmetric`: audio goes to the port of the session description, whatever port of that host a peer
    /// sends from.
    pub asymmetric: bool,
    /// `rtcp`: reports are sent and received.
    pub rtcp: bool,
    /// `srtp`: whether audio is encrypted.
    pub srtp: SrtpPolicy,
    /// `srtp_without_tls`: the keys of SRTP may be agreed on by signalling without TLS.
    pub srtp_without_tls: bool,
}

/// `[media]`: media threads.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// `threads`: number of media threads, up to 256; `None` (0) starts one per core.
    pub threads: Option<NonZeroU16>,
    /// `slot_ms`: calls are spread over the 20 ms frame in steps of so many milliseconds: 1, 2, 5 or
    /// 10. Smaller steps smooth the load, larger ones wake the processor less often.
    pub slot: Duration,
    /// `playout`: how the delay of what a caller says is chosen.
    pub playout: Playout,
}

/// `[dtmf]`: keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dtmf {
    /// `inband`: when keys are heard as tones in the audio.
    pub inband: DigitDetection,
    /// `send`: how keys are sent.
    pub send: DigitSending,
}

/// `[codec]`: which codecs calls may use, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Codec {
    /// `load`: names of codec objects, `libcodec_NAME.so` in the folders of `[dsm] modules`.
    pub load: Vec<String>,
    /// `order`: codecs that are preferred to the caller's own order, best first.
    pub order: Vec<CodecName>,
    /// `exclude`: codecs that are neither offered nor accepted.
    pub exclude: Vec<CodecName>,
    /// `[codec.opus]`.
    pub opus: OpusSettings,
}

/// `[http]`: reserved. This build has no HTTP listener; [`Config::notices`] says so if a key is set.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Http {
    /// `listen`: address of the management listener to come.
    pub listen: Option<SocketAddr>,
}

/// `[app]`: which application takes a call.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// `application`: a name, or where in the request the name stands.
    pub application: ApplicationRule,
    /// `mapping`: the rules of `$(mapping)`; not read under another rule.
    pub mapping: PathBuf,
}

/// `[requests]`: which application takes a request outside calls, by its method; `None` (an empty value): none
/// does, and it is refused.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Requests {
    /// `message`: MESSAGE. RFC 3428.
    pub message: Option<ApplicationRule>,
    /// `notify`: NOTIFYs that nobody has subscribed to.
    pub notify: Option<ApplicationRule>,
    /// `publish`: PUBLISH. RFC 3903.
    pub publish: Option<ApplicationRule>,
    /// `register`: REGISTER. RFC 3261 §10.3.
    pub register: Option<ApplicationRule>,
}

impl Requests {
    /// What is set, by method.
    pub fn rules(&self) -> impl Iterator<Item = (Method, &ApplicationRule)> {
        let Self {
            message,
            notify,
            publish,
            register,
        } = self;
        let all = [
            (Method::Message, message),
            (Method::Notify, notify),
            (Method::Publish, publish),
            (Method::Register, register),
        ];
        all.into_iter()
            .filter_map(|(method, rule)| Some((method, rule.as_ref()?)))
    }
}

/// `[dsm]`: state diagrams.
#[derive(Debug, Clone, PartialEq)]
pub struct Dsm {
    /// `path`: folders; each `NAME.dsm` directly in one is the diagram NAME.
    pub path: Vec<PathBuf>,
    /// `modules`: folders in which `import(mod_x)` looks for `libmod_x.so`.
    pub modules: Vec<PathBuf>,
    /// `preload`: modules to load at the start, also if no diagram imports them.
    pub preload: Vec<String>,
    /// `prompts`: files of `name=path` lines that make up the default prompt set.
    pub prompts: Vec<PathBuf>,
    /// `required_prompts`: names that the default prompt set has to have.
    pub required_prompts: Vec<String>,
    /// `prompt_sets_path`: folder of the lists of the named prompt sets.
    pub prompt_sets_path: PathBuf,
    /// `prompt_sets`: names of prompt sets; each is the file NAME or NAME.conf in that folder.
    pub prompt_sets: Vec<String>,
    /// `register`: diagrams that are applications; `None` registers all.
    pub register: Option<Vec<String>>,
    /// `inbound_start_diag`: diagram of the application `dsm`; `$(mon_select)` looks it up in the
    /// monitoring store.
    pub inbound_start_diag: Option<String>,
    /// `monitor_select_...`: how it is looked up there.
    pub monitor_select: MonitorSelect,
    /// `run_system_dsms`: diagrams to run without a call from the start.
    pub run_system_dsms: Vec<String>,
    /// `linger_s`: how long a session may finish its work after a handled hang-up, up to a day.
    pub linger: Duration,
    /// `set_param_variables`: items of P-App-Param become session variables.
    pub set_param_variables: bool,
}

/// `[audio]`: prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct Audio {
    /// `path`: folders under which relative file names are looked up, in this order.
    pub path: Vec<PathBuf>,
    /// `record_path`: folder that diagrams record into; made when it is needed.
    pub record_path: PathBuf,
    /// `cache_mib`: memory for decoded and encoded prompts in MiB, 1 to 65536.
    pub cache_mib: u32,
    /// `stream_after_s`: a file that plays longer, in seconds, is read while it is played, 1 to 3600.
    pub stream_after_s: u32,
}

/// `[recording]`: what diagrams record.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// `max_length_s`: length at which a recording ends whose diagram does not say one, up to a day;
    /// `None` (0) for no end.
    pub max_length: Option<Duration>,
}

/// `[sys]`: what diagrams do on the machine with `mod_sys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sys {
    /// `folders`: files have to be below one of these; empty: anywhere.
    pub folders: Vec<PathBuf>,
    /// `commands`: whether `sys.popen` and `sys.system` run commands.
    pub commands: bool,
    /// `deadline_s`: after which a command is killed and file work given up, 1 to 60 s.
    pub deadline: Duration,
}

impl Default for Sys {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            commands: true,
            deadline: Duration::from_secs(5),
        }
    }
}

/// `[dial_out]`: calls that the server starts.
#[derive(Debug, Clone, PartialEq)]
pub struct DialOut {
    /// `ring_s`: how long such a call may ring before it is cancelled.
    pub ring: Duration,
    /// `pins`: identities that the function `dial_pin` calls with.
    pub pins: Vec<DialPin>,
}

impl Default for DialOut {
    fn default() -> Self {
        Self {
            ring: Duration::from_secs(180),
            pins: Vec::new(),
        }
    }
}

/// `[limits]`: when to refuse. What is refused gets 503; calls in progress go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// `sessions`: sessions at a time; `None` (0) leaves the bound to the RTP ports.
    pub sessions: Option<NonZeroU32>,
    /// `calls_per_second`: new calls a second, averaged over 5 s; `None` (0) does not count.
    pub calls_per_second: Option<NonZeroU32>,
    /// `options_sessions`: with so many sessions OPTIONS is refused, so that a balancer looks
    /// elsewhere; `None` (0) always answers.
    pub options_sessions: Option<NonZeroU32>,
    /// `transactions`: SIP transactions at a time, 100 to 10 million; a finished one counts for up to
    /// 32 s and holds what it may have to send again.
    pub transactions: u32,
    /// `requests_per_second_per_source`: requests outside dialogs that one address may send; `None` (0)
    /// does not count.
    pub requests_per_second_per_source: Option<NonZeroU32>,
    /// `trusted`: networks that this does not hold for.
    pub trusted: Vec<IpNet>,
}

/// `[shutdown]`: how to stop.
#[derive(Debug, Clone, PartialEq)]
pub struct Shutdown {
    /// `grace_s`: how long calls may go on before they get a BYE, up to a day; 0 ends them at once.
    pub grace: Duration,
}

/// `[log]`: what to log and how.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Log {
    /// `level`: lines of this level and above.
    pub level: LogLevel,
    /// `format`: lines for people or for programs.
    pub format: LogFormat,
}

impl Config {
    /// What is set but has no effect, one line each, to be logged at start.
    pub fn notices(&self) -> Vec<String> {
        let http = self.http.listen.map(|address| {
            format!("[http] listen = \"{address}\" has no effect: this build has no HTTP listener")
        });
        http.into_iter().collect()
    }
}

impl Default for Sip {
    fn default() -> Sip {
        Sip {
            listen: vec![Listen::ANY_UDP, Listen::ANY_TCP],
            reliable: ReliablePolicy::Supported,
            session_timer: Some(SessionTimerSettings::default()),
            server_header: Some(concat!("Muleteer/", env!("CARGO_PKG_VERSION")).to_owned()),
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
            allow: Vec::new(),
            deny: Vec::new(),
            outbound_proxy: None,
            next_hop: Vec::new(),
            failover: Duration::from_secs(8),
            blacklist: Duration::from_secs(60),
        }
    }
}

impl Default for Tls {
    fn default() -> Tls {
        Tls {
            certificate: None,
            key: None,
            name: None,
            ca: None,
            verify_server: true,
            client_certificates: ClientCertificates::Off,
            client_ca: None,
        }
    }
}

impl Default for Connections {
    fn default() -> Connections {
        Connections {
            total: 4096,
            per_source: 256,
            handshakes_per_second: NonZeroU32::new(50),
            handshake: Duration::from_secs(10),
            first_message: Duration::from_secs(30),
            message: Duration::from_secs(20),
            message_bytes: MAX_MESSAGE_BYTES,
            backlog_bytes: 1 << 20,
            idle: Duration::from_secs(600),
            keep_alive: Some(Duration::from_secs(120)),
        }
    }
}

impl Default for Rtp {
    fn default() -> Rtp {
        Rtp {
            address: None,
            ports: PortRange::DEFAULT,
            timeout: Some(Duration::from_secs(300)),
            strict_source: false,
            asymmetric: false,
            rtcp: true,
            srtp: SrtpPolicy::default(),
            srtp_without_tls: true,
        }
    }
}

impl Default for Media {
    fn default() -> Media {
        Media {
            threads: None,
            slot: Duration::from_millis(5),
            playout: Playout::default(),
        }
    }
}

impl Default for Codec {
    fn default() -> Codec {
        Codec {
            load: Vec::new(),
            order: Vec::new(),
            exclude: CodecName::parse("L16").into_iter().collect(),
            opus: OpusSettings::default(),
        }
    }
}

impl Default for App {
    fn default() -> App {
        App {
            application: ApplicationRule::Mapping,
            mapping: PathBuf::from("conf/app_mapping.conf"),
        }
    }
}

impl Default for Dsm {
    fn default() -> Dsm {
        Dsm {
            path: vec![PathBuf::from("dsm")],
            modules: vec![PathBuf::from("target/release")],
            preload: Vec::new(),
            prompts: Vec::new(),
            required_prompts: Vec::new(),
            prompt_sets_path: PathBuf::from("conf/prompts"),
            prompt_sets: Vec::new(),
            register: None,
            inbound_start_diag: None,
            monitor_select: MonitorSelect::default(),
            run_system_dsms: Vec::new(),
            linger: Duration::from_secs(60),
            set_param_variables: false,
        }
    }
}

impl Default for Audio {
    fn default() -> Audio {
        Audio {
            path: vec![PathBuf::from("audio")],
            record_path: PathBuf::from("recordings"),
            cache_mib: 256,
            stream_after_s: 60,
        }
    }
}

impl Default for Recording {
    fn default() -> Recording {
        Recording {
            max_length: Some(Duration::from_secs(2 * 60 * 60)),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            sessions: None,
            calls_per_second: None,
            options_sessions: None,
            transactions: 300_000,
            requests_per_second_per_source: None,
            trusted: Vec::new(),
        }
    }
}

impl Default for Shutdown {
    fn default() -> Shutdown {
        Shutdown {
            grace: Duration::from_secs(10),
        }
    }
}
