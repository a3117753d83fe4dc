//! Mistakes: all of them, in order, each with its place and its cure.

use std::path::Path;

use muleteer::config::Config;
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn errors(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
    match Config::parse(text, Path::new("conf/test.toml"), &overrides) {
        Ok(config) => panic!("no error in {text}: {config:?}"),
        Err(errors) => errors.to_string(),
    }
}

#[track_caller]
fn check(text: &str, overrides: &[&str], expected: &[&str]) {
    assert_eq!(
        errors(text, overrides).lines().collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn every_mistake_of_a_file_is_reported_in_order() {
    check(
        r#"
[sip]
listen = ["udp:0.0.0.0:5060", "sctp:0.0.0.0:5060", 5060]
t1_ms = "fast"
sevrer_header = "x"
t2_ms = 300000

[rtp]
address = "localhost"
ports = "20000-10000"
timeout_s = 1.5

[media]
slot_ms = 3

[app]
application = "$(ruri.usr)"

[dsm]
path = ["../dsm", ""]
set_param_variables = "yes"

[limit]
sessions = 10

[application]
echo = 1
[application.announcement]
loop = false
days = 2024-01-01
greetings = ["a", "b"]
"#,
        &[],
        &[
            "conf/test.toml:3:31: sip.listen: expected `TRANSPORT:ADDRESS:PORT` with `udp`, `tcp`, `tls`, `ws` or `wss`, \
             found the string \"sctp:0.0.0.0:5060\"; \
             write for example listen = [\"udp:0.0.0.0:5060\"]",
            "conf/test.toml:3:52: sip.listen: expected `TRANSPORT:ADDRESS:PORT` with `udp`, `tcp`, `tls`, `ws` or `wss`, \
             found the number 5060; write for example listen = [\"udp:0.0.0.0:5060\"]",
            "conf/test.toml:4:9: sip.t1_ms: expected a whole number from 10 to 10000, \
             found the string \"fast\"; write for example t1_ms = 500",
            "conf/test.toml:5:1: sip.sevrer_header: unknown key; did you mean `server_header`?",
            "conf/test.toml:6:9: sip.t2_ms: expected a whole number from 100 to 60000, \
             found the number 300000; write for example t2_ms = 4000",
            "conf/test.toml:9:11: rtp.address: expected an IP address other than 0.0.0.0 or an empty string, \
             found the string \"localhost\"; write for example address = \"192.0.2.10\"",
            "conf/test.toml:10:9: rtp.ports: expected `FIRST-LAST` with ports from 1024 to 65535, \
             an even one and the odd one after it among them, found the string \"20000-10000\"; \
             write for example ports = \"10000-19999\"",
            "conf/test.toml:11:13: rtp.timeout_s: expected a whole number from 0 to 86400, \
             found the number 1.5; write for example timeout_s = 300",
            "conf/test.toml:14:11: media.slot_ms: expected one of 1, 2, 5, 10, \
             found the number 3; write for example slot_ms = 5",
            "conf/test.toml:17:15: app.application: expected the name of an application or one of \
             `$(ruri.user)`, `$(ruri.param)`, `$(apphdr)`, `$(mapping)`, \
             found the string \"$(ruri.usr)\"; write for example application = \"$(ruri.user)\"",
            "conf/test.toml:20:19: dsm.path: expected a path, found the string \"\"; \
             write for example path = [\"folder\"]",
            "conf/test.toml:21:23: dsm.set_param_variables: expected true or false, \
             found the string \"yes\"; write for example set_param_variables = false",
            "conf/test.toml:23:2: limit: unknown key; did you mean `limits`?",
            "conf/test.toml:27:8: application.echo: expected a table, found the number 1; \
             write for example [application.NAME]",
            "conf/test.toml:30:8: application.announcement.days: expected a string, a number or \
             a boolean, found the date 2024-01-01; write for example days = \"...\"",
            "conf/test.toml:31:13: application.announcement.greetings: expected a string, a number \
             or a boolean, found a list; write for example greetings = \"...\"",
        ],
    );
}

#[test]
fn syntax_errors_do_not_hide_others_and_cause_none() {
    check(
        "[sip]\nlisten =\nt1_ms = -1\nt1_ms = 5\n[rtp\nports = \"1\"\ntimeout = 3\n[log]\nlevel = 1\n",
        &[],
        &[
            "conf/test.toml:2:9: string values must be quoted, expected literal string",
            "conf/test.toml:3:9: sip.t1_ms: expected a whole number from 10 to 10000, \
             found the number -1; write for example t1_ms = 500",
            "conf/test.toml:4:1: duplicate key, found `t1_ms`",
            "conf/test.toml:5:5: unclosed table, expected `]`",
            "conf/test.toml:9:9: log.level: expected one of `error`, `warn`, `info`, `debug`, \
             `trace`, found the number 1; write for example level = \"info\"",
        ],
    );
}

#[test]
fn an_unknown_key_without_a_likeness_lists_the_known_ones() {
    check(
        "[audio]\nvolume = 3\n",
        &[],
        &[
            "conf/test.toml:2:1: audio.volume: unknown key; known here: path, record_path, cache_mib, stream_after_s",
        ],
    );
}

#[test]
fn a_section_must_be_a_table_and_a_list_of_sockets_must_not_be_empty() {
    check(
        "rtp = 5\nsip.listen = []\n",
        &[],
        &[
            "conf/test.toml:1:7: rtp: expected a table, found the number 5; write for example [rtp]",
            "conf/test.toml:2:14: sip.listen: expected at least one `TRANSPORT:ADDRESS:PORT` \
             with `udp`, `tcp`, `tls`, `ws` or `wss`, found a list; write for example listen = [\"udp:0.0.0.0:5060\"]",
        ],
    );
}

#[test]
fn overrides_report_like_the_file_and_after_it() {
    check(
        "[log]\nlevel = \"loud\"\n",
        &[
            "sip.t1_ms=fast",
            "nonsense",
            "a b=1",
            "sip.listn=x",
            "dsm.path=[\"a\"",
            "rtp=1",
        ],
        &[
            "conf/test.toml:2:9: log.level: expected one of `error`, `warn`, `info`, `debug`, \
             `trace`, found the string \"loud\"; write for example level = \"info\"",
            "--set sip.t1_ms=fast: expected a whole number from 10 to 10000, \
             found the string \"fast\"; write for example t1_ms = 500",
            "--set nonsense: expected KEY=VALUE with a key of words joined by dots; \
             write for example --set log.level=debug",
            "--set a b=1: expected KEY=VALUE with a key of words joined by dots; \
             write for example --set log.level=debug",
            "--set sip.listn=x: unknown key; did you mean `listen`?",
            "--set dsm.path=[\"a\": unclosed array, expected `]`, found `[\"a\"`",
            "--set rtp=1: expected a table, found the number 1; write for example [rtp]",
        ],
    );
}

#[test]
fn no_text_and_no_override_can_panic() {
    let pieces = [
        "[sip]",
        "[",
        "]",
        "\n",
        "=",
        "\"",
        "'",
        "\"\"\"",
        "listen",
        "t1_ms",
        ".",
        ",",
        "#",
        "{",
        "}",
        "[[application]]",
        "[application.x]",
        "é",
        "\u{0}",
        "99999999999999999999",
        "-",
        "1e9",
        "$(",
        "0x",
        "true",
        "inf",
        "2024-01-01",
        "\r",
        " ",
        "path",
        "\\u",
        "rtp",
        "ports",
        "10000-20000",
    ];
    let mut rng = StdRng::seed_from_u64(7);
    let mut text = |longest| -> String {
        let length = rng.random_range(0..longest);
        (0..length)
            .map(|_| pieces[rng.random_range(0..pieces.len())])
            .collect()
    };
    for _ in 0..20_000 {
        let overrides = [text(6), format!("sip.listen={}", text(4))];
        if let Err(errors) = Config::parse(&text(30), Path::new("x.toml"), &overrides) {
            assert!(errors.iter().count() > 0 && !errors.to_string().is_empty());
        }
    }
}
