//! The task that keeps accounts registered: the one owner of the [`Registrations`].
//!
//! It carries out what scripts order, sends through the signalling task what is due, and tells the
//! sessions that want to know. When the server ends it takes all bindings back.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep_until, timeout_at};

use crate::control::registrar::{Command, Entry, Order, Outcome};
use crate::ids::Ids;
use crate::net::Control;
use crate::session::event::{Params, SessionId};
use crate::session::outside::{OutsideAnswer, OutsideRequest};
use crate::session::pool::SipCommand;
use crate::sip::message::{HeaderName, StatusCode};
use crate::sip::registration::{Account, Created, Event, Outgoing, Registrations, Ticket};

/// What the task is made of.
pub(super) struct RegistrarParts {
    pub ids: Ids,
    /// User-Agent of REGISTERs, or empty.
    pub user_agent: String,
    /// To the signalling task.
    pub sip: mpsc::Sender<SipCommand>,
    pub control: mpsc::Sender<Control>,
    pub orders: mpsc::Receiver<Order>,
}

/// The running task, as the server holds it.
#[derive(Debug)]
pub(super) struct Registrar {
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Registrar {
    /// Starts the task, which begins with `accounts`. Needs a tokio runtime.
    pub fn start(parts: RegistrarParts, accounts: Vec<Account>) -> Self {
        let (end, ended) = oneshot::channel();
        let task = Task {
            registrations: Registrations::new(parts.ids),
            user_agent: parts.user_agent,
            sip: parts.sip,
            control: parts.control,
            identities: BTreeMap::new(),
            under_way: JoinSet::new(),
        };
        let task = tokio::spawn(task.run(accounts, parts.orders, ended));
        Self { end, task }
    }

    /// Has all bindings taken back; [`Ending::wait`] waits for that.
    pub fn end(self) -> Ending {
        // An error means that the task is gone, and then there is nothing to end.
        let _ = self.end.send(());
        Ending(self.task)
    }
}

/// How long a task may take to let go of what it has.
const LET_GO: Duration = Duration::from_secs(1);

/// A task that takes bindings back.
pub(super) struct Ending(JoinHandle<()>);

impl Ending {
    /// Waits until all bindings are taken back, but not beyond `latest`.
    pub async fn wait(mut self, latest: Instant) {
        if timeout_at(latest.into(), &mut self.0).await.is_err() {
            tracing::warn!("not every registration could be taken back");
            self.0.abort();
            // It was just told to; this only waits until it has let go of its channels, unless it never has a
            // turn again.
            let _ = timeout_at((latest + LET_GO).into(), self.0).await;
        }
    }
}

struct Task {
    registrations: Registrations,
    user_agent: String,
    sip: mpsc::Sender<SipCommand>,
    control: mpsc::Sender<Control>,
    /// Accounts by handle whose identity calls use, under these names.
    identities: BTreeMap<String, Box<str>>,
    /// Requests whose answer is awaited.
    under_way: JoinSet<(Ticket, Option<OutsideAnswer>)>,
}

impl Task {
    async fn run(
        mut self,
        accounts: Vec<Account>,
        mut orders: mpsc::Receiver<Order>,
        mut ended: oneshot::Receiver<()>,
    ) {
        for account in accounts {
            let handle = format!("{}@{}", account.user, account.domain);
            let sink = String::new();
            let created =
                self.registrations
                    .create(Instant::now(), account, sink, Some(handle), true);
            if created == Created::HandleTaken {
                tracing::error!("an account is configured twice: the second is left out");
            }
        }
        let mut ending = false;
        loop {
            self.settle().await;
            if ending && self.registrations.is_empty() {
                return;
            }
            let deadline = self.registrations.poll_timeout();
            let timer = async {
                match deadline {
                    Some(at) => sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some((command, answer)) = orders.recv(), if !ending => {
                    let outcome = self.carry_out(command);
                    // Whoever asked may have given up.
                    let _ = answer.send(outcome);
                }
                Some(answered) = self.under_way.join_next() => {
                    if let Ok((ticket, answer)) = answered {
                        self.take(ticket, answer);
                    }
                }
                // Also when the server forgets to say so.
                _ = &mut ended, if !ending => {
                    ending = true;
                    self.registrations.remove_all();
                }
                () = timer => self.registrations.handle_timeout(Instant::now()),
            }
        }
    }

    fn carry_out(&mut self, command: Command) -> Outcome {
        let now = Instant::now();
        match command {
            Command::Create {
                account,
                event_sink,
                handle,
            } => match self
                .registrations
                .create(now, *account, event_sink, handle, false)
            {
                Created::Handle(handle) => Outcome::Handle(handle),
                Created::HandleTaken => Outcome::Failed("there is a registration of that handle"),
                Created::TooMany => Outcome::Failed("there are too many registrations"),
            },
            Command::Remove(handle) => {
                self.registrations.remove(&handle);
                Outcome::Done
            }
            Command::State(handle) => Outcome::State(self.registrations.state(now, &handle)),
            Command::List => {
                let entries = self.registrations.iter().map(|listed| Entry {
                    handle: listed.handle.to_owned(),
                    event_sink: listed.event_sink.to_owned(),
                    account: listed.account.clone(),
                });
                Outcome::List(entries.collect())
            }
        }
    }

    fn take(&mut self, ticket: Ticket, answer: Option<OutsideAnswer>) {
        let now = Instant::now();
        // Without an answer the signalling task is gone, and the server with it.
        if let Some(OutsideAnswer { request, response }) = answer {
            self.registrations
                .handle_answer(now, ticket, *request, response);
        }
    }

    /// Sends and tells what there is.
    async fn settle(&mut self) {
        while let Some((ticket, outgoing)) = self.registrations.poll_outgoing() {
            self.send(ticket, outgoing).await;
        }
        while let Some((handle, sink, event)) = self.registrations.poll_event() {
            // Who reads that it is registered may call at once.
            self.tell_identity(&handle).await;
            log(&handle, &event);
            if let Some(params) = params(&handle, &event).filter(|_| !sink.is_empty()) {
                self.post(sink, params).await;
            }
        }
    }

    /// Has calls of this account go as its registrar says.
    async fn tell_identity(&mut self, handle: &str) {
        let identity = match self.registrations.identity(handle) {
            Some((key, identity)) => {
                self.identities.insert(handle.to_owned(), key.clone());
                Some((key, Some(identity)))
            }
            None => self.identities.remove(handle).map(|key| (key, None)),
        };
        if let Some((key, identity)) = identity {
            // Fails only when the signalling task is gone.
            let _ = self.control.send(Control::Identity(key, identity)).await;
        }
    }

    async fn send(&mut self, ticket: Ticket, outgoing: Outgoing) {
        let Outgoing {
            mut request,
            next_hop,
            contact,
        } = outgoing;
        if !self.user_agent.is_empty() {
            request
                .headers
                .set(HeaderName::UserAgent, self.user_agent.clone());
        }
        let (answer, answered) = oneshot::channel();
        let outside = OutsideRequest {
            request,
            next_hop,
            contact,
            answer,
        };
        // Fails only when the signalling task is gone, which drops the other end of the answer.
        let _ = self.sip.send(SipCommand::Outside(Box::new(outside))).await;
        self.under_way
            .spawn(async move { (ticket, answered.await.ok()) });
    }

    async fn post(&self, sink: String, params: Params) {
        let (answer, _) = oneshot::channel();
        let post = Control::Post {
            to: SessionId(sink.into()),
            params: Box::new(params),
            answer,
        };
        // Fails only when the signalling task is gone.
        let _ = self.control.send(post).await;
    }
}

fn log(handle: &str, event: &Event) {
    match event {
        Event::Registered => tracing::info!(handle, "registered"),
        Event::NotListed => tracing::warn!(
            handle,
            "the registrar accepts the registration, but does not list our Contact"
        ),
        Event::Refused {
            status,
            reason,
            last,
        } => tracing::error!(handle, %status, reason, last, "a registration is refused"),
        Event::TimedOut => tracing::warn!(handle, "no registrar answers"),
        Event::Unsent => tracing::warn!(handle, "no registrar can be reached"),
        Event::Removed => tracing::info!(handle, "no longer registered"),
    }
}

/// The event as scripts see it; what they asked for themselves they are not told.
fn params(handle: &str, event: &Event) -> Option<Params> {
    let (number, status, reason) = match event {
        Event::Registered => (0, StatusCode::OK, StatusCode::OK.reason()),
        Event::Refused { status, reason, .. } => (1, *status, reason.clone()),
        Event::NotListed => (2, StatusCode::OK, StatusCode::OK.reason()),
        Event::TimedOut => {
            let status = StatusCode::REQUEST_TIMEOUT;
            (3, status, status.reason())
        }
        Event::Unsent => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            (4, status, status.reason())
        }
        Event::Removed => return None,
    };
    let entries = [
        ("class", "SIP registration event".to_owned()),
        ("event", number.to_string()),
        ("handle", handle.to_owned()),
        ("code", status.to_string()),
        ("reason", reason),
    ];
    let entries = entries.map(|(name, value)| (name.to_owned(), value));
    Some(entries.into_iter().collect())
}
