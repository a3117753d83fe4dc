//! A simulated call: commands in, text out, time that passes only when told to.
//!
//! Owns one run of a diagram upon the recording host, and what led to it, so that all of it can be
//! taken back, replayed after a change, or kept as a test. Driven line by line by `muleteer sim`.
//! Reads no terminal and knows no clock; files come from a [`SourceProvider`], lengths of sounds from
//! [`Sounds`].

mod command;
mod host;
mod places;
mod playlist;
mod run;

use std::sync::Arc;
use std::time::Duration;

pub use self::command::CommandError;
use self::command::{COMMANDS, Command};
use self::run::{Block, Run};
use super::condition::names;
use super::event::{Event, EventKind};
use super::include::join;
use super::load::{diagram_files, folder, load, load_set, stem};
use super::program::DiagramSet;
use super::registry::{ConditionKind, Module, Registry};
use super::source::SourceProvider;
use super::testing::expect::{Assertion, event_words, written};
use super::testing::{Fact, FailureKind, TestHost, registry, stand_ins};
use super::value::Values;

/// The name under which the simulated diagram is loaded, as in an `.expect` file.
const MAIN: &str = "main";
/// Things to replay; more are refused.
const MAX_INPUTS: usize = 10_000;

/// How long sounds are.
pub trait Sounds {
    /// How long the file or prompt of this name plays.
    fn length(&self, name: &str) -> Duration;
}

/// A diagram that is simulated.
pub struct Simulator<'a> {
    path: String,
    provider: &'a dyn SourceProvider,
    sounds: &'a dyn Sounds,
    registry: Registry,
    library: Library,
    facts: Vec<Fact>,
    inputs: Vec<Input>,
    run: Run<'a>,
}

/// The diagrams that are there.
struct Library {
    diagrams: Arc<DiagramSet>,
    /// Each name with its file, the simulated one first.
    files: Vec<(String, String)>,
}

/// What made the run what it is.
#[derive(Clone, Debug)]
enum Input {
    Event(Event),
    Wait(Duration),
    Set(String, String),
}

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// An event that begins.
    Event,
    /// A line of the trace.
    Trace,
    /// What is so now.
    State,
    /// A mistake of the diagram, or a check that failed.
    Problem,
    /// Anything else.
    Note,
}

/// One line for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says, for its colour.
    pub tone: Tone,
    /// Without line end.
    pub text: String,
}

/// What became of a command.
#[derive(Debug, Default)]
pub struct Reply {
    /// What to show.
    pub lines: Vec<Line>,
    /// The command was wrong, or a check failed.
    pub failed: bool,
    /// The user wants to leave.
    pub quit: bool,
    /// A file to write [`Simulator::as_test`] to.
    pub save: Option<String>,
}

/// The diagram has mistakes; they are the text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotLoaded(pub String);

impl<'a> Simulator<'a> {
    /// Loads the file at `path`, with the other diagrams of its folder to call, and starts it.
    /// `variables` are set before.
    ///
    /// # Errors
    /// [`NotLoaded`] if the diagram has mistakes or cannot be started.
    pub fn new(
        path: &str,
        variables: &[(String, String)],
        provider: &'a dyn SourceProvider,
        sounds: &'a dyn Sounds,
    ) -> Result<(Self, Reply), NotLoaded> {
        Self::with_registry(path, variables, provider, sounds, registry())
    }

    /// The same with other actions and modules.
    ///
    /// # Errors
    /// As [`Simulator::new`].
    pub fn with_registry(
        path: &str,
        variables: &[(String, String)],
        provider: &'a dyn SourceProvider,
        sounds: &'a dyn Sounds,
        registry: Registry,
    ) -> Result<(Self, Reply), NotLoaded> {
        let library = Library::load(path, provider, &registry)?;
        let facts: Vec<Fact> = variables
            .iter()
            .map(|(name, value)| Fact::Variable(name.clone(), value.clone()))
            .collect();
        let run = begin(&library.diagrams, &facts, sounds)?;
        let mut simulator = Self {
            path: path.to_owned(),
            provider,
            sounds,
            registry,
            library,
            facts,
            inputs: Vec::new(),
            run,
        };
        let mut reply = Reply::default();
        for module in stand_ins(&simulator.library.diagrams, &Registry::default()) {
            reply.note(format!(
                "{module} is a stand-in: it shows its actions and does nothing"
            ));
        }
        for note in stands_for(&simulator.library.diagrams) {
            reply.note(note);
        }
        simulator.input(Input::Event(Event::new(EventKind::Start)), &mut reply);
        Ok((simulator, reply))
    }

    /// Does what a line says.
    pub fn line(&mut self, line: &str) -> Reply {
        let mut reply = Reply::default();
        match command::parse(line, &self.registry) {
            Ok(command) => self.command(command, &mut reply),
            Err(error) => reply.fail(error.to_string()),
        }
        reply
    }

    /// What the last word of `line` may become, and where in the line it begins.
    pub fn completions(&self, line: &str) -> (usize, Vec<String>) {
        let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let word = &line[start..];
        let before: Vec<&str> = line[..start].split_whitespace().collect();
        let diagram = self.run.engine.diagram();
        let variables = || {
            let names = self
                .run
                .engine
                .variables()
                .iter()
                .map(|(name, _)| format!("${name}"));
            names.collect::<Vec<_>>()
        };
        let mut words: Vec<String> = match before[..] {
            [] => {
                let commands = COMMANDS.iter().map(|(name, _)| *name);
                commands.chain(self.events()).map(str::to_owned).collect()
            }
            ["expect", "state"] => diagram.states().map(str::to_owned).collect(),
            ["expect"] => {
                let mut words = variables();
                words.extend(["state".to_owned(), "stopped".to_owned()]);
                words
            }
            ["set" | "vars"] => variables(),
            ["on"] => self.events().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        words.retain(|known| known.starts_with(word));
        words.sort();
        words.dedup();
        (start, words)
    }

    /// The names of the events that may happen to the diagrams.
    fn events(&self) -> impl Iterator<Item = &'static str> {
        let diagrams = self.library.diagrams.iter();
        let imports = diagrams.flat_map(|diagram| diagram.imports());
        let modules = imports.filter_map(|name| self.registry.module(name));
        event_names().chain(modules.flat_map(Module::events).map(|event| event.name))
    }

    /// Everything that was done so far as the text of an `.expect` file, which names the simulated
    /// diagram unless it is `beside` it, and others as `named` turns their paths.
    ///
    /// # Errors
    /// Why it cannot be written as one.
    pub fn as_test(
        &self,
        beside: bool,
        named: impl Fn(&str) -> String,
    ) -> Result<String, CannotSave> {
        if self
            .inputs
            .iter()
            .any(|input| matches!(input, Input::Set(..)))
        {
            return Err(CannotSave);
        }
        let mut text = match beside {
            true => String::new(),
            false => format!("program {}\n", written(&named(&self.path))),
        };
        let traced = |name: &str| {
            let enters = format!("S {name}/");
            let mut traces = self.run.blocks.iter().flat_map(|block| &block.trace);
            traces.any(|line| line.starts_with(&enters))
        };
        for (name, path) in self
            .library
            .files
            .iter()
            .skip(1)
            .filter(|(name, _)| traced(name))
        {
            text += &format!("diag {} {}\n", written(name), written(&named(path)));
        }
        for fact in &self.facts {
            text += &format!("{fact}\n");
        }
        let mut before: Option<&Block> = None;
        for block in &self.run.blocks {
            if !text.is_empty() {
                text.push('\n');
            }
            text += &block.as_test(before);
            before = Some(block);
        }
        Ok(text)
    }

    fn command(&mut self, command: Command, reply: &mut Reply) {
        match command {
            Command::Nothing => {}
            Command::Events(events) => {
                for event in events {
                    match event.kind.begins() {
                        true => self.begin_with(event, reply),
                        false => self.input(Input::Event(event), reply),
                    }
                }
            }
            Command::Wait(time) => self.input(Input::Wait(time), reply),
            Command::Set(name, value) => self.input(Input::Set(name, value), reply),
            Command::Fact(fact) => {
                self.facts.push(fact);
                if !self.replay(reply) {
                    self.facts.pop();
                }
            }
            Command::Undo if self.inputs.len() < 2 => reply.fail("there is nothing to take back"),
            Command::Undo => {
                self.inputs.pop();
                self.replay(reply);
            }
            Command::Reload => self.reload(reply),
            Command::Save(file) => reply.save = Some(file),
            Command::Expect(expected) => match self.differs(expected) {
                None => reply.note("as expected"),
                Some(kind) => reply.fail(format!("not as expected: {}", kind.text().trim_end())),
            },
            Command::Quit => reply.quit = true,
            Command::Help => {
                reply.note("Events: key 1, timer 1, noAudio, hangup, event a=1 b=\"x y\", sessionStart, ...");
                for (_, help) in COMMANDS.iter().filter(|(_, help)| !help.is_empty()) {
                    reply.note(format!("  {help}"));
                }
            }
            command => self.show(&command, reply),
        }
    }

    /// Commands that only look.
    fn show(&self, command: &Command, reply: &mut Reply) {
        match command {
            Command::Vars(prefix) => {
                let variables = self.run.engine.variables().with_prefix(prefix);
                for (name, value) in variables {
                    reply.say(Tone::State, format!("  ${name} {}", written(value)));
                }
            }
            Command::State => reply.say(Tone::State, self.run.state()),
            Command::Where => self.places(reply),
            Command::Timers => reply.note(or_none(self.timers(), "no timer runs")),
            Command::Playlist => {
                reply.note(or_none(
                    self.run.host.playlist.describe(),
                    "nothing is played",
                ));
            }
            Command::History => {
                for block in &self.run.blocks {
                    let text = format!("{} {}  -> {}", clock(block.at), block.event, block.state);
                    reply.note(text);
                }
            }
            _ => {}
        }
    }

    fn input(&mut self, input: Input, reply: &mut Reply) {
        if self.inputs.len() >= MAX_INPUTS {
            return reply.fail("too much was done to go on; reload begins anew with a new session");
        }
        let first = self.run.blocks.len();
        let result = apply(&mut self.run, &input);
        self.inputs.push(input);
        for block in &self.run.blocks[first..] {
            reply.block(block);
        }
        if let Err(error) = result {
            reply.fail(error);
        }
        self.status(reply);
    }

    /// Does everything again from the start; says where that leads. False if it cannot start.
    fn replay(&mut self, reply: &mut Reply) -> bool {
        let mut run = match begin(&self.library.diagrams, &self.facts, self.sounds) {
            Ok(run) => run,
            Err(error) => {
                reply.fail(error.to_string());
                return false;
            }
        };
        for input in &self.inputs {
            if let Err(error) = apply(&mut run, input) {
                reply.fail(error);
            }
        }
        self.run = run;
        let count = self.inputs.len();
        let plural = if count == 1 { "" } else { "s" };
        reply.note(format!("replayed {count} input{plural}"));
        self.status(reply);
        true
    }

    fn reload(&mut self, reply: &mut Reply) {
        match Library::load(&self.path, self.provider, &self.registry) {
            Ok(library) => {
                self.library = library;
                self.replay(reply);
            }
            Err(error) => reply.fail(format!("{error}the diagram before it goes on")),
        }
    }

    /// Begins anew with another first event.
    fn begin_with(&mut self, event: Event, reply: &mut Reply) {
        if self.inputs.len() > 1 {
            let name = event_words(&event);
            return reply.fail(format!(
                "'{name}' is the first event or none: undo what came before it"
            ));
        }
        match begin(&self.library.diagrams, &self.facts, self.sounds) {
            Ok(run) => self.run = run,
            Err(error) => return reply.fail(error.to_string()),
        }
        self.inputs.clear();
        self.input(Input::Event(event), reply);
    }

    /// What is not as expected. A state may be named without its diagram.
    fn differs(&self, mut expected: Assertion) -> Option<FailureKind> {
        if let Assertion::State(state) = &mut expected
            && state == self.run.engine.state_name()
        {
            *state = self.run.state();
        }
        let problems = self.run.blocks.last().map(|block| &*block.problems);
        expected.failure(&self.run.engine, problems.unwrap_or_default())
    }

    /// Where the call is now.
    fn status(&self, reply: &mut Reply) {
        let run = &self.run;
        let mut text = format!("{} {}", clock(run.host.now), run.state());
        if run.engine.is_stopped() {
            text += ", stopped";
        }
        let (timers, playlist) = (self.timers(), run.host.playlist.describe());
        if !timers.is_empty() {
            text += &format!("; timers: {timers}");
        }
        if !playlist.is_empty() {
            text += &format!("; plays: {playlist}");
        }
        reply.say(Tone::State, text);
    }

    fn timers(&self) -> String {
        let host = &self.run.host;
        let timer = |(id, at): (&u32, &Duration)| {
            format!("{id} in {:.1} s", at.saturating_sub(host.now).as_secs_f64())
        };
        host.timers.iter().map(timer).collect::<Vec<_>>().join(", ")
    }

    fn places(&self, reply: &mut Reply) {
        let current = self.run.engine.diagram().name();
        let file = self.library.files.iter().find(|(name, _)| name == current);
        let Some((_, path)) = file else { return };
        for line in places::of_state(path, self.run.engine.state_name(), self.provider) {
            reply.note(line);
        }
    }
}

/// A variable was set in the middle, which a test has no word for.
#[derive(Debug, thiserror::Error)]
#[error(
    "a test cannot set a variable in the middle: undo 'set', or use 'var' to set it before the start"
)]
pub struct CannotSave;

impl Library {
    /// Loads a diagram as `main`, and all diagrams of its folder under their names.
    fn load(
        path: &str,
        provider: &dyn SourceProvider,
        registry: &Registry,
    ) -> Result<Self, NotLoaded> {
        let main = load(MAIN, path, provider, registry);
        if main
            .diagram
            .as_ref()
            .is_none_or(|main| main.initial().is_none())
        {
            return Err(NotLoaded(main.render()));
        }
        let mut files = vec![(MAIN.to_owned(), path.to_owned())];
        for file in diagram_files(folder(path), provider) {
            let name = stem(&file).to_owned();
            if name != MAIN {
                files.push((name, join(folder(path), &file)));
            }
        }
        let diagrams = load_set(&files, provider, registry).diagrams;
        Ok(Self { diagrams, files })
    }
}

/// What actions of imported modules do here in place of what they do in a call.
fn stands_for(diagrams: &DiagramSet) -> impl Iterator<Item = &'static str> {
    const NOTES: [(&str, &str); 2] = [
        (
            "mod_sys",
            "mod_sys touches nothing: files are in memory, commands give no output and status 0, the time of \
             day stands still; 'missing' and 'holds' say what is on the machine",
        ),
        (
            "mod_groups",
            "mod_groups: this call is alone; 'member GROUP ID' puts somebody else into a group",
        ),
    ];
    let imported = |name: &str| {
        let mut all = diagrams.iter().flat_map(|diagram| diagram.imports());
        all.any(|import| import == name)
    };
    let notes = NOTES.into_iter().filter(move |(name, _)| imported(name));
    notes.map(|(_, note)| note)
}

/// A run that has not started yet, in a world of these facts.
fn begin<'a>(
    diagrams: &Arc<DiagramSet>,
    facts: &[Fact],
    sounds: &'a dyn Sounds,
) -> Result<Run<'a>, NotLoaded> {
    let mut host = TestHost::default();
    let mut variables = Values::new();
    for fact in facts {
        fact.tell(&mut host, &mut variables)
            .map_err(|error| NotLoaded(error.to_string()))?;
    }
    Run::new(diagrams.clone(), variables, host, sounds)
        .map_err(|error| NotLoaded(error.to_string()))
}

fn apply(run: &mut Run<'_>, input: &Input) -> Result<(), String> {
    let restless = |events| {
        format!(
            "{events} events came at once without end: something of no length is played again and again?"
        )
    };
    match input {
        Input::Event(event) => run.happen(event.clone()).map_err(restless),
        Input::Wait(time) => run.wait(*time).map_err(restless),
        Input::Set(name, value) => run.set(name, value).map_err(|error| error.to_string()),
    }
}

/// The names of all events.
fn event_names() -> impl Iterator<Item = &'static str> {
    let is_event = |kind: &ConditionKind| matches!(kind, ConditionKind::Event(_));
    names()
        .filter(move |(_, kind)| is_event(kind))
        .map(|(name, _)| name)
}

/// Minutes, seconds and tenths since the start, rounded.
fn clock(time: Duration) -> String {
    let tenths = (time.as_millis() + 50) / 100;
    format!("[{}:{:02}.{}]", tenths / 600, tenths / 10 % 60, tenths % 10)
}

fn or_none(text: String, none: &str) -> String {
    if text.is_empty() {
        none.to_owned()
    } else {
        text
    }
}

impl Reply {
    fn say(&mut self, tone: Tone, text: impl Into<String>) {
        let text = text.into();
        self.lines.push(Line { tone, text });
    }

    fn note(&mut self, text: impl Into<String>) {
        self.say(Tone::Note, text);
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.say(Tone::Problem, text);
        self.failed = true;
    }

    fn block(&mut self, block: &Block) {
        self.say(Tone::Event, format!("{} {}", clock(block.at), block.event));
        for line in &block.trace {
            self.say(Tone::Trace, format!("  {line}"));
        }
        for problem in &block.problems {
            self.say(Tone::Problem, format!("  ! {problem}"));
        }
        if !block
            .trace
            .iter()
            .any(|line| line.starts_with(['T', 'S', 'R', 'X']))
        {
            self.note("  no transition of the state takes this event");
        }
        for change in &block.changes {
            let after = change.after.as_deref().map_or("unset".to_owned(), written);
            let before = change.before.as_deref().map_or("unset".to_owned(), written);
            self.say(
                Tone::State,
                format!("  ${} {after} (was {before})", change.name),
            );
        }
    }
}

#[cfg(test)]
mod tests;
