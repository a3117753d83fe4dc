//! `mod_groups`: named sets of sessions.

use super::module::ModuleAction::Groups;
use super::module::{call, call_behind};
use super::{Done, Outcome, Then};
use crate::dsm::argument::{Arguments, named_values};
use crate::dsm::expr::Scope;
use crate::dsm::host::HostAction;
use crate::dsm::registry::{Kind, Module, Parameter, Separator, Signature, may, need, row, takes};

/// What is written in `import(..)`.
pub const NAME: &str = "mod_groups";

/// The action that sends an event, see [`HostAction::PostToGroup`].
pub const POST_EVENT: &str = "groups.postEvent";

const GROUP: Parameter = need("group", Kind::Value);
const RESULT: &[Parameter] = &[need("variable", Kind::Name), GROUP];

/// What a session does with groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in the table")]
pub enum GroupAction {
    Get,
    GetSize,
    Join,
    Leave,
    LeaveAll,
}

use GroupAction::*;

/// The module.
pub fn module() -> Module {
    Module::new(NAME).signatures(SIGNATURES)
}

const SIGNATURES: &[Signature] = &[
    row(
        "groups.join",
        &[GROUP],
        |a, s| call(a, s, Groups(Join)),
        "Makes this session a member of a group; it leaves all its groups when it ends.",
    )
    .throws(&["core #cause"]),
    row(
        "groups.leave",
        &[GROUP],
        |a, s| call(a, s, Groups(Leave)),
        "Ends that.",
    ),
    row(
        "groups.leaveAll",
        &[],
        |a, s| call(a, s, Groups(LeaveAll)),
        "Leaves all groups.",
    ),
    takes(
        "groups.get",
        Separator::Equals,
        RESULT,
        |a, s| call_behind(a, s, Groups(Get), Then::StoreAll),
        "The ids of the members, this session included, into $variable[0], $variable[1], .. in their \
         order.",
    ),
    takes(
        "groups.getSize",
        Separator::Equals,
        RESULT,
        |a, s| call_behind(a, s, Groups(GetSize), Then::StoreOrRemove),
        "The number of members; 0 for a group that there is none of.",
    ),
    row(
        POST_EVENT,
        &[GROUP, may("list", Kind::Names)],
        post_event,
        "Sends an 'event' with the variables of the list to every member but this session, which need not \
         be one.",
    )
    .errno(&["arg"]),
];

fn post_event(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let (group, list) = (arguments.owned(0, scope), arguments.owned(1, scope));
    let params = named_values(&list, scope)?;
    let action = HostAction::PostToGroup { group, params };
    Ok(Outcome::Perform(action, Then::ClearFailure))
}
