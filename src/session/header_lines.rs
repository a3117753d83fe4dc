//! Header lines that scripts add to messages.

use crate::sip::message::HeaderName;

/// A header line.
pub type Line = (HeaderName, String);

/// A line that cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// It is not `name: value`.
    #[error("'{0}' is no header line: write NAME: VALUE")]
    Malformed(String),
    /// The server writes this header itself.
    #[error("the server writes {0} itself")]
    Reserved(HeaderName),
}

/// What the transaction, the dialog and the framing of a message hang on.
const RESERVED: &[HeaderName] = &[
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::RecordRoute,
    HeaderName::ContentLength,
];

/// Splits `text` into header lines. A line ends at a line break, or at the four characters `\r\n`; empty
/// ones are left out.
///
/// # Errors
/// [`BadLine`] for the first that cannot be added.
pub fn parse(text: &str) -> Result<Vec<Line>, BadLine> {
    let text = unescape(text);
    let lines = text.split(['\r', '\n']).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(line).collect()
}

/// `text` with line breaks where it has the four characters `\r\n`.
pub fn unescape(text: &str) -> String {
    text.replace("\\r\\n", "\r\n")
}

fn line(line: &str) -> Result<Line, BadLine> {
    let malformed = || BadLine::Malformed(line.to_owned());
    let (name, value) = line.split_once(':').ok_or_else(malformed)?;
    let name = HeaderName::parse(name.trim_end().as_bytes()).ok_or_else(malformed)?;
    let value = value.trim();
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(malformed());
    }
    match RESERVED.contains(&name) {
        true => Err(BadLine::Reserved(name)),
        false => Ok((name, value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let lines = parse(text).unwrap();
        let written = lines.iter().map(|(name, value)| format!("{name}: {value}"));
        written.collect()
    }

    #[test]
    fn lines_end_at_either_kind_of_break_and_need_no_last_one() {
        for text in [
            "X-One: 1\\r\\nX-Two: 2",
            "X-One: 1\\r\\nX-Two: 2\\r\\n",
            "X-One: 1\r\nX-Two: 2\r\n",
            "X-One:1\n\nX-Two :  2 ",
        ] {
            assert_eq!(texts(text), ["X-One: 1", "X-Two: 2"], "{text:?}");
        }
        assert_eq!(texts(" \\r\\n "), [""; 0]);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for text in ["hello", "X One: 1", ": 1", "X-A: a\0b", "X-A: 1\\r\\nrest"] {
            assert!(
                matches!(parse(text), Err(BadLine::Malformed(_))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_the_server_writes_itself_is_refused_in_any_form() {
        for text in ["Via: x", "f: <sip:a@b>", "content-length: 3", "CSEQ: 1 BYE"] {
            assert!(matches!(parse(text), Err(BadLine::Reserved(_))), "{text:?}");
        }
    }
}
