//! The expression of a condition: `left operator right`.

use std::borrow::Cow;
use std::fmt;

use super::diagnostic::code;
use super::expr::{Expr, Finding, Scope};
use super::syntax::quoted_run;
use super::value::integer;

/// Two sides and what has to hold between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    pub left: Operand,
    pub operator: Operator,
    pub right: Operand,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    Value(Expr),
    /// `len(x)`: bytes of the value.
    Length(Expr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    Greater,
    AtMost,
    AtLeast,
    /// No operator was written: never holds.
    Missing,
}

impl Comparison {
    /// `None` for an empty expression, which always holds.
    pub fn parse<'t>(text: &'t str, findings: &mut Vec<Finding<'t>>) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let (operator, at, length) = find_operator(text);
        let written = &text[at..at + length];
        match operator {
            Operator::Equal if length == 1 => {
                let message = "'=' is read as '=='";
                findings.push(Finding::new(code::COND_SINGLE_EQ, written, message));
            }
            Operator::AtMost | Operator::AtLeast => {
                let message = format!("'{written}' compares here; the original does not know it");
                findings.push(Finding::new(code::COND_LE_GE, written, message));
            }
            Operator::Missing => {
                let message = "without operator this never holds";
                findings.push(Finding::new(code::COND_NO_OPERATOR, text, message));
            }
            _ => {}
        }
        let left = Operand::parse(&text[..at], findings);
        let right_text = text[at + length..].trim();
        let right = Operand::parse(right_text, findings);
        if operator == Operator::NotEqual && right.is_prefix() {
            let message = "'*' has no meaning with '!='; write 'not test(.. == ..*)'";
            findings.push(Finding::new(code::COND_PREFIX_NE, right_text, message));
        }
        Some(Self {
            left,
            operator,
            right,
        })
    }

    pub fn holds(&self, scope: &Scope<'_>) -> bool {
        let (left_number, right_number);
        let left = match &self.left {
            Operand::Value(value) => value.eval(scope),
            Operand::Length(value) => {
                left_number = value.eval(scope).len().to_string();
                left_number.as_str().into()
            }
        };
        let right = match &self.right {
            Operand::Value(value) => value.eval(scope),
            Operand::Length(value) => {
                right_number = value.eval(scope).len().to_string();
                right_number.as_str().into()
            }
        };
        scope.spend(left.len() + right.len());
        self.operator.holds(&left, &right)
    }

    /// Whether it holds, if that follows from the values that `known` tells of references.
    pub fn decide<'a>(&'a self, known: impl Fn(&'a Expr) -> Option<&'a str>) -> Option<bool> {
        let side = |operand: &'a Operand| match operand {
            Operand::Value(value) => value.literal().or_else(|| known(value)).map(Cow::Borrowed),
            Operand::Length(value) => {
                let text = value.literal().or_else(|| known(value))?;
                Some(Cow::Owned(text.len().to_string()))
            }
        };
        if self.operator == Operator::Missing {
            return Some(false);
        }
        let (left, right) = (side(&self.left)?, side(&self.right)?);
        Some(self.operator.holds(&left, &right))
    }

    /// A reference and the one value it has if this holds.
    pub fn equality(&self) -> Option<(&Expr, &str)> {
        match (self.operator, &self.left, &self.right) {
            (Operator::Equal, Operand::Value(reference), Operand::Value(Expr::Text(text)))
                if reference.literal().is_none() && !text.contains('*') =>
            {
                Some((reference, text))
            }
            _ => None,
        }
    }

    /// The values on both sides.
    pub fn values(&self) -> [&Expr; 2] {
        [&self.left, &self.right].map(|(Operand::Value(value) | Operand::Length(value))| value)
    }

    /// Whether it tells an empty value from others.
    pub fn looks_for_empty(&self) -> bool {
        let sides = [&self.left, &self.right];
        sides.into_iter().any(|side| match side {
            Operand::Value(value) => value.literal() == Some(""),
            Operand::Length(_) => true,
        })
    }
}

impl Operator {
    fn holds(self, left: &str, right: &str) -> bool {
        match self {
            Operator::Equal => match right.split_once('*') {
                Some((prefix, _)) => left.starts_with(prefix),
                None => left == right,
            },
            Operator::NotEqual => left != right,
            Operator::Less => order(left, right).is_lt(),
            Operator::Greater => order(left, right).is_gt(),
            Operator::AtMost => order(left, right).is_le(),
            Operator::AtLeast => order(left, right).is_ge(),
            Operator::Missing => false,
        }
    }
}

/// Numeric if both sides are integers, else by bytes.
fn order(left: &str, right: &str) -> std::cmp::Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.cmp(right),
    }
}

/// Where the operator begins and its length; an empty one at the end if there is none.
pub fn operator_in(text: &str) -> (usize, usize) {
    let (_, at, length) = find_operator(text);
    (at, length)
}

/// The operator, where it begins and its length. `==` goes before `!=`, that before `<` and `>`.
fn find_operator(text: &str) -> (Operator, usize, usize) {
    let searched = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::AtMost),
        ("<", Operator::Less),
        (">=", Operator::AtLeast),
        (">", Operator::Greater),
        ("=", Operator::Equal),
    ];
    searched
        .iter()
        .find_map(|&(sign, operator)| {
            Some((operator, find_outside_quotes(text, sign)?, sign.len()))
        })
        .unwrap_or((Operator::Missing, text.len(), 0))
}

/// Where `wanted` stands outside quoted runs.
pub fn find_outside_quotes(text: &str, wanted: &str) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(wanted) {
            return Some(at);
        }
        at += match quoted_run(rest) {
            Some((behind, _)) => rest.len() - behind.len(),
            None => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    None
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.operator {
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::Greater => ">",
            Operator::AtMost => "<=",
            Operator::AtLeast => ">=",
            Operator::Missing => return write!(f, "{}", self.left),
        };
        write!(f, "{} {operator} {}", self.left, self.right)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Value(value) => value.fmt(f),
            Operand::Length(value) => write!(f, "len({value})"),
        }
    }
}

impl Operand {
    fn parse<'t>(text: &'t str, findings: &mut Vec<Finding<'t>>) -> Self {
        let text = text.trim();
        if let Some(inner) = text
            .strip_prefix("len(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            return Operand::Length(Expr::parse(inner.trim(), false));
        }
        if let Some(("", inner)) = quoted_run(text) {
            if text.starts_with('\'') {
                let message = "single quotes are removed here, not in the original";
                findings.push(Finding::new(code::COND_SINGLE_QUOTE, text, message));
            }
            return Operand::Value(Expr::Text(inner.into()));
        }
        Operand::Value(Expr::parse(text, false))
    }

    fn is_prefix(&self) -> bool {
        matches!(self, Operand::Value(value) if value.literal().is_some_and(|text| text.contains('*')))
    }
}
