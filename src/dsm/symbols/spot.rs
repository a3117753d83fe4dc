//! What may stand at a place of a text that is being typed.
//!
//! Reads only the text before the place, so that what is open there is what is being written. The
//! walk over its tokens follows the grammar loosely: a text that is being typed is rarely right.

use super::super::argument::split;
use super::super::condition::event_kind;
use super::super::diagnostic::{Diagnostic, code};
use super::super::event::EventKind;
use super::super::include::assemble;
use super::super::registry::{Kind, Registry, Signature};
use super::super::source::{EntryKind, SourceMap, SourceProvider};
use super::super::syntax::{Token, TokenKind, begins_declaration, lex};

/// A place in a text, and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// What may stand here.
    pub place: Place,
    /// The byte at which the word begins that is being typed; the place itself if there is none.
    pub start: usize,
    /// That word stands in quotes that are already there.
    pub quoted: bool,
    /// The kinds of event that the transition around the place asks for.
    pub events: Vec<EventKind>,
}

/// What may stand somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing that is known: a comment, a new name, a number.
    Nothing,
    /// A declaration.
    Declaration,
    /// `enter` or `exit`.
    StateBody,
    /// A state that is left.
    Source,
    /// The state that is reached.
    Target,
    /// A condition, `not` or `exception`.
    Condition,
    /// An action, a function, `if` or `for`.
    Statement,
    /// The name of a module in `import(..)`.
    Module,
    /// The file of `#include`.
    Include,
    /// Inside the parentheses of a call.
    Argument(ArgumentSpot),
}

/// A place inside the parentheses of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentSpot {
    /// The name of the action or condition.
    pub call: String,
    /// It is a condition.
    pub condition: bool,
    /// Which argument, from 0.
    pub index: usize,
    /// What the argument may hold.
    pub wanted: Wanted,
}

/// What an argument may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Anything; references if there are any.
    Value,
    /// A variable, behind its `$`.
    Variable,
    /// An event parameter, behind its `#`.
    Parameter,
    /// A select, behind its `@`.
    Select,
    /// The name of a variable, with or without `$`.
    VariableName,
    /// A diagram.
    Diagram,
    /// A file to play.
    File,
    /// `true` or `false`.
    Flag,
}

/// What may stand at the byte `offset` of `text`, the content of one file. `imports` are the modules
/// in reach.
pub fn spot(text: &str, offset: usize, imports: &[Box<str>], registry: &Registry) -> Spot {
    let end = (0..=offset.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at));
    let before = &text[..end.unwrap_or(0)];
    let line = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
    let first = line.trim_start();
    let nothing = |place, start| Spot {
        place,
        start,
        quoted: false,
        events: Vec::new(),
    };
    if let Some(name) = first.strip_prefix("#include") {
        let name = name.trim_start_matches([' ', '\t', '"', '\'']);
        return nothing(Place::Include, before.len() - name.len());
    }
    if first.starts_with("--") || first.starts_with('#') {
        return nothing(Place::Nothing, before.len());
    }
    let mut sources = SourceMap::default();
    let only = Only(before);
    let Some(own) = assemble("", "", &only, &mut sources, &mut Vec::new()) else {
        return nothing(Place::Nothing, before.len());
    };
    let lexed = lex(&own);
    Walk::new(before, imports, registry).over(&lexed.tokens, &lexed.findings)
}

/// A single text without includes.
struct Only<'a>(&'a str);

impl SourceProvider for Only<'_> {
    fn kind(&self, _: &str) -> Option<EntryKind> {
        None
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        path.is_empty().then(|| self.0.as_bytes().to_vec())
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// How far a declaration has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Outside,
    Import,
    FunctionName,
    StateName,
    StateBody,
    TransitionName,
    Source,
    BeforeConditions,
    Conditions,
    Actions,
    Target,
    Behind,
}

struct Walk<'a> {
    before: &'a str,
    imports: &'a [Box<str>],
    registry: &'a Registry,
    phase: Phase,
    depth: usize,
    /// The last word was `enter` or `exit`, or a function's name.
    opens_list: bool,
    in_list: bool,
    in_if: bool,
    events: Vec<EventKind>,
}

impl<'a> Walk<'a> {
    fn new(before: &'a str, imports: &'a [Box<str>], registry: &'a Registry) -> Self {
        Self {
            before,
            imports,
            registry,
            phase: Phase::Outside,
            depth: 0,
            opens_list: false,
            in_list: false,
            in_if: false,
            events: Vec::new(),
        }
    }

    fn over(mut self, tokens: &[Token<'_>], findings: &[Diagnostic]) -> Spot {
        let open = tokens.last().filter(|token| is_open(token, findings));
        let typed = tokens.last().filter(|token| {
            let ends_here = token.span.end as usize == self.before.len();
            open.is_some() || (ends_here && token.kind == TokenKind::Word)
        });
        let done = tokens.len() - usize::from(typed.is_some());
        for (at, token) in tokens[..done].iter().enumerate() {
            let after_end = at == 0 || tokens[at - 1].kind == TokenKind::Semicolon;
            self.token(token, after_end || token.first_on_line);
        }
        match (open, typed) {
            (Some(token), _) => self.inside(token),
            (_, Some(token)) => self.word(token),
            _ => {
                let start = self.before.len();
                let place = self.place(true);
                self.spot(place, start, false)
            }
        }
    }

    /// Goes on behind a token.
    fn token(&mut self, token: &Token<'_>, may_begin: bool) {
        if may_begin && begins_declaration(token) {
            return self.begin(token);
        }
        match token.kind {
            TokenKind::OpenBrace => {
                self.depth += 1;
                self.in_list |= std::mem::take(&mut self.opens_list);
                self.in_if = false;
                return;
            }
            TokenKind::CloseBrace => {
                self.depth = self.depth.saturating_sub(1);
                self.in_list &= self.depth > 0;
                return;
            }
            TokenKind::Arrow => return self.phase = Phase::Target,
            TokenKind::Slash | TokenKind::DashSlash => return self.phase = Phase::Actions,
            TokenKind::Dash => return self.phase = Phase::Conditions,
            TokenKind::Semicolon => {
                let ends = matches!(
                    self.phase,
                    Phase::Import | Phase::FunctionName | Phase::StateBody | Phase::Behind
                );
                if ends && self.depth == 0 {
                    self.phase = Phase::Outside;
                }
                return;
            }
            _ => {}
        }
        self.named(token);
    }

    fn begin(&mut self, token: &Token<'_>) {
        self.depth = 0;
        self.in_list = false;
        self.in_if = false;
        self.opens_list = token.text == "function";
        self.events.clear();
        self.phase = match token.text {
            "import" => Phase::Import,
            "function" => Phase::FunctionName,
            "transition" => Phase::TransitionName,
            _ => Phase::StateName,
        };
    }

    fn named(&mut self, token: &Token<'_>) {
        match self.phase {
            // The keyword behind `initial`.
            Phase::StateName if token.is_word("state") => {}
            Phase::StateName => self.phase = Phase::StateBody,
            Phase::StateBody if !self.in_list => {
                self.opens_list = token.is_word("enter") || token.is_word("exit");
            }
            Phase::TransitionName => self.phase = Phase::Source,
            Phase::Source => self.phase = Phase::BeforeConditions,
            Phase::Conditions if token.is_word("exception") => {
                self.events.push(EventKind::Exception);
            }
            Phase::Conditions => self.events.extend(event_of(token.text)),
            Phase::Target => self.phase = Phase::Behind,
            _ => {}
        }
        if self.in_statements() && token.text == "if" {
            self.in_if = token.kind == TokenKind::Word;
        }
    }

    fn in_statements(&self) -> bool {
        match self.phase {
            Phase::Actions => true,
            Phase::FunctionName | Phase::StateBody => self.in_list,
            _ => false,
        }
    }

    /// What may stand next; `bare` where it may be anything but a quoted name.
    fn place(&self, bare: bool) -> Place {
        match self.phase {
            _ if !bare && self.in_statements() => Place::Nothing,
            _ if self.in_statements() && self.in_if => Place::Condition,
            _ if self.in_statements() => Place::Statement,
            Phase::Outside if bare => Place::Declaration,
            Phase::StateBody if bare => Place::StateBody,
            Phase::Source => Place::Source,
            Phase::Target => Place::Target,
            Phase::Conditions if bare => Place::Condition,
            _ => Place::Nothing,
        }
    }

    fn word(self, token: &Token<'_>) -> Spot {
        let may_begin = token.first_on_line || self.phase == Phase::Outside;
        let start = self.before.len() - token.text.len();
        // A new line may begin a declaration whose predecessor has no `;` yet.
        let place = match self.place(true) {
            Place::Nothing | Place::StateBody if may_begin && self.depth == 0 => Place::Declaration,
            place => place,
        };
        let place = match place {
            Place::Declaration if self.phase == Phase::StateBody => Place::StateBody,
            place => place,
        };
        self.spot(place, start, false)
    }

    /// The place inside a token that is not closed.
    fn inside(self, token: &Token<'_>) -> Spot {
        let end = self.before.len();
        if token.kind == TokenKind::Quoted {
            let place = self.place(false);
            return self.spot(place, end - token.text.len(), true);
        }
        let text = token.arguments.map_or("", |arguments| arguments.text);
        match token.kind {
            TokenKind::Call if token.text == "import" => {
                let typed = text.trim_start_matches([' ', '"', '\'']);
                self.spot(Place::Module, end - typed.len(), false)
            }
            TokenKind::Call if token.text == "if" || token.text == "for" => {
                self.spot(Place::Nothing, end, false)
            }
            TokenKind::Call => self.argument(token.text, text),
            _ if self.phase == Phase::Source => {
                let typed = text.rsplit(',').next().unwrap_or("").trim_start();
                let quoted = typed.starts_with(['"', '\'']);
                let typed = typed.trim_start_matches(['"', '\'']);
                self.spot(Place::Source, end - typed.len(), quoted)
            }
            _ => self.spot(Place::Nothing, end, false),
        }
    }

    fn argument(mut self, call: &str, text: &str) -> Spot {
        let condition = self.phase == Phase::Conditions || self.in_if;
        if condition {
            self.events.extend(event_of(call));
        }
        let signature = self.registry.action_in_reach(call, self.imports);
        let signature = signature.filter(|_| !condition);
        let (index, part) = match signature {
            Some(signature) => {
                let parts = split(text, signature.separator);
                let part = parts.last().copied().unwrap_or("");
                (parts.len().saturating_sub(1), part)
            }
            None => (0, text),
        };
        let (wanted, typed) = wanted(signature, index, part);
        let start = self.before.len() - typed.len();
        let quoted = part.trim_start().starts_with(['"', '\'']);
        let argument = ArgumentSpot {
            call: call.to_owned(),
            condition,
            index,
            wanted,
        };
        self.spot(Place::Argument(argument), start, quoted)
    }

    fn spot(self, place: Place, start: usize, quoted: bool) -> Spot {
        Spot {
            place,
            start,
            quoted,
            events: self.events,
        }
    }
}

/// What a part of the arguments may hold, and what is typed of it.
fn wanted<'t>(signature: Option<&Signature>, index: usize, part: &'t str) -> (Wanted, &'t str) {
    let parameter = signature.and_then(|signature| {
        let last = signature.parameters.last();
        let repeated = last.filter(|last| last.repeated);
        signature.parameters.get(index).or(repeated)
    });
    let kind = parameter.map_or(Kind::Template, |parameter| parameter.kind);
    let text = part.trim_start().trim_start_matches(['"', '\'']);
    if let Some(at) = text.rfind(['$', '#', '@']) {
        let name = text[at + 1..].trim_start_matches(['(', '"', '\'']);
        let in_name = |c: char| !" \t\r\n,()$#@;:'\"=<>!+".contains(c);
        if name.chars().all(in_name) {
            let wanted = match &text[at..at + 1] {
                "$" => Wanted::Variable,
                "#" => Wanted::Parameter,
                _ => Wanted::Select,
            };
            return (wanted, name);
        }
    }
    let parameter = parameter.map_or("", |parameter| parameter.name);
    let wanted = match (kind, parameter) {
        (Kind::Name | Kind::Target | Kind::NameValue | Kind::NamePrefix | Kind::TargetValue, _)
        | (Kind::Removed | Kind::Collection, _) => Wanted::VariableName,
        (Kind::Diagram, _) | (Kind::Value, "diagram") => Wanted::Diagram,
        (Kind::Flag(_), _) => Wanted::Flag,
        (Kind::AudioFile | Kind::NewFile, _) => Wanted::File,
        _ => Wanted::Value,
    };
    (wanted, text)
}

fn event_of(condition: &str) -> Option<EventKind> {
    match condition {
        "keyPress" => Some(EventKind::Key),
        name => event_kind(name),
    }
}

/// Whether a quote or parenthesis of this token is not closed.
fn is_open(token: &Token<'_>, findings: &[Diagnostic]) -> bool {
    let unclosed = [code::UNTERMINATED_QUOTE.name, code::UNTERMINATED_PAREN.name];
    findings
        .iter()
        .any(|finding| unclosed.contains(&finding.code) && finding.span.start >= token.span.start)
}
