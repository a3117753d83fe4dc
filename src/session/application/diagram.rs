//! Runs a state diagram on a call: the host of a [`dsm::Engine`](crate::dsm::Engine).
//!
//! Events of the call become events of the language, one at a time and in order; while an action
//! waits for something outside, later ones wait here. What the language promises around an event
//! (the default answer after `invite`, the end of a call whose hang-up nobody handles, …) happens
//! when that event has been processed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::audio::playlist::PlaylistItem;
use crate::audio::prompt::Prompt;
use crate::dsm::{
    ActionContext, ActionError, ActionOutcome, ActionResult, Answer, Engine, Errno, Event,
    EventKind, Exception, HostAction, LogLevel, NotStartable, Problem, ProblemKind, Progress,
    Trace, Values,
};
use crate::media::{MediaCommand, MediaEvent, Output};
use crate::rtp::Digit;
use crate::session::app_param::AppParams;
use crate::session::call::{Call, CallEvent};
use crate::session::catalog::DiagramApplication;
use crate::session::event::{Params, PromptError, SessionId, SessionOutput};
use crate::sip::message::{HeaderName, StatusCode};

/// Events that may wait while an action is pending; more are dropped with a log line.
const MAX_WAITING: usize = 1000;

/// See the module's documentation.
#[derive(Debug)]
pub struct Diagram {
    engine: Engine,
    host: Host,
    waiting: VecDeque<Step>,
    /// What follows the event an action of which is pending.
    suspended: Option<Afterwards>,
    /// The call is over.
    over: bool,
    /// When a call that is over stops waiting for the pending action.
    give_up_at: Option<Instant>,
    done: bool,
}

/// The part of the host that actions change.
#[derive(Debug, Default)]
struct Host {
    timers: BTreeMap<u32, Instant>,
    pending: Option<Pending>,
    /// Why the last action failed, for the log should nobody handle it.
    failure: Option<String>,
    /// `monitorRTPTimeout(false)`: silence of the peer is none of the script's business.
    ignores_rtp_timeout: bool,
    stopped: bool,
    /// Whether the event being processed found a transition.
    moved: bool,
    /// When a call that is over has to have finished its work.
    linger_until: Option<Instant>,
}

/// What a pending action waits for.
#[derive(Debug)]
enum Pending {
    Play {
        path: String,
        looped: bool,
        front: bool,
    },
    Post {
        to: String,
    },
}

#[derive(Debug)]
struct Step {
    event: Event,
    afterwards: Afterwards,
    /// Of a `noAudio`: the version of the playlist that it tells of.
    version: Option<u32>,
}

/// What the host does when an event has been processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    Nothing,
    /// Answer the INVITE unless the script did.
    Answer,
    /// Connect the playlist unless the script does not want it.
    Connect,
    /// End the session if nobody handled the hang-up, else let it finish.
    Linger,
    /// Stop unless the script set `#processed`.
    StopUnlessProcessed,
    /// The session is over.
    Finish,
}

impl Diagram {
    pub(super) fn new(application: &DiagramApplication, call: &Call) -> Result<Self, NotStartable> {
        let mut variables = Values::new();
        let config = application.config.iter();
        for (key, value) in config {
            assign(&mut variables, &format!("config.{key}"), value);
        }
        if application.set_param_variables {
            let headers = call.invite().headers.all(&HeaderName::PAppParam);
            let texts: Vec<_> = headers.map(String::from_utf8_lossy).collect();
            for (name, value) in AppParams::parse(texts.iter().map(AsRef::as_ref)).iter() {
                assign(&mut variables, name, value);
            }
        }
        Ok(Self {
            engine: Engine::new(application.diagrams.clone(), &application.name, variables)?,
            host: Host::default(),
            waiting: VecDeque::new(),
            suspended: None,
            over: false,
            give_up_at: None,
            done: false,
        })
    }

    pub(super) fn handle_event(&mut self, now: Instant, call: &mut Call, event: CallEvent) {
        match event {
            CallEvent::Start => {
                // Nothing is heard before the session starts, unless the script connects itself.
                call.media(MediaCommand::SetOutput(Output::None));
                let progress = self.with_host(now, call, |engine, host| {
                    engine.start(Event::new(EventKind::Start), host)
                });
                self.after(now, call, progress, Afterwards::Nothing);
            }
            CallEvent::Prompt(result) => self.on_prompt(now, call, result),
            CallEvent::PostDone(found) => self.on_post_done(now, call, found),
            CallEvent::Ended => self.over = true,
            CallEvent::Media(MediaEvent::RtpTimeout) if self.host.ignores_rtp_timeout => {}
            event => {
                if let Some(step) = step_of(event) {
                    self.enqueue(step);
                }
            }
        }
        self.run(now, call);
        self.limit_wait(now, call);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, call: &mut Call) {
        while let Some(id) = self.host.take_due_timer(now) {
            self.enqueue(timer(id));
        }
        if self.host.linger_until.is_some_and(|at| at <= now) {
            self.host.linger_until = None;
            self.host.stopped = true;
            tracing::warn!("the diagram handled the hang-up without stop(): the session is ended");
        }
        if self.give_up_at.is_some_and(|at| at <= now) {
            self.done = true;
            tracing::warn!("the call is over and an action still waits: the session is ended");
        }
        self.run(now, call);
        self.limit_wait(now, call);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let first = self.host.timers.values().min().copied();
        let ends = [self.host.linger_until, self.give_up_at];
        first.into_iter().chain(ends.into_iter().flatten()).min()
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whatever an action waits for: once the call is over nobody is left to hear of it for long.
    fn limit_wait(&mut self, now: Instant, call: &Call) {
        if !self.over || self.suspended.is_none() || self.done {
            self.give_up_at = None;
        } else if self.give_up_at.is_none() {
            let linger = self.host.linger_until;
            self.give_up_at = Some(linger.unwrap_or(now + call.linger()));
        }
    }

    /// Processes waiting events until one suspends, then sees to the end of the session.
    fn run(&mut self, now: Instant, call: &mut Call) {
        while self.suspended.is_none() && !self.done {
            let Some(Step {
                event, afterwards, ..
            }) = self.next_step(call)
            else {
                return;
            };
            self.host.moved = false;
            let progress = self.with_host(now, call, |engine, host| engine.run_event(event, host));
            self.after(now, call, progress, afterwards);
        }
    }

    /// The next event. When there is none and the session was stopped: the end of the call, and
    /// once that is over the last event of all.
    fn next_step(&mut self, call: &mut Call) -> Option<Step> {
        while let Some(step) = self.waiting.pop_front() {
            // The playlist that ended may have been filled anew while this waited.
            if step
                .version
                .is_none_or(|version| version == call.playlist_version())
            {
                return Some(step);
            }
        }
        if self.over && self.host.linger_until.is_none() {
            self.host.stopped = true;
        }
        if !self.host.stopped {
            return None;
        }
        if !self.over {
            call.hang_up();
            return None;
        }
        self.host.linger_until = None;
        Some(Step {
            event: Event::new(EventKind::BeforeDestroy),
            afterwards: Afterwards::Finish,
            version: None,
        })
    }

    fn after(&mut self, now: Instant, call: &mut Call, progress: Progress, afterwards: Afterwards) {
        match progress {
            Progress::Pending => self.suspended = Some(afterwards),
            Progress::Idle => self.finish(now, call, afterwards),
        }
    }

    fn finish(&mut self, now: Instant, call: &mut Call, afterwards: Afterwards) {
        match afterwards {
            Afterwards::Nothing => {}
            Afterwards::Answer => {
                if call.is_pending() && !self.host.stopped {
                    if self.engine.variables().get("connect_session") == Some("0") {
                        tracing::info!(
                            "answered, though connect_session is 0: only a reply of the script's own prevents that"
                        );
                    }
                    call.answer();
                }
            }
            Afterwards::Connect => {
                if self.engine.variables().get("connect_session") != Some("0") {
                    call.media(MediaCommand::SetOutput(Output::Playlist));
                }
            }
            Afterwards::Linger => {
                if !self.host.stopped && self.host.moved {
                    self.host.linger_until = Some(now + call.linger());
                } else if !self.host.stopped {
                    tracing::info!("the diagram has no transition for this hang-up: session ended");
                    self.host.stopped = true;
                }
            }
            Afterwards::StopUnlessProcessed => {
                if self.engine.param("processed") != Some("true") {
                    self.host.stopped = true;
                }
            }
            Afterwards::Finish => self.done = true,
        }
    }

    fn on_prompt(
        &mut self,
        now: Instant,
        call: &mut Call,
        result: Result<Arc<Prompt>, PromptError>,
    ) {
        let Some(Pending::Play {
            path,
            looped,
            front,
        }) = self.host.pending.take()
        else {
            return;
        };
        let outcome = match result {
            Ok(prompt) => {
                let item = PlaylistItem::Prompt { prompt, looped };
                call.media(queue(item, front));
                Ok(Answer::Nothing)
            }
            Err(error) => {
                // Scripts try names one after the other: only what they do not handle is a fault.
                tracing::debug!("playFile: {error}");
                self.host.failure = Some(error.to_string());
                Err(Exception::file(&path).into())
            }
        };
        self.resume(now, call, outcome);
    }

    fn on_post_done(&mut self, now: Instant, call: &mut Call, found: bool) {
        let Some(Pending::Post { to }) = self.host.pending.take() else {
            return;
        };
        let outcome = match found {
            true => Ok(Answer::Nothing),
            false => Err(ActionError::errno(
                Errno::ARG,
                format!("there is no session {to}"),
            )),
        };
        self.resume(now, call, outcome);
    }

    fn resume(&mut self, now: Instant, call: &mut Call, result: ActionResult) {
        let Some(afterwards) = self.suspended.take() else {
            return;
        };
        let progress = self.with_host(now, call, |engine, host| engine.resume(result, host));
        self.after(now, call, progress, afterwards);
    }

    fn enqueue(&mut self, step: Step) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(step);
        } else {
            tracing::warn!(event = ?step.event.kind, "too many events are waiting: this one is lost");
        }
    }

    fn with_host(
        &mut self,
        now: Instant,
        call: &mut Call,
        work: impl FnOnce(&mut Engine, &mut OnCall<'_>) -> Progress,
    ) -> Progress {
        work(
            &mut self.engine,
            &mut OnCall {
                now,
                call,
                host: &mut self.host,
            },
        )
    }
}

impl Host {
    fn take_due_timer(&mut self, now: Instant) -> Option<u32> {
        let due = self.timers.iter().filter(|(_, at)| **at <= now);
        let (id, _) = due.min_by_key(|(_, at)| **at)?;
        let id = *id;
        self.timers.remove(&id);
        Some(id)
    }
}

/// The host while an event is being processed.
struct OnCall<'a> {
    now: Instant,
    call: &'a mut Call,
    host: &'a mut Host,
}

impl ActionContext for OnCall<'_> {
    fn select(&self, name: &str) -> Option<String> {
        let invite = self.call.invite();
        let headers = &invite.headers;
        let sip = invite.uri.as_sip();
        let text = |header: HeaderName| headers.text(&header).map(|text| text.into_owned());
        let uri = |header: Option<crate::sip::message::NameAddr>| {
            header.map(|header| header.uri.to_string())
        };
        Some(match name {
            "local_tag" => self.call.id().to_string(),
            "remote_tag" => headers.from().ok()?.tag().unwrap_or_default().to_owned(),
            "callid" => headers.call_id().ok()?.to_owned(),
            "user" => sip?.user_decoded()?.into_owned(),
            "domain" => sip?.host.to_string(),
            "local_uri" => invite.uri.to_string(),
            "remote_uri" => match self.call.usage().dialog() {
                Some(dialog) => dialog.remote_target().to_string(),
                None => uri(headers.from().ok())?,
            },
            "local_party" => text(HeaderName::To)?,
            "remote_party" => text(HeaderName::From)?,
            _ => return None,
        })
    }

    fn perform(&mut self, action: &HostAction, _variables: &mut Values) -> ActionOutcome {
        match action {
            HostAction::PlayFile {
                path,
                looped,
                front,
            } => {
                let (path, looped, front) = (path.clone(), *looped, *front);
                self.call.load_prompt(&path);
                self.host.pending = Some(Pending::Play {
                    path,
                    looped,
                    front,
                });
                return ActionOutcome::Pending;
            }
            HostAction::PostEvent { session, params } => {
                let params: Params = params
                    .iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect();
                let to = SessionId(session.as_str().into());
                self.call.output(SessionOutput::Post {
                    to,
                    params: Box::new(params),
                });
                self.host.pending = Some(Pending::Post {
                    to: session.clone(),
                });
                return ActionOutcome::Pending;
            }
            HostAction::PlaySilence {
                milliseconds,
                front,
            } => {
                let length = Duration::from_millis(u64::try_from(*milliseconds).unwrap_or(0));
                self.call
                    .media(queue(PlaylistItem::Silence(length), *front));
            }
            HostAction::AddSeparator { id, front } => {
                self.call
                    .media(queue(PlaylistItem::Separator((*id).into()), *front));
            }
            HostAction::FlushPlaylist => self.call.media(MediaCommand::Flush),
            HostAction::SetInOutPlaylist
            | HostAction::SetOutputPlaylist
            | HostAction::ConnectMedia => {
                self.call.media(MediaCommand::SetOutput(Output::Playlist));
            }
            // Nothing is recorded yet, so a playlist has nothing to do with what is heard.
            HostAction::SetInputPlaylist => {}
            HostAction::DisconnectMedia => self.call.media(MediaCommand::SetOutput(Output::None)),
            HostAction::SetMuted(muted) => self.call.media(MediaCommand::SetMuted(*muted)),
            HostAction::SetReceiving(on) => self.call.media(MediaCommand::SetReceiving(*on)),
            HostAction::SetForceDtmfReceiving(on) => {
                self.call.media(MediaCommand::ForceDigits(*on));
            }
            HostAction::SetDtmfDetection(on) => self.call.media(MediaCommand::DetectDigits(*on)),
            HostAction::MonitorRtpTimeout(watch) => self.host.ignores_rtp_timeout = !*watch,
            HostAction::SendDtmf {
                events,
                milliseconds,
            } => {
                let duration = Duration::from_millis((*milliseconds).into());
                for digit in events
                    .iter()
                    .filter_map(|code| Digit::from_event_code(*code))
                {
                    self.call.media(MediaCommand::SendDigit { digit, duration });
                }
            }
            HostAction::SetTimer { id, seconds } => {
                let at = self.now + Duration::from_secs((*seconds).into());
                self.host.timers.insert(*id, at);
            }
            HostAction::RemoveTimer { id } => {
                self.host.timers.remove(id);
            }
            HostAction::RemoveTimers => self.host.timers.clear(),
            HostAction::Stop { bye } => {
                self.host.stopped = true;
                if *bye {
                    self.call.hang_up();
                }
            }
            other => {
                let name = format!("{other:?}");
                let name = name.split([' ', '(', '{']).next().unwrap_or_default();
                let cause = format!("{name} is not available in this version of the server");
                self.host.failure = Some(cause.clone());
                return ActionError::from(Exception::core(cause)).into();
            }
        }
        ActionOutcome::done()
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        match level {
            LogLevel::Error => tracing::error!(target: "dsm", "{text}"),
            LogLevel::Warning => tracing::warn!(target: "dsm", "{text}"),
            LogLevel::Info => tracing::info!(target: "dsm", "{text}"),
            LogLevel::Debug => tracing::debug!(target: "dsm", "{text}"),
        }
    }

    fn trace(&mut self, step: Trace<'_>) {
        if let Trace::Transition(_) = step {
            self.host.moved = true;
        }
        tracing::debug!(target: "dsm", ?step);
    }

    fn problem(&mut self, problem: &Problem) {
        match (&problem.kind, &self.host.failure) {
            (ProblemKind::UnhandledException(_), Some(failure)) => {
                tracing::warn!(target: "dsm", "{problem}: {failure}");
            }
            _ => tracing::warn!(target: "dsm", "{problem}"),
        }
    }
}

/// What an event of the call is in the language, and what follows it.
fn step_of(event: CallEvent) -> Option<Step> {
    let version = match event {
        CallEvent::Media(MediaEvent::NoAudio { version }) => Some(version),
        _ => None,
    };
    let of = Event::new;
    let (event, afterwards) = match event {
        CallEvent::Invite => (of(EventKind::Invite), Afterwards::Answer),
        CallEvent::SessionStart => (of(EventKind::SessionStart), Afterwards::Connect),
        CallEvent::Ringing { status, reason } => {
            let event = of(EventKind::Ringing).with("code", status.code().to_string());
            (
                event.with("reason", reason).with("has_body", "false"),
                Afterwards::Nothing,
            )
        }
        CallEvent::Failed { status, reason } => failed(status, reason),
        CallEvent::NoResponse { status } => failed(status, status.reason()),
        CallEvent::Hangup { headers } => (
            of(EventKind::Hangup).with("headers", headers),
            Afterwards::Linger,
        ),
        CallEvent::NoAck => {
            let event = of(EventKind::Hangup)
                .with("headers", "")
                .with("reason", "onNoAck");
            (event, Afterwards::Linger)
        }
        CallEvent::Posted(params) => {
            let posted = of(EventKind::Event);
            let add = |event: Event, (name, value): (&String, &String)| event.with(name, value);
            (params.iter().fold(posted, add), Afterwards::Nothing)
        }
        CallEvent::Shutdown => {
            let event = of(EventKind::System).with("type", "ServerShutdown");
            (event, Afterwards::StopUnlessProcessed)
        }
        CallEvent::Media(event) => media_event(event)?,
        CallEvent::Start | CallEvent::Prompt(_) | CallEvent::PostDone(_) | CallEvent::Ended => {
            return None;
        }
    };
    Some(Step {
        event,
        afterwards,
        version,
    })
}

fn failed(status: StatusCode, reason: String) -> (Event, Afterwards) {
    let event = Event::new(EventKind::Failed).with("code", status.code().to_string());
    (event.with("reason", reason), Afterwards::Nothing)
}

fn media_event(event: MediaEvent) -> Option<(Event, Afterwards)> {
    let of = Event::new;
    Some(match event {
        MediaEvent::NoAudio { .. } => (
            of(EventKind::NoAudio).with("type", "noAudio"),
            Afterwards::Nothing,
        ),
        MediaEvent::Separator(id) => (
            of(EventKind::Separator).with("id", id.to_string()),
            Afterwards::Nothing,
        ),
        MediaEvent::Digit { digit, duration } => {
            let event = of(EventKind::Key).with("key", digit.event_code().to_string());
            let event = event.with("duration", duration.as_millis().to_string());
            (event, Afterwards::Nothing)
        }
        MediaEvent::RtpTimeout => {
            let event = of(EventKind::RtpTimeout).with("type", "rtp_timeout");
            (event, Afterwards::StopUnlessProcessed)
        }
        MediaEvent::StreamFailed => (
            of(EventKind::NoAudio).with("type", "cleared"),
            Afterwards::StopUnlessProcessed,
        ),
        MediaEvent::PlaylistFull => {
            tracing::warn!("the playlist is full: an item was not added");
            return None;
        }
        _ => return None,
    })
}

fn timer(id: u32) -> Step {
    let event = Event::new(EventKind::Timer).with("id", id.to_string());
    Step {
        event,
        afterwards: Afterwards::Nothing,
        version: None,
    }
}

fn queue(item: PlaylistItem, front: bool) -> MediaCommand {
    match front {
        true => MediaCommand::Prepend(item),
        false => MediaCommand::Append(item),
    }
}

fn assign(values: &mut Values, name: &str, value: &str) {
    if values.set(name, value).is_err() {
        tracing::warn!(name, "too many values: this one is left out");
    }
}
