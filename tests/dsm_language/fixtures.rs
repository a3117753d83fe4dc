//! Diagrams with their findings written above the lines they point at: `tests/fixtures/diagnostics`.
//! The README there says how.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use muleteer::dsm::Severity;
use muleteer::dsm::diagnostic::Report;

use super::check;

/// What stands around the lines of a test where the file says so.
const ENTER: (&str, &str) = ("initial state A enter {\n", "};\n");

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diagnostics")
}

fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the fixtures exist");
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "dsm"));
    files.sort();
    files
}

/// How the tests of a file are read.
#[derive(Default)]
struct Settings {
    /// Codes that are not looked at.
    without: Vec<String>,
    /// The lines stand in an enter list.
    in_enter: bool,
}

impl Settings {
    fn read(preamble: &str) -> Self {
        let mut settings = Self::default();
        for line in preamble.lines() {
            if let Some(codes) = line.strip_prefix("-- without ") {
                settings.without = codes.split(", ").map(str::to_owned).collect();
            }
            settings.in_enter |= line == "-- inside an enter list";
        }
        settings
    }
}

fn is_expectation(line: &str) -> bool {
    ["-- E ", "-- W ", "-- N "]
        .iter()
        .any(|mark| line.starts_with(mark))
}

/// One finding as it is written above its line.
fn expectation(report: &Report) -> String {
    let letter = match report.severity {
        Severity::Error => 'E',
        Severity::Warning => 'W',
        Severity::Note => 'N',
    };
    let lines = report.end_line - report.line;
    let end = match lines {
        0 => report.end_column.to_string(),
        _ => format!("+{lines}:{}", report.end_column),
    };
    let quoted = |text: &String| serde_json::to_string(text).expect("text is JSON");
    let (code, column, message) = (report.code, report.column, quoted(&report.message));
    let mut line = format!("-- {letter} {code} {column}-{end} {message}");
    if let Some(hint) = &report.hint {
        let _ = write!(line, " hint {}", quoted(hint));
    }
    line
}

/// A test with the findings there are instead of the ones it had.
fn annotated(test: &str, crlf: bool, settings: &Settings) -> String {
    let plain: String = test
        .split_inclusive('\n')
        .filter(|line| !is_expectation(line))
        .collect();
    let mut texts = plain.split("+++ ");
    let mut files = vec![("main.dsm", texts.next().unwrap_or_default())];
    files.extend(texts.map(|text| text.split_once('\n').expect("a file has a text")));
    let (before, behind) = if settings.in_enter { ENTER } else { ("", "") };
    let whole = |&(name, text): &(&str, &str)| {
        let text = match name {
            "main.dsm" => format!("{before}{text}{behind}"),
            _ => text.to_owned(),
        };
        let text = if crlf {
            text.replace('\n', "\r\n")
        } else {
            text
        };
        (name.to_owned(), text)
    };
    let checked = check(files.iter().map(whole));
    let mut reports: Vec<Report> = checked.reports().collect();
    reports.retain(|one| !settings.without.iter().any(|code| code == one.code));
    let mut out = String::new();
    for (index, &(name, text)) in files.iter().enumerate() {
        if index > 0 {
            let _ = writeln!(out, "+++ {name}");
        }
        let shift = if name == "main.dsm" {
            before.lines().count()
        } else {
            0
        };
        let mut of_line: BTreeMap<usize, Vec<&Report>> = BTreeMap::new();
        for report in reports
            .iter()
            .filter(|report| report.file == format!("dsm/{name}"))
        {
            let line = (report.line as usize).saturating_sub(shift);
            of_line.entry(line).or_default().push(report);
        }
        for (number, line) in text.split_inclusive('\n').enumerate() {
            for report in of_line.remove(&(number + 1)).unwrap_or_default() {
                let _ = writeln!(out, "{}", expectation(report));
            }
            out.push_str(line);
        }
        // What is found around the test, or behind its last line.
        for report in of_line.into_values().flatten() {
            let _ = writeln!(out, "{}", expectation(report));
        }
    }
    out
}

#[test]
fn findings_are_as_the_fixtures_say() {
    let mut names = HashSet::new();
    let mut wrong = Vec::new();
    for path in files() {
        let before = fs::read_to_string(&path).expect("the fixture can be read");
        let mut tests = before.split("\n--- ");
        let preamble = tests.next().unwrap_or_default();
        let settings = Settings::read(preamble);
        let mut after = preamble.to_owned();
        for test in tests {
            let (title, body) = test.split_once(" ---\n").expect("a test has a title");
            let name = (path.clone(), title.to_owned());
            assert!(names.insert(name), "two tests called '{title}'");
            let body = body.trim_end_matches('\n').to_owned() + "\n";
            let now = annotated(&body, title.ends_with("(crlf)"), &settings);
            if now != body {
                wrong.push(format!("{title}: found\n{now}\nexpected\n{body}"));
            }
            let _ = write!(after, "\n--- {title} ---\n{now}");
        }
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &after).expect("the fixture can be written");
        }
    }
    assert!(names.len() > 300, "only {} tests were found", names.len());
    assert!(
        wrong.is_empty(),
        "{}\n{} tests are not as written; UPDATE=1 rewrites them",
        wrong.join("\n"),
        wrong.len()
    );
}

#[test]
fn every_code_is_in_a_fixture_or_needs_more_than_a_text() {
    let written: String = files()
        .iter()
        .map(|path| fs::read_to_string(path).expect("the fixture can be read"))
        .collect();
    let missing: Vec<_> = muleteer::dsm::diagnostic::code::ALL
        .iter()
        .map(|code| code.name)
        .filter(|name| !written.contains(&format!(" {name} ")))
        .collect();
    // Those are in `input`, because a fixture that shows them would be megabytes or no text.
    let large = [
        "nesting-too-deep",
        "program-too-large",
        "source-too-large",
        "file-not-found",
        "not-text",
        "not-utf8",
        "include-too-deep",
        "too-many-findings",
        // This one is of a loadable module.
        "refused-argument",
        // And these in `together`: they are about a whole folder, or what can be played.
        "return-without-call",
        "file-missing",
        "prompt-missing",
    ];
    let missing: Vec<_> = missing
        .iter()
        .filter(|name| !large.contains(name))
        .collect();
    assert!(missing.is_empty(), "no test shows {missing:?}");
}
