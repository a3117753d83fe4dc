//! Values that a module reads and assigns: variables, parameters, and what it may only look at.

use std::ffi::c_void;

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi::{self, Code};

use super::super::host::lent;
use super::{Call, with};
use crate::dsm::module::{MessagePart, Past};
use crate::dsm::{Template, UnknownSelect, Values, event_name};

impl Call<'_, '_> {
    fn values(&mut self, scope: abi::ScopeKind) -> Option<&mut Values> {
        match scope {
            abi::VARIABLE => Some(self.scope.variables),
            abi::PARAM => self.scope.params.as_deref_mut(),
            _ => None,
        }
    }

    fn past(&self) -> Option<&Past> {
        self.told.as_ref()?.past.as_ref()
    }

    fn get(&mut self, scope: abi::ScopeKind, name: &str) -> Option<Text> {
        let found = match scope {
            abi::VARIABLE => return self.scope.variables.get(name).map(Text::new),
            abi::PARAM => return self.scope.param(name).map(Text::new),
            abi::SELECT => self.scope.host.select(name),
            abi::HEADER => self.scope.host.message(MessagePart::Header(name)),
            abi::BODY => self.scope.host.message(MessagePart::Body(name)),
            abi::OUTCOME => return past(self.past()?, name).map(Text::new),
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
}

fn past<'a>(past: &'a Past, name: &str) -> Option<&'a str> {
    match (past, name) {
        (Past::Failed(errno, _), "errno") => Some(&errno.0),
        (Past::Failed(_, text), "strerror") => Some(text),
        (Past::Thrown(exception), name) => exception.params().get(name),
        _ => None,
    }
}

pub unsafe extern "C" fn get(
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

pub unsafe extern "C" fn set(
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
            match call.values(scope).map(|values| values.copy(name, value)) {
                Some(Ok(())) => abi::OK,
                Some(Err(_)) => abi::TOO_MANY,
                None => abi::NOT_HERE,
            }
        })
    }
}

pub unsafe extern "C" fn remove(call: *mut abi::Call, scope: abi::ScopeKind, name: Text) -> Code {
    let remove = |values: &mut Values, name: &str| match values.remove(name) {
        Some(_) => abi::OK,
        None => abi::UNKNOWN,
    };
    // SAFETY: the module gives its live call, and lends the name.
    unsafe { change(call, scope, name, remove) }
}

pub unsafe extern "C" fn remove_prefix(
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

pub unsafe extern "C" fn each(
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
            match (scope, call.past()) {
                (abi::VARIABLE, _) => give(call.scope.variables),
                (abi::PARAM, _) => call.scope.params.as_deref().map_or(abi::NOT_HERE, give),
                (abi::OUTCOME, Some(Past::Thrown(exception))) => give(exception.params()),
                (abi::OUTCOME, _) => abi::OK,
                _ => abi::NOT_HERE,
            }
        })
    }
}

pub unsafe extern "C" fn resolve(call: *mut abi::Call, template: Text, value: *mut Text) -> Code {
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
