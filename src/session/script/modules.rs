//! What actions of compiled-in modules ask for that need no call: groups, rooms, monitoring.

use crate::dsm::{GroupAction, ModuleCall, MonitoringAction, RoomAction, Values};
use crate::session::event::{GroupRequest, SessionId};
use crate::session::monitoring::{Name, Question, Value, Write};
use crate::session::room::RoomQuestion;

/// What an action of monitoring becomes.
pub enum Asked {
    /// Something that the script waits for.
    Question(Question),
    /// Something that is told and forgotten.
    Tell(Write),
}

/// What an action has done with groups, or asks of them.
pub fn group(action: GroupAction, call: &ModuleCall) -> GroupRequest {
    let group = call.argument(0).into();
    match action {
        GroupAction::Join => GroupRequest::Join(group),
        GroupAction::Leave => GroupRequest::Leave(group),
        GroupAction::LeaveAll => GroupRequest::LeaveAll,
        GroupAction::Get => GroupRequest::Members(group),
        GroupAction::GetSize => GroupRequest::Size(group),
    }
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

/// What an action of the session `own` has written or asks.
pub fn monitoring(
    action: MonitoringAction,
    call: &ModuleCall,
    own: &SessionId,
    variables: &Values,
) -> Asked {
    let text = |at: usize| call.argument(at).to_owned();
    let own = || own.0.clone();
    let set = |id, at| {
        let attribute = (Name::Owned(text(at)), Value::from(text(at + 1)));
        Write::Set(id, vec![attribute])
    };
    let add = |id, at| Write::Add(id, text(at).into(), text(at + 1).into());
    let count = |by| Write::Count(text(0).into(), text(1).into(), by);
    let get = |id, at| Asked::Question(Question::Attribute(id, text(at).into()));
    Asked::Tell(match action {
        MonitoringAction::Set => set(own(), 0),
        MonitoringAction::Add => add(own(), 0),
        MonitoringAction::SetGlobal => set(text(0).into(), 1),
        MonitoringAction::AddGlobal => add(text(0).into(), 1),
        MonitoringAction::Inc => count(1),
        MonitoringAction::Dec => count(-1),
        MonitoringAction::Erase => Write::Erase(text(0).into()),
        MonitoringAction::LogVars => {
            let attribute = |(name, value): (&str, &str)| {
                (Name::Owned(name.to_owned()), Value::from(value.to_owned()))
            };
            Write::Set(own(), variables.iter().map(attribute).collect())
        }
        MonitoringAction::Get => return get(own(), 0),
        MonitoringAction::GetGlobal => return get(text(0).into(), 1),
    })
}
