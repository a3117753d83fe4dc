//! What sessions have under way outside calls: subscriptions, messages.

use std::time::{Duration, Instant};

use super::rate::Rate;
use super::{Mailbox, Routed, Router, Undelivered};
use crate::dsm::{ActionError, Answer, Errno};
use crate::session::event::{ActionToken, SessionEvent, SessionId};
use crate::session::outside::{
    Messages, News, Order, OutsideError, OutsideWork, Subscriptions, Ticket,
};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{HeaderName, NameAddr, Request, Response, StatusCode};

/// See the module's documentation.
pub(super) struct Outside {
    subscriptions: Subscriptions,
    messages: Messages,
    /// Of both, what was begun lately.
    begun: Rate,
}

impl Outside {
    pub(super) fn new(give_up: Duration) -> Self {
        Self {
            subscriptions: Subscriptions::new(give_up),
            messages: Messages::default(),
            begun: Rate::default(),
        }
    }
}

impl<M: Mailbox> Router<M> {
    /// Does what `session` asks for and tells it how that went.
    pub fn handle_outside(
        &mut self,
        now: Instant,
        session: &SessionId,
        token: ActionToken,
        work: OutsideWork,
    ) {
        let result = self.do_outside(now, session, work);
        let result = result.map_err(|error| ActionError::errno(Errno::GENERAL, error.to_string()));
        self.deliver(session, SessionEvent::Performed(token, result));
    }

    fn do_outside(
        &mut self,
        now: Instant,
        session: &SessionId,
        work: OutsideWork,
    ) -> Result<Answer, OutsideError> {
        let owner = session.clone();
        match work {
            OutsideWork::Subscribe(mut order) => {
                self.admit_outside(now)?;
                let from = &order.parties.from.uri;
                self.identities.lend(from, &mut order.accounts);
                let subscriptions = &mut self.outside.subscriptions;
                let handle = subscriptions.subscribe(now, owner, *order, &mut self.ids)?;
                Ok(Answer::Value(handle.into_string().into()))
            }
            OutsideWork::Renew { handle, seconds } => {
                let subscriptions = &mut self.outside.subscriptions;
                subscriptions.renew(now, session, &handle, seconds)?;
                Ok(Answer::Nothing)
            }
            OutsideWork::Unsubscribe { handle } => {
                self.outside
                    .subscriptions
                    .unsubscribe(now, session, &handle);
                Ok(Answer::Nothing)
            }
            OutsideWork::Send(mut order) => {
                self.admit_outside(now)?;
                let from = &order.parties.from.uri;
                self.identities.lend(from, &mut order.accounts);
                self.outside.messages.send(owner, *order, &mut self.ids)?;
                Ok(Answer::Nothing)
            }
        }
    }

    /// The rate of calls holds for these too, counted apart.
    fn admit_outside(&mut self, now: Instant) -> Result<(), OutsideError> {
        let per_second = self.limits.calls_per_second;
        let begun = &mut self.outside.begun;
        if self.draining {
            return Err(OutsideError::ShuttingDown);
        }
        if begun.is_full(now, per_second) {
            return Err(OutsideError::TooFast);
        }
        begun.count(now, per_second);
        Ok(())
    }

    /// Takes the answer to a request that [`poll_outside`](Self::poll_outside) gave; `request` is as it was sent.
    pub fn handle_outside_answer(
        &mut self,
        now: Instant,
        ticket: Ticket,
        request: Request,
        answer: Result<Response, StatusCode>,
    ) {
        let Outside {
            subscriptions,
            messages,
            ..
        } = &mut self.outside;
        match ticket {
            Ticket::Subscription(handle) => {
                subscriptions.handle_answer(now, &handle, request, answer);
            }
            Ticket::Message(number) => messages.handle_answer(number, request, answer),
        }
        self.tell_news();
    }

    /// Runs what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.outside.subscriptions.handle_timeout(now);
        self.tell_news();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.outside.subscriptions.poll_timeout()
    }

    /// Next request to send outside calls.
    pub fn poll_outside(&mut self) -> Option<Order> {
        let outside = &mut self.outside;
        let order = outside.subscriptions.poll_order();
        let mut order = order.or_else(|| outside.messages.poll_order())?;
        let headers = &order.request.headers;
        // What is sent again has its routes.
        let is_new =
            matches!(headers.to_tag(), Ok(None)) && headers.get(&HeaderName::Route).is_none();
        if is_new
            && order.next_hop.is_none()
            && let Ok(from) = headers.from()
            && let Some(identity) = self.identities.of(&from.uri)
        {
            identity.add_routes(&mut order.request);
            let gruu = identity.contact(&order.request.uri);
            if let Some(gruu) = gruu.filter(|_| order.contact.take().is_some()) {
                let contact = NameAddr::new(gruu.clone()).to_string();
                order.request.headers.push(HeaderName::Contact, contact);
            }
        }
        Some(order)
    }

    /// Whether scripts are told moments of the calendar, so that [`set_clock`](Self::set_clock) is wanted.
    pub fn wants_clock(&self) -> bool {
        !self.outside.subscriptions.is_empty()
    }

    /// What the clock says at `now`, in seconds since 1970.
    pub fn set_clock(&mut self, now: Instant, unix_s: u64) {
        self.outside.subscriptions.set_clock(now, unix_s);
    }

    /// Whether a subscription is being ended whose session is over.
    pub fn is_unsubscribing(&self) -> bool {
        self.outside.subscriptions.is_ending()
    }

    /// Entries of its tables.
    pub(super) fn outside_entries(&self) -> usize {
        self.outside.subscriptions.len() + self.outside.messages.len()
    }

    /// Ends what a session has left behind.
    pub fn end_outside(&mut self, now: Instant, session: &SessionId) {
        self.outside.subscriptions.end_of(now, session);
    }

    /// A NOTIFY for a subscription of ours.
    pub(super) fn on_notify(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        notify: &Request,
    ) -> Option<Routed> {
        if self.outside.subscriptions.is_empty() {
            return None;
        }
        let mut response = self
            .outside
            .subscriptions
            .handle_notify(now, notify, &mut self.ids)?;
        if !response.status.is_success() {
            // Nothing has changed.
            return Some(Routed::Refuse(transaction, response));
        }
        if !self.tell_news() {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            response.status = status;
            response.reason = status.reason();
        }
        Some(Routed::Respond(transaction, response))
    }

    /// Puts what scripts are told into their mailboxes. False: there was no room for one.
    fn tell_news(&mut self) -> bool {
        let mut all = true;
        let outside = &mut self.outside;
        while let Some(News { to, event }) = outside
            .subscriptions
            .poll_news()
            .or_else(|| outside.messages.poll_news())
        {
            let Some(entry) = self.sessions.get(&to) else {
                continue;
            };
            let event = SessionEvent::News(Box::new(event));
            if let Err(Undelivered::Full(_)) = entry.mailbox.post(event) {
                self.stats.sip_dropped.overload.increment();
                tracing::debug!(session = %to, "mailbox full: an event is lost");
                all = false;
            }
        }
        all
    }
}
