//! A diagram as the engine runs it: every name resolved, every argument classified.
//!
//! Action lists are flat code with relative jumps, so that a place in a list, through any `if` and
//! `for`, is one number and a stack of loops, and can be kept while an action or another diagram
//! takes its time.

use std::collections::HashMap;
use std::sync::Arc;

use super::argument::Argument;
use super::condition::Condition;
use super::expr::Expr;
use super::module::Hooks;
use super::registry::Signature;
use super::source::{SourceMap, Span};

/// The states and transitions of one diagram. Shared by all sessions that run it.
#[derive(Debug)]
pub struct StateDiagram {
    pub(super) name: Arc<str>,
    pub(super) states: Vec<State>,
    pub(super) initial: Option<StateId>,
    /// The text, for saying where something went wrong.
    pub(super) sources: Arc<SourceMap>,
    /// Diagrams that are called or jumped to by a literal name.
    pub(super) references: Vec<(Box<str>, Span)>,
    /// Modules that it imports.
    pub(super) imports: Vec<Box<str>>,
    /// What those of them hear of that are loaded.
    pub(super) hooks: Vec<&'static dyn Hooks>,
}

/// Index of a state in its diagram.
pub type StateId = u32;

#[derive(Debug)]
pub struct State {
    pub name: Arc<str>,
    /// Where its name is declared.
    pub span: Span,
    pub enter: Code,
    pub exit: Code,
    pub transitions: Vec<Arc<Transition>>,
}

#[derive(Debug)]
pub struct Transition {
    pub name: Box<str>,
    /// Where its name stands.
    pub span: Span,
    pub exception: bool,
    pub conditions: Box<[Condition]>,
    pub actions: Code,
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    State(StateId),
    Undeclared(Box<str>),
}

/// An action list.
pub type Code = Arc<[Instruction]>;

#[derive(Clone, Debug)]
pub enum Instruction {
    Action(Arc<Action>),
    /// Skips this many instructions unless all conditions hold.
    Unless(Arc<[Condition]>, u32),
    /// Skips this many instructions.
    Skip(u32),
    /// Begins a loop whose body, with its [`Instruction::Next`], has this many instructions.
    Loop(Arc<Loop>, u32),
    /// Goes back to the body of the innermost loop, or on behind it.
    Next,
}

#[derive(Debug)]
pub struct Action {
    pub signature: Arc<Signature>,
    pub arguments: Box<[Argument]>,
    /// The name of an argument that is needed and missing: the action does nothing.
    pub missing: Option<&'static str>,
    pub span: Span,
}

#[derive(Debug)]
pub enum Loop {
    Range {
        variable: Box<str>,
        from: Expr,
        to: Expr,
    },
    /// A range that never iterates.
    Never,
    Array {
        variable: Box<str>,
        array: Box<str>,
    },
    Struct {
        key: Box<str>,
        value: Box<str>,
        structure: Box<str>,
    },
}

impl StateDiagram {
    /// The name under which it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of its file.
    pub fn path(&self) -> &str {
        self.sources.files().next().map_or("", |file| file.path())
    }

    /// The names of its states in the order of the file.
    pub fn states(&self) -> impl Iterator<Item = &str> {
        self.states.iter().map(|state| &*state.name)
    }

    /// The state it starts in; `None` if it cannot be started.
    pub fn initial(&self) -> Option<&str> {
        self.initial.map(|id| &*self.state(id).name)
    }

    /// The diagrams that it calls or jumps to by a literal name.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        self.references.iter().map(|(name, _)| &**name)
    }

    /// The modules that it imports.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(|name| &**name)
    }

    /// Whether it calls functions of the component of this name.
    pub fn calls_component(&self, name: &str) -> bool {
        let transitions = self.states.iter().flat_map(|state| &state.transitions);
        let lists = self.states.iter().flat_map(|it| [&it.enter, &it.exit]);
        let lists = lists.chain(transitions.map(|transition| &transition.actions));
        lists.flat_map(|list| list.iter()).any(|instruction| {
            let Instruction::Action(action) = instruction else {
                return false;
            };
            let is_call =
                action.signature.module.is_none() && action.signature.name.starts_with("DI");
            is_call && matches!(action.arguments.first(), Some(Argument::Name(of)) if **of == *name)
        })
    }

    pub(super) fn state(&self, id: StateId) -> &State {
        &self.states[id as usize]
    }
}

/// The diagrams that can call each other: those of the main configuration, or of one bundle.
#[derive(Debug, Default)]
pub struct DiagramSet {
    diagrams: Vec<Arc<StateDiagram>>,
    names: HashMap<Arc<str>, u32>,
    hooks: Vec<&'static dyn Hooks>,
}

impl DiagramSet {
    /// A set of these diagrams; of several with one name the first is found.
    pub fn new(diagrams: impl IntoIterator<Item = Arc<StateDiagram>>) -> Self {
        let diagrams: Vec<_> = diagrams.into_iter().collect();
        let mut names = HashMap::new();
        for (index, diagram) in diagrams.iter().enumerate() {
            names.entry(diagram.name.clone()).or_insert(index as u32);
        }
        let mut hooks: Vec<&'static dyn Hooks> = Vec::new();
        for hook in diagrams.iter().flat_map(|diagram| &diagram.hooks) {
            if hooks.iter().all(|known| known.module() != hook.module()) {
                hooks.push(*hook);
            }
        }
        Self {
            diagrams,
            names,
            hooks,
        }
    }

    /// What hears of the sessions of these diagrams, in order of import.
    pub fn hooks(&self) -> &[&'static dyn Hooks] {
        &self.hooks
    }

    /// The diagram of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<StateDiagram>> {
        self.find(name).map(|index| self.diagram(index))
    }

    /// All diagrams, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<StateDiagram>> {
        self.diagrams.iter()
    }

    /// The names of all diagrams, in the order in which they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.diagrams.iter().map(|diagram| diagram.name())
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub(super) fn diagram(&self, index: u32) -> &Arc<StateDiagram> {
        &self.diagrams[index as usize]
    }
}
