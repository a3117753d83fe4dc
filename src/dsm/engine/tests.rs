//! Suspension and limits; what an engine does event by event is tested with `.expect` files.

use std::collections::VecDeque;

use serde_json::json;

use super::*;
use crate::dsm::action::{Outcome, Then};
use crate::dsm::host::{ActionError, ActionOutcome, Answer, Errno, HostAction, LogLevel};
use crate::dsm::load::load_set;
use crate::dsm::module::{ActionCode, Past, Resume, Resumption, Takes, Tested};
use crate::dsm::registry::{Module, Registry, Role, Separator};
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
    fn random(&mut self) -> u64 {
        0
    }

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

/// The variables after a DI call with this result.
fn after_di(action: &str, result: serde_json::Value) -> Values {
    let text = format!("initial state A; transition t A - key / {action}(f, g) -> A;");
    let mut host = Host::default();
    let mut engine = started(&[("main", &text)], &mut host);
    host.outcomes = [ActionOutcome::Done(Ok(Answer::Value(result)))].into();
    engine.run_event(key("1"), &mut host);
    engine.variables().clone()
}

#[test]
fn results_of_any_kind_are_stored() {
    for (result, stored) in [
        (json!(true), "true"),
        (json!(-1.5), "-1.5"),
        (json!(null), ""),
        (json!("text"), "text"),
        (json!(7), "7"),
    ] {
        let variables = after_di("DIgetResult", result.clone());
        assert_eq!(variables.get("DI_res"), Some(stored), "{result}");
    }
    let nested = json!({"a": {"b": [1, {"c": false}]}, "d": null});
    let variables = after_di("DIgetResult", nested);
    assert_eq!(variables.get("DI_res.a.b[0]"), Some("1"));
    assert_eq!(variables.get("DI_res.a.b[1].c"), Some("false"));
    assert_eq!(variables.get("DI_res.d"), Some(""));
}

#[test]
fn an_array_holds_texts_and_integers() {
    for action in ["DIgetResult", "DIgetResultArray"] {
        for odd in [
            json!([1, true]),
            json!([[]]),
            json!(["a", 1.5]),
            json!([null]),
        ] {
            let variables = after_di(action, odd.clone());
            assert_eq!(variables.get("errno"), Some("arg"), "{action} {odd}");
            assert_eq!(variables.get("DI_res_size"), None);
        }
        assert_eq!(
            after_di(action, json!([])).get("errno"),
            Some(""),
            "{action}"
        );
    }
    assert_eq!(
        after_di("DIgetResultArray", json!([])).get("DI_res_size"),
        Some("0")
    );
    assert_eq!(
        after_di("DIgetResultArray", json!("no array")).get("DI_res"),
        None
    );
}

#[test]
fn deep_json_is_no_json() {
    let text = "initial state A; transition t A - key / DI(f, g, (json)#deep) -> A;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    engine.run_event(key("1").with("deep", deep), &mut host);
    assert_eq!(host.actions, 1);
    assert!(
        host.places[0].contains("recursion limit"),
        "{:?}",
        host.places
    );
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

fn endless(states: &str) -> ProblemKind {
    ProblemKind::TooManyPasses {
        passes: MAX_PASSES,
        states: states.into(),
    }
}

#[test]
fn a_cycle_names_its_states() {
    let text = "initial state A enter { repost(); }; state B enter { repost(); }; state C;
        transition t A - key -> B; transition u B - key -> A;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    engine.run_event(key("1"), &mut host);
    let ProblemKind::TooManyPasses { states, .. } = &host.problems[0] else {
        panic!("{:?}", host.problems);
    };
    assert!(states == "A, B" || states == "B, A", "{states}");
}

#[test]
fn a_hang_up_gives_up_what_may_be_given_up() {
    let text = "initial state A;
        transition t A - key(#key == 1) / { DI(slow, query); log(2, no); } -> B;
        transition u A - key(#key == 2) / { playFile(x); log(2, played); } -> B;
        transition v A - hangup / log(2, over) -> A;
        state B;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    assert!(!engine.cancel(), "nothing is pending");
    host.outcomes = [ActionOutcome::Pending].into();
    assert_eq!(engine.run_event(key("1"), &mut host), Progress::Pending);
    assert!(engine.cancel());
    assert!(!engine.is_pending());
    // A late result changes nothing.
    engine.resume(Ok(Answer::Nothing), &mut host);
    engine.run_event(Event::new(EventKind::Hangup), &mut host);
    assert_eq!(
        (host.log.as_slice(), engine.state_name()),
        (&["over".to_owned()][..], "A")
    );

    host.outcomes = [ActionOutcome::Pending].into();
    engine.run_event(key("2"), &mut host);
    assert!(!engine.cancel(), "loading a file is short");
    engine.resume(Ok(Answer::Nothing), &mut host);
    assert_eq!(host.log, ["over", "played"]);
    assert_eq!(engine.state_name(), "B");
}

#[test]
fn repost_cycles_end() {
    let text = "initial state A; transition t A - key / repost() -> A;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    assert_eq!(engine.run_event(key("1"), &mut host), Progress::Broken);
    assert_eq!(host.problems, [endless("A")]);
    assert_eq!(engine.run_event(key("1"), &mut host), Progress::Broken);
    assert_eq!(host.problems.len(), 1);
}

#[test]
fn exception_cycles_end() {
    let text = "initial state A exit { throw(x); };
        transition t A - key -> A; transition h A - exception -> A;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    engine.run_event(key("1"), &mut host);
    assert_eq!(host.problems, [endless("A")]);
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

/// Runs the statements in a loop and gives the exceptions and problems.
fn in_a_loop(statements: &str) -> (Vec<String>, Vec<ProblemKind>) {
    let text = format!(
        "initial state A;
        transition t A - key / {{ for ($i in range(0, 90000)) {{ {statements} }} }} -> A;
        transition h A - exception / logs(2, \"#type: #cause\") -> A;"
    );
    let mut host = Host::default();
    let mut engine = started(&[("main", &text)], &mut host);
    engine.run_event(key("1"), &mut host);
    (host.log, host.problems)
}

#[test]
fn values_that_double_reach_the_limit_at_once() {
    for statements in [
        "sets($a=\"x$(a)$(a)\");",
        "set($n=a); append($a, x); var($b=$n); append($a, $b);",
        "sets($a=\"$(a)$(a)$(a)$(a)$(a)$(a)$(a)$(a)$(a)$(a)y\");",
    ] {
        let (log, problems) = in_a_loop(statements);
        assert!(
            log[0].starts_with("core: more than"),
            "{statements}: {log:?}"
        );
        assert_eq!(problems, [], "{statements}");
    }
}

#[test]
fn more_variables_than_the_limit_throw() {
    let (log, problems) = in_a_loop("sets($n=\"v$(i)\"); setVar($n=1);");
    assert!(
        log[0].starts_with("core: more than 20000 values"),
        "{log:?}"
    );
    assert_eq!(problems, []);
}

#[test]
fn work_on_long_values_counts_as_many_steps() {
    let long = "if test(len($a) < 1000000) { append($a, 0123456789012345678901234567890123456789); append($a, $a); }";
    for work in [
        "set($b=$a);",
        "if test($a == $a) { }",
        "logs(3, \"$(a)\");",
        "postEvent(me, \"a;a;a\");",
        "DI(f, g, $a);",
    ] {
        let (_, problems) = in_a_loop(&format!("{long} {work}"));
        assert_eq!(problems, [ProblemKind::TooManySteps(MAX_STEPS)], "{work}");
    }
}

#[test]
fn loops_inside_loops_hold_no_more_than_the_variables_may() {
    let text = "initial state A enter { if test($go == 1) { for ($v in $a) { callFSM(main); } } };
        transition t A - key / {
          set($a[0]=0123456789);
          for ($i in range(0, 17)) { append($a[0], $a[0]); }
          set($go=1);
        } -> A;
        transition h A - exception / { clear($go); logs(2, \"#cause\"); } -> A;";
    let mut host = Host::default();
    let mut engine = started(&[("main", text)], &mut host);
    engine.run_event(key("1"), &mut host);
    assert!(host.log[0].starts_with("more than"), "{:?}", host.log);
}

#[test]
fn a_list_of_very_many_names_throws() {
    for action in ["postEvent(me, #list)", "B2B.relayEvent(#list)"] {
        let (log, _) = in_a_loop(&format!(
            "append($l, \"a;\"); if test(len($l) > 3000) {{ set(#list=$l); {action}; }}"
        ));
        assert!(log[0].starts_with("core: more than"), "{action}: {log:?}");
    }
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

/// Code of a module: goes on with itself, or with an action of the server and what comes behind it.
#[derive(Clone, Copy, Debug)]
enum Code {
    Forever,
    Behind,
}

impl ActionCode for Code {
    fn run(&self, _: &Arguments<'_>, _: &mut Scope<'_>) -> Result<Outcome, Exception> {
        let resumption = Resumption::new(Box::new(*self));
        Ok(match self {
            Code::Forever => Outcome::Resume(Past::Worked, resumption),
            Code::Behind => {
                let then = Then::Resume(Box::new(Then::Nothing), resumption);
                Outcome::Perform(HostAction::RemoveTimers, then)
            }
        })
    }
}

impl Resume for Code {
    fn resume(self: Box<Self>, past: &Past, scope: &mut Scope<'_>) -> Result<Outcome, Exception> {
        match (*self, past) {
            (Code::Forever, _) => {
                let resumption = Resumption::new(self);
                Ok(Outcome::Resume(Past::Worked, resumption))
            }
            (Code::Behind, Past::Worked) => {
                scope.variables.set("went", "on")?;
                Ok(Outcome::Break)
            }
            (Code::Behind, Past::Failed(errno, text)) => {
                scope.variables.set("failed", text.as_str())?;
                Ok(Outcome::Fail(errno.clone(), "handled".to_owned()))
            }
            (Code::Behind, Past::Thrown(exception)) => Err(exception.clone().with("by", "code")),
        }
    }

    fn decide(self: Box<Self>, _: &mut Scope<'_>) -> Tested {
        Tested::Known(true)
    }
}

/// A diagram that imports a module with [`Code`].
fn with_code(actions: &str) -> Engine {
    let takes = Takes {
        doc: "",
        separator: Separator::None,
        parameters: &[],
        role: Role::Plain,
        cancellable: false,
        throws: &[],
        errno: None,
        sets: &[],
        examples: &[],
    };
    let module = Module::new("mod_code")
        .code("code.forever", takes, &Code::Forever)
        .code("code.behind", takes, &Code::Behind);
    let mut registry = Registry::core();
    registry.add_module(module);
    let text = format!(
        "import(mod_code); initial state A;
         transition t A - key / {{ {actions} log(2, $errno); }} -> A;
         transition h A - exception / log(2, #by) -> A;"
    );
    let names = [("main".to_owned(), "main".to_owned())];
    let set = load_set(&names, &Texts(&[("main", &text)]), &registry);
    assert!(
        set.loaded[0].diagram.is_some(),
        "{}",
        set.loaded[0].render()
    );
    let mut engine = Engine::new(set.diagrams, "main", Values::new()).unwrap();
    engine.start(Event::new(EventKind::Start), &mut Host::default());
    engine
}

#[test]
fn code_that_goes_on_for_ever_breaks_the_diagram() {
    let mut engine = with_code("code.forever();");
    let mut host = Host::default();
    assert_eq!(engine.run_event(key("1"), &mut host), Progress::Broken);
    assert_eq!(host.problems, [ProblemKind::TooManySteps(MAX_STEPS)]);
}

#[test]
fn code_goes_on_behind_an_action_however_that_ended() {
    let mut engine = with_code("for ($i in range(0, 9)) { code.behind(); }");
    let mut host = Host::default();
    engine.run_event(key("1"), &mut host);
    // It left the loop.
    assert_eq!(
        (host.actions, engine.variables().get("went")),
        (1, Some("on"))
    );
    host.outcomes = [ActionError::errno(Errno::FILE, "no").into()].into();
    let mut engine = with_code("code.behind();");
    engine.run_event(key("1"), &mut host);
    assert_eq!(engine.variables().get("failed"), Some("no"));
    assert_eq!(engine.variables().get("strerror"), Some("handled"));
    host.outcomes = [ActionOutcome::Pending].into();
    assert_eq!(engine.run_event(key("1"), &mut host), Progress::Pending);
    let thrown = Err(Exception::file("x").into());
    assert_eq!(engine.resume(thrown, &mut host), Progress::Idle);
    assert_eq!(host.log, ["", "file", "code"]);
}

#[test]
fn the_result_of_waiting_goes_on_in_its_code() {
    let mut engine = with_code("playFile(x);");
    let mut host = Host {
        outcomes: [ActionOutcome::Pending].into(),
        ..Host::default()
    };
    engine.run_event(key("1"), &mut host);
    let resumption = Resumption::new(Box::new(Code::Behind));
    let progress = engine.resume(Ok(Answer::Resume(resumption)), &mut host);
    assert_eq!(progress, Progress::Idle);
    assert_eq!(engine.variables().get("went"), Some("on"));
}
