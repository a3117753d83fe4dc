//! What a registrar says of our binding in its 2xx.

use super::LONGEST_EXPIRES;
use crate::sip::message::{HeaderName, NameAddr, Request, Response, Uri};

/// What a registrar keeps for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// How long, in seconds, as [`granted`] says.
    pub expires: u32,
    /// The proxies that requests of this account should pass (RFC 3608), nearest first.
    pub service_route: Vec<NameAddr>,
    /// The proxies that calls to us pass (RFC 3327).
    pub path: Vec<NameAddr>,
    /// Our public GRUU (RFC 5627).
    pub public_gruu: Option<Uri>,
    /// Our temporary GRUU.
    pub temporary_gruu: Option<Uri>,
}

impl Binding {
    /// Reads the 2xx to `request`, and whether it lists our Contact. `unsaid` is as for [`granted`].
    pub(super) fn read(request: &Request, response: &Response, unsaid: u32) -> (Self, bool) {
        let ours = request.headers.contacts().unwrap_or_default();
        let ours = ours.first().map(|contact| &contact.uri);
        let contact = ours.and_then(|ours| listed(ours, response));
        let gruu = |name| {
            let text = contact.as_ref()?.params.unquoted(name)?;
            Uri::parse(&text).ok()
        };
        let route = |name| {
            let addresses = response.headers.tokens(&name);
            let addresses = addresses.filter_map(|one| NameAddr::parse(one).ok());
            addresses.take(MAX_ROUTE).collect()
        };
        let binding = Self {
            expires: granted(ours, response, unsaid),
            service_route: route(HeaderName::ServiceRoute),
            path: route(HeaderName::Path),
            public_gruu: gruu("pub-gruu"),
            temporary_gruu: gruu("temp-gruu"),
        };
        (binding, contact.is_some())
    }
}

/// How long a registrar keeps the binding of our Contact, in seconds, as its 2xx says: the time of that
/// Contact, else of the whole response, else `unsaid`; at most a week (RFC 3261 §10.2.4, §10.3).
///
/// The user's other phones are listed too: their times say nothing of ours.
pub fn granted(ours: Option<&Uri>, response: &Response, unsaid: u32) -> u32 {
    let contact = ours.and_then(|ours| listed(ours, response));
    let of_contact = contact.and_then(|contact| seconds(contact.params.get("expires")?));
    let of_all = || seconds(&response.headers.text(&HeaderName::Expires)?);
    let granted = of_contact.or_else(of_all).unwrap_or(unsaid);
    granted.min(LONGEST_EXPIRES)
}

/// Addresses of a route that are kept.
const MAX_ROUTE: usize = 16;

/// Our Contact among those that a response lists. There are registrars that leave parameters out or put
/// theirs in, so user, host and port decide if nothing is equivalent.
fn listed(ours: &Uri, response: &Response) -> Option<NameAddr> {
    let listed = response.headers.tokens(&HeaderName::Contact);
    let mut listed: Vec<_> = listed.filter_map(|one| NameAddr::parse(one).ok()).collect();
    let equivalent = |contact: &NameAddr| contact.uri.equivalent(ours);
    let alike = |contact: &NameAddr| match (contact.uri.as_sip(), ours.as_sip()) {
        (Some(one), Some(ours)) => {
            one.user == ours.user && one.port == ours.port && one.host.equivalent(&ours.host)
        }
        _ => false,
    };
    let found = listed.iter().position(equivalent);
    let found = found.or_else(|| listed.iter().position(alike))?;
    Some(listed.swap_remove(found))
}

/// `delta-seconds`; what is too large for 32 bits is as good as for ever (RFC 3261 §20.19).
fn seconds(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}
