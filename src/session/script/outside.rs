//! What scripts do outside calls: the subscriptions of `mod_subscription`, and `dlg.message`.

use super::described::{Described, Missing};
use crate::dsm::{ModuleCall, SubscriptionAction, Values};
use crate::session::header_lines::{self, BadLine};
use crate::session::outside::{MessageOrder, OutsideWork, Parties, SubscribeOrder};
use crate::sip::message::header::Event;
use crate::sip::message::{NameAddr, Uri};
use crate::sip::registration::hop;

/// Why arguments and variables describe nothing that can be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadOrder {
    /// A variable that is needed is not defined.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// It holds something else.
    #[error("${name} is no {expected}: {text}")]
    Not {
        name: String,
        expected: &'static str,
        text: String,
    },
    /// An argument is something else.
    #[error("{action}: this is no {expected}: {text}")]
    Argument {
        action: &'static str,
        expected: &'static str,
        text: String,
    },
    /// Extra headers that are none.
    #[error(transparent)]
    Header(#[from] BadLine),
}

const MESSAGE: &str = "dlg.message";
/// The type of a message that does not say it.
const PLAIN: &str = "text/plain";

/// What an action of `mod_subscription` asks for.
pub(super) fn subscription(
    action: SubscriptionAction,
    call: &ModuleCall,
    variables: &Values,
) -> Result<OutsideWork, BadOrder> {
    match action {
        SubscriptionAction::Create => subscribe(&Described {
            prefix: format!("{}.", call.argument(0)),
            variables,
        })
        .map(|order| OutsideWork::Subscribe(Box::new(order))),
        SubscriptionAction::Refresh => {
            seconds(call.argument(1)).map(|seconds| OutsideWork::Renew {
                handle: call.argument(0).into(),
                seconds,
            })
        }
        SubscriptionAction::Remove => Ok(OutsideWork::Unsubscribe {
            handle: call.argument(0).into(),
        }),
    }
}

fn seconds(text: &str) -> Result<Option<u32>, BadOrder> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| BadOrder::Argument {
            action: "subscription.refresh",
            expected: "number of seconds",
            text: text.to_owned(),
        }),
    }
}

fn subscribe(s: &Described<'_>) -> Result<SubscribeOrder, BadOrder> {
    let domain = s.need("domain")?;
    let (user, from_user) = (s.need("user")?, s.need("from_user")?);
    let address = |name: &str, user: &str| {
        let uri = Uri::parse(&format!("sip:{user}@{domain}"));
        // Nothing but a user and a host, whatever stands in the variables.
        let uri = uri.ok().filter(|uri| {
            let sip = uri.as_sip();
            sip.is_some_and(|sip| {
                sip.params.is_empty() && sip.headers.is_none() && sip.user.as_deref() == Some(user)
            })
        });
        uri.ok_or_else(|| s.not(name, "user of a SIP address at $domain", user))
    };
    let (to, from) = (address("user", user)?, address("from_user", from_user)?);
    let event = match s.need("event")? {
        // Found where nothing is named.
        "" => Event::new(""),
        text => {
            let event = Event::parse(text).ok();
            event.ok_or_else(|| s.not("event", "event package", text))?
        }
    };
    let event = match s.text("id") {
        Some(id) if Event::parse(&format!("x;id={id}")).is_ok_and(|e| e.id() == Some(id)) => {
            event.with_id(id)
        }
        Some(id) => return Err(s.not("id", "token", id)),
        None => event,
    };
    let expires = s.text("expires").map(|text| {
        let seconds = text.trim().parse();
        seconds.map_err(|_| s.not("expires", "number of seconds", text))
    });
    let accept = s.text("accept").map(|text| s.line("accept", text));
    Ok(SubscribeOrder {
        parties: Parties {
            uri: to.clone(),
            from: NameAddr::new(from),
            to: NameAddr::new(to),
            proxy: s.proxy()?,
        },
        event,
        accept: accept.transpose()?,
        expires: expires.transpose()?,
        is_lasting: s.text("refresh") != Some("false"),
        may_fork: s.text("forks") != Some("false"),
        accounts: s.accounts(s.text("auth_user").or(Some(user)), "pwd", "auth_realm"),
    })
}

/// What `dlg.message` asks for. `own_party` is who we are in the call, if there is one.
pub(super) fn message(
    call: &ModuleCall,
    variables: &Values,
    own_party: impl FnOnce() -> Option<String>,
) -> Result<OutsideWork, BadOrder> {
    let (to, text) = (call.argument(0), call.argument(1));
    let described = Described {
        prefix: format!("{MESSAGE}."),
        variables,
    };
    let wrong = |expected, text: &str| BadOrder::Argument {
        action: MESSAGE,
        expected,
        text: text.to_owned(),
    };
    let mut to_party = NameAddr::parse(to).map_err(|_| wrong("address", to))?;
    to_party.params.remove("tag");
    let mut uri = to_party.uri.clone();
    if let Uri::Sip(sip) = &mut uri {
        sip.headers = None;
        sip.params.remove("method");
    }
    if let Uri::Other { .. } = uri {
        return Err(wrong("SIP address", to));
    }
    let from = match described.text("from") {
        Some(text) => text.to_owned(),
        None => own_party().ok_or_else(|| described.missing("from"))?,
    };
    let party = NameAddr::parse(&from);
    let mut from = party.map_err(|_| described.not("from", "address", &from))?;
    from.params.remove("tag");
    let content_type = match call.argument(2).trim() {
        "" => PLAIN,
        text => text,
    };
    let is_type = content_type.split_once('/').is_some_and(|(kind, subtype)| {
        let has_room = kind.is_empty() || subtype.trim().is_empty();
        !has_room && !content_type.contains(char::is_control)
    });
    if !is_type {
        return Err(wrong("TYPE/SUBTYPE", content_type));
    }
    Ok(OutsideWork::Send(Box::new(MessageOrder {
        parties: Parties {
            uri,
            from,
            to: to_party,
            proxy: described.proxy()?,
        },
        headers: header_lines::parse(described.text("hdrs").unwrap_or_default())?,
        content_type: content_type.to_owned(),
        body: header_lines::unescape(text).into(),
        accounts: described.accounts(described.text("auth_user"), "auth_pwd", "auth_realm"),
    })))
}

impl Described<'_> {
    fn line(&self, of: &str, text: &str) -> Result<String, BadOrder> {
        match text.contains(char::is_control) {
            true => Err(self.not(of, "single line", text)),
            false => Ok(text.to_owned()),
        }
    }

    fn proxy(&self) -> Result<Option<Uri>, BadOrder> {
        let proxy = self.text("proxy").map(|text| {
            let uri = hop(text);
            uri.ok_or_else(|| self.not("proxy", "SIP address", text))
        });
        proxy.transpose()
    }

    fn not(&self, of: &str, expected: &'static str, text: &str) -> BadOrder {
        BadOrder::Not {
            name: self.name(of),
            expected,
            text: text.to_owned(),
        }
    }
}
