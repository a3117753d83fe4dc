//! Documents and results as objects of a session, and how actions reach them.
//!
//! All work on a document happens off the threads of calls: it may take long, or wait for an expression
//! that was given up.

use std::sync::{Arc, Mutex, PoisonError};

use muleteer_sdk::module::*;

use crate::document::{Document, Problem};

/// A document of a session.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<Document>>);

/// The result of an expression; it keeps its document alive.
#[derive(Debug)]
struct Found {
    document: Shared,
    /// The number of the evaluation that it is of.
    evaluation: u64,
}

impl Shared {
    /// Does `work` when nobody else uses the document.
    pub fn with<T>(&self, work: impl FnOnce(&mut Document) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Does `work` off this thread, then `done` with what it gives; a problem is errno `arg`.
pub fn away<T: Send + 'static>(
    cx: &mut Context<'_>,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    done: impl FnOnce(&mut Context<'_>, T) -> Result<(), Failure> + Send + 'static,
) -> Flow {
    cx.blocking(Deadline::default(), work, |cx, result| {
        let result = result.map_err(|problem| Failure::errno("arg", problem))?;
        done(cx, result)?;
        Ok(Flow::Next)
    })
}

/// Keeps a document under this name.
///
/// # Errors
/// As [`Context::set_object`].
pub fn keep(cx: &mut Context<'_>, name: &str, document: Document) -> Result<(), Failure> {
    cx.set_object(name, Arc::new(Mutex::new(document)))
}

/// The document of this name.
///
/// # Errors
/// The errno `arg`.
pub fn document(cx: &Context<'_>, name: &str) -> Result<Shared, Failure> {
    let missing = || Failure::errno("arg", format!("there is no document {name:?}"));
    cx.object(name).map(Shared).ok_or_else(missing)
}

/// Keeps what an evaluation of a document found under this name.
///
/// # Errors
/// As [`Context::set_object`].
pub fn keep_result(
    cx: &mut Context<'_>,
    name: &str,
    document: Shared,
    evaluation: u64,
) -> Result<(), Failure> {
    let found = Found {
        document,
        evaluation,
    };
    cx.set_object(name, Arc::new(found))
}

/// Does `work` with the document that has the result of this name, such as `x.xpath`, off this thread.
///
/// # Errors
/// The errno `arg`.
pub fn with_result<T: Send + 'static>(
    cx: &mut Context<'_>,
    name: &str,
    work: impl FnOnce(&mut Document) -> Result<T, Problem> + Send + 'static,
    done: impl FnOnce(&mut Context<'_>, T) -> Result<(), Failure> + Send + 'static,
) -> Result<Flow, Failure> {
    let found = cx.object::<Found>(name);
    let found =
        found.ok_or_else(|| Failure::errno("arg", format!("there is no result {name:?}")))?;
    let work = move || {
        found.document.with(|document| {
            // Another expression came too late for its action, and replaced what was found.
            if document.evaluation() != found.evaluation {
                return Err("the result is gone: evaluate again".to_owned());
            }
            work(document)
        })
    };
    Ok(away(cx, work, done))
}
