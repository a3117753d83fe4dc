//! Loadable modules as the language sees them: code behind actions and conditions, events and objects of
//! their own, moments of a session that they hear of.
//!
//! What runs the code is elsewhere (`plugin::module`); the engine calls these traits as it calls a
//! function of its own, and gives them the whole scope.

use std::any::Any;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::action::{Outcome, Run};
use super::argument::{Arguments, Bound};
use super::condition::EventParameter;
use super::diagnostic::code;
use super::expr::{Finding, Scope};
use super::host::{ActionResult, Errno, Exception};
use super::registry::{Module, Parameter, Role, Separator, Signature, takes};

/// Objects that one session may hold.
pub const MAX_OBJECTS: usize = 1_000;

/// The code of an action.
pub trait ActionCode: fmt::Debug + Sync {
    /// Does the action.
    fn run(&self, arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Result<Outcome, Exception>;

    /// Looks at arguments when a diagram is loaded; `None`: one that is not known yet, or not written.
    ///
    /// # Errors
    /// What is wrong with them: the diagram is refused.
    fn check(&self, _arguments: &[Option<&str>]) -> Result<(), Refused> {
        Ok(())
    }
}

/// What is wrong with arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// For people.
    pub text: String,
    /// Which argument.
    pub argument: usize,
    /// The byte in it.
    pub at: usize,
}

impl Refused {
    /// The finding, about the line where it is.
    pub(super) fn finding<'t>(self, bound: &Bound<'t>) -> Finding<'t> {
        let written = bound.written.get(self.argument).copied();
        let same = bound.literal(self.argument) == written;
        let about = written.map(|written| match written.get(self.at..) {
            Some(rest) if same && !rest.is_empty() => {
                rest.split_once('\n').map_or(rest, |(line, _)| line)
            }
            _ => written,
        });
        Finding {
            code: code::REFUSED_ARGUMENT,
            message: self.text,
            about,
        }
    }
}

/// What a condition answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Tested {
    /// Whether it holds.
    Known(bool),
    /// The module has to be waited for.
    Wait(Arc<Ticket>),
}

/// The code of a condition.
pub trait ConditionCode: fmt::Debug + Sync {
    /// Whether it holds. One that cannot say does not hold.
    fn test(&self, arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Tested;

    /// As [`ActionCode::check`].
    ///
    /// # Errors
    /// As there.
    fn check(&self, _arguments: &[Option<&str>]) -> Result<(), Refused> {
        Ok(())
    }
}

/// What a module hears of sessions whose diagrams import it.
pub trait Hooks: fmt::Debug + Sync {
    /// The module.
    fn module(&self) -> &'static str;

    /// Whether it hears of such moments.
    fn wants(&self, kind: MomentKind) -> bool;

    /// The names and texts of the diagrams that it brings now, or what it says instead.
    fn diagrams(&self) -> Result<Vec<(String, String)>, String>;

    /// Tells it.
    fn hear(&self, moment: Moment<'_>, scope: &mut Scope<'_>) -> Heard;
}

/// The kinds of moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained at `Moment`")]
pub enum MomentKind {
    SessionStart,
    Invite,
    Request,
    Reply,
    BeforeDestroy,
    Offer,
    Answer,
}

/// A moment of a session.
#[derive(Clone, Copy, Debug)]
pub enum Moment<'a> {
    /// It begins; before its first event.
    SessionStart,
    /// The INVITE of the caller; before `invite`.
    Invite,
    /// A request inside the dialog.
    Request,
    /// A response to a request of ours.
    Reply,
    /// It is over; after `beforeDestroy`.
    BeforeDestroy,
    /// Our offer, before it is sent.
    Offer(&'a str),
    /// The peer's offer and our answer, before it is sent.
    Answer(&'a str, &'a str),
}

impl Moment<'_> {
    /// Its kind.
    pub fn kind(self) -> MomentKind {
        match self {
            Moment::SessionStart => MomentKind::SessionStart,
            Moment::Invite => MomentKind::Invite,
            Moment::Request => MomentKind::Request,
            Moment::Reply => MomentKind::Reply,
            Moment::BeforeDestroy => MomentKind::BeforeDestroy,
            Moment::Offer(_) => MomentKind::Offer,
            Moment::Answer(..) => MomentKind::Answer,
        }
    }
}

/// What a module answers to a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Heard {
    /// Nothing.
    #[default]
    Nothing,
    /// It answers the INVITE itself.
    AnswersItself,
    /// This session description is to be sent instead.
    Replaced(String),
}

/// A kind of event that a module raises.
#[derive(Debug)]
pub struct ModuleEvent {
    /// The condition that asks for it.
    pub name: &'static str,
    /// When it comes.
    pub doc: &'static str,
    /// Its parameters.
    pub parameters: &'static [EventParameter],
}

/// Events are the same if their names are: a name belongs to one module.
impl PartialEq for ModuleEvent {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ModuleEvent {}

impl PartialOrd for ModuleEvent {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ModuleEvent {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(other.name)
    }
}

impl Hash for ModuleEvent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Statements that show an action, and the variables they leave.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// Actions as written in a diagram.
    pub code: &'static str,
    /// Variables without `$`, and their values.
    pub expect: &'static [(&'static str, &'static str)],
}

/// How an action went that a module waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Past {
    /// It worked.
    Worked,
    /// `$errno` and `$strerror`.
    Failed(Errno, String),
    /// An exception.
    Thrown(Exception),
}

/// What goes on with an action or a condition that waited, on its session.
pub trait Resume: Send {
    /// Goes on with an action.
    fn resume(self: Box<Self>, past: &Past, scope: &mut Scope<'_>) -> Result<Outcome, Exception>;

    /// Goes on with a condition.
    fn decide(self: Box<Self>, scope: &mut Scope<'_>) -> Tested;
}

/// A [`Resume`] to be used once. Dropped unused, it is given up.
#[derive(Clone)]
pub struct Resumption(Arc<Mutex<Option<Box<dyn Resume>>>>);

impl Resumption {
    /// To go on with `resume`.
    pub fn new(resume: Box<dyn Resume>) -> Self {
        Self(Arc::new(Mutex::new(Some(resume))))
    }

    /// Goes on; a second time nothing happens.
    pub(super) fn resume(&self, past: &Past, scope: &mut Scope<'_>) -> Result<Outcome, Exception> {
        let resume = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        resume.map_or(Ok(Outcome::Next), |resume| resume.resume(past, scope))
    }

    /// Goes on with a condition; a second time it does not hold.
    pub(super) fn decide(&self, scope: &mut Scope<'_>) -> Tested {
        let resume = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        resume.map_or(Tested::Known(false), |resume| resume.decide(scope))
    }
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resumption")
    }
}

impl PartialEq for Resumption {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Resumption {}

/// Work of a module that an action waits for. Dropped, it is given up.
#[derive(Debug)]
pub struct Ticket {
    /// Names it among all of this process.
    pub handle: u64,
    /// How long the module wants to be waited for.
    pub deadline: Duration,
    /// Waits for it.
    pub block: fn(Arc<Self>) -> ActionResult,
    /// Says that nobody waits for this handle any more. Nothing happens if the work is done.
    pub give_up: fn(u64),
}

impl Ticket {
    /// Waits for it where nothing else is to go on meanwhile, as in a simulation.
    pub fn block(self: Arc<Self>) -> ActionResult {
        (self.block)(self)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        (self.give_up)(self.handle);
    }
}

/// A handle is given out once.
impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        self.handle == other.handle
    }
}

/// A sound file in memory.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MemoryFile {
    /// A name whose ending tells the format.
    pub name: Arc<str>,
    /// The file.
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// A part of the SIP message that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessagePart<'a> {
    /// The values of a header.
    Header(&'a str),
    /// The body of the message object of this name; empty: of the message itself.
    Body(&'a str),
}

/// The objects that modules keep in a session, by name. One that is replaced or removed is dropped.
#[derive(Clone, Debug, Default)]
pub struct Objects(BTreeMap<Box<str>, Arc<dyn Any + Send + Sync>>);

impl Objects {
    /// Keeps an object. It comes back if there are [`MAX_OBJECTS`] already.
    pub fn set(
        &mut self,
        name: &str,
        object: Arc<dyn Any + Send + Sync>,
    ) -> Result<(), Arc<dyn Any + Send + Sync>> {
        if self.0.len() >= MAX_OBJECTS && !self.0.contains_key(name) {
            return Err(object);
        }
        self.0.insert(name.into(), object);
        Ok(())
    }

    /// The object of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.0.get(name)
    }

    /// Drops the object of this name. False: there is none.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }
}

/// Where modules come from that are not compiled in.
pub trait ModuleSource: fmt::Debug + Send + Sync {
    /// The module of this name, or why it cannot be had. The same for every call.
    fn module(&self, name: &str) -> Result<&'static Module, NoModule>;

    /// The names of what looks like a module, in order. Loads none of them.
    fn names(&self) -> Vec<String>;
}

/// Why a module cannot be had. The text is for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoModule {
    /// There is none.
    #[error("{0}")]
    Missing(String),
    /// There is one, and something is wrong with it.
    #[error("{0}")]
    Refused(String),
}

/// What an action or condition of a loaded module takes and tells.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "explained at `Signature`")]
pub struct Takes {
    pub doc: &'static str,
    pub separator: Separator,
    pub parameters: &'static [Parameter],
    pub role: Role,
    pub cancellable: bool,
    pub throws: &'static [&'static str],
    pub errno: Option<&'static [&'static str]>,
    pub sets: &'static [&'static str],
    pub examples: &'static [Example],
}

impl Takes {
    pub(super) fn signature(self, name: &'static str, run: Run) -> Signature {
        let row = takes(name, self.separator, self.parameters, run, self.doc);
        Signature {
            role: self.role,
            cancellable: self.cancellable,
            throws: self.throws,
            errno: self.errno,
            sets: self.sets,
            examples: self.examples,
            ..row
        }
    }
}
