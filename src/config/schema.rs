//! Every key by name and range. Types, units and defaults are in `settings.rs`.

use std::num::NonZeroU16;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::auth::Auth;
use super::monitoring::{MonitorSelect, Monitoring};
use super::reader::Section;
use super::registration::ConfiguredAccount;
use super::settings::{
    App, Audio, Codec, Config, Connections, DialOut, Dns, Dsm, Dtmf, Http, Limits, Log, Media,
    Recording, Requests, Rtp, Shutdown, Sip, Sys, Tls, WebSocket,
};
use crate::codec::OpusSettings;
use crate::sip::dialog::session_timer::{MIN_INTERVAL_S, SessionTimerSettings};
use crate::sip::message::MAX_MESSAGE_BYTES;

impl Config {
    /// Reads the whole file.
    pub(super) fn read(file: &mut Section<'_>) -> Config {
        Config {
            sip: file.section("sip", Sip::read),
            dns: file.section("dns", Dns::read),
            tls: file.section("tls", Tls::read),
            websocket: file.section("websocket", WebSocket::read),
            connections: file.section("connections", Connections::read),
            rtp: file.section("rtp", Rtp::read),
            media: file.section("media", Media::read),
            codec: file.section("codec", Codec::read),
            dtmf: file.section("dtmf", Dtmf::read),
            http: file.section("http", Http::read),
            app: file.section("app", App::read),
            requests: file.section("requests", Requests::read),
            dsm: file.section("dsm", Dsm::read),
            audio: file.section("audio", Audio::read),
            recording: file.section("recording", Recording::read),
            auth: file.section("auth", Auth::read),
            registrations: file.tables("registration", ConfiguredAccount::read),
            sys: file.section("sys", Sys::read),
            monitoring: file.section("monitoring", Monitoring::read),
            limits: file.section("limits", Limits::read),
            dial_out: file.section("dial_out", DialOut::read),
            shutdown: file.section("shutdown", Shutdown::read),
            log: file.section("log", Log::read),
            applications: file.applications("application"),
            modules: file.json_tables("module"),
        }
    }
}

impl Sip {
    fn read(section: &mut Section<'_>) -> Sip {
        let default = Sip::default();
        Sip {
            listen: section.settings("listen", default.listen),
            server_header: section.line("server_header", default.server_header),
            reliable: section.setting("100rel", default.reliable),
            session_timer: session_timer(section),
            t1: section.millis("t1_ms", default.t1, 10..=10_000),
            t2: section.millis("t2_ms", default.t2, 100..=60_000),
            t4: section.millis("t4_ms", default.t4, 100..=60_000),
            allow: section.any_settings("allow", default.allow),
            deny: section.any_settings("deny", default.deny),
            outbound_proxy: section.optional("outbound_proxy"),
            next_hop: section.any_settings("next_hop", default.next_hop),
            failover: Duration::from_secs(section.integer("failover_s", 8, 1..=32)),
            blacklist: section.seconds("blacklist_s", default.blacklist),
        }
    }
}

impl Requests {
    fn read(section: &mut Section<'_>) -> Requests {
        Requests {
            message: section.optional("message"),
            notify: section.optional("notify"),
            publish: section.optional("publish"),
            register: section.optional("register"),
        }
    }
}

impl Dns {
    fn read(section: &mut Section<'_>) -> Dns {
        Dns {
            servers: section.any_settings("servers", Vec::new()),
        }
    }
}

impl Tls {
    fn read(section: &mut Section<'_>) -> Tls {
        let default = Tls::default();
        Tls {
            certificate: section.optional_path("certificate"),
            key: section.optional_path("key"),
            name: section.optional("name"),
            ca: section.optional_path("ca"),
            verify_server: section.boolean("verify_server", default.verify_server),
            client_certificates: section
                .setting("client_certificates", default.client_certificates),
            client_ca: section.optional_path("client_ca"),
        }
    }
}

impl WebSocket {
    fn read(section: &mut Section<'_>) -> WebSocket {
        WebSocket {
            origins: section.names("origins").unwrap_or_default(),
        }
    }
}

impl Connections {
    fn read(section: &mut Section<'_>) -> Connections {
        const DAY: u64 = 24 * 60 * 60;
        let default = Connections::default();
        let mut seconds = |key, default: Duration, most| {
            Duration::from_secs(section.integer(key, default.as_secs(), 1..=most))
        };
        let handshake = seconds("handshake_s", default.handshake, 300);
        let first_message = seconds("first_message_s", default.first_message, 3600);
        let message = seconds("message_s", default.message, 3600);
        let idle = seconds("idle_s", default.idle, DAY);
        let mut kib = |key, default: usize, range: RangeInclusive<u32>| {
            let default = u32::try_from(default.div_ceil(1024)).unwrap_or(*range.end());
            section.integer(key, default, range) as usize * 1024
        };
        let message_bytes = kib("message_kib", default.message_bytes, 1..=64);
        let backlog_bytes = kib("backlog_kib", default.backlog_bytes, 64..=65_536);
        let keep_alive = default.keep_alive.unwrap_or_default();
        let keep_alive = section.seconds("keep_alive_s", keep_alive);
        Connections {
            total: section.integer("total", default.total, 1..=1_000_000),
            per_source: section.integer("per_source", default.per_source, 1..=1_000_000),
            handshakes_per_second: section
                .limit("handshakes_per_second", default.handshakes_per_second),
            handshake,
            first_message,
            message,
            message_bytes: message_bytes.min(MAX_MESSAGE_BYTES),
            backlog_bytes,
            idle,
            keep_alive: Some(keep_alive).filter(|interval| !interval.is_zero()),
        }
    }
}

fn session_timer(section: &mut Section<'_>) -> Option<SessionTimerSettings> {
    let default = SessionTimerSettings::default();
    let mut seconds = |key, default| section.integer(key, default, MIN_INTERVAL_S..=86_400);
    let settings = SessionTimerSettings {
        interval_s: seconds("session_expires_s", default.interval_s),
        minimum_s: seconds("minimum_timer_s", default.minimum_s),
        maximum_s: seconds("maximum_timer_s", default.maximum_s),
    };
    section.boolean("session_timer", true).then_some(settings)
}

impl Rtp {
    fn read(section: &mut Section<'_>) -> Rtp {
        let default = Rtp::default();
        let timeout = section.seconds("timeout_s", default.timeout.unwrap_or_default());
        Rtp {
            address: section.optional("address"),
            ports: section.setting("ports", default.ports),
            timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
            strict_source: section.boolean("strict_source", default.strict_source),
            asymmetric: section.boolean("asymmetric", default.asymmetric),
            rtcp: section.boolean("rtcp", default.rtcp),
            srtp: section.setting("srtp", default.srtp),
            srtp_without_tls: section.boolean("srtp_without_tls", default.srtp_without_tls),
        }
    }
}

impl Media {
    fn read(section: &mut Section<'_>) -> Media {
        let default = Media::default();
        Media {
            threads: NonZeroU16::new(section.integer("threads", 0, 0..=256)),
            slot: section.millis_of("slot_ms", default.slot, &[1, 2, 5, 10]),
            playout: section.setting("playout", default.playout),
        }
    }
}

impl Dtmf {
    fn read(section: &mut Section<'_>) -> Dtmf {
        let default = Dtmf::default();
        Dtmf {
            inband: section.setting("inband", default.inband),
            send: section.setting("send", default.send),
        }
    }
}

impl Codec {
    fn read(section: &mut Section<'_>) -> Codec {
        let default = Codec::default();
        Codec {
            load: section.names("load").unwrap_or(default.load),
            order: section.any_settings("order", default.order),
            exclude: section.any_settings("exclude", default.exclude),
            opus: section.section("opus", opus),
        }
    }
}

fn opus(section: &mut Section<'_>) -> OpusSettings {
    let default = OpusSettings::default();
    OpusSettings {
        sample_rate: section.choice(
            "sample_rate",
            default.sample_rate,
            &OpusSettings::SAMPLE_RATES,
        ),
        bitrate: section.integer("bitrate", default.bitrate, 6_000..=510_000),
        complexity: section.integer("complexity", default.complexity, 0..=10),
        fec: section.boolean("fec", default.fec),
        loss_percent: section.integer("loss_percent", default.loss_percent, 0..=100),
        dtx: section.boolean("dtx", default.dtx),
    }
}

impl Http {
    fn read(section: &mut Section<'_>) -> Http {
        Http {
            listen: section.optional("listen"),
        }
    }
}

impl App {
    fn read(section: &mut Section<'_>) -> App {
        let default = App::default();
        App {
            application: section.setting("application", default.application),
            mapping: section.path("mapping", default.mapping),
        }
    }
}

impl Dsm {
    fn read(section: &mut Section<'_>) -> Dsm {
        let default = Dsm::default();
        Dsm {
            path: section.paths("path", default.path),
            modules: section.paths("modules", default.modules),
            preload: section.names("preload").unwrap_or_default(),
            prompts: section.paths("prompts", default.prompts),
            required_prompts: section.names("required_prompts").unwrap_or_default(),
            prompt_sets_path: section.path("prompt_sets_path", default.prompt_sets_path),
            prompt_sets: section.names("prompt_sets").unwrap_or_default(),
            register: section.names("register"),
            inbound_start_diag: section.line("inbound_start_diag", default.inbound_start_diag),
            monitor_select: MonitorSelect::read(section),
            run_system_dsms: section.names("run_system_dsms").unwrap_or_default(),
            linger: section.seconds("linger_s", default.linger),
            set_param_variables: section
                .boolean("set_param_variables", default.set_param_variables),
        }
    }
}

impl Audio {
    fn read(section: &mut Section<'_>) -> Audio {
        let default = Audio::default();
        Audio {
            path: section.paths("path", default.path),
            record_path: section.path("record_path", default.record_path),
            cache_mib: section.integer("cache_mib", default.cache_mib, 1..=65_536),
            stream_after_s: section.integer("stream_after_s", default.stream_after_s, 1..=3_600),
        }
    }
}

impl Recording {
    fn read(section: &mut Section<'_>) -> Recording {
        let default = Recording::default().max_length.unwrap_or_default();
        let max_length = section.seconds("max_length_s", default);
        Recording {
            max_length: Some(max_length).filter(|length| !length.is_zero()),
        }
    }
}

impl Sys {
    fn read(section: &mut Section<'_>) -> Sys {
        let default = Sys::default();
        let deadline = section.integer("deadline_s", default.deadline.as_secs(), 1..=60);
        Sys {
            folders: section.paths("folders", default.folders),
            commands: section.boolean("commands", default.commands),
            deadline: Duration::from_secs(deadline),
        }
    }
}

impl DialOut {
    fn read(section: &mut Section<'_>) -> DialOut {
        let default = DialOut::default();
        let ring_s = section.integer("ring_s", default.ring.as_secs(), 5..=3_600);
        DialOut {
            ring: Duration::from_secs(ring_s),
            pins: section.any_settings("pins", Vec::new()),
        }
    }
}

impl Limits {
    fn read(section: &mut Section<'_>) -> Limits {
        let default = Limits::default();
        Limits {
            sessions: section.limit("sessions", default.sessions),
            calls_per_second: section.limit("calls_per_second", default.calls_per_second),
            options_sessions: section.limit("options_sessions", default.options_sessions),
            transactions: section.integer("transactions", default.transactions, 100..=10_000_000),
            requests_per_second_per_source: section.limit(
                "requests_per_second_per_source",
                default.requests_per_second_per_source,
            ),
            trusted: section.any_settings("trusted", default.trusted),
        }
    }
}

impl Shutdown {
    fn read(section: &mut Section<'_>) -> Shutdown {
        Shutdown {
            grace: section.seconds("grace_s", Shutdown::default().grace),
        }
    }
}

impl Log {
    fn read(section: &mut Section<'_>) -> Log {
        let default = Log::default();
        Log {
            level: section.setting("level", default.level),
            format: section.setting("format", default.format),
        }
    }
}
