//! Numbers: sums, products, random ones.

use super::{Done, Outcome};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::value::{decimal, unsigned};

pub fn new_id(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let (first, second) = (scope.host.random(), scope.host.random());
    let (head, tail) = (second >> 32, second & 0xFFFF_FFFF);
    let name = arguments.variable_name(0, scope);
    let id = format!("{head:08X}-{first:016X}-{tail:08X}");
    scope.variables.set(&name, id)?;
    Ok(Outcome::Next)
}

pub fn rand(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let random = scope.host.random();
    let modulo = unsigned(&arguments.text(1, scope)).filter(|modulo| *modulo > 0);
    let number = match modulo {
        Some(modulo) => random % u64::from(modulo),
        None => random >> 33,
    };
    let name = arguments.variable_name(0, scope);
    scope.variables.set(&name, number.to_string())?;
    Ok(Outcome::Next)
}

/// What `of` makes of the variable and the number.
pub fn sum(arguments: &Arguments<'_>, scope: &mut Scope<'_>, of: fn(f64, f64) -> f64) -> Done {
    let (left, right) = operands(arguments, scope);
    let result = of(number(&left), number(&right));
    // No infinity: what comes of it would be no number for anybody.
    let result = decimal(result.clamp(f64::MIN, f64::MAX));
    scope.variables.set(arguments.name(0), result)?;
    Ok(Outcome::Next)
}

pub fn product(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let (left, right) = operands(arguments, scope);
    let result = integer(&left).saturating_mul(integer(&right));
    scope.variables.set(arguments.name(0), result.to_string())?;
    Ok(Outcome::Next)
}

pub fn integer_part(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let result = integer(&arguments.owned(1, scope));
    scope.variables.set(arguments.name(0), result.to_string())?;
    Ok(Outcome::Next)
}

/// The value of the variable that the first argument names, and the second argument.
fn operands(arguments: &Arguments<'_>, scope: &Scope<'_>) -> (String, String) {
    let left = scope.variables.get(arguments.name(0)).unwrap_or("");
    let left = beginning(left).to_owned();
    (left, beginning(&arguments.text(1, scope)).to_owned())
}

/// The number that a text begins with; 0 without one.
fn number(text: &str) -> f64 {
    let number = beginning(text).parse().unwrap_or(0.0_f64);
    number.clamp(f64::MIN, f64::MAX)
}

/// Its integer part; what does not fit saturates.
fn integer(text: &str) -> i64 {
    let text = beginning(text);
    // A fraction of 64 bit digits would lose some of them.
    let whole = &text[..text.find('.').unwrap_or(text.len())];
    let exact = if text.contains(['e', 'E']) { "" } else { whole };
    exact.parse().unwrap_or_else(|_| number(text) as i64)
}

/// The beginning of a text that is a decimal number, sign, fraction and exponent included.
fn beginning(text: &str) -> &str {
    let text = text.trim_start();
    let digits = |at: usize| {
        let digits = text.as_bytes()[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        at + digits.count()
    };
    let signed = |at: usize| at + usize::from(text[at..].starts_with(['-', '+']));
    let start = signed(0);
    let whole = digits(start);
    let end = match text[whole..].starts_with('.') {
        true => digits(whole + 1),
        false => whole,
    };
    let has_digits = whole > start || end > whole + 1;
    if !has_digits {
        return "";
    }
    if text[end..].starts_with(['e', 'E']) {
        let exponent = signed(end + 1);
        let behind = digits(exponent);
        if behind > exponent {
            return &text[..behind];
        }
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_a_text_begins_with() {
        for (text, expected) in [
            ("5", 5.0),
            (" \t-2.25x", -2.25),
            ("+.5.5", 0.5),
            ("7.", 7.0),
            ("1e3", 1000.0),
            ("1e", 1.0),
            ("1e+", 1.0),
            ("12 x", 12.0),
            ("abc", 0.0),
            ("", 0.0),
            ("-", 0.0),
            (".", 0.0),
            ("-.e5", 0.0),
            ("inf", 0.0),
            ("1e999", f64::MAX),
            ("ü", 0.0),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn integer_parts_are_exact_and_saturate() {
        for (text, expected) in [
            ("9007199254740993", 9_007_199_254_740_993),
            ("9007199254740993.9", 9_007_199_254_740_993),
            ("-7.9", -7),
            ("-.9", 0),
            ("2e3", 2000),
            ("99999999999999999999", i64::MAX),
            ("-1e30", i64::MIN),
            ("x", 0),
        ] {
            assert_eq!(integer(text), expected, "{text}");
        }
    }
}
