//! Keys in a SIP INFO: bodies of the types `application/dtmf-relay` and `application/dtmf`.
//!
//! No RFC describes them. The first has lines like `Signal=5` and `Duration=160`, the second just the
//! key; what is read here is what phones and gateways are known to write.

use std::time::Duration;

use bytes::Bytes;

use crate::rtp::Digit;
use crate::sip::message::{Headers, body};

/// With a line for the key and one for its duration; also the type of what is sent.
pub const DTMF_RELAY: &str = "application/dtmf-relay";
/// Nothing but the key.
const DTMF: &str = "application/dtmf";

/// A body that should be a key, but is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no key in the body")]
pub struct NoKey;

/// The key that an INFO tells of, and how long it was held; `None` if it is about something else.
///
/// # Errors
/// [`NoKey`] for a body of the right type that has none.
pub fn read(headers: &Headers, body: &Bytes) -> Option<Result<(Digit, Duration), NoKey>> {
    let of_type = |wanted| {
        let part = body::part(headers, body, wanted).ok();
        part.filter(|part| !part.is_empty())
    };
    let body = of_type(DTMF_RELAY).or_else(|| of_type(DTMF))?;
    Some(parse(&String::from_utf8_lossy(&body)))
}

/// The body of an INFO that tells of a key.
pub fn write(digit: Digit, duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    format!("Signal={digit}\r\nDuration={milliseconds}\r\n")
}

fn parse(text: &str) -> Result<(Digit, Duration), NoKey> {
    let (mut key, mut duration) = (None, None);
    for line in text.split(['\r', '\n']) {
        // `*=` is no key, but `=` is no name either.
        match line.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("signal") => {
                key = key.or(digit(value));
            }
            Some((name, value)) if name.trim().eq_ignore_ascii_case("duration") => {
                duration = value.trim().parse().ok().map(Duration::from_millis);
            }
            Some(_) => {}
            None => key = key.or(digit(line)),
        }
    }
    let duration = duration.unwrap_or(DURATION).min(MAX_DURATION);
    key.map(|key| (key, duration)).ok_or(NoKey)
}

/// A key as its character, or as the number that RFC 4733 gives it.
fn digit(written: &str) -> Option<Digit> {
    let written = written.trim().trim_matches('"');
    let mut characters = written.chars();
    match (characters.next(), characters.next()) {
        (Some(key), None) => Digit::from_char(key),
        _ => written.parse().ok().and_then(Digit::from_event_code),
    }
}

/// Of a key that does not say.
const DURATION: Duration = Duration::from_millis(250);
/// What a key lasts at most: as much as gateways play.
const MAX_DURATION: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::HeaderName;

    fn spelled(content_type: &str, body: &str) -> String {
        let mut headers = Headers::default();
        headers.push(HeaderName::ContentType, content_type.to_owned());
        match read(&headers, &Bytes::copy_from_slice(body.as_bytes())) {
            None => "other".to_owned(),
            Some(Err(NoKey)) => "no key".to_owned(),
            Some(Ok((digit, duration))) => format!("{digit} {}", duration.as_millis()),
        }
    }

    #[test]
    fn keys_are_read_as_phones_write_them() {
        for (body, expected) in [
            ("Signal=5\r\nDuration=160\r\n", "5 160"),
            ("Signal= 5\r\nDuration= 160 \r\n", "5 160"),
            ("Signal = 5\nDuration = 160", "5 160"),
            ("signal=#\rduration=90\r", "# 90"),
            ("SIGNAL=*\r\nDURATION=100\r\n", "* 100"),
            ("Duration=100\r\nSignal=a\r\n", "A 100"),
            ("Signal=10\r\n", "* 250"),
            ("Signal=11\r\n", "# 250"),
            ("Signal=12\r\n", "A 250"),
            ("Signal=15\r\n", "D 250"),
            ("Signal=16\r\n", "! 250"),
            ("Signal=!\r\n", "! 250"),
            ("Signal=\"7\"\r\nDuration=many\r\n", "7 250"),
            ("Signal=7\r\nDuration=999999\r\n", "7 5000"),
            ("Signal=7\r\nDuration=0\r\nVolume=10\r\n", "7 0"),
        ] {
            assert_eq!(
                spelled("application/dtmf-relay", body),
                expected,
                "{body:?}"
            );
        }
        for (body, expected) in [
            ("7", "7 250"),
            ("\r\n#\r\n", "# 250"),
            ("11", "# 250"),
            (" d ", "D 250"),
        ] {
            assert_eq!(spelled("Application/DTMF", body), expected, "{body:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_told_from_what_is_about_something_else() {
        for body in [
            "Signal=\r\n",
            "Signal=17",
            "Signal=xy",
            "=",
            "Duration=160",
            "\u{0}",
            "signal",
        ] {
            assert_eq!(
                spelled("application/dtmf-relay", body),
                "no key",
                "{body:?}"
            );
        }
        assert_eq!(spelled("application/media_control+xml", "<x/>"), "other");
        assert_eq!(spelled("application/dtmf-relay", ""), "other");
    }

    #[test]
    fn what_is_written_can_be_read() {
        for code in 0..=16 {
            let digit = Digit::from_event_code(code).unwrap();
            let written = write(digit, Duration::from_millis(120));
            assert_eq!(parse(&written), Ok((digit, Duration::from_millis(120))));
        }
    }
}
