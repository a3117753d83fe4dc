//! The one splitter for comma-separated header values (RFC 3261 §7.3.1).

/// Splits `value` at the commas that are outside quotes and outside angle brackets. The elements
/// are trimmed and may be empty; an empty value has none.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let value = value.trim_ascii();
    let mut rest = (!value.is_empty()).then_some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let comma = comma(text);
        rest = comma.map(|at| &text[at + 1..]);
        Some(text[..comma.unwrap_or(text.len())].trim_ascii())
    })
}

/// The first element of a header value, trimmed.
pub fn first_element(value: &str) -> &str {
    let end = comma(value.as_bytes()).unwrap_or(value.len());
    value[..end].trim_ascii()
}

/// Where the first comma that separates elements stands.
fn comma(text: &[u8]) -> Option<usize> {
    let first = memchr::memchr(b',', text)?;
    if memchr::memchr2(b'"', b'<', &text[..first]).is_none() {
        return Some(first);
    }
    let (mut quoted, mut bracketed, mut escaped) = (false, false, false);
    text.iter().position(|&byte| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => bracketed = true,
            b'>' if !quoted => bracketed = false,
            b',' => return !quoted && !bracketed,
            _ => {}
        }
        false
    })
}
