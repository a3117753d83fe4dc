//! A module as its author tests it: over the real table of the contract, without a server.
#![cfg(all(feature = "tokio", feature = "testing"))]
#![allow(
    clippy::disallowed_methods,
    reason = "a module may wait on its own runtime"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muleteer_sdk::module::testing::{ModuleTest, Outcome};
use muleteer_sdk::module::*;

const ACTIONS: &[Action] = &[
    action("tiny.twice", twice)
        .doc("Stores a text twice.")
        .parameters(&[need("variable", Kind::Name), need("text", Kind::Value)])
        .equals()
        .errno(&["arg"])
        .example(Example {
            code: "tiny.twice($x=ab)",
            expect: &[("x", "abab")],
        }),
    action("tiny.wait", wait).parameters(&[need("milliseconds", Kind::Value)]),
    action("tiny.work", work).parameters(&[need("text", Kind::Value)]),
    action_async!("tiny.reverse", reverse).parameters(&[need("text", Kind::Value)]),
    action("tiny.panic", |_, _| panic!("on purpose")),
    action("tiny.panic_later", |cx, _| {
        Ok(cx.later(
            Duration::from_secs(5),
            async { panic!("on purpose") },
            |_, ()| Ok(Flow::Next),
        ))
    }),
    action("tiny.count", count),
    action("tiny.play", play),
    action("tiny.tell", |cx, _| {
        cx.session().raise("tiny.told", &[("by", "itself")])?;
        cx.session().post(&[("a", "1")])?;
        Ok(Flow::Next)
    }),
];

export_module! {
    name: "mod_tiny",
    doc: "For the tests of the kit.",
    load: |host| match host.config().contains("refuse") {
        true => Err("as configured".to_owned()),
        false => Ok(()),
    },
    actions: [
        ACTIONS[0], ACTIONS[1], ACTIONS[2], ACTIONS[3], ACTIONS[4], ACTIONS[5], ACTIONS[6],
        ACTIONS[7], ACTIONS[8],
    ],
    conditions: [condition("tiny.is_long", |_, args| Ok(args.text(0).len() > 3))
        .parameters(&[need("text", Kind::Value)])],
    events: [event("tiny.told").parameters(&[("by", "Who told.")])],
    hooks: Hooks {
        before_destroy: Some(|cx| {
            cx.log(Level::Info, &format!("{} ends", cx.session().id()));
            Ok(())
        }),
        sdp_offer: Some(|_, sdp| Ok(Some(format!("{sdp}a=tiny\r\n")))),
        ..Hooks::NONE
    },
}

fn twice(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    if args.text(1).is_empty() {
        return Err(Failure::errno("arg", "there is nothing to double"));
    }
    cx.set(args.name(0), args.text(1).repeat(2))?;
    Ok(Flow::Next)
}

fn wait(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let time = Duration::from_millis(args.number(0)?);
    let deadline = Deadline::new(Duration::from_secs(1)).failing("connection", "too slow");
    Ok(cx.later(
        deadline,
        async move {
            tokio::time::sleep(time).await;
            time.as_millis()
        },
        |cx, ms| {
            cx.set("waited", ms.to_string())?;
            Ok(Flow::Next)
        },
    ))
}

fn work(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let text = args.text(0).to_owned();
    Ok(cx.blocking(
        Deadline::default(),
        move || text.to_uppercase(),
        |cx, text| {
            cx.set_array("upper", text.split(' '))?;
            Ok(Flow::Next)
        },
    ))
}

async fn reverse(args: Owned) -> Result<Answer, Failure> {
    if args.text(0).is_empty() {
        return Err(Exception::new("tiny").with("cause", "empty").into());
    }
    Ok(Answer::new().set("reversed", args.text(0).chars().rev().collect::<String>()))
}

struct Counter(AtomicUsize, Arc<()>);

fn count(cx: &mut Context<'_>, _: &Args<'_>) -> Result<Flow, Failure> {
    let counter = match cx.object::<Counter>("tiny") {
        Some(counter) => counter,
        None => {
            let counter = Arc::new(Counter(AtomicUsize::new(0), Arc::default()));
            cx.set_object("tiny", counter.clone())?;
            counter
        }
    };
    let count = counter.0.fetch_add(1, Ordering::Relaxed) + 1;
    assert_eq!(Arc::strong_count(&counter.1), 1);
    cx.set("count", count.to_string())?;
    Ok(Flow::Next)
}

fn play(cx: &mut Context<'_>, _: &Args<'_>) -> Result<Flow, Failure> {
    let audio = Audio {
        name: "a.wav",
        bytes: b"RIFF",
        front: true,
        looped: false,
    };
    Ok(cx.play_then(audio, |cx, played| match played {
        Ok(()) => Ok(cx.tail("setTimer", &["1", "20"])),
        Err(_) => Err(Failure::errno("file", "no audio")),
    }))
}

fn tiny() -> ModuleTest {
    ModuleTest::new(muleteer_module())
}

#[test]
fn a_plain_action_assigns_and_fails() {
    let mut t = tiny();
    assert_eq!(t.run("tiny.twice", &["x", "ab"]), Outcome::Done);
    assert_eq!(t.var("x"), "abab");
    assert_eq!(t.run("tiny.twice", &["x", ""]).errno(), "arg");
    assert_eq!(
        (t.errno(), t.var("strerror")),
        ("arg", "there is nothing to double")
    );
    t.run("tiny.twice", &["x", "c"]);
    assert_eq!((t.errno(), t.var("strerror")), ("", ""));
    assert!(t.test("tiny.is_long", &["abcd"]));
    assert!(!t.test("tiny.is_long", &["abc"]));
}

#[test]
fn actions_that_wait_end_on_the_session() {
    let mut t = tiny();
    assert_eq!(t.run("tiny.wait", &["10"]), Outcome::Done);
    assert_eq!(t.var("waited"), "10");
    assert_eq!(t.run("tiny.wait", &["60000"]).errno(), "connection");
    assert_eq!(t.run("tiny.wait", &["x"]).errno(), "arg");
    t.set("upper[7]", "old");
    assert_eq!(t.run("tiny.work", &["a b"]), Outcome::Done);
    assert_eq!((t.var("upper[1]"), t.has("upper[7]")), ("B", false));
    t.run("tiny.reverse", &["abc"]);
    assert_eq!(t.var("reversed"), "cba");
    assert_eq!(t.run("tiny.reverse", &[""]).exception("cause"), "empty");
}

#[test]
fn what_nobody_waits_for_is_dropped() {
    let mut t = tiny();
    assert_eq!(t.begin("tiny.wait", &["60000"]), None);
    t.hang_up();
    assert_eq!(t.run("tiny.wait", &["1"]), Outcome::Done);
    assert_eq!(t.begin("tiny.work", &["a"]), None);
    t.end_session();
}

#[test]
fn a_panic_is_an_exception() {
    let mut t = tiny();
    for action in ["tiny.panic", "tiny.panic_later"] {
        let outcome = t.run(action, &[]);
        assert_eq!(outcome.exception("type"), "plugin", "{action}");
        assert_eq!(outcome.exception("module"), "mod_tiny");
        assert!(outcome.exception("cause").contains("panic"), "{outcome:?}");
    }
}

#[test]
fn objects_live_as_long_as_their_session() {
    let mut t = tiny();
    t.run("tiny.count", &[]);
    t.run("tiny.count", &[]);
    assert_eq!(t.var("count"), "2");
    assert!(t.free_object("tiny"));
    t.run("tiny.count", &[]);
    assert_eq!(t.var("count"), "1");
    t.end_session();
    assert!(!t.has_object("tiny"));
}

#[test]
fn sound_and_actions_of_the_server_come_one_after_the_other() {
    let mut t = tiny();
    assert_eq!(t.run("tiny.play", &[]), Outcome::Done);
    assert_eq!((t.played().len(), t.played()[0].front), (1, true));
    assert_eq!(t.performed()[0].0, "setTimer");
    t.refuse("a.wav", Exception::new("file").into());
    assert_eq!(t.run("tiny.play", &[]).errno(), "file");
}

#[test]
fn events_and_hooks_reach_the_session() {
    let mut t = tiny();
    t.run("tiny.tell", &[]);
    let events = t.events();
    assert_eq!(events[0].1, "tiny.told");
    assert_eq!(events[1].2["a"], "1");
    assert_eq!(t.offer("v=0\r\n"), "v=0\r\na=tiny\r\n");
    let id = t.session_id().to_owned();
    t.end_session();
    assert!(t.logged().contains(&format!("{id} ends")));
}

/// A second module in one binary, as a test of several crates has it.
mod other {
    use super::*;

    export_module! {
        name: "mod_other",
        doc: "Not the one above.",
        actions: [action("other.who", |cx, _| {
            cx.set("who", "other")?;
            Ok(Flow::Next)
        })],
    }
}

#[test]
fn several_modules_can_be_linked_into_one_binary() {
    let mut t = ModuleTest::new(other::muleteer_module());
    assert_eq!(t.run("other.who", &[]), Outcome::Done);
    assert_eq!(t.var("who"), "other");
    let mut t = tiny();
    assert_eq!(t.run("tiny.twice", &["x", "a"]), Outcome::Done);
    assert_eq!(t.var("x"), "aa");
}
