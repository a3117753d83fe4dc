//! Request methods (RFC 3261 §7.1 and the extensions named at each variant).

use std::fmt;

use super::lex::is_token;

/// A request method. Case-sensitive, open: any token is a method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    /// RFC 3262.
    Prack,
    /// RFC 6665.
    Subscribe,
    /// RFC 6665.
    Notify,
    /// RFC 3903.
    Publish,
    /// RFC 6086.
    Info,
    /// RFC 3515.
    Refer,
    /// RFC 3428.
    Message,
    /// RFC 3311.
    Update,
    /// A method this server does not know. Made by [`Method::parse`] only for what is not above.
    Other(Box<str>),
}

const KNOWN: [(&str, Method); 14] = [
    ("INVITE", Method::Invite),
    ("ACK", Method::Ack),
    ("BYE", Method::Bye),
    ("CANCEL", Method::Cancel),
    ("OPTIONS", Method::Options),
    ("REGISTER", Method::Register),
    ("PRACK", Method::Prack),
    ("SUBSCRIBE", Method::Subscribe),
    ("NOTIFY", Method::Notify),
    ("PUBLISH", Method::Publish),
    ("INFO", Method::Info),
    ("REFER", Method::Refer),
    ("MESSAGE", Method::Message),
    ("UPDATE", Method::Update),
];

impl Method {
    /// Reads a method; `None` if `text` is not a token.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((_, method)) = KNOWN.iter().find(|(name, _)| *name == text) {
            return Some(method.clone());
        }
        let token = !text.is_empty() && text.bytes().all(is_token);
        token.then(|| Self::Other(text.into()))
    }

    /// The method as it stands in a message.
    pub fn as_str(&self) -> &str {
        if let Self::Other(name) = self {
            return name;
        }
        KNOWN
            .iter()
            .find(|(_, method)| method == self)
            .map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
