//! A session at one moment, as a module sees it: what is behind its `ml_call`, and the functions that
//! work on it.
//!
//! Each function is called by a module during a call of ours into it, on the same thread. None of them
//! lets a panic out: that would end the process.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi::{self, Code};

use super::code::Given;
use super::host::{lent, pairs};
use super::loader::Loaded;
use super::pending;
use crate::dsm::module::{MemoryFile, MessagePart, Past, Ticket};
use crate::dsm::{
    ActionError, ActionOutcome, Argument, Arguments, Errno, Exception, Outcome, Registry, Scope,
    Signature, Template, UnknownSelect, Values, event_name, given,
};

/// The largest file that is played from memory.
const MAX_AUDIO_BYTES: usize = 64 << 20;

/// Where in the work of a session the module was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It does an action, or goes on with one.
    Action,
    /// It tests a condition, or hears of something: nothing can wait.
    Aside,
    /// It hears of our session description, which it may replace.
    Description,
}

/// See the module's documentation.
pub(super) struct Call<'s, 'h> {
    pub module: &'static Loaded,
    pub scope: &'s mut Scope<'h>,
    pub place: Place,
    /// Success clears `$errno`.
    pub sets_errno: bool,
    /// How the action went that was waited for, or that was done last.
    pub past: Past,
    pub said: Said,
    pub pending: Option<Ticket>,
    pub tail: Option<Tail>,
    /// Texts that are lent to the module until the next function.
    scratch: String,
}

/// What the module told besides its status.
#[derive(Default)]
pub(super) struct Said {
    pub failure: Option<(String, String)>,
    pub exception: Option<Exception>,
    pub diagram: Option<String>,
    pub sdp: Option<String>,
}

/// What is to be done once the module has answered that its outcome is that of another action.
pub(super) struct Tail {
    pub action: TailAction,
    pub given: Option<Given>,
}

pub(super) enum TailAction {
    Server(&'static Signature, Box<[Argument]>),
    Play {
        file: MemoryFile,
        looped: bool,
        front: bool,
    },
}

impl<'s, 'h> Call<'s, 'h> {
    pub fn new(module: &'static Loaded, scope: &'s mut Scope<'h>, place: Place) -> Self {
        Self {
            module,
            scope,
            place,
            sets_errno: false,
            past: Past::Worked,
            said: Said::default(),
            pending: None,
            tail: None,
            scratch: String::new(),
        }
    }

    /// As the module gets it; valid while nobody else uses the call.
    pub fn as_abi(&mut self) -> *mut abi::Call {
        (&raw mut *self).cast()
    }

    /// Lends a text to the module.
    fn lend(&mut self, text: String) -> Text {
        self.scope.spend(text.len());
        self.scratch = text;
        Text::new(&self.scratch)
    }

    fn values(&mut self, scope: abi::ScopeKind) -> Option<&mut Values> {
        match scope {
            abi::VARIABLE => Some(self.scope.variables),
            abi::PARAM => self.scope.params.as_deref_mut(),
            _ => None,
        }
    }

    fn get(&mut self, scope: abi::ScopeKind, name: &str) -> Option<Text> {
        let found = match scope {
            abi::VARIABLE => return self.scope.variables.get(name).map(Text::new),
            abi::PARAM => return self.scope.param(name).map(Text::new),
            abi::SELECT => self.scope.host.select(name),
            abi::HEADER => self.scope.host.message(MessagePart::Header(name)),
            abi::BODY => self.scope.host.message(MessagePart::Body(name)),
            abi::OUTCOME => return past(&self.past, name).map(Text::new),
            abi::FACT => match name {
                "session" => self.scope.host.select("local_tag"),
                "event" => Some(
                    event_name(self.scope.event)
                        .unwrap_or("exception")
                        .to_owned(),
                ),
                _ => None,
            },
            _ => None,
        };
        found.map(|text| self.lend(text))
    }

    /// Does an action of the server at once.
    fn perform(&mut self, name: &str, texts: &[&str]) -> Code {
        let Some(signature) = action_of_server(name) else {
            return abi::UNKNOWN;
        };
        let Some(list) = given(signature, texts) else {
            return abi::INVALID;
        };
        let arguments = Arguments {
            signature,
            list: &list,
        };
        let past = match (signature.run())(&arguments, self.scope) {
            Ok(Outcome::Next) => Past::Worked,
            Ok(Outcome::Fail(errno, text)) => Past::Failed(errno, text),
            Ok(Outcome::Perform(action, then) | Outcome::PerformDespite(_, action, then)) => {
                if action.waits() {
                    return abi::WAITS;
                }
                match self.scope.host.perform(&action, self.scope.variables) {
                    ActionOutcome::Pending => return abi::WAITS,
                    ActionOutcome::Done(result) => {
                        let failed = match &result {
                            Err(ActionError::Errno { errno, text }) => {
                                Past::Failed(errno.clone(), text.clone())
                            }
                            _ => Past::Worked,
                        };
                        match then.finish(result, self.scope.variables) {
                            Ok(()) => failed,
                            Err(exception) => Past::Thrown(exception),
                        }
                    }
                }
            }
            Ok(_) => return abi::WAITS,
            Err(exception) => Past::Thrown(exception),
        };
        self.past = past;
        match self.past {
            Past::Worked => abi::OK,
            _ => abi::UNSUCCESSFUL,
        }
    }

    fn set_tail(&mut self, action: TailAction, given: Option<Given>) -> Code {
        if self.place != Place::Action {
            return abi::NOT_HERE;
        }
        self.tail = Some(Tail { action, given });
        abi::OK
    }
}

fn past<'a>(past: &'a Past, name: &str) -> Option<&'a str> {
    match (past, name) {
        (Past::Failed(errno, _), "errno") => Some(&errno.0),
        (Past::Failed(_, text), "strerror") => Some(text),
        (Past::Thrown(exception), name) => exception.params().get(name),
        _ => None,
    }
}

/// An action of the core, or of a module that is compiled in.
fn action_of_server(name: &str) -> Option<&'static Signature> {
    static SERVER: LazyLock<Registry> = LazyLock::new(Registry::core);
    SERVER.anywhere(name)
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

pub(super) unsafe extern "C" fn get(
    call: *mut abi::Call,
    scope: abi::ScopeKind,
    name: Text,
    value: *mut Text,
) -> bool {
    // SAFETY: the module gives its live call, lends the name, and has a place for the value.
    unsafe {
        with(call, false, |call| {
            let found = lent(name).and_then(|name| call.get(scope, name));
            match (found, value.as_mut()) {
                (Some(text), Some(value)) => {
                    *value = text;
                    true
                }
                _ => false,
            }
        })
    }
}

pub(super) unsafe extern "C" fn set(
    call: *mut abi::Call,
    scope: abi::ScopeKind,
    name: Text,
    value: Text,
) -> Code {
    // SAFETY: the module gives its live call, and lends the texts.
    unsafe {
        with(call, abi::INVALID, |call| {
            let Some((name, value)) = lent(name).zip(lent(value)) else {
                return abi::INVALID;
            };
            call.scope.spend(value.len());
            match call.values(scope).map(|values| values.set(name, value)) {
                Some(Ok(())) => abi::OK,
                Some(Err(_)) => abi::TOO_MANY,
                None => abi::NOT_HERE,
            }
        })
    }
}

pub(super) unsafe extern "C" fn remove(
    call: *mut abi::Call,
    scope: abi::ScopeKind,
    name: Text,
) -> Code {
    let remove = |values: &mut Values, name: &str| match values.remove(name) {
        Some(_) => abi::OK,
        None => abi::UNKNOWN,
    };
    // SAFETY: the module gives its live call, and lends the name.
    unsafe { change(call, scope, name, remove) }
}

pub(super) unsafe extern "C" fn remove_prefix(
    call: *mut abi::Call,
    scope: abi::ScopeKind,
    prefix: Text,
) -> Code {
    let remove = |values: &mut Values, prefix: &str| {
        values.remove_prefix(prefix);
        abi::OK
    };
    // SAFETY: the module gives its live call, and lends the prefix.
    unsafe { change(call, scope, prefix, remove) }
}

/// Changes the values of a scope that a name is about.
///
/// # Safety
/// `call` is live and `name` is lent.
unsafe fn change(
    call: *mut abi::Call,
    scope: abi::ScopeKind,
    name: Text,
    change: impl FnOnce(&mut Values, &str) -> Code,
) -> Code {
    // SAFETY: as the caller says.
    unsafe {
        with(call, abi::INVALID, |call| {
            match (lent(name), call.values(scope)) {
                (None, _) => abi::INVALID,
                (_, None) => abi::NOT_HERE,
                (Some(name), Some(values)) => change(values, name),
            }
        })
    }
}

pub(super) unsafe extern "C" fn each(
    call: *mut abi::Call,
    scope: abi::ScopeKind,
    prefix: Text,
    sink: abi::Sink,
    user: *mut c_void,
) -> Code {
    // SAFETY: the module gives its live call, lends the prefix, and its sink takes `user`.
    unsafe {
        with(call, abi::INVALID, |call| {
            let Some(prefix) = lent(prefix) else {
                return abi::INVALID;
            };
            let give = |values: &Values| {
                let mut wanted = values.with_prefix(prefix);
                // The sink says when it has enough.
                let _ = wanted.all(|(name, value)| sink(user, Text::new(name), Text::new(value)));
                abi::OK
            };
            match (scope, &call.past) {
                (abi::VARIABLE, _) => give(call.scope.variables),
                (abi::PARAM, _) => call.scope.params.as_deref().map_or(abi::NOT_HERE, give),
                (abi::OUTCOME, Past::Thrown(exception)) => give(exception.params()),
                (abi::OUTCOME, _) => abi::OK,
                _ => abi::NOT_HERE,
            }
        })
    }
}

pub(super) unsafe extern "C" fn resolve(
    call: *mut abi::Call,
    template: Text,
    value: *mut Text,
) -> Code {
    // SAFETY: the module gives its live call, lends the text, and has a place for the value.
    unsafe {
        with(call, abi::INVALID, |call| {
            let (Some(text), Some(value)) = (lent(template), value.as_mut()) else {
                return abi::INVALID;
            };
            let template = Template::parse(text, UnknownSelect::Kept, &mut Vec::new());
            let resolved = template.eval(call.scope);
            *value = call.lend(resolved);
            abi::OK
        })
    }
}

pub(super) unsafe extern "C" fn fail(call: *mut abi::Call, errno: Text, text: Text) {
    // SAFETY: the module gives its live call, and lends the texts.
    unsafe {
        with(call, (), |call| {
            let word = lent(errno).unwrap_or_default();
            let errno = if word.is_empty() { "general" } else { word };
            let text = lent(text).unwrap_or_default();
            call.said.failure = Some((errno.to_owned(), text.to_owned()));
        });
    }
}

pub(super) unsafe extern "C" fn raise_exception(
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
            call.said.exception = Some(params.into_iter().fold(exception, add));
        });
    }
}

pub(super) unsafe extern "C" fn flow(call: *mut abi::Call, diagram: Text) {
    // SAFETY: the module gives its live call, and lends the name.
    unsafe {
        with(call, (), |call| {
            call.said.diagram = lent(diagram).map(str::to_owned);
        });
    }
}

pub(super) unsafe extern "C" fn pend(
    call: *mut abi::Call,
    deadline_ms: u64,
    cancel: Option<abi::Cancel>,
) -> u64 {
    // SAFETY: the module gives its live call.
    unsafe {
        with(call, 0, |call| {
            if call.place != Place::Action || call.pending.is_some() {
                return 0;
            }
            let deadline = Duration::from_millis(deadline_ms);
            call.pending = pending::begin(call.module, call.sets_errno, deadline, cancel);
            call.pending.map_or(0, |ticket| ticket.handle)
        })
    }
}

pub(super) unsafe extern "C" fn perform(
    call: *mut abi::Call,
    action: Text,
    args: *const Text,
    count: usize,
) -> Code {
    // SAFETY: the module gives its live call, and lends the texts.
    unsafe {
        with(call, abi::INVALID, |call| {
            match lent(action).zip(texts(args, count)) {
                Some((action, args)) => call.perform(action, &args),
                None => abi::INVALID,
            }
        })
    }
}

pub(super) unsafe extern "C" fn tail(
    call: *mut abi::Call,
    action: Text,
    args: *const Text,
    count: usize,
    resume: Option<abi::Resume>,
    data: *mut c_void,
    drop: Option<abi::Drop>,
) -> Code {
    let data = Given::new(resume, data, drop);
    // SAFETY: the module gives its live call, and lends the texts.
    unsafe {
        with(call, abi::INVALID, |call| {
            let Some((name, args)) = lent(action).zip(texts(args, count)) else {
                return abi::INVALID;
            };
            let Some(signature) = action_of_server(name) else {
                return abi::UNKNOWN;
            };
            match given(signature, &args) {
                Some(list) => call.set_tail(TailAction::Server(signature, list), data),
                None => abi::INVALID,
            }
        })
    }
}

pub(super) unsafe extern "C" fn play(
    call: *mut abi::Call,
    audio: *const abi::Audio,
    resume: Option<abi::Resume>,
    data: *mut c_void,
    drop: Option<abi::Drop>,
) -> Code {
    let data = Given::new(resume, data, drop);
    // SAFETY: the module gives its live call, and lends the audio.
    unsafe {
        with(call, abi::INVALID, |call| {
            let Some(audio) = audio.as_ref() else {
                return abi::INVALID;
            };
            let whole = audio.size as usize >= size_of::<abi::Audio>();
            let Some(name) = lent(audio.name).filter(|_| whole) else {
                return abi::INVALID;
            };
            if audio.len > MAX_AUDIO_BYTES || (audio.bytes.is_null() && audio.len > 0) {
                return abi::INVALID;
            }
            let bytes = match audio.len {
                0 => &[],
                len => std::slice::from_raw_parts(audio.bytes, len),
            };
            let file = MemoryFile {
                name: name.into(),
                bytes: bytes.into(),
            };
            let action = TailAction::Play {
                file,
                looped: audio.flags & abi::AUDIO_LOOPED != 0,
                front: audio.flags & abi::AUDIO_FRONT != 0,
            };
            call.set_tail(action, data)
        })
    }
}

/// An object of a module, dropped by the module.
struct Held {
    module: &'static Loaded,
    object: *mut c_void,
    tag: u64,
    drop: Option<abi::Drop>,
}

// SAFETY: the contract lets any thread drop an object; it is only lent to the module itself.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the object is the module's, and this happens once.
            unsafe { drop(self.object) }
        }
    }
}

pub(super) unsafe extern "C" fn object_set(
    call: *mut abi::Call,
    name: Text,
    object: *mut c_void,
    tag: u64,
    drop: Option<abi::Drop>,
) -> Code {
    // SAFETY: the module gives its live call, and lends the name.
    unsafe {
        with(call, abi::INVALID, |call| {
            let held = Arc::new(Held {
                module: call.module,
                object,
                tag,
                drop,
            });
            let Some(name) = lent(name) else {
                return abi::INVALID;
            };
            match call.scope.host.objects().map(|all| all.set(name, held)) {
                Some(Ok(())) => abi::OK,
                Some(Err(_)) => abi::TOO_MANY,
                None => abi::NOT_HERE,
            }
        })
    }
}

pub(super) unsafe extern "C" fn object_get(
    call: *mut abi::Call,
    name: Text,
    tag: u64,
) -> *mut c_void {
    // SAFETY: the module gives its live call, and lends the name.
    unsafe {
        with(call, std::ptr::null_mut(), |call| {
            let found = lent(name).and_then(|name| call.scope.host.objects()?.get(name));
            let held = found.and_then(|object| object.downcast_ref::<Held>());
            held.filter(|held| std::ptr::eq(held.module, call.module) && held.tag == tag)
                .map_or(std::ptr::null_mut(), |held| held.object)
        })
    }
}

pub(super) unsafe extern "C" fn object_remove(call: *mut abi::Call, name: Text) -> Code {
    // SAFETY: the module gives its live call, and lends the name.
    unsafe {
        with(call, abi::INVALID, |call| {
            let Some(name) = lent(name) else {
                return abi::INVALID;
            };
            match call.scope.host.objects().map(|all| all.remove(name)) {
                Some(true) => abi::OK,
                Some(false) => abi::UNKNOWN,
                None => abi::NOT_HERE,
            }
        })
    }
}

pub(super) unsafe extern "C" fn replace_sdp(call: *mut abi::Call, sdp: Text) -> Code {
    // SAFETY: the module gives its live call, and lends the text.
    unsafe {
        with(call, abi::INVALID, |call| match lent(sdp) {
            _ if call.place != Place::Description => abi::NOT_HERE,
            Some(sdp) => {
                call.said.sdp = Some(sdp.to_owned());
                abi::OK
            }
            None => abi::INVALID,
        })
    }
}

/// What a failure of the module means in the language.
pub(super) fn failure(said: &mut Said) -> (Errno, String) {
    let (word, text) = said.failure.take().unwrap_or_default();
    let word = if word.is_empty() {
        "general".to_owned()
    } else {
        word
    };
    (Errno(word.into()), text)
}
