//! Which states and transitions of diagrams were reached, over any number of runs.
//!
//! [`Visits`] is what one run says; [`Coverage`] adds runs up by the file of the diagram. A transition
//! from several states counts once for each, because each is a different way through the diagram.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::dsm::host::Trace;
use crate::dsm::program::{DiagramSet, StateDiagram, Target};

/// The states that were current and the transitions that were taken in one run.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    /// Diagram and state.
    states: HashSet<(String, String)>,
    /// Diagram, state and index.
    transitions: HashSet<(String, String, usize)>,
}

impl Visits {
    /// Notes a step of the engine.
    pub fn add(&mut self, step: Trace<'_>) {
        match step {
            Trace::State { diagram, state } => {
                self.states.insert((diagram.to_owned(), state.to_owned()));
            }
            Trace::Transition(taken) => {
                let (diagram, state) = (taken.diagram.to_owned(), taken.state.to_owned());
                self.transitions.insert((diagram, state, taken.index));
            }
            Trace::Return { .. } | Trace::Exception(_) => {}
        }
    }

    /// Whether the state was current.
    pub fn has_state(&self, diagram: &str, state: &str) -> bool {
        let key = (diagram.to_owned(), state.to_owned());
        self.states.contains(&key)
    }

    /// Whether the transition was taken.
    pub fn has_transition(&self, diagram: &str, state: &str, index: usize) -> bool {
        let key = (diagram.to_owned(), state.to_owned(), index);
        self.transitions.contains(&key)
    }

    /// Adds what another run reached; true if anything of it is new.
    pub fn merge(&mut self, other: &Visits) -> bool {
        let before = self.states.len() + self.transitions.len();
        self.states.extend(other.states.iter().cloned());
        self.transitions.extend(other.transitions.iter().cloned());
        self.states.len() + self.transitions.len() > before
    }
}

/// What was reached of each diagram, by the path of its file.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Coverage {
    diagrams: BTreeMap<String, DiagramCoverage>,
}

/// What was reached of one diagram.
#[derive(Clone, Debug, Serialize)]
pub struct DiagramCoverage {
    /// In the order of the file.
    pub states: Vec<StateCoverage>,
    /// By state, in the order in which they are tried.
    pub transitions: Vec<TransitionCoverage>,
}

/// Whether a state was entered.
#[derive(Clone, Debug, Serialize)]
pub struct StateCoverage {
    /// Its name.
    pub name: String,
    /// Path of the file it stands in, which may be an included one.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Whether it was ever current.
    pub reached: bool,
}

/// Whether a transition was taken from one of its states.
#[derive(Clone, Debug, Serialize)]
pub struct TransitionCoverage {
    /// Its name.
    pub name: String,
    /// The state it leaves.
    pub from: String,
    /// The state it leads to.
    pub to: String,
    /// Path of the file it stands in.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Whether it was ever taken.
    pub reached: bool,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many were reached.
    pub reached: usize,
    /// How many there are.
    pub all: usize,
}

impl Share {
    fn of(reached: impl Iterator<Item = bool>) -> Self {
        reached.fold(Self::default(), |share, reached| Self {
            reached: share.reached + usize::from(reached),
            all: share.all + 1,
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            reached: self.reached + other.reached,
            all: self.all + other.all,
        }
    }

    /// Whole per cent, rounded down, so that 100 means all of them.
    pub fn percent(self) -> usize {
        (self.reached * 100).checked_div(self.all).unwrap_or(100)
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} ({}%)", self.reached, self.all, self.percent())
    }
}

impl Coverage {
    /// Adds a run: the diagrams that were loaded, and what it reached of them.
    pub fn add(&mut self, diagrams: &DiagramSet, visits: &Visits) {
        for name in diagrams.names() {
            let Some(diagram) = diagrams.get(name) else {
                continue;
            };
            let one = DiagramCoverage::new(diagram, visits);
            self.add_diagram(diagram.path(), one);
        }
    }

    /// Adds what other runs reached.
    pub fn merge(&mut self, other: Coverage) {
        for (path, diagram) in other.diagrams {
            self.add_diagram(&path, diagram);
        }
    }

    fn add_diagram(&mut self, path: &str, one: DiagramCoverage) {
        match self.diagrams.get_mut(path) {
            Some(known) => known.merge(&one),
            None => drop(self.diagrams.insert(path.to_owned(), one)),
        }
    }

    /// The diagrams with the paths of their files, in the order of the paths.
    pub fn diagrams(&self) -> impl Iterator<Item = (&str, &DiagramCoverage)> {
        self.diagrams.iter().map(|(path, one)| (path.as_str(), one))
    }

    /// States and transitions of all diagrams together.
    pub fn shares(&self) -> (Share, Share) {
        let none = (Share::default(), Share::default());
        self.diagrams
            .values()
            .fold(none, |(states, transitions), one| {
                let (more_states, more_transitions) = one.shares();
                (states.plus(more_states), transitions.plus(more_transitions))
            })
    }

    /// What was reached of the diagram in this file.
    pub fn diagram(&self, path: &str) -> Option<&DiagramCoverage> {
        self.diagrams.get(path)
    }

    /// A line for each diagram, followed by what was never reached of it, and the sum.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for (path, one) in &self.diagrams {
            let (states, transitions) = one.shares();
            let _ = writeln!(out, "{path}: states {states}, transitions {transitions}");
            one.render_missing(&mut out);
        }
        let (states, transitions) = self.shares();
        let _ = writeln!(out, "coverage: states {states}, transitions {transitions}");
        out
    }
}

impl DiagramCoverage {
    fn new(diagram: &StateDiagram, visits: &Visits) -> Self {
        let at = |span| {
            let at = diagram.sources.location(span);
            (at.path.to_string(), at.line)
        };
        let name = diagram.name();
        let states = diagram.states.iter().map(|state| {
            let (file, line) = at(state.span);
            StateCoverage {
                name: state.name.to_string(),
                file,
                line,
                reached: visits.has_state(name, &state.name),
            }
        });
        let transitions = diagram.states.iter().flat_map(|state| {
            let leaving = state.transitions.iter().enumerate();
            leaving.map(move |(index, transition)| {
                let (file, line) = at(transition.span);
                TransitionCoverage {
                    name: transition.name.to_string(),
                    from: state.name.to_string(),
                    to: match &transition.target {
                        Target::State(id) => diagram.state(*id).name.to_string(),
                        Target::Undeclared(name) => name.to_string(),
                    },
                    file,
                    line,
                    reached: visits.has_transition(name, &state.name, index),
                }
            })
        });
        Self {
            states: states.collect(),
            transitions: transitions.collect(),
        }
    }

    /// Adds another run. A file that changed between two runs keeps what was seen first.
    fn merge(&mut self, other: &Self) {
        for (one, more) in self.states.iter_mut().zip(&other.states) {
            one.reached |= more.reached;
        }
        for (one, more) in self.transitions.iter_mut().zip(&other.transitions) {
            one.reached |= more.reached;
        }
    }

    /// States and transitions.
    pub fn shares(&self) -> (Share, Share) {
        let states = self.states.iter().map(|one| one.reached);
        let transitions = self.transitions.iter().map(|one| one.reached);
        (Share::of(states), Share::of(transitions))
    }

    /// What was never reached, a line each.
    pub fn render_missing(&self, out: &mut String) {
        for state in &self.states {
            let leaving = self.transitions.iter().filter(|one| one.from == state.name);
            if !state.reached {
                let StateCoverage {
                    name, file, line, ..
                } = state;
                let count = leaving.count();
                let _ = writeln!(
                    out,
                    "  {file}:{line}: state {name} was never entered; transitions from it: {count}"
                );
                continue;
            }
            for one in leaving.filter(|one| !one.reached) {
                let TransitionCoverage {
                    name,
                    from,
                    to,
                    file,
                    line,
                    ..
                } = one;
                let _ = writeln!(
                    out,
                    "  {file}:{line}: transition \"{name}\" {from} -> {to} was never taken"
                );
            }
        }
    }
}
