//! The configuration: TOML text and `--set` overrides to one typed [`Config`], once, at start.
//!
//! Driven by `main` through [`load`], which reads the file; everything else here is pure and works on
//! text. Every key is optional. Nothing is checked later: what a [`Config`] holds is in range, and all
//! that is wrong with a file is reported together ([`ConfigErrors`]), each finding with its place, what
//! was expected, what was found and what to write instead.
//!
//! The keys live in `schema.rs`, their types, units and defaults in [`Config`] and its sections. The
//! choice of an application for a call ([`ApplicationSelector`]) is here too, because it is nothing but
//! two settings applied to a request.
//!
//! This module opens no socket, looks up no name and does not test whether a path exists; the parts
//! that use a path do.

mod app_mapping;
mod app_selection;
mod auth;
mod error;
mod file;
mod monitoring;
mod overrides;
mod parse;
mod reader;
mod registration;
mod reload;
mod schema;
mod settings;
mod sip_values;
mod tree;
mod values;

pub use app_mapping::{AppMapping, MAX_RULES, MappingError, MappingErrors, MappingProblem};
pub use app_selection::{ApplicationSelector, NoApplication, SelectionInput};
pub use auth::Auth;
pub use error::{ConfigError, ConfigErrors, Location, Problem};
pub use file::{LoadError, load, load_password, load_requests, load_selector, load_users};
pub use monitoring::{Callee, Caller, MonitorSelect, Monitoring, MonitoringUse};
pub use registration::ConfiguredAccount;
pub use settings::{
    App, ApplicationSettings, Audio, Codec, Config, Connections, DialOut, Dns, Dsm, Dtmf, Http,
    Limits, Log, Media, Rtp, Shutdown, Sip, Sys, Tls, WebSocket,
};
pub use sip_values::{NameServer, NextHop, ProxyUri};
pub use values::{
    ApplicationRule, ClientCertificates, DialPin, DigitDetection, DigitSending, HostName, Listen,
    ListenTransport, LogFormat, LogLevel, PortRange, Setting,
};
