//! Runs an [`Expectation`]: loads its diagrams, gives the events, compares.

use std::sync::Arc;

use crate::dsm::engine::{Engine, NotStartable, Progress};
use crate::dsm::event::EventKind;
use crate::dsm::load::{Loaded, load_set};
use crate::dsm::program::DiagramSet;
use crate::dsm::registry::Registry;
use crate::dsm::source::SourceProvider;

use super::coverage::Visits;
use super::expect::{Assertion, Block, Expectation, TraceLine, written};
use super::host::TestHost;

/// What one `.expect` file did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Empty if all is as the file says.
    pub failures: Vec<Failure>,
    /// Each event with what the diagram did.
    pub blocks: Vec<Observed>,
    /// The diagrams that were loaded.
    pub diagrams: Arc<DiagramSet>,
    /// What was reached of them.
    pub visits: Visits,
}

/// What a diagram did for one event.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The line `on EVENT` and its number.
    pub event: (usize, String),
    /// The whole trace.
    pub trace: Vec<String>,
    /// What the engine complained about.
    pub problems: Vec<String>,
}

/// Something that is not as the file says.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Line of the `.expect` file that says otherwise; 0 if none does.
    pub line: usize,
    /// What is different.
    pub kind: FailureKind,
}

/// What is different.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FailureKind {
    /// A diagram was refused or accepted against expectation.
    Load {
        /// Path of its file.
        path: String,
        /// Whether it should have been refused.
        refused: bool,
        /// All findings as text.
        findings: String,
    },
    /// A finding that did not come.
    Lint {
        /// The code that was expected.
        code: String,
        /// The codes that were reported.
        reported: Vec<&'static str>,
    },
    /// The diagram did something else.
    Trace {
        /// The event.
        event: String,
        /// The trace of the file.
        expected: Vec<TraceLine>,
        /// What the diagram did.
        got: Vec<String>,
        /// What the engine complained about.
        problems: Vec<String>,
    },
    /// Something has another value.
    Assertion {
        /// What is compared, such as `$a`.
        what: String,
        /// Its value as written in these files, or `unset`.
        found: String,
        /// The value of the file.
        expected: String,
    },
    /// The diagram cannot start.
    NotStartable(NotStartable),
}

/// The path of a file that an `.expect` file in `folder` names, without `.` and `..` as far as they
/// can be resolved by name, so that one file has one path.
pub fn beside(folder: &str, file: &str) -> String {
    let whole = if file.starts_with('/') || folder.is_empty() {
        file.to_owned()
    } else {
        format!("{folder}/{file}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match (part, parts.last()) {
            ("." | "", Some(_)) | (".", None) => {}
            ("..", Some(&last)) if !matches!(last, ".." | "") => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

impl Expectation {
    /// Loads the diagram at `path` as `main` and runs all events. `folder` is where further diagrams
    /// are looked for.
    pub fn run(
        &self,
        path: &str,
        folder: &str,
        provider: &dyn SourceProvider,
        registry: &Registry,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut diagrams = vec![("main".to_owned(), path.to_owned())];
        let further = self.diagrams.iter();
        diagrams.extend(further.map(|(name, file)| (name.clone(), beside(folder, file))));
        let set = load_set(&diagrams, provider, registry);
        self.check_load(path, &set.loaded, &mut outcome.failures);
        outcome.diagrams = set.diagrams;
        if self.refused.0 || !outcome.failures.is_empty() {
            return outcome;
        }
        match Engine::new(outcome.diagrams.clone(), "main", self.variables.clone()) {
            Ok(engine) => run_blocks(engine, self.host.clone(), &self.blocks, &mut outcome),
            Err(error) => outcome.failures.push(Failure {
                line: 0,
                kind: FailureKind::NotStartable(error),
            }),
        }
        outcome
    }

    fn check_load(&self, path: &str, loaded: &[Loaded], failures: &mut Vec<Failure>) {
        let (refused, line) = self.refused;
        for (index, one) in loaded.iter().enumerate() {
            // A diagram that cannot start is of no use as the main one.
            let startable = one
                .diagram
                .as_ref()
                .is_some_and(|diagram| diagram.initial().is_some());
            let wrong = match index {
                0 => startable == refused,
                _ => one.diagram.is_none(),
            };
            if wrong {
                let path = one.sources.files().next().map_or(path, |file| file.path());
                let kind = FailureKind::Load {
                    path: path.to_owned(),
                    refused: refused && index == 0,
                    findings: one.render(),
                };
                failures.push(Failure { line, kind });
            }
        }
        let Some(main) = loaded.first() else {
            return;
        };
        let reported = || main.diagnostics.iter().map(|finding| finding.code);
        for (line, lint) in &self.lints {
            if reported().all(|code| code != lint) {
                let mut reported: Vec<_> = reported().collect();
                reported.sort_unstable();
                reported.dedup();
                let code = lint.clone();
                let kind = FailureKind::Lint { code, reported };
                failures.push(Failure { line: *line, kind });
            }
        }
    }
}

fn run_blocks(mut engine: Engine, mut host: TestHost, blocks: &[Block], outcome: &mut Outcome) {
    let first = blocks.first().map(|block| block.event.kind);
    host.system = first.is_some_and(EventKind::begins_without_call);
    for (index, block) in blocks.iter().enumerate() {
        let event = block.event.clone();
        let progress = match index {
            0 => engine.start(event, &mut host),
            _ => engine.run_event(event, &mut host),
        };
        debug_assert_ne!(
            progress,
            Progress::Pending,
            "this host never lets an action wait"
        );
        let trace = std::mem::take(&mut host.record);
        let problems = std::mem::take(&mut host.problems);
        let expected = block.trace.iter().map(|line| &line.text);
        if !expected.eq(&trace) {
            let kind = FailureKind::Trace {
                event: block.text.clone(),
                expected: block.trace.clone(),
                got: trace.clone(),
                problems: problems.clone(),
            };
            let line = block.line;
            outcome.failures.push(Failure { line, kind });
        }
        for (line, assertion) in &block.assertions {
            if let Some(kind) = assertion.failure(&engine, &problems) {
                outcome.failures.push(Failure { line: *line, kind });
            }
        }
        outcome.blocks.push(Observed {
            event: (block.line, block.text.clone()),
            trace,
            problems,
        });
    }
    outcome.visits = host.visits;
}

impl Assertion {
    /// What is wrong; `None` if it holds. `problems` are what the engine complained about.
    pub(in crate::dsm) fn failure(
        &self,
        engine: &Engine,
        problems: &[String],
    ) -> Option<FailureKind> {
        let value = |value: Option<&str>| match value {
            Some(value) => serde_json::json!(value).to_string(),
            None => "unset".to_owned(),
        };
        let (what, found, expected) = match self {
            Assertion::State(state) => {
                let found = format!("{}/{}", engine.diagram().name(), engine.state_name());
                ("state".to_owned(), found, state.clone())
            }
            Assertion::Stopped(stopped) => {
                let found = engine.is_stopped().to_string();
                ("stopped".to_owned(), found, stopped.to_string())
            }
            Assertion::Problem(text) if problems.iter().any(|it| it.contains(text)) => return None,
            Assertion::Problem(text) => {
                let found = written(&problems.join("; "));
                ("problem".to_owned(), found, written(text))
            }
            Assertion::Variable(name, expected) => {
                let found = value(engine.variables().get(name));
                (format!("${name}"), found, value(expected.as_deref()))
            }
            Assertion::Param(name, expected) => {
                let found = value(engine.param(name));
                (format!("#{name}"), found, value(expected.as_deref()))
            }
        };
        (found != expected).then_some(FailureKind::Assertion {
            what,
            found,
            expected,
        })
    }
}
