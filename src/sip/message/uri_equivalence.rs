//! When two URIs mean the same (RFC 3261 §19.1.4, RFC 3966 §4).

use super::lex::escaped_byte;
use super::{Params, SipUri, TelUri, Uri};

impl Uri {
    /// Whether both are the same by the rules of their scheme: order of parameters, letter case
    /// and needless escapes do not count. URIs of an unknown scheme are compared as text.
    pub fn equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sip(a), Self::Sip(b)) => a.equivalent(b),
            (Self::Tel(a), Self::Tel(b)) => a.equivalent(b),
            (Self::Other { scheme: a, rest: x }, Self::Other { scheme: b, rest: y }) => {
                a.eq_ignore_ascii_case(b) && x == y
            }
            _ => false,
        }
    }
}

impl SipUri {
    /// RFC 3261 §19.1.4. User and password compare with case, the rest without.
    pub fn equivalent(&self, other: &Self) -> bool {
        self.secure == other.secure
            && same_with_case(self.user.as_deref(), other.user.as_deref())
            && same_with_case(self.password.as_deref(), other.password.as_deref())
            && self.host.equivalent(&other.host)
            && self.port == other.port
            && params_agree(&self.params, &other.params)
            && params_agree(&other.params, &self.params)
            && headers(self) == headers(other)
    }
}

impl TelUri {
    /// RFC 3966 §4: visual separators do not count; every parameter does.
    pub fn equivalent(&self, other: &Self) -> bool {
        digits(&self.number) == digits(&other.number)
            && all_in(&self.params, &other.params)
            && all_in(&other.params, &self.params)
    }
}

/// Whether each parameter of `ours` is in `theirs` with the same value.
fn all_in(ours: &Params, theirs: &Params) -> bool {
    ours.iter().all(|(name, _)| {
        theirs.contains(name) && same_ignoring_case(ours.get(name), theirs.get(name))
    })
}

/// Parameters that both URIs must have if one has them. The text of §19.1.4 leaves `transport`
/// out, its examples do not.
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

/// Whether every parameter of `ours` is in `theirs` with the same value, or may be ignored. Of a
/// name that is there twice, which no URI may have (§19.1.1), the first counts.
fn params_agree(ours: &Params, theirs: &Params) -> bool {
    ours.iter().all(|(name, _)| match theirs.contains(name) {
        true => same_ignoring_case(ours.get(name), theirs.get(name)),
        false => !NEVER_IGNORED
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name)),
    })
}

/// The header part as a sorted list, escapes normalised.
fn headers(uri: &SipUri) -> Vec<(String, String)> {
    let part = uri.headers.as_deref().unwrap_or_default();
    let mut headers: Vec<_> = part
        .split('&')
        .filter(|header| !header.is_empty())
        .map(|header| header.split_once('=').unwrap_or((header, "")))
        .map(|(name, value)| (normalised(name).to_ascii_lowercase(), normalised(value)))
        .collect();
    headers.sort_unstable();
    headers
}

fn digits(number: &str) -> String {
    number
        .chars()
        .filter(|c| !"-.()".contains(*c))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn same_with_case(a: Option<&str>, b: Option<&str>) -> bool {
    a.map(normalised) == b.map(normalised)
}

fn same_ignoring_case(a: Option<&str>, b: Option<&str>) -> bool {
    let lower = |text: &str| normalised(text).to_ascii_lowercase();
    a.map(lower) == b.map(lower)
}

/// Writes every escape in one way: a character outside the `reserved` set (RFC 2396 §2.2) equals
/// its escape, a reserved one does not.
fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, from_percent) = rest.split_at(at);
        out.push_str(before);
        let Some(byte) = escaped_byte(&from_percent.as_bytes()[1..]) else {
            out.push('%');
            rest = &from_percent[1..];
            continue;
        };
        if byte.is_ascii_graphic() && !b";/?:@&=+$,%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        rest = &from_percent[3..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equivalent(a: &str, b: &str) -> bool {
        let (a, b) = (Uri::parse(a).unwrap(), Uri::parse(b).unwrap());
        assert_eq!(a.equivalent(&b), b.equivalent(&a));
        a.equivalent(&b)
    }

    #[test]
    fn rfc3261_19_1_4_examples_of_equivalence() {
        for (a, b) in [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtlanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            (
                "sip:carol@chicago.com;newparam=5",
                "sip:carol@chicago.com;security=on",
            ),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
        ] {
            assert!(equivalent(a, b), "{a} {b}");
        }
    }

    #[test]
    fn rfc3261_19_1_4_examples_of_difference() {
        for (a, b) in [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            (
                "sip:bob@biloxi.com",
                "sip:bob@biloxi.com:6000;transport=tcp",
            ),
            (
                "sip:carol@chicago.com",
                "sip:carol@chicago.com?Subject=next%20meeting",
            ),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
            ("sip:a@x", "sips:a@x"),
            ("sip:a@x;maddr=y", "sip:a@x"),
            ("sip:a%3Bb@x", "sip:a;b@x"),
        ] {
            assert!(!equivalent(a, b), "{a} {b}");
        }
    }

    #[test]
    fn telephone_numbers_compare_without_separators() {
        assert!(equivalent("tel:+1-201.555(0123)", "TEL:+12015550123"));
        assert!(!equivalent("tel:+1;phone-context=a", "tel:+1"));
        assert!(!equivalent("tel:1", "sip:1@x"));
    }

    #[test]
    fn of_a_parameter_that_is_there_twice_the_first_counts() {
        assert!(equivalent("sip:a@x;p=1;p=2", "sip:a@x;p=1;p=2"));
        assert!(equivalent("sip:a@x;p=1;p=2", "sip:a@x;p=1"));
        assert!(!equivalent("sip:a@x;p=1;p=2", "sip:a@x;p=2;p=1"));
        assert!(!equivalent("tel:1;a;a;b", "tel:1;a;b;c"));
    }

    #[test]
    fn damaged_escapes_stand_for_themselves() {
        assert!(equivalent("sip:a%@x", "sip:a%@x"));
        assert!(!equivalent("sip:a%zz@x", "sip:a%25zz@x"));
    }
}
