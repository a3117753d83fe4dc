//! Actions that look into a document.

use muleteer_sdk::module::*;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::document;
use crate::path;

/// The longest query, in bytes.
const MAX_QUERY: usize = 1 << 10;
/// The most values that become variables at a time.
const MAX_VALUES: usize = 10_000;

const OBJECT: Parameter = need("object", Kind::Value);
const PATH: Parameter = need("path", Kind::Value);
const VARIABLE: Parameter = need("variable", Kind::Name);
const PLACE: &[Parameter] = &[OBJECT, PATH, VARIABLE];

pub const GET: Action = action("json.get", get)
    .doc(
        "Stores the value at a path: a text as it is, null as an empty text, an array or object as JSON.",
    )
    .parameters(PLACE)
    .errno(&["arg", "result"])
    .example(Example {
        code: "json.create(j); json.set(j, calls[0].from, ada); json.get(j, calls[0].from, $x)",
        expect: &[("x", "ada"), ("errno", "")],
    })
    .example(Example {
        code: "json.create(j); json.get(j, nothing, $x)",
        expect: &[("errno", "result")],
    });

pub const TYPE: Action = action("json.getType", kind)
    .doc(
        "Stores what is at a path: object, array, string, number, boolean, null, or none for nothing.",
    )
    .parameters(PLACE)
    .errno(&["arg"])
    .example(Example {
        code: "json.create(j); json.set(j, a[0], x); json.getType(j, a, $x); json.getType(j, b, $y)",
        expect: &[("x", "array"), ("y", "none")],
    });

pub const SIZE: Action = action("json.getSize", size)
    .doc("Counts the elements of an array, or the members of an object; 0 for all else.")
    .parameters(PLACE)
    .errno(&["arg"])
    .example(Example {
        code: "json.create(j); json.set(j, a[], x); json.set(j, a[], y); json.getSize(j, a, $n)",
        expect: &[("n", "2")],
    });

pub const KEYS: Action = action("json.getKeys", keys)
    .doc("Stores the names of an object's members as an array.")
    .parameters(PLACE)
    .errno(&["arg", "result"])
    .example(Example {
        code: "json.create(j); json.set(j, b, 1); json.set(j, a, 2); json.getKeys(j, \"\", $k)",
        expect: &[("k[0]", "a"), ("k[1]", "b")],
    });

pub const TO_STRUCT: Action = action("json.toStruct", to_struct)
    .doc(
        "Stores an object or array as a struct or array of variables, all the way down: $v.calls[0].from. \
         What such variables held before is removed.",
    )
    .parameters(PLACE)
    .errno(&["arg", "result"])
    .example(Example {
        code: "json.create(j); json.set(j, calls[0].from, ada); json.toStruct(j, \"\", $v)",
        expect: &[("v.calls[0].from", "ada")],
    });

pub const QUERY: Action = action("json.query", query)
    .doc(
        "Stores the values that a JSONPath (RFC 9535) finds as an array; its $ may be left out: .calls[*].from",
    )
    .parameters(&[OBJECT, need("query", Kind::Value), VARIABLE])
    .errno(&["arg", "general"])
    .example(Example {
        code: "json.create(j); json.set(j, a[].n, 1); json.set(j, a[].n, 2); json.query(j, .a[*].n, $n)",
        expect: &[("n[0]", "1"), ("n[1]", "2")],
    });

pub const DUMP: Action = action("json.dump", dump)
    .doc("Stores the document as text; with `pretty` on many lines.")
    .parameters(&[OBJECT, VARIABLE, may("style", Kind::Value)])
    .errno(&["arg"])
    .example(Example {
        code: "json.create(j); json.set(j, a, x); json.dump(j, $t)",
        expect: &[("t", r#"{"a":"x"}"#)],
    });

pub const HAS: Condition = condition("json.has", has)
    .doc("Whether a document has something at this path.")
    .parameters(&[OBJECT, may("path", Kind::Value)]);

/// Looks at the value at the path of the usual three arguments.
fn at<T>(
    cx: &Context<'_>,
    args: &Args<'_>,
    look: impl FnOnce(Option<&Value>) -> T,
) -> Result<T, Failure> {
    let steps = document::steps(args.text(1))?;
    let document = document::find(cx, args.text(0))?;
    let document = document::open(&document);
    Ok(look(path::find(&document.root, &steps)))
}

fn nothing(args: &Args<'_>) -> Failure {
    let (object, path) = (args.text(0), args.text(1));
    Failure::errno("result", format!("{object:?} has nothing at {path:?}"))
}

fn get(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let found = at(cx, args, |value| value.map(document::text))?;
    cx.set(args.name(2), found.as_deref().unwrap_or_default())?;
    found.map(|_| Flow::Next).ok_or_else(|| nothing(args))
}

fn kind(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let kind = at(cx, args, |value| match value {
        None => "none",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    })?;
    cx.set(args.name(2), kind)?;
    Ok(Flow::Next)
}

fn size(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let size = at(cx, args, |value| match value {
        Some(Value::Array(elements)) => elements.len(),
        Some(Value::Object(members)) => members.len(),
        _ => 0,
    })?;
    cx.set(args.name(2), size.to_string())?;
    Ok(Flow::Next)
}

fn keys(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let keys = at(cx, args, |value| {
        let members = value?.as_object()?;
        Some(members.keys().take(MAX_VALUES).cloned().collect::<Vec<_>>())
    })?;
    cx.set_array(args.name(2), keys.iter().flatten())?;
    keys.map(|_| Flow::Next).ok_or_else(|| nothing(args))
}

fn to_struct(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let name = args.name(2);
    let values = at(cx, args, |value| value.map(|value| flat(name, value)))?;
    let values = values.ok_or_else(|| nothing(args))?;
    if values.len() > MAX_VALUES {
        let text = format!("it would become more than {MAX_VALUES} variables");
        return Err(Failure::errno("result", text));
    }
    cx.remove(name);
    cx.remove_prefix(&format!("{name}."));
    cx.remove_prefix(&format!("{name}["));
    for (name, value) in values {
        cx.set(&name, value)?;
    }
    Ok(Flow::Next)
}

/// All texts of a value with the names of their variables; one more than [`MAX_VALUES`] at most.
fn flat(name: &str, value: &Value) -> Vec<(String, String)> {
    let mut values = Vec::new();
    let mut open = vec![(name.to_owned(), value)];
    while let Some((name, value)) = open.pop() {
        match value {
            _ if values.len() > MAX_VALUES => break,
            Value::Array(elements) => {
                let elements = elements.iter().enumerate();
                open.extend(elements.map(|(index, value)| (format!("{name}[{index}]"), value)));
            }
            Value::Object(members) => {
                let members = members.iter();
                open.extend(members.map(|(member, value)| (format!("{name}.{member}"), value)));
            }
            value => values.push((name, document::text(value))),
        }
    }
    values
}

fn query(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let text = args.text(1);
    if text.len() > MAX_QUERY {
        let text = format!("a query has at most {MAX_QUERY} bytes");
        return Err(Failure::errno("arg", text));
    }
    let whole = format!("${}", text.strip_prefix('$').unwrap_or(text));
    let query = JsonPath::parse(&whole)
        .map_err(|error| Failure::errno("arg", format!("{text:?} is no query: {error}")))?;
    let document = document::find(cx, args.text(0))?;
    let variable = args.name(2).to_owned();
    // A query may look at each value many times; calls do not wait for that.
    Ok(cx.blocking(
        Deadline::default(),
        move || {
            let document = document::open(&document);
            let found = query.query(&document.root);
            let found = found.iter().take(MAX_VALUES);
            found.map(|value| document::text(value)).collect::<Vec<_>>()
        },
        move |cx, found| {
            cx.set_array(&variable, found)?;
            Ok(Flow::Next)
        },
    ))
}

fn dump(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let text = {
        let document = document::find(cx, args.text(0))?;
        let document = document::open(&document);
        match args.text(2) {
            "" => document.root.to_string(),
            "pretty" => format!("{:#}", document.root),
            other => {
                let text = format!("{other:?} is no style: 'pretty', or nothing for one line");
                return Err(Failure::errno("arg", text));
            }
        }
    };
    cx.set(args.name(1), text)?;
    Ok(Flow::Next)
}

fn has(cx: &mut Context<'_>, args: &Args<'_>) -> Result<bool, Failure> {
    // As a condition: what is no document and no path has nothing.
    Ok(at(cx, args, |value| value.is_some()).unwrap_or(false))
}
