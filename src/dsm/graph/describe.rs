//! Statements and conditions as one line of text, as their author wrote them but with single blanks.

use super::super::syntax::ast::{Block, Call, Condition, ForHead, Statement};

/// `a(1); if test(x) { b } else { c }`.
pub fn block(block: &Block<'_>) -> String {
    statements(block).join("; ")
}

/// Each statement of a list.
pub fn statements(block: &Block<'_>) -> Vec<String> {
    block.iter().map(statement).collect()
}

/// Each condition of a list.
pub fn conditions(conditions: &[Condition<'_>]) -> Vec<String> {
    conditions.iter().map(condition).collect()
}

fn condition(condition: &Condition<'_>) -> String {
    match condition {
        Condition::Exception(_) => "exception".to_owned(),
        Condition::Test { negated, call } => {
            format!("{}{}", if *negated { "not " } else { "" }, self::call(call))
        }
    }
}

fn statement(statement: &Statement<'_>) -> String {
    match statement {
        Statement::Call(call) => self::call(call),
        Statement::If(it) => {
            let conditions = conditions(&it.conditions).join("; ");
            let then = block(&it.then);
            if it.otherwise.is_empty() {
                format!("if {conditions} {{ {then} }}")
            } else {
                let otherwise = block(&it.otherwise);
                format!("if {conditions} {{ {then} }} else {{ {otherwise} }}")
            }
        }
        Statement::For(it) => {
            let head = match &it.head {
                ForHead::Range { variable, bounds } => {
                    format!("${variable} in range({})", bounds.join(", "))
                }
                ForHead::Array { variable, array } => format!("${variable} in ${array}"),
                ForHead::Struct {
                    key,
                    value,
                    structure,
                } => format!("${key}, ${value} in ${structure}"),
            };
            format!("for ({head}) {{ {} }}", block(&it.body))
        }
    }
}

/// `name(arguments)`, or `name` if there are none.
pub fn call(call: &Call<'_>) -> String {
    match call.arguments {
        Some(arguments) if !arguments.text.trim().is_empty() => {
            format!("{}({})", call.name.text, single_blanks(arguments.text))
        }
        Some(_) => format!("{}()", call.name.text),
        None => call.name.text.to_owned(),
    }
}

/// The words of a text with one blank between them.
pub fn single_blanks(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
