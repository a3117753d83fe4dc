//! The beginning of what a peer wrote, so that nobody outside decides how long our log lines are.

use std::fmt::{self, Debug, Display, Write};

/// Bytes that are shown, about.
const LONGEST: usize = 128;

/// Shows the beginning of what it holds, with `…` where it was cut; by `{:?}` quoted, and cut without a sign.
pub(crate) struct Excerpt<T>(pub T);

impl<T: Display> Display for Excerpt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cut = Cut {
            to: f,
            left: LONGEST,
        };
        match write!(cut, "{}", self.0) {
            Err(_) if cut.left == 0 => f.write_str("…"),
            result => result,
        }
    }
}

/// Quoted and escaped, for a place in a line that programs read.
impl<T: AsRef<str>> Debug for Excerpt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(beginning(self.0.as_ref()), f)
    }
}

/// As much of `text` as is shown.
pub(crate) fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

/// Fails when there is no room left.
struct Cut<'a, 'f> {
    to: &'a mut fmt::Formatter<'f>,
    left: usize,
}

impl Write for Cut<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.left {
            self.left -= text.len();
            return self.to.write_str(text);
        }
        let shown = text.floor_char_boundary(self.left);
        self.left = 0;
        self.to.write_str(&text[..shown])?;
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::{Excerpt, LONGEST};

    #[test]
    fn only_what_is_too_long_is_cut() {
        let fits = "x".repeat(LONGEST);
        assert_eq!(Excerpt(&fits).to_string(), fits);
        assert_eq!(Excerpt(format!("{fits}y")).to_string(), fits + "…");
        let (odd, cut) = (format!("x{}", "ü".repeat(LONGEST)), LONGEST / 2 - 1);
        let shown = format!("x{}…", "ü".repeat(cut));
        assert_eq!(Excerpt(odd).to_string(), shown);
        assert_eq!(format!("{:?}", Excerpt("a\"\n")), r#""a\"\n""#);
        let quoted = format!("{:?}", Excerpt("x".repeat(LONGEST + 1)));
        assert_eq!(quoted.len(), LONGEST + 2);
    }
}
