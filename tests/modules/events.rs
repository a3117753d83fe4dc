//! Events of modules in tests of diagrams and in simulations.

use std::time::Duration;

use muleteer::dsm::SourceProvider;
use muleteer::dsm::sim::{Simulator, Sounds};
use muleteer::dsm::source::EntryKind;
use muleteer::dsm::testing::Expectation;
use muleteer::dsm::testing::explore::explore;

use super::objects::{examples, modules};
use crate::support::process::{Folder, Process, muleteer};

const DIAGRAM: &str = "import(mod_example);\n\
    initial state ON;\n\
    transition \"told\" ON - example.told(#by == timer) / set($heard=#text); -> ON;\n\
    transition \"bye\" ON - hangup / stop(false) -> ON;\n";
const TEST: &str = "on start\n  S main/ON\n\
    on example.told by=timer text=\"a b\"\n  T \"told\"\n  S main/ON\n  = $heard \"a b\"\n\
    on example.told by=nobody text=c\n  = $heard \"a b\"\n";

struct Diagram;

impl SourceProvider for Diagram {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        self.read(path).map(|_| EntryKind::File)
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        (path == "main.dsm").then(|| DIAGRAM.as_bytes().to_vec())
    }

    fn list(&self, _: &str) -> Vec<String> {
        vec!["main.dsm".to_owned()]
    }
}

impl Sounds for Diagram {
    fn length(&self, _: &str) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn a_test_raises_an_event_of_a_module() {
    let folder = Folder::new(&[("main.dsm", DIAGRAM), ("main.expect", TEST)]);
    let mut command = muleteer();
    command.arg("test").arg(folder.path());
    command.arg("--modules").arg(examples());
    let ended = Process::start(&mut command).ended();
    ended.expect_code(0).expect("1 passed, 0 failed");
}

#[test]
fn an_event_that_no_module_declares_is_unknown() {
    let registry = modules().registry();
    let error = |event: &str| {
        let read = Expectation::with_registry(&format!("on start\non {event}"), &registry);
        read.expect_err("it is unknown").to_string()
    };
    let near = "line 2: unknown event 'example.tolt'; did you mean 'example.told'?";
    assert_eq!(error("example.tolt text=x"), near);
    // Neither a condition that is no event, nor a module that is not there.
    for name in ["example.is_even", "nowhere.told", "mod_example"] {
        let unknown = format!("line 2: unknown event '{name}'; expected the name");
        assert!(error(name).starts_with(&unknown), "{}", error(name));
    }
}

#[test]
fn a_simulation_raises_an_event_of_a_module() {
    let registry = modules().registry();
    let simulator = Simulator::with_registry("main.dsm", &[], &Diagram, &Diagram, registry.clone());
    let (mut simulator, _) = simulator.expect("it loads");
    assert_eq!(
        simulator.completions("example.t").1,
        ["example.told".to_owned()]
    );
    for line in [
        "example.told by=timer text=\"a b\"",
        "expect $heard \"a b\"",
    ] {
        let reply = simulator.line(line);
        assert!(!reply.failed, "{:?}", reply.lines);
    }
    let typo = simulator.line("on example.tolt");
    assert!(typo.lines[0].text.ends_with("did you mean 'example.told'?"));

    // What is kept of it is a test that passes.
    let test = simulator.as_test(true, str::to_owned);
    let test = test.unwrap_or_else(|_| panic!("nothing was set"));
    let read = Expectation::with_registry(&test, &registry).expect("it can be read");
    let outcome = read.run("main.dsm", "", &Diagram, &registry);
    assert!(
        outcome.failures.is_empty(),
        "{test}\n{:?}",
        outcome.failures
    );
}

#[test]
fn an_exploration_raises_events_of_modules_and_keeps_tests_of_them() {
    let registry = modules().registry();
    let found = explore("main.dsm", &[], &Diagram, &registry).expect("it can start");
    assert!(found.untaken.is_empty(), "{:?}", found.untaken);
    let tests: Vec<_> = found.scenarios.iter().collect();
    let tests = tests.iter().map(|one| found.expect(one, "main.dsm", &[]));
    let tests: Vec<_> = tests
        .filter(|one| one.contains("on example.told"))
        .collect();
    assert!(!tests.is_empty());
    for test in tests {
        let read = Expectation::with_registry(&test, &registry).expect("it can be read");
        let outcome = read.run("main.dsm", "", &Diagram, &registry);
        assert!(
            outcome.failures.is_empty(),
            "{test}\n{:?}",
            outcome.failures
        );
    }
}
