//! Actions that make and change a document.

use std::collections::BTreeMap;

use muleteer_sdk::module::*;
use serde_json::Value;

use crate::document::{self, MAX_BYTES};
use crate::path;

const OBJECT: Parameter = need("object", Kind::Value);
const PATH: Parameter = need("path", Kind::Value);

pub const PARSE: Action = action("json.parse", parse)
    .doc("Reads a text and keeps it as a document under a name.")
    .parameters(&[need("text", Kind::Value), OBJECT])
    .errno(&["arg"])
    .example(Example {
        code: r#"json.create(a); json.set(a, x[0], 1); json.dump(a, $t); json.parse($t, b); json.get(b, x[0], $v)"#,
        expect: &[("v", "1")],
    })
    .example(Example {
        code: r#"json.parse("{", j)"#,
        expect: &[("errno", "arg")],
    });

pub const CREATE: Action = action("json.create", create)
    .doc("Keeps an empty object, or with `array` an empty array, as a document under a name.")
    .parameters(&[OBJECT, may("type", Kind::Value)])
    .errno(&["arg"])
    .example(Example {
        code: "json.create(j); json.dump(j, $a); json.create(j, array); json.dump(j, $b)",
        expect: &[("a", "{}"), ("b", "[]")],
    });

pub const SET: Action = action("json.set", set)
    .doc(
        "Puts a text at a path; what leads there is made. `[]` is behind the last element of an array.",
    )
    .parameters(&[OBJECT, PATH, need("text", Kind::Value)])
    .errno(&["arg"])
    .example(Example {
        code: "json.create(j); json.set(j, to[].name, ada); json.dump(j, $t)",
        expect: &[("t", r#"{"to":[{"name":"ada"}]}"#)],
    });

pub const SET_VALUE: Action = action("json.setValue", set_value)
    .doc("Puts a number, true, false, null or any other JSON at a path.")
    .parameters(&[OBJECT, PATH, need("json", Kind::Value)])
    .errno(&["arg"])
    .example(Example {
        code: "json.create(j); json.setValue(j, n, 12); json.setValue(j, ok, true); json.dump(j, $t)",
        expect: &[("t", r#"{"n":12,"ok":true}"#)],
    });

pub const SET_STRUCT: Action = action("json.setStruct", set_struct)
    .doc(
        "Puts the members of a struct of variables, or the elements of an array, at a path, all as texts.",
    )
    .parameters(&[OBJECT, PATH, need("variable", Kind::Collection)])
    .errno(&["arg"])
    .example(Example {
        code: "set($p.name=ada); set($p.calls[0]=x); json.create(j); json.setStruct(j, \"\", $p); json.dump(j, $t)",
        expect: &[("t", r#"{"calls":["x"],"name":"ada"}"#)],
    });

pub const REMOVE: Action = action("json.remove", remove)
    .doc("Removes what is at a path.")
    .parameters(&[OBJECT, PATH])
    .errno(&["arg", "result"])
    .example(Example {
        code: "json.create(j); json.set(j, a, 1); json.set(j, b, 2); json.remove(j, a); json.dump(j, $t)",
        expect: &[("t", r#"{"b":"2"}"#)],
    });

fn parse(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let text = args.text(0);
    let root = document::parse(text)?;
    document::keep(cx, args.text(1), root, text.len())
}

fn create(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let root = match args.text(1) {
        "" | "object" => Value::Object(Default::default()),
        "array" => Value::Array(Vec::new()),
        other => {
            let text = format!("{other:?} is no document: 'object' or 'array'");
            return Err(Failure::errno("arg", text));
        }
    };
    document::keep(cx, args.text(0), root, 0)
}

fn set(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let text = args.text(2);
    put(cx, args, Value::String(text.to_owned()), text.len())
}

fn set_value(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let text = args.text(2);
    put(cx, args, document::parse(text)?, text.len())
}

fn set_struct(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let name = args.name(2);
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for sign in ['.', '['] {
        values.extend(cx.with_prefix(&format!("{name}{sign}")));
    }
    let mut built = Value::Null;
    let mut bytes = 0;
    // Elements are put in the order of their numbers: [2] comes before [10].
    let mut ordered: Vec<_> = values
        .iter()
        .filter_map(|(variable, value)| {
            let steps = path::steps(variable[name.len()..].trim_start_matches('.')).ok()?;
            Some((steps, value, variable.len()))
        })
        .collect();
    ordered.sort_by(|(a, ..), (b, ..)| order(a, b));
    for (steps, value, name_bytes) in ordered {
        bytes += value.len() + name_bytes;
        let place = path::place(&mut built, &steps)
            .map_err(|why| Failure::errno("arg", format!("${name}: {why}")))?;
        *place = Value::String(value.clone());
    }
    if built.is_null() {
        let text = format!("${name} has no members and no elements");
        return Err(Failure::errno("arg", text));
    }
    put(cx, args, built, bytes)
}

/// The order in which the places of a struct are made.
fn order(a: &[path::Step], b: &[path::Step]) -> std::cmp::Ordering {
    use path::Step::{Element, Member};
    let steps = a.iter().zip(b).map(|pair| match pair {
        (Element(a), Element(b)) => a.cmp(b),
        (Member(a), Member(b)) => a.cmp(b),
        _ => std::cmp::Ordering::Equal,
    });
    let differing = steps.into_iter().find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.len().cmp(&b.len()))
}

/// Puts a value at the path of the arguments.
fn put(cx: &mut Context<'_>, args: &Args<'_>, value: Value, bytes: usize) -> Result<Flow, Failure> {
    let steps = document::steps(args.text(1))?;
    let document = document::find(cx, args.text(0))?;
    let mut document = document::open(&document);
    let added = bytes + args.text(1).len();
    if document.bytes + added > MAX_BYTES {
        // What was replaced and removed since does not count.
        document.bytes = document.root.to_string().len();
    }
    let bytes = document.bytes + added;
    document::fits(bytes)?;
    let place = path::place(&mut document.root, &steps)
        .map_err(|why| Failure::errno("arg", format!("{:?}: {why}", args.text(1))))?;
    *place = value;
    document.bytes = bytes;
    Ok(Flow::Next)
}

fn remove(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let steps = document::steps(args.text(1))?;
    let document = document::find(cx, args.text(0))?;
    let removed = path::remove(&mut document::open(&document).root, &steps);
    let nothing = || {
        let (object, path) = (args.text(0), args.text(1));
        Failure::errno("result", format!("{object:?} has nothing at {path:?}"))
    };
    removed.map(|_| Flow::Next).ok_or_else(nothing)
}
