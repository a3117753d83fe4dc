//! Typed views of the headers that extensions of RFC 3261 bring. As the views in `headers.rs`, each reads the
//! raw value anew; a header that need not be there gives `None`.

use super::header::{Event, MinSe, Replaces, SessionExpires, SubscriptionState, delta_seconds};
use super::lex::Cursor;
use super::{HeaderName, Headers, NameAddr, Params, ParseError, SyntaxError};

/// Each fails with [`ParseError::Repeated`] or [`ParseError::Header`], and with [`ParseError::Missing`] if it
/// gives no `Option`.
impl Headers {
    /// Expires in seconds (RFC 3261 §20.19).
    pub fn expires(&self) -> Result<Option<u32>, ParseError> {
        self.optional(HeaderName::Expires, seconds)
    }

    /// Min-Expires in seconds (RFC 3261 §20.23).
    pub fn min_expires(&self) -> Result<Option<u32>, ParseError> {
        self.optional(HeaderName::MinExpires, seconds)
    }

    /// Retry-After in seconds, without its comment and parameters (RFC 3261 §20.33).
    pub fn retry_after(&self) -> Result<Option<u32>, ParseError> {
        let first = |text: &str| delta_seconds(&mut Cursor::new(text));
        self.optional(HeaderName::RetryAfter, first)
    }

    /// Session-Expires (RFC 4028 §4).
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, ParseError> {
        self.optional(HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE (RFC 4028 §5).
    pub fn min_se(&self) -> Result<Option<MinSe>, ParseError> {
        self.optional(HeaderName::MinSe, MinSe::parse)
    }

    /// Event (RFC 6665 §8.2.1).
    pub fn event(&self) -> Result<Event, ParseError> {
        self.single(HeaderName::Event, Event::parse)
    }

    /// Subscription-State (RFC 6665 §8.2.3).
    pub fn subscription_state(&self) -> Result<SubscriptionState, ParseError> {
        self.single(HeaderName::SubscriptionState, SubscriptionState::parse)
    }

    /// Refer-To (RFC 3515 §2.1).
    pub fn refer_to(&self) -> Result<NameAddr, ParseError> {
        self.single(HeaderName::ReferTo, NameAddr::parse)
    }

    /// Referred-By (RFC 3892 §3).
    pub fn referred_by(&self) -> Result<Option<NameAddr>, ParseError> {
        self.optional(HeaderName::ReferredBy, NameAddr::parse)
    }

    /// Refer-Sub (RFC 4488 §4): whether a REFER makes a subscription.
    pub fn refer_sub(&self) -> Result<Option<bool>, ParseError> {
        self.optional(HeaderName::ReferSub, refer_sub)
    }

    /// Replaces (RFC 3891 §6.1).
    pub fn replaces(&self) -> Result<Option<Replaces>, ParseError> {
        self.optional(HeaderName::Replaces, Replaces::parse)
    }

    /// Whether the list header `name` (Supported, Require, Allow, …) has `token`; option tags and methods
    /// alike are compared ignoring case.
    pub fn lists(&self, name: &HeaderName, token: &str) -> bool {
        self.tokens(name).any(|t| t.eq_ignore_ascii_case(token))
    }

    /// Adds `token` to the list header `name`, unless it is there.
    pub fn add_token(&mut self, name: HeaderName, token: &'static str) {
        if self.lists(&name, token) {
            return;
        }
        let value = match self.text(&name) {
            Some(list) if !list.is_empty() => [&*list, token].join(", ").into(),
            _ => bytes::Bytes::from_static(token.as_bytes()),
        };
        self.set_first(name, value);
    }
}

/// `delta-seconds`, with parameters that nobody looks at.
fn seconds(text: &str) -> Result<u32, SyntaxError> {
    let mut cursor = Cursor::new(text);
    let seconds = delta_seconds(&mut cursor)?;
    Params::read(&mut cursor)?;
    cursor.end("`;` or end of value")?;
    Ok(seconds)
}

/// `Refer-Sub = ( "true" / "false" ) *( SEMI exten )`
fn refer_sub(text: &str) -> Result<bool, SyntaxError> {
    let mut cursor = Cursor::new(text);
    cursor.skip_blanks();
    let wrong = cursor.error("true or false");
    let word = cursor.take_while(|b| b.is_ascii_alphabetic());
    let value = match word {
        _ if word.eq_ignore_ascii_case("true") => true,
        _ if word.eq_ignore_ascii_case("false") => false,
        _ => return Err(wrong),
    };
    Params::read(&mut cursor)?;
    cursor.end("`;` or end of Refer-Sub")?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, values: &[&'static str]) -> Headers {
        let mut headers = Headers::new();
        for value in values {
            headers.push(name.clone(), *value);
        }
        headers
    }

    #[test]
    fn headers_that_need_not_be_there_give_none_and_repeated_ones_an_error() {
        assert_eq!(Headers::new().session_expires(), Ok(None));
        assert_eq!(Headers::new().replaces(), Ok(None));
        let twice = with(HeaderName::SessionExpires, &["90", "91"]);
        let repeated = ParseError::Repeated(HeaderName::SessionExpires);
        assert_eq!(twice.session_expires(), Err(repeated));
        let two = with(HeaderName::ReferTo, &["<sip:a@b>, <sip:c@d>"]);
        assert!(two.refer_to().is_err(), "RFC 3515 2.1 wants one");
    }

    #[test]
    fn seconds_are_read_with_what_may_follow_them() {
        let retry = with(HeaderName::RetryAfter, &["18 (in a meeting);duration=9"]);
        assert_eq!(retry.retry_after(), Ok(Some(18)));
        assert_eq!(
            with(HeaderName::Expires, &["3600"]).expires(),
            Ok(Some(3600))
        );
        assert!(with(HeaderName::Expires, &["Thu, 01"]).expires().is_err());
        let sub = |value| with(HeaderName::ReferSub, &[value]).refer_sub();
        assert_eq!(sub("False;x"), Ok(Some(false)));
        assert_eq!(sub("true"), Ok(Some(true)));
        assert!(sub("maybe").is_err());
    }

    #[test]
    fn a_token_is_added_once() {
        let mut headers = with(HeaderName::Supported, &["100rel", "path"]);
        headers.add_token(HeaderName::Supported, "timer");
        headers.add_token(HeaderName::Supported, "Timer");
        headers.add_token(HeaderName::Require, "timer");
        let text = "Supported: 100rel, timer\r\nSupported: path\r\nRequire: timer\r\n";
        assert_eq!(headers.to_string(), text);
    }
}
