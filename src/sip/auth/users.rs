//! The users whom a server knows, read from text.
//!
//! One line for a user: `name:realm:SECRET`, where SECRET is
//!
//! - 32 hexadecimal digits: MD5 of `name:realm:password`, which is what `htdigest` writes;
//! - 64 hexadecimal digits: SHA-256 of the same;
//! - `sha-512-256:` and 64 hexadecimal digits;
//! - `password:` and the password, which then serves for every hash.
//!
//! Lines of one user with different hashes add up. A user can use the hashes that there are lines for.
//! Empty lines and those that start with `#` are left out.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::digest::Ha1;
use crate::sip::message::header::DigestHash;

/// Users by name and realm.
#[derive(Debug, Default)]
pub struct Users(HashMap<Box<str>, HashMap<Box<str>, Keys>>);

/// What is known of one user, by hash.
#[derive(Debug, Default)]
struct Keys([Option<Ha1>; 3]);

/// What is wrong with lists of users, in the order of lines; at least one mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UserErrors(Vec<UserError>);

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {problem}", path.display())]
pub struct UserError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong. Never has a part of a secret in it.
    pub problem: UserProblem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)] // the error text says it
pub enum UserProblem {
    #[error("expected `name:realm:SECRET`")]
    Form,
    #[error(
        "expected as SECRET 32 hexadecimal digits (MD5), 64 (SHA-256), `sha-512-256:` and 64 \
         hexadecimal digits, or `password:` and a password"
    )]
    Secret,
    #[error("this user has a secret of this kind already")]
    Twice,
}

impl fmt::Display for UserErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let line_end = if index > 0 { "\n" } else { "" };
            write!(f, "{line_end}{error}")?;
        }
        Ok(())
    }
}

impl Users {
    /// Reads the `text` of the file at `path`, which only names it in errors.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, path: &Path) -> Result<Self, UserErrors> {
        let mut users = Self::default();
        let mut errors = Vec::new();
        for (line, written) in (1..).zip(text.lines()) {
            let written = written.trim();
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            if let Err(problem) = users.add_line(written) {
                let path = path.to_owned();
                errors.push(UserError {
                    path,
                    line,
                    problem,
                });
            }
        }
        match errors.is_empty() {
            true => Ok(users),
            false => Err(UserErrors(errors)),
        }
    }

    /// How many users there are, counted by realm.
    pub fn len(&self) -> usize {
        self.0.values().map(HashMap::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a realm has users.
    pub fn has_realm(&self, realm: &str) -> bool {
        self.0.contains_key(realm)
    }

    /// The key of a user for one hash.
    pub(super) fn key(&self, name: &str, realm: &str, hash: DigestHash) -> Option<&Ha1> {
        let keys = self.0.get(realm)?.get(name)?;
        keys.0[hash as usize].as_ref()
    }

    fn add_line(&mut self, line: &str) -> Result<(), UserProblem> {
        let mut parts = line.splitn(3, ':');
        let (Some(name), Some(realm), Some(secret)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(UserProblem::Form);
        };
        if name.is_empty() || realm.is_empty() {
            return Err(UserProblem::Form);
        }
        let keys = keys(name, realm, secret).ok_or(UserProblem::Secret)?;
        let realm = self.0.entry(realm.into()).or_default();
        let known = realm.entry(name.into()).or_default();
        for (known, key) in known.0.iter_mut().zip(keys) {
            let Some(key) = key else { continue };
            if known.replace(key).is_some() {
                return Err(UserProblem::Twice);
            }
        }
        Ok(())
    }
}

fn keys(name: &str, realm: &str, secret: &str) -> Option<[Option<Ha1>; 3]> {
    use DigestHash::{Md5, Sha256, Sha512_256};
    if let Some(password) = secret.strip_prefix("password:") {
        let key = |hash| Some(Ha1::new(hash, name, realm, password));
        return (!password.is_empty()).then(|| [key(Md5), key(Sha256), key(Sha512_256)]);
    }
    if let Some(hex) = secret.strip_prefix("sha-512-256:") {
        return Ha1::from_hex(Sha512_256, hex).map(|key| [None, None, Some(key)]);
    }
    let md5 = || Ha1::from_hex(Md5, secret).map(|key| [Some(key), None, None]);
    let sha256 = || Ha1::from_hex(Sha256, secret).map(|key| [None, Some(key), None]);
    md5().or_else(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Users, UserErrors> {
        Users::parse(text, Path::new("users"))
    }

    #[test]
    fn a_password_serves_every_hash_and_lines_of_hashes_add_up() {
        let md5 = "939e7578ed9e3c518a452acee763bce9";
        let text = format!(
            "# users\n\nMufasa:testrealm@host.com:{md5}\n\
             Mufasa:testrealm@host.com:{}\r\nbob:r:password:a:b # c\n",
            "0".repeat(64)
        );
        let users = parse(&text).unwrap();
        assert_eq!(users.len(), 2);
        let key = |hash| users.key("Mufasa", "testrealm@host.com", hash);
        let mufasa = ["Mufasa", "testrealm@host.com", "Circle Of Life"];
        let computed = Ha1::new(DigestHash::Md5, mufasa[0], mufasa[1], mufasa[2]);
        assert_eq!(key(DigestHash::Md5), Some(&computed));
        assert!(key(DigestHash::Sha256).is_some() && key(DigestHash::Sha512_256).is_none());
        let bob = Ha1::new(DigestHash::Sha512_256, "bob", "r", "a:b # c");
        assert_eq!(users.key("bob", "r", DigestHash::Sha512_256), Some(&bob));
        assert_eq!(users.key("bob", "s", DigestHash::Md5), None);
        assert!(users.has_realm("r") && !users.has_realm("s"));
    }

    #[test]
    fn every_broken_line_is_told_and_no_secret() {
        let text = "a\nb:r\nc:r:topsecret\nd:r:password:\ne:r:password:x\ne:r:password:y\n:r:x\n\
                    f::password:x\n";
        let errors = parse(text).unwrap_err();
        assert_eq!(
            errors
                .0
                .iter()
                .map(|error| (error.line, error.problem))
                .collect::<Vec<_>>(),
            [
                (1, UserProblem::Form),
                (2, UserProblem::Form),
                (3, UserProblem::Secret),
                (4, UserProblem::Secret),
                (6, UserProblem::Twice),
                (7, UserProblem::Form),
                (8, UserProblem::Form),
            ]
        );
        let told = errors.to_string();
        assert!(
            told.starts_with("users:1: expected `name:realm:SECRET`\nusers:2:"),
            "{told}"
        );
        assert!(!told.contains("topsecret"), "{told}");
    }
}
