//! What host actions are called in a diagram, and what is thrown where there are none.

use std::borrow::Cow;

use crate::dsm::action::{ModuleAction, groups};

use super::{B2bAction, Exception, HostAction, ObjectAction};

impl HostAction {
    /// How a diagram writes the action; variants of one action have one name.
    pub fn name(&self) -> Cow<'_, str> {
        use HostAction::*;
        let on =
            |on: &bool, what: &str| format!("{}{what}", if *on { "enable" } else { "disable" });
        Cow::Borrowed(match self {
            PlayFile { .. } | PlayFiles(_) => "playFile",
            PlayPrompt { .. } => "playPrompt",
            PlaySilence { .. } => "playSilence",
            PlayRingtone(_) => "playRingtone",
            RecordFile { .. } => "recordFile",
            PauseRecord(true) => "pauseRecord",
            PauseRecord(false) => "resumeRecord",
            StopRecord => "stopRecord",
            GetRecordLength => "getRecordLength",
            GetRecordDataSize => "getRecordDataSize",
            FlushPlaylist => "flushPlaylist",
            AddSeparator { .. } => "addSeparator",
            SetInOutPlaylist => "setInOutPlaylist",
            SetInputPlaylist => "setInputPlaylist",
            SetOutputPlaylist => "setOutputPlaylist",
            ConnectMedia => "connectMedia",
            DisconnectMedia => "disconnectMedia",
            SetMuted(true) => "mute",
            SetMuted(false) => "unmute",
            SetReceiving(to) => return on(to, "Receiving").into(),
            SetForceDtmfReceiving(to) => return on(to, "ForceDTMFReceiving").into(),
            SetDtmfDetection(to) => return on(to, "DTMFDetection").into(),
            MonitorRtpTimeout(_) => "monitorRTPTimeout",
            SendDtmf { .. } => "sendDTMF",
            SetPrompts { .. } => "setPrompts",
            SetTimer { .. } => "setTimer",
            RemoveTimer { .. } => "removeTimer",
            RemoveTimers => "removeTimers",
            Stop { .. } => "stop",
            PostEvent { .. } => "postEvent",
            PostToGroup { .. } => groups::POST_EVENT,
            RegisterEventQueue { .. } => "registerEventQueue",
            UnregisterEventQueue { .. } => "unregisterEventQueue",
            CreateSystemDsm { .. } => "createSystemDSM",
            Object(ObjectAction::Track, _) => "trackObject",
            Object(ObjectAction::Release, _) => "releaseObject",
            Object(ObjectAction::Free, _) => "freeObject",
            B2b(action) => action.name(),
            Di(_) => "DI",
            Module(call) => &call.name,
            PlayMemory { .. } => "playing from memory",
            Wait(_) => "waiting for a module",
        })
    }

    /// Whether a host may answer that it is pending.
    pub fn waits(&self) -> bool {
        use HostAction::*;
        matches!(
            self,
            PlayFile { .. }
                | PlayFiles(_)
                | PlayPrompt { .. }
                | PlayMemory { .. }
                | RecordFile { .. }
                | StopRecord
                | PostEvent { .. }
                | PostToGroup { .. }
                | RegisterEventQueue { .. }
                | UnregisterEventQueue { .. }
                | CreateSystemDsm { .. }
                | Di(_)
                | Module(_)
                | Wait(_)
                // The engine has to know.
                | Stop { .. }
        )
    }

    /// Whether a host forgets it for good when it is given up: nothing of it is left that the host
    /// waits for, or that would come later.
    pub(in crate::dsm) fn can_be_given_up(&self) -> bool {
        matches!(self, HostAction::Wait(_) | HostAction::Di(_))
    }

    /// What a host throws that cannot do the action: type `script` for the second leg of a call, `sbc`
    /// for what needs an SBC leg, else `core`.
    ///
    /// `here` says where it is missing, such as "in this version of the server".
    pub fn unavailable(&self, here: &str) -> Exception {
        let kind = match self {
            HostAction::B2b(_) => "script",
            HostAction::Module(call) => match call.which {
                ModuleAction::Sbc => "sbc",
                ModuleAction::Missing(kind) => kind,
                _ => "core",
            },
            _ => "core",
        };
        let cause = format!("{} is not available {here}", self.name());
        Exception::new(kind).with("cause", cause)
    }
}

impl B2bAction {
    fn name(&self) -> &'static str {
        match self {
            B2bAction::ConnectCallee { .. } => "B2B.connectCallee",
            B2bAction::TerminateOtherLeg => "B2B.terminateOtherLeg",
            B2bAction::SendReinvite { .. } => "B2B.sendReinvite",
            B2bAction::SetRelayOnly(_) => "B2B.setRelayOnly",
            B2bAction::EnableEarlyMediaRelay(_) => "B2B.enableEarlyMediaRelay",
            B2bAction::AddHeader(_) => "B2B.addHeader",
            B2bAction::RemoveHeader(_) => "B2B.removeHeader",
            B2bAction::ClearHeaders => "B2B.clearHeaders",
            B2bAction::SetHeaders { .. } => "B2B.setHeaders",
            B2bAction::RelayEvent(_) => "B2B.relayEvent",
        }
    }
}
