//! Evaluates an expression on a tree, and ends it when it takes too long.
#![allow(unsafe_code, reason = "the tree and the value are made in C")]
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a thread looks at the time meanwhile"
)]

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::document::Problem;
use crate::library::{Doc, Evaluation, Library, Value};
use crate::messages;

/// The longest expression, in bytes. The library goes deep into brackets.
const MAX_EXPRESSION: usize = 1 << 10;
/// The most steps of an evaluation, enough to visit every node of a large document some fifty times.
const MAX_STEPS: u64 = 4_000_000;
/// The longest evaluation: a step can look at the whole document. Shorter than the action's deadline.
const MAX_TIME: Duration = Duration::from_secs(4);

/// The value of an expression on the whole document, which the caller has to free before the tree.
/// Prefixes are those of `namespaces` only.
///
/// # Errors
/// It is no expression, has an unknown prefix, or takes too long.
///
/// # Safety
/// The tree lives, and nobody changes it meanwhile.
pub unsafe fn value(
    library: &Library,
    tree: *mut Doc,
    expression: &str,
    namespaces: &[(CString, CString)],
) -> Result<NonNull<Value>, Problem> {
    if expression.len() > MAX_EXPRESSION {
        return Err(format!(
            "an expression has at most {MAX_EXPRESSION} bytes, this one {}",
            expression.len()
        ));
    }
    let expression = CString::new(expression).map_err(|error| error.to_string())?;
    // SAFETY: the tree lives.
    let evaluation = NonNull::new(unsafe { (library.new_evaluation)(tree) });
    let evaluation = evaluation.ok_or("libxml2 has no memory")?;
    // SAFETY: the evaluation is ours, and the texts are lent.
    unsafe {
        (*evaluation.as_ptr()).node = tree;
        for (prefix, uri) in namespaces {
            let register = library.register_namespace;
            register(evaluation.as_ptr(), prefix.as_ptr(), uri.as_ptr());
        }
    }
    // SAFETY: nobody else has the evaluation.
    let (value, message) = messages::heard(library, || unsafe {
        watched(library, evaluation, &expression)
    });
    // SAFETY: it is ours, and a value does not need it.
    unsafe { (library.free_evaluation)(evaluation.as_ptr()) };
    value?.ok_or_else(|| message.unwrap_or_else(|| "the expression has no value".to_owned()))
}

/// Evaluates while another thread looks at the time: it takes away the steps that are left.
///
/// # Safety
/// The evaluation lives, and is used by nobody else.
unsafe fn watched(
    library: &Library,
    evaluation: NonNull<Evaluation>,
    expression: &CStr,
) -> Result<Option<NonNull<Value>>, Problem> {
    // SAFETY: the number lives as long as the evaluation. The library only reads it, once a step.
    let steps = unsafe { AtomicU64::from_ptr(&raw mut (*evaluation.as_ptr()).steps) };
    steps.store(MAX_STEPS, Ordering::Relaxed);
    thread::scope(|scope| {
        let (over, awaited) = channel::<()>();
        let watch = thread::Builder::new().name("xml-watch".to_owned());
        let watching = watch.spawn_scoped(scope, move || {
            let late = awaited.recv_timeout(MAX_TIME) == Err(RecvTimeoutError::Timeout);
            if late {
                steps.store(1, Ordering::Relaxed);
            }
            late
        });
        let watching = watching.map_err(|error| format!("no thread: {error}"))?;
        // SAFETY: as the caller says; the text is lent.
        let value = unsafe { (library.evaluate)(expression.as_ptr(), evaluation.as_ptr()) };
        drop(over);
        match (NonNull::new(value), watching.join()) {
            (None, Ok(true)) => Err(format!("it takes longer than {} s", MAX_TIME.as_secs())),
            (value, _) => Ok(value),
        }
    })
}
