//! What a module reaches without a call: its configuration, the log, events to sessions, the end of its
//! pending actions.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi::{self, Code};

use super::call;
use super::code::Given;
use super::loader::Loaded;
use super::pending;
use crate::dsm::Params;
use crate::dsm::module::ModuleEvent;

/// The longest line that a module logs.
const MAX_LINE: usize = 16 << 10;
/// The most bytes of one text that crosses the contract.
pub(super) const MAX_TEXT: usize = crate::dsm::MAX_VALUE_BYTES;

/// The table that a module gets, and behind it which module that is.
#[repr(C)]
pub(super) struct Own {
    table: abi::Host,
    loaded: &'static Loaded,
    config: String,
}

impl Own {
    /// The table for a module, which keeps it for ever.
    pub(super) fn leak(loaded: &'static Loaded, config: &str) -> *const abi::Host {
        let own: &'static Self = Box::leak(Box::new(Self {
            table: TABLE,
            loaded,
            config: config.to_owned(),
        }));
        &raw const own.table
    }

    /// # Safety
    /// `host` is one that [`Own::leak`] gave.
    unsafe fn of(host: *const abi::Host) -> &'static Self {
        // SAFETY: the table is the first member of a structure that lives for ever.
        unsafe { &*host.cast::<Self>() }
    }
}

/// What brings events to the sessions of one server.
pub trait Office: std::fmt::Debug + Send + Sync {
    /// Sends an event to a session or queue: `event`, or one of a module. False: no room.
    fn send(&self, to: &str, event: Option<&'static ModuleEvent>, params: Params) -> bool;
}

static OFFICES: Mutex<Vec<Weak<dyn Office>>> = Mutex::new(Vec::new());

/// Lets modules send events to the sessions of a server, as long as that keeps `office`.
pub fn open_office(office: &Arc<dyn Office>) {
    let mut offices = OFFICES.lock().unwrap_or_else(PoisonError::into_inner);
    offices.retain(|office| office.strong_count() > 0);
    offices.push(Arc::downgrade(office));
}

const TABLE: abi::Host = abi::Host {
    size: size_of::<abi::Host>() as u32,
    abi_major: abi::ABI_MAJOR,
    abi_minor: abi::ABI_MINOR,
    config,
    log,
    complete,
    post,
    raise_event,
    get: call::get,
    set: call::set,
    remove: call::remove,
    remove_prefix: call::remove_prefix,
    each: call::each,
    resolve: call::resolve,
    fail: call::fail,
    raise_exception: call::raise_exception,
    flow: call::flow,
    pend: call::pend,
    perform: call::perform,
    tail: call::tail,
    play: call::play,
    object_set: call::object_set,
    object_get: call::object_get,
    object_remove: call::object_remove,
    replace_sdp: call::replace_sdp,
};

/// A text that a module lends; `None` if it is none.
///
/// # Safety
/// It is lent for this call.
pub(super) unsafe fn lent<'a>(text: Text) -> Option<&'a str> {
    // SAFETY: as the caller says.
    unsafe { text.get(MAX_TEXT) }
}

/// The pairs that a module lends; `None` if one is none.
///
/// # Safety
/// `first` is null or points to `count` pairs, which are lent for this call.
pub(super) unsafe fn pairs<'a>(
    first: *const abi::Pair,
    count: usize,
) -> Option<Vec<(&'a str, &'a str)>> {
    if count > abi::MAX_ENTRIES || (first.is_null() && count > 0) {
        return None;
    }
    let list = match count {
        0 => &[],
        // SAFETY: as the caller says.
        _ => unsafe { std::slice::from_raw_parts(first, count) },
    };
    list.iter()
        // SAFETY: as the caller says.
        .map(|pair| unsafe { lent(pair.name).zip(lent(pair.value)) })
        .collect()
}

unsafe extern "C" fn config(host: *const abi::Host) -> Text {
    // SAFETY: the module gives its host.
    Text::new(unsafe { &Own::of(host).config })
}

unsafe extern "C" fn log(host: *const abi::Host, level: u32, text: Text) {
    // SAFETY: the module gives its host, and lends the text.
    let (module, text) = unsafe { (Own::of(host).loaded.name, lent(text)) };
    let text = text.unwrap_or("a line that is no text");
    let text = &text[..text.floor_char_boundary(MAX_LINE)];
    match level {
        abi::LOG_ERROR => tracing::error!(target: "module", module, "{text}"),
        abi::LOG_WARNING => tracing::warn!(target: "module", module, "{text}"),
        abi::LOG_INFO => tracing::info!(target: "module", module, "{text}"),
        _ => tracing::debug!(target: "module", module, "{text}"),
    }
}

unsafe extern "C" fn complete(
    host: *const abi::Host,
    handle: u64,
    resume: abi::Resume,
    data: *mut c_void,
    drop: Option<abi::Drop>,
) -> bool {
    let given = Given { resume, data, drop };
    // SAFETY: the module gives its host.
    pending::complete(unsafe { Own::of(host) }.loaded, handle, given)
}

unsafe extern "C" fn post(
    _: *const abi::Host,
    session: Text,
    first: *const abi::Pair,
    count: usize,
) -> Code {
    // SAFETY: the module lends the texts.
    let (session, params) = unsafe { (lent(session), pairs(first, count)) };
    match session.zip(params) {
        Some((session, params)) => send(session, None, &params),
        None => abi::INVALID,
    }
}

unsafe extern "C" fn raise_event(
    host: *const abi::Host,
    session: Text,
    event: Text,
    first: *const abi::Pair,
    count: usize,
) -> Code {
    // SAFETY: the module gives its host, and lends the texts.
    let (loaded, session, event, params) = unsafe {
        let loaded = Own::of(host).loaded;
        (loaded, lent(session), lent(event), pairs(first, count))
    };
    let (Some(session), Some(event), Some(params)) = (session, event, params) else {
        return abi::INVALID;
    };
    match loaded.events.iter().find(|known| known.name == event) {
        Some(event) => send(session, Some(event), &params),
        None => abi::UNKNOWN,
    }
}

fn send(to: &str, event: Option<&'static ModuleEvent>, params: &[(&str, &str)]) -> Code {
    let offices: Vec<_> = {
        let offices = OFFICES.lock().unwrap_or_else(PoisonError::into_inner);
        offices.iter().filter_map(Weak::upgrade).collect()
    };
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let params: Params = params.iter().map(pair).collect();
    // Names of sessions are unique among servers, so only one has it.
    let sent = offices
        .iter()
        .all(|office| office.send(to, event, params.clone()));
    if sent { abi::OK } else { abi::TOO_MANY }
}
