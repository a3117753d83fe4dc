//! What the check of a diagram reports, and that no text can break it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use muleteer::dsm::diagnostic::Report;
use muleteer::dsm::testing::expect::Expectation;
use muleteer::dsm::{Severity, check_paths, load_set, testing};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::dsm_run::{Memory, fixtures, sections};

fn reports(text: &str) -> Vec<Report> {
    let memory = Memory(BTreeMap::from([("main.dsm".to_owned(), text.to_owned())]));
    let diagrams = [("main".to_owned(), "main.dsm".to_owned())];
    let set = load_set(&diagrams, &memory, &testing::registry());
    set.loaded
        .iter()
        .flat_map(|one| one.reports().collect::<Vec<_>>())
        .collect()
}

/// The diagram with every report above its line.
fn annotated(text: &str, reports: &[Report]) -> String {
    let mut out = String::new();
    let mut annotate = |wanted: Option<u32>, line: &str| {
        for report in reports.iter().filter(|report| report.line == wanted) {
            let column = report.column.unwrap_or(0);
            let _ = write!(out, "--! {column} {}[{}]: ", report.severity, report.code);
            let _ = writeln!(out, "{}", report.message);
            if let Some(hint) = &report.hint {
                let _ = writeln!(out, "--!   hint: {hint}");
            }
        }
        out.push_str(line);
    };
    annotate(None, "");
    for (index, line) in text.split_inclusive('\n').enumerate() {
        annotate(Some(index as u32 + 1), line);
    }
    out
}

#[test]
fn findings_are_as_the_fixture_says() {
    let before = fs::read_to_string(fixtures("diagnostics.txt")).expect("the fixture exists");
    let preamble = before.split("\n=== ").next().unwrap_or_default();
    let mut after = preamble.to_owned() + "\n";
    for (name, body) in sections("diagnostics.txt") {
        let body = body.trim_end().to_owned() + "\n";
        let plain: String = body
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("--!"))
            .collect();
        let mut found = reports(&plain);
        found.retain(|one| name.starts_with("hangup") || one.code != "hangup-unhandled");
        let _ = write!(after, "=== {name}\n{}\n", annotated(&plain, &found));
    }
    let after = after.trim_end().to_owned() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(fixtures("diagnostics.txt"), &after).expect("the fixture can be written");
    }
    for (number, (before, after)) in before.lines().zip(after.lines()).enumerate() {
        assert_eq!(
            before,
            after,
            "line {}; UPDATE=1 rewrites the fixture",
            number + 1
        );
    }
    assert_eq!(before.len(), after.len());
}

/// Mutants of each run; a release build may well try more.
const MUTANTS: u64 = 5_000;
/// Picked once, so that a failure can be repeated.
const SEED: u64 = 0x6d75_6c65_7465_6572;

/// One small change: a piece left out, doubled, moved or replaced by what is special here.
fn mutate(text: &mut Vec<char>, random: &mut impl RngExt) {
    let special: Vec<char> = "\"'(){}[];->/\\$#@=,* \n-import for if else not range"
        .chars()
        .collect();
    let at = random.random_range(0..=text.len());
    let length = random.random_range(1..=12).min(text.len() - at);
    match random.random_range(0..4) {
        0 => drop(text.drain(at..at + length)),
        1 => {
            let piece = text[at..at + length].to_vec();
            text.splice(at..at, piece);
        }
        2 => {
            let piece: Vec<char> = text.drain(at..at + length).collect();
            let to = random.random_range(0..=text.len());
            text.splice(to..to, piece);
        }
        _ => text.insert(at, special[random.random_range(0..special.len())]),
    }
}

#[test]
fn broken_diagrams_never_panic_or_hang() {
    let folder = fs::read_dir(fixtures("conformance")).expect("the fixtures exist");
    let mut files: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "expect")
    });
    files.sort();
    let programs: Vec<(String, String)> = files
        .iter()
        .map(|file| {
            let diagram = fs::read_to_string(file.with_extension("dsm"));
            let expect = fs::read_to_string(file);
            (diagram.expect("readable"), expect.expect("readable"))
        })
        .collect();
    let registry = testing::registry();
    let mut random = StdRng::seed_from_u64(SEED);
    for mutant in 0..MUTANTS {
        let (program, expect) = &programs[mutant as usize % programs.len()];
        let mut text: Vec<char> = program.chars().collect();
        for _ in 0..random.random_range(1..=4) {
            mutate(&mut text, &mut random);
        }
        let memory = Memory(BTreeMap::from([(
            "main.dsm".to_owned(),
            text.into_iter().collect(),
        )]));
        // Whatever loads is run; what it does is of no interest.
        let expectation = Expectation::parse(expect).expect("the fixture can be read");
        expectation.run("main.dsm", "", &memory, &registry);
        let rendered = check_paths(&["main.dsm".to_owned()], &memory, &registry).render();
        assert!(rendered.is_empty() || rendered.ends_with('\n'));
    }
}

#[test]
fn deep_nesting_is_refused() {
    let nested = |open: &str, close: &str, count: usize| {
        let (open, close) = (open.repeat(count), close.repeat(count));
        format!("initial state A enter {{ {open} log(2, x); {close} }};")
    };
    let codes = |text: &str| reports(text).iter().map(|one| one.code).collect::<Vec<_>>();
    assert!(codes(&nested("if test() { ", "} ", 100_000)).contains(&"nesting-too-deep"));
    assert!(codes(&nested("{ ", "} ", 100_000)).contains(&"nesting-too-deep"));
    assert!(codes(&nested("if test() { } else ", "", 100_000)).contains(&"nesting-too-deep"));
    assert!(!codes(&nested("if test() { ", "} ", 60)).contains(&"nesting-too-deep"));
    let parens = format!(
        "initial state A enter {{ set($a={}{}); }};",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    assert!(
        reports(&parens)
            .iter()
            .all(|one| one.severity != Severity::Error)
    );
}

#[test]
fn checking_a_folder_finds_its_diagrams_and_leaves_out_what_they_include() {
    let memory = Memory(BTreeMap::from([
        (
            "dsm/main.dsm".to_owned(),
            "initial state A enter {\n#include \"part\"\n};\n".to_owned(),
        ),
        (
            "dsm/part.dsm".to_owned(),
            "callFSM(other); callFSM(nothing);\n".to_owned(),
        ),
        (
            "dsm/other.dsm".to_owned(),
            "initial state O enter { frobnicate(); };\n".to_owned(),
        ),
        ("dsm/readme.txt".to_owned(), "no diagram".to_owned()),
    ]));
    let checked = check_paths(
        &["dsm".into(), "nowhere".into()],
        &memory,
        &testing::registry(),
    );
    assert_eq!(checked.loaded.len(), 2);
    assert_eq!(checked.unreadable, ["nowhere"]);
    assert_eq!(checked.worst(), Some(Severity::Error));
    let text = checked.render();
    assert!(
        text.contains("dsm/part.dsm:1:17: warning[unknown-diagram]"),
        "{text}"
    );
    assert!(
        text.contains("dsm/other.dsm:1:25: error[unknown-action]"),
        "{text}"
    );
    assert!(!text.contains("'other'"), "{text}");
}
