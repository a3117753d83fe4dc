//! `--explore`: diagrams without tests.

use super::{MENU, last_line, test_in};
use crate::dsm_run::fixtures;
use crate::support::process::{Folder, Process, Stream, muleteer};
use crate::support::server::project_root;

const TRAP: &str = "initial state TALK enter { playFile(\"hello.wav\"); };
state LATER;
transition \"no file\" TALK - exception / stop(true) -> LATER;
transition \"bye\" TALK - hangup / log(2, \"bye\") -> LATER;
transition \"heard\" LATER - timer -> LATER;
";

#[test]
fn a_hang_is_found_with_its_shortest_way_and_ends_with_1() {
    let folder = Folder::new(&[("trap.dsm", TRAP)]);
    let ended = test_in(&folder, &["--explore", "trap.dsm"]).expect_code(1);
    let ended = ended
        .expect("hang: a caller who hangs up in main/TALK leaves the session in main/LATER")
        .expect("      on start\n")
        .expect("      on hangup\n")
        .expect("trap.dsm:5: transition \"heard\" from LATER is never taken: no timer is ever set");
    assert_eq!(
        last_line(&ended),
        "1 diagram explored: states 2/2 (100%), transitions 2/3 (66%); 1 hang, 0 problems, \
         0 not loaded"
    );
}

#[test]
fn a_clean_diagram_ends_with_0() {
    let folder = Folder::new(&[("menu.dsm", MENU)]);
    let ended = test_in(&folder, &["--explore", "."]).expect_code(0);
    let ended = ended.expect("menu.dsm:1: problem in main/MENU: exception 'file' is not handled");
    assert!(
        last_line(&ended).contains("transitions 4/4 (100%); 0 hangs"),
        "{}",
        ended.text()
    );
}

#[test]
fn shipped_diagrams_have_no_finding() {
    let ended = Process::start(
        muleteer()
            .args(["test", "--explore"])
            .arg(project_root().join("dsm")),
    );
    let ended = ended.ended().expect_code(0);
    assert!(
        last_line(&ended).contains("0 hangs, 0 problems, 0 not loaded"),
        "{}",
        ended.text()
    );
}

#[test]
fn what_is_written_passes_and_covers_the_same() {
    let folder = Folder::new(&[("trap.dsm", TRAP), ("menu.dsm", MENU)]);
    let programs = fixtures("conformance");
    let programs = programs.to_str().unwrap();
    let explored = test_in(
        &folder,
        &["--explore", ".", programs, "--write", "new/tests"],
    );
    let explored = explored.expect_code(1);
    let ended = test_in(&folder, &["new/tests", "--coverage"]).expect_code(0);
    let share = |line: &str| {
        line.split("states")
            .nth(1)
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    };
    let sum = ended
        .lines(Stream::Out)
        .find(|line| line.starts_with("coverage:"))
        .unwrap();
    assert_eq!(share(last_line(&explored)), share(sum));
}

#[test]
fn names_with_blanks_and_quotes_are_written_so_that_they_are_read_back() {
    let odd = r#"initial state START;
state ON enter { playPrompt('my "music"'); playFile("a b.wav"); };
transition "up" START - sessionStart / setPrompts("de at") -> ON;
transition "said" ON - noAudio / postEvent("the queue", var) -> ON;
transition "no" (START, ON) - exception / stop(true) -> ON;
transition "bye" (START, ON) - hangup / stop(false) -> ON;
"#;
    let folder = Folder::new(&[("odd.dsm", odd)]);
    test_in(&folder, &["--explore", "odd.dsm", "--write", "ways"])
        .expect("prompt \"my \\\"music\\\"\" \"de at\"")
        .expect("missing \"a b.wav\"");
    test_in(&folder, &["ways"]).expect_code(0);
}

#[test]
fn a_session_that_goes_round_and_round_is_shown_for_one_round() {
    let round = "initial state A;
state B enter { setTimer(1, 5); };
transition up A - sessionStart -> B;
transition again B - timer -> B;
transition bye B - hangup -> B;
";
    let folder = Folder::new(&[("round.dsm", round)]);
    let ended = test_in(&folder, &["--explore", "round.dsm"]).expect_code(1);
    let text = ended.text();
    assert!(
        text.contains("hang: a caller who hangs up in main/B"),
        "{text}"
    );
    assert_eq!(text.matches("on timer").count(), 3, "{text}");
}

#[test]
fn a_diagram_that_others_call_is_explored_through_them() {
    let main = "initial state A;
transition \"call\" A - key / callFSM(ask) -> A;
transition \"bye\" A - hangup / stop(false) -> A;
";
    let ask = "initial state Q;
transition \"back\" Q - key(#key == 5) / returnFSM() -> Q;
transition \"never\" Q - timer -> Q;
transition \"bye\" Q - hangup / stop(false) -> Q;
";
    let folder = Folder::new(&[("main.dsm", main), ("ask.dsm", ask)]);
    test_in(&folder, &["--explore", "."])
        .expect_code(0)
        .expect("ask.dsm: states 1/1 (100%), transitions 2/3 (66%), when called")
        .expect("ask.dsm:3: transition \"never\" Q -> Q was never taken")
        .expect(
            "2 diagrams explored: states 2/2 (100%), transitions 4/5 (80%); 0 hangs, 0 problems",
        );
}

#[test]
fn diagrams_that_call_each_other_are_explored() {
    let a = "initial state A; transition t A - key / jumpFSM(b) -> A;
        transition bye A - hangup / stop(false) -> A;";
    let b = a
        .replace("state A", "state B")
        .replace(" A ", " B ")
        .replace("-> A", "-> B")
        .replace("(b)", "(a)");
    let folder = Folder::new(&[("a.dsm", a), ("b.dsm", &b)]);
    test_in(&folder, &["--explore", "."]).expect_code(0).expect(
        "2 diagrams explored: states 2/2 (100%), transitions 4/4 (100%); 0 hangs, 0 problems",
    );
}

#[test]
fn wrong_input_is_named() {
    let folder = Folder::new(&[
        ("bad.dsm", "initial state A enter { playFiel(a); };"),
        ("x.txt", ""),
    ]);
    test_in(&folder, &["--explore", "bad.dsm"])
        .expect_code(1)
        .expect("bad.dsm cannot be started")
        .expect("did you mean 'playFile'?");
    test_in(&folder, &["--explore", "x.txt"])
        .expect_code(2)
        .expect("x.txt: --explore takes diagrams");
    test_in(&folder, &["--explore", "no.dsm"])
        .expect_code(2)
        .expect("no.dsm: there is no such file");
    test_in(&folder, &["--write", "d", "bad.dsm"])
        .expect_code(2)
        .expect("--explore");
    test_in(&folder, &["--explore", "bad.dsm", "--update"])
        .expect_code(2)
        .expect("--update");
}
