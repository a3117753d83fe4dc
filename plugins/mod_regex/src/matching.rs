//! The actions and the condition.

use muleteer_sdk::module::*;

use crate::expressions::{self, MAX_TEXT};

const NAME: Parameter = need("name", Kind::Value);
const TEXT: Parameter = need("text", Kind::Value);
const RESULT: &str = "regex.match";

pub const COMPILE: Action = action("regex.compile", compile)
    .doc("Keeps an expression under a name, for all calls of the server.")
    .parameters(&[NAME, need("expression", Kind::Literal)])
    .errno(&["arg"])
    .example(Example {
        code: r#"regex.compile(uri, "^sip:([^@]+)@(.*)$"); regex.match(uri, "sip:ada@example.org")"#,
        expect: &[
            ("regex.match", "1"),
            ("regex.match[1]", "ada"),
            ("regex.match[2]", "example.org"),
        ],
    })
    .example(Example {
        code: r#"regex.compile(broken, "a(")"#,
        expect: &[("errno", "arg")],
    });

pub const MATCH: Action = action("regex.match", find)
    .doc(
        "Searches a text: $regex.match is 1 or 0, $regex.match[0] what was found, and from [1] on its groups, \
         empty for those that took no part.",
    )
    .parameters(&[NAME, TEXT])
    .errno(&["arg"])
    .sets(&["$regex.match", "$regex.match[n]"])
    .example(Example {
        code: r#"regex.compile(either, "(a)|(b)"); regex.match(either, "b")"#,
        expect: &[
            ("regex.match", "1"),
            ("regex.match[0]", "b"),
            ("regex.match[1]", ""),
            ("regex.match[2]", "b"),
        ],
    })
    .example(Example {
        code: r#"regex.match(nobody, "x")"#,
        expect: &[("regex.match", "0"), ("errno", "arg")],
    });

pub const CLEAR: Action = action("regex.clear", clear)
    .doc("Forgets an expression.")
    .parameters(&[NAME])
    .example(Example {
        code: r#"regex.compile(digit, "[0-9]"); regex.clear(digit); regex.match(digit, "1")"#,
        expect: &[("regex.match", "0")],
    });

pub const MATCHES: Condition = condition("regex.match", matches)
    .doc(
        "Searches a text, and sets the variables as the action of this name does. Without such an expression \
         it is false.",
    )
    .parameters(&[NAME, TEXT]);

fn compile(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let written = args.text(1);
    // An expression may stand in a variable; most that begin with a dollar sign are just that.
    let value = written.strip_prefix('$').and_then(|name| cx.var(name));
    let expression = value.as_deref().unwrap_or(written);
    expressions::compile(args.text(0), expression)
        .map_err(|error| Failure::errno("arg", error.to_string()))?;
    Ok(Flow::Next)
}

fn find(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    search(cx, args.text(0), args.text(1))?;
    Ok(Flow::Next)
}

fn matches(cx: &mut Context<'_>, args: &Args<'_>) -> Result<bool, Failure> {
    match search(cx, args.text(0), args.text(1)) {
        Ok(found) => Ok(found),
        Err(Searched::Set(failure)) => Err(failure),
        Err(Searched::No(why)) => {
            cx.log(Level::Debug, &why);
            Ok(false)
        }
    }
}

fn clear(_: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    expressions::clear(args.text(0));
    Ok(Flow::Next)
}

/// Why nothing was found.
enum Searched {
    /// There is nothing to search with, or too much to search in.
    No(String),
    /// The result could not be stored.
    Set(Failure),
}

impl From<Searched> for Failure {
    fn from(searched: Searched) -> Self {
        match searched {
            Searched::No(why) => Failure::errno("arg", why),
            Searched::Set(failure) => failure,
        }
    }
}

/// Searches, and stores what was found.
fn search(cx: &mut Context<'_>, name: &str, text: &str) -> Result<bool, Searched> {
    cx.remove_prefix("regex.match[");
    let unfit = match expressions::find(name) {
        None => format!("there is no expression {name:?}"),
        Some(_) if text.len() > MAX_TEXT => {
            format!("a text that is searched has at most {MAX_TEXT} bytes")
        }
        Some(expression) => {
            let found = expression.captures(text);
            let is_found = if found.is_some() { "1" } else { "0" };
            cx.set(RESULT, is_found).map_err(Searched::Set)?;
            if let Some(found) = &found {
                let groups = found
                    .iter()
                    .map(|group| group.map_or("", |group| group.as_str()));
                cx.set_array(RESULT, groups).map_err(Searched::Set)?;
            }
            return Ok(found.is_some());
        }
    };
    cx.set(RESULT, "0").map_err(Searched::Set)?;
    Err(Searched::No(unfit))
}
