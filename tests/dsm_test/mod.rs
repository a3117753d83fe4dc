//! `muleteer test`: what it runs, what it prints, how it ends.

mod coverage;
mod explore;
mod failures;
mod junit;
mod malformed;
mod random;
mod update;

use crate::dsm_run::fixtures;
use crate::support::process::{Ended, Folder, Process, Stream, muleteer};

/// A diagram with two states, and a test that passes and takes half of it.
pub const MENU: &str = "initial state MENU enter { playFile(\"menu.wav\"); };
state END;
transition \"digit\" MENU - key(#key < 10) / append($digits, #key) -> MENU;
transition \"hash\" MENU - key(#key == 11) / stop(true) -> END;
transition \"bye\" (MENU, END) - hangup / stop(false) -> END;
";
pub const PASSES: &str = "# one digit
on start
  S main/MENU
  A playFile \"menu.wav\" loop=false front=false

on key key=4
  T \"digit\"
  # again from the beginning
  S main/MENU
  A playFile \"menu.wav\" loop=false front=false
  = $digits 4
  = stopped false
";

/// Runs the command in a folder.
pub fn test_in(folder: &Folder, arguments: &[&str]) -> Ended {
    let mut command = muleteer();
    command
        .current_dir(folder.path())
        .arg("test")
        .args(arguments);
    Process::start(&mut command).ended()
}

pub fn last_line(ended: &Ended) -> &str {
    ended.lines(Stream::Out).last().unwrap_or("")
}

#[test]
fn all_conformance_programs_pass() {
    let ended = Process::start(muleteer().arg("test").arg(fixtures(""))).ended();
    let ended = ended.expect_code(0);
    assert_eq!(last_line(&ended), "24 passed, 0 failed");
    assert_eq!(ended.lines(Stream::Out).count(), 1, "{}", ended.text());
}

#[test]
fn a_file_or_a_folder_at_any_depth_can_be_named_and_each_test_runs_once() {
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", PASSES)]);
    std::fs::create_dir_all(folder.file("deep/er")).unwrap();
    folder.write("deep/er/menu.dsm", MENU);
    folder.write("deep/er/menu.expect", PASSES);
    let ended = test_in(&folder, &[".", "deep", "./menu.expect"]).expect_code(0);
    assert_eq!(last_line(&ended), "2 passed, 0 failed");
}

#[test]
fn results_come_in_the_order_of_the_paths_whatever_the_number_of_jobs() {
    let names: Vec<String> = (0..50).map(|n| format!("t{n:02}.expect")).collect();
    let folder = Folder::new(&[("menu.dsm", MENU)]);
    for name in &names {
        folder.write(name, "program menu.dsm\non start\n  S main/OTHER\n");
    }
    let one = test_in(&folder, &[".", "--jobs", "1"]).expect_code(1);
    let many = test_in(&folder, &[".", "--jobs", "8"]).expect_code(1);
    let text = |ended: &Ended| {
        ended
            .lines(Stream::Out)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(text(&one), text(&many));
    assert_eq!(last_line(&one), "0 passed, 50 failed");
}

#[test]
fn a_filter_runs_what_has_it_in_its_path() {
    let folder = Folder::new(&[
        ("menu.dsm", MENU),
        ("menu.expect", PASSES),
        ("other.expect", "program menu.dsm\non start\n"),
    ]);
    let ended = test_in(&folder, &[".", "--filter", "menu"]).expect_code(0);
    assert_eq!(last_line(&ended), "1 passed, 0 failed");
    test_in(&folder, &[".", "--filter", "nothing"])
        .expect_code(2)
        .expect("no test has 'nothing' in its path");
}

#[test]
fn verbose_shows_traces_of_tests_that_pass() {
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", PASSES)]);
    test_in(&folder, &["menu.expect", "--verbose"])
        .expect_code(0)
        .expect("menu.expect:6: on key key=4")
        .expect("  T \"digit\"");
}

#[test]
fn what_is_no_test_ends_with_2_and_is_named() {
    let folder = Folder::new(&[("menu.dsm", MENU)]);
    test_in(&folder, &["nowhere"])
        .expect_code(2)
        .expect("nowhere: ");
    test_in(&folder, &["menu.dsm"]).expect_code(2).expect(
        "menu.dsm: this is a diagram; write menu.expect, perhaps with 'muleteer sim menu.dsm'",
    );
    folder.write("menu.expect", PASSES);
    test_in(&folder, &["menu.dsm"]).expect_code(2).expect(
        "its test is menu.expect, or try it without test: muleteer test --explore menu.dsm",
    );
    folder.write("x.txt", "");
    test_in(&folder, &["x.txt"])
        .expect_code(2)
        .expect("x.txt: tests are files with the ending .expect");
    let folder = Folder::new(&[("menu.dsm", MENU)]);
    test_in(&folder, &["."])
        .expect_code(2)
        .expect("try diagrams without tests: muleteer test --explore .")
        .expect("there is no .expect file in this folder");
    test_in(&folder, &[]).expect_code(2).expect("<PATH>...");
}
