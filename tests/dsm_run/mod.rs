//! Running diagrams: events in, the exact trace out. The tests are data in `tests/fixtures/dsm`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use muleteer::dsm::loader::FileSystem;
use muleteer::dsm::source::EntryKind;
use muleteer::dsm::testing::expect::Expectation;
use muleteer::dsm::{
    Engine, Event, EventKind, Module, ModuleArguments, SourceProvider, Values, load_set, testing,
};

use crate::support::alloc::bytes_held_by;

pub fn fixtures(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/dsm")
        .join(name)
}

/// Files in memory.
#[derive(Default)]
pub struct Memory(pub BTreeMap<String, String>);

impl SourceProvider for Memory {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        let inside = format!("{path}/");
        if self.0.keys().any(|name| name.starts_with(&inside)) {
            return Some(EntryKind::Folder);
        }
        self.0.contains_key(path).then_some(EntryKind::File)
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).map(|text| text.clone().into_bytes())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let inside = format!("{folder}/");
        let names = self.0.keys().filter_map(|name| name.strip_prefix(&inside));
        names.map(str::to_owned).collect()
    }
}

/// The sections "=== name" of a fixture.
pub fn sections(fixture: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(fixtures(fixture)).expect("the fixture exists");
    let sections = text.split("\n=== ").skip(1);
    let split = |section: &str| {
        let (name, body) = section.split_once('\n').expect("a section has a body");
        (name.to_owned(), body.to_owned())
    };
    sections.map(split).collect()
}

fn run(name: &str, expect: &str, path: &str, provider: &dyn SourceProvider) -> Vec<String> {
    let expectation = match Expectation::parse(expect) {
        Ok(expectation) => expectation,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let outcome = expectation.run(path, folder, provider, &testing::registry());
    outcome
        .failures
        .into_iter()
        .map(|failure| format!("{name}: {failure}"))
        .collect()
}

fn check(failures: Vec<String>) {
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn conformance_programs_give_their_exact_traces() {
    let folder = fs::read_dir(fixtures("conformance")).expect("the fixtures exist");
    let mut files: Vec<_> = folder.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "expect")
    });
    files.sort();
    assert_eq!(files.len(), 24);
    let run_file = |file: &PathBuf| {
        let expect = fs::read_to_string(file).expect("the file can be read");
        let diagram = file.with_extension("dsm");
        run(
            &file.to_string_lossy(),
            &expect,
            &diagram.to_string_lossy(),
            &FileSystem,
        )
    };
    check(files.iter().flat_map(run_file).collect());
}

#[test]
fn whole_diagrams_give_their_exact_traces() {
    let run_section = |(name, body): (String, String)| {
        let (files, expect) = body
            .split_once("\n---\n")
            .expect("a section has expectations");
        let mut memory = Memory::default();
        let mut parts = files.split("\n+++ ");
        let main = parts.next().unwrap_or_default().to_owned();
        memory.0.insert("main.dsm".into(), main + "\n");
        for part in parts {
            let (path, text) = part.split_once('\n').unwrap_or((part, ""));
            memory.0.insert(path.to_owned(), format!("{text}\n"));
        }
        run(&name, expect, "main.dsm", &memory)
    };
    check(
        sections("programs.txt")
            .into_iter()
            .flat_map(run_section)
            .collect(),
    );
}

#[test]
fn statements_do_what_they_say() {
    let run_section = |(name, body): (String, String)| {
        let (statements, expect) = body
            .split_once("\n---\n")
            .expect("a section has expectations");
        let main = format!("initial state A enter {{\n{statements}\n}};\n");
        let memory = Memory(BTreeMap::from([("main.dsm".to_owned(), main)]));
        let setup = ["lint ", "load ", "prompt ", "promptset ", "var "];
        let (setup, lines): (Vec<&str>, Vec<&str>) = expect
            .lines()
            .partition(|line| setup.iter().any(|word| line.starts_with(word)));
        let mut expect = setup.join("\n");
        if !setup.contains(&"load error") {
            expect.push_str("\non start\nS main/A\n");
        }
        expect.push_str(&lines.join("\n"));
        run(&name, &expect, "main.dsm", &memory)
    };
    check(
        sections("statements.txt")
            .into_iter()
            .flat_map(run_section)
            .collect(),
    );
}

#[test]
fn line_ends_may_be_crlf() {
    let text = "initial state A\r\n  enter {\r\n#include \"part\"\r\n  };\r\n";
    let part = "log(2, x);\r\n-- comment\r\nset($a=\"b\");\r\n";
    let memory = Memory(BTreeMap::from([
        ("main.dsm".to_owned(), text.to_owned()),
        ("part.dsm".to_owned(), part.to_owned()),
    ]));
    check(run(
        "crlf",
        "on start\nS main/A\nL 2 \"x\"\n= $a b",
        "main.dsm",
        &memory,
    ));
}

#[test]
fn old_encodings_and_byte_order_marks_load() {
    struct Bytes(&'static [u8]);
    impl SourceProvider for Bytes {
        fn kind(&self, _: &str) -> Option<EntryKind> {
            Some(EntryKind::File)
        }
        fn read(&self, _: &str) -> Option<Vec<u8>> {
            Some(self.0.to_vec())
        }
        fn list(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
    }
    let expect = "on start\nS main/A\nL 2 \"gr\u{fc}n\"";
    let latin1 = Bytes(b"initial state A enter { log(2, gr\xfcn); };");
    let marked = Bytes(b"\xef\xbb\xbfinitial state A enter { log(2, gr\xc3\xbcn); };");
    check(run("Latin-1", expect, "main.dsm", &latin1));
    check(run("byte order mark", expect, "main.dsm", &marked));
}

#[test]
fn a_module_may_replace_a_core_action() {
    let mut registry = testing::registry();
    let module = Module::new("mod_journal").action("log", ModuleArguments::List);
    registry.add_module(module);
    let text = "initial state A enter { log(2, a); };\n";
    let imported = format!("import(mod_journal);\n{text}");
    let memory = Memory(BTreeMap::from([
        ("core.dsm".to_owned(), text.to_owned()),
        ("module.dsm".to_owned(), imported),
    ]));
    for (path, line) in [
        ("core.dsm", "L 2 \"a\""),
        ("module.dsm", "A log \"2\" \"a\""),
    ] {
        let expect = Expectation::parse(&format!("on start\nS main/A\n{line}"));
        let outcome = expect
            .expect("it can be read")
            .run(path, "", &memory, &registry);
        check(outcome.failures.iter().map(ToString::to_string).collect());
    }
}

/// Bytes of a diagram that waits in a state, with ten variables; the program is shared.
const MAX_IDLE_BYTES: isize = 4096;

#[test]
fn a_waiting_engine_is_small() {
    const ENGINES: usize = 1_000;
    let text = "initial state A; transition t A - key / callFSM(main) -> A;\n";
    let memory = Memory(BTreeMap::from([("main.dsm".to_owned(), text.to_owned())]));
    let diagrams = [("main".to_owned(), "main.dsm".to_owned())];
    let set = load_set(&diagrams, &memory, &testing::registry());
    let start = |_| {
        let variables = (0..10).fold(Values::new(), |values, index| {
            values.with(
                &format!("config.name{index}"),
                format!("value {index} of some length"),
            )
        });
        let mut host = testing::TestHost::default();
        let mut engine = Engine::new(set.diagrams.clone(), "main", variables).unwrap();
        engine.start(Event::new(EventKind::Start), &mut host);
        engine.run_event(Event::new(EventKind::Key).with("key", "1"), &mut host);
        engine
    };
    let (engines, bytes) = bytes_held_by(|| (0..ENGINES).map(start).collect::<Vec<_>>());
    let each = bytes / engines.len() as isize;
    assert!((1..MAX_IDLE_BYTES).contains(&each), "{each} bytes");
}
