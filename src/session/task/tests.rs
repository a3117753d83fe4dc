//! What the task of a session does about faults, a busy media thread, and what comes too late.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::local::{Local, LocalPolicy};
use super::super::monitoring::Monitor;
use super::super::recordings::Recordings;
use super::*;
use crate::codec::Codecs;
use crate::dsm::DiCall;
use crate::media::{FeedError, MediaConfig, MediaPool, Playout, RoomEvent};
use crate::sdp::Capabilities;
use crate::session::begin::Settings;
use crate::session::components::{Calling, Component, Components, Function};
use crate::session::prompts::PromptStore;
use crate::session::room::{InRoom, Mode, Room};
use crate::sip::dialog::invite_usage::Command;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Headers, Method, Request, SipUri};
use crate::stats::Stats;

/// Where a session panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Nowhere,
    Begin,
    Event,
    Output,
    /// In an event, and again when it is to be ended for that.
    EventAndEnd,
}

/// Ends when it is told to, unless it panics before.
struct Faulty {
    fault: Fault,
    ending: bool,
}

impl Faulty {
    fn panics(&self, at: &[Fault]) {
        assert!(!at.contains(&self.fault), "a fault of this test");
    }
}

impl SessionCore for Faulty {
    fn begin(&mut self, _: Instant) {
        self.panics(&[Fault::Begin]);
    }

    fn handle_event(&mut self, _: Instant, _: SessionEvent) {
        self.panics(&[Fault::Event, Fault::EventAndEnd]);
        self.ending = true;
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_output(&mut self) -> Option<SessionOutput> {
        self.panics(&[Fault::Output]);
        self.ending.then_some(SessionOutput::Ended)
    }

    fn abandon(&mut self) {
        self.panics(&[Fault::EventAndEnd]);
        self.ending = true;
    }
}

/// What sessions share in these tests, and what they tell the signalling task.
pub(in crate::session) fn context() -> (Arc<SessionContext>, mpsc::Receiver<SipCommand>) {
    let (sip, commands) = mpsc::channel(8);
    let media = MediaPool::start(MediaConfig {
        threads: 1,
        slot: Duration::from_millis(10),
        ports: 20_000..=29_999,
        max_streams: 4,
        playout: Playout::default(),
        seed: 1,
    });
    let context = Arc::new(SessionContext {
        recordings: Recordings::new(PathBuf::new(), None),
        sip,
        prompts: Arc::new(PromptStore::new(Vec::new(), 0, Duration::ZERO)),
        media: media.expect("a media thread can be started"),
        rtp_address: None,
        settings: Settings {
            capabilities: Arc::new(Capabilities {
                formats: Vec::new(),
                codecs: Codecs::new([]),
                ptime: Duration::from_millis(20),
            }),
            rtp: crate::session::call::RtpPolicy::default(),
            srtp_keys: crate::rtp::srtp::KeySource::new([0; 32]),
            dtmf: Default::default(),
            linger: Duration::ZERO,
            ring: Duration::from_secs(180),
            give_up: Duration::from_secs(32),
            following: Default::default(),
            session_timer: None,
            reliable: crate::sip::dialog::capabilities::ReliablePolicy::Off,
            user_agent: String::new(),
            name: None,
        },
        components: Arc::new(Components::default().with("broken", Arc::new(Broken))),
        local: Local::new(LocalPolicy {
            folders: Vec::new(),
            commands: false,
            deadline: Duration::from_secs(5),
        }),
        monitor: Monitor::default(),
        stats: Arc::new(Stats::default()),
    });
    (context, commands)
}

/// A component that panics.
#[derive(Debug)]
struct Broken;

impl Component for Broken {
    fn functions(&self) -> &'static [Function] {
        &[Function {
            name: "fail",
            parameters: &[],
            doc: "Panics.",
        }]
    }

    fn call(&self, _: &str, _: Vec<serde_json::Value>) -> Calling {
        panic!("a fault of this test")
    }
}

/// Has these outputs, and ends with the last, or when it has to.
struct Outputs(Vec<SessionOutput>);

impl SessionCore for Outputs {
    fn begin(&mut self, _: Instant) {}

    fn handle_event(&mut self, _: Instant, _: SessionEvent) {}

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_output(&mut self) -> Option<SessionOutput> {
        self.0.pop()
    }

    fn abandon(&mut self) {
        self.0 = vec![SessionOutput::Ended];
    }
}

/// Has these outputs, and then waits to be told something, as often as this.
struct Listener {
    outputs: Vec<SessionOutput>,
    told: std::sync::mpsc::Sender<SessionEvent>,
    wanted: usize,
}

impl SessionCore for Listener {
    fn begin(&mut self, _: Instant) {}

    fn handle_event(&mut self, _: Instant, event: SessionEvent) {
        self.told.send(event).expect("the test listens");
        self.wanted -= 1;
        if self.wanted == 0 {
            self.outputs = vec![SessionOutput::Ended];
        }
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_output(&mut self) -> Option<SessionOutput> {
        self.outputs.pop()
    }

    fn abandon(&mut self) {}
}

/// Runs a call with these outputs, the last first, until it has been told so many things.
async fn told(
    context: &Arc<SessionContext>,
    outputs: Vec<SessionOutput>,
    wanted: usize,
) -> Vec<SessionEvent> {
    let (own, mailbox) = mpsc::channel(MAILBOX);
    let stream = open_stream(
        context,
        "127.0.0.1".parse().unwrap(),
        TaskMailbox(own.clone()),
    );
    let (told, events) = std::sync::mpsc::channel();
    let session = Box::new(Listener {
        outputs,
        told,
        wanted,
    });
    let id = SessionId("listener".into());
    Task::new(id, context.clone(), session, stream.ok(), mailbox)
        .run()
        .await;
    events.try_iter().collect()
}

/// A request of the peer.
fn request(method: Method) -> Box<Request> {
    Box::new(Request {
        method,
        uri: SipUri::new(Some("us"), IpAddr::from(Ipv4Addr::LOCALHOST), None).into(),
        headers: Headers::default(),
        body: Default::default(),
    })
}

fn is_ended(command: Option<SipCommand>, id: &str) -> bool {
    matches!(command, Some(SipCommand::Ended { session }) if *session.0 == *id)
}

#[tokio::test]
async fn a_panic_ends_that_session_and_no_other() {
    let (context, mut commands) = context();
    let start = |fault: Fault| {
        let (own, mailbox) = mpsc::channel(MAILBOX);
        let own = TaskMailbox(own);
        let session = Faulty {
            fault,
            ending: false,
        };
        let id = SessionId(format!("{fault:?}").as_str().into());
        let task = Task::new(id, context.clone(), Box::new(session), None, mailbox);
        tokio::spawn(task.run());
        own
    };
    let well = start(Fault::Nowhere);
    let mut faults = 0;
    for fault in [
        Fault::Begin,
        Fault::Event,
        Fault::Output,
        Fault::EventAndEnd,
    ] {
        let mailbox = start(fault);
        // A session that is over already takes nothing.
        let _ = mailbox.post(SessionEvent::Shutdown);
        let ended = commands.recv().await;
        assert!(
            matches!(&ended, Some(SipCommand::Ended { session }) if session.to_string() == format!("{fault:?}")),
            "{ended:?}"
        );
        let counted = context.stats.session_faults.value();
        assert!(counted > faults, "{fault:?}");
        faults = counted;
    }
    assert!(well.post(SessionEvent::Shutdown).is_ok(), "it still runs");
    let ended = commands.recv().await;
    assert!(
        matches!(ended, Some(SipCommand::Ended { session }) if session.to_string() == "Nowhere")
    );
}

#[tokio::test]
async fn a_panic_in_work_that_a_script_waits_for_ends_its_session() {
    let (context, mut commands) = context();
    let call = DiCall {
        factory: "broken".into(),
        function: "fail".into(),
        arguments: Vec::new(),
    };
    let session = Outputs(vec![SessionOutput::Perform {
        token: ActionToken(1),
        work: Work::Call(Box::new(call)),
    }]);
    // Its sender is kept: nothing but the fault ends it.
    let (_own, mailbox) = mpsc::channel(MAILBOX);
    let id = SessionId("waiting".into());
    tokio::spawn(Task::new(id, context.clone(), Box::new(session), None, mailbox).run());
    assert!(is_ended(commands.recv().await, "waiting"));
    assert_eq!(context.stats.session_faults.value(), 1);
}

#[tokio::test]
async fn a_request_that_comes_too_late_is_answered() {
    let (context, mut commands) = context();
    let (own, mailbox) = mpsc::channel(MAILBOX);
    let own = TaskMailbox(own);
    let bye = SessionEvent::Request(TransactionId(7), request(Method::Bye));
    assert!(own.post(bye).is_ok());
    let id = SessionId("over".into());
    let session = Outputs(vec![SessionOutput::Ended]);
    Task::new(id, context, Box::new(session), None, mailbox)
        .run()
        .await;
    let answer = commands.recv().await;
    let Some(SipCommand::Dialog {
        command: Command::Respond {
            transaction,
            response,
        },
        ..
    }) = answer
    else {
        panic!("{answer:?}")
    };
    assert_eq!(transaction, TransactionId(7));
    assert_eq!(response.status.code(), 481);
    assert!(is_ended(commands.recv().await, "over"));
}

#[tokio::test]
async fn a_busy_media_thread_is_waited_for() {
    let (context, mut commands) = context();
    let (own, mailbox) = mpsc::channel(MAILBOX);
    let own = TaskMailbox(own);
    let stream = open_stream(&context, "127.0.0.1".parse().unwrap(), own).unwrap();
    let mute = || SessionOutput::Media(MediaCommand::SetMuted(true));
    let mut outputs = vec![SessionOutput::Ended];
    outputs.extend(std::iter::repeat_with(mute).take(50_000));
    let session = Outputs(outputs);
    let id = SessionId("chatty".into());
    tokio::spawn(
        Task::new(
            id,
            context.clone(),
            Box::new(session),
            Some(stream),
            mailbox,
        )
        .run(),
    );
    assert!(is_ended(commands.recv().await, "chatty"));
    assert_eq!(context.stats.media_commands_dropped.value(), 0);
}

#[tokio::test]
async fn a_session_learns_that_its_stream_does_not_get_into_a_room() {
    let (context, _commands) = context();
    let open = || context.media.open_room(Box::new(|_| true)).ok();
    let _all: Vec<_> = std::iter::from_fn(open).collect();
    let room = Arc::new(Room::new("blue"));
    let take = InRoom::Take(Mode::parse("").unwrap());
    let outputs = [InRoom::Tee(1), take].map(|act| SessionOutput::InRoom(room.clone(), act));
    for event in told(&context, outputs.into(), 2).await {
        let SessionEvent::InRoom(Err(InRoomError::Open(error))) = event else {
            panic!("{event:?}")
        };
        assert!(matches!(error, OpenError::TooManyRooms { .. }));
    }
    assert!(room.open_sound().is_none());
}

#[tokio::test]
async fn leaving_a_room_without_sound_opens_none() {
    let (context, _commands) = context();
    let room = Arc::new(Room::new("blue"));
    let announce = InRoom::Announce(Arc::new(crate::audio::Prompt::from_pcm(vec![0; 8], 8_000)));
    let outputs = [announce, InRoom::Leave].map(|act| SessionOutput::InRoom(room.clone(), act));
    assert_eq!(told(&context, outputs.into(), 1).await.len(), 1);
    assert_eq!(context.media.rooms(), 0);
}

#[tokio::test]
async fn a_room_hears_so_many_calls_from_elsewhere_and_no_more() {
    let (context, _commands) = context();
    let room = Arc::new(Room::new("blue"));
    let sound = room.sound(|sink| context.media.open_room(sink)).unwrap();
    let feeds: Vec<_> = (0..crate::media::MAX_FEEDS)
        .map(|_| sound.feed().unwrap())
        .collect();
    let tee = || vec![SessionOutput::InRoom(room.clone(), InRoom::Tee(1))];
    let refused = told(&context, tee(), 1).await;
    let refused = matches!(
        refused[..],
        [SessionEvent::InRoom(Err(InRoomError::Feed(
            FeedError::TooMany
        )))]
    );
    assert!(refused);
    drop(feeds);
    let taken = told(&context, tee(), 1).await;
    assert!(matches!(taken[..], [SessionEvent::InRoom(Ok(_))]));
}

#[tokio::test]
async fn a_stream_that_cannot_be_told_is_given_up_and_its_session_learns_it() {
    let (context, _commands) = context();
    // The media thread stands still until this is dropped.
    let (_hold, held) = std::sync::mpsc::channel::<()>();
    let mut outputs: Vec<_> = (0..1_100)
        .map(|_| SessionOutput::Media(MediaCommand::SetMuted(true)))
        .collect();
    let stop = FiguresSink::new(move |_| {
        let _ = held.recv();
    });
    outputs.push(SessionOutput::Media(MediaCommand::Measure(stop)));
    let events = told(&context, outputs, 1).await;
    let failed = matches!(events[..], [SessionEvent::Media(MediaEvent::StreamFailed)]);
    assert!(failed, "{events:?}");
    assert_eq!(context.stats.media_commands_dropped.value(), 1);
}

#[tokio::test]
async fn seats_in_rooms_are_given_up_before_anything_is_waited_for() {
    let (context, mut commands) = context();
    let enter = RoomRequest::Enter {
        room: "blue".into(),
        seat: crate::session::room::Seat::Playlist,
    };
    let session = Outputs(vec![SessionOutput::Ended, SessionOutput::Room(enter)]);
    let (_own, mailbox) = mpsc::channel(MAILBOX);
    let id = SessionId("member".into());
    let mut task = Task::new(id, context, Box::new(session), None, mailbox);
    // A recording whose disk is slow.
    let (_disk, slow) = oneshot::channel();
    task.recordings = 1;
    task.work.spawn(async move {
        let ended = slow.await.unwrap_or(RecordingEnded::LOST);
        Completion::RecordingEnded(Whose::Call, PathBuf::new(), ended)
    });
    let running = tokio::spawn(task.run());
    let request = |command: Option<SipCommand>| match command {
        Some(SipCommand::Room { request, .. }) => request,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        request(commands.recv().await),
        RoomRequest::Enter { .. }
    ));
    assert_eq!(request(commands.recv().await), RoomRequest::LeaveAll);
    assert!(!running.is_finished());
    drop(_disk);
    assert!(is_ended(commands.recv().await, "member"));
}

#[tokio::test]
async fn a_recording_of_a_room_ends_with_its_call() {
    let (context, _commands) = context();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let room = Arc::new(Room::new("blue"));
    let record = SessionOutput::RecordRoom {
        room: room.clone(),
        file: AudioFile::Path(path.as_path().into()),
        sample_rate: 8_000,
    };
    let began = Instant::now();
    let begun = told(&context, vec![record], 1).await;
    assert!(matches!(
        begun[..],
        [SessionEvent::RoomRecordingBegun(Ok(_))]
    ));
    // Nobody had to give it up.
    assert!(began.elapsed() < recordings::FINISH_RECORDING);
    hound::WavReader::open(&path).unwrap();
    assert_eq!(Arc::strong_count(&room), 1);
}

#[tokio::test]
async fn who_speaks_most_is_told_where_somebody_follows() {
    let (context, mut commands) = context();
    let room = Room::new("blue");
    let sink = rooms::telling(&context, &room, Box::new(|_| true));
    assert!(sink(RoomEvent::ActiveSpeaker(None)));
    assert!(commands.try_recv().is_err());
    room.is_followed().store(true, Ordering::Relaxed);
    assert!(sink(RoomEvent::ActiveSpeaker(None)) && sink(RoomEvent::RecordingEnded));
    let told = commands.try_recv();
    assert!(matches!(told, Ok(SipCommand::Speaker { room, speaker: None }) if &*room == "blue"));
    assert!(commands.try_recv().is_err());
    // It keeps nobody from ending.
    drop(context);
    assert!(sink(RoomEvent::ActiveSpeaker(None)));
    assert!(commands.recv().await.is_none());
}

#[test]
fn what_a_peer_repeats_takes_no_room_from_what_comes_once() {
    let (own, _mailbox) = mpsc::channel(MAILBOX);
    let own = TaskMailbox(own);
    let fill = |event: &dyn Fn() -> SessionEvent| {
        let posted = std::iter::repeat_with(|| own.post(event()));
        posted.take_while(Result::is_ok).count()
    };
    let key = || SessionEvent::Posted(Arc::default());
    let ordinary = fill(&key);
    let bye = || SessionEvent::Request(TransactionId(7), request(Method::Bye));
    let of_peer = fill(&|| SessionEvent::Ack(request(Method::Ack)));
    assert_eq!(fill(&bye), 0);
    let once = [
        SessionEvent::Performed(ActionToken(1), Ok(Answer::Nothing)),
        SessionEvent::Media(MediaEvent::NoAudio { version: 1 }),
        SessionEvent::Media(MediaEvent::TeeEnded(1)),
        SessionEvent::Media(MediaEvent::StreamFailed),
    ];
    let taken = once.map(|event| own.post(event).is_ok());
    assert_eq!(taken, [true; 4]);
    assert!(own.post(SessionEvent::Media(MediaEvent::Silence)).is_err());
    let rest = fill(&|| SessionEvent::Media(MediaEvent::NoAudio { version: 2 }));
    assert_eq!(
        (ordinary, of_peer, rest),
        (
            MAILBOX - RESERVED,
            RESERVED - RESERVED_FOR_ONCE,
            RESERVED_FOR_ONCE - 4
        )
    );
}
