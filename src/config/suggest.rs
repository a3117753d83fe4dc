//! "Did you mean": the known word closest to a misspelt one.

/// Finds the candidate that most resembles `word`; `None` if none is close.
///
/// Case, `-` and `_` do not count; up to a third of the letters may differ, a swapped pair being one
/// difference.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normalised(word);
    let allowed = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &normalised(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Longer words are cut: a key of a megabyte must not cost a matrix of that size.
const LONGEST_WORD: usize = 64;

fn normalised(word: &str) -> Vec<char> {
    let fold = |c: char| {
        if c == '-' {
            '_'
        } else {
            c.to_ascii_lowercase()
        }
    };
    word.chars().take(LONGEST_WORD).map(fold).collect()
}

/// Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
