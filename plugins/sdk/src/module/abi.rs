//! The contract of action modules as C sees it. `include/muleteer_module.h` says the same and
//! explains each function; a test compares the two.

use std::ffi::c_void;

pub use crate::abi::{Message, Text};

/// Modules of another major version are refused.
pub const ABI_MAJOR: u16 = 1;
/// Counts additions at the end of structures.
pub const ABI_MINOR: u16 = 1;
/// The name of the exported function, an [`Entry`]. The other one that a server looks for is
/// [`ENTRY_PREFIX`] and the name of the module, which is what
/// [`export_module!`](crate::export_module) exports.
pub const ENTRY: &str = "muleteer_module";
/// See [`ENTRY`].
pub const ENTRY_PREFIX: &str = "muleteer_";
/// Most elements of each table of a module, an action or a condition.
pub const MAX_ENTRIES: usize = 1_000;

/// What an action, a condition or a resumed action answers.
pub type Status = i32;
/// It is done.
pub const DONE: Status = 0;
/// Of a condition: it holds.
pub const TRUE: Status = 1;
/// Of a condition: it does not hold.
pub const FALSE: Status = 0;
/// `complete` will bring the end, also that of a condition; only after `pend`.
pub const PENDING: Status = 2;
/// The outcome is that of the action given to `tail` or `play`.
pub const TAIL: Status = 3;
/// `fail` has told why.
pub const FAILED: Status = 4;
/// `raise_exception` has told what.
pub const THROWN: Status = 5;
/// Leave the innermost loop, or the list.
pub const BREAK: Status = 6;
/// Process the event again after the transition.
pub const REPOST: Status = 7;
/// Go back to the diagram that called this one.
pub const RETURN: Status = 8;
/// Go to the diagram named by `flow`.
pub const JUMP: Status = 9;
/// Call the diagram named by `flow`.
pub const CALL: Status = 10;

/// What a host function answers that has no other result.
pub type Code = i32;
/// It worked.
pub const OK: Code = 0;
/// There is no such value, action, session or event.
pub const UNKNOWN: Code = -1;
/// More values than a session may hold.
pub const TOO_MANY: Code = -2;
/// Not in this place: a value that cannot be set, an event without parameters, a call that is over.
pub const NOT_HERE: Code = -3;
/// The action would wait; use `tail`.
pub const WAITS: Code = -4;
/// The action failed or threw; [`OUTCOME`] says how.
pub const UNSUCCESSFUL: Code = -5;
/// A text that is not UTF-8, a null pointer, a table that breaks the contract.
pub const INVALID: Code = -6;

/// Where a value is.
pub type ScopeKind = u32;
/// A variable `$name` of the session.
pub const VARIABLE: ScopeKind = 0;
/// A parameter `#name` of the event.
pub const PARAM: ScopeKind = 1;
/// A select `@name`. Cannot be set.
pub const SELECT: ScopeKind = 2;
/// A header of the SIP message that the event is about. Cannot be set.
pub const HEADER: ScopeKind = 3;
/// The body of a SIP message: of the event's own for an empty name, else of the message object of
/// that name. Cannot be set.
pub const BODY: ScopeKind = 4;
/// How the action went that this one waited for: `errno` and `strerror`, or the parameters of the
/// exception with its `type`; nothing if it worked. Cannot be set.
pub const OUTCOME: ScopeKind = 5;
/// `session`: its id. `event`: the condition that names the event. Cannot be set.
pub const FACT: ScopeKind = 6;

/// Literal, or one reference as a whole, which the host resolves.
pub const KIND_VALUE: u32 = 0;
/// The name of a variable; a leading `$` is dropped.
pub const KIND_NAME: u32 = 1;
/// The name of a variable that a value gives; for `$name` without value, `name` itself.
pub const KIND_NAME_VALUE: u32 = 2;
/// The same, what the names of several variables begin with.
pub const KIND_NAME_PREFIX: u32 = 3;
/// Text as written.
pub const KIND_LITERAL: u32 = 4;
/// Text with references inside, which the host resolves.
pub const KIND_TEMPLATE: u32 = 5;
/// The same, not resolved: the module sees `$name`, and resolves it with `resolve` or by itself.
pub const KIND_RAW: u32 = 6;
/// The same, a statement of a database: a check looks at its references.
pub const KIND_SQL: u32 = 7;
/// `true`, also written `name=true`.
pub const KIND_FLAG: u32 = 8;
/// As [`KIND_VALUE`], naming an audio file that is read.
pub const KIND_AUDIO_FILE: u32 = 9;
/// As [`KIND_VALUE`], naming an audio file that is written.
pub const KIND_NEW_FILE: u32 = 10;
/// A `;` list of variable names, or a value that holds one.
pub const KIND_NAMES: u32 = 11;
/// The name of an array or struct that is read or removed.
pub const KIND_COLLECTION: u32 = 12;
/// Code of another language, as written: its quotes are its own. Since 1.1.
pub const KIND_CODE: u32 = 13;

/// [`Parameter::flags`]: it has to be written.
pub const PARAMETER_REQUIRED: u32 = 1;
/// [`Parameter::flags`]: all further arguments are of this kind too.
pub const PARAMETER_REPEATED: u32 = 2;

/// [`Action::separator`]: at most one argument, which may hold anything.
pub const SEPARATOR_NONE: u32 = 0;
/// [`Action::separator`]: the first `=`; two arguments.
pub const SEPARATOR_EQUALS: u32 = 1;
/// [`Action::separator`]: a comma; one argument for each parameter, the last may hold commas.
pub const SEPARATOR_COMMAS: u32 = 2;
/// [`Action::separator`]: every comma.
pub const SEPARATOR_EVERY_COMMA: u32 = 3;
/// The last comma outside quotes and parentheses, if what follows can be the second of two arguments: one
/// word if it is required, else a number or a reference. So a statement of SQL may hold commas.
pub const SEPARATOR_LAST_COMMA: u32 = 4;

/// [`Action::flags`]: success clears `$errno` and `$strerror`, which the host does.
pub const ACTION_SETS_ERRNO: u32 = 1;
/// [`Action::flags`]: a hang-up gives it up while it is pending.
pub const ACTION_CANCELLABLE: u32 = 2;
/// [`Action::flags`]: it assigns variables that neither its arguments nor `sets` name.
pub const ACTION_ASSIGNS_ANY: u32 = 4;
/// [`Action::flags`]: it assigns a text in which nothing can end a quoted text of SQL.
pub const ACTION_ESCAPES: u32 = 8;

/// [`Audio::flags`]: again and again.
pub const AUDIO_LOOPED: u32 = 1;
/// [`Audio::flags`]: before everything else in the playlist.
pub const AUDIO_FRONT: u32 = 2;

/// Levels of `log`.
pub const LOG_ERROR: u32 = 0;
/// See [`LOG_ERROR`].
pub const LOG_WARNING: u32 = 1;
/// See [`LOG_ERROR`].
pub const LOG_INFO: u32 = 2;
/// See [`LOG_ERROR`].
pub const LOG_DEBUG: u32 = 3;

/// Text that borrows nothing longer than the call it is given to; its null pointer means: not there.
pub const ABSENT: Text = Text {
    ptr: std::ptr::null(),
    len: 0,
};

/// A session at one moment; valid during the call it is given to, on its thread only.
#[repr(C)]
pub struct Call {
    _opaque: [u8; 0],
}

/// A name and its value.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Pair {
    pub name: Text,
    pub value: Text,
}

/// A parameter of an action or condition.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Parameter {
    pub name: Text,
    pub kind: u32,
    pub flags: u32,
}

/// A snippet of a diagram that shows an action, and what it leaves in variables.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Example {
    pub code: Text,
    pub expect: *const Pair,
    pub expect_count: usize,
}

/// Does an action. `args` has an element for each parameter, one that was not written is
/// [`ABSENT`], and more for a repeated one.
pub type Run = unsafe extern "C" fn(
    this: *mut c_void,
    call: *mut Call,
    args: *const Text,
    count: usize,
) -> Status;

/// What is wrong with arguments.
#[repr(C)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Finding {
    pub text: Message,
    pub argument: usize,
    pub at: usize,
}

/// Looks at arguments when a diagram is loaded: [`OK`], or anything else and a finding. One that is not
/// written, or not known before the diagram runs, is [`ABSENT`].
pub type Check = unsafe extern "C" fn(
    this: *mut c_void,
    args: *const Text,
    count: usize,
    finding: *mut Finding,
) -> Code;

/// One action.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Action {
    pub size: u32,
    pub separator: u32,
    pub flags: u32,
    pub reserved: u32,
    pub name: Text,
    pub doc: Text,
    pub parameters: *const Parameter,
    pub parameter_count: usize,
    pub throws: *const Text,
    pub throws_count: usize,
    pub errnos: *const Text,
    pub errno_count: usize,
    pub sets: *const Text,
    pub sets_count: usize,
    pub examples: *const Example,
    pub example_count: usize,
    pub this: *mut c_void,
    pub run: Option<Run>,
    // Since 1.1.
    pub check: Option<Check>,
}

/// One condition.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Condition {
    pub size: u32,
    pub separator: u32,
    pub name: Text,
    pub doc: Text,
    pub parameters: *const Parameter,
    pub parameter_count: usize,
    pub this: *mut c_void,
    pub test: Option<Run>,
    // Since 1.1.
    pub check: Option<Check>,
}

/// One kind of event that the module raises. `parameters`: names, and what each tells.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Event {
    pub size: u32,
    pub reserved: u32,
    pub name: Text,
    pub doc: Text,
    pub parameters: *const Pair,
    pub parameter_count: usize,
}

/// Begins the module: [`OK`], or anything else and a message.
pub type Load =
    unsafe extern "C" fn(this: *mut c_void, host: *const Host, problem: *mut Message) -> Code;
/// Hears of a session.
pub type Hook = unsafe extern "C" fn(this: *mut c_void, call: *mut Call) -> Status;
/// Sees our session description before it is sent.
pub type OfferHook = unsafe extern "C" fn(this: *mut c_void, call: *mut Call, sdp: Text) -> Status;
/// Sees the peer's offer and our answer before it is sent.
pub type AnswerHook =
    unsafe extern "C" fn(this: *mut c_void, call: *mut Call, offer: Text, sdp: Text) -> Status;

/// Takes the name and the text of each diagram that the module brings.
pub type Diagrams = unsafe extern "C" fn(
    this: *mut c_void,
    sink: Sink,
    user: *mut c_void,
    problem: *mut Message,
) -> Code;

/// What the module wants to hear of; each may be missing.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Hooks {
    pub size: u32,
    pub reserved: u32,
    pub this: *mut c_void,
    pub load: Option<Load>,
    pub session_start: Option<Hook>,
    pub invite: Option<Hook>,
    pub request: Option<Hook>,
    pub reply: Option<Hook>,
    pub before_destroy: Option<Hook>,
    pub sdp_offer: Option<OfferHook>,
    pub sdp_answer: Option<AnswerHook>,
    // Since 1.1.
    pub diagrams: Option<Diagrams>,
}

/// What the exported function gives.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Module {
    pub size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    pub name: Text,
    pub version: Text,
    pub doc: Text,
    pub actions: *const *const Action,
    pub action_count: usize,
    pub conditions: *const *const Condition,
    pub condition_count: usize,
    pub events: *const *const Event,
    pub event_count: usize,
    pub hooks: *const Hooks,
}

/// A file in memory that is played.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Audio {
    pub size: u32,
    pub flags: u32,
    pub name: Text,
    pub bytes: *const u8,
    pub len: usize,
}

/// The exported function.
pub type Entry = unsafe extern "C" fn() -> *const Module;
/// Takes one value; false: no more are wanted.
pub type Sink = unsafe extern "C" fn(user: *mut c_void, name: Text, value: Text) -> bool;
/// Goes on with an action on its session.
pub type Resume = unsafe extern "C" fn(call: *mut Call, data: *mut c_void) -> Status;
/// Frees what was given away.
pub type Drop = unsafe extern "C" fn(data: *mut c_void);
/// Nobody waits any more for what this handle is to bring.
pub type Cancel = unsafe extern "C" fn(handle: u64);

/// What the server does for a module.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "explained in the header")]
pub struct Host {
    pub size: u32,
    pub abi_major: u16,
    pub abi_minor: u16,
    // From any thread.
    pub config: unsafe extern "C" fn(host: *const Host) -> Text,
    pub log: unsafe extern "C" fn(host: *const Host, level: u32, text: Text),
    pub complete: unsafe extern "C" fn(
        host: *const Host,
        handle: u64,
        resume: Resume,
        data: *mut c_void,
        drop: Option<Drop>,
    ) -> bool,
    pub post: unsafe extern "C" fn(
        host: *const Host,
        session: Text,
        params: *const Pair,
        count: usize,
    ) -> Code,
    pub raise_event: unsafe extern "C" fn(
        host: *const Host,
        session: Text,
        event: Text,
        params: *const Pair,
        count: usize,
    ) -> Code,
    // With a live call.
    pub get: unsafe extern "C" fn(
        call: *mut Call,
        scope: ScopeKind,
        name: Text,
        value: *mut Text,
    ) -> bool,
    pub set:
        unsafe extern "C" fn(call: *mut Call, scope: ScopeKind, name: Text, value: Text) -> Code,
    pub remove: unsafe extern "C" fn(call: *mut Call, scope: ScopeKind, name: Text) -> Code,
    pub remove_prefix:
        unsafe extern "C" fn(call: *mut Call, scope: ScopeKind, prefix: Text) -> Code,
    pub each: unsafe extern "C" fn(
        call: *mut Call,
        scope: ScopeKind,
        prefix: Text,
        sink: Sink,
        user: *mut c_void,
    ) -> Code,
    pub resolve: unsafe extern "C" fn(call: *mut Call, template: Text, value: *mut Text) -> Code,
    pub fail: unsafe extern "C" fn(call: *mut Call, errno: Text, text: Text),
    pub raise_exception:
        unsafe extern "C" fn(call: *mut Call, kind: Text, params: *const Pair, count: usize),
    pub flow: unsafe extern "C" fn(call: *mut Call, diagram: Text),
    pub pend:
        unsafe extern "C" fn(call: *mut Call, deadline_ms: u64, cancel: Option<Cancel>) -> u64,
    pub perform: unsafe extern "C" fn(
        call: *mut Call,
        action: Text,
        args: *const Text,
        count: usize,
    ) -> Code,
    pub tail: unsafe extern "C" fn(
        call: *mut Call,
        action: Text,
        args: *const Text,
        count: usize,
        resume: Option<Resume>,
        data: *mut c_void,
        drop: Option<Drop>,
    ) -> Code,
    pub play: unsafe extern "C" fn(
        call: *mut Call,
        audio: *const Audio,
        resume: Option<Resume>,
        data: *mut c_void,
        drop: Option<Drop>,
    ) -> Code,
    pub object_set: unsafe extern "C" fn(
        call: *mut Call,
        name: Text,
        object: *mut c_void,
        tag: u64,
        drop: Option<Drop>,
    ) -> Code,
    pub object_get: unsafe extern "C" fn(call: *mut Call, name: Text, tag: u64) -> *mut c_void,
    pub object_remove: unsafe extern "C" fn(call: *mut Call, name: Text) -> Code,
    pub replace_sdp: unsafe extern "C" fn(call: *mut Call, sdp: Text) -> Code,
}

// SAFETY: the structures are constant once they are given out, and their functions say on which
// threads they may be called.
unsafe impl Send for Action {}
// SAFETY: as above.
unsafe impl Sync for Action {}
// SAFETY: as above.
unsafe impl Send for Condition {}
// SAFETY: as above.
unsafe impl Sync for Condition {}
// SAFETY: as above.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}
// SAFETY: as above.
unsafe impl Send for Hooks {}
// SAFETY: as above.
unsafe impl Sync for Hooks {}
// SAFETY: as above.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}
// SAFETY: as above.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}
