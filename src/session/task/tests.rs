//! What a fault in a session does to its task, and to the one beside it.

use std::time::Duration;

use super::*;
use crate::media::{MediaConfig, MediaPool};
use crate::sdp::Capabilities;
use crate::session::begin::Settings;
use crate::session::prompts::PromptStore;
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

#[tokio::test]
async fn a_panic_ends_that_session_and_no_other() {
    let (sip, mut commands) = mpsc::channel(8);
    let media = MediaPool::start(MediaConfig {
        threads: 1,
        slot: Duration::from_millis(10),
        ports: 20_000..=20_001,
        max_streams: 1,
        seed: 1,
    });
    let context = Arc::new(SessionContext {
        record_path: PathBuf::new(),
        sip,
        prompts: Arc::new(PromptStore::new(Vec::new(), 0)),
        media: media.expect("a media thread can be started"),
        rtp_address: None,
        settings: Settings {
            capabilities: Arc::new(Capabilities {
                formats: Vec::new(),
                codec_order: Vec::new(),
                ptime: Duration::from_millis(20),
            }),
            rtp_timeout: None,
            linger: Duration::ZERO,
            user_agent: String::new(),
        },
        components: Arc::default(),
        stats: Arc::new(Stats::default()),
    });
    let start = |fault: Fault| {
        let (own, mailbox) = mpsc::channel(MAILBOX);
        let own = TaskMailbox(own);
        let session = Faulty {
            fault,
            ending: false,
        };
        let id = SessionId(format!("{fault:?}").as_str().into());
        let task = Task::new(id, context.clone(), session, None, mailbox);
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
