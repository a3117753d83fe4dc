//! Modules that diagrams import: the names they bring, and how they are put together.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ConditionKind;
use super::signature::Signature;
use crate::dsm::action::{self, ModuleCondition};
use crate::dsm::condition::{EventCondition, ValueCondition};
use crate::dsm::event::EventKind;
use crate::dsm::module::{ActionCode, ConditionCode, Hooks, ModuleEvent, Takes};

/// A module a diagram can import: the names it brings. What they do is up to the host, which gets
/// each use as [`ModuleCall`](crate::dsm::host::ModuleCall).
#[derive(Clone, Debug)]
pub struct Module {
    pub(super) name: Arc<str>,
    pub(super) actions: BTreeMap<String, Arc<Signature>>,
    pub(super) conditions: BTreeMap<String, ConditionKind>,
    hooks: Option<&'static dyn Hooks>,
}

/// How the arguments of a module's action are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleArguments {
    /// Split at commas outside quotes, each resolved as a whole.
    List,
    /// One text with references inside.
    Text,
    /// One statement of a database.
    Sql,
    /// `variable=value`: the variable gets the value, made safe to stand in a quoted text of SQL.
    Escape,
}

impl Module {
    /// A module without names.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            actions: BTreeMap::new(),
            conditions: BTreeMap::new(),
            hooks: None,
        }
    }

    /// Adds an action that loaded code does.
    pub(crate) fn code(
        self,
        name: &'static str,
        takes: Takes,
        code: &'static dyn ActionCode,
    ) -> Self {
        self.signature(Signature {
            code: Some(code),
            ..takes.signature(name, action::code)
        })
    }

    /// Adds a condition that loaded code tests.
    pub(crate) fn code_condition(
        mut self,
        name: &'static str,
        takes: Takes,
        code: &'static dyn ConditionCode,
    ) -> Self {
        let mut signature = takes.signature(name, action::code);
        signature.module = Some(self.name.clone());
        let kind = ConditionKind::Code(Arc::new(signature), code);
        self.conditions.insert(name.to_owned(), kind);
        self
    }

    /// Adds a condition that asks for events of the module.
    pub(crate) fn module_event(mut self, event: &'static ModuleEvent) -> Self {
        let kind = ConditionKind::Event(EventKind::Module(event));
        self.conditions.insert(event.name.to_owned(), kind);
        self
    }

    /// What it hears of.
    pub(crate) fn hooked(mut self, hooks: &'static dyn Hooks) -> Self {
        self.hooks = Some(hooks);
        self
    }

    /// What it hears of; `None`: of nothing.
    pub fn hooks(&self) -> Option<&'static dyn Hooks> {
        self.hooks
    }

    /// The events that it raises.
    pub fn events(&self) -> impl Iterator<Item = &'static ModuleEvent> {
        self.conditions.values().filter_map(|kind| match kind {
            ConditionKind::Event(EventKind::Module(event)) => Some(*event),
            _ => None,
        })
    }

    /// Adds an action.
    pub fn action(mut self, name: &str, arguments: ModuleArguments) -> Self {
        let signature = action::module_signature(&self.name, name, arguments);
        self.actions.insert(name.to_owned(), Arc::new(signature));
        self
    }

    /// Adds an action with a signature of its own.
    pub(in crate::dsm) fn signature(mut self, mut signature: Signature) -> Self {
        signature.module = Some(self.name.clone());
        let name = signature.name.to_string();
        self.actions.insert(name, Arc::new(signature));
        self
    }

    /// Adds all of these.
    pub(in crate::dsm) fn signatures(self, all: &[Signature]) -> Self {
        let all = all.iter().cloned();
        all.fold(self, Module::signature)
    }

    /// Adds a condition that asks for a kind of event.
    pub(in crate::dsm) fn event(mut self, condition: &EventCondition) -> Self {
        let kind = ConditionKind::Event(condition.kind);
        self.conditions.insert(condition.name.to_owned(), kind);
        self
    }

    /// Adds a condition that looks at its arguments only.
    pub(in crate::dsm) fn values(mut self, condition: &'static ValueCondition) -> Self {
        let kind = ConditionKind::Values(condition);
        self.conditions.insert(condition.name.to_owned(), kind);
        self
    }

    /// What is written in `import(..)`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its actions in order of names.
    pub fn actions(&self) -> impl Iterator<Item = &Signature> {
        self.actions.values().map(|signature| &**signature)
    }

    /// The names of its conditions, in order.
    pub fn conditions(&self) -> impl Iterator<Item = &str> {
        self.conditions.keys().map(String::as_str)
    }

    /// What is known of a condition that asks the module.
    pub fn condition_signature(&self, name: &str) -> Option<&Signature> {
        match self.conditions.get(name)? {
            ConditionKind::Module(signature, _) | ConditionKind::Code(signature, _) => {
                Some(signature)
            }
            _ => None,
        }
    }

    /// Adds a condition.
    pub fn condition(self, name: &str) -> Self {
        let mut signature = action::module_signature(&self.name, name, ModuleArguments::List);
        signature.doc = "";
        self.asks(&[(ModuleCondition::Named, signature)])
    }

    /// Adds conditions with signatures of their own.
    pub(in crate::dsm) fn asks(mut self, all: &[(ModuleCondition, Signature)]) -> Self {
        for (condition, signature) in all {
            let mut signature = signature.clone();
            signature.module = Some(self.name.clone());
            let name = signature.name.to_string();
            let kind = ConditionKind::Module(Arc::new(signature), *condition);
            self.conditions.insert(name, kind);
        }
        self
    }
}
