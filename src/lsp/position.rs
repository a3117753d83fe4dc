//! Positions of the protocol to bytes of a text and back.

use lsp_types::{Position, PositionEncodingKind, Range};

/// What a position's `character` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units: what every client can do.
    #[default]
    Utf16,
}

impl Encoding {
    /// The best of those that a client offers.
    pub fn negotiate(offered: Option<&[PositionEncodingKind]>) -> Self {
        let utf8 = offered.is_some_and(|offered| offered.contains(&PositionEncodingKind::UTF8));
        if utf8 {
            Encoding::Utf8
        } else {
            Encoding::Utf16
        }
    }

    /// How the protocol calls it.
    pub fn kind(self) -> PositionEncodingKind {
        match self {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
        }
    }

    fn width(self, c: char) -> usize {
        match self {
            Encoding::Utf8 => c.len_utf8(),
            Encoding::Utf16 => c.len_utf16(),
        }
    }
}

/// A text and where its lines begin. A line ends with LF, CR LF or CR.
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    encoding: Encoding,
}

impl<'t> Lines<'t> {
    /// The lines of a text.
    pub fn new(text: &'t str, encoding: Encoding) -> Self {
        let bytes = text.as_bytes();
        let ends = memchr::memchr2_iter(b'\n', b'\r', bytes)
            .filter(|&at| bytes[at] == b'\n' || bytes.get(at + 1) != Some(&b'\n'));
        let starts = std::iter::once(0).chain(ends.map(|at| at + 1)).collect();
        Self {
            text,
            starts,
            encoding,
        }
    }

    /// The byte a position means; what lies outside of the text is moved to the end of its line, or of
    /// the text.
    pub fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        let Some(&start) = self.starts.get(line) else {
            return self.text.len();
        };
        let end = self.starts.get(line + 1).copied();
        let content =
            self.text[start..end.unwrap_or(self.text.len())].trim_end_matches(['\n', '\r']);
        let mut left = position.character as usize;
        for (at, c) in content.char_indices() {
            let width = self.encoding.width(c);
            // A position inside a character means its start.
            if left < width {
                return start + at;
            }
            left -= width;
        }
        start + content.len()
    }

    /// The position of a byte.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|&start| start <= offset) - 1;
        let before = self.text.get(self.starts[line]..offset).unwrap_or("");
        let units: usize = before.chars().map(|c| self.encoding.width(c)).sum();
        Position::new(line as u32, units as u32)
    }

    /// The range of some bytes.
    pub fn range(&self, start: usize, end: usize) -> Range {
        Range::new(self.position(start), self.position(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "é\t😀x\r\nzwei\rdrei\nvier";

    #[test]
    fn characters_count_as_the_client_counts() {
        let utf16 = Lines::new(TEXT, Encoding::Utf16);
        let utf8 = Lines::new(TEXT, Encoding::Utf8);
        let x = TEXT.find('x').unwrap();
        assert_eq!(utf16.position(x), Position::new(0, 4));
        assert_eq!(utf8.position(x), Position::new(0, 7));
        assert_eq!(utf16.offset(Position::new(0, 4)), x);
        assert_eq!(utf8.offset(Position::new(0, 7)), x);
    }

    #[test]
    fn every_line_end_of_the_protocol_counts() {
        let lines = Lines::new(TEXT, Encoding::Utf16);
        for (line, word) in [(1, "zwei"), (2, "drei"), (3, "vier")] {
            assert_eq!(
                lines.position(TEXT.find(word).unwrap()),
                Position::new(line, 0)
            );
        }
    }

    #[test]
    fn positions_outside_of_the_text_are_moved_into_it() {
        let lines = Lines::new(TEXT, Encoding::Utf16);
        let end_of_first = TEXT.find('\r').unwrap();
        assert_eq!(lines.offset(Position::new(0, 99)), end_of_first);
        assert_eq!(lines.offset(Position::new(99, 0)), TEXT.len());
        // The middle of the emoji.
        assert_eq!(lines.offset(Position::new(0, 3)), TEXT.find('😀').unwrap());
        assert_eq!(lines.position(usize::MAX), lines.position(TEXT.len()));
    }
}
