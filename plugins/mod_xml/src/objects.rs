//! Documents and results as objects of a session, and how actions reach them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use muleteer_sdk::module::*;

use crate::document::Document;

/// A document of a session.
pub type Shared = Arc<Mutex<Document>>;

/// The result of an expression; it keeps its document alive.
#[derive(Debug)]
pub struct Found {
    document: Shared,
    /// The number of the evaluation that it is of.
    number: u64,
}

impl Found {
    /// What this evaluation of the document found.
    pub fn new(document: Shared, number: u64) -> Self {
        Self { document, number }
    }

    /// The document, if its last result is this one.
    ///
    /// # Errors
    /// As [`open`], and the errno `arg` if it was evaluated again without success.
    pub fn open(&self) -> Result<MutexGuard<'_, Document>, Failure> {
        let document = open(&self.document)?;
        if document.evaluation() != self.number {
            let text = "the result was replaced by one that came too late";
            return Err(Failure::errno("arg", text));
        }
        Ok(document)
    }
}

/// The document of this name.
///
/// # Errors
/// The errno `arg`.
pub fn document(cx: &Context<'_>, name: &str) -> Result<Shared, Failure> {
    let missing = || Failure::errno("arg", format!("there is no document {name:?}"));
    cx.object::<Mutex<Document>>(name).ok_or_else(missing)
}

/// The result of this name, such as `x.xpath`.
///
/// # Errors
/// The errno `arg`.
pub fn result(cx: &Context<'_>, name: &str) -> Result<Arc<Found>, Failure> {
    let missing = || Failure::errno("arg", format!("there is no result {name:?}"));
    cx.object::<Found>(name).ok_or_else(missing)
}

/// A document that nobody else looks at meanwhile, at once.
///
/// # Errors
/// The errno `general`: an expression that missed its deadline is still evaluated.
pub fn open(document: &Shared) -> Result<MutexGuard<'_, Document>, Failure> {
    match document.try_lock() {
        Ok(document) => Ok(document),
        Err(TryLockError::Poisoned(document)) => Ok(document.into_inner()),
        Err(TryLockError::WouldBlock) => {
            let text = "an expression that was given up is still evaluated";
            Err(Failure::errno("general", text))
        }
    }
}

/// The same off the threads of calls, where waiting is fine.
pub fn wait(document: &Shared) -> MutexGuard<'_, Document> {
    document.lock().unwrap_or_else(PoisonError::into_inner)
}
