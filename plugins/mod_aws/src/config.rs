//! The section `[module.aws]`.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use reqsign_aws_v4::Credential;
use reqwest::Url;
use serde::Deserialize;

use crate::address::Endpoints;

/// The longest that an operator may have calls wait, in seconds.
const MAX_TIMEOUT: f64 = 3600.0;
/// The region of those who name none.
const REGION: &str = "us-east-1";

/// The section as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    #[serde(alias = "aws_access_key")]
    access_key: Option<String>,
    #[serde(alias = "aws_secret_access_key")]
    secret_access_key: Option<String>,
    session_token: Option<String>,
    region: Option<String>,
    endpoint: Option<String>,
    sqs_endpoint: Option<String>,
    timeout: f64,
    transfer_timeout: f64,
    folder: Option<PathBuf>,
    max_file_bytes: u64,
    ca: Option<String>,
    proxy: Option<String>,
}

impl Default for Section {
    fn default() -> Self {
        Self {
            access_key: None,
            secret_access_key: None,
            session_token: None,
            region: None,
            endpoint: None,
            sqs_endpoint: None,
            timeout: 5.0,
            transfer_timeout: 30.0,
            folder: None,
            max_file_bytes: 256 << 20,
            ca: None,
            proxy: None,
        }
    }
}

/// The settings.
#[derive(Debug)]
pub struct Config {
    /// What requests are signed with, if the section has it.
    pub credential: Option<Credential>,
    /// The part of the cloud.
    pub region: String,
    /// Where the services are.
    pub endpoints: Endpoints,
    /// How long an action takes at most that sends no file.
    pub timeout: Duration,
    /// How long one takes that does.
    pub transfer_timeout: Duration,
    /// The folder that files are in; without one they are where their path says.
    pub folder: Option<PathBuf>,
    /// The largest file, in bytes.
    pub max_file_bytes: u64,
    /// A file of certificates of authorities that are believed besides those of the system.
    pub ca: Option<String>,
    /// The proxy of all requests.
    pub proxy: Option<String>,
}

/// Reads the section, as JSON; `variable` gives variables of the environment.
///
/// # Errors
/// A message for the operator that names the key.
pub fn read(json: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Config, String> {
    let section: Section =
        serde_json::from_str(json).map_err(|error| format!("[module.aws] {error}"))?;
    let credential = credential(&section)?;
    let region = [section.region]
        .into_iter()
        .chain(["AWS_REGION", "AWS_DEFAULT_REGION"].map(variable))
        .flatten()
        .find(|region| !region.is_empty())
        .unwrap_or_else(|| REGION.to_owned());
    let in_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !region.bytes().all(in_name) {
        let expected = "expected a name such as eu-central-1";
        return Err(format!("[module.aws] region: {expected}, found {region:?}"));
    }
    let endpoint = |key, url: Option<String>| url.map(|url| endpoint(key, &url)).transpose();
    let endpoints = Endpoints::new(
        &region,
        endpoint("endpoint", section.endpoint)?,
        endpoint("sqs_endpoint", section.sqs_endpoint)?,
    );
    if section.max_file_bytes == 0 {
        return Err("[module.aws] max_file_bytes: expected at least 1, found 0".to_owned());
    }
    Ok(Config {
        credential,
        region,
        endpoints,
        timeout: seconds("timeout", section.timeout)?,
        transfer_timeout: seconds("transfer_timeout", section.transfer_timeout)?,
        folder: section.folder,
        max_file_bytes: section.max_file_bytes,
        ca: section.ca,
        proxy: section.proxy,
    })
}

impl Config {
    /// Where a file is that a script names; `None` if that leaves the folder.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let Some(folder) = &self.folder else {
            return Some(name.into());
        };
        let mut parts = Path::new(name).components();
        let stays = parts.all(|part| matches!(part, Component::Normal(_)));
        (stays && !name.is_empty()).then(|| folder.join(name))
    }
}

/// Both halves of a key, or none.
fn credential(section: &Section) -> Result<Option<Credential>, String> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let session_token = filled(&section.session_token);
    let missing = match (
        filled(&section.access_key),
        filled(&section.secret_access_key),
    ) {
        (Some(access_key_id), Some(secret_access_key)) => {
            return Ok(Some(Credential {
                access_key_id,
                secret_access_key,
                session_token,
                expires_in: None,
            }));
        }
        (None, None) if session_token.is_none() => return Ok(None),
        (Some(_), None) => "secret_access_key",
        (None, _) => "access_key",
    };
    Err(format!(
        "[module.aws] has one half of a key: {missing} is missing"
    ))
}

/// A URL that paths are put behind.
fn endpoint(key: &str, text: &str) -> Result<String, String> {
    let url = text.parse::<Url>().ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    let bad = || format!("[module.aws] {key}: expected a URL such as https://s3.example.org");
    let url = url.ok_or_else(bad)?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn seconds(key: &str, seconds: f64) -> Result<Duration, String> {
    if (0.1..=MAX_TIMEOUT).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    let expected = format!("expected seconds, 0.1 to {MAX_TIMEOUT}");
    Err(format!("[module.aws] {key}: {expected}, found {seconds}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(json: &str) -> Result<Config, String> {
        read(json, |_| None)
    }

    #[test]
    fn every_mistake_is_named_and_no_secret() {
        for (json, said) in [
            (r#"{"access_key":"AK"}"#, "secret_access_key is missing"),
            (r#"{"secret_access_key":"hush"}"#, ": access_key is missing"),
            (r#"{"session_token":"hush"}"#, ": access_key is missing"),
            (r#"{"region":"eu/../x"}"#, "region: expected a name"),
            (
                r#"{"endpoint":"s3.example.org"}"#,
                "endpoint: expected a URL",
            ),
            (
                r#"{"endpoint":"https://a:hush@b"}"#,
                "endpoint: expected a URL",
            ),
            (
                r#"{"sqs_endpoint":"ftp://x"}"#,
                "sqs_endpoint: expected a URL",
            ),
            (
                r#"{"timeout":0}"#,
                "timeout: expected seconds, 0.1 to 3600, found 0",
            ),
            (
                r#"{"transfer_timeout":1e9}"#,
                "transfer_timeout: expected seconds",
            ),
            (
                r#"{"max_file_bytes":0}"#,
                "max_file_bytes: expected at least 1",
            ),
            (r#"{"max_file_bytes":"1M"}"#, "invalid type"),
            (r#"{"secret":"x"}"#, "unknown field `secret`"),
        ] {
            let problem = alone(json).unwrap_err();
            assert!(problem.contains(said), "{problem}");
            assert!(!problem.contains("hush"), "{problem}");
        }
    }

    #[test]
    fn keys_are_read_under_their_old_names_too() {
        for (access, secret) in [
            ("access_key", "secret_access_key"),
            ("aws_access_key", "aws_secret_access_key"),
        ] {
            let json = format!(r#"{{"{access}":"AK","{secret}":"hush","session_token":"T"}}"#);
            let config = alone(&json).unwrap();
            assert!(!format!("{config:?}").contains("hush"), "{config:?}");
            let key = config.credential.unwrap();
            assert_eq!(
                (&*key.access_key_id, &*key.secret_access_key),
                ("AK", "hush")
            );
            assert_eq!(key.session_token.as_deref(), Some("T"));
        }
    }

    #[test]
    fn the_region_is_that_of_the_section_then_of_the_environment() {
        let environment =
            |name: &str| (name == "AWS_DEFAULT_REGION").then(|| "eu-west-1".to_owned());
        assert_eq!(read("{}", environment).unwrap().region, "eu-west-1");
        let section = r#"{"region":"eu-central-1"}"#;
        assert_eq!(read(section, environment).unwrap().region, "eu-central-1");
        assert_eq!(alone("{}").unwrap().region, "us-east-1");
    }

    #[test]
    fn a_file_stays_in_the_folder() {
        let config = alone(r#"{"folder":"/srv/sound"}"#).unwrap();
        let path = |name| config.path(name).map(|path| path.display().to_string());
        assert_eq!(path("a/b.wav").as_deref(), Some("/srv/sound/a/b.wav"));
        for name in ["", "..", "a/../../b", "/etc/passwd", "./a", "a/.."] {
            assert_eq!(path(name), None, "{name}");
        }
        let free = alone("{}").unwrap().path("../a.wav");
        assert_eq!(free, Some("../a.wav".into()));
    }
}
