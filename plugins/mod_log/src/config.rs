//! The section `[module.log]`.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use crate::message::{self, FACILITIES};
use crate::target::Address;

/// The socket that programs of a machine write to.
const LOCAL: &str = "/dev/log";
/// The port of syslog over UDP.
const PORT: u16 = 514;

/// The settings.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    /// Where messages go.
    pub target: Address,
    /// The facility of `log.write`.
    pub facility: u8,
    /// The name under which messages come.
    pub ident: String,
}

/// Reads the section, as JSON.
///
/// # Errors
/// A message for the operator that names the key.
pub fn read(json: &str) -> Result<Config, String> {
    let config: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut read = Config {
        target: Address::Local(LOCAL.into()),
        facility: 16,
        ident: "muleteer".to_owned(),
    };
    for (key, value) in config.as_object().into_iter().flatten() {
        let Some(text) = value.as_str() else {
            return Err(format!(
                "[module.log] {key}: expected a text, found {value}"
            ));
        };
        match key.as_str() {
            "target" => read.target = address(text)?,
            "facility" => {
                read.facility = message::facility(text).ok_or_else(|| {
                    let known = FACILITIES.join(" ");
                    format!("[module.log] facility: {text:?} is none of {known}")
                })?;
            }
            "ident" => {
                let fits = (1..=48).contains(&text.len())
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_graphic() && byte != b'[');
                if !fits {
                    return Err(format!(
                        "[module.log] ident: expected 1 to 48 letters, digits and signs without blanks, found {text:?}"
                    ));
                }
                read.ident = text.to_owned();
            }
            _ => {
                return Err(format!(
                    "[module.log] has no key {key:?}: expected target, facility or ident"
                ));
            }
        }
    }
    Ok(read)
}

fn address(text: &str) -> Result<Address, String> {
    let expected = "expected \"unix:/dev/log\", or \"udp:\" with an address such as 192.0.2.1:514";
    let bad = || format!("[module.log] target: {expected}, found {text:?}");
    match text.split_once(':') {
        Some(("unix", path)) if path.starts_with('/') => Ok(Address::Local(path.into())),
        Some(("udp", address)) => {
            let with_port = address.parse::<SocketAddr>().ok();
            let host = address.trim_matches(['[', ']']).parse::<IpAddr>().ok();
            let read = with_port.or(host.map(|host| (host, PORT).into()));
            read.map(Address::Remote).ok_or_else(bad)
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_named() {
        for (json, said) in [
            (r#"{"target":"unix:relative"}"#, "found \"unix:relative\""),
            (
                r#"{"target":"udp:example.org"}"#,
                "found \"udp:example.org\"",
            ),
            (
                r#"{"target":"tcp:127.0.0.1"}"#,
                "expected \"unix:/dev/log\"",
            ),
            (r#"{"target":5}"#, "expected a text"),
            (r#"{"facility":"local8"}"#, "none of kern user"),
            (r#"{"ident":"two words"}"#, "without blanks"),
            (r#"{"colour":"red"}"#, "no key \"colour\""),
        ] {
            let problem = read(json).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }

    #[test]
    fn a_port_may_be_left_out() {
        let target = |text: &str| address(text).unwrap();
        let remote = |text: &str| Address::Remote(text.parse().unwrap());
        assert_eq!(target("udp:192.0.2.1"), remote("192.0.2.1:514"));
        assert_eq!(target("udp:2001:db8::1"), remote("[2001:db8::1]:514"));
        assert_eq!(target("udp:[2001:db8::1]:99"), remote("[2001:db8::1]:99"));
    }
}
