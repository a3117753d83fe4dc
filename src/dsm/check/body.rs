//! Statements to flat code, conditions to tests.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::argument::{Argument, Bound, bind};
use super::super::condition::{Condition, Test};
use super::super::diagnostic::{Diagnostic, MAX_FINDINGS, Severity, code};
use super::super::expr::{Expr, Finding};
use super::super::include::Text;
use super::super::program::{Action, Code, Instruction, Loop};
use super::super::registry::{ConditionKind, Kind, Module, Names, Registry, Role, Signature};
use super::super::source::Span;
use super::super::syntax::ast;
use super::lint;
use crate::suggest::closest;

/// Instructions of one diagram with all functions inlined.
const MAX_INSTRUCTIONS: usize = 200_000;

/// Makes action lists; knows the imports and functions that stand above.
pub struct Bodies<'t> {
    registry: &'t Registry,
    text: &'t Text,
    imports: Vec<&'t Module>,
    /// Modules that do not exist, whose names are not looked for.
    unknown_modules: Vec<Box<str>>,
    functions: HashMap<&'t str, Vec<Instruction>>,
    /// The names of all functions, also of those further down.
    function_names: HashSet<&'t str>,
    findings: Vec<Diagnostic>,
    instructions: usize,
    /// Literal names of diagrams.
    pub references: Vec<(Box<str>, Span)>,
}

impl<'t> Bodies<'t> {
    pub fn new(registry: &'t Registry, text: &'t Text, tree: &ast::Diagram<'t>) -> Self {
        let names = tree
            .declarations
            .iter()
            .filter_map(|declaration| match declaration {
                ast::Declaration::Function(function) => Some(function.name.text),
                _ => None,
            });
        Self {
            function_names: names.collect(),
            registry,
            text,
            imports: Vec::new(),
            unknown_modules: Vec::new(),
            functions: HashMap::new(),
            findings: Vec::new(),
            instructions: 0,
            references: Vec::new(),
        }
    }

    pub fn import(&mut self, module: &'t Module) {
        self.imports.push(module);
    }

    /// Takes note of a module that does not exist.
    pub fn import_unknown(&mut self, module: &str) {
        let prefix = module.strip_prefix("mod_").unwrap_or(module);
        self.unknown_modules.push(prefix.into());
    }

    /// Whether a name would belong to a module that does not exist.
    fn is_of_unknown_module(&self, name: &str) -> bool {
        let prefix = name.split_once('.').map_or(name, |(prefix, _)| prefix);
        self.unknown_modules.iter().any(|known| **known == *prefix)
    }

    /// Remembers a function; the first of one name counts.
    pub fn function(&mut self, function: &ast::Function<'t>) {
        let mut code = Vec::new();
        self.block(&function.body, &mut code);
        self.functions.entry(function.name.text).or_insert(code);
    }

    /// The code of a complete list.
    pub fn list(&mut self, block: &ast::Block<'t>) -> Code {
        let mut code = Vec::new();
        self.block(block, &mut code);
        lint::nested_calls(&code, &mut self.findings);
        code.into()
    }

    /// Whether `exception` is among some conditions, and the others.
    pub fn conditions(&mut self, conditions: &[ast::Condition<'t>]) -> (bool, Vec<Condition>) {
        let mut exception = false;
        let mut tests = Vec::new();
        for condition in conditions {
            match condition {
                ast::Condition::Exception(_) => exception = true,
                ast::Condition::Test { negated, call } => {
                    let Some(test) = self.test(call) else {
                        continue;
                    };
                    tests.push(Condition {
                        negated: *negated,
                        test,
                        span: call.span,
                    });
                }
            }
        }
        (exception, tests)
    }

    pub fn into_findings(self) -> Vec<Diagnostic> {
        self.findings
    }

    fn names(&self) -> Names<'t, '_> {
        self.registry.scope(&self.imports)
    }

    fn block(&mut self, block: &ast::Block<'t>, out: &mut Vec<Instruction>) {
        for statement in block {
            let before = out.len();
            match statement {
                ast::Statement::Call(call) => self.call(call, out),
                ast::Statement::If(branch) => self.branch(branch, out),
                ast::Statement::For(iteration) => self.iteration(iteration, out),
            }
            if matches!(statement, ast::Statement::Call(_)) {
                self.instructions += out.len() - before;
            }
        }
    }

    fn branch(&mut self, branch: &ast::If<'t>, out: &mut Vec<Instruction>) {
        for condition in &branch.conditions {
            if let ast::Condition::Exception(span) = condition {
                let message = "'exception' has no effect in an 'if'";
                self.findings
                    .push(Diagnostic::new(code::EXCEPTION_IN_IF, *span, message));
            }
        }
        let (_, conditions) = self.conditions(&branch.conditions);
        let mut then = Vec::new();
        self.block(&branch.then, &mut then);
        let mut otherwise = Vec::new();
        self.block(&branch.otherwise, &mut otherwise);
        if !otherwise.is_empty() {
            then.push(Instruction::Skip(otherwise.len() as u32));
        }
        out.push(Instruction::Unless(conditions.into(), then.len() as u32));
        out.append(&mut then);
        out.append(&mut otherwise);
    }

    fn iteration(&mut self, iteration: &ast::For<'t>, out: &mut Vec<Instruction>) {
        let head = self.loop_head(iteration);
        let mut body = Vec::new();
        self.block(&iteration.body, &mut body);
        body.push(Instruction::Next);
        out.push(Instruction::Loop(Arc::new(head), body.len() as u32));
        out.append(&mut body);
    }

    fn loop_head(&mut self, iteration: &ast::For<'t>) -> Loop {
        let bound = |text: &str| Expr::parse(text, false);
        match &iteration.head {
            ast::ForHead::Range { variable, bounds } => match bounds.as_slice() {
                [to] => Loop::Range {
                    variable: (*variable).into(),
                    from: bound("0"),
                    to: bound(to),
                },
                [from, to] => Loop::Range {
                    variable: (*variable).into(),
                    from: bound(from),
                    to: bound(to),
                },
                _ => {
                    let message = "'range' takes one or two bounds; this loop never iterates";
                    let bounds = bounds.iter().filter_map(|bound| self.text.span_of(bound));
                    let span = bounds.reduce(Span::to).unwrap_or(iteration.span);
                    let finding = Diagnostic::new(code::BAD_RANGE, span, message);
                    self.findings.push(finding);
                    Loop::Never
                }
            },
            ast::ForHead::Array { variable, array } => Loop::Array {
                variable: (*variable).into(),
                array: (*array).into(),
            },
            ast::ForHead::Struct {
                key,
                value,
                structure,
            } => Loop::Struct {
                key: (*key).into(),
                value: (*value).into(),
                structure: (*structure).into(),
            },
        }
    }

    fn call(&mut self, call: &ast::Call<'t>, out: &mut Vec<Instruction>) {
        if call.arguments.is_some()
            && let Some(function) = self.functions.get(call.name.text)
        {
            if self.instructions + function.len() > MAX_INSTRUCTIONS {
                return self.too_large(call.span);
            }
            out.extend_from_slice(function);
            return;
        }
        let Some(signature) = self.signature(call) else {
            return;
        };
        let text = call.arguments.map(|arguments| arguments.text);
        let mut found = Vec::new();
        let bound = bind(&signature, text, &mut found);
        if let Some(missing) = bound.missing {
            let message = format!(
                "without '{missing}' this does nothing; write {}",
                signature.usage()
            );
            found.push(Finding {
                code: code::MISSING_ARGUMENT,
                message,
                about: None,
            });
        }
        if let Some(surplus) = bound.surplus {
            let message = format!("an argument too many; write {}", signature.usage());
            found.push(Finding::new(
                code::SURPLUS_ARGUMENT,
                surplus.trim(),
                message,
            ));
        }
        if let Some(Err(refused)) = signature.code.map(|code| code.check(&bound.literals())) {
            found.push(refused.finding(&bound));
        }
        lint::arguments(&signature, &bound, call.name.text, &mut found);
        self.found(found, call.span);
        self.references(&signature, &bound, call.span);
        let action = Action {
            signature,
            arguments: bound.arguments,
            missing: bound.missing,
            span: call.span,
        };
        out.push(Instruction::Action(Arc::new(action)));
    }

    fn too_large(&mut self, span: Span) {
        if self
            .findings
            .iter()
            .any(|finding| finding.code == code::PROGRAM_TOO_LARGE.name)
        {
            return;
        }
        let message = format!("more than {MAX_INSTRUCTIONS} actions with all functions inserted");
        self.findings
            .push(Diagnostic::new(code::PROGRAM_TOO_LARGE, span, message));
    }

    fn references(&mut self, signature: &Signature, bound: &Bound<'t>, span: Span) {
        let arguments = bound.arguments.iter().zip(&bound.written);
        for (parameter, (argument, written)) in signature.parameters.iter().zip(arguments) {
            if let (Kind::Diagram, Argument::Value(Expr::Text(name))) = (parameter.kind, argument) {
                let span = self.text.span_of(written).unwrap_or(span);
                self.references.push((name.clone(), span));
            }
        }
    }

    fn found(&mut self, found: Vec<Finding<'t>>, span: Span) {
        let text = self.text;
        let place = |about: Option<&str>| about.and_then(|about| text.span_of(about));
        let findings = found.into_iter().map(|finding| {
            let span = place(finding.about).unwrap_or(span);
            Diagnostic::new(finding.code, span, finding.message)
        });
        self.findings.extend(findings);
    }

    /// Whether an error was found.
    pub fn refused(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.severity == Severity::Error)
    }

    /// The action of this name, or of one that differs only in case.
    fn signature(&mut self, call: &ast::Call<'t>) -> Option<Arc<Signature>> {
        let name = call.name.text;
        if let Some(signature) = self.names().action(name) {
            return Some(signature.clone());
        }
        if let Some(known) = same_but_case(name, self.names().action_names()) {
            let signature = self.names().action(known).cloned();
            let message = format!("'{name}' is written '{known}'");
            self.findings
                .push(Diagnostic::new(code::NAME_CASE, call.name.span, message));
            return signature;
        }
        if self.is_of_unknown_module(name) {
            return None;
        }
        let hint = if self.functions.contains_key(name) {
            Some(format!("a function is called with parentheses: '{name}()'"))
        } else if self.function_names.contains(name) {
            Some(format!(
                "the function '{name}' has to stand above its first call"
            ))
        } else if self.names().condition(name).is_some() {
            Some(format!("'{name}' is a condition"))
        } else {
            let functions = self.functions.keys().copied();
            self.hint(name, self.names().action_names().chain(functions))
        };
        let message = format!("there is no action '{name}'");
        let finding = Diagnostic::new(code::UNKNOWN_ACTION, call.name.span, message);
        self.findings.push(finding.maybe_hint(hint));
        None
    }

    fn test(&mut self, call: &ast::Call<'t>) -> Option<Test> {
        let kind = self.condition_kind(call)?;
        let mut found = Vec::new();
        let text = call.arguments.map(|arguments| arguments.text);
        let test = Test::parse(&kind, text, &mut found);
        self.found(found, call.span);
        Some(test)
    }

    fn condition_kind(&mut self, call: &ast::Call<'t>) -> Option<ConditionKind> {
        let name = call.name.text;
        if let Some(kind) = self.names().condition(name) {
            return Some(kind.clone());
        }
        if let Some(known) = same_but_case(name, self.names().condition_names()) {
            let kind = self.names().condition(known).cloned();
            let message = format!("'{name}' is written '{known}'");
            self.findings
                .push(Diagnostic::new(code::NAME_CASE, call.name.span, message));
            return kind;
        }
        if self.is_of_unknown_module(name) {
            return None;
        }
        let hint = if self.names().action(name).is_some() {
            Some(format!(
                "'{name}' is an action; a '/' stands between conditions and actions"
            ))
        } else {
            self.hint(name, self.names().condition_names())
        };
        let message = format!("there is no condition '{name}'");
        let finding = Diagnostic::new(code::UNKNOWN_CONDITION, call.name.span, message);
        self.findings.push(finding.maybe_hint(hint));
        None
    }

    fn hint<'a>(&self, name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
        if let Some(module) = self.registry.provider(name) {
            return Some(format!(
                "it belongs to {module}: add 'import({module});' above"
            ));
        }
        // Nobody reads that many hints, and looking for one takes time.
        if self.findings.len() >= MAX_FINDINGS {
            return None;
        }
        closest(name, known).map(|near| format!("did you mean '{near}'?"))
    }
}

/// The one known name that equals `name` apart from case.
fn same_but_case<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut same = known.filter(|known| known.eq_ignore_ascii_case(name));
    let found = same.next()?;
    same.next().is_none().then_some(found)
}

/// The role of an instruction's action.
pub fn role(instruction: &Instruction) -> Option<Role> {
    match instruction {
        Instruction::Action(action) => Some(action.signature.role),
        _ => None,
    }
}
