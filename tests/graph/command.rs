//! `muleteer graph`: what it writes and how it ends.

use std::ffi::OsStr;

use crate::support::process::{Ended, Folder, Process, Stream, muleteer};
use crate::support::server::project_root;

fn run(arguments: &[&OsStr]) -> Ended {
    Process::start(muleteer().arg("graph").args(arguments)).ended()
}

#[test]
fn svg_is_written_to_standard_output() {
    let ended = run(&[project_root().join("dsm/demo.dsm").as_os_str()]).expect_code(0);
    assert!(
        ended
            .lines(Stream::Out)
            .next()
            .is_some_and(|line| line.starts_with("<svg "))
    );
    assert_eq!(ended.lines(Stream::Err).count(), 0);
}

#[test]
fn the_name_of_the_output_says_the_format() {
    let folder = Folder::new(&[("a.dsm", "initial state A;\n")]);
    let input = folder.path().join("a.dsm");
    for (name, beginning) in [
        ("a.svg", "<svg "),
        ("a.dot", "digraph "),
        ("a.mmd", "stateDiagram-v2"),
    ] {
        let output = folder.path().join(name);
        run(&[input.as_os_str(), "-o".as_ref(), output.as_os_str()]).expect_code(0);
        let text = std::fs::read_to_string(&output).expect("it was written");
        assert!(text.starts_with(beginning), "{text}");
    }
}

#[test]
fn what_can_be_read_of_a_broken_file_is_drawn() {
    let broken = "initial state A;\nstate B enter { playFile( };\ntransition \"t\" A - key -> B;\n";
    let folder = Folder::new(&[("broken.dsm", broken)]);
    run(&[folder.path().join("broken.dsm").as_os_str()])
        .expect_code(0)
        .expect("error[unterminated-paren]")
        .expect("what could be read is drawn")
        .expect(">A</text>");
}

#[test]
fn nothing_to_draw_ends_with_1() {
    let folder = Folder::new(&[("empty.dsm", "-- nothing yet\n")]);
    run(&[folder.path().join("empty.dsm").as_os_str()])
        .expect_code(1)
        .expect("empty.dsm: there is no state and no transition to draw");
}

#[test]
fn files_that_cannot_be_read_or_written_end_with_2() {
    run(&["/nowhere/at.dsm".as_ref()])
        .expect_code(2)
        .expect("/nowhere/at.dsm: there is no such file");
    run(&[project_root().join("dsm").as_os_str()])
        .expect_code(2)
        .expect("dsm: this is a folder; name one file in it");
    let demo = project_root().join("dsm/demo.dsm");
    run(&[demo.as_os_str(), "-o".as_ref(), "/nowhere/at.svg".as_ref()])
        .expect_code(2)
        .expect("/nowhere/at.svg: cannot be written");
}
