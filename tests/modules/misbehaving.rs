//! Modules that do what they must not: each is told apart, counted, and harms nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muleteer::dsm::module::Ticket;
use muleteer::dsm::{
    ActionContext, ActionOutcome, DiagramSet, Engine, Event, EventKind, HostAction, LogLevel,
    Problem, Progress, Values,
};
use muleteer::plugin::module::{Counts, Modules, give_up, wait};
use muleteer::session::event::Work;
use muleteer::session::{ActionToken, SessionOutput};

use rustix::process::Signal;

use super::objects::{Run, compile, loaded, source};
use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess};

/// The module, in a folder of its own.
pub fn misbehaving() -> (Folder, Modules) {
    let folder = Folder::new(&[]);
    compile(
        &source("misbehaving.c"),
        &folder.file("libmod_misbehaving.so"),
        &[],
    );
    let modules = Modules::new(vec![folder.path().to_owned()], BTreeMap::new());
    (folder, modules)
}

pub fn counts(modules: &Modules) -> Counts {
    modules.counts("mod_misbehaving")
}

/// Waits for what another thread counts.
fn counted(modules: &Modules, of: impl Fn(Counts) -> u64) {
    let begin = Instant::now();
    while of(counts(modules)) == 0 {
        assert!(begin.elapsed() < Duration::from_secs(30), "not counted");
        std::thread::yield_now();
    }
}

#[test]
fn a_completion_from_another_thread_counts_once() {
    let (_folder, modules) = misbehaving();
    let run = Run::of(&modules, "mod_misbehaving", "misbehaving.twice($x)");
    assert_eq!((run.var("x"), run.var("went_on")), ("first", "yes"));
    counted(&modules, |counts| counts.twice);
    let counts = counts(&modules);
    let expected = Counts {
        twice: 1,
        // It starts a thread, which takes what it takes.
        slow: counts.slow,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}

#[test]
fn a_completion_that_never_comes_is_an_errno() {
    let (_folder, modules) = misbehaving();
    let run = Run::of(&modules, "mod_misbehaving", "misbehaving.never()");
    let values = ["errno", "strerror", "went_on"].map(|name| run.var(name));
    let text = "mod_misbehaving did not complete its action in time";
    assert_eq!(values, ["internal", text, "yes"]);
    assert_eq!(counts(&modules).never, 1);
}

#[test]
fn an_invented_handle_completes_nothing() {
    let (_folder, modules) = misbehaving();
    let run = Run::of(&modules, "mod_misbehaving", "misbehaving.invented($x)");
    assert_eq!((run.var("x"), counts(&modules).invented), ("refused", 1));
}

#[test]
fn every_call_that_holds_its_thread_is_counted() {
    let (_folder, modules) = misbehaving();
    let actions = [
        "misbehaving.slow()",
        "misbehaving.slow_behind()",
        "if misbehaving.slow() { set($x=1); }",
    ];
    for action in actions {
        let before = counts(&modules).slow;
        Run::of(&modules, "mod_misbehaving", action);
        assert!(counts(&modules).slow > before, "{action}");
    }
}

#[test]
fn an_answer_without_what_belongs_to_it_is_an_exception() {
    let (_folder, modules) = misbehaving();
    for action in ["status", "pending", "tail", "thrown"] {
        let run = Run::of(
            &modules,
            "mod_misbehaving",
            &format!("misbehaving.{action}()"),
        );
        let values = ["thrown.type", "thrown.module", "went_on"].map(|name| run.var(name));
        assert_eq!(values, ["plugin", "mod_misbehaving", ""], "{action}");
    }
    let run = Run::of(&modules, "mod_misbehaving", "misbehaving.unwanted()");
    assert_eq!(run.var("went_on"), "yes");
}

#[test]
fn odd_values_are_refused() {
    let (_folder, modules) = misbehaving();
    let run = Run::of(&modules, "mod_misbehaving", "misbehaving.values()");
    assert_eq!(run.var("values"), "as expected");
}

/// A session whose action waits.
#[derive(Default)]
struct Waits(Option<Arc<Ticket>>);

impl ActionContext for Waits {
    fn random(&mut self) -> u64 {
        0
    }

    fn select(&self, _: &str) -> Option<String> {
        None
    }

    fn perform(&mut self, action: &HostAction, _: &mut Values) -> ActionOutcome {
        let HostAction::Wait(ticket) = action else {
            return ActionOutcome::done();
        };
        self.0 = Some(ticket.clone());
        ActionOutcome::Pending
    }

    fn log(&mut self, _: LogLevel, _: &str) {}

    fn problem(&mut self, problem: &Problem) {
        panic!("{problem}");
    }
}

/// What an action waits for that is completed when it has been given up.
fn late(modules: &Modules) -> Arc<Ticket> {
    let text = "import(mod_misbehaving);\ninitial state ON enter { misbehaving.late(); };\n";
    let diagram = loaded(modules, text).diagram.expect("a diagram");
    let diagrams = DiagramSet::new([diagram]).into();
    let mut engine = Engine::new(diagrams, "main", Values::new()).expect("it can start");
    let mut host = Waits::default();
    let progress = engine.start(Event::new(EventKind::Start), &mut host);
    assert_eq!(progress, Progress::Pending);
    drop(engine);
    host.0.expect("a ticket")
}

/// The module was told once, and freed what it had.
#[track_caller]
fn is_given_up(modules: &Modules) {
    counted(modules, |counts| counts.late);
    let run = Run::of(
        modules,
        "mod_misbehaving",
        "misbehaving.freed($cancelled, $freed)",
    );
    assert_eq!((run.var("cancelled"), run.var("freed")), ("1", "1"));
}

#[test]
fn a_completion_after_the_end_of_the_session_is_late() {
    let (_folder, modules) = misbehaving();
    give_up(late(&modules).handle);
    is_given_up(&modules);
}

#[test]
fn work_that_nobody_begins_to_wait_for_is_given_up() {
    // A task may be aborted before it runs for the first time.
    let (_folder, modules) = misbehaving();
    drop(wait(late(&modules)));
    is_given_up(&modules);

    // And a session may be lost with what it wants to have done.
    let (_folder, modules) = misbehaving();
    let wanted = SessionOutput::Perform {
        token: ActionToken(1),
        work: Work::Module(late(&modules)),
    };
    drop(wanted);
    is_given_up(&modules);
}

#[tokio::test]
async fn a_module_that_hangs_does_not_keep_the_server_from_ending() {
    let (folder, _modules) = misbehaving();
    let text = "import(mod_misbehaving);\ninitial state A enter { misbehaving.hang(); };\n";
    folder.write("hang.dsm", text);
    let path = folder.as_setting("dsm.path");
    let modules = format!("dsm.modules=[\"{}\"]", folder.path().display());
    let mut server = ServerProcess::start(&["--set", &path, "--set", &modules]);
    let mut caller = Caller::new(server.address, "hang").await;
    let offer = caller.offer(40_000);
    let invite = caller.request("INVITE", &offer);
    caller.send(invite).await;
    server.process.line("mod_misbehaving hangs");

    server.process.signal(Signal::TERM);
    server.process.line("a second signal ends them at once");
    server.process.signal(Signal::TERM);
    let ended = server.process.ended().expect_code(3);
    ended.expect("the signalling task does not answer");
}
