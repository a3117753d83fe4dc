//! The playlist and recording.

use super::{Done, Outcome, Then, bad_argument, perform, perform_checked};
use crate::dsm::argument::Arguments;
use crate::dsm::diagnostic::code;
use crate::dsm::expr::Scope;
use crate::dsm::host::{Exception, HostAction, RecordOptions, Ringtone};
use crate::dsm::registry::{Kind, Parameter, Separator, Signature, may, need, plain, takes};
use crate::dsm::value::signed;

const FILE: &[Parameter] = &[
    need("path", Kind::AudioFile),
    may("loop", Kind::Flag("loop")),
];
const PROMPT: &[Parameter] = &[need("name", Kind::Prompt)];
const PROMPT_SET: &[Parameter] = &[need("name", Kind::Value)];
const LENGTH: &[Parameter] = &[need("milliseconds", Kind::Value)];
const RESULT: &[Parameter] = &[may("variable", Kind::NameValue)];

pub const SIGNATURES: &[Signature] = &[
    takes(
        "playFile",
        Separator::Commas(2),
        FILE,
        |a, s| play_file(a, s, false),
        "Plays a file.",
    )
    .throws(&["file #path"])
    .errno(&[]),
    takes(
        "playFileFront",
        Separator::Commas(2),
        FILE,
        |a, s| play_file(a, s, true),
        "Plays a file before everything else.",
    )
    .throws(&["file #path"])
    .errno(&[]),
    takes(
        "playPrompt",
        Separator::None,
        PROMPT,
        |a, s| prompt(a, s, false, false),
        "Plays a prompt.",
    )
    .throws(&["prompt #name"])
    .errno(&[]),
    takes(
        "playPromptFront",
        Separator::None,
        PROMPT,
        |a, s| prompt(a, s, false, true),
        "Plays a prompt before everything else.",
    )
    .throws(&["prompt #name"])
    .errno(&[]),
    takes(
        "playPromptLooped",
        Separator::None,
        PROMPT,
        |a, s| prompt(a, s, true, false),
        "Plays a prompt again and again.",
    )
    .throws(&["prompt #name"])
    .errno(&[]),
    takes(
        "setPrompts",
        Separator::None,
        PROMPT_SET,
        set_prompts,
        "Selects the prompt set.",
    )
    .throws(&["prompt #name"])
    .errno(&[]),
    takes(
        "setPromptSet",
        Separator::None,
        PROMPT_SET,
        set_prompts,
        "Selects the prompt set.",
    )
    .throws(&["prompt #name"])
    .errno(&[])
    .remark(code::ALIAS_NAME, "the original only knows 'setPrompts'"),
    takes(
        "playSilence",
        Separator::None,
        LENGTH,
        |a, s| silence(a, s, false),
        "Plays silence.",
    )
    .throws(&["core #cause"]),
    takes(
        "playSilenceFront",
        Separator::None,
        LENGTH,
        |a, s| silence(a, s, true),
        "Plays silence before everything else.",
    )
    .throws(&["core #cause"]),
    takes(
        "playRingtone",
        Separator::Commas(2),
        &[
            need("struct", Kind::Collection),
            need("front", Kind::Flag("front")),
        ],
        ringtone,
        "Plays a tone described by the members length, on, off, f and f2 of a struct.",
    )
    .throws(&["core #cause"])
    .errno(&[]),
    takes(
        "recordFile",
        Separator::Commas(2),
        &[
            need("path", Kind::NewFile),
            may("options", Kind::RecordOptions),
        ],
        record,
        "Records what is heard into a file: .wav, also as .wav|A-Law or .wav|Mu-Law, .opus or .ogg. \
         Options have ; between them: both=mixed or both=stereo (left what is heard, right what is \
         sent), max and silence in seconds end the recording, trim=yes leaves out silence at both ends.",
    )
    .throws(&["file #path", "core #cause"])
    .errno(&[]),
    plain(
        "pauseRecord",
        |_, _| perform_checked(HostAction::PauseRecord(true)),
        "Leaves out what comes until 'resumeRecord'.",
    )
    .errno(&["script"]),
    plain(
        "resumeRecord",
        |_, _| perform_checked(HostAction::PauseRecord(false)),
        "Records again after 'pauseRecord'.",
    )
    .errno(&["script"]),
    plain(
        "stopRecord",
        |_, _| perform_checked(HostAction::StopRecord),
        "Ends the recording, and forgets one that has ended by itself.",
    )
    .errno(&["script", "file"]),
    takes(
        "getRecordLength",
        Separator::None,
        RESULT,
        |a, s| measure(a, s, HostAction::GetRecordLength, "record_length"),
        "Milliseconds in the file so far, into the variable of that name.",
    )
    .sets(&["$record_length if no variable is named"])
    .errno(&["script"]),
    takes(
        "getRecordDataSize",
        Separator::None,
        RESULT,
        |a, s| measure(a, s, HostAction::GetRecordDataSize, "record_data_size"),
        "Bytes of audio in the file so far, into the variable of that name.",
    )
    .sets(&["$record_data_size if no variable is named"])
    .errno(&["script"]),
    plain(
        "flushPlaylist",
        |_, _| perform(HostAction::FlushPlaylist),
        "Empties the playlist.",
    ),
    plain(
        "closePlaylist",
        |_, _| perform(HostAction::FlushPlaylist),
        "Empties the playlist.",
    )
    .remark(code::DEPRECATED_ACTION, "the name is 'flushPlaylist' now"),
    takes(
        "addSeparator",
        Separator::Commas(2),
        &[need("id", Kind::Value), may("front", Kind::Flag("front"))],
        add_separator,
        "Raises 'separator' when the playlist gets there.",
    )
    .errno(&["arg"]),
];

fn play_file(arguments: &Arguments<'_>, scope: &mut Scope<'_>, front: bool) -> Done {
    let path = arguments.owned(0, scope);
    perform_checked(HostAction::PlayFile {
        path,
        looped: arguments.flag(1, scope),
        front,
    })
}

fn prompt(arguments: &Arguments<'_>, scope: &mut Scope<'_>, looped: bool, front: bool) -> Done {
    perform_checked(HostAction::PlayPrompt {
        name: arguments.owned(0, scope),
        looped,
        front,
    })
}

fn set_prompts(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    perform_checked(HostAction::SetPrompts {
        set: arguments.owned(0, scope),
    })
}

fn silence(arguments: &Arguments<'_>, scope: &mut Scope<'_>, front: bool) -> Done {
    let length = arguments.signed(0, scope);
    let Some(milliseconds) = length.filter(|milliseconds| *milliseconds >= 0) else {
        return Err(Exception::core("the length of silence is a number from 0"));
    };
    perform(HostAction::PlaySilence {
        milliseconds,
        front,
    })
}

fn ringtone(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let member = |name: &str| {
        let value = scope
            .variables
            .get(&format!("{}.{name}", arguments.name(0)))
            .unwrap_or("");
        signed(value).ok_or_else(|| Exception::core(format!("ring tone: {name} is no number")))
    };
    let hertz = |name: &str| match member(name)? {
        hertz @ 0..=Ringtone::MAX_HERTZ => Ok(hertz),
        other => Err(Exception::core(format!(
            "ring tone: {name} is out of range: {other}"
        ))),
    };
    perform_checked(HostAction::PlayRingtone(Ringtone {
        length: member("length")?,
        on: member("on")?,
        off: member("off")?,
        f: hertz("f")?,
        f2: hertz("f2")?,
        front: arguments.flag(1, scope),
    }))
}

fn record(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let options = RecordOptions::parse(&arguments.text(1, scope));
    perform_checked(HostAction::RecordFile {
        path: arguments.owned(0, scope),
        options: options.map_err(|error| Exception::core(error.to_string()))?,
    })
}

fn measure(
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    action: HostAction,
    default: &str,
) -> Done {
    let name = arguments.text(0, scope);
    let name = if name.is_empty() { default } else { &name };
    Ok(Outcome::Perform(action, Then::Store(name.to_owned())))
}

fn add_separator(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let Some(id) = arguments.unsigned(0, scope) else {
        return bad_argument("the id of a separator is no number");
    };
    perform_checked(HostAction::AddSeparator {
        id,
        front: arguments.flag(1, scope),
    })
}
