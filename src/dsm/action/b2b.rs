//! The second leg of a call. A host without second legs refuses these.

use super::{Done, perform};
use crate::dsm::argument::{Arguments, named_values};
use crate::dsm::expr::Scope;
use crate::dsm::host::{B2bAction, HostAction};
use crate::dsm::registry::{Kind, Parameter, Separator, Signature, may, need, plain, takes};

const FLAG: &[Parameter] = &[need("switch", Kind::Value)];
const HEADER: &[Parameter] = &[need("header", Kind::Value)];

pub const SIGNATURES: &[Signature] = &[
    takes(
        "B2B.connectCallee",
        Separator::Commas(2),
        &[need("party", Kind::Value), need("uri", Kind::Value)],
        connect_callee,
        "Invites a callee.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    plain(
        "B2B.terminateOtherLeg",
        |_, _| b2b(B2bAction::TerminateOtherLeg),
        "Ends the second leg.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    takes(
        "B2B.sendReinvite",
        Separator::Commas(2),
        &[need("updated", Kind::Value), may("headers", Kind::Value)],
        send_reinvite,
        "Re-INVITEs the first leg, with fresh SDP if true.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    takes(
        "B2B.setRelayOnly",
        Separator::None,
        FLAG,
        |a, s| b2b(B2bAction::SetRelayOnly(a.flag(0, s))),
        "Passes requests end to end or not.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    takes(
        "B2B.enableEarlyMediaRelay",
        Separator::None,
        FLAG,
        |a, s| b2b(B2bAction::EnableEarlyMediaRelay(a.flag(0, s))),
        "Passes early media to the first leg or not.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    takes(
        "B2B.addHeader",
        Separator::None,
        HEADER,
        |a, s| b2b(B2bAction::AddHeader(a.owned(0, s))),
        "Adds a header to the second leg's INVITE.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    takes(
        "B2B.removeHeader",
        Separator::None,
        HEADER,
        |a, s| b2b(B2bAction::RemoveHeader(a.owned(0, s))),
        "Removes a header by name.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    plain(
        "B2B.clearHeaders",
        |_, _| b2b(B2bAction::ClearHeaders),
        "Removes all added headers.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    takes(
        "B2B.setHeaders",
        Separator::Commas(2),
        &[
            need("headers", Kind::Value),
            may("replace", Kind::Flag("replace")),
        ],
        set_headers,
        "Replaces all added headers.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    takes(
        "B2B.relayEvent",
        Separator::None,
        &[may("list", Kind::Names)],
        relay_event,
        "Sends 'B2Bevent' with the variables of the list to the other leg.",
    )
    .throws(&["script #cause"])
    .unavailable(),
];

fn b2b(action: B2bAction) -> Done {
    perform(HostAction::B2b(action))
}

fn connect_callee(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    b2b(B2bAction::ConnectCallee {
        party: arguments.owned(0, scope),
        uri: arguments.owned(1, scope),
        relayed: scope.variables.get("b2b_relayed_invite") == Some("true"),
    })
}

fn send_reinvite(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let (updated, headers) = (arguments.flag(0, scope), arguments.owned(1, scope));
    b2b(B2bAction::SendReinvite { updated, headers })
}

fn set_headers(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let (headers, replace) = (arguments.owned(0, scope), arguments.flag(1, scope));
    b2b(B2bAction::SetHeaders { headers, replace })
}

fn relay_event(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let list = arguments.owned(0, scope);
    b2b(B2bAction::RelayEvent(named_values(&list, scope)?))
}
