//! What the check of a diagram reports, and that no text can break it.

mod fixtures;
mod input;
mod mutants;
mod pages;
mod paths;
mod together;

use std::collections::BTreeMap;

use muleteer::dsm::{Checked, check_paths, testing};

use crate::dsm_run::Memory;

/// Checks `main.dsm` of some files in a folder `dsm` in memory.
fn check(files: impl IntoIterator<Item = (String, String)>) -> Checked {
    let inside = |(name, text)| (format!("dsm/{name}"), text);
    let memory = Memory(files.into_iter().map(inside).collect::<BTreeMap<_, _>>());
    check_paths(&["dsm/main.dsm".to_owned()], &memory, &testing::registry())
}

/// Checks one text.
fn check_text(text: &str) -> Checked {
    check([("main.dsm".to_owned(), text.to_owned())])
}

/// The codes of all findings, in the order of the text.
fn codes(checked: &Checked) -> Vec<&'static str> {
    checked.reports().map(|report| report.code).collect()
}
