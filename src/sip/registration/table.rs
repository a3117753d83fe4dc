//! All registrations of a server, by handle, with one timer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::{Account, Event, Identities, Identity, Outgoing, Registration, State};
use crate::ids::Ids;
use crate::sip::message::{Request, Response, StatusCode};

/// A request that is out: whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ticket {
    handle: String,
    /// A handle may be used again.
    number: u64,
}

/// Whether a registration could be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It was, under this handle.
    Handle(String),
    /// There is one with the handle that was asked for.
    HandleTaken,
    /// There are as many as can be.
    TooMany,
}

/// One line of the list of registrations.
#[derive(Debug, Clone)]
pub struct Listed<'a> {
    /// Its name.
    pub handle: &'a str,
    /// Who is told of its events; may be empty.
    pub event_sink: &'a str,
    /// What is registered.
    pub account: &'a Account,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Registrations {
    by_handle: BTreeMap<String, Entry>,
    due: BTreeSet<(Instant, String)>,
    outgoing: VecDeque<(Ticket, Outgoing)>,
    events: VecDeque<(String, String, Event)>,
    /// Of the next entry.
    number: u64,
    ids: Ids,
}

#[derive(Debug)]
struct Entry {
    registration: Registration,
    event_sink: String,
    number: u64,
    /// Stays when it is refused for good.
    permanent: bool,
    /// As it stands in `due`.
    due: Option<Instant>,
}

/// Registrations at once.
const MAX_REGISTRATIONS: usize = 100_000;

impl Registrations {
    /// None yet. `ids` gives handles, Call-IDs and seeds.
    pub fn new(ids: Ids) -> Self {
        Self {
            by_handle: BTreeMap::new(),
            due: BTreeSet::new(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            number: 0,
            ids,
        }
    }

    /// Begins a registration; its first REGISTER is due at once. Without a handle it gets one. A
    /// `permanent` one is tried again for ever, another is forgotten when it is refused for good.
    pub fn create(
        &mut self,
        now: Instant,
        account: Account,
        event_sink: String,
        handle: Option<String>,
        permanent: bool,
    ) -> Created {
        if self.by_handle.len() >= MAX_REGISTRATIONS {
            return Created::TooMany;
        }
        let handle = handle.unwrap_or_else(|| self.ids.tag());
        if self.by_handle.contains_key(&handle) {
            return Created::HandleTaken;
        }
        self.number += 1;
        let (call_id, tag) = (self.ids.call_id(), self.ids.tag());
        let entry = Entry {
            registration: Registration::new(now, account, call_id, tag, self.ids.seed()),
            event_sink,
            number: self.number,
            permanent,
            due: None,
        };
        self.by_handle.insert(handle.clone(), entry);
        self.act(&handle, |registration| registration.handle_timeout(now));
        Created::Handle(handle)
    }

    /// Takes a binding back and forgets it. False: there is none of that handle.
    pub fn remove(&mut self, handle: &str) -> bool {
        let known = self.by_handle.contains_key(handle);
        self.act(handle, Registration::remove);
        known
    }

    /// Takes all bindings back.
    pub fn remove_all(&mut self) {
        let handles: Vec<_> = self.by_handle.keys().cloned().collect();
        for handle in handles {
            self.remove(&handle);
        }
    }

    /// Takes the answer to a request that [`poll_outgoing`](Self::poll_outgoing) gave.
    pub fn handle_answer(
        &mut self,
        now: Instant,
        ticket: Ticket,
        request: Request,
        answer: Result<Response, StatusCode>,
    ) {
        let entry = self.by_handle.get(&ticket.handle);
        if entry.is_some_and(|entry| entry.number == ticket.number) {
            self.act(&ticket.handle, |registration| {
                registration.handle_answer(now, request, answer);
            });
        }
    }

    /// Sends what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, handle)) = self.due.first().filter(|(at, _)| *at <= now) {
            let handle = handle.clone();
            self.act(&handle, |registration| registration.handle_timeout(now));
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Next request to send.
    pub fn poll_outgoing(&mut self) -> Option<(Ticket, Outgoing)> {
        self.outgoing.pop_front()
    }

    /// Next thing to know: handle, event sink, event.
    pub fn poll_event(&mut self) -> Option<(String, String, Event)> {
        self.events.pop_front()
    }

    /// State of a registration and the seconds that it holds.
    pub fn state(&self, now: Instant, handle: &str) -> Option<(State, u64)> {
        let registration = &self.by_handle.get(handle)?.registration;
        Some((registration.state(), registration.left(now).as_secs()))
    }

    /// What requests of an account carry as long as it is registered, under the name of its address of record.
    pub fn identity(&self, handle: &str) -> Option<(Box<str>, Identity)> {
        let registration = &self.by_handle.get(handle)?.registration;
        let binding = registration.binding()?;
        if registration.state() != State::Active {
            return None;
        }
        let account = registration.account();
        let key = Identities::key(&account.address().into())?;
        Some((key, Identity::of(account, binding)))
    }

    /// All of them, by handle.
    pub fn iter(&self) -> impl Iterator<Item = Listed<'_>> {
        self.by_handle.iter().map(|(handle, entry)| Listed {
            handle,
            event_sink: &entry.event_sink,
            account: entry.registration.account(),
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_handle.is_empty()
    }

    /// Does something with one registration and takes what comes of it.
    fn act(&mut self, handle: &str, action: impl FnOnce(&mut Registration)) {
        let Some(entry) = self.by_handle.get_mut(handle) else {
            return;
        };
        action(&mut entry.registration);
        let mut refused = false;
        while let Some(event) = entry.registration.poll_event() {
            refused |= matches!(event, Event::Refused { last: true, .. });
            let sink = entry.event_sink.clone();
            self.events.push_back((handle.to_owned(), sink, event));
        }
        if let Some(outgoing) = entry.registration.poll_outgoing() {
            let ticket = Ticket {
                handle: handle.to_owned(),
                number: entry.number,
            };
            self.outgoing.push_back((ticket, outgoing));
        }
        let over = entry.registration.is_over() || (refused && !entry.permanent);
        let next = entry.registration.poll_timeout().filter(|_| !over);
        if entry.due != next {
            if let Some(at) = std::mem::replace(&mut entry.due, next) {
                self.due.remove(&(at, handle.to_owned()));
            }
            if let Some(at) = next {
                self.due.insert((at, handle.to_owned()));
            }
        }
        if over {
            self.by_handle.remove(handle);
        }
    }
}
