//! Actions that wait, and events that come later.

use std::time::Duration;

use muleteer_sdk::module::*;

pub const WAIT: Action = action("example.wait", wait)
    .doc("Waits without blocking anybody.")
    .parameters(&[
        need("milliseconds", Kind::Value),
        may("variable", Kind::Name),
    ])
    .errno(&["arg", "general"])
    .cancellable()
    .example(Example {
        code: "example.wait(1, $x)",
        expect: &[("x", "1"), ("errno", "")],
    });

fn wait(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let time: u64 = args.number(0)?;
    let variable = args.written(1).map(str::to_owned);
    let work = async move {
        pause(time).await;
        time
    };
    Ok(cx.later(Deadline::default(), work, move |cx, time| {
        if let Some(variable) = variable {
            cx.set(&variable, time.to_string())?;
        }
        Ok(Flow::Next)
    }))
}

pub const AFTER: Condition = waiting_condition("example.after", after)
    .doc("Holds, but not before this time is over: 10 s at most.")
    .parameters(&[need("milliseconds", Kind::Value)]);

fn after(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let time = args.number(0)?;
    let deadline = Duration::from_secs(10);
    Ok(cx.later(deadline, pause(time), |_, ()| Ok(Flow::Holds(true))))
}

pub const WORK: Action = action("example.work", work)
    .doc("Works on a thread of the module, as a library that blocks would.")
    .parameters(&[need("variable", Kind::Name), need("text", Kind::Value)])
    .example(Example {
        code: "example.work($x, abc)",
        expect: &[("x", "3")],
    });

fn work(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let (variable, text) = (args.name(0).to_owned(), args.text(1).to_owned());
    let count = move || text.chars().count();
    Ok(cx.blocking(Deadline::default(), count, move |cx, count| {
        cx.set(&variable, count.to_string())?;
        Ok(Flow::Next)
    }))
}

pub const REVERSE: Action = action_async!("example.reverse", reverse)
    .doc("Reverses a text.")
    .parameters(&[need("text", Kind::Value)])
    .sets(&["$example.reversed"])
    .throws(&["example #cause"])
    .example(Example {
        code: "example.reverse(abc)",
        expect: &[("example.reversed", "cba")],
    });

async fn reverse(args: Owned) -> Result<Answer, Failure> {
    if args.text(0).is_empty() {
        return Err(Exception::new("example")
            .with("cause", "an empty text")
            .into());
    }
    let reversed: String = args.text(0).chars().rev().collect();
    Ok(Answer::new().set("example.reversed", reversed))
}

pub const TOLD: Event = event("example.told")
    .doc("What example.remind was to tell.")
    .parameters(&[("by", "Always timer."), ("text", "The text.")]);

pub const REMIND: Action = action("example.remind", remind)
    .doc("Raises example.told later, and goes on at once.")
    .parameters(&[need("milliseconds", Kind::Value), need("text", Kind::Value)])
    .errno(&["arg"])
    .example(Example {
        code: "example.remind(never, x)",
        expect: &[("errno", "arg")],
    });

fn remind(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let (time, text) = (args.number(0)?, args.text(1).to_owned());
    let session = cx.session();
    // It ends with the process at the latest; a session that is gone hears nothing.
    background(async move {
        pause(time).await;
        // Nobody is left to be told of a failure.
        let _ = session.raise("example.told", &[("by", "timer"), ("text", &text)]);
    });
    Ok(Flow::Next)
}

#[allow(
    clippy::disallowed_methods,
    reason = "it waits on the module's runtime"
)]
async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
