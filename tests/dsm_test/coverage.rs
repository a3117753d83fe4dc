//! `--coverage`: what the tests reached, all together.

use std::fs;

use serde_json::Value;

use super::{MENU, PASSES, last_line, test_in};
use crate::support::process::Folder;

#[test]
fn states_and_transitions_are_counted_and_the_missing_ones_named() {
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", PASSES)]);
    let ended = test_in(&folder, &["menu.expect", "--coverage"])
        .expect_code(0)
        .expect("menu.dsm: states 1/2 (50%), transitions 1/4 (25%)")
        .expect("  menu.dsm:4: transition \"hash\" MENU -> END was never taken")
        .expect("  menu.dsm:5: transition \"bye\" MENU -> END was never taken")
        .expect("  menu.dsm:2: state END was never entered; transitions from it: 1")
        .expect("coverage: states 1/2 (50%), transitions 1/4 (25%)");
    assert_eq!(last_line(&ended), "1 passed, 0 failed");
}

#[test]
fn tests_of_one_diagram_add_up_whatever_their_paths() {
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", PASSES)]);
    fs::create_dir(folder.file("more")).unwrap();
    folder.write(
        "more/hash.expect",
        "program ../menu.dsm\non start\non key key=11\non hangup\n",
    );
    test_in(&folder, &["menu.expect", "more", "--coverage"])
        .expect_code(1)
        .expect("menu.dsm: states 2/2 (100%), transitions 3/4 (75%)");
}

#[test]
fn transitions_of_one_name_are_told_apart() {
    let diagram = "initial state A;
transition \"x\" A - key(#key == 1) -> A;
transition \"x\" A - key(#key == 2) -> A;
";
    let expect = "on start\n  S main/A\non key key=2\n  T \"x\"\n  S main/A\n";
    let folder = Folder::new(&[("a.dsm", diagram), ("a.expect", expect)]);
    test_in(&folder, &["a.expect", "--coverage"])
        .expect_code(0)
        .expect("  a.dsm:2: transition \"x\" A -> A was never taken")
        .expect("transitions 1/2 (50%)");
}

#[test]
fn called_diagrams_count_under_their_own_file() {
    let diagram = "initial state A;
transition \"call\" A - key / callFSM(ask) -> A;
";
    let ask = "initial state Q;
transition \"back\" Q - key / returnFSM() -> Q;
";
    let expect = "diag ask ask.dsm
on start
  S main/A
on key
  T \"call\"
  S ask/Q
";
    let folder = Folder::new(&[("a.dsm", diagram), ("ask.dsm", ask), ("a.expect", expect)]);
    test_in(&folder, &["a.expect", "--coverage"])
        .expect_code(0)
        .expect("a.dsm: states 1/1 (100%), transitions 1/1 (100%)")
        .expect("ask.dsm: states 1/1 (100%), transitions 0/1 (0%)");
}

#[test]
fn the_same_as_json() {
    let folder = Folder::new(&[("menu.dsm", MENU), ("menu.expect", PASSES)]);
    test_in(&folder, &["menu.expect", "--coverage-json", "c.json"]).expect_code(0);
    let text = fs::read_to_string(folder.file("c.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let transition = &json["menu.dsm"]["transitions"][1];
    assert_eq!(transition["name"], "hash");
    assert_eq!(transition["from"], "MENU");
    assert_eq!(transition["to"], "END");
    assert_eq!(transition["line"], 4);
    assert_eq!(transition["reached"], false);
    assert_eq!(json["menu.dsm"]["states"][0]["reached"], true);
    test_in(
        &folder,
        &["menu.expect", "--coverage-json", "no/such/folder.json"],
    )
    .expect_code(2)
    .expect("no/such/folder.json: cannot be written");
}
