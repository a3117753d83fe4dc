//! Basic regular expressions (POSIX), for `listByRegex`.

use regex::{Regex, RegexBuilder};

/// A compiled expression may take so much memory, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// Length of the text of one.
const MAX_TEXT: usize = 4096;

/// A basic regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// A text is no expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no basic regular expression")]
pub struct BadPattern;

impl Pattern {
    /// Reads an expression in which `\(`, `\)`, `\{`, `\}`, `\|`, `\+` and `\?` have a meaning with their
    /// backslash and none without.
    ///
    /// # Errors
    /// [`BadPattern`] for what cannot be read, refers back to a group, or is too large.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if text.len() > MAX_TEXT {
            return Err(BadPattern);
        }
        let mut builder = RegexBuilder::new(&translate(text)?);
        let regex = builder.size_limit(MAX_BYTES).build();
        regex.map(Self).map_err(|_| BadPattern)
    }

    /// Whether some part of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// The same expression as the `regex` crate writes it.
fn translate(text: &str) -> Result<String, BadPattern> {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    // At the beginning of an expression or group a star is a star.
    let mut at_start = true;
    while let Some(c) = chars.next() {
        let begins = std::mem::replace(&mut at_start, false);
        match c {
            '\\' => match chars.next().ok_or(BadPattern)? {
                '(' => {
                    out.push('(');
                    at_start = true;
                }
                '|' => {
                    out.push('|');
                    at_start = true;
                }
                special @ (')' | '{' | '}' | '+' | '?' | '<' | '>' | 'b' | 'w' | 'W') => {
                    match special {
                        '<' | '>' | 'b' => out.push_str(r"\b"),
                        'w' | 'W' => out.extend(['\\', special]),
                        special => out.push(special),
                    }
                }
                '1'..='9' => return Err(BadPattern),
                literal => out.push_str(&regex::escape(&literal.to_string())),
            },
            '*' if begins => out.push_str(r"\*"),
            '^' => {
                at_start = begins;
                out.push_str(if begins { "^" } else { r"\^" });
            }
            '$' => {
                let mut rest = chars.clone();
                let ends = matches!(
                    (rest.next(), rest.next()),
                    (None, _) | (Some('\\'), Some(')' | '|'))
                );
                out.push_str(if ends { "$" } else { r"\$" });
            }
            '[' => class(&mut chars, &mut out)?,
            '.' | '*' => out.push(c),
            literal => out.push_str(&regex::escape(&literal.to_string())),
        }
    }
    Ok(out)
}

/// A bracket expression, in which a backslash means itself.
fn class(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    out: &mut String,
) -> Result<(), BadPattern> {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        match chars.next().ok_or(BadPattern)? {
            ']' if !first => break,
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for c in chars.by_ref() {
                    out.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            c @ ('[' | ']' | '\\' | '&' | '~' | '^') => out.extend(['\\', c]),
            c => out.push(c),
        }
        first = false;
    }
    out.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_expressions_match_as_posix_says() {
        for (pattern, text, matches) in [
            ("wonder", "in wonderland", true),
            ("^wonder", "in wonderland", false),
            ("^sip:.*@example\\.com$", "sip:bob@example.com", true),
            ("a+", "aa", false),
            ("a+", "a+", true),
            ("a\\+b", "aaab", true),
            ("(x)", "(x)", true),
            ("\\(ab\\)*c", "ababc", true),
            ("*a", "*a", true),
            ("a{2}", "aa", false),
            ("^a\\{2\\}$", "aa", true),
            ("[[:digit:]]*x", "12x", true),
            ("[]a]b", "]b", true),
            ("[\\]b", "\\b", true),
            ("a$b", "a$b", true),
            ("a^b", "a^b", true),
            ("ä|b", "ä|b", true),
        ] {
            let found = Pattern::parse(pattern).unwrap().matches(text);
            assert_eq!(found, matches, "{pattern} in {text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for bad in ["[a", "\\", "\\(a", "\\(a\\)\\1", &"a".repeat(5_000)] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
