//! Timers of the session.

use super::{Done, bad_argument, perform_checked};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::host::HostAction;
use crate::dsm::registry::{Kind, Separator, Signature, need, plain, takes};

pub const SIGNATURES: &[Signature] = &[
    takes(
        "setTimer",
        Separator::Commas(2),
        &[need("id", Kind::Timer), need("seconds", Kind::Value)],
        set_timer,
        "Raises 'timer' with that #id after whole seconds.",
    )
    .errno(&["arg", "config"]),
    takes(
        "removeTimer",
        Separator::None,
        &[need("id", Kind::Value)],
        remove_timer,
        "Stops a timer.",
    )
    .errno(&["arg", "config"]),
    plain(
        "removeTimers",
        |_, _| perform_checked(HostAction::RemoveTimers),
        "Stops all timers.",
    )
    .errno(&["config"]),
];

fn set_timer(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match (arguments.unsigned(0, scope), arguments.unsigned(1, scope)) {
        (Some(id), Some(seconds)) => perform_checked(HostAction::SetTimer { id, seconds }),
        _ => bad_argument("id and seconds of a timer are whole numbers"),
    }
}

fn remove_timer(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match arguments.unsigned(0, scope) {
        Some(id) => perform_checked(HostAction::RemoveTimer { id }),
        None => bad_argument("the id of a timer is a whole number"),
    }
}
