//! Subscriptions of scripts (RFC 6665), each in a dialog of its own, told as `subscription`.
//!
//! A handle is the local tag of the dialog, so a NOTIFY finds its subscription by its To tag. The first NOTIFY
//! makes the dialog; those of other [forks] make subscriptions of their own, where they are wanted,
//! and get 481 elsewhere. What a session leaves behind is ended for it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::forks::{self, MAX_FORKS};
use super::{Names, News, Order, OutsideError, Parties, Ticket, is_challenge, renumber};
use crate::dsm::{self, EventKind};
use crate::ids::Ids;
use crate::session::SessionId;
use crate::session::router::Pace;
use crate::sip::auth::{Accounts, DigestClient};
use crate::sip::dialog::subscription::{Due, End, Notified, Subscriber};
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::message::header::Event;
use crate::sip::message::{
    HeaderName, Host, Method, NameAddr, Request, Response, SipUri, StatusCode, Uri,
};

/// Subscriptions of one session.
const MAX_OF_SESSION: usize = 256;
/// Subscriptions of all sessions, each about 2 KiB.
const MAX_IN_ALL: usize = 50_000;

/// A subscription that a script wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribeOrder {
    /// From whom to whom.
    pub parties: Parties,
    /// What it is about; without a package it is not said.
    pub event: Event,
    /// Accept, if it is not what is usual for the package.
    pub accept: Option<String>,
    /// Seconds to ask for; `None`: what is usual for the package.
    pub expires: Option<u32>,
    /// It is refreshed until it is not wanted any more.
    pub is_lasting: bool,
    /// Each notifier that the SUBSCRIBE forks to is a subscription.
    pub may_fork: bool,
    /// What challenges are answered with.
    pub accounts: Accounts,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Subscriptions {
    /// How long a NOTIFY may take: 64*T1 (RFC 6665 §4.1.2.4).
    timer_n: Duration,
    by_handle: HashMap<Box<str>, Subscription>,
    of_session: HashMap<SessionId, Vec<Box<str>>>,
    due: BTreeSet<(Instant, Box<str>)>,
    orders: VecDeque<Order>,
    news: VecDeque<News>,
    /// A moment, and the seconds from 1970 to it.
    clock: Option<(Instant, u64)>,
}

#[derive(Debug)]
struct Subscription {
    /// `None`: its session is over.
    owner: Option<SessionId>,
    subscriber: Subscriber,
    digest: Box<DigestClient>,
    proxy: Option<Uri>,
    accept: Option<String>,
    /// The SUBSCRIBE that began it, as it was sent last.
    first: Box<Request>,
    contact: NameAddr,
    /// Made by the first NOTIFY.
    dialog: Option<Box<Dialog>>,
    /// The SUBSCRIBE that began it has a 2xx.
    is_accepted: bool,
    /// A SUBSCRIBE is to be sent as soon as it can be.
    is_due: bool,
    /// It is being ended at our wish.
    is_unwanted: bool,
    /// Until when it takes forks; `None`: never.
    forks_until: Option<Instant>,
    pace: Pace,
    /// As it stands in `due`.
    wakes: Option<Instant>,
}

/// How a subscription stands, in the words of scripts.
struct Standing {
    status: &'static str,
    code: u16,
    reason: String,
    /// Why the notifier has ended it.
    cause: String,
}

impl Subscriptions {
    /// None yet. `timer_n` is how long a NOTIFY may take: 64*T1.
    pub fn new(timer_n: Duration) -> Self {
        Self {
            timer_n,
            by_handle: HashMap::new(),
            of_session: HashMap::new(),
            due: BTreeSet::new(),
            orders: VecDeque::new(),
            news: VecDeque::new(),
            clock: None,
        }
    }

    /// Begins a subscription of `owner`; its handle.
    ///
    /// # Errors
    /// [`OutsideError`] if there are too many.
    pub fn subscribe(
        &mut self,
        now: Instant,
        owner: SessionId,
        order: SubscribeOrder,
        ids: &mut Ids,
    ) -> Result<Box<str>, OutsideError> {
        if self.by_handle.len() >= MAX_IN_ALL {
            return Err(OutsideError::TooManyInAll(MAX_IN_ALL));
        }
        let own = self.of_session.get(&owner).map_or(0, Vec::len);
        if own >= MAX_OF_SESSION {
            return Err(OutsideError::TooMany(MAX_OF_SESSION));
        }
        let names = Names::new(ids);
        let handle: Box<str> = names.tag.as_str().into();
        let first = order.parties.first(Method::Subscribe, &names);
        let user = order.parties.from.uri.as_sip();
        let user = user.and_then(|uri| uri.user.as_deref());
        // The host is filled in by whoever sends.
        let contact = SipUri::new(user, Host::Name("invalid".to_owned()), None);
        let forks_until = match order.may_fork {
            true => forks::until(now, &order.event, self.timer_n),
            false => None,
        };
        let subscriber = Subscriber::new(order.event, order.expires, self.timer_n);
        let subscription = Subscription {
            owner: Some(owner.clone()),
            subscriber: match order.is_lasting {
                true => subscriber,
                false => subscriber.left_to_expire(),
            },
            digest: Box::new(DigestClient::new(order.accounts, ids.seed())),
            proxy: order.parties.proxy,
            accept: order.accept,
            first: Box::new(first),
            contact: NameAddr::new(contact),
            dialog: None,
            is_accepted: false,
            is_due: true,
            is_unwanted: false,
            forks_until,
            pace: Pace::default(),
            wakes: None,
        };
        self.insert(&handle, subscription);
        self.advance(now, &handle);
        Ok(handle)
    }

    fn insert(&mut self, handle: &str, subscription: Subscription) {
        if let Some(owner) = subscription.owner.clone() {
            let own = self.of_session.entry(owner).or_default();
            own.push(handle.into());
        }
        self.by_handle.insert(handle.into(), subscription);
    }

    /// Subscribes again, for so many seconds or what is usual.
    ///
    /// # Errors
    /// [`OutsideError::NoSubscription`], also when it is being ended.
    pub fn renew(
        &mut self,
        now: Instant,
        owner: &SessionId,
        handle: &str,
        seconds: Option<u32>,
    ) -> Result<(), OutsideError> {
        let own = self
            .own(owner, handle)
            .ok_or(OutsideError::NoSubscription)?;
        own.subscriber.renew(seconds);
        own.is_due = true;
        // To ask for no time at all is to unsubscribe.
        own.is_unwanted = seconds == Some(0);
        self.advance(now, handle);
        Ok(())
    }

    /// Ends a subscription and its forks; what there is not is left alone.
    pub fn unsubscribe(&mut self, now: Instant, owner: &SessionId, handle: &str) {
        let own = self.of_session.get(owner).into_iter().flatten();
        let meant = own.filter(|one| ***one == *handle || forks::is_fork(one, handle));
        for one in meant.cloned().collect::<Vec<_>>() {
            if let Some(own) = self.own(owner, &one) {
                own.unsubscribe();
                self.advance(now, &one);
            }
        }
    }

    /// Ends all subscriptions of a session that is over; nobody is told of them any more.
    pub fn end_of(&mut self, now: Instant, session: &SessionId) {
        if self.by_handle.is_empty() {
            return;
        }
        for handle in self.of_session.remove(session).unwrap_or_default() {
            if let Some(left) = self.by_handle.get_mut(&handle) {
                left.owner = None;
                if !left.is_unwanted {
                    left.unsubscribe();
                }
                self.advance(now, &handle);
            }
        }
    }

    /// Takes the answer to a SUBSCRIBE. `request` is as it was sent.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        handle: &str,
        mut request: Request,
        answer: Result<Response, StatusCode>,
    ) {
        let Some(subscription) = self.by_handle.get_mut(handle) else {
            return;
        };
        if subscription.dialog.is_none() {
            *subscription.first = request.clone();
        }
        if let Ok(response) = &answer {
            subscription.digest.learn(response);
            if is_challenge(response.status)
                && subscription.digest.answer(&mut request, response).is_ok()
            {
                match &mut subscription.dialog {
                    Some(dialog) => dialog.renumber(&mut request),
                    None => {
                        renumber(&mut request);
                        *subscription.first = request.clone();
                    }
                }
                let order = subscription.order(handle, request, None);
                return self.orders.push_back(order);
            }
        }
        let response = answer.unwrap_or_else(Response::new);
        subscription.is_accepted |= response.status.is_success();
        // The 2xx that comes back may be that of another fork.
        if let Some(dialog) = &mut subscription.dialog
            && response.status.is_success()
            && DialogId::of_response(&response).as_ref() == Some(dialog.id())
            && dialog.handle_refresh(&response).is_err()
        {
            tracing::info!("the answer to a SUBSCRIBE has a Contact that cannot be used");
        }
        if let Some(end) = subscription.subscriber.handle_response(now, &response) {
            let standing = subscription.standing_at_end(end, &response.reason);
            return self.end(now, handle, standing);
        }
        self.advance(now, handle);
    }

    /// Takes a NOTIFY and gives its answer; `None`: it is for none of these.
    pub fn handle_notify(
        &mut self,
        now: Instant,
        notify: &Request,
        ids: &mut Ids,
    ) -> Option<Response> {
        let first = notify.headers.to_tag().ok()??;
        let handle = self.addressed(now, &first, notify, ids)?;
        let subscription = self.by_handle.get_mut(&handle)?;
        let answer = |status| Response::answering(notify, status, Some(&first));
        let notified = match subscription.take_notify(now, notify) {
            Ok(notified) => notified,
            Err(status) => {
                // A fork begins with a NOTIFY that is taken.
                if subscription.dialog.is_none() && *handle != *first {
                    self.forget(&handle);
                }
                return Some(answer(status));
            }
        };
        let standing = match notified {
            Notified::Active => Standing::lasting("active"),
            Notified::Pending => Standing::lasting("pending"),
            Notified::Ended(end) => subscription.standing_at_end(end, ""),
        };
        let is_over = subscription.subscriber.is_over();
        self.tell(now, &handle, standing, Some(notify));
        match is_over {
            true => self.forget(&handle),
            false => self.advance(now, &handle),
        }
        Some(answer(StatusCode::OK))
    }

    /// The subscription that a NOTIFY is for whose To tag is the handle of the `first` one: that, or one of its
    /// forks, perhaps a new one. `None`: it is for none of these.
    fn addressed(
        &mut self,
        now: Instant,
        first: &str,
        notify: &Request,
        ids: &mut Ids,
    ) -> Option<Box<str>> {
        let remote_tag = notify.headers.from_tag().ok()?.unwrap_or_default();
        let original = self.by_handle.get(first);
        if original.is_some_and(|original| original.may_be_with(&remote_tag)) {
            return Some(first.into());
        }
        let handle = forks::handle(first, &remote_tag);
        if self.by_handle.contains_key(&handle) {
            return Some(handle);
        }
        let original = original?;
        let Some(fork) = self.fork_of(now, first, original, ids) else {
            // Which says that it has no such dialog.
            return Some(first.into());
        };
        self.insert(&handle, fork);
        Some(handle)
    }

    /// A subscription beside `original`, if it takes one more.
    fn fork_of(
        &self,
        now: Instant,
        handle: &str,
        original: &Subscription,
        ids: &mut Ids,
    ) -> Option<Subscription> {
        let is_open = original.forks_until.is_some_and(|until| now < until);
        let own = self.of_session.get(original.owner.as_ref()?)?;
        let forks = own.iter().filter(|one| forks::is_fork(one, handle));
        let has_room = own.len() < MAX_OF_SESSION
            && self.by_handle.len() < MAX_IN_ALL
            && forks.count() < MAX_FORKS;
        (is_open && !original.is_unwanted && has_room).then(|| original.fork(ids.seed()))
    }

    /// Refreshes and ends what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, handle)) = self.due.first().filter(|(at, _)| *at <= now) {
            let handle = handle.clone();
            let Some(subscription) = self.by_handle.get_mut(&handle) else {
                self.due.pop_first();
                continue;
            };
            match subscription.subscriber.handle_timeout(now) {
                Some(Due::Ended(end)) => {
                    let standing = subscription.standing_at_end(end, "");
                    self.end(now, &handle, standing);
                }
                Some(Due::Refresh) => {
                    subscription.is_due = true;
                    self.advance(now, &handle);
                }
                None => self.advance(now, &handle),
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Next request to send.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Next thing to tell.
    pub fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// What the clock says at `now`, in seconds since 1970; scripts are told when a subscription ends.
    pub fn set_clock(&mut self, now: Instant, unix_s: u64) {
        self.clock = Some((now, unix_s));
    }

    /// Whether a SUBSCRIBE of a session that is over has no answer.
    pub fn is_ending(&self) -> bool {
        let is_ending = |one: &Subscription| one.owner.is_none() && one.subscriber.is_asking();
        self.by_handle.values().any(is_ending)
    }

    /// Subscriptions, those that are being ended included.
    pub fn len(&self) -> usize {
        self.by_handle.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_handle.is_empty()
    }

    /// A subscription of this session that is still wanted.
    fn own(&mut self, owner: &SessionId, handle: &str) -> Option<&mut Subscription> {
        let own = self.by_handle.get_mut(handle)?;
        (own.owner.as_ref() == Some(owner) && !own.is_unwanted).then_some(own)
    }

    /// Sends what is due, and notes when something is due next.
    fn advance(&mut self, now: Instant, handle: &str) {
        let Some(subscription) = self.by_handle.get_mut(handle) else {
            return;
        };
        if let Some(order) = subscription.next_order(now, handle) {
            self.orders.push_back(order);
        }
        let next = subscription.subscriber.poll_timeout();
        if subscription.wakes != next {
            let before = std::mem::replace(&mut subscription.wakes, next);
            if let Some(at) = before {
                self.due.remove(&(at, handle.into()));
            }
            self.due.extend(next.map(|at| (at, Box::from(handle))));
        }
    }

    /// Tells that a subscription is over, and forgets it.
    fn end(&mut self, now: Instant, handle: &str, standing: Standing) {
        self.tell(now, handle, standing, None);
        self.forget(handle);
    }

    fn forget(&mut self, handle: &str) {
        let Some(gone) = self.by_handle.remove(handle) else {
            return;
        };
        if let Some(at) = gone.wakes {
            self.due.remove(&(at, handle.into()));
        }
        if let Some(owner) = gone.owner
            && let Some(own) = self.of_session.get_mut(&owner)
        {
            own.retain(|one| **one != *handle);
            if own.is_empty() {
                self.of_session.remove(&owner);
            }
        }
    }

    fn tell(&mut self, now: Instant, handle: &str, standing: Standing, notify: Option<&Request>) {
        let Some(subscription) = self.by_handle.get(handle) else {
            return;
        };
        let Some(to) = subscription.owner.clone() else {
            return;
        };
        let left = match standing.status {
            "active" | "pending" => subscription.subscriber.left(now),
            _ => None,
        };
        let left = left.map_or(0, |left| left.as_secs());
        let ends = self.clock.filter(|_| left != 0);
        let ends = ends.map_or(0, |(at, unix_s)| {
            unix_s + now.saturating_duration_since(at).as_secs() + left
        });
        let text = |name| {
            let value = notify.and_then(|notify| notify.headers.text(&name));
            value.unwrap_or_default().into_owned()
        };
        let body = notify.map_or(&[][..], |notify| &notify.body);
        let event = dsm::Event::new(EventKind::Subscription)
            .with("handle", handle)
            .with("status", standing.status)
            .with("code", standing.code.to_string())
            .with("reason", standing.reason)
            .with("subscription_reason", standing.cause)
            .with("expires", ends.to_string())
            .with("expires_in", left.to_string())
            .with("has_body", (!body.is_empty()).to_string())
            .with("content_type", text(HeaderName::ContentType))
            .with("body", String::from_utf8_lossy(body));
        self.news.push_back(News { to, event });
    }
}

impl Subscription {
    fn unsubscribe(&mut self) {
        self.subscriber.unsubscribe();
        self.is_due = true;
        self.is_unwanted = true;
    }

    /// The SUBSCRIBE that is due, unless another has no answer yet. A second one waits for the dialog, or it would
    /// begin another subscription.
    fn next_order(&mut self, now: Instant, handle: &str) -> Option<Order> {
        let waits = self.dialog.is_none() && (self.is_unwanted || self.is_accepted);
        if !self.is_due || waits || self.subscriber.is_asking() {
            return None;
        }
        self.is_due = false;
        let mut request = match &mut self.dialog {
            Some(dialog) => dialog.next_request(Method::Subscribe),
            None => (*self.first).clone(),
        };
        let is_new = request.headers.get(&HeaderName::Contact).is_none();
        if self.dialog.is_none() && !is_new {
            renumber(&mut request);
        }
        if let Some(accept) = &self.accept {
            request.headers.set(HeaderName::Accept, accept.clone());
        }
        self.subscriber.write_subscribe(now, &mut request);
        self.digest.authorize(&mut request);
        let contact = is_new.then(|| self.contact.clone());
        if self.dialog.is_none() {
            *self.first = request.clone();
        }
        Some(self.order(handle, request, contact))
    }

    fn order(&self, handle: &str, request: Request, contact: Option<NameAddr>) -> Order {
        Order {
            ticket: Ticket::Subscription(handle.into()),
            request: Box::new(request),
            next_hop: self.proxy.clone(),
            contact,
        }
    }

    /// The same subscription with another notifier.
    fn fork(&self, seed: [u8; 32]) -> Self {
        Self {
            owner: self.owner.clone(),
            subscriber: self.subscriber.forked(),
            digest: Box::new(self.digest.afresh(seed)),
            proxy: self.proxy.clone(),
            accept: self.accept.clone(),
            first: self.first.clone(),
            contact: self.contact.clone(),
            dialog: None,
            is_accepted: true,
            is_due: false,
            is_unwanted: false,
            forks_until: None,
            pace: Pace::default(),
            wakes: None,
        }
    }

    /// Whether it is with the notifier of this tag, or with none yet.
    fn may_be_with(&self, remote_tag: &str) -> bool {
        let dialog = self.dialog.as_ref();
        dialog.is_none_or(|dialog| dialog.id().remote_tag == remote_tag)
    }

    /// Checks a NOTIFY, and takes it. The first one makes the dialog.
    fn take_notify(&mut self, now: Instant, notify: &Request) -> Result<Notified, StatusCode> {
        let headers = &notify.headers;
        let unknown = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
        let is_of_it = match (headers.call_id(), self.first.headers.call_id()) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        };
        let event = headers.event().ok();
        let event = event.filter(|event| self.subscriber.is_for(event));
        if !is_of_it || (event.is_none() && !self.subscriber.event().package.is_empty()) {
            return Err(unknown);
        }
        if !self.pace.take(now) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        match &mut self.dialog {
            Some(dialog) => {
                dialog.check(notify).map_err(|reject| reject.status())?;
                self.subscriber.handle_notify(now, notify)
            }
            None => {
                let mut dialog = self.begin(notify).map_err(|_| StatusCode::BAD_REQUEST)?;
                dialog.check(notify).map_err(|reject| reject.status())?;
                let notified = self.subscriber.handle_notify(now, notify)?;
                self.dialog = Some(Box::new(dialog));
                Ok(notified)
            }
        }
    }

    /// The dialog that a NOTIFY makes. Before the answer to the SUBSCRIBE the Contact that went out with it is not
    /// known here, but the NOTIFY came by it.
    fn begin(&self, notify: &Request) -> Result<Dialog, crate::sip::dialog::DialogError> {
        if self.first.headers.get(&HeaderName::Contact).is_some() {
            return Dialog::subscriber(&self.first, notify);
        }
        let mut first = self.first.clone();
        let contact = NameAddr::new(notify.uri.clone());
        first.headers.set(HeaderName::Contact, contact.to_string());
        Dialog::subscriber(&first, notify)
    }

    /// What a script is told of an end. One that it has asked for is `terminated`, whatever it was.
    fn standing_at_end(&self, end: End, phrase: &str) -> Standing {
        let (status, code, reason, cause) = match end {
            End::Refused(status) => ("failed", status.code(), phrase.to_owned(), String::new()),
            End::Terminated(state) => {
                let cause = state.reason.map(|reason| reason.as_str().to_owned());
                ("terminated", 0, String::new(), cause.unwrap_or_default())
            }
            End::NoNotify | End::Expired => ("timeout", 0, String::new(), String::new()),
        };
        Standing {
            status: if self.is_unwanted {
                "terminated"
            } else {
                status
            },
            code,
            reason,
            cause,
        }
    }
}

impl Standing {
    fn lasting(status: &'static str) -> Self {
        Self {
            status,
            code: 0,
            reason: String::new(),
            cause: String::new(),
        }
    }
}
