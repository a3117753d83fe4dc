//! Subscriptions: one usage of a dialog, in either role (RFC 6665).
//!
//! [`Subscriber`] and [`Notifier`] are one subscription each. They write the headers of the SUBSCRIBEs and
//! NOTIFYs of their side, judge those of the other, and say when a refresh is due and when the subscription
//! is over. Driven by whoever owns the dialog, which makes and sends the requests and knows what a body
//! means; several usages may share one dialog, told apart by [`Event::matches`].
//!
//! A NOTIFY that no [`Subscriber`] of its dialog [takes](Subscriber::is_for) is answered with 481, a
//! SUBSCRIBE as [`judge`] says.

mod notifier;
mod subscriber;

pub use notifier::Notifier;
pub use subscriber::{Due, End, Notified, Subscriber};

use super::{Dialog, DialogError, DialogId, DialogState, record_route, single_contact, tag_of};
use crate::sip::message::header::Event;
use crate::sip::message::{HeaderName, NameAddr, ParseError, Request, Response, StatusCode};

/// How long a subscription may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// Seconds that are granted to a SUBSCRIBE that does not say.
    pub default_s: u32,
    /// Shorter ones are refused with 423, unless they are 0. At most an hour (RFC 6665 §4.2.1.1).
    pub minimum_s: u32,
    /// Longer ones are shortened.
    pub maximum_s: u32,
}

/// Why a SUBSCRIBE is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Expires cannot be read.
    #[error(transparent)]
    Malformed(ParseError),
    /// It names no event, or one that nobody here notifies of.
    #[error("unknown event package")]
    BadEvent {
        /// What there is, as Allow-Events has it.
        allow_events: String,
    },
    /// It wants a subscription that is too short.
    #[error("subscription below {minimum_s} s")]
    TooBrief {
        /// The shortest that is granted.
        minimum_s: u32,
    },
    /// The SUBSCRIBE before it has no answer yet.
    #[error("another SUBSCRIBE is being processed")]
    Overlapping,
}

/// Seconds after which a SUBSCRIBE that came too early may come again; RFC 3261 §14.2 asks for a random
/// value of 0 to 10, and the middle serves.
const RETRY_AFTER_S: &str = "5";

impl Refusal {
    /// The status code of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::BadEvent { .. } => StatusCode::BAD_EVENT,
            Self::TooBrief { .. } => StatusCode::INTERVAL_TOO_BRIEF,
            Self::Overlapping => StatusCode::SERVER_INTERNAL_ERROR,
        }
    }

    /// Adds what the answer has beside its status: Allow-Events, Min-Expires or Retry-After.
    pub fn write(&self, response: &mut Response) {
        let headers = &mut response.headers;
        match self {
            Self::Malformed(_) => {}
            Self::BadEvent { allow_events } => {
                headers.set(HeaderName::AllowEvents, allow_events.clone());
            }
            Self::TooBrief { minimum_s } => {
                headers.set(HeaderName::MinExpires, minimum_s.to_string());
            }
            Self::Overlapping => headers.set(HeaderName::RetryAfter, RETRY_AFTER_S),
        }
    }
}

/// Judges a SUBSCRIBE against the event `packages` that are notified of here, and gives what it is about
/// and the seconds it is granted; 0 asks for a single NOTIFY.
///
/// # Errors
/// [`Refusal`] names the answer.
pub fn judge(
    packages: &[&str],
    durations: &Durations,
    request: &Request,
) -> Result<(Event, u32), Refusal> {
    let event = request.headers.event().ok();
    let event = event.filter(|event| packages.contains(&event.package.as_str()));
    let event = event.ok_or_else(|| Refusal::BadEvent {
        allow_events: packages.join(", "),
    })?;
    let granted = durations.grant(request.headers.expires().map_err(Refusal::Malformed)?)?;
    Ok((event, granted))
}

impl Durations {
    /// What is granted to who asked for so many seconds.
    fn grant(&self, asked: Option<u32>) -> Result<u32, Refusal> {
        let asked = asked.unwrap_or(self.default_s);
        if asked != 0 && asked < self.minimum_s {
            let minimum_s = self.minimum_s;
            return Err(Refusal::TooBrief { minimum_s });
        }
        Ok(asked.min(self.maximum_s))
    }
}

impl Dialog {
    /// The dialog of a subscriber whose `subscribe`, sent outside dialogs, is answered by `notify`, §4.4.1 of
    /// RFC 6665: a fork may notify that no response tells of, and the NOTIFY may be faster than the response.
    ///
    /// # Errors
    /// The NOTIFY has no usable Contact or Record-Route, or the SUBSCRIBE no Contact.
    pub fn subscriber(subscribe: &Request, notify: &Request) -> Result<Self, DialogError> {
        let (sent, received) = (&subscribe.headers, &notify.headers);
        let (local, remote) = (sent.from()?, received.from()?);
        Ok(Self {
            id: DialogId {
                call_id: sent.call_id()?.to_owned(),
                local_tag: tag_of(&local),
                remote_tag: tag_of(&remote),
            },
            state: DialogState::Confirmed,
            local,
            remote,
            contact: NameAddr::new(single_contact(sent.contacts()?)?),
            local_cseq: Some(sent.cseq()?.number),
            local_invite_cseq: None,
            // The NOTIFY itself is still to be checked.
            remote_cseq: None,
            route_set: record_route(received)?,
            remote_target: single_contact(received.contacts()?)?,
            secure: subscribe.uri.is_sips(),
        })
    }
}

/// Whether such a final response to a request of a subscription ends it (RFC 6665 §4.1.2.2, §4.2.2;
/// RFC 5057). Others fail the request only.
fn ends_usage(status: StatusCode) -> bool {
    matches!(
        status.code(),
        404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604
    )
}

#[cfg(test)]
mod tests;
