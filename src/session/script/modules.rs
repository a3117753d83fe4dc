//! What actions of compiled-in modules ask for that need no call: groups, rooms, monitoring, the machine.

use crate::dsm::{ModuleCall, Values};
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
    match &*call.module {
        "mod_sys" => LocalWork::of(call).map(|work| Asked::Work(Work::Local(work))),
        "mod_conference" => room(call).map(|question| Asked::Work(Work::Room(question))),
        "mod_groups" => group(call).map(|request| Asked::Work(Work::Group(request))),
        "mod_monitoring" => monitoring(call, own, variables),
        _ => None,
    }
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

fn room(call: &ModuleCall) -> Option<RoomQuestion> {
    let argument = |at: usize| call.arguments.get(at).map_or("", String::as_str);
    let room = argument(0).into();
    Some(match &*call.name {
        "conference.size" => RoomQuestion::Size(room),
        // The action has seen to it that it is a number.
        "conference.postEvent" => RoomQuestion::Post {
            room,
            id: argument(1).trim().parse().ok()?,
        },
        "conference.followSpeaker" => RoomQuestion::Follow(matches!(argument(0), "" | "true")),
        _ => return None,
    })
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
