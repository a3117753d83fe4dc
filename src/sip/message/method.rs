//! Request methods (RFC 3261 §7.1 and the extensions named at each variant).

use std::fmt;

use super::lex::is_token;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident $name:literal),* $(,)?) => {
        /// A request method. Case-sensitive, open: any token is a method.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the names say it
        pub enum Method {
            $($(#[$doc])* $variant,)*
            /// A method this server does not know. Made by [`Method::parse`] only for what is not above.
            Other(Box<str>),
        }

        impl Method {
            /// Reads a method; `None` if `text` is not a token.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($name => return Some(Self::$variant),)*
                    _ => {}
                }
                let token = !text.is_empty() && text.bytes().all(is_token);
                token.then(|| Self::Other(text.into()))
            }

            /// The method as it stands in a message.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }
        }
    };
}

methods! {
    Invite "INVITE",
    Ack "ACK",
    Bye "BYE",
    Cancel "CANCEL",
    Options "OPTIONS",
    Register "REGISTER",
    /// RFC 3262.
    Prack "PRACK",
    /// RFC 6665.
    Subscribe "SUBSCRIBE",
    /// RFC 6665.
    Notify "NOTIFY",
    /// RFC 3903.
    Publish "PUBLISH",
    /// RFC 6086.
    Info "INFO",
    /// RFC 3515.
    Refer "REFER",
    /// RFC 3428.
    Message "MESSAGE",
    /// RFC 3311.
    Update "UPDATE",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
