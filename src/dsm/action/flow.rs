//! Flow: reposting, other diagrams, stopping, exceptions.

use super::{Done, Outcome, perform};
use crate::dsm::argument::{Argument, Arguments, pairs};
use crate::dsm::expr::Scope;
use crate::dsm::host::{Exception, HostAction};
use crate::dsm::registry::{Kind, Parameter, Role, Separator, Signature, may, need, plain, takes};

const DIAGRAM: &[Parameter] = &[need("diagram", Kind::Diagram)];

pub const SIGNATURES: &[Signature] = &[
    plain(
        "repost",
        |_, _| Ok(Outcome::Repost),
        "Processes the event again in the state reached.",
    )
    .role(Role::Repost),
    plain(
        "break",
        |_, _| Ok(Outcome::Break),
        "Ends the innermost loop, else the list.",
    )
    .role(Role::Break),
    takes(
        "jumpFSM",
        Separator::None,
        DIAGRAM,
        jump,
        "Goes on in another diagram.",
    )
    .role(Role::Jump),
    takes(
        "callFSM",
        Separator::None,
        DIAGRAM,
        call,
        "Runs another diagram until it returns.",
    )
    .role(Role::Call),
    plain(
        "returnFSM",
        |_, _| Ok(Outcome::Return),
        "Goes on behind the last callFSM.",
    )
    .role(Role::Return),
    takes(
        "stop",
        Separator::None,
        &[may("bye", Kind::Flag("bye"))],
        |arguments, scope| {
            perform(HostAction::Stop {
                bye: arguments.flag(0, scope),
            })
        },
        "Ends the session after the current events; with true BYE is sent at once.",
    )
    .role(Role::Stop),
    takes(
        "throw",
        Separator::Commas(2),
        &[need("type", Kind::Value), may("list", Kind::Pairs)],
        throw,
        "Throws an exception with parameters key=value;key=value.",
    )
    .throws(&["any"])
    .role(Role::Throw),
    plain(
        "throwOnError",
        throw_on_error,
        "Throws the type $errno if it is not empty.",
    )
    .throws(&["$errno #text"]),
];

fn jump(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    Ok(Outcome::Jump(arguments.owned(0, scope)))
}

fn call(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    Ok(Outcome::Call(arguments.owned(0, scope)))
}

fn throw(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let exception = Exception::new(&arguments.text(0, scope));
    let written;
    let list = match arguments.list.get(1) {
        Some(Argument::Pairs(list)) => list,
        Some(reference) => {
            written = pairs(&reference.text(scope));
            &written
        }
        None => return Err(exception),
    };
    Err(list.iter().fold(exception, |exception, (key, value)| {
        exception.with(key, value.eval(scope).into_owned())
    }))
}

fn throw_on_error(_: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match scope.variables.get("errno") {
        None | Some("") => Ok(Outcome::Next),
        Some(errno) => {
            let text = scope.variables.get("strerror").unwrap_or("");
            Err(Exception::new(errno).with("text", text))
        }
    }
}
