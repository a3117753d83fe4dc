//! Which events are worth trying, and which variables tell two situations apart: read off the
//! conditions of the diagrams.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::dsm::argument::Argument;
use crate::dsm::comparison::{Comparison, Operand, Operator};
use crate::dsm::condition::{Condition, Test, key_code};
use crate::dsm::event::{Event, EventKind};
use crate::dsm::expr::Expr;
use crate::dsm::program::{Code, DiagramSet, Instruction, Loop, StateDiagram};
use crate::dsm::registry::Signature;
use crate::dsm::testing::expect::is_name;
use crate::dsm::testing::fact::Fault;
use crate::dsm::value::{Values, integer};

use super::world::LoadedNames;

/// Events of one kind that differ in their parameters.
const MAX_COMBINATIONS: usize = 64;
/// Values of one parameter.
const MAX_CHOICES: usize = 24;
/// Lengths that `len(..)` is tried with.
const MAX_LENGTH: i64 = 64;

/// What there is to try.
#[derive(Debug, Default)]
pub struct Alphabet {
    /// Kinds that the diagrams look at, in the order of the text.
    pub kinds: Vec<EventKind>,
    /// Kinds that each state looks at, by diagram and state.
    states: HashMap<(String, String), Vec<EventKind>>,
    /// Parameters and what they are compared with.
    params: BTreeMap<(EventKind, String), Choices>,
    /// Variables that conditions look at.
    variables: BTreeMap<String, Choices>,
    /// Variables that actions assign.
    assigned: BTreeSet<String>,
    /// Parameters that are copied into variables.
    copies: Vec<(String, String, Vec<EventKind>)>,
    /// What loaded modules bring.
    pub loaded: Rc<LoadedNames>,
}

/// What a value is compared with.
#[derive(Clone, Debug, Default)]
struct Choices {
    literals: Vec<String>,
    variables: Vec<String>,
    lengths: Vec<i64>,
    /// The value itself is compared, not just its length.
    whole: bool,
    /// Its beginning is compared, so that every character counts.
    prefix: bool,
    /// It is ordered by its characters.
    ordered_text: bool,
}

impl Choices {
    fn add(&mut self, text: &str) {
        if self.literals.len() < MAX_CHOICES && self.literals.iter().all(|one| one != text) {
            self.literals.push(text.to_owned());
        }
    }

    /// It is compared with these texts.
    fn compare_with(&mut self, texts: &[&str]) {
        self.whole = true;
        texts.iter().for_each(|text| self.add(text));
    }

    fn merge(&mut self, other: &Choices) {
        other.literals.iter().for_each(|text| self.add(text));
        self.variables.extend(other.variables.iter().cloned());
        self.lengths.extend(&other.lengths);
    }

    /// Notes a comparison with `other`.
    fn compare(&mut self, length: bool, operator: Operator, other: &Operand) {
        self.whole |= !length;
        let literal = match other {
            Operand::Value(Expr::Text(text)) => text,
            Operand::Value(Expr::Variable(name)) => return self.variables.push(name.to_string()),
            _ => return,
        };
        if length {
            let exact = integer(literal).filter(|exact| (0..=MAX_LENGTH).contains(exact));
            self.lengths.extend(exact);
            return;
        }
        match (operator, integer(literal)) {
            (Operator::Equal | Operator::NotEqual, _) => {
                self.prefix |= literal.contains('*');
                self.add(literal.split('*').next().unwrap_or(""));
            }
            (_, Some(bound)) => {
                for near in [bound.saturating_sub(1), bound, bound.saturating_add(1)] {
                    self.add(&near.to_string());
                }
            }
            (_, None) => {
                self.ordered_text = true;
                self.add(literal);
                self.add("");
                self.add(&format!("{literal}z"));
            }
        }
    }

    /// Everything worth trying.
    fn values(&self, variables: &Values) -> Vec<String> {
        let mut values = self.literals.clone();
        let compared = self.variables.iter().filter_map(|name| variables.get(name));
        values.extend(compared.map(str::to_owned));
        for length in &self.lengths {
            let lengths = [length - 1, *length, length + 1];
            let lengths = lengths
                .iter()
                .filter_map(|length| usize::try_from(*length).ok());
            values.extend(lengths.map(|length| "1".repeat(length)));
        }
        values.push(self.other());
        let mut seen = BTreeSet::new();
        values.retain(|value| seen.insert(value.clone()));
        values
    }

    /// A value that equals none of the literals.
    fn other(&self) -> String {
        let numbers = self.literals.iter().all(|text| integer(text).is_some());
        let fits = |text: &String| !self.literals.contains(text);
        let mut numbers = (0..).take_while(|_| numbers).map(|n: u32| n.to_string());
        numbers.find(fits).unwrap_or_else(|| "other".to_owned())
    }

    /// A value as far as comparisons can see it.
    fn seen(&self, value: &str) -> String {
        if !self.whole {
            let longest = self.lengths.iter().max().copied().unwrap_or(0) + 1;
            return value
                .len()
                .min(usize::try_from(longest).unwrap_or(0))
                .to_string();
        }
        if self.prefix
            || self.ordered_text
            || !self.variables.is_empty()
            || !self.lengths.is_empty()
        {
            return value.to_owned();
        }
        let Some(number) = integer(value) else {
            // Text that grew past all that it is compared with never comes back to it.
            let may_grow = self.literals.iter().any(|text| text.starts_with(value));
            return if may_grow { value } else { "other" }.to_owned();
        };
        // Neither does a counter.
        let bounds = || self.literals.iter().filter_map(|text| integer(text));
        let least = bounds().min().unwrap_or(0).min(0).saturating_sub(1);
        let most = bounds().max().unwrap_or(0).max(0).saturating_add(1);
        number.clamp(least, most).to_string()
    }
}

impl Alphabet {
    /// Reads the conditions of all diagrams.
    pub fn new(diagrams: &DiagramSet) -> Self {
        let mut alphabet = Self::default();
        let all = || diagrams.names().filter_map(|name| diagrams.get(name));
        all().for_each(|diagram| alphabet.kinds_of(diagram));
        all().for_each(|diagram| alphabet.read(diagram));
        alphabet.link();
        alphabet.loaded = Rc::new(loaded_names(diagrams));
        alphabet
    }

    fn kinds_of(&mut self, diagram: &StateDiagram) {
        for state in &diagram.states {
            let conditions = state
                .transitions
                .iter()
                .flat_map(|one| one.conditions.iter());
            let kinds = kinds(conditions);
            for kind in &kinds {
                if !self.kinds.contains(kind) {
                    self.kinds.push(*kind);
                }
            }
            let key = (diagram.name().to_owned(), state.name.to_string());
            self.states.insert(key, kinds);
        }
        // What no condition names is looked at by a transition without any: it takes every event.
        for state in &diagram.states {
            let mut open = state.transitions.iter().filter(|one| !one.exception);
            if open.any(|one| kinds(one.conditions.iter()).is_empty()) {
                let key = (diagram.name().to_owned(), state.name.to_string());
                self.states.insert(key, self.kinds.clone());
            }
        }
    }

    fn read(&mut self, diagram: &StateDiagram) {
        for state in &diagram.states {
            self.code(&state.enter, &[]);
            self.code(&state.exit, &[]);
            for transition in &state.transitions {
                let kinds = match transition.exception {
                    true => vec![EventKind::Exception],
                    false => kinds(transition.conditions.iter()),
                };
                self.conditions(&transition.conditions, &kinds);
                self.code(&transition.actions, &kinds);
            }
        }
    }

    fn code(&mut self, code: &Code, kinds: &[EventKind]) {
        for instruction in code.iter() {
            match instruction {
                Instruction::Unless(conditions, _) => self.conditions(conditions, kinds),
                // What a loaded module would assign is tried like what comes from outside.
                Instruction::Action(action) if action.signature.code.is_some() => {}
                Instruction::Action(action) => self.arguments(&action.arguments, kinds),
                Instruction::Loop(head, _) => self.looped(head),
                Instruction::Skip(_) | Instruction::Next => {}
            }
        }
    }

    fn arguments(&mut self, arguments: &[Argument], kinds: &[EventKind]) {
        for (index, argument) in arguments.iter().enumerate() {
            let Argument::Name(name) = argument else {
                continue;
            };
            self.assigned.insert(name.to_string());
            if let Some(Argument::Value(Expr::Param(param))) = arguments.get(index + 1) {
                let copy = (name.to_string(), param.to_string(), kinds.to_vec());
                self.copies.push(copy);
            }
        }
    }

    fn looped(&mut self, head: &Loop) {
        if let Loop::Range { from, to, .. } = head {
            for name in [from, to].into_iter().filter_map(Expr::variable) {
                self.variables.entry(name.to_owned()).or_default().whole = true;
            }
        }
    }

    fn conditions(&mut self, conditions: &[Condition], around: &[EventKind]) {
        for condition in conditions {
            match &condition.test {
                Test::Expression(Some(comparison)) => self.comparison(comparison, around),
                Test::Event(kind, Some(comparison)) => self.comparison(comparison, &[*kind]),
                Test::KeyPress(Expr::Text(key)) => {
                    let key = key_code(key).to_owned();
                    self.param(EventKind::Key, "key").add(&key);
                }
                Test::Values(_, arguments) => self.values(arguments, around),
                _ => {}
            }
        }
    }

    /// What a condition looks at is tried with what is written next to it, and with each item of that.
    fn values(&mut self, arguments: &[Expr], around: &[EventKind]) {
        let literals = arguments.iter().filter_map(Expr::literal);
        let texts = literals.flat_map(|text| text.split(',').map(str::trim));
        let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
        for argument in arguments {
            match argument {
                Expr::Variable(name) => {
                    let choices = self.variables.entry(name.to_string()).or_default();
                    choices.compare_with(&texts);
                }
                Expr::Param(name) => {
                    for kind in self.carriers(name, around) {
                        self.param(kind, name).compare_with(&texts);
                    }
                }
                Expr::Text(_) | Expr::Select(_) => {}
            }
        }
    }

    fn comparison(&mut self, comparison: &Comparison, kinds: &[EventKind]) {
        let Comparison {
            left,
            operator,
            right,
        } = comparison;
        for (one, other) in [(left, right), (right, left)] {
            let (length, expr) = match one {
                Operand::Value(expr) => (false, expr),
                Operand::Length(expr) => (true, expr),
            };
            match expr {
                Expr::Variable(name) => {
                    let choices = self.variables.entry(name.to_string()).or_default();
                    choices.compare(length, *operator, other);
                }
                Expr::Param(name) => {
                    for kind in self.carriers(name, kinds) {
                        self.param(kind, name).compare(length, *operator, other);
                    }
                }
                Expr::Text(_) | Expr::Select(_) => {}
            }
        }
    }

    fn param(&mut self, kind: EventKind, name: &str) -> &mut Choices {
        self.params.entry((kind, name.to_owned())).or_default()
    }

    /// The kinds of events whose parameter is meant: those around it, or all that may have one.
    fn carriers(&self, name: &str, around: &[EventKind]) -> Vec<EventKind> {
        if !around.is_empty() {
            return around.to_vec();
        }
        let usual = |kind: &&EventKind| match usual_params(**kind) {
            [] => kind.has_params() && **kind != EventKind::Hangup,
            params => params.iter().any(|(known, _)| *known == name),
        };
        self.kinds.iter().filter(usual).copied().collect()
    }

    /// What a copy of a parameter is compared with, the parameter is tried with.
    fn link(&mut self) {
        for (variable, param, kinds) in std::mem::take(&mut self.copies) {
            let Some(choices) = self.variables.get(&variable).cloned() else {
                continue;
            };
            let digits: BTreeSet<char> = choices
                .literals
                .iter()
                .flat_map(|text| text.chars())
                .collect();
            for kind in self.carriers(&param, &kinds) {
                let tried = self.param(kind, &param);
                if kind == EventKind::Key {
                    // Keys are gathered one by one.
                    let digits = digits.iter().filter(|c| c.is_ascii_digit());
                    digits.for_each(|digit| tried.add(&digit.to_string()));
                    if !choices.variables.is_empty() {
                        tried.add("1");
                    }
                } else {
                    tried.merge(&choices);
                }
            }
        }
    }

    /// The kinds of events that a state looks at.
    pub fn kinds_in(&self, diagram: &str, state: &str) -> &[EventKind] {
        let key = (diagram.to_owned(), state.to_owned());
        self.states.get(&key).map_or(&[], Vec::as_slice)
    }

    /// All events of a kind that conditions may tell apart.
    pub fn events(&self, kind: EventKind, variables: &Values) -> Vec<Event> {
        let mut events = vec![Event::new(kind)];
        if !kind.has_params() {
            return events;
        }
        for (name, value) in usual_params(kind) {
            if !self.params.contains_key(&(kind, (*name).to_owned())) {
                events[0] = events[0].clone().with(name, *value);
            }
        }
        let from = (kind, String::new());
        let params = self.params.range(from..);
        let params = params.take_while(|((of, _), _)| *of == kind);
        // What no test can hold is not tried.
        for ((_, name), choices) in params.filter(|((_, name), _)| is_name(name)) {
            let values = choices.values(variables);
            let with = |event: &Event| {
                let event = event.clone();
                values
                    .iter()
                    .map(move |value| event.clone().with(name, value.as_str()))
                    .collect::<Vec<_>>()
            };
            events = events
                .iter()
                .flat_map(with)
                .take(MAX_COMBINATIONS)
                .collect();
        }
        events
    }

    /// Variables that conditions look at and no action assigns, each with values to try.
    pub fn outside(&self) -> impl Iterator<Item = (&str, Vec<String>)> {
        let made = |name: &str| {
            ["errno", "strerror", "DI_res"]
                .iter()
                .any(|made| name.starts_with(made))
        };
        let outside = self.variables.iter().filter(move |(name, _)| {
            !self.assigned.contains(*name) && !made(name) && is_name(name)
        });
        outside.map(|(name, choices)| {
            let mut values = choices.values(&Values::new());
            // Unset is tried anyway and differs from the literals like any other value.
            if choices.lengths.is_empty() {
                values.retain(|value| *value != choices.other());
            }
            // Compared with another variable: ones, as long as that one is said to get.
            let others = choices.variables.iter();
            for other in others.filter_map(|name| self.variables.get(name)) {
                let lengths = other.lengths.iter();
                let lengths = lengths.filter_map(|length| usize::try_from(*length).ok());
                values.extend(lengths.chain([1]).map(|length| "1".repeat(length)));
            }
            values.retain(|value| !value.is_empty());
            (name.as_str(), values)
        })
    }

    /// The variables as far as conditions can see them.
    pub fn view(&self, variables: &Values) -> Vec<Option<String>> {
        let seen = |(name, choices): (&String, &Choices)| {
            variables.get(name).map(|value| choices.seen(value))
        };
        self.variables.iter().map(seen).collect()
    }
}

/// The actions and conditions of loaded modules that these diagrams use.
fn loaded_names(diagrams: &DiagramSet) -> LoadedNames {
    let mut names = LoadedNames::default();
    let mut test = |conditions: &[Condition]| {
        for condition in conditions {
            if let Test::Code(test) = &condition.test {
                names.conditions.insert(test.signature.name.to_string());
            }
        }
    };
    let mut actions: Vec<&Signature> = Vec::new();
    for state in diagrams.iter().flat_map(|diagram| &diagram.states) {
        let transitions = state.transitions.iter();
        transitions.clone().for_each(|one| test(&one.conditions));
        let lists = transitions.map(|one| &one.actions);
        for instruction in lists
            .chain([&state.enter, &state.exit])
            .flat_map(|list| list.iter())
        {
            match instruction {
                Instruction::Unless(conditions, _) => test(conditions),
                Instruction::Action(action) => actions.push(&action.signature),
                _ => {}
            }
        }
    }
    for signature in actions.into_iter().filter(|one| one.code.is_some()) {
        let name = signature.name.to_string();
        names
            .actions
            .entry(name)
            .or_insert_with(|| faults(signature));
    }
    names
}

/// How an action says that it may fail.
fn faults(signature: &Signature) -> Vec<Fault> {
    let errnos = signature.errno.unwrap_or_default().iter();
    let errnos = errnos.map(|word| Fault::Errno((*word).to_owned()));
    // The parameters stand behind the type.
    let types = signature
        .throws
        .iter()
        .filter_map(|one| one.split_whitespace().next());
    errnos
        .chain(types.map(|kind| Fault::Throws(kind.to_owned())))
        .collect()
}

fn kinds<'a>(conditions: impl Iterator<Item = &'a Condition>) -> Vec<EventKind> {
    let mut kinds = Vec::new();
    for condition in conditions {
        let kind = match &condition.test {
            Test::Event(kind, _) => *kind,
            Test::KeyPress(_) => EventKind::Key,
            Test::Expression(_) | Test::Module { .. } | Test::Values(..) | Test::Code(_) => {
                continue;
            }
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

/// Parameters that events of a kind always carry, with an ordinary value.
fn usual_params(kind: EventKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        EventKind::Key => &[("key", "1")],
        EventKind::Timer | EventKind::Separator => &[("id", "1")],
        EventKind::RecordEnd => &[("cause", "length"), ("length", "60000"), ("lost", "0")],
        EventKind::Ringing => &[("code", "180"), ("reason", "Ringing")],
        EventKind::Failed => &[("code", "486"), ("reason", "Busy Here")],
        EventKind::RtpTimeout => &[("type", "rtp_timeout")],
        EventKind::System => &[("type", "ServerShutdown")],
        _ => &[],
    }
}
