//! Actions and conditions of modules that the host does: which there are, and how it is called for an action.
//!
//! The tables of the modules say which one a name stands for. So a name is looked at once, when a diagram is
//! loaded; hosts match these enums, and the compiler tells of one that is forgotten.

use super::conference::{ConferenceAction, RoomAction};
use super::dialog::{DialogAction, DialogCondition};
use super::groups::GroupAction;
use super::monitoring::MonitoringAction;
use super::subscription::SubscriptionAction;
use super::sys::{SysAction, SysCondition};
use super::{Done, Outcome, Then};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::host::{HostAction, ModuleCall};

/// An action of a module that the host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleAction {
    /// Of `mod_conference`, for a call.
    Conference(ConferenceAction),
    /// Of `mod_conference`, also without a call.
    Room(RoomAction),
    /// Of `mod_dlg`, for the call or request of the session.
    Dialog(DialogAction),
    /// Of `mod_groups`.
    Groups(GroupAction),
    /// Of `mod_monitoring`.
    Monitoring(MonitoringAction),
    /// Of `mod_subscription`.
    Subscription(SubscriptionAction),
    /// Of `mod_sys`.
    Sys(SysAction),
    /// `dlg.dialout`.
    DialOut,
    /// `dlg.message`.
    Message,
    /// Of `mod_sbc`: needs a leg, which this version of the server does not have.
    Sbc,
    /// One that this version of the server does not have; throws this type.
    Missing(&'static str),
    /// Known by its name alone: of a module that is loaded, where its code does not run.
    Named,
}

/// A condition of a module that the host tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleCondition {
    /// Of `mod_dlg`.
    Dialog(DialogCondition),
    /// Of `mod_sys`.
    Sys(SysCondition),
    /// Of `mod_sbc`: holds on a leg, which there is none of.
    Sbc,
    /// Known by its name alone: of a module that is loaded, where its code does not run.
    Named,
}

/// Has the host do an action with the arguments that are written, and leaves `$errno` alone.
pub fn call(arguments: &Arguments<'_>, scope: &mut Scope<'_>, action: ModuleAction) -> Done {
    call_then(arguments, scope, action, Then::Nothing)
}

/// The same; success clears `$errno` and `$strerror`.
pub fn call_checked(
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    action: ModuleAction,
) -> Done {
    call_then(arguments, scope, action, Then::ClearFailure)
}

/// The same, with what follows.
pub fn call_then(
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    action: ModuleAction,
    then: Then,
) -> Done {
    call_with(arguments, written(arguments, scope), action, then)
}

/// The argument at `index` names a variable or object: of `$name` what that contains, or if it is empty,
/// `name`. `then` gets this name.
pub fn call_named(
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    index: usize,
    action: ModuleAction,
    then: impl FnOnce(&str) -> Then,
) -> Done {
    let name = arguments.variable_name(index, scope);
    let then = then(&name);
    let mut list = written(arguments, scope);
    if let Some(slot) = list.get_mut(index) {
        *slot = name;
    }
    call_with(arguments, list, action, then)
}

/// Has the host do an action with these arguments.
pub fn call_with(
    arguments: &Arguments<'_>,
    list: Vec<String>,
    action: ModuleAction,
    then: Then,
) -> Done {
    let call = ModuleCall {
        which: action,
        name: arguments.signature.name.clone(),
        arguments: list,
    };
    Ok(Outcome::Perform(HostAction::Module(call), then))
}

/// The arguments that are written.
fn written(arguments: &Arguments<'_>, scope: &Scope<'_>) -> Vec<String> {
    let all = arguments.list.iter().enumerate();
    all.filter(|(index, _)| arguments.is_written(*index))
        .map(|(_, argument)| argument.text(scope).into_owned())
        .collect()
}

/// The first argument names a variable, which gets the result; the host is asked about what stands behind it.
pub fn call_behind(
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    action: ModuleAction,
    then: impl FnOnce(String) -> Then,
) -> Done {
    let mut list = written(arguments, scope);
    list.remove(0);
    call_with(arguments, list, action, then(arguments.name(0).to_owned()))
}
