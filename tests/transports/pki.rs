//! An authority, and certificates of it in files.

use std::path::PathBuf;
use std::sync::Arc;

use muleteer::config::Tls;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::support::process::Folder;

/// A folder with `ca.pem`, and for each certificate `NAME.pem` and `NAME.key`.
pub struct Pki {
    pub folder: Folder,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    /// With a certificate `server` for `localhost` and 127.0.0.1.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "authority of this test");
        let key = KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(params, key).unwrap();
        let folder = Folder::new(&[("ca.pem", &authority.pem())]);
        let pki = Self { folder, authority };
        pki.issue("server", &["localhost", "127.0.0.1"]);
        pki
    }

    /// Issues a certificate for these names: URIs, addresses, domains.
    pub fn issue(&self, file: &str, names: &[&str]) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, file);
        let names = names.iter().map(|name| match name.parse() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) if name.contains(':') => SanType::URI((*name).try_into().unwrap()),
            Err(_) => SanType::DnsName((*name).try_into().unwrap()),
        });
        params.subject_alt_names = names.collect();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        self.folder.write(&format!("{file}.pem"), certificate.pem());
        self.folder
            .write(&format!("{file}.key"), key.serialize_pem());
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// Settings of a server with the certificate `server` that believes this authority.
    pub fn settings(&self) -> Tls {
        Tls {
            certificate: Some(self.file("server.pem")),
            key: Some(self.file("server.key")),
            ca: Some(self.file("ca.pem")),
            client_ca: Some(self.file("ca.pem")),
            ..Tls::default()
        }
    }

    pub fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.file(&format!("{name}.pem"))).unwrap()
    }

    fn key(&self, name: &str) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).unwrap()
    }

    /// A client that believes this authority, with a certificate of its own if one is named.
    pub fn client(&self, own: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate("ca")).unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match own {
            Some(own) => builder
                .with_client_auth_cert(vec![self.certificate(own)], self.key(own))
                .unwrap(),
            None => builder.with_no_client_auth(),
        })
    }
}

pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
