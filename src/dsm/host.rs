//! The border between the engine and whatever it runs in: a call, a system diagram, a test.
//!
//! The engine does nothing to the world itself. It hands each [`HostAction`], with all values
//! already resolved, to an [`ActionContext`], which does it at once, fails, or says that it will
//! answer later.

mod name;
mod outcome;
mod recording;
mod trace;

use std::borrow::Cow;
use std::sync::Arc;

pub use outcome::{ActionError, ActionOutcome, ActionResult, Answer, Errno, Exception, Verdict};
pub use recording::{BadOption, RecordOptions};
pub use trace::{Problem, ProblemKind, Trace, TransitionRef};

use super::action::{ModuleAction, ModuleCondition};
use super::module::{MemoryFile, MessagePart, Objects, Ticket};
use super::value::Values;

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
    Wait(Arc<Ticket>),
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

impl Ringtone {
    /// The highest frequency that anyone hears.
    pub const MAX_HERTZ: i64 = 20_000;
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
pub struct ModuleCall<Which = ModuleAction> {
    /// Which one.
    pub which: Which,
    /// Full name as written, such as `conference.join`.
    pub name: Cow<'static, str>,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// A condition.
pub type ConditionCall = ModuleCall<ModuleCondition>;

impl<Which> ModuleCall<Which> {
    /// An argument; empty if there is none.
    pub fn argument(&self, at: usize) -> &str {
        self.arguments.get(at).map_or("", String::as_str)
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
    fn test(&mut self, condition: &ConditionCall, variables: &mut Values) -> Verdict {
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
