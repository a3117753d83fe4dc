//! What our Contact says: where the peer of a flow reaches us (RFC 3261 §8.1.1.8, RFC 5626 §4.3).
//!
//! One rule for calls, registrations and everything else that has a Contact. Knows no sockets; whoever
//! sends says which flow it is.

use std::net::SocketAddr;

use crate::sip::message::{Host, SipUri, Transport};

/// A flow, as far as its Contact depends on it.
#[derive(Debug, Clone, Copy)]
pub struct ContactPlace<'a> {
    /// What the flow goes by.
    pub transport: Transport,
    /// Our address as the peer sees it; port 0: nothing listens for that transport.
    pub local: SocketAddr,
    /// The name that our certificate proves.
    pub name: Option<&'a str>,
    /// The peer gets our request, so a connection is ours.
    pub is_request: bool,
}

impl ContactPlace<'_> {
    /// The Contact without a user.
    pub fn uri(&self, secure: bool) -> SipUri {
        let mut uri = SipUri::new(None, self.local.ip(), None);
        uri.secure = secure;
        self.write_to(&mut uri);
        uri
    }

    /// Makes `uri` lead here: host, port, and the parameters `transport` and `ob`.
    ///
    /// A `sips` URI stays one, and needs no transport then. Over TLS the name stands for the address,
    /// since nobody could check who we are by that.
    pub fn write_to(&self, uri: &mut SipUri) {
        let name = match self.transport {
            Transport::Tls | Transport::Wss => self.name,
            _ => None,
        };
        uri.host = match name {
            Some(name) => Host::Name(name.to_owned()),
            None => self.local.ip().into(),
        };
        uri.port = Some(self.local.port()).filter(|port| *port != 0);
        let transport = match self.transport {
            Transport::Tcp => Some("tcp"),
            Transport::Tls if !uri.secure => Some("tls"),
            Transport::Ws | Transport::Wss => Some("ws"),
            _ => None,
        };
        match transport {
            Some(transport) => uri.params.set("transport", transport),
            None => uri.params.remove("transport"),
        }
        // Nobody can connect to us, or be sure that it is us: requests come by our connection.
        let is_listening =
            uri.port.is_some() && (self.transport != Transport::Tls || name.is_some());
        match self.is_request && self.transport != Transport::Udp && !is_listening {
            true => uri.params.set_flag("ob"),
            false => uri.params.remove("ob"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_says_how_the_peer_reaches_us_and_nothing_that_leads_nowhere() {
        use Transport::{Tcp, Tls, Udp, Wss};
        let name = Some("media.example.com");
        for (transport, local, name, secure, request, expected) in [
            (
                Udp,
                "192.0.2.1:5060",
                name,
                false,
                true,
                "sip:192.0.2.1:5060",
            ),
            (
                Tcp,
                "192.0.2.1:5060",
                name,
                false,
                true,
                "sip:192.0.2.1:5060;transport=tcp",
            ),
            (
                Tcp,
                "192.0.2.1:0",
                None,
                false,
                true,
                "sip:192.0.2.1;transport=tcp;ob",
            ),
            (
                Tls,
                "192.0.2.1:0",
                None,
                false,
                true,
                "sip:192.0.2.1;transport=tls;ob",
            ),
            (
                Tls,
                "192.0.2.1:5061",
                None,
                false,
                true,
                "sip:192.0.2.1:5061;transport=tls;ob",
            ),
            (
                Tls,
                "192.0.2.1:5061",
                None,
                false,
                false,
                "sip:192.0.2.1:5061;transport=tls",
            ),
            (
                Tls,
                "192.0.2.1:5061",
                name,
                false,
                true,
                "sip:media.example.com:5061;transport=tls",
            ),
            (
                Tls,
                "192.0.2.1:5061",
                name,
                true,
                true,
                "sips:media.example.com:5061",
            ),
            (
                Wss,
                "192.0.2.1:443",
                name,
                false,
                false,
                "sip:media.example.com:443;transport=ws",
            ),
        ] {
            let place = ContactPlace {
                transport,
                local: local.parse().unwrap(),
                name,
                is_request: request,
            };
            assert_eq!(place.uri(secure).to_string(), expected);
        }
    }
}
