//! The component `di_dial`: calls that the server starts.
//!
//! It reads the arguments into a [`DialOut`] and hands it to the signalling task. What cannot be placed
//! gives `<failed>`, as callers of these functions expect, and a line in the log that says why.

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::config::DialPin;
use crate::session::components::{CallError, Calling, Component, Function, Kind, Parameter};
use crate::session::dial_out::flatten;
use crate::session::dial_out::{DialOrder, DialOut, OwnParty};
use crate::session::event::Params;
use crate::session::pool::SipCommand;
use crate::sip::auth::{Account, Accounts, Realm, Secret};
use crate::sip::message::NameAddr;

/// What a caller gets instead of a name when nothing is placed.
const FAILED: &str = "<failed>";

/// See the module's documentation.
#[derive(Debug)]
pub struct DialComponent {
    sip: mpsc::Sender<SipCommand>,
    pins: Vec<DialPin>,
}

impl DialComponent {
    /// A component whose calls go to the signalling task by `sip`; `pins` are those of `dial_pin`.
    pub fn new(sip: mpsc::Sender<SipCommand>, pins: Vec<DialPin>) -> Self {
        Self { sip, pins }
    }

    /// The call that a function asks for.
    fn wanted(&self, function: &str, arguments: &[Value]) -> Result<DialOut, String> {
        let text = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or("");
        match function {
            "dial_pin" => self.by_pin(text(0), text(1), text(2), text(3)),
            _ => {
                let mut wanted = wanted(text(0), text(1), text(2), text(3))?;
                let mut extra = arguments.get(4);
                if function == "dial_auth" {
                    wanted.accounts = account(text(4), text(5), text(6));
                    extra = arguments.get(7);
                }
                if let Some(extra) = extra {
                    flatten("", extra, &mut wanted.variables);
                }
                Ok(wanted)
            }
        }
    }

    fn by_pin(
        &self,
        application: &str,
        pin: &str,
        user: &str,
        to: &str,
    ) -> Result<DialOut, String> {
        let known = self.pins.iter().find(|known| known.pin == pin);
        let known = known.ok_or("there is no such pin in [dial_out] pins")?;
        let at_domain = |user: &str| format!("sip:{user}@{}", known.domain);
        let from = at_domain(&known.auth_user);
        let mut wanted = wanted(application, user, &from, &at_domain(to))?;
        wanted.accounts = account("", &known.auth_user, &known.password);
        Ok(wanted)
    }
}

impl Component for DialComponent {
    fn functions(&self) -> &'static [Function] {
        FUNCTIONS
    }

    fn call(&self, function: &str, arguments: Vec<Value>) -> Calling {
        let at_once = match function {
            "_list" => Some(Ok(FUNCTIONS.iter().map(|one| json!(one.name)).collect())),
            "help" => {
                let line = |one: &Function| format!("{}: {}", one.usage(), one.doc);
                let lines: Vec<String> = FUNCTIONS.iter().map(line).collect();
                Some(Ok(json!(lines.join("\n"))))
            }
            "dial_auth_b2b" => Some(Err(CallError::NotAvailable)),
            _ => None,
        };
        if let Some(result) = at_once {
            return Box::pin(std::future::ready(result));
        }
        let wanted = self.wanted(function, &arguments);
        let sip = self.sip.clone();
        Box::pin(async move {
            let placed = match wanted {
                Ok(wanted) => {
                    let (order, placed) = DialOrder::new(wanted);
                    let sent = sip.send(SipCommand::DialOut(order)).await;
                    sent.map_err(|_| CallError::Ending)?;
                    let placed = placed.await.map_err(|_| CallError::Ending)?;
                    placed.map_err(|error| error.to_string())
                }
                Err(why) => Err(why),
            };
            Ok(match placed {
                Ok(id) => json!(id.to_string()),
                Err(why) => {
                    tracing::warn!("a call is not placed: {why}");
                    json!(FAILED)
                }
            })
        })
    }
}

/// A call of `user`, who is seen as `from`, to `to`.
fn wanted(application: &str, user: &str, from: &str, to: &str) -> Result<DialOut, String> {
    let party = |text: &str| {
        let mut party = NameAddr::parse(text).map_err(|error| format!("'{text}': {error}"))?;
        party.params.remove("tag");
        Ok::<_, String>(party)
    };
    let (from, to) = (party(from)?, party(to)?);
    let domain = from.uri.as_sip().map(|uri| uri.host.to_string());
    Ok(DialOut {
        application: application.to_owned(),
        own: OwnParty {
            user: user.to_owned(),
            domain: domain.unwrap_or_default(),
            uri: from.uri.to_string(),
        },
        uri: to.uri.clone(),
        from,
        to,
        id: None,
        accounts: Accounts::default(),
        headers: Vec::new(),
        variables: Params::new(),
    })
}

/// Name and password for a realm; without one, for whoever is called.
fn account(realm: &str, user: &str, password: &str) -> Accounts {
    let realm = match realm {
        "" => Realm::Any,
        realm => Realm::Named(realm.to_owned()),
    };
    Accounts::new(vec![Account {
        realm,
        user: user.to_owned(),
        password: Secret::new(password),
    }])
}

const fn text(name: &'static str) -> Parameter {
    Parameter {
        name,
        kind: Kind::Text,
        optional: false,
    }
}

const EXTRA: Parameter = Parameter {
    name: "extra",
    kind: Kind::Any,
    optional: true,
};

const FUNCTIONS: &[Function] = &[
    Function {
        name: "dial",
        parameters: &[
            text("application"),
            text("user"),
            text("from"),
            text("to"),
            EXTRA,
        ],
        doc: "Places a call and gives the id of its session, or <failed>. Members of extra become \
              variables of the application.",
    },
    Function {
        name: "dial_auth",
        parameters: &[
            text("application"),
            text("user"),
            text("from"),
            text("to"),
            text("realm"),
            text("auth_user"),
            text("auth_pwd"),
            EXTRA,
        ],
        doc: "The same with name and password for a realm.",
    },
    Function {
        name: "dial_auth_b2b",
        parameters: &[
            text("application"),
            text("announcement"),
            text("from"),
            text("to"),
            text("caller_ruri"),
            text("callee_ruri"),
            text("realm"),
            text("auth_user"),
            text("auth_pwd"),
        ],
        doc: "Connects two parties. Not available yet.",
    },
    Function {
        name: "dial_pin",
        parameters: &[
            text("application"),
            text("pin"),
            text("local_user"),
            text("to_user"),
        ],
        doc: "Places a call with the identity that [dial_out] pins gives this pin.",
    },
    Function {
        name: "help",
        parameters: &[],
        doc: "Says how the functions are called.",
    },
    Function {
        name: "_list",
        parameters: &[],
        doc: "Names of the functions.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::DI_DIAL;
    use crate::session::components::Components;
    use crate::session::{DialError, SessionId};

    /// What a call gives, and what was wanted, which is answered so.
    fn call(
        function: &str,
        arguments: Value,
        answer: Result<&str, DialError>,
    ) -> (Result<Value, CallError>, Option<DialOut>) {
        let (sip, mut commands) = mpsc::channel(1);
        let pin = DialPin {
            pin: "4711".to_owned(),
            user: "desk".to_owned(),
            domain: "example.com".to_owned(),
            auth_user: "trunk".to_owned(),
            password: "secret".to_owned(),
        };
        let component = std::sync::Arc::new(DialComponent::new(sip, vec![pin]));
        let components = Components::default().with(DI_DIAL, component);
        let arguments = arguments.as_array().cloned().unwrap_or_default();
        let calling = components.call(DI_DIAL, function, arguments);
        drop(components);
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        runtime.block_on(async {
            let serve = async {
                let Some(SipCommand::DialOut(order)) = commands.recv().await else {
                    return None;
                };
                let answer = answer.map(|id| SessionId(id.into()));
                order.answer.send(answer).unwrap();
                Some(*order.call)
            };
            tokio::join!(calling, serve)
        })
    }

    #[test]
    fn a_call_is_placed_and_its_name_comes_back() {
        let extra = json!({"a": "1", "s": {"m": 2}, "l": ["x", true]});
        let arguments = json!([
            "agent",
            "hotline",
            "sip:h@example.org",
            "<sip:bob@192.0.2.9>",
            extra
        ]);
        let (value, wanted) = call("dial", arguments, Ok("tag1"));
        assert_eq!(value, Ok(json!("tag1")));
        let wanted = wanted.unwrap();
        assert_eq!(wanted.application, "agent");
        assert_eq!(wanted.uri.to_string(), "sip:bob@192.0.2.9");
        assert_eq!(wanted.to.to_string(), "<sip:bob@192.0.2.9>");
        assert_eq!(wanted.from.to_string(), "<sip:h@example.org>");
        assert_eq!(
            (&*wanted.own.user, &*wanted.own.domain),
            ("hotline", "example.org")
        );
        let variables: Vec<_> = wanted
            .variables
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        assert_eq!(variables, ["a=1", "l_0=x", "l_1=true", "l_size=2", "s.m=2"]);
    }

    #[test]
    fn a_pin_gives_the_identity() {
        let (value, wanted) = call(
            "dial_pin",
            json!(["agent", "4711", "desk", "bob"]),
            Ok("tag2"),
        );
        assert_eq!(value, Ok(json!("tag2")));
        let wanted = wanted.unwrap();
        assert_eq!(wanted.from.to_string(), "<sip:trunk@example.com>");
        assert_eq!(wanted.uri.to_string(), "sip:bob@example.com");
        assert_eq!(wanted.own.user, "desk");
    }

    #[test]
    fn what_cannot_be_placed_is_failed() {
        let good = || json!(["agent", "u", "sip:a@b", "sip:c@d"]);
        for refused in [DialError::ShuttingDown, DialError::TooManySessions] {
            assert_eq!(call("dial", good(), Err(refused)).0, Ok(json!("<failed>")));
        }
        for (function, arguments) in [
            ("dial", json!(["agent", "u", "sip:a@b", "bob"])),
            ("dial", json!(["agent", "u", "", "sip:c@d"])),
            ("dial_pin", json!(["agent", "0000", "u", "bob"])),
        ] {
            let (value, wanted) = call(function, arguments, Ok("tag"));
            assert_eq!((value, wanted), (Ok(json!("<failed>")), None));
        }
    }

    #[test]
    fn functions_tell_of_themselves() {
        let names = [
            "dial",
            "dial_auth",
            "dial_auth_b2b",
            "dial_pin",
            "help",
            "_list",
        ];
        assert_eq!(call("_list", json!([]), Ok("")).0, Ok(json!(names)));
        let help = call("help", json!([]), Ok("")).0.unwrap();
        assert!(
            help.as_str()
                .unwrap()
                .contains("dial(application, user, from, to[, extra])")
        );
        let nine = json!(["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
        assert_eq!(
            call("dial_auth_b2b", nine, Ok("")).0,
            Err(CallError::NotAvailable)
        );
        let (value, _) = call("dial", json!(["a", "b", "c"]), Ok(""));
        assert!(matches!(value, Err(CallError::Arguments { .. })));
    }
}
