//! The pages of `docs/diagnostics`: each says what its code means, and its examples are true.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use muleteer::dsm::diagnostic::{Code, code};
use muleteer::dsm::{Severity, check_paths_with, testing};

use super::codes;
use super::input::unprintable;
use super::together::{OnlyHello, folder_of};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/diagnostics")
}

/// The `dsm` examples of a page: one that is wrong, one that is right.
fn examples(page: &str) -> Vec<&str> {
    let blocks = page.split("```dsm\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

/// The codes of an example that is the only diagram, where only `hello` can be played.
fn check(example: &str) -> Vec<&'static str> {
    let memory = folder_of(&[("main", example)]);
    let paths = ["dsm".to_owned()];
    codes(&check_paths_with(
        &paths,
        &memory,
        &testing::registry(),
        &OnlyHello,
    ))
}

#[test]
fn every_page_has_its_parts() {
    for Code {
        name,
        severity,
        page,
        ..
    } in code::ALL
    {
        let title = match severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
            Severity::Note => "Note",
        };
        assert!(
            page.starts_with(&format!("# {name}\n\n**{title}.** ")),
            "{name}"
        );
        let parts: Vec<_> = page
            .lines()
            .filter(|line| line.starts_with("## "))
            .collect();
        let wanted = ["## What happens", "## What to do", "## Allowing it"];
        assert_eq!(parts, wanted, "{name}");
        let says_how = page.contains(&format!("`-- muleteer: allow({name})`"));
        let cannot = page.contains("annot be allowed");
        assert!(says_how || cannot, "{name}: how to allow it");
    }
}

#[test]
fn every_example_has_its_finding_and_its_remedy_has_not() {
    for Code { name, page, .. } in code::ALL {
        match examples(page)[..] {
            [wrong, right] => {
                let found = check(wrong);
                assert!(found.contains(name), "{name}: its example gives {found:?}");
                let found = check(right);
                assert!(!found.contains(name), "{name}: its remedy gives {found:?}");
            }
            [] => {
                let example = unprintable().into_iter().find(|(code, _)| code == name);
                let (_, checked) = example.unwrap_or_else(|| panic!("{name} has no example"));
                let found = codes(&checked);
                assert!(found.contains(name), "{name}: its example gives {found:?}");
            }
            _ => panic!("{name}: a page has two examples or none"),
        }
    }
}

#[test]
fn there_is_no_page_too_many() {
    for entry in fs::read_dir(folder()).expect("the pages exist").flatten() {
        let file = entry.file_name().into_string().expect("a name in ASCII");
        let name = file.trim_end_matches(".md");
        assert!(name == "README" || Code::find(name).is_some(), "{file}");
    }
}

#[test]
fn the_index_lists_every_page() {
    let mut index = "# What `muleteer check` finds\n\n\
         `muleteer check --explain CODE` prints a page. An error refuses the diagram. A warning or note \
         that is meant can be allowed in the diagram:\n\n\
         - behind code, `-- muleteer: allow(CODE, CODE)` covers its line;\n\
         - on a line of its own it covers the next line of code, and all of a declaration (state, \
         transition, function, import) that begins there;\n\
         - before the first line of code it covers the whole file.\n\n\
         `#` serves as well as `--`. A finding counts where it begins. The original knows comments only \
         as whole lines, so use those where it has to load the file too.\n\n\
         This list is made from the table of codes: `UPDATE=1 cargo test the_index` writes it.\n\n\
         | code | severity | meaning |\n|---|---|---|\n"
        .to_owned();
    for Code {
        name,
        severity,
        summary,
        ..
    } in code::ALL
    {
        let _ = writeln!(index, "| [{name}]({name}.md) | {severity} | {summary} |");
    }
    let path = folder().join("README.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &index).expect("the index can be written");
    }
    let written = fs::read_to_string(&path).expect("the index exists");
    assert_eq!(written, index, "UPDATE=1 rewrites the index");
}
