//! Subscription-State (RFC 6665 §8.2.3).

use std::fmt;

use crate::sip::message::lex::{Cursor, is_token, number};
use crate::sip::message::{Params, SyntaxError};

/// `Subscription-State = substate-value *( SEMI subexp-params )`; parameters that are not known are left
/// out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionState {
    /// Where the subscription stands.
    pub substate: Substate,
    /// Why it has ended.
    pub reason: Option<EndReason>,
    /// Seconds that it lasts from now.
    pub expires: Option<u32>,
    /// Seconds to wait before one subscribes again.
    pub retry_after: Option<u32>,
}

/// Where a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Substate {
    /// Accepted and authorised.
    Active,
    /// Received, and not decided upon.
    Pending,
    /// Over.
    Terminated,
    /// `extension-substate = token`: any other, as it came.
    Other(Box<str>),
}

/// Why a subscription has ended (RFC 6665 §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndReason {
    /// The notifier wants it moved; subscribe again at once.
    Deactivated,
    /// Not now; subscribe again later.
    Probation,
    /// Not allowed; do not subscribe again.
    Rejected,
    /// It was not refreshed.
    Timeout,
    /// Nobody decided upon it in time.
    Giveup,
    /// What it was about is gone.
    Noresource,
    /// What it was about changes no more.
    Invariant,
    /// Any other.
    Other(Box<str>),
}

impl SubscriptionState {
    /// A subscription in this state, without parameters.
    pub const fn new(substate: Substate) -> Self {
        Self {
            substate,
            reason: None,
            expires: None,
            retry_after: None,
        }
    }

    /// Reads the value of a Subscription-State header.
    ///
    /// # Errors
    /// No state, or a parameter that breaks the grammar.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut cursor = Cursor::new(text);
        cursor.skip_blanks();
        let substate = Substate::parse(cursor.take_some(is_token, "state of a subscription")?);
        let wrong = cursor.error("number of seconds");
        let params = Params::read(&mut cursor)?;
        cursor.end("`;` or end of Subscription-State")?;
        let seconds = |name| match params.get(name) {
            Some(value) => number(value).map(Some).ok_or(wrong),
            None => Ok(None),
        };
        Ok(Self {
            substate,
            reason: params.get("reason").map(EndReason::parse),
            expires: seconds("expires")?,
            retry_after: seconds("retry-after")?,
        })
    }
}

impl Substate {
    fn parse(text: &str) -> Self {
        [Self::Active, Self::Pending, Self::Terminated]
            .into_iter()
            .find(|state| text.eq_ignore_ascii_case(state.as_str()))
            .unwrap_or_else(|| Self::Other(text.into()))
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Terminated => "terminated",
            Self::Other(state) => state,
        }
    }
}

impl EndReason {
    fn parse(text: &str) -> Self {
        use EndReason::{Deactivated, Giveup, Invariant, Noresource, Probation, Rejected, Timeout};
        [
            Deactivated,
            Probation,
            Rejected,
            Timeout,
            Giveup,
            Noresource,
            Invariant,
        ]
        .into_iter()
        .find(|reason| text.eq_ignore_ascii_case(reason.as_str()))
        .unwrap_or_else(|| Self::Other(text.into()))
    }

    /// The reason as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::Giveup => "giveup",
            Self::Noresource => "noresource",
            Self::Invariant => "invariant",
            Self::Other(reason) => reason,
        }
    }
}

impl fmt::Display for SubscriptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.substate.as_str())?;
        if let Some(reason) = &self.reason {
            write!(f, ";reason={}", reason.as_str())?;
        }
        if let Some(expires) = self.expires {
            write!(f, ";expires={expires}")?;
        }
        if let Some(seconds) = self.retry_after {
            write!(f, ";retry-after={seconds}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_and_written() {
        for (text, written) in [
            ("active;expires=60", "active;expires=60"),
            ("Pending ; expires = 60 ; x", "pending;expires=60"),
            (
                "terminated;retry-after=5;reason=Probation",
                "terminated;reason=probation;retry-after=5",
            ),
            ("terminated;reason=moved", "terminated;reason=moved"),
            ("Asleep ;expires=60", "Asleep;expires=60"),
        ] {
            let read = SubscriptionState::parse(text).unwrap();
            assert_eq!(read.to_string(), written);
            assert_eq!(SubscriptionState::parse(written), Ok(read));
        }
        for text in [
            "",
            ";expires=1",
            "a b",
            "@",
            "active;expires=soon",
            "active;expires=-1",
            "active,pending",
        ] {
            assert!(SubscriptionState::parse(text).is_err(), "{text}");
        }
    }
}
