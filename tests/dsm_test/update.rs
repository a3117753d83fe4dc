//! `--update` writes what the diagram does.

use std::fs;

use super::{MENU, PASSES, last_line, test_in};
use crate::support::process::Folder;

fn updated(expect: &str) -> String {
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", expect)]);
    let ended = test_in(&folder, &["menu.expect", "--update"]).expect_code(0);
    let ended = ended.expect("updated menu.expect");
    assert_eq!(last_line(&ended), "1 passed, 0 failed");
    test_in(&folder, &["menu.expect"]).expect_code(0);
    fs::read_to_string(folder.file("menu.expect")).unwrap()
}

#[test]
fn a_test_of_events_alone_is_filled_in() {
    let expect = "on start\non key key=4\n# the end\non hangup";
    let filled = "on start
  S main/MENU
  A playFile \"menu.wav\" loop=false front=false
on key key=4
  T \"digit\"
  S main/MENU
  A playFile \"menu.wav\" loop=false front=false
# the end
on hangup
  T \"bye\"
  A stop
  S main/END
";
    assert_eq!(updated(expect), filled);
}

#[test]
fn only_wrong_lines_change() {
    let wrong = PASSES
        .replacen("menu.wav", "intro.wav", 1)
        .replace("  T \"digit\"\n", "  T \"digit\"\n  L 2 \"gone\"\n");
    assert_eq!(updated(&wrong), PASSES);
    let crlf = |text: &str| text.replace('\n', "\r\n");
    assert_eq!(updated(&crlf(&wrong)), crlf(PASSES));
    let tabs = |text: &str| text.replace("  ", "\t");
    assert_eq!(updated(&tabs(&wrong)), tabs(PASSES));
}

#[test]
fn assertions_stay_and_still_fail() {
    let wrong = PASSES
        .replace("$digits 4", "$digits 5")
        .replacen("menu.wav", "intro.wav", 1);
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", wrong.as_str())]);
    test_in(&folder, &["menu.expect", "--update"])
        .expect_code(1)
        .expect("$digits is \"4\", expected \"5\"");
    let text = fs::read_to_string(folder.file("menu.expect")).unwrap();
    assert!(
        text.contains("= $digits 5") && !text.contains("intro.wav"),
        "{text}"
    );
}

#[test]
fn a_test_that_passes_is_not_touched() {
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", PASSES)]);
    let before = fs::metadata(folder.file("menu.expect"))
        .unwrap()
        .modified()
        .unwrap();
    let ended = test_in(&folder, &["menu.expect", "--update"]).expect_code(0);
    assert!(!ended.text().contains("updated"));
    let after = fs::metadata(folder.file("menu.expect"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after);
}
