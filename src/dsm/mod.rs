//! CORE: the state diagram language.
//!
//! The front end turns files into a [`StateDiagram`] and never stops at the first mistake: include
//! files and comment lines (`include`), tokens and tree (`syntax`), names and arguments (`check`).
//! The [`Engine`] runs a diagram: an event in, transitions and actions, until it is idle or an
//! action is not finished. What a diagram wants of the world goes through [`ActionContext`]; this
//! module knows no call, no socket and no clock. Only [`loader`] reads files.
//!
//! Values are text. Where the original language counts bytes, this one does too, but a position
//! inside a character means the start of that character.

mod action;
mod argument;
mod check;
mod comparison;
mod condition;
pub mod diagnostic;
mod engine;
mod event;
mod expr;
mod format;
pub mod graph;
mod host;
mod include;
mod list;
mod load;
pub mod loader;
pub mod module;
mod program;
mod registry;
pub mod sim;
pub mod source;
pub mod symbols;
mod syntax;
pub mod testing;
mod value;
pub mod vocabulary;

pub use action::{
    ConferenceAction, DialogAction, DialogCondition, FAMILIES, GroupAction, ModuleAction,
    ModuleCondition, MonitoringAction, RoomAction, SubscriptionAction, SysAction, SysCondition,
};
pub(crate) use action::{Outcome, Then, set_errno};
pub(crate) use argument::{Argument, Arguments, given};
pub use check::{NothingKnown, Resources};
pub use condition::{
    EventCondition, EventParameter, ValueCondition, event_condition, event_conditions, event_kind,
    event_kinds, event_name, value_condition,
};
pub use diagnostic::{Diagnostic, Severity};
pub use engine::{Engine, NotStartable, Progress};
pub use event::{Event, EventKind, Params};
pub use expr::SELECTS;
pub(crate) use expr::{Scope, Template, UnknownSelect};
pub use format::{FormatError, Refusal, format};
pub use host::{
    ActionContext, ActionError, ActionOutcome, ActionResult, Answer, B2bAction, BadOption,
    ConditionCall, DiCall, Errno, Exception, FileChoice, HostAction, LogLevel, ModuleCall,
    ObjectAction, Problem, ProblemKind, RecordOptions, Ringtone, Trace, TransitionRef, Verdict,
};
pub use include::join;
pub use load::{
    Checked, Loaded, LoadedSet, check_paths, check_paths_with, diagram_files, folder, load,
    load_set, stem,
};
pub(crate) use module::Takes;
pub use module::{ModuleSource, NoModule};
pub use program::{DiagramSet, StateDiagram};
pub(crate) use registry::{Kind, Parameter, Role, Second, Separator};
pub use registry::{Module, ModuleArguments, Presence, Registry, Signature};
pub use source::SourceProvider;
pub use syntax::KEYWORDS;
pub use value::{MAX_VALUE_BYTES, MAX_VALUES, TooManyValues, Values};
