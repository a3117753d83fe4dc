//! Header names: the one table of full names and compact forms (RFC 3261 §7.3.3, §20).

use std::fmt;

use super::lex::is_token;

macro_rules! header_names {
    ($($variant:ident $name:literal $($compact:literal)?),* $(,)?) => {
        /// The name of a header. Compares ignoring case; a compact form is its full name.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum HeaderName {
            $(#[doc = concat!("`", $name, "`.")] $variant,)*
            /// Any other name, as received. Made by [`HeaderName::parse`] only for what is not above.
            Other(Box<str>),
        }

        /// Name, compact form or [`NO_COMPACT`], value; searched from the top.
        const KNOWN: &[(&str, u8, HeaderName)] =
            &[$(($name, NO_COMPACT $(+ $compact)?, HeaderName::$variant),)*];

        impl HeaderName {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }
        }
    };
}

/// Stands for the compact form of a name that has none; a peer may send this byte.
const NO_COMPACT: u8 = 0;

// The headers of nearly every message first, then those of calls, then the rest.
header_names! {
    Via "Via" b'v', From "From" b'f', To "To" b't', CallId "Call-ID" b'i', CSeq "CSeq",
    ContentLength "Content-Length" b'l', MaxForwards "Max-Forwards", Contact "Contact" b'm',
    ContentType "Content-Type" b'c', Route "Route", RecordRoute "Record-Route",
    UserAgent "User-Agent", Allow "Allow", Supported "Supported" b'k',
    Accept "Accept", AllowEvents "Allow-Events" b'u', Authorization "Authorization",
    ContentDisposition "Content-Disposition", ContentEncoding "Content-Encoding" b'e',
    Date "Date", Event "Event" b'o', Expires "Expires", MinSe "Min-SE",
    PAssertedIdentity "P-Asserted-Identity", PPreferredIdentity "P-Preferred-Identity",
    PAppName "P-App-Name", PAppParam "P-App-Param",
    Privacy "Privacy", ProxyAuthorization "Proxy-Authorization", ProxyRequire "Proxy-Require",
    RAck "RAck", Reason "Reason", ReferTo "Refer-To" b'r', ReferredBy "Referred-By" b'b',
    Replaces "Replaces", Require "Require", RetryAfter "Retry-After", RSeq "RSeq",
    Server "Server", SessionExpires "Session-Expires" b'x', Subject "Subject" b's',
    SubscriptionState "Subscription-State", Timestamp "Timestamp", Unsupported "Unsupported",
    AcceptContact "Accept-Contact" b'a', AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language", AlertInfo "Alert-Info",
    AuthenticationInfo "Authentication-Info", CallInfo "Call-Info",
    ContentLanguage "Content-Language", Diversion "Diversion", ErrorInfo "Error-Info",
    HistoryInfo "History-Info", Identity "Identity" b'y', InfoPackage "Info-Package",
    InReplyTo "In-Reply-To", Join "Join",
    MimeVersion "MIME-Version", MinExpires "Min-Expires", Organization "Organization",
    Path "Path", Priority "Priority", ProxyAuthenticate "Proxy-Authenticate",
    RecvInfo "Recv-Info", ReferSub "Refer-Sub", RejectContact "Reject-Contact" b'j', ReplyTo "Reply-To",
    RequestDisposition "Request-Disposition" b'd', ServiceRoute "Service-Route",
    SipETag "SIP-ETag", SipIfMatch "SIP-If-Match", UserToUser "User-to-User",
    Warning "Warning", WwwAuthenticate "WWW-Authenticate",
}

impl HeaderName {
    /// Reads a name, full or compact, in any case; `None` if `name` is not a token. Known names
    /// do not allocate.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let known = match name {
            [letter] => KNOWN
                .iter()
                .find(|known| known.1 != NO_COMPACT && known.1 == letter.to_ascii_lowercase()),
            _ => KNOWN
                .iter()
                .find(|known| known.0.as_bytes().eq_ignore_ascii_case(name)),
        };
        if let Some((_, _, name)) = known {
            return Some(name.clone());
        }
        let token = !name.is_empty() && name.iter().copied().all(is_token);
        let name = std::str::from_utf8(name).ok().filter(|_| token)?;
        Some(Self::Other(name.into()))
    }
}

impl PartialEq for HeaderName {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(a), Self::Other(b)) => a.eq_ignore_ascii_case(b),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl Eq for HeaderName {}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
