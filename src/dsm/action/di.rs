//! Calls into other components, and what becomes of their results.

use serde_json::{Map, Value};

use super::{Done, Outcome, Then, bad_argument};
use crate::dsm::argument::{Argument, Arguments, DiCast};
use crate::dsm::expr::Scope;
use crate::dsm::host::{DiCall, Exception, HostAction};
use crate::dsm::registry::{Kind, Parameter, Separator, Signature, any, may, need, takes};
use crate::dsm::value::{Values, signed};

const CALL: &[Parameter] = &[
    need("factory", Kind::Literal),
    may("function", Kind::Literal),
    any("argument", Kind::Di),
];
/// Structs inside structs; names with more dots stay flat at the bottom.
const MAX_STRUCT_DEPTH: usize = 32;

pub const SIGNATURES: &[Signature] = &[
    takes(
        "DI",
        Separator::EveryComma,
        CALL,
        |a, s| call(a, s, Then::ClearErrno),
        "Calls a function.",
    )
    .errno(&["arg", "config"])
    .cancellable(),
    takes(
        "DIgetResult",
        Separator::EveryComma,
        CALL,
        |a, s| call(a, s, Then::StoreDi),
        "Calls a function; its result becomes $DI_res.",
    )
    .errno(&["arg", "config"])
    .sets(&["$DI_res"])
    .cancellable(),
    takes(
        "DIgetResultArray",
        Separator::EveryComma,
        CALL,
        |a, s| call(a, s, Then::StoreDiArray),
        "Calls a function; its result becomes the array $DI_res.",
    )
    .errno(&["arg", "config"])
    .sets(&["$DI_res[n]", "$DI_res_size"])
    .cancellable(),
];

fn call(arguments: &Arguments<'_>, scope: &mut Scope<'_>, then: Then) -> Done {
    if !arguments.is_written(1) {
        return bad_argument("a DI call needs a factory and a function");
    }
    let mut values = Vec::new();
    let mut complaint = None;
    for argument in &arguments.list[2..] {
        let Argument::Di(cast, expr) = argument else {
            continue;
        };
        let text = expr.eval(scope);
        scope.spend(text.len());
        match value(*cast, &text, scope.variables) {
            Ok(value) => values.push(value),
            Err(Unfit::Integer) => return bad_argument("an argument of a DI call is no integer"),
            Err(Unfit::Json(error)) => {
                values.push(Value::Null);
                complaint = Some(format!("null is passed for what is no JSON: {error}"));
            }
        }
    }
    let (factory, function) = (arguments.name(0).to_owned(), arguments.name(1).to_owned());
    let action = HostAction::Di(DiCall {
        factory,
        function,
        arguments: values,
    });
    Ok(match complaint {
        None => Outcome::Perform(action, then),
        Some(complaint) => Outcome::PerformDespite(complaint, action, then),
    })
}

/// Text that is not what its cast says.
enum Unfit {
    Integer,
    Json(serde_json::Error),
}

fn value(cast: DiCast, text: &str, variables: &Values) -> Result<Value, Unfit> {
    Ok(match cast {
        DiCast::Text => Value::String(text.to_owned()),
        DiCast::Integer => Value::from(signed(text).ok_or(Unfit::Integer)?),
        DiCast::Struct => structure(text, variables),
        DiCast::Array => {
            let elements = (0..).map_while(|index| variables.get(&format!("{text}[{index}]")));
            elements
                .map(|element| Value::String(element.to_owned()))
                .collect()
        }
        // Deeper than 128 levels is no JSON for this parser.
        DiCast::Json => serde_json::from_str(text).map_err(Unfit::Json)?,
    })
}

/// The members of a struct, nested at the dots of their names.
fn structure(name: &str, variables: &Values) -> Value {
    let mut root = Map::new();
    for (member, value) in variables.members(name) {
        let mut place = &mut root;
        let path: Vec<&str> = member.splitn(MAX_STRUCT_DEPTH, '.').collect();
        let (last, parents) = path
            .split_last()
            .expect("splitting gives at least one part");
        for parent in parents {
            let inner = place
                .entry(*parent)
                .or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            place = inner.as_object_mut().expect("it was just made an object");
        }
        place.insert((*last).to_owned(), Value::String(value.to_owned()));
    }
    Value::Object(root)
}

/// A value as text: booleans as words, null as nothing.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether an element of an array can be stored: a text or an integer.
pub fn is_element(value: &Value) -> bool {
    value.is_string() || value.is_i64() || value.is_u64()
}

/// Stores a result in `$DI_res`, `$DI_res0` ... or `$DI_res.member`.
pub fn store(value: &Value, variables: &mut Values) -> Result<(), Exception> {
    match value {
        Value::Array(list) => {
            for (index, element) in list.iter().enumerate() {
                variables.set(&format!("DI_res{index}"), text(element))?;
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                store_member(&format!("DI_res.{name}"), member, variables)?;
            }
        }
        value => variables.set("DI_res", text(value))?,
    }
    Ok(())
}

fn store_member(name: &str, value: &Value, variables: &mut Values) -> Result<(), Exception> {
    let mut open = vec![(name.to_owned(), value)];
    while let Some((name, value)) = open.pop() {
        match value {
            Value::Array(list) => {
                let elements = list.iter().enumerate();
                open.extend(elements.map(|(index, value)| (format!("{name}[{index}]"), value)));
            }
            Value::Object(members) => {
                open.extend(
                    members
                        .iter()
                        .map(|(key, value)| (format!("{name}.{key}"), value)),
                );
            }
            value => variables.set(&name, text(value))?,
        }
    }
    Ok(())
}

/// Stores an array in `$DI_res[0]` ... and its length in `$DI_res_size`.
pub fn store_array(value: &Value, variables: &mut Values) -> Result<(), Exception> {
    let Value::Array(list) = value else {
        return Ok(());
    };
    for (index, element) in list.iter().enumerate() {
        variables.set(&format!("DI_res[{index}]"), text(element))?;
    }
    variables.set("DI_res_size", list.len().to_string())?;
    Ok(())
}
