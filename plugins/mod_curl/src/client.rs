//! The clients of the process: one that follows redirections and one that does not. Both keep their
//! connections for the next request.

use std::sync::OnceLock;

use muleteer_http::{Network, cause};
use muleteer_sdk::module::*;
use reqwest::Client;
use reqwest::redirect::Policy;

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
    let (ca, proxy) = (config.ca.as_deref(), config.proxy.as_deref());
    let network = Network::new("[module.curl]", ca, proxy, host)?;
    let clients = Clients {
        following: client(&network, Policy::limited(MAX_REDIRECTIONS))?,
        staying: client(&network, Policy::none())?,
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

fn client(network: &Network<'_>, redirections: Policy) -> Result<Client, String> {
    let client = network.client()?.redirect(redirections).build();
    client.map_err(|error| format!("no HTTP client: {}", cause(&error)))
}
