//! From the tree of a diagram to its index.

use std::collections::HashSet;

use super::super::argument::split;
use super::super::expr::UnknownSelect;
use super::super::include::Text;
use super::super::registry::{ConditionKind, Module, Registry, Separator};
use super::super::source::Span;
use super::super::syntax::ast;
use super::references::{self, Found, in_argument, inner, template, value};
use super::{Declaration, DeclarationKind, Entity, Index, Occurrence, Role};

pub fn collect<'t>(text: &'t Text, tree: &ast::Diagram<'t>, registry: &Registry) -> Index {
    let functions = tree.declarations.iter().filter_map(|one| match one {
        ast::Declaration::Function(function) => Some(function.name.text),
        _ => None,
    });
    let mut collector = Collector {
        text,
        registry,
        imports: Vec::new(),
        functions: functions.collect(),
        last_sources: Vec::new(),
        index: Index::default(),
    };
    for declaration in &tree.declarations {
        collector.declaration(declaration);
    }
    let mut index = collector.index;
    index.occurrences.sort_unstable();
    index.occurrences.dedup();
    index
}

struct Collector<'r, 't> {
    text: &'t Text,
    registry: &'r Registry,
    imports: Vec<&'r Module>,
    functions: HashSet<&'t str>,
    /// What a transition without source leaves.
    last_sources: Vec<Box<str>>,
    index: Index,
}

impl<'t> Collector<'_, 't> {
    fn add(&mut self, entity: Entity, role: Role, name: &str) {
        if let Some(span) = self.text.span_of(name)
            && !name.is_empty()
        {
            self.index.occurrences.push(Occurrence {
                span,
                entity,
                role,
                name: name.into(),
            });
        }
    }

    fn add_all(&mut self, found: Vec<Found<'_>>) {
        for one in found {
            self.add(one.entity, one.role, one.name);
        }
    }

    fn declare(&mut self, kind: DeclarationKind, name: ast::Name<'t>, span: Span) {
        let name_span = self.text.span_of(name.text).unwrap_or(name.span);
        self.index.declarations.push(Declaration {
            kind,
            name: name.text.into(),
            name_span,
            span,
        });
    }

    fn declaration(&mut self, declaration: &ast::Declaration<'t>) {
        match declaration {
            ast::Declaration::Import(module) => {
                self.add(Entity::Module, Role::Use, module.text);
                self.index.imports.push(module.text.into());
                self.imports.extend(self.registry.module(module.text));
            }
            ast::Declaration::Function(function) => {
                self.add(Entity::Function, Role::Definition, function.name.text);
                self.declare(DeclarationKind::Function, function.name, function.span);
                self.block(&function.body);
            }
            ast::Declaration::State(state) => {
                self.add(Entity::State, Role::Definition, state.name.text);
                let initial = state.initial;
                self.declare(DeclarationKind::State { initial }, state.name, state.span);
                self.block(&state.enter);
                self.block(&state.exit);
                self.last_sources = vec![state.name.text.into()];
            }
            ast::Declaration::Transition(transition) => self.transition(transition),
        }
    }

    fn transition(&mut self, transition: &ast::Transition<'t>) {
        if let Some(sources) = &transition.sources {
            self.last_sources = sources.iter().map(|one| one.text.into()).collect();
            for source in sources {
                self.add(Entity::State, Role::Use, source.text);
            }
        }
        let kind = DeclarationKind::Transition {
            sources: self.last_sources.clone(),
            conditions: written(&transition.conditions),
            target: transition.target.map_or("", |target| target.text).into(),
        };
        self.declare(kind, transition.name, transition.span);
        self.conditions(&transition.conditions);
        self.block(&transition.actions);
        if let Some(target) = transition.target {
            self.add(Entity::State, Role::Use, target.text);
        }
    }

    fn block(&mut self, block: &ast::Block<'t>) {
        for statement in block {
            match statement {
                ast::Statement::Call(call) => self.call(call),
                ast::Statement::If(branch) => {
                    self.conditions(&branch.conditions);
                    self.block(&branch.then);
                    self.block(&branch.otherwise);
                }
                ast::Statement::For(iteration) => {
                    self.head(&iteration.head);
                    self.block(&iteration.body);
                }
            }
        }
    }

    fn head(&mut self, head: &ast::ForHead<'t>) {
        match head {
            ast::ForHead::Range { variable, bounds } => {
                self.add(Entity::Variable, Role::Write, variable);
                for bound in bounds {
                    self.add_all(value(bound, None));
                }
            }
            ast::ForHead::Array { variable, array } => {
                self.add(Entity::Variable, Role::Write, variable);
                self.add(Entity::Collection, Role::Use, array);
            }
            ast::ForHead::Struct {
                key,
                value,
                structure,
            } => {
                self.add(Entity::Variable, Role::Write, key);
                self.add(Entity::Variable, Role::Write, value);
                self.add(Entity::Collection, Role::Use, structure);
            }
        }
    }

    fn call(&mut self, call: &ast::Call<'t>) {
        let name = call.name.text;
        if call.arguments.is_some() && self.functions.contains(name) {
            return self.add(Entity::Function, Role::Use, name);
        }
        self.add(Entity::Action, Role::Use, name);
        let Some(arguments) = call.arguments else {
            return;
        };
        let names = self.registry.scope(&self.imports);
        let Some(signature) = names.action(name) else {
            return self.add_all(template(arguments.text, UnknownSelect::Kept));
        };
        for (index, part) in split(arguments.text, signature.separator)
            .iter()
            .enumerate()
        {
            self.add_all(in_argument(signature, index, part));
        }
    }

    fn conditions(&mut self, conditions: &[ast::Condition<'t>]) {
        for condition in conditions {
            if let ast::Condition::Test { call, .. } = condition {
                self.condition(call);
            }
        }
    }

    fn condition(&mut self, call: &ast::Call<'t>) {
        self.add(Entity::Condition, Role::Use, call.name.text);
        let text = call.arguments.map_or("", |arguments| arguments.text);
        let names = self.registry.scope(&self.imports);
        match names.condition(call.name.text) {
            Some(ConditionKind::KeyPress) => self.add_all(value(inner(text), None)),
            Some(ConditionKind::Code(signature, _)) => {
                let parts = split(text, signature.separator);
                for (index, part) in parts.iter().enumerate() {
                    self.add_all(in_argument(signature, index, part));
                }
            }
            Some(ConditionKind::Module(signature, _)) => {
                for part in split(text, signature.separator) {
                    self.add_all(value(inner(part), None));
                }
            }
            Some(ConditionKind::Values(condition)) => {
                let separator = Separator::OuterCommas(condition.parameters.len());
                for part in split(text, separator) {
                    self.add_all(value(inner(part), None));
                }
            }
            _ => self.add_all(references::comparison(text)),
        }
    }
}

/// Conditions as they would be written in one line.
fn written(conditions: &[ast::Condition<'_>]) -> String {
    let one = |condition: &ast::Condition<'_>| match condition {
        ast::Condition::Exception(_) => "exception".to_owned(),
        ast::Condition::Test { negated, call } => {
            let not = if *negated { "not " } else { "" };
            match call.arguments {
                Some(arguments) if !arguments.text.trim().is_empty() => {
                    let text: Vec<&str> = arguments.text.split_whitespace().collect();
                    format!("{not}{}({})", call.name.text, text.join(" "))
                }
                _ => format!("{not}{}", call.name.text),
            }
        }
    };
    let written: Vec<String> = conditions.iter().map(one).collect();
    written.join("; ")
}
