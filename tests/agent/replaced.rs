//! Calls that another peer takes over by an INVITE with Replaces (RFC 3891), and attended transfers
//! (RFC 5589 §7).

use muleteer::session::begin::Dial;
use muleteer::session::{Catalog, Limits, SessionId};
use muleteer::sip::message::{HeaderName, Message, Uri};
use std::time::Duration;

use super::{PEER, Scene, Station, address, diagram};
use crate::support::agent::Agent;
use crate::support::wire::{Wire, WireConfig, World};

/// Tells what happens to it, and at a key what it knows of itself.
const TOLD: &str = r##"
import(mod_dlg);
initial state A;
transition "up" A - sessionStart / { set($event=up); postEvent(witness, var); } -> A;
transition "new peer" A - replaced / { set($event=replaced); set($was=#replaced_callid); set($from=#from); sets($self="@callid @local_tag @remote_tag @user @remote_party"); postEvent(witness, var); } -> A;
transition "key" A - key / { set($event=key); sets($self="@callid @local_tag @remote_tag @user @remote_party"); postEvent(witness, var); } -> A;
transition "gone" A - hangup / { set($event=gone); postEvent(witness, var); stop(false); } -> A;
"##;

fn scene() -> Scene {
    let mut scene = Scene::new("desk", diagram("desk", TOLD));
    scene.call();
    scene
}

fn events(scene: &mut Scene) -> Vec<String> {
    let told = std::mem::take(&mut scene.agent().witness);
    told.iter().map(|params| params["event"].clone()).collect()
}

/// The Replaces of the peer's call, as a third party is told of it.
fn replaces(scene: &mut Scene) -> String {
    let peer = scene.peer();
    let (call_id, tag) = (peer.call_id.clone(), peer.their_tag.clone().unwrap());
    format!("{call_id};to-tag={tag};from-tag={}", peer.our_tag)
}

/// Somebody else sends an INVITE with this Replaces; what it gets.
fn take_over(scene: &mut Scene, replaces: &str, body: &str) -> u16 {
    let peer = scene.peer();
    peer.new_call("whoever");
    peer.our_tag = "third".to_owned();
    peer.contact = format!("sip:third@{PEER}");
    peer.extra = format!("Replaces: {replaces}\r\nRequire: replaces\r\n");
    peer.request("INVITE", body);
    peer.extra.clear();
    scene.run(100);
    scene.peer().last_response().status.code()
}

#[test]
fn rfc3891_3_another_peer_takes_an_established_call_over() {
    let mut scene = scene();
    let first = scene.peer().call_id.clone();
    let replaces = replaces(&mut scene);
    scene.media();
    let offer = scene.peer().offer("sendrecv").replace("40000", "42000");
    assert_eq!(take_over(&mut scene, &replaces, &offer), 200);
    let call_id = scene.peer().call_id.clone();
    scene.peer().ack("");
    scene.run(100);
    // The dialog before is ended after the answer, the call is not.
    let bye = scene.peer().last_request("BYE").expect("a BYE");
    assert_eq!(bye.headers.call_id().unwrap(), first);
    let order = scene.peer().inbox.iter().map(|(_, got)| match got {
        Message::Request(request) => request.method.as_str().to_owned(),
        Message::Response(response) => response.status.code().to_string(),
    });
    let order: Vec<_> = order.collect();
    assert_eq!(order, ["200", "BYE"]);
    assert_eq!(scene.media(), ["configure 192.0.2.9:42000 sendrecv"]);
    let told = std::mem::take(&mut scene.agent().witness);
    assert_eq!(told.len(), 2);
    assert_eq!(
        (&*told[1]["event"], &*told[1]["was"]),
        ("replaced", &*first)
    );
    let id = scene.last_call().id.to_string();
    let knows = format!("{call_id} {id} third desk <sip:peer@{PEER}>;tag=third");
    assert_eq!(told[1]["self"], knows);
    // It is the call in each respect: it is asked, changed, and ended.
    scene.peer().request("INFO", "");
    scene.run(50);
    let hold = scene.peer().offer("sendonly");
    scene.peer().request("INVITE", &hold);
    scene.run(50);
    assert_eq!(scene.peer().last_response().status.code(), 200);
    scene.peer().ack("");
    scene.press("1");
    scene.bye();
    assert_eq!(events(&mut scene), ["key", "gone"]);
    scene.ends_clean();
}

#[test]
fn rfc3891_3_an_invite_without_an_offer_gets_ours_and_its_ack_has_the_answer() {
    let mut scene = scene();
    let replaces = replaces(&mut scene);
    scene.media();
    assert_eq!(take_over(&mut scene, &replaces, ""), 200);
    assert!(!scene.peer().last_response().body.is_empty());
    let answer = scene.peer().offer("sendrecv");
    scene.peer().ack(&answer);
    scene.run(100);
    assert_eq!(scene.media(), ["configure 192.0.2.9:40000 sendrecv"]);
    assert_eq!(events(&mut scene), ["up", "replaced"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc3891_3_what_matches_no_dialog_changes_nothing() {
    let mut scene = scene();
    let replaces = replaces(&mut scene);
    let (call_id, tag) = (scene.peer().call_id.clone(), scene.peer().their_tag.clone());
    let tag_of_us = tag.clone().unwrap();
    let offer = scene.peer().offer("sendrecv");
    for (replaces, status) in [
        (format!("{replaces};early-only"), 486),
        (format!("{call_id};to-tag={tag_of_us};from-tag=other"), 481),
        (format!("other;to-tag={tag_of_us};from-tag=peer"), 481),
        (format!("{call_id};to-tag=other;from-tag=peer"), 481),
        (format!("{replaces}\r\nReplaces: {replaces}"), 400),
        (format!("{replaces}\r\nJoin: {replaces}"), 400),
        (format!("{call_id};to-tag={tag_of_us}"), 400),
    ] {
        assert_eq!(
            take_over(&mut scene, &replaces, &offer),
            status,
            "{replaces}"
        );
        scene.peer().same_branch("ACK");
    }
    // An offer that cannot be taken: the call stays whose it was.
    let video = offer.replace("m=audio", "m=video");
    assert_eq!(take_over(&mut scene, &replaces, &video), 488);
    scene.peer().same_branch("ACK");
    scene.run(100);
    assert_eq!(scene.peer().count("BYE"), 0);
    scene.peer().call_id = call_id;
    scene.peer().our_tag = "peer".to_owned();
    scene.peer().their_tag = tag;
    scene.peer().cseq = 90;
    scene.bye();
    assert_eq!(events(&mut scene), ["up", "gone"]);
    scene.ends_clean();
}

#[test]
fn rfc3891_3_replaces_is_for_an_invite_outside_a_call() {
    let mut scene = scene();
    let replaces = replaces(&mut scene);
    scene.peer().extra = format!("Replaces: {replaces}\r\n");
    scene.peer().request("OPTIONS", "");
    scene.run(50);
    assert_eq!(scene.peer().statuses("OPTIONS"), [400]);
    scene.peer().extra.clear();
    scene.bye();
    scene.ends_clean();
}

#[test]
fn rfc3891_3_a_call_of_the_peer_that_is_not_answered_is_not_taken_over() {
    let text = "initial state A;\ntransition \"invite\" A - invite / playFile(slow.wav); -> A;\n\
                transition \"bye\" A - hangup / stop(false); -> A;\n";
    let mut scene = Scene::new("slow", diagram("slow", text));
    scene.agent().add_prompts(&["slow.wav"]);
    scene.agent().slow.insert("slow.wav".to_owned());
    scene.peer().invite();
    scene.run(100);
    let (first, id) = (
        scene.peer().call_id.clone(),
        scene.last_call().id.to_string(),
    );
    let offer = scene.peer().offer("sendrecv");
    let replaces = format!("{first};to-tag={id};from-tag=peer");
    assert_eq!(take_over(&mut scene, &replaces, &offer), 481);
    scene.peer().same_branch("ACK");
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(100);
    scene.world.run_to_end(1_000);
    assert!(scene.is_over());
}

#[test]
fn rfc3891_3_a_call_of_ours_that_rings_is_picked_up_elsewhere() {
    let mut scene = Scene::new("nobody", diagram("desk", TOLD));
    let catalog = Catalog::new([diagram("desk", TOLD)]);
    let dial = dial(&catalog, "desk", &format!("bob@{PEER}"));
    scene.with_agent(|agent, now| agent.dial(now, dial));
    scene.run(50);
    let invite = scene.peer().last_request("INVITE").unwrap();
    scene.peer().respond(&invite, 180, "bob", "");
    scene.run(50);
    let call_id = invite.headers.call_id().unwrap().to_owned();
    let ours = invite.headers.from_tag().unwrap().unwrap().into_owned();
    let offer = scene.peer().offer("sendrecv");
    let replaces = format!("{call_id};to-tag={ours};from-tag=bob;early-only");
    assert_eq!(take_over(&mut scene, &replaces, &offer), 200);
    scene.peer().ack("");
    scene.run(50);
    assert_eq!(events(&mut scene), ["replaced", "up"]);
    // Their answer may still cross our CANCEL: it is acknowledged and ended.
    let cancel = scene.peer().last_request("CANCEL").expect("a CANCEL");
    scene.peer().respond(&cancel, 200, "bob", "");
    scene.peer().respond(&invite, 200, "bob", &offer);
    scene.run(100);
    let byes: Vec<_> = scene
        .peer()
        .requests()
        .map(|r| r.method.as_str().to_owned())
        .collect();
    assert_eq!(byes, ["CANCEL", "ACK", "BYE"]);
    scene.press("1");
    scene.bye();
    assert_eq!(events(&mut scene), ["key", "gone"]);
    scene.ends_clean();
}

#[test]
fn a_call_is_taken_over_again_and_again_and_what_was_before_stays_declined() {
    let mut scene = scene();
    let first = replaces(&mut scene);
    let offer = scene.peer().offer("sendrecv");
    let mut latest = first.clone();
    for _ in 0..6 {
        assert_eq!(take_over(&mut scene, &latest, &offer), 200);
        scene.peer().ack("");
        scene.run(100);
        assert_eq!(scene.peer().count("BYE"), 1);
        let earlier = std::mem::replace(&mut latest, replaces(&mut scene));
        let (call_id, tag) = (scene.peer().call_id.clone(), scene.peer().their_tag.clone());
        assert_eq!(take_over(&mut scene, &earlier, &offer), 603);
        scene.peer().same_branch("ACK");
        scene.peer().call_id = call_id;
        scene.peer().their_tag = tag;
        scene.run(100);
    }
    scene.peer().cseq = 90;
    scene.bye();
    scene.ends_clean();
}

#[test]
fn the_dialog_before_ends_even_if_its_ack_is_late_or_missing() {
    for is_late in [true, false] {
        let mut scene = Scene::new("desk", diagram("desk", TOLD));
        scene.peer().invite();
        scene.run(100);
        let replaces = replaces(&mut scene);
        let (call_id, tag, cseq) = {
            let peer = scene.peer();
            (peer.call_id.clone(), peer.their_tag.clone(), peer.cseq)
        };
        let offer = scene.peer().offer("sendrecv");
        assert_eq!(take_over(&mut scene, &replaces, &offer), 200);
        scene.peer().ack("");
        scene.run(100);
        assert_eq!(scene.peer().count("BYE"), 0);
        let third = (scene.peer().call_id.clone(), scene.peer().their_tag.clone());
        if is_late {
            let peer = scene.peer();
            (peer.call_id, peer.their_tag, peer.cseq) = (call_id, tag, cseq);
            peer.our_tag = "peer".to_owned();
            peer.ack("");
            peer.our_tag = "third".to_owned();
            scene.run(100);
        } else {
            scene.run(40_000);
        }
        assert_eq!(scene.peer().count("BYE"), 1, "late: {is_late}");
        assert_eq!(scene.agent().live(), 1);
        (scene.peer().call_id, scene.peer().their_tag) = (third.0, third.1);
        scene.peer().cseq = 90;
        scene.bye();
        scene.ends_clean();
    }
}

#[test]
fn what_we_send_says_that_replaces_is_understood() {
    let mut scene = scene();
    let supported = |headers: &muleteer::sip::message::Headers| {
        headers.text(&HeaderName::Supported).unwrap().into_owned()
    };
    assert!(supported(&scene.peer().last_response().headers).contains("replaces"));
    scene.bye();
    let catalog = Catalog::new([diagram("desk", TOLD)]);
    let dial = dial(&catalog, "desk", &format!("bob@{PEER}"));
    scene.with_agent(|agent, now| agent.dial(now, dial));
    scene.run(50);
    let invite = scene.peer().last_request("INVITE").unwrap();
    assert!(supported(&invite.headers).contains("replaces"));
    scene.peer().respond(&invite, 486, "bob", "");
    scene.ends_clean();
}

/// A call of this application to `to`.
fn dial(catalog: &Catalog, application: &str, to: &str) -> Dial {
    let uri = Uri::parse(&format!("sip:{to}")).unwrap();
    let application = catalog.find(application).unwrap();
    Dial::new(SessionId("".into()), String::new(), uri, application)
}

/// Calls, moves where it is asked to, and tells the other what comes of it.
const TRANSFEREE: &str = r##"
import(mod_dlg);
initial state A enter { set($enable_request_events=true); };
transition "asked" A - sipRequest(#method == REFER) / {
  set(#processed=true);
  dlg.replyRequest(202, Accepted);
  set($a_caller=alice); set($a_callee=carol); set($a_domain="192.0.2.3:5060"); set($a_app=moved);
  set($a_r_uri=#refer_to); set($a_to=#refer_to); set($a_replaces=#refer_replaces); set($a_var.asked_by=@local_tag);
  dlg.dialout(a);
} -> A;
transition "how it goes" A - event / dlg.notifyRefer(#code) -> A;
transition "gone" A - hangup / stop(false) -> A;
"##;
const MOVED: &str = r##"
initial state A;
transition "up" A - sessionStart / { set($code=200); postEvent($asked_by, code); set($event=moved); postEvent(witness, event); } -> A;
transition "failed" A - failed / { set($code=#code); postEvent($asked_by, code); stop(false); } -> A;
transition "gone" A - hangup / stop(false) -> A;
"##;
/// Is called, calls the target, and brings the two together.
const TRANSFEROR: &str = r##"
import(mod_dlg);
initial state A;
transition "ask carol" A - sessionStart / {
  set($c_caller=bob); set($c_callee=carol); set($c_domain="192.0.2.3:5060"); set($c_app=consult); set($c_var.asked_by=@local_tag);
  dlg.dialout(c);
} -> A;
transition "she agrees" A - event(#replaces != "") / dlg.refer("sip:carol@192.0.2.3:5060", "", #replaces) -> A;
transition "it is done" A - transfer(#final == true) / { set($event=transferred); set($code=#code); postEvent(witness, var); dlg.bye(); stop(false); } -> A;
transition "gone" A - hangup / stop(false) -> A;
"##;
const CONSULT: &str = r##"
import(mod_dlg);
initial state A;
transition "up" A - sessionStart / {
  set($replaces=@callid); append($replaces, ";to-tag="); append($replaces, @remote_tag); append($replaces, ";from-tag="); append($replaces, @local_tag);
  postEvent($asked_by, replaces);
} -> A;
transition "gone" A - hangup / { set($event=relieved); postEvent(witness, event); stop(false); } -> A;
"##;

#[test]
fn rfc5589_7_an_attended_transfer_over_a_lossy_wire() {
    for seed in 0..60 {
        let wire = WireConfig {
            jitter: Duration::from_millis(20),
            loss: if seed == 0 { 0.0 } else { 0.15 },
            duplication: 0.1,
            ..WireConfig::CLEAN
        };
        let agent = |host: u8, diagrams: &[(&str, &str)]| {
            let all = diagrams.iter().map(|(name, text)| diagram(name, text));
            let address = address(&format!("192.0.2.{host}:5060"));
            Agent::new(address, Catalog::new(all), Limits::default(), host)
        };
        let alice = agent(1, &[("alice", TRANSFEREE), ("moved", MOVED)]);
        let bob = agent(2, &[("bob", TRANSFEROR), ("consult", CONSULT)]);
        let carol = agent(3, &[("carol", TOLD)]);
        let nodes = [alice, bob, carol].map(|agent| Station::Agent(Box::new(agent)));
        let mut world = World::new(Wire::new(wire, seed), Vec::from(nodes));
        let catalog = Catalog::new([diagram("alice", TRANSFEREE)]);
        let dial = dial(&catalog, "alice", "bob@192.0.2.2:5060");
        let now = world.now;
        agent_of(&mut world, 0).dial(now, dial);
        world.advance(Duration::from_secs(60));
        let mut told = |node| -> Vec<String> {
            let told = std::mem::take(&mut agent_of(&mut world, node).witness);
            told.iter().map(|params| params["event"].clone()).collect()
        };
        assert_eq!(told(0), ["moved"], "seed {seed}");
        let mut bobs = told(1);
        bobs.sort();
        assert_eq!(bobs, ["relieved", "transferred"], "seed {seed}");
        assert_eq!(told(2), ["up", "replaced"], "seed {seed}");
        // Alice talks with Carol, and nobody with Bob.
        let live: Vec<_> = (0..3)
            .map(|node| agent_of(&mut world, node).live())
            .collect();
        assert_eq!(live, [1, 0, 1], "seed {seed}");
        let now = world.now;
        agent_of(&mut world, 0).terminate(now);
        world.run_to_end(10_000);
        for node in 0..3 {
            assert_eq!(agent_of(&mut world, node).remains(), 0, "seed {seed}");
        }
    }
}

fn agent_of(world: &mut World<Station>, node: usize) -> &mut Agent {
    match &mut world.nodes[node] {
        Station::Agent(agent) => agent,
        Station::Peer(_) => panic!("all are agents"),
    }
}
