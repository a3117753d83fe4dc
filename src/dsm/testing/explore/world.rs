//! The host of an exploration: what exists is decided when it is first asked for.
//!
//! Every file, prompt and session exists and every call works, unless an answer says otherwise. A new
//! question is noted, so that the search can come back with the other answer.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::dsm::action::ModuleCondition;
use crate::dsm::host::{
    ActionContext, ActionOutcome, ConditionCall, HostAction, LogLevel, Problem, Trace, Verdict,
};
use crate::dsm::testing::fact::{Fact, Fault};
use crate::dsm::testing::host::{LOCAL_TAG, TestHost};
use crate::dsm::value::Values;

/// Something that may exist or work, or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    File(String),
    /// Name and set.
    Prompt(String, String),
    PromptSet(String),
    Session(String),
    /// Whether somebody else is in it.
    Group(String),
    /// The name of an action of a module that is compiled in, or `DI`.
    Call(String),
    /// An action of a loaded module does not fail like this.
    Fault(String, Fault),
    /// An action of a loaded module works.
    Loaded(String),
    /// The name of a condition of a module that is compiled in.
    Condition(String),
    /// The name of a condition of a loaded module.
    LoadedCondition(String),
}

/// Who else is in a group.
const OTHER: &str = "OTHER";

/// Which of them do.
pub type Answers = BTreeMap<Question, bool>;

/// What loaded modules bring to the diagrams. Nothing of it runs.
#[derive(Clone, Debug, Default)]
pub struct LoadedNames {
    /// Actions, and how each says that it may fail.
    pub actions: BTreeMap<String, Vec<Fault>>,
    pub conditions: BTreeSet<String>,
}

/// A [`TestHost`] that notes questions, and which events can come.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub host: TestHost,
    pub loaded: Rc<LoadedNames>,
    pub answers: Answers,
    /// Questions that had no answer.
    pub asked: Vec<Question>,
    pub problems: Vec<Problem>,
    /// Timers that run.
    pub timers: BTreeSet<u32>,
    /// Marks in the playlist.
    pub separators: BTreeSet<u32>,
    /// Whether something plays.
    pub audio: bool,
    /// Whether something is recorded.
    pub recording: bool,
    prompt_set: String,
}

impl World {
    /// A world in which nothing has been asked.
    pub fn new(loaded: Rc<LoadedNames>) -> Self {
        Self {
            loaded,
            ..Self::default()
        }
    }

    fn answer(&mut self, question: Question) -> bool {
        let works = match self.answers.get(&question) {
            Some(works) => *works,
            None => {
                self.asked.push(question.clone());
                self.answers.insert(question.clone(), true);
                true
            }
        };
        question.tell(works, &mut self.host);
        works
    }

    /// Decides how an action of a loaded module goes.
    fn decide(&mut self, name: &str, faults: &[Fault]) {
        for fault in faults {
            if !self.answer(Question::Fault(name.to_owned(), fault.clone())) {
                return;
            }
        }
        let works = Question::Loaded(name.to_owned());
        works.tell(true, &mut self.host);
        // There is no other answer.
        self.answers.insert(works, true);
    }

    fn question(&self, action: &HostAction) -> Option<Question> {
        Some(match action {
            HostAction::PlayFile { path, .. } | HostAction::RecordFile { path, .. } => {
                Question::File(path.clone())
            }
            // If one is missing none is played, whichever it is.
            HostAction::PlayFiles(files) => Question::File(files.first()?.path.clone()),
            HostAction::PlayPrompt { name, .. } => {
                Question::Prompt(name.clone(), self.prompt_set.clone())
            }
            HostAction::SetPrompts { set } => Question::PromptSet(set.clone()),
            HostAction::PostEvent { session, .. } if session != LOCAL_TAG => {
                Question::Session(session.clone())
            }
            HostAction::Di(_) => Question::Call("DI".to_owned()),
            HostAction::Module(call) => Question::Call(call.name.to_string()),
            HostAction::PostToGroup { group, .. } => Question::Group(group.clone()),
            _ => return None,
        })
    }

    fn observe(&mut self, action: &HostAction) {
        match action {
            HostAction::SetTimer { id, .. } => drop(self.timers.insert(*id)),
            HostAction::RemoveTimer { id } => drop(self.timers.remove(id)),
            HostAction::RemoveTimers => self.timers.clear(),
            HostAction::AddSeparator { id, .. } => drop(self.separators.insert(*id)),
            HostAction::FlushPlaylist => {
                self.separators.clear();
                self.audio = false;
            }
            HostAction::SetPrompts { set } => self.prompt_set.clone_from(set),
            HostAction::RecordFile { .. } => self.recording = true,
            HostAction::StopRecord => self.recording = false,
            HostAction::PlayFile { .. }
            | HostAction::PlayFiles(_)
            | HostAction::PlayPrompt { .. }
            | HostAction::PlaySilence { .. }
            | HostAction::PlayRingtone(_) => self.audio = true,
            HostAction::Module(call) if plays(&call.name) => self.audio = true,
            _ => {}
        }
    }
}

/// Whether an action of a module may put something into the playlist; known by its name alone.
fn plays(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("play") || name.starts_with("conference.")
}

impl Question {
    /// What has to be said of it; `None` if it is so anyway.
    pub fn fact(&self, works: bool) -> Option<Fact> {
        Some(match (self.clone(), works) {
            (Question::File(path), false) => Fact::Missing(path),
            (Question::Prompt(name, set), true) => Fact::Prompt(name, set),
            (Question::PromptSet(set), true) => Fact::PromptSet(set),
            (Question::Session(id), true) => Fact::Session(id),
            (Question::Group(group), true) => Fact::Member(group, OTHER.to_owned()),
            (Question::Call(name), false) => Fact::Failing(name, Fault::Usual),
            (Question::Fault(name, fault), false) => Fact::Failing(name, fault),
            (Question::Loaded(name), true) => Fact::Skipped(name),
            (Question::Condition(name), true) => Fact::Holding(name, true),
            (Question::LoadedCondition(name), holds) => Fact::Holding(name, holds),
            _ => return None,
        })
    }

    /// Makes it so at a host.
    pub fn tell(&self, works: bool, host: &mut TestHost) {
        if let Some(fact) = self.fact(works) {
            // No question is about a variable, so nothing can be too large.
            let _ = fact.tell(host, &mut Values::new());
        }
    }
}

impl ActionContext for World {
    fn select(&self, name: &str) -> Option<String> {
        self.host.select(name)
    }

    fn random(&mut self) -> u64 {
        self.host.random()
    }

    fn perform(&mut self, action: &HostAction, variables: &mut Values) -> ActionOutcome {
        let loaded = self.loaded.clone();
        let faults = match action {
            HostAction::Module(call) => loaded.actions.get_key_value(&*call.name),
            _ => None,
        };
        if let Some((name, faults)) = faults {
            self.decide(name, faults);
        } else if let Some(question) = self.question(action) {
            self.answer(question);
        }
        let outcome = self.host.perform(action, variables);
        if matches!(outcome, ActionOutcome::Done(Ok(_))) {
            self.observe(action);
        }
        outcome
    }

    fn test(&mut self, condition: &ConditionCall, variables: &mut Values) -> Verdict {
        let name = condition.name.to_string();
        if self.loaded.conditions.contains(&name) {
            self.answer(Question::LoadedCondition(name));
        } else if condition.which != ModuleCondition::Sbc {
            // There is no leg.
            self.answer(Question::Condition(name));
        }
        self.host.test(condition, variables)
    }

    /// Trying everything must not send requests, write files or fill databases.
    fn runs(&self, _: &str) -> bool {
        false
    }

    fn asks(&self, _: &str) -> bool {
        false
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        self.host.log(level, text);
    }

    fn trace(&mut self, step: Trace<'_>) {
        self.host.trace(step);
    }

    fn problem(&mut self, problem: &Problem) {
        self.problems.push(problem.clone());
    }
}
