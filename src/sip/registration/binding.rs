//! What a registrar says of our binding in its 2xx.

use crate::sip::message::{HeaderName, NameAddr, Request, Response, Uri};

/// What a registrar keeps for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// How long, in seconds.
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
    /// Reads the 2xx to `request`, and whether it lists our Contact. The granted time is that of our
    /// Contact, else of the whole response, else `unsaid` (RFC 3261 §10.2.4, §10.3).
    pub(super) fn read(request: &Request, response: &Response, unsaid: u32) -> (Self, bool) {
        let ours = request.headers.contacts().unwrap_or_default();
        let ours = ours.first().map(|contact| &contact.uri);
        let listed = response.headers.tokens(&HeaderName::Contact);
        let listed: Vec<_> = listed.filter_map(|one| NameAddr::parse(one).ok()).collect();
        let contact = ours.and_then(|ours| find(ours, &listed));
        let gruu = |name| {
            let text = contact?.params.unquoted(name)?;
            Uri::parse(&text).ok()
        };
        let of_contact = contact.and_then(|contact| seconds(contact.params.get("expires")?));
        let of_all = || seconds(&response.headers.text(&HeaderName::Expires)?);
        let route = |name| {
            let addresses = response.headers.tokens(&name);
            let addresses = addresses.filter_map(|one| NameAddr::parse(one).ok());
            addresses.take(MAX_ROUTE).collect()
        };
        let binding = Self {
            expires: of_contact.or_else(of_all).unwrap_or(unsaid),
            service_route: route(HeaderName::ServiceRoute),
            path: route(HeaderName::Path),
            public_gruu: gruu("pub-gruu"),
            temporary_gruu: gruu("temp-gruu"),
        };
        (binding, contact.is_some())
    }
}

/// Addresses of a route that are kept.
const MAX_ROUTE: usize = 16;

/// Our Contact among those that are listed. There are registrars that leave parameters out or put theirs
/// in, so user, host and port decide if nothing is equivalent.
fn find<'a>(ours: &Uri, listed: &'a [NameAddr]) -> Option<&'a NameAddr> {
    let equivalent = |contact: &&NameAddr| contact.uri.equivalent(ours);
    let alike = |contact: &&NameAddr| match (contact.uri.as_sip(), ours.as_sip()) {
        (Some(one), Some(ours)) => {
            one.user == ours.user && one.port == ours.port && one.host.equivalent(&ours.host)
        }
        _ => false,
    };
    let found = listed.iter().find(equivalent);
    found.or_else(|| listed.iter().find(alike))
}

/// `delta-seconds`; what is too large for 32 bits is as good as for ever (RFC 3261 §20.19).
fn seconds(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u32::MAX))
}
