//! Suspension and limits; what an engine does event by event is tested with `.expect` files.

use std::collections::VecDeque;

use super::*;
use crate::dsm::host::{ActionError, Answer, Errno, LogLevel};
use crate::dsm::load::load_set;
use crate::dsm::registry::Registry;
use crate::dsm::source::{EntryKind, SourceProvider};

/// The diagrams of a test by name.
struct Texts<'a>(&'a [(&'a str, &'a str)]);

impl SourceProvider for Texts<'_> {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        self.read(path).map(|_| EntryKind::File)
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, text)| text.as_bytes().to_vec())
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// Answers with what a test prepared, else with success.
#[derive(Default)]
struct Host {
    outcomes: VecDeque<ActionOutcome>,
    actions: usize,
    log: Vec<String>,
    problems: Vec<ProblemKind>,
    places: Vec<String>,
}

impl ActionContext for Host {
    fn select(&self, _: &str) -> Option<String> {
        None
    }

    fn perform(&mut self, _: &HostAction, _: &mut Values) -> ActionOutcome {
        self.actions += 1;
        self.outcomes
            .pop_front()
            .unwrap_or_else(ActionOutcome::done)
    }

    fn log(&mut self, _: LogLevel, text: &str) {
        self.log.push(text.to_owned());
    }

    fn problem(&mut self, problem: &Problem) {
        self.problems.push(problem.kind.clone());
        self.places.push(problem.to_string());
    }
}

fn engine(diagrams: &[(&str, &str)]) -> Engine {
    let names: Vec<_> = diagrams
        .iter()
        .map(|(name, _)| ((*name).to_owned(), (*name).to_owned()))
        .collect();
    let set = load_set(&names, &Texts(diagrams), &Registry::core());
    for loaded in &set.loaded {
        assert!(loaded.diagram.is_some(), "{}", loaded.render());
    }
    Engine::new(set.diagrams, "main", Values::new()).unwrap()
}

fn started(diagrams: &[(&str, &str)], host: &mut Host) -> Engine {
    let mut engine = engine(diagrams);
    engine.start(Event::new(EventKind::Start), host);
    engine
}

fn key(key: &str) -> Event {
    Event::new(EventKind::Key).with("key", key)
}

#[test]
fn a_pending_action_suspends_the_list_and_the_result_goes_on_behind_it() {
    let text = "initial state A;
        transition t A - key / {
          for ($i in range(0, 2)) {
            if test(#key == 1) { playFile(x.wav); log(2, $i); }
          }
          log(2, end);
        } -> B;
        state B enter { log(2, #key); };";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    host.outcomes = [ActionOutcome::Pending, ActionOutcome::Pending].into();
    assert_eq!(engine.run_event(key("1"), &mut host), Progress::Pending);
    assert!(engine.is_pending() && host.log.is_empty());
    assert_eq!(
        engine.resume(Ok(Answer::Nothing), &mut host),
        Progress::Pending
    );
    assert_eq!(host.log, ["0"]);
    assert_eq!(
        engine.resume(Ok(Answer::Nothing), &mut host),
        Progress::Idle
    );
    assert_eq!(host.log, ["0", "1", "end", "1"]);
    assert_eq!(engine.state_name(), "B");
    assert_eq!(engine.variables().get("i"), None);
}

#[test]
fn a_pending_action_may_fail() {
    let text = "initial state A;
        transition t A - key / { setTimer(1, 2); log(2, $errno); playFile(x); log(2, no); } -> A;
        transition h A - exception / log(2, #path) -> B;
        state B;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    host.outcomes = [ActionOutcome::Pending, ActionOutcome::Pending].into();
    engine.run_event(key("1"), &mut host);
    let failed = ActionError::errno(Errno::CONFIG, "no timers");
    assert_eq!(engine.resume(Err(failed), &mut host), Progress::Pending);
    assert_eq!(
        engine.resume(Err(Exception::file("x").into()), &mut host),
        Progress::Idle
    );
    assert_eq!(host.log, ["config", "x"]);
    assert_eq!(engine.state_name(), "B");
    assert_eq!(engine.variables().get("strerror"), Some("no timers"));
}

#[test]
fn a_pending_action_in_a_called_diagram_keeps_the_caller() {
    let main = "initial state A;
        transition t A - key / { callFSM(sub); log(2, back); } -> A;";
    let sub = "initial state S enter { playFile(x); returnFSM(); };";
    let mut host = Host::default();
    let mut engine = started(&[("main", main), ("sub", sub)], &mut host);
    host.outcomes = [ActionOutcome::Pending].into();
    assert_eq!(engine.run_event(key("1"), &mut host), Progress::Pending);
    assert_eq!(engine.diagram().name(), "sub");
    assert_eq!(
        engine.resume(Ok(Answer::Nothing), &mut host),
        Progress::Idle
    );
    assert_eq!(
        (engine.diagram().name(), host.log.as_slice()),
        ("main", &["back".to_owned()][..])
    );
}

#[test]
fn answers_may_assign_variables() {
    let mut host = Host::default();
    let text = "initial state A; transition t A - key / connectMedia() -> A;";
    let mut engine = started(&[("main", text)], &mut host);
    let answer = Answer::Assign(vec![("name".into(), "value".into())]);
    host.outcomes = [ActionOutcome::Done(Ok(answer))].into();
    engine.run_event(key("1"), &mut host);
    assert_eq!(engine.variables().get("name"), Some("value"));
}

#[test]
fn a_result_without_pending_action_changes_nothing() {
    let mut host = Host::default();
    let mut engine = started(&[("main", "initial state A;")], &mut host);
    assert_eq!(
        engine.resume(Ok(Answer::Nothing), &mut host),
        Progress::Idle
    );
}

#[test]
fn repost_cycles_end() {
    let text = "initial state A; transition t A - key / repost() -> A;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    assert_eq!(engine.run_event(key("1"), &mut host), Progress::Idle);
    assert_eq!(host.problems, [ProblemKind::TooManyPasses(MAX_PASSES)]);
}

#[test]
fn exception_cycles_end() {
    let text = "initial state A exit { throw(x); };
        transition t A - key -> A; transition h A - exception -> A;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    engine.run_event(key("1"), &mut host);
    assert_eq!(host.problems, [ProblemKind::TooManyPasses(MAX_PASSES)]);
}

#[test]
fn jump_cycles_and_endless_loops_end() {
    for action in ["jumpFSM(main);", "for ($i in range(0, 9999999999)) { }"] {
        let text = format!(
            "initial state A enter {{ if test($go == 1) {{ {action} }} }};
            transition t A - key / set($go=1) -> A;"
        );
        let mut host = Host::default();
        let mut engine = started(&[("main", &text)], &mut host);
        engine.run_event(key("1"), &mut host);
        assert_eq!(
            host.problems,
            [ProblemKind::TooManySteps(MAX_STEPS)],
            "{action}"
        );
    }
}

#[test]
fn endless_calls_throw() {
    let text = "initial state A enter { if test($go == 1) { callFSM(main); } };
        transition t A - key / set($go=1) -> A;
        transition h A - exception / log(2, #type) -> B;
        state B;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    engine.run_event(key("1"), &mut host);
    assert_eq!(host.problems, [ProblemKind::TooManyCallers(MAX_CALLERS)]);
    assert_eq!(
        (host.log.as_slice(), engine.state_name()),
        (&["core".to_owned()][..], "B")
    );
}

#[test]
fn variables_that_grow_without_end_throw() {
    let text = "initial state A;
        transition t A - key / {
          set($a=0123456789);
          for ($i in range(0, 100)) { append($a, $a); }
        } -> A;
        transition h A - exception / log(2, #type) -> A;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    engine.run_event(key("1"), &mut host);
    assert_eq!(host.log, ["core"]);
}

#[test]
fn unhandled_exceptions_and_undeclared_targets_are_told() {
    let text = "initial state A;
        transition t A - key(#key == 1) / throw(x) -> A;
        transition u A - key -> NOWHERE;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    engine.run_event(key("1"), &mut host);
    engine.run_event(key("2"), &mut host);
    let told = [
        ProblemKind::UnhandledException("x".into()),
        ProblemKind::UndeclaredTarget("NOWHERE".into()),
    ];
    assert_eq!(host.problems, told);
}

#[test]
fn an_action_without_its_argument_complains_and_does_nothing() {
    let text = "initial state A; transition t A - key / { set($a); setTimer(1); } -> A;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    engine.run_event(key("1"), &mut host);
    assert_eq!(host.actions, 0);
    let told = [
        "main:1: main/A: set: the argument 'value' is missing",
        "main:1: main/A: setTimer: the argument 'seconds' is missing",
    ];
    assert_eq!(host.places, told);
    assert!(engine.variables().is_empty());
}

#[test]
fn a_diagram_without_initial_state_does_not_start() {
    let text = [("main", "state A;")];
    let set = load_set(
        &[("main".into(), "main".into())],
        &Texts(&text),
        &Registry::core(),
    );
    let failed = Engine::new(set.diagrams, "main", Values::new()).unwrap_err();
    assert_eq!(failed, NotStartable("main".into()));
}

#[test]
fn an_engine_is_small_and_moves_between_threads() {
    const fn is_send<T: Send>() {}
    const { is_send::<Engine>() };
    assert!(size_of::<Engine>() <= 256, "{} bytes", size_of::<Engine>());
}
