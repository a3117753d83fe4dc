//! Runs a state diagram on a call.
//!
//! Events of the call become events of the language. What the language promises around an event (the
//! default answer after `invite`, the end of a call whose hang-up nobody handles, …) happens when that
//! event has been processed.

mod conference;
mod dialog;
mod event;
mod host;
mod invite_headers;
mod room_recording;
mod sound;

use std::time::Instant;

use self::conference::Conference;
use self::dialog::{Dialog, Message};
use self::event::{Afterwards, invite, record_end, replaced, reply_event, step_of};
use self::host::OnCall;
use self::sound::{Settled, Sound};
use crate::dsm::module::{Heard, Moment, MomentKind};
use crate::dsm::{Event, EventKind, NotStartable};
use crate::media::{MediaCommand, MediaEvent, Output};
use crate::session::app_param::AppParams;
use crate::session::call::{Call, CallEvent, SeenResponse};
use crate::session::catalog::DiagramApplication;
use crate::session::dial_out::OwnParty;
use crate::session::script::message::request_event;
use crate::session::script::{Script, Step};
use crate::session::session::Origin;
use crate::sip::message::{HeaderName, Method, Request, SipUri};

/// See the module's documentation.
#[derive(Debug)]
pub struct Diagram {
    script: Script<Afterwards>,
    sound: Sound,
    conference: Conference,
    dialog: Dialog,
    /// Who we are in a call that we placed, or that another peer has taken over.
    own: Option<OwnParty>,
    /// `monitorRTPTimeout(false)`: silence of the peer is none of the script's business.
    ignores_rtp_timeout: bool,
    /// The caller has media, and the script knows, before the answer.
    early_told: bool,
    /// A module answers the INVITE, or lets the script do it.
    module_answers: bool,
    /// The call is over.
    over: bool,
    /// When a call that is over has to have finished its work.
    linger_until: Option<Instant>,
    /// When a call that is over stops waiting for the pending action.
    give_up_at: Option<Instant>,
    done: bool,
}

impl Diagram {
    pub(super) fn new(
        application: &DiagramApplication,
        call: &Call,
        origin: Origin,
    ) -> Result<Self, NotStartable> {
        let headers = &call.invite().headers;
        let (own, variables, shown) = match origin {
            Origin::Caller { variables } => {
                let shown = invite_headers::shown(&application.diagrams, headers);
                (None, variables, shown)
            }
            Origin::Server { own, variables } => (Some(own), variables, None),
        };
        let headers = headers.all(&HeaderName::PAppParam);
        let texts: Vec<_> = headers.map(String::from_utf8_lossy).collect();
        let items = match application.set_param_variables {
            true => AppParams::parse(texts.iter().map(AsRef::as_ref)),
            false => AppParams::default(),
        };
        let shown = shown
            .as_deref()
            .map(|text| (invite_headers::VARIABLE, text));
        let given = variables.iter().map(|(name, value)| (&**name, &**value));
        Ok(Self {
            script: Script::new(
                application,
                given.chain(items.iter()).chain(shown),
                call.take_follow(),
            )?,
            sound: Sound::new(application.prompts.clone()),
            conference: Conference::default(),
            dialog: Dialog::new(own.is_some()),
            own,
            ignores_rtp_timeout: false,
            early_told: false,
            module_answers: false,
            over: false,
            linger_until: None,
            give_up_at: None,
            done: false,
        })
    }

    pub(super) fn handle_event(&mut self, now: Instant, call: &mut Call, event: CallEvent) {
        match event {
            CallEvent::Start => {
                // Nothing is heard before the session starts, unless the script connects itself.
                call.media(MediaCommand::SetOutput(Output::None));
                self.tell_modules(
                    now,
                    call,
                    Moment::SessionStart,
                    Event::new(EventKind::Start),
                );
                let (script, mut around) = self.on_call(now, call);
                let done = script.start(now, EventKind::Start, Afterwards::Nothing, &mut around);
                self.finish(now, call, done);
            }
            CallEvent::Prompt(loaded) => {
                let settled = match self.conference.waits_for_prompt() {
                    true => self.conference.on_prompt(call, loaded),
                    false => self.sound.on_prompt(call, loaded),
                };
                self.go_on(now, call, settled);
            }
            CallEvent::RecordingBegun(begun) => {
                let settled = self.sound.on_recording_begun(begun);
                self.go_on(now, call, settled);
            }
            CallEvent::RecordingEnded(ended) => {
                let stopped = self.sound.is_stopping();
                let settled = self.sound.on_recording_ended(call, ended);
                if !stopped && let Some(step) = record_end(&ended, None) {
                    self.enqueue(now, call, step);
                }
                self.go_on(now, call, settled);
            }
            CallEvent::RoomRecordingBegun(begun) => {
                let settled = self.conference.recording.on_begun(begun);
                self.go_on(now, call, settled);
            }
            CallEvent::RoomRecordingEnded(ended) => {
                let (settled, step) = self.conference.recording.on_ended(ended);
                if let Some(step) = step {
                    self.enqueue(now, call, step);
                }
                self.go_on(now, call, settled);
            }
            CallEvent::Room(answer) => {
                let settled = self.conference.on_answer(call, answer);
                self.go_on(now, call, settled);
            }
            CallEvent::InRoom(done) => {
                let settled = self.conference.on_done(call, done);
                self.go_on(now, call, settled);
            }
            CallEvent::Performed(token, result) => {
                let (script, mut around) = self.on_call(now, call);
                let done = script.performed(now, token, result, &mut around);
                self.finish(now, call, done);
            }
            CallEvent::Invite => self.enqueue(
                now,
                call,
                Step {
                    // Filled in if the script wants to see it.
                    event: Event::new(EventKind::SipRequest),
                    afterwards: Afterwards::Invite,
                    version: None,
                },
            ),
            CallEvent::Request(transaction, request) if !self.wants_request_events() => {
                let request = self.show_request(now, call, request);
                let done = Afterwards::Request(transaction, request);
                self.finish(now, call, Some(done));
            }
            CallEvent::Response(seen) if !self.wants_reply_events() => {
                self.show_response(now, call, &seen);
            }
            event => {
                let event = match event {
                    CallEvent::Request(transaction, request) => {
                        let request = self.show_request(now, call, request);
                        CallEvent::Request(transaction, request)
                    }
                    CallEvent::Response(seen) => {
                        self.show_response(now, call, &seen);
                        CallEvent::Response(seen)
                    }
                    other => other,
                };
                let is_end = match &event {
                    CallEvent::Request(_, request) => request.method == Method::Bye,
                    event => matches!(
                        event,
                        CallEvent::Hangup { .. } | CallEvent::NoAck | CallEvent::NoPrack
                    ),
                };
                if let Some(step) = self.note(call, event) {
                    self.enqueue(now, call, step);
                }
                let cancelled = is_end.then(|| self.cancel(now, call)).flatten();
                self.finish(now, call, cancelled);
            }
        }
        self.run(now, call);
        self.limit_wait(now, call);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, call: &mut Call) {
        self.script.handle_timeout(now, || Afterwards::Nothing);
        if self.linger_until.is_some_and(|at| at <= now) {
            self.linger_until = None;
            self.script.stop();
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
        let timer = self.script.poll_timeout();
        let ends = [timer, self.linger_until, self.give_up_at];
        ends.into_iter().flatten().min()
    }

    /// Whether responses to our requests are to be told.
    pub(super) fn wants_replies(&self) -> bool {
        !self.done && (self.wants_reply_events() || self.script.is_heard(MomentKind::Reply))
    }

    fn wants_reply_events(&self) -> bool {
        self.script.variable("enable_reply_events") == Some("true")
    }

    /// Whether requests are to be looked at by the script before anything is done about them.
    pub(super) fn wants_requests(&self) -> bool {
        !self.done && (self.wants_request_events() || self.script.is_heard(MomentKind::Request))
    }

    fn wants_request_events(&self) -> bool {
        self.script.variable("enable_request_events") == Some("true")
    }

    /// Gives up a pending action that a hang-up does not wait for.
    fn cancel(&mut self, now: Instant, call: &mut Call) -> Option<Afterwards> {
        let (script, mut around) = self.on_call(now, call);
        script.cancel(&mut around)
    }

    /// Tells the modules of the diagrams. True: one of them answers the INVITE itself.
    fn tell_modules(
        &mut self,
        now: Instant,
        call: &mut Call,
        moment: Moment<'_>,
        event: Event,
    ) -> bool {
        let (script, mut around) = self.on_call(now, call);
        let heard = script.tell_modules(now, moment, event, &mut around);
        heard.contains(&Heard::AnswersItself)
    }

    /// Shows a request in the dialog to the modules.
    fn show_request(
        &mut self,
        now: Instant,
        call: &mut Call,
        request: Box<Request>,
    ) -> Box<Request> {
        if !self.script.is_heard(MomentKind::Request) {
            return request;
        }
        let event = request_event(&request);
        let shown = Message::Request {
            transaction: None,
            request,
        };
        let before = std::mem::replace(&mut self.dialog.message, shown);
        self.tell_modules(now, call, Moment::Request, event);
        match std::mem::replace(&mut self.dialog.message, before) {
            Message::Request { request, .. } => request,
            // Nobody replaces it meanwhile.
            _ => Box::new(call.invite().clone()),
        }
    }

    /// Shows a response to a request of ours to the modules.
    fn show_response(&mut self, now: Instant, call: &mut Call, seen: &SeenResponse) {
        if !self.script.is_heard(MomentKind::Reply) {
            return;
        }
        let shown = Message::Response(seen.response.clone());
        let before = std::mem::replace(&mut self.dialog.message, shown);
        self.tell_modules(now, call, Moment::Reply, reply_event(seen));
        self.dialog.message = before;
    }

    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Notes what an event means for the host; what it is for the script.
    fn note(&mut self, call: &mut Call, event: CallEvent) -> Option<Step<Afterwards>> {
        match event {
            CallEvent::Ended => self.over = true,
            CallEvent::Replaced { earlier } => {
                self.own.get_or_insert_with(|| called_by(&earlier));
                return Some(replaced(call.invite(), &earlier));
            }
            CallEvent::Media(MediaEvent::RoomEnded(room)) => self.conference.room_ended(call, room),
            CallEvent::Media(MediaEvent::TeeEnded(number)) => {
                self.conference.tee_ended(call, number);
            }
            CallEvent::Media(MediaEvent::PlaylistFull(Some(room))) => {
                self.conference.not_queued(room);
            }
            CallEvent::EarlySession if self.own.is_none() => self.early_told = true,
            CallEvent::SessionStart if self.early_told => {
                // The script has heard of its session by 'early'.
                self.connect(call, "connect_session");
                return None;
            }
            CallEvent::Media(MediaEvent::RtpTimeout) if self.ignores_rtp_timeout => return None,
            _ => {}
        }
        step_of(event)
    }

    /// Puts an event behind all others. A request that there is no room for is handled without the
    /// script.
    fn enqueue(&mut self, now: Instant, call: &mut Call, step: Step<Afterwards>) {
        if let Some(Step {
            afterwards: Afterwards::Request(transaction, request),
            ..
        }) = self.script.enqueue(step)
        {
            call.handle_admitted(now, transaction, *request);
        }
    }

    /// Whatever an action waits for: once the call is over nobody is left to hear of it for long.
    fn limit_wait(&mut self, now: Instant, call: &Call) {
        if !self.over || !self.script.is_suspended() || self.done {
            self.give_up_at = None;
        } else if self.give_up_at.is_none() {
            self.give_up_at = Some(self.linger_until.unwrap_or(now + call.linger()));
        }
    }

    /// Processes waiting events until one suspends, then sees to the end of the session.
    fn run(&mut self, now: Instant, call: &mut Call) {
        while !self.script.is_suspended() && !self.done {
            let Some(mut step) = self.next_step(now, call) else {
                return;
            };
            if matches!(step.afterwards, Afterwards::Invite) {
                if !self.wants_request_events() {
                    self.script.raise(invite());
                    continue;
                }
                step.event = request_event(call.invite());
            }
            self.dialog.message = take_message(&mut step);
            if matches!(step.afterwards, Afterwards::Answer) {
                let event = Event::new(EventKind::Invite);
                self.module_answers |= self.tell_modules(now, call, Moment::Invite, event);
            }
            let (script, mut around) = self.on_call(now, call);
            let done = script.process(now, step, &mut around);
            self.finish(now, call, done);
        }
    }

    /// The next event. When there is none and the session was stopped: the end of the call, and
    /// once that is over the last event of all.
    fn next_step(&mut self, now: Instant, call: &mut Call) -> Option<Step<Afterwards>> {
        while let Some(step) = self.script.next_step() {
            // The playlist that ended may have been filled anew while this waited.
            let version = step.version;
            if version.is_none_or(|version| version == call.playlist_version()) {
                return Some(step);
            }
        }
        if self.over && self.linger_until.is_none() && !self.script.is_stopped() {
            if std::mem::take(&mut self.dialog.has_ended) {
                self.linger_until = Some(now + call.linger());
            } else {
                self.script.stop();
            }
        }
        if !self.script.is_stopped() {
            return None;
        }
        if !self.over {
            call.hang_up();
            return None;
        }
        self.linger_until = None;
        Some(Step {
            event: Event::new(EventKind::BeforeDestroy),
            afterwards: Afterwards::Finish,
            version: None,
        })
    }

    /// Does what follows an event, if one has been processed.
    fn finish(&mut self, now: Instant, call: &mut Call, afterwards: Option<Afterwards>) {
        let Some(afterwards) = afterwards else { return };
        let message = std::mem::take(&mut self.dialog.message);
        match afterwards {
            Afterwards::Nothing | Afterwards::Response(_) => {}
            Afterwards::Invite => {
                // A script that has replied has to do the rest as well, but hears of the call.
                if !self.is_processed() {
                    self.script.raise(invite());
                }
            }
            Afterwards::Request(transaction, request) => {
                call.handle_admitted(now, transaction, *request);
            }
            Afterwards::RequestSeen => {
                if let Message::Request {
                    transaction: Some(transaction),
                    request,
                } = message
                {
                    if self.is_processed() {
                        call.confirm(transaction, *request);
                    } else {
                        call.handle_admitted(now, transaction, *request);
                    }
                }
            }
            Afterwards::Answer => {
                let replied = self.dialog.has_replied || self.module_answers;
                if call.is_pending() && !replied && !self.script.is_stopped() {
                    if self.script.variable("connect_session") == Some("0") {
                        tracing::info!(
                            "answered, though connect_session is 0: only a reply of the script's own prevents that"
                        );
                    }
                    call.answer();
                }
            }
            Afterwards::ConnectEarly => self.connect(call, "connect_early_session"),
            Afterwards::Connect => {
                self.connect(call, "connect_session");
            }
            Afterwards::Linger => {
                if !self.script.is_stopped() && self.script.has_moved() {
                    self.linger_until = Some(now + call.linger());
                } else if !self.script.is_stopped() {
                    tracing::info!("the diagram has no transition for this hang-up: session ended");
                    self.script.stop();
                }
            }
            Afterwards::StopUnlessProcessed => {
                if !self.is_processed() {
                    self.script.stop();
                }
            }
            Afterwards::Finish => {
                let event = Event::new(EventKind::BeforeDestroy);
                self.tell_modules(now, call, Moment::BeforeDestroy, event);
                self.done = true;
            }
        }
        if std::mem::take(&mut self.dialog.has_failed) {
            self.script.stop();
        }
        // What the event gave rise to comes before what happened meanwhile.
        call.pump();
        while let Some(event) = call.poll_event() {
            if let Some(step) = self.note(call, event) {
                self.script.raise(step);
            }
        }
    }

    /// Connects the playlist unless the script has set the `switch` to 0.
    fn connect(&mut self, call: &mut Call, switch: &str) {
        if self.script.variable(switch) != Some("0") {
            call.media(MediaCommand::SetOutput(Output::Playlist));
        }
    }

    /// Whether the script took care of the event itself.
    fn is_processed(&self) -> bool {
        self.script.param("processed") == Some("true")
    }

    /// Goes on behind an action that was pending, if it has been settled.
    fn go_on(&mut self, now: Instant, call: &mut Call, settled: Option<Settled>) {
        let Some(Settled { result, failure }) = settled else {
            return;
        };
        if let Some(failure) = failure {
            self.script.note_failure(failure);
        }
        let (script, mut around) = self.on_call(now, call);
        let done = script.resume(now, result, &mut around);
        self.finish(now, call, done);
    }

    fn on_call<'a>(
        &'a mut self,
        now: Instant,
        call: &'a mut Call,
    ) -> (&'a mut Script<Afterwards>, OnCall<'a>) {
        let around = OnCall {
            now,
            call,
            dialog: &mut self.dialog,
            sound: &mut self.sound,
            conference: &mut self.conference,
            own: self.own.as_ref(),
            ignores_rtp_timeout: &mut self.ignores_rtp_timeout,
        };
        (&mut self.script, around)
    }
}

/// Who we are to the sender of an INVITE.
fn called_by(invite: &Request) -> OwnParty {
    let sip = invite.uri.as_sip();
    let user = sip.and_then(SipUri::user_decoded);
    OwnParty {
        user: user.unwrap_or_default().into_owned(),
        domain: sip.map_or_else(String::new, |sip| sip.host.to_string()),
        uri: invite.uri.to_string(),
    }
}

/// Takes the message out that an event is about, for the time that the event is processed.
fn take_message(step: &mut Step<Afterwards>) -> Message {
    match std::mem::replace(&mut step.afterwards, Afterwards::Nothing) {
        Afterwards::Request(transaction, request) => {
            step.afterwards = Afterwards::RequestSeen;
            Message::Request {
                transaction: Some(transaction),
                request,
            }
        }
        Afterwards::Response(response) => Message::Response(response),
        other => {
            let is_invite = matches!(other, Afterwards::Invite | Afterwards::Answer);
            step.afterwards = other;
            match is_invite {
                true => Message::Invite,
                false => Message::None,
            }
        }
    }
}
