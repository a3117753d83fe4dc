//! Variables with one prefix that describe something: a call, a subscription, a message.

use crate::dsm::Values;
use crate::sip::auth::{Account, Accounts, Realm, Secret};

/// A variable that is needed is not defined.
#[derive(Debug, thiserror::Error)]
#[error("the variable ${0} is needed")]
pub struct Missing(String);

/// Variables with one prefix.
pub struct Described<'a> {
    /// With what joins it to a name.
    pub prefix: String,
    /// Those of the session.
    pub variables: &'a Values,
}

impl<'a> Described<'a> {
    /// What the variable is called.
    pub fn name(&self, of: &str) -> String {
        format!("{}{of}", self.prefix)
    }

    /// Has to be defined, but may be empty.
    pub fn need(&self, of: &str) -> Result<&'a str, Missing> {
        let value = self.variables.get(&self.name(of));
        value.ok_or_else(|| self.missing(of))
    }

    /// The variable is needed.
    pub fn missing(&self, of: &str) -> Missing {
        Missing(self.name(of))
    }

    /// What may be left out, or empty.
    pub fn text(&self, of: &str) -> Option<&'a str> {
        let value = self.variables.get(&self.name(of));
        value.filter(|value| !value.is_empty())
    }

    /// Name and password for whoever asks, or for the realm that is named. None if one of the two is missing.
    pub fn accounts(&self, user: Option<&str>, password: &str, realm: &str) -> Accounts {
        let (Some(user), Some(password)) = (user, self.text(password)) else {
            return Accounts::default();
        };
        let realm = self.text(realm);
        let realm = realm.map(|realm| Realm::Named(realm.to_owned()));
        Accounts::new(vec![Account {
            realm: realm.unwrap_or(Realm::Any),
            user: user.to_owned(),
            password: Secret::new(password),
        }])
    }
}
