//! The side that asks.

use std::time::{Duration, Instant};

use super::super::subscription::{Due, End, Notified, Subscriber};
use super::{REFER, is_without_subscription};
use crate::sip::message::header::Event;
use crate::sip::message::sipfrag::{self, NoStatus};
use crate::sip::message::{Request, Response, StatusCode};

/// What became known of one of our REFERs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The CSeq number of the REFER.
    pub id: u32,
    /// How the request stands that we asked for: its last response. `None` if nobody said.
    pub status: Option<(StatusCode, String)>,
    /// Nothing follows. With a provisional status, or none, its end stays unknown.
    pub is_last: bool,
}

/// Why a NOTIFY is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It belongs to no REFER of ours: 481.
    #[error("no such subscription")]
    NoSubscription,
    /// Its body is of another type than `message/sipfrag`: 415, with an Accept.
    #[error("unsupported body")]
    Body,
    /// Its Subscription-State or body cannot be read: 400.
    #[error("malformed NOTIFY")]
    Malformed,
}

impl Refused {
    /// The status code of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NoSubscription => StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
            Self::Body => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed => StatusCode::BAD_REQUEST,
        }
    }
}

/// The REFERs that we sent in one dialog and whose end is not known.
#[derive(Debug, Clone)]
pub struct Referrals {
    timer_n: Duration,
    /// The CSeq number of the first REFER of the dialog, whose NOTIFYs may do without an `id`.
    first: Option<u32>,
    open: Vec<Referral>,
}

#[derive(Debug, Clone)]
struct Referral {
    id: u32,
    subscription: Subscriber,
    /// What the last NOTIFY said.
    status: Option<(StatusCode, String)>,
}

impl Referrals {
    /// None yet. `timer_n` is how long a NOTIFY may take: 64*T1 (RFC 6665 §4.1.2.4).
    pub fn new(timer_n: Duration) -> Self {
        Self {
            timer_n,
            first: None,
            open: Vec::new(),
        }
    }

    /// Notes a REFER that is sent now with this CSeq number. It makes a subscription unless the 2xx says
    /// otherwise, even if none was wanted (RFC 4488 §4).
    pub fn sent(&mut self, now: Instant, cseq: u32) {
        self.first.get_or_insert(cseq);
        let event = Event::new(REFER).with_id(&cseq.to_string());
        self.open.push(Referral {
            id: cseq,
            subscription: Subscriber::implied(now, event, self.timer_n),
            status: None,
        });
    }

    /// Takes a final response to the REFER with this CSeq number, or what stands for one. Gives the end if
    /// that is one: a refusal, with its status, or an acceptance that nothing more will be told of.
    pub fn handle_response(&mut self, cseq: u32, response: &Response) -> Option<Progress> {
        let is_refused = !response.status.is_success();
        let at = self.open.iter().position(|open| open.id == cseq)?;
        if !is_refused && !is_without_subscription(response) {
            return None;
        }
        let status = is_refused.then(|| (response.status, response.reason.clone()));
        self.open.remove(at);
        Some(Progress {
            id: cseq,
            status,
            is_last: true,
        })
    }

    /// The REFER with this CSeq number got no final response; `status` stands for one.
    pub fn handle_no_response(&mut self, cseq: u32, status: StatusCode) -> Option<Progress> {
        let at = self.open.iter().position(|open| open.id == cseq)?;
        self.open.remove(at);
        Some(Progress {
            id: cseq,
            status: Some((status, status.reason())),
            is_last: true,
        })
    }

    /// Takes a NOTIFY of the dialog whose event is [`REFER`], which may come before the response to the
    /// REFER.
    ///
    /// # Errors
    /// [`Refused`] names the answer.
    pub fn handle_notify(&mut self, now: Instant, notify: &Request) -> Result<Progress, Refused> {
        let event = notify.headers.event().ok();
        let at = event.and_then(|event| self.find(&event));
        let at = at.ok_or(Refused::NoSubscription)?;
        let told = sipfrag::read(&notify.headers, &notify.body).map_err(|error| match error {
            NoStatus::Type(_) => Refused::Body,
            NoStatus::Malformed => Refused::Malformed,
        })?;
        let referral = &mut self.open[at];
        let notified = referral.subscription.handle_notify(now, notify);
        let notified = notified.map_err(|_| Refused::Malformed)?;
        if let Some(told) = told {
            referral.status = Some(told);
        }
        let progress = Progress {
            id: referral.id,
            status: referral.status.clone(),
            is_last: matches!(notified, Notified::Ended(_)),
        };
        if progress.is_last {
            self.open.remove(at);
        }
        Ok(progress)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timeouts = self.open.iter();
        timeouts
            .filter_map(|open| open.subscription.poll_timeout())
            .min()
    }

    /// Gives one REFER that nothing more is told of for want of NOTIFYs; call it until there is none.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<(Progress, End)> {
        let (at, end) = self.open.iter_mut().enumerate().find_map(|(at, open)| {
            match open.subscription.handle_timeout(now)? {
                Due::Ended(end) => Some((at, end)),
                // An implied subscription is not refreshed.
                Due::Refresh => None,
            }
        })?;
        let Referral { id, status, .. } = self.open.remove(at);
        let progress = Progress {
            id,
            status,
            is_last: true,
        };
        Some((progress, end))
    }

    /// The dialog ends: gives one REFER that nothing more is told of; call it until there is none.
    pub fn give_up(&mut self) -> Option<Progress> {
        let Referral { id, status, .. } = self.open.pop()?;
        Some(Progress {
            id,
            status,
            is_last: true,
        })
    }

    /// Whether no REFER is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The subscription that a NOTIFY is for: by `id`, or without one the dialog's first (RFC 3515 §2.4.6).
    fn find(&self, event: &Event) -> Option<usize> {
        if event.package != REFER {
            return None;
        }
        let is_meant = |open: &Referral| match event.id() {
            Some(_) => open.subscription.is_for(event),
            None => self.first == Some(open.id),
        };
        self.open.iter().position(is_meant)
    }
}
