//! Arguments, variables and failures.

use muleteer_sdk::module::*;

pub const JOIN: Action = action("example.join", join)
    .doc("Joins texts.")
    .parameters(&[need("variable", Kind::Name), any("text", Kind::Value)])
    .every_comma()
    .errno(&["arg"])
    .example(Example {
        code: "set($a=1); example.join($x, $a, \"2, 3\")",
        expect: &[("x", "12, 3"), ("errno", "")],
    })
    .example(Example {
        code: "example.join($x)",
        expect: &[("errno", "arg")],
    });

fn join(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let texts: String = args.iter().skip(1).collect();
    if texts.is_empty() {
        return Err(Failure::errno("arg", "there is nothing to join"));
    }
    cx.set(args.name(0), texts)?;
    Ok(Flow::Next)
}

pub const SHOUT: Action = action("example.shout", shout)
    .doc("Stores a text with references in it, in capital letters.")
    .parameters(&[need("variable", Kind::Name), need("text", Kind::Template)])
    .equals()
    .example(Example {
        code: "set($name=Ann); example.shout($x=\"hello $name\")",
        expect: &[("x", "HELLO ANN")],
    });

fn shout(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    cx.set(args.name(0), args.text(1).to_uppercase())?;
    Ok(Flow::Next)
}

pub const COPY: Action = action("example.copy", copy)
    .doc("Copies a variable.")
    .parameters(&[need("to", Kind::Name), need("from", Kind::Name)])
    .example(Example {
        code: "set($a=1); example.copy($b, $a)",
        expect: &[("b", "1")],
    });

fn copy(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    match cx.var(args.name(1)) {
        Some(value) => cx.set(args.name(0), value)?,
        None => cx.remove(args.name(0)),
    }
    Ok(Flow::Next)
}

pub const FAIL: Action = action("example.fail", fail)
    .doc("Fails: errno, exception or panic.")
    .parameters(&[need("kind", Kind::Value)])
    .errno(&["general"])
    .throws(&["example #cause", "plugin #module #cause"])
    .example(Example {
        code: "example.fail(errno)",
        expect: &[("errno", "general"), ("strerror", "as you wish")],
    });

fn fail(_: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    match args.text(0) {
        "errno" => Err(Failure::errno("general", "as you wish")),
        "exception" => Err(Exception::new("example")
            .with("cause", "as you wish")
            .into()),
        "panic" => panic!("as you wish"),
        _ => Ok(Flow::Next),
    }
}

pub const IS_EVEN: Condition = condition("example.is_even", is_even)
    .doc("Holds for even numbers.")
    .parameters(&[need("number", Kind::Value)])
    .check(check_number);

/// A diagram that can only fail is refused; a reference is not known yet.
fn check_number(args: &Args<'_>) -> Result<(), Finding> {
    match args.written(0).map(|_| args.number::<i64>(0)) {
        Some(Err(_)) => Err(Finding::new("only a number can be even")),
        _ => Ok(()),
    }
}

fn is_even(_: &mut Context<'_>, args: &Args<'_>) -> Result<bool, Failure> {
    Ok(args.number::<i64>(0)? % 2 == 0)
}
