//! What requests in the name of a registered account carry: its Service-Route as preloaded routes (RFC 3608
//! §6.1), and its public GRUU as Contact (RFC 5627 §4.4). Challenges to them are answered with its password
//! (RFC 3261 §22.2), of its realm alone.

use std::collections::HashMap;

use super::{Account, Binding};
use crate::sip::auth::Accounts;
use crate::sip::message::{HeaderName, NameAddr, Request, SipUri, Uri};

/// What matters of an account to its requests: what its registrar said, and its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The proxies that requests pass, nearest first; all route loosely.
    route: Vec<NameAddr>,
    /// Where the account is reached, from anywhere.
    gruu: Option<Uri>,
    accounts: Accounts,
}

impl Identity {
    /// Of an account and what its registrar said.
    pub fn of(account: &Account, binding: &Binding) -> Self {
        let is_loose = |hop: &NameAddr| hop.uri.as_sip().is_some_and(SipUri::is_loose_router);
        // RFC 3608 §6.1 asks for loose routers. A strict one would take our Request-URI away.
        let route = match binding.service_route.iter().all(is_loose) {
            true => binding.service_route.clone(),
            false => Vec::new(),
        };
        let gruu = binding.public_gruu.clone();
        Self {
            route,
            gruu: gruu.filter(|gruu| gruu.as_sip().is_some()),
            accounts: account.accounts(),
        }
    }

    /// Where requests go, if not where they say.
    pub fn first_hop(&self) -> Option<&Uri> {
        self.route.first().map(|hop| &hop.uri)
    }

    /// The Contact of a request to `target`; `None`: our own address.
    pub fn contact(&self, target: &Uri) -> Option<&Uri> {
        let gruu = self.gruu.as_ref()?;
        // To a `sips` URI a Contact has to be one (RFC 3261 §8.1.1.8).
        (gruu.is_sips() || !target.is_sips()).then_some(gruu)
    }

    /// Adds the routes to a request outside a dialog.
    pub fn add_routes(&self, request: &mut Request) {
        for hop in self.route.iter().rev() {
            request
                .headers
                .push_front(HeaderName::Route, hop.to_string());
        }
    }
}

/// The identities of the accounts that are registered, by address of record.
#[derive(Debug, Default)]
pub struct Identities(HashMap<Box<str>, Identity>);

impl Identities {
    /// The name of an address of record; `None`: it is none.
    pub fn key(address: &Uri) -> Option<Box<str>> {
        let sip = address.as_sip()?;
        let user = sip.user.as_deref()?;
        let host = sip.host.to_string().to_ascii_lowercase();
        Some(format!("{user}@{host}").into())
    }

    /// Notes the identity of an address of record; `None`: it is not registered any more.
    pub fn set(&mut self, key: Box<str>, identity: Option<Identity>) {
        match identity {
            Some(identity) => drop(self.0.insert(key, identity)),
            None => drop(self.0.remove(&key)),
        }
    }

    /// Fills in what answers challenges to a request from an account, unless whoever sends it names something
    /// else.
    pub fn lend(&self, from: &Uri, accounts: &mut Accounts) {
        if accounts.is_empty()
            && let Some(identity) = self.of(from)
        {
            *accounts = identity.accounts.clone();
        }
    }

    /// The identity of whom a request is from.
    pub fn of(&self, from: &Uri) -> Option<&Identity> {
        // Most servers have none.
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&Self::key(from)?)
    }
}
