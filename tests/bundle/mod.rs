//! Bundles: diagrams with a folder and settings of their own.

use muleteer::sip::message::StatusCode;
use rustix::process::Signal;

use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess};

/// Logs a setting and hangs up.
const SAYS: &str = r#"
initial state START;
state END;
transition "say" START - sessionStart / { warn("says $(config.word) of $(config.db.url)"); stop(true); } -> END;
"#;

/// Tells how it was started, and ends if it is the older one.
const WATCH: &str = r#"
initial state ON;
transition "first" ON - startup / { registerEventQueue(watch); warn("watch starts, $(config.word)"); } -> ON;
transition "again" ON - reload / { warn("watch again, $(config.word)"); set($why=over); postEvent(watch, why); stop(false); } -> ON;
transition "end" ON - system / stop(false) -> ON;
transition "told" ON - event / warn("watch hears it is #why") -> ON;
"#;

async fn call(server: &ServerProcess, user: &str) -> StatusCode {
    let mut caller = Caller::new(server.address, user).await;
    let status = caller.call(40_000).await.status;
    if status == StatusCode::OK {
        let bye = caller.server_request().await;
        caller.confirm(&bye).await;
    }
    status
}

fn start(folder: &Folder) -> ServerProcess {
    ServerProcess::start(&["--set", &folder.as_setting("dsm.path")])
}

#[tokio::test]
async fn a_bundle_in_toml_registers_its_diagrams_with_its_settings() {
    let folder = Folder::new(&[
        ("main.dsm", SAYS),
        ("shop/says.dsm", SAYS),
        (
            "shop/bundle.toml",
            "word = 'hello'\n[db]\nurl = 'mysql://x'\n",
        ),
    ]);
    let mut server = start(&folder);
    assert_eq!(call(&server, "says").await, StatusCode::OK);
    server.process.line("says hello of mysql://x");
    // The diagrams of the main configuration do not see them.
    assert_eq!(call(&server, "main").await, StatusCode::OK);
    server.process.line("says  of");
    server.stop();
}

#[tokio::test]
async fn a_bundle_in_the_originals_form_moves_over_unchanged() {
    let folder = Folder::new(&[
        ("old/says.dsm", SAYS),
        ("old/hidden.dsm", SAYS),
        ("old/watch.dsm", WATCH),
        ("old/common.inc", "db.url = \"from the include\"\n"),
        (
            "old/oldapp.conf",
            "# an old bundle\nload_diags=says, hidden,watch\nregister_apps=says\n\
             run_system_dsms=watch\nword=\"bonjour #1\" # comment\n@common.inc\n",
        ),
    ]);
    let mut server = start(&folder);
    server.process.line("watch starts, bonjour #1");
    assert_eq!(call(&server, "says").await, StatusCode::OK);
    server.process.line("says bonjour #1 of from the include");
    assert_eq!(call(&server, "hidden").await, StatusCode::NOT_FOUND);
    server.stop();
}

#[tokio::test]
async fn sighup_loads_a_changed_bundle_and_leaves_the_others_alone() {
    let folder = Folder::new(&[
        ("a/says.dsm", SAYS),
        ("a/bundle.toml", "word = 'one'"),
        ("b/watch.dsm", WATCH),
        (
            "b/bundle.toml",
            "run_system_dsms = ['watch']\nregister_apps = []\nword = 'one'\n",
        ),
    ]);
    let mut server = start(&folder);
    server.process.line("watch starts, one");
    folder.write("a/bundle.toml", "word = 'two'");
    server.process.signal(Signal::HUP);
    server.process.line("loaded anew");
    assert_eq!(call(&server, "says").await, StatusCode::OK);
    server.process.line("says two");

    folder.write(
        "b/bundle.toml",
        "run_system_dsms = ['watch']\nregister_apps = []\nword = 'two'\n",
    );
    server.process.signal(Signal::HUP);
    server.process.line("watch again, two");
    server.process.line("watch hears it is over");
    let text = server.stop().text();
    assert_eq!(text.matches("watch again").count(), 1, "{text}");
}

#[tokio::test]
async fn a_broken_bundle_is_left_out_at_the_start_and_changes_nothing_at_a_reload() {
    let broken = SAYS.replace("stop(true)", "stopp(true)");
    let folder = Folder::new(&[
        ("good/good.dsm", SAYS),
        ("good/bundle.toml", "word = 'one'"),
        ("bad/bad.dsm", &broken),
        ("bad/bundle.toml", ""),
    ]);
    let mut server = start(&folder);
    assert_eq!(call(&server, "good").await, StatusCode::OK);
    assert_eq!(call(&server, "bad").await, StatusCode::NOT_FOUND);
    folder.write("good/bundle.toml", "word = 'two'");
    server.process.signal(Signal::HUP);
    server.process.line("nothing was reloaded");
    assert_eq!(call(&server, "good").await, StatusCode::OK);
    server.process.line("says one");
    folder.write("bad/bad.dsm", SAYS);
    server.process.signal(Signal::HUP);
    server.process.line("loaded anew");
    assert_eq!(call(&server, "bad").await, StatusCode::OK);
    let text = server.stop().expect("the bundle bad is left out").text();
    assert!(text.contains("bad.dsm:4:"), "{text}");
}

#[tokio::test]
async fn load_config_loads_a_bundle_while_the_server_runs() {
    let manager = r#"
initial state START;
state END;
transition "work" START - sessionStart / {
  DIgetResult(dsm, loadConfig, "shop/bundle.toml", "shop"); warn("loaded: $(DI_res0)");
  DIgetResult(dsm, hasDSM, "says", "says"); warn("there: $(DI_res)");
  DIgetResult(dsm, loadConfig, "nowhere/bundle.toml", "x.conf"); warn("missing: $(DI_res0) $(DI_res1)");
  stop(true);
} -> END;
"#;
    let folder = Folder::new(&[("manager.dsm", manager)]);
    let mut server = start(&folder);
    folder.write("shop/says.dsm", SAYS);
    folder.write("shop/bundle.toml", "word = 'late'");
    assert_eq!(call(&server, "says").await, StatusCode::NOT_FOUND);
    assert_eq!(call(&server, "manager").await, StatusCode::OK);
    server.process.line("loaded: 200");
    server.process.line("there: 1");
    server.process.line("missing: 500 cannot read the bundle");
    assert_eq!(call(&server, "says").await, StatusCode::OK);
    server.process.line("says late");
    server.stop();
}

#[tokio::test]
async fn the_application_dsm_is_the_start_diagram() {
    let folder = Folder::new(&[("says.dsm", SAYS)]);
    let server = ServerProcess::start(&[
        "--set",
        &folder.as_setting("dsm.path"),
        "--set",
        "dsm.inbound_start_diag=\"says\"",
    ]);
    assert_eq!(call(&server, "dsm").await, StatusCode::OK);
    server.stop();
}

/// Has a command of the component `dsm` carried out, and hangs up.
fn orders(command: &str) -> String {
    format!(
        "initial state START;\nstate END;\n\
         transition \"order\" START - sessionStart / {{ DIgetResult(dsm, {command}); \
         warn(\"answer $(DI_res0) $(DI_res1)\"); stop(true); }} -> END;\n"
    )
}

#[tokio::test]
async fn a_bundle_loaded_by_command_outlives_a_reload_unless_its_file_is_gone() {
    let manager = orders("loadConfig, \"far/away/bundle.toml\", \"away\"");
    let folder = Folder::new(&[
        ("manager.dsm", &manager),
        ("far/away/says.dsm", SAYS),
        ("far/away/bundle.toml", "word = 'one'"),
        ("near/near.dsm", SAYS),
        ("near/bundle.toml", "word = 'near'"),
    ]);
    let mut server = start(&folder);
    assert_eq!(call(&server, "manager").await, StatusCode::OK);
    server.process.line("answer 200");
    folder.write("far/away/bundle.toml", "word = 'two'");
    server.process.signal(Signal::HUP);
    server.process.line("loaded anew");
    assert_eq!(call(&server, "says").await, StatusCode::OK);
    server.process.line("says two");
    std::fs::remove_file(folder.file("far/away/bundle.toml")).unwrap();
    std::fs::remove_file(folder.file("near/bundle.toml")).unwrap();
    server.process.signal(Signal::HUP);
    server.process.line("loaded anew");
    assert_eq!(call(&server, "says").await, StatusCode::NOT_FOUND);
    assert_eq!(call(&server, "near").await, StatusCode::NOT_FOUND);
    server.stop();
}

#[tokio::test]
async fn of_two_bundles_with_one_name_one_is_left_out_and_told() {
    let folder = Folder::new(&[
        ("a/says.dsm", SAYS),
        (
            "a/shop.conf",
            "load_diags=says\nregister_apps=says\nword=first\n",
        ),
        ("shop/says.dsm", SAYS),
        ("shop/bundle.toml", "word = 'second'"),
    ]);
    let mut server = start(&folder);
    assert_eq!(call(&server, "says").await, StatusCode::OK);
    server.process.line("says first");
    let text = server.stop().text();
    let told = text.lines().find(|line| line.contains("is left out"));
    assert!(
        told.is_some_and(|line| line.contains("shop/bundle.toml") && line.contains("a/shop.conf")),
        "{text}"
    );
}

#[tokio::test]
async fn reloading_the_diagrams_keeps_the_start_diagram() {
    let manager = orders("reloadDSMs");
    let folder = Folder::new(&[("manager.dsm", &manager), ("says.dsm", SAYS)]);
    let mut server = ServerProcess::start(&[
        "--set",
        &folder.as_setting("dsm.path"),
        "--set",
        "dsm.inbound_start_diag=\"says\"",
    ]);
    std::fs::remove_file(folder.file("says.dsm")).unwrap();
    assert_eq!(call(&server, "manager").await, StatusCode::OK);
    server
        .process
        .line("answer 500 [dsm] inbound_start_diag names \"says\"");
    assert_eq!(call(&server, "dsm").await, StatusCode::OK);
    server.stop();
}
