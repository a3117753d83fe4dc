//! The section `[module.py]`.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Milliseconds that code of an action may be given.
const TIMEOUT: RangeInclusive<u64> = 10..=60_000;
/// Milliseconds that code of a condition may be given: the session does nothing else meanwhile.
const CONDITION_TIMEOUT: RangeInclusive<u64> = 1..=10_000;

/// The settings.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    /// Folders that `import` looks into before all others.
    pub path: Vec<String>,
    /// The folder of the applications.
    pub applications: Option<PathBuf>,
    /// How long the code of an action may take.
    pub timeout: Duration,
    /// How long the code of a condition may take.
    pub condition_timeout: Duration,
}

/// Reads the section, as JSON.
///
/// # Errors
/// A message for the operator that names the key.
pub fn read(json: &str) -> Result<Config, String> {
    let config: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut read = Config {
        path: Vec::new(),
        applications: None,
        timeout: Duration::from_secs(5),
        condition_timeout: Duration::from_secs(1),
    };
    for (key, value) in config.as_object().into_iter().flatten() {
        match key.as_str() {
            "path" => read.path = folders(value)?,
            "applications" => read.applications = Some(folder(value)?),
            "timeout_ms" => read.timeout = milliseconds(key, value, TIMEOUT)?,
            "condition_timeout_ms" => {
                read.condition_timeout = milliseconds(key, value, CONDITION_TIMEOUT)?;
            }
            _ => {
                return Err(format!(
                    "[module.py] has no key {key:?}: expected path, applications, timeout_ms or condition_timeout_ms"
                ));
            }
        }
    }
    Ok(read)
}

fn folders(value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().and_then(|list| {
        let folders = list.iter().map(|folder| Some(folder.as_str()?.to_owned()));
        folders.collect()
    });
    list.ok_or_else(|| {
        format!("[module.py] path: expected a list of folders such as [\"scripts\"], found {value}")
    })
}

fn folder(value: &Value) -> Result<PathBuf, String> {
    let folder = value.as_str().filter(|folder| !folder.is_empty());
    folder.map(PathBuf::from).ok_or_else(|| {
        format!("[module.py] applications: expected a folder such as \"ivr\", found {value}")
    })
}

fn milliseconds(key: &str, value: &Value, range: RangeInclusive<u64>) -> Result<Duration, String> {
    let number = value.as_u64().filter(|number| range.contains(number));
    number.map(Duration::from_millis).ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        format!("[module.py] {key}: expected milliseconds from {least} to {most}, found {value}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_has_a_default() {
        let config = read(r#"{"path":["a"],"condition_timeout_ms":20}"#).unwrap();
        assert_eq!(config.path, ["a"]);
        assert_eq!(config.applications, None);
        assert_eq!(config.timeout, Duration::from_secs(5));
        assert_eq!(config.condition_timeout, Duration::from_millis(20));
    }

    #[test]
    fn every_mistake_is_named() {
        for (json, said) in [
            (r#"{"path":"scripts"}"#, "path: expected a list of folders"),
            (
                r#"{"applications":["a"]}"#,
                "applications: expected a folder such as \"ivr\"",
            ),
            (r#"{"path":[1]}"#, "path: expected a list of folders"),
            (
                r#"{"timeout_ms":0}"#,
                "timeout_ms: expected milliseconds from 10 to 60000, found 0",
            ),
            (
                r#"{"condition_timeout_ms":10001}"#,
                "from 1 to 10000, found 10001",
            ),
            (r#"{"timeout":5}"#, "no key \"timeout\""),
        ] {
            let problem = read(json).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }
}
