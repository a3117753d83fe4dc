//! What a configuration means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use muleteer::codec::OpusSettings;
use muleteer::config::{
    ApplicationRule, ClientCertificates, Config, Connections, DigitDetection, DigitSending,
    HostName, LoadError, LogFormat, LogLevel, Tls, load,
};
use muleteer::media::Playout;
use muleteer::sip::auth::Realm;
use muleteer::sip::message::header::{DigestHash, Qop};

fn parse(text: &str, overrides: &[&str]) -> Config {
    let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
    match Config::parse(text, Path::new("/etc/muleteer/muleteer.toml"), &overrides) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}"),
    }
}

#[test]
fn without_any_key_everything_has_its_default() {
    let config = parse("", &[]);
    assert_eq!(config, Config::default());
    let listen: Vec<String> = config.sip.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"]);
    assert_eq!(config.rtp.ports.to_string(), "10000-19999");
    assert_eq!(config.app.mapping, Path::new("conf/app_mapping.conf"));
    assert_eq!(config.notices(), Vec::<String>::new());
}

#[test]
fn every_key_can_be_set() {
    let config = parse(
        r#"
        sip = { listen = "udp:127.0.0.1:0", server_header = "", t1_ms = 100, t2_ms = 1000, t4_ms = 2000 }
        tls = { certificate = "cert.pem", key = "/etc/ssl/key.pem", name = "media.example.com", ca = "ca.pem", verify_server = false, client_certificates = "optional", client_ca = "clients.pem" }
        websocket = { origins = ["https://phone.example.com"] }
        connections = { total = 10, per_source = 5, handshakes_per_second = 0, handshake_s = 1, first_message_s = 2, message_s = 3, message_kib = 8, backlog_kib = 128, idle_s = 60, keep_alive_s = 0 }
        media = { threads = 2, slot_ms = 10, playout = "fixed:80" }
        codec = { load = ["gsm", "speex"], order = ["pcma", "L16/16000"], exclude = [], opus = { sample_rate = 48000, bitrate = 32000, complexity = 10, fec = false, loss_percent = 0, dtx = true } }
        rtp = { address = "192.0.2.1", ports = "30000-30999", timeout_s = 0, strict_source = true, asymmetric = true, rtcp = false }
        dtmf = { inband = "off", send = "info" }
        http = { listen = "127.0.0.1:8080" }
        app = { application = "echo", mapping = "m.conf" }
        dsm = { path = ["../dsm", "/srv/dsm"], modules = [], prompts = ["p"], required_prompts = "welcome", prompt_sets_path = "sets", prompt_sets = ["de", "en"], register = ["a"], linger_s = 5, set_param_variables = true }
        audio = { path = "../audio", record_path = "/var/spool/muleteer", cache_mib = 16, stream_after_s = 90 }
        limits = { sessions = 10, calls_per_second = 5, options_sessions = 9, transactions = 1000 }
        auth = { applications = "*", realm = "r", users = "u", algorithms = "sha-512-256", qop = ["auth", "auth-int"], trusted = "10.0.0.0/8", nonce_lifetime_s = 60, max_failures = 0, failure_window_s = 10 }
        registration = [{ domain = "h:5070", user = "a", display_name = "A", auth_user = "b", password = "c", realm = "*", proxy = "p;lr", contact = "sip:d@e", expires_s = 60 }, { domain = "h", user = "a", password_file = "f" }]
        shutdown = { grace_s = 0 }
        log = { level = "debug", format = "json" }
        "#,
        &[],
    );
    assert_eq!(config.sip.listen[0].to_string(), "udp:127.0.0.1:0");
    assert_eq!(config.sip.server_header, None);
    assert_eq!(config.sip.t1, Duration::from_millis(100));
    let tls = Tls {
        certificate: Some("/etc/muleteer/cert.pem".into()),
        key: Some("/etc/ssl/key.pem".into()),
        name: Some(HostName("media.example.com".to_owned())),
        ca: Some("/etc/muleteer/ca.pem".into()),
        verify_server: false,
        client_certificates: ClientCertificates::Optional,
        client_ca: Some("/etc/muleteer/clients.pem".into()),
    };
    assert_eq!(config.tls, tls);
    assert_eq!(config.websocket.origins, ["https://phone.example.com"]);
    let connections = Connections {
        total: 10,
        per_source: 5,
        handshakes_per_second: None,
        handshake: Duration::from_secs(1),
        first_message: Duration::from_secs(2),
        message: Duration::from_secs(3),
        message_bytes: 8 << 10,
        backlog_bytes: 128 << 10,
        idle: Duration::from_secs(60),
        keep_alive: None,
    };
    assert_eq!(config.connections, connections);
    assert_eq!(config.rtp.address, Some("192.0.2.1".parse().unwrap()));
    assert_eq!(config.rtp.timeout, None);
    assert!(config.rtp.strict_source && config.rtp.asymmetric && !config.rtp.rtcp);
    assert_eq!(config.media.threads.map(|n| n.get()), Some(2));
    let order: Vec<_> = config.codec.order.iter().map(ToString::to_string).collect();
    assert_eq!(order, ["pcma", "L16/16000"]);
    assert_eq!(config.codec.load, ["gsm", "speex"]);
    assert!(config.codec.exclude.is_empty());
    let opus = OpusSettings {
        sample_rate: 48_000,
        bitrate: 32_000,
        complexity: 10,
        fec: false,
        loss_percent: 0,
        dtx: true,
    };
    assert_eq!(config.codec.opus, opus);
    assert_eq!(config.media.slot, Duration::from_millis(10));
    assert_eq!(config.dtmf.inband, DigitDetection::Off);
    assert_eq!(config.dtmf.send, DigitSending::Info);
    assert_eq!(
        config.media.playout,
        Playout::Fixed(Duration::from_millis(80))
    );
    assert_eq!(
        config.app.application,
        ApplicationRule::Fixed("echo".to_owned())
    );
    assert_eq!(config.app.mapping, Path::new("/etc/muleteer/m.conf"));
    assert_eq!(
        config.dsm.path,
        [
            PathBuf::from("/etc/muleteer/../dsm"),
            PathBuf::from("/srv/dsm")
        ]
    );
    assert_eq!(config.dsm.register, Some(vec!["a".to_owned()]));
    assert_eq!(config.dsm.prompts, [Path::new("/etc/muleteer/p")]);
    assert_eq!(config.dsm.required_prompts, ["welcome"]);
    let sets = (&*config.dsm.prompt_sets_path, &config.dsm.prompt_sets[..]);
    assert_eq!(
        sets,
        (
            Path::new("/etc/muleteer/sets"),
            &["de".into(), "en".into()][..]
        )
    );
    let recordings = Path::new("/var/spool/muleteer");
    assert_eq!(config.audio.record_path, recordings);
    assert_eq!(config.audio.path, [PathBuf::from("/etc/muleteer/../audio")]);
    assert_eq!(config.limits.sessions.map(|n| n.get()), Some(10));
    assert_eq!(config.shutdown.grace, Duration::ZERO);
    let auth = &config.auth;
    assert!(auth.is_on() && auth.max_failures == 0 && auth.trusted.len() == 1);
    assert_eq!(auth.algorithms, [DigestHash::Sha512_256]);
    assert_eq!(auth.qop, [Qop::Auth, Qop::AuthInt]);
    assert_eq!(auth.users, Path::new("/etc/muleteer/u"));
    let [full, short] = &config.registrations[..] else {
        panic!("two accounts")
    };
    assert_eq!(full.account.realm, Realm::Any);
    assert_eq!(full.account.proxies[0].to_string(), "sip:p;lr");
    assert_eq!((&*full.account.auth_user, full.account.expires), ("b", 60));
    assert_eq!(short.account.realm, Realm::Named("h".to_owned()));
    assert_eq!(
        short.password_file.as_deref(),
        Some(Path::new("/etc/muleteer/f"))
    );
    assert_eq!(
        (config.log.level, config.log.format),
        (LogLevel::Debug, LogFormat::Json)
    );
    assert_eq!(config.notices().len(), 1);
}

#[test]
fn settings_of_an_application_are_text_as_written() {
    let config = parse(
        "[application.announcement]\nloop = false\npin = \"0042\"\nnumber = 1_000\nrate = 1.10\n",
        &[
            "application.announcement.trunk=+49123",
            "application.other.pin=0042",
        ],
    );
    let settings: Vec<(&str, &str)> = config.applications["announcement"]
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        settings,
        [
            ("loop", "false"),
            ("number", "1000"),
            ("pin", "0042"),
            ("rate", "1.10"),
            ("trunk", "+49123")
        ]
    );
    assert_eq!(config.applications["other"]["pin"], "0042");
}

#[test]
fn overrides_replace_what_the_file_says_and_need_no_quotes() {
    let config = parse(
        "[rtp]\nports = \"wrong\"\ntimeout_s = 7\n",
        &[
            "rtp.ports=20000-20009",
            "app.application=$(ruri.user)",
            "sip.listen=[\"udp:127.0.0.1:5070\", 'tcp:127.0.0.1:5070']",
            "log.level=\"warn\"",
            "log.level=error",
            "dsm.path=here",
        ],
    );
    assert_eq!(config.rtp.ports.to_string(), "20000-20009");
    assert_eq!(config.rtp.timeout, Some(Duration::from_secs(7)));
    assert_eq!(config.app.application, ApplicationRule::RuriUser);
    assert_eq!(config.sip.listen.len(), 2);
    assert_eq!(config.log.level, LogLevel::Error);
    assert_eq!(config.dsm.path, [PathBuf::from("here")]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.toml");
    let error = load(Some(&path), &[]).unwrap_err();
    assert!(matches!(error, LoadError::Unreadable { .. }));
    assert!(
        error.to_string().starts_with(&path.display().to_string()),
        "{error}"
    );
}
