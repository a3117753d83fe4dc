//! CORE. Sounds that are mixed into what a peer hears, without interrupting it.

use std::sync::Arc;
use std::time::Duration;

use super::coder::{Coder, Format};
use super::core::{MediaIo, Retired};
use super::sender::{pass, render};
use super::stream::Turn;
use crate::audio::Prompt;
use crate::audio::frame::{MAX_FRAME_SAMPLES, saturate};
use crate::audio::playlist::{Playlist, PlaylistItem};

/// How sounds are mixed in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MixInSettings {
    /// How loud a sound is, 0 to 1; what it is mixed into gets the rest while the sound plays. Below
    /// 0.01 the sound is heard at full level, and the output waits until it has ended.
    pub level: f32,
    /// When set, a single sound begins so long after it was given and again each time this has
    /// passed; otherwise it plays once and at once.
    pub every: Option<Duration>,
}

impl MixInSettings {
    /// What is no number counts as 0.
    fn in_range(self) -> Self {
        let level = if self.level.is_nan() { 0.0 } else { self.level };
        Self {
            level: level.clamp(0.0, 1.0),
            ..self
        }
    }
}

/// The sounds of one stream.
pub(super) struct MixIn {
    settings: MixInSettings,
    sounds: Playlist,
    /// The sound that is played again and again, and the time until then.
    repeated: Option<(Arc<Prompt>, Duration)>,
    coder: Coder,
}

impl MixIn {
    pub(super) fn new(settings: MixInSettings) -> Self {
        Self {
            settings: settings.in_range(),
            sounds: Playlist::default(),
            repeated: None,
            coder: Coder::default(),
        }
    }

    pub(super) fn set(&mut self, settings: MixInSettings) {
        self.settings = settings.in_range();
    }

    /// Replaces what is played.
    pub(super) fn play(&mut self, item: PlaylistItem, turn: &mut Turn<'_, impl MediaIo>) {
        self.flush(turn);
        match (self.settings.every, item) {
            (Some(every), PlaylistItem::Prompt { prompt, .. }) => {
                self.repeated = Some((prompt, every));
            }
            (_, item) => self.append(item, turn),
        }
    }

    /// Plays `item` when what is there has ended; what is repeated is not any more.
    pub(super) fn append(&mut self, item: PlaylistItem, turn: &mut Turn<'_, impl MediaIo>) {
        if let Some((repeated, _)) = self.repeated.take() {
            turn.io.retire(Retired::Item(once(repeated)));
        }
        if let Err(item) = self.sounds.append(item) {
            turn.refuse(item);
        }
    }

    pub(super) fn flush(&mut self, turn: &mut Turn<'_, impl MediaIo>) {
        let repeated = self.repeated.take().map(|(prompt, _)| once(prompt));
        for item in repeated.into_iter().chain(self.sounds.flush()) {
            turn.io.retire(Retired::Item(item));
        }
    }

    /// Whether there is a sound, now or later.
    pub(super) fn has_work(&self) -> bool {
        !self.sounds.is_empty() || self.repeated.is_some() && self.settings.every.is_some()
    }

    /// Whether the output waits while a sound is heard.
    pub(super) fn pauses_output(&self) -> bool {
        self.settings.level < PAUSING_LEVEL
    }

    /// Goes on by one packet time. True: a sound is heard in it.
    pub(super) fn advance(&mut self, packet_time: Duration) -> bool {
        let playing = !self.sounds.is_empty();
        if let (Some((prompt, left)), Some(every)) = (&mut self.repeated, self.settings.every) {
            *left = left.saturating_sub(packet_time);
            if left.is_zero() && !playing {
                *left = every;
                // The list is empty, so there is room.
                let _ = self.sounds.append(once(prompt.clone()));
            }
        }
        !self.sounds.is_empty()
    }

    /// Mixes one packet time of sound into `pcm`.
    pub(super) fn mix(
        &mut self,
        format: &Format,
        pcm: &mut [i16],
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let mut sound = [0; MAX_FRAME_SAMPLES];
        let sound = &mut sound[..pcm.len()];
        let (sounds, coder) = (&mut self.sounds, &mut self.coder);
        render(sounds, coder, format, sound, |_, _| false, turn);
        // What ended with the packet has ended now.
        pass(&mut self.sounds, turn);
        let (output, level) = match self.pauses_output() {
            true => (0.0, 1.0),
            false => (1.0 - self.settings.level, self.settings.level),
        };
        for (sample, &sound) in pcm.iter_mut().zip(&*sound) {
            *sample = saturate(f32::from(*sample) * output + f32::from(sound) * level);
        }
    }
}

fn once(prompt: Arc<Prompt>) -> PlaylistItem {
    PlaylistItem::Prompt {
        prompt,
        looped: false,
    }
}

/// Below this the output waits.
const PAUSING_LEVEL: f32 = 0.01;
