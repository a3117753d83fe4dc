//! Names of actions, conditions and modules, with what each takes.
//!
//! The tables of the built-in families in [`action`] are the one place for names,
//! argument counts and help text. Modules enter through the same [`Signature`].

mod module;
mod signature;

use crate::dsm::module::ModuleEvent;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use self::module::{Module, ModuleArguments};
pub use self::signature::{Kind, Parameter, Role, Second, Separator, Signature};
pub(super) use self::signature::{any, asks, may, need, plain, row, takes};
use super::action::{self, ModuleCondition};
use super::condition::{self, ValueCondition};
use super::event::EventKind;
use super::module::{ConditionCode, ModuleSource, NoModule};
use super::vocabulary::LOADABLE_MODULES;

/// What a name in a condition stands for.
#[derive(Clone, Debug)]
pub enum ConditionKind {
    /// Looks at values only.
    Test,
    /// Looks at the kind of the event first.
    Event(EventKind),
    /// A key given literally.
    KeyPress,
    /// Asks a module.
    Module(Arc<Signature>, ModuleCondition),
    /// Asks this code, which takes what the signature says.
    Code(Arc<Signature>, &'static dyn ConditionCode),
    /// Looks at its arguments only.
    Values(&'static ValueCondition),
}

/// Where a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In the server, or added as if it were.
    Server,
    /// In a folder of modules.
    Object,
    /// Not here: it has to be built first.
    Absent,
}

/// All names a diagram may use.
#[derive(Clone, Debug)]
pub struct Registry {
    actions: BTreeMap<String, Arc<Signature>>,
    conditions: BTreeMap<String, ConditionKind>,
    modules: BTreeMap<String, Module>,
    source: Option<Arc<dyn ModuleSource>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::core()
    }
}

impl Registry {
    /// The built-in actions and conditions, and the modules that are compiled in.
    pub fn core() -> Self {
        let actions = action::signatures()
            .map(|signature| (signature.name.to_string(), Arc::new(signature.clone())))
            .collect();
        let conditions = condition::names()
            .map(|(name, kind)| (name.to_owned(), kind))
            .collect();
        Self {
            actions,
            conditions,
            modules: action::modules()
                .map(|module| (module.name.to_string(), module))
                .collect(),
            source: None,
        }
    }

    /// Where modules come from that are not compiled in.
    pub fn with_source(mut self, source: Arc<dyn ModuleSource>) -> Self {
        self.source = Some(source);
        self
    }

    /// Why a module cannot be had that there is a source for.
    pub fn refusal(&self, name: &str) -> Option<NoModule> {
        self.source.as_ref()?.module(name).err()
    }

    /// Makes a module importable.
    pub fn add_module(&mut self, module: Module) {
        self.modules.insert(module.name.to_string(), module);
    }

    /// Every core action in order of names, for the reference page.
    pub fn actions(&self) -> impl Iterator<Item = &Signature> {
        self.actions.values().map(|signature| &**signature)
    }

    /// The names of the modules that can be imported.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// Every module that a diagram may import, also those of this project that are not here. Loads none.
    pub fn importable(&self) -> BTreeMap<String, Presence> {
        let absent = LOADABLE_MODULES
            .iter()
            .map(|name| ((*name).to_owned(), Presence::Absent));
        let found = self.source.iter().flat_map(|source| source.names());
        let found = found.map(|name| (name, Presence::Object));
        let own = self
            .modules()
            .map(|name| (name.to_owned(), Presence::Server));
        absent.chain(found).chain(own).collect()
    }

    /// A module that can be imported.
    pub fn module(&self, name: &str) -> Option<&Module> {
        let loaded = || self.source.as_ref()?.module(name).ok();
        self.modules.get(name).or_else(loaded)
    }

    /// The events of the module that this name of an event belongs to. Loads the module.
    pub(super) fn events_beside(&self, name: &str) -> impl Iterator<Item = &'static ModuleEvent> {
        // The names of a module begin with its own.
        let owner = name.split('.').next().unwrap_or_default();
        let module = self.module(&format!("mod_{owner}"));
        module.into_iter().flat_map(Module::events)
    }

    /// Whether a module is part of the server, or was added as if it were.
    pub fn is_compiled_in(&self, name: &str) -> bool {
        self.modules.contains_key(name)
    }

    /// The names in reach after some imports; modules come before the core.
    pub(super) fn scope<'a, 's>(&'a self, imports: &'s [&'a Module]) -> Names<'a, 's> {
        Names {
            registry: self,
            imports,
        }
    }

    /// An action of the core or of one of these modules.
    pub fn action_in_reach(&self, name: &str, imports: &[Box<str>]) -> Option<&Signature> {
        let modules = self.imported(imports);
        self.scope(&modules).action(name).map(|found| &**found)
    }

    /// A condition of one of these modules that asks the module.
    pub fn condition_in_reach(&self, name: &str, imports: &[Box<str>]) -> Option<&Signature> {
        let modules = self.imported(imports);
        match self.scope(&modules).condition(name)? {
            ConditionKind::Module(signature, _) | ConditionKind::Code(signature, _) => {
                Some(signature)
            }
            _ => None,
        }
    }

    /// Every action of these modules and of the core, in order of names, each name once.
    pub fn actions_in_reach(&self, imports: &[Box<str>]) -> Vec<&Signature> {
        let modules = self.imported(imports);
        let names = self.scope(&modules);
        let every: BTreeSet<&str> = names.action_names().collect();
        let found = every.into_iter().filter_map(|name| names.action(name));
        found.map(|signature| &**signature).collect()
    }

    /// Every condition of these modules and of the core, in order of names, with the kind of event
    /// it asks for if it is about one kind.
    pub fn conditions_in_reach(&self, imports: &[Box<str>]) -> Vec<(&str, Option<EventKind>)> {
        let modules = self.imported(imports);
        let names = self.scope(&modules);
        let every: BTreeSet<&str> = names.condition_names().collect();
        let event = |name| match names.condition(name) {
            Some(ConditionKind::Event(kind)) => Some(*kind),
            Some(ConditionKind::KeyPress) => Some(EventKind::Key),
            _ => None,
        };
        every.into_iter().map(|name| (name, event(name))).collect()
    }

    fn imported(&self, imports: &[Box<str>]) -> Vec<&Module> {
        let modules = imports.iter().filter_map(|name| self.module(name));
        modules.collect()
    }

    /// An action of the core or of any module that is compiled in.
    pub(crate) fn anywhere(&self, name: &str) -> Option<&Signature> {
        let mut modules = self.modules.values();
        let core = self.actions.get(name);
        let found = core.or_else(|| modules.find_map(|module| module.actions.get(name)));
        found.map(|signature| &**signature)
    }

    /// A module that would bring this action or condition if it were imported.
    pub(super) fn provider(&self, name: &str) -> Option<&str> {
        self.modules
            .values()
            .find(|module| {
                module.actions.contains_key(name) || module.conditions.contains_key(name)
            })
            .map(|module| &*module.name)
    }
}

/// The names in reach at one place of a diagram.
#[derive(Clone, Copy)]
pub(super) struct Names<'a, 's> {
    registry: &'a Registry,
    imports: &'s [&'a Module],
}

impl<'a> Names<'a, '_> {
    pub fn action(&self, name: &str) -> Option<&'a Arc<Signature>> {
        let imported = self
            .imports
            .iter()
            .find_map(|module| module.actions.get(name));
        imported.or_else(|| self.registry.actions.get(name))
    }

    pub fn condition(&self, name: &str) -> Option<&'a ConditionKind> {
        let imported = self
            .imports
            .iter()
            .find_map(|module| module.conditions.get(name));
        imported.or_else(|| self.registry.conditions.get(name))
    }

    pub fn action_names(&self) -> impl Iterator<Item = &'a str> + '_ {
        let imported = self.imports.iter().flat_map(|module| module.actions.keys());
        imported
            .chain(self.registry.actions.keys())
            .map(String::as_str)
    }

    pub fn condition_names(&self) -> impl Iterator<Item = &'a str> + '_ {
        let imported = self
            .imports
            .iter()
            .flat_map(|module| module.conditions.keys());
        imported
            .chain(self.registry.conditions.keys())
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
