//! The one Python of the process: how it begins, and how it runs a piece of code.
#![allow(
    unsafe_code,
    reason = "which library a function comes from, and making its symbols visible, is up to the linker"
)]

use std::ffi::{CStr, CString, c_void};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use muleteer_sdk::module::{Failure, Host, Level};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyList};

use crate::config::{self, Config};
use crate::line::{Line, Outlet, Raised, Said};
use crate::watch::Watched;

/// The longest text of an exception that goes to a script.
const MAX_CAUSE: usize = 1_000;
/// The longest text that goes to the log at once.
const MAX_LOG: usize = 8_192;

/// What is set when the module is loaded.
pub struct Python3 {
    pub config: Config,
    host: Host,
    face: Py<PyModule>,
}

static PYTHON: OnceLock<Python3> = OnceLock::new();

/// What is set when the module is loaded.
///
/// # Errors
/// If that failed.
pub fn loaded() -> Result<&'static Python3, Failure> {
    let none = || Failure::errno("general", "mod_py was not loaded");
    PYTHON.get().ok_or_else(none)
}

/// The names that the code of one session has given. They may be dropped anywhere: Python frees them later.
pub struct Names(PyOnceLock<Py<PyDict>>);

impl Names {
    pub const fn new() -> Self {
        Self(PyOnceLock::new())
    }
}

/// A call as an application sees it. It may be dropped anywhere, too.
pub struct Object(PyOnceLock<Py<PyAny>>);

impl Object {
    pub const fn new() -> Self {
        Self(PyOnceLock::new())
    }
}

/// The script of an application.
pub struct Script {
    pub name: String,
    /// Changes with everything else.
    pub version: String,
    pub path: String,
    pub text: String,
    pub settings: String,
}

/// What is to be run.
pub enum Work {
    /// Code of a diagram.
    Code {
        code: Arc<str>,
        condition: bool,
        names: Arc<Names>,
    },
    /// The value is true for an application.
    Load(Script),
    /// Makes the object of a call.
    Begin {
        application: String,
        version: String,
        variables: Vec<(String, String)>,
        object: Arc<Object>,
    },
    /// Calls what the application has for the event; the value is false if it says so.
    Callback { object: Arc<Object> },
}

/// What is to be run, and for what.
pub struct Task {
    pub work: Work,
    pub event: String,
    pub params: Vec<(String, String)>,
    pub outlet: Outlet,
    pub deadline: Instant,
}

/// Reads the configuration and begins the interpreter.
pub fn load(host: &Host) -> Result<(), String> {
    let config = config::read(host.config())?;
    show_symbols()?;
    // Does not touch the handlers of signals.
    Python::initialize();
    let begun = Python::attach(|py| begin(py, &config).map_err(|error| error.to_string()));
    let face = begun.map_err(|error| format!("Python does not begin: {error}"))?;
    let python = Python3 {
        config,
        host: *host,
        face,
    };
    PYTHON.set(python).map_err(|_| "loaded twice".to_owned())
}

/// Extensions of Python that are written in C look for its functions among the symbols that all objects
/// see; the server keeps the symbols of a module, and of what it needs, to itself.
fn show_symbols() -> Result<(), String> {
    let mut of = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    let function = pyo3::ffi::Py_IsInitialized as *const c_void;
    // SAFETY: the structure is valid; the name that it gets belongs to the linker and stays.
    let file = unsafe {
        let found = libc::dladdr(function, &mut of) != 0 && !of.dli_fname.is_null();
        found.then(|| CStr::from_ptr(of.dli_fname))
    };
    let file = file.ok_or("the file of libpython is not known")?;
    let flags = libc::RTLD_NOW | libc::RTLD_GLOBAL | libc::RTLD_NOLOAD;
    // SAFETY: the object is loaded already, so nothing of it runs; it is never closed.
    match unsafe { libc::dlopen(file.as_ptr(), flags) }.is_null() {
        true => Err(format!("{} cannot be opened", file.to_string_lossy())),
        false => Ok(()),
    }
}

fn begin(py: Python<'_>, config: &Config) -> PyResult<Py<PyModule>> {
    let face = PyModule::new(py, "muleteer_face")?;
    face.add_function(wrap_pyfunction!(log, &face)?)?;
    face.add_function(wrap_pyfunction!(post, &face)?)?;
    for source in [include_str!("face.py"), include_str!("application.py")] {
        py.run(&CString::new(source)?, Some(&face.dict()), None)?;
    }
    face.call_method1("make_ivr", (include_str!("ivr.py"),))?;
    let mut path = config.path.clone();
    let folder = config.applications.as_ref();
    path.extend(folder.map(|folder| folder.to_string_lossy().into_owned()));
    face.call_method1("prepare", (PyList::new(py, &path)?,))?;
    Ok(face.unbind())
}

/// What is wrong with code before it is run, and the line from 1; 0 if it is not known.
pub fn mistake(python: &Python3, code: &str, condition: bool) -> Option<(String, usize)> {
    let checked: PyResult<(String, usize)> = Python::attach(|py| {
        let face = python.face.bind(py);
        face.call_method1("check", (code, condition))?.extract()
    });
    match checked {
        Ok((text, line)) => (!text.is_empty()).then_some((text, line)),
        Err(error) => Some((error.to_string(), 0)),
    }
}

/// `ivr.sendMessage`.
#[pyfunction]
fn post(py: Python<'_>, session: &str, text: &str) -> PyResult<()> {
    let Ok(python) = loaded() else { return Ok(()) };
    let session = python.host.session(session);
    let posted = py.detach(|| session.post(&[("ivr_message", text)]));
    posted.map_err(|failure| PyRuntimeError::new_err(format!("sendMessage: {failure:?}")))
}

/// `dsm.log`: 0 for errors to 3 for what helps to find them.
#[pyfunction]
fn log(py: Python<'_>, level: u8, text: &str) {
    let Ok(python) = loaded() else { return };
    let level = match level {
        0 => Level::Error,
        1 => Level::Warning,
        2 => Level::Info,
        _ => Level::Debug,
    };
    let text = &text[..text.floor_char_boundary(MAX_LOG)];
    py.detach(|| python.host.log(level, text));
}

/// The class of the exception for code that runs for too long.
pub fn time_limit(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    loaded().ok()?.face.bind(py).getattr("TimeLimit").ok()
}

/// The exception for code whose session is gone.
pub fn session_gone(py: Python<'_>) -> PyErr {
    let class = loaded().map(|python| python.face.bind(py).getattr("SessionGone"));
    match class {
        Ok(Ok(class)) => match class.call0() {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        },
        Ok(Err(error)) => error,
        Err(_) => PyRuntimeError::new_err("gone"),
    }
}

/// Runs code on the current thread, and tells its session how it ended. Waits for Python's lock.
pub fn run(python: &'static Python3, task: Task) {
    let outlet = task.outlet.clone();
    let end = Python::attach(|py| {
        let face = python.face.bind(py);
        watched(py, face, task).map_err(|error| raised(py, &error))
    });
    // Whoever does not listen any more has told the script why.
    outlet.say(Said::End(end.and_then(|end| end)));
}

/// Runs it until its deadline; also what there is to be said of an exception may be code of the script.
fn watched(
    py: Python<'_>,
    face: &Bound<'_, PyModule>,
    task: Task,
) -> PyResult<Result<bool, Raised>> {
    let params = dictionary(py, &task.params)?;
    let line = Bound::new(py, Line::new(task.outlet))?;
    let thread = face.getattr("threading")?.call_method0("get_ident")?;
    // How much a script that raises matters to an operator.
    let level = match task.work {
        Work::Code { .. } => 3,
        _ => 0,
    };
    let _watched = Watched::new(py, thread.extract()?, task.deadline);
    let value = match task.work {
        Work::Code {
            code,
            condition,
            names,
        } => {
            let names = names.0.get_or_init(py, || PyDict::new(py).unbind());
            let names = names.bind(py);
            face.call_method1("run", (&*code, condition, names, task.event, params, line))
        }
        Work::Load(script) => {
            let of = (script.name, script.version, script.path);
            let (name, version, path) = of;
            let arguments = (name, version, path, script.text, script.settings);
            face.call_method1("load_application", arguments)
        }
        Work::Begin {
            application,
            version,
            variables,
            object,
        } => {
            let variables = dictionary(py, &variables)?;
            let made = face.call_method1("begin", (application, version, variables, line));
            made.map(|made| {
                object.0.get_or_init(py, || made.unbind());
                PyBool::new(py, true).to_owned().into_any()
            })
        }
        Work::Callback { object } => match object.0.get(py) {
            Some(object) => face.call_method1("callback", (object, task.event, params, line)),
            None => Err(PyRuntimeError::new_err("the call has no object")),
        },
    };
    match value {
        Ok(value) => Ok(Ok(value.extract()?)),
        Err(error) => {
            let described = face.call_method1("describe", (error.value(py), level));
            let (kind, text, line, file) = described?.extract()?;
            Ok(Err(shortened(kind, text, line, file)))
        }
    }
}

fn dictionary<'py>(py: Python<'py>, values: &[(String, String)]) -> PyResult<Bound<'py, PyDict>> {
    let dictionary = PyDict::new(py);
    for (name, value) in values {
        dictionary.set_item(name, value)?;
    }
    Ok(dictionary)
}

/// An exception that nobody could describe.
fn raised(py: Python<'_>, error: &PyErr) -> Raised {
    let kind = error.get_type(py).name();
    let kind = kind.map_or_else(|_| String::new(), |name| name.to_string());
    shortened(kind, String::new(), 0, String::new())
}

fn shortened(kind: String, mut text: String, line: u32, file: String) -> Raised {
    text.truncate(text.floor_char_boundary(MAX_CAUSE));
    Raised {
        kind,
        text,
        line,
        file,
    }
}
