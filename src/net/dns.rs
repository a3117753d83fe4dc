//! Asks the DNS what the core wants to know.
//!
//! [`Dns`] is the system's resolver configuration, or the servers of `[dns]`, behind the small trait
//! [`Resolver`], so that a test can answer instead. Each question runs in a task of its own and always ends
//! with an answer, within [`QUESTION_LIMIT`] from when it is asked. Answers are kept by the core
//! ([`Locator`](crate::sip::locate::Locator)), not here.
//!
//! Names are absolute: search domains of the system are not tried. A name that `/etc/hosts` has (it is read
//! when the server starts) has the addresses that stand there and nothing else; `localhost` is this machine
//! (RFC 6761 §6.3).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::{Duration, Instant};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, RecordType as DnsType};
use hickory_resolver::{Hosts, TokioResolver};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::sip::locate::{Answer, MAX_RECORDS, Naptr, Question, RecordType, Srv};

/// How long one question may take, with all its repetitions, and before that wait for its turn.
pub const QUESTION_LIMIT: Duration = Duration::from_secs(4);
/// How long one server may take before it, or the next one, is asked again.
const SERVER_LIMIT: Duration = Duration::from_millis(1300);
/// Questions that are out at one time; others wait for their turn.
const AT_ONCE: usize = 512;
/// How long it is believed that there is nothing, if the answer does not say (RFC 2308 §5).
const NEGATIVE_TTL: Duration = Duration::from_secs(60);

/// Something that answers questions.
pub trait Resolver: fmt::Debug + Send + Sync {
    /// Answers one question. Has to end in a time of seconds.
    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
}

/// See the module's documentation.
pub struct Dns {
    resolver: Option<TokioResolver>,
    hosts: Hosts,
    permits: Semaphore,
}

impl Dns {
    /// A resolver that asks `servers`, or those of the system if there are none. Needs a tokio runtime.
    pub fn new(servers: &[SocketAddr]) -> Self {
        let resolver = build(servers).inspect_err(|error| {
            tracing::warn!(%error, "no name server: host names cannot be looked up, see [dns] servers");
        });
        let hosts = Hosts::from_system().unwrap_or_else(|error| {
            tracing::info!(%error, "the system's table of hosts cannot be read");
            Hosts::default()
        });
        Self {
            resolver: resolver.ok(),
            hosts,
            permits: Semaphore::new(AT_ONCE),
        }
    }

    async fn look_up(&self, question: &Question) -> Answer {
        let Ok(name) = Name::from_ascii(format!("{}.", question.name)) else {
            return Answer::none(NEGATIVE_TTL);
        };
        if let Some(answer) = self.in_hosts(&name, question.kind) {
            return answer;
        }
        let Some(resolver) = &self.resolver else {
            return Answer::failed();
        };
        // That others are slow is not held against this one.
        let Ok(Ok(_permit)) = timeout(QUESTION_LIMIT, self.permits.acquire()).await else {
            return out_of_time(question);
        };
        let lookup = resolver.lookup(name, dns_type(question.kind));
        let Ok(outcome) = timeout(QUESTION_LIMIT, lookup).await else {
            return out_of_time(question);
        };
        match outcome {
            Ok(lookup) => read(&lookup, question.kind),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let ttl = none.negative_ttl.map(u64::from);
                Answer::none(ttl.map_or(NEGATIVE_TTL, Duration::from_secs))
            }
            Err(error) => {
                tracing::info!(name = %question.name, kind = ?question.kind, %error, "the DNS does not answer");
                Answer::failed()
            }
        }
    }

    /// What the table of hosts says of a name, or of the name that a service is of.
    fn in_hosts(&self, name: &Name, kind: RecordType) -> Option<Answer> {
        let host = match kind {
            RecordType::Srv => name.trim_to(usize::from(name.num_labels()).saturating_sub(2)),
            _ => name.clone(),
        };
        let find = |kind| {
            let found = self
                .hosts
                .lookup_static_host(&Query::query(host.clone(), kind));
            found.map(|lookup| addresses(&lookup))
        };
        let (v4, v6) = (find(DnsType::A), find(DnsType::AAAA));
        if v4.is_none() && v6.is_none() {
            return None;
        }
        let found = match kind {
            RecordType::A => v4,
            RecordType::Aaaa => v6,
            RecordType::Naptr | RecordType::Srv => None,
        };
        Some(match found {
            Some(found) => Answer::addresses(found, NEGATIVE_TTL),
            None => Answer::none(NEGATIVE_TTL),
        })
    }
}

impl Resolver for Dns {
    fn ask<'a>(
        &'a self,
        question: &'a Question,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.look_up(question))
    }
}

fn out_of_time(question: &Question) -> Answer {
    tracing::info!(name = %question.name, kind = ?question.kind, "the DNS does not answer in time");
    Answer::failed()
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

fn build(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = match servers {
        [] => TokioResolver::builder_tokio()?,
        _ => {
            let servers = servers.iter().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = SERVER_LIMIT;
    options.attempts = 2;
    options.cache_size = 0;
    builder.build()
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn dns_type(kind: RecordType) -> DnsType {
    match kind {
        RecordType::Naptr => DnsType::NAPTR,
        RecordType::Srv => DnsType::SRV,
        RecordType::A => DnsType::A,
        RecordType::Aaaa => DnsType::AAAA,
    }
}

/// The records of the wanted kind; an answer also has the aliases that led to them.
fn read(lookup: &Lookup, kind: RecordType) -> Answer {
    let ttl = lookup
        .valid_until()
        .saturating_duration_since(Instant::now());
    let data = lookup.answers().iter().map(|record| &record.data);
    match kind {
        RecordType::A | RecordType::Aaaa => Answer::addresses(addresses(lookup), ttl),
        RecordType::Srv => {
            let servers = data.filter_map(|data| match data {
                RData::SRV(srv) => Some(Srv {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: text(&srv.target),
                }),
                _ => None,
            });
            Answer::srv(servers, ttl)
        }
        RecordType::Naptr => {
            let services = data.filter_map(|data| match data {
                RData::NAPTR(naptr) => Some(Naptr {
                    order: naptr.order,
                    preference: naptr.preference,
                    flags: String::from_utf8_lossy(&naptr.flags).into(),
                    services: String::from_utf8_lossy(&naptr.services).into(),
                    has_regexp: !naptr.regexp.is_empty(),
                    replacement: text(&naptr.replacement),
                }),
                _ => None,
            });
            Answer::naptr(services, ttl)
        }
    }
}

fn addresses(lookup: &Lookup) -> Vec<IpAddr> {
    let data = lookup.answers().iter().map(|record| &record.data);
    data.filter_map(RData::ip_addr).take(MAX_RECORDS).collect()
}

/// A name without the dot at its end; the root is empty.
fn text(name: &Name) -> Box<str> {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).into()
}
