//! What is registered, and where.

use std::fmt;

use crate::sip::auth::{self, Accounts, Realm, Secret};
use crate::sip::message::{SipUri, Uri};

/// An address of record and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The registrar.
    pub domain: Domain,
    /// The user of the address of record, escaped as in a URI.
    pub user: String,
    /// Display name of From and To.
    pub display_name: Option<String>,
    /// The name for whoever asks.
    pub auth_user: String,
    /// The password.
    pub password: Secret,
    /// Who may ask for it.
    pub realm: Realm,
    /// Where REGISTERs go, in the order in which they are tried; empty: to the domain.
    pub proxies: Vec<Uri>,
    /// Where calls are to go; `None`: to us, with the user of the address of record.
    pub contact: Option<Uri>,
    /// The time that is asked for, in seconds.
    pub expires: u32,
    /// The URN of this server, which a registrar needs to give us a GRUU (RFC 5627 §4.1); `None`: none is
    /// wanted.
    pub instance: Option<String>,
}

impl Account {
    /// The time that is asked for unless somebody wants another, in seconds.
    pub const EXPIRES: u32 = 3600;

    /// An account that is registered at its domain, which alone may ask for the password, with our
    /// own address.
    pub fn new(domain: Domain, user: String, password: Secret) -> Self {
        Self {
            auth_user: user.clone(),
            realm: Realm::Named(domain.host()),
            domain,
            user,
            display_name: None,
            password,
            proxies: Vec::new(),
            contact: None,
            expires: Self::EXPIRES,
            instance: None,
        }
    }

    /// The address of record.
    pub fn address(&self) -> SipUri {
        let mut address = self.domain.uri().clone();
        address.user = Some(self.user.clone());
        address.port = None;
        address
    }

    /// Whether a text can be the user of a SIP URI.
    pub fn is_user(text: &str) -> bool {
        let uri = Uri::parse(&format!("sip:{text}@h"));
        uri.is_ok_and(|uri| {
            uri.as_sip()
                .is_some_and(|uri| uri.user.as_deref() == Some(text))
        })
    }

    pub(super) fn accounts(&self) -> Accounts {
        Accounts::new(vec![auth::Account {
            realm: self.realm.clone(),
            user: self.auth_user.clone(),
            password: self.password.clone(),
        }])
    }
}

/// `sip:host[:port]`: where a registrar is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(SipUri);

impl Domain {
    /// Reads `host` or `host:port`.
    pub fn parse(text: &str) -> Option<Self> {
        match Uri::parse(&format!("sip:{text}")).ok()? {
            Uri::Sip(uri) if uri == SipUri::new(None, uri.host.clone(), uri.port) => {
                Some(Self(uri))
            }
            _ => None,
        }
    }

    /// The Request-URI of REGISTERs (RFC 3261 §10.2).
    pub fn uri(&self) -> &SipUri {
        &self.0
    }

    /// The host alone.
    pub fn host(&self) -> String {
        self.0.host.to_string()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.strip_prefix("sip:").unwrap_or(&text))
    }
}

/// Reads a SIP URI to send to; `sip:` may be left out.
pub fn hop(text: &str) -> Option<Uri> {
    let has_scheme = ["sip:", "sips:"].iter().any(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let uri = match has_scheme {
        true => Uri::parse(text),
        false => Uri::parse(&format!("sip:{text}")),
    };
    uri.ok().filter(|uri| uri.as_sip().is_some())
}
