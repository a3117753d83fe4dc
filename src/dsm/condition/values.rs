//! Conditions of compiled-in modules that look at their arguments only.

use super::super::argument::{split, unquote};
use super::super::diagnostic::code;
use super::super::expr::{Expr, Finding, Scope};
use super::super::registry::Separator;

/// A condition that holds or not by the values of its arguments, whatever event there is.
#[derive(Debug)]
pub struct ValueCondition {
    /// Name as written in a diagram.
    pub name: &'static str,
    /// The names of its arguments; each has to be written.
    pub parameters: [&'static str; 2],
    /// One line for the reference.
    pub doc: &'static str,
    pub(in crate::dsm) holds: fn(&str, &str) -> bool,
}

impl PartialEq for ValueCondition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ValueCondition {}

impl ValueCondition {
    /// How it is written, such as `utils.startsWith(text, prefix)`.
    pub fn usage(&self) -> String {
        format!("{}({})", self.name, self.parameters.join(", "))
    }

    /// Reads its arguments by the rules of actions. What is missing is empty.
    pub(in crate::dsm) fn arguments<'t>(
        &self,
        text: &'t str,
        findings: &mut Vec<Finding<'t>>,
    ) -> Box<[Expr]> {
        let parts = split(text, Separator::OuterCommas(self.parameters.len()));
        if let Some(missing) = self.parameters.get(parts.len()) {
            let usage = self.usage();
            findings.push(Finding {
                code: code::MISSING_ARGUMENT,
                message: format!("without '{missing}' it counts as empty; write {usage}"),
                about: None,
            });
        }
        let parts = parts.into_iter().map(unquote);
        parts
            .map(|(text, quoted)| Expr::parse(&text, quoted))
            .collect()
    }

    pub(in crate::dsm) fn holds(&self, arguments: &[Expr], scope: &Scope<'_>) -> bool {
        let value = |at: usize| arguments.get(at).map(|x| x.eval(scope)).unwrap_or_default();
        let (first, second) = (value(0), value(1));
        scope.spend(first.len() + second.len());
        (self.holds)(&first, &second)
    }
}
