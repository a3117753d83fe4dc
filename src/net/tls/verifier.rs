//! What we believe of a server that we connect to.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::domain::{identities, speaks_for};
use crate::sip::message::Host;

/// Checks the chain of a server's certificate, and that it speaks for the SIP domain that we want
/// (RFC 5922 §7.3).
#[derive(Debug)]
pub(super) struct DomainVerifier {
    /// `None`: any certificate is taken.
    pub(super) roots: Option<RootCertStore>,
    pub(super) provider: Arc<CryptoProvider>,
}

fn host(name: &ServerName<'_>) -> Host {
    match name {
        ServerName::IpAddress(ip) => Host::from(std::net::IpAddr::from(*ip)),
        name => Host::Name(name.to_str().into_owned()),
    }
}

/// A certificate that is valid, but for others.
#[derive(Debug, thiserror::Error)]
#[error(
    "the certificate is not for {wanted}{}",
    if presented.is_empty() {
        ": it names no SIP domain (a wildcard is none, RFC 5922)".to_owned()
    } else {
        format!(" but for {}", presented.join(", "))
    }
)]
struct WrongDomain {
    wanted: String,
    presented: Vec<String>,
}

impl ServerCertVerifier for DomainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )?;
        let wanted = host(server_name);
        if speaks_for(end_entity, &wanted) {
            return Ok(ServerCertVerified::assertion());
        }
        let presented: Vec<_> = identities(end_entity)
            .into_iter()
            .filter(|name| !name.starts_with('*'))
            .collect();
        let wrong = WrongDomain {
            wanted: wanted.to_string(),
            presented,
        };
        Err(CertificateError::Other(OtherError(Arc::new(wrong))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
