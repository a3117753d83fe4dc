//! What a module hears of whole calls, and what becomes of them when it hears badly.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use muleteer::config::{DigitDetection, DigitSending};
use muleteer::dsm::Params;
use muleteer::dsm::module::ModuleEvent;
use muleteer::plugin::module::{Office, open_office};
use muleteer::session::Limits;
use muleteer::session::catalog::{Catalog, DiagramApplication};
use muleteer::sip::message::StatusCode;

use super::objects::{hooked, modules_in};
use crate::agent::{AGENT, PEER, Scene, Station, address, diagram_of};
use crate::support::agent::Agent;
use crate::support::caller::Caller;
use crate::support::peer::Peer;
use crate::support::process::{Folder, ServerProcess};
use crate::support::wire::{Wire, WireConfig, World};

const HOOKS: [&str; 7] = [
    "session_start",
    "invite",
    "request",
    "reply",
    "before_destroy",
    "sdp_offer",
    "sdp_answer",
];

/// Tells a witness of each event whether `$errno` is set, sends a key on by INFO, and goes on for ever.
const DIAGRAM: &str = "import(mod_hooked);\n\
    initial state ON enter { set($tells=none); };\n\
    transition \"in\" ON - invite / { set($event=invite); postEvent(witness, var); } -> ON;\n\
    transition \"key\" ON - key / sendDTMF(1) -> ON;\n\
    transition \"hangup\" ON - hangup / { set($event=hangup); postEvent(witness, var); stop(false); } -> ON;\n\
    transition \"thrown\" ON - exception / { set($event=thrown); postEvent(witness, var); } -> ON;\n";

/// Notes what modules post to sessions.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<(String, String)>>);

impl Office for Notes {
    fn send(&self, to: &str, _: Option<&'static ModuleEvent>, params: Params) -> bool {
        let heard = format!("{} {}", params["hook"], params["about"]);
        let note = (to.to_owned(), heard.trim().to_owned());
        self.0.lock().unwrap().push(note);
        true
    }
}

/// A call of a diagram with these settings, and what its module heard.
struct Heard {
    scene: Scene,
    notes: Arc<Notes>,
}

impl Heard {
    fn new(orders: &[(&str, &str)]) -> Self {
        // Sessions of one name would hear for each other.
        static SEED: AtomicU8 = AtomicU8::new(100);
        let seed = SEED.fetch_add(1, Ordering::Relaxed);
        let registry = modules_in(hooked()).registry();
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let application = DiagramApplication {
            config: orders.iter().map(pair).collect(),
            ..diagram_of("hooked", DIAGRAM, &registry)
        };
        let (agent, peer) = (address(AGENT), address(PEER));
        let catalog = Catalog::new([application]);
        let nodes = vec![
            Station::Agent(Box::new(Agent::new(
                agent,
                catalog,
                Limits::default(),
                seed,
            ))),
            Station::Peer(Box::new(Peer::new(peer, agent, "hooked"))),
        ];
        let world = World::new(Wire::new(WireConfig::CLEAN, 1), nodes);
        let mut scene = Scene { world };
        scene
            .agent()
            .set_dtmf(DigitDetection::Auto, DigitSending::Info);
        let notes = Arc::new(Notes::default());
        let office: Arc<dyn Office> = notes.clone();
        open_office(&office);
        Self { scene, notes }
    }

    /// What was heard since the last time.
    fn hooks(&mut self) -> Vec<String> {
        let own = self.scene.agent().calls[0].id.to_string();
        let mut notes = self.notes.0.lock().unwrap();
        let (own, others) = notes.drain(..).partition(|(to, _)| *to == own);
        *notes = others;
        Vec::into_iter(own).map(|(_, heard)| heard).collect()
    }

    /// Presses a key, which is sent on, and answers that.
    fn key(&mut self) {
        self.scene.press("1");
        let info = self.scene.peer().last_request("INFO").expect("an INFO");
        self.scene.peer().respond(&info, 200, "", "");
        self.scene.run(100);
    }

    /// What the script told: event and `$errno`.
    fn told(&mut self) -> Vec<String> {
        let told = std::mem::take(&mut self.scene.agent().witness);
        let value = |params: &BTreeMap<String, String>, name: &str| {
            params.get(name).cloned().unwrap_or_default()
        };
        told.iter()
            .map(|params| format!("{} {}", value(params, "event"), value(params, "errno")))
            .map(|text| text.trim().to_owned())
            .collect()
    }
}

#[test]
fn a_module_hears_of_a_whole_call_in_order() {
    let mut heard = Heard::new(&[]);
    heard.scene.peer().extra = "User-Agent: phone\r\n".to_owned();
    heard.scene.call();
    assert_eq!(
        heard.hooks(),
        ["session_start", "invite phone", "sdp_answer 1"]
    );
    heard.key();
    assert_eq!(heard.hooks(), ["reply 200"]);
    let offer = heard.scene.peer().offer("sendonly");
    heard.scene.peer().request("INVITE", &offer);
    heard.scene.run(100);
    heard.scene.peer().ack("");
    heard.scene.run(100);
    assert_eq!(heard.hooks(), ["request INVITE", "sdp_answer 1"]);
    heard.scene.bye();
    assert_eq!(heard.hooks(), ["request BYE", "before_destroy"]);
    assert!(heard.scene.is_over());
    heard.scene.ends_clean();
}

#[test]
fn a_module_hears_of_our_offer() {
    let mut heard = Heard::new(&[("sdp_offer", "signed")]);
    heard.scene.peer().request("INVITE", "");
    heard.scene.run(100);
    assert_eq!(heard.hooks(), ["session_start", "invite", "sdp_offer"]);
    let answer = heard.scene.peer().last_response();
    let offer = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(offer.contains("a=x-hooked:1\r\n"), "{offer}");
    let answer = heard.scene.peer().offer("sendrecv");
    heard.scene.peer().ack(&answer);
    heard.scene.run(100);
    heard.scene.bye();
    heard.scene.ends_clean();
}

#[test]
fn a_hook_that_goes_wrong_changes_nothing_of_a_call() {
    for order in ["fail", "throw", "panic", "slow"] {
        let mut heard = Heard::new(&HOOKS.map(|hook| (hook, order)));
        heard.scene.call();
        heard.key();
        heard.scene.peer().request("INVITE", "");
        heard.scene.run(100);
        let offer = heard.scene.peer().last_response().body;
        let offer = String::from_utf8_lossy(&offer);
        assert!(
            offer.contains("m=audio ") && !offer.contains("hooked"),
            "{offer}"
        );
        let answer = heard.scene.peer().offer("sendrecv");
        heard.scene.peer().ack(&answer);
        heard.scene.run(100);
        heard.scene.bye();
        let all = [
            "session_start",
            "invite",
            "sdp_answer 1",
            "reply 200",
            "request INVITE",
            "sdp_offer",
            "request BYE",
            "before_destroy",
        ];
        assert_eq!(heard.hooks(), all, "{order}");
        // Neither $errno nor an exception came to the script.
        assert_eq!(heard.told(), ["invite", "hangup"], "{order}");
        assert!(heard.scene.is_over());
        heard.scene.ends_clean();
    }
    let counts = modules_in(hooked()).counts("mod_hooked");
    assert!(counts.slow >= HOOKS.len() as u64, "{counts:?}");
}

#[test]
fn a_session_description_that_cannot_be_sent_is_left_out() {
    for order in ["rubbish", "empty", "port", "more", "none", "huge", "lines"] {
        let mut heard = Heard::new(&[("sdp_answer", order), ("sdp_offer", order)]);
        heard.scene.call();
        let answer = heard.scene.peer().last_response().body;
        heard.scene.peer().request("INVITE", "");
        heard.scene.run(100);
        let offer = heard.scene.peer().last_response().body;
        for ours in [answer, offer] {
            let text = String::from_utf8_lossy(&ours);
            assert_eq!(text.matches("m=audio ").count(), 1, "{order}: {text}");
            assert!(text.starts_with("v=0\r\n"), "{order}: {text}");
            assert!(text.contains("m=audio 1"), "{order}: {text}");
            assert!(text.len() < 2_000, "{order}");
        }
        let answer = heard.scene.peer().offer("sendrecv");
        heard.scene.peer().ack(&answer);
        heard.scene.run(100);
        heard.key();
        heard.scene.bye();
        heard.scene.ends_clean();
    }
}

#[test]
fn a_module_that_answers_an_invite_itself_is_left_to_do_so() {
    let mut heard = Heard::new(&[("invite", "module")]);
    heard.scene.peer().invite();
    heard.scene.run(2_000);
    assert_eq!(heard.scene.peer().statuses("INVITE"), [180]);
    heard.scene.peer().same_branch("CANCEL");
    heard.scene.run(100);
    assert_eq!(heard.scene.peer().statuses("INVITE"), [180, 487]);
    heard.scene.peer().same_branch("ACK");
    heard.scene.run(100);
    assert_eq!(heard.hooks().last().unwrap(), "before_destroy");
    heard.scene.ends_clean();
}

/// A server whose calls have these settings.
fn server(folder: &Path, orders: &[&str]) -> ServerProcess {
    let diagrams = Folder::new(&[(
        "main.dsm",
        "import(mod_hooked);\n\
         initial state ON;\n\
         transition \"up\" ON - sessionStart / stop(true); -> ON;\n",
    )]);
    let modules = format!("dsm.modules=[{:?}]", folder.display().to_string());
    let path = diagrams.as_setting("dsm.path");
    let orders: Vec<_> = orders
        .iter()
        .map(|order| format!("application.main.{order}"))
        .collect();
    let mut arguments = vec!["--set", &*path, "--set", &*modules];
    arguments.extend(orders.iter().flat_map(|order| ["--set", order]));
    ServerProcess::start(&arguments)
}

#[tokio::test]
async fn what_a_hook_does_wrong_is_logged_and_the_call_goes_on() {
    let mut server = server(
        hooked(),
        &[
            "session_start=\"slow\"",
            "invite=\"fail\"",
            "sdp_answer=\"rubbish\"",
            "reply=\"throw\"",
            "before_destroy=\"panic\"",
        ],
    );
    let mut caller = Caller::new(server.address, "main").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    for line in [
        "in which other calls waited; this is logged once",
        "mod_hooked: the hook invite fails: arg: on purpose",
        "mod_hooked makes a session description that cannot be sent: it is left out",
        "mod_hooked: the hook reply throws exception 'hooked': on purpose",
        "mod_hooked: the hook before_destroy throws exception 'plugin': panic: on purpose",
    ] {
        server.process.line(line);
    }
    server.stop();
}
