//! One search: what has to be asked next, and what the answers mean (RFC 3263 §4.1, §4.2).
//!
//! A [`Search`] keeps the answers it has got. [`Search::step`] goes through the rules from their beginning
//! with what is known, and notes the questions whose answers it lacks. So there is no state beside the
//! answers, and the rules read as the RFC has them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::Rng;
use smallvec::SmallVec;

use super::hop::{Hop, is_secure};
use super::srv_order::ordered;
use super::{
    LocateError, MAX_QUESTIONS, MAX_TARGETS, Naptr, Question, Reach, RecordType, Records, Srv,
    Target, Targets,
};
use crate::sip::message::{Host, Transport, Uri};
use crate::sip::transport::default_port;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Search {
    /// Tried one after the other; all of them count.
    hops: SmallVec<[Result<Hop, LocateError>; 1]>,
    reach: Reach,
    known: Vec<(Question, Records)>,
    /// Time is up: what is not known is taken as failed.
    over: bool,
}

/// How a search stands.
#[derive(Debug)]
pub(super) enum Step {
    /// These answers are missing.
    Ask(Vec<Question>),
    /// It is over.
    Done(Result<Targets, LocateError>),
}

impl Search {
    /// A search for all that `uris` lead to.
    pub(super) fn new(uris: &[Uri], reach: Reach) -> Self {
        Self {
            hops: uris.iter().map(|uri| Hop::read(uri, reach)).collect(),
            reach,
            known: Vec::new(),
            over: false,
        }
    }

    /// Notes an answer. Chance orders servers here, once for the whole search.
    pub(super) fn learn(&mut self, question: Question, records: Records, rng: &mut impl Rng) {
        let records = match records {
            Records::Srv(servers) => {
                Records::Srv(ordered(&servers, rng).into_iter().cloned().collect())
            }
            other => other,
        };
        self.known.push((question, records));
    }

    /// Waits for nothing any more.
    pub(super) fn give_up(&mut self) {
        self.over = true;
    }

    /// Goes as far as the answers allow.
    pub(super) fn step(&self) -> Step {
        let mut walk = Walk {
            search: self,
            missing: Vec::new(),
            failed: false,
        };
        let mut targets = Targets::new();
        let mut error = None;
        for hop in &self.hops {
            match hop {
                Ok(hop) => {
                    let found = walk.follow(hop, &mut targets);
                    error = error.or(found.err());
                }
                Err(wrong) => error = error.or(Some(wrong.clone())),
            }
        }
        if !walk.missing.is_empty() {
            return Step::Ask(walk.missing);
        }
        if targets.is_empty() {
            return Step::Done(Err(error.unwrap_or(LocateError::Busy)));
        }
        targets.truncate(MAX_TARGETS);
        Step::Done(Ok(targets))
    }
}

/// One walk through the rules.
struct Walk<'a> {
    search: &'a Search,
    missing: Vec<Question>,
    /// Whether an answer that would have mattered did not come.
    failed: bool,
}

impl Walk<'_> {
    /// Adds what one URI leads to. What it returns counts only if nothing is missing.
    fn follow(&mut self, hop: &Hop, targets: &mut Targets) -> Result<(), LocateError> {
        let name = match &hop.host {
            Host::Name(name) => domain(name).ok_or_else(|| LocateError::Name(name.clone()))?,
            Host::V4(ip) => return self.numeric(hop, (*ip).into(), targets),
            Host::V6(ip) => return self.numeric(hop, (*ip).into(), targets),
        };
        let before = targets.len();
        self.failed = false;
        if let Some(port) = hop.port {
            self.addresses(hop, hop.transports[0], &name, port, targets);
        } else {
            self.services(hop, &name, targets)?;
        }
        match (targets.len() > before, self.failed) {
            (true, _) => Ok(()),
            (false, true) => Err(LocateError::NoAnswer(name)),
            (false, false) => Err(LocateError::NoAddress(name)),
        }
    }

    /// A numeric address: no questions.
    fn numeric(&mut self, hop: &Hop, ip: IpAddr, targets: &mut Targets) -> Result<(), LocateError> {
        let reach = self.search.reach;
        let mut usable = hop.transports.iter().filter(|one| reach.covers(**one, ip));
        let transport = *usable.next().ok_or(LocateError::Family(ip))?;
        let port = hop.port.unwrap_or(default_port(transport));
        add(hop, transport, SocketAddr::new(ip, port), targets);
        Ok(())
    }

    /// A name without a port: NAPTR, else SRV, else addresses.
    fn services(
        &mut self,
        hop: &Hop,
        name: &str,
        targets: &mut Targets,
    ) -> Result<(), LocateError> {
        if !hop.explicit {
            let Some(records) = self.ask(name, RecordType::Naptr) else {
                return Ok(());
            };
            if let Records::Naptr(records) = records
                && let Some(chosen) = chosen_services(&records, hop)
            {
                if chosen.is_empty() {
                    return Err(LocateError::NotOffered(name.to_owned()));
                }
                for (transport, record) in chosen {
                    self.service(hop, transport, record, targets);
                }
                return Ok(());
            }
        }
        let mut refused = SmallVec::<[Transport; 4]>::new();
        let mut found = false;
        for transport in hop.transports.iter().copied() {
            let service = format!("{}.{name}", service_prefix(transport));
            match self.ask(&service, RecordType::Srv) {
                Some(Records::Srv(records)) if is_refusal(&records) => refused.push(transport),
                Some(Records::Srv(records)) => {
                    found = true;
                    self.servers(hop, transport, &records, targets);
                }
                _ => {}
            }
        }
        if found || !self.missing.is_empty() {
            return Ok(());
        }
        let mut left = hop.transports.iter().filter(|one| !refused.contains(one));
        let Some(transport) = left.next().copied() else {
            return Err(LocateError::NotOffered(name.to_owned()));
        };
        self.addresses(hop, transport, name, default_port(transport), targets);
        Ok(())
    }

    /// What one NAPTR record leads to.
    fn service(&mut self, hop: &Hop, transport: Transport, record: &Naptr, targets: &mut Targets) {
        if record.flags.eq_ignore_ascii_case("a") {
            let port = default_port(transport);
            return self.addresses(hop, transport, &record.replacement, port, targets);
        }
        if let Some(Records::Srv(servers)) = self.ask(&record.replacement, RecordType::Srv)
            && !is_refusal(&servers)
        {
            self.servers(hop, transport, &servers, targets);
        }
    }

    fn servers(&mut self, hop: &Hop, transport: Transport, servers: &[Srv], targets: &mut Targets) {
        for server in servers {
            self.addresses(hop, transport, &server.target, server.port, targets);
        }
    }

    /// The addresses of a host, IPv6 first, of the families there are sockets for.
    fn addresses(
        &mut self,
        hop: &Hop,
        transport: Transport,
        name: &str,
        port: u16,
        targets: &mut Targets,
    ) {
        let reach = self.search.reach;
        let families = [
            (reach.has_ipv6(transport), RecordType::Aaaa),
            (reach.has_ipv4(transport), RecordType::A),
        ];
        for (_, kind) in families.into_iter().filter(|(usable, _)| *usable) {
            let Some(Records::Addresses(addresses)) = self.ask(name, kind) else {
                continue;
            };
            for ip in addresses.iter().filter(|ip| reach.covers(transport, **ip)) {
                add(hop, transport, SocketAddr::new(*ip, port), targets);
            }
        }
    }

    /// The answer to a question if it is known; otherwise it is noted. A name that cannot be asked for
    /// has no records.
    fn ask(&mut self, name: &str, kind: RecordType) -> Option<Records> {
        let name: Arc<str> = match domain(name) {
            Some(name) => name.into(),
            None => return Some(Records::None),
        };
        let question = Question { name, kind };
        let known = &self.search.known;
        let answer = known.iter().find(|(known, _)| *known == question);
        let records = match answer {
            Some((_, records)) => records.clone(),
            None if self.search.over => Records::Failed,
            None if known.len() + self.missing.len() >= MAX_QUESTIONS => Records::None,
            None => {
                if !self.missing.contains(&question) {
                    self.missing.push(question);
                }
                return None;
            }
        };
        self.failed |= records == Records::Failed;
        Some(records)
    }
}

fn add(hop: &Hop, transport: Transport, address: SocketAddr, targets: &mut Targets) {
    let known = |target: &Target| target.transport == transport && target.address == address;
    if targets.len() >= MAX_TARGETS || targets.iter().any(known) {
        return;
    }
    let server_name = is_secure(transport).then(|| hop.server_name.clone());
    targets.push(Target {
        transport,
        address,
        server_name: server_name.flatten(),
    });
}

/// The records to follow: those of our transports with the lowest order, by preference (RFC 3263 §4.1,
/// RFC 3403 §4.1). `None` if no record is about SIP.
fn chosen_services<'a>(records: &'a [Naptr], hop: &Hop) -> Option<Vec<(Transport, &'a Naptr)>> {
    let is_sip = |record: &&Naptr| {
        let services = record.services.to_ascii_uppercase();
        services.starts_with("SIP+") || services.starts_with("SIPS+")
    };
    records.iter().find(is_sip)?;
    let terminal = |record: &Naptr| {
        let flags = &record.flags;
        let known = flags.eq_ignore_ascii_case("s") || flags.eq_ignore_ascii_case("a");
        known && !record.has_regexp && !record.replacement.is_empty()
    };
    let mut usable: Vec<_> = records
        .iter()
        .filter(|record| terminal(record))
        .filter_map(|record| Some((service_transport(&record.services)?, record)))
        .filter(|(transport, _)| hop.transports.contains(transport))
        .collect();
    usable.sort_by_key(|(_, record)| (record.order, record.preference));
    let lowest = usable.first().map(|(_, record)| record.order);
    usable.retain(|(_, record)| Some(record.order) == lowest);
    Some(usable)
}

/// RFC 3263 §4.1, RFC 7118 §4.
fn service_transport(services: &str) -> Option<Transport> {
    let known = [
        ("SIP+D2U", Transport::Udp),
        ("SIP+D2T", Transport::Tcp),
        ("SIPS+D2T", Transport::Tls),
        ("SIP+D2W", Transport::Ws),
        ("SIPS+D2W", Transport::Wss),
    ];
    let found = known
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(services));
    found.map(|(_, transport)| *transport)
}

/// RFC 3263 §4.1, RFC 7118 §4.
fn service_prefix(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
        Transport::Sctp => "_sip._sctp",
        Transport::TlsSctp => "_sips._sctp",
    }
}

/// RFC 2782: a target of "." says that the service is not there.
fn is_refusal(servers: &[Srv]) -> bool {
    matches!(servers, [only] if only.target.is_empty())
}

/// A domain name as it is asked for: lower case, without the dot at its end. `None` if it is none
/// (RFC 1035 §2.3.4).
fn domain(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.is_ascii();
    (name.len() <= 253 && name.split('.').all(is_label)).then(|| name.to_ascii_lowercase())
}
