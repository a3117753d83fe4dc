//! The compatibility checklist, row by row, and the rules of the language that have no row. The tests
//! are data in `tests/fixtures/dsm/checklist`; the first file says how one is written.

mod calls;
mod modules;

use std::collections::{BTreeMap, BTreeSet};

use muleteer::dsm::testing::{self, expect::Expectation};
use muleteer::dsm::{
    Engine, Event, EventKind, Module, ModuleArguments, Progress, Registry, Values, load_set,
};

use crate::dsm_run::{Memory, sections};

/// Rows of the checklist.
const ROWS: u32 = 213;

/// One test of a fixture.
struct Case {
    name: String,
    files: Memory,
    /// Findings as "W code".
    findings: BTreeSet<String>,
    registry: Registry,
    expect: String,
    /// The diagram loads but cannot start.
    refused: bool,
    /// The last event never ends by itself: what it does on the way is not compared.
    endless: bool,
}

impl Case {
    /// `heading` comes before a case that is the enter list of a state.
    fn parse(name: String, heading: &str, body: &str) -> Self {
        let (files, expect) = body.split_once("\n---\n").expect("a case has a line '---'");
        let mut parts = files.split("\n+++ ");
        let text = parts.next().unwrap_or_default();
        let is_list = !text.contains("state ") && !text.contains("State ");
        let main = match is_list {
            true => format!("{heading}initial state A enter {{\n{text}\n}};\n"),
            false => format!("{text}\n"),
        };
        let mut case = Self {
            name,
            files: Memory(BTreeMap::from([("main.dsm".to_owned(), main)])),
            findings: BTreeSet::new(),
            registry: testing::registry(),
            expect: String::new(),
            refused: false,
            endless: false,
        };
        for part in parts {
            let (path, text) = part.split_once('\n').unwrap_or((part, ""));
            case.files.0.insert(path.to_owned(), format!("{text}\n"));
        }
        let mut begun = false;
        for line in expect.lines() {
            case.line(line, is_list, &mut begun);
        }
        if case
            .findings
            .iter()
            .any(|finding| finding.starts_with("E "))
        {
            case.expect = "load error".to_owned();
        }
        case
    }

    fn line(&mut self, line: &str, is_list: bool, begun: &mut bool) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("E" | "W" | "N", _) => drop(self.findings.insert(line.to_owned())),
            ("crlf", "") => {
                for text in self.files.0.values_mut() {
                    *text = text.replace('\n', "\r\n");
                }
            }
            ("refused", "") => self.refused = true,
            ("endless", "") => self.endless = true,
            ("module", names) => {
                let (module, action) = names.split_once(' ').expect("a module and its action");
                let module = Module::new(module).action(action, ModuleArguments::List);
                self.registry.add_module(module);
            }
            (word, _) => {
                let is_setup = matches!(
                    word,
                    "" | "var" | "missing" | "prompt" | "promptset" | "session" | "diag"
                );
                if is_list && !is_setup && !*begun {
                    self.expect += "on start\nS main/A\n";
                }
                *begun |= !is_setup;
                self.expect += line;
                self.expect.push('\n');
            }
        }
    }

    /// What is not as it should be.
    fn failures(self) -> Vec<String> {
        let mut failures = self.wrong_findings();
        if self.refused {
            let set = load_set(&MAIN.map(own), &self.files, &self.registry);
            if Engine::new(set.diagrams, "main", Values::new()).is_ok() {
                failures.push("it can be started".to_owned());
            }
        } else if self.endless {
            failures.extend(self.ends());
        } else {
            match Expectation::parse(&self.expect) {
                Ok(expectation) => {
                    let outcome = expectation.run("main.dsm", "", &self.files, &self.registry);
                    failures.extend(outcome.failures.iter().map(ToString::to_string));
                }
                Err(error) => failures.push(error.to_string()),
            }
        }
        let name = |failure| format!("{}: {failure}", self.name);
        failures.into_iter().map(name).collect()
    }

    fn wrong_findings(&self) -> Vec<String> {
        let mut diagrams = MAIN.map(own).to_vec();
        for line in self.expect.lines() {
            if let Some((name, path)) = line.strip_prefix("diag ").and_then(|it| it.split_once(' '))
            {
                diagrams.push((name.to_owned(), path.to_owned()));
            }
        }
        let set = load_set(&diagrams, &self.files, &self.registry);
        let reports = set.loaded.iter().flat_map(|loaded| loaded.reports());
        let found: BTreeSet<String> = reports
            .map(|report| {
                let severity = report.severity.to_string().to_uppercase();
                format!("{} {}", &severity[..1], report.code)
            })
            .collect();
        let missing = self.findings.difference(&found);
        let missing = missing.map(|finding| format!("'{finding}' is not reported"));
        let more = found.difference(&self.findings);
        let more = more.filter(|finding| !is_remark(&finding[2..]));
        missing
            .chain(more.map(|finding| format!("'{finding}' is reported")))
            .collect()
    }

    /// Runs the events up to the one that breaks the engine, and looks at what is said about it.
    fn ends(&self) -> Vec<String> {
        let set = load_set(&MAIN.map(own), &self.files, &self.registry);
        let mut host = testing::TestHost::default();
        let mut engine =
            Engine::new(set.diagrams, "main", Values::new()).expect("the diagram can start");
        engine.start(Event::new(EventKind::Start), &mut host);
        let progress = engine.run_event(Event::new(EventKind::Key), &mut host);
        let mut failures = Vec::new();
        if progress != Progress::Broken {
            failures.push(format!("{progress:?}"));
        }
        let said = self
            .expect
            .lines()
            .filter_map(|line| line.strip_prefix("= problem "));
        for said in said.map(|said| said.trim_matches('"')) {
            if !host.problems.iter().any(|problem| problem.contains(said)) {
                failures.push(format!("'{said}' is not in {:?}", host.problems));
            }
        }
        failures
    }
}

const MAIN: [(&str, &str); 1] = [("main", "main.dsm")];

fn own((name, path): (&str, &str)) -> (String, String) {
    (name.to_owned(), path.to_owned())
}

/// Findings about the flow of a whole diagram, which the short ones here are full of.
fn is_remark(code: &str) -> bool {
    !SYNTAX.contains(&code)
}

/// Findings that a case has to name: those about how something is written.
const SYNTAX: &[&str] = &[
    "alias-name",
    "bad-for-header",
    "bad-function-header",
    "bad-range",
    "break-aborts-transition",
    "call-nested",
    "comment-arrow",
    "comment-in-argument",
    "comment-in-string",
    "cond-le-ge",
    "cond-no-operator",
    "cond-prefix-ne",
    "cond-single-eq",
    "cond-single-quote",
    "deprecated-action",
    "dst-dollar",
    "duplicate-list",
    "duplicate-state",
    "else-without-if",
    "empty-name",
    "exception-in-if",
    "glued-arrow",
    "glued-call",
    "include-cycle",
    "include-not-found",
    "interp-name",
    "interp-select",
    "junk-in-state",
    "junk-in-transition",
    "keypress-literal",
    "list-blanks",
    "missing-argument",
    "missing-semicolon",
    "missing-source",
    "missing-target",
    "name-case",
    "not-typed",
    "quoted-keyword",
    "second-initial",
    "source-declared-later",
    "space-before-paren",
    "surplus-argument",
    "text-after-paren",
    "text-after-quote",
    "trailing-comment",
    "unexpected-token",
    "unknown-action",
    "unknown-condition",
    "unknown-module",
    "unknown-source-state",
    "unterminated-block",
    "unterminated-paren",
    "unterminated-quote",
];

fn cases(fixture: &str, heading: &str) -> Vec<Case> {
    let sections = sections(&format!("checklist/{fixture}.txt"));
    let case = |(name, body): (String, String)| {
        Case::parse(format!("{fixture}.txt, {name}"), heading, body.trim_end())
    };
    sections.into_iter().map(case).collect()
}

fn holds(fixture: &str) {
    holds_below(fixture, "");
}

fn holds_below(fixture: &str, heading: &str) {
    let failures: Vec<String> = cases(fixture, heading)
        .into_iter()
        .flat_map(Case::failures)
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn rows_on_text_and_tokens_hold() {
    holds("lexical");
}

#[test]
fn rows_on_declarations_hold() {
    holds("declarations");
}

#[test]
fn rows_on_statements_hold() {
    holds("statements");
}

#[test]
fn rows_on_arguments_and_variables_hold() {
    holds("arguments");
}

#[test]
fn rows_on_conditions_hold() {
    holds("conditions");
}

#[test]
fn rows_on_the_engine_hold() {
    holds("engine");
}

#[test]
fn rows_on_mod_utils_hold() {
    holds_below("utils", "import(mod_utils);\n");
}

#[test]
fn rows_on_mod_uri_hold() {
    holds_below("uri", "import(mod_uri);\n");
}

#[test]
fn rules_without_a_row_hold() {
    holds("rules");
}

#[test]
fn every_row_has_a_case() {
    let files = [
        "lexical",
        "declarations",
        "statements",
        "arguments",
        "conditions",
        "engine",
    ];
    let numbers = files
        .iter()
        .flat_map(|file| sections(&format!("checklist/{file}.txt")));
    let numbers: BTreeSet<u32> = numbers
        .map(|(name, _)| name[..3].parse().expect("a case begins with its row"))
        .collect();
    let missing: Vec<u32> = (1..=ROWS).filter(|row| !numbers.contains(row)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
    assert_eq!(numbers.last(), Some(&ROWS));
}
