//! The monitoring store of a running server.

use muleteer::sip::message::StatusCode;

use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess};

/// Writes while the server starts, and says what it reads.
const WRITER: &str = r#"
import(mod_monitoring);
initial state A;
transition "up" A - startup / {
  monitoring.log(position, lobby);
  monitoring.get($own=position);
  set($errno="");
  DIgetResult(monitoring, getSingle, @local_tag, position);
  warn("own <$(own)> by function <$(DI_res0)> errno <$(errno)>");
} -> A;
transition "end" A - system(#type == ServerShutdown) / stop(false) -> A;
"#;

/// Says who else is talking.
const GREETER: &str = r#"
initial state A;
state END;
transition "who" A - sessionStart / {
  DIgetResultArray(monitoring, listByFilter, dir, in, app, greeter, dsm_state, A);
  warn("found $(DI_res_size)");
  DIgetResult(monitoring, getSingle, @local_tag, dir);
  warn("I am $(DI_res0)");
  stop(true);
} -> END;
transition "bye" A - hangup / stop(false) -> END;
"#;

fn server(diagrams: &[(&str, &str)], settings: &[&str]) -> ServerProcess {
    let folder = Folder::new(diagrams);
    let path = folder.as_setting("dsm.path");
    let mut arguments = vec!["--set", &path];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    ServerProcess::start(&arguments)
}

const RUN_WRITER: &str = "dsm.run_system_dsms=[\"writer\"]";

#[tokio::test]
async fn what_a_system_diagram_writes_while_the_server_starts_is_stored() {
    let mut server = server(&[("writer.dsm", WRITER)], &[RUN_WRITER]);
    server
        .process
        .line("own <lobby> by function <lobby> errno <>");
    server.stop();
}

#[tokio::test]
async fn without_a_store_nothing_happens() {
    let settings = [RUN_WRITER, "monitoring.enabled=\"no\""];
    let mut server = server(&[("writer.dsm", WRITER)], &settings);
    server.process.line("own <> by function <> errno <config>");
    server.stop();
}

#[tokio::test]
async fn calls_are_recorded_as_soon_as_a_diagram_asks_for_records() {
    let mut server = server(&[("greeter.dsm", GREETER)], &[]);
    let mut caller = Caller::new(server.address, "greeter").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("found 1");
    server.process.line("I am in");
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.stop();
}

/// Expects a call of anybody.
const EXPECTING: &str = r#"
initial state A;
transition "up" A - startup / {
  set($p.greeting=hello);
  DI(monitoring, set, ticket-17, callee, dsm, app, welcome, appParams, (struct)p);
  warn("a call is expected");
} -> A;
transition "end" A - system(#type == ServerShutdown) / stop(false) -> A;
"#;

const WELCOME: &str = r#"
initial state A;
transition "hello" A - sessionStart / { warn("$(greeting) from $(mon_session_record)"); stop(true); } -> A;
transition "bye" A - hangup / stop(false) -> A;
"#;

#[tokio::test]
async fn a_record_selects_the_diagram_of_a_call() {
    let diagrams = [("expecting.dsm", EXPECTING), ("welcome.dsm", WELCOME)];
    let settings = [
        "dsm.run_system_dsms=[\"expecting\"]",
        "dsm.inbound_start_diag=\"$(mon_select)\"",
        "dsm.monitor_select_use_caller=\"no\"",
    ];
    let mut server = server(&diagrams, &settings);
    server.process.line("a call is expected");
    let mut caller = Caller::new(server.address, "dsm").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("hello from ticket-17");
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.stop();
}

#[tokio::test]
async fn a_call_that_no_record_is_for_is_refused() {
    let settings = ["dsm.inbound_start_diag=\"$(mon_select)\""];
    let mut server = server(&[("welcome.dsm", WELCOME)], &settings);
    let mut caller = Caller::new(server.address, "dsm").await;
    let refused = caller.call(40_000).await.status;
    assert_eq!(refused, StatusCode::SERVER_INTERNAL_ERROR);
    server
        .process
        .line("no record of the monitoring store selects this call");
    server.stop();
}
