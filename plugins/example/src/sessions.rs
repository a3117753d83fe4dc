//! Objects of a session, what is known of it, and what the module hears of it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use muleteer_sdk::module::*;

/// `greeting` of the configuration.
static GREETING: OnceLock<String> = OnceLock::new();

/// Reads the configuration, once.
pub fn load(host: &Host) -> Result<(), String> {
    // A module with more than one setting would take a crate for JSON.
    let config = host.config();
    let greeting = match config.split_once("\"greeting\":") {
        None => "",
        Some((_, value)) => {
            let text = value.trim_start().strip_prefix('"');
            let text = text.and_then(|text| text.split_once('"'));
            text.ok_or("greeting: expected a text")?.0
        }
    };
    GREETING.get_or_init(|| greeting.to_owned());
    host.log(Level::Info, "the example is loaded");
    Ok(())
}

/// The session begins.
pub fn greet(cx: &mut Context<'_>) -> Result<(), Failure> {
    match GREETING.get() {
        Some(greeting) if !greeting.is_empty() => cx.set("example.greeting", greeting),
        _ => Ok(()),
    }
}

/// The session is over.
pub fn say_goodbye(cx: &mut Context<'_>) -> Result<(), Failure> {
    signed().remove(cx.session().id());
    let count = cx.object::<Counter>("example.counter");
    let count = count.map_or(0, |counter| counter.0.load(Ordering::Relaxed));
    cx.log(
        Level::Debug,
        &format!("{} counted to {count}", cx.session().id()),
    );
    Ok(())
}

/// Our offer goes out.
pub fn sign_offer(cx: &mut Context<'_>, sdp: &str) -> Result<Option<String>, Failure> {
    let signed = signed().contains(cx.session().id());
    Ok(signed.then(|| format!("{sdp}a=x-example:1\r\n")))
}

/// Our answer goes out.
pub fn sign_answer(cx: &mut Context<'_>, _: &str, sdp: &str) -> Result<Option<String>, Failure> {
    sign_offer(cx, sdp)
}

/// The sessions whose descriptions are signed. Descriptions are made where variables are not in reach.
fn signed() -> MutexGuard<'static, BTreeSet<String>> {
    static SIGNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    SIGNED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub const SIGN: Action = action("example.sign", sign)
    .doc("Adds an attribute to the session descriptions that this session sends from now on.");

fn sign(cx: &mut Context<'_>, _: &Args<'_>) -> Result<Flow, Failure> {
    signed().insert(cx.session().id().to_owned());
    Ok(Flow::Next)
}

struct Counter(AtomicU32);

pub const COUNT: Action = action("example.count", count)
    .doc("Counts in an object of the session.")
    .sets(&["$example.count"])
    .example(Example {
        code: "example.count(); example.count()",
        expect: &[("example.count", "2")],
    })
    .example(Example {
        code: "example.count(); freeObject(example.counter); example.count()",
        expect: &[("example.count", "1")],
    });

fn count(cx: &mut Context<'_>, _: &Args<'_>) -> Result<Flow, Failure> {
    let counter = match cx.object::<Counter>("example.counter") {
        Some(counter) => counter,
        None => {
            let counter = Arc::new(Counter(AtomicU32::new(0)));
            cx.set_object("example.counter", counter.clone())?;
            counter
        }
    };
    let count = counter.0.fetch_add(1, Ordering::Relaxed) + 1;
    cx.set("example.count", count.to_string())?;
    Ok(Flow::Next)
}

pub const ABOUT: Action = action("example.about", about)
    .doc("What a module can know of a session and its event.")
    .sets(&["$example.session", "$example.event", "$example.agent"])
    .example(Example {
        code: "example.about()",
        expect: &[("example.event", "start")],
    });

fn about(cx: &mut Context<'_>, _: &Args<'_>) -> Result<Flow, Failure> {
    cx.set("example.session", cx.session().id())?;
    cx.set("example.event", cx.event())?;
    cx.set("example.agent", cx.header("User-Agent").unwrap_or_default())?;
    Ok(Flow::Next)
}

pub const TIMER: Action = action("example.timer", timer)
    .doc("Does setTimer of the server.")
    .parameters(&[need("id", Kind::Value), need("seconds", Kind::Value)])
    .errno(&["arg"]);

fn timer(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    cx.perform("setTimer", &[args.text(0), args.text(1)])?;
    Ok(Flow::Next)
}
