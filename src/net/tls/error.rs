//! Why there can be no TLS.

use std::io;
use std::path::PathBuf;

/// What is wrong with the files of `[tls]`, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// TLS is listened for without a certificate, or one of the two files is not named.
    #[error(
        "[tls] certificate and key have to name a file each: one is missing, and [sip] listen may ask \
         for tls or wss"
    )]
    Incomplete,
    /// A file cannot be read.
    #[error("{}: {source}\nthis is the file that [tls] {setting} names", path.display())]
    Read {
        /// The key of the configuration.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds no certificate.
    #[error(
        "{}: no certificate in PEM form (-----BEGIN CERTIFICATE-----)\n\
         this is the file that [tls] {setting} names",
        path.display()
    )]
    NoCertificate {
        /// The key of the configuration.
        setting: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file holds no private key.
    #[error(
        "{}: no private key in PEM form without a password (-----BEGIN PRIVATE KEY-----)\n\
         this is the file that [tls] key names",
        .0.display()
    )]
    NoKey(PathBuf),
    /// Certificate and key are not a pair.
    #[error(
        "{}: this key is not the one of the certificate in {}\n\
         [tls] key and certificate have to name a pair; the server's own certificate comes first in its file",
        key.display(),
        certificate.display()
    )]
    KeyMismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A certificate is too old.
    #[error("{}: the certificate, or one of its chain, has expired: renew it\nthis is the file that [tls] certificate names", .0.display())]
    Expired(PathBuf),
    /// A certificate is too young.
    #[error("{}: the certificate is not valid yet: check the clock of this machine\nthis is the file that [tls] certificate names", .0.display())]
    NotYetValid(PathBuf),
    /// Certificate or key are of a kind that is not supported.
    #[error("{} with the key {}: {source}\n[tls] certificate and key name these files", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What the library says.
        source: rustls::Error,
    },
    /// Certificates of clients are asked for, but nobody says which are good.
    #[error(
        "[tls] client_certificates asks for certificates of clients: client_ca has to name the file of \
         the authorities that issue them"
    )]
    NoClientCa,
    /// The library refuses the versions of TLS.
    #[error("TLS cannot be used: {0}")]
    Protocol(#[source] rustls::Error),
}
