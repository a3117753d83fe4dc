//! SIGHUP loads diagrams anew; what is wrong changes nothing.

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::sync::mpsc::channel;

use muleteer::sip::message::StatusCode;
use rustix::process::Signal;

use crate::support::caller::Caller;
use crate::support::process::{Folder, PATIENCE, ServerProcess};

/// A diagram that logs `edition` and hangs up.
fn diagram(edition: &str) -> String {
    format!(
        "initial state START;\nstate END;\n\
         transition \"answered\" START - sessionStart / {{\n  \
         warn(\"this is the {edition} edition\");\n  stop(true);\n}} -> END;\n"
    )
}

/// Calls `hello` and waits until its edition has been logged and its BYE has come.
async fn hears(server: &mut ServerProcess, edition: &str) {
    let mut caller = Caller::new(server.address, "hello").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    let line = server.process.line("edition");
    assert!(
        line.contains(&format!("this is the {edition} edition")),
        "{line}"
    );
}

#[tokio::test]
async fn a_changed_diagram_runs_after_sighup() {
    let folder = Folder::new(&[("hello.dsm", &diagram("first"))]);
    let mut server = ServerProcess::start(&["--set", &folder.as_setting("dsm.path")]);
    hears(&mut server, "first").await;

    folder.write("hello.dsm", diagram("second"));
    folder.write("another.dsm", diagram("other"));
    hears(&mut server, "first").await;
    server.process.signal(Signal::HUP);
    let line = server.process.line("loaded anew");
    assert!(line.contains("another, echo, hello"), "{line}");
    hears(&mut server, "second").await;
    server.stop();
}

#[tokio::test]
async fn a_broken_diagram_is_reported_and_changes_nothing() {
    let folder = Folder::new(&[("hello.dsm", &diagram("first"))]);
    let mut server = ServerProcess::start(&["--set", &folder.as_setting("dsm.path")]);

    folder.write(
        "hello.dsm",
        diagram("second").replace("stop(true)", "stopp(true)"),
    );
    server.process.signal(Signal::HUP);
    server.process.line("nothing was reloaded");
    let line = server.process.line("hello.dsm:5:3: error");
    assert!(line.contains("stopp"), "{line}");
    hears(&mut server, "first").await;

    folder.write("hello.dsm", diagram("third"));
    server.process.signal(Signal::HUP);
    server.process.line("loaded anew");
    hears(&mut server, "third").await;
    server.stop();
}

/// Makes `name` of the folder a file whose reader waits until something is written.
fn make_slow(folder: &Folder, name: &str) {
    let path = folder.file(name);
    std::fs::remove_file(&path).expect("a file");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
}

/// Waits until the server reads it, and holds it open.
fn read_by_server(folder: &Folder, name: &str) -> File {
    let (open, opened) = channel();
    let path = folder.file(name);
    // Waits for a reader.
    std::thread::spawn(move || open.send(File::options().write(true).open(path)));
    let writer = opened.recv_timeout(PATIENCE).expect("a reader");
    writer.expect("it can be written to")
}

#[test]
fn a_reload_that_waits_for_the_disk_does_not_keep_the_server_from_ending() {
    let folder = Folder::new(&[("map.conf", "")]);
    let mapping = format!("app.mapping={}", folder.file("map.conf").display());
    let server = ServerProcess::start(&["--set", &mapping]);
    make_slow(&folder, "map.conf");
    server.process.signal(Signal::HUP);
    let _writer = read_by_server(&folder, "map.conf");
    server.process.signal(Signal::TERM);
    server.process.ended().expect_code(0).expect("Stopping");
}

#[test]
fn a_sighup_during_a_reload_is_heeded_when_that_is_done() {
    let folder = Folder::new(&[("map.conf", "")]);
    let mapping = format!("app.mapping={}", folder.file("map.conf").display());
    let mut server = ServerProcess::start(&["--set", &mapping]);
    make_slow(&folder, "map.conf");
    server.process.signal(Signal::HUP);
    let mut writer = read_by_server(&folder, "map.conf");
    server.process.signal(Signal::HUP);
    writer.write_all(b"# nothing\n").expect("it reads");
    drop(writer);
    server.process.line("loaded anew");
    drop(read_by_server(&folder, "map.conf"));
    server.process.line("loaded anew");
    server.stop();
}
