//! The client side of an endpoint: our requests and the responses that come to them.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::sip::message::{
    CSeq, HeaderName, Headers, Host, Identity, Message, Method, Request, Response, Transport, Via,
};
use crate::sip::transaction::key::{ClientKey, MAGIC_COOKIE};
use crate::sip::transaction::{InviteClient, NonInviteClient, invite_client, non_invite_client};
use crate::sip::transport::{Flow, Transmit};

use super::table::{Table, Timed};
use super::{Class, Core, Event, TransactionId};

/// All client transactions and the ways to find them.
pub(super) struct Uac {
    table: Table<ClientTransaction>,
    by_key: HashMap<ClientKey, TransactionId>,
    by_flow: HashMap<Flow, BTreeSet<TransactionId>>,
    rng: StdRng,
}

/// One request that we sent.
struct ClientTransaction {
    machine: Machine,
    flow: Flow,
    /// What is sent again: the request, or the ACK of an INVITE's failure.
    last: Bytes,
    key: ClientKey,
}

enum Machine {
    Invite(Box<Invite>),
    NonInvite(NonInviteClient),
    /// A CANCEL of ours; the TU hears of the INVITE only.
    Cancel(NonInviteClient),
}

/// What an INVITE needs beyond its machine.
struct Invite {
    machine: InviteClient,
    /// The INVITE as sent, from which CANCEL and ACK are made. Dropped at the final response.
    request: Option<Request>,
    /// The TU wants a CANCEL as soon as the first provisional response comes.
    cancel_wanted: bool,
    /// The 2xx responses so far.
    forks: Vec<Fork>,
}

/// One 2xx and its ACK, when the TU has sent it.
struct Fork {
    to_tag: Option<String>,
    ack: Option<Transmit>,
}

/// Most 2xx of different forks that one INVITE takes. Picked by feel; a peer that sends more is
/// broken or hostile.
const MAX_FORKS: usize = 16;

impl Uac {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self {
            table: Table::new(1),
            by_key: HashMap::new(),
            by_flow: HashMap::new(),
            rng: StdRng::from_seed(seed),
        }
    }

    pub(super) fn send_request(
        &mut self,
        core: &mut Core,
        now: Instant,
        mut request: Request,
        flow: Flow,
    ) -> TransactionId {
        let branch = self.put_via(core, &mut request.headers, &flow);
        let key = ClientKey::new(&branch, &request.method);
        let bytes = request.to_bytes();
        let (values, reliability) = (core.config.timers, flow.reliability());
        let machine = match request.method {
            Method::Invite => Machine::Invite(Box::new(Invite {
                machine: InviteClient::new(now, values, reliability),
                request: Some(request),
                cancel_wanted: false,
                forks: Vec::new(),
            })),
            _ => Machine::NonInvite(NonInviteClient::new(now, values, reliability)),
        };
        self.open(
            core,
            ClientTransaction {
                machine,
                flow,
                last: bytes,
                key,
            },
        )
    }

    pub(super) fn send_ack(
        &mut self,
        core: &mut Core,
        invite: TransactionId,
        mut ack: Request,
        flow: Flow,
    ) {
        self.put_via(core, &mut ack.headers, &flow);
        let transmit = Transmit {
            flow,
            bytes: ack.to_bytes(),
        };
        core.transmits.push_back(transmit.clone());
        let Some(Machine::Invite(invite)) = self.table.get_mut(invite).map(|t| &mut t.machine)
        else {
            return;
        };
        let to_tag = to_tag(&ack);
        if let Some(fork) = invite.forks.iter_mut().find(|fork| fork.to_tag == to_tag) {
            fork.ack = Some(transmit);
        }
    }

    pub(super) fn cancel(&mut self, core: &mut Core, now: Instant, id: TransactionId) {
        let Some(Machine::Invite(invite)) = self.table.get_mut(id).map(|t| &mut t.machine) else {
            return;
        };
        invite.cancel_wanted = true;
        self.send_wanted_cancel(core, now, id);
    }

    pub(super) fn abandon(&mut self, core: &mut Core, now: Instant, id: TransactionId) {
        if let Some(Machine::Invite(invite)) = self.table.get_mut(id).map(|t| &mut t.machine) {
            invite.machine.handle(now, invite_client::Input::Abandon);
        }
        self.cancel(core, now, id);
    }

    pub(super) fn awaits_ack(&mut self, invite: TransactionId, ack: &Request) -> bool {
        let Some(Machine::Invite(invite)) = self.table.get_mut(invite).map(|t| &mut t.machine)
        else {
            return false;
        };
        let to_tag = to_tag(ack);
        invite.forks.iter().any(|fork| fork.to_tag == to_tag)
    }

    pub(super) fn handle_response(
        &mut self,
        core: &mut Core,
        now: Instant,
        response: Response,
        identity: Identity,
    ) {
        let Some(id) = self.find(&response, &identity) else {
            core.stats.stray_responses += 1;
            return;
        };
        let Some(transaction) = self.table.get_mut(id) else {
            return;
        };
        let class = Class::of(response.status);
        let deliver = match &mut transaction.machine {
            Machine::Invite(invite) if class == Class::Success => {
                let is_new = invite.take_success(core, now, identity.to_tag);
                if is_new {
                    // The INVITE is not sent again.
                    transaction.last = Bytes::new();
                }
                is_new
            }
            Machine::Invite(invite) => {
                use invite_client::{Action, Input};
                let input = match class {
                    Class::Failure => Input::Failure,
                    Class::Provisional | Class::Success => Input::Provisional,
                };
                let action = invite.machine.handle(now, input);
                if action == Action::AcknowledgeAndDeliver
                    && let Some(request) = invite.request.take()
                {
                    let to = response.headers.get(&HeaderName::To).unwrap_or_default();
                    let ack = hop_request(&request, Method::Ack, to);
                    transaction.last = ack.to_bytes();
                    core.transmit(transaction.flow, transaction.last.clone());
                }
                if action == Action::Retransmit {
                    core.retransmit(transaction.flow, transaction.last.clone());
                }
                matches!(action, Action::AcknowledgeAndDeliver | Action::Deliver)
            }
            Machine::NonInvite(machine) => take_response(machine, now, class),
            Machine::Cancel(machine) => {
                take_response(machine, now, class);
                false
            }
        };
        if deliver {
            core.events.push_back(Event::Response {
                transaction: id,
                response,
            });
        }
        self.send_wanted_cancel(core, now, id);
        self.settle(core, now, id);
    }

    pub(super) fn handle_send_error(&mut self, core: &mut Core, now: Instant, flow: Flow) {
        let ids: Vec<_> = self
            .by_flow
            .get(&flow)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for id in ids {
            self.fail(core, now, id);
        }
    }

    pub(super) fn handle_unsent(&mut self, core: &mut Core, now: Instant, bytes: Bytes) {
        let Ok((Message::Request(_), identity)) = Message::parse_identified(bytes) else {
            return;
        };
        // An ACK has a branch of its own or its failure's, and no transaction by its method: the peer
        // repeats what it is for.
        if let Some(id) = self.by_key.get(&identity.client_key()).copied() {
            self.fail(core, now, id);
        }
    }

    /// Tells a transaction that its request cannot be sent.
    fn fail(&mut self, core: &mut Core, now: Instant, id: TransactionId) {
        let Some(transaction) = self.table.get_mut(id) else {
            return;
        };
        let failed = match &mut transaction.machine {
            Machine::Invite(invite) => {
                use invite_client::{Action, Input};
                invite.machine.handle(now, Input::TransportError) == Action::Fail
            }
            Machine::NonInvite(machine) => {
                use non_invite_client::{Action, Input};
                machine.handle(now, Input::TransportError) == Action::Fail
            }
            Machine::Cancel(machine) => {
                machine.handle(now, non_invite_client::Input::TransportError);
                false
            }
        };
        if failed {
            core.stats.send_failures += 1;
            core.events.push_back(Event::SendFailed { transaction: id });
        }
        self.settle(core, now, id);
    }

    pub(super) fn handle_timeout(&mut self, core: &mut Core, now: Instant) {
        while let Some(id) = self.table.pop_due(now) {
            self.settle(core, now, id);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.table.poll_timeout()
    }

    pub(super) fn has(&self, id: TransactionId) -> bool {
        self.table.contains(id)
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Finds the transaction of a response. Its branch is ours and cannot be guessed, so this is also
    /// the check of `sent-by` in RFC 3261 §18.1.2. A second Via means that the response is not for us
    /// (§8.1.3.3).
    fn find(&self, response: &Response, identity: &Identity) -> Option<TransactionId> {
        let id = *self.by_key.get(&identity.client_key())?;
        let alone = response.headers.tokens(&HeaderName::Via).nth(1).is_none();
        alone.then_some(id)
    }

    fn open(&mut self, core: &mut Core, transaction: ClientTransaction) -> TransactionId {
        let (flow, key) = (transaction.flow, transaction.key.clone());
        core.transmit(flow, transaction.last.clone());
        let id = self.table.insert(transaction);
        self.by_key.insert(key, id);
        self.by_flow.entry(flow).or_default().insert(id);
        self.table.schedule(id);
        id
    }

    /// Sends the CANCEL that the TU asked for, if it may be sent now (RFC 3261 §9.1).
    fn send_wanted_cancel(&mut self, core: &mut Core, now: Instant, id: TransactionId) {
        let Some(transaction) = self.table.get_mut(id) else {
            return;
        };
        let flow = transaction.flow;
        let Machine::Invite(invite) = &mut transaction.machine else {
            return;
        };
        if !invite.cancel_wanted || invite.machine.state() != invite_client::State::Proceeding {
            return;
        }
        let Some(request) = &invite.request else {
            return;
        };
        invite.cancel_wanted = false;
        invite.machine.handle(now, invite_client::Input::Cancel);
        let to = request.headers.get(&HeaderName::To).unwrap_or_default();
        let cancel = hop_request(request, Method::Cancel, to);
        let branch = cancel.headers.via().ok();
        let branch = branch.as_ref().and_then(Via::branch).unwrap_or_default();
        let key = ClientKey::new(branch, &Method::Cancel);
        let machine = NonInviteClient::new(now, core.config.timers, flow.reliability());
        let machine = Machine::Cancel(machine);
        self.table.schedule(id);
        self.open(
            core,
            ClientTransaction {
                machine,
                flow,
                last: cancel.to_bytes(),
                key,
            },
        );
    }

    /// Runs the timers of a transaction that are due, and forgets it when it is over.
    fn settle(&mut self, core: &mut Core, now: Instant, id: TransactionId) {
        let Some(transaction) = self.table.get_mut(id) else {
            return;
        };
        while let Some(action) = transaction.machine.run_timer(now) {
            match action {
                TimerAction::Nothing => {}
                TimerAction::Retransmit => {
                    core.retransmit(transaction.flow, transaction.last.clone());
                }
                TimerAction::Timeout => {
                    core.stats.timeouts += 1;
                    core.events.push_back(Event::Timeout { transaction: id });
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
        self.by_key.remove(&transaction.key);
        if let Some(ids) = self.by_flow.get_mut(&transaction.flow) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_flow.remove(&transaction.flow);
            }
        }
    }

    /// Puts our Via on top and returns its branch (RFC 3261 §8.1.1.7, §18.1.1, RFC 3581 §3).
    fn put_via(&mut self, core: &Core, headers: &mut Headers, flow: &Flow) -> String {
        let branch = format!(
            "{MAGIC_COOKIE}{:016x}{:016x}",
            self.rng.next_u64(),
            self.rng.next_u64()
        );
        let ours = core
            .config
            .sent_by
            .iter()
            .find(|ours| ours.transport == flow.transport);
        let (host, port) = match ours {
            Some(ours) => (ours.host.clone(), ours.port),
            None => {
                // Port 0: nothing listens, and responses come by the connection.
                let port = Some(flow.local.port()).filter(|port| *port != 0);
                (Host::from(flow.local.ip()), port)
            }
        };
        let mut via = Via::new(via_transport(flow.transport), host, port);
        via.params.set_flag("rport");
        if core.config.alias && flow.transport == Transport::Tls {
            via.params.set_flag("alias");
        }
        via.params.set("branch", branch.as_str());
        headers.push_front(HeaderName::Via, via.to_string());
        branch
    }
}

fn to_tag(request: &Request) -> Option<String> {
    let to = request.headers.to().ok()?;
    to.tag().map(str::to_owned)
}

/// Makes the CANCEL of an INVITE (RFC 3261 §9.1) or the ACK of its failure (§17.1.1.3). Both go to the
/// next hop only and look like the INVITE: same Request-URI, topmost Via, Route, From, Call-ID and
/// CSeq number.
fn hop_request(invite: &Request, method: Method, to: &[u8]) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    let headers = &mut request.headers;
    if let Ok(via) = invite.headers.via() {
        headers.push(HeaderName::Via, via.to_string());
    }
    headers.push(HeaderName::MaxForwards, "70");
    headers.extend_from(&invite.headers, &HeaderName::Route);
    headers.extend_from(&invite.headers, &HeaderName::From);
    headers.push(HeaderName::To, Bytes::copy_from_slice(to));
    headers.extend_from(&invite.headers, &HeaderName::CallId);
    if let Ok(CSeq { number, .. }) = invite.headers.cseq() {
        headers.push(HeaderName::CSeq, CSeq { number, method }.to_string());
    }
    request
}

/// The transport as Via names it (RFC 3261 §20.42, RFC 4168, RFC 7118).
fn via_transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Tls => "TLS",
        Transport::TlsSctp => "TLS-SCTP",
        Transport::Sctp => "SCTP",
        Transport::Ws => "WS",
        Transport::Wss => "WSS",
    }
}

/// Gives a response to a non-INVITE transaction; returns whether the TU is to have it.
fn take_response(machine: &mut NonInviteClient, now: Instant, class: Class) -> bool {
    use non_invite_client::{Action, Input};
    let input = match class {
        Class::Provisional => Input::Provisional,
        Class::Success | Class::Failure => Input::Final,
    };
    machine.handle(now, input) == Action::Deliver
}

impl Invite {
    /// Takes a 2xx; returns whether the TU is to have it. The first of each fork goes up, a repeated
    /// one gets the ACK again, or nothing while the TU has not made one.
    fn take_success(&mut self, core: &mut Core, now: Instant, to_tag: Option<String>) -> bool {
        use invite_client::{Action, Input};
        if self.machine.handle(now, Input::Success) != Action::Deliver {
            return false;
        }
        self.request = None;
        if let Some(fork) = self.forks.iter().find(|fork| fork.to_tag == to_tag) {
            if let Some(Transmit { flow, bytes }) = fork.ack.clone() {
                core.retransmit(flow, bytes);
            }
            return false;
        }
        if self.forks.len() >= MAX_FORKS {
            core.stats.stray_responses += 1;
            return false;
        }
        self.forks.push(Fork { to_tag, ack: None });
        true
    }
}

impl Timed for ClientTransaction {
    fn deadline(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Invite(invite) => invite.machine.poll_timeout(),
            Machine::NonInvite(machine) | Machine::Cancel(machine) => machine.poll_timeout(),
        }
    }
}

/// What a timer of any of the machines asks for.
enum TimerAction {
    Nothing,
    Retransmit,
    Timeout,
}

impl Machine {
    /// Runs one timer that is due.
    fn run_timer(&mut self, now: Instant) -> Option<TimerAction> {
        match self {
            Self::Invite(invite) => {
                use invite_client::{Action, Input};
                let timer = invite.machine.expired(now)?;
                Some(match invite.machine.handle(now, Input::Timer(timer)) {
                    Action::Retransmit => TimerAction::Retransmit,
                    Action::Timeout => TimerAction::Timeout,
                    _ => TimerAction::Nothing,
                })
            }
            Self::NonInvite(machine) => run_non_invite_timer(machine, now),
            Self::Cancel(machine) => match run_non_invite_timer(machine, now)? {
                TimerAction::Timeout => Some(TimerAction::Nothing),
                action => Some(action),
            },
        }
    }

    fn is_terminated(&self) -> bool {
        match self {
            Self::Invite(invite) => invite.machine.is_terminated(),
            Self::NonInvite(machine) | Self::Cancel(machine) => machine.is_terminated(),
        }
    }
}

fn run_non_invite_timer(machine: &mut NonInviteClient, now: Instant) -> Option<TimerAction> {
    use non_invite_client::{Action, Input};
    let timer = machine.expired(now)?;
    Some(match machine.handle(now, Input::Timer(timer)) {
        Action::Retransmit => TimerAction::Retransmit,
        Action::Timeout => TimerAction::Timeout,
        _ => TimerAction::Nothing,
    })
}
