//! Tests without a test file: tries what the conditions of a diagram look at, breadth first.
//!
//! A *situation* is a state with the variables that conditions can see, the timers that run and how
//! far the call is. From every situation each event that may matter is tried; files, prompts and calls
//! fail as well as work (see [`world`]). So every way that is found is a shortest one. What is reached
//! counts as coverage; a call that hangs up is followed to see whether the session ends. All of it
//! is bounded and gives the same result each time.

mod alphabet;
mod scenario;
mod search;
mod world;

use std::sync::Arc;

use crate::dsm::load::load_set;
use crate::dsm::program::{DiagramSet, StateDiagram};
use crate::dsm::registry::Registry;
use crate::dsm::source::SourceProvider;

use super::coverage::{Coverage, Visits};
use alphabet::Alphabet;
pub use scenario::Scenario;

/// What an exploration of one diagram found.
#[derive(Debug)]
pub struct Exploration {
    /// What was reached of the diagram.
    pub coverage: Coverage,
    /// The worst first, each kind in the order in which it was found.
    pub findings: Vec<Finding>,
    /// Ways through the diagram that together reach all that was reached.
    pub scenarios: Vec<Scenario>,
    /// Different situations that were met.
    pub situations: usize,
    /// Whether nothing was left out for being too much.
    pub complete: bool,
    /// What every transition that was never taken needs, as (file, line, text).
    pub untaken: Vec<(String, u32, String)>,
    diagrams: Arc<DiagramSet>,
}

impl Exploration {
    /// A scenario as an `.expect` file that passes. `program` and `others` are paths as the file has
    /// to write them, relative to its own folder.
    pub fn expect(
        &self,
        scenario: &Scenario,
        program: &str,
        others: &[(String, String)],
    ) -> String {
        scenario.expect(program, others, &self.diagrams)
    }
}

/// Something the author should know.
#[derive(Debug)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The shortest way there.
    pub scenario: Scenario,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// The caller hung up, the diagram handled it and did not stop; nothing more can happen.
    Hang {
        /// The diagram and state in which the caller hung up.
        at: String,
        /// Where the session stays.
        stays: String,
    },
    /// What the engine complained about, with its place.
    Problem(String),
}

impl FindingKind {
    /// Whether it is a session that never ends.
    pub fn is_hang(&self) -> bool {
        matches!(self, FindingKind::Hang { .. })
    }
}

impl std::fmt::Display for FindingKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FindingKind::Hang { at, stays } => write!(
                f,
                "hang: a caller who hangs up in {at} leaves the session in {stays} without stop"
            ),
            FindingKind::Problem(text) => write!(f, "problem: {text}"),
        }
    }
}

/// The diagram was not explored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} cannot be started\n{findings}")]
pub struct NotExplored {
    /// Path of its file.
    pub path: String,
    /// All findings of loading it.
    pub findings: String,
}

/// Explores the diagram at `path`. The others, given as (name, path), are there to be called.
///
/// # Errors
/// [`NotExplored`] if the diagram has an error or no initial state.
pub fn explore(
    path: &str,
    others: &[(String, String)],
    provider: &dyn SourceProvider,
    registry: &Registry,
) -> Result<Exploration, NotExplored> {
    let mut all = vec![("main".to_owned(), path.to_owned())];
    all.extend(others.iter().cloned());
    let set = load_set(&all, provider, registry);
    let startable = |main: &Arc<StateDiagram>| main.initial().is_some() && main.path() == path;
    let Some(main) = set.diagrams.get("main").filter(|main| startable(main)) else {
        let main = set.loaded.first();
        return Err(NotExplored {
            path: path.to_owned(),
            findings: main.map(|main| main.render()).unwrap_or_default(),
        });
    };
    let alphabet = Alphabet::new(&reachable(&set.diagrams, main));
    let found = search::run(&set.diagrams, &alphabet);
    let mut coverage = Coverage::default();
    coverage.add(&DiagramSet::new([main.clone()]), &found.visits);
    let untaken = untaken(main, &found.visits, &found.timers);
    Ok(Exploration {
        coverage,
        scenarios: found.scenarios,
        findings: found.findings,
        situations: found.situations,
        complete: found.complete,
        untaken,
        diagrams: set.diagrams.clone(),
    })
}

/// The main diagram and those it names, directly or not; all if a name is not known before it runs.
fn reachable(diagrams: &DiagramSet, main: &Arc<StateDiagram>) -> DiagramSet {
    let mut found = vec![main.clone()];
    let mut next = 0;
    while next < found.len() {
        let named = found[next].references.clone();
        let called = named.iter().filter_map(|(name, _)| diagrams.get(name));
        for diagram in called {
            if found.iter().all(|known| known.name() != diagram.name()) {
                found.push(diagram.clone());
            }
        }
        next += 1;
    }
    DiagramSet::new(found)
}

/// What each transition that was never taken from a state that was reached needs.
fn untaken(
    diagram: &StateDiagram,
    visits: &Visits,
    timers: &std::collections::BTreeSet<u32>,
) -> Vec<(String, u32, String)> {
    let name = diagram.name();
    let mut untaken = Vec::new();
    for state in &diagram.states {
        let from = &state.name;
        if !visits.has_state(name, from) {
            let at = diagram.sources.location(state.span);
            let text = format!("state {from} is never reached");
            untaken.push((at.path.to_string(), at.line, text));
            continue;
        }
        for (index, transition) in state.transitions.iter().enumerate() {
            if visits.has_transition(name, from, index) {
                continue;
            }
            let needs: Vec<String> = transition
                .conditions
                .iter()
                .map(ToString::to_string)
                .collect();
            let mut text = format!(
                "transition \"{}\" from {from} is never taken",
                transition.name
            );
            if transition.exception {
                text.push_str(": no such exception comes up");
            } else if let Some(id) = timer_never_set(&transition.conditions, timers) {
                text.push_str(&format!(": timer {id} is never set"));
            } else if !needs.is_empty() {
                text.push_str(&format!(": it needs {}", needs.join("; ")));
            }
            let at = diagram.sources.location(transition.span);
            untaken.push((at.path.to_string(), at.line, text));
        }
    }
    untaken
}

/// The timer a condition waits for, if nothing ever set it.
fn timer_never_set(
    conditions: &[crate::dsm::condition::Condition],
    timers: &std::collections::BTreeSet<u32>,
) -> Option<u32> {
    use crate::dsm::comparison::{Operand, Operator};
    use crate::dsm::condition::Test;
    use crate::dsm::event::EventKind;
    conditions.iter().find_map(|condition| {
        let Test::Event(EventKind::Timer, Some(comparison)) = &condition.test else {
            return None;
        };
        let Operand::Value(id) = &comparison.right else {
            return None;
        };
        let id = id.literal()?.parse().ok()?;
        let waits = !condition.negated && comparison.operator == Operator::Equal;
        (waits && !timers.contains(&id)).then_some(id)
    })
}
