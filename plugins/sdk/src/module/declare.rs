//! How a module tells what it brings.

use super::abi;
use super::context::{Args, Context, Flow};
use super::failure::Failure;
use super::host::Host;

/// Does an action.
pub(super) type RunFn = fn(&mut Context<'_>, &Args<'_>) -> Result<Flow, Failure>;
/// Tests a condition.
pub(super) type TestFn = fn(&mut Context<'_>, &Args<'_>) -> Result<bool, Failure>;
/// Looks at arguments when a diagram is loaded.
pub(super) type CheckFn = fn(&Args<'_>) -> Result<(), Finding>;
/// Gives the diagrams that a module brings.
pub(super) type DiagramsFn = fn(&Host) -> Result<Vec<Diagram>, String>;
/// Begins a module.
pub(super) type LoadFn = fn(&Host) -> Result<(), String>;
/// Hears of a session.
pub(super) type HookFn = fn(&mut Context<'_>) -> Result<(), Failure>;

/// The most examples of one action.
const MAX_EXAMPLES: usize = 8;

/// What an argument means, and what the module gets of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Literal, or one reference as a whole: its value.
    Value,
    /// `$name` or `name`: the name of a variable, without the `$`.
    Name,
    /// A value that is the name of a variable; for `$name` without value, `name` itself.
    NameValue,
    /// The same, what the names of several variables begin with.
    NamePrefix,
    /// As written.
    Literal,
    /// Text with references inside, which the host resolves.
    Template,
    /// The same, with the references as written; see [`Context::resolve`].
    Raw,
    /// The same, a statement of a database.
    Sql,
    /// `true`, also written `name=true`.
    Flag,
    /// A value: an audio file that is read.
    AudioFile,
    /// A value: an audio file that is written.
    NewFile,
    /// A list of variable names, separated by `;`; see [`Context::named_values`].
    Names,
    /// The name of an array or struct that is read or removed.
    Collection,
    /// Code of another language, as written: its quotes are its own.
    Code,
}

impl Kind {
    pub(super) const fn number(self) -> u32 {
        match self {
            Kind::Value => abi::KIND_VALUE,
            Kind::Name => abi::KIND_NAME,
            Kind::NameValue => abi::KIND_NAME_VALUE,
            Kind::NamePrefix => abi::KIND_NAME_PREFIX,
            Kind::Literal => abi::KIND_LITERAL,
            Kind::Template => abi::KIND_TEMPLATE,
            Kind::Raw => abi::KIND_RAW,
            Kind::Sql => abi::KIND_SQL,
            Kind::Flag => abi::KIND_FLAG,
            Kind::AudioFile => abi::KIND_AUDIO_FILE,
            Kind::NewFile => abi::KIND_NEW_FILE,
            Kind::Names => abi::KIND_NAMES,
            Kind::Collection => abi::KIND_COLLECTION,
            Kind::Code => abi::KIND_CODE,
        }
    }
}

/// A parameter of an action or condition.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) flags: u32,
}

const fn parameter(name: &'static str, kind: Kind, flags: u32) -> Parameter {
    Parameter { name, kind, flags }
}

/// A parameter that has to be written.
pub const fn need(name: &'static str, kind: Kind) -> Parameter {
    parameter(name, kind, abi::PARAMETER_REQUIRED)
}

/// A parameter that may be left out.
pub const fn may(name: &'static str, kind: Kind) -> Parameter {
    parameter(name, kind, 0)
}

/// The last parameter, any number of times.
pub const fn any(name: &'static str, kind: Kind) -> Parameter {
    parameter(name, kind, abi::PARAMETER_REPEATED)
}

/// What is wrong with arguments that a diagram is loaded with; it is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub(super) text: String,
    pub(super) argument: usize,
    pub(super) at: usize,
}

impl Finding {
    /// About the first argument as a whole.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: 0,
            at: 0,
        }
    }

    /// About the byte `at` of an argument.
    pub fn at(mut self, argument: usize, at: usize) -> Self {
        (self.argument, self.at) = (argument, at);
        self
    }
}

/// A diagram that a module brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagram {
    /// The name of the application.
    pub name: String,
    /// As in a file `NAME.dsm`.
    pub text: String,
}

/// Statements of a diagram that show an action, and the variables they leave. The tests of the server
/// run them, so they need nothing but the module.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Actions as written in a diagram, such as `curl.get(http://localhost/x)`.
    pub code: &'static str,
    /// Names of variables, without `$`, and their values behind it.
    pub expect: &'static [(&'static str, &'static str)],
}

/// An action; made by [`action()`].
#[derive(Debug, Clone, Copy)]
pub struct Action {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) separator: u32,
    pub(super) flags: u32,
    pub(super) parameters: &'static [Parameter],
    pub(super) throws: &'static [&'static str],
    pub(super) errnos: &'static [&'static str],
    pub(super) sets: &'static [&'static str],
    pub(super) examples: [Example; MAX_EXAMPLES],
    pub(super) example_count: usize,
    pub(super) run: RunFn,
    pub(super) check: Option<CheckFn>,
}

/// An action of this name, without parameters. Diagrams write the name as it is here, as in
/// `curl.get(..)`.
pub const fn action(name: &'static str, run: RunFn) -> Action {
    const NONE: Example = Example {
        code: "",
        expect: &[],
    };
    Action {
        name,
        doc: "",
        separator: abi::SEPARATOR_COMMAS,
        flags: 0,
        parameters: &[],
        throws: &[],
        errnos: &[],
        sets: &[],
        examples: [NONE; MAX_EXAMPLES],
        example_count: 0,
        run,
        check: None,
    }
}

impl Action {
    /// One or two sentences for the reference and the editor.
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// What it takes. Several are separated by commas outside quotes and parentheses, and the last may hold
    /// commas, unless [`equals`](Self::equals) or [`every_comma`](Self::every_comma) says otherwise; a single one may
    /// hold anything.
    pub const fn parameters(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    /// Its two arguments are separated by the first `=`.
    pub const fn equals(mut self) -> Self {
        self.separator = abi::SEPARATOR_EQUALS;
        self
    }

    /// Every comma separates arguments, also those of a repeated parameter.
    pub const fn every_comma(mut self) -> Self {
        self.separator = abi::SEPARATOR_EVERY_COMMA;
        self
    }

    /// Its two arguments are separated by the last comma outside quotes and parentheses, if what follows can
    /// be the second: one word if it is required, else a number or a reference. For statements of SQL.
    pub const fn last_comma(mut self) -> Self {
        self.separator = abi::SEPARATOR_LAST_COMMA;
        self
    }

    /// The types of the exceptions that it throws, each with its parameters, such as `aws #cause`.
    pub const fn throws(mut self, types: &'static [&'static str]) -> Self {
        self.throws = types;
        self
    }

    /// The words that `$errno` may get. Success then clears `$errno` and `$strerror`, without any
    /// help of the function.
    pub const fn errno(mut self, words: &'static [&'static str]) -> Self {
        self.errnos = words;
        self.flags |= abi::ACTION_SETS_ERRNO;
        self
    }

    /// The variables that it assigns besides those that its arguments name, such as `$curl.out`.
    pub const fn sets(mut self, variables: &'static [&'static str]) -> Self {
        self.sets = variables;
        self
    }

    /// It assigns variables that nobody can name in advance, such as the columns of a result.
    pub const fn assigns_any(mut self) -> Self {
        self.flags |= abi::ACTION_ASSIGNS_ANY;
        self
    }

    /// What it assigns is safe in a quoted text of SQL.
    pub const fn escapes(mut self) -> Self {
        self.flags |= abi::ACTION_ESCAPES;
        self
    }

    /// A hang-up does not wait for it.
    pub const fn cancellable(mut self) -> Self {
        self.flags |= abi::ACTION_CANCELLABLE;
        self
    }

    /// Looks at the arguments when a diagram is loaded, those that are known by then: the others are not
    /// [written](Args::is_written). A finding refuses the diagram. Called by any thread; must not wait.
    pub const fn check(mut self, check: CheckFn) -> Self {
        self.check = Some(check);
        self
    }

    /// Adds an example; at most 8.
    pub const fn example(mut self, example: Example) -> Self {
        self.examples[self.example_count] = example;
        self.example_count += 1;
        self
    }
}

/// A condition; made by [`condition()`].
#[derive(Debug, Clone, Copy)]
pub struct Condition {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) separator: u32,
    pub(super) parameters: &'static [Parameter],
    pub(super) test: Test,
    pub(super) check: Option<CheckFn>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Test {
    AtOnce(TestFn),
    Waiting(RunFn),
}

/// A condition of this name. It may be tested for every event, and must not wait.
pub const fn condition(name: &'static str, test: TestFn) -> Condition {
    Condition {
        name,
        doc: "",
        separator: abi::SEPARATOR_COMMAS,
        parameters: &[],
        test: Test::AtOnce(test),
        check: None,
    }
}

/// A condition that may wait, with [`Context::later`] and its relatives, and answers [`Flow::Holds`]. Meanwhile
/// its session waits, also with a hang-up.
pub const fn waiting_condition(name: &'static str, test: RunFn) -> Condition {
    Condition {
        test: Test::Waiting(test),
        ..condition(name, |_, _| Ok(false))
    }
}

impl Condition {
    /// One or two sentences for the reference and the editor.
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// What it takes; see [`Action::parameters`].
    pub const fn parameters(mut self, parameters: &'static [Parameter]) -> Self {
        self.parameters = parameters;
        self
    }

    /// Every comma separates arguments.
    pub const fn every_comma(mut self) -> Self {
        self.separator = abi::SEPARATOR_EVERY_COMMA;
        self
    }

    /// As [`Action::check`].
    pub const fn check(mut self, check: CheckFn) -> Self {
        self.check = Some(check);
        self
    }
}

/// The separator for so many parameters: one alone may hold anything.
pub(super) const fn separator(declared: u32, parameters: usize) -> u32 {
    if declared == abi::SEPARATOR_COMMAS && parameters < 2 {
        return abi::SEPARATOR_NONE;
    }
    declared
}

/// A kind of event that the module raises with [`Session::raise`](super::Session::raise); made by
/// [`event()`].
#[derive(Debug, Clone, Copy)]
pub struct Event {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
    pub(super) parameters: &'static [(&'static str, &'static str)],
}

/// A kind of event. The condition of its name asks for it, as in `quiz.answer(#key == 1)`.
pub const fn event(name: &'static str) -> Event {
    Event {
        name,
        doc: "",
        parameters: &[],
    }
}

impl Event {
    /// One or two sentences for the reference and the editor.
    pub const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }

    /// The name of each parameter, and what it tells.
    pub const fn parameters(mut self, parameters: &'static [(&'static str, &'static str)]) -> Self {
        self.parameters = parameters;
        self
    }
}

/// Who answers an INVITE that nobody has answered when its event is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteReply {
    /// The server, with 200 OK, as it does without the module.
    Server,
    /// The module or the script.
    Module,
}

/// Hears of an INVITE.
pub(super) type InviteFn = fn(&mut Context<'_>) -> Result<InviteReply, Failure>;
/// Changes a session description: the offer of the peer, if ours answers one, and ours; the answer
/// replaces ours.
pub(super) type OfferFn = fn(&mut Context<'_>, sdp: &str) -> Result<Option<String>, Failure>;
/// See [`OfferFn`].
pub(super) type AnswerFn =
    fn(&mut Context<'_>, offer: &str, sdp: &str) -> Result<Option<String>, Failure>;

/// What a module hears of sessions whose diagrams import it. A failure is logged and changes nothing
/// else. Hooks must not wait.
#[derive(Debug, Clone, Copy)]
pub struct Hooks {
    /// The session begins, before its first event.
    pub session_start: Option<HookFn>,
    /// The INVITE of a caller, before the `invite` event.
    pub invite: Option<InviteFn>,
    /// A request inside the dialog. Its parameters are those of `sipRequest`.
    pub request: Option<HookFn>,
    /// A response to a request of ours. Its parameters are those of `sipReply`.
    pub reply: Option<HookFn>,
    /// The session is over, after the `beforeDestroy` event.
    pub before_destroy: Option<HookFn>,
    /// Our offer, before it is sent. `Some` replaces it, but not its media sections. Of the session only
    /// [`Context::session`] is in reach.
    pub sdp_offer: Option<OfferFn>,
    /// The peer's offer and our answer, before it is sent; the same of the answer.
    pub sdp_answer: Option<AnswerFn>,
    /// Diagrams that the module brings, if `[dsm] preload` names it: asked at each load of the diagrams, by
    /// any thread. They are applications as all others. An error refuses the load, with this message.
    pub diagrams: Option<DiagramsFn>,
}

impl Hooks {
    /// Hears of nothing.
    pub const NONE: Self = Self {
        session_start: None,
        invite: None,
        request: None,
        reply: None,
        before_destroy: None,
        sdp_offer: None,
        sdp_answer: None,
        diagrams: None,
    };
}

/// All of a module; what [`export_module!`](crate::export_module) makes.
#[doc(hidden)]
#[derive(Debug)]
pub struct Declaration {
    pub name: &'static str,
    pub version: &'static str,
    pub doc: &'static str,
    pub load: Option<LoadFn>,
    pub actions: &'static [Action],
    pub conditions: &'static [Condition],
    pub events: &'static [Event],
    pub hooks: Hooks,
}
