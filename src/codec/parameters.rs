//! Reading the parameters of an `fmtp` attribute: `name=value` pairs between semicolons (RFC 4855 §3).

/// The value of `name`, which is compared ignoring case. Of several the first counts.
pub(super) fn value<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    let pairs = fmtp.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.trim(), value.trim()))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// A number; `None` also for what is none.
pub(super) fn number(fmtp: &str, name: &str) -> Option<u32> {
    value(fmtp, name)?.parse().ok()
}

/// Whether a parameter is 1.
pub(super) fn flag(fmtp: &str, name: &str) -> bool {
    number(fmtp, name) == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_whatever_is_around_them() {
        let fmtp = " minptime=10; UseInbandFEC = 1;;cbr;usedtx=;minptime=20";
        assert_eq!(number(fmtp, "minptime"), Some(10));
        assert!(flag(fmtp, "useinbandfec"));
        assert_eq!(value(fmtp, "usedtx"), Some(""));
        assert!(!flag(fmtp, "cbr") && !flag(fmtp, "usedtx") && !flag("", "cbr"));
    }
}
