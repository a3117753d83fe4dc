//! Variables that are read where nothing has set them.
//!
//! An undefined variable is empty, and scripts rely on that: `inc` and `append` begin from nothing, a
//! flag is tested before it is set, an empty value is logged or copied. So only reads that act are
//! looked at: arguments that an action needs, such as a file or a timer's seconds, and the parts that
//! `sets` makes a text of. Left out are
//!
//! * variables that a condition of the diagram compares with the empty text: absence is meant,
//! * members of structs and arrays, loop variables, and what the server or modules set,
//! * variables that nothing in reach sets: they come with the call. One that is a slip away from a
//!   variable that is set is reported, whatever reads it.
//!
//! What is known flows from state to state: what is set on all ways, and what on some. A diagram that
//! is called counts as setting all that it sets anywhere, and one that may be entered from others begins
//! with all that those set. What an action throws goes to the exception transitions only.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::argument::Argument;
use super::super::condition::{Condition, Test};
use super::super::diagnostic::{Diagnostic, code};
use super::super::expr::{Expr, Reference};
use super::super::program::{Action, Instruction, Loop, StateDiagram, StateId};
use super::super::registry::{Kind, Role};
use super::super::source::Span;
use super::super::vocabulary::VARIABLES;
use super::flow::{self, Exits, Fact, meet};
use super::parameters::references;
use super::set::Set;
use crate::suggest::is_slip_of;

/// Variables that modules and future versions read or set, besides those of the vocabulary.
const SPECIAL: &[&str] = &[
    "enable_zrtp_events",
    "mon_session_record",
    "match_connection_addr",
    "user",
    "domain",
];

/// Variables of one diagram that are followed.
const MAX_FOLLOWED: usize = 256;
/// Instructions looked at in one diagram; one that needs more is not reported on.
const MAX_STEPS: usize = 2_000_000;

/// Reports reads of variables that are not set.
pub fn unset(set: &Set<'_>, index: usize, diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    let own = Names::of(diagram);
    let callees = Names::all(set, set.callees(index), Some(index));
    let callers = Names::all(set, set.callers(index), Some(index));
    slips(set, index, diagram, [&own, &callees, &callers], findings);
    let Some(initial) = diagram.initial else {
        return;
    };
    let outside = excluded(diagram);
    let mut ids = HashMap::new();
    for name in reads(diagram).map(|(_, name)| name) {
        let wanted = is_plain(name) && own.exact.contains(name) && !outside.contains(name);
        if wanted && ids.len() < MAX_FOLLOWED && !ids.contains_key(name) {
            ids.insert(name, ids.len());
        }
    }
    if ids.is_empty() {
        return;
    }
    let mut flow = Flow {
        diagram,
        entered_with: Known::with(ids.keys().copied().filter(|name| callers.has(name)), &ids),
        called: Known::with(ids.keys().copied().filter(|name| callees.has(name)), &ids),
        own: &own,
        ids: &ids,
        places: vec![Places::default(); diagram.states.len()],
    };
    if flow.run(initial) {
        flow.report(findings);
    }
}

/// Whether a name is followed at all.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['.', '['])
        && !VARIABLES.iter().any(|(known, _)| *known == name)
        && !SPECIAL.contains(&name)
        && !name.starts_with("DI_res")
}

/// The names a diagram assigns.
#[derive(Default)]
struct Names<'a> {
    exact: HashSet<&'a str>,
    /// Computed names begin so.
    prefixes: Vec<&'a str>,
    /// Some may be any name.
    anything: bool,
}

impl<'a> Names<'a> {
    fn of(diagram: &'a StateDiagram) -> Self {
        let mut names = Self::default();
        let mut computed = Vec::new();
        let mut templates: HashMap<&str, Vec<Option<&str>>> = HashMap::new();
        for action in flow::lists(diagram).flat_map(flow::actions) {
            for assigned in assigned(action) {
                match assigned {
                    Assigned::Name(name) => {
                        names.exact.insert(name);
                        let prefix = action.arguments.get(1).and_then(prefix);
                        templates.entry(name).or_default().push(prefix);
                    }
                    Assigned::Prefix(prefix) => names.prefixes.push(prefix),
                    Assigned::Computed(variable) => computed.push(variable),
                    Assigned::Anything => names.anything = true,
                }
            }
        }
        for variable in computed {
            // Every text the variable gets begins with something that is known.
            let prefixes: Option<Vec<&str>> = templates
                .get(variable)
                .and_then(|it| it.iter().copied().collect());
            match prefixes {
                Some(prefixes) => names.prefixes.extend(prefixes),
                None => names.anything = true,
            }
        }
        names
    }

    /// The names some diagrams assign, but for one of them; anything if they are not known.
    fn all(set: &Set<'a>, diagrams: Option<Vec<usize>>, but: Option<usize>) -> Self {
        let mut all = Self::default();
        let Some(diagrams) = diagrams else {
            all.anything = true;
            return all;
        };
        let others = diagrams.into_iter().filter(|it| Some(*it) != but);
        for names in others.filter_map(|it| set.diagram(it)).map(Names::of) {
            all.exact.extend(names.exact);
            all.prefixes.extend(names.prefixes);
            all.anything |= names.anything;
        }
        all
    }

    fn has(&self, name: &str) -> bool {
        self.anything
            || self.exact.contains(name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// The known beginning of a text that becomes the name of a variable.
fn prefix(value: &Argument) -> Option<&str> {
    let prefix = match value {
        Argument::Template(text) => text.prefix(),
        Argument::Value(value) => value.literal()?,
        _ => return None,
    };
    (!prefix.is_empty()).then_some(prefix)
}

/// A variable that an action assigns.
enum Assigned<'a> {
    Name(&'a str),
    Prefix(&'a str),
    /// The one whose name is the value of this variable.
    Computed(&'a str),
    Anything,
}

fn assigned(action: &Action) -> Vec<Assigned<'_>> {
    let mut names = Vec::new();
    if action.signature.role == Role::AssignsAny {
        names.push(Assigned::Anything);
    }
    for (parameter, argument) in flow::arguments(action) {
        match (parameter.kind, argument) {
            (Kind::Name | Kind::Target, Argument::Name(name)) => names.push(Assigned::Name(name)),
            // `$name` is `name` itself as long as that variable holds nothing.
            (Kind::NameValue, Argument::Value(Expr::Text(name) | Expr::Variable(name))) => {
                names.push(Assigned::Name(name));
            }
            (Kind::NamePrefix, Argument::Value(Expr::Text(name) | Expr::Variable(name))) => {
                names.push(Assigned::Prefix(name));
            }
            (Kind::TargetValue, Argument::Value(value)) => names.push(match value {
                Expr::Text(name) => Assigned::Name(name),
                Expr::Variable(name) => Assigned::Computed(name),
                Expr::Param(_) | Expr::Select(_) => Assigned::Anything,
            }),
            // What a module does with an argument is not known: it may be a name, or begin one.
            (Kind::Value, Argument::Value(Expr::Text(name))) if parameter.repeated => {
                names.push(Assigned::Name(name));
                names.push(Assigned::Prefix(name));
            }
            (Kind::Value, Argument::Value(Expr::Variable(name))) if parameter.repeated => {
                names.push(Assigned::Name(name));
            }
            _ => {}
        }
    }
    names
}

fn removed(action: &Action) -> Option<&str> {
    flow::arguments(action).find_map(|(parameter, argument)| match argument {
        Argument::Name(name) if parameter.kind == Kind::Removed => Some(&**name),
        _ => None,
    })
}

/// The variables that an action cannot do without.
fn acting_reads(action: &Action) -> impl Iterator<Item = &str> {
    let role = action.signature.role;
    let mut target = None;
    let arguments = flow::arguments(action).filter(move |_| role != Role::Log);
    let names = arguments.flat_map(move |(parameter, argument)| {
        match (parameter.kind, argument) {
            (Kind::Name | Kind::Target | Kind::TargetValue, it) => target = Some(it),
            (Kind::Template, Argument::Template(_)) if target.is_some() => {
                return argument.references();
            }
            (
                Kind::Value
                | Kind::AudioFile
                | Kind::NewFile
                | Kind::Prompt
                | Kind::Timer
                | Kind::Diagram,
                Argument::Value(_),
            ) if parameter.required && target.is_none() => return argument.references(),
            _ => {}
        }
        Vec::new()
    });
    let itself = match action.arguments.first() {
        Some(Argument::Name(name)) => Some(&**name),
        _ => None,
    };
    names.filter_map(move |reference| match reference {
        // A text that grows.
        Reference::Variable(name) if Some(name) != itself => Some(name),
        _ => None,
    })
}

/// The reads of a diagram that matter.
fn reads(diagram: &StateDiagram) -> impl Iterator<Item = (Span, &str)> {
    let actions = flow::lists(diagram).flat_map(flow::actions);
    actions.flat_map(|action| acting_reads(action).map(|name| (action.span, name)))
}

/// All conditions of a diagram.
fn conditions(diagram: &StateDiagram) -> impl Iterator<Item = &Condition> {
    let transitions = flow::named_states(diagram)
        .flat_map(|(_, state)| &state.transitions)
        .flat_map(|it| &*it.conditions);
    transitions.chain(flow::lists(diagram).flat_map(flow::ifs).flatten())
}

/// Variables whose absence is meant, and those of loops.
fn excluded(diagram: &StateDiagram) -> HashSet<&str> {
    let mut names = HashSet::new();
    for condition in conditions(diagram) {
        if let Test::Expression(Some(it)) | Test::Event(_, Some(it)) = &condition.test
            && it.looks_for_empty()
        {
            names.extend(references(condition).filter_map(variable));
        }
    }
    for instruction in flow::lists(diagram).flatten() {
        if let Instruction::Loop(head, _) = instruction {
            match &**head {
                Loop::Range { variable, .. } | Loop::Array { variable, .. } => {
                    names.insert(&**variable);
                }
                Loop::Struct { key, value, .. } => names.extend([&**key, &**value]),
                Loop::Never => {}
            }
        }
    }
    names
}

fn variable(reference: Reference<'_>) -> Option<&str> {
    match reference {
        Reference::Variable(name) => Some(name),
        _ => None,
    }
}

/// Names that nothing sets, and that look like one that is set.
fn slips(
    set: &Set<'_>,
    index: usize,
    diagram: &StateDiagram,
    [own, callees, callers]: [&Names<'_>; 3],
    findings: &mut Vec<Diagnostic>,
) {
    if own.anything || callees.anything || set.callees(index).is_none() {
        return;
    }
    let excluded = excluded(diagram);
    let set_here = |name: &str| [own, callees, callers].into_iter().any(|it| it.has(name));
    let set_outside = callers.anything && set.callers(index).is_some();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut candidates = 0;
    let actions = flow::lists(diagram).flat_map(flow::actions);
    let in_actions = actions.flat_map(|action| {
        let references = action.arguments.iter().flat_map(Argument::references);
        references.map(|it| (action.span, it))
    });
    let in_conditions =
        conditions(diagram).flat_map(|it| references(it).map(|reference| (it.span, reference)));
    for (span, reference) in in_actions.chain(in_conditions) {
        let Some(name) = variable(reference) else {
            continue;
        };
        if !seen.insert(name) || !is_plain(name) || excluded.contains(name) || set_outside {
            continue;
        }
        if callers.exact.contains(name) || (set_here(name) && !callers.anything) || own.has(name) {
            continue;
        }
        candidates += 1;
        if candidates > MAX_FOLLOWED {
            return;
        }
        let mut known: Vec<&str> = own.exact.iter().chain(&callees.exact).copied().collect();
        known.extend(&callers.exact);
        let near = known
            .into_iter()
            .filter(|known| is_slip_of(name, known))
            .min();
        if let Some(near) = near {
            let message =
                format!("nothing sets ${name}: it is empty unless it comes with the call");
            let finding = Diagnostic::new(code::UNSET_VARIABLE, span, message);
            findings.push(finding.hint(format!("did you mean '${near}'?")));
        }
    }
}

/// Which variables are set, on all ways and on some.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    always: Vec<bool>,
    sometimes: Vec<bool>,
}

impl Known {
    fn with<'a>(names: impl Iterator<Item = &'a str>, ids: &HashMap<&str, usize>) -> Self {
        let mut set = vec![false; ids.len()];
        names.for_each(|name| set[ids[name]] = true);
        Self {
            always: set.clone(),
            sometimes: set,
        }
    }

    fn set(&mut self, id: usize, value: bool) {
        self.always[id] = value;
        self.sometimes[id] = value;
    }

    fn add(&mut self, other: &Known) {
        for (id, _) in other.always.iter().enumerate().filter(|(_, set)| **set) {
            self.set(id, true);
        }
    }
}

impl Fact for Known {
    fn join(&mut self, other: &Self) {
        self.always
            .iter_mut()
            .zip(&other.always)
            .for_each(|(a, b)| *a &= b);
        self.sometimes
            .iter_mut()
            .zip(&other.sometimes)
            .for_each(|(a, b)| *a |= b);
    }
}

/// What is known when a state is entered, while it waits, and when something was thrown in it.
#[derive(Clone, Debug, Default)]
struct Places {
    entering: Option<Known>,
    waiting: Option<Known>,
    thrown: Option<Known>,
}

/// Where a variable is read: whether it is unset on some way there, and whether it is set on any.
type Reads<'a> = BTreeMap<(&'a str, Span), (bool, bool)>;

struct Flow<'a> {
    diagram: &'a StateDiagram,
    entered_with: Known,
    called: Known,
    own: &'a Names<'a>,
    ids: &'a HashMap<&'a str, usize>,
    places: Vec<Places>,
}

impl<'a> Flow<'a> {
    /// Lets what is known flow until nothing changes; false if that takes too long.
    fn run(&mut self, initial: StateId) -> bool {
        let mut steps = 0;
        let mut open = vec![initial as usize];
        self.places[initial as usize].entering = Some(self.entered_with.clone());
        while let Some(at) = open.pop() {
            let state = &self.diagram.states[at];
            let length: usize = flow::state_lists(state).map(<[_]>::len).sum();
            steps += length + state.transitions.len() * (1 + state.exit.len());
            if steps > MAX_STEPS {
                return false;
            }
            if let Some(entering) = self.places[at].entering.clone() {
                let mut thrown = None;
                let exits = self.list(&state.enter, entering, &mut thrown, &mut Reads::new());
                for fact in exits.end.iter().chain(&exits.stays) {
                    meet(&mut self.places[at].waiting, fact);
                }
                if let Some(fact) = thrown {
                    meet(&mut self.places[at].thrown, &fact);
                }
            }
            // An exception of an exit list or a transition is handled in this state: once more.
            for _ in 0..2 {
                self.transitions(at, &mut open, &mut Reads::new());
            }
        }
        true
    }

    fn transitions(&mut self, at: usize, open: &mut Vec<usize>, reads: &mut Reads<'a>) {
        let state = &self.diagram.states[at];
        for transition in &state.transitions {
            let places = &self.places[at];
            let start = if transition.exception {
                &places.thrown
            } else {
                &places.waiting
            };
            let Some(start) = start.clone() else { continue };
            let mut thrown = None;
            let left = self.list(&state.exit, start, &mut thrown, reads);
            let done = left
                .end
                .map(|fact| self.list(&transition.actions, fact, &mut thrown, reads));
            let stays = done.as_ref().and_then(|exits| exits.stays.clone());
            let places = &mut self.places[at];
            for fact in left.stays.iter().chain(&stays) {
                meet(&mut places.waiting, fact);
            }
            if let Some(fact) = thrown {
                meet(&mut places.thrown, &fact);
            }
            let Some(fact) = done.and_then(|exits| exits.end) else {
                continue;
            };
            match flow::target(transition) {
                Some(target) => {
                    let target = target as usize;
                    let before = self.places[target].entering.clone();
                    meet(&mut self.places[target].entering, &fact);
                    if self.places[target].entering != before {
                        open.push(target);
                    }
                }
                None => meet(&mut self.places[at].waiting, &fact),
            }
        }
    }

    /// Follows a list; notes what is known where something is thrown and where variables are read.
    fn list(
        &self,
        list: &'a [Instruction],
        start: Known,
        thrown: &mut Option<Known>,
        reads: &mut Reads<'a>,
    ) -> Exits<Known> {
        flow::walk(list, start, |action, known| {
            for name in acting_reads(action) {
                if let Some((name, &id)) = self.ids.get_key_value(name) {
                    let (unset, set) = reads.entry((name, action.span)).or_default();
                    *unset |= !known.always[id];
                    *set |= known.sometimes[id];
                }
            }
            if may_throw(action) {
                meet(thrown, known);
            }
            self.assign(action, known);
        })
    }

    fn assign(&self, action: &Action, known: &mut Known) {
        if action.signature.role == Role::Call {
            known.add(&self.called);
        }
        for assigned in assigned(action) {
            match assigned {
                Assigned::Name(name) => {
                    if let Some(&id) = self.ids.get(name) {
                        known.set(id, true);
                    }
                }
                // Any of those that computed names may be.
                Assigned::Prefix(_) | Assigned::Computed(_) | Assigned::Anything => {
                    let own = self.own;
                    for (name, &id) in self.ids {
                        let computed = own.prefixes.iter().any(|it| name.starts_with(it));
                        if own.anything || computed {
                            known.set(id, true);
                        }
                    }
                }
            }
        }
        if let Some(&id) = removed(action).and_then(|name| self.ids.get(name)) {
            known.set(id, false);
        }
    }

    fn report(mut self, findings: &mut Vec<Diagnostic>) {
        let mut reads = Reads::new();
        for (id, state) in flow::named_states(self.diagram) {
            let at = id as usize;
            if let Some(entering) = self.places[at].entering.clone() {
                self.list(&state.enter, entering, &mut None, &mut reads);
                self.transitions(at, &mut Vec::new(), &mut reads);
            }
        }
        let mut reported = HashSet::new();
        for ((name, span), (unset, set)) in reads {
            if !unset || !reported.insert(name) {
                continue;
            }
            let (code, message) = if set {
                let message = format!("${name} is not set on every way that leads here");
                (code::MAYBE_UNSET_VARIABLE, message)
            } else {
                let message = format!("nothing has set ${name} when this runs: it is empty");
                (code::UNSET_VARIABLE, message)
            };
            findings.push(Diagnostic::new(code, span, message));
        }
    }
}

/// Whether an action may end its list with an exception.
fn may_throw(action: &Action) -> bool {
    let signature = &action.signature;
    !signature.throws.is_empty() || !signature.is_available || signature.module.is_some()
}
