//! What a call of ours understands, in the words of Allow, Supported and Accept: the one place that says it
//! (RFC 3261 §20.5, §20.37, §20.1).

use super::replaces::REPLACES;
use super::transfer::NOREFERSUB;
use crate::sip::message::{HeaderName, Method};

/// Methods that reach a call or begin one. [`ALLOW`] is their list.
pub const METHODS: &[Method] = &[
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Options,
    Method::Info,
    Method::Prack,
    Method::Update,
    Method::Subscribe,
    Method::Notify,
    Method::Refer,
];

/// [`METHODS`] as Allow shows them.
pub const ALLOW: &str =
    "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, SUBSCRIBE, NOTIFY, REFER";

/// Option tags that a peer may require of every call of ours; more hang on settings.
pub const EXTENSIONS: &[&str] = &[NOREFERSUB, REPLACES];

/// The lines of a 415: bodies of these media types would be understood, not encoded (RFC 3261 §8.2.3).
pub fn accepted_bodies(types: &str) -> [(HeaderName, String); 2] {
    [
        (HeaderName::Accept, types.to_owned()),
        (HeaderName::AcceptEncoding, "identity".to_owned()),
    ]
}

/// Whether provisional responses are sent and asked for reliably (RFC 3262).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReliablePolicy {
    /// Never; a peer that requires it gets 420.
    Off,
    /// With every peer that can.
    #[default]
    Supported,
    /// Only calls with it are taken and placed: others get 421.
    Required,
}

/// The option tag of RFC 3262.
pub const RELIABLE: &str = "100rel";

impl ReliablePolicy {
    /// Option tags that a peer may require of us.
    pub fn supported(self) -> &'static [&'static str] {
        match self {
            Self::Off => &[],
            Self::Supported | Self::Required => &[RELIABLE],
        }
    }

    /// Supported of our INVITE, before a session timer adds its tag: [`EXTENSIONS`], and 100rel if it may be
    /// used.
    pub fn supported_line(self) -> &'static str {
        match self {
            Self::Off => "norefersub, replaces",
            Self::Supported | Self::Required => "100rel, norefersub, replaces",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allow_lists_the_methods() {
        let names: Vec<_> = METHODS.iter().map(Method::as_str).collect();
        assert_eq!(names.join(", "), ALLOW);
    }

    #[test]
    fn supported_lists_the_extensions() {
        for policy in [ReliablePolicy::Off, ReliablePolicy::Supported] {
            let tags = [policy.supported(), EXTENSIONS].concat();
            assert_eq!(tags.join(", "), policy.supported_line());
        }
    }
}
