use std::collections::BTreeMap;

use super::*;
use crate::dsm::source::EntryKind;

struct Files(BTreeMap<&'static str, &'static str>);

impl SourceProvider for Files {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        self.0.contains_key(path).then_some(EntryKind::File)
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).map(|text| text.as_bytes().to_vec())
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

fn index(text: &'static str) -> Index {
    let files = Files([("main.dsm", text), ("part.dsm", "state PART;\n")].into());
    Index::of("main.dsm", &files, &Registry::default())
}

/// `entity role name` of every place, and a check that the span holds just the name.
fn places(text: &'static str, entity: Entity) -> Vec<String> {
    let index = index(text);
    let found = index.occurrences.iter().filter(|one| one.entity == entity);
    let show = |one: &Occurrence| {
        let file = index.sources.file(one.span.file);
        let written = &file.text()[one.span.start as usize..one.span.end as usize];
        assert_eq!(written, &*one.name);
        format!("{:?} {}", one.role, one.name)
    };
    found.map(show).collect()
}

#[test]
fn states_are_found_in_lists_quotes_and_includes() {
    let text =
        "initial state \"a b\";\n#include \"part\"\ntransition \"t\" (\"a b\", PART) - key -> X;\n";
    let expected = [
        "Definition a b",
        "Use a b",
        "Use PART",
        "Use X",
        "Definition PART",
    ];
    assert_eq!(places(text, Entity::State), expected);
    let index = index(text);
    assert_eq!(index.includes[0].path, "part.dsm");
    let DeclarationKind::Transition {
        sources,
        conditions,
        ..
    } = &index.declarations[2].kind
    else {
        panic!("{:?}", index.declarations)
    };
    assert_eq!(sources, &["a b".into(), "PART".into()]);
    assert_eq!(conditions, "key");
}

#[test]
fn variables_are_found_wherever_arguments_hold_them() {
    let text = "initial state A enter {
  set($a=$b); sets(c=\"$d $(e) \\$no $$no\"); eval($f=$g-1+$h);
  setVar(i=$j); var($k=l); append(m, $n); log(1, $o);
  postEvent(x, \"p;$q\"); throw(x, k=$r); DIgetResult(f, g, (int)$s, \"$no\");
  if test(len($t) == \"$no\"); not key(#key == $u) { stop(); }
  for ($v in range($w, 3)) { inc(v); }
};\n";
    let found = places(text, Entity::Variable);
    let names: Vec<&str> = found
        .iter()
        .map(|one| one.split_once(' ').unwrap().1)
        .collect();
    let expected = "a b c d e f g h i j k l m n o p q r s t u v w v";
    assert_eq!(names, expected.split(' ').collect::<Vec<_>>());
    let writes = found.iter().filter(|one| one.starts_with("Write"));
    assert_eq!(writes.count(), "acfikmvv".len());
}

#[test]
fn collections_are_no_single_variables() {
    let text = "initial state A enter {
  for ($k,$v in $s) { stop(); }
  clearStruct($s); size(a, n); postEvent(x, \"s.\"); DI(f, g, (struct)$s);
};\n";
    let expected = ["Use s", "Write s", "Use a", "Use s", "Use s"];
    assert_eq!(places(text, Entity::Collection), expected);
    assert_eq!(
        places(text, Entity::Variable),
        ["Write k", "Write v", "Write n"]
    );
}

#[test]
fn functions_diagrams_and_files_are_told_from_actions() {
    let text = "function f() { playFile(\"a b.wav\"); };
initial state A enter { f(); callFSM(menu); callFSM($x); playPrompt(hello); };\n";
    assert_eq!(places(text, Entity::Function), ["Definition f", "Use f"]);
    assert_eq!(places(text, Entity::Diagram), ["Use menu"]);
    assert_eq!(places(text, Entity::File), ["Use a b.wav"]);
    assert_eq!(places(text, Entity::Prompt), ["Use hello"]);
}

#[test]
fn the_end_of_a_name_belongs_to_it() {
    let index = index("initial state AB;\n");
    let file = index.file("main.dsm").unwrap();
    let at = |offset| index.at(file, offset).map(|one| &*one.name);
    assert_eq!(
        (at(13), at(14), at(16), at(17)),
        (None, Some("AB"), Some("AB"), None)
    );
}
