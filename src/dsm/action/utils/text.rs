//! Texts: replacing, splitting, digests.

use std::fmt::Write as _;

use md5::{Digest, Md5};

use super::{Done, Outcome, bad_argument, store_array, succeed};
use crate::dsm::argument::{Argument, Arguments};
use crate::dsm::expr::{Expr, Scope};
use crate::dsm::value::{MAX_VALUE_BYTES, TooManyValues};

pub fn md5(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let text = arguments.owned(1, scope);
    let mut digits = String::new();
    for byte in Md5::digest(text.as_bytes()) {
        let _ = write!(digits, "{byte:02x}");
    }
    scope.variables.set(arguments.name(0), digits)?;
    Ok(Outcome::Next)
}

pub fn replace(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let Some((search, with)) = arguments.replacement(1, scope) else {
        return bad_argument("what is replaced is written search=>replacement, with one '=>'");
    };
    substitute(arguments.name(0), &search, &with, scope)?;
    succeed(scope)
}

/// The same with two texts that are known.
pub fn exchange(
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    search: &str,
    with: &str,
) -> Done {
    substitute(arguments.name(0), search, with, scope)?;
    Ok(Outcome::Next)
}

/// Replaces a text in a variable, from the left.
///
/// # Errors
/// [`TooManyValues`] if no session can hold the result, before any of it is made.
fn substitute(
    name: &str,
    search: &str,
    with: &str,
    scope: &mut Scope<'_>,
) -> Result<(), TooManyValues> {
    let value = scope.variables.get(name).unwrap_or("");
    scope.spend(value.len());
    let found = value.matches(search).count();
    if found == 0 {
        return Ok(());
    }
    let added = found.saturating_mul(with.len());
    let bytes = (value.len() - found * search.len()).saturating_add(added);
    if bytes > MAX_VALUE_BYTES {
        return Err(TooManyValues);
    }
    scope.spend(bytes);
    let replaced = value.replace(search, with);
    scope.variables.set(name, replaced)
}

pub fn split_lines(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let (text, array) = match arguments.list.first() {
        _ if arguments.is_written(1) => (arguments.owned(0, scope), arguments.name(1)),
        Some(Argument::Value(Expr::Variable(name) | Expr::Text(name))) => {
            let text = scope.variables.get(name).unwrap_or("").to_owned();
            scope.spend(text.len());
            (text, &**name)
        }
        _ => (String::new(), ""),
    };
    if array.is_empty() {
        return bad_argument("there is no name for the array");
    }
    store_array(array, text.lines(), scope)?;
    succeed(scope)
}

pub fn split(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let name = arguments.name(0);
    if name.is_empty() {
        return bad_argument("there is no name of a variable");
    }
    let text = scope.variables.get(name).unwrap_or("").to_owned();
    scope.spend(text.len());
    match &*arguments.owned(1, scope) {
        "" => store_array(name, text.chars(), scope)?,
        separator => store_array(name, text.split(separator), scope)?,
    }
    succeed(scope)
}

/// Whether a list with commas has this item. Empty items do not count.
pub fn is_in_list(key: &str, list: &str) -> bool {
    let mut items = list.split(',').map(|item| item.trim_matches([' ', '\t']));
    !key.is_empty() && items.any(|item| item == key)
}
