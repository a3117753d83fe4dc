//! "Did you mean": the known word closest to a misspelt one.
//!
//! For keys of the configuration and names in a state diagram. Both words come from a file, so the
//! cost of a comparison is bounded whatever their length.

/// Finds the candidate that most resembles `word`, the first in the alphabet of several; `None` if
/// none is close.
///
/// Case, `-` and `_` do not count; up to a third of the letters may differ, a swapped pair being one
/// difference.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normalised(word);
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|name| Some((distance(&word, &normalised(name), allowed)?, name)))
        .min()
        .map(|(_, name)| name)
}

/// Whether `word` is `other` with one slip: case, a letter that is wrong, missing or too many, or a
/// swapped pair. Words that differ in their last letter only are different words, such as `file1` and
/// `file2` or `key` and `keys`, and so are short ones.
pub fn is_slip_of(word: &str, other: &str) -> bool {
    const SHORTEST: usize = 4;
    let (word, other) = (normalised(word), normalised(other));
    let stem = |name: &[char]| name[..name.len().saturating_sub(1)].to_vec();
    let differ_at_end = word != other
        && (stem(&word) == stem(&other) || stem(&word) == other || word == stem(&other));
    word.len().min(other.len()) >= SHORTEST
        && !differ_at_end
        && distance(&word, &other, 1).is_some()
}

/// Longer words are cut: a name of a megabyte must not cost its square.
const LONGEST_WORD: usize = 64;

fn normalised(word: &str) -> Vec<char> {
    word.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == '-' { '_' } else { c })
        .take(LONGEST_WORD)
        .collect()
}

/// Optimal string alignment distance (insertions, deletions, replacements and swaps of neighbours);
/// `None` above `limit`.
fn distance(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    Some(last[b.len()]).filter(|&distance| distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_one_letter_but_not_the_last() {
        for (word, other) in [("lnag", "lang"), ("qestion", "question"), ("Lang", "lang")] {
            assert!(is_slip_of(word, other), "{word} {other}");
        }
        let different = [
            ("file1", "file2"),
            ("key", "kye"),
            ("langs", "lang"),
            ("room", "zoo"),
        ];
        for (word, other) in different {
            assert!(!is_slip_of(word, other), "{word} {other}");
        }
    }

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_finds_none() {
        let known = ["listen", "server_header", "t1_ms", "t2_ms"];
        let find = |word| closest(word, known);
        assert_eq!(find("lisetn"), Some("listen"));
        assert_eq!(find("Listens"), Some("listen"));
        assert_eq!(find("server-heder"), Some("server_header"));
        assert_eq!(find("t2ms"), Some("t2_ms"));
        assert_eq!(find("colour"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn of_several_equally_close_the_order_of_the_candidates_does_not_choose() {
        assert_eq!(closest("statc", ["statf", "state"]), Some("state"));
        assert_eq!(closest("statc", ["state", "statf"]), Some("state"));
    }

    #[test]
    fn a_very_long_word_is_compared_by_its_beginning() {
        let (word, name) = ("a".repeat(1 << 20), "a".repeat(1 << 20) + "b");
        assert_eq!(closest(&word, [name.as_str()]), Some(name.as_str()));
    }
}
