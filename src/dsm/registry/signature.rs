//! What an action or condition is called, what it takes, and what the check and the reference have to know of it.
//!
//! The tables of [`action`](crate::dsm::action) are made of [`plain`] and [`takes`], of parameters that are
//! [`need`]ed, that [`may`] be left out, or that come [`any`] number of times.

use std::borrow::Cow;
use std::sync::Arc;

use crate::dsm::action::{Outcome, Run};
use crate::dsm::diagnostic::Code;
use crate::dsm::module::{ActionCode, Example};

/// An action: its name, what it takes, what it does.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Name as written in a diagram.
    pub name: Cow<'static, str>,
    /// One line for the reference.
    pub doc: &'static str,
    /// What stands between its arguments.
    pub(in crate::dsm) separator: Separator,
    pub(in crate::dsm) parameters: &'static [Parameter],
    pub(in crate::dsm) role: Role,
    pub(in crate::dsm) run: Run,
    /// A finding for each use, and what it says.
    pub(in crate::dsm) remark: Option<(Code, &'static str)>,
    /// The module it belongs to; `None` for the core.
    pub(in crate::dsm) module: Option<Arc<str>>,
    /// A hang-up gives it up while it is pending, with the rest of its list.
    pub(in crate::dsm) cancellable: bool,
    /// The types of the exceptions it throws, with their parameters, such as `file #path`.
    pub throws: &'static [&'static str],
    /// The values `$errno` may get; `Some` also means that success clears it.
    pub errno: Option<&'static [&'static str]>,
    /// The variables that get its results, besides those its arguments name.
    pub sets: &'static [&'static str],
    /// Whether this version of the server has it; if not, it throws.
    pub is_available: bool,
    /// What a loaded module does for it.
    pub(in crate::dsm) code: Option<&'static dyn ActionCode>,
    /// How it is used, with what that leads to.
    pub examples: &'static [Example],
}

/// One parameter of an action.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    /// All further arguments are of this kind too.
    pub repeated: bool,
}

/// What the text of an argument means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Literal or whole-argument reference.
    Value,
    /// The same, naming an audio file that is read.
    AudioFile,
    /// The same, naming an audio file that is written.
    NewFile,
    /// The same, the options of a recording.
    RecordOptions,
    /// The same, naming a prompt.
    Prompt,
    /// The same, the id of a timer that is set.
    Timer,
    /// The same, naming a diagram.
    Diagram,
    /// The same, holding a `;` list of variable names.
    Names,
    /// The same, giving the name of a variable.
    NameValue,
    /// The same, giving what the names of variables begin with, one of which is assigned.
    NamePrefix,
    /// The same for a name that is usually computed, of a variable that is assigned.
    TargetValue,
    /// Exactly `true`, also as `name=true`.
    Flag(&'static str),
    /// The name of a variable that is assigned, with or without `$`.
    Name,
    /// The name of a variable that is removed.
    Removed,
    /// The name of an array or a struct that is read or removed.
    Collection,
    /// The same, or `#` and the name of a parameter.
    Target,
    /// Text with references inside.
    Template,
    /// The same for a module, where only what is a select is taken for one.
    ModuleText,
    /// A statement of a database, where values of references are bound or escaped.
    Sql,
    /// The argument of `eval`.
    Sum,
    /// `key=value;key=value`.
    Pairs,
    /// `search=>replacement`, where each side is text or, behind `$`, a variable.
    Replacement,
    /// A name that is taken as written.
    Literal,
    /// Code of another language, whose quotes are its own.
    Code,
    /// An argument of `DI`.
    Di,
}

/// What stands between the arguments of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// At most one argument, which may hold anything.
    None,
    /// The first `=`; two arguments.
    Equals,
    /// A comma; this many arguments, the last may hold commas.
    Commas(usize),
    /// The same, where a comma in parentheses separates nothing: the rule of modules.
    OuterCommas(usize),
    /// Every comma.
    EveryComma,
    /// The last comma behind which a second argument can stand: one word, or only a number or reference.
    LastComma(Second),
}

impl Separator {
    /// What separates these where nothing else is said: commas outside parentheses and quotes.
    pub(in crate::dsm) const fn between(parameters: &[Parameter]) -> Self {
        match parameters.len() {
            0 | 1 => Separator::None,
            count => Separator::OuterCommas(count),
        }
    }
}

/// What can stand behind the last comma of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// A number or a reference.
    Number,
    /// One word, such as the name of a file.
    Word,
}

/// What the check has to know about an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Plain,
    /// Writes to the log.
    Log,
    /// Assigns variables that only its result or its text names.
    AssignsAny,
    /// Assigns a text in which nothing can end a quoted text of SQL.
    Escapes,
    Break,
    Repost,
    /// `throw`.
    Throw,
    /// `stop`.
    Stop,
    /// `callFSM`.
    Call,
    /// `jumpFSM`.
    Jump,
    /// `returnFSM`.
    Return,
}

impl Signature {
    /// The names of its parameters, and whether each has to be written.
    pub fn parameter_names(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let parameters = self.parameters.iter();
        parameters.map(|parameter| (parameter.name, parameter.required))
    }

    /// What stands between two of its arguments.
    pub fn separator_text(&self) -> &'static str {
        match self.separator {
            Separator::Equals => "=",
            _ => ", ",
        }
    }

    /// What does it.
    pub(crate) fn run(&self) -> Run {
        self.run
    }

    /// What is said about each use of it, such as that the name is an old one.
    pub fn remark_text(&self) -> Option<&'static str> {
        self.remark.map(|(_, message)| message)
    }

    /// The module it belongs to; `None` for the core.
    pub fn module(&self) -> Option<&str> {
        self.module.as_deref()
    }

    /// How it is written, such as `playFile(path[, loop])`.
    pub fn usage(&self) -> String {
        let sign = self.separator_text();
        let mut usage = format!("{}(", self.name);
        for (index, parameter) in self.parameters.iter().enumerate() {
            let sign = if index > 0 { sign } else { "" };
            let more = if parameter.repeated { ", .." } else { "" };
            usage += &match parameter.required {
                true => format!("{sign}{}", parameter.name),
                false => format!("[{sign}{}{more}]", parameter.name),
            };
        }
        usage + ")"
    }

    pub(in crate::dsm) const fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    pub(in crate::dsm) const fn throws(mut self, types: &'static [&'static str]) -> Self {
        self.throws = types;
        self
    }

    pub(in crate::dsm) const fn errno(mut self, values: &'static [&'static str]) -> Self {
        self.errno = Some(values);
        self
    }

    pub(in crate::dsm) const fn sets(mut self, variables: &'static [&'static str]) -> Self {
        self.sets = variables;
        self
    }

    /// It can be written, but this version of the server does not have it.
    pub(in crate::dsm) const fn unavailable(mut self) -> Self {
        self.is_available = false;
        self
    }

    /// A hang-up does not wait for it.
    pub(in crate::dsm) const fn cancellable(mut self) -> Self {
        self.cancellable = true;
        self
    }

    pub(in crate::dsm) const fn remark(mut self, code: Code, message: &'static str) -> Self {
        self.remark = Some((code, message));
        self
    }
}

/// A row of a table of actions that take nothing.
pub(in crate::dsm) const fn plain(name: &'static str, run: Run, doc: &'static str) -> Signature {
    takes(name, Separator::None, &[], run, doc)
}

/// A row of a table of actions.
pub(in crate::dsm) const fn takes(
    name: &'static str,
    separator: Separator,
    parameters: &'static [Parameter],
    run: Run,
    doc: &'static str,
) -> Signature {
    Signature {
        name: Cow::Borrowed(name),
        doc,
        separator,
        parameters,
        role: Role::Plain,
        run,
        remark: None,
        module: None,
        cancellable: false,
        throws: &[],
        errno: None,
        sets: &[],
        is_available: true,
        code: None,
        examples: &[],
    }
}

/// A row of a table of conditions, which nothing runs.
pub(in crate::dsm) const fn asks(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Signature {
    row(name, parameters, |_, _| Ok(Outcome::Next), doc)
}

/// A row of a table of a module, with [`Separator::between`] its arguments.
pub(in crate::dsm) const fn row(
    name: &'static str,
    parameters: &'static [Parameter],
    run: Run,
    doc: &'static str,
) -> Signature {
    takes(name, Separator::between(parameters), parameters, run, doc)
}

/// A parameter that has to be written.
pub(in crate::dsm) const fn need(name: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        kind,
        required: true,
        repeated: false,
    }
}

/// A parameter that may be left out.
pub(in crate::dsm) const fn may(name: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        kind,
        required: false,
        repeated: false,
    }
}

/// The last parameter, any number of times.
pub(in crate::dsm) const fn any(name: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        kind,
        required: false,
        repeated: true,
    }
}
