//! The key that a request is signed with: that of the section, of the environment, or of the files that
//! the command line tools of AWS share.
//!
//! Looked up for each request, which is little work next to the request itself: so a key in a file that
//! another program renews is always the new one.

use std::collections::HashMap;
use std::path::PathBuf;

use reqsign_aws_v4::{Credential, EnvCredentialProvider, ProfileCredentialProvider};
use reqsign_core::{Context, Env, Error, FileRead, ProvideCredential, SigningCredential};

use crate::problem::Problem;

/// The largest file with keys, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// The variables that hold a key.
const VARIABLES: [&str; 3] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// The key, of wherever there is one.
///
/// # Errors
/// [`Problem::NoKey`].
pub async fn find(
    configured: Option<&Credential>,
    environment: impl Env,
) -> Result<Credential, Problem> {
    if let Some(credential) = configured {
        return Ok(credential.clone());
    }
    let context = Context::new()
        .with_env(environment)
        .with_file_read(SmallFiles);
    let found = match EnvCredentialProvider::new()
        .provide_credential(&context)
        .await
    {
        Ok(None) => {
            ProfileCredentialProvider::new()
                .provide_credential(&context)
                .await
        }
        found => found,
    };
    match found {
        Ok(Some(credential)) if credential.is_valid() => Ok(credential),
        Ok(_) => Err(Problem::NoKey(
            "there is no access_key in [module.aws], in the environment, or in ~/.aws/credentials"
                .to_owned(),
        )),
        Err(error) => Err(Problem::NoKey(format!("~/.aws: {error}"))),
    }
}

/// The environment of the server.
#[derive(Debug)]
pub struct Process;

impl Env for Process {
    fn var(&self, key: &str) -> Option<String> {
        std::env::var(key).ok().filter(|value| !value.is_empty())
    }

    fn vars(&self) -> HashMap<String, String> {
        let set = VARIABLES
            .iter()
            .map(|name| ((*name).to_owned(), self.var(name)));
        set.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        std::env::home_dir()
    }
}

/// Reads files of a size that such files have.
#[derive(Debug)]
struct SmallFiles;

impl FileRead for SmallFiles {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let read = async {
            let metadata = tokio::fs::metadata(path).await?;
            if !metadata.is_file() || metadata.len() > MAX_FILE {
                return Err(std::io::Error::other("no file, or a large one"));
            }
            tokio::fs::read(path).await
        };
        read.await
            .map_err(|error| Error::config_invalid(format!("{path}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "the test writes a file of keys")]

    use reqsign_core::StaticEnv;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> StaticEnv {
        let variables = variables.iter();
        StaticEnv {
            home_dir: None,
            envs: variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[tokio::test]
    async fn the_section_comes_before_the_environment_and_that_before_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        let lines = "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n\
                     [work]\naws_access_key_id = WORK\naws_secret_access_key = s\naws_session_token = t\n";
        std::fs::write(&file, lines).unwrap();
        let path = file.to_str().unwrap();
        let files = [("AWS_SHARED_CREDENTIALS_FILE", path)];
        let key = find(None, environment(&files)).await.unwrap();
        assert_eq!(key.access_key_id, "FILE");
        let work = [files[0], ("AWS_PROFILE", "work")];
        let key = find(None, environment(&work)).await.unwrap();
        assert_eq!(
            (&*key.access_key_id, key.session_token.as_deref()),
            ("WORK", Some("t"))
        );
        let variables = [
            files[0],
            ("AWS_ACCESS_KEY_ID", "ENV"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
        ];
        let key = find(None, environment(&variables)).await.unwrap();
        assert_eq!(key.access_key_id, "ENV");
        let configured = Credential {
            access_key_id: "SECTION".to_owned(),
            ..key
        };
        let key = find(Some(&configured), environment(&variables))
            .await
            .unwrap();
        assert_eq!(key.access_key_id, "SECTION");
        // A key that was renewed meanwhile.
        std::fs::write(&file, lines.replace("FILE", "NEW")).unwrap();
        let key = find(None, environment(&files)).await.unwrap();
        assert_eq!(key.access_key_id, "NEW");
    }

    #[tokio::test]
    async fn where_there_is_no_key_the_operator_is_told_where_to_put_it() {
        let folder = tempfile::tempdir().unwrap();
        let bad = folder.path().join("bad");
        std::fs::write(&bad, "[default\naws_secret_access_key = hush").unwrap();
        let bad = bad.to_str().unwrap();
        for path in ["/nonexistent", folder.path().to_str().unwrap(), bad] {
            let nowhere = [
                ("AWS_SHARED_CREDENTIALS_FILE", path),
                ("AWS_CONFIG_FILE", "/nonexistent"),
            ];
            let problem = find(None, environment(&nowhere)).await.unwrap_err();
            let text = format!("{problem:?}");
            assert!(text.contains("NoKey") && !text.contains("hush"), "{text}");
        }
    }
}
