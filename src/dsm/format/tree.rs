//! The pieces of a file in the shape they are laid out in.
//!
//! Unlike the syntax tree this one keeps comments, include lines and spelling. It is built only from
//! text that the parser has accepted, so it looks at no more than where lists begin and end; what it
//! cannot place makes it give up.

use std::borrow::Cow;

use super::super::syntax::{TokenKind as Kind, split_at_in};
use super::pieces::{Piece, What};

/// A statement, declaration or line of its own, in a list of them.
#[derive(Debug)]
pub struct Entry<'t> {
    /// A blank line stands before it.
    pub blank: bool,
    pub node: Node<'t>,
}

/// Blank lines are no part of what a layout has to keep.
impl PartialEq for Entry<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

#[derive(Debug, PartialEq)]
pub enum Node<'t> {
    Line(Line<'t>),
    /// An import or action.
    Call(Cow<'t, str>),
    Function(Part<'t>),
    State {
        head: Bits<'t>,
        /// Enter and exit lists.
        lists: Vec<Entry<'t>>,
    },
    Transition(Transition<'t>),
    /// `if` with what follows it, `for`, a list of a state, or a block without a head.
    Blocks(Vec<Part<'t>>),
}

/// What cannot stand in one line with anything behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line<'t> {
    /// A comment or include line.
    Own(&'t str),
    /// A comment behind something else.
    Trailing(&'t str),
}

/// A head and the list in braces behind it.
#[derive(Debug, PartialEq)]
pub struct Part<'t> {
    pub head: Bits<'t>,
    pub body: Vec<Entry<'t>>,
}

#[derive(Debug, PartialEq)]
pub struct Transition<'t> {
    /// Up to the source states.
    pub head: Bits<'t>,
    pub conditions: Bits<'t>,
    pub actions: Vec<Entry<'t>>,
    /// The arrow and what follows it.
    pub target: Bits<'t>,
}

/// Words with the comments between them. A condition that another one follows ends with `;`.
pub type Bits<'t> = Vec<Bit<'t>>;

#[derive(Debug, PartialEq)]
pub enum Bit<'t> {
    Word(Cow<'t, str>),
    Line(Line<'t>),
}

/// Builds the tree; `None` if a piece is where none is expected.
pub fn build<'t>(pieces: &[Piece<'t>]) -> Option<Vec<Entry<'t>>> {
    let mut builder = Builder {
        rest: pieces,
        needs_own_line: true,
    };
    let entries = builder.entries(&[])?;
    builder.rest.is_empty().then_some(entries)
}

struct Builder<'p, 't> {
    rest: &'p [Piece<'t>],
    /// The last thing that stays is a line of its own, behind which no comment can stand.
    needs_own_line: bool,
}

impl<'t> Builder<'_, 't> {
    /// Entries up to a token of one of `ends`, which is left, or to the end.
    fn entries(&mut self, ends: &[Kind]) -> Option<Vec<Entry<'t>>> {
        let mut entries = Vec::new();
        loop {
            self.skip(&[Kind::Semicolon]);
            let Some(first) = self.rest.first() else {
                return ends.is_empty().then_some(entries);
            };
            if self.kind().is_some_and(|kind| ends.contains(&kind)) {
                return Some(entries);
            }
            let blank = first.blank;
            let mut after = Vec::new();
            let node = match self.line() {
                Some(line) => Node::Line(line),
                None => self.node(&mut after)?,
            };
            let behind = matches!(node, Node::Line(Line::Trailing(_)));
            entries.push(Entry {
                blank: blank && !behind,
                node,
            });
            entries.extend(after.into_iter().map(|line| Entry {
                blank: false,
                node: Node::Line(line),
            }));
        }
    }

    /// A declaration or statement. Comments before its last `;` come to stand behind it.
    fn node(&mut self, after: &mut Vec<Line<'t>>) -> Option<Node<'t>> {
        Some(match (self.kind()?, self.raw()) {
            (Kind::Word, "function") => Node::Function(self.function()?),
            (Kind::Word, "initial" | "state") => self.state(after)?,
            (Kind::Word, "transition") => Node::Transition(self.transition(after)?),
            (Kind::OpenBrace, _) => Node::Blocks(vec![Part {
                head: Vec::new(),
                body: self.body()?,
            }]),
            _ if self.at_call_of("if") => Node::Blocks(self.if_chain()?),
            _ if self.at_call_of("for") => Node::Blocks(vec![self.for_loop()?]),
            _ => Node::Call(self.call(after)?),
        })
    }

    fn function(&mut self) -> Option<Part<'t>> {
        let mut head = Vec::new();
        self.words_until(&[Kind::OpenBrace], &mut head)?;
        let body = self.body()?;
        Some(Part { head, body })
    }

    fn state(&mut self, after: &mut Vec<Line<'t>>) -> Option<Node<'t>> {
        let mut head = Vec::new();
        if self.raw() == "initial" {
            self.word(&mut head)?;
        }
        self.word(&mut head)?;
        self.word(&mut head)?;
        let mut lists = Vec::new();
        loop {
            self.skip(&[Kind::OpenBrace, Kind::CloseBrace]);
            let blank = self.rest.first().is_some_and(|piece| piece.blank);
            let node = match (self.line(), self.kind()) {
                (Some(line), _) => Node::Line(line),
                (None, Some(Kind::Word)) if matches!(self.raw(), "enter" | "exit") => {
                    let mut head = Vec::new();
                    self.words_until(&[Kind::OpenBrace], &mut head)?;
                    let body = self.body()?;
                    Node::Blocks(vec![Part { head, body }])
                }
                _ => break,
            };
            lists.push(Entry { blank, node });
        }
        let last = lists
            .iter()
            .rposition(|entry| !matches!(entry.node, Node::Line(_)));
        let trailing = lists.split_off(last.map_or(0, |last| last + 1));
        after.extend(trailing.into_iter().filter_map(|entry| match entry.node {
            Node::Line(line) => Some(line),
            _ => None,
        }));
        Some(Node::State { head, lists })
    }

    fn transition(&mut self, after: &mut Vec<Line<'t>>) -> Option<Transition<'t>> {
        let (mut head, mut conditions, mut target) = (Vec::new(), Vec::new(), Vec::new());
        self.word(&mut head)?;
        self.word(&mut head)?;
        self.lines(&mut head);
        let marks = [Kind::Dash, Kind::DashSlash, Kind::Slash, Kind::Arrow];
        match self.kind()? {
            kind if marks.contains(&kind) => {}
            Kind::Group => head.push(Bit::Word(source_list(self.take()?))),
            _ => self.word(&mut head)?,
        }
        self.lines(&mut head);
        if self.kind()? == Kind::Dash {
            self.take()?;
            self.conditions(&marks[1..], &mut conditions)?;
        }
        let mut actions = Vec::new();
        if matches!(self.kind()?, Kind::Slash | Kind::DashSlash) {
            self.take()?;
            actions = self.actions()?;
        }
        self.skip_to_arrow(&mut target);
        if self.kind()? != Kind::Arrow {
            return None;
        }
        self.take()?;
        target.push(Bit::Word("->".into()));
        self.lines(&mut target);
        self.word(&mut target)?;
        self.lines_after(after);
        Some(Transition {
            head,
            conditions,
            actions,
            target,
        })
    }

    fn skip_to_arrow(&mut self, target: &mut Bits<'t>) {
        loop {
            self.skip(&[Kind::Semicolon, Kind::CloseBracket, Kind::CloseBrace]);
            match self.line() {
                Some(line) => target.push(Bit::Line(line)),
                None => return,
            }
        }
    }

    /// What follows the `/`: a list in braces, or what stands before the arrow.
    fn actions(&mut self) -> Option<Vec<Entry<'t>>> {
        let mut before = Vec::new();
        loop {
            self.skip(&[Kind::Semicolon]);
            match self.line() {
                Some(line) => before.push(Entry {
                    blank: false,
                    node: Node::Line(line),
                }),
                None => break,
            }
        }
        if self.kind()? == Kind::OpenBrace {
            self.take()?;
            // The brace comes to stand before the comments.
            self.needs_own_line = !before.is_empty();
            before.extend(self.entries(&[Kind::CloseBrace])?);
            self.take()?;
            return Some(before);
        }
        loop {
            before.extend(self.entries(&[Kind::Arrow, Kind::CloseBracket, Kind::CloseBrace])?);
            if self.kind()? == Kind::Arrow {
                return Some(before);
            }
            self.skip(&[Kind::CloseBracket, Kind::CloseBrace]);
        }
    }

    fn if_chain(&mut self) -> Option<Vec<Part<'t>>> {
        let mut parts = Vec::new();
        let mut head = Vec::new();
        loop {
            self.if_head(&mut head)?;
            let body = self.body()?;
            parts.push(Part { head, body });
            head = Vec::new();
            if !self.else_follows() {
                return Some(parts);
            }
            self.skip(&[Kind::Semicolon]);
            while self.raw() != "else" {
                self.lines(&mut head);
                self.skip(&[Kind::Semicolon]);
            }
            self.word(&mut head)?;
            self.lines(&mut head);
            if !self.at_call_of("if") {
                let body = self.body()?;
                parts.push(Part { head, body });
                return Some(parts);
            }
        }
    }

    /// `if` and its conditions.
    fn if_head(&mut self, head: &mut Bits<'t>) -> Option<()> {
        let word = self.take()?;
        head.push(Bit::Word("if".into()));
        match word.strip_prefix("if") {
            Some(group) if !group.is_empty() => {
                head.push(Bit::Word(group.into()));
                self.lines(head);
                Some(())
            }
            _ => self.conditions(&[Kind::OpenBrace], head),
        }
    }

    fn for_loop(&mut self) -> Option<Part<'t>> {
        let word = self.take()?;
        let mut head = vec![Bit::Word("for".into())];
        let group = match word.strip_prefix("for") {
            Some(group) if !group.is_empty() => group,
            _ => {
                self.lines(&mut head);
                self.take()?
            }
        };
        head.push(Bit::Word(loop_head(group)));
        self.lines(&mut head);
        let body = self.body()?;
        Some(Part { head, body })
    }

    /// Whether an `else` belongs to the block that was just read.
    fn else_follows(&self) -> bool {
        let mut rest = self.rest.iter().filter(|piece| {
            !matches!(
                piece.what,
                What::Comment | What::Trailing | What::Include | What::Token(Kind::Semicolon)
            )
        });
        rest.next()
            .is_some_and(|piece| piece.what == What::Token(Kind::Word) && piece.raw == "else")
    }

    /// Conditions up to a token of one of `ends`, without the signs that mean nothing between them.
    fn conditions(&mut self, ends: &[Kind], bits: &mut Bits<'t>) -> Option<()> {
        let mut before: Option<usize> = None;
        let mut negated = false;
        loop {
            let mut ignored = vec![Kind::Semicolon, Kind::OpenBracket, Kind::CloseBracket];
            if !ends.contains(&Kind::OpenBrace) {
                ignored.extend([Kind::OpenBrace, Kind::CloseBrace]);
            }
            self.skip(&ignored);
            if let Some(line) = self.line() {
                bits.push(Bit::Line(line));
                continue;
            }
            if ends.contains(&self.kind()?) {
                return Some(());
            }
            let word = self.raw();
            if let Some(Bit::Word(last)) = before.and_then(|at| bits.get_mut(at)) {
                last.to_mut().push(';');
            }
            let mut lines = Vec::new();
            let call = match self.kind()? {
                Kind::Group => self.take()?.into(),
                _ => self.call(&mut lines)?,
            };
            bits.push(Bit::Word(call));
            // `not exception key` is one exception and one negated condition: nothing ends between.
            let goes_on = word == "not" || (word == "exception" && negated);
            negated = goes_on;
            before = (!goes_on).then_some(bits.len() - 1);
            bits.extend(lines.into_iter().map(Bit::Line));
        }
    }

    /// A name with its arguments, also if a blank stands between them.
    fn call(&mut self, after: &mut Vec<Line<'t>>) -> Option<Cow<'t, str>> {
        let kind = self.kind()?;
        if !matches!(kind, Kind::Word | Kind::Call) {
            return None;
        }
        let name = self.take()?;
        let mut rest = self.rest.iter();
        let next = rest.find(|piece| matches!(piece.what, What::Token(_)));
        let has_group = next.is_some_and(|piece| piece.what == What::Token(Kind::Group));
        if kind != Kind::Word || !has_group || name == "not" {
            return Some(name.into());
        }
        self.lines_after(after);
        Some(format!("{name}{}", self.take()?).into())
    }

    /// A list with its braces.
    fn body(&mut self) -> Option<Vec<Entry<'t>>> {
        if self.kind()? != Kind::OpenBrace {
            return None;
        }
        self.take()?;
        let entries = self.entries(&[Kind::CloseBrace])?;
        self.take()?;
        Some(entries)
    }

    fn words_until(&mut self, ends: &[Kind], bits: &mut Bits<'t>) -> Option<()> {
        while !self.kind().is_some_and(|kind| ends.contains(&kind)) {
            self.word(bits)?;
            self.lines(bits);
        }
        Some(())
    }

    /// A word, with the comments that stand before it.
    fn word(&mut self, bits: &mut Bits<'t>) -> Option<()> {
        self.lines(bits);
        if !matches!(self.kind()?, Kind::Word | Kind::Quoted | Kind::Call) {
            return None;
        }
        bits.push(Bit::Word(self.take()?.into()));
        Some(())
    }

    fn lines(&mut self, bits: &mut Bits<'t>) {
        while let Some(line) = self.line() {
            bits.push(Bit::Line(line));
        }
    }

    fn lines_after(&mut self, after: &mut Vec<Line<'t>>) {
        while let Some(line) = self.line() {
            after.push(line);
        }
    }

    /// A comment or include line, if one is next.
    fn line(&mut self) -> Option<Line<'t>> {
        let piece = self.rest.first()?;
        let line = match piece.what {
            What::Token(_) => return None,
            What::Trailing if !self.needs_own_line => Line::Trailing(piece.raw),
            What::Trailing | What::Comment | What::Include => Line::Own(piece.raw),
        };
        self.rest = &self.rest[1..];
        self.needs_own_line = true;
        Some(line)
    }

    /// Leaves tokens out that the layout puts where they belong.
    fn skip(&mut self, kinds: &[Kind]) {
        while self.kind().is_some_and(|kind| kinds.contains(&kind)) {
            self.rest = &self.rest[1..];
        }
    }

    /// The next token.
    fn take(&mut self) -> Option<&'t str> {
        let piece = self.rest.first()?;
        self.kind()?;
        self.rest = &self.rest[1..];
        self.needs_own_line = false;
        Some(piece.raw)
    }

    fn kind(&self) -> Option<Kind> {
        match self.rest.first()?.what {
            What::Token(kind) => Some(kind),
            _ => None,
        }
    }

    fn raw(&self) -> &'t str {
        self.rest.first().map_or("", |piece| piece.raw)
    }

    /// Whether the next token is this word, or it with parentheses.
    fn at_call_of(&self, word: &str) -> bool {
        let rest = self.raw().strip_prefix(word);
        match self.kind() {
            Some(Kind::Word) => rest == Some(""),
            Some(Kind::Call) => rest.is_some_and(|rest| rest.starts_with('(')),
            _ => false,
        }
    }
}

/// `(A, B)`, unless a line break or an empty name makes it something else than a plain list.
fn source_list(group: &str) -> Cow<'_, str> {
    let inner = group
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let names: Vec<&str> = inner.unwrap_or("").split(',').map(str::trim).collect();
    if group.contains('\n') || names.contains(&"") {
        return group.into();
    }
    format!("({})", names.join(", ")).into()
}

/// `($k,$v in $struct)`: the original wants one blank around `in` and none anywhere else.
fn loop_head(group: &str) -> Cow<'_, str> {
    let inner = group
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    match inner.and_then(split_at_in) {
        Some((variables, collection)) if !group.contains('\n') => {
            let variables: Vec<&str> = variables.split(',').map(str::trim).collect();
            format!("({} in {})", variables.join(","), collection.trim()).into()
        }
        _ => group.into(),
    }
}
