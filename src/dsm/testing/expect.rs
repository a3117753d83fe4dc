//! `.expect` files: events for a diagram and the exact trace each has to give.
//!
//! Line based; blank lines and lines that begin with `#` do not count. Setup lines (`lint`, `diag`,
//! `var`, `missing`, `prompt`, `promptset`, `session`, `load`, `dialect`) come first, then blocks
//! `on KIND param=value` with trace lines and assertions (`= state`, `= $name`, `= #name`,
//! `= stopped`, `= problem`). The trace lines are what [`TestHost`] records.

use super::host::TestHost;
use crate::dsm::condition::event_kind;
use crate::dsm::engine::{Engine, Progress};
use crate::dsm::event::{Event, EventKind};
use crate::dsm::load::{Loaded, load_set};
use crate::dsm::registry::Registry;
use crate::dsm::source::SourceProvider;
use crate::dsm::value::Values;

/// What one `.expect` file did not find as it says.
#[derive(Debug, Default)]
pub struct Outcome {
    /// One line or block of lines each; empty if all is well.
    pub failures: Vec<String>,
    /// How many events were processed.
    pub events: usize,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {expected}")]
pub struct BadLine {
    /// Line, from 1.
    pub line: usize,
    /// What should stand there.
    pub expected: &'static str,
}

/// One `.expect` file.
#[derive(Debug)]
pub struct Expectation {
    refused: bool,
    lints: Vec<String>,
    /// Further diagrams as (name, file).
    diagrams: Vec<(String, String)>,
    variables: Values,
    host: TestHost,
    blocks: Vec<Block>,
}

/// An event and what it has to do.
#[derive(Debug)]
struct Block {
    line: usize,
    event: Event,
    trace: Vec<String>,
    assertions: Vec<(usize, Assertion)>,
}

#[derive(Debug)]
enum Assertion {
    State(String),
    Variable(String, Option<String>),
    Param(String, Option<String>),
    Stopped(bool),
    /// The engine complained, with this text among others.
    Problem(String),
}

impl Expectation {
    /// Reads a file.
    ///
    /// # Errors
    /// [`BadLine`] for the first line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let mut expectation = Self {
            refused: false,
            lints: Vec::new(),
            diagrams: Vec::new(),
            variables: Values::new(),
            host: TestHost::default(),
            blocks: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            expectation.line(index + 1, line)?;
        }
        Ok(expectation)
    }

    fn line(&mut self, number: usize, line: &str) -> Result<(), BadLine> {
        let bad = |expected| BadLine {
            line: number,
            expected,
        };
        if let Some(event) = line.strip_prefix("on ") {
            let event = parse_event(event).ok_or(bad("an event kind and name=value"))?;
            self.blocks.push(Block {
                line: number,
                event,
                trace: Vec::new(),
                assertions: Vec::new(),
            });
            return Ok(());
        }
        let Some(block) = self.blocks.last_mut() else {
            return self.setup(line).ok_or(bad("a setup line or 'on KIND'"));
        };
        match line.strip_prefix("= ") {
            Some(assertion) => {
                let assertion = parse_assertion(assertion).ok_or(bad("an assertion"))?;
                block.assertions.push((number, assertion));
            }
            None => block.trace.push(line.to_owned()),
        }
        Ok(())
    }

    fn setup(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        let rest = rest.trim();
        let two = || rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "dialect" => {}
            "load" => self.refused = rest == "error",
            "lint" => self.lints.push(rest.to_owned()),
            "diag" => {
                let (name, file) = two();
                self.diagrams
                    .push((name.to_owned(), file.trim().to_owned()));
            }
            "var" => {
                let (name, value) = rest.split_once('=')?;
                self.variables
                    .set(name.trim(), parse_value(value.trim())?.0)
                    .ok()?;
            }
            "missing" => drop(self.host.missing.insert(rest.to_owned())),
            "prompt" => {
                let (name, set) = two();
                self.host
                    .prompts
                    .insert((name.to_owned(), set.trim().to_owned()));
            }
            "promptset" => drop(self.host.prompt_sets.insert(rest.to_owned())),
            "session" => drop(self.host.sessions.insert(rest.to_owned())),
            _ => return None,
        }
        Some(())
    }

    /// Loads the diagram at `path` as `main` and runs all events.
    pub fn run(self, path: &str, provider: &dyn SourceProvider, registry: &Registry) -> Outcome {
        let mut outcome = Outcome::default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let beside = |(name, file): &(String, String)| {
            (name.clone(), crate::dsm::include::join(folder, file))
        };
        let mut diagrams = vec![("main".to_owned(), path.to_owned())];
        diagrams.extend(self.diagrams.iter().map(beside));
        let set = load_set(&diagrams, provider, registry);
        if let Some(main) = set.loaded.first() {
            self.check_load(main, &mut outcome);
        }
        if self.refused || !outcome.failures.is_empty() {
            return outcome;
        }
        match Engine::new(set.diagrams, "main", self.variables) {
            Ok(engine) => run_blocks(engine, self.host, &self.blocks, &mut outcome),
            Err(error) => outcome.failures.push(error.to_string()),
        }
        outcome
    }

    fn check_load(&self, main: &Loaded, outcome: &mut Outcome) {
        // A diagram that cannot start is of no use as the main one.
        let startable = main
            .diagram
            .as_ref()
            .is_some_and(|main| main.initial().is_some());
        if startable == self.refused {
            let expected = if self.refused { "refused" } else { "accepted" };
            let findings = main.render();
            outcome
                .failures
                .push(format!("the diagram should be {expected}\n{findings}"));
        }
        for lint in &self.lints {
            if !main.diagnostics.iter().any(|finding| finding.code == lint) {
                outcome.failures.push(format!("'{lint}' is not reported"));
            }
        }
    }
}

fn run_blocks(mut engine: Engine, mut host: TestHost, blocks: &[Block], outcome: &mut Outcome) {
    let first = blocks.first().map(|block| block.event.kind);
    host.system = matches!(first, Some(EventKind::Startup | EventKind::Reload));
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
        outcome.events += 1;
        let trace = std::mem::take(&mut host.record);
        let problems = std::mem::take(&mut host.problems);
        if trace != block.trace {
            outcome.failures.push(format!(
                "line {}: expected\n  {}\ngot\n  {}",
                block.line,
                block.trace.join("\n  "),
                trace.join("\n  ")
            ));
        }
        for (line, assertion) in &block.assertions {
            if let Err(found) = assertion.holds(&engine, &problems) {
                outcome
                    .failures
                    .push(format!("line {line}: {assertion:?}, found {found}"));
            }
        }
    }
}

impl Assertion {
    fn holds(&self, engine: &Engine, problems: &[String]) -> Result<(), String> {
        match self {
            Assertion::Problem(text) if problems.iter().any(|it| it.contains(text)) => Ok(()),
            Assertion::Problem(_) => Err(format!("{problems:?}")),
            Assertion::State(state) => {
                let found = format!("{}/{}", engine.diagram().name(), engine.state_name());
                if found == *state { Ok(()) } else { Err(found) }
            }
            Assertion::Stopped(stopped) if *stopped == engine.is_stopped() => Ok(()),
            Assertion::Stopped(_) => Err(engine.is_stopped().to_string()),
            Assertion::Variable(name, value) => same(engine.variables().get(name), value),
            Assertion::Param(name, value) => same(engine.param(name), value),
        }
    }
}

fn same(found: Option<&str>, expected: &Option<String>) -> Result<(), String> {
    if found == expected.as_deref() {
        Ok(())
    } else {
        Err(format!("{found:?}"))
    }
}

/// `KIND name=value name="value"`.
fn parse_event(text: &str) -> Option<Event> {
    let (kind, mut rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut event = Event::new(event_kind(kind)?);
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(event);
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = parse_value(after)?;
        event = event.with(name, value);
        rest = after;
    }
}

fn parse_assertion(text: &str) -> Option<Assertion> {
    let (what, value) = text.split_once(' ')?;
    let optional = |value: &str| match value.trim() {
        "unset" => Some(None),
        value => parse_value(value).map(|(value, _)| Some(value)),
    };
    if let Some(name) = what.strip_prefix('$') {
        return Some(Assertion::Variable(name.to_owned(), optional(value)?));
    }
    if let Some(name) = what.strip_prefix('#') {
        return Some(Assertion::Param(name.to_owned(), optional(value)?));
    }
    match what {
        "state" => Some(Assertion::State(value.trim().to_owned())),
        "problem" => Some(Assertion::Problem(parse_value(value.trim())?.0)),
        "stopped" => Some(Assertion::Stopped(value.trim() == "true")),
        _ => None,
    }
}

/// A bare word or a JSON string, and what follows it.
fn parse_value(text: &str) -> Option<(String, &str)> {
    if !text.starts_with('"') {
        let (value, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        return Some((value.to_owned(), rest));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let value = values.next()?.ok()?;
    let read = values.byte_offset();
    Some((value, &text[read..]))
}
