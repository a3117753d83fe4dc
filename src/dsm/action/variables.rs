//! Variables: assignment, arithmetic, parts of text, arrays and structs.

use super::{Done, ELEMENT_BYTES, Outcome, remove_prefix};
use crate::dsm::argument::{Argument, Arguments};
use crate::dsm::expr::{Expr, Scope};
use crate::dsm::registry::{Kind, Parameter, Separator, Signature, may, need, takes};
use crate::dsm::value::unsigned;

const NAME: Parameter = need("variable", Kind::Name);
const COLLECTION: Parameter = need("variable", Kind::Collection);
const VALUE: Parameter = need("value", Kind::Value);

pub const SIGNATURES: &[Signature] = &[
    takes(
        "set",
        Separator::Equals,
        &[need("variable", Kind::Target), VALUE],
        set,
        "Assigns a value.",
    ),
    takes(
        "sets",
        Separator::Equals,
        &[need("variable", Kind::Target), need("text", Kind::Template)],
        set,
        "Assigns a text with references inside.",
    ),
    takes(
        "eval",
        Separator::Equals,
        &[NAME, need("sum", Kind::Sum)],
        set,
        "Adds and subtracts integers.",
    ),
    takes(
        "setVar",
        Separator::Equals,
        &[need("name", Kind::TargetValue), VALUE],
        set_var,
        "Assigns to the variable whose name is the first value.",
    ),
    takes(
        "var",
        Separator::Equals,
        &[NAME, need("name", Kind::Value)],
        var,
        "Reads the variable whose name is the second value.",
    ),
    takes(
        "param",
        Separator::Equals,
        &[NAME, need("name", Kind::Value)],
        param,
        "Reads the event parameter whose name is the second value.",
    ),
    takes(
        "append",
        Separator::Commas(2),
        &[NAME, VALUE],
        append,
        "Appends to a variable.",
    ),
    takes(
        "substr",
        Separator::Commas(3),
        &[
            NAME,
            need("position", Kind::Value),
            may("length", Kind::Value),
        ],
        substr,
        "Replaces a variable by a part of itself; positions count bytes from 0.",
    ),
    takes("inc", Separator::None, &[NAME], inc, "Adds 1."),
    takes(
        "clear",
        Separator::None,
        &[need("variable", Kind::Removed)],
        clear,
        "Removes a variable.",
    ),
    takes(
        "clearStruct",
        Separator::None,
        &[COLLECTION],
        clear_struct,
        "Removes all members of a struct.",
    ),
    takes(
        "clearArray",
        Separator::None,
        &[COLLECTION],
        clear_array,
        "Removes all elements of an array.",
    ),
    takes(
        "size",
        Separator::Commas(2),
        &[COLLECTION, need("result", Kind::Name)],
        size,
        "Counts the elements of an array.",
    ),
    takes(
        "arrayIndex",
        Separator::Commas(2),
        &[COLLECTION, VALUE],
        array_index,
        "Finds a value in an array; $index or $name.index becomes its index or nil.",
    )
    .sets(&["$index or $name.index"]),
];

fn set(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let value = arguments.owned(1, scope);
    match &arguments.list[0] {
        Argument::Param(name) => {
            if let Some(params) = &mut scope.params {
                params.set(name, value)?;
            }
        }
        _ => scope.variables.set(arguments.name(0), value)?,
    }
    Ok(Outcome::Next)
}

fn set_var(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let (name, value) = (arguments.owned(0, scope), arguments.owned(1, scope));
    scope.variables.set(&name, value)?;
    Ok(Outcome::Next)
}

fn var(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let value = scope
        .variables
        .get(&arguments.text(1, scope))
        .unwrap_or("")
        .to_owned();
    scope.variables.set(arguments.name(0), value)?;
    Ok(Outcome::Next)
}

fn param(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let value = scope
        .param(&arguments.text(1, scope))
        .unwrap_or("")
        .to_owned();
    scope.variables.set(arguments.name(0), value)?;
    Ok(Outcome::Next)
}

fn append(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let more = arguments.owned(1, scope);
    scope.variables.append(arguments.name(0), &more)?;
    Ok(Outcome::Next)
}

fn substr(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let position = arguments.unsigned(1, scope);
    let (Some(position), Some(length)) = (position, arguments.unsigned(2, scope)) else {
        return Ok(Outcome::Complain("position or length is no number".into()));
    };
    let name = arguments.name(0);
    let (position, length) = (position as usize, length as usize);
    if scope.variables.get(name).is_none() {
        scope.variables.set(name, "")?;
    }
    let value = scope.variables.get(name).unwrap_or("");
    if position > value.len() {
        return Ok(Outcome::Complain(format!(
            "position {position} is behind the end"
        )));
    }
    scope.spend(value.len());
    let end = match length {
        0 => value.len(),
        length => position.saturating_add(length).min(value.len()),
    };
    // A position inside a character means the start of that character.
    let part =
        value[value.floor_char_boundary(position)..value.floor_char_boundary(end)].to_owned();
    scope.variables.set(name, part)?;
    Ok(Outcome::Next)
}

fn inc(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let name = arguments.name(0);
    let number = scope.variables.get(name).and_then(unsigned).unwrap_or(0);
    scope
        .variables
        .set(name, (u64::from(number) + 1).to_string())?;
    Ok(Outcome::Next)
}

fn clear(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    scope.variables.remove(arguments.name(0));
    Ok(Outcome::Next)
}

fn clear_struct(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    remove_prefix(&format!("{}.", arguments.name(0)), scope);
    Ok(Outcome::Next)
}

fn clear_array(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    remove_prefix(&format!("{}[", arguments.name(0)), scope);
    Ok(Outcome::Next)
}

fn size(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let size = scope.variables.array_len(arguments.name(0));
    scope.spend(size * ELEMENT_BYTES);
    scope.variables.set(arguments.name(1), size.to_string())?;
    Ok(Outcome::Next)
}

fn array_index(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let wanted = arguments.owned(1, scope);
    let array = arguments.name(0);
    let elements = (0..).map_while(|index| scope.variables.get(&format!("{array}[{index}]")));
    let index = elements.take_while(|element| *element != wanted).count();
    scope.spend(index * ELEMENT_BYTES);
    let found = scope.variables.get(&format!("{array}[{index}]")).is_some();
    let result = match &arguments.list[1] {
        Argument::Value(Expr::Variable(name)) => format!("{name}.index"),
        _ => "index".to_owned(),
    };
    scope.variables.set(
        &result,
        if found {
            index.to_string()
        } else {
            "nil".into()
        },
    )?;
    Ok(Outcome::Next)
}
