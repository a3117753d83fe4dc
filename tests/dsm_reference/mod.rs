//! The reference page is made from the tables that the language itself is made of.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{fs, iter};

use muleteer::dsm::module::ModuleEvent;
use muleteer::dsm::vocabulary::{ERRORS, EXCEPTIONS, SELECT_MEANINGS, VARIABLES, Word};
use muleteer::dsm::{
    EventCondition, FAMILIES, Registry, SELECTS, Signature, event_condition, event_conditions,
    event_kind, value_condition,
};

const INTRODUCTION: &str = "\
# The language: every action and condition

This page is made from the tables that the server and `muleteer check` use; `UPDATE=1 cargo test
reference_page` writes it again.

In the arguments, `variable`, `struct`, `result` and `array` are names, with or without `$`. A `text` may
hold references (`$(name)`, `#(name)`, `@(name)`). `;` lists hold names of variables, `struct.` for all
members, or `var` alone for all variables. Everything else is literal text, or as a whole one reference:
`$name`, `#name`, `@name`. Square brackets mark what may be left out. Switches are `true` or anything else,
also written `loop=true`. Milliseconds and seconds are whole numbers.

*Fails* names values of `$errno`; success clears it. *Throws* names exceptions with their parameters; every
action may also throw `core` when the session holds too many values. What is marked **not yet available**
loads and is checked: such an action throws when it is reached, such an event does not come.
";

const NOT_YET: &str = " **Not yet available.**";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let mut put = |text: &str| page.push_str(text);
    put("\n## Actions\n");
    for (heading, family) in &FAMILIES {
        put(&format!("\n### {heading}\n\n"));
        family.iter().for_each(|action| put(&entry(action)));
    }
    put("\n## Conditions\n\n");
    put(
        "`test(left operator right)` looks at values only: `==` (a `*` on the right ends a prefix), `!=`,\n",
    );
    put(
        "`<`, `>`, `<=`, `>=`; `len(x)` is a length in bytes. The others hold for one kind of event, and\n",
    );
    put(
        "take such an expression as well. `keyPress(k)` holds for the key `k`, also `*` and `#`. `not`\n",
    );
    put(
        "negates the condition behind it. `exception` makes a transition one that handles exceptions.\n\n",
    );
    event_conditions()
        .iter()
        .for_each(|event| put(&condition(event)));
    put("\n## Modules\n");
    let registry = Registry::default();
    for module in registry.modules().filter_map(|name| registry.module(name)) {
        put(&format!("\n### import({})\n\n", module.name()));
        module.actions().for_each(|action| put(&entry(action)));
        put("\n");
        for name in module.conditions() {
            match (event_condition(name), value_condition(name)) {
                (Some(event), _) => put(&condition(event)),
                (_, Some(known)) => {
                    put(&format!("- condition `{}`: {}\n", known.usage(), known.doc))
                }
                _ => match module.events().find(|event| event.name == name) {
                    Some(event) => put(&raised(event)),
                    None => put(&asked(module.condition_signature(name), name)),
                },
            }
        }
    }
    put("\n## Selects\n\n");
    put(&table("@", SELECT_MEANINGS));
    put("\n## Variables with a meaning\n\n");
    put(&table("$", VARIABLES));
    put("\n## Values of $errno\n\n");
    put(&table("", ERRORS));
    put("\n## Exceptions\n\n");
    put(&table("", EXCEPTIONS));
    page
}

fn entry(action: &Signature) -> String {
    let mut entry = format!("- `{}`: {}", action.usage(), action.doc);
    if let Some(text) = action.remark_text() {
        let _ = write!(entry, " ({text})");
    }
    let mut say = |what: &str, words: &[&str]| {
        if !words.is_empty() {
            let _ = write!(entry, " *{what}* `{}`.", words.join("`, `"));
        }
    };
    say("Sets", action.sets);
    say("Fails", action.errno.unwrap_or_default());
    say("Throws", action.throws);
    if action.errno == Some(&[]) {
        entry += " Clears `$errno`.";
    }
    if !action.is_available {
        entry += NOT_YET;
    }
    entry + "\n"
}

fn asked(condition: Option<&Signature>, name: &str) -> String {
    match condition {
        Some(condition) => format!("- condition `{}`: {}\n", condition.usage(), condition.doc),
        None => format!("- condition `{name}`\n"),
    }
}

fn raised(event: &ModuleEvent) -> String {
    let params = event.parameters.iter();
    let params = params.map(|it| format!("  - `#{}`: {}\n", it.name, it.doc));
    let first = format!("- `{}`: {}\n", event.name, event.doc);
    iter::once(first).chain(params).collect()
}

fn condition(event: &EventCondition) -> String {
    if let Some(name) = event.alias_of {
        return format!("- `{}`: another name of `{name}`.\n", event.name);
    }
    let params = event.parameters();
    let params = params.map(|it| format!("  - `#{}`: {}\n", it.name, it.doc));
    let not_yet = if event.is_raised { "" } else { NOT_YET };
    let first = format!("- `{}`: {}{not_yet}\n", event.name, event.doc);
    iter::once(first).chain(params).collect()
}

fn table(mark: &str, words: &[Word]) -> String {
    let line = |(word, meaning): &Word| format!("- `{mark}{word}`: {meaning}\n");
    words.iter().map(line).collect()
}

#[test]
fn the_reference_page_says_what_the_tables_say() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).expect("the page can be written");
    }
    let written = fs::read_to_string(&path).expect("the page exists");
    for (number, (written, made)) in written.lines().zip(page.lines()).enumerate() {
        assert_eq!(
            written,
            made,
            "line {}; UPDATE=1 writes the page",
            number + 1
        );
    }
    assert_eq!(written.len(), page.len());
}

#[test]
fn every_select_error_and_exception_is_explained() {
    let selects: Vec<&str> = SELECT_MEANINGS.iter().map(|(name, _)| *name).collect();
    assert_eq!(selects, SELECTS);
    let registry = Registry::default();
    let modules = registry.modules().filter_map(|name| registry.module(name));
    let actions = registry
        .actions()
        .chain(modules.flat_map(|module| module.actions()));
    for action in actions {
        let name = &action.name;
        for value in action.errno.unwrap_or_default() {
            assert!(
                ERRORS.iter().any(|(known, _)| known == value),
                "{name}: {value}"
            );
        }
        for thrown in action.throws {
            assert!(
                EXCEPTIONS.iter().any(|(known, _)| known == thrown),
                "{name}: {thrown}"
            );
        }
        assert!(action.doc.ends_with('.'), "{name}: {}", action.doc);
    }
    for event in event_conditions() {
        assert_eq!(event_kind(event.name), Some(event.kind));
        let original = event.alias_of.and_then(event_kind);
        assert!(
            original.is_none_or(|kind| kind == event.kind),
            "{}",
            event.name
        );
        assert!(
            event.alias_of.is_some() || event.doc.ends_with('.'),
            "{}",
            event.name
        );
    }
}
