//! What a request is given on its way out: the route it takes, and the Contact of the socket it goes by.

use std::net::SocketAddr;

use crate::sip::contact::ContactPlace;
use crate::sip::message::{HeaderName, Headers, NameAddr, Request, Uri};
use crate::sip::transport::default_port;

/// Where requests outside dialogs go. Inside a dialog its route set says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbound {
    /// A proxy that becomes the first Route (RFC 3261 §8.1.2): a loose router.
    pub proxy: Option<Uri>,
    /// Servers that are tried in this order instead of what the request says; if empty, the request
    /// decides.
    pub next_hop: Vec<Uri>,
}

impl Outbound {
    /// Where requests outside dialogs go, if not where they say.
    pub(super) fn hops(&self) -> Option<&[Uri]> {
        match self.next_hop.as_slice() {
            [] => self.proxy.as_ref().map(std::slice::from_ref),
            listed => Some(listed),
        }
    }

    /// Adds the Route to a request outside a dialog; where it goes then, if not where it says.
    pub(super) fn apply(&self, request: &mut Request) -> Option<&[Uri]> {
        let hops = self.hops()?;
        if in_dialog(&request.headers) {
            return None;
        }
        if let Some(proxy) = &self.proxy {
            let route = NameAddr::new(proxy.clone()).to_string();
            request.headers.push_front(HeaderName::Route, route);
        }
        Some(hops)
    }
}

fn in_dialog(headers: &Headers) -> bool {
    headers.to().is_ok_and(|to| to.tag().is_some())
}

/// Makes the Contact of a request name the socket it goes by (RFC 3261 §8.1.1.8), if it names another
/// one of ours, which `is_ours` says.
pub fn stamp_contact(
    request: &mut Request,
    place: &ContactPlace<'_>,
    is_ours: impl Fn(SocketAddr) -> bool,
) {
    if request.headers.get(&HeaderName::Contact).is_none() {
        return;
    }
    let contacts = request.headers.contacts().unwrap_or_default();
    let Ok([mut contact]) = <[NameAddr; 1]>::try_from(contacts) else {
        return;
    };
    let Uri::Sip(uri) = &mut contact.uri else {
        return;
    };
    let Some(ip) = uri.host.ip() else {
        return;
    };
    let named = SocketAddr::new(ip, uri.port.unwrap_or(default_port(place.transport)));
    if uri.secure || !is_ours(named) {
        return;
    }
    let before = uri.clone();
    place.write_to(uri);
    if *uri == before {
        return;
    }
    let contact = contact.to_string();
    request.headers.set(HeaderName::Contact, contact);
}
