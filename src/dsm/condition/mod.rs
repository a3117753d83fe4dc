//! Conditions: their names, and how one is evaluated.

pub mod events;
mod values;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::action::{ModuleCondition, set_errno, utils};
use super::argument::{Argument, Arguments, bind, split, unquote};
use super::comparison::Comparison;
use super::diagnostic::code;
use super::event::EventKind;
use super::expr::{Expr, Finding, Scope};
use super::host::{
    ActionError, ActionOutcome, ActionResult, Answer, ConditionCall, Exception, HostAction,
    ModuleCall, Verdict,
};
use super::module::{ConditionCode, Tested};
use super::registry::{ConditionKind, Signature};
use super::source::Span;

pub use events::{EventCondition, EventParameter};
pub use values::ValueCondition;

/// One condition of a transition or `if`.
#[derive(Clone, Debug)]
pub struct Condition {
    pub negated: bool,
    pub test: Test,
    /// Its name and arguments.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `test(..)`; `None` always holds.
    Expression(Option<Comparison>),
    Event(EventKind, Option<Comparison>),
    KeyPress(Expr),
    Module {
        condition: ModuleCondition,
        name: Cow<'static, str>,
        arguments: Box<[Expr]>,
    },
    /// Looks at the values of its arguments only.
    Values(&'static ValueCondition, Box<[Expr]>),
    /// Code of a loaded module.
    Code(CodeTest),
}

/// A condition of a loaded module with its arguments.
#[derive(Clone, Debug)]
pub struct CodeTest {
    pub signature: Arc<Signature>,
    code: &'static dyn ConditionCode,
    pub arguments: Box<[Argument]>,
}

impl CodeTest {
    /// As it comes to the host where the code does not run.
    fn call(&self, scope: &Scope<'_>) -> ConditionCall {
        let written = |argument: &&Argument| !matches!(argument, Argument::Absent);
        let arguments = self.arguments.iter().filter(written);
        ModuleCall {
            which: ModuleCondition::Named,
            name: self.signature.name.clone(),
            arguments: arguments.map(|one| one.text(scope).into_owned()).collect(),
        }
    }
}

impl PartialEq for CodeTest {
    fn eq(&self, other: &Self) -> bool {
        self.signature.name == other.signature.name && self.arguments == other.arguments
    }
}

impl Condition {
    /// Whether it holds; `None` if that has to be waited for.
    pub fn holds(&self, event: EventKind, scope: &mut Scope<'_>) -> Option<bool> {
        Some(self.test.holds(event, scope)? != self.negated)
    }
}

/// What became of a condition that was waited for; `None` if there is more to wait for. One that failed
/// does not hold.
pub fn decided(result: ActionResult, scope: &mut Scope<'_>) -> Option<Result<bool, Exception>> {
    match result {
        Ok(Answer::Resume(resumption)) => settled(resumption.decide(scope), scope),
        other => Some(answered(other, scope)),
    }
}

/// The same of what a condition answers.
fn settled(mut tested: Tested, scope: &mut Scope<'_>) -> Option<Result<bool, Exception>> {
    loop {
        let ticket = match tested {
            Tested::Known(verdict) => return Some(Ok(verdict)),
            Tested::Wait(ticket) => ticket,
        };
        match scope
            .host
            .perform(&HostAction::Wait(ticket), scope.variables)
        {
            ActionOutcome::Pending => return None,
            ActionOutcome::Done(Ok(Answer::Resume(resumption))) => {
                tested = resumption.decide(scope);
            }
            ActionOutcome::Done(other) => return Some(answered(other, scope)),
        }
    }
}

fn answered(result: ActionResult, scope: &mut Scope<'_>) -> Result<bool, Exception> {
    match result {
        Ok(answer) => Ok(answer == Answer::Value(true.into())),
        Err(ActionError::Errno { errno, text }) => {
            set_errno(&errno, &text, scope.variables)?;
            Ok(false)
        }
        Err(ActionError::Exception(exception)) => Err(exception),
    }
}

/// Whether all of them hold; `None` if one has to be waited for. Those behind one that does not hold are
/// not looked at.
pub fn all_hold(conditions: &[Condition], event: EventKind, scope: &mut Scope<'_>) -> Option<bool> {
    for condition in conditions {
        if !condition.holds(event, scope)? {
            return Some(false);
        }
    }
    Some(true)
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "not " } else { "" };
        write!(f, "{not}{}", self.test)
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Test::Expression(None) => f.write_str("test()"),
            Test::Expression(Some(comparison)) => write!(f, "test({comparison})"),
            Test::Event(kind, comparison) => {
                f.write_str(event_name(*kind).unwrap_or("exception"))?;
                match comparison {
                    Some(comparison) => write!(f, "({comparison})"),
                    None => Ok(()),
                }
            }
            Test::KeyPress(key) => write!(f, "keyPress({key})"),
            Test::Module { name, .. } => write!(f, "{name}(..)"),
            Test::Code(test) => write!(f, "{}(..)", test.signature.name),
            Test::Values(condition, _) => write!(f, "{}(..)", condition.name),
        }
    }
}

impl Test {
    pub fn parse<'t>(
        kind: &ConditionKind,
        text: Option<&'t str>,
        findings: &mut Vec<Finding<'t>>,
    ) -> Self {
        let text = text.unwrap_or("");
        match kind {
            ConditionKind::Test => Test::Expression(Comparison::parse(text, findings)),
            ConditionKind::Event(event) => Test::Event(*event, Comparison::parse(text, findings)),
            ConditionKind::KeyPress => Test::KeyPress(key(text, findings)),
            ConditionKind::Module(signature, condition) => Test::Module {
                condition: *condition,
                name: signature.name.clone(),
                arguments: split(text, signature.separator)
                    .into_iter()
                    .map(unquote)
                    .map(|(text, quoted)| Expr::parse(&text, quoted))
                    .collect(),
            },
            ConditionKind::Code(signature, code) => {
                let bound = bind(signature, Some(text), findings);
                if let Some(missing) = bound.missing {
                    let message = format!("the argument '{missing}' is missing");
                    findings.push(Finding::new(code::MISSING_ARGUMENT, text, message));
                }
                if let Err(refused) = code.check(&bound.literals()) {
                    findings.push(refused.finding(&bound));
                }
                Test::Code(CodeTest {
                    signature: signature.clone(),
                    code: *code,
                    arguments: bound.arguments,
                })
            }
            ConditionKind::Values(condition) => {
                Test::Values(condition, condition.arguments(text, findings))
            }
        }
    }

    fn holds(&self, event: EventKind, scope: &mut Scope<'_>) -> Option<bool> {
        let holds = |comparison: &Option<Comparison>, scope: &Scope<'_>| {
            comparison
                .as_ref()
                .is_none_or(|comparison| comparison.holds(scope))
        };
        Some(match self {
            Test::Expression(comparison) => holds(comparison, scope),
            Test::Event(kind, comparison) => *kind == event && holds(comparison, scope),
            Test::KeyPress(key) => {
                event == EventKind::Key && {
                    let key = key.eval(scope);
                    scope.param("key") == Some(key_code(&key))
                }
            }
            Test::Module {
                condition,
                name,
                arguments,
            } => {
                if let Some(verdict) = scope.verdicts.meet() {
                    return Some(verdict);
                }
                let arguments = arguments.iter();
                let call = ModuleCall {
                    which: *condition,
                    name: name.clone(),
                    arguments: arguments.map(|x| x.eval(scope).into_owned()).collect(),
                };
                return ask(&call, scope);
            }
            Test::Code(test) => {
                if let Some(verdict) = scope.verdicts.meet() {
                    return Some(verdict);
                }
                if !scope.host.asks(&test.signature.name) {
                    return ask(&test.call(scope), scope);
                }
                let arguments = Arguments {
                    signature: &test.signature,
                    list: &test.arguments,
                };
                let tested = test.code.test(&arguments, scope);
                // Waiting does not throw.
                let verdict = settled(tested, scope)?.unwrap_or(false);
                scope.verdicts.note(verdict);
                verdict
            }
            Test::Values(condition, arguments) => condition.holds(arguments, scope),
        })
    }
}

/// Has the host test a condition of a module; `None` if that has to be waited for.
fn ask(call: &ConditionCall, scope: &mut Scope<'_>) -> Option<bool> {
    match scope.host.test(call, scope.variables) {
        Verdict::Known(verdict) => {
            scope.verdicts.note(verdict);
            Some(verdict)
        }
        Verdict::Pending => None,
    }
}

/// The argument of `keyPress`.
fn key<'t>(text: &'t str, findings: &mut Vec<Finding<'t>>) -> Expr {
    let (key, quoted) = unquote(text);
    if quoted || key.starts_with(['$', '#', '@', '*']) {
        let message = format!("'{key}' is understood here; the original compares it literally");
        findings.push(Finding::new(code::KEYPRESS_LITERAL, text.trim(), message));
    }
    match &*key {
        "#" => Expr::Text("11".into()),
        key => Expr::parse(key, quoted),
    }
}

/// Star and hash have numbers as `#key`.
pub fn key_code(key: &str) -> &str {
    match key {
        "*" => "10",
        "#" => "11",
        key => key,
    }
}

/// The names of all core conditions.
pub fn names() -> impl Iterator<Item = (&'static str, ConditionKind)> {
    let events = events::CORE
        .iter()
        .map(|event| (event.name, ConditionKind::Event(event.kind)));
    events.chain([
        ("test", ConditionKind::Test),
        ("keyPress", ConditionKind::KeyPress),
    ])
}

/// The kind of event a condition name stands for.
pub fn event_kind(name: &str) -> Option<EventKind> {
    event_condition(name).map(|event| event.kind)
}

/// Every kind of event that a condition names.
pub fn event_kinds() -> impl Iterator<Item = EventKind> {
    let all = events::CORE.iter().chain(events::SBC);
    all.map(|event| event.kind)
}

/// The conditions of the core that ask for a kind of event.
pub fn event_conditions() -> &'static [EventCondition] {
    events::CORE
}

/// The condition of this name, of the core or of a compiled-in module, if it asks for a kind of event.
pub fn event_condition(name: &str) -> Option<&'static EventCondition> {
    let mut all = events::CORE.iter().chain(events::SBC);
    all.find(|event| event.name == name)
}

/// The condition of a compiled-in module of this name, if it looks at its arguments only.
pub fn value_condition(name: &str) -> Option<&'static ValueCondition> {
    utils::CONDITIONS.iter().find(|known| known.name == name)
}

/// The names of all event conditions.
pub fn event_names() -> impl Iterator<Item = &'static str> {
    let all = events::CORE.iter().chain(events::SBC);
    all.map(|event| event.name)
}

/// The name of the condition for a kind of event; the first of several.
pub fn event_name(kind: EventKind) -> Option<&'static str> {
    if let EventKind::Module(event) = kind {
        return Some(event.name);
    }
    let mut all = events::CORE.iter().chain(events::SBC);
    all.find(|event| event.kind == kind).map(|event| event.name)
}
