//! What a URI says about where it leads, before any name is looked up.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{LocateError, Reach};
use crate::sip::message::{Host, SipUri, Transport, Uri};

/// The parts of a URI that matter, checked.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    /// TARGET of RFC 3263 §4: `maddr` if there is one, else the host.
    pub(super) host: Host,
    pub(super) port: Option<u16>,
    /// Whether the URI names its transport.
    pub(super) explicit: bool,
    /// What may be used, the default first; not empty.
    pub(super) transports: SmallVec<[Transport; 4]>,
    /// What a TLS server has to prove.
    pub(super) server_name: Option<Arc<str>>,
}

/// What a `sip:` URI may lead to, in the order of RFC 3263 §4.1.
const ANY: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

impl Hop {
    /// Reads `uri` with an eye on what can be sent by.
    pub(super) fn read(uri: &Uri, reach: Reach) -> Result<Self, LocateError> {
        let Uri::Sip(uri) = uri else {
            return Err(LocateError::Scheme(uri.to_string()));
        };
        let host = match uri.params.get("maddr") {
            None => uri.host.clone(),
            Some(maddr) => parse_host(maddr)?,
        };
        let named = named_transport(uri)?;
        let transports: SmallVec<[Transport; 4]> = match named {
            Some(transport) => SmallVec::from_slice(&[transport]),
            None if uri.secure => SmallVec::from_slice(&[Transport::Tls]),
            None => SmallVec::from_slice(&ANY),
        };
        let available = transports.iter().copied().filter(|one| reach.has(*one));
        let available: SmallVec<[Transport; 4]> = available.collect();
        if available.is_empty() {
            let missing = match transports.as_slice() {
                [one] => one.to_string(),
                _ => "SIP".to_owned(),
            };
            return Err(LocateError::Transport(missing));
        }
        let secure = available.iter().any(|transport| is_secure(*transport));
        Ok(Self {
            host,
            port: uri.port,
            explicit: named.is_some(),
            transports: available,
            server_name: secure.then(|| uri.host.to_string().into()),
        })
    }
}

/// Whether certificates are shown.
pub(super) fn is_secure(transport: Transport) -> bool {
    matches!(transport, Transport::Tls | Transport::Wss)
}

/// `transport=` of a URI. Under `sips` it names what lies below TLS (RFC 3261 §26.2.2).
fn named_transport(uri: &SipUri) -> Result<Option<Transport>, LocateError> {
    let Some(name) = uri.params.get("transport") else {
        return Ok(None);
    };
    let name = name.to_ascii_lowercase();
    let transport = match (name.as_str(), uri.secure) {
        ("udp", false) => Transport::Udp,
        ("tcp", false) => Transport::Tcp,
        ("tls", _) | ("tcp", true) => Transport::Tls,
        ("ws", false) => Transport::Ws,
        ("wss", _) | ("ws", true) => Transport::Wss,
        ("udp", true) => return Err(LocateError::Insecure(name)),
        _ => return Err(LocateError::Transport(name)),
    };
    Ok(Some(transport))
}

fn parse_host(text: &str) -> Result<Host, LocateError> {
    let fail = || LocateError::Name(text.to_owned());
    let uri = Uri::parse(&format!("sip:{text}")).map_err(|_| fail())?;
    let sip = uri.as_sip().ok_or_else(fail)?;
    let bare = sip.user.is_none() && sip.port.is_none() && sip.params.is_empty();
    (bare && sip.headers.is_none())
        .then(|| sip.host.clone())
        .ok_or_else(fail)
}
