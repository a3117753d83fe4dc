//! Which SIP domains a certificate speaks for (RFC 5922 §7.1, §7.2).
//!
//! A `sip:` URI without a user in the subjectAltName is an identity. Where there is none, each DNS
//! name is one. Names are compared as a whole and without regard to case: a wildcard names no SIP
//! domain, and a domain does not speak for what is below it. The common name is not looked at
//! (§7.1 allows it where there is no subjectAltName; no authority issues such certificates any more).
//! RFC 5922 knows domains only; a URI whose host is an address is checked against the addresses of
//! the certificate, as RFC 2818 §3.1 does.

use rustls::pki_types::{CertificateDer, IpAddr as PkiAddress, ServerName};
use webpki::EndEntityCert;

use crate::sip::message::{Host, Uri};

/// The SIP domains that `certificate` speaks for, in lower case; none if it cannot be read.
pub(super) fn identities(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else {
        return Vec::new();
    };
    choose(certificate.valid_uri_names(), certificate.valid_dns_names())
}

/// Whether `certificate` speaks for `domain`.
pub(super) fn speaks_for(certificate: &CertificateDer<'_>, domain: &Host) -> bool {
    let address = match domain {
        Host::Name(name) => {
            let name = name.to_ascii_lowercase();
            return identities(certificate).contains(&name);
        }
        Host::V4(ip) => PkiAddress::from(std::net::IpAddr::from(*ip)),
        Host::V6(ip) => PkiAddress::from(std::net::IpAddr::from(*ip)),
    };
    EndEntityCert::try_from(certificate).is_ok_and(|certificate| {
        let name = ServerName::IpAddress(address);
        certificate.verify_is_valid_for_subject_name(&name).is_ok()
    })
}

fn choose<'a>(
    uris: impl Iterator<Item = &'a str>,
    dns: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let of_uris: Vec<String> = uris.filter_map(domain_of).collect();
    match of_uris.is_empty() {
        true => dns.map(str::to_ascii_lowercase).collect(),
        false => of_uris,
    }
}

/// The domain that a URI of a subjectAltName names: `sip:` only, and no user before the host.
fn domain_of(uri: &str) -> Option<String> {
    let uri = Uri::parse(uri).ok()?;
    let sip = uri
        .as_sip()
        .filter(|sip| !sip.secure && sip.user.is_none())?;
    match &sip.host {
        Host::Name(name) => Some(name.to_ascii_lowercase()),
        Host::V4(_) | Host::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType};

    use super::*;

    fn certificate(uris: &[&str], dns: &[&str], addresses: &[&str]) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        let uris = uris
            .iter()
            .map(|uri| SanType::URI((*uri).try_into().unwrap()));
        let dns = dns
            .iter()
            .map(|name| SanType::DnsName((*name).try_into().unwrap()));
        let addresses = addresses
            .iter()
            .map(|ip| SanType::IpAddress(ip.parse().unwrap()));
        params.subject_alt_names = uris.chain(dns).chain(addresses).collect();
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn speaks(certificate: &CertificateDer<'_>, domain: &str) -> bool {
        let uri = Uri::parse(&format!("sip:{domain}")).unwrap();
        speaks_for(certificate, &uri.as_sip().unwrap().host)
    }

    #[test]
    fn rfc5922_7_1_a_sip_uri_without_user_is_an_identity() {
        let certificate = certificate(&["sip:Example.com"], &[], &[]);
        assert!(speaks(&certificate, "example.com"));
        assert!(speaks(&certificate, "EXAMPLE.COM"));
    }

    #[test]
    fn rfc5922_7_1_other_schemes_and_uris_with_a_user_are_none() {
        let certificate = certificate(
            &[
                "sips:example.com",
                "https://example.com",
                "sip:alice@example.com",
            ],
            &[],
            &[],
        );
        assert_eq!(identities(&certificate), [""; 0]);
    }

    #[test]
    fn rfc5922_7_1_dns_names_count_only_where_there_is_no_sip_uri() {
        let both = certificate(&["sip:example.com"], &["proxy.example.com"], &[]);
        assert!(speaks(&both, "example.com"));
        assert!(!speaks(&both, "proxy.example.com"));
        let other_uri = certificate(&["https://example.com"], &["proxy.example.com"], &[]);
        assert!(speaks(&other_uri, "proxy.example.com"));
    }

    #[test]
    fn rfc5922_7_2_wildcards_and_parent_domains_match_nothing() {
        let wildcard = certificate(&[], &["*.example.com"], &[]);
        assert!(!speaks(&wildcard, "sip.example.com"));
        assert!(!speaks(&wildcard, "example.com"));
        let parent = certificate(&["sip:example.com"], &[], &[]);
        assert!(!speaks(&parent, "sip.example.com"));
        let child = certificate(&["sip:sip.example.com"], &[], &[]);
        assert!(!speaks(&child, "example.com"));
    }

    #[test]
    fn an_address_is_looked_for_among_the_addresses() {
        let certificate = certificate(&[], &["example.com"], &["192.0.2.1", "2001:db8::1"]);
        assert!(speaks(&certificate, "192.0.2.1"));
        assert!(speaks(&certificate, "[2001:db8::1]"));
        assert!(!speaks(&certificate, "192.0.2.2"));
    }
}
