//! SHELL: one task per session.
//!
//! The task owns its session (a [`SessionCore`]), its stream if it is a call, and its mailbox. It waits
//! for an event, a timer or work done elsewhere, feeds the core, and passes on what the core wants: SIP
//! to the signalling task (waiting there is the back-pressure), media commands to the media thread. It
//! ends when the recordings of its call are complete on disk. A panic in the core ends this call with a
//! BYE and nothing else.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod late;
mod recordings;
mod rooms;

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, sleep_until, timeout};

use self::recordings::{Begun, Whose};
use super::core::SessionCore;
use super::dial_out::DialOrder;
use super::event::{
    ActionToken, AudioFile, RecordError, SessionEvent, SessionId, SessionOutput, Urgency, Work,
};
use super::monitoring::{Reply, Write};
use super::pool::{self, SessionContext, SipCommand};
use super::prompts::Playable;
use super::recordings::Wanted;
use super::room::{InRoomError, RoomRequest};
use super::router::{Mailbox, Undelivered};
use crate::audio::playlist::PlaylistItem;
use crate::audio::recorder::{RecordingEnded, RecordingMeter};
use crate::codec::Encoding;
use crate::dsm::{ActionError, ActionResult, Answer, Errno, RecordOptions};
use crate::media::{FiguresSink, MediaBusy, MediaCommand, MediaEvent, OpenError, StreamHandle};
use crate::plugin::module;
use crate::rtp::srtp::SrtpSuite;

/// Events that may wait for one session. Room that nobody uses takes no memory.
pub(super) const MAILBOX: usize = 128;
/// Of these for events without which a call would not end. The rest is more than a call makes in a second;
/// a flood beyond it is refused at the door.
const RESERVED: usize = 80;
/// And of those for the ones that come once each: the final responses to all requests that a session may
/// have out ([`MAX_REQUESTS`](crate::sip::dialog::invite_usage::MAX_REQUESTS)), those of the forks of its
/// INVITE, and what it waits for besides. So no peer can flood them.
const RESERVED_FOR_ONCE: usize = 72;
/// After how long a busy media thread is asked again.
const BUSY: Duration = Duration::from_millis(5);
/// How often. After a second it is not busy but broken.
const BUSY_TRIES: usize = 200;
/// What is over sooner has no figures that would tell anything.
const MEASURED_FROM: Duration = Duration::from_secs(1);
/// How long a media thread may take to tell the figures of a stream that ends.
const MEASURE: Duration = Duration::from_millis(200);
/// The sending end of a session's mailbox.
#[derive(Debug, Clone)]
pub struct TaskMailbox(pub(super) mpsc::Sender<SessionEvent>);

impl Mailbox for TaskMailbox {
    fn post(&self, event: SessionEvent) -> Result<(), Undelivered> {
        let kept = match event.urgency() {
            Urgency::Ordinary => RESERVED,
            Urgency::Vital => RESERVED_FOR_ONCE,
            Urgency::Once => 0,
        };
        if self.0.capacity() <= kept && !self.0.is_closed() {
            return Err(Undelivered::Full(event));
        }
        self.0.try_send(event).map_err(|refused| match refused {
            TrySendError::Full(event) => Undelivered::Full(event),
            TrySendError::Closed(event) => Undelivered::Gone(event),
        })
    }
}

/// A running session and what it works with.
pub(super) struct Task<S> {
    id: SessionId,
    context: Arc<SessionContext>,
    /// In a box, or the task's future would hold it several times over.
    session: Box<S>,
    /// The audio of a call.
    stream: Option<StreamHandle>,
    mailbox: mpsc::Receiver<SessionEvent>,
    /// A fault of ours has happened in it.
    faulty: bool,
    /// And another one while it was being ended: nothing can be done with it.
    lost: bool,
    /// It has asked for a seat in a conference room.
    has_seats: bool,
    /// Something is kept about it in the monitoring store.
    has_record: bool,
    work: JoinSet<Completion>,
    /// Of `work`: recordings that are being begun, are running, or being completed.
    recordings: usize,
    /// The recording of a room that it began last.
    of_room: Option<RecordingMeter>,
}

/// Work done outside the task.
enum Completion {
    Event(SessionEvent),
    RecordingBegun(Whose, Result<Begun, RecordError>),
    RecordingEnded(Whose, PathBuf, RecordingEnded),
}

/// Opens the stream of a session on `ip`, with events into `mailbox`.
pub(super) fn open_stream(
    context: &SessionContext,
    ip: IpAddr,
    mailbox: TaskMailbox,
) -> Result<StreamHandle, OpenError> {
    context.media.open(
        context.rtp_address.unwrap_or(ip),
        Box::new(move |event| mailbox.post(SessionEvent::Media(event)).is_ok()),
    )
}

impl<S: SessionCore> Task<S> {
    /// A task for `session`, which has not begun.
    pub(super) fn new(
        id: SessionId,
        context: Arc<SessionContext>,
        session: Box<S>,
        stream: Option<StreamHandle>,
        mailbox: mpsc::Receiver<SessionEvent>,
    ) -> Self {
        Self {
            id,
            context,
            session,
            stream,
            mailbox,
            faulty: false,
            lost: false,
            has_seats: false,
            has_record: false,
            work: JoinSet::new(),
            recordings: 0,
            of_room: None,
        }
    }

    /// Runs until the session is over.
    pub(super) async fn run(mut self) {
        let now = Instant::now();
        self.guarded(|session| session.begin(now));
        loop {
            if self.drain().await {
                break;
            }
            let timer = self.guarded(|session| session.poll_timeout()).flatten();
            let event = tokio::select! {
                Some(event) = self.mailbox.recv() => Some(event),
                Some(completed) = self.work.join_next() => self.complete(completed).await,
                () = sleep_or_never(timer) => {
                    let now = Instant::now();
                    self.guarded(|session| session.handle_timeout(now));
                    None
                }
            };
            if let Some(event) = event {
                let now = Instant::now();
                self.guarded(|session| session.handle_event(now, event));
            }
        }
        self.answer_late_messages().await;
        if self.has_seats {
            // The others are not to wait for our disk. At the very end of the server nobody listens.
            self.ask_about_rooms(RoomRequest::LeaveAll).await;
        }
        if now.elapsed() >= MEASURED_FROM {
            self.log_figures().await;
        }
        self.complete_recordings().await;
        if self.has_record {
            let over = Write::Finish(self.id.0.clone());
            self.context.monitor.write(over).await;
        }
        pool::end(&self.context, self.id).await;
    }

    /// Carries out the session's outputs. True: it has ended.
    async fn drain(&mut self) -> bool {
        loop {
            let output = match self.guarded(|session| session.poll_output()) {
                _ if self.lost => return true,
                Some(None) => return false,
                Some(Some(output)) => output,
                None => continue,
            };
            match output {
                SessionOutput::Sip(command) => {
                    let session = self.id.clone();
                    if self
                        .context
                        .sip
                        .send(SipCommand::Dialog { session, command })
                        .await
                        .is_err()
                    {
                        return true;
                    }
                }
                SessionOutput::Media(command) => {
                    // The session learns of it, if it cannot be told.
                    let _ = self.command(command).await;
                }
                SessionOutput::LoadPrompt {
                    file,
                    encoding,
                    looped,
                } => self.load_prompt(file, encoding, looped),
                SessionOutput::Perform { token, work } => {
                    if !self.perform(token, work).await {
                        return true;
                    }
                }
                SessionOutput::GiveUp(work) => module::give_up(work),
                SessionOutput::Monitor(write) => {
                    self.has_record = true;
                    self.context.monitor.write(write).await;
                }
                SessionOutput::Room(request) => {
                    self.has_seats |= matches!(request, RoomRequest::Enter { .. });
                    if !self.ask_about_rooms(request).await {
                        return true;
                    }
                }
                SessionOutput::InRoom(room, act) => self.in_room(&room, act).await,
                SessionOutput::Record {
                    file,
                    options,
                    sample_rate,
                } => {
                    let wanted = Wanted {
                        file,
                        options,
                        sample_rate,
                    };
                    self.begin_recording(Whose::Call, wanted);
                }
                SessionOutput::RecordRoom {
                    room,
                    file,
                    sample_rate,
                } => {
                    let wanted = Wanted {
                        file,
                        options: RecordOptions::default(),
                        sample_rate,
                    };
                    self.begin_recording(Whose::Room(room), wanted);
                }
                SessionOutput::Ended => return true,
            }
        }
    }

    /// False: the signalling task is gone.
    async fn ask_about_rooms(&mut self, request: RoomRequest) -> bool {
        let command = SipCommand::Room {
            session: self.id.clone(),
            stream: self.stream.as_ref().map(StreamHandle::id),
            request,
        };
        self.context.sip.send(command).await.is_ok()
    }

    /// Gets what is in memory at once, and anything else elsewhere.
    fn load_prompt(&mut self, file: AudioFile, encoding: Encoding, looped: bool) {
        let known = match self.context.prompts.cached(&file, encoding) {
            Some(Ok(Playable::Whole(prompt))) => Ok(PlaylistItem::Prompt { prompt, looped }),
            Some(Err(error)) => Err(error),
            Some(Ok(Playable::Long(_))) | None => {
                let context = self.context.clone();
                self.work.spawn(async move {
                    let files = context.media.files();
                    let item = context.prompts.item(files, &file, encoding, looped).await;
                    Completion::Event(SessionEvent::Prompt(item))
                });
                return;
            }
        };
        let now = Instant::now();
        self.guarded(|session| session.handle_event(now, SessionEvent::Prompt(known)));
    }

    /// Has work done that the script waits for. False: the signalling task is gone.
    async fn perform(&mut self, token: ActionToken, work: Work) -> bool {
        let components = self.context.components.clone();
        match work {
            Work::Mail(mail) => {
                let session = self.id.clone();
                let command = SipCommand::Mail {
                    session,
                    token,
                    mail,
                };
                return self.context.sip.send(command).await.is_ok();
            }
            Work::Outside(work) => {
                let session = self.id.clone();
                let command = SipCommand::OutsideWork {
                    session,
                    token,
                    work,
                };
                return self.context.sip.send(command).await.is_ok();
            }
            Work::Group(request) => {
                let session = self.id.clone();
                let command = SipCommand::Group {
                    session,
                    token,
                    request,
                };
                return self.context.sip.send(command).await.is_ok();
            }
            Work::Room(question) => {
                let session = self.id.clone();
                let command = SipCommand::RoomQuestion {
                    session,
                    token,
                    question,
                };
                return self.context.sip.send(command).await.is_ok();
            }
            Work::Local(work) => {
                let done = self.context.local.perform(work);
                self.work.spawn(async move { performed(token, done.await) });
            }
            Work::Ask(question) => {
                let monitor = self.context.monitor.clone();
                self.work.spawn(async move {
                    let value = match monitor.ask(*question).await {
                        Some(Reply::Attribute(Some(value))) => value.into(),
                        _ => serde_json::Value::Null,
                    };
                    performed(token, Ok(Answer::Value(value)))
                });
            }
            Work::StartSystem {
                configuration,
                diagram,
            } => {
                self.work.spawn(async move {
                    let started = components.create_system_dsm(&configuration, &diagram);
                    performed(token, started.await)
                });
            }
            Work::Call(call) => {
                self.work.spawn(async move {
                    let called = components.call_for_script(*call);
                    performed(token, called.await)
                });
            }
            Work::Module(ticket) => {
                self.work
                    .spawn(async move { performed(token, module::wait(ticket).await) });
            }
            Work::DialOut(call) => {
                let (order, placed) = DialOrder::new(*call);
                self.work.spawn(async move {
                    let placed = match placed.await {
                        Ok(placed) => placed.map_err(|error| error.to_string()),
                        Err(_) => Err("the server is ending".to_owned()),
                    };
                    let placed = placed.map(|id| Answer::Value(id.to_string().into()));
                    let general = |why| ActionError::errno(Errno::GENERAL, why);
                    performed(token, placed.map_err(general))
                });
                return self
                    .context
                    .sip
                    .send(SipCommand::DialOut(order))
                    .await
                    .is_ok();
            }
        }
        true
    }

    /// What finished work brings the session.
    async fn complete(&mut self, completed: Result<Completion, JoinError>) -> Option<SessionEvent> {
        match completed {
            Ok(Completion::Event(event)) => Some(event),
            Ok(Completion::RecordingBegun(whose, begun)) => Some(self.on_begun(whose, begun).await),
            Ok(Completion::RecordingEnded(whose, path, ended)) => {
                self.recordings -= 1;
                self.context.prompts.changed(&path);
                Some(match whose {
                    Whose::Call => SessionEvent::RecordingEnded(ended),
                    Whose::Room(_) => SessionEvent::RoomRecordingEnded(ended),
                })
            }
            Err(fault) => {
                tracing::error!(session = %self.id, %fault, "work for this call failed");
                // Its script would wait for the result for ever.
                self.on_fault();
                None
            }
        }
    }

    /// Tells the stream. A busy media thread is waited for: a script counts on what it has told. After a
    /// second the stream is given up, for it is not what the session believes it to be.
    async fn command(&mut self, command: MediaCommand) -> Result<(), InRoomError> {
        let Some(stream) = &self.stream else {
            return Err(InRoomError::NoAudio);
        };
        let mut command = Some(command);
        let told = wait_for(|| match stream.command(command.take()?) {
            Ok(()) => Some(Ok(())),
            Err(MediaBusy(refused)) => {
                command = Some(refused);
                None
            }
        });
        if let Some(told) = told.await {
            return told;
        }
        self.context.stats.media_commands_dropped.increment();
        tracing::error!(session = %self.id, "the media thread is busy: the audio of this call is given up");
        self.stream = None;
        let now = Instant::now();
        let failed = SessionEvent::Media(MediaEvent::StreamFailed);
        self.guarded(|session| session.handle_event(now, failed));
        Err(InRoomError::Busy)
    }

    /// One line on the audio of the call, if there was any.
    async fn log_figures(&mut self) {
        if self.stream.is_none() {
            return;
        }
        let (tell, told) = oneshot::channel();
        let sink = FiguresSink::new(move |figures| {
            // We may have given up.
            let _ = tell.send(figures);
        });
        if self.command(MediaCommand::Measure(sink)).await.is_err() {
            return;
        }
        let Ok(Ok(figures)) = timeout(MEASURE, told).await else {
            return;
        };
        if figures.packets_sent + figures.packets_received == 0 {
            return;
        }
        // Two digits after the point are more than anybody can hear.
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        let ms = |time: Duration| rounded(time.as_secs_f64() * 1_000.0);
        let mos = |score: f32| rounded(score.into());
        tracing::info!(
            session = %self.id,
            packets_sent = figures.packets_sent,
            octets_sent = figures.octets_sent,
            packets_received = figures.packets_received,
            octets_received = figures.octets_received,
            packets_lost = figures.packets_lost,
            jitter_ms = ms(figures.jitter),
            mos = figures.score.map(mos),
            peer_lost = figures.peer_lost,
            peer_jitter_ms = figures.peer_jitter.map(ms),
            peer_mos = figures.peer_score.map(mos),
            round_trip_ms = figures.round_trip.map(ms),
            encryption = figures.suite.map_or("none", SrtpSuite::name),
            "audio of the call"
        );
    }

    /// Runs `work` on the session; a panic in it ends the call.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut S) -> T) -> Option<T> {
        let session = &mut self.session;
        let done = catch_unwind(AssertUnwindSafe(|| work(session))).ok();
        if done.is_none() {
            self.on_fault();
        }
        done
    }

    fn on_fault(&mut self) {
        self.context.stats.session_faults.increment();
        tracing::error!(session = %self.id, "a fault in this server: the call is ended");
        // Should ending it fail as well, dropping the session is all that is left.
        let session = &mut self.session;
        let ended = catch_unwind(AssertUnwindSafe(|| session.abandon()));
        self.lost |= self.faulty || ended.is_err();
        self.faulty = true;
    }
}

fn performed(token: ActionToken, result: ActionResult) -> Completion {
    Completion::Event(SessionEvent::Performed(token, result))
}

/// Tries until it gives something, but no longer than a second.
async fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..BUSY_TRIES {
        let done = attempt();
        if done.is_some() {
            return done;
        }
        sleep(BUSY).await;
    }
    None
}

async fn sleep_or_never(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
pub(super) mod tests;
