//! What libxml2 says about a text or an expression, and how loud the log gets it.
#![allow(unsafe_code, reason = "called from C")]

use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use muleteer_sdk::module::*;

use crate::library::{Error, Library};

/// The longest message, in characters.
const MAX_MESSAGE: usize = 200;
/// Below is a warning: `XML_ERR_ERROR`.
const ERROR: c_int = 2;

/// The words of `xml.setLoglevel`, the first at the start.
const LEVELS: [(&str, Level); 4] = [
    ("error", Level::Error),
    ("warn", Level::Warning),
    ("info", Level::Info),
    ("debug", Level::Debug),
];

/// Index in [`LEVELS`], common to all sessions.
static LEVEL: AtomicUsize = AtomicUsize::new(0);

/// Writes messages with this level from now on; false: it is none.
pub fn set_level(word: &str) -> bool {
    let found = LEVELS.iter().position(|(name, _)| *name == word);
    if let Some(index) = found {
        LEVEL.store(index, Ordering::Relaxed);
    }
    found.is_some()
}

/// The errno `arg` for what the library refuses, which is logged as well.
pub fn refused(cx: &Context<'_>, object: &str, message: String) -> Failure {
    let (_, level) = LEVELS[LEVEL.load(Ordering::Relaxed)];
    cx.log(level, &format!("{object}: {message}"));
    Failure::errno("arg", message)
}

/// Does `work`, and gives the first error that the library told meanwhile on this thread.
pub fn heard<T>(library: &Library, work: impl FnOnce() -> T) -> (T, Option<String>) {
    let mut message: Option<String> = None;
    library.silence();
    let listening = Listening(library);
    // SAFETY: the place outlives the listener, which is a matter of this thread.
    unsafe { (library.listen)((&raw mut message).cast(), Some(hear)) };
    let result = work();
    drop(listening);
    (result, message)
}

/// Takes the listener away, also when something panics.
struct Listening<'a>(&'a Library);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        // SAFETY: no listener is fine.
        unsafe { (self.0.listen)(std::ptr::null_mut(), None) };
    }
}

/// # Safety
/// `place` is that of [`heard`]; the library lends the error.
unsafe extern "C" fn hear(place: *mut c_void, error: *const Error) {
    // SAFETY: as above; null is no error.
    let (place, error) = unsafe { (place.cast::<Option<String>>().as_mut(), error.as_ref()) };
    let (Some(place @ None), Some(error)) = (place, error) else {
        return;
    };
    if error.level < ERROR || error.message.is_null() {
        return;
    }
    // SAFETY: the message ends with a zero.
    let message = unsafe { CStr::from_ptr(error.message) }.to_string_lossy();
    let message: String = message.trim().chars().take(MAX_MESSAGE).collect();
    *place = Some(match error.line {
        ..=0 => message,
        line => format!("line {line}: {message}"),
    });
}
