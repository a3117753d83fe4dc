//! `mod_conference`: rooms, side rooms, and sounds mixed into what the caller hears.

use super::dialog::{checked, named};
use super::{Done, Outcome, Then, bad_argument, module_call};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::registry::{Kind, Module, Parameter, Separator, Signature, may, need, takes};

/// What is written in `import(..)`.
pub const NAME: &str = "mod_conference";

const ROOM: Parameter = need("room", Kind::Value);
const MODE: Parameter = may("mode", Kind::Value);
const FILE: Parameter = need("file", Kind::AudioFile);
const OBJECT: Parameter = may("name", Kind::NameValue);
const THROWS: &[&str] = &["conference #cause"];
const FILE_THROWS: &[&str] = &["conference #cause", "file #path"];

/// The module.
pub fn module() -> Module {
    let signatures = SIGNATURES.iter();
    signatures.fold(Module::new(NAME), |module, signature| {
        module.signature(signature.clone())
    })
}

const SIGNATURES: &[Signature] = &[
    takes(
        "conference.join",
        Separator::OuterCommas(2),
        &[ROOM, MODE],
        checked,
        "Becomes a member of a room and puts it at the end of the playlist; the mode is 'speakonly', \
         'listenonly' or empty for both. Leaves the room joined before.",
    )
    .errno(&["arg"])
    .throws(THROWS),
    takes(
        "conference.rejoin",
        Separator::OuterCommas(2),
        &[ROOM, MODE],
        checked,
        "The same; in the room that one is in already only the mode changes.",
    )
    .errno(&["arg"])
    .throws(THROWS),
    takes(
        "conference.leave",
        Separator::None,
        &[],
        checked,
        "Gives up the room and takes it out of the playlist.",
    )
    .errno(&["script"]),
    takes(
        "conference.size",
        Separator::OuterCommas(2),
        &[ROOM, need("variable", Kind::Name)],
        size,
        "Counts the members of a room.",
    )
    .errno(&[]),
    takes(
        "conference.postEvent",
        Separator::OuterCommas(2),
        &[ROOM, need("id", Kind::Value)],
        post_event,
        "Raises 'event' with #type 'conference_event' and this #id at every member.",
    )
    .errno(&["arg"]),
    takes(
        "conference.setPlayoutType",
        Separator::None,
        &[need("type", Kind::Value)],
        module_call,
        "How the caller's audio is buffered: 'adaptive', 'jb', or anything else for simple.",
    ),
    takes(
        "conference.teejoin",
        Separator::OuterCommas(2),
        &[ROOM, OBJECT],
        |a, s| named(a, s, 1, Then::ClearFailure),
        "What the caller says is heard in this room, too, whatever else it is used for.",
    )
    .errno(&[])
    .throws(THROWS),
    takes(
        "conference.teeleave",
        Separator::None,
        &[OBJECT],
        |a, s| named(a, s, 0, Then::ClearFailure),
        "Ends that.",
    )
    .errno(&["script"]),
    takes(
        "conference.setupMixIn",
        Separator::OuterCommas(2),
        &[need("level", Kind::Value), may("seconds", Kind::Value)],
        module_call,
        "Prepares sounds over what is heard: their level from 0 to 1, and after how many seconds each \
         begins again. Below 0.01 what is heard pauses meanwhile.",
    )
    .throws(THROWS),
    takes(
        "conference.playMixIn",
        Separator::None,
        &[FILE],
        module_call,
        "Mixes a file into what is heard.",
    )
    .throws(FILE_THROWS),
    takes(
        "conference.playMixInList",
        Separator::OuterCommas(2),
        &[FILE, may("loop", Kind::Flag("loop"))],
        module_call,
        "Adds a file to the list that is mixed into what is heard; 'true' repeats it for ever.",
    )
    .throws(FILE_THROWS),
    takes(
        "conference.announce",
        Separator::None,
        &[FILE],
        module_call,
        "Plays a file to all others in the room that was joined, without interrupting them.",
    )
    .throws(FILE_THROWS),
    takes(
        "conference.flushMixInList",
        Separator::None,
        &[],
        module_call,
        "Empties that list.",
    ),
];

fn size(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let variable = arguments.name(1).to_owned();
    Ok(match module_call(arguments, scope)? {
        Outcome::Perform(action, _) => Outcome::Perform(action, Then::StoreOrEmpty(variable)),
        other => other,
    })
}

fn post_event(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match arguments.text(1, scope).trim().parse::<u32>() {
        Ok(_) => checked(arguments, scope),
        Err(_) => bad_argument("the id of a conference event is no number"),
    }
}
