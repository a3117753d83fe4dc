//! Applications in Python: the scripts of a folder, each behind a diagram of ours that hands it the events.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "scripts are files, and have to be loaded in time"
)]

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use muleteer_sdk::module::*;

use crate::actions::ACTIONS;
use crate::interpreter::{self, Object, Python3, Script, Task, Work};
use crate::line::{Outlet, Said};
use crate::running::{self, Purpose, TIME_LIMIT};

/// The object that keeps the call of a session as Python sees it.
const CALL: &str = "py_call";
/// The largest script, and the largest settings.
const MAX_SCRIPT: u64 = 1 << 20;
/// What is waited for a script that hangs, beyond its time.
const MARGIN: Duration = Duration::from_secs(1);

/// The diagram of an application. `exception` is whatever a callback raised, or one that took too long.
const DIAGRAM: &str = r#"-- Calls of the application NAME in Python, as mod_py has them run.
import(mod_py);
import(mod_uri);
import(mod_dlg);

initial state NEW;
state CALL;
state END;

transition "start" NEW - start / { py.begin(NAME, VERSION); py.callback(); } -> CALL;
transition "invite" CALL - invite / py.callback(); -> CALL;
transition "established" CALL - sessionStart / py.callback(); -> CALL;
transition "key" CALL - key / py.callback(); -> CALL;
transition "playlist" CALL - noAudio / py.callback(); -> CALL;
transition "mark" CALL - separator / py.callback(); -> CALL;
transition "recorded" CALL - recordEnd / py.callback(); -> CALL;
transition "timer" CALL - timer / py.callback(); -> CALL;
transition "message" CALL - event / py.callback(); -> CALL;
transition "request" CALL - sipRequest / py.callback(); -> CALL;
transition "reply" CALL - sipReply / py.callback(); -> CALL;
transition "silence" CALL - rtpTimeout / {
  py.callback();
  if test($py.default == no) { set(#processed=true); }
} -> CALL;
transition "server" CALL - system / {
  py.callback();
  if test($py.default == no) { set(#processed=true); }
} -> CALL;
transition "bye" CALL - hangup / {
  py.callback();
  if test($py.default != no) { stop(false); }
} -> CALL;
transition "fault" (NEW, CALL) - exception / {
  error("NAME: #file:#line: #python_type: #cause");
  dlg.reply(500, "Server Internal Error");
  stop(true);
} -> END;
transition "gone" (NEW, END) - hangup / stop(false); -> END;
"#;

pub const BEGIN: Action = action("py.begin", begin)
    .doc("Makes the object of a call for an application in Python. For the diagrams that the module brings.")
    .parameters(&[need("application", Kind::Literal), need("version", Kind::Literal)])
    .throws(&["py #cause #python_type #line #file"])
    .assigns_any();

pub const CALLBACK: Action = action("py.callback", callback)
    .doc(
        "Calls what an application in Python has for the current event; $py.default becomes no if that answers \
         False, else yes. For the diagrams that the module brings.",
    )
    .throws(&["py #cause #python_type #line #file"])
    .sets(&["$py.default"])
    .assigns_any();

fn begin(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let object = Arc::new(Object::new());
    cx.set_object(CALL, object.clone())?;
    let work = Work::Begin {
        application: args.text(0).to_owned(),
        version: args.text(1).to_owned(),
        variables: cx.with_prefix(""),
        object,
    };
    run(cx, work)
}

fn callback(cx: &mut Context<'_>, _: &Args<'_>) -> Result<Flow, Failure> {
    let Some(object) = cx.object::<Object>(CALL) else {
        let exception =
            Exception::new("py").with("cause", "there is no py.begin before py.callback");
        return Err(exception.into());
    };
    run(cx, Work::Callback { object })
}

fn run(cx: &mut Context<'_>, work: Work) -> Result<Flow, Failure> {
    let python = interpreter::loaded()?;
    let deadline = Instant::now() + python.config.timeout;
    running::begin(cx, python, work, &ACTIONS, deadline, Purpose::Callback)
}

/// The diagrams of all scripts that are applications.
///
/// # Errors
/// What is wrong with the folder or the scripts, each with its file and line.
pub fn diagrams(host: &Host) -> Result<Vec<Diagram>, String> {
    let python = interpreter::loaded().map_err(|_| "mod_py was not loaded")?;
    let Some(folder) = &python.config.applications else {
        return Ok(Vec::new());
    };
    let mut diagrams = Vec::new();
    let mut wrong = Vec::new();
    for name in scripts(folder)? {
        match load(python, host, folder, &name) {
            Ok(diagram) => diagrams.extend(diagram),
            Err(problem) => wrong.push(problem),
        }
    }
    match wrong.is_empty() {
        true => Ok(diagrams),
        false => Err(wrong.join("; ")),
    }
}

/// The names of all scripts, without `.py`, in order.
fn scripts(folder: &Path) -> Result<Vec<String>, String> {
    let unreadable = |error: std::io::Error| {
        let folder = folder.display();
        format!("[module.py] applications: cannot read {folder}: {error}")
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.file_name();
        let name = file.to_str().and_then(|file| file.strip_suffix(".py"));
        names.extend(name.filter(|name| !name.is_empty()).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Loads a script; `None` if it is no application.
fn load(
    python: &'static Python3,
    host: &Host,
    folder: &Path,
    name: &str,
) -> Result<Option<Diagram>, String> {
    let path = folder.join(format!("{name}.py"));
    let shown = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if !name.bytes().all(plain) {
        return Err(format!(
            "{shown}: a name has letters, digits, _, - and . only: rename it"
        ));
    }
    let text = read(&path)?.unwrap_or_default();
    let settings = read(&folder.join(format!("{name}.conf")))?.unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    (&shown, &text, &settings).hash(&mut hasher);
    let version = format!("{:016x}", hasher.finish());
    let script = Script {
        name: name.to_owned(),
        version: version.clone(),
        path: shown.clone(),
        text,
        settings,
    };
    if !run_script(python, script)? {
        let line = format!("{shown}:1: no class IvrDialog, so it is no application");
        host.log(Level::Info, &line);
        return Ok(None);
    }
    Ok(Some(Diagram {
        name: name.to_owned(),
        text: DIAGRAM.replace("NAME", name).replace("VERSION", &version),
    }))
}

/// The text of a file; `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, String> {
    let wrong = |problem: String| format!("{}: {problem}", path.display());
    let mut text = String::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let read = file.take(MAX_SCRIPT + 1).read_to_string(&mut text);
    read.map_err(|error| wrong(error.to_string()))?;
    match text.len() as u64 > MAX_SCRIPT {
        true => Err(wrong("larger than 1 MiB".to_owned())),
        false => Ok(Some(text)),
    }
}

/// Runs a script on a thread for Python, in time; whether it is an application.
fn run_script(python: &'static Python3, script: Script) -> Result<bool, String> {
    let path = script.path.clone();
    let deadline = Instant::now() + python.config.timeout;
    let (sender, said) = channel();
    let task = Task {
        work: Work::Load(script),
        event: String::new(),
        params: Vec::new(),
        outlet: Outlet::Loader(sender),
        deadline,
    };
    let late = |line: u32| {
        let timeout = python.config.timeout;
        format!(
            "{path}:{}: it is not loaded within {timeout:?}",
            line.max(1)
        )
    };
    let run = ACTIONS.run(deadline, move || interpreter::run(python, task));
    run.map_err(|full| format!("{path}: {}", running::why(full)))?;
    match said.recv_timeout(python.config.timeout + MARGIN) {
        Ok(Said::End(Ok(is_application))) => Ok(is_application),
        Ok(Said::End(Err(raised))) if raised.kind == TIME_LIMIT => Err(late(raised.line)),
        Ok(Said::End(Err(raised))) if raised.file.is_empty() => Err(format!("{path}: {raised}")),
        Ok(Said::End(Err(raised))) => Err(raised.to_string()),
        Ok(Said::Ask(..)) | Err(_) => Err(late(1)),
    }
}
