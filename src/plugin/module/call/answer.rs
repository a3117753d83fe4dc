//! What a module answers besides its status: failures, exceptions, where to go, what to wait for.

use std::sync::Arc;
use std::time::Duration;

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi::{self, Code};

use super::super::host::{lent, pairs};
use super::super::pending;
use super::action::Tail;
use super::{Place, with};
use crate::dsm::module::{Past, Ticket};
use crate::dsm::{Errno, Exception};

/// What a module and the server tell each other besides arguments and status.
#[derive(Default)]
pub struct Told {
    /// How the action went that was waited for, or that was done last.
    pub past: Option<Past>,
    pub failure: Option<(String, String)>,
    pub exception: Option<Exception>,
    pub diagram: Option<String>,
    pub sdp: Option<String>,
    pub pending: Option<Arc<Ticket>>,
    pub tail: Option<Tail>,
}

pub unsafe extern "C" fn fail(call: *mut abi::Call, errno: Text, text: Text) {
    // SAFETY: the module gives its live call, and lends the texts.
    unsafe {
        with(call, (), |call| {
            let word = lent(errno).unwrap_or_default();
            let errno = if word.is_empty() { "general" } else { word };
            let text = lent(text).unwrap_or_default();
            call.told().failure = Some((errno.to_owned(), text.to_owned()));
        });
    }
}

pub unsafe extern "C" fn raise_exception(
    call: *mut abi::Call,
    kind: Text,
    first: *const abi::Pair,
    count: usize,
) {
    // SAFETY: the module gives its live call, and lends the texts.
    unsafe {
        with(call, (), |call| {
            let exception = Exception::new(lent(kind).unwrap_or_default());
            let params = pairs(first, count).unwrap_or_default();
            let add =
                |exception: Exception, (name, value): (&str, &str)| exception.with(name, value);
            call.told().exception = Some(params.into_iter().fold(exception, add));
        });
    }
}

pub unsafe extern "C" fn flow(call: *mut abi::Call, diagram: Text) {
    // SAFETY: the module gives its live call, and lends the name.
    unsafe {
        with(call, (), |call| {
            call.told().diagram = lent(diagram).map(str::to_owned);
        });
    }
}

pub unsafe extern "C" fn pend(
    call: *mut abi::Call,
    deadline_ms: u64,
    cancel: Option<abi::Cancel>,
) -> u64 {
    // SAFETY: the module gives its live call.
    unsafe {
        with(call, 0, |call| {
            let may_wait = matches!(call.place, Place::Action | Place::Condition);
            if !may_wait || call.told().pending.is_some() {
                return 0;
            }
            let asker = call.asker();
            let deadline = Duration::from_millis(deadline_ms);
            let pending = pending::begin(asker, deadline, cancel);
            let handle = pending.as_ref().map_or(0, |ticket| ticket.handle);
            call.told().pending = pending;
            handle
        })
    }
}

pub unsafe extern "C" fn replace_sdp(call: *mut abi::Call, sdp: Text) -> Code {
    // SAFETY: the module gives its live call, and lends the text.
    unsafe {
        with(call, abi::INVALID, |call| match lent(sdp) {
            _ if call.place != Place::Description => abi::NOT_HERE,
            Some(sdp) => {
                call.told().sdp = Some(sdp.to_owned());
                abi::OK
            }
            None => abi::INVALID,
        })
    }
}

/// What a failure of the module means in the language.
pub fn failure(told: &mut Told) -> (Errno, String) {
    let (word, text) = told.failure.take().unwrap_or_default();
    let word = if word.is_empty() {
        "general".to_owned()
    } else {
        word
    };
    (Errno(word.into()), text)
}
