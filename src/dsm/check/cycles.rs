//! Circles in which a session would run without waiting for an event.

use std::collections::HashSet;

use super::super::argument::Argument;
use super::super::condition::{Condition, Test};
use super::super::diagnostic::{Diagnostic, code};
use super::super::expr::Reference;
use super::super::program::{Action, Instruction, StateDiagram, StateId, Transition};
use super::super::registry::{Kind, Role};
use super::flow;
use super::parameters::{has_parameter, references};
use super::set::Set;
use super::shadow::Known;

/// Transitions of a circle; longer ones are not looked for.
const MAX_LENGTH: usize = 6;
/// Steps of the search in one diagram.
const MAX_STEPS: usize = 2_000;

/// Circles of transitions that always repost, and whose conditions nothing on the way can change: an
/// event that takes the first takes all of them, for ever.
pub fn reposts(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    let edges: Vec<Vec<Edge<'_>>> = diagram
        .states
        .iter()
        .enumerate()
        .map(|(id, _)| edges(diagram, id as StateId))
        .collect();
    let mut search = Search {
        diagram,
        edges: &edges,
        path: Vec::new(),
        steps: 0,
        reported: HashSet::new(),
        findings,
    };
    let reachable = flow::reachable_states(diagram);
    for (id, _) in flow::named_states(diagram).filter(|(id, _)| reachable[*id as usize]) {
        search.from(id, id);
    }
}

/// A transition that always reposts.
struct Edge<'a> {
    source: StateId,
    target: StateId,
    /// Its place among those of the source.
    index: usize,
    transition: &'a Transition,
    repost: &'a Action,
}

fn edges(diagram: &StateDiagram, source: StateId) -> Vec<Edge<'_>> {
    let state = diagram.state(source);
    let edge = |(index, transition)| {
        let transition: &Transition = transition;
        let target = flow::target(transition).unwrap_or(source);
        let lists = lists(diagram, source, transition);
        let leaves = |action: &Action| {
            use Role::{Break, Call, Jump, Return, Throw};
            matches!(action.signature.role, Break | Call | Jump | Return | Throw)
        };
        if lists.into_iter().flat_map(flow::actions).any(leaves) {
            return None;
        }
        let mut certain = lists.into_iter().flat_map(flow::certain_actions);
        let repost = certain.find(|action| action.signature.role == Role::Repost)?;
        Some(Edge {
            source,
            target,
            index,
            transition,
            repost,
        })
    };
    let transitions = state.transitions.iter().map(|it| &**it).enumerate();
    transitions.filter_map(edge).collect()
}

/// What runs when a transition is taken.
fn lists<'a>(
    diagram: &'a StateDiagram,
    source: StateId,
    transition: &'a Transition,
) -> [&'a [Instruction]; 3] {
    let enter: &[Instruction] = match flow::target(transition) {
        Some(target) => &diagram.state(target).enter,
        None => &[],
    };
    [&diagram.state(source).exit, &transition.actions, enter]
}

struct Search<'a, 'f> {
    diagram: &'a StateDiagram,
    edges: &'a [Vec<Edge<'a>>],
    path: Vec<&'a Edge<'a>>,
    steps: usize,
    reported: HashSet<super::super::source::Span>,
    findings: &'f mut Vec<Diagnostic>,
}

impl<'a> Search<'a, '_> {
    /// Goes on from `at`, looking for a way back to `start`, the first state of the circle.
    fn from(&mut self, start: StateId, at: StateId) {
        let edges: &'a [Edge<'a>] = &self.edges[at as usize];
        for edge in edges {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return;
            }
            let was_there = self.path.iter().any(|it| it.target == edge.target);
            if edge.target < start || was_there || !self.fits(edge) {
                continue;
            }
            self.path.push(edge);
            if edge.target == start {
                self.circle();
            } else if self.path.len() < MAX_LENGTH {
                self.from(start, edge.target);
            }
            self.path.pop();
        }
    }

    /// Whether an event that took all transitions so far may take this one.
    fn fits(&self, edge: &Edge<'_>) -> bool {
        let first = self.path.first().map_or(edge, |first| *first);
        let all = || self.path.iter().copied().chain([edge]);
        let conditions = || all().flat_map(|it| &*it.transition.conditions);
        let known = Known::from(conditions());
        let forestalled = |edge: &Edge<'_>| {
            let earlier = &self.diagram.state(edge.source).transitions[..edge.index];
            earlier.iter().any(|earlier| {
                let mut conditions = earlier.conditions.iter();
                earlier.exception == edge.transition.exception
                    && conditions.all(|it| known.decide(it) == Some(true))
            })
        };
        // A parameter that the event does not have is empty, whatever a condition asks for.
        let has_all = known.kind().is_none_or(|kind| {
            let mut references = conditions().flat_map(references);
            references.all(|it| !matches!(it, Reference::Param(name) if !has_parameter(kind, name)))
        });
        first.transition.exception == edge.transition.exception
            && has_all
            && !Known::excludes(conditions())
            && !all().any(forestalled)
    }

    fn circle(&mut self) {
        if self.can_change() || !self.reported.insert(self.path[0].repost.span) {
            return;
        }
        let name = |id: StateId| format!("'{}'", self.diagram.state(id).name);
        let mut states: Vec<String> = self.path.iter().map(|edge| name(edge.source)).collect();
        states.push(name(self.path[0].source));
        let message = format!(
            "the same event goes round without end: {}",
            states.join(" -> ")
        );
        let finding = Diagnostic::new(code::ENDLESS_REPOST, self.path[0].repost.span, message);
        let hint = "ask for an event in one of the conditions, or change what they look at";
        self.findings.push(finding.hint(hint));
    }

    /// Whether something on the circle can change what its conditions, or those of transitions that
    /// come first, say.
    fn can_change(&self) -> bool {
        let mut writes = Writes::default();
        let lists = self
            .path
            .iter()
            .flat_map(|edge| lists(self.diagram, edge.source, edge.transition));
        lists
            .flat_map(flow::actions)
            .for_each(|action| writes.add(action));
        let conditions = self.path.iter().flat_map(|edge| {
            self.diagram.state(edge.source).transitions[..=edge.index]
                .iter()
                .filter(|it| it.exception == edge.transition.exception)
                .flat_map(|it| &*it.conditions)
        });
        conditions.into_iter().any(|it| writes.may_change(it))
    }
}

/// What some actions assign.
#[derive(Default)]
struct Writes<'a> {
    anything: bool,
    names: HashSet<&'a str>,
}

impl<'a> Writes<'a> {
    fn add(&mut self, action: &'a Action) {
        let quiet = matches!(action.signature.role, Role::Log | Role::Repost | Role::Stop);
        let mut names = flow::arguments(action).filter_map(|(parameter, argument)| {
            let written = matches!(parameter.kind, Kind::Name | Kind::Target | Kind::Removed);
            match argument {
                Argument::Name(name) | Argument::Param(name) if written => Some(&**name),
                _ => None,
            }
        });
        match names.next() {
            Some(name) => self.names.extend(names.chain([name])),
            // What the host does may set `errno` and more.
            None => self.anything |= !quiet,
        }
    }

    fn may_change(&self, condition: &Condition) -> bool {
        let asks_module = matches!(condition.test, Test::Module { .. } | Test::Code(_));
        asks_module
            || references(condition).any(|reference| match reference {
                Reference::Variable(name) => self.anything || self.names.contains(name),
                Reference::Param(name) => self.names.contains(name),
                Reference::Select(_) => false,
            })
    }
}

/// Diagrams whose initial enter lists always go to each other.
pub fn jumps(set: &Set<'_>, findings: &mut [Vec<Diagnostic>]) {
    let next: Vec<Option<(usize, &Action)>> = set
        .diagrams()
        .map(|diagram| {
            let (action, name) = always_goes_to(diagram?)?;
            Some((set.find(name)?, action))
        })
        .collect();
    for (start, found) in findings.iter_mut().enumerate() {
        let Some((first, action)) = next[start] else {
            continue;
        };
        let mut at = first;
        let mut way = vec![start];
        while at != start && !way.contains(&at) {
            way.push(at);
            match next[at] {
                Some((to, _)) => at = to,
                None => break,
            }
        }
        if at == start {
            let name = |index: &usize| set.name(*index).to_owned();
            let names: Vec<String> = way.iter().chain([&start]).map(name).collect();
            let message = format!(
                "the diagrams enter each other without end: {}",
                names.join(" -> ")
            );
            found.push(Diagnostic::new(code::ENDLESS_JUMP, action.span, message));
        }
    }
}

/// The diagram that the initial enter list goes to whatever happens.
fn always_goes_to(diagram: &StateDiagram) -> Option<(&Action, &str)> {
    let enter = &diagram.state(diagram.initial?).enter;
    let leaves = |action: &&Action| {
        use Role::{Break, Call, Jump, Return, Throw};
        matches!(action.signature.role, Break | Call | Jump | Return | Throw)
    };
    let first = flow::actions(enter).find(leaves)?;
    let certain = flow::certain_actions(enter).find(leaves)?;
    let name = flow::destination(certain)??;
    std::ptr::eq(first, certain).then_some((certain, name))
}
