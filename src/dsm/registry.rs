//! Names of actions, conditions and modules, with what each takes.
//!
//! The tables of the built-in families in [`action`] are the one place for names,
//! argument counts and help text. Modules enter through the same [`Signature`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::action::{self, Run};
use super::condition::{self, EventCondition, ValueCondition};
use super::diagnostic::Code;
use super::event::EventKind;
use super::module::{
    ActionCode, ConditionCode, Example, Hooks, ModuleEvent, ModuleSource, NoModule, Takes,
};
use super::vocabulary::LOADABLE_MODULES;

/// An action: its name, what it takes, what it does.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Name as written in a diagram.
    pub name: Cow<'static, str>,
    /// One line for the reference.
    pub doc: &'static str,
    /// What stands between its arguments.
    pub(super) separator: Separator,
    pub(super) parameters: &'static [Parameter],
    pub(super) role: Role,
    pub(super) run: Run,
    /// A finding for each use, and what it says.
    pub(super) remark: Option<(Code, &'static str)>,
    /// The module it belongs to; `None` for the core.
    pub(super) module: Option<Arc<str>>,
    /// A hang-up gives it up while it is pending, with the rest of its list.
    pub(super) cancellable: bool,
    /// The types of the exceptions it throws, with their parameters, such as `file #path`.
    pub throws: &'static [&'static str],
    /// The values `$errno` may get; `Some` also means that success clears it.
    pub errno: Option<&'static [&'static str]>,
    /// The variables that get its results, besides those its arguments name.
    pub sets: &'static [&'static str],
    /// Whether this version of the server has it; if not, it throws.
    pub is_available: bool,
    /// What a loaded module does for it.
    pub(super) code: Option<&'static dyn ActionCode>,
    /// How it is used, with what that leads to.
    pub examples: &'static [Example],
}

/// One parameter of an action.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    /// All further arguments are of this kind too.
    pub repeated: bool,
}

/// What the text of an argument means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Literal or whole-argument reference.
    Value,
    /// The same, naming an audio file that is read.
    AudioFile,
    /// The same, naming an audio file that is written.
    NewFile,
    /// The same, the options of a recording.
    RecordOptions,
    /// The same, naming a prompt.
    Prompt,
    /// The same, the id of a timer that is set.
    Timer,
    /// The same, naming a diagram.
    Diagram,
    /// The same, holding a `;` list of variable names.
    Names,
    /// The same, giving the name of a variable.
    NameValue,
    /// The same, giving what the names of variables begin with, one of which is assigned.
    NamePrefix,
    /// The same for a name that is usually computed, of a variable that is assigned.
    TargetValue,
    /// Exactly `true`, also as `name=true`.
    Flag(&'static str),
    /// The name of a variable that is assigned, with or without `$`.
    Name,
    /// The name of a variable that is removed.
    Removed,
    /// The name of an array or a struct that is read or removed.
    Collection,
    /// The same, or `#` and the name of a parameter.
    Target,
    /// Text with references inside.
    Template,
    /// The same for a module, where only what is a select is taken for one.
    ModuleText,
    /// A statement of a database, where values of references are bound or escaped.
    Sql,
    /// The argument of `eval`.
    Sum,
    /// `key=value;key=value`.
    Pairs,
    /// `search=>replacement`, where each side is text or, behind `$`, a variable.
    Replacement,
    /// A name that is taken as written.
    Literal,
    /// Code of another language, whose quotes are its own.
    Code,
    /// An argument of `DI`.
    Di,
}

/// What stands between the arguments of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// At most one argument, which may hold anything.
    None,
    /// The first `=`; two arguments.
    Equals,
    /// A comma; this many arguments, the last may hold commas.
    Commas(usize),
    /// The same, where a comma in parentheses separates nothing: the rule of modules.
    OuterCommas(usize),
    /// Every comma.
    EveryComma,
    /// The last comma behind which a second argument can stand: one word, or only a number or reference.
    LastComma(Second),
}

/// What can stand behind the last comma of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// A number or a reference.
    Number,
    /// One word, such as the name of a file.
    Word,
}

/// What the check has to know about an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Plain,
    /// Writes to the log.
    Log,
    /// Assigns variables that only its result or its text names.
    AssignsAny,
    /// Assigns a text in which nothing can end a quoted text of SQL.
    Escapes,
    Break,
    Repost,
    /// `throw`.
    Throw,
    /// `stop`.
    Stop,
    /// `callFSM`.
    Call,
    /// `jumpFSM`.
    Jump,
    /// `returnFSM`.
    Return,
}

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
    Module(Arc<Signature>),
    /// Asks this code, which takes what the signature says.
    Code(Arc<Signature>, &'static dyn ConditionCode),
    /// Looks at its arguments only.
    Values(&'static ValueCondition),
}

/// A module a diagram can import: the names it brings. What they do is up to the host, which gets
/// each use as [`ModuleCall`](super::host::ModuleCall).
#[derive(Clone, Debug)]
pub struct Module {
    name: Arc<str>,
    actions: BTreeMap<String, Arc<Signature>>,
    conditions: BTreeMap<String, ConditionKind>,
    hooks: Option<&'static dyn Hooks>,
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
    pub(super) fn signature(mut self, mut signature: Signature) -> Self {
        signature.module = Some(self.name.clone());
        let name = signature.name.to_string();
        self.actions.insert(name, Arc::new(signature));
        self
    }

    /// Adds a condition that asks for a kind of event.
    pub(super) fn event(mut self, condition: &EventCondition) -> Self {
        let kind = ConditionKind::Event(condition.kind);
        self.conditions.insert(condition.name.to_owned(), kind);
        self
    }

    /// Adds a condition that looks at its arguments only.
    pub(super) fn values(mut self, condition: &'static ValueCondition) -> Self {
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
            ConditionKind::Module(signature) | ConditionKind::Code(signature, _) => Some(signature),
            _ => None,
        }
    }

    /// Adds a condition.
    pub fn condition(self, name: &str) -> Self {
        let mut signature = action::module_signature(&self.name, name, ModuleArguments::List);
        signature.doc = "";
        self.asks(signature)
    }

    /// Adds a condition with a signature of its own.
    pub(super) fn asks(mut self, mut signature: Signature) -> Self {
        signature.module = Some(self.name.clone());
        let name = signature.name.to_string();
        let kind = ConditionKind::Module(Arc::new(signature));
        self.conditions.insert(name, kind);
        self
    }
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
            ConditionKind::Module(signature) | ConditionKind::Code(signature, _) => Some(signature),
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

/// A row of a table of actions that take nothing.
pub(super) const fn plain(name: &'static str, run: Run, doc: &'static str) -> Signature {
    takes(name, Separator::None, &[], run, doc)
}

/// A row of a table of actions.
pub(super) const fn takes(
    name: &'static str,
    separator: Separator,
    parameters: &'static [Parameter],
    run: Run,
    doc: &'static str,
) -> Signature {
    Signature {
        name: Cow::Borrowed(name),
        doc,
        separator,
        parameters,
        role: Role::Plain,
        run,
        remark: None,
        module: None,
        cancellable: false,
        throws: &[],
        errno: None,
        sets: &[],
        is_available: true,
        code: None,
        examples: &[],
    }
}

impl Signature {
    /// The names of its parameters, and whether each has to be written.
    pub fn parameter_names(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let parameters = self.parameters.iter();
        parameters.map(|parameter| (parameter.name, parameter.required))
    }

    /// What stands between two of its arguments.
    pub fn separator_text(&self) -> &'static str {
        match self.separator {
            Separator::Equals => "=",
            _ => ", ",
        }
    }

    /// What does it.
    pub(crate) fn run(&self) -> Run {
        self.run
    }

    /// What is said about each use of it, such as that the name is an old one.
    pub fn remark_text(&self) -> Option<&'static str> {
        self.remark.map(|(_, message)| message)
    }

    /// The module it belongs to; `None` for the core.
    pub fn module(&self) -> Option<&str> {
        self.module.as_deref()
    }

    /// How it is written, such as `playFile(path[, loop])`.
    pub fn usage(&self) -> String {
        let sign = self.separator_text();
        let mut usage = format!("{}(", self.name);
        for (index, parameter) in self.parameters.iter().enumerate() {
            let sign = if index > 0 { sign } else { "" };
            let more = if parameter.repeated { ", .." } else { "" };
            usage += &match parameter.required {
                true => format!("{sign}{}", parameter.name),
                false => format!("[{sign}{}{more}]", parameter.name),
            };
        }
        usage + ")"
    }

    pub(super) const fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    pub(super) const fn throws(mut self, types: &'static [&'static str]) -> Self {
        self.throws = types;
        self
    }

    pub(super) const fn errno(mut self, values: &'static [&'static str]) -> Self {
        self.errno = Some(values);
        self
    }

    pub(super) const fn sets(mut self, variables: &'static [&'static str]) -> Self {
        self.sets = variables;
        self
    }

    /// It can be written, but this version of the server does not have it.
    pub(super) const fn unavailable(mut self) -> Self {
        self.is_available = false;
        self
    }

    /// A hang-up does not wait for it.
    pub(super) const fn cancellable(mut self) -> Self {
        self.cancellable = true;
        self
    }

    pub(super) const fn remark(mut self, code: Code, message: &'static str) -> Self {
        self.remark = Some((code, message));
        self
    }
}

/// A parameter that has to be written.
pub(super) const fn need(name: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        kind,
        required: true,
        repeated: false,
    }
}

/// A parameter that may be left out.
pub(super) const fn may(name: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        kind,
        required: false,
        repeated: false,
    }
}

/// The last parameter, any number of times.
pub(super) const fn any(name: &'static str, kind: Kind) -> Parameter {
    Parameter {
        name,
        kind,
        required: false,
        repeated: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsm::argument::{Arguments, bind};
    use crate::dsm::expr::{Scope, Verdicts};
    use crate::dsm::testing::TestHost;
    use crate::dsm::value::Values;

    #[test]
    fn usage_shows_what_may_be_left_out() {
        let registry = Registry::core();
        let usage = |name: &str| registry.scope(&[]).action(name).unwrap().usage();
        assert_eq!(usage("playFile"), "playFile(path[, loop])");
        assert_eq!(usage("set"), "set(variable=value)");
        assert_eq!(usage("DI"), "DI(factory[, function][, argument, ..])");
        assert_eq!(usage("returnFSM"), "returnFSM()");
        assert_eq!(usage("stop"), "stop([bye])");
    }

    #[test]
    fn commas_in_parentheses_and_quotes_separate_no_arguments_of_modules() {
        let registry = Registry::core();
        let modules = registry.modules().filter_map(|name| registry.module(name));
        for signature in modules.flat_map(|module| module.actions()) {
            let separates = !matches!(signature.separator, Separator::None | Separator::Equals);
            if !separates || signature.parameters.len() < 2 {
                continue;
            }
            let written = bind(signature, Some(r#"f(a,b), "c\",d", e"#), &mut Vec::new()).written;
            assert_eq!(written[0], "f(a,b)", "{}", signature.name);
            assert!(written[1].starts_with(r#""c\",d""#), "{}", signature.name);
        }
    }

    #[test]
    fn every_action_runs_with_any_arguments() {
        let texts = [
            "",
            "a",
            "$v",
            "a,b=c,d",
            ",=,",
            "\"",
            "(int)$v,(json){,(struct)v.,#p",
            "é,1,1",
        ];
        let registry = Registry::core();
        let modules = registry.modules().filter_map(|name| registry.module(name));
        let of_modules = modules.flat_map(|module| module.actions());
        for signature in registry.actions().chain(of_modules) {
            for text in [None].into_iter().chain(texts.map(Some)) {
                let bound = bind(signature, text, &mut Vec::new());
                if bound.missing.is_some() {
                    continue;
                }
                let mut scope = Scope {
                    variables: &mut Values::new().with("v", "é").with("v.on", "x"),
                    event: EventKind::Start,
                    params: None,
                    host: &mut TestHost::default(),
                    spent: Default::default(),
                    verdicts: &mut Verdicts::default(),
                };
                // What comes out is tested elsewhere; here nothing may panic.
                let _ = (signature.run)(
                    &Arguments {
                        signature,
                        list: &bound.arguments,
                    },
                    &mut scope,
                );
            }
        }
    }
}
