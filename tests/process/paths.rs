//! The commands for diagrams: one word for each kind of wrong path, and no harm from readers that go.

use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::support::process::{Folder, Process, muleteer};

const COMMANDS: [&[&str]; 6] = [
    &["check"],
    &["fmt", "--check"],
    &["graph"],
    &["sim"],
    &["test"],
    &["test", "--explore"],
];

#[test]
fn all_commands_say_the_same_of_paths_that_cannot_be_read() {
    let folder = Folder::new(&[]);
    let cases = [
        ("no.dsm", "no.dsm: there is no such file or folder"),
        (
            "/dev/null",
            "/dev/null: this is neither a file nor a folder",
        ),
        ("/proc/self/mem", "/proc/self/mem: cannot be read: "),
    ];
    for command in COMMANDS {
        for (path, expected) in cases {
            let mut started = muleteer();
            started.current_dir(folder.path()).args(command).arg(path);
            let ended = Process::start(&mut started).ended();
            ended.expect_code(2).expect(expected);
        }
    }
}

#[test]
fn a_folder_without_diagrams_is_a_wrong_path() {
    let folder = Folder::new(&[]);
    for command in [COMMANDS[0], COMMANDS[1], COMMANDS[5]] {
        let mut started = muleteer();
        started.current_dir(folder.path()).args(command).arg(".");
        let ended = Process::start(&mut started).ended();
        ended
            .expect_code(2)
            .expect(".: there is no .dsm file directly in this folder");
    }
}

/// Something to write to whose reader is gone.
fn closed() -> Stdio {
    let (ours, theirs) = UnixStream::pair().expect("two ends");
    drop(theirs);
    std::os::fd::OwnedFd::from(ours).into()
}

#[test]
fn readers_that_are_gone_change_no_exit_code() {
    let loose = "initial   state A; transition t A - hangup / playFiel(x); -> A;";
    let good = "initial state A;\ntransition t A - hangup / stop(false); -> A;\n";
    let test = "on start\non hangup\n";
    let folder = Folder::new(&[
        ("bad.dsm", loose),
        ("loose.dsm", &good.replace("stop(", "stop (")),
        ("broken.dsm", "state A enter {"),
        ("good.dsm", good),
        ("good.expect", test),
        ("walk.txt", "hangup\nexpect stopped true\n"),
    ]);
    let cases: [(&[&str], i32); 11] = [
        (&["check", "bad.dsm"], 1),
        (&["check", "good.dsm", "--format", "json"], 0),
        (&["check", "no.dsm"], 2),
        (&["fmt", "broken.dsm"], 1),
        (&["fmt", "--check", "loose.dsm"], 1),
        (&["graph", "bad.dsm"], 0),
        (&["graph", "good.dsm"], 0),
        (&["sim", "good.dsm", "--script", "walk.txt"], 0),
        (&["sim", "bad.dsm"], 1),
        (&["test", "good.expect"], 1),
        (&["test", "--explore", "good.dsm"], 0),
    ];
    for (arguments, code) in cases {
        let mut command = muleteer();
        command.current_dir(folder.path()).args(arguments);
        command
            .stdin(Stdio::null())
            .stdout(closed())
            .stderr(closed());
        let status = command.status().expect("it starts");
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn a_picture_is_drawn_of_standard_input() {
    let folder = Folder::new(&[("good.dsm", "initial state HELLO;\n")]);
    let mut command = muleteer();
    let input = std::fs::File::open(folder.file("good.dsm")).expect("it is there");
    command.args(["graph", "-"]).stdin(input);
    let output = command.output().expect("it starts");
    assert!(String::from_utf8_lossy(&output.stdout).contains(">HELLO</text>"));
}
