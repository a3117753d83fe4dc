//! `mod_log`: messages of diagrams to syslog. `README.md` says what it does.

mod actions;
mod config;
mod message;
mod target;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_log",
    doc: "Messages to syslog, of this machine or another one.",
    load: actions::load,
    actions: [actions::WRITE, actions::WRITE_TO],
}
