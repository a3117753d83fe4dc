//! `mod_subscription`: subscriptions of a script (RFC 6665).

use super::module::ModuleAction::Subscription;
use super::module::{call, call_checked, call_named};
use super::{Done, Then, bad_argument};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::registry::{Kind, Module, Parameter, Signature, may, need, row};

/// What is written in `import(..)`.
pub const NAME: &str = "mod_subscription";

const HANDLE: Parameter = need("handle", Kind::Value);

/// What a session does with subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in the table")]
pub enum SubscriptionAction {
    Create,
    Refresh,
    Remove,
}

use SubscriptionAction::*;

/// The module.
pub fn module() -> Module {
    Module::new(NAME).signatures(SIGNATURES)
}

const SIGNATURES: &[Signature] = &[
    row(
        "subscription.create",
        &[need("struct", Kind::NamePrefix)],
        create,
        "Subscribes as the variables of this struct say: STRUCT.domain, STRUCT.user, STRUCT.from_user, \
         STRUCT.event; also STRUCT.id, STRUCT.accept, STRUCT.expires, STRUCT.pwd, STRUCT.auth_user, \
         STRUCT.auth_realm, STRUCT.proxy. $STRUCT.handle names it, and is empty if that failed; \
         'subscription' tells what comes of it. It is refreshed until it is removed or the session ends, \
         unless $STRUCT.refresh is false. A SUBSCRIBE that forks brings a subscription for each that notifies, whose \
         #handle begins with $STRUCT.handle and a dot, unless $STRUCT.forks is false.",
    )
    .errno(&["arg", "general"])
    .sets(&["$STRUCT.handle"]),
    row(
        "subscription.refresh",
        &[HANDLE, may("seconds", Kind::Value)],
        refresh,
        "Subscribes again, for so many seconds or what is usual for the event package.",
    )
    .errno(&["arg", "general"]),
    row(
        "subscription.remove",
        &[HANDLE],
        |a, s| call(a, s, Subscription(Remove)),
        "Ends a subscription, with all that it has forked to; 'subscription' with the status terminated follows.",
    ),
];

fn create(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let store = |prefix: &str| Then::StoreOrEmpty(format!("{prefix}.handle"));
    call_named(arguments, scope, 0, Subscription(Create), store)
}

fn refresh(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match arguments.unsigned(1, scope) {
        None if arguments.is_written(1) => {
            bad_argument("the seconds of subscription.refresh are no number")
        }
        _ => call_checked(arguments, scope, Subscription(Refresh)),
    }
}
