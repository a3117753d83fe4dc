//! `muleteer sim`: scripts, what they show and how they end.

use std::fs;

use crate::support::process::{Ended, Folder, Process, Stream, muleteer};
use crate::support::server::project_root;

const MENU: &str = "initial state START;
state END;
transition up START - sessionStart / log(2, $name); -> START;
transition over START - hangup / stop(false); -> END;
";

fn sim(folder: &Folder, arguments: &[&str]) -> Ended {
    let mut command = muleteer();
    command
        .current_dir(folder.path())
        .arg("sim")
        .args(arguments);
    Process::start(&mut command).ended()
}

#[test]
fn a_script_is_echoed_with_its_trace_and_kept_as_a_test() {
    let script = "# a call\nsessionStart\nhangup\nexpect state END\n";
    let folder = Folder::new(&[("menu.dsm", MENU), ("walk.txt", script)]);
    let ended = sim(
        &folder,
        &[
            "menu.dsm",
            "--script",
            "walk.txt",
            "--var",
            "name=alice",
            "--save",
            "menu.expect",
        ],
    );
    let ended = ended.expect_code(0);
    ended
        .expect("> hangup")
        .expect("  T \"over\"")
        .expect("as expected");
    let expected = "var name=alice

on start
  S main/START
  = state main/START

on sessionStart
  T \"up\"
  L 2 \"alice\"
  S main/START
  = state main/START

on hangup
  T \"over\"
  A stop
  S main/END
  = state main/END
  = stopped true
";
    assert_eq!(
        fs::read_to_string(folder.file("menu.expect")).unwrap(),
        expected
    );
}

#[test]
fn a_test_saved_elsewhere_names_its_diagrams() {
    let call = "initial state START;
transition up START - sessionStart / callFSM(other) -> START;
";
    let other = "initial state HELLO enter { returnFSM(); };\n";
    let folder = Folder::new(&[
        ("call.dsm", call),
        ("other.dsm", other),
        (
            "walk.txt",
            "sessionStart\nsave tests/walk.expect\nsave call.expect\n",
        ),
    ]);
    fs::create_dir(folder.file("tests")).unwrap();
    sim(&folder, &["call.dsm", "--script", "walk.txt"]).expect_code(0);
    let saved = fs::read_to_string(folder.file("tests/walk.expect")).unwrap();
    let expected = "program ../call.dsm\ndiag other ../other.dsm\n\non start\n";
    assert!(saved.starts_with(expected), "{saved}");
    let saved = fs::read_to_string(folder.file("call.expect")).unwrap();
    assert!(
        saved.starts_with("diag other other.dsm\n\non start\n"),
        "{saved}"
    );
    let mut test = muleteer();
    test.current_dir(folder.path()).args(["test", "."]);
    Process::start(&mut test)
        .ended()
        .expect_code(0)
        .expect("2 passed, 0 failed");
}

#[test]
fn what_is_not_as_expected_ends_with_1_at_its_line() {
    let script = "sessionStart\nexpect state END\nhangup\n";
    let folder = Folder::new(&[
        ("menu.dsm", MENU),
        ("walk.txt", script),
        ("bad.txt", "hangpu\n"),
    ]);
    let ended = sim(&folder, &["menu.dsm", "--script", "walk.txt"])
        .expect_code(1)
        .expect("not as expected: state is main/START, expected ")
        .expect("walk.txt:2: stopped at this line");
    assert!(!ended.text().contains("> hangup"));
    let ended = sim(&folder, &["menu.dsm", "--script", "bad.txt"]).expect_code(1);
    ended.expect("did you mean 'hangup'?");
}

#[test]
fn a_diagram_with_mistakes_ends_with_1_and_one_that_is_not_there_with_2() {
    let folder = Folder::new(&[("bad.dsm", "initial state A enter { lgo(1, a); };\n")]);
    sim(&folder, &["bad.dsm"])
        .expect_code(1)
        .expect("bad.dsm:1:25: error[unknown-action]");
    sim(&folder, &["none.dsm"])
        .expect_code(2)
        .expect("none.dsm");
}

#[test]
fn the_shipped_demo_plays_for_as_long_as_its_files_last() {
    let script = "sessionStart\nexpect state MENU\nwait 1m\nexpect state END\n";
    let folder = Folder::new(&[("walk.txt", script)]);
    let demo = project_root().join("dsm/demo.dsm");
    let audio = project_root().join("audio");
    let arguments = [
        demo.to_str().unwrap(),
        "--audio",
        audio.to_str().unwrap(),
        "--script",
        "walk.txt",
    ];
    let ended = sim(&folder, &arguments).expect_code(0);
    let menu = ended
        .lines(Stream::Out)
        .find(|line| line.contains("plays: demo/menu.wav"));
    assert!(
        menu.is_some_and(|line| !line.contains("(1.0 s)")),
        "{menu:?}"
    );
}
