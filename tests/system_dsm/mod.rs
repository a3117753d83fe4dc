//! Diagrams that run without a call, and what sessions say to each other.

use muleteer::sip::message::StatusCode;

use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess};

/// Counts what it is sent and answers to whoever asks.
const CLERK: &str = r#"
initial state OPEN;
transition "up" OPEN - startup / {
  registerEventQueue(clerk);
  set($count=0);
  warn("clerk $(config.greeting) @(local_tag)");
} -> OPEN;
transition "asked" OPEN - event(#question == count) / {
  inc($count);
  set($answer=$count);
  postEvent(#from, answer);
} -> OPEN;
transition "told to go" OPEN - event(#question == go) / stop(false) -> OPEN;
transition "signal" OPEN - system(#type == User2) / warn("clerk hears #type") -> OPEN;
transition "end" OPEN - system(#type == ServerShutdown) / { warn("clerk closes"); stop(false); } -> OPEN;
"#;

/// Asks the clerk, says what it answered, and hangs up.
const CUSTOMER: &str = r#"
initial state START;
state END;
transition "ask" START - sessionStart / {
  set($question=count);
  set($from=@local_tag);
  postEvent(clerk, question;from);
} -> START;
transition "answer" START - event / { warn("answer #answer errno <$(errno)>"); stop(true); } -> END;
transition "gone" START - hangup / stop(false) -> END;
"#;

fn calls_clerk() -> ServerProcess {
    let folder = Folder::new(&[("clerk.dsm", CLERK), ("customer.dsm", CUSTOMER)]);
    ServerProcess::start(&[
        "--set",
        &folder.as_setting("dsm.path"),
        "--set",
        "dsm.run_system_dsms=[\"clerk\"]",
        "--set",
        "application.clerk.greeting=\"at your service\"",
    ])
}

/// Calls `user`, whose diagram hangs up by itself.
async fn call(server: &ServerProcess, user: &str) {
    let mut caller = Caller::new(server.address, user).await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
}

#[tokio::test]
async fn a_system_diagram_starts_with_the_server_and_ends_with_it() {
    let mut server = calls_clerk();
    let line = server.process.line("clerk at your service");
    assert!(line.contains("SystemDSM_"), "{line}");
    server.process.signal(rustix::process::Signal::USR1);
    server.process.signal(rustix::process::Signal::USR2);
    server.process.line("clerk hears User2");
    server.stop().expect("clerk closes");
}

#[tokio::test]
async fn calls_reach_it_by_its_queue_and_it_answers() {
    let mut server = calls_clerk();
    server.process.line("clerk at your service");
    call(&server, "customer").await;
    server.process.line("answer 1 errno <>");
    call(&server, "customer").await;
    server.process.line("answer 2 errno <>");
    server.stop();
}

#[tokio::test]
async fn one_that_ignores_the_end_of_the_server_is_ended_after_the_grace_period() {
    let folder = Folder::new(&[(
        "deaf.dsm",
        "initial state ON enter { warn(\"deaf is on\"); };\n\
         transition \"all\" ON - not start / log(3, heard) -> ON;\n",
    )]);
    let mut server = ServerProcess::start(&[
        "--set",
        &folder.as_setting("dsm.path"),
        "--set",
        "dsm.run_system_dsms=[\"deaf\"]",
        "--set",
        "shutdown.grace_s=1",
    ]);
    server.process.line("deaf is on");
    server.process.signal(rustix::process::Signal::TERM);
    server.process.ended().expect_code(0);
}

#[tokio::test]
async fn what_needs_a_call_throws_there() {
    let folder = Folder::new(&[(
        "mute.dsm",
        "initial state ON;\n\
         transition \"up\" ON - startup / playFile(a.wav) -> ON;\n\
         transition \"no call\" ON - exception; test(#type == core) / {\n  \
         warn(\"caught #cause\");\n  stop(false);\n} -> ON;\n",
    )]);
    let mut server = ServerProcess::start(&[
        "--set",
        &folder.as_setting("dsm.path"),
        "--set",
        "dsm.run_system_dsms=[\"mute\"]",
    ]);
    let line = server.process.line("caught");
    assert!(
        line.contains("playFile is not available in a system diagram"),
        "{line}"
    );
    server.stop();
}

#[test]
fn an_unknown_system_diagram_stops_the_start() {
    let folder = Folder::new(&[("clerk.dsm", CLERK)]);
    let mut command = crate::support::process::serve("127.0.0.1:0");
    command.args(["--set", &folder.as_setting("dsm.path")]);
    command.args(["--set", "dsm.run_system_dsms=[\"clerc\"]"]);
    crate::support::process::Process::start(&mut command)
        .ended()
        .expect_code(1)
        .expect("[dsm] run_system_dsms names \"clerc\", but there is no diagram clerc.dsm");
}

#[tokio::test]
async fn a_call_starts_and_manages_diagrams() {
    let manager = r#"
initial state START;
state END;
transition "work" START - sessionStart / {
  createSystemDSM(main, clerk);
  DIgetResult(dsm, hasDSM, "clerk"); warn("has clerk: $(DI_res) errno <$(errno)>");
  DIgetResult(dsm, hasDSM, "clerc"); warn("has clerc: $(DI_res)");
  DIgetResult(dsm, loadDSM, "late"); warn("late: $(DI_res0) $(DI_res1)");
  DIgetResult(dsm, loadDSM, "late"); warn("again: $(DI_res0)");
  DIgetResult(dsm, loadDSM, "later/hidden"); warn("by a path: $(DI_res0)");
  DIgetResult(dsm, loadDSMWithPath, "hidden", "later"); warn("from a folder: $(DI_res0)");
  DIgetResult(dsm, registerApplication, "late"); warn("registered: $(DI_res0)");
  DIgetResult(dsm, registerApplication, "late"); warn("twice: $(DI_res0)");
  DIgetResult(dsm, registerApplication, "never"); warn("never: $(DI_res0)");
  DIgetResultArray(dsm, listDSMs); warn("diagrams: $(DI_res_size)");
  DIgetResult(dsm, postDSMEvent, "nobody"); warn("posted: $(DI_res0)");
  DI(dsm, hasDMS, "clerk"); warn("misspelt: $(errno) $(strerror)");
  DI(dms, hasDSM, "clerk"); warn("misnamed: $(errno) $(strerror)");
  DI(dsm, loadDSM); warn("too few: $(errno) $(strerror)");
  registerEventQueue(clerk); warn("taken: $(errno) $(strerror)");
  createSystemDSM(elsewhere, clerk);
} -> START;
transition "refused" START - exception; test(#type == core) / { warn("refused: #cause"); stop(true); } -> END;
"#;
    let folder = Folder::new(&[
        ("clerk.dsm", CLERK),
        ("manager.dsm", manager),
        ("later/hidden.dsm", CUSTOMER),
    ]);
    let mut server = ServerProcess::start(&["--set", &folder.as_setting("dsm.path")]);
    folder.write("late.dsm", CUSTOMER);
    call(&server, "manager").await;
    for expected in [
        "has clerk: 1 errno <>",
        "has clerc: 0",
        "late: 200 OK",
        "again: 400",
        "by a path: 500",
        "from a folder: 200",
        "registered: 200",
        "twice: 500",
        "never: 400",
        "diagrams: 4",
        "posted: 404",
        "misspelt: arg dsm has no function 'hasDMS'; did you mean 'hasDSM'?",
        "misnamed: config there is no component 'dms'; did you mean 'dsm'?",
        "too few: arg it is called as loadDSM(name)",
        "taken: arg 'clerk' is registered by session SystemDSM_",
        "refused: there is no configuration 'elsewhere'",
    ] {
        server.process.line(expected);
    }
    call(&server, "late").await;
    server.process.line("answer 1");
    server.stop();
}

#[test]
fn the_page_lists_the_commands() {
    use muleteer::control::dsm::DsmComponent;
    use muleteer::session::components::Component;

    let (orders, _) = tokio::sync::mpsc::channel(1);
    let component = DsmComponent::new(orders);
    let rows = component.functions().iter();
    let rows = rows.map(|one| format!("| `{}` | {} |\n", one.usage(), one.doc));
    let table = "| function | |\n|---|---|\n".to_owned() + &rows.collect::<String>();

    let path = crate::support::server::project_root().join("docs/deployment.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once("<!-- commands -->\n").unwrap();
    let (written, tail) = rest.split_once("<!-- end -->").unwrap();
    if std::env::var_os("UPDATE").is_some() {
        let page = format!("{head}<!-- commands -->\n{table}<!-- end -->{tail}");
        std::fs::write(&path, page).unwrap();
    } else {
        assert_eq!(written, table, "UPDATE=1 writes it anew");
    }
}
