//! The tree of a diagram, as written: names are not looked up, arguments not split.

use super::super::source::Span;
use super::token::Arguments;

#[derive(Debug)]
pub struct Diagram<'t> {
    pub declarations: Vec<Declaration<'t>>,
    /// The text of every declaration, also of those that could not be read.
    pub extents: Vec<Span>,
    /// Comments that share their line with code.
    pub comments: Vec<Span>,
}

#[derive(Debug)]
pub enum Declaration<'t> {
    Import(Name<'t>),
    Function(Function<'t>),
    State(State<'t>),
    Transition(Transition<'t>),
}

#[derive(Clone, Copy, Debug)]
pub struct Name<'t> {
    pub text: &'t str,
    pub span: Span,
}

#[derive(Debug)]
pub struct Function<'t> {
    pub name: Name<'t>,
    pub body: Block<'t>,
    /// The whole declaration with its semicolon.
    pub span: Span,
}

#[derive(Debug)]
pub struct State<'t> {
    pub name: Name<'t>,
    pub initial: bool,
    pub enter: Block<'t>,
    pub exit: Block<'t>,
    /// The whole declaration with its semicolon.
    pub span: Span,
}

#[derive(Debug)]
pub struct Transition<'t> {
    pub name: Name<'t>,
    /// `None`: not written; those of the transition above are meant.
    pub sources: Option<Vec<Name<'t>>>,
    pub conditions: Vec<Condition<'t>>,
    pub actions: Block<'t>,
    /// `None`: not written, which is reported.
    pub target: Option<Name<'t>>,
    /// The whole declaration with its semicolon.
    pub span: Span,
}

pub type Block<'t> = Vec<Statement<'t>>;

#[derive(Debug)]
pub enum Statement<'t> {
    Call(Call<'t>),
    If(If<'t>),
    For(For<'t>),
}

#[derive(Clone, Copy, Debug)]
pub struct Call<'t> {
    pub name: Name<'t>,
    pub arguments: Option<Arguments<'t>>,
    /// Name and arguments.
    pub span: Span,
}

#[derive(Debug)]
pub struct If<'t> {
    pub conditions: Vec<Condition<'t>>,
    pub then: Block<'t>,
    pub otherwise: Block<'t>,
}

#[derive(Debug)]
pub enum Condition<'t> {
    Exception(Span),
    Test { negated: bool, call: Call<'t> },
}

#[derive(Debug)]
pub struct For<'t> {
    pub head: ForHead<'t>,
    pub body: Block<'t>,
    pub span: Span,
}

#[derive(Debug)]
pub enum ForHead<'t> {
    /// The bounds as written; not one or two of them is a mistake that the check reports.
    Range {
        variable: &'t str,
        bounds: Vec<&'t str>,
    },
    Array {
        variable: &'t str,
        array: &'t str,
    },
    Struct {
        key: &'t str,
        value: &'t str,
        structure: &'t str,
    },
}
