//! Text that stands between quotes in a statement.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many escaped values a session remembers.
const MAX_MARKS: usize = 100;
/// How many bytes of them.
const MAX_MARK_BYTES: usize = 1 << 20;

/// How a connection reads `\` in quoted text (`sql_mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It escapes the next character.
    Backslash,
    /// It is a character as any other: `NO_BACKSLASH_ESCAPES`. Only a quote is special, and doubled.
    Doubled,
}

/// Adds `text` so that it can stand between two `quote`s.
pub fn escape(out: &mut String, text: &str, quote: char, mode: Mode) {
    for c in text.chars() {
        let escaped = match (mode, c) {
            (Mode::Doubled, _) if c == quote => {
                out.push(quote);
                c
            }
            (Mode::Doubled, _) => c,
            _ if quote == '`' => {
                if c == '`' {
                    out.push('`');
                }
                c
            }
            (Mode::Backslash, c) => match escape_letter(c) {
                Some(letter) => {
                    out.push('\\');
                    letter
                }
                None => c,
            },
        };
        out.push(escaped);
    }
}

fn escape_letter(c: char) -> Option<char> {
    Some(match c {
        '\0' => '0',
        '\n' => 'n',
        '\r' => 'r',
        '\x1a' => 'Z',
        '\\' | '\'' | '"' => c,
        _ => return None,
    })
}

/// What `mysql.escape` gave so far, so that a statement does not escape it again: escaped values and
/// what they were. Whoever sends the same text by chance is as safe, for it is an escaped one.
#[derive(Default)]
pub struct Marks {
    list: Mutex<VecDeque<(String, String)>>,
}

impl Marks {
    /// Remembers a value; the oldest are forgotten when there are too many.
    pub fn note(&self, escaped: &str, raw: &str) {
        if escaped == raw || self.raw(escaped).is_some() {
            return;
        }
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.push_back((escaped.to_owned(), raw.to_owned()));
        let bytes = |list: &VecDeque<(String, String)>| -> usize {
            list.iter()
                .map(|(escaped, raw)| escaped.len() + raw.len())
                .sum()
        };
        while list.len() > MAX_MARKS || bytes(&list) > MAX_MARK_BYTES {
            list.pop_front();
        }
    }

    /// What an escaped value was.
    pub fn raw(&self, escaped: &str) -> Option<String> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let found = list.iter().find(|(known, _)| known == escaped);
        found.map(|(_, raw)| raw.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_MARKS, Marks, Mode, escape};

    fn escaped(text: &str, quote: char, mode: Mode) -> String {
        let mut out = String::new();
        escape(&mut out, text, quote, mode);
        out
    }

    #[test]
    fn what_could_end_or_change_a_quoted_text_gets_a_backslash() {
        let all = "O'N\"\\\0\n\r\x1aä%_";
        assert_eq!(
            escaped(all, '\'', Mode::Backslash),
            "O\\'N\\\"\\\\\\0\\n\\r\\Zä%_"
        );
    }

    #[test]
    fn without_backslashes_only_the_quote_around_is_doubled() {
        assert_eq!(escaped("O'N\"\\", '\'', Mode::Doubled), "O''N\"\\");
        assert_eq!(escaped("O'N\"\\", '"', Mode::Doubled), "O'N\"\"\\");
    }

    #[test]
    fn between_backticks_only_backticks_are_doubled() {
        assert_eq!(escaped("a`b'c\\", '`', Mode::Backslash), "a``b'c\\");
        assert_eq!(escaped("a`b", '`', Mode::Doubled), "a``b");
    }

    #[test]
    fn marks_are_found_and_the_oldest_are_forgotten() {
        let marks = Marks::default();
        marks.note("plain", "plain");
        assert_eq!(marks.raw("plain"), None);
        for number in 0..=MAX_MARKS {
            marks.note(&format!("\\'{number}"), &format!("'{number}"));
        }
        assert_eq!(marks.raw("\\'0"), None);
        assert_eq!(marks.raw("\\'1").as_deref(), Some("'1"));
    }
}
