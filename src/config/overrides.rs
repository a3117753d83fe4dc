//! `--set KEY=VALUE`: one dotted key and its value, laid over what the file says.
//!
//! VALUE is TOML if it is a number, `true`, `false`, or starts with a quote or a bracket; anything else
//! is taken as a string, so that a shell user need not quote twice: `--set app.application=echo`,
//! `--set 'sip.listen=["udp:127.0.0.1:5070"]'`.

use toml::de::DeValue;

use super::error::Problem;
use super::tree::{Entry, Node, Place, Table, Value, excerpt, node};

/// Lays the override `text`, number `source`, over `table`.
///
/// # Errors
///
/// [`Problem::Override`], or [`Problem::Syntax`] for a value that starts like TOML and is none.
pub(super) fn apply(table: &mut Table, source: usize, text: &str) -> Result<(), Problem> {
    let key_place = Place { source, offset: 0 };
    let (key, written) = text.split_once('=').ok_or(Problem::Override)?;
    let (sections, last) = match key.trim().rsplit_once('.') {
        Some((sections, last)) => (sections.split('.').collect(), last),
        None => (Vec::new(), key.trim()),
    };
    if !sections.iter().chain([&last]).all(|word| is_bare_key(word)) {
        return Err(Problem::Override);
    }
    let node = value(source, written)?;
    let mut inner = table;
    for section in sections {
        inner = descend(inner, section, key_place);
    }
    inner.insert(last.to_owned(), Entry { key_place, node });
    Ok(())
}

/// `unquoted-key = 1*( ALPHA / DIGIT / %x2D / %x5F )`
fn is_bare_key(word: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !word.is_empty() && word.chars().all(legal)
}

fn value(source: usize, written: &str) -> Result<Node, Problem> {
    let parsed = DeValue::parse(written).map(|parsed| node(source, &parsed));
    let is_structured = written.trim_start().starts_with(['"', '\'', '[', '{']);
    match parsed {
        Err(error) if is_structured => Err(Problem::Syntax {
            message: error.message().to_owned(),
            found: excerpt(written),
        }),
        Ok(node) if is_structured => Ok(node),
        Ok(node) if is_number_or_boolean(&node.value) => Ok(node),
        _ => Ok(Node {
            place: Place { source, offset: 0 },
            value: Value::Text(written.to_owned()),
        }),
    }
}

fn is_number_or_boolean(value: &Value) -> bool {
    match value {
        Value::Integer { .. } | Value::Boolean(_) => true,
        // The words `inf` and `nan` are floats in TOML; here they are words.
        Value::Float(digits) => digits.contains(|c: char| c.is_ascii_digit()),
        _ => false,
    }
}

/// The table `section` in `table`, made anew where there is none.
fn descend<'a>(table: &'a mut Table, section: &str, key_place: Place) -> &'a mut Table {
    let node = || Node {
        place: key_place,
        value: Value::Table(Table::new()),
    };
    let entry = table.entry(section.to_owned()).or_insert_with(|| Entry {
        key_place,
        node: node(),
    });
    if !matches!(entry.node.value, Value::Table(_)) {
        entry.node = node();
    }
    match &mut entry.node.value {
        Value::Table(inner) => inner,
        _ => unreachable!("replaced by a table just above"),
    }
}
