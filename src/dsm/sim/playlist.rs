//! The playlist of a simulated call: what is played, how long it takes, what it raises.

use std::collections::VecDeque;
use std::time::Duration;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Playlist {
    items: VecDeque<Item>,
    /// Media is connected, so that time passes for the first item.
    pub connected: bool,
    /// The last item was played; to be told once.
    ran_out: bool,
}

#[derive(Debug)]
struct Item {
    name: String,
    sound: Sound,
}

/// What an item is.
#[derive(Clone, Copy, Debug)]
pub enum Sound {
    /// Something that takes this long.
    Lasts(Duration),
    Endless,
    Separator(u32),
}

/// What the playlist raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// An item ended and another one begins: nothing.
    Nothing,
    Separator(u32),
    NoAudio,
}

impl Playlist {
    pub fn push(&mut self, name: &str, sound: Sound, front: bool) {
        let name = name.to_owned();
        self.ran_out = false;
        match front {
            true => self.items.push_front(Item { name, sound }),
            false => self.items.push_back(Item { name, sound }),
        }
    }

    pub fn flush(&mut self) {
        self.items.clear();
        self.ran_out = false;
    }

    /// How long until something ends; `None` if nothing will.
    pub fn due(&self) -> Option<Duration> {
        if self.ran_out {
            return Some(Duration::ZERO);
        }
        match self.items.front()?.sound {
            _ if !self.connected => None,
            Sound::Lasts(left) => Some(left),
            Sound::Endless => None,
            Sound::Separator(_) => Some(Duration::ZERO),
        }
    }

    /// Lets time pass, at most as long as [`due`](Self::due) says.
    pub fn advance(&mut self, time: Duration) {
        if let Some(Item {
            sound: Sound::Lasts(left),
            ..
        }) = self.items.front_mut()
            && self.connected
        {
            *left = left.saturating_sub(time);
        }
    }

    /// Takes what is due now.
    pub fn take_due(&mut self) -> Raised {
        if std::mem::take(&mut self.ran_out) {
            return Raised::NoAudio;
        }
        let item = self.items.pop_front();
        self.ran_out = self.items.is_empty();
        match item.map(|item| item.sound) {
            Some(Sound::Separator(id)) => Raised::Separator(id),
            _ => Raised::Nothing,
        }
    }

    /// Each item with what is left of it.
    pub fn describe(&self) -> String {
        let item = |item: &Item| match item.sound {
            Sound::Lasts(left) => format!("{} ({:.1} s)", item.name, left.as_secs_f64()),
            Sound::Endless => format!("{} (endless)", item.name),
            Sound::Separator(id) => format!("separator {id}"),
        };
        let mut text = self.items.iter().map(item).collect::<Vec<_>>().join(", ");
        if !text.is_empty() && !self.connected {
            text += "; waits for sessionStart or connectMedia()";
        }
        text
    }
}
