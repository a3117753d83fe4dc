//! Values of options: read, or refused with what was expected.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::config::Setting;
use crate::dsm::diagnostic::Code;
use crate::dsm::{Diagnostic, Severity};
use crate::sip::message::Uri;

/// Findings that are to be errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// All from this severity up.
    From(Severity),
    /// Those of one code.
    Code(&'static str),
}

impl Denied {
    pub(super) fn parse(text: &str) -> Result<Self, UnknownCode> {
        match text {
            "warnings" => Ok(Denied::From(Severity::Warning)),
            "notes" => Ok(Denied::From(Severity::Note)),
            _ => code(text).map(|code| Denied::Code(code.name)),
        }
    }

    /// Whether a finding is among them.
    pub fn covers(self, finding: &Diagnostic) -> bool {
        match self {
            Denied::From(severity) => finding.severity >= severity,
            Denied::Code(code) => finding.code == code,
        }
    }
}

/// No finding has this code.
#[derive(Debug, thiserror::Error)]
#[error("there is no such code{}", .near.map(|near| format!(", did you mean '{near}'?")).unwrap_or_default())]
pub struct UnknownCode {
    near: Option<&'static str>,
}

pub(super) fn code(name: &str) -> Result<&'static Code, UnknownCode> {
    let near = || Code::nearest(name);
    Code::find(name).ok_or_else(|| UnknownCode { near: near() })
}

pub(super) fn setting<T: Setting>(text: &str) -> Result<T, String> {
    T::parse(text).ok_or_else(|| format!("expected {}", T::EXPECTED))
}

pub(super) fn uri(text: &str) -> Result<Uri, String> {
    Uri::parse(text)
        .map_err(|error| format!("{error}; write sip:USER@HOST, as in sip:echo@127.0.0.1"))
}

pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    let named = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = named.ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn jobs(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "expected a number from 1")
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    const LONGEST: f64 = 86_400.0;
    let seconds: Option<f64> = text.parse().ok().filter(|s| *s > 0.0 && *s <= LONGEST);
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("expected seconds, more than 0 and up to {LONGEST}, as in 2.5"))
}

/// An address with port 0, which lets the kernel choose, unless the text names one.
pub(super) fn local_address(text: &str) -> Result<SocketAddr, String> {
    let without_port = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    text.parse()
        .or_else(|_| without_port())
        .map_err(|_| "expected ADDRESS or ADDRESS:PORT, as in 192.0.2.7:5080".to_owned())
}
