//! Parameters for the application, as a proxy in front writes them into P-App-Param headers.
//!
//! The header holds `key=value` items between semicolons. One tolerant reader serves scripts and
//! look-ups alike:
//!
//! - several headers read as one; blanks around keys and values do not count;
//! - a value may stand in double or single quotes, within which `;`, `,` and `=` are plain and a
//!   backslash takes the next character as it is; a quote without its partner is plain;
//! - a value without quotes ends at `;`, and at a comma that is followed by another `key=` (proxies
//!   join headers by commas). `=` within a value is plain;
//! - an item without `=` is a key with an empty value;
//! - the first value that is not empty counts; keys are compared ignoring case.

/// Items beyond this number are ignored; what the network sends must not cost more than its length.
const MAX_ITEMS: usize = 128;

/// The items of all P-App-Param headers of a request, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppParams {
    items: Vec<(String, String)>,
}

impl AppParams {
    /// Reads the values of the headers. Never fails: what is no item is ignored.
    pub fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> AppParams {
        let mut params = AppParams::default();
        for header in headers {
            let mut rest = header;
            while !rest.is_empty() && params.items.len() < MAX_ITEMS {
                let (key, value, after) = item(rest);
                params.add(key, value);
                rest = after;
            }
        }
        params
    }

    /// The value of `key`; may be empty.
    pub fn value(&self, key: &str) -> Option<&str> {
        let same = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(key);
        self.items
            .iter()
            .find(same)
            .map(|(_, value)| value.as_str())
    }

    /// Keys, spelled as received, and values in the order of first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn add(&mut self, key: &str, value: String) {
        if key.is_empty() {
            return;
        }
        let same = |(name, _): &&mut (String, String)| name.eq_ignore_ascii_case(key);
        match self.items.iter_mut().find(same) {
            Some((_, known)) if known.is_empty() => *known = value,
            Some(_) => {}
            None => self.items.push((key.to_owned(), value)),
        }
    }
}

/// `item = key [ "=" ( quoted / plain ) ]`: key, value and what follows the separator.
fn item(text: &str) -> (&str, String, &str) {
    let key_end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let key = text[..key_end].trim();
    let Some(written) = text[key_end..].strip_prefix('=') else {
        return (
            key,
            String::new(),
            text.get(key_end + 1..).unwrap_or_default(),
        );
    };
    let written = written.trim_start();
    quoted(written).map_or_else(
        || {
            let (value, rest) = plain(written, 0);
            (key, value.to_owned(), rest)
        },
        |(value, rest)| (key, value, rest),
    )
}

/// A value in quotes up to and with its separator; `None` if it is not one. Text after the closing
/// quote, as in `"Bob" <sip:bob@example.net>`, makes it a plain value whose quotes belong to it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next().filter(|(_, c)| matches!(c, '"' | '\''))?;
    let mut value = String::new();
    let end = loop {
        match chars.next()? {
            (at, c) if c == quote => break at + 1,
            (_, '\\') => value.push(chars.next()?.1),
            (_, c) => value.push(c),
        }
    };
    let rest = text[end..].trim_start();
    match rest.chars().next() {
        None => Some((value, rest)),
        Some(';' | ',') => Some((value, &rest[1..])),
        Some(_) => {
            let (value, rest) = plain(text, end);
            Some((value.to_owned(), rest))
        }
    }
}

/// A value without quotes that is at least `least` bytes long, and what follows its separator.
fn plain(text: &str, least: usize) -> (&str, &str) {
    let is_end =
        |(at, separator): &(usize, &str)| *separator == ";" || starts_item(&text[at + 1..]);
    let end = text[least..]
        .match_indices([';', ','])
        .map(|(at, separator)| (least + at, separator))
        .find(is_end);
    match end {
        Some((at, _)) => (text[..at].trim(), &text[at + 1..]),
        None => (text.trim(), ""),
    }
}

/// Whether `text` begins with `token =`. RFC 3261 §25.1 for `token`.
fn starts_item(text: &str) -> bool {
    let text = text.trim_start();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    let token_end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    token_end > 0 && text[token_end..].trim_start().starts_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(headers: &[&str]) -> Vec<(String, String)> {
        AppParams::parse(headers.iter().copied()).items
    }

    fn check(header: &str, expected: &[(&str, &str)]) {
        let found = items(&[header]);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(found, expected, "{header}");
    }

    #[test]
    fn blanks_around_keys_and_values_do_not_count() {
        check(
            " usr = bob ;  dom= example.net",
            &[("usr", "bob"), ("dom", "example.net")],
        );
    }

    #[test]
    fn quotes_protect_separators_and_backslashes_protect_quotes() {
        check(
            r#"Transfer-RR="<sip:p1.example.net;lr>,<sip:p2.example.net;lr>";b='it\'s';c="\\""#,
            &[
                (
                    "Transfer-RR",
                    "<sip:p1.example.net;lr>,<sip:p2.example.net;lr>",
                ),
                ("b", "it's"),
                ("c", "\\"),
            ],
        );
    }

    #[test]
    fn a_quote_that_is_no_frame_belongs_to_the_value() {
        check("name=O'Brien;x=1", &[("name", "O'Brien"), ("x", "1")]);
        check("a=\"open;b=2", &[("a", "\"open"), ("b", "2")]);
        check(
            "to=\"Bob; Jr\" <sip:bob@example.net>;x=1",
            &[("to", "\"Bob; Jr\" <sip:bob@example.net>"), ("x", "1")],
        );
    }

    #[test]
    fn an_equals_sign_within_a_value_is_plain() {
        check(
            "uri=sip:a@b?X=1;k=a=b",
            &[("uri", "sip:a@b?X=1"), ("k", "a=b")],
        );
    }

    #[test]
    fn a_comma_separates_only_before_another_item() {
        check("ids=1,2,3;x=y", &[("ids", "1,2,3"), ("x", "y")]);
        check("a=1, b = 2", &[("a", "1"), ("b", "2")]);
        check("a=\"1\",b=2", &[("a", "1"), ("b", "2")]);
    }

    #[test]
    fn a_key_alone_has_an_empty_value() {
        check("Listen-Only;;=x;a=", &[("Listen-Only", ""), ("a", "")]);
    }

    #[test]
    fn several_headers_read_as_one_and_the_first_value_wins() {
        let params = AppParams::parse(["a=;b=1", "A=2;b=3"]);
        assert_eq!(params.value("a"), Some("2"));
        assert_eq!(params.value("B"), Some("1"));
        assert_eq!(params.value("c"), None);
    }

    #[test]
    fn any_text_is_read_and_the_number_of_items_is_bounded() {
        use rand::{RngExt, SeedableRng, rngs::StdRng};
        let mut rng = StdRng::seed_from_u64(1);
        let alphabet: Vec<char> = "ab=;,\"'\\ é\t<>".chars().collect();
        for _ in 0..20_000 {
            let length = rng.random_range(0..40);
            let text: String = (0..length)
                .map(|_| alphabet[rng.random_range(0..alphabet.len())])
                .collect();
            AppParams::parse([text.as_str(), text.as_str()]);
        }
        let many: String = (0..10_000).map(|i| format!("k{i}=v;")).collect();
        assert_eq!(items(&[&many]).len(), MAX_ITEMS);
    }
}
