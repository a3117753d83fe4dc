//! mod_py in the engine and in calls: code in diagrams, and applications in Python.

use std::path::Path;

use muleteer::dsm::{Event, EventKind, Severity};
use muleteer::sip::message::StatusCode;
use rustix::process::Signal;

use super::objects::{Run, all, has_no_findings, loaded, modules_in, readme};
use crate::support::audio::{ms_of, sine, wav, wav_file};
use crate::support::caller::Caller;
use crate::support::process::{Ended, Folder, Process, ServerProcess, muleteer, serve};
use crate::support::server::project_root;

/// The settings of a server with the applications of this folder, which may also play its files.
fn settings(folder: &Path, more: &[&str]) -> Vec<String> {
    let modules = all().display().to_string();
    let folder = folder.display().to_string();
    let mut settings = vec![
        format!("dsm.modules=[{modules:?}]"),
        "dsm.preload=[\"mod_py\"]".to_owned(),
        "dsm.path=[]".to_owned(),
        format!("audio.path=[{folder:?}]"),
        format!("audio.record_path={folder:?}"),
        format!("module.py.applications={folder:?}"),
    ];
    settings.extend(more.iter().map(|&one| one.to_owned()));
    settings
        .into_iter()
        .flat_map(|one| ["--set".to_owned(), one])
        .collect()
}

fn server(folder: &Folder, more: &[&str]) -> ServerProcess {
    let settings = settings(folder.path(), more);
    ServerProcess::start(&settings.iter().map(String::as_str).collect::<Vec<_>>())
}

/// How a server with this script ends that does not start.
fn refused(script: &str) -> Ended {
    let folder = Folder::new(&[("bad.py", script)]);
    let mut command = serve("127.0.0.1:0");
    command.args(settings(folder.path(), &["module.py.timeout_ms=500"]));
    let ended = Process::start(&mut command).ended();
    assert_ne!(ended.status.code(), Some(0), "{}", ended.text());
    ended
}

#[test]
fn the_diagram_of_the_readme_has_no_findings() {
    has_no_findings(&readme("mod_py"));
}

#[test]
fn code_that_is_no_python_refuses_the_diagram_at_its_line() {
    let text = "import(mod_py);\n\
                initial state ON enter {\n  py(#\n    x = 1\n    y = (\n  );\n};\n\
                transition \"t\" ON - py(x = 1) / py(x = ) -> ON;\n";
    let found = loaded(&modules_in(all()), &text.replace("y = (", "y = *"));
    let text = found.render();
    assert_eq!(found.worst(), Some(Severity::Error), "{text}");
    for part in [
        "refused-argument",
        "main.dsm:5:",
        "main.dsm:8:24",
        "main.dsm:8:36",
        "SyntaxError: invalid syntax",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn quotes_belong_to_the_code() {
    let code = "py('a' and session.setvar('x', \"it's\"))";
    let run = Run::of(&modules_in(all()), "mod_py", code);
    assert_eq!(run.var("x"), "it's");
}

#[test]
fn a_condition_is_waited_for() {
    let mut run = Run::diagram(
        &modules_in(all()),
        "import(mod_py);\n\
         initial state ON;\n\
         transition \"slow\" ON - key; py(__import__('time').sleep(0.1) or params['key'] == '5') / {\n\
           set($five=yes);\n\
           if not py(session.var('five') == 'no') { set($if=yes); }\n\
         } -> ON;\n",
    );
    run.event(Event::new(EventKind::Key).with("key", "4"));
    assert_eq!(run.var("five"), "");
    run.event(Event::new(EventKind::Key).with("key", "5"));
    assert_eq!((run.var("five"), run.var("if")), ("yes", "yes"));
}

#[tokio::test]
async fn a_condition_that_takes_long_holds_up_no_other_call() {
    let diagrams = Folder::new(&[
        (
            "slow.dsm",
            "import(mod_py);\n\
             initial state ON;\n\
             transition \"in\" ON - sessionStart; py(__import__('time').sleep(60)) / stop(true) -> ON;\n\
             transition \"else\" ON - sessionStart / { warn(\"not in time\"); stop(true); } -> ON;\n\
             transition \"bye\" ON - hangup / stop(false) -> ON;\n",
        ),
        (
            "quick.dsm",
            "initial state ON;\n\
             transition \"in\" ON - sessionStart / { warn(\"quick\"); stop(true); } -> ON;\n\
             transition \"bye\" ON - hangup / stop(false) -> ON;\n",
        ),
    ]);
    let path = diagrams.as_setting("dsm.path");
    let mut server = server(
        &Folder::new(&[]),
        &[&path, "module.py.condition_timeout_ms=2000"],
    );
    let mut slow = Caller::new(server.address, "slow").await;
    assert_eq!(slow.call(40_000).await.status, StatusCode::OK);
    let mut quick = Caller::new(server.address, "quick").await;
    assert_eq!(quick.call(40_000).await.status, StatusCode::OK);
    server.process.line("quick");
    assert!(!server.process.has_written("not in time"));
    server.process.line("not in time");
    for caller in [quick, slow] {
        let bye = caller.server_request().await;
        caller.confirm(&bye).await;
    }
    server.stop();
}

const IVR: &str = "
from ivr import *
import helper

class IvrDialog(IvrDialogBase):
    def onStart(self):
        log(1, f'{helper.word} {config[\"word\"]} {self.dialog.user}')

    def onInvite(self, headers):
        req = self.invite_req
        log(1, f'{req.method} {req.user} {getHeader(headers, \"x-colour\")} {self.getAppParam(\"room\")}')

    def onSessionStart(self):
        tone = IvrAudioFile()
        tone.open('tone.wav', AUDIO_READ)
        self.enqueue(tone, None)
        log(1, f'empty {self.queueIsEmpty()}')
        self.setTimer(7, 1)
        sendMessage(self.dialog.local_tag, 'to myself')

    def onIvrMessage(self, text):
        log(1, f'message {text}')

    def onEmptyQueue(self):
        log(1, f'played {self.queueIsEmpty()}')

    def onTimer(self, id):
        log(1, f'timer {id}')

    def onDtmf(self, key, duration):
        log(1, f'key {key} {duration > 0}')
        if key == 5:
            self.bye()
            self.stopSession()
";

#[test]
fn an_application_answers_plays_and_hears() {
    let folder = Folder::new(&[
        ("menu.py", IVR),
        ("menu.conf", "# settings\nword = hello\n"),
        ("helper.py", "word = 'helped'"),
    ]);
    folder.write("tone.wav", wav_file(&sine(440.0, 500)));
    let mut server = server(&folder, &[]);
    let heard = folder.file("heard.wav");
    let mut call = muleteer();
    call.args([
        "call",
        &server.uri("menu"),
        "--dtmf",
        ",,5",
        "--duration",
        "20",
    ]);
    call.args(["--codec", "PCMU", "--record"]).arg(&heard);
    Process::start(&mut call).ended().expect_code(0);
    for line in [
        "helped hello menu",
        "INVITE menu",
        "empty False",
        "message to myself",
        "played True",
        "timer 7",
        "key 5 True",
    ] {
        server.process.line(line);
    }
    let ms = ms_of(&wav(&heard), 440.0);
    // A busy machine may stretch it.
    assert!((400..=1_000).contains(&ms), "{ms} ms of the tone");
    server.stop();
}

#[tokio::test]
async fn an_application_reads_headers_and_is_told_of_the_hang_up() {
    let script = format!("{IVR}\n    def onBye(self):\n        log(1, 'gone')\n");
    let folder = Folder::new(&[
        ("menu.py", &script),
        ("menu.conf", "word=x"),
        ("helper.py", "word=1"),
    ]);
    folder.write("tone.wav", wav_file(&sine(440.0, 500)));
    let mut server = server(&folder, &[]);
    let mut caller = Caller::new(server.address, "menu").await;
    caller.extra = "X-Colour: red\r\nP-App-Param: a=1;room=\"blue\"\r\n".to_owned();
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("INVITE menu red blue");
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.process.line("gone");
    server.stop();
}

#[test]
fn the_example_records_a_message() {
    let text = |name: &str| {
        let path = project_root().join("plugins/mod_py/examples").join(name);
        std::fs::read_to_string(path).expect("the example")
    };
    let folder = Folder::new(&[
        ("answering.py", &text("answering.py")),
        ("answering.conf", &text("answering.conf")),
    ]);
    folder.write("welcome.wav", wav_file(&sine(440.0, 300)));
    folder.write("default.wav", wav_file(&sine(600.0, 300)));
    folder.write("speech.wav", wav_file(&sine(1_000.0, 5_000)));
    let mut server = server(&folder, &["log.level=info"]);
    let heard = folder.file("heard.wav");
    let mut call = muleteer();
    call.args([
        "call",
        &server.uri("answering"),
        "--dtmf",
        ",,#",
        "--duration",
        "20",
    ]);
    call.arg("--play").arg(folder.file("speech.wav"));
    call.args(["--codec", "PCMU", "--record"]).arg(&heard);
    Process::start(&mut call).ended().expect_code(0);
    let line = server.process.line("bytes are in");
    let mut words = line.split_whitespace();
    let name = words.find(|word| word.ends_with(".wav"));
    let message = wav(&folder.file(name.expect("a name")));
    assert!(ms_of(&message, 1_000.0) >= 500, "{} samples", message.len());
    let heard = wav(&heard);
    assert!(ms_of(&heard, 440.0) >= 240 && ms_of(&heard, 600.0) >= 240);
    server.stop();
}

#[tokio::test]
async fn an_application_places_a_call() {
    let dials = "def onSessionStart(self):\n    uri = 'sip:called@' + self.getAppParam('to')\n    \
                 tag = IvrUAC.dialout('called', 'leg', uri, '<sip:me@here>', 'sip:me@here', '<sip:you@there>', \
                 params={'word': 'hi'})\n    assert tag\n    self.stopSession()";
    let leg = "def onSessionStart(self):\n    log(1, f'leg says {self.getSessionParams()}')\n    self.stopSession()";
    let called = "def onInvite(self, hdrs): log(1, f'called by {self.invite_req.from_uri}')";
    let folder = Folder::new(&[
        ("dials.py", &with_method(dials)),
        ("leg.py", &with_method(leg)),
        ("called.py", &with_method(called)),
    ]);
    let mut server = server(&folder, &[]);
    let mut caller = Caller::new(server.address, "dials").await;
    caller.extra = format!("P-App-Param: to={}\r\n", server.address);
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.process.line("called by sip:");
    server.process.line("leg says {'word': 'hi'}");
    server.stop();
}

/// An application that logs its edition and hangs up.
fn edition(name: &str) -> String {
    with_method(&format!(
        "def onSessionStart(self):\n    log(1, 'edition {name}')\n    self.stopSession()"
    ))
}

async fn hears(server: &mut ServerProcess, application: &str, edition: &str) {
    let mut caller = Caller::new(server.address, application).await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    let line = server.process.line("edition");
    assert!(line.contains(&format!("edition {edition}")), "{line}");
}

#[tokio::test]
async fn a_reload_reads_the_scripts_again() {
    let folder = Folder::new(&[("app.py", &edition("one"))]);
    let mut server = server(&folder, &[]);
    hears(&mut server, "app", "one").await;
    folder.write("app.py", edition("two"));
    folder.write("bad.py", "boom");
    hears(&mut server, "app", "one").await;
    server.process.signal(Signal::HUP);
    server.process.line("nothing was reloaded");
    server.process.line("bad.py:1: NameError");
    hears(&mut server, "app", "one").await;
    folder.write("bad.py", edition("new"));
    server.process.signal(Signal::HUP);
    server.process.line("loaded anew");
    hears(&mut server, "app", "two").await;
    hears(&mut server, "bad", "new").await;
    server.stop();
}

#[test]
fn a_check_looks_at_the_applications_too() {
    let folder = Folder::new(&[("bad.py", "\n)"), ("a.dsm", "initial state A;\n")]);
    let (diagram, config) = (folder.file("a.dsm"), folder.file("muleteer.toml"));
    let check = |folder: &Path| {
        let modules = all().display();
        let text = format!(
            "[dsm]\nmodules = [\"{modules}\"]\npreload = [\"mod_py\"]\n\
             [module.py]\napplications = \"{}\"\n",
            folder.display()
        );
        std::fs::write(&config, text).expect("a file");
        let mut check = muleteer();
        check
            .arg("check")
            .arg(&diagram)
            .arg("--config")
            .arg(&config);
        Process::start(&mut check).ended()
    };
    check(folder.path())
        .expect_code(1)
        .expect("bad.py:2: SyntaxError: unmatched ')'");
    folder.write("bad.py", "x = 1");
    check(folder.path()).expect_code(0);
}

/// An application with this method.
fn with_method(method: &str) -> String {
    let indented = method.replace('\n', "\n    ");
    format!("import sys, time\nclass IvrDialog(IvrDialogBase):\n    {indented}\n")
}

#[tokio::test]
async fn whatever_a_callback_does_its_call_ends_in_order() {
    let before = [
        ("in_init", "def __init__(self): boom"),
        ("in_start", "def onStart(self): boom"),
        ("in_invite", "def onInvite(self, hdrs): boom"),
        ("wrong_arguments", "def onInvite(self): pass"),
        ("exits", "def onInvite(self, hdrs): sys.exit(3)"),
        (
            "for_ever",
            "def onInvite(self, hdrs):\n    while True: pass",
        ),
        ("sleeps", "def onInvite(self, hdrs): time.sleep(3)"),
        ("recurses", "def onInvite(self, hdrs): self.onInvite(hdrs)"),
        (
            "huge",
            "def onInvite(self, hdrs): self.sendReply(486, 'x' * (1 << 21))",
        ),
        ("b2b", "def onInvite(self, hdrs): self.connectCallee(None)"),
    ];
    let after = [
        ("in_session", "def onSessionStart(self): boom"),
        (
            "in_timer",
            "def onSessionStart(self): self.setTimer(1, 1)\ndef onTimer(self, id): boom",
        ),
        (
            "in_message",
            "def onSessionStart(self): sendMessage(self.dialog.local_tag, 'x')\n\
                        def onIvrMessage(self, text): boom",
        ),
        (
            "in_queue",
            "def onSessionStart(self):\n    a = IvrNullAudio()\n    a.init(20, 0)\n    self.enqueue(a, None)\n\
                      def onEmptyQueue(self): boom",
        ),
        (
            "no_file",
            "def onSessionStart(self):\n    a = IvrAudioFile()\n    a.open('none.wav', AUDIO_READ)\n    \
                     self.enqueue(a, None)",
        ),
        ("exits_later", "def onSessionStart(self): sys.exit(3)"),
    ];
    let folder = Folder::new(&[]);
    for (name, method) in before.iter().chain(&after) {
        folder.write(&format!("{name}.py"), with_method(method));
    }
    folder.write(
        "fine.py",
        with_method("def onSessionStart(self): self.stopSession()"),
    );
    folder.write("in_bye.py", with_method("def onBye(self): boom"));
    folder.write(
        "busy.py",
        with_method("def onInvite(self, hdrs): raise semserror(486, 'Busy Here', 'X-A: b')"),
    );
    folder.write(
        "says_no.py",
        with_method(
            "def onInvite(self, hdrs):\n    self.sendReply(603, 'Decline')\n    return False",
        ),
    );
    let mut server = server(&folder, &["module.py.timeout_ms=500"]);
    for (name, _) in before {
        let mut caller = Caller::new(server.address, name).await;
        let status = caller.call(40_000).await.status;
        assert_eq!(status, StatusCode::SERVER_INTERNAL_ERROR, "{name}");
    }
    let line = server.process.line("in_init: ");
    assert!(
        line.contains("in_init.py:3: NameError: name 'boom'"),
        "{line}"
    );
    for (name, _) in after {
        let mut caller = Caller::new(server.address, name).await;
        assert_eq!(caller.call(40_000).await.status, StatusCode::OK, "{name}");
        let bye = caller.server_request().await;
        assert_eq!(bye.method.to_string(), "BYE", "{name}");
        caller.confirm(&bye).await;
    }
    let mut caller = Caller::new(server.address, "in_bye").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.process.line("in_bye.py:3: NameError");
    let mut caller = Caller::new(server.address, "busy").await;
    let response = caller.call(40_000).await;
    assert_eq!(response.status, StatusCode::BUSY_HERE);
    assert!(String::from_utf8_lossy(&response.to_bytes()).contains("X-A: b\r\n"));
    let mut caller = Caller::new(server.address, "says_no").await;
    assert_eq!(caller.call(40_000).await.status.code(), 603);
    // Nothing is left that would keep others from being served.
    let mut caller = Caller::new(server.address, "fine").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.stop();
}

#[test]
fn a_script_that_cannot_be_loaded_is_told_with_its_line() {
    for (script, said) in [
        (
            "x = 1\nclass IvrDialog(\n",
            "bad.py:2: SyntaxError: '(' was never closed",
        ),
        (
            "\nimport nothing_at_all\n",
            "bad.py:2: ModuleNotFoundError: No module named 'nothing_at_all'",
        ),
        (
            "\n\nclass IvrDialog: pass\n",
            "bad.py:3: Unusable: IvrDialog is not derived from IvrDialogBase",
        ),
        (
            "class IvrDialog(IvrDialogBase):\n  B2BMode = True\n",
            "bad.py:1: Unusable: B2BMode: a second leg is not available yet",
        ),
        ("import sys\nsys.exit(0)\n", "bad.py:2: SystemExit: 0"),
        (
            "x = 1\nwhile True: pass\n",
            "bad.py:2: it is not loaded within 500ms",
        ),
        (
            "import time\ntime.sleep(60)\n",
            "bad.py:1: it is not loaded within 500ms",
        ),
        ("x = 'y' * (1 << 40)\n", "bad.py:1: MemoryError"),
    ] {
        let ended = refused(script);
        let text = ended.text();
        assert!(text.contains(said), "{said}: {text}");
    }
    let ended = refused(&format!("# {}", "x".repeat(1 << 20)));
    ended.expect("bad.py: larger than 1 MiB");
}

#[tokio::test]
async fn a_script_without_an_application_is_none() {
    let folder = Folder::new(&[("helper.py", "word = 1"), ("app.py", &with_method("pass"))]);
    let mut server = server(&folder, &["log.level=info"]);
    server.process.line("helper.py:1: no class IvrDialog");
    let mut caller = Caller::new(server.address, "helper").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::NOT_FOUND);
    server.stop();
}
