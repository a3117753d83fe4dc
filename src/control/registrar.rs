//! The component `registrar_client`: registrations of ours at registrars.
//!
//! It reads the arguments into a [`Command`]; the task that owns the registrations carries it out.

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::session::components::{CallError, Calling, Component, Function, Kind, Parameter};
use crate::sip::auth::{Realm, Secret};
use crate::sip::registration::{Account, Domain, State, hop};

/// What the owner of the registrations is told to do.
#[derive(Debug)]
pub enum Command {
    /// Begin one.
    Create {
        /// What is registered.
        account: Box<Account>,
        /// The session or queue that is told of its events; may be empty.
        event_sink: String,
        /// Its handle, if it is to have this one.
        handle: Option<String>,
    },
    /// End one.
    Remove(String),
    /// Ask for the state of one.
    State(String),
    /// Ask for all of them.
    List,
}

/// What became of a [`Command`].
#[derive(Debug)]
pub enum Outcome {
    /// It worked.
    Done,
    /// The handle of a new registration.
    Handle(String),
    /// It did not work.
    Failed(&'static str),
    /// State and seconds left; `None` for an unknown handle.
    State(Option<(State, u64)>),
    /// All registrations.
    List(Vec<Entry>),
}

/// A registration as it is listed.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub handle: String,
    /// Who is told of its events.
    pub event_sink: String,
    /// What is registered.
    pub account: Account,
}

/// A command on its way, and where its outcome is awaited.
pub type Order = (Command, oneshot::Sender<Outcome>);

/// See the module's documentation.
#[derive(Debug)]
pub struct RegistrarComponent {
    orders: mpsc::Sender<Order>,
}

impl RegistrarComponent {
    /// A component whose commands go to `orders`.
    pub fn new(orders: mpsc::Sender<Order>) -> Self {
        Self { orders }
    }
}

impl Component for RegistrarComponent {
    fn functions(&self) -> &'static [Function] {
        FUNCTIONS
    }

    fn call(&self, function: &str, arguments: Vec<Value>) -> Calling {
        let command = command(function, &arguments);
        let orders = self.orders.clone();
        Box::pin(async move {
            let (answer, outcome) = oneshot::channel();
            let sent = orders.send((command?, answer)).await;
            sent.map_err(|_| CallError::Ending)?;
            let outcome = outcome.await.map_err(|_| CallError::Ending)?;
            match outcome {
                Outcome::Done => Ok(Value::Null),
                Outcome::Handle(handle) => Ok(handle.into()),
                Outcome::Failed(why) => Err(CallError::Refused { why }),
                Outcome::State(None) => Ok(json!([0])),
                Outcome::State(Some((state, left))) => Ok(json!([1, number(state), left])),
                Outcome::List(entries) => Ok(entries.iter().map(listed).collect()),
            }
        })
    }
}

/// States as scripts know them; `Failed` is ours.
fn number(state: State) -> u8 {
    match state {
        State::Pending => 0,
        State::Active => 1,
        State::Expired => 2,
        State::Failed => 3,
    }
}

fn listed(entry: &Entry) -> Value {
    let account = &entry.account;
    let text = |uri: Option<&_>| uri.map_or_else(String::new, ToString::to_string);
    json!({
        "handle": entry.handle,
        "domain": account.domain.to_string(),
        "user": account.user,
        "name": account.display_name.as_deref().unwrap_or_default(),
        "auth_user": account.auth_user,
        "proxy": text(account.proxies.first()),
        "event_sink": entry.event_sink,
        "contact": text(account.contact.as_ref()),
    })
}

fn command(function: &str, arguments: &[Value]) -> Result<Command, CallError> {
    let text = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or("");
    let some = |index| Some(text(index)).filter(|text| !text.is_empty());
    let owned = |index| some(index).map(str::to_owned);
    Ok(match function {
        "createRegistration" => Command::Create {
            account: Box::new(account(&text, &some)?),
            event_sink: text(5).to_owned(),
            handle: owned(8),
        },
        "removeRegistration" => Command::Remove(text(0).to_owned()),
        "getRegistrationState" => Command::State(text(0).to_owned()),
        _ => Command::List,
    })
}

fn account<'a>(
    text: &impl Fn(usize) -> &'a str,
    some: &impl Fn(usize) -> Option<&'a str>,
) -> Result<Account, CallError> {
    let refuse = |why| CallError::Refused { why };
    let domain = Domain::parse(text(0));
    let domain = domain.ok_or(refuse("the domain is no host name or address"))?;
    if !Account::is_user(text(1)) {
        return Err(refuse("the user cannot stand in a SIP URI"));
    }
    let uri = |index, why| match some(index) {
        Some(text) => hop(text).map(Some).ok_or(refuse(why)),
        None => Ok(None),
    };
    let proxy = uri(6, "the proxy is no SIP URI")?;
    let contact = uri(7, "the contact is no SIP URI")?;
    let mut account = Account::new(domain, text(1).to_owned(), Secret::new(text(4)));
    account.display_name = some(2).map(str::to_owned);
    if let Some(auth_user) = some(3) {
        account.auth_user = auth_user.to_owned();
    }
    account.proxies = proxy.into_iter().collect();
    account.contact = contact;
    match some(9) {
        None => {}
        Some("*") => account.realm = Realm::Any,
        Some(realm) => account.realm = Realm::Named(realm.to_owned()),
    }
    Ok(account)
}

const fn text(name: &'static str) -> Parameter {
    Parameter {
        name,
        kind: Kind::Text,
        optional: false,
    }
}

const fn optional(name: &'static str) -> Parameter {
    Parameter {
        optional: true,
        ..text(name)
    }
}

const FUNCTIONS: &[Function] = &[
    Function {
        name: "createRegistration",
        parameters: &[
            text("domain"),
            text("user"),
            text("display_name"),
            text("auth_user"),
            text("password"),
            text("event_sink"),
            optional("proxy"),
            optional("contact"),
            optional("handle"),
            optional("realm"),
        ],
        doc: "Registers an account and keeps it registered; gives its handle. The password answers the \
              domain, or the realm that is named; `*` is any.",
    },
    Function {
        name: "removeRegistration",
        parameters: &[text("handle")],
        doc: "Takes a registration back.",
    },
    Function {
        name: "getRegistrationState",
        parameters: &[text("handle")],
        doc: "Gives [1, state, seconds left] with state 0 pending, 1 active, 2 expired, 3 failed; [0] for \
              an unknown handle.",
    },
    Function {
        name: "listRegistrations",
        parameters: &[],
        doc: "Gives all registrations, without their passwords.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn create(arguments: &[&str]) -> Result<Account, String> {
        let arguments: Vec<Value> = arguments.iter().map(|text| json!(text)).collect();
        match command("createRegistration", &arguments) {
            Ok(Command::Create { account, .. }) => Ok(*account),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn an_account_is_read_from_its_arguments() {
        let account = create(&["sip.example:5070", "al%20ice", "", "", "pw", "sink"]).unwrap();
        assert_eq!(account.domain.to_string(), "sip.example:5070");
        assert_eq!(account.realm, Realm::Named("sip.example".to_owned()));
        assert_eq!(
            (&*account.auth_user, account.display_name),
            ("al%20ice", None)
        );
        let full = [
            "h", "u", "N", "au", "pw", "", "p;lr", "sip:c@h2", "handle", "*",
        ];
        let account = create(&full).unwrap();
        assert_eq!(account.proxies[0].to_string(), "sip:p;lr");
        assert_eq!((&*account.auth_user, account.realm), ("au", Realm::Any));
    }

    #[test]
    fn wrong_arguments_are_told_without_the_password() {
        for (arguments, why) in [
            (["a b", "u", "", "", "secret", "", "", ""], "domain"),
            (["u@h", "u", "", "", "secret", "", "", ""], "domain"),
            (["h", "u@x", "", "", "secret", "", "", ""], "user"),
            (["h", "", "", "", "secret", "", "", ""], "user"),
            (["h", "u", "", "", "secret", "", "a b", ""], "proxy"),
            (["h", "u", "", "", "secret", "", "", "<x>"], "contact"),
        ] {
            let told = create(&arguments).unwrap_err();
            assert!(told.contains(why) && !told.contains("secret"), "{told}");
        }
    }
}
