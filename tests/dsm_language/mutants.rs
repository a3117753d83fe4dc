//! Diagrams with random damage: nothing panics or hangs, and every finding has a place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use muleteer::dsm::diagnostic::{Code, Theme, sarif};
use muleteer::dsm::testing::expect::Expectation;
use muleteer::dsm::{Checked, Registry, check_paths, testing};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::dsm_run::{Memory, fixtures};

/// Mutants of each of the tests below, which run side by side.
const MUTANTS: u64 = 50_000;
/// Of so many mutants one is written in all formats, and one is run.
const WRITTEN: u64 = 50;
const RUN: u64 = 100;
/// Longer diagrams are cut, because what goes wrong goes wrong in few lines.
const LONGEST: usize = 400;

/// The text of every diagram of this repository; a fixture holds many.
fn diagrams() -> Vec<String> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "dsm") {
                files.push(path);
            }
        }
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("dsm"), &mut files);
    collect(&root.join("tests/fixtures"), &mut files);
    files.sort();
    let text = |path: &PathBuf| fs::read_to_string(path).expect("a diagram is text");
    let texts: Vec<String> = files.iter().map(text).collect();
    let tests = texts.iter().flat_map(|text| text.split("\n--- "));
    tests.map(str::to_owned).collect()
}

/// A piece of a diagram with some damage.
fn mutant(diagram: &str, random: &mut StdRng) -> String {
    let mut text: Vec<char> = diagram.chars().collect();
    if text.len() > LONGEST && random.random_range(0..20) > 0 {
        let start = random.random_range(0..text.len() - LONGEST);
        text = text[start..start + LONGEST].to_vec();
    }
    for _ in 0..random.random_range(1..=4) {
        damage(&mut text, random);
    }
    text.into_iter().collect()
}

/// One small change: a piece left out, doubled, moved, or something special put in.
fn damage(text: &mut Vec<char>, random: &mut StdRng) {
    const SPECIAL: &[&str] = &[
        "\"",
        "'",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ";",
        "->",
        "-->",
        "/",
        "\\",
        "$",
        "#",
        "@",
        "=",
        ",",
        "*",
        "\n",
        "\r",
        "\t",
        "\0",
        "é",
        "🎺",
        "\u{feff}",
        "--",
        "#include \"main\"",
        " -- muleteer: allow(",
        "not",
        "if",
        "for",
        "else",
        "state",
        "transition",
        "initial",
        "exception",
        "import(",
        "range(",
    ];
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
        _ => {
            let special = SPECIAL[random.random_range(0..SPECIAL.len())];
            text.splice(at..at, special.chars());
        }
    }
}

fn has_places(checked: &Checked) -> bool {
    checked.findings().all(|(finding, sources)| {
        let (text, span) = (sources.file(finding.span.file).text(), finding.span);
        let (start, end) = (span.start as usize, span.end as usize);
        start <= end && text.get(start..end).is_some() && Code::find(finding.code).is_some()
    })
}

fn is_written(checked: &Checked) -> bool {
    let lines = |text: String| text.is_empty() || text.ends_with('\n');
    let coloured = checked.render_with(&Theme::coloured());
    let reports: Vec<_> = checked.reports().collect();
    let ordered = |report: &muleteer::dsm::diagnostic::Report| {
        (report.line, report.column) <= (report.end_line, report.end_column)
    };
    reports.iter().all(ordered)
        && lines(checked.render())
        && lines(coloured)
        && serde_json::to_string(&reports).is_ok()
        && serde_json::to_string(&sarif::log(reports, "")).is_ok()
}

/// Whatever loads is run; what it does is of no interest.
fn run(memory: &Memory, registry: &Registry) {
    let events = "on start\non key key=1\non timer id=1\non hangup\n";
    let expectation = Expectation::parse(events).expect("events");
    expectation.run("main.dsm", "", memory, registry);
}

fn survive(seed: u64) {
    let (diagrams, registry) = (diagrams(), testing::registry());
    let mut random = StdRng::seed_from_u64(seed);
    for number in 0..MUTANTS {
        let diagram = &diagrams[random.random_range(0..diagrams.len())];
        let text = mutant(diagram, &mut random);
        let memory = Memory(BTreeMap::from([("main.dsm".to_owned(), text)]));
        let checked = check_paths(&["main.dsm".to_owned()], &memory, &registry);
        let text = &memory.0["main.dsm"];
        assert!(
            has_places(&checked),
            "seed {seed}, mutant {number}:\n{text}"
        );
        if number % WRITTEN == 0 {
            assert!(
                is_written(&checked),
                "seed {seed}, mutant {number}:\n{text}"
            );
        }
        if number % RUN == 0 {
            run(&memory, &registry);
        }
    }
}

#[test]
fn broken_diagrams_are_survived_1() {
    survive(1);
}

#[test]
fn broken_diagrams_are_survived_2() {
    survive(2);
}

#[test]
fn broken_diagrams_are_survived_3() {
    survive(3);
}

#[test]
fn broken_diagrams_are_survived_4() {
    survive(4);
}

/// Damaged whole programs are run with the events they were written for.
#[test]
fn broken_programs_run_to_an_end() {
    let folder = fs::read_dir(fixtures("conformance")).expect("the fixtures exist");
    let mut files: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "expect")
    });
    files.sort();
    let registry = testing::registry();
    let mut random = StdRng::seed_from_u64(5);
    for file in files.iter().cycle().take(1_000) {
        let diagram = fs::read_to_string(file.with_extension("dsm")).expect("readable");
        let expect = fs::read_to_string(file).expect("readable");
        let mut text: Vec<char> = diagram.chars().collect();
        damage(&mut text, &mut random);
        let text = text.into_iter().collect();
        let memory = Memory(BTreeMap::from([("main.dsm".to_owned(), text)]));
        let expectation = Expectation::parse(&expect).expect("the fixture can be read");
        expectation.run("main.dsm", "", &memory, &registry);
    }
}
