//! The section `[module.mysql]` of the configuration.

use std::sync::OnceLock;
use std::time::Duration;

use muleteer_sdk::module::Host;
use serde::Deserialize;

/// The most connections that can be asked for.
const MAX_CONNECTIONS: usize = 100_000;
/// The longest deadline in seconds.
const MAX_TIMEOUT: f64 = 600.0;

/// What an operator can change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many seconds an action waits.
    timeout: f64,
    /// How many connections there are at most to one database.
    pub connections: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeout: 5.0,
            connections: 100,
        }
    }
}

impl Config {
    /// How long an action waits.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout)
    }

    /// How long the database works on a statement: a little less, so that the connection survives.
    pub fn statement_seconds(&self) -> f64 {
        self.timeout * 0.9
    }

    fn parse(json: &str) -> Result<Self, String> {
        let config: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if !(0.1..=MAX_TIMEOUT).contains(&config.timeout) {
            return Err(format!(
                "timeout has to be from 0.1 to {MAX_TIMEOUT} seconds"
            ));
        }
        if !(1..=MAX_CONNECTIONS).contains(&config.connections) {
            return Err(format!("connections has to be from 1 to {MAX_CONNECTIONS}"));
        }
        Ok(config)
    }
}

static CONFIG: OnceLock<Config> = OnceLock::new();

/// Reads the configuration, once.
///
/// # Errors
/// What is wrong with it.
pub fn load(host: &Host) -> Result<(), String> {
    let config = Config::parse(host.config())?;
    CONFIG.get_or_init(|| config);
    Ok(())
}

/// The configuration that was loaded.
pub fn config() -> &'static Config {
    CONFIG.get_or_init(Config::default)
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn every_key_may_be_left_out() {
        let config = Config::parse("{}").expect("a configuration");
        assert_eq!((config.timeout, config.connections), (5.0, 100));
        let config = Config::parse(r#"{"timeout": 2, "connections": 7}"#).expect("a configuration");
        assert_eq!((config.timeout, config.connections), (2.0, 7));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, said) in [
            (r#"{"timeouts": 1}"#, "timeouts"),
            (r#"{"timeout": 0}"#, "timeout has to be"),
            (r#"{"connections": 0}"#, "connections has to be"),
            (r#"{"connections": "x"}"#, "invalid type"),
        ] {
            let problem = Config::parse(json).expect_err(json);
            assert!(problem.contains(said), "{problem}");
        }
    }
}
