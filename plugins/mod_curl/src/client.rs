//! The clients of the process: one that follows redirections and one that does not. Both keep their
//! connections for the next request.
#![allow(
    clippy::disallowed_methods,
    reason = "a file of the configuration, read once at the start"
)]

use std::sync::OnceLock;

use muleteer_sdk::module::*;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Proxy};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::config::{self, Config};

/// Redirections that are followed before a request fails.
const MAX_REDIRECTIONS: usize = 5;

/// The clients, and what they are configured with.
pub struct Clients {
    /// The settings.
    pub config: Config,
    following: Client,
    staying: Client,
}

static CLIENTS: OnceLock<Clients> = OnceLock::new();

/// Reads the configuration and makes the clients.
pub fn load(host: &Host) -> Result<(), String> {
    let config = config::read(host.config())?;
    let tls = tls(config.ca.as_deref(), host)?;
    let clients = Clients {
        following: client(&config, tls.clone(), Policy::limited(MAX_REDIRECTIONS))?,
        staying: client(&config, tls, Policy::none())?,
        config,
    };
    CLIENTS.set(clients).map_err(|_| "loaded twice".to_owned())
}

/// The clients.
///
/// # Errors
/// The errno `general` before the module was loaded.
pub fn clients() -> Result<&'static Clients, Failure> {
    let missing = || Failure::errno("general", "mod_curl was not loaded");
    CLIENTS.get().ok_or_else(missing)
}

impl Clients {
    /// The client that follows redirections, or the one that does not.
    pub fn client(&self, follows: bool) -> &Client {
        match follows {
            true => &self.following,
            false => &self.staying,
        }
    }
}

fn client(config: &Config, tls: ClientConfig, redirections: Policy) -> Result<Client, String> {
    // Variables of the server's environment must not send requests elsewhere.
    let builder = ClientBuilder::new()
        .no_proxy()
        .redirect(redirections)
        .user_agent(concat!("Muleteer/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls);
    let builder = match &config.proxy {
        None => builder,
        Some(proxy) => {
            let bad = |error| format!("[module.curl] proxy: {}", cause(&error));
            builder.proxy(Proxy::all(proxy).map_err(bad)?)
        }
    };
    let failed = |error| format!("no HTTP client: {}", cause(&error));
    builder.build().map_err(failed)
}

fn tls(ca: Option<&str>, host: &Host) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(path) = ca {
        let bad = |error| format!("[module.curl] ca: {path}: {error}");
        let certificates = CertificateDer::pem_file_iter(path).map_err(bad)?;
        let mut found = 0;
        for certificate in certificates {
            let added = roots.add(certificate.map_err(bad)?);
            added.map_err(|error| format!("[module.curl] ca: {path}: {error}"))?;
            found += 1;
        }
        if found == 0 {
            return Err(format!("[module.curl] ca: {path} holds no certificate"));
        }
    }
    if roots.is_empty() {
        let text = "no certificates of authorities are installed: https requests will fail";
        host.log(Level::Warning, text);
    }
    let provider = rustls::crypto::ring::default_provider();
    let builder = ClientConfig::builder_with_provider(provider.into());
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
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
