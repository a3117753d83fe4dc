//! What the server could play, as far as the arguments of `muleteer check` say.

use std::io;
use std::path::PathBuf;

use super::CheckArgs;
use super::output::complain;
use crate::config;
use crate::deployment::PromptLists;
use crate::dsm::Resources;
use crate::session::prompt_sets::PromptSets;
use crate::session::safe_path;

/// See the module's documentation.
pub(super) struct Playable {
    /// The folders that audio files are looked up in; without any nothing is known.
    audio: Vec<PathBuf>,
    prompts: Option<PromptSets>,
}

impl Playable {
    /// Reads the configuration, if one is named. What is wrong with its prompts is told at once.
    ///
    /// # Errors
    /// What cannot be read, for people.
    pub fn new(args: &CheckArgs) -> io::Result<Self> {
        if let Some(file) = &args.config {
            let config = config::load(Some(file), &[]).map_err(io::Error::other)?;
            let lists = PromptLists::of(&config);
            let prompts = lists.load_telling(&mut |text| complain!("{text}"));
            return Ok(Self {
                prompts: Some(prompts.map_err(io::Error::other)?),
                audio: config.audio.path,
            });
        }
        match args.audio.iter().find(|folder| !folder.is_dir()) {
            Some(folder) => Err(io::Error::other(format!(
                "{}: there is no such folder",
                folder.display()
            ))),
            None => Ok(Self {
                audio: args.audio.clone(),
                prompts: None,
            }),
        }
    }
}

impl Resources for Playable {
    fn has_audio_file(&self, name: &str) -> Option<bool> {
        let is_in = |root: &PathBuf| safe_path::join(root, name).is_some_and(|it| it.is_file());
        (!self.audio.is_empty()).then(|| self.audio.iter().any(is_in))
    }

    fn has_prompt(&self, name: &str) -> Option<bool> {
        Some(self.prompts.as_ref()?.any_has(name))
    }
}
