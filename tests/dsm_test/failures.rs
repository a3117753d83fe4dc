//! What a failing test says.

use super::{MENU, PASSES, last_line, test_in};
use crate::support::process::Folder;

fn failing(expect: &str) -> crate::support::process::Ended {
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", expect)]);
    let ended = test_in(&folder, &["."]).expect_code(1);
    assert_eq!(last_line(&ended), "0 passed, 1 failed");
    ended
}

#[test]
fn a_different_trace_is_shown_with_the_lines_of_the_file() {
    failing(&PASSES.replacen("menu.wav", "intro.wav", 1))
        .expect("menu.expect:2: on start")
        .expect("     3   S main/MENU\n")
        .expect("     4 - A playFile \"intro.wav\" loop=false front=false\n")
        .expect("       + A playFile \"menu.wav\" loop=false front=false\n");
}

#[test]
fn an_assertion_says_what_is_and_what_should_be() {
    let expect = PASSES
        .replace("$digits 4", "$digits 5")
        .replace("stopped false", "stopped true")
        + "  = state main/END\n  = $other x\n  = #key unset\n";
    failing(&expect)
        .expect("menu.expect:11: $digits is \"4\", expected \"5\"")
        .expect("menu.expect:12: stopped is false, expected true")
        .expect("menu.expect:13: state is main/MENU, expected main/END")
        .expect("menu.expect:14: $other is unset, expected \"x\"")
        .expect("menu.expect:15: #key is \"4\", expected unset");
}

#[test]
fn what_the_engine_complains_about_is_noted() {
    failing(&format!("missing menu.wav\n{PASSES}"))
        .expect("       + X file\n")
        .expect("note: menu.dsm:1: main/MENU: exception 'file' is not handled");
}

#[test]
fn a_finding_that_does_not_come_says_which_came() {
    failing(&format!("lint unreachable-state\n{PASSES}"))
        .expect("menu.expect:1: 'unreachable-state' is not reported; reported is: nothing");
    let folder = Folder::new(&[
        ("menu.dsm", &MENU.replace("(MENU, END)", "END")),
        ("menu.expect", &format!("lint glued-arrow\n{PASSES}")),
    ]);
    test_in(&folder, &["."])
        .expect_code(1)
        .expect("'glued-arrow' is not reported; reported is: hangup-unhandled");
}

#[test]
fn a_diagram_that_is_refused_or_accepted_against_expectation_says_so() {
    failing("load error\n").expect("menu.dsm should be refused, and loads");
    let folder = Folder::new(&[
        ("menu.dsm", &MENU.replace("append", "appendd")),
        ("menu.expect", PASSES),
    ]);
    test_in(&folder, &["."])
        .expect_code(1)
        .expect("menu.dsm cannot be used")
        .expect("did you mean 'append'?");
    let folder = Folder::new(&[
        ("menu.dsm", MENU),
        ("menu.expect", &format!("diag more more.dsm\n{PASSES}")),
        ("more.dsm", "state A"),
    ]);
    folder.write("more.dsm", "state {");
    test_in(&folder, &["."])
        .expect_code(1)
        .expect("more.dsm cannot be used");
}

#[test]
fn a_missing_diagram_is_named() {
    let folder = Folder::new(&[("alone.expect", PASSES)]);
    let ended = test_in(&folder, &["alone.expect"]).expect_code(1);
    let ended = ended.expect("alone.expect: there is no diagram alone.dsm");
    assert_eq!(last_line(&ended), "0 passed, 1 failed");
}

#[test]
fn one_diagram_may_have_many_tests() {
    let folder = Folder::new(&[("menu.dsm", MENU)]);
    std::fs::create_dir(folder.file("tests")).unwrap();
    folder.write("tests/a.expect", format!("program ../menu.dsm\n{PASSES}"));
    folder.write("tests/b.expect", format!("program ../menu.dsm\n{PASSES}"));
    let ended = test_in(&folder, &["tests", "--coverage"]).expect_code(0);
    let ended = ended.expect("menu.dsm: states 1/2 (50%)");
    assert_eq!(last_line(&ended), "2 passed, 0 failed");
}

#[test]
fn modules_and_components_fail_on_request() {
    let diagram = "import(mod_mysql);
initial state A enter { mysql.execute(\"x\"); set($db=$errno); DI(f, g); };
transition \"bye\" A - hangup / stop(false) -> A;
";
    let expect = "fail mysql.execute
fail DI
on start
  S main/A
  A mysql.execute \"x\"
  A DI \"f\" \"g\"
  = $db general
  = $errno config
";
    let folder = Folder::new(&[("a.dsm", diagram), ("a.expect", expect)]);
    test_in(&folder, &["."]).expect_code(0);
}
