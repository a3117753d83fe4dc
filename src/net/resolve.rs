//! From a SIP URI to an address (RFC 3263 §4 without NAPTR and SRV).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::{IpAddr, SocketAddr};

use crate::sip::message::{Host, Transport, Uri};
use crate::sip::transport::DEFAULT_PORT;

/// Where a URI points before its host name is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) transport: Transport,
    pub(super) host: TargetHost,
    pub(super) port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TargetHost {
    Address(IpAddr),
    Name(String),
}

/// Why a URI cannot be reached.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum ResolveError {
    #[error("only sip: URIs can be called, not {0}")]
    Scheme(String),
    #[error("{0} is not available: this server speaks UDP and TCP")]
    Transport(String),
    #[error("no address for host {0}")]
    NoAddress(String),
}

/// Reads transport, host and port off `uri`.
pub(super) fn target(uri: &Uri) -> Result<Target, ResolveError> {
    let Uri::Sip(sip) = uri else {
        return Err(ResolveError::Scheme(uri.to_string()));
    };
    if sip.secure {
        return Err(ResolveError::Transport("sips (TLS)".to_owned()));
    }
    let transport = match sip.params.get("transport") {
        None => Transport::Udp,
        Some(name) if name.eq_ignore_ascii_case("udp") => Transport::Udp,
        Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
        Some(name) => return Err(ResolveError::Transport(name.to_owned())),
    };
    let host = match &sip.host {
        Host::V4(ip) => TargetHost::Address((*ip).into()),
        Host::V6(ip) => TargetHost::Address((*ip).into()),
        Host::Name(name) => TargetHost::Name(name.clone()),
    };
    Ok(Target {
        transport,
        host,
        port: sip.port.unwrap_or(DEFAULT_PORT),
    })
}

/// Looks a host name up. `ipv4` and `ipv6` say which families the server has sockets for.
pub(super) async fn look_up(
    name: &str,
    port: u16,
    ipv4: bool,
    ipv6: bool,
) -> Result<SocketAddr, ResolveError> {
    let fail = || ResolveError::NoAddress(name.to_owned());
    let addresses = tokio::net::lookup_host((name, port))
        .await
        .map_err(|_| fail())?;
    let mut usable = addresses.filter(|a| if a.is_ipv4() { ipv4 } else { ipv6 });
    usable.next().ok_or_else(fail)
}
