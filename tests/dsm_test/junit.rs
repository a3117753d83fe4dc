//! `--junit`: XML that other programs can read, whatever a diagram says.

use std::collections::BTreeMap;
use std::fs;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{MENU, PASSES, test_in};
use crate::support::process::Folder;

fn attributes(element: &BytesStart<'_>) -> BTreeMap<String, String> {
    let pair = |attribute: quick_xml::events::attributes::Attribute<'_>| {
        let key = attribute.key.as_ref().to_owned();

        (
            key,
            quick_xml::escape::unescape(&attribute.value)
                .unwrap()
                .into_owned(),
        )
    };
    let all = element.attributes();
    all.map(|attribute| pair(attribute.unwrap())).collect()
}

#[test]
fn every_test_is_a_case_and_failures_are_escaped() {
    let strange = "initial state A enter { log(2, \"<&>'\u{1}\u{fffe}]]>\"); };
transition \"bye\" A - hangup / stop(false) -> A;
";
    let folder = Folder::new(&[
        ("menu.dsm", MENU),
        ("menu.expect", PASSES),
        ("odd.dsm", strange),
        (
            "odd.expect",
            "on start\n  S main/A\n  L 2 \"<&>\"\n  = $a \"\\u0001\"\n",
        ),
        ("bad.expect", "\u{7}\u{fffe}<>\n"),
    ]);
    test_in(&folder, &[".", "--junit", "r.xml"]).expect_code(1);
    let xml = fs::read_to_string(folder.file("r.xml")).unwrap();
    assert!(
        xml.chars()
            .all(|c| c >= ' ' && c != '\u{fffe}' || c == '\n'),
        "{xml:?}"
    );
    let mut reader = Reader::from_str(&xml);
    let (mut suite, mut cases, mut failures) = (BTreeMap::new(), Vec::new(), Vec::new());
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                "testsuite" => suite = attributes(&element),
                "testcase" => cases.push(attributes(&element)["name"].clone()),
                "failure" => failures.push(attributes(&element)["message"].clone()),
                other => panic!("{other:?}"),
            },
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((&*suite["tests"], &*suite["failures"]), ("3", "2"));
    assert_eq!(cases, ["bad", "menu", "odd"]);
    assert!(
        failures[0].contains("bad.expect:1: unknown setup word"),
        "{failures:?}"
    );
    assert_eq!(failures[1], "odd.expect:1: on start");
}

#[test]
fn a_report_that_cannot_be_written_ends_with_2() {
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", PASSES)]);
    test_in(&folder, &[".", "--junit", "."])
        .expect_code(2)
        .expect(".: cannot be written");
}
