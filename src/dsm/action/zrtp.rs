//! `mod_zrtp`: names of a way to agree on keys that this server does not have. Diagrams written for it load and
//! run: it can be switched off, and whatever else they ask for fails with `config`. Media is encrypted by SRTP
//! with the keys of the session description instead.

use super::{Done, Outcome, succeed};
use crate::dsm::argument::Arguments;
use crate::dsm::condition::EventParameter;
use crate::dsm::expr::Scope;
use crate::dsm::host::Errno;
use crate::dsm::module::ModuleEvent;
use crate::dsm::registry::{Kind, Module, Parameter, Signature, may, need, row};

/// What is written in `import(..)`.
pub const NAME: &str = "mod_zrtp";

const FAILS: &[&str] = &["config"];
const SWITCH: &[Parameter] = &[need("switch", Kind::Value)];
const PEERS: &[Parameter] = &[need("zid", Kind::Value), need("zid", Kind::Value)];

/// The module.
pub fn module() -> Module {
    let module = Module::new(NAME).signatures(SIGNATURES);
    EVENTS.iter().fold(module, Module::module_event)
}

const ABOUT: &[EventParameter] = &[
    EventParameter {
        name: "event",
        doc: "its name, such as ZRTP_EVENT_IS_SECURE",
    },
    EventParameter {
        name: "event_id",
        doc: "its number",
    },
];

/// They load, and nobody raises them.
static EVENTS: [ModuleEvent; 2] = [
    ModuleEvent {
        name: "zrtp.protocolEvent",
        doc: "Never comes: this server has no ZRTP.",
        parameters: ABOUT,
    },
    ModuleEvent {
        name: "zrtp.securityEvent",
        doc: "Never comes: this server has no ZRTP.",
        parameters: ABOUT,
    },
];

/// A flag of a profile that nothing looks at.
const fn flag(name: &'static str, doc: &'static str) -> Signature {
    row(name, SWITCH, |_, s| succeed(s), doc).errno(&[])
}

const fn missing(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Signature {
    row(name, parameters, |_, _| refuse(), doc).errno(FAILS)
}

const SIGNATURES: &[Signature] = &[
    row(
        "zrtp.setEnabled",
        SWITCH,
        set_enabled,
        "Switches ZRTP off, which it is anyway; 'true' fails.",
    )
    .errno(FAILS),
    flag("zrtp.setAllowclear", "A flag without effect."),
    flag("zrtp.setAutosecure", "A flag without effect."),
    flag("zrtp.setDisclosebit", "A flag without effect."),
    missing(
        "zrtp.getSAS",
        &[need("first", Kind::Name), may("second", Kind::Name)],
        "The short texts that both sides compare. Fails: there is no ZRTP.",
    ),
    missing(
        "zrtp.getSessionInfo",
        &[need("struct", Kind::Name)],
        "What was agreed on. Fails: there is no ZRTP.",
    ),
    missing(
        "zrtp.setVerified",
        PEERS,
        "Notes that both sides know each other. Fails: there is no ZRTP.",
    ),
    missing(
        "zrtp.setUnverified",
        PEERS,
        "Notes that they do not. Fails: there is no ZRTP.",
    ),
    missing(
        "zrtp.setSignalingHash",
        &[need("hash", Kind::Value)],
        "The hash that the peer told in its description. Fails: there is no ZRTP.",
    ),
    missing(
        "zrtp.getSignalingHash",
        &[need("variable", Kind::Name)],
        "The hash for our description. Fails: there is no ZRTP.",
    ),
];

fn set_enabled(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match arguments.flag(0, scope) {
        true => refuse(),
        false => succeed(scope),
    }
}

fn refuse() -> Done {
    let text = "this server has no ZRTP; see [rtp] srtp for encryption";
    Ok(Outcome::Fail(Errno::CONFIG, text.to_owned()))
}
