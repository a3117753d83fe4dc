//! Which diagrams are checked when paths are given.

use std::collections::BTreeMap;

use muleteer::dsm::{Severity, check_paths, testing};

use crate::dsm_run::Memory;

fn memory(files: &[(&str, &str)]) -> Memory {
    let owned = |&(path, text): &(&str, &str)| (path.to_owned(), text.to_owned());
    Memory(files.iter().map(owned).collect::<BTreeMap<_, _>>())
}

#[test]
fn checking_a_folder_finds_its_diagrams_and_leaves_out_what_they_include() {
    let memory = memory(&[
        (
            "dsm/main.dsm",
            "initial state A enter {\n#include \"part\"\n};\n",
        ),
        ("dsm/part.dsm", "callFSM(other); callFSM(nothing);\n"),
        (
            "dsm/other.dsm",
            "initial state O enter { frobnicate(); };\n",
        ),
        ("dsm/readme.txt", "no diagram"),
    ]);
    let paths = ["dsm".to_owned(), "nowhere".to_owned()];
    let checked = check_paths(&paths, &memory, &testing::registry());
    assert_eq!(checked.loaded.len(), 2);
    assert_eq!(checked.files(), 3);
    assert_eq!(checked.unreadable, ["nowhere"]);
    assert_eq!(checked.worst(), Some(Severity::Error));
    let text = checked.render();
    assert!(
        text.contains("dsm/part.dsm:1:25: warning[unknown-diagram]"),
        "{text}"
    );
    assert!(
        text.contains("dsm/other.dsm:1:25: error[unknown-action]"),
        "{text}"
    );
    assert!(!text.contains("'other'"), "{text}");
}

#[test]
fn a_diagram_that_is_named_twice_is_checked_once() {
    let memory = memory(&[("dsm/main.dsm", "initial state A enter { frobnicate(); };\n")]);
    let paths = ["dsm", "dsm/main.dsm", "dsm"].map(str::to_owned);
    let checked = check_paths(&paths, &memory, &testing::registry());
    let errors = checked
        .reports()
        .filter(|one| one.severity == Severity::Error);
    assert_eq!(errors.count(), 1);
}

#[test]
fn what_two_diagrams_include_is_told_of_once() {
    let main = "initial state A enter {\n#include \"part\"\n};\n";
    let memory = memory(&[
        ("dsm/one.dsm", main),
        ("dsm/two.dsm", main),
        ("dsm/part.dsm", "frobnicate();\n"),
    ]);
    let checked = check_paths(&["dsm".to_owned()], &memory, &testing::registry());
    let errors: Vec<_> = checked
        .reports()
        .filter(|one| one.severity == Severity::Error)
        .collect();
    let [error] = &errors[..] else {
        panic!("{}", checked.render())
    };
    assert_eq!((error.file.as_str(), error.line), ("dsm/part.dsm", 1));
}

#[test]
fn denied_findings_are_errors() {
    let memory = memory(&[("main.dsm", "initial state A;\ntransition t A -> end;\n")]);
    let mut checked = check_paths(&["main.dsm".to_owned()], &memory, &testing::registry());
    assert_eq!(checked.worst(), Some(Severity::Warning));
    checked.deny(|finding| finding.code == "undeclared-state");
    assert_eq!(checked.worst(), Some(Severity::Error));
}
