//! Tests without a test file: tries what the conditions of a diagram look at, breadth first.
//!
//! A *situation* is a state with the variables that conditions can see, the timers that run and how
//! far the call is. From every situation each event that may matter is tried; files, prompts and calls
//! fail as well as work (see `world`). So every way that is found is a shortest one. What is reached
//! counts as coverage; a call that hangs up is followed to see whether the session ends. All of it
//! is bounded and gives the same result each time.

mod alphabet;
mod scenario;
mod search;
mod untaken;
mod world;

use std::sync::Arc;

use crate::dsm::host::Problem;
use crate::dsm::load::load_set;
use crate::dsm::program::{DiagramSet, StateDiagram};
use crate::dsm::registry::Registry;
use crate::dsm::source::SourceProvider;

use super::coverage::Coverage;
use alphabet::Alphabet;
pub use scenario::Scenario;
use untaken::untaken;

/// What an exploration of one diagram found.
#[derive(Debug)]
pub struct Exploration {
    /// What was reached of the diagram and those it names.
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
    /// What the engine complained about.
    Problem {
        /// File and line of the action, if one was running.
        place: Option<String>,
        /// Diagram and state.
        at: String,
        /// What it is.
        text: String,
    },
}

impl FindingKind {
    fn new(problem: &Problem) -> Self {
        let place = problem.at.as_ref();
        FindingKind::Problem {
            place: place.map(|at| format!("{}:{}", at.path, at.line)),
            at: format!("{}/{}", problem.diagram, problem.state),
            text: problem.kind.to_string(),
        }
    }

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
            FindingKind::Problem { place, at, text } => {
                let place = place
                    .as_ref()
                    .map(|place| format!("{place}: "))
                    .unwrap_or_default();
                write!(f, "{place}problem in {at}: {text}")
            }
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
    let reachable = reachable(&set.diagrams, main);
    let alphabet = Alphabet::new(&reachable);
    let found = search::run(&set.diagrams, &alphabet);
    let mut coverage = Coverage::default();
    coverage.add(&reachable, &found.visits);
    let untaken = untaken(main, &found.visits, &found.seen);
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

/// The main diagram and those it names, directly or not.
fn reachable(diagrams: &DiagramSet, main: &Arc<StateDiagram>) -> DiagramSet {
    let mut found = vec![main.clone()];
    let mut next = 0;
    while next < found.len() {
        let from = found[next].clone();
        for diagram in from.references().filter_map(|name| diagrams.get(name)) {
            if found.iter().all(|known| known.name() != diagram.name()) {
                found.push(diagram.clone());
            }
        }
        next += 1;
    }
    DiagramSet::new(found)
}

#[cfg(test)]
mod tests;
