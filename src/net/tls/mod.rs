//! TLS 1.2 and 1.3 for SIP: certificates from files, as server and as client.
//!
//! [`Tls`] is what is in place. [`Tls::read`] reads the files again and changes nothing;
//! [`Tls::adopt`] makes new connections use what was read, while those that are open go on. Who a
//! server is believed to be is for `verifier`, which names a certificate stands for `domain`.
//!
//! RFC 3261 §26.3.1, RFC 5922, RFC 5923 §9.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod domain;
mod error;
mod handshakes;
mod verifier;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{
    CertificateError, ClientConfig, InconsistentKeys, OtherError, RootCertStore, ServerConfig,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use webpki::{EndEntityCert, KeyUsage};

use self::domain::identities;
pub use self::error::TlsError;
use self::handshakes::Handshakes;
use self::verifier::DomainVerifier;
use crate::config::{ClientCertificates, Tls as Settings};
use crate::sip::message::Host;

/// Where Debian and most others keep the authorities that the system trusts.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The keys and certificates that connections use.
#[derive(Debug)]
pub struct Tls {
    serves: bool,
    current: ArcSwap<Credentials>,
    handshakes: Handshakes,
}

/// What the files held when they were read.
#[derive(Debug)]
pub struct Credentials {
    /// There if anything listens for TLS.
    server: Option<Arc<ServerConfig>>,
    client: Arc<ClientConfig>,
}

impl Tls {
    /// Reads the files that `settings` name. `serves`: something listens for TLS.
    ///
    /// # Errors
    /// [`TlsError`] for the first file that cannot be used.
    pub fn load(settings: &Settings, serves: bool) -> Result<Self, TlsError> {
        let current = ArcSwap::from_pointee(Credentials::read(settings, serves)?);
        Ok(Self {
            serves,
            current,
            handshakes: Handshakes::default(),
        })
    }

    /// Reads the files again.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read(&self, settings: &Settings) -> Result<Credentials, TlsError> {
        Credentials::read(settings, self.serves)
    }

    /// Uses `credentials` for connections from now on.
    pub fn adopt(&self, credentials: Credentials) {
        self.current.store(Arc::new(credentials));
    }

    /// Takes the server's side of a handshake.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<server::TlsStream<TcpStream>> {
        let config = self.current.load().server.clone();
        let config = config.ok_or_else(|| io::Error::other("no certificate"))?;
        let handshake = TlsAcceptor::from(config).accept(stream);
        self.handshakes.run(handshake).await
    }

    /// Takes the client's side of a handshake with a server that has to speak for `domain`.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        domain: &Host,
    ) -> io::Result<client::TlsStream<TcpStream>> {
        let name = match domain {
            Host::V4(ip) => ServerName::IpAddress((*ip).into()),
            Host::V6(ip) => ServerName::IpAddress((*ip).into()),
            Host::Name(name) => ServerName::try_from(name.to_ascii_lowercase())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        };
        let config = self.current.load().client.clone();
        let handshake = TlsConnector::from(config).connect(name, stream);
        self.handshakes.run(handshake).await.map_err(plain)
    }
}

/// The error of a handshake in words for an operator.
fn plain(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why)))) => {
            io::Error::other(why.to_string())
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            io::Error::other("no authority that is trusted has issued its certificate")
        }
        _ => error,
    }
}

/// The SIP domains that the client of `stream` has proved to speak for.
pub(super) fn client_identities(stream: &server::TlsStream<TcpStream>) -> Vec<String> {
    let certificates = stream.get_ref().1.peer_certificates();
    let own = certificates.and_then(<[CertificateDer<'_>]>::first);
    own.map(identities).unwrap_or_default()
}

impl Credentials {
    fn read(settings: &Settings, serves: bool) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let identity = match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => Some(Identity::read(certificate, key)?),
            (None, None) if !serves => None,
            _ => return Err(TlsError::Incomplete),
        };
        let server = identity.as_ref().filter(|_| serves);
        let server = server.map(|own| server_config(&provider, settings, own));
        let client = client_config(&provider, settings, identity.as_ref())?;
        Ok(Self {
            server: server.transpose()?.map(Arc::new),
            client: Arc::new(client),
        })
    }
}

/// Our certificate with its chain, and its key.
struct Identity<'a> {
    certificate: &'a Path,
    key: &'a Path,
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
}

impl<'a> Identity<'a> {
    fn read(certificate: &'a Path, key: &'a Path) -> Result<Self, TlsError> {
        let chain = certificates("certificate", certificate)?;
        for one in &chain {
            check_validity(certificate, one)?;
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| match error {
            pem::Error::Io(source) => TlsError::Read {
                setting: "key",
                path: key.to_owned(),
                source,
            },
            _ => TlsError::NoKey(key.to_owned()),
        })?;
        Ok(Self {
            certificate,
            key,
            chain,
            private,
        })
    }

    /// What rustls says against the pair.
    fn refused(&self, error: rustls::Error) -> TlsError {
        let (certificate, key) = (self.certificate.to_owned(), self.key.to_owned());
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::KeyMismatch { certificate, key }
            }
            source => TlsError::Unusable {
                certificate,
                key,
                source,
            },
        }
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    settings: &Settings,
    own: &Identity<'_>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| own.refused(error))?;
    let builder = match client_verifier(provider, settings)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    builder
        .with_single_cert(own.chain.clone(), own.private.clone_key())
        .map_err(|error| own.refused(error))
}

fn client_verifier(
    provider: &Arc<CryptoProvider>,
    settings: &Settings,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    if settings.client_certificates == ClientCertificates::Off {
        return Ok(None);
    }
    let path = settings.client_ca.as_ref().ok_or(TlsError::NoClientCa)?;
    let roots = Arc::new(authorities("client_ca", path)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let builder = match settings.client_certificates {
        ClientCertificates::Required => builder,
        _ => builder.allow_unauthenticated(),
    };
    let verifier = builder.build().map_err(|_| TlsError::NoCertificate {
        setting: "client_ca",
        path: path.clone(),
    })?;
    Ok(Some(verifier))
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    settings: &Settings,
    own: Option<&Identity<'_>>,
) -> Result<ClientConfig, TlsError> {
    let roots = match (settings.verify_server, &settings.ca) {
        (false, _) => None,
        (true, Some(path)) => Some(authorities("ca", path)?),
        // A system without authorities trusts nobody, which is seen when somebody is called.
        (true, None) => Some(
            authorities("ca", Path::new(SYSTEM_AUTHORITIES))
                .unwrap_or_else(|_| RootCertStore::empty()),
        ),
    };
    let verifier = DomainVerifier {
        roots,
        provider: provider.clone(),
    };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Protocol)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match own {
        Some(own) => builder
            .with_client_auth_cert(own.chain.clone(), own.private.clone_key())
            .map_err(|error| own.refused(error)),
        None => Ok(builder.with_no_client_auth()),
    }
}

fn authorities(setting: &'static str, path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(certificates(setting, path)?);
    if usable == 0 {
        return Err(TlsError::NoCertificate {
            setting,
            path: path.to_owned(),
        });
    }
    Ok(roots)
}

fn certificates(
    setting: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path_buf = || PathBuf::from(path);
    let unreadable = |error| match error {
        pem::Error::Io(source) => TlsError::Read {
            setting,
            path: path_buf(),
            source,
        },
        _ => TlsError::NoCertificate {
            setting,
            path: path_buf(),
        },
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect();
    let found = found.map_err(unreadable)?;
    match found.is_empty() {
        true => Err(TlsError::NoCertificate {
            setting,
            path: path_buf(),
        }),
        false => Ok(found),
    }
}

/// Whether today is within the validity of `certificate`. The library tells that only while it
/// verifies a chain, and looks at it first; that there is no authority here is no matter.
fn check_validity(path: &Path, certificate: &CertificateDer<'_>) -> Result<(), TlsError> {
    let path = path.to_owned();
    let Ok(parsed) = EndEntityCert::try_from(certificate) else {
        let setting = "certificate";
        return Err(TlsError::NoCertificate { setting, path });
    };
    let algorithms = ring::default_provider().signature_verification_algorithms;
    let usage = KeyUsage::server_auth();
    let now = UnixTime::now();
    match parsed.verify_for_usage(algorithms.all, &[], &[], now, usage, None, None) {
        Err(webpki::Error::CertExpired { .. }) => Err(TlsError::Expired(path)),
        Err(webpki::Error::CertNotValidYet { .. }) => Err(TlsError::NotYetValid(path)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
