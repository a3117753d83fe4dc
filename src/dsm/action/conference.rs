//! `mod_conference`: rooms, side rooms, and sounds mixed into what the caller hears.

use super::module::ModuleAction::{Conference, Room};
use super::module::{call, call_checked, call_named, call_then};
use super::{Done, Then, bad_argument};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::registry::{Kind, Module, Parameter, Signature, may, need, row};

/// What is written in `import(..)`.
pub const NAME: &str = "mod_conference";

const ROOM: Parameter = need("room", Kind::Value);
const MODE: Parameter = may("mode", Kind::Value);
const FILE: Parameter = need("file", Kind::AudioFile);
const OBJECT: Parameter = may("name", Kind::NameValue);
const THROWS: &[&str] = &["conference #cause"];
const FILE_THROWS: &[&str] = &["conference #cause", "file #path"];

/// What a call does in rooms, and hears over what it hears anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in the table")]
pub enum ConferenceAction {
    Announce,
    EndTee,
    FlushMixInList,
    Gain,
    /// Also in the room that one is in already.
    Join,
    Leave,
    PlayMixIn,
    PlayMixInList,
    Record,
    SetPlayoutType,
    SetUpMixIn,
    Speakers,
    StopRecord,
    Tee,
}

/// What needs no seat in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in the table")]
pub enum RoomAction {
    FollowSpeaker,
    PostEvent,
    Size,
}

use ConferenceAction::*;
use RoomAction::*;

/// The module.
pub fn module() -> Module {
    Module::new(NAME).signatures(SIGNATURES)
}

const SIGNATURES: &[Signature] = &[
    row(
        "conference.join",
        &[ROOM, MODE],
        |a, s| call_checked(a, s, Conference(Join)),
        "Becomes a member of a room and puts it at the end of the playlist; the mode is 'speakonly', \
         'listenonly' or empty for both. Leaves the room joined before.",
    )
    .errno(&["arg"])
    .throws(THROWS),
    row(
        "conference.rejoin",
        &[ROOM, MODE],
        |a, s| call_checked(a, s, Conference(Join)),
        "The same; in the room that one is in already only the mode changes.",
    )
    .errno(&["arg"])
    .throws(THROWS),
    row(
        "conference.leave",
        &[],
        |a, s| call_checked(a, s, Conference(Leave)),
        "Gives up the room and takes it out of the playlist.",
    )
    .errno(&["script"]),
    row(
        "conference.size",
        &[ROOM, need("variable", Kind::Name)],
        size,
        "Counts the members of a room.",
    )
    .errno(&[]),
    row(
        "conference.postEvent",
        &[ROOM, need("id", Kind::Value)],
        post_event,
        "Raises 'event' with #type 'conference_event' and this #id at every member.",
    )
    .errno(&["arg"]),
    row(
        "conference.setPlayoutType",
        &[need("type", Kind::Value)],
        |a, s| call(a, s, Conference(SetPlayoutType)),
        "How the caller's audio is buffered: 'adaptive', 'jb', or anything else for simple.",
    ),
    row(
        "conference.teejoin",
        &[ROOM, OBJECT],
        |a, s| call_named(a, s, 1, Conference(Tee), |_| Then::ClearFailure),
        "What the caller says is heard in this room, too, whatever else it is used for.",
    )
    .errno(&[])
    .throws(THROWS),
    row(
        "conference.teeleave",
        &[OBJECT],
        |a, s| call_named(a, s, 0, Conference(EndTee), |_| Then::ClearFailure),
        "Ends that.",
    )
    .errno(&["script"]),
    row(
        "conference.setupMixIn",
        &[need("level", Kind::Value), may("seconds", Kind::Value)],
        |a, s| call(a, s, Conference(SetUpMixIn)),
        "Prepares sounds over what is heard: their level from 0 to 1, and after how many seconds each \
         begins again. Below 0.01 what is heard pauses meanwhile.",
    )
    .throws(THROWS),
    row(
        "conference.playMixIn",
        &[FILE],
        |a, s| call(a, s, Conference(PlayMixIn)),
        "Mixes a file into what is heard.",
    )
    .throws(FILE_THROWS),
    row(
        "conference.playMixInList",
        &[FILE, may("loop", Kind::Flag("loop"))],
        |a, s| call(a, s, Conference(PlayMixInList)),
        "Adds a file to the list that is mixed into what is heard; 'true' repeats it for ever.",
    )
    .throws(FILE_THROWS),
    row(
        "conference.announce",
        &[FILE],
        |a, s| call(a, s, Conference(Announce)),
        "Plays a file to all others in the room that was joined, without interrupting them.",
    )
    .throws(FILE_THROWS),
    row(
        "conference.gain",
        &[need("dB", Kind::Value)],
        gain,
        "How much louder the room hears the caller, in dB from -60 to 18; 0 at the start. An extension.",
    )
    .errno(&["arg"]),
    row(
        "conference.speakers",
        &[may("number", Kind::Value)],
        speakers,
        "Lets only so many be heard at a time in the room that was joined, the loudest; without a number, or \
         with 0, all. An extension.",
    )
    .errno(&["arg"])
    .throws(THROWS),
    row(
        "conference.followSpeaker",
        &[may("switch", Kind::Value)],
        |a, s| call_checked(a, s, Room(FollowSpeaker)),
        "Raises 'event' with #type 'conference_speaker' and #member whenever another member of the room that \
         was joined speaks most; empty: nobody who is still there. Anything but 'true' ends that. An extension.",
    )
    .errno(&["script"]),
    row(
        "conference.record",
        &[need("file", Kind::NewFile)],
        |a, s| call_checked(a, s, Conference(Record)),
        "Records all that is said and played in the room that was joined, until conference.stopRecord, the limit \
         of the server, or the call is in the room no more; 'recordEnd' tells of the limit. Ends another recording \
         of the room. An extension.",
    )
    .errno(&["script"])
    .throws(FILE_THROWS),
    row(
        "conference.stopRecord",
        &[],
        |a, s| call_checked(a, s, Conference(StopRecord)),
        "Ends the recording that this call has begun in a room; its file is complete then. An extension.",
    )
    .errno(&["script", "file"]),
    row(
        "conference.flushMixInList",
        &[],
        |a, s| call(a, s, Conference(FlushMixInList)),
        "Empties that list.",
    ),
];

fn size(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let then = Then::StoreOrEmpty(arguments.name(1).to_owned());
    call_then(arguments, scope, Room(Size), then)
}

/// Decibels that a voice can be made softer and louder by.
const GAIN: std::ops::RangeInclusive<f32> = -60.0..=18.0;

fn gain(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match arguments.text(0, scope).trim().parse::<f32>() {
        Ok(decibels) if GAIN.contains(&decibels) => {
            call_checked(arguments, scope, Conference(Gain))
        }
        _ => bad_argument("a gain is a number of decibels from -60 to 18"),
    }
}

fn speakers(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let number = arguments.text(0, scope);
    match number.trim() {
        number if number.is_empty() || number.parse::<u16>().is_ok() => {
            call_checked(arguments, scope, Conference(Speakers))
        }
        _ => bad_argument("what is heard at a time is a number of members"),
    }
}

fn post_event(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match arguments.text(1, scope).trim().parse::<u32>() {
        Ok(_) => call_checked(arguments, scope, Room(PostEvent)),
        Err(_) => bad_argument("the id of a conference event is no number"),
    }
}
