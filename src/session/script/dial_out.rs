//! `dlg.dialout`: a call as a set of variables with one prefix describes it.

use super::described::{Described, Missing};
use crate::dsm::{TooManyValues, Values};
use crate::session::dial_out::{DialOut, OwnParty};
use crate::session::event::{Params, SessionId};
use crate::session::header_lines::{self, BadLine, Line};
use crate::sip::dialog::replaces::REPLACES;
use crate::sip::message::header::Replaces;
use crate::sip::message::{HeaderName, NameAddr, Uri};

/// Why the variables describe no call.
#[derive(Debug, thiserror::Error)]
pub enum NotPlaced {
    /// One that is needed is not defined.
    #[error("{0} to place a call")]
    Missing(#[from] Missing),
    /// One holds no address.
    #[error("the variable ${name} gives no address: {text}")]
    Address {
        /// The variable.
        name: String,
        /// What it gives.
        text: String,
    },
    /// One names no dialog that is to be replaced.
    #[error("the variable ${name} names no dialog: {text}")]
    Replaces {
        /// The variable.
        name: String,
        /// What it gives.
        text: String,
    },
    /// Extra headers that are none.
    #[error(transparent)]
    Header(#[from] BadLine),
    /// The session has no room for the result.
    #[error(transparent)]
    TooManyValues(#[from] TooManyValues),
}

/// Reads the call that the variables `PREFIX_...` describe. `own` is the name that the last such call got;
/// it is no wish for the next one.
pub fn read(prefix: &str, own: Option<&str>, variables: &Values) -> Result<DialOut, NotPlaced> {
    let described = Described {
        prefix: format!("{prefix}_"),
        variables,
    };
    let user = described.need("caller")?;
    let callee = described.need("callee")?;
    let domain = described.need("domain")?;
    let application = described.need("app")?;
    let at_domain = |user: &str| match user {
        "" => format!("sip:{domain}"),
        user => format!("sip:{user}@{domain}"),
    };
    let (caller, callee) = (at_domain(user), at_domain(callee));
    let uri = described.text("r_uri").unwrap_or(&callee);
    let uri = Uri::parse(uri).map_err(|_| described.bad("r_uri", "domain", uri))?;
    let id = described.text("ltag").filter(|id| own != Some(id));
    let pairs = variables.members(&described.name("var"));
    Ok(DialOut {
        application: application.to_owned(),
        own: OwnParty {
            user: user.to_owned(),
            domain: domain.to_owned(),
            uri: described.text("from_uri").unwrap_or(&caller).to_owned(),
        },
        uri,
        from: described.party("from", &caller)?,
        to: described.party("to", &callee)?,
        id: id.map(|id| SessionId(id.into())),
        accounts: described.accounts(described.text("auth_user"), "auth_pwd", "auth_realm"),
        headers: described.headers()?,
        variables: pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<Params>(),
    })
}

impl Described<'_> {
    /// From or To, by default `uri`.
    fn party(&self, of: &str, uri: &str) -> Result<NameAddr, NotPlaced> {
        let party = match self.text(of) {
            Some(text) => NameAddr::parse(text).ok(),
            None => Uri::parse(uri).ok().map(NameAddr::new),
        };
        let text = self.text(of).unwrap_or(uri);
        let mut party = party.ok_or_else(|| self.bad(of, "domain", text))?;
        party.params.remove("tag");
        Ok(party)
    }

    /// Extra header lines, and those of a call that takes the place of another (RFC 3891 §6).
    fn headers(&self) -> Result<Vec<Line>, NotPlaced> {
        let mut headers = header_lines::parse(self.text("hdrs").unwrap_or_default())?;
        let Some(text) = self.text("replaces") else {
            return Ok(headers);
        };
        let replaces = Replaces::parse(text).map_err(|_| NotPlaced::Replaces {
            name: self.name("replaces"),
            text: text.to_owned(),
        })?;
        headers.push((HeaderName::Replaces, replaces.to_string()));
        headers.push((HeaderName::Require, REPLACES.to_owned()));
        Ok(headers)
    }

    /// The variable `of` gives no address, or if it is not there, `or`.
    fn bad(&self, of: &str, or: &str, text: &str) -> NotPlaced {
        let of = if self.text(of).is_some() { of } else { or };
        NotPlaced::Address {
            name: self.name(of),
            text: text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Values {
        let values = Values::new()
            .with("a_caller", "hotline")
            .with("a_callee", "bob");
        values
            .with("a_domain", "example.com:5070")
            .with("a_app", "agent")
    }

    #[test]
    fn what_is_left_out_comes_from_caller_callee_and_domain() {
        let call = read("a", None, &plain()).unwrap();
        assert_eq!(call.uri.to_string(), "sip:bob@example.com:5070");
        assert_eq!(call.from.to_string(), "<sip:hotline@example.com:5070>");
        assert_eq!(call.to.to_string(), "<sip:bob@example.com:5070>");
        assert_eq!(call.own.uri, "sip:hotline@example.com:5070");
        assert_eq!((call.id, call.headers.len()), (None, 0));
        let nobody = plain().with("a_caller", "").with("a_callee", "");
        let call = read("a", None, &nobody).unwrap();
        assert_eq!(call.from.to_string(), "<sip:example.com:5070>");
    }

    #[test]
    fn what_is_given_is_used() {
        let values = plain()
            .with("a_r_uri", "sip:192.0.2.1")
            .with("a_from", "\"Ho, line\" <sip:h@example.org>;tag=x")
            .with("a_from_uri", "sip:inner")
            .with("a_to", "sip:b@example.org")
            .with("a_ltag", "mine")
            .with("a_hdrs", "X-A: 1\\r\\nX-B: 2")
            .with("a_var.x", "1")
            .with("a_var.s.m[0]", "2");
        let call = read("a", None, &values).unwrap();
        assert_eq!(call.uri.to_string(), "sip:192.0.2.1");
        assert_eq!(call.from.to_string(), "\"Ho, line\" <sip:h@example.org>");
        assert_eq!(call.own.uri, "sip:inner");
        assert_eq!(call.to.to_string(), "<sip:b@example.org>");
        assert_eq!(call.id, Some(SessionId("mine".into())));
        assert_eq!(call.headers.len(), 2);
        let variables: Vec<_> = call.variables.into_iter().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(variables, [pair("s.m[0]", "2"), pair("x", "1")]);
        assert_eq!(read("a", Some("mine"), &values).unwrap().id, None);
    }

    #[test]
    fn rfc3891_6_a_call_says_which_one_it_replaces() {
        let values = plain().with("a_replaces", "c@d;to-tag=1;from-tag=2");
        let lines = read("a", None, &values).unwrap().headers;
        let lines: Vec<_> = lines.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        assert_eq!(
            lines,
            ["Replaces: c@d;to-tag=1;from-tag=2", "Require: replaces"]
        );
        let nobody = plain().with("a_replaces", "");
        assert!(read("a", None, &nobody).unwrap().headers.is_empty());
    }

    #[test]
    fn the_first_missing_one_is_named() {
        for missing in ["caller", "callee", "domain", "app"] {
            let mut values = plain();
            values.remove(&format!("a_{missing}"));
            let error = read("a", None, &values).unwrap_err().to_string();
            assert!(error.contains(&format!("$a_{missing} ")), "{error}");
        }
    }

    #[test]
    fn what_is_no_address_is_named() {
        for (name, text, said) in [
            ("a_domain", "ex ample", "$a_domain"),
            ("a_r_uri", "bob", "$a_r_uri"),
            ("a_to", "<sip:", "$a_to"),
            ("a_caller", "x> <y", "$a_domain"),
            ("a_replaces", "c;to-tag=1", "$a_replaces"),
        ] {
            let error = read("a", None, &plain().with(name, text)).unwrap_err();
            assert!(error.to_string().contains(said), "{name}: {error}");
        }
    }
}
