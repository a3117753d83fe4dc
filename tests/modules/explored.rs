//! Diagrams that import modules, tried without running them.

use muleteer::dsm::source::EntryKind;
use muleteer::dsm::testing::Expectation;
use muleteer::dsm::testing::explore::{Exploration, explore};
use muleteer::dsm::{Registry, SourceProvider};

use super::misbehaving::{counts, misbehaving};
use super::objects::{all, examples, modules};
use crate::support::process::{Folder, Process, muleteer};

struct Text<'a>(&'a str);

impl SourceProvider for Text<'_> {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        self.read(path).map(|_| EntryKind::File)
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        (path == "main.dsm").then(|| self.0.as_bytes().to_vec())
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// Explores a diagram. The tests that are written of it pass, without running modules either.
fn explored(text: &str, registry: &Registry) -> Exploration {
    let found = explore("main.dsm", &[], &Text(text), registry).expect("it can start");
    let findings = found.findings.iter().map(|finding| &finding.scenario);
    for scenario in found.scenarios.iter().chain(findings) {
        let text_of = found.expect(scenario, "main.dsm", &[]);
        let expectation = Expectation::with_registry(&text_of, registry)
            .unwrap_or_else(|error| panic!("{error}\n{text_of}"));
        let outcome = expectation.run("main.dsm", "", &Text(text), registry);
        assert!(
            outcome.failures.is_empty(),
            "{:?}\n{text_of}",
            outcome.failures
        );
    }
    found
}

#[test]
fn an_action_works_and_fails_in_each_way_that_it_declares_without_running() {
    let text = "import(mod_example);\n\
        initial state A;\n\
        state B; state WORKED; state GENERAL; state THROWN; state PANIC;\n\
        transition \"go\" A - key / example.fail(panic) -> B;\n\
        transition \"thrown\" A - exception; test(#type == example) -> THROWN;\n\
        transition \"panic\" A - exception; test(#type == plugin) -> PANIC;\n\
        transition \"general\" B - key; test($errno == general) -> GENERAL;\n\
        transition \"worked\" B - key; test($errno == \"\") -> WORKED;\n\
        transition \"bye\" (A, B, WORKED, GENERAL, THROWN, PANIC) - hangup / stop(false) -> A;\n";
    let found = explored(text, &modules().registry());
    assert!(found.untaken.is_empty(), "{:?}", found.untaken);
    assert!(found.complete);
}

#[test]
fn a_condition_holds_and_does_not_without_being_asked() {
    let text = "import(mod_example);\n\
        initial state A;\n\
        state EVEN; state ODD;\n\
        transition \"even\" A - key; example.is_even(3) -> EVEN;\n\
        transition \"odd\" A - key -> ODD;\n\
        transition \"bye\" (A, EVEN, ODD) - hangup / stop(false) -> A;\n";
    let found = explored(text, &modules().registry());
    assert!(found.untaken.is_empty(), "{:?}", found.untaken);
}

#[test]
fn what_an_action_would_assign_takes_the_values_it_is_compared_with() {
    let text = "import(mod_example);\n\
        initial state A;\n\
        state HIT;\n\
        transition \"ask\" A - key; test($answer == 42) -> HIT;\n\
        transition \"more\" A - event / example.work($answer, x) -> A;\n\
        transition \"bye\" (A, HIT) - hangup / stop(false) -> A;\n";
    let found = explored(text, &modules().registry());
    assert!(found.untaken.is_empty(), "{:?}", found.untaken);
}

#[test]
fn code_of_a_module_never_runs_in_an_exploration() {
    let (_folder, modules) = misbehaving();
    let text = "import(mod_misbehaving);\n\
        initial state A enter { misbehaving.invented($x); misbehaving.never(); };\n\
        transition \"bye\" A - hangup / stop(false) -> A;\n";
    explored(text, &modules.registry());
    let counts = counts(&modules);
    assert_eq!((counts.invented, counts.never), (0, 0));
}

#[test]
fn a_test_runs_modules_but_for_what_it_says() {
    let diagram = "import(mod_example);\n\
        initial state A;\n\
        transition \"go\" A - key / { example.work($x, abc); example.fail(none); } -> A;\n";
    let folder = Folder::new(&[
        ("real.dsm", diagram),
        (
            "real.expect",
            "on start\n  S main/A\non key key=1\n  T \"go\"\n  S main/A\n  = $x 3\n",
        ),
        (
            "skipped.expect",
            "program real.dsm\nskip example.work\nfail example.fail arg\n\
             on start\n  S main/A\n\
             on key key=1\n  T \"go\"\n  A example.work \"x\" \"abc\"\n  A example.fail \"none\"\n  S main/A\n\
             \x20 = $x unset\n  = $errno arg\n",
        ),
        (
            "thrown.expect",
            "program real.dsm\nfail example.work throws broken\n\
             on start\n  S main/A\n\
             on key key=1\n  T \"go\"\n  A example.work \"x\" \"abc\"\n  X broken\n\
             \x20 = problem broken\n",
        ),
    ]);
    let mut command = muleteer();
    command.arg("test").arg(folder.path());
    command.arg("--modules").arg(examples());
    let ended = Process::start(&mut command).ended();
    ended.expect_code(0).expect("3 passed, 0 failed");
}

#[test]
fn the_command_line_explores_without_running_modules() {
    let folder = Folder::new(&[(
        "main.dsm",
        "import(mod_example);\n\
         initial state A;\n\
         state B;\n\
         transition \"slow\" A - key / example.wait(3600000) -> B;\n\
         transition \"bye\" (A, B) - hangup / stop(false) -> A;\n",
    )]);
    let mut command = muleteer();
    command
        .args(["test", "--explore", "--verbose"])
        .arg(folder.path());
    command.arg("--modules").arg(examples());
    let ended = Process::start(&mut command).ended().expect_code(0);
    ended
        .expect("transitions 3/3 (100%)")
        .expect("skip example.wait")
        .expect("0 hangs, 0 problems, 0 not loaded");
}

#[test]
fn an_action_and_a_condition_of_one_name_are_told_apart() {
    let diagram = "import(mod_regex);\n\
        initial state A;\n\
        state HIT;\n\
        transition \"hit\" A - key; regex.match(n, 4711) -> HIT;\n\
        transition \"learn\" A - event / { regex.compile(n, \"^47\"); regex.match(n, x); } -> A;\n";
    let folder = Folder::new(&[
        ("main.dsm", diagram),
        (
            "main.expect",
            "skip regex.match\non start\n  S main/A\n\
             on event\n  T \"learn\"\n  A regex.match \"n\" \"x\"\n  S main/A\n\
             on key key=1\n  T \"hit\"\n  S main/HIT\n",
        ),
    ]);
    let mut command = muleteer();
    command.arg("test").arg(folder.path());
    command.arg("--modules").arg(all());
    let ended = Process::start(&mut command).ended();
    ended.expect_code(0).expect("1 passed, 0 failed");
}
