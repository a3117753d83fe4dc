//! A session at one moment, as a module sees it: what is behind its `ml_call`, and the functions that
//! work on it.
//!
//! Each function is called by a module during a call of ours into it, on the same thread. None of them
//! lets a panic out: that would end the process.

mod action;
mod answer;
mod object;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi;

pub(super) use action::{Tail, TailAction, perform, play, tail};
pub(super) use answer::{Told, fail, failure, flow, pend, raise_exception, replace_sdp};
pub(super) use object::{object_get, object_remove, object_set};
pub(super) use values::{each, get, remove, remove_prefix, resolve, set};

use super::code::Asker;
use super::host::lent;
use super::loader::Loaded;
use crate::dsm::Scope;

/// Where in the work of a session the module was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It does an action, or goes on with one.
    Action,
    /// It tests a condition, or goes on with one: it may wait, but no action of the server.
    Condition,
    /// It hears of something: nothing can wait.
    Aside,
    /// It hears of our session description, which it may replace.
    Description,
}

/// See the module's documentation.
pub(super) struct Call<'s, 'h> {
    pub module: &'static Loaded,
    /// What was called.
    pub name: &'static str,
    pub scope: &'s mut Scope<'h>,
    pub place: Place,
    /// Success clears `$errno`.
    pub sets_errno: bool,
    /// Most calls need nothing of it.
    pub told: Option<Box<Told>>,
    /// Texts that are lent to the module until the next function.
    scratch: String,
}

impl<'s, 'h> Call<'s, 'h> {
    pub fn new(
        module: &'static Loaded,
        name: &'static str,
        scope: &'s mut Scope<'h>,
        place: Place,
    ) -> Self {
        Self {
            module,
            name,
            scope,
            place,
            sets_errno: false,
            told: None,
            scratch: String::new(),
        }
    }

    /// As the module gets it; valid while nobody else uses the call.
    pub fn as_abi(&mut self) -> *mut abi::Call {
        (&raw mut *self).cast()
    }

    /// Who waits, if it does.
    pub fn asker(&self) -> Asker {
        Asker {
            module: self.module,
            name: self.name,
            sets_errno: self.sets_errno,
            is_condition: self.place == Place::Condition,
        }
    }

    /// For what there is to tell besides the status.
    pub fn told(&mut self) -> &mut Told {
        self.told.get_or_insert_default()
    }

    /// Lends a text to the module.
    fn lend(&mut self, text: String) -> Text {
        self.scope.spend(text.len());
        self.scratch = text;
        Text::new(&self.scratch)
    }
}

/// Calls a function with the call behind `call`; a panic of ours becomes `instead`.
///
/// # Safety
/// `call` is one that the module was given, and its call into the module has not ended.
unsafe fn with<T>(
    call: *mut abi::Call,
    instead: T,
    work: impl FnOnce(&mut Call<'_, '_>) -> T,
) -> T {
    // SAFETY: as the caller says; while the module runs, nobody else uses the call.
    let call = unsafe { &mut *call.cast::<Call<'_, '_>>() };
    // What a panic leaves behind is a session that its own task ends if it fails again.
    catch_unwind(AssertUnwindSafe(|| work(call))).unwrap_or(instead)
}

/// # Safety
/// `first` is null or points to `count` texts, which are lent for this call.
unsafe fn texts<'a>(first: *const Text, count: usize) -> Option<Vec<&'a str>> {
    if count > abi::MAX_ENTRIES || (first.is_null() && count > 0) {
        return None;
    }
    let list = match count {
        0 => &[],
        // SAFETY: as the caller says.
        _ => unsafe { std::slice::from_raw_parts(first, count) },
    };
    // SAFETY: as the caller says.
    list.iter().map(|text| unsafe { lent(*text) }).collect()
}
