//! S3 and SQS on this machine, which check signatures: moto, of the Python packages of `make test-packages`.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::disallowed_methods, reason = "tests start processes")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

/// The services, which end when our end of their standard input is closed: also when the tests panic or are
/// killed.
pub struct Cloud {
    pub url: String,
    pub key: String,
    pub secret: String,
    _life: ChildStdin,
    _process: Child,
}

/// The services that the tests share.
pub fn cloud() -> &'static Cloud {
    static CLOUD: OnceLock<Cloud> = OnceLock::new();
    CLOUD.get_or_init(Cloud::start)
}

impl Cloud {
    fn start() -> Self {
        let here = "plugins/mod_aws/tests/cloud";
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let root = folders
            .into_iter()
            .find(|folder| folder.join(here).exists());
        let root = root.expect("the folder of the workspace");
        let python = root.join("target/python/bin/python");
        assert!(
            python.exists(),
            "moto is not here: run make test-packages, which puts it into target/python"
        );
        let mut process = Command::new(python)
            .arg(root.join(here).join("server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python runs");
        let life = process.stdin.take().expect("it is piped");
        let mut said = String::new();
        let output = process.stdout.take().expect("it is piped");
        let read = BufReader::new(output).read_line(&mut said);
        read.expect("what it says is text");
        let words: Vec<&str> = said.split_whitespace().collect();
        let &[url, key, secret] = &words[..] else {
            panic!("moto does not start: run make test-packages");
        };
        Self {
            url: url.to_owned(),
            key: key.to_owned(),
            secret: secret.to_owned(),
            _life: life,
            _process: process,
        }
    }

    /// The section of the configuration that leads here.
    pub fn section(&self) -> String {
        let Self {
            url, key, secret, ..
        } = self;
        format!(
            r#"{{"access_key":"{key}","secret_access_key":"{secret}","region":"eu-west-1",
                "endpoint":"{url}","sqs_endpoint":"{url}","max_file_bytes":8388608}}"#
        )
    }
}
