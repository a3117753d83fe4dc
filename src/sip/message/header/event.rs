//! Event (RFC 6665 §8.2.1).

use std::fmt;

use crate::sip::message::lex::{Cursor, is_token};
use crate::sip::message::{Params, SyntaxError};

/// `Event = event-type *( SEMI event-param )`: what a subscription is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The event type: a package, perhaps with templates (`presence.winfo`).
    pub package: String,
    /// `id` and others.
    pub params: Params,
}

impl Event {
    /// The event type `package`, without parameters.
    pub fn new(package: &str) -> Self {
        Self {
            package: package.to_owned(),
            params: Params::default(),
        }
    }

    /// The same with an `id`, which tells subscriptions to one package in one dialog apart.
    pub fn with_id(mut self, id: &str) -> Self {
        self.params.set("id", id);
        self
    }

    /// Reads the value of an Event header.
    ///
    /// # Errors
    /// No event type, or a parameter that breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        cursor.skip_blanks();
        let package = cursor.take_some(is_token, "event type")?.to_owned();
        let params = Params::read(&mut cursor)?;
        cursor.end("`;` or end of Event")?;
        Ok(Self { package, params })
    }

    /// The `id` parameter.
    pub fn id(&self) -> Option<&str> {
        self.params.get("id")
    }

    /// Whether both name the same subscription of a dialog: type and `id` are equal byte by byte, and no
    /// other parameter counts (RFC 6665 §8.2.1).
    pub fn matches(&self, other: &Self) -> bool {
        self.package == other.package && self.id() == other.id()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.package, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_match_by_type_and_id_only() {
        let event = |text| Event::parse(text).unwrap();
        assert_eq!(event("refer ; id=93").to_string(), "refer;id=93");
        assert!(event("refer;id=93;x=1").matches(&Event::new("refer").with_id("93")));
        assert!(event("presence.winfo").matches(&event("presence.winfo;shared")));
        for (one, other) in [
            ("refer", "refer;id=1"),
            ("refer;id=1", "refer;id=2"),
            ("refer", "Refer"),
            ("presence", "presence.winfo"),
        ] {
            assert!(!event(one).matches(&event(other)), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for text in ["", ";id=1", "a b", "a, b", "a;"] {
            assert!(Event::parse(text).is_err(), "{text}");
        }
    }
}
