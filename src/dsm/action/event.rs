//! Events to other sessions, objects and diagrams.

use super::{Done, perform, perform_checked};
use crate::dsm::argument::{Arguments, named_values};
use crate::dsm::expr::Scope;
use crate::dsm::host::{HostAction, ObjectAction};
use crate::dsm::registry::{Kind, Parameter, Separator, Signature, may, need, takes};

const NAME: &[Parameter] = &[need("name", Kind::Value)];

pub const SIGNATURES: &[Signature] = &[
    takes(
        "postEvent",
        Separator::Commas(2),
        &[need("session", Kind::Value), may("list", Kind::Names)],
        post_event,
        "Sends an 'event' with the variables of the list to a session or queue.",
    )
    .errno(&["arg"]),
    takes(
        "registerEventQueue",
        Separator::None,
        NAME,
        |a, s| {
            perform(HostAction::RegisterEventQueue {
                name: a.owned(0, s),
            })
        },
        "Makes this session reachable under one more name.",
    ),
    takes(
        "unregisterEventQueue",
        Separator::None,
        NAME,
        |a, s| {
            perform(HostAction::UnregisterEventQueue {
                name: a.owned(0, s),
            })
        },
        "Takes such a name away.",
    ),
    takes(
        "createSystemDSM",
        Separator::Commas(2),
        &[
            need("configuration", Kind::Value),
            need("diagram", Kind::Value),
        ],
        create_system_dsm,
        "Starts a diagram without a call.",
    )
    .throws(&["core #cause"]),
    takes(
        "trackObject",
        Separator::None,
        NAME,
        |a, s| object(a, s, ObjectAction::Track),
        "Notes that the session owns an object of a module, which it does anyway.",
    )
    .errno(&["arg"]),
    takes(
        "releaseObject",
        Separator::None,
        NAME,
        |a, s| object(a, s, ObjectAction::Release),
        "The same: an object lives until its session ends, or it is replaced or freed.",
    )
    .errno(&["arg"]),
    takes(
        "freeObject",
        Separator::None,
        NAME,
        |a, s| object(a, s, ObjectAction::Free),
        "Frees an object of a module now.",
    )
    .errno(&["arg"]),
];

fn post_event(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let session = arguments.owned(0, scope);
    let list = arguments.owned(1, scope);
    let params = named_values(&list, scope)?;
    perform_checked(HostAction::PostEvent { session, params })
}

fn create_system_dsm(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let configuration = arguments.owned(0, scope);
    perform(HostAction::CreateSystemDsm {
        configuration,
        diagram: arguments.owned(1, scope),
    })
}

fn object(arguments: &Arguments<'_>, scope: &mut Scope<'_>, action: ObjectAction) -> Done {
    perform_checked(HostAction::Object(action, arguments.owned(0, scope)))
}
