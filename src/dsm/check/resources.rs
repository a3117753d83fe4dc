//! Files and prompts that a diagram names literally and that are not there.

use std::collections::HashSet;

use super::super::diagnostic::{Code, Diagnostic, code};
use super::super::program::StateDiagram;
use super::super::registry::Kind;
use super::flow;
use crate::audio::recording::FileFormat;

/// What is found here.
pub const CODES: &[Code] = &[code::FILE_MISSING, code::PROMPT_MISSING];

/// What a diagram may play, as far as that is known while it is checked.
pub trait Resources {
    /// Whether there is an audio file that `playFile` finds by this name; `None` if that is not known.
    fn has_audio_file(&self, name: &str) -> Option<bool>;

    /// Whether a prompt set has a prompt of this name; `None` if that is not known.
    fn has_prompt(&self, name: &str) -> Option<bool>;
}

/// Nothing is known of what can be played.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingKnown;

impl Resources for NothingKnown {
    fn has_audio_file(&self, _: &str) -> Option<bool> {
        None
    }

    fn has_prompt(&self, _: &str) -> Option<bool> {
        None
    }
}

/// Reports literal names of what is not there, and what the diagram does not record itself.
pub fn missing(diagram: &StateDiagram, resources: &dyn Resources, findings: &mut Vec<Diagnostic>) {
    let mut reported = HashSet::new();
    let recorded: HashSet<&str> = flow::lists(diagram)
        .flat_map(flow::actions)
        .flat_map(flow::arguments)
        .filter(|(parameter, _)| parameter.kind == Kind::NewFile)
        .filter_map(|(_, argument)| argument.literal())
        // Without the coding: `a.wav|A-Law` is the file a.wav.
        .map(|name| FileFormat::of_name(name).map_or(name, |(file, _)| file))
        .collect();
    for action in flow::lists(diagram).flat_map(flow::actions) {
        for (parameter, argument) in flow::arguments(action) {
            let Some(name) = argument.literal() else {
                continue;
            };
            let (there, code, message) = match parameter.kind {
                Kind::AudioFile if recorded.contains(name) => continue,
                Kind::AudioFile => (
                    resources.has_audio_file(name),
                    code::FILE_MISSING,
                    format!("there is no audio file '{name}': this throws 'file'"),
                ),
                Kind::Prompt => (
                    resources.has_prompt(name),
                    code::PROMPT_MISSING,
                    format!("there is no prompt '{name}': this throws 'prompt'"),
                ),
                _ => continue,
            };
            if there == Some(false) && reported.insert(action.span) {
                findings.push(Diagnostic::new(code, action.span, message));
            }
        }
    }
}
