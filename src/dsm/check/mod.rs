//! Tree and registry to program: names are looked up, arguments bound, findings reported.
//!
//! Works through the declarations in the order of the text, because imports and functions count
//! from where they stand. A diagram with an error gives no program; of one without, the ways through it
//! are looked at, and those of several together ([`lint_set`]).

mod body;
mod cycles;
mod flow;
mod hangup;
mod lint;
mod parameters;
mod reach;
mod resources;
mod set;
mod shadow;
mod sql;
mod timers;
mod variables;

use std::collections::HashMap;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, MAX_FINDINGS, Severity, code};
use super::include::Text;
use super::module::{Hooks, NoModule};
use super::program::{State, StateDiagram, StateId, Target, Transition};
use super::registry::Registry;
use super::source::{SourceMap, Span};
use super::syntax::ast;
use super::vocabulary::LOADABLE_MODULES;
use crate::suggest::closest;
use body::Bodies;

pub use resources::{CODES as RESOURCE_CODES, NothingKnown, Resources};
pub use set::{CODES as SET_CODES, lint_set};

/// Makes the program of a diagram; `None` if there is an error among the findings.
pub fn check(
    name: &str,
    tree: &ast::Diagram<'_>,
    text: &Text,
    sources: &Arc<SourceMap>,
    registry: &Registry,
    mut findings: Vec<Diagnostic>,
) -> (Option<Arc<StateDiagram>>, Vec<Diagnostic>) {
    let broken = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    let mut check = Check::new(registry, text, tree);
    for declaration in &tree.declarations {
        check.declaration(declaration);
    }
    let (diagram, more) = check.finish(name, text.span(0, 0), broken, sources.clone());
    findings.extend(more);
    let refused = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    ((!refused).then(|| Arc::new(diagram)), findings)
}

/// What can be said of a diagram without errors, without knowing others.
fn one_diagram(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    lint::reposts(diagram, findings);
    reach::states(diagram, findings);
    shadow::transitions(diagram, findings);
    shadow::contradictions(diagram, findings);
    parameters::names(diagram, findings);
    hangup::unhandled(diagram, findings);
    hangup::endings(diagram, findings);
    cycles::reposts(diagram, findings);
    sql::assembled(diagram, findings);
}

struct Check<'t> {
    registry: &'t Registry,
    bodies: Bodies<'t>,
    findings: Vec<Diagnostic>,
    /// Every state of the text; of several with one name the first.
    ids: HashMap<&'t str, StateId>,
    states: Vec<State>,
    initial: Option<StateId>,
    /// Transitions by the state they leave, which may be declared further down.
    transitions: HashMap<StateId, Vec<Arc<Transition>>>,
    /// The states the last transition leaves; none if a state was declared since.
    last_sources: Vec<ast::Name<'t>>,
    last_state: Option<ast::Name<'t>>,
    imports: Vec<Box<str>>,
    hooks: Vec<&'static dyn Hooks>,
}

impl<'t> Check<'t> {
    fn new(registry: &'t Registry, text: &'t Text, tree: &ast::Diagram<'t>) -> Self {
        let mut ids = HashMap::new();
        let mut count = 0;
        for declaration in &tree.declarations {
            if let ast::Declaration::State(state) = declaration {
                ids.entry(state.name.text).or_insert(count);
                count += 1;
            }
        }
        Self {
            registry,
            bodies: Bodies::new(registry, text, tree),
            findings: Vec::new(),
            ids,
            states: Vec::new(),
            initial: None,
            transitions: HashMap::new(),
            last_sources: Vec::new(),
            last_state: None,
            imports: Vec::new(),
            hooks: Vec::new(),
        }
    }

    fn report(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    fn declaration(&mut self, declaration: &ast::Declaration<'t>) {
        match declaration {
            ast::Declaration::Import(module) => self.import(module),
            ast::Declaration::Function(function) => self.bodies.function(function),
            ast::Declaration::State(state) => self.state(state),
            ast::Declaration::Transition(transition) => self.transition(transition),
        }
    }

    fn import(&mut self, name: &ast::Name<'t>) {
        match self.registry.module(name.text) {
            Some(module) => {
                self.imports.push(name.text.into());
                self.hooks.extend(module.hooks());
                self.bodies.import(module);
            }
            None => self.no_module(name),
        }
    }

    fn no_module(&mut self, name: &ast::Name<'t>) {
        match self.registry.refusal(name.text) {
            Some(NoModule::Refused(why)) => {
                self.bodies.import_unknown(name.text);
                let message = format!("the module '{}' cannot be used: {why}", name.text);
                let finding = Diagnostic::new(code::UNKNOWN_MODULE, name.span, message);
                self.report(finding.hint("`muleteer module list` shows what there is"));
            }
            missing if LOADABLE_MODULES.contains(&name.text) => {
                self.bodies.import_unknown(name.text);
                let message = format!("the module '{}' is not here", name.text);
                let finding = Diagnostic::new(code::UNKNOWN_MODULE, name.span, message);
                let missing = missing.map(|missing| format!("{missing}; "));
                let missing = missing.unwrap_or_default();
                self.report(finding.hint(format!("{missing}`make plugins` builds it")));
            }
            missing => {
                let all = self.registry.importable();
                let near = closest(name.text, all.keys().map(String::as_str));
                self.bodies.import_unknown(name.text);
                // Its names would all be unknown too. An object is not loaded for a name that is similar.
                let own = near.filter(|near| self.registry.is_compiled_in(near));
                match own.and_then(|near| self.registry.module(near)) {
                    Some(module) => self.bodies.import(module),
                    None => near
                        .into_iter()
                        .for_each(|near| self.bodies.import_unknown(near)),
                }
                let hint = near.map(|near| format!("did you mean '{near}'?"));
                let hint = hint.or_else(|| missing.map(|missing| missing.to_string()));
                let message = format!("there is no module '{}'", name.text);
                let finding = Diagnostic::new(code::UNKNOWN_MODULE, name.span, message);
                self.report(finding.maybe_hint(hint));
            }
        }
    }

    fn state(&mut self, state: &ast::State<'t>) {
        let id = self.states.len() as StateId;
        let name = state.name;
        if self.ids.get(name.text) != Some(&id) {
            let message = format!(
                "state '{}' is declared already; this one is never used",
                name.text
            );
            self.report(Diagnostic::new(code::DUPLICATE_STATE, name.span, message));
        }
        if state.initial && self.initial.is_some() {
            let message = "a second initial state; the first one is used";
            self.report(Diagnostic::new(code::SECOND_INITIAL, name.span, message));
        } else if state.initial {
            self.initial = self.ids.get(name.text).copied();
        }
        let enter = self.bodies.list(&state.enter);
        let exit = self.bodies.list(&state.exit);
        lint::breaks(&exit, "exit list", &mut self.findings);
        self.states.push(State {
            name: name.text.into(),
            span: name.span,
            enter,
            exit,
            transitions: Vec::new(),
        });
        self.last_sources.clear();
        self.last_state = Some(name);
    }

    fn transition(&mut self, transition: &ast::Transition<'t>) {
        let sources = self.sources(transition);
        let (exception, conditions) = self.bodies.conditions(&transition.conditions);
        let actions = self.bodies.list(&transition.actions);
        lint::conditions(&transition.conditions, &mut self.findings);
        let Some(name) = transition.target else {
            self.last_sources = sources;
            return;
        };
        let target = match self.ids.get(name.text) {
            Some(&id) => Target::State(id),
            None => {
                self.undeclared_target(name);
                Target::Undeclared(name.text.into())
            }
        };
        lint::breaks(&actions, "transition", &mut self.findings);
        let stays = sources.iter().any(|source| source.text == name.text);
        if !stays {
            lint::target(&actions, name, &mut self.findings);
        }
        let program = Arc::new(Transition {
            name: transition.name.text.into(),
            span: transition.name.span,
            exception,
            conditions: conditions.into(),
            actions,
            target,
        });
        for source in &sources {
            let Some(&id) = self.ids.get(source.text) else {
                continue;
            };
            let transitions = self.transitions.entry(id).or_default();
            transitions.push(program.clone());
        }
        self.last_sources = sources;
    }

    fn undeclared_target(&mut self, name: ast::Name<'t>) {
        let message = format!(
            "state '{}' is not declared: the state will not change",
            name.text
        );
        let hint = self.near_state(name.text);
        self.report(Diagnostic::new(code::UNDECLARED_STATE, name.span, message).maybe_hint(hint));
    }

    /// The states a transition leaves, with the ones that do not exist reported.
    fn sources(&mut self, transition: &ast::Transition<'t>) -> Vec<ast::Name<'t>> {
        let Some(sources) = &transition.sources else {
            return self.missing_sources(transition.name.span);
        };
        for source in sources {
            match self.ids.get(source.text) {
                Some(&id) if (id as usize) < self.states.len() => {}
                Some(_) => {
                    let message = format!("state '{}' is declared further down", source.text);
                    self.report(Diagnostic::new(
                        code::SOURCE_DECLARED_LATER,
                        source.span,
                        message,
                    ));
                }
                None => {
                    let message = format!("there is no state '{}' to leave", source.text);
                    let hint = self.near_state(source.text);
                    let finding = Diagnostic::new(code::UNKNOWN_SOURCE_STATE, source.span, message);
                    self.report(finding.maybe_hint(hint));
                }
            }
        }
        sources.clone()
    }

    fn near_state(&self, name: &str) -> Option<String> {
        // Nobody reads that many hints, and looking for one takes time.
        if self.findings.len() >= MAX_FINDINGS {
            return None;
        }
        let near = closest(name, self.ids.keys().copied())?;
        Some(format!("did you mean '{near}'?"))
    }

    fn missing_sources(&mut self, span: Span) -> Vec<ast::Name<'t>> {
        let sources = match (self.last_sources.is_empty(), self.last_state) {
            (false, _) => self.last_sources.clone(),
            (true, Some(state)) => vec![state],
            (true, None) => {
                let message = "a transition without source before any state";
                self.report(Diagnostic::new(code::UNKNOWN_SOURCE_STATE, span, message));
                return Vec::new();
            }
        };
        let names: Vec<&str> = sources.iter().map(|source| source.text).collect();
        let message = format!("no source state; taken to leave '{}'", names.join("', '"));
        self.report(Diagnostic::new(code::MISSING_SOURCE, span, message));
        sources
    }

    fn finish(
        mut self,
        name: &str,
        start: Span,
        broken: bool,
        sources: Arc<SourceMap>,
    ) -> (StateDiagram, Vec<Diagnostic>) {
        for (id, transitions) in std::mem::take(&mut self.transitions) {
            self.states[id as usize].transitions = transitions;
        }
        if self.initial.is_none() && !broken {
            let first = self.states.first().map(|state| state.span);
            lint::no_initial(first, start, &mut self.findings);
        }
        let diagram = StateDiagram {
            name: name.into(),
            states: self.states,
            initial: self.initial,
            sources,
            references: std::mem::take(&mut self.bodies.references),
            imports: self.imports,
            hooks: self.hooks,
        };
        // Where something is not understood, nothing can be said about what it leads to.
        let refused = |finding: &Diagnostic| finding.severity == Severity::Error;
        if !broken && !self.bodies.refused() && !self.findings.iter().any(refused) {
            one_diagram(&diagram, &mut self.findings);
        }
        self.findings.extend(self.bodies.into_findings());
        (diagram, self.findings)
    }
}
