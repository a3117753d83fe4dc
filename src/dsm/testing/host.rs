//! A host that does nothing but write down what a diagram asks of it.
//!
//! Knows which files, prompts and sessions exist, because a test says so. Its record has the format
//! that [`expect`](super::expect) files compare with.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;

use serde_json::json;

use crate::dsm::action::ModuleAction;
use crate::dsm::host::{
    ActionContext, ActionError, ActionOutcome, Answer, B2bAction, ConditionCall, Errno, Exception,
    FileChoice, HostAction, LogLevel, ModuleCall, ObjectAction, Problem, RecordOptions, Trace,
    Verdict,
};
use crate::dsm::module::Objects;
use crate::dsm::program::DiagramSet;
use crate::dsm::registry::{Module, ModuleArguments, Registry};
use crate::dsm::value::Values;

use super::coverage::Visits;
use super::fact::Fault;
use super::sandbox::Sandbox;

/// The recording host.
#[derive(Clone, Debug, Default)]
pub struct TestHost {
    /// Audio files that cannot be opened.
    pub missing: HashSet<String>,
    /// Prompts as (name, set); the default set is the empty name.
    pub prompts: HashSet<(String, String)>,
    /// Prompt sets that exist.
    pub prompt_sets: HashSet<String>,
    /// Sessions and queues that events can be posted to, besides the own one.
    pub sessions: HashSet<String>,
    /// Other sessions that are in groups: the group and the id of each.
    pub members: BTreeSet<(String, String)>,
    /// Names of actions of modules, and `DI`, that fail, and how.
    pub failing: HashMap<String, Fault>,
    /// Names of actions of loaded modules that do not run, and work.
    pub skipped: HashSet<String>,
    /// Names of conditions of modules, and whether they hold. Others do not, but those of loaded modules run.
    pub holding: HashMap<String, bool>,
    /// Whether the diagram runs without a call, so that media throws.
    pub system: bool,
    /// What happened since the record was last taken.
    pub record: Vec<String>,
    /// What the engine complained about since then.
    pub problems: Vec<String>,
    /// Which states and transitions were current or taken so far.
    pub visits: Visits,
    prompt_set: String,
    recording: bool,
    /// What modules keep in the session.
    objects: Objects,
    /// What some modules act on.
    pub(super) sandbox: Sandbox,
    /// Random numbers that were drawn.
    drawn: u64,
}

/// The session id of the own session.
pub const LOCAL_TAG: &str = "LTAG";

/// The core, and modules whose actions do nothing but write down their arguments.
pub fn registry() -> Registry {
    registry_over(Registry::core())
}

/// The same over what a server has.
pub fn registry_over(mut registry: Registry) -> Registry {
    for (name, actions, arguments) in STUBS {
        let known = registry.module(name).cloned();
        let module = actions.split_whitespace().fold(
            known.unwrap_or_else(|| Module::new(name)),
            |module, action| module.action(action, *arguments),
        );
        registry.add_module(module);
    }
    registry
}

/// The modules that these diagrams import and that are not among those of the `server`.
pub fn stand_ins(diagrams: &DiagramSet, server: &Registry) -> BTreeSet<String> {
    let imports = diagrams.iter().flat_map(|diagram| diagram.imports());
    let is_stub = |name: &&str| STUBS.iter().any(|(stub, ..)| stub == name);
    let missing = imports
        .filter(is_stub)
        .filter(|name| !server.is_compiled_in(name));
    missing.map(str::to_owned).collect()
}

const STUBS: &[(&str, &str, ModuleArguments)] = &[
    (
        "mod_mysql",
        "mysql.connect mysql.disconnect mysql.getResult mysql.saveResult mysql.useResult \
         mysql.getClientVersion",
        ModuleArguments::Text,
    ),
    (
        "mod_mysql",
        "mysql.execute mysql.query mysql.queryGetResult mysql.resolveQueryParams \
         mysql.playDBAudio mysql.getFileFromDB mysql.putFileToDB",
        ModuleArguments::Sql,
    ),
    ("mod_mysql", "mysql.escape", ModuleArguments::Escape),
];

impl TestHost {
    fn act(&mut self, line: String) {
        self.record.push(format!("A {line}"));
    }

    fn play_file(&mut self, path: &str, line: String) -> ActionOutcome {
        self.act(line);
        if self.missing.contains(path) {
            return ActionError::from(Exception::file(path)).into();
        }
        ActionOutcome::done()
    }

    /// All of them, or the first that is missing.
    fn play_files(&mut self, files: &[FileChoice]) -> ActionOutcome {
        let missing = files.iter().find(|file| self.playable(file).is_none());
        if let Some(missing) = missing {
            return self.play_file(&missing.path, once(&missing.path));
        }
        for file in files {
            let path = self.playable(file).unwrap_or(&file.path);
            self.act(once(path));
        }
        ActionOutcome::done()
    }

    /// The one of two files that can be opened.
    pub(in crate::dsm) fn playable<'a>(&self, file: &'a FileChoice) -> Option<&'a str> {
        let paths = [Some(&file.path), file.otherwise.as_ref()];
        let mut paths = paths.into_iter().flatten();
        paths
            .find(|path| !self.missing.contains(*path))
            .map(String::as_str)
    }

    fn play_prompt(&mut self, name: &str, line: String, variables: &Values) -> ActionOutcome {
        self.act(line);
        let fallback = variables.get("prompts.default_fallback") == Some("yes");
        let exists = |set: &str| self.prompts.contains(&(name.to_owned(), set.to_owned()));
        if exists(&self.prompt_set) || (fallback && exists("")) {
            return ActionOutcome::done();
        }
        ActionError::from(Exception::prompt(name)).into()
    }

    fn set_prompts(&mut self, set: &str) -> ActionOutcome {
        self.act(format!("setPrompts {}", json!(set)));
        if !self.prompt_sets.contains(set) {
            return ActionError::from(Exception::prompt(set)).into();
        }
        self.prompt_set = set.to_owned();
        ActionOutcome::done()
    }

    /// A number of the running recording.
    fn measure(&mut self, line: &str, number: u32) -> ActionOutcome {
        self.act(line.to_owned());
        if !self.recording {
            return ActionError::errno(Errno::SCRIPT, "not recording").into();
        }
        ActionOutcome::Done(Ok(Answer::Value(number.into())))
    }

    fn post_event(&mut self, session: &str, params: &Values) -> ActionOutcome {
        self.act(format!("postEvent {}{}", json!(session), named(params)));
        if session != LOCAL_TAG && !self.sessions.contains(session) {
            return ActionError::errno(Errno::ARG, "no such session").into();
        }
        ActionOutcome::done()
    }

    fn create_system_dsm(&mut self, configuration: &str, diagram: &str) -> ActionOutcome {
        self.act(format!(
            "createSystemDSM {} {}",
            json!(configuration),
            json!(diagram)
        ));
        if configuration != "main" {
            return ActionError::from(Exception::core("no such configuration")).into();
        }
        ActionOutcome::done()
    }

    fn object(&mut self, action: ObjectAction, name: &str) -> ActionOutcome {
        let verb = match action {
            ObjectAction::Track => "trackObject",
            ObjectAction::Release => "releaseObject",
            ObjectAction::Free => "freeObject",
        };
        self.act(format!("{verb} {}", json!(name)));
        let known = match action {
            ObjectAction::Free => self.objects.remove(name),
            ObjectAction::Track | ObjectAction::Release => self.objects.get(name).is_some(),
        };
        if !known {
            return ActionError::errno(Errno::ARG, "no such object").into();
        }
        ActionOutcome::done()
    }

    fn di(&mut self, call: &crate::dsm::host::DiCall) -> ActionOutcome {
        if call.factory == "nofactory" {
            return ActionError::errno(Errno::CONFIG, "no such factory").into();
        }
        let mut line = format!("DI {} {}", json!(call.factory), json!(call.function));
        for argument in &call.arguments {
            let _ = write!(line, " {argument}");
        }
        self.act(line);
        if let Some(fault) = self.failing.get("DI") {
            return fault.error(Errno::CONFIG).into();
        }
        let value = match call.function.as_str() {
            "array" => json!(["a", 7, "c"]),
            "str" => json!("result"),
            "int" => json!(42),
            "notImplemented" => {
                return ActionError::errno(Errno::ARG, "function is not implemented").into();
            }
            _ => return ActionOutcome::done(),
        };
        ActionOutcome::Done(Ok(Answer::Value(value)))
    }

    fn b2b(&mut self, action: &B2bAction) -> ActionOutcome {
        let line = match action {
            B2bAction::ConnectCallee {
                party,
                uri,
                relayed,
            } => {
                format!(
                    "connectCallee {} {} relayed={relayed}",
                    json!(party),
                    json!(uri)
                )
            }
            B2bAction::TerminateOtherLeg => "terminateOtherLeg".into(),
            B2bAction::SendReinvite { updated, headers } => {
                format!("sendReinvite {updated} {}", json!(headers))
            }
            B2bAction::SetRelayOnly(on) => format!("setRelayOnly {on}"),
            B2bAction::EnableEarlyMediaRelay(on) => format!("enableEarlyMediaRelay {on}"),
            B2bAction::AddHeader(header) => format!("addHeader {}", json!(header)),
            B2bAction::RemoveHeader(header) => format!("removeHeader {}", json!(header)),
            B2bAction::ClearHeaders => "clearHeaders".into(),
            B2bAction::SetHeaders { headers, replace } => {
                format!("setHeaders {} replace={replace}", json!(headers))
            }
            B2bAction::RelayEvent(params) => format!("relayEvent{}", named(params)),
        };
        self.act(format!("B2B.{line}"));
        ActionOutcome::done()
    }

    fn module(&mut self, call: &ModuleCall) -> ActionOutcome {
        let mut line = call.name.to_string();
        for argument in &call.arguments {
            let _ = write!(line, " {}", json!(argument));
        }
        self.act(line);
        if let Some(fault) = self.failing.get(&*call.name) {
            return fault.error(Errno::GENERAL).into();
        }
        let done = self.act_in_memory(call);
        done.map_or_else(ActionOutcome::done, ActionOutcome::Done)
    }

    /// Writes down an action that always works.
    fn simple(&mut self, action: &HostAction) -> ActionOutcome {
        match action {
            HostAction::Stop { bye } => {
                if *bye {
                    self.act("bye".into());
                }
                self.act("stop".into());
            }
            HostAction::SendDtmf {
                events,
                milliseconds,
            } => {
                for event in events {
                    self.act(format!("sendDTMF {event} {milliseconds}"));
                }
            }
            action => self.act(simple_line(action)),
        }
        ActionOutcome::done()
    }
}

impl ActionContext for TestHost {
    fn select(&self, name: &str) -> Option<String> {
        let value = match name {
            "local_tag" => LOCAL_TAG,
            "remote_tag" => "RTAG",
            "callid" => "CALLID",
            "user" => "service",
            "domain" => "example.com",
            "local_uri" => "sip:service@example.com",
            "local_party" => "<sip:service@example.com>",
            "remote_uri" => "sip:alice@example.net",
            "remote_party" => "\"Alice\" <sip:alice@example.net>",
            _ => return None,
        };
        (!self.system || name == "local_tag").then(|| value.to_owned())
    }

    fn random(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn.wrapping_mul(SPREAD)
    }

    fn perform(&mut self, action: &HostAction, variables: &mut Values) -> ActionOutcome {
        if self.system && needs_call(action) {
            return ActionError::from(Exception::core("not available without a call")).into();
        }
        match action {
            HostAction::PlayFile {
                path,
                looped,
                front,
            } => {
                let line = format!("playFile {} loop={looped} front={front}", json!(path));
                self.play_file(path, line)
            }
            HostAction::PlayFiles(files) => self.play_files(files),
            HostAction::PlayPrompt {
                name,
                looped,
                front,
            } => {
                let line = format!("playPrompt {} loop={looped} front={front}", json!(name));
                self.play_prompt(name, line, variables)
            }
            HostAction::RecordFile { path, options } => {
                let mut line = format!("recordFile {}", json!(path));
                if *options != RecordOptions::default() {
                    let _ = write!(line, " {}", json!(options.to_string()));
                }
                let outcome = self.play_file(path, line);
                self.recording |= outcome == ActionOutcome::done();
                outcome
            }
            HostAction::StopRecord => {
                self.act("stopRecord".into());
                if !std::mem::take(&mut self.recording) {
                    return ActionError::errno(Errno::SCRIPT, "not recording").into();
                }
                ActionOutcome::done()
            }
            HostAction::PauseRecord(_) => {
                self.act(action.name().into_owned());
                if !self.recording {
                    return ActionError::errno(Errno::SCRIPT, "not recording").into();
                }
                ActionOutcome::done()
            }
            HostAction::GetRecordLength => self.measure("getRecordLength", 1500),
            HostAction::GetRecordDataSize => self.measure("getRecordDataSize", 24_000),
            HostAction::SetPrompts { set } => self.set_prompts(set),
            HostAction::PostEvent { session, params } => self.post_event(session, params),
            HostAction::PostToGroup { group, params } => {
                self.act(format!(
                    "groups.postEvent {}{}",
                    json!(group),
                    named(params)
                ));
                let nobody = self.others(group).next().is_none();
                match self.failing.get(&*action.name()) {
                    Some(fault) => fault.error(Errno::ARG).into(),
                    None if nobody => {
                        ActionError::errno(Errno::ARG, "nobody else is in the group").into()
                    }
                    None => ActionOutcome::done(),
                }
            }
            HostAction::CreateSystemDsm {
                configuration,
                diagram,
            } => self.create_system_dsm(configuration, diagram),
            HostAction::Object(action, name) => self.object(*action, name),
            HostAction::B2b(action) => self.b2b(action),
            HostAction::Di(call) => self.di(call),
            // Nothing else goes on here meanwhile.
            HostAction::Wait(ticket) => ActionOutcome::Done(ticket.clone().block()),
            HostAction::PlayMemory {
                file,
                looped,
                front,
            } => {
                let name = &file.name;
                let line = format!("playMemory {} loop={looped} front={front}", json!(**name));
                self.play_file(name, line)
            }
            HostAction::Module(call) => {
                let outcome = self.module(call);
                match call.which {
                    // There is no leg.
                    ModuleAction::Sbc => {
                        ActionError::from(action.unavailable("outside a leg")).into()
                    }
                    _ => outcome,
                }
            }
            action => self.simple(action),
        }
    }

    fn runs(&self, action: &str) -> bool {
        !self.skipped.contains(action) && !self.failing.contains_key(action)
    }

    fn asks(&self, condition: &str) -> bool {
        !self.holding.contains_key(condition)
    }

    fn objects(&mut self) -> Option<&mut Objects> {
        Some(&mut self.objects)
    }

    fn test(&mut self, condition: &ConditionCall, _: &mut Values) -> Verdict {
        let seen = self.seen_in_memory(condition);
        let holds = || self.holding.get(&*condition.name) == Some(&true);
        Verdict::Known(seen.unwrap_or_else(holds))
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        self.record
            .push(format!("L {} {}", level as u8, json!(text)));
    }

    fn trace(&mut self, step: Trace<'_>) {
        self.visits.add(step);
        self.record.push(match step {
            Trace::Transition(transition) => format!("T {}", json!(transition.name)),
            Trace::State { diagram, state } => format!("S {diagram}/{state}"),
            Trace::Return { diagram, state } => format!("R {diagram}/{state}"),
            Trace::Exception(kind) => format!("X {kind}"),
        });
    }

    fn problem(&mut self, problem: &Problem) {
        self.problems.push(problem.to_string());
    }
}

/// What spreads a counter over all numbers: 2^64 by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The line of a file that is played once, behind all others.
fn once(path: &str) -> String {
    format!("playFile {} loop=false front=false", json!(path))
}

/// Whether an action makes sense only within a call.
fn needs_call(action: &HostAction) -> bool {
    !matches!(
        action,
        HostAction::SetTimer { .. }
            | HostAction::RemoveTimer { .. }
            | HostAction::RemoveTimers
            | HostAction::Stop { .. }
            | HostAction::PostEvent { .. }
            | HostAction::PostToGroup { .. }
            | HostAction::RegisterEventQueue { .. }
            | HostAction::UnregisterEventQueue { .. }
            | HostAction::CreateSystemDsm { .. }
            | HostAction::Object(..)
            | HostAction::Di(_)
            | HostAction::Module(_)
            | HostAction::Wait(_)
    )
}

fn named(params: &Values) -> String {
    params
        .iter()
        .fold(String::new(), |mut line, (name, value)| {
            let _ = write!(line, " {name}={}", json!(value));
            line
        })
}

/// The line of an action that cannot fail here.
fn simple_line(action: &HostAction) -> String {
    let switch = |on: &bool, enabled: &str, disabled: &str| {
        if *on {
            enabled.to_owned()
        } else {
            disabled.to_owned()
        }
    };
    match action {
        HostAction::PlaySilence {
            milliseconds,
            front,
        } => {
            format!("playSilence {milliseconds} front={front}")
        }
        HostAction::PlayRingtone(tone) => format!(
            "playRingtone length={} on={} off={} f={} f2={} front={}",
            tone.length, tone.on, tone.off, tone.f, tone.f2, tone.front
        ),
        HostAction::FlushPlaylist => "flushPlaylist".into(),
        HostAction::AddSeparator { id, front } => format!("addSeparator {id} front={front}"),
        HostAction::SetInOutPlaylist => "setInOutPlaylist".into(),
        HostAction::SetInputPlaylist => "setInputPlaylist".into(),
        HostAction::SetOutputPlaylist => "setOutputPlaylist".into(),
        HostAction::ConnectMedia => "connectMedia".into(),
        HostAction::DisconnectMedia => "disconnectMedia".into(),
        HostAction::SetMuted(on) => switch(on, "mute", "unmute"),
        HostAction::SetReceiving(on) => switch(on, "enableReceiving", "disableReceiving"),
        HostAction::SetForceDtmfReceiving(on) => {
            switch(on, "enableForceDTMFReceiving", "disableForceDTMFReceiving")
        }
        HostAction::SetDtmfDetection(on) => {
            switch(on, "enableDTMFDetection", "disableDTMFDetection")
        }
        HostAction::MonitorRtpTimeout(on) => format!("monitorRTPTimeout {on}"),
        HostAction::SetTimer { id, seconds } => format!("setTimer {id} {seconds}"),
        HostAction::RemoveTimer { id } => format!("removeTimer {id}"),
        HostAction::RemoveTimers => "removeTimers".into(),
        HostAction::RegisterEventQueue { name } => format!("registerEventQueue {}", json!(name)),
        HostAction::UnregisterEventQueue { name } => {
            format!("unregisterEventQueue {}", json!(name))
        }
        other => format!("{other:?}"),
    }
}
