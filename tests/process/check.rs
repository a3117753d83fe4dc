//! `muleteer check`: what it finds and how it ends.

use serde_json::Value;

use crate::support::process::{Ended, Folder, Process, Stream, muleteer};
use crate::support::server::project_root;

const GOOD: &str = "initial state START;\n";
const BAD: &str =
    "initial state START;\ntransition \"x\" START - sessionStart / playFiel(a); -> START;\n";

fn check(arguments: &[&std::ffi::OsStr]) -> Ended {
    Process::start(muleteer().arg("check").args(arguments)).ended()
}

#[test]
fn shipped_diagrams_have_no_findings() {
    let ended = check(&[project_root().join("dsm").as_os_str()]);
    ended.expect_code(0).expect("0 errors, 0 warnings");
}

#[test]
fn an_error_is_shown_with_its_place_and_ends_with_1() {
    let folder = Folder::new(&[("good.dsm", GOOD), ("bad.dsm", BAD)]);
    let ended = check(&[folder.path().as_os_str()]);
    ended
        .expect_code(1)
        .expect("bad.dsm:2:39: error")
        .expect("playFile")
        .expect("2 diagrams checked: 1 errors");
}

#[test]
fn a_path_that_cannot_be_read_ends_with_2() {
    let folder = Folder::new(&[("good.dsm", GOOD)]);
    let ended = check(&[folder.path().as_os_str(), "/nowhere/at.dsm".as_ref()]);
    ended.expect_code(2).expect("/nowhere/at.dsm");
}

#[test]
fn findings_as_json_are_one_array() {
    let folder = Folder::new(&[("good.dsm", GOOD), ("bad.dsm", BAD)]);
    let ended = check(&[
        folder.path().as_os_str(),
        "--format".as_ref(),
        "json".as_ref(),
    ]);
    let ended = ended.expect_code(1);
    let text: String = ended.lines(Stream::Out).collect();
    let findings: Value = serde_json::from_str(&text).expect("JSON");
    let error = |finding: &&Value| finding["severity"] == "error";
    let errors: Vec<_> = findings
        .as_array()
        .expect("an array")
        .iter()
        .filter(error)
        .collect();
    let [error] = errors[..] else {
        panic!("{findings:#}")
    };
    assert_eq!(error["line"], 2);
    assert!(
        error["file"]
            .as_str()
            .is_some_and(|file| file.ends_with("bad.dsm"))
    );
}
