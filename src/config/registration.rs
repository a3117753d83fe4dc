//! `[[registration]]`: accounts that the server keeps registered elsewhere.

use std::path::PathBuf;

use super::reader::Section;
use super::values::Setting;
use crate::sip::auth::{Realm, Secret};
use crate::sip::message::Uri;
use crate::sip::registration::{Account, Domain, hop};

/// One `[[registration]]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfiguredAccount {
    /// The account; its password is empty if it is in a file.
    pub account: Account,
    /// `password_file`: its first line is the password.
    pub password_file: Option<PathBuf>,
}

impl ConfiguredAccount {
    /// `None` if something that it needs is missing or wrong, which is reported.
    pub(super) fn read(section: &mut Section<'_>) -> Option<ConfiguredAccount> {
        let domain: Option<Domain> = section.required("domain");
        let user: Option<User> = section.required("user");
        let display_name = section.line("display_name", None);
        let auth_user = section.line("auth_user", None);
        let realm = section.line("realm", None);
        let secret = section.secret("password");
        let password_file = section.has("password_file");
        let password_file = password_file.then(|| section.path("password_file", PathBuf::new()));
        let proxies: Vec<Hop> = section.any_settings("proxy", Vec::new());
        let contact: Option<Hop> = section.optional("contact");
        let instance: Option<Instance> = section.optional("instance");
        let expires = section.integer("expires_s", Account::EXPIRES, 60..=604_800);
        if secret.is_some() == password_file.is_some() {
            let found = if secret.is_some() { "both" } else { "neither" };
            section.incomplete(
                "password",
                "`password` or `password_file`",
                found,
                "password_file = \"registration.password\"",
            );
            return None;
        }
        let User(user) = user?;
        let mut account = Account::new(domain?, user, Secret::new(secret.unwrap_or_default()));
        account.display_name = display_name;
        if let Some(auth_user) = auth_user {
            account.auth_user = auth_user;
        }
        match realm.as_deref() {
            None => {}
            Some("*") => account.realm = Realm::Any,
            Some(name) => account.realm = Realm::Named(name.to_owned()),
        }
        account.proxies = proxies.into_iter().map(|Hop(uri)| uri).collect();
        account.contact = contact.map(|Hop(uri)| uri);
        account.expires = expires;
        account.instance = instance.map(|Instance(urn)| urn);
        Some(ConfiguredAccount {
            account,
            password_file,
        })
    }
}

impl Setting for Domain {
    const EXPECTED: &'static str = "a host name or address, perhaps with a port";
    const EXAMPLE: &'static str = "sip.example.com";

    fn parse(text: &str) -> Option<Domain> {
        Domain::parse(text)
    }
}

/// The user of a URI.
struct User(String);

impl Setting for User {
    const EXPECTED: &'static str = "the user of a SIP URI, special characters as %HH";
    const EXAMPLE: &'static str = "alice";

    fn parse(text: &str) -> Option<User> {
        Account::is_user(text).then(|| User(text.to_owned()))
    }
}

/// The URN of a device (RFC 5626 §4.1).
struct Instance(String);

impl Setting for Instance {
    const EXPECTED: &'static str = "a URN, such as urn:uuid:...";
    const EXAMPLE: &'static str = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

    fn parse(text: &str) -> Option<Instance> {
        let rest = text.strip_prefix("urn:")?;
        let is_text = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
        let is_urn = rest.contains(':') && rest.bytes().all(is_text);
        is_urn.then(|| Instance(text.to_owned()))
    }
}

/// A SIP URI, also without its scheme.
struct Hop(Uri);

impl Setting for Hop {
    const EXPECTED: &'static str = "a SIP URI";
    const EXAMPLE: &'static str = "sip:proxy.example.com;lr";

    fn parse(text: &str) -> Option<Hop> {
        hop(text).map(Hop)
    }
}
