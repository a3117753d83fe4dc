//! Modules in calls: waiting, sound, events of their own, objects and hooks, hang-ups.

use muleteer::sip::message::StatusCode;

use super::objects::examples;
use crate::support::caller::Caller;
use crate::support::process::{Folder, ServerProcess};

/// A server with this diagram as the application `main`.
fn server(diagram: &str, settings: &[&str]) -> ServerProcess {
    server_with(&[("main.dsm", diagram)], settings)
}

fn server_with(diagrams: &[(&str, &str)], settings: &[&str]) -> ServerProcess {
    let diagrams = Folder::new(diagrams);
    let modules = format!("dsm.modules=[{:?}]", examples().display().to_string());
    let path = diagrams.as_setting("dsm.path");
    let mut arguments = vec![
        "--set",
        &*path,
        "--set",
        &*modules,
        "--set",
        "log.level=debug",
    ];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    ServerProcess::start(&arguments)
}

#[tokio::test]
async fn a_call_waits_for_a_module_plays_its_sound_and_hears_its_event() {
    let mut server = server(
        "import(mod_example);\n\
         initial state START;\n\
         state END;\n\
         transition \"in\" START - sessionStart / {\n\
           example.about();\n\
           example.wait(20, $waited);\n\
           example.work($length, abc);\n\
           example.beep(20);\n\
           example.remind(10, \"it is time\");\n\
           warn(\"waited $waited length $length event $(example.event) greeting $(example.greeting)\");\n\
         } -> START;\n\
         transition \"told\" START - example.told(#by==timer) / {\n\
           warn(\"told: #text\");\n\
           stop(true);\n\
         } -> END;\n",
        &["module.example.greeting=\"good day\""],
    );
    let mut caller = Caller::new(server.address, "main").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server
        .process
        .line("waited 20 length 3 event sessionStart greeting good day");
    server.process.line("told: it is time");
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.process.line("counted to 0");
    server.stop();
}

#[tokio::test]
async fn a_hang_up_does_not_wait_for_a_module() {
    let mut server = server(
        "import(mod_example);\n\
         initial state START;\n\
         state END;\n\
         transition \"in\" START - sessionStart / {\n\
           warn(\"waiting\");\n\
           example.wait(4000);\n\
           warn(\"waited\");\n\
         } -> START;\n\
         transition \"out\" START - hangup / { warn(\"gone\"); stop(false); } -> END;\n",
        &[],
    );
    let mut caller = Caller::new(server.address, "main").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("waiting");
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.process.line("gone");
    assert!(!server.process.has_written("waited"));
    server.stop();
}

#[tokio::test]
async fn a_diagram_without_a_call_has_modules_too() {
    let mut server = server(
        "import(mod_example);\n\
         initial state ON;\n\
         transition \"up\" ON - startup / {\n\
           example.count();\n\
           example.wait(5, $waited);\n\
           warn(\"up $(example.greeting) $waited\");\n\
           example.remind(5, later);\n\
         } -> ON;\n\
         transition \"told\" ON - example.told / { warn(\"told #text\"); example.beep(5); } -> ON;\n\
         transition \"no call\" ON - exception / { warn(\"#type #cause\"); stop(false); } -> ON;\n",
        &[
            "dsm.run_system_dsms=[\"main\"]",
            "module.example.greeting=\"hello\"",
        ],
    );
    server.process.line("up hello 5");
    server.process.line("told later");
    let line = server.process.line("core ");
    assert!(
        line.contains("is not available in a system diagram"),
        "{line}"
    );
    server.process.line("counted to 1");
    server.stop();
}

#[tokio::test]
async fn a_module_may_change_our_session_description() {
    let main = "import(mod_example);\n\
         initial state START enter { example.sign(); };\n\
         state END;\n\
         transition \"in\" START - sessionStart / stop(true) -> END;\n";
    // However many diagrams import it, it is asked once.
    let other = "import(mod_example);\ninitial state A;\n";
    let diagrams = [("main.dsm", main), ("b.dsm", other), ("c.dsm", other)];
    let mut server = server_with(&diagrams, &[]);
    let mut caller = Caller::new(server.address, "main").await;
    let answer = caller.call(40_000).await;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(body.matches("a=x-example:1\r\n").count(), 1, "{body}");
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.process.line("counted to 0");
    server.stop();
}

#[tokio::test]
async fn a_module_brings_an_application() {
    let server = server(
        "initial state START;\ntransition \"bye\" START - hangup / stop(false) -> START;\n",
        &["dsm.preload=[\"mod_example\"]"],
    );
    let mut caller = Caller::new(server.address, "example_beep").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.stop();
}

#[tokio::test]
async fn a_condition_of_a_module_may_wait() {
    let mut server = server(
        "import(mod_example);\n\
         initial state START;\n\
         transition \"no\" START - sessionStart; not example.after(20) / warn(\"odd\") -> START;\n\
         transition \"in\" START - sessionStart; example.after(20) / {\n\
           if example.after(20) { warn(\"waited\"); }\n\
           stop(true);\n\
         } -> START;\n\
         transition \"bye\" START - hangup / stop(false) -> START;\n",
        &[],
    );
    let mut caller = Caller::new(server.address, "main").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("waited");
    assert!(!server.process.has_written("odd"));
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.stop();
}
