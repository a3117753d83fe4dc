//! How wide text is, and how it is wrapped and shortened.
//!
//! The layout has to know text sizes before anybody draws. Widths are those of Helvetica, which
//! Arial and Liberation Sans share; other fonts are fitted in by the `textLength` of each line.

/// Thickness of the strokes of a font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Running text.
    Regular,
    /// Names.
    Bold,
}

/// Advance widths of `' '..='~'` in thousandths of the font size.
const REGULAR: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667,
    611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556,
    278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];
const ELLIPSIS: char = '…';

/// Width of one line of text in pixels.
pub fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let thousandths: u32 = text.chars().map(|c| advance(c, weight)).sum();
    f64::from(thousandths) * size / 1000.0
}

fn advance(c: char, weight: Weight) -> u32 {
    let table = match weight {
        Weight::Regular => &REGULAR,
        Weight::Bold => &BOLD,
    };
    let index = (c as usize).checked_sub(' ' as usize);
    match index.and_then(|index| table.get(index)) {
        Some(&width) => u32::from(width),
        // East Asian scripts and pictures fill the square; other letters are about as wide as ours.
        None if c >= '\u{1100}' && !('\u{2000}'..='\u{22ff}').contains(&c) => 1000,
        None if matches!(c, ELLIPSIS | '↗' | '→') => 1000,
        None => 640,
    }
}

/// Breaks a text at blanks into lines of about equal width, none wider than `limit`, and at most
/// `lines` of them. What does not fit is replaced by an ellipsis.
pub fn wrap(text: &str, size: f64, weight: Weight, limit: f64, lines: usize) -> Vec<String> {
    /// How much narrower lines may get. Picked by looking.
    const STEP: f64 = 6.0;
    let all = break_lines(text, size, weight, limit, lines);
    let is_cut = |lines: &[String]| lines.iter().any(|line| line.ends_with(ELLIPSIS));
    if all.len() < 2 || is_cut(&all) {
        return all;
    }
    let mut best = all;
    let mut narrower = limit - STEP;
    while narrower > limit / 2.0 {
        let next = break_lines(text, size, weight, narrower, lines);
        if next.len() != best.len() || is_cut(&next) {
            break;
        }
        best = next;
        narrower -= STEP;
    }
    best
}

fn break_lines(text: &str, size: f64, weight: Weight, limit: f64, lines: usize) -> Vec<String> {
    let fits = |line: &str| width(line, size, weight) <= limit;
    let mut out: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let is_last = out.len() == lines;
        match out.last_mut() {
            Some(line) if fits(&format!("{line} {word}")) => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if is_last => {
                line.push(ELLIPSIS);
                break;
            }
            _ => out.push(word.to_owned()),
        }
    }
    out.iter()
        .map(|line| shorten(line, size, weight, limit))
        .collect()
}

/// The text, or its beginning with an ellipsis if it is wider than `limit`.
pub fn shorten(text: &str, size: f64, weight: Weight, limit: f64) -> String {
    if width(text, size, weight) <= limit {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut left = limit - f64::from(advance(ELLIPSIS, weight)) * size / 1000.0;
    for c in text.trim_end_matches(ELLIPSIS).chars() {
        left -= f64::from(advance(c, weight)) * size / 1000.0;
        if left < 0.0 {
            break;
        }
        short.push(c);
    }
    short.truncate(short.trim_end().len());
    short.push(ELLIPSIS);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, limit: f64, lines: usize) -> Vec<String> {
        wrap(text, 10.0, Weight::Regular, limit, lines)
    }

    #[test]
    fn lines_break_at_blanks() {
        assert_eq!(lines("one two three", 45.0, 3), ["one two", "three"]);
    }

    #[test]
    fn what_does_not_fit_is_shortened() {
        assert_eq!(lines("one two three four", 45.0, 1), ["one tw…"]);
        assert_eq!(
            lines("one two three fourteen", 45.0, 2),
            ["one two", "three…"]
        );
        assert_eq!(lines("abcdefghijklmnop b", 45.0, 2), ["abcdef…", "b"]);
    }

    #[test]
    fn no_line_is_wider_than_allowed() {
        let text =
            "Wide WWWWWWWWWWWWWW 日本語日本語日本語 words iiiiiiiiiiiiiiiiiiiiiiiiii and so on";
        for limit in [20.0, 33.0, 50.0, 80.0] {
            for line in lines(text, limit, 9) {
                assert!(width(&line, 10.0, Weight::Regular) <= limit, "{line}");
            }
        }
    }

    #[test]
    fn nothing_is_no_line() {
        assert!(lines("  ", 50.0, 2).is_empty());
    }
}
