//! SIPp calls, as `scenarios` say.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::tool;
use crate::support::process::{Folder, PATIENCE, Process, ServerProcess, free_port, free_ports};
use crate::support::server::project_root;

/// Hangs up by itself.
pub const SHORT: &str = r#"
initial state START;
state TALK enter { playSilence(200); };
state END;
transition "answered" START - sessionStart -> TALK;
transition "said it" TALK - noAudio / stop(true); -> END;
transition "they left" (START, TALK, END) - hangup / stop(false); -> END;
"#;

/// Never answers, which gives a caller time to cancel.
const RINGS: &str = r#"
import(mod_dlg);
initial state START;
state RING;
state END;
transition "rings" START - invite / dlg.reply(180, Ringing); -> RING;
transition "they left" (START, RING, END) - hangup / stop(false); -> END;
"#;

pub struct Plan<'a> {
    pub scenario: &'a str,
    pub user: &'a str,
    pub calls: u32,
    pub calls_per_second: u32,
    pub transport: &'a str,
    /// The longest that all calls may take.
    pub patience: Duration,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            scenario: "call",
            user: "demo",
            calls: 1,
            calls_per_second: 1,
            transport: "u1",
            patience: PATIENCE,
        }
    }
}

impl Plan<'_> {
    /// Calls, and fails unless every call went as the scenario says.
    pub fn carry_out(&self, server: SocketAddr) {
        let scenarios = project_root().join("tests/interop/scenarios");
        let scenario = scenarios.join(self.scenario).with_extension("xml");
        Sipp::start(&scenario, server.ip(), |sipp| {
            sipp.arg(server.to_string());
            sipp.args(["-s", self.user, "-t", self.transport]);
            sipp.args(["-m", &self.calls.to_string()]);
            sipp.args(["-r", &self.calls_per_second.to_string()]);
        })
        .succeeds(self.patience);
    }
}

/// A running SIPp.
pub struct Sipp {
    process: Process,
    /// Where it listens, and where what it hears goes.
    pub port: u16,
    scenario: PathBuf,
    folder: Folder,
}

impl Sipp {
    /// Starts it on free ports; `more` are further arguments.
    pub fn start(scenario: &Path, ip: IpAddr, more: impl FnOnce(&mut Command)) -> Self {
        let folder = Folder::new(&[]);
        let port = free_port();
        let mut sipp = tool("sipp", "sip-tester");
        sipp.arg("-sf").arg(scenario);
        sipp.args(["-i", &ip.to_string(), "-p", &port.to_string()]);
        sipp.args(["-cp", &free_port().to_string()]);
        // It takes the next even port for video, which nobody else may get.
        sipp.args(["-mp", &free_ports(2).to_string()]);
        sipp.args(["-nostdin", "-trace_err", "-error_file"]);
        sipp.arg(folder.file("errors.log"));
        sipp.current_dir(folder.path());
        more(&mut sipp);
        Self {
            process: Process::start(&mut sipp),
            port,
            scenario: scenario.to_owned(),
            folder,
        }
    }

    /// Waits for its end; fails unless every call went as the scenario says.
    pub fn succeeds(self, patience: Duration) {
        let ended = self.process.ended_within(patience);
        if !ended.status.success() {
            let errors = std::fs::read_to_string(self.folder.file("errors.log"));
            let (name, errors) = (self.scenario.display(), errors.unwrap_or_default());
            panic!("{name}: {}\n{errors}", ended.text());
        }
    }
}

/// Answers texts.
const CHAT: &str = r#"
import(mod_dlg);
initial state START;
transition "a text" START - sipRequest(#body == hello*) / { dlg.reply(202); stop(false); } -> START;
"#;

#[test]
fn texts_for_a_diagram() {
    let folder = Folder::new(&[("chat.dsm", CHAT)]);
    let takes = "requests.message=\"$(ruri.user)\"";
    let server = ServerProcess::start(&["--set", &folder.as_setting("dsm.path"), "--set", takes]);
    for transport in ["u1", "t1"] {
        Plan {
            scenario: "message",
            user: "chat",
            calls: 50,
            calls_per_second: 50,
            transport,
            ..Plan::default()
        }
        .carry_out(server.address);
    }
    server.stop();
}

/// Subscribes, and ends that when it is pending.
const WATCH: &str = r#"
import(mod_subscription);
initial state START;
transition "up" START - startup / {
  set($s.domain=$config.domain);
  set($s.user=mailbox);
  set($s.from_user=desk);
  set($s.event=message-summary);
  set($s.auth_user=desk);
  set($s.pwd=secret);
  subscription.create(s);
} -> START;
transition "pending" START - subscription(#status == pending) / subscription.remove($s.handle) -> START;
transition "told" START - subscription / warn("status #status body <#(body)> why #subscription_reason") -> START;
transition "end" START - system / stop(false) -> START;
"#;

#[test]
fn a_subscription_to_a_notifier() {
    let folder = Folder::new(&[("watch.dsm", WATCH)]);
    let port = free_port();
    let scenario = project_root().join("tests/interop/scenarios/notifier.xml");
    let mut sipp = tool("sipp", "sip-tester");
    sipp.arg("-sf")
        .arg(scenario)
        .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-m", "1"])
        .args(["-cp", &free_port().to_string()])
        .args(["-mp", &free_ports(2).to_string()])
        .args(["-timeout", "25s", "-timeout_error", "-nostdin"])
        .current_dir(folder.path());
    let sipp = Process::start(&mut sipp);
    let domain = format!("application.watch.domain=\"127.0.0.1:{port}\"");
    let mut server = ServerProcess::start(&[
        "--set",
        &folder.as_setting("dsm.path"),
        "--set",
        "dsm.run_system_dsms=[\"watch\"]",
        "--set",
        &domain,
    ]);
    server
        .process
        .line("status active body <Messages-Waiting: yes");
    server.process.line("status terminated body <> why timeout");
    let ended = sipp.ended();
    assert!(ended.status.success(), "{}", ended.text());
    server.stop();
}

#[test]
fn two_hundred_calls_at_100_a_second() {
    let server = ServerProcess::start(&[]);
    Plan {
        calls: 200,
        calls_per_second: 100,
        ..Plan::default()
    }
    .carry_out(server.address);
    server.stop();
}

#[test]
fn calls_over_one_tcp_connection() {
    let server = ServerProcess::start(&[]);
    Plan {
        calls: 50,
        calls_per_second: 50,
        transport: "t1",
        ..Plan::default()
    }
    .carry_out(server.address);
    server.stop();
}

#[test]
fn calls_over_ipv6() {
    let server = ServerProcess::start_on("[::1]", &[]);
    for transport in ["u1", "t1"] {
        Plan {
            calls: 10,
            calls_per_second: 50,
            transport,
            ..Plan::default()
        }
        .carry_out(server.address);
    }
    server.stop();
}

#[test]
fn calls_that_the_server_ends() {
    let folder = Folder::new(&[("short.dsm", SHORT)]);
    let server = ServerProcess::start(&["--set", &folder.as_setting("dsm.path")]);
    for transport in ["u1", "t1"] {
        Plan {
            scenario: "hung_up_by_server",
            user: "short",
            calls: 20,
            calls_per_second: 50,
            transport,
            ..Plan::default()
        }
        .carry_out(server.address);
    }
    server.stop();
}

#[test]
fn a_cancelled_call() {
    let folder = Folder::new(&[("rings.dsm", RINGS)]);
    let server = ServerProcess::start(&["--set", &folder.as_setting("dsm.path")]);
    Plan {
        scenario: "cancel",
        user: "rings",
        ..Plan::default()
    }
    .carry_out(server.address);
    server.stop();
}

#[test]
fn calls_to_nobody() {
    let server = ServerProcess::start(&[]);
    Plan {
        scenario: "refused",
        user: "nobody",
        calls: 20,
        calls_per_second: 50,
        ..Plan::default()
    }
    .carry_out(server.address);
    server.stop();
}

#[test]
fn held_and_resumed_calls() {
    let server = ServerProcess::start(&[]);
    Plan {
        scenario: "hold",
        calls: 20,
        calls_per_second: 50,
        ..Plan::default()
    }
    .carry_out(server.address);
    server.stop();
}

#[test]
fn options() {
    let server = ServerProcess::start(&[]);
    Plan {
        scenario: "options",
        calls: 20,
        calls_per_second: 50,
        ..Plan::default()
    }
    .carry_out(server.address);
    server.stop();
}
