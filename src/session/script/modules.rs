//! What actions of compiled-in modules ask for that need no call: groups, rooms, monitoring, the machine.

use crate::dsm::{ModuleCall, RoomAction, Values};
use crate::session::event::{GroupRequest, SessionId, Work};
use crate::session::local::LocalWork;
use crate::session::monitoring::{Name, Question, Value, Write};
use crate::session::room::RoomQuestion;

/// What an action becomes.
pub enum Asked {
    /// Work that the script waits for.
    Work(Work),
    /// Something that is told and forgotten.
    Tell(Write),
}

/// What an action of the session `own` asks for; `None` if it belongs to none of these modules.
pub fn read(call: &ModuleCall, own: &SessionId, variables: &Values) -> Option<Asked> {
    let machine = || LocalWork::of(call).map(|work| Asked::Work(Work::Local(work)));
    let group = || group(call).map(|request| Asked::Work(Work::Group(request)));
    machine()
        .or_else(group)
        .or_else(|| monitoring(call, own, variables))
}

fn group(call: &ModuleCall) -> Option<GroupRequest> {
    let group = call.arguments.first().map_or("", String::as_str).into();
    Some(match &*call.name {
        "groups.join" => GroupRequest::Join(group),
        "groups.leave" => GroupRequest::Leave(group),
        "groups.leaveAll" => GroupRequest::LeaveAll,
        "groups.get" => GroupRequest::Members(group),
        "groups.getSize" => GroupRequest::Size(group),
        _ => return None,
    })
}

/// What an action asks a room, or has it do.
pub fn room(action: RoomAction, call: &ModuleCall) -> RoomQuestion {
    let room = call.argument(0).into();
    match action {
        RoomAction::Size => RoomQuestion::Size(room),
        RoomAction::PostEvent => RoomQuestion::Post {
            room,
            // The action has seen to it that it is a number.
            id: call.argument(1).trim().parse().unwrap_or(0),
        },
        RoomAction::FollowSpeaker => RoomQuestion::Follow(matches!(call.argument(0), "" | "true")),
    }
}

fn monitoring(call: &ModuleCall, own: &SessionId, variables: &Values) -> Option<Asked> {
    let text = |at: usize| call.arguments.get(at).cloned().unwrap_or_default();
    let own = || own.0.clone();
    let set = |id, at| {
        let attribute = (Name::Owned(text(at)), Value::from(text(at + 1)));
        Write::Set(id, vec![attribute])
    };
    let add = |id, at| Write::Add(id, text(at).into(), text(at + 1).into());
    let count = |by| Write::Count(text(0).into(), text(1).into(), by);
    let get = |id, at| Work::Ask(Question::Attribute(id, text(at).into()));
    Some(Asked::Tell(match &*call.name {
        "monitoring.set" | "monitoring.log" => set(own(), 0),
        "monitoring.add" | "monitoring.logAdd" => add(own(), 0),
        "monitoring.setGlobal" => set(text(0).into(), 1),
        "monitoring.addGlobal" => add(text(0).into(), 1),
        "monitoring.inc" => count(1),
        "monitoring.dec" => count(-1),
        "monitoring.erase" => Write::Erase(text(0).into()),
        "monitoring.logVars" => {
            let attribute = |(name, value): (&str, &str)| {
                (Name::Owned(name.to_owned()), Value::from(value.to_owned()))
            };
            Write::Set(own(), variables.iter().map(attribute).collect())
        }
        "monitoring.get" => return Some(Asked::Work(get(own(), 0))),
        "monitoring.getGlobal" => return Some(Asked::Work(get(text(0).into(), 1))),
        _ => return None,
    }))
}
