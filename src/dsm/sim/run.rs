//! One run of a diagram in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::engine::{Engine, NotStartable};
use super::super::event::{Event, EventKind};
use super::super::program::DiagramSet;
use super::super::testing::TestHost;
use super::super::testing::expect::{event_words, is_name, written};
use super::super::value::{TooManyValues, Values};
use super::Sounds;
use super::host::SimHost;
use super::playlist::{Playlist, Raised};

/// Events that time may raise in one go; a diagram that never waits would raise them without end.
const MAX_RAISED: usize = 1000;

pub struct Run<'a> {
    pub engine: Engine,
    pub host: SimHost<'a>,
    /// What was done, in the words of an `.expect` file.
    pub blocks: Vec<Block>,
}

/// An event and what it did.
#[derive(Debug)]
pub struct Block {
    /// The event as written behind `on`.
    pub event: String,
    /// Since the start.
    pub at: Duration,
    pub trace: Vec<String>,
    pub problems: Vec<String>,
    /// `diagram/state` afterwards.
    pub state: String,
    pub stopped: bool,
    /// Variables that are different afterwards: name, before, after.
    pub changes: Vec<Change>,
}

#[derive(Debug)]
pub struct Change {
    pub name: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl<'a> Run<'a> {
    pub fn new(
        diagrams: Arc<DiagramSet>,
        variables: Values,
        record: TestHost,
        sounds: &'a dyn Sounds,
    ) -> Result<Self, NotStartable> {
        Ok(Self {
            engine: Engine::new(diagrams, super::MAIN, variables)?,
            host: SimHost {
                record,
                sounds,
                now: Duration::ZERO,
                timers: BTreeMap::new(),
                playlist: Playlist::default(),
            },
            blocks: Vec::new(),
        })
    }

    /// `diagram/state`.
    pub fn state(&self) -> String {
        format!(
            "{}/{}",
            self.engine.diagram().name(),
            self.engine.state_name()
        )
    }

    /// Sets a variable from outside.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), TooManyValues> {
        self.engine.variables_mut().set(name, value)
    }

    /// Processes an event, and what is due at once because of it. The error is the number of events
    /// after which that did not come to rest.
    pub fn happen(&mut self, event: Event) -> Result<(), usize> {
        self.process(event);
        self.wait(Duration::ZERO)
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) -> Result<(), usize> {
        let until = self.host.now + time;
        let first = self.blocks.len();
        let mut turns = 0;
        loop {
            let left = until - self.host.now;
            let timer = self.host.next_timer();
            let timer_in = timer.map(|(_, at)| at.saturating_sub(self.host.now));
            let sound_in = self.host.playlist.due();
            let next = timer_in.into_iter().chain(sound_in).min();
            let Some(step) = next.filter(|next| *next <= left) else {
                self.pass(left);
                return Ok(());
            };
            turns += 1;
            if self.blocks.len() - first >= MAX_RAISED || turns > 2 * MAX_RAISED {
                return Err(MAX_RAISED);
            }
            self.pass(step);
            match timer {
                Some((id, _)) if timer_in == Some(step) => {
                    self.host.timers.remove(&id);
                    self.process(with_id(EventKind::Timer, id));
                }
                _ => self.sound_ended(),
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.host.now += time;
        self.host.playlist.advance(time);
    }

    fn sound_ended(&mut self) {
        match self.host.playlist.take_due() {
            Raised::Nothing => {}
            Raised::Separator(id) => {
                self.process(with_id(EventKind::Separator, id));
            }
            Raised::NoAudio => {
                let event = Event::new(EventKind::NoAudio).with("type", "noAudio");
                self.process(event);
            }
        }
    }

    fn process(&mut self, event: Event) {
        let written = event_words(&event);
        let before = self.engine.variables().clone();
        let kind = event.kind;
        // This host never lets an action wait, so the event is done when this returns.
        match self.blocks.is_empty() {
            true => {
                self.host.record.system = kind.begins_without_call();
                self.engine.start(event, &mut self.host)
            }
            false => self.engine.run_event(event, &mut self.host),
        };
        let wants_media = self.engine.variables().get("connect_session") != Some("0");
        if kind == EventKind::SessionStart && wants_media {
            self.host.playlist.connected = true;
        }
        let block = Block {
            event: written,
            at: self.host.now,
            trace: std::mem::take(&mut self.host.record.record),
            problems: std::mem::take(&mut self.host.record.problems),
            state: self.state(),
            stopped: self.engine.is_stopped(),
            changes: changes(&before, self.engine.variables()),
        };
        self.blocks.push(block);
    }
}

fn with_id(kind: EventKind, id: u32) -> Event {
    Event::new(kind).with("id", id.to_string())
}

fn changes(before: &Values, after: &Values) -> Vec<Change> {
    let names: BTreeSet<&str> = before
        .iter()
        .chain(after.iter())
        .map(|(name, _)| name)
        .collect();
    names
        .into_iter()
        .filter(|name| before.get(name) != after.get(name))
        .map(|name| Change {
            name: name.to_owned(),
            before: before.get(name).map(str::to_owned),
            after: after.get(name).map(str::to_owned),
        })
        .collect()
}

impl Block {
    /// The block of an `.expect` file.
    pub fn as_test(&self, before: Option<&Block>) -> String {
        let mut text = format!("on {}\n", self.event);
        for line in &self.trace {
            text += &format!("  {line}\n");
        }
        text += &format!("  = state {}\n", self.state);
        for change in &self.changes {
            if is_name(&change.name) {
                let value = change.after.as_deref().map_or("unset".to_owned(), written);
                text += &format!("  = ${} {value}\n", change.name);
            }
        }
        if self.stopped != before.is_some_and(|before| before.stopped) {
            text += &format!("  = stopped {}\n", self.stopped);
        }
        text
    }
}
