//! Clients, as the section of a module configures them.
#![allow(
    clippy::disallowed_methods,
    reason = "a file of the configuration, read once at the start"
)]

use muleteer_sdk::module::{Host, Level};
use reqwest::{ClientBuilder, Proxy};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// How a module reaches servers.
pub struct Network<'a> {
    section: &'a str,
    proxy: Option<&'a str>,
    tls: ClientConfig,
}

impl<'a> Network<'a> {
    /// Reads the file `ca`, whose authorities are believed besides those of the system; all requests go through
    /// `proxy`. `section` is named in messages, such as `[module.curl]`.
    ///
    /// # Errors
    /// A message for the operator: there are no certificates in the file.
    pub fn new(
        section: &'a str,
        ca: Option<&str>,
        proxy: Option<&'a str>,
        host: &Host,
    ) -> Result<Self, String> {
        let roots = roots(section, ca)?;
        if roots.is_empty() {
            let text = "no certificates of authorities are installed: https requests will fail";
            host.log(Level::Warning, text);
        }
        let provider = rustls::crypto::ring::default_provider();
        let tls = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            section,
            proxy,
            tls,
        })
    }

    /// The beginning of a client.
    ///
    /// # Errors
    /// A message for the operator: the proxy has no URL.
    pub fn client(&self) -> Result<ClientBuilder, String> {
        // Variables of the server's environment must not send requests elsewhere.
        let builder = ClientBuilder::new()
            .no_proxy()
            .user_agent(concat!("Muleteer/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(self.tls.clone());
        let Some(proxy) = self.proxy else {
            return Ok(builder);
        };
        let bad = |error| format!("{} proxy: {}", self.section, cause(&error));
        Ok(builder.proxy(Proxy::all(proxy).map_err(bad)?))
    }
}

fn roots(section: &str, ca: Option<&str>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca {
        let bad = |error| format!("{section} ca: {path}: {error}");
        let certificates = CertificateDer::pem_file_iter(path).map_err(bad)?;
        let mut found = 0;
        for certificate in certificates {
            let added = roots.add(certificate.map_err(bad)?);
            added.map_err(|error| format!("{section} ca: {path}: {error}"))?;
            found += 1;
        }
        if found == 0 {
            return Err(format!("{section} ca: {path} holds no certificate"));
        }
    }
    Ok(roots)
}

/// What went wrong, down to its cause, without the URL: it may hold a password.
pub fn cause(error: &reqwest::Error) -> String {
    use std::error::Error;
    let mut text = match error {
        error if error.is_timeout() => return "no answer in time".to_owned(),
        error if error.is_connect() => "no connection".to_owned(),
        error if error.is_redirect() => "too many redirections".to_owned(),
        error if error.is_builder() => "not a request".to_owned(),
        error if error.is_decode() || error.is_body() => "the answer broke off".to_owned(),
        _ => "the request failed".to_owned(),
    };
    let mut source = error.source();
    while let Some(error) = source {
        let told = error.to_string();
        if !text.contains(&told) && !told.contains("://") {
            text = format!("{text}: {told}");
        }
        source = error.source();
    }
    text
}
