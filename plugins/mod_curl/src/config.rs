//! The section `[module.curl]`.

use serde_json::Value;

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// A file of certificates of authorities that are believed besides those of the system.
    pub ca: Option<String>,
    /// The proxy of all requests.
    pub proxy: Option<String>,
    /// The largest body that becomes a variable, in bytes.
    pub max_body_bytes: u64,
    /// The largest body that becomes a file, in bytes.
    pub max_file_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ca: None,
            proxy: None,
            max_body_bytes: 1 << 20,
            max_file_bytes: 256 << 20,
        }
    }
}

/// The most that a session may hold in variables, so no body can be larger.
const MOST_BODY: u64 = 8 << 20;

/// Reads the section, as JSON.
///
/// # Errors
/// A message for the operator that names the key.
pub fn read(json: &str) -> Result<Config, String> {
    let config: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut read = Config::default();
    for (key, value) in config.as_object().into_iter().flatten() {
        match key.as_str() {
            "ca" => read.ca = Some(text(key, value)?),
            "proxy" => read.proxy = Some(text(key, value)?),
            "max_body_bytes" => read.max_body_bytes = bytes(key, value, MOST_BODY)?,
            "max_file_bytes" => read.max_file_bytes = bytes(key, value, u64::MAX)?,
            _ => {
                return Err(format!(
                    "[module.curl] has no key {key:?}: expected ca, proxy, max_body_bytes or max_file_bytes"
                ));
            }
        }
    }
    Ok(read)
}

fn text(key: &str, value: &Value) -> Result<String, String> {
    let text = value.as_str().filter(|text| !text.is_empty());
    let bad = || format!("[module.curl] {key}: expected a text, found {value}");
    text.map(str::to_owned).ok_or_else(bad)
}

fn bytes(key: &str, value: &Value, most: u64) -> Result<u64, String> {
    let bytes = value.as_u64().filter(|bytes| (1..=most).contains(bytes));
    let bad = || format!("[module.curl] {key}: expected 1 to {most}, found {value}");
    bytes.ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_named() {
        for (json, said) in [
            (r#"{"ca":1}"#, "ca: expected a text, found 1"),
            (r#"{"proxy":""}"#, "proxy: expected a text"),
            (r#"{"max_body_bytes":0}"#, "expected 1 to 8388608, found 0"),
            (r#"{"max_body_bytes":9000000}"#, "found 9000000"),
            (r#"{"max_file_bytes":"1M"}"#, "found \"1M\""),
            (r#"{"timeout":1}"#, "no key \"timeout\""),
        ] {
            let problem = read(json).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
        assert_eq!(read("{}"), Ok(Config::default()));
    }
}
