//! The requests of one sender that wait to be located, in the order they were sent in.

use std::collections::VecDeque;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::{Delivery, Output, failover, log_failure};
use crate::sip::dialog::invite_usage::{Command, RequestToken};
use crate::sip::locate::{FAILURE_TTL, LocateError, Located, SearchId, Targets};
use crate::sip::message::{Request, StatusCode, Uri};

/// See the module's documentation. A request that is located waits for those before it: an ACK does not
/// overtake, and is not overtaken by, the BYE behind it.
#[derive(Debug, Default)]
pub(super) struct Line(VecDeque<Waiting>);

#[derive(Debug)]
enum Waiting {
    /// A request that is being located, or is and has others before it.
    Located {
        kind: Kind,
        request: Box<Request>,
        located: Located,
    },
    /// One that needs no locating.
    Own(Command),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request(RequestToken),
    /// Of this INVITE. With how it is located again, if it was not at once.
    Ack(RequestToken, Option<Box<Again>>),
}

/// How an ACK is located again.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Again {
    next_hop: Uri,
    /// When nobody waits for it any more.
    until: Instant,
}

/// An ACK that could not be located. Its 2xx is repeated, but not told: the dialog has made its ACK.
#[derive(Debug)]
pub(super) struct LostAck<S> {
    pub(super) at: Instant,
    pub(super) sender: S,
    invite: RequestToken,
    request: Box<Request>,
    again: Box<Again>,
}

/// How long the peer repeats a 2xx: 64×T1 (RFC 3261 §13.3.1.4).
const ACK_LIMIT: Duration = Duration::from_secs(32);
/// After this time the DNS is asked again.
const ACK_AGAIN: Duration = FAILURE_TTL;

impl Again {
    pub(super) fn new(now: Instant, next_hop: &Uri) -> Box<Self> {
        Box::new(Self {
            next_hop: next_hop.clone(),
            until: now + ACK_LIMIT,
        })
    }
}

impl Line {
    /// Removes a request that waits. `None`: it does not; else the search for it, if that goes on.
    pub(super) fn take_back(&mut self, token: RequestToken) -> Option<Option<SearchId>> {
        let wanted = |waiting: &Waiting| match waiting {
            Waiting::Located { kind, .. } => *kind == Kind::Request(token),
            Waiting::Own(command) => {
                matches!(command, Command::Request { token: own, .. } if *own == token)
            }
        };
        let place = self.0.iter().position(wanted)?;
        Some(match self.0.remove(place)? {
            Waiting::Located {
                located: Located::Later(search),
                ..
            } => Some(search),
            _ => None,
        })
    }

    fn note(&mut self, search: SearchId, result: Result<Targets, LocateError>) {
        let located = self.0.iter_mut().filter_map(|waiting| match waiting {
            Waiting::Located { located, .. } => Some(located),
            Waiting::Own(_) => None,
        });
        let mut located = located.filter(|located| **located == Located::Later(search));
        if let Some(located) = located.next() {
            *located = Located::Now(result);
        }
    }
}

impl<S: Clone + Eq + Hash + std::fmt::Debug> Delivery<S> {
    /// Keeps a request or ACK that goes by a connection of its own behind what its sender has sent before and
    /// still waits, until [`Output::Own`]. Gives it back if nothing does.
    pub fn keep_behind(&mut self, sender: &S, command: Command) -> Option<Command> {
        if self.lines.is_empty() {
            return Some(command);
        }
        let Some(line) = self.lines.get_mut(sender) else {
            return Some(command);
        };
        line.0.push_back(Waiting::Own(command));
        None
    }

    /// Sends a request on if it can be and nothing is before it; else it waits.
    pub(super) fn take_in(
        &mut self,
        now: Instant,
        sender: S,
        kind: Kind,
        request: Box<Request>,
        located: Located,
    ) {
        let located = match located {
            Located::Now(result) if self.lines.is_empty() || !self.lines.contains_key(&sender) => {
                return self.dispatch(now, sender, kind, request, result);
            }
            waiting => waiting,
        };
        if let Located::Later(search) = located {
            self.searches.insert(search, sender.clone());
        }
        let line = self.lines.entry(sender).or_default();
        line.0.push_back(Waiting::Located {
            kind,
            request,
            located,
        });
    }

    /// Takes what the locator found.
    pub(super) fn collect(&mut self, now: Instant) {
        while let Some((search, result)) = self.locator.poll_found() {
            if let Some(sender) = self.inquiries.remove(&search) {
                self.tell(now, sender, result);
                continue;
            }
            let Some(sender) = self.searches.remove(&search) else {
                continue;
            };
            if let Some(line) = self.lines.get_mut(&sender) {
                line.note(search, result);
            }
            self.advance(now, &sender);
        }
    }

    pub(super) fn tell(
        &mut self,
        now: Instant,
        sender: S,
        mut targets: Result<Targets, LocateError>,
    ) {
        if let Ok(targets) = &mut targets {
            self.locator.sort(now, targets);
        }
        let located = Output::Located { sender, targets };
        self.outputs.push_back(located);
    }

    /// Sends on what stands in front and is located.
    pub(super) fn advance(&mut self, now: Instant, sender: &S) {
        while let Some(line) = self.lines.get_mut(sender) {
            let first = line.0.pop_front_if(|waiting| match waiting {
                Waiting::Located { located, .. } => matches!(located, Located::Now(_)),
                Waiting::Own(_) => true,
            });
            if line.0.is_empty() {
                self.lines.remove(sender);
            }
            let sender = sender.clone();
            match first {
                Some(Waiting::Own(command)) => {
                    self.outputs.push_back(Output::Own { sender, command });
                }
                Some(Waiting::Located {
                    kind,
                    request,
                    located: Located::Now(result),
                }) => self.dispatch(now, sender, kind, request, result),
                _ => return,
            }
        }
    }

    fn dispatch(
        &mut self,
        now: Instant,
        sender: S,
        kind: Kind,
        request: Box<Request>,
        result: Result<Targets, LocateError>,
    ) {
        let mut targets = match result {
            Ok(targets) => targets,
            Err(error) => {
                log_failure(&sender, &request.method, &error);
                return self.fail(now, sender, kind, request);
            }
        };
        match kind {
            Kind::Request(token) => {
                failover::prefer_streams(&mut targets, &request, self.locator.reach());
                self.locator.sort(now, &mut targets);
                let first = failover::Attempt::first(sender, token, request, targets);
                let first = first.map(|(attempt, request)| Output::Send { attempt, request });
                self.outputs.extend(first);
            }
            Kind::Ack(invite, _) => {
                self.locator.sort(now, &mut targets);
                let first = targets.into_iter().next();
                self.outputs.extend(first.map(|target| Output::Ack {
                    sender,
                    invite,
                    request,
                    target,
                }));
            }
        }
    }

    /// Tells the sender; an ACK is located again while its 2xx is repeated.
    fn fail(&mut self, now: Instant, sender: S, kind: Kind, request: Box<Request>) {
        match kind {
            Kind::Request(token) => self.outputs.push_back(Output::Failed {
                sender,
                token,
                status: StatusCode::SERVICE_UNAVAILABLE,
            }),
            Kind::Ack(invite, Some(again)) if now + ACK_AGAIN < again.until => {
                self.lost_acks.push_back(LostAck {
                    at: now + ACK_AGAIN,
                    sender,
                    invite,
                    request,
                    again,
                });
            }
            Kind::Ack(..) => {}
        }
    }

    /// Locates the ACKs again whose time has come.
    pub(super) fn retry_acks(&mut self, now: Instant) {
        while let Some(lost) = self.lost_acks.pop_front_if(|lost| lost.at <= now) {
            let hop = std::slice::from_ref(&lost.again.next_hop);
            let located = self.locator.locate(now, hop);
            let kind = Kind::Ack(lost.invite, Some(lost.again));
            self.take_in(now, lost.sender, kind, lost.request, located);
        }
    }
}
