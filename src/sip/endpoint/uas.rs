//! The server side of an endpoint: requests that come in and the responses to them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::sip::message::{HeaderName, Identity, Message, Method, Request, Response, StatusCode};
use crate::sip::transaction::key::{AckKey, KeyMaker, MergeKey, ServerKey};
use crate::sip::transaction::{InviteServer, NonInviteServer, invite_server, non_invite_server};
use crate::sip::transport::{Flow, Transmit, response_flow, stamp_via};

use super::admission::refusal;
use super::table::{Table, Timed};
use super::{Admission, Class, Core, Event, RETRY_AFTER_S, TransactionId};

/// Keys are hashes already, which nobody foresees ([`KeyMaker`]), so that a fast hash of them does.
type ByKey<K> = foldhash::HashMap<K, TransactionId>;

/// All server transactions and the ways to find them.
pub(super) struct Uas {
    table: Table<ServerTransaction>,
    by_key: ByKey<ServerKey>,
    by_merge: ByKey<MergeKey>,
    by_ack: ByKey<AckKey>,
    /// A request that has just come. Its end is put on the clock when the TU has not refused it at once.
    fresh: Option<TransactionId>,
    keys: KeyMaker,
    /// Bytes of all `last` in `table`.
    retained_bytes: usize,
    /// Makes the tags of stateless answers, equal for equal requests (RFC 3261 §8.2.7).
    tag_secret: [u8; 32],
}

/// One request that came in. Neither the request nor more than the last response is kept.
pub(super) struct ServerTransaction {
    machine: Machine,
    /// Where responses go.
    flow: Flow,
    /// The last response; empty before the first.
    last: Bytes,
    /// An INVITE that got no response so far.
    unanswered: Option<Box<Unanswered>>,
    key: ServerKey,
    /// `None`: the request has a To tag.
    merge: Option<MergeKey>,
    ack: Option<AckKey>,
    /// A provisional response that its PRACK has not acknowledged; empty if there is none.
    reliable: Bytes,
    /// The To tag that the TU will answer with, if it has said so.
    local_tag: Option<Arc<str>>,
    /// The TU knows that the peer cancelled.
    cancelled: bool,
}

/// What the 100 (Trying) of an INVITE is made of, if it takes one.
struct Unanswered {
    invite: Bytes,
    source: SocketAddr,
}

enum Machine {
    Invite(InviteServer),
    NonInvite(NonInviteServer),
}

impl Uas {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self {
            table: Table::new(0),
            by_key: ByKey::default(),
            by_merge: ByKey::default(),
            by_ack: ByKey::default(),
            fresh: None,
            keys: KeyMaker::new(seed),
            retained_bytes: 0,
            tag_secret: seed,
        }
    }

    pub(super) fn handle_request(
        &mut self,
        core: &mut Core,
        now: Instant,
        flow: Flow,
        mut request: Request,
        mut identity: Identity,
        bytes: Bytes,
    ) {
        let key = self.keys.server(&identity, &request.uri);
        let known = self.by_key.get(&key).copied();
        if request.method == Method::Ack {
            return self.handle_ack(core, now, flow, request, &identity, known);
        }
        let reply_flow = response_flow(flow, &identity.via);
        if stamp_via(&mut identity.via, flow.remote) {
            request.headers.replace_topmost_via(&identity.via);
        }
        if request.method == Method::Cancel {
            return self.handle_cancel(core, now, reply_flow, &request, &key, known);
        }
        if let Some(id) = known {
            return self.handle_repeated(core, now, id);
        }
        if identity.to_tag.is_none() {
            match core.sources.take(now, flow.remote.ip()) {
                Admission::Admit => {}
                Admission::Refuse => {
                    core.stats.rate_refused += 1;
                    let response = self.unavailable(core, &request, &key);
                    return core.transmit(reply_flow, response);
                }
                Admission::Ignore => {
                    core.stats.rate_ignored += 1;
                    return;
                }
            }
        }
        if self.is_overloaded(core, &request, &identity) {
            core.stats.overload_refusals += 1;
            let response = self.unavailable(core, &request, &key);
            return core.transmit(reply_flow, response);
        }
        let is_new = identity.to_tag.is_none();
        let merge = is_new.then(|| self.keys.merge(&identity));
        if let Some(response) = self.refusal(core, &request, merge.as_ref(), &key) {
            let bytes = core.write(response);
            return core.transmit(reply_flow, bytes);
        }
        let id = self.open(core, now, &request.method, reply_flow, key, merge);
        if request.method == Method::Invite {
            self.wait_for_answer(id, flow.remote, bytes);
        }
        core.events.push_back(Event::Request {
            transaction: id,
            request,
            flow,
        });
    }

    pub(super) fn respond(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        response: Response,
    ) {
        if let Some(transmit) = self.answer(core, now, id, response) {
            core.transmits.push_back(transmit);
        }
    }

    /// Without a transaction, if nothing was sent by it yet. A request inside a dialog has cost its source
    /// nothing so far; there is no such dialog, so it does now.
    pub(super) fn refuse(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        mut response: Response,
    ) {
        let Some(transaction) = self.table.get_mut(id) else {
            core.stats.late_responses += 1;
            return;
        };
        response.add_to_tag(&tag(&self.tag_secret, &transaction.key));
        if !transaction.last.is_empty() {
            return self.respond(core, now, id, response);
        }
        let (flow, was_counted) = (transaction.flow, transaction.merge.is_some());
        core.stats.forgotten_requests += 1;
        self.forget(id);
        if !was_counted && core.sources.take(now, flow.remote.ip()) == Admission::Ignore {
            core.stats.rate_ignored += 1;
            return;
        }
        let bytes = core.write(response);
        core.transmit(flow, bytes);
    }

    /// Takes a response of the TU; returns what is to be sent of it.
    fn answer(
        &mut self,
        core: &mut Core,
        now: Instant,
        id: TransactionId,
        response: Response,
    ) -> Option<Transmit> {
        let Some(transaction) = self.table.get_mut(id) else {
            core.stats.late_responses += 1;
            return None;
        };
        let class = Class::of(response.status);
        let is_reliable = class == Class::Provisional
            && response.headers.get(&HeaderName::RSeq).is_some()
            && matches!(transaction.machine, Machine::Invite(_));
        if !transaction.machine.send(now, class, is_reliable) {
            core.stats.late_responses += 1;
            return None;
        }
        if class == Class::Success
            && matches!(transaction.machine, Machine::Invite(_))
            && let Ok(ack) = self.keys.ack_of(&response.headers)
        {
            transaction.ack = Some(ack);
            self.by_ack.insert(ack, id);
        }
        let bytes = core.write(response);
        self.retained_bytes -= transaction.retained_bytes();
        self.retained_bytes += bytes.len();
        transaction.unanswered = None;
        transaction.last = bytes.clone();
        if is_reliable {
            transaction.reliable = bytes.clone();
        } else if class != Class::Provisional {
            transaction.reliable = Bytes::new();
        }
        let flow = transaction.flow;
        self.settle(core, now, id);
        Some(Transmit { flow, bytes })
    }

    /// Keeps an INVITE until it has an answer, for it may get a 100 before.
    fn wait_for_answer(&mut self, id: TransactionId, source: SocketAddr, invite: Bytes) {
        let Some(transaction) = self.table.get_mut(id) else {
            return;
        };
        self.retained_bytes += invite.len();
        transaction.unanswered = Some(Box::new(Unanswered { invite, source }));
        self.table.schedule(id);
    }

    /// The TU takes its time, or the peer asks again.
    fn send_trying(&mut self, core: &mut Core, now: Instant, id: TransactionId) {
        let transaction = self.table.get_mut(id);
        let unanswered = transaction.and_then(|transaction| transaction.unanswered.as_deref());
        if let Some(trying) = unanswered.and_then(Unanswered::trying) {
            self.respond(core, now, id, trying);
        }
    }

    pub(super) fn acknowledge(&mut self, core: &mut Core, now: Instant, id: TransactionId) {
        if let Some(transaction) = self.table.get_mut(id)
            && let Machine::Invite(machine) = &mut transaction.machine
        {
            machine.handle(now, invite_server::Input::Prack);
            transaction.reliable = Bytes::new();
            self.settle(core, now, id);
        }
    }

    pub(super) fn set_local_tag(&mut self, id: TransactionId, tag: Arc<str>) {
        if let Some(transaction) = self.table.get_mut(id) {
            transaction.local_tag = Some(tag);
        }
    }

    pub(super) fn handle_timeout(&mut self, core: &mut Core, now: Instant) {
        while let Some(id) = self.table.pop_due(now) {
            self.settle(core, now, id);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.table.poll_timeout()
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The ACK of a 2xx is found by dialog and CSeq, that of a failure by its branch. The first way
    /// goes first: there are peers that use the branch of the INVITE for the ACK of a 2xx too.
    fn handle_ack(
        &mut self,
        core: &mut Core,
        now: Instant,
        flow: Flow,
        request: Request,
        identity: &Identity,
        by_branch: Option<TransactionId>,
    ) {
        let by_dialog = self.by_ack.get(&self.keys.ack(identity)).copied();
        let input = match by_dialog {
            Some(_) => invite_server::Input::SuccessAck,
            None => invite_server::Input::Ack,
        };
        let Some(id) = by_dialog.or(by_branch) else {
            // The ACK of a refusal that left no transaction has our tag for its INVITE.
            let key = self.keys.server(identity, &request.uri);
            let refusal = self.tag(&key);
            match identity.to_tag.as_deref() == Some(refusal.as_str()) {
                true => core.stats.refusal_acks += 1,
                false => core.stats.stray_acks += 1,
            }
            return;
        };
        let Some(transaction) = self.table.get_mut(id) else {
            return;
        };
        let Machine::Invite(machine) = &mut transaction.machine else {
            return;
        };
        if machine.handle(now, input) == invite_server::Action::DeliverAck {
            // The 2xx is not sent again. A late CANCEL asks for its tag, which the ACK has too.
            self.retained_bytes -= transaction.last.len();
            transaction.last = Bytes::new();
            let tag = || identity.to_tag.as_deref().map(Arc::from);
            transaction.local_tag = transaction.local_tag.take().or_else(tag);
            core.events.push_back(Event::Ack {
                transaction: id,
                request,
                flow,
            });
        }
        self.settle(core, now, id);
    }

    /// RFC 3261 §9.2. Answered without a transaction: a repeated CANCEL finds the INVITE again. The 200
    /// has the To tag of the INVITE's responses.
    fn handle_cancel(
        &mut self,
        core: &mut Core,
        now: Instant,
        reply_flow: Flow,
        request: &Request,
        key: &ServerKey,
        invite: Option<TransactionId>,
    ) {
        let source = reply_flow.remote.ip();
        if invite.is_none() && core.sources.take(now, source) == Admission::Ignore {
            core.stats.rate_ignored += 1;
            return;
        }
        let status = match invite {
            Some(_) => StatusCode::OK,
            None => StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
        };
        let of_invite = invite
            .and_then(|id| self.table.get_mut(id))
            .and_then(|transaction| transaction.local_tag());
        let tag = of_invite.unwrap_or_else(|| self.tag(key).into());
        let response = Response::answering(request, status, Some(&tag));
        let bytes = core.write(response);
        core.transmit(reply_flow, bytes);
        let Some(id) = invite else {
            core.stats.refused_requests += 1;
            return;
        };
        if let Some(transaction) = self.table.get_mut(id)
            && let Machine::Invite(machine) = &transaction.machine
            && machine.state() == invite_server::State::Proceeding
            && !transaction.cancelled
        {
            transaction.cancelled = true;
            core.events.push_back(Event::Cancelled { transaction: id });
        }
    }

    fn handle_repeated(&mut self, core: &mut Core, now: Instant, id: TransactionId) {
        core.stats.repeated_requests += 1;
        if let Some(transaction) = self.table.get_mut(id) {
            match transaction.machine.repeat(now) {
                Repeat::Absorb => {}
                Repeat::LastResponse => {
                    core.retransmit(transaction.flow, transaction.last.clone());
                }
                Repeat::Trying => self.send_trying(core, now, id),
            }
        }
        self.settle(core, now, id);
    }

    /// Returns the answer to a new request that does not get a transaction.
    fn refusal(
        &self,
        core: &mut Core,
        request: &Request,
        merge: Option<&MergeKey>,
        key: &ServerKey,
    ) -> Option<Response> {
        // Few requests are refused: the tag is made when it is needed.
        let tag = || self.tag(key);
        // A request that came before by another way (RFC 3261 §8.2.2.2).
        let merged = merge.is_some_and(|merge| self.by_merge.contains_key(merge));
        let refusal = refusal(&core.config, request, merge.is_some(), tag).or_else(|| {
            merged.then(|| Response::answering(request, StatusCode::LOOP_DETECTED, Some(&tag())))
        })?;
        core.stats.refused_requests += 1;
        Some(refusal)
    }

    /// A 503, as bytes.
    fn unavailable(&self, core: &Core, request: &Request, key: &ServerKey) -> Bytes {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut response = Response::answering(request, status, Some(&self.tag(key)));
        response.headers.push(HeaderName::RetryAfter, RETRY_AFTER_S);
        core.write(response)
    }

    /// Whether there is no room or time for this request.
    fn is_overloaded(&self, core: &Core, request: &Request, identity: &Identity) -> bool {
        // What the TU may begin a session with. A balancer goes on asking by OPTIONS, and what is not served costs
        // as little to say.
        let method = &request.method;
        let begins = identity.to_tag.is_none()
            && *method != Method::Options
            && core.config.allow.contains(method);
        if core.overloaded && begins {
            return true;
        }
        let room = |limit: usize| match identity.to_tag {
            Some(_) => limit.saturating_add(limit / DIALOG_HEADROOM),
            None => limit,
        };
        self.table.len() >= room(core.config.max_transactions)
            || self.retained_bytes >= room(core.config.max_retained_bytes)
    }

    fn open(
        &mut self,
        core: &mut Core,
        now: Instant,
        method: &Method,
        flow: Flow,
        key: ServerKey,
        merge: Option<MergeKey>,
    ) -> TransactionId {
        core.stats.requests += 1;
        let id = self.table.insert(ServerTransaction {
            machine: Machine::new(core, now, method, flow),
            flow,
            last: Bytes::new(),
            unanswered: None,
            key,
            merge,
            ack: None,
            reliable: Bytes::new(),
            local_tag: None,
            cancelled: false,
        });
        self.by_key.insert(key, id);
        if let Some(merge) = merge {
            self.by_merge.insert(merge, id);
        }
        self.fresh = Some(id);
        id
    }

    /// The TU has seen all that came.
    pub(super) fn settle_fresh(&mut self) {
        if let Some(id) = self.fresh.take() {
            self.table.schedule(id);
        }
    }

    /// Runs the timers of a transaction that are due, and forgets it when it is over.
    fn settle(&mut self, core: &mut Core, now: Instant, id: TransactionId) {
        let Some(transaction) = self.table.get_mut(id) else {
            return;
        };
        while let Some(action) = transaction.machine.run_timer(now) {
            match action {
                TimerAction::Nothing => {}
                TimerAction::SendTrying => return self.send_trying(core, now, id),
                TimerAction::Retransmit => {
                    core.retransmit(transaction.flow, transaction.last.clone());
                }
                TimerAction::RetransmitReliable => {
                    core.retransmit(transaction.flow, transaction.reliable.clone());
                }
                TimerAction::PrackTimeout => {
                    transaction.reliable = Bytes::new();
                    core.events
                        .push_back(Event::PrackTimeout { transaction: id });
                }
                TimerAction::GiveUp => core.stats.unanswered_requests += 1,
                TimerAction::AckTimeout => {
                    core.stats.ack_timeouts += 1;
                    core.events.push_back(Event::AckTimeout { transaction: id });
                }
            }
        }
        match transaction.machine.is_terminated() {
            true => self.forget(id),
            false => self.table.schedule(id),
        }
    }

    fn forget(&mut self, id: TransactionId) {
        let Some(transaction) = self.table.remove(id) else {
            return;
        };
        self.retained_bytes -= transaction.retained_bytes();
        self.by_key.remove(&transaction.key);
        if let Some(merge) = transaction.merge {
            self.by_merge.remove(&merge);
        }
        // The key is taken over when a peer's CSeq goes round; it is not ours any more then.
        if let Some(ack) = transaction.ack
            && self.by_ack.get(&ack) == Some(&id)
        {
            self.by_ack.remove(&ack);
        }
    }

    fn tag(&self, key: &ServerKey) -> String {
        tag(&self.tag_secret, key)
    }
}

fn tag(secret: &[u8; 32], key: &ServerKey) -> String {
    let mut hasher = DefaultHasher::new();
    (secret, key).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Requests inside a dialog may take limits by one part in this many further.
const DIALOG_HEADROOM: usize = 4;

impl Timed for ServerTransaction {
    fn deadline(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Invite(machine) => machine.poll_timeout(),
            Machine::NonInvite(machine) => machine.poll_timeout(),
        }
    }
}

/// What a timer of either machine asks for.
enum TimerAction {
    Nothing,
    SendTrying,
    Retransmit,
    RetransmitReliable,
    PrackTimeout,
    AckTimeout,
    GiveUp,
}

/// What a request that came again is answered with.
enum Repeat {
    Absorb,
    LastResponse,
    Trying,
}

impl Unanswered {
    fn trying(&self) -> Option<Response> {
        let message = Message::parse_datagram(self.invite.clone());
        let Ok(Message::Request(mut request)) = message else {
            return None;
        };
        let mut via = request.headers.via().ok()?;
        if stamp_via(&mut via, self.source) {
            request.headers.replace_topmost_via(&via);
        }
        Some(Response::answering(&request, StatusCode::TRYING, None))
    }
}

impl ServerTransaction {
    fn retained_bytes(&self) -> usize {
        let unanswered = self.unanswered.as_deref();
        self.last.len() + unanswered.map_or(0, |unanswered| unanswered.invite.len())
    }

    /// The To tag of the responses: as the TU has said, or as it stands in the last one.
    fn local_tag(&self) -> Option<Arc<str>> {
        if self.local_tag.is_some() {
            return self.local_tag.clone();
        }
        let last = Message::parse_datagram(self.last.clone()).ok()?;
        let to = last.headers().to().ok()?;
        to.tag().map(Arc::from)
    }
}

impl Machine {
    fn new(core: &Core, now: Instant, method: &Method, flow: Flow) -> Self {
        let (values, reliability) = (core.config.timers, flow.reliability());
        match method {
            Method::Invite => Self::Invite(InviteServer::new(now, values, reliability)),
            _ => Self::NonInvite(NonInviteServer::new(now, values, reliability)),
        }
    }

    /// The TU sends a response; returns whether it goes out.
    fn send(&mut self, now: Instant, class: Class, is_reliable: bool) -> bool {
        match self {
            Self::Invite(machine) => {
                use invite_server::{Action, Input};
                let input = match class {
                    Class::Provisional if is_reliable => Input::Reliable,
                    Class::Provisional => Input::Provisional,
                    Class::Success => Input::Success,
                    Class::Failure => Input::Failure,
                };
                machine.handle(now, input) == Action::Send
            }
            Self::NonInvite(machine) => {
                use non_invite_server::{Action, Input};
                let input = match class {
                    Class::Provisional => Input::Provisional,
                    Class::Success | Class::Failure => Input::Final,
                };
                machine.handle(now, input) == Action::Send
            }
        }
    }

    /// The request came again.
    fn repeat(&mut self, now: Instant) -> Repeat {
        match self {
            Self::Invite(machine) => {
                use invite_server::{Action, Input};
                match machine.handle(now, Input::Request) {
                    Action::Retransmit => Repeat::LastResponse,
                    Action::SendTrying => Repeat::Trying,
                    _ => Repeat::Absorb,
                }
            }
            Self::NonInvite(machine) => {
                use non_invite_server::{Action, Input};
                match machine.handle(now, Input::Request) {
                    Action::Retransmit => Repeat::LastResponse,
                    _ => Repeat::Absorb,
                }
            }
        }
    }

    /// Runs one timer that is due.
    fn run_timer(&mut self, now: Instant) -> Option<TimerAction> {
        match self {
            Self::Invite(machine) => {
                use invite_server::{Action, Input};
                let timer = machine.expired(now)?;
                Some(match machine.handle(now, Input::Timer(timer)) {
                    Action::SendTrying => TimerAction::SendTrying,
                    Action::Retransmit => TimerAction::Retransmit,
                    Action::RetransmitReliable => TimerAction::RetransmitReliable,
                    Action::PrackTimeout => TimerAction::PrackTimeout,
                    Action::AckTimeout => TimerAction::AckTimeout,
                    Action::Absorb | Action::Send | Action::DeliverAck => TimerAction::Nothing,
                })
            }
            Self::NonInvite(machine) => {
                use non_invite_server::{Action, Input};
                let timer = machine.expired(now)?;
                // A non-INVITE server sends nothing by itself (RFC 3261 §17.2.2).
                Some(match machine.handle(now, Input::Timer(timer)) {
                    Action::GiveUp => TimerAction::GiveUp,
                    Action::Absorb | Action::Send | Action::Retransmit => TimerAction::Nothing,
                })
            }
        }
    }

    fn is_terminated(&self) -> bool {
        match self {
            Self::Invite(machine) => machine.is_terminated(),
            Self::NonInvite(machine) => machine.is_terminated(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ServerTransaction;

    #[test]
    fn lingering_transaction_stays_small_beside_its_response() {
        let bytes = size_of::<ServerTransaction>();
        assert!(bytes <= 384, "{bytes} bytes");
    }
}
