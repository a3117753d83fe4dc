//! Ends code that runs for too long: it gets the exception `dsm.TimeLimit`, again and again until it is over.
//!
//! That happens between two steps of Python. A function in C that does not return cannot be ended.
//!
//! Who holds the lock of this table never waits for Python's: the table is locked with Python's lock held,
//! or for a moment without.
#![allow(
    unsafe_code,
    reason = "exceptions of other threads are not in the interface of pyo3"
)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this thread is what watches the clock"
)]

use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::ffi::{PyObject, PyThreadState_SetAsyncExc};
use pyo3::prelude::*;

use crate::interpreter;

/// How long code may go on with an exception of ours before it gets it again.
const AGAIN: Duration = Duration::from_millis(100);

struct Running {
    /// As Python numbers threads.
    thread: i64,
    next: Instant,
}

static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());
static CHANGED: Condvar = Condvar::new();

/// Watches the code of the current thread until it is dropped, with Python's lock held.
pub struct Watched<'py> {
    thread: i64,
    _attached: Python<'py>,
}

impl<'py> Watched<'py> {
    /// Has the code that follows end at `deadline`. `thread` is the current one, as Python numbers it.
    pub fn new(py: Python<'py>, thread: i64, deadline: Instant) -> Self {
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            let thread = thread::Builder::new().name("py-watch".to_owned());
            // Without it code ends only when its session does not answer any more.
            let _ = thread.spawn(watch);
        });
        let mut running = lock();
        let earlier = running.iter().all(|other| deadline < other.next);
        running.push(Running {
            thread,
            next: deadline,
        });
        drop(running);
        if earlier {
            CHANGED.notify_one();
        }
        Self {
            thread,
            _attached: py,
        }
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        lock().retain(|other| other.thread != self.thread);
        // One that is on its way must not reach what this thread does next.
        raise(self._attached, self.thread, None);
    }
}

fn watch() {
    loop {
        let mut running = lock();
        while let Some(wait) = next(&running) {
            let now = Instant::now();
            if wait <= now {
                break;
            }
            let waited = CHANGED.wait_timeout(running, wait - now);
            running = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if running.is_empty() {
            drop(
                CHANGED
                    .wait(running)
                    .unwrap_or_else(PoisonError::into_inner),
            );
            continue;
        }
        drop(running);
        Python::attach(|py| {
            let limit = interpreter::time_limit(py);
            let now = Instant::now();
            for overdue in lock().iter_mut().filter(|one| one.next <= now) {
                overdue.next = now + AGAIN;
                raise(py, overdue.thread, limit.as_ref());
            }
        });
    }
}

fn next(running: &[Running]) -> Option<Instant> {
    running.iter().map(|one| one.next).min()
}

/// Gives a thread an exception, or takes back what it has not got yet. A thread that is gone is no error.
fn raise(_attached: Python<'_>, thread: i64, class: Option<&Bound<'_, PyAny>>) {
    let class: *mut PyObject = class.map_or(std::ptr::null_mut(), |class| class.as_ptr());
    // SAFETY: Python's lock is held; the class is one, and Python takes a reference of its own.
    unsafe { PyThreadState_SetAsyncExc(thread, class) };
}

fn lock() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
