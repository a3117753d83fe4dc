//! SIGHUP loads diagrams anew; what is wrong changes nothing.

use muleteer::sip::message::StatusCode;
use rustix::process::Signal;

use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess};

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
