//! The call flows of RFC 3665 and the races of a user agent, each as a ladder in `flows` that SIPp
//! climbs. `flows/README.md` has the table of all, and the notation.

use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::ladder;
use super::sipp::Sipp;
use crate::support::process::{Folder, PATIENCE, ServerProcess, free_port};
use crate::support::server::project_root;

/// Who begins.
enum Role {
    /// SIPp calls this application.
    Calls(&'static str),
    /// The diagram `caller` calls SIPp, and its leg behaves in this way.
    IsCalled(&'static str),
    /// The server registers at SIPp.
    Registers,
}

/// One ladder and what goes with it.
struct Flow {
    role: Role,
    settings: Vec<&'static str>,
    /// What the server logs, in this order.
    told: Vec<&'static str>,
    /// How long all of it may take.
    patience: Duration,
}

const fn flow(role: Role) -> Flow {
    Flow {
        role,
        settings: Vec::new(),
        told: Vec::new(),
        patience: PATIENCE,
    }
}

fn calls(application: &'static str) -> Flow {
    flow(Role::Calls(application))
}

fn is_called(manner: &'static str) -> Flow {
    flow(Role::IsCalled(manner))
}

fn registers() -> Flow {
    flow(Role::Registers)
}

/// Timers of 20 ms, where all of them have to run off.
const IMPATIENT: [&str; 3] = ["sip.t1_ms=20", "sip.t2_ms=100", "sip.t4_ms=100"];

impl Flow {
    fn set(mut self, setting: &'static str) -> Self {
        self.settings.push(setting);
        self
    }

    fn impatient(mut self) -> Self {
        self.settings.extend(IMPATIENT);
        self
    }

    fn told(mut self, line: &'static str) -> Self {
        self.told.push(line);
        self
    }

    /// With the settings of the flow, and these.
    fn start_server(&self, places: &Places, more: &[&str]) -> ServerProcess {
        let diagrams = [flows(), project_root().join("dsm")];
        let mut arguments = vec![format!("--set=dsm.path={diagrams:?}")];
        for setting in self.settings.iter().chain(more) {
            arguments.push(format!("--set={}", places.fill(setting)));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        ServerProcess::start(&arguments)
    }

    /// Runs `flows/NAME.flow`.
    fn run(self, name: &str) {
        Run::start(&self, name).ends(&self);
    }
}

/// What `{name}` stands for in ladders and settings.
struct Places(Vec<(&'static str, String)>);

impl Places {
    fn fill(&self, text: &str) -> String {
        let fill = |text: String, (name, value): &(&str, String)| {
            text.replace(&format!("{{{name}}}"), value)
        };
        self.0.iter().fold(text.to_owned(), fill)
    }
}

/// A flow in progress.
struct Run {
    server: ServerProcess,
    sipp: Sipp,
    /// `{silent}` and `{moved}`.
    silent: [UdpSocket; 2],
    /// What SIPp reads.
    _folder: Folder,
}

impl Run {
    fn start(flow: &Flow, name: &str) -> Self {
        let silent = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a UDP socket"));
        let port = |socket: &UdpSocket| socket.local_addr().expect("its address").port();
        let mut places = Places(vec![
            ("silent", port(&silent[0]).to_string()),
            ("moved", port(&silent[1]).to_string()),
            ("dead", free_port().to_string()),
        ]);
        let path = flows().join(name).with_extension("flow");
        let text = std::fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let scenario = ladder::scenario(&places.fill(&text));
        let folder = Folder::new(&[]);
        folder.write("ladder.xml", &scenario.xml);
        let patience = format!("{}s", flow.patience.as_secs() - 5);
        let start_sipp = |more: &[&str]| {
            let ladder = folder.file("ladder.xml");
            Sipp::start(&ladder, [127, 0, 0, 1].into(), |sipp| {
                sipp.args(["-m", "1", "-timeout", &patience, "-timeout_error"]);
                sipp.args(scenario.repeats.then_some("-nr")).args(more);
            })
        };
        let (server, sipp) = match flow.role {
            Role::Calls(application) => {
                let server = flow.start_server(&places, &[]);
                let address = server.address.to_string();
                let sipp = start_sipp(&[&address, "-s", application]);
                (server, sipp)
            }
            Role::IsCalled(_) | Role::Registers => {
                let sipp = start_sipp(&[]);
                wait_for_listener(sipp.port);
                places.0.push(("sipp", format!("127.0.0.1:{}", sipp.port)));
                let server = match flow.role {
                    Role::IsCalled(manner) => {
                        places.0.push(("manner", manner.to_owned()));
                        flow.start_server(&places, &CALLER)
                    }
                    _ => flow.start_server(&places, &[ACCOUNT]),
                };
                (server, sipp)
            }
        };
        Self {
            server,
            sipp,
            silent,
            _folder: folder,
        }
    }

    /// SIPp is content, and the server has no call left.
    fn ends(mut self, flow: &Flow) -> [UdpSocket; 2] {
        let told = |server: &mut ServerProcess| {
            for line in &flow.told {
                server.process.line(line);
            }
        };
        if let Role::Registers = flow.role {
            told(&mut self.server);
            // The registration is taken back while SIPp listens.
            self.server.stop();
            self.sipp.succeeds(flow.patience);
        } else {
            self.sipp.succeeds(flow.patience);
            told(&mut self.server);
            self.server.stop();
        }
        self.silent
    }
}

/// Has the diagram `caller` call SIPp.
const CALLER: [&str; 3] = [
    "dsm.run_system_dsms=[\"caller\"]",
    "application.caller.domain=\"{sipp}\"",
    "application.caller.manner=\"{manner}\"",
];

/// An account at SIPp.
const ACCOUNT: &str = "registration=[{ domain = \"{sipp}\", user = \"bob\", password = \"zanzibar\", realm = \"biloxi\" }]";

fn flows() -> PathBuf {
    project_root().join("tests/interop/flows")
}

/// Waits until somebody has this UDP port, so that nothing that is sent there is refused.
fn wait_for_listener(port: u16) {
    let place = format!("0100007F:{port:04X}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let sockets = std::fs::read_to_string("/proc/net/udp").expect("the table of sockets");
        if sockets.contains(&place) {
            return;
        }
        assert!(Instant::now() < deadline, "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A test for each flow, of its name.
macro_rules! flows {
    ($($name:ident: $flow:expr;)+) => {
        $(
            #[test]
            fn $name() {
                $flow.run(stringify!($name));
            }
        )+
    };
}

flows! {
    rfc3665_2_1_new_registration: registers().told("registered");
    rfc3665_2_2_update_of_the_contacts: registers().told("registered").told("registered");
    rfc3665_2_5_unsuccessful_registration: registers().told("a registration is refused");
    registration_too_brief: registers().told("registered");
    registration_stale_nonce: registers().told("registered");

    rfc3665_3_1_session: calls("echo");
    rfc3665_3_1_session_called: is_called("talk").told("ringing 180").told("up").told("gone");
    rfc3665_3_2_two_proxies: calls("leave");
    rfc3665_3_2_two_proxies_called: is_called("hang up").told("up");
    rfc3665_3_3_two_passwords: is_called("hang up").told("up");
    rfc3665_3_4_proxy_failure: is_called("hang up")
        .set("sip.next_hop=[\"127.0.0.1:{silent}\", \"{sipp}\"]").set("sip.failover_s=1").told("up");
    proxy_refuses_connections: is_called("hang up")
        .set("sip.next_hop=[\"127.0.0.1:{dead}\", \"{sipp}\"]").told("up");
    rfc3665_3_6_description_in_the_ack: calls("echo");
    rfc3665_3_6_redirection: is_called("talk").told("failed 302");
    rfc3665_3_8_no_answer: calls("ring").told("ring: gone");
    rfc3665_3_8_no_answer_called: is_called("give up").told("ringing 180").told("gives up");
    rfc3665_3_9_busy: calls("busy");
    rfc3665_3_9_busy_called: is_called("talk").told("failed 486");
    rfc3665_3_10_no_response: is_called("talk").impatient().told("failed 408");
    rfc3665_3_11_unavailable: calls("away");
    rfc3665_3_11_unavailable_called: is_called("talk").told("ringing 180").told("failed 480");

    forked_early_dialogs: is_called("talk").told("up").told("gone");
    forked_answers: is_called("talk").told("up").told("gone");
    cancel_crosses_the_answer: calls("echo");
    cancel_crosses_the_answer_called: is_called("give up").told("gives up");
    cancel_waits_for_a_response: is_called("give up").told("gives up");
    cancel_without_a_final_response: is_called("give up").impatient().told("gives up");
    cancel_of_nothing: calls("echo");
    bye_before_the_answer: calls("ring").told("ring: gone");
    bye_crosses_a_reinvite: calls("leave");
    bye_crosses_a_bye: calls("leave");

    overlapping_invites: calls("late");
    update_before_the_answer: calls("late");
    update_in_early_media: calls("early");
    requests_before_the_answer: calls("late");
    cseq_with_gaps: calls("echo");
    repeated_requests: calls("keys_late").told("keys: 5").told("keys: gone");
    answer_repeated_until_its_ack: calls("echo").set("sip.t1_ms=200");
    lost_ack: calls("echo").impatient();
    lost_ack_called: is_called("talk").told("up").told("gone");
    merged_requests: calls("ring");

    strict_route: calls("leave");
    strict_route_called: is_called("hang up").told("up");
    target_refresh: calls("keys");

    reinvite_without_offer: calls("echo");
    no_codec_in_common: calls("echo");

    reliable_ringing: calls("late");
    missing_prack: calls("ring").impatient();
    reliable_ringing_called: is_called("talk").told("early").told("up").told("gone");

    session_interval_too_small: calls("echo");
    session_interval_too_small_called: is_called("hang up").told("up");

    keys_by_info: calls("keys").told("keys: 5").told("keys: 9");
    keys_by_info_called: is_called("info").told("up").told("gone");
    info_481: is_called("info").told("lost 481");
    info_408: is_called("info").told("lost 408");
    info_404: is_called("info").told("lost 404");
    info_500: is_called("info").told("gone");
    info_without_response: is_called("info").impatient().told("lost 408");
    refer: calls("moving").told("moving: sip:carol@example.com");
    refer_that_nobody_takes: calls("echo");
    refer_called: is_called("refer").told("transfer 180 false").told("transfer 200 true");

    no_hops_left: calls("echo");
    unknown_method: calls("echo");
    unknown_extension: calls("echo");
    requests_of_no_call: calls("echo");
}

/// What the session timer brings, 45 or 60 seconds after the answer, and all at once.
#[test]
fn session_timers() {
    let flows = [
        "refresh_and_glare",
        "refresh_by_update",
        "refresh_crosses_a_bye",
        "refresh_that_nobody_knows",
        "refresh_that_never_comes",
    ];
    let flow = Flow {
        patience: Duration::from_secs(120),
        ..calls("echo")
    };
    let runs = flows.map(|name| Run::start(&flow, name));
    for run in runs {
        run.ends(&flow);
    }
}

/// The audio of the first two seconds is at two places, one after the other.
#[test]
fn rfc3665_3_7_changed_address() {
    let flow = calls("hold_line");
    let sockets = Run::start(&flow, "rfc3665_3_7_changed_address").ends(&flow);
    let numbers = |socket: &UdpSocket| {
        socket.set_nonblocking(true).expect("a socket");
        let mut packet = [0; 1500];
        let mut numbers = Vec::new();
        while let Ok(length) = socket.recv(&mut packet) {
            // PCMA; the rest are reports.
            if length > 12 && packet[1] & 0x7f == 8 {
                numbers.push(u16::from_be_bytes([packet[2], packet[3]]));
            }
        }
        numbers
    };
    let [before, after] = [&sockets[0], &sockets[1]].map(numbers);
    let (Some(last), Some(first)) = (before.last(), after.first()) else {
        panic!("{} packets, then {}", before.len(), after.len());
    };
    assert_eq!(last.wrapping_add(1), *first, "{before:?} {after:?}");
}
