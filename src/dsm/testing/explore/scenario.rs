//! A way through a diagram, and the `.expect` file that goes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::dsm::engine::Engine;
use crate::dsm::event::Event;
use crate::dsm::program::DiagramSet;
use crate::dsm::testing::expect::{event_words, written};
use crate::dsm::testing::fact::Fact;
use crate::dsm::testing::host::TestHost;
use crate::dsm::value::Values;

use super::world::{Answers, Question};

/// What is there, and which events come.
#[derive(Clone, Debug)]
pub struct Scenario {
    variables: Values,
    answers: Answers,
    events: Vec<Event>,
}

/// A scenario that was played.
pub struct Played {
    pub engine: Engine,
    pub world: TestHost,
    /// The trace of each event.
    traces: Vec<Vec<String>>,
}

impl Scenario {
    /// A scenario of these events.
    pub(super) fn new(variables: &Values, answers: &Answers, events: Vec<Event>) -> Self {
        Self {
            variables: variables.clone(),
            answers: answers.clone(),
            events,
        }
    }

    /// The events alone, with the setup lines they need, in the form of an `.expect` file.
    pub fn events(&self) -> String {
        let mut out = self.setup();
        for event in &self.events {
            let _ = writeln!(out, "on {}", event_words(event));
        }
        out
    }

    /// The whole `.expect` file.
    pub(super) fn expect(
        &self,
        program: &str,
        others: &[(String, String)],
        diagrams: &Arc<DiagramSet>,
    ) -> String {
        let Some(played) = play(self, diagrams) else {
            return String::new();
        };
        let mut out = format!("program {}\n", written(program));
        let visited: BTreeSet<&str> = played
            .traces
            .iter()
            .flatten()
            .filter_map(|line| line.strip_prefix("S ")?.split('/').next())
            .collect();
        for (name, path) in others
            .iter()
            .filter(|(name, _)| visited.contains(name.as_str()))
        {
            let _ = writeln!(out, "diag {} {}", written(name), written(path));
        }
        out.push_str(&self.setup());
        for (event, trace) in self.events.iter().zip(&played.traces) {
            let _ = writeln!(out, "on {}", event_words(event));
            for line in trace {
                let _ = writeln!(out, "  {line}");
            }
        }
        let engine = &played.engine;
        let (diagram, state) = (engine.diagram().name(), engine.state_name());
        let _ = writeln!(out, "  = state {diagram}/{state}");
        let _ = writeln!(out, "  = stopped {}", engine.is_stopped());
        out
    }

    fn setup(&self) -> String {
        let mut out = String::new();
        let variables = self.variables.iter();
        for (name, value) in variables {
            let fact = Fact::Variable(name.to_owned(), value.to_owned());
            let _ = writeln!(out, "{fact}");
        }
        for (question, works) in &self.answers {
            let _ = match (question.fact(*works), question, works) {
                (Some(fact), ..) => writeln!(out, "{fact}"),
                (None, Question::Prompt(name, _), false) => writeln!(out, "# no prompt {name:?}"),
                (None, Question::PromptSet(set), false) => writeln!(out, "# no prompt set {set:?}"),
                (None, Question::Session(id), false) => writeln!(out, "# no session {id:?}"),
                _ => Ok(()),
            };
        }
        out
    }
}

/// Plays a scenario from the start.
pub fn play(scenario: &Scenario, diagrams: &Arc<DiagramSet>) -> Option<Played> {
    let mut engine = Engine::new(diagrams.clone(), "main", scenario.variables.clone()).ok()?;
    let mut world = TestHost::default();
    for (question, works) in &scenario.answers {
        question.tell(*works, &mut world);
    }
    let first = scenario.events.first()?;
    world.system = first.kind.begins_without_call();
    let mut traces = Vec::new();
    for (index, event) in scenario.events.iter().enumerate() {
        match index {
            0 => engine.start(event.clone(), &mut world),
            _ => engine.run_event(event.clone(), &mut world),
        };
        traces.push(std::mem::take(&mut world.record));
    }
    Some(Played {
        engine,
        world,
        traces,
    })
}
