//! Events: what happens to a session, in the words of the language.

use std::collections::BTreeMap;

use super::module::ModuleEvent;
use super::value::Values;

/// Parameters of an event on its way to a diagram, by name.
pub type Params = BTreeMap<String, String>;

/// The kind of an event; each but [`EventKind::Exception`] is named by a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs)] // The condition names in `condition` say it all.
pub enum EventKind {
    Start,
    Startup,
    Reload,
    Invite,
    SessionStart,
    Early,
    Ringing,
    Failed,
    Hangup,
    BeforeDestroy,
    Key,
    Timer,
    NoAudio,
    Separator,
    RecordEnd,
    Event,
    B2bEvent,
    SipRequest,
    SipReply,
    RemoteDisappeared,
    Transfer,
    Replaced,
    SessionTimeout,
    RtpTimeout,
    B2bOtherRequest,
    B2bOtherReply,
    B2bOtherBye,
    JsonRpcRequest,
    JsonRpcResponse,
    Subscription,
    System,
    LegStateChange,
    BLegRefused,
    PutOnHold,
    ResumeHeld,
    CreateHoldRequest,
    HandleHoldReply,
    RelayInit,
    RelayInitUac,
    RelayInitUas,
    RelayFinalize,
    RelayOnSipRequest,
    RelayOnSipReply,
    RelayOnB2bRequest,
    RelayOnB2bReply,
    /// What is processed after an exception; no condition names it.
    Exception,
    /// What a loaded module raises.
    Module(&'static ModuleEvent),
}

impl EventKind {
    /// Whether events of this kind come with a parameter map.
    pub fn has_params(self) -> bool {
        use EventKind::*;
        !matches!(
            self,
            Start | Startup | Reload | Invite | SessionStart | Early
        )
    }

    /// Whether a diagram begins with it: the first event of a session, and only the first.
    pub fn begins(self) -> bool {
        self == EventKind::Start || self.begins_without_call()
    }

    /// Whether a diagram without a call begins with it.
    pub fn begins_without_call(self) -> bool {
        matches!(self, EventKind::Startup | EventKind::Reload)
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// Its parameters `#name`; `None` for the kinds that have no map at all.
    pub params: Option<Values>,
}

impl Event {
    /// An event without particular parameters.
    pub fn new(kind: EventKind) -> Self {
        Self {
            kind,
            params: kind.has_params().then(Values::new),
        }
    }

    /// With both names of the status of a reply, `#code` and `#sip_code`, `#reason` and `#sip_reason`,
    /// whichever of them the host gave.
    pub(super) fn completed(mut self) -> Self {
        let reply = matches!(self.kind, EventKind::SipReply | EventKind::B2bOtherReply);
        let Some(params) = self.params.as_mut().filter(|_| reply) else {
            return self;
        };
        for (short, long) in [("code", "sip_code"), ("reason", "sip_reason")] {
            let (from, to) = match (params.get(short), params.get(long)) {
                (Some(value), None) => (value.to_owned(), long),
                (None, Some(value)) => (value.to_owned(), short),
                _ => continue,
            };
            // A few bytes more than what is there already.
            let _ = params.set(to, from);
        }
        self
    }

    /// Adds a parameter; kinds without parameter map stay without.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.params = self.params.map(|params| params.with(name, value));
        self
    }
}
