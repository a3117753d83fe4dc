//! The session of a request outside calls, such as a MESSAGE: a diagram that answers it.
//!
//! A core with the verbs of [`Session`](super::Session). The diagram begins with `start`; then `sipRequest` tells
//! of the request, and `dlg.reply` or `dlg.replyRequest` answers it, then or later. It has no audio; what needs a
//! call throws `core`. A request that nobody looks at gets 501, one that is left unanswered 500.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::catalog::DiagramApplication;
use super::core::SessionCore;
use super::event::{SessionEvent, SessionId, SessionOutput};
use super::script::reply::{Reply, bad, failed, found, thrown};
use super::script::told::Told;
use super::script::{Performed, Script, Step, Surroundings, message, told, unavailable};
use crate::dsm::module::{MessagePart, Moment};
use crate::dsm::{
    DialogAction, DialogCondition, Errno, Event, EventKind, Exception, HostAction, ModuleAction,
    NotStartable, Values,
};
use crate::sip::dialog::invite_usage::Command;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Request, Response, StatusCode, body};
use crate::sip::transport::Flow;

/// A request outside calls that a diagram is to answer.
#[derive(Debug)]
pub struct NewRequest {
    /// Its session's name, at once the To tag of the answer.
    pub id: SessionId,
    /// Its server transaction.
    pub transaction: TransactionId,
    /// The request.
    pub request: Request,
    /// How it came.
    pub flow: Flow,
    /// The diagram.
    pub application: Arc<DiagramApplication>,
}

/// When a request that has no answer gets one: well before its sender gives up (RFC 4320 §4.2), if he does so
/// after the usual 32 s, and before its transaction does.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// See the module's documentation.
#[derive(Debug)]
pub struct RequestSession {
    script: Script<Afterwards>,
    around: Around,
    answer_by: Option<Instant>,
    answer_within: Duration,
    /// How long the diagram may go on after its answer, and until when.
    linger: Duration,
    linger_until: Option<Instant>,
    ended: bool,
    /// The modules have heard of the end.
    told: bool,
}

/// What the host does when an event has been processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    Nothing,
    /// Answer a request that the diagram had no transition for.
    Request,
    /// Stop unless the script set `#processed`.
    StopUnlessProcessed,
}

/// The request, and the world outside.
#[derive(Debug)]
struct Around {
    id: SessionId,
    request: Request,
    /// `None`: it has its answer.
    transaction: Option<TransactionId>,
    outputs: VecDeque<SessionOutput>,
}

impl RequestSession {
    /// A session that begins when it is told to.
    ///
    /// # Errors
    /// [`NotStartable`] if the diagram has no initial state; answer the request with [`fault`].
    pub fn new(new: NewRequest, linger: Duration, give_up: Duration) -> Result<Self, NotStartable> {
        Ok(Self {
            script: Script::new(&new.application, [], None)?,
            around: Around {
                id: new.id,
                request: new.request,
                transaction: Some(new.transaction),
                outputs: VecDeque::new(),
            },
            answer_by: None,
            // An eighth of the time is left to those who carry the answer.
            answer_within: ANSWER_WITHIN.min(give_up * 7 / 8),
            linger,
            linger_until: None,
            ended: false,
            told: false,
        })
    }

    fn enqueue(&mut self, event: Event, afterwards: Afterwards) {
        self.script.enqueue(Step {
            event,
            afterwards,
            version: None,
        });
    }

    /// Processes waiting events until one stops the diagram or waits for something.
    fn run(&mut self, now: Instant) {
        while !self.script.is_stopped()
            && let Some(step) = self.script.next_step()
        {
            let done = self.script.process(now, step, &mut self.around);
            self.finish(done);
        }
        self.see_to_end(now);
    }

    /// Does what follows an event, if one has been processed.
    fn finish(&mut self, done: Option<Afterwards>) {
        match done {
            Some(Afterwards::Request)
                if !self.script.has_moved() && self.around.transaction.is_some() =>
            {
                tracing::info!("the diagram has no transition for this request: answered 501");
                self.around.answer(StatusCode::NOT_IMPLEMENTED);
                self.script.stop();
            }
            Some(Afterwards::StopUnlessProcessed)
                if self.script.param("processed") != Some("true") =>
            {
                self.script.stop();
            }
            _ => {}
        }
    }

    fn see_to_end(&mut self, now: Instant) {
        if self.script.is_stopped() {
            if self.around.transaction.is_some() && !self.script.is_suspended() {
                tracing::warn!("the diagram stopped without a reply: answered 500");
                self.around.answer(StatusCode::SERVER_INTERNAL_ERROR);
            }
            if !self.script.is_suspended() && !std::mem::replace(&mut self.told, true) {
                self.tell_modules(now, Moment::BeforeDestroy, EventKind::BeforeDestroy);
            }
        } else if self.around.transaction.is_none() && self.linger_until.is_none() {
            self.linger_until = Some(now + self.linger);
        }
    }

    fn tell_modules(&mut self, now: Instant, moment: Moment<'_>, kind: EventKind) {
        let event = Event::new(kind);
        // Only what begins and ends is told here, which nobody answers.
        self.script
            .tell_modules(now, moment, event, &mut self.around);
    }
}

impl SessionCore for RequestSession {
    fn begin(&mut self, now: Instant) {
        self.answer_by = Some(now + self.answer_within);
        let nothing = Afterwards::Nothing;
        self.tell_modules(now, Moment::SessionStart, EventKind::Start);
        self.script
            .start(now, EventKind::Start, nothing, &mut self.around);
        let event = message::request_event(&self.around.request);
        self.enqueue(event, Afterwards::Request);
        self.run(now);
    }

    fn handle_event(&mut self, now: Instant, event: SessionEvent) {
        match told::without_call(event) {
            Told::Event(event) => self.enqueue(event, Afterwards::Nothing),
            Told::Performed(token, result) => {
                let done = self.script.performed(now, token, result, &mut self.around);
                self.finish(done);
            }
            Told::Shutdown => self.enqueue(told::shutdown(), Afterwards::StopUnlessProcessed),
            Told::Terminate => self.abandon(),
            Told::OfCall => {}
        }
        self.run(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.answer_by.take_if(|at| *at <= now).is_some() && self.around.transaction.is_some() {
            tracing::warn!("the diagram did not reply in time: answered 500");
            self.around.answer(StatusCode::SERVER_INTERNAL_ERROR);
        }
        if self.linger_until.take_if(|at| *at <= now).is_some() {
            tracing::warn!("the diagram replied and did not stop(): its session is ended");
            self.script.abandon();
        }
        self.script.handle_timeout(now, || Afterwards::Nothing);
        self.run(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let answer_by = self.answer_by.filter(|_| self.around.transaction.is_some());
        let timers = [answer_by, self.linger_until, self.script.poll_timeout()];
        timers.into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<SessionOutput> {
        if let Some(output) = self.around.outputs.pop_front() {
            return Some(output);
        }
        let over = self.script.is_stopped() && !self.script.is_suspended();
        (over && !std::mem::replace(&mut self.ended, true)).then_some(SessionOutput::Ended)
    }

    fn abandon(&mut self) {
        self.script.abandon();
        self.around.answer(StatusCode::SERVER_INTERNAL_ERROR);
    }
}

/// The answer to a request whose session cannot begin.
pub fn fault(request: &Request, id: &SessionId) -> Response {
    let status = StatusCode::SERVER_INTERNAL_ERROR;
    Response::answering(request, status, Some(&id.0))
}

impl Around {
    /// Answers the request, unless it has its answer.
    fn answer(&mut self, status: StatusCode) {
        let response = Response::answering(&self.request, status, Some(&self.id.0));
        self.respond(response);
    }

    fn respond(&mut self, response: Response) {
        if let Some(transaction) = self.transaction.take() {
            let response = Box::new(response);
            let command = Command::Respond {
                transaction,
                response,
            };
            self.outputs.push_back(SessionOutput::Sip(command));
        }
    }

    fn reply(&mut self, code: &str, reason: &str, variables: &Values) -> Result<(), Performed> {
        let reply = Reply::read(code, reason, StatusCode::OK, variables)?;
        if reply.status.is_provisional() {
            return Err(bad(
                "a request that is no INVITE gets a code from 200 to 699",
            ));
        }
        if self.transaction.is_none() {
            return Err(failed(Errno::GENERAL, "this request has its reply"));
        }
        let mut response = Response::answering(&self.request, reply.status, Some(&self.id.0));
        if !reply.reason.is_empty() {
            response.reason = reply.reason.to_owned();
        }
        for (name, value) in reply.headers {
            response.headers.push(name, value);
        }
        self.respond(response);
        Ok(())
    }
}

impl Surroundings for Around {
    fn id(&self) -> &SessionId {
        &self.id
    }

    fn select(&self, name: &str) -> Option<String> {
        message::select(&self.request, &self.id.0, name)
    }

    fn perform(&mut self, action: &HostAction, variables: &Values) -> Performed {
        let HostAction::Module(call) = action else {
            let name = action.name();
            let cause = format!("{name} is not available outside a call");
            return Performed::Failed(Exception::core(cause.clone()).into(), Some(cause));
        };
        let unavailable = || unavailable(action, "outside a call");
        let ModuleAction::Dialog(wanted) = call.which else {
            return unavailable();
        };
        let done = match wanted {
            DialogAction::Reply | DialogAction::ReplyRequest => {
                self.reply(call.argument(0), call.argument(1), variables)
            }
            DialogAction::GetRequestBody => {
                let Request { headers, body, .. } = &self.request;
                Err(found(headers, body, call.argument(0)))
            }
            DialogAction::GetReplyBody => Err(thrown("no reply")),
            // Of a call, which there is none of.
            DialogAction::AcceptInvite
            | DialogAction::Bye
            | DialogAction::GetOtherId
            | DialogAction::GetRtpRelayMode
            | DialogAction::Info
            | DialogAction::NotifyRefer
            | DialogAction::Refer => Err(unavailable()),
        };
        done.map_or_else(|other| other, |()| Performed::Done)
    }

    fn test(&mut self, condition: DialogCondition, content_type: &str) -> bool {
        let Request { headers, body, .. } = &self.request;
        condition == DialogCondition::RequestHasContentType
            && body::content(headers, body, content_type).is_some()
    }

    fn message(&self, part: MessagePart<'_>) -> Option<String> {
        let Request { headers, body, .. } = &self.request;
        message::part(headers, body, "request", part)
    }

    fn hang_up(&mut self) {}

    fn output(&mut self, output: SessionOutput) {
        self.outputs.push_back(output);
    }
}
