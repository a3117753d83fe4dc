//! Arguments: splitting, unquoting and classifying the text between the parentheses of a call.
//!
//! All of it happens when a diagram is loaded; an [`Argument`] only has to be evaluated.

use std::borrow::Cow;

use super::comparison::find_outside_quotes;
use super::expr::{Expr, Finding, Reference, Scope, Sum, Template, UnknownSelect};
use super::registry::{Kind, Second, Separator, Signature};
use super::syntax::quoted_run;
use super::value::{MAX_VALUES, TooManyValues, Values, signed, unsigned};

/// One argument, ready to be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// Not written, and not needed.
    Absent,
    /// A whole-argument reference or literal.
    Value(Expr),
    /// The name of a variable.
    Name(Box<str>),
    /// The name of an event parameter to assign.
    Param(Box<str>),
    Template(Template),
    Sum(Sum),
    /// `key=value;key=value`, known when the diagram is loaded.
    Pairs(Box<[(Box<str>, Expr)]>),
    /// What is searched and what comes in its place; `None`: the text says neither.
    Replacement(Option<(Expr, Expr)>),
    /// What a DI function is called with.
    Di(DiCast, Expr),
}

/// How an argument of `DI` is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiCast {
    Text,
    Integer,
    Struct,
    Array,
    Json,
}

/// The arguments of a call.
pub struct Bound<'t> {
    pub arguments: Box<[Argument]>,
    /// The text of each argument that was written.
    pub written: Vec<&'t str>,
    /// The name of the first parameter that is needed and was not written.
    pub missing: Option<&'static str>,
    /// The first argument behind all parameters.
    pub surplus: Option<&'t str>,
}

impl Bound<'_> {
    /// An argument that is the same whenever the diagram runs; `None`: it is not, or is not written.
    pub fn literal(&self, index: usize) -> Option<&str> {
        match self.arguments.get(index)? {
            Argument::Value(value) => value.literal(),
            Argument::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The same of all arguments.
    pub fn literals(&self) -> Vec<Option<&str>> {
        let all = 0..self.arguments.len();
        all.map(|index| self.literal(index)).collect()
    }
}

/// Splits and classifies the arguments of a call.
pub fn bind<'t>(
    signature: &Signature,
    text: Option<&'t str>,
    findings: &mut Vec<Finding<'t>>,
) -> Bound<'t> {
    let parts = split(text.unwrap_or(""), signature.separator);
    let list = signature.parameters.last().filter(|last| last.repeated);
    let mut arguments = Vec::new();
    let mut missing = None;
    for (index, parameter) in signature.parameters.iter().enumerate() {
        let Some(part) = parts.get(index) else {
            if parameter.required && index > 0 && missing.is_none() {
                missing = Some(parameter.name);
            }
            arguments.push(Argument::Absent);
            continue;
        };
        arguments.push(classify(parameter.kind, part, findings));
    }
    let behind = parts.get(signature.parameters.len()).copied();
    // Where anything may stand behind the last comma, nothing is too much.
    let counts = matches!(signature.separator, Separator::OuterCommas(_)) && list.is_none();
    let surplus = behind.filter(|_| counts);
    if let Some(parameter) = list {
        let more = parts.iter().skip(signature.parameters.len());
        arguments.extend(more.map(|part| classify(parameter.kind, part, findings)));
    }
    Bound {
        arguments: arguments.into(),
        written: parts.into_iter().map(str::trim).collect(),
        missing,
        surplus,
    }
}

/// The parts between the separators; none if there is no text at all.
pub fn split(text: &str, separator: Separator) -> Vec<&str> {
    let (sign, limit) = match separator {
        Separator::None => {
            return if text.trim().is_empty() {
                vec![]
            } else {
                vec![text]
            };
        }
        Separator::Equals => ("=", 2),
        Separator::Commas(parts) | Separator::OuterCommas(parts) => (",", parts),
        Separator::EveryComma => (",", usize::MAX),
        Separator::LastComma(second) => return split_statement(text, second),
    };
    if text.trim().is_empty() {
        return Vec::new();
    }
    let next = |rest: &str| match separator {
        Separator::OuterCommas(_) => outer_comma(rest),
        _ => find_outside_quotes(rest, sign),
    };
    let mut parts = Vec::new();
    let mut rest = text;
    while parts.len() + 1 < limit
        && let Some(at) = next(rest)
    {
        parts.push(&rest[..at]);
        rest = &rest[at + 1..];
    }
    parts.push(rest);
    if separator == Separator::EveryComma {
        // Two commas with nothing between them are no argument; with a blank they are an empty one.
        parts.retain(|part| !part.is_empty());
    }
    parts
}

/// Where the first comma stands that is in neither quotes nor parentheses. What is in a parenthesis that
/// is never closed counts as outside.
fn outer_comma(text: &str) -> Option<usize> {
    let (mut depth, mut inside) = (0_usize, None);
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b',' if depth == 0 => return Some(at),
            b',' => inside = inside.or(Some(at)),
            b'(' => depth += 1,
            b')' => {
                depth = depth.saturating_sub(1);
                inside = inside.filter(|_| depth > 0);
            }
            b'"' | b'\'' => {
                let behind = quoted_run(&text[at..]).map(|(behind, _)| text.len() - behind.len());
                at = behind.unwrap_or(at + 1);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    inside
}

/// A statement of a database, which may hold commas, and what stands behind its last one.
fn split_statement(text: &str, second: Second) -> Vec<&str> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let (mut at, mut depth, mut comma) = (0, 0_usize, None);
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => comma = Some(at),
            _ => {}
        }
        at += match quoted_run(rest) {
            Some((behind, _)) => rest.len() - behind.len(),
            None => c.len_utf8(),
        };
    }
    let parts = comma.map(|at| (&text[..at], &text[at + 1..]));
    match parts.filter(|(statement, behind)| is_second(statement, behind.trim(), second)) {
        Some((statement, behind)) => vec![statement, behind],
        None => vec![text],
    }
}

/// Whether a text behind the comma can be an argument of its own.
fn is_second(statement: &str, behind: &str, second: Second) -> bool {
    let statement = statement.trim();
    let is_quoted = |text: &str| quoted_run(text).is_some_and(|(behind, _)| behind.is_empty());
    let is_word = !behind.is_empty() && !behind.contains(char::is_whitespace);
    let is_number = is_word
        && (behind.starts_with(['$', '#', '@']) || behind.bytes().all(|b| b.is_ascii_digit()));
    is_quoted(statement) || is_quoted(behind) || is_number || (is_word && second == Second::Word)
}

/// Removes the quotes around a part; says whether there were any.
pub fn unquote(part: &str) -> (Cow<'_, str>, bool) {
    let part = part.trim();
    let Some(quote) = part.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        return (Cow::Borrowed(part), false);
    };
    let inner = match part[1..].strip_suffix(quote) {
        Some(inner) => inner,
        None => part.trim_matches(quote),
    };
    let escaped = format!("\\{quote}");
    if inner.contains(&escaped) {
        return (
            Cow::Owned(inner.replace(&escaped, &quote.to_string())),
            true,
        );
    }
    (Cow::Borrowed(inner), true)
}

fn classify<'t>(kind: Kind, part: &'t str, findings: &mut Vec<Finding<'t>>) -> Argument {
    let (text, quoted) = unquote(part);
    match kind {
        Kind::Value
        | Kind::AudioFile
        | Kind::NewFile
        | Kind::RecordOptions
        | Kind::Prompt
        | Kind::Timer
        | Kind::Diagram
        | Kind::NameValue
        | Kind::NamePrefix
        | Kind::TargetValue => Argument::Value(Expr::parse(&text, quoted)),
        // Names may have their `$` here.
        Kind::Names if text.starts_with('$') => Argument::Value(Expr::Text(text.into())),
        Kind::Names => Argument::Value(Expr::parse(&text, quoted)),
        Kind::Flag(name) => {
            let value = text
                .strip_prefix(name)
                .and_then(|rest| rest.trim_start().strip_prefix('='));
            Argument::Value(Expr::parse(value.unwrap_or(&text).trim(), quoted))
        }
        Kind::Literal => Argument::Name(text.trim().into()),
        Kind::Code => Argument::Name(part.trim().into()),
        Kind::Name | Kind::Removed | Kind::Collection => {
            Argument::Name(text.strip_prefix('$').unwrap_or(&text).into())
        }
        Kind::Target => match text.strip_prefix('#') {
            Some(param) => Argument::Param(param.into()),
            None => Argument::Name(text.strip_prefix('$').unwrap_or(&text).into()),
        },
        Kind::Template => {
            Argument::Template(template(part, text, UnknownSelect::Dropped, findings))
        }
        Kind::ModuleText | Kind::Sql => {
            Argument::Template(template(part, text, UnknownSelect::Kept, findings))
        }
        Kind::Sum => Argument::Sum(Sum::parse(&text)),
        Kind::Replacement => Argument::Replacement(replacement(&text)),
        Kind::Pairs => match Expr::parse(&text, quoted) {
            Expr::Text(text) => Argument::Pairs(pairs(&text)),
            reference => Argument::Value(reference),
        },
        Kind::Di => di_argument(part.trim()),
    }
}

fn template<'t>(
    part: &'t str,
    text: Cow<'t, str>,
    unknown: UnknownSelect,
    findings: &mut Vec<Finding<'t>>,
) -> Template {
    let text = match text {
        Cow::Borrowed(text) => return Template::parse(text, unknown, findings),
        Cow::Owned(text) => text,
    };
    // Without its escapes the text stands nowhere in the program; its findings are about all of it.
    let mut found = Vec::new();
    let template = Template::parse(&text, unknown, &mut found);
    let about_all = |finding: Finding<'_>| Finding::new(finding.code, part.trim(), finding.message);
    findings.extend(found.into_iter().map(about_all));
    template
}

/// The arguments of a call whose texts are values, never references; `None` if one is missing.
pub fn given(signature: &Signature, texts: &[&str]) -> Option<Box<[Argument]>> {
    let mut list = Vec::new();
    for (index, parameter) in signature.parameters.iter().enumerate() {
        match texts.get(index) {
            Some(text) => list.push(value(parameter.kind, text)),
            None if parameter.required => return None,
            None => list.push(Argument::Absent),
        }
    }
    if let Some(last) = signature.parameters.last().filter(|last| last.repeated) {
        let more = texts.iter().skip(signature.parameters.len());
        list.extend(more.map(|text| value(last.kind, text)));
    }
    Some(list.into())
}

/// An argument of this kind with this value.
fn value(kind: Kind, text: &str) -> Argument {
    let literal = |text: &str| Expr::Text(text.into());
    match kind {
        Kind::Literal | Kind::Code => Argument::Name(text.into()),
        Kind::Name | Kind::Removed | Kind::Collection | Kind::Target => {
            classify(kind, text, &mut Vec::new())
        }
        Kind::Template | Kind::ModuleText | Kind::Sql => {
            Argument::Template(Template::literal(text))
        }
        Kind::Sum => Argument::Sum(Sum::parse(text)),
        Kind::Pairs => {
            let entries = text.split(';').filter_map(|entry| entry.split_once('='));
            let pair = |(key, value): (&str, &str)| (key.trim().into(), literal(value));
            Argument::Pairs(entries.map(pair).collect())
        }
        Kind::Di => match di_argument(text) {
            Argument::Di(cast, _) if cast != DiCast::Text => {
                let behind = text.trim().split_once(')').map_or("", |(_, behind)| behind);
                Argument::Di(cast, literal(behind.trim()))
            }
            _ => Argument::Di(DiCast::Text, literal(text)),
        },
        _ => Argument::Value(literal(text)),
    }
}

/// `search=>replacement`; `None` unless there is exactly one `=>` with something before it.
fn replacement(text: &str) -> Option<(Expr, Expr)> {
    let (search, with) = text.split_once(ARROW)?;
    let side = |text: &str| match text.strip_prefix('$') {
        Some(name) if !name.is_empty() => Expr::Variable(name.into()),
        _ => Expr::Text(text.into()),
    };
    (!search.is_empty() && !with.contains(ARROW)).then(|| (side(search), side(with)))
}

/// `key=value;key=value`: keys trimmed, values resolved; what has no `=` or no key is dropped.
pub fn pairs(list: &str) -> Box<[(Box<str>, Expr)]> {
    list.split(';')
        .filter_map(|entry| entry.split_once('='))
        .filter(|(key, _)| !key.trim().is_empty())
        .map(|(key, value)| (key.trim().into(), Expr::parse(value, false)))
        .collect()
}

fn di_argument(part: &str) -> Argument {
    let casts = [
        ("(int)", DiCast::Integer),
        ("(struct)", DiCast::Struct),
        ("(array)", DiCast::Array),
        ("(json)", DiCast::Json),
    ];
    for (written, cast) in casts {
        if let Some(rest) = part.strip_prefix(written) {
            let name = rest.trim();
            let by_name = matches!(cast, DiCast::Struct | DiCast::Array);
            let expr = match name.strip_prefix('$') {
                Some(name) if by_name => Expr::Text(name.into()),
                _ if by_name => Expr::Text(name.into()),
                _ => Expr::parse(&unquote(name).0, false),
            };
            return Argument::Di(cast, expr);
        }
    }
    match unquote(part) {
        (text, true) => Argument::Di(DiCast::Text, Expr::Text(text.into())),
        (text, false) => Argument::Di(DiCast::Text, Expr::parse(&text, false)),
    }
}

/// The arguments of one action, as its function reads them. The table of signatures and the
/// functions agree on kinds; a function never meets another kind than its row says.
pub struct Arguments<'a> {
    pub signature: &'a Signature,
    pub list: &'a [Argument],
}

impl<'a> Arguments<'a> {
    /// The value of an argument; empty if it was not written.
    pub fn text(&self, index: usize, scope: &'a Scope<'_>) -> Cow<'a, str> {
        match self.list.get(index) {
            Some(argument) => argument.text(scope),
            None => Cow::Borrowed(""),
        }
    }

    pub fn owned(&self, index: usize, scope: &Scope<'_>) -> String {
        let text = self.text_in(index, scope).into_owned();
        scope.spend(text.len());
        text
    }

    /// Whether an argument is exactly `true`.
    pub fn flag(&self, index: usize, scope: &Scope<'_>) -> bool {
        self.text_in(index, scope) == "true"
    }

    pub fn unsigned(&self, index: usize, scope: &Scope<'_>) -> Option<u32> {
        unsigned(&self.text_in(index, scope))
    }

    pub fn signed(&self, index: usize, scope: &Scope<'_>) -> Option<i64> {
        signed(&self.text_in(index, scope))
    }

    /// What an argument has replaced by what; `None` if it does not say so, or the searched text is empty.
    pub fn replacement(&self, index: usize, scope: &Scope<'_>) -> Option<(String, String)> {
        let Some(Argument::Replacement(Some((search, with)))) = self.list.get(index) else {
            return None;
        };
        let (search, with) = (search.eval(scope), with.eval(scope));
        scope.spend(search.len() + with.len());
        (!search.is_empty()).then(|| (search.into_owned(), with.into_owned()))
    }

    /// The name of the variable an argument names.
    pub fn name(&self, index: usize) -> &'a str {
        match self.list.get(index) {
            Some(Argument::Name(name) | Argument::Param(name)) => name,
            _ => "",
        }
    }

    /// The name that an argument gives: of `$name` what that variable holds, or `name` if it holds
    /// nothing.
    pub fn variable_name(&self, index: usize, scope: &Scope<'_>) -> String {
        let text = self.owned(index, scope);
        match self.list.get(index) {
            Some(Argument::Value(Expr::Variable(name))) if text.is_empty() => name.to_string(),
            _ => text,
        }
    }

    pub fn is_written(&self, index: usize) -> bool {
        !matches!(self.list.get(index), None | Some(Argument::Absent))
    }

    fn text_in<'s>(&'s self, index: usize, scope: &'s Scope<'_>) -> Cow<'s, str> {
        self.list
            .get(index)
            .map_or(Cow::Borrowed(""), |argument| argument.text(scope))
    }
}

impl Argument {
    /// What it refers to.
    pub fn references(&self) -> Vec<Reference<'_>> {
        match self {
            Argument::Absent | Argument::Name(_) | Argument::Param(_) => Vec::new(),
            Argument::Value(expr) | Argument::Di(_, expr) => expr.reference().into_iter().collect(),
            Argument::Template(template) => template.references().collect(),
            Argument::Sum(sum) => sum.references().collect(),
            Argument::Pairs(pairs) => pairs.iter().filter_map(|(_, x)| x.reference()).collect(),
            Argument::Replacement(sides) => {
                let sides = sides.iter().flat_map(|(search, with)| [search, with]);
                sides.filter_map(Expr::reference).collect()
            }
        }
    }

    /// The text, if it is known before the diagram runs.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Argument::Value(expr) => expr.literal(),
            _ => None,
        }
    }

    pub fn text<'a>(&'a self, scope: &'a Scope<'_>) -> Cow<'a, str> {
        match self {
            Argument::Absent | Argument::Pairs(_) | Argument::Replacement(_) => Cow::Borrowed(""),
            Argument::Value(expr) | Argument::Di(_, expr) => expr.eval(scope),
            Argument::Name(name) | Argument::Param(name) => Cow::Borrowed(name),
            Argument::Template(template) => Cow::Owned(template.eval(scope)),
            Argument::Sum(sum) => Cow::Owned(sum.eval(scope)),
        }
    }
}

/// What stands between the sides of a replacement.
const ARROW: &str = "=>";
/// Names a list of variables may hold.
const MAX_NAMES: usize = 1000;

/// The variables a `;` list names: `name`, `struct.` for all members, `var` for all.
///
/// # Errors
/// [`TooManyValues`] for more than [`MAX_NAMES`] names or [`MAX_VALUES`] values.
pub fn named_values(list: &str, scope: &Scope<'_>) -> Result<Values, TooManyValues> {
    let variables = &*scope.variables;
    if list.trim() == "var" {
        scope.spend(variables.bytes());
        return Ok(variables.clone());
    }
    if list.split(';').nth(MAX_NAMES).is_some() {
        return Err(TooManyValues);
    }
    let mut named = Values::new();
    let mut left = MAX_VALUES;
    for name in list.split(';').map(str::trim) {
        let name = name.strip_prefix('$').unwrap_or(name);
        if name.ends_with('.') {
            for (name, value) in variables.with_prefix(name) {
                left = left.checked_sub(1).ok_or(TooManyValues)?;
                scope.spend(name.len() + value.len());
                named.set(name, value)?;
            }
        } else if let Some(value) = variables.get(name) {
            scope.spend(value.len());
            named.set(name, value)?;
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_parentheses_and_quotes_do_not_separate_arguments_of_modules() {
        for (text, parts) in [
            ("a,b,c,d", &["a", "b", "c,d"][..]),
            ("f(x,y),b", &["f(x,y)", "b"]),
            ("((a,b),c),d", &["((a,b),c)", "d"]),
            ("(a),(b,c)", &["(a)", "(b,c)"]),
            ("\"(\",b", &["\"(\"", "b"]),
            ("\"a\\\",b\",c", &["\"a\\\",b\"", "c"]),
            ("(a,b", &["(a", "b"]),
            ("a),b", &["a)", "b"]),
            ("don't,b", &["don't", "b"]),
            ("é,ü", &["é", "ü"]),
        ] {
            assert_eq!(split(text, Separator::OuterCommas(3)), parts, "{text}");
        }
    }

    #[test]
    fn splitting_long_texts_takes_no_time() {
        for text in ["(,".repeat(1 << 19), "(\",\"".repeat(1 << 18)] {
            assert!(split(&text, Separator::OuterCommas(6)).len() <= 6);
        }
    }

    fn parts(text: &str, second: Second) -> Vec<&str> {
        let parts = split(text, Separator::LastComma(second));
        parts.into_iter().map(str::trim).collect()
    }

    #[test]
    fn a_statement_may_hold_commas_before_a_number_or_reference() {
        let one = |text| assert_eq!(parts(text, Second::Number), [text]);
        let two = |text, first: &str, second: &str| {
            assert_eq!(parts(text, Second::Number), [first, second]);
        };
        one("SELECT id, name FROM t1 ORDER BY id");
        one("SELECT id, name FROM t1 ORDER BY id, name");
        one("SELECT id FROM t WHERE a IN (1, 2)");
        one("SELECT id FROM t WHERE a='x, 1'");
        one("\"SELECT id, name FROM t, 1\"");
        two("SELECT id, name FROM t, 1", "SELECT id, name FROM t", "1");
        two(
            "SELECT id, name FROM t, $row",
            "SELECT id, name FROM t",
            "$row",
        );
        two(
            "\"SELECT id, name FROM t\", 1",
            "\"SELECT id, name FROM t\"",
            "1",
        );
        two(
            "'SELECT a, b FROM t WHERE c=\"$c\"', \"$row\"",
            "'SELECT a, b FROM t WHERE c=\"$c\"'",
            "\"$row\"",
        );
        two("\"SELECT a, b FROM t\", x", "\"SELECT a, b FROM t\"", "x");
        assert!(parts("  ", Second::Number).is_empty());
    }

    #[test]
    fn a_statement_may_hold_commas_before_the_name_of_a_file() {
        let two = |text, first: &str, second: &str| {
            assert_eq!(parts(text, Second::Word), [first, second]);
        };
        two(
            "SELECT data FROM t WHERE id=\"$i\", x.wav",
            "SELECT data FROM t WHERE id=\"$i\"",
            "x.wav",
        );
        two("SELECT a, b FROM t, /tmp/x", "SELECT a, b FROM t", "/tmp/x");
        two(
            "INSERT INTO t (a, b) VALUES (1, '__FILE__'), $f",
            "INSERT INTO t (a, b) VALUES (1, '__FILE__')",
            "$f",
        );
        two(
            "SELECT a FROM t, \"a file\"",
            "SELECT a FROM t",
            "\"a file\"",
        );
        let text = "SELECT a, b FROM t";
        assert_eq!(parts(text, Second::Word), [text]);
    }

    #[test]
    fn text_with_open_quotes_and_parentheses_is_split_somewhere() {
        for text in [
            "'a, 1", "f(a, 1", "a), 1", ",", ", 1", "ä, 1", "a,", "'', ''",
        ] {
            let parts = parts(text, Second::Number);
            assert!(parts.len() <= 2, "{text}: {parts:?}");
        }
    }
}
