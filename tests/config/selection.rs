//! Which application takes a call.

use std::path::Path;

use muleteer::config::{
    AppMapping, ApplicationSelector, Config, LoadError, SelectionInput, load_selector,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn mapping(text: &str) -> ApplicationSelector {
    match AppMapping::parse(text, Path::new("app_mapping.conf")) {
        Ok(mapping) => ApplicationSelector::Mapping(mapping),
        Err(errors) => panic!("{errors}"),
    }
}

#[track_caller]
fn check(selector: &ApplicationSelector, ruri: &str, expected: &str) {
    let input = SelectionInput {
        ruri,
        ..SelectionInput::default()
    };
    let found = selector
        .select(&input)
        .unwrap_or_else(|reason| format!("({reason})"));
    assert_eq!(found, expected, "{ruri}");
}

#[test]
fn the_first_rule_found_in_the_request_uri_wins() {
    let selector = mapping(
        "# services by prefix\r\n\r\n   \n  # indented\n^sip:\\*97@=>voicebox\n\
         ^sip:9[0-9]{3}@ => webconference \n@prompts\\.example\\.net=>announcement\n\
         ^sip:\\+?[[:digit:]]+@=>gateway\n",
    );
    check(&selector, "sip:*97@example.net", "voicebox");
    check(
        &selector,
        "sip:9001@example.net:5060;transport=udp",
        "webconference",
    );
    check(&selector, "sip:9001x@prompts.example.net", "announcement");
    check(&selector, "sip:+4930123@example.net", "gateway");
    check(
        &selector,
        "sip:bob@example.net",
        "(none of 4 mapping rules matches the Request-URI)",
    );
    check(
        &selector,
        "SIP:*97@example.net",
        "(none of 4 mapping rules matches the Request-URI)",
    );
}

#[test]
fn a_name_may_hold_groups_and_backslashes() {
    let selector = mapping(
        "^sip:svc-([a-z]*)@=>\\1\n^sip:([a-z]+)\\.([a-z]+)@=>x-\\2\\\\\\1-y\n^sip:(a)?(9)@=>\\2\\1\n",
    );
    check(&selector, "sip:svc-echo@h", "echo");
    check(&selector, "sip:left.right@h", "x-right\\left-y");
    check(&selector, "sip:9@h", "9");
    check(
        &selector,
        "sip:svc-@h",
        "(the mapping rule in line 1 matches but gives an empty name)",
    );
}

#[test]
fn every_mistake_of_a_mapping_file_is_reported_with_its_line() {
    let text = "sip:1\na=>b=>c\n=>x\nx=>\n# fine\n(a=>b\n[a=>b\n(a)=>\\2\na=>\\9\na=>b\\\n\
                a{1000}{1000}{1000}=>b\n";
    let errors = AppMapping::parse(text, Path::new("m.conf"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        errors.lines().collect::<Vec<_>>(),
        [
            "m.conf:1: expected PATTERN=>NAME, found 0 times `=>`",
            "m.conf:2: expected PATTERN=>NAME, found 2 times `=>`",
            "m.conf:3: expected a pattern before `=>`; write .* to match every call",
            "m.conf:4: expected the name of an application after `=>`",
            "m.conf:6: bad pattern: unclosed group",
            "m.conf:7: bad pattern: unclosed character class",
            "m.conf:8: \\2 stands for a group, but the pattern has 1",
            "m.conf:9: expected \\1 to \\8 or \\\\ in the name, found `\\9`",
            "m.conf:10: expected \\1 to \\8 or \\\\ in the name, found `\\`",
            "m.conf:11: bad pattern: Compiled regex exceeds size limit of 262144 bytes.",
        ]
    );
}

#[test]
fn each_rule_takes_the_name_from_its_place() {
    let full = SelectionInput {
        ruri: "sip:joe@h;app=voicemail",
        ruri_user: Some("joe"),
        ruri_app_param: Some("voicemail"),
        app_name_header: Some(" conference "),
    };
    let empty = SelectionInput {
        ruri: "sip:h",
        ..SelectionInput::default()
    };
    let cases = [
        ("echo", "echo", None),
        (
            "$(ruri.user)",
            "joe",
            Some("the Request-URI has no user part"),
        ),
        (
            "$(ruri.param)",
            "voicemail",
            Some("the Request-URI has no parameter `app`"),
        ),
        (
            "$(apphdr)",
            "conference",
            Some("the request has no header P-App-Name"),
        ),
    ];
    for (rule, name, reason) in cases {
        let config = Config::from_overrides(&[format!("app.application={rule}")]).unwrap();
        let selector = load_selector(&config.app).unwrap();
        assert_eq!(selector.select(&full).unwrap(), name);
        match (selector.select(&empty), reason) {
            (Ok(found), None) => assert_eq!(found, name),
            (Err(found), Some(reason)) => assert!(found.to_string().starts_with(reason), "{found}"),
            other => panic!("{rule}: {other:?}"),
        }
    }
}

#[test]
fn the_mapping_file_is_read_for_the_mapping_rule_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.conf");
    let mut config = Config::default();
    config.app.mapping = path.clone();
    assert!(matches!(
        load_selector(&config.app),
        Err(LoadError::Unreadable { .. })
    ));
    std::fs::write(&path, ".*=>echo\n").unwrap();
    check(&load_selector(&config.app).unwrap(), "sip:any@h", "echo");
    std::fs::write(&path, "nothing\n").unwrap();
    assert!(matches!(
        load_selector(&config.app),
        Err(LoadError::Mapping(_))
    ));
}

#[test]
fn no_mapping_file_can_panic() {
    let pieces = [
        "=>",
        "\\1",
        "\\",
        "(",
        ")",
        "[",
        "]",
        "*",
        "+",
        "?",
        "{2}",
        "{",
        "a",
        "|",
        "^",
        "$",
        "#",
        "\n",
        " ",
        "é",
        "\u{0}",
        "[[:alpha:]]",
        "(?i)",
        "(?",
        "&&",
    ];
    let mut rng = StdRng::seed_from_u64(11);
    for _ in 0..5_000 {
        let length = rng.random_range(0..12);
        let text: String = (0..length)
            .map(|_| pieces[rng.random_range(0..pieces.len())])
            .collect();
        if let Ok(mapping) = AppMapping::parse(&text, Path::new("m")) {
            mapping.find("sip:aé@h");
        }
    }
}
