//! `[auth]`: which callers have to say who they are.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::reader::Section;
use super::values::Setting;
use crate::sip::message::header::{DigestHash, Qop};

/// `[auth]`: which callers have to say who they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Auth {
    /// `applications`: those whose callers are asked; `*` for every request outside a dialog.
    pub applications: Vec<String>,
    /// `realm`: whose users are asked for.
    pub realm: String,
    /// `users`: file of users and their passwords. Not read if nobody is asked.
    pub users: PathBuf,
    /// `algorithms`: hashes to choose from, preferred first.
    pub algorithms: Vec<DigestHash>,
    /// `qop`: what the digest may protect.
    pub qop: Vec<Qop>,
    /// `trusted`: who is not asked.
    pub trusted: Vec<IpNet>,
    /// `nonce_lifetime_s`: how long a nonce can be used, 1 s to a day.
    pub nonce_lifetime: Duration,
    /// `max_failures`: failures of an address within a window, after which it is refused; 0: never.
    pub max_failures: u32,
    /// `failure_window_s`: that window, 1 s to a day.
    pub failure_window: Duration,
}

impl Auth {
    /// In `applications`, stands for all of them and for all other requests.
    pub const EVERYTHING: &'static str = "*";

    pub(super) fn read(section: &mut Section<'_>) -> Auth {
        const DAY: u64 = 24 * 60 * 60;
        let default = Auth::default();
        let mut seconds = |key, default: Duration| {
            Duration::from_secs(section.integer(key, default.as_secs(), 1..=DAY))
        };
        Auth {
            nonce_lifetime: seconds("nonce_lifetime_s", default.nonce_lifetime),
            failure_window: seconds("failure_window_s", default.failure_window),
            applications: section.names("applications").unwrap_or_default(),
            realm: section
                .line("realm", Some(default.realm.clone()))
                .unwrap_or(default.realm),
            users: section.path("users", default.users),
            algorithms: section.settings("algorithms", default.algorithms),
            qop: section.settings("qop", default.qop),
            trusted: section.any_settings("trusted", default.trusted),
            max_failures: section.integer("max_failures", default.max_failures, 0..=1_000_000),
        }
    }

    /// Whether anybody is asked.
    pub fn is_on(&self) -> bool {
        !self.applications.is_empty()
    }
}

impl Default for Auth {
    fn default() -> Auth {
        Auth {
            applications: Vec::new(),
            realm: "muleteer".to_owned(),
            users: PathBuf::from("conf/users.conf"),
            algorithms: vec![DigestHash::Sha256, DigestHash::Md5],
            qop: vec![Qop::Auth],
            trusted: Vec::new(),
            nonce_lifetime: Duration::from_secs(300),
            max_failures: 10,
            failure_window: Duration::from_secs(300),
        }
    }
}

impl Setting for DigestHash {
    const EXPECTED: &'static str = "one of `MD5`, `SHA-256`, `SHA-512-256`";
    const EXAMPLE: &'static str = "SHA-256";

    fn parse(text: &str) -> Option<DigestHash> {
        DigestHash::parse(text)
    }
}

impl Setting for Qop {
    const EXPECTED: &'static str = "one of `auth`, `auth-int`";
    const EXAMPLE: &'static str = "auth";

    fn parse(text: &str) -> Option<Qop> {
        Qop::parse(text)
    }
}
