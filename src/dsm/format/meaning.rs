//! What a syntax tree says, without where it says it: for comparing two texts.

use super::super::syntax::ast::{
    Block, Call, Condition, Declaration, Diagram, For, ForHead, If, Name, Statement,
};

/// The tree as a flat list of words, lists between brackets.
#[derive(Debug, Default, PartialEq)]
pub struct Meaning<'t>(Vec<&'t str>);

impl<'t> Meaning<'t> {
    pub fn of_diagram(diagram: &Diagram<'t>) -> Self {
        let mut meaning = Meaning::default();
        for declaration in &diagram.declarations {
            meaning.declaration(declaration);
        }
        meaning
    }

    pub fn of_statements(block: &Block<'t>) -> Self {
        let mut meaning = Meaning::default();
        meaning.block(block);
        meaning
    }

    fn declaration(&mut self, declaration: &Declaration<'t>) {
        match declaration {
            Declaration::Import(name) => self.words(["import", name.text]),
            Declaration::Function(function) => {
                self.words(["function", function.name.text]);
                self.block(&function.body);
            }
            Declaration::State(state) => {
                let kind = if state.initial { "initial" } else { "state" };
                self.words([kind, state.name.text]);
                self.block(&state.enter);
                self.block(&state.exit);
            }
            Declaration::Transition(transition) => {
                self.words(["transition", transition.name.text]);
                match &transition.sources {
                    Some(sources) => self.names(sources),
                    None => self.words(["no source"]),
                }
                self.conditions(&transition.conditions);
                self.block(&transition.actions);
                self.names(transition.target.as_slice());
            }
        }
    }

    fn block(&mut self, block: &Block<'t>) {
        self.words(["["]);
        for statement in block {
            match statement {
                Statement::Call(call) => self.call(call),
                Statement::If(If {
                    conditions,
                    then,
                    otherwise,
                }) => {
                    self.words(["if"]);
                    self.conditions(conditions);
                    self.block(then);
                    self.block(otherwise);
                }
                Statement::For(For { head, body, .. }) => {
                    self.loop_head(head);
                    self.block(body);
                }
            }
        }
        self.words(["]"]);
    }

    fn loop_head(&mut self, head: &ForHead<'t>) {
        match head {
            ForHead::Range { variable, bounds } => {
                self.words(["range", variable]);
                self.words(bounds.iter().copied());
            }
            ForHead::Array { variable, array } => self.words(["array", variable, array]),
            ForHead::Struct {
                key,
                value,
                structure,
            } => self.words(["struct", key, value, structure]),
        }
    }

    fn conditions(&mut self, conditions: &[Condition<'t>]) {
        self.words(["["]);
        for condition in conditions {
            match condition {
                Condition::Exception(_) => self.words(["exception"]),
                Condition::Test { negated, call } => {
                    self.words([if *negated { "not" } else { "is" }]);
                    self.call(call);
                }
            }
        }
        self.words(["]"]);
    }

    fn call(&mut self, call: &Call<'t>) {
        self.words(["call", call.name.text]);
        match call.arguments {
            Some(arguments) => self.words(["(", arguments.text]),
            None => self.words([";"]),
        }
    }

    fn names(&mut self, names: &[Name<'t>]) {
        self.words(["["]);
        self.words(names.iter().map(|name| name.text));
        self.words(["]"]);
    }

    fn words(&mut self, words: impl IntoIterator<Item = &'t str>) {
        self.0.extend(words);
    }
}
