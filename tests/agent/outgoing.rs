//! Calls that we place, as the test phone does.

use std::sync::Arc;
use std::time::Duration;

use muleteer::session::application::phone::{Key, PhoneScript, Report, Reports};
use muleteer::session::begin::Dial;
use muleteer::session::{Application, SessionId};
use muleteer::sip::message::{Request, StatusCode, Uri};
use tokio::sync::mpsc;

use super::{PEER, Scene, T1};

/// A phone that stays for three seconds, and what it reports.
pub fn phone(to: &str, keys: Vec<Key>) -> (Dial, mpsc::Receiver<Report>) {
    let (reports, receiver) = mpsc::channel(100);
    let script = PhoneScript {
        play: None,
        record: None,
        keys,
        duration: Duration::from_secs(3),
        reports: Reports(Box::new(move |report| {
            reports.try_send(report).expect("room for a report");
        })),
    };
    let uri = Uri::parse(&format!("sip:{to}")).unwrap();
    let application = Application::Phone(Arc::new(script));
    let dial = Dial::new(SessionId("".into()), String::new(), uri, application);
    (dial, receiver)
}

/// A call to the peer that has just been placed.
struct Outgoing {
    scene: Scene,
    reports: mpsc::Receiver<Report>,
    invite: Request,
}

impl Outgoing {
    fn new() -> Self {
        let mut scene = Scene::new("nobody", None);
        let (dial, reports) = phone(&format!("bob@{PEER}"), Vec::new());
        scene.with_agent(|agent, now| agent.dial(now, dial));
        scene.run(50);
        let invite = scene.peer().last_request("INVITE").expect("an INVITE");
        Self {
            scene,
            reports,
            invite,
        }
    }

    /// The peer responds to the INVITE; an answer comes with a session description.
    fn respond(&mut self, status: u16, tag: &str) {
        let peer = self.scene.peer();
        let body = match status {
            200 => peer.offer("sendrecv"),
            _ => String::new(),
        };
        peer.respond(&self.invite, status, tag, &body);
        self.scene.run(50);
    }

    fn respond_to(&mut self, method: &str, status: u16, tag: &str) {
        let request = self.scene.peer().last_request(method).expect(method);
        self.scene.peer().respond(&request, status, tag, "");
        self.scene.run(50);
    }

    fn hang_up(&mut self) {
        self.scene.with_agent(|agent, now| agent.terminate(now));
        self.scene.run(50);
    }

    fn count(&mut self, method: &str) -> usize {
        self.scene.peer().count(method)
    }

    fn reports(&mut self) -> Vec<Report> {
        std::iter::from_fn(|| self.reports.try_recv().ok()).collect()
    }
}

fn refused(status: StatusCode) -> Report {
    Report::Refused(status, status.reason())
}

#[test]
fn a_refusal_is_acknowledged_and_reported() {
    for status in [StatusCode::BUSY_HERE, StatusCode::NOT_FOUND] {
        let mut call = Outgoing::new();
        call.respond(status.code(), "bob");
        assert_eq!(call.count("ACK"), 1);
        assert_eq!(call.reports(), [refused(status), Report::Ended]);
        assert!(call.scene.is_over());
        call.scene.ends_clean();
    }
}

#[test]
fn nobody_at_all_is_told_apart_from_a_refusal() {
    let mut call = Outgoing::new();
    call.scene.run(64 * T1);
    assert_eq!(call.count("INVITE"), 7);
    assert_eq!(call.reports(), [Report::NoResponse, Report::Ended]);
    call.scene.ends_clean();
}

#[test]
fn a_call_is_answered_and_ended_when_its_time_is_over() {
    let mut call = Outgoing::new();
    call.respond(180, "bob");
    call.respond(200, "bob");
    assert_eq!(call.count("ACK"), 1);
    assert_eq!(
        call.scene.media(),
        ["configure 192.0.2.9:40000 sendrecv", "output Playlist"]
    );
    call.scene.run(2_900);
    assert_eq!(call.count("BYE"), 0);
    call.scene.run(100);
    assert_eq!(call.count("BYE"), 1);
    assert!(call.scene.is_over());
    assert_eq!(
        call.reports(),
        [
            Report::Progress(StatusCode::RINGING, "Ringing".to_owned()),
            Report::Answered("PCMU", None),
            Report::WeHungUp,
            Report::Ended
        ]
    );
    call.scene.ends_clean();
}

#[test]
fn a_repeated_answer_gets_the_ack_again() {
    let mut call = Outgoing::new();
    for _ in 0..3 {
        call.respond(200, "bob");
    }
    assert_eq!(call.count("ACK"), 3);
    call.scene.ends_clean();
}

#[test]
fn the_callee_hangs_up() {
    let mut call = Outgoing::new();
    call.respond(200, "bob");
    let ack = call.scene.peer().last_request("ACK").unwrap();
    let peer = call.scene.peer();
    let id = ack.headers.from().unwrap().tag().unwrap().to_owned();
    peer.call_id = ack.headers.call_id().unwrap().to_owned();
    peer.their_tag = Some(id);
    peer.our_tag = "bob".to_owned();
    call.scene.bye();
    assert!(call.scene.is_over());
    assert_eq!(call.reports()[1..], [Report::TheyHungUp, Report::Ended]);
    call.scene.ends_clean();
}

#[test]
fn a_call_that_rings_is_cancelled_at_once() {
    let mut call = Outgoing::new();
    call.respond(180, "bob");
    call.hang_up();
    assert_eq!(call.count("CANCEL"), 1);
    call.respond_to("CANCEL", 200, "bob");
    assert!(!call.scene.is_over());
    call.respond(487, "bob");
    assert_eq!(call.count("ACK"), 1);
    assert!(call.scene.is_over());
    call.scene.ends_clean();
}

#[test]
fn a_call_without_any_response_is_cancelled_when_the_first_comes() {
    let mut call = Outgoing::new();
    call.hang_up();
    assert_eq!(call.count("CANCEL"), 0);
    call.respond(100, "");
    assert_eq!(call.count("CANCEL"), 1);
    call.respond_to("CANCEL", 200, "bob");
    call.respond(487, "bob");
    assert!(call.scene.is_over());
    call.scene.ends_clean();
}

#[test]
fn a_cancelled_call_that_never_gets_its_end_is_given_up() {
    let mut call = Outgoing::new();
    call.respond(180, "bob");
    call.hang_up();
    call.respond_to("CANCEL", 200, "bob");
    call.scene.run(64 * T1);
    assert!(call.scene.is_over());
    call.scene.ends_clean();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let mut call = Outgoing::new();
    call.respond(180, "bob");
    call.hang_up();
    call.respond(200, "bob");
    assert_eq!((call.count("ACK"), call.count("BYE")), (1, 1));
    assert!(call.scene.is_over());
    assert!(call.scene.media().is_empty());
    call.scene.ends_clean();
}

#[test]
fn a_second_fork_that_answers_is_acknowledged_and_ended() {
    let mut call = Outgoing::new();
    call.respond(200, "first");
    call.respond(200, "second");
    assert_eq!((call.count("ACK"), call.count("BYE")), (2, 1));
    for method in ["ACK", "BYE"] {
        let request = call.scene.peer().last_request(method).unwrap();
        assert_eq!(
            request.headers.to().unwrap().tag(),
            Some("second"),
            "{method}"
        );
    }
    // The first one goes on.
    call.scene.run(2_000);
    assert!(!call.scene.is_over());
    call.scene.run(2_000);
    let bye = call.scene.peer().last_request("BYE").unwrap();
    assert_eq!(bye.headers.to().unwrap().tag(), Some("first"));
    call.scene.ends_clean();
}

#[test]
fn an_answer_without_usable_audio_is_acknowledged_and_ended() {
    let mut call = Outgoing::new();
    let invite = call.invite.clone();
    call.scene.peer().respond(&invite, 200, "bob", "nonsense");
    call.scene.run(50);
    assert_eq!((call.count("ACK"), call.count("BYE")), (1, 1));
    assert!(call.scene.is_over());
    call.scene.ends_clean();
}

#[test]
fn whom_no_socket_reaches_is_unreachable() {
    let mut scene = Scene::new("nobody", None);
    let (dial, mut reports) = phone("bob@host.invalid", Vec::new());
    scene.with_agent(|agent, now| agent.dial(now, dial));
    assert_eq!(reports.try_recv(), Ok(Report::NotDelivered));
    assert_eq!(reports.try_recv(), Ok(Report::Ended));
    scene.ends_clean();
}

#[test]
fn rfc3261_13_2_2_4_a_fork_that_answers_after_the_end_is_acknowledged_and_ended() {
    let mut call = Outgoing::new();
    call.respond(200, "first");
    call.hang_up();
    assert!(call.scene.is_over());
    // Up to 64*T1 after the first answer.
    call.scene.run(30_000);
    let before = (call.count("ACK"), call.count("BYE"));
    for _ in 0..2 {
        call.respond(200, "second");
    }
    assert_eq!(
        (call.count("ACK"), call.count("BYE")),
        (before.0 + 2, before.1 + 1)
    );
    for method in ["ACK", "BYE"] {
        let request = call.scene.peer().last_request(method).unwrap();
        let to = request.headers.to().unwrap();
        assert_eq!(to.tag(), Some("second"), "{method}");
    }
    call.scene.ends_clean();
}

#[test]
fn a_fork_that_answers_while_the_bye_is_out_is_ended_too() {
    let mut call = Outgoing::new();
    call.respond(200, "first");
    call.scene.peer().confirms_bye = false;
    call.hang_up();
    call.respond(200, "second");
    assert_eq!((call.count("ACK"), call.count("BYE")), (2, 2));
    call.scene.ends_clean();
}

#[test]
fn sound_before_the_answer_is_heard_from_whoever_sends_it_last() {
    let mut call = Outgoing::new();
    let body = call.scene.peer().offer("sendrecv");
    let invite = call.invite.clone();
    let early = |call: &mut Outgoing, tag: &str, port: &str| {
        let body = body.replace("40000", port);
        call.scene.peer().respond(&invite, 183, tag, &body);
        call.scene.run(50);
        call.scene.media()
    };
    let at = |port: &str| vec![format!("configure 192.0.2.9:{port} sendrecv")];
    assert_eq!(early(&mut call, "first", "40000"), at("40000"));
    assert_eq!(early(&mut call, "second", "40002"), at("40002"));
    // The first answers with what it said before.
    call.respond(200, "first");
    assert_eq!(call.scene.media()[..1], at("40000"));
    call.scene.ends_clean();
}

#[test]
fn an_answer_that_only_a_provisional_response_had_holds() {
    let mut call = Outgoing::new();
    let body = call.scene.peer().offer("sendrecv");
    let invite = call.invite.clone();
    call.scene.peer().respond(&invite, 183, "bob", &body);
    call.scene.run(50);
    call.scene.peer().respond(&invite, 200, "bob", "");
    call.scene.run(50);
    assert_eq!((call.count("ACK"), call.count("BYE")), (1, 0));
    assert!(call.reports().contains(&Report::Answered("PCMU", None)));
    call.scene.ends_clean();
}

#[test]
fn a_call_that_was_answered_is_not_bound_to_the_time_of_ringing() {
    let mut scene = Scene::new("nobody", None);
    let (mut dial, _reports) = phone(&format!("bob@{PEER}"), Vec::new());
    dial.application = Application::Echo;
    scene.with_agent(|agent, now| agent.dial(now, dial));
    scene.run(50);
    let invite = scene.peer().last_request("INVITE").unwrap();
    let answer = scene.peer().offer("sendrecv");
    scene.peer().respond(&invite, 200, "bob", &answer);
    scene.run(200_000);
    let ends = ["CANCEL", "BYE"].map(|method| scene.peer().count(method));
    assert_eq!(ends, [0, 0]);
    assert!(!scene.is_over());
}
