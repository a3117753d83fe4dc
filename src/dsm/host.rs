//! The border between the engine and whatever it runs in: a call, a system diagram, a test.
//!
//! The engine does nothing to the world itself. It hands each [`HostAction`], with all values
//! already resolved, to an [`ActionContext`], which does it at once, fails, or says that it will
//! answer later.

mod name;
mod recording;

use std::borrow::Cow;
use std::fmt;

pub use recording::{BadOption, RecordOptions};

use super::module::{MemoryFile, MessagePart, Objects, Resumption, Ticket};
use super::source::Location;
use super::value::{TooManyValues, Values};

/// What a diagram asks of its host. Times are in milliseconds unless the name says seconds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum HostAction {
    /// Put a file into the playlist. Fails with [`Exception::file`].
    PlayFile {
        /// Path as written.
        path: String,
        /// Repeat for ever.
        looped: bool,
        /// Before everything else instead of at the end.
        front: bool,
    },
    /// Put files into the playlist, in order: all, or none if one cannot be opened. Fails with
    /// [`Exception::file`].
    PlayFiles(Vec<FileChoice>),
    /// Put a prompt of the active set into the playlist. Fails with [`Exception::prompt`].
    PlayPrompt {
        /// Name of the prompt.
        name: String,
        /// Repeat for ever.
        looped: bool,
        /// Before everything else instead of at the end.
        front: bool,
    },
    /// Put silence into the playlist.
    PlaySilence {
        /// How long, in milliseconds.
        milliseconds: i64,
        /// Before everything else instead of at the end.
        front: bool,
    },
    /// Put a ring tone into the playlist.
    PlayRingtone(Ringtone),
    /// Record the call. Fails with [`Exception::file`].
    RecordFile {
        /// Path as written.
        path: String,
        /// What is recorded and how long.
        options: RecordOptions,
    },
    /// Leave out (true) or record again (false) what comes. Fails with [`Errno::SCRIPT`] if there is no
    /// recording.
    PauseRecord(bool),
    /// End the recording. Fails with [`Errno::SCRIPT`] if there is none.
    StopRecord,
    /// Milliseconds recorded so far, as [`Answer::Value`]. Fails with [`Errno::SCRIPT`].
    GetRecordLength,
    /// Bytes recorded so far, as [`Answer::Value`]. Fails with [`Errno::SCRIPT`].
    GetRecordDataSize,
    /// Empty the playlist without raising `noAudio`.
    FlushPlaylist,
    /// Put a mark into the playlist that raises `separator`.
    AddSeparator {
        /// The `#id` of the event.
        id: u32,
        /// Before everything else instead of at the end.
        front: bool,
    },
    /// Connect the playlist to input and output of the session.
    SetInOutPlaylist,
    /// Connect the playlist to the input of the session.
    SetInputPlaylist,
    /// Connect the playlist to the output of the session.
    SetOutputPlaylist,
    /// Playlist as output, as input if there is none, and start media.
    ConnectMedia,
    /// Stop media.
    DisconnectMedia,
    /// Stop (true) or resume (false) sending RTP.
    SetMuted(bool),
    /// Process received RTP or not.
    SetReceiving(bool),
    /// Process telephone events even when not receiving.
    SetForceDtmfReceiving(bool),
    /// Raise `key` events or not.
    SetDtmfDetection(bool),
    /// Watch for RTP timeout or not.
    MonitorRtpTimeout(bool),
    /// Send telephone events one after the other.
    SendDtmf {
        /// Event codes 0..=17; those above 15 are no keys.
        events: Vec<u8>,
        /// Duration of each, in milliseconds.
        milliseconds: u32,
    },
    /// Select the active prompt set. Fails with [`Exception::prompt`].
    SetPrompts {
        /// Name of the set.
        set: String,
    },
    /// Start or restart a timer; 0 fires at once.
    SetTimer {
        /// The `#id` of the event.
        id: u32,
        /// Whole seconds from now.
        seconds: u32,
    },
    /// Stop a timer.
    RemoveTimer {
        /// Its id.
        id: u32,
    },
    /// Stop all timers of the session.
    RemoveTimers,
    /// End the session after the current batch of events.
    Stop {
        /// Send BYE (or 487, or CANCEL) at once.
        bye: bool,
    },
    /// Send an event to a session or queue. Fails with [`Errno::ARG`] if there is none.
    PostEvent {
        /// Id of the session, or name of the queue.
        session: String,
        /// Parameters of the event.
        params: Values,
    },
    /// Send an event to the other members of a group. Fails with [`Errno::ARG`] if nobody gets it.
    PostToGroup {
        /// The group.
        group: String,
        /// Parameters of the event.
        params: Values,
    },
    /// Make this session reachable under one more name.
    RegisterEventQueue {
        /// The name.
        name: String,
    },
    /// Undo that.
    UnregisterEventQueue {
        /// The name.
        name: String,
    },
    /// Start a diagram without a call. Fails with [`Exception::core`].
    CreateSystemDsm {
        /// `main` or the name of a bundle.
        configuration: String,
        /// The diagram.
        diagram: String,
    },
    /// Tie, untie or free an object of a module. Fails with [`Errno::ARG`] if there is none.
    Object(ObjectAction, String),
    /// A second leg. A host without one fails with [`Exception::script`].
    B2b(B2bAction),
    /// Call a function of another component; the result comes as [`Answer::Value`].
    Di(DiCall),
    /// An action of a module.
    Module(ModuleCall),
    /// Put a file that is in memory into the playlist. Fails with [`Exception::file`].
    PlayMemory {
        /// The file.
        file: MemoryFile,
        /// Repeat for ever.
        looped: bool,
        /// Before everything else instead of at the end.
        front: bool,
    },
    /// Wait for work of a loaded module; gives [`Answer::Resume`].
    Wait(Ticket),
}

/// A file to be played, and perhaps another one if it cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChoice {
    /// Path of the first, which exceptions tell.
    pub path: String,
    /// Path of the other.
    pub otherwise: Option<String>,
}

/// A ring tone; times in milliseconds, frequencies in hertz.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ringtone {
    /// Whole length; 0 is endless.
    pub length: i64,
    /// Time the tone is on.
    pub on: i64,
    /// Time the tone is off.
    pub off: i64,
    /// First frequency.
    pub f: i64,
    /// Second frequency; 0 is none.
    pub f2: i64,
    /// Before everything else in the playlist.
    pub front: bool,
}

/// What to do with the object of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectAction {
    /// Free it when the session ends.
    Track,
    /// Do not free it when the session ends.
    Release,
    /// Free it now.
    Free,
}

/// Actions on the second leg of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum B2bAction {
    /// Invite the callee.
    ConnectCallee {
        /// To header.
        party: String,
        /// Request URI.
        uri: String,
        /// Pass the INVITE through.
        relayed: bool,
    },
    /// End the second leg.
    TerminateOtherLeg,
    /// Re-INVITE on the first leg.
    SendReinvite {
        /// With fresh SDP.
        updated: bool,
        /// Extra headers.
        headers: String,
    },
    /// Pass requests end to end, or handle them here.
    SetRelayOnly(bool),
    /// Pass early SDP of the second leg to the first.
    EnableEarlyMediaRelay(bool),
    /// Add a header line to the second leg's INVITE.
    AddHeader(String),
    /// Remove headers of that name.
    RemoveHeader(String),
    /// Remove all extra headers.
    ClearHeaders,
    /// Replace all extra headers.
    SetHeaders {
        /// Header lines.
        headers: String,
        /// Read the four characters `\r\n` as line break.
        replace: bool,
    },
    /// Send `B2Bevent` to the other leg.
    RelayEvent(Values),
}

/// A call into another component.
#[derive(Clone, Debug, PartialEq)]
pub struct DiCall {
    /// Name of the component.
    pub factory: String,
    /// Name of the function.
    pub function: String,
    /// Its arguments.
    pub arguments: Vec<serde_json::Value>,
}

/// An action or condition of a module with its arguments resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleCall {
    /// Module as imported, such as `mod_conference`.
    pub module: String,
    /// Full name, such as `conference.join`.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// What became of a [`HostAction`].
#[derive(Clone, Debug, PartialEq)]
pub enum ActionOutcome {
    /// It is over.
    Done(ActionResult),
    /// The engine stops here until [`Engine::resume`](super::Engine::resume) brings the result.
    Pending,
}

impl ActionOutcome {
    /// It worked and has nothing to tell.
    pub const fn done() -> Self {
        ActionOutcome::Done(Ok(Answer::Nothing))
    }
}

/// What became of a condition of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Whether it holds.
    Known(bool),
    /// The engine stops here until [`Engine::resume`](super::Engine::resume) brings a boolean; whatever
    /// else it brings, the condition does not hold.
    Pending,
}

/// The result of an action.
pub type ActionResult = Result<Answer, ActionError>;

/// What a successful action brings back.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Answer {
    /// Nothing.
    #[default]
    Nothing,
    /// A value, for the actions that store one.
    Value(serde_json::Value),
    /// Variables to assign.
    Assign(Vec<(String, String)>),
    /// Code of a module that goes on with the action.
    Resume(Resumption),
}

/// How an action failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The script learns it from `$errno` and `$strerror`.
    #[error("{errno}: {text}")]
    Errno {
        /// Word for `$errno`.
        errno: Errno,
        /// Text for `$strerror`.
        text: String,
    },
    /// The action list ends; an exception transition may go on.
    #[error(transparent)]
    Exception(#[from] Exception),
}

impl ActionError {
    /// A failure the script learns from `$errno`.
    pub fn errno(errno: Errno, text: impl Into<String>) -> Self {
        ActionError::Errno {
            errno,
            text: text.into(),
        }
    }
}

impl From<ActionError> for ActionOutcome {
    fn from(error: ActionError) -> Self {
        ActionOutcome::Done(Err(error))
    }
}

/// A word for `$errno`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errno(pub Cow<'static, str>);

impl Errno {
    /// A file.
    pub const FILE: Errno = Errno(Cow::Borrowed("file"));
    /// An unknown or bad argument.
    pub const ARG: Errno = Errno(Cow::Borrowed("arg"));
    /// An action out of place.
    pub const SCRIPT: Errno = Errno(Cow::Borrowed("script"));
    /// Configuration, or a missing component.
    pub const CONFIG: Errno = Errno(Cow::Borrowed("config"));
    /// Internal.
    pub const INTERNAL: Errno = Errno(Cow::Borrowed("internal"));
    /// Anything else.
    pub const GENERAL: Errno = Errno(Cow::Borrowed("general"));
    /// The dialog.
    pub const DLG: Errno = Errno(Cow::Borrowed("dlg"));
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An exception of the language: a type and what the thrower adds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exception '{}'", self.kind())]
pub struct Exception {
    params: Values,
}

impl Exception {
    /// An exception of this type.
    pub fn new(kind: &str) -> Self {
        Self {
            params: Values::new().with("type", kind),
        }
    }

    /// Adds a parameter.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params = self.params.with(name, value);
        self
    }

    /// A file that cannot be opened.
    pub fn file(path: &str) -> Self {
        Self::new("file").with("path", path)
    }

    /// A prompt or prompt set that does not exist.
    pub fn prompt(name: &str) -> Self {
        Self::new("prompt").with("name", name)
    }

    /// A bad number, or a function that is not available here.
    pub fn core(cause: impl Into<String>) -> Self {
        Self::new("core").with("cause", cause)
    }

    /// An action out of place.
    pub fn script(cause: impl Into<String>) -> Self {
        Self::new("script").with("cause", cause)
    }

    /// The `#type` of the exception.
    pub fn kind(&self) -> &str {
        self.params.get("type").unwrap_or("")
    }

    /// Its `#cause`, if it has one.
    pub fn cause(&self) -> Option<&str> {
        self.params.get("cause")
    }

    /// The parameters its handlers see.
    pub fn params(&self) -> &Values {
        &self.params
    }

    /// The parameters its handlers see.
    pub fn into_params(self) -> Values {
        self.params
    }
}

impl From<TooManyValues> for Exception {
    fn from(error: TooManyValues) -> Self {
        Exception::core(error.to_string())
    }
}

/// Levels of `log` and its relatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// 0.
    Error,
    /// 1.
    Warning,
    /// 2.
    Info,
    /// 3 and above.
    Debug,
}

impl From<u32> for LogLevel {
    fn from(level: u32) -> Self {
        match level {
            0 => LogLevel::Error,
            1 => LogLevel::Warning,
            2 => LogLevel::Info,
            _ => LogLevel::Debug,
        }
    }
}

/// A step of the engine, for tests, live diagrams and monitoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace<'a> {
    /// All conditions of this transition hold.
    Transition(TransitionRef<'a>),
    /// The state became current.
    State {
        /// Diagram.
        diagram: &'a str,
        /// State.
        state: &'a str,
    },
    /// `returnFSM` made a saved state current again.
    Return {
        /// Diagram.
        diagram: &'a str,
        /// State.
        state: &'a str,
    },
    /// An exception of this type reached the engine.
    Exception(&'a str),
}

/// A transition as it leaves one state. Names need not be unique; state and index are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransitionRef<'a> {
    /// Diagram.
    pub diagram: &'a str,
    /// The state it leaves.
    pub state: &'a str,
    /// Its place among the transitions of the state, from 0.
    pub index: usize,
    /// Its name as written.
    pub name: &'a str,
}

/// Where something went wrong while a diagram ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Diagram.
    pub diagram: String,
    /// Current state.
    pub state: String,
    /// The action that was running, if one was.
    pub at: Option<Location>,
    /// What went wrong.
    pub kind: ProblemKind,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{}:{}: ", at.path, at.line)?;
        }
        write!(f, "{}/{}: {}", self.diagram, self.state, self.kind)
    }
}

/// Mistakes that show only while a diagram runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// No exception transition matched.
    #[error("exception '{0}' is not handled")]
    UnhandledException(String),
    /// The session ends.
    #[error(
        "an event was processed {passes} times: repost or exceptions go on for ever in {states}"
    )]
    TooManyPasses {
        /// How often.
        passes: u32,
        /// The names of the states that take part.
        states: String,
    },
    /// The session ends.
    #[error("one event took {0} steps: an endless loop, jump cycle or too much text")]
    TooManySteps(u32),
    /// `callFSM` throws.
    #[error("more than {0} diagrams wait for a return")]
    TooManyCallers(usize),
    /// The list goes on.
    #[error("no diagram '{0}' with an initial state")]
    UnknownDiagram(String),
    /// The list goes on.
    #[error("returnFSM without callFSM")]
    NoCaller,
    /// The state stays.
    #[error("target state '{0}' is not declared")]
    UndeclaredTarget(String),
    /// The loop does not iterate.
    #[error("'{0}' is no bound of a range")]
    BadBound(String),
    /// The action does nothing.
    #[error("{action}: {text}")]
    BadArgument {
        /// Name of the action.
        action: String,
        /// What is wrong with it.
        text: String,
    },
}

/// The host of a running diagram.
pub trait ActionContext {
    /// The value of a select `@name`; `None` if it is unknown.
    fn select(&self, name: &str) -> Option<String>;

    /// The next random number. Nobody can guess it, except in tests, which get the same ones each time.
    fn random(&mut self) -> u64;

    /// The values of a header of the INVITE that began the call, if it is one that the server looks at
    /// itself: a line each. None without such a header, and without an INVITE from outside.
    fn headers(&self, name: &str) -> Vec<String> {
        let _ = name;
        Vec::new()
    }

    /// Does an action, or begins to. `variables` are those of the session.
    fn perform(&mut self, action: &HostAction, variables: &mut Values) -> ActionOutcome;

    /// Evaluates a condition of a module, or begins to.
    fn test(&mut self, condition: &ModuleCall, variables: &mut Values) -> Verdict {
        let _ = (condition, variables);
        Verdict::Known(false)
    }

    /// Whether the code of this action of a loaded module runs. If not, it comes to
    /// [`perform`](Self::perform) like one of a module that is compiled in.
    fn runs(&self, action: &str) -> bool {
        let _ = action;
        true
    }

    /// The same of a condition, which else comes to [`test`](Self::test).
    fn asks(&self, condition: &str) -> bool {
        let _ = condition;
        true
    }

    /// The objects that modules keep in the session; `None` if it has none.
    fn objects(&mut self) -> Option<&mut Objects> {
        None
    }

    /// A part of the SIP message that the event is about.
    fn message(&self, part: MessagePart<'_>) -> Option<String> {
        let _ = part;
        None
    }

    /// Logs for the script.
    fn log(&mut self, level: LogLevel, text: &str);

    /// Hears every step of the engine.
    fn trace(&mut self, step: Trace<'_>) {
        let _ = step;
    }

    /// Hears of mistakes of the diagram.
    fn problem(&mut self, problem: &Problem);
}
