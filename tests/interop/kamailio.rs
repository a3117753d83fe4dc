//! Kamailio in front of two servers, with the configuration that is shipped as an example.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;

use super::sipp::{Plan, SHORT};
use super::tool;
use crate::support::audio;
use crate::support::process::{
    Ended, Folder, PATIENCE, Process, ServerProcess, free_port, muleteer,
};
use crate::support::server::project_root;

/// Says something and hangs up, if the proxy told who calls.
const KNOWN: &str = r#"
initial state START;
state TALK enter { playSilence(200); };
state END;
transition "the proxy told who calls" START - sessionStart; test($caller == sipp) -> TALK;
transition "said it" TALK - noAudio / stop(true); -> END;
transition "they left" (START, TALK, END) - hangup / stop(false); -> END;
"#;

/// Goes on when the server is to stop.
const LOYAL: &str = r#"
initial state TALK enter { playSilence(60000); };
state END;
transition "asked to end" TALK - system / log(2, "going on"); -> TALK;
transition "they left" TALK - hangup / stop(false); -> END;
"#;

/// Lets it ring until the caller gives up.
const RINGING: &str = r#"
import(mod_dlg);
initial state START;
state RINGING;
transition "a call" START - invite / dlg.reply(180, Ringing); -> RINGING;
transition "they gave up" (START, RINGING) - hangup / stop(false); -> RINGING;
"#;

/// A proxy with two servers behind it.
struct Site {
    proxy: Process,
    address: SocketAddr,
    servers: [ServerProcess; 2],
    _folder: Folder,
}

impl Site {
    fn start(settings: &[&str]) -> Self {
        let mut arguments = vec!["--set", "app.application=$(apphdr)"];
        arguments.extend(["--set", "dsm.set_param_variables=true"]);
        arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
        let servers = [
            ServerProcess::start(&arguments),
            ServerProcess::start(&arguments),
        ];
        let list = servers
            .each_ref()
            .map(|server| format!("1 sip:{} 0 0\n", server.address));
        let folder = Folder::new(&[("dispatcher.list", &list.concat())]);
        let address = format!("127.0.0.1:{}", free_port());
        let mut kamailio = tool("kamailio", "kamailio");
        kamailio
            .arg("-f")
            .arg(project_root().join("conf/examples/kamailio/kamailio.cfg"))
            // In the foreground, what it logs to standard error, little memory, its files in the folder.
            .args(["-DD", "-E", "-m", "32", "-M", "8", "-Y"])
            .arg(folder.path())
            .args([
                "-A",
                &format!("PROXY_LISTEN=udp:{address}"),
                "-A",
                "PROBE_S=1",
                "-A",
            ])
            .arg(format!("SERVERS={:?}", folder.file("dispatcher.list")));
        let proxy = Process::start_with_children(&mut kamailio);
        let address = address.parse().expect("an address");
        // It repeats what it sends before the proxy listens.
        Plan {
            scenario: "options",
            ..Plan::default()
        }
        .carry_out(address);
        Self {
            proxy,
            address,
            servers,
            _folder: folder,
        }
    }

    fn plan<'a>(&self, scenario: &'a str, user: &'a str) -> Plan<'a> {
        Plan {
            scenario,
            user,
            calls: 20,
            calls_per_second: 50,
            ..Plan::default()
        }
    }

    fn stop(self) {
        drop(self.proxy);
        for server in self.servers {
            server.stop();
        }
    }
}

/// What a server logs for each call.
const CALL_TAKEN: &str = "pool: call from=";

/// How many calls a server that has ended took.
fn calls_taken(ended: &Ended) -> usize {
    ended.text().matches(CALL_TAKEN).count()
}

#[test]
fn calls_reach_their_application_and_both_servers_take_some() {
    let site = Site::start(&[]);
    site.plan("call", "demo").carry_out(site.address);
    site.plan("refused", "nobody").carry_out(site.address);
    drop(site.proxy);
    let taken = site.servers.map(|server| calls_taken(&server.stop()));
    assert_eq!(taken[0] + taken[1], 20);
    assert!(taken.iter().all(|calls| *calls > 0), "{taken:?}");
}

#[test]
fn a_caller_hears_the_menu_through_the_proxy() {
    let site = Site::start(&[]);
    let folder = Folder::new(&[]);
    let heard = folder.file("heard.wav");
    let mut call = muleteer();
    call.arg("call").arg(format!("sip:demo@{}", site.address));
    call.arg("--record").arg(&heard).args(["--duration", "8"]);
    Process::start(&mut call)
        .ended()
        .expect_code(0)
        .expect("answered");
    let menu = audio::wav(&project_root().join("audio/demo/menu.wav"));
    let at = audio::position_of(&menu, &audio::wav(&heard));
    assert!(at < 0.5, "{at}");
    site.stop();
}

#[test]
fn requests_within_calls_go_both_ways() {
    let folder = Folder::new(&[("short.dsm", SHORT)]);
    let site = Site::start(&[&folder.as_setting("dsm.path")]);
    site.plan("hung_up_by_server", "short")
        .carry_out(site.address);
    site.stop();

    let site = Site::start(&[]);
    site.plan("hold", "demo").carry_out(site.address);
    site.stop();
}

/// Diagrams make no re-INVITE, so it is a refresh, which comes after 45 seconds: half of the shortest interval that
/// RFC 4028 allows.
#[test]
fn a_refresh_of_the_server_goes_through_the_proxy() {
    let folder = Folder::new(&[("loyal.dsm", LOYAL)]);
    let site = Site::start(&[&folder.as_setting("dsm.path")]);
    let plan = Plan {
        patience: Duration::from_secs(45) + PATIENCE,
        ..site.plan("refreshed_by_server", "loyal")
    };
    plan.carry_out(site.address);
    drop(site.proxy);
    let taken = site.servers.map(|server| calls_taken(&server.stop()));
    // No call was lost and begun anew.
    assert_eq!(taken[0] + taken[1], 20);
}

#[test]
fn what_a_caller_claims_of_applications_does_not_count() {
    let folder = Folder::new(&[("known.dsm", KNOWN)]);
    let site = Site::start(&[&folder.as_setting("dsm.path")]);
    // It names another application and caller; the diagram hangs up on the caller that the proxy names.
    site.plan("pretender", "known").carry_out(site.address);
    site.stop();
}

#[test]
fn a_server_that_is_gone_costs_no_call() {
    let mut site = Site::start(&[]);
    site.servers[0].process.signal(Signal::KILL);
    let address = site.servers[0].address;
    site.proxy.line(&format!("server out: sip:{address}"));
    site.plan("call", "demo").carry_out(site.address);
    let [_, left] = site.servers;
    drop(site.proxy);
    assert_eq!(calls_taken(&left.stop()), 20);
}

#[test]
fn a_server_that_is_stopped_keeps_its_calls_and_gets_no_new_ones() {
    let folder = Folder::new(&[("loyal.dsm", LOYAL)]);
    let mut site = Site::start(&[&folder.as_setting("dsm.path"), "shutdown.grace_s=120"]);
    let mut call = muleteer();
    call.arg("call").arg(format!("sip:loyal@{}", site.address));
    call.args(["--duration", "100"]);
    let mut call = Process::start(&mut call);
    call.line("answered");
    let has_it = |server: &mut ServerProcess| server.process.has_written(CALL_TAKEN);
    let stopped = loop {
        if let Some(taken) = site.servers.iter_mut().position(has_it) {
            break taken;
        }
    };
    site.servers[stopped].process.signal(Signal::TERM);
    let address = site.servers[stopped].address;
    site.proxy.line(&format!("server out: sip:{address}"));
    site.plan("call", "loyal").carry_out(site.address);
    call.signal(Signal::INT);
    call.ended().expect("hung up");
    let mut servers = site.servers.map(Some);
    let ended = servers[stopped]
        .take()
        .expect("there")
        .process
        .ended()
        .expect_code(0);
    assert_eq!(calls_taken(&ended), 1);
    let other = servers[1 - stopped].take().expect("there").stop();
    assert_eq!(calls_taken(&other), 20);
}

#[test]
fn a_cancel_ends_what_it_is_for() {
    let folder = Folder::new(&[("ringing.dsm", RINGING)]);
    let site = Site::start(&[&folder.as_setting("dsm.path")]);
    site.plan("cancel_ringing", "ringing")
        .carry_out(site.address);
    site.stop();
}
