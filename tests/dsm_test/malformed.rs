//! Files that cannot be read never end the run, and say what was expected.

use super::{MENU, PASSES, last_line, test_in};
use crate::support::process::Folder;

#[test]
fn a_line_that_cannot_be_read_is_named_and_the_others_run() {
    let folder = Folder::new(&[
        ("menu.dsm", MENU),
        ("menu.expect", PASSES),
        ("event.expect", "program menu.dsm\non start\non hangp\n"),
        ("setup.expect", "progam menu.dsm\non start\n"),
        ("trace.expect", "program menu.dsm\non start\n  Z x\n"),
    ]);
    let ended = test_in(&folder, &["."])
        .expect_code(1)
        .expect("event.expect:3: unknown event 'hangp'; did you mean 'hangup'?")
        .expect("setup.expect:1: unknown setup word 'progam'; did you mean 'program'?")
        .expect("trace.expect:3: unknown trace word 'Z'");
    assert_eq!(last_line(&ended), "1 passed, 3 failed");
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let folder = Folder::new(&[("menu.dsm", MENU)]);
    folder.write("menu.expect", b"on start\n\xff\xfe\n");
    test_in(&folder, &["."])
        .expect_code(1)
        .expect("menu.expect:2: this is not UTF-8");
}

#[test]
fn odd_files_are_no_trouble() {
    let long = "x".repeat(1 << 20);
    let folder = Folder::new(&[("menu.dsm", MENU), ("empty.expect", "")]);
    folder.write("empty.dsm", "");
    folder.write("comment.dsm", MENU);
    folder.write("comment.expect", "# nothing\r\n\r\n");
    folder.write("long.dsm", MENU);
    folder.write("long.expect", format!("{long}\n"));
    folder.write("menu.expect", PASSES.replace('\n', "\r\n"));
    let ended = test_in(&folder, &["."]).expect_code(1);
    assert_eq!(last_line(&ended), "2 passed, 2 failed");
}
