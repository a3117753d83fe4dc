//! Program text to tokens.
//!
//! A token goes on through quotes and parentheses, so that argument text needs no escaping; nested
//! parentheses are counted, not recursed into. Never fails: what cannot be a token is reported, and
//! reading goes on in the next line.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag};
use nom::character::complete::{char, one_of};
use nom::combinator::value;
use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult, Parser};

use super::super::diagnostic::allow::is_ours;
use super::super::diagnostic::{Code, Diagnostic, Severity, code};
use super::super::include::Text;
use super::super::source::Span;
use super::token::{Arguments, Kind, Token};

/// Words that mean something at the level of declarations and statements, and so name nothing.
pub const KEYWORDS: &[&str] = &[
    "import",
    "function",
    "initial",
    "state",
    "transition",
    "enter",
    "exit",
    "exception",
    "not",
    "if",
    "else",
    "for",
];

/// Whether a token is a keyword as far as its text tells.
pub fn is_keyword(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => KEYWORDS.contains(&token.text),
        Kind::Call => matches!(token.text, "import" | "if" | "for"),
        _ => false,
    }
}

/// Words that a line of a declaration begins with.
const DECLARATIONS: &[&str] = &["initial", "state", "transition", "function"];

/// What was opened and never closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LexError<'t> {
    /// No token of this kind begins here.
    Other,
    Quote(&'t str),
    Paren(&'t str),
}

impl<'t> ParseError<&'t str> for LexError<'t> {
    fn from_error_kind(_: &'t str, _: ErrorKind) -> Self {
        LexError::Other
    }

    fn append(_: &'t str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

type LexResult<'t, O> = IResult<&'t str, O, LexError<'t>>;

/// Things never closed that are reported; each is looked for up to the end of the text.
const MAX_UNTERMINATED: usize = 20;

/// What a text is made of.
pub struct Lexed<'t> {
    pub tokens: Vec<Token<'t>>,
    /// Comments that share their line with code.
    pub comments: Vec<Span>,
    pub findings: Vec<Diagnostic>,
}

/// Reads a whole text.
pub fn lex(text: &Text) -> Lexed<'_> {
    lex_part(text, 0, text.as_str().len())
}

/// Reads the bytes `start..end` of a text.
pub fn lex_part(text: &Text, start: usize, end: usize) -> Lexed<'_> {
    let (lexed, complete) = lex_with(text, start, end, Quotes::AcrossLines);
    if complete {
        return lexed;
    }
    // A quote that is not closed takes the next one for its end, and so on: what is found at the end
    // of the text is far from the mistake. So look again for the first one that swallows code.
    let (suspected, complete) = lex_with(text, start, end, Quotes::NotAcrossCode);
    if complete { lexed } else { suspected }
}

/// Which quoted runs count as closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    AcrossLines,
    /// Not those whose first line ends as a statement does.
    NotAcrossCode,
}

/// The second value says whether everything that was opened is closed.
fn lex_with(text: &Text, start: usize, end: usize, quotes: Quotes) -> (Lexed<'_>, bool) {
    let mut lexer = Lexer {
        quotes,
        text,
        source: &text.as_str()[..end],
        at: start,
        line_start: true,
        in_transition: false,
        unterminated: 0,
        lexed: Lexed {
            tokens: Vec::new(),
            comments: Vec::new(),
            findings: Vec::new(),
        },
    };
    lexer.run();
    (lexer.lexed, lexer.unterminated == 0)
}

struct Lexer<'t> {
    quotes: Quotes,
    text: &'t Text,
    source: &'t str,
    at: usize,
    /// Nothing but blanks so far on this line.
    line_start: bool,
    /// Arrows may be glued to bare words here.
    in_transition: bool,
    /// How many things were never closed.
    unterminated: usize,
    lexed: Lexed<'t>,
}

impl<'t> Lexer<'t> {
    fn run(&mut self) {
        loop {
            let glued = self.skip_blank();
            let rest = &self.source[self.at..];
            if rest.is_empty() {
                return;
            }
            if !glued && begins_comment(rest) {
                self.comment(rest);
                continue;
            }
            self.token(rest, glued);
            self.line_start = false;
        }
    }

    /// Skips whitespace; says whether the last token is directly attached to what follows.
    fn skip_blank(&mut self) -> bool {
        let rest = &self.source[self.at..];
        let word = rest.trim_start_matches(is_blank);
        let blank = &rest[..rest.len() - word.len()];
        self.line_start |= blank.contains('\n');
        self.at += blank.len();
        let ends_open = matches!(
            self.lexed.tokens.last().map(|token| token.kind),
            Some(Kind::Call | Kind::Group | Kind::Quoted | Kind::Word)
        );
        blank.is_empty() && ends_open && !word.starts_with(is_single)
    }

    fn comment(&mut self, rest: &'t str) {
        let comment = rest.split('\n').next().unwrap_or(rest).trim_end();
        let span = self.text.span(self.at, self.at + comment.len());
        self.lexed.comments.push(span);
        if !is_ours(comment) {
            let message = "a comment behind other text";
            self.find(code::TRAILING_COMMENT, self.at, comment.len(), message);
        }
        self.at += comment.len();
    }

    fn token(&mut self, rest: &'t str, glued: bool) {
        if let Ok((_, kind)) = single(rest) {
            return self.push(kind, 1, &rest[..1], None);
        }
        if (glued || self.in_transition)
            && let Ok((_, (kind, mark))) = mark(rest)
            && (glued || kind == Kind::Arrow)
        {
            if glued || rest[mark.len()..].starts_with(is_word_char) {
                let message = format!("'{mark}' is attached to other text");
                self.find(code::GLUED_ARROW, self.at, mark.len(), message);
            }
            return self.push(kind, mark.len(), mark, None);
        }
        match self.word(rest) {
            Ok((after, word)) => self.push_word(rest, rest.len() - after.len(), word, glued),
            Err(Err::Error(error) | Err::Failure(error)) => self.unterminated(rest, error),
            Err(Err::Incomplete(_)) => self.at = self.source.len(),
        }
    }

    /// A word up to a blank or single-character token, or through its first closing parenthesis or
    /// closing quote, whichever comes first.
    fn word(&self, input: &'t str) -> LexResult<'t, Word<'t>> {
        if input.starts_with(['"', '\'']) {
            return quoted(self.quotes).map(Word::Quoted).parse(input);
        }
        let mut rest = input;
        loop {
            if rest.starts_with('(') {
                let name = &input[..input.len() - rest.len()];
                let call = |text| Word::Call(name, text);
                return parenthesised(self.quotes).map(call).parse(rest);
            }
            match alt((quoted(self.quotes), is_not(" \t\r\n;{}[]\"'("))).parse(rest) {
                Ok((after, piece)) => {
                    let bare = !rest.starts_with(['"', '\'']);
                    if bare && let Some(cut) = self.glued_mark(piece) {
                        let taken = input.len() - rest.len() + cut;
                        return Ok((&input[taken..], Word::Bare(&input[..taken])));
                    }
                    rest = after;
                }
                Err(Err::Error(_)) => {
                    return Ok((rest, Word::Bare(&input[..input.len() - rest.len()])));
                }
                Err(unterminated) => return Err(unterminated),
            }
        }
    }

    /// Where a bare word of a transition ends because an arrow or slash is attached to it.
    fn glued_mark(&self, piece: &str) -> Option<usize> {
        let names_transition = self
            .lexed
            .tokens
            .last()
            .is_some_and(|token| token.is_word("transition"));
        if !self.in_transition || names_transition || is_mark(piece) {
            return None;
        }
        let arrow = piece.find("-->").or_else(|| piece.find("->"));
        let slash = piece.ends_with('/').then(|| piece.len() - 1);
        arrow.or(slash).filter(|&at| at > 0)
    }

    fn push_word(&mut self, rest: &'t str, length: usize, word: Word<'t>, glued: bool) {
        let after_paren = matches!(
            self.lexed.tokens.last().map(|token| token.kind),
            Some(Kind::Call | Kind::Group)
        );
        let after_quote = self
            .lexed
            .tokens
            .last()
            .is_some_and(|token| token.kind == Kind::Quoted)
            && glued;
        if after_quote {
            let message = "text is glued behind a closing quote";
            self.find(code::TEXT_AFTER_QUOTE, self.at, length, message);
            self.at += length;
            return;
        }
        self.comments_inside(length, &word);
        self.declaration_inside(&rest[..length]);
        match word {
            Word::Bare(_) | Word::Quoted(_) if glued && after_paren => {
                let message = "text behind a closing parenthesis is ignored";
                self.find(code::TEXT_AFTER_PAREN, self.at, length, message);
                self.at += length;
            }
            Word::Bare(text) => {
                self.track_declaration(text);
                let kind = mark_kind(text).unwrap_or(Kind::Word);
                self.push(kind, length, text, None);
            }
            Word::Quoted(text) => {
                if KEYWORDS.contains(&text) {
                    let message = format!("\"{text}\" is a name here, not the keyword");
                    self.find(code::QUOTED_KEYWORD, self.at, length, message);
                } else if text.is_empty() {
                    self.find(code::EMPTY_NAME, self.at, length, "an empty name");
                }
                self.push(Kind::Quoted, length, text, None);
            }
            Word::Call(name, arguments) => {
                if glued && after_paren {
                    let message = "two calls without anything between them";
                    self.find(code::GLUED_CALL, self.at, length, message);
                }
                self.track_declaration(name);
                let start = self.at + (arguments.as_ptr() as usize - rest.as_ptr() as usize);
                let kind = if name.is_empty() {
                    Kind::Group
                } else {
                    Kind::Call
                };
                let arguments = Some(Arguments {
                    text: arguments,
                    start,
                });
                self.push(kind, length, name, arguments);
            }
        }
    }

    fn track_declaration(&mut self, word: &str) {
        match word {
            "transition" => self.in_transition = true,
            "state" | "function" | "import" if self.line_start => self.in_transition = false,
            _ => {}
        }
    }

    /// Reports lines that vanished from inside a token because they look like comments.
    fn comments_inside(&mut self, length: usize, word: &Word<'t>) {
        let Some(span) = self.text.dropped_in(self.at, self.at + length) else {
            return;
        };
        let quoted = match word {
            Word::Quoted(_) => true,
            Word::Bare(text) | Word::Call(_, text) => text.contains(['"', '\'']),
        };
        let (code, message) = if quoted {
            (
                code::COMMENT_IN_STRING,
                "this line is a comment although it stands in a text",
            )
        } else {
            (
                code::COMMENT_IN_ARGUMENT,
                "this line is a comment although it stands in an argument",
            )
        };
        let hint = "a line that begins with '--' or '#' is always a comment";
        self.lexed
            .findings
            .push(Diagnostic::new(code, span, message).hint(hint));
    }

    /// Reports a token that reads like several declarations: two quotes that are never closed close
    /// each other.
    fn declaration_inside(&mut self, token: &str) {
        let declares = |line: &&str| {
            let word = line.split_whitespace().next();
            line.ends_with([';', '{', '}']) && word.is_some_and(|word| DECLARATIONS.contains(&word))
        };
        let mut lines = token.lines().skip(1).map(str::trim);
        let Some(declaration) = lines.find(declares) else {
            return;
        };
        let opened = token.find(['"', '\'']).or_else(|| token.find('('));
        let message = format!("what is opened here is closed behind '{declaration}'");
        let at = self.at + opened.unwrap_or(0);
        let span = self.text.span(at, at + 1);
        let finding = Diagnostic::new(code::UNTERMINATED_QUOTE, span, message);
        self.lexed
            .findings
            .push(finding.severity(Severity::Warning));
    }

    /// Reports what is never closed, and makes a token of what probably belongs to it.
    fn unterminated(&mut self, rest: &'t str, error: LexError<'t>) {
        let (code, opened, message) = match error {
            LexError::Quote(opened) => (
                code::UNTERMINATED_QUOTE,
                opened,
                "this quote is never closed",
            ),
            LexError::Paren(opened) => (
                code::UNTERMINATED_PAREN,
                opened,
                "this parenthesis is never closed",
            ),
            LexError::Other => (code::UNEXPECTED_TOKEN, rest, "cannot read this"),
        };
        let at = self.source.len() - opened.len();
        let span = self.text.span(at, at + 1);
        let hint = opened
            .starts_with('\'')
            .then_some("an apostrophe opens a quote too: put text that holds one in double quotes");
        let finding = Diagnostic::new(code, span, message);
        self.lexed
            .findings
            .push(finding.maybe_hint(hint.map(str::to_owned)));
        self.unterminated += 1;
        if self.unterminated == MAX_UNTERMINATED {
            self.at = self.source.len();
            return;
        }
        let line_end = memchr::memchr(b'\n', opened.as_bytes()).unwrap_or(opened.len());
        let line = &rest[..(at + line_end).saturating_sub(self.at)];
        match line.find('(') {
            Some(open) if !line.starts_with(['"', '\'']) => {
                let (inside, length) = guess_arguments(&line[open + 1..]);
                let arguments = Arguments {
                    text: &line[open + 1..open + 1 + inside],
                    start: self.at + open + 1,
                };
                let (name, length) = (&line[..open], open + 1 + length);
                let kind = if name.is_empty() {
                    Kind::Group
                } else {
                    Kind::Call
                };
                self.push(kind, length, name, Some(arguments));
            }
            _ => {
                let end = line.find(|c| !is_word_char(c)).unwrap_or(line.len());
                let word = line[..end].trim_start_matches(['"', '\'']);
                self.push(Kind::Quoted, end.max(1), word, None);
            }
        }
    }

    fn push(&mut self, kind: Kind, length: usize, text: &'t str, arguments: Option<Arguments<'t>>) {
        let span = self.text.span(self.at, self.at + length);
        let name = match kind {
            Kind::Call => self.text.span(self.at, self.at + text.len()),
            _ => span,
        };
        self.lexed.tokens.push(Token {
            kind,
            text,
            arguments,
            span,
            name,
            first_on_line: self.line_start,
        });
        self.at += length;
    }

    fn find(&mut self, code: Code, at: usize, length: usize, message: impl Into<String>) {
        let span = self.text.span(at, at + length);
        self.lexed
            .findings
            .push(Diagnostic::new(code, span, message));
    }
}

/// A word as cut from the text.
enum Word<'t> {
    Bare(&'t str),
    /// The text inside the quotes.
    Quoted(&'t str),
    /// The name and the text inside the parentheses.
    Call(&'t str, &'t str),
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_single(c: char) -> bool {
    matches!(c, ';' | '{' | '}' | '[' | ']')
}

fn is_word_char(c: char) -> bool {
    !is_blank(c) && !is_single(c)
}

/// `--` or `#` that stands alone begins a comment up to the end of the line.
fn begins_comment(rest: &str) -> bool {
    let alone = |rest: &str| rest.chars().next().is_none_or(is_blank);
    let mark = rest.strip_prefix("--").or_else(|| rest.strip_prefix('#'));
    mark.is_some_and(alone)
}

fn single(input: &str) -> LexResult<'_, Kind> {
    alt((
        value(Kind::Semicolon, char(';')),
        value(Kind::OpenBrace, char('{')),
        value(Kind::CloseBrace, char('}')),
        value(Kind::OpenBracket, char('[')),
        value(Kind::CloseBracket, char(']')),
    ))
    .parse(input)
}

/// An arrow or slash at the start of the input, whatever follows it.
fn mark(input: &str) -> LexResult<'_, (Kind, &str)> {
    alt((
        tag("-->").map(|mark| (Kind::Arrow, mark)),
        tag("->").map(|mark| (Kind::Arrow, mark)),
        tag("/").map(|mark| (Kind::Slash, mark)),
    ))
    .parse(input)
}

fn mark_kind(word: &str) -> Option<Kind> {
    match word {
        "->" | "-->" => Some(Kind::Arrow),
        "/" => Some(Kind::Slash),
        "-" => Some(Kind::Dash),
        "-/" => Some(Kind::DashSlash),
        _ => None,
    }
}

fn is_mark(word: &str) -> bool {
    mark_kind(word).is_some()
}

/// How long the arguments at the start of a line are, without and with their parenthesis, when quotes
/// or parentheses do not tell: up to the parenthesis that matches if quotes mean nothing, else up to
/// what ends a statement.
fn guess_arguments(line: &str) -> (usize, usize) {
    let mut open = 1;
    for (at, c) in line.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return (at, at + 1);
        }
    }
    let end = [";", "{", "}", " ->", " -->"]
        .iter()
        .filter_map(|end| line.find(end))
        .min();
    let end = end.unwrap_or(line.trim_end().len());
    (end, end)
}

/// A quoted run; gives the text inside. A quote behind a backslash does not end it, and nothing
/// escapes the backslash.
pub fn quoted_run(input: &str) -> Option<(&str, &str)> {
    quoted(Quotes::AcrossLines)(input).ok()
}

fn quoted<'t>(quotes: Quotes) -> impl Fn(&'t str) -> LexResult<'t, &'t str> {
    move |input| {
        let (body, quote) = one_of("\"'").parse(input)?;
        let bytes = body.as_bytes();
        let end = memchr::memchr_iter(quote as u8, bytes)
            .find(|&at| at == 0 || bytes[at - 1] != b'\\')
            .ok_or(Err::Failure(LexError::Quote(input)))?;
        let text = &body[..end];
        let first = text.split_once('\n').map(|(first, _)| first.trim_end());
        let swallows_code = first.is_some_and(|line| line.ends_with([';', '{', '}']));
        if swallows_code && quotes == Quotes::NotAcrossCode {
            return Err(Err::Failure(LexError::Quote(input)));
        }
        Ok((&body[end + 1..], text))
    }
}

/// A parenthesised run; gives the text inside. Quoted runs in it hide parentheses.
fn parenthesised<'t>(quotes: Quotes) -> impl Fn(&'t str) -> LexResult<'t, &'t str> {
    move |input| {
        let (body, _) = char('(').parse(input)?;
        let mut rest = body;
        let mut open = 1;
        while open > 0 {
            let step = alt((
                value(1, char('(')),
                value(-1, char(')')),
                value(0, quoted(quotes)),
                value(0, is_not("()\"'")),
            ))
            .parse(rest);
            match step {
                Ok((after, change)) => {
                    rest = after;
                    open += change;
                }
                Err(Err::Failure(unterminated)) => return Err(Err::Failure(unterminated)),
                Err(_) => return Err(Err::Failure(LexError::Paren(input))),
            }
        }
        let length = body.len() - rest.len() - 1;
        Ok((rest, &body[..length]))
    }
}
