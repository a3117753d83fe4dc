//! The actions, and the target they share.

use std::sync::OnceLock;

use muleteer_sdk::module::*;

use crate::config::{self, Config};
use crate::message::{self, FACILITIES, Sender};
use crate::target::{self, Address, Target};

const LEVEL: Parameter = need("level", Kind::Value);
const TEXT: Parameter = need("text", Kind::Template);

pub const WRITE: Action = action("log.write", write)
    .doc(
        "Sends a message to syslog. The level is that of `log`, 0 to 3, or a name of syslog from emerg to debug.",
    )
    .parameters(&[LEVEL, TEXT])
    .errno(&["arg", "general"])
    .example(Example {
        code: "log.write(loud, hello)",
        expect: &[("errno", "arg")],
    });

pub const WRITE_TO: Action = action("log.writeTo", write_to)
    .doc("The same with a facility, such as local0 or daemon.")
    .parameters(&[need("facility", Kind::Value), LEVEL, TEXT])
    .errno(&["arg", "general"])
    .example(Example {
        code: "log.writeTo(nowhere, info, hello)",
        expect: &[("errno", "arg")],
    });

struct Syslog {
    config: Config,
    sender: Sender,
    target: Target,
}

static SYSLOG: OnceLock<Syslog> = OnceLock::new();

/// Reads the configuration and opens the socket.
pub fn load(host: &Host) -> Result<(), String> {
    let config = config::read(host.config())?;
    let target = Target::open(&config.target).map_err(|error| format!("[module.log]: {error}"))?;
    let sender = Sender {
        ident: config.ident.clone(),
        host: target::host_name(),
        process: std::process::id(),
    };
    let syslog = Syslog {
        config,
        sender,
        target,
    };
    SYSLOG.set(syslog).map_err(|_| "loaded twice".to_owned())
}

fn write(_: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let syslog = syslog()?;
    send(syslog, syslog.config.facility, args.text(0), args.text(1))
}

fn write_to(_: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let name = args.text(0);
    let facility = message::facility(name).ok_or_else(|| {
        let known = FACILITIES.join(" ");
        Failure::errno("arg", format!("the facility {name:?} is none of {known}"))
    })?;
    send(syslog()?, facility, args.text(1), args.text(2))
}

fn syslog() -> Result<&'static Syslog, Failure> {
    let missing = || Failure::errno("general", "mod_log was not loaded");
    SYSLOG.get().ok_or_else(missing)
}

fn send(syslog: &Syslog, facility: u8, level: &str, text: &str) -> Result<Flow, Failure> {
    let severity = message::severity(level.trim()).ok_or_else(|| {
        let expected = "expected 0 to 3, or a name such as err, warning, info";
        Failure::errno("arg", format!("the level is {level:?}: {expected}"))
    })?;
    let message = match &syslog.config.target {
        Address::Local(_) => syslog.sender.local(facility, severity, text),
        Address::Remote(_) => {
            let time = target::time();
            syslog.sender.remote(facility, severity, &time, text)
        }
    };
    let sent = syslog.target.send(&message);
    sent.map_err(|error| Failure::errno("general", format!("syslog: {error}")))?;
    Ok(Flow::Next)
}
