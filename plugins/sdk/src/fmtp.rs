//! `name=value` parameters of an `a=fmtp` attribute.

/// The value of the parameter `name`, without quotes; names compare without case.
pub fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_by_its_name() {
        let fmtp = "octet-align=1; Mode-Set=0,2,4 ;vbr; mode=\"3,any\"";
        assert_eq!(parameter(fmtp, "octet-align"), Some("1"));
        assert_eq!(parameter(fmtp, "mode-set"), Some("0,2,4"));
        assert_eq!(parameter(fmtp, "mode"), Some("3,any"));
        assert_eq!(parameter(fmtp, "vbr"), Some(""));
        assert_eq!(parameter(fmtp, "crc"), None);
        assert_eq!(parameter("", "crc"), None);
    }
}
