//! Settings that say where requests go: proxies, next hops, name servers.

use std::net::{IpAddr, SocketAddr};

use super::values::Setting;
use crate::sip::message::{SipUri, Uri};

/// A loose router that requests are sent through: a `sip:` or `sips:` URI without user and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyUri(Uri);

/// A server that requests are sent to: a host with optional port and transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop(Uri);

/// A name server: an address, with a port if it is not 53.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameServer(pub SocketAddr);

/// Port of the DNS.
const DNS_PORT: u16 = 53;

impl ProxyUri {
    /// The URI, with `lr`.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

impl NextHop {
    /// The server as a URI.
    pub fn uri(&self) -> &Uri {
        &self.0
    }
}

impl Setting for ProxyUri {
    const EXPECTED: &'static str = "a `sip:` or `sips:` URI without a user";
    const EXAMPLE: &'static str = "sip:proxy.example.com;lr";

    fn parse(text: &str) -> Option<ProxyUri> {
        let Ok(Uri::Sip(mut uri)) = Uri::parse(text.trim()) else {
            return None;
        };
        if !is_server(&uri) {
            return None;
        }
        if !uri.is_loose_router() {
            uri.params.set_flag("lr");
        }
        Some(ProxyUri(uri.into()))
    }
}

impl Setting for NextHop {
    const EXPECTED: &'static str =
        "`HOST`, `HOST:PORT` or either with `;transport=` and one of `udp`, `tcp`, `tls`";
    const EXAMPLE: &'static str = "192.0.2.10:5060;transport=tcp";

    fn parse(text: &str) -> Option<NextHop> {
        let Ok(Uri::Sip(uri)) = Uri::parse(&format!("sip:{}", text.trim())) else {
            return None;
        };
        let known = ["udp", "tcp", "tls"];
        let is_known = |(name, value): (&str, Option<&str>)| {
            name.eq_ignore_ascii_case("transport")
                && value
                    .is_some_and(|value| known.iter().any(|one| value.eq_ignore_ascii_case(one)))
        };
        (is_server(&uri) && uri.params.iter().all(is_known)).then(|| NextHop(uri.into()))
    }
}

impl Setting for NameServer {
    const EXPECTED: &'static str = "an IP address, or `ADDRESS:PORT`";
    const EXAMPLE: &'static str = "192.0.2.53";

    fn parse(text: &str) -> Option<NameServer> {
        let text = text.trim();
        let bare = || {
            let ip: IpAddr = text.parse().ok()?;
            Some(SocketAddr::new(ip, DNS_PORT))
        };
        text.parse().ok().or_else(bare).map(NameServer)
    }
}

fn is_server(uri: &SipUri) -> bool {
    uri.user.is_none() && uri.headers.is_none() && uri.port != Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(text: &str) -> Option<String> {
        NextHop::parse(text).map(|hop| hop.uri().to_string())
    }

    #[test]
    fn a_next_hop_is_a_host_with_port_and_transport() {
        for text in [
            "192.0.2.1",
            "proxy.example.com:5070",
            "[2001:db8::1]:5060;transport=tcp",
        ] {
            assert_eq!(hop(text), Some(format!("sip:{text}")));
        }
        for text in [
            "",
            "sip:proxy",
            "bob@proxy",
            "proxy:0",
            "proxy:x",
            "proxy;lr",
            "proxy;transport=sctp",
            "a b",
            "1.2.3",
        ] {
            assert_eq!(hop(text), None, "{text}");
        }
    }

    #[test]
    fn an_outbound_proxy_becomes_a_loose_router() {
        let uri = |text| ProxyUri::parse(text).map(|proxy| proxy.uri().to_string());
        assert_eq!(uri("sip:proxy:5070"), Some("sip:proxy:5070;lr".to_owned()));
        assert_eq!(uri("sips:proxy;lr"), Some("sips:proxy;lr".to_owned()));
        for text in ["proxy", "sip:bob@proxy", "tel:1", "sip:proxy?a=b", ""] {
            assert_eq!(uri(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_server_is_an_address_with_an_optional_port() {
        let server = |text| NameServer::parse(text).map(|server| server.0.to_string());
        assert_eq!(server("192.0.2.53"), Some("192.0.2.53:53".to_owned()));
        assert_eq!(server("[::1]:5353"), Some("[::1]:5353".to_owned()));
        assert_eq!(server("::1"), Some("[::1]:53".to_owned()));
        assert_eq!(server("dns.example.com"), None);
    }
}
