//! Formatted diagrams do what they did: the traces of all conformance programs stay the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use muleteer::dsm::testing::expect::Expectation;
use muleteer::dsm::{format, testing};

use crate::dsm_run::{Memory, fixtures};

/// The files of a folder and those in it, by path.
fn files(folder: &Path, into: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, into);
        } else {
            let text = fs::read_to_string(&path).expect("readable");
            into.insert(path.to_string_lossy().into_owned(), text);
        }
    }
}

#[test]
fn formatted_programs_give_their_exact_traces() {
    let mut before = BTreeMap::new();
    files(&fixtures("conformance"), &mut before);
    let mut after = Memory::default();
    let mut changed = 0;
    for (path, text) in before.iter().filter(|(path, _)| path.ends_with(".dsm")) {
        let formatted = format(path, text).unwrap_or_else(|error| panic!("{error}"));
        changed += usize::from(formatted != *text);
        after.0.insert(path.clone(), formatted);
    }
    assert!(changed > 20, "{changed}");
    let registry = testing::registry();
    for (path, text) in before.iter().filter(|(path, _)| path.ends_with(".expect")) {
        let diagram = path.replace(".expect", ".dsm");
        // What the layout mends is no longer reported.
        let mended = [
            "glued-arrow",
            "missing-semicolon",
            "space-before-paren",
            "glued-call",
        ];
        let kept = |line: &&str| !mended.iter().any(|code| **line == format!("lint {code}"));
        let text: Vec<&str> = text.lines().filter(kept).collect();
        let expectation = Expectation::parse(&text.join("\n")).expect("readable");
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let outcome = expectation.run(&diagram, folder, &after, &registry);
        let failures: Vec<_> = outcome.failures.iter().map(ToString::to_string).collect();
        assert_eq!(failures, Vec::<String>::new(), "{path}");
    }
}
