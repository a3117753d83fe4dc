//! Status codes and their reason phrases (RFC 3261 §21).

use std::fmt;

/// A status code, 100 to 699.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

#[allow(missing_docs)] // the names are the RFC's reason phrases
impl StatusCode {
    pub const TRYING: Self = Self(100);
    pub const RINGING: Self = Self(180);
    pub const SESSION_PROGRESS: Self = Self(183);
    pub const OK: Self = Self(200);
    pub const ACCEPTED: Self = Self(202);
    pub const BAD_REQUEST: Self = Self(400);
    pub const UNAUTHORIZED: Self = Self(401);
    pub const FORBIDDEN: Self = Self(403);
    pub const NOT_FOUND: Self = Self(404);
    pub const METHOD_NOT_ALLOWED: Self = Self(405);
    pub const NOT_ACCEPTABLE: Self = Self(406);
    pub const PROXY_AUTHENTICATION_REQUIRED: Self = Self(407);
    pub const REQUEST_TIMEOUT: Self = Self(408);
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self(415);
    pub const UNSUPPORTED_URI_SCHEME: Self = Self(416);
    pub const BAD_EXTENSION: Self = Self(420);
    pub const EXTENSION_REQUIRED: Self = Self(421);
    pub const SESSION_INTERVAL_TOO_SMALL: Self = Self(422);
    pub const INTERVAL_TOO_BRIEF: Self = Self(423);
    pub const BAD_INFO_PACKAGE: Self = Self(469);
    pub const TEMPORARILY_UNAVAILABLE: Self = Self(480);
    pub const CALL_OR_TRANSACTION_DOES_NOT_EXIST: Self = Self(481);
    pub const LOOP_DETECTED: Self = Self(482);
    pub const TOO_MANY_HOPS: Self = Self(483);
    pub const BUSY_HERE: Self = Self(486);
    pub const REQUEST_TERMINATED: Self = Self(487);
    pub const NOT_ACCEPTABLE_HERE: Self = Self(488);
    pub const BAD_EVENT: Self = Self(489);
    pub const REQUEST_PENDING: Self = Self(491);
    pub const SERVER_INTERNAL_ERROR: Self = Self(500);
    pub const NOT_IMPLEMENTED: Self = Self(501);
    pub const SERVICE_UNAVAILABLE: Self = Self(503);
    pub const SERVER_TIME_OUT: Self = Self(504);
    pub const VERSION_NOT_SUPPORTED: Self = Self(505);
    pub const DECLINE: Self = Self(603);
}

impl StatusCode {
    /// `None` outside 100 to 699.
    pub const fn new(code: u16) -> Option<Self> {
        if code >= 100 && code < 700 {
            Some(Self(code))
        } else {
            None
        }
    }

    /// The number, 100 to 699.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// 1xx.
    pub const fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// 2xx to 6xx.
    pub const fn is_final(self) -> bool {
        !self.is_provisional()
    }

    /// 2xx.
    pub const fn is_success(self) -> bool {
        self.0 >= 200 && self.0 < 300
    }

    /// The usual reason phrase; of an unknown code that of its class's x00, which is how it is to
    /// be treated (RFC 3261 §8.1.3.2).
    pub fn reason(self) -> String {
        // The names in rsip are the RFC's phrases without blanks; these have more than blanks.
        let phrase = match self.0 {
            // Those of every call, without the way through rsip.
            100 => "Trying",
            180 => "Ringing",
            200 => "OK",
            202 => "Accepted",
            406 | 606 => "Not Acceptable",
            414 => "Request-URI Too Long",
            416 => "Unsupported URI Scheme",
            469 => "Bad Info Package",
            481 => "Call/Transaction Does Not Exist",
            504 => "Server Time-out",
            code => return spaced(&name_or_class(code)),
        };
        phrase.to_owned()
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// rsip's name of the code, for example `SessionProgress`.
fn name_or_class(code: u16) -> String {
    match rsip::StatusCode::from(code) {
        rsip::StatusCode::Other(..) => format!("{:?}", rsip::StatusCode::from(code / 100 * 100)),
        known => format!("{known:?}"),
    }
}

/// `SessionProgress` to `Session Progress`, `OK` to itself.
fn spaced(name: &str) -> String {
    let mut phrase = String::with_capacity(name.len() + 4);
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && after_lower {
            phrase.push(' ');
        }
        after_lower = c.is_lowercase();
        phrase.push(c);
    }
    phrase
}
