//! The state diagram language: ns per event, ms per 1,000 lines of text, tests per second.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write as _;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use muleteer::dsm::loader::FileSystem;
use muleteer::dsm::testing::explore::explore;
use muleteer::dsm::testing::{Expectation, registry};
use muleteer::dsm::{DiagramSet, Engine, Event, EventKind, Registry, Values, load};

#[path = "../tests/support/alloc.rs"]
mod alloc;
#[path = "support/diagram.rs"]
mod diagram;

use diagram::{Idle, Text};

fn main() {
    idle_engines();
    divan::main();
}

fn set(text: String) -> Arc<DiagramSet> {
    let loaded = load("main", "main.dsm", &Text(text), &Registry::core());
    Arc::new(DiagramSet::new([loaded
        .diagram
        .expect("the diagram is good")]))
}

fn engine(text: String) -> Engine {
    started(set(text), Values::new())
}

fn started(diagrams: Arc<DiagramSet>, variables: Values) -> Engine {
    let mut engine = Engine::new(diagrams, "main", variables).expect("it can start");
    engine.start(Event::new(EventKind::Start), &mut Idle);
    engine
}

/// Prints what a diagram costs that waits in a state with ten variables. The program is shared.
fn idle_engines() {
    const ENGINES: usize = 100_000;
    let diagrams = set(menu("transition t A - timer -> A;"));
    let variables = || {
        (0..10).fold(Values::new(), |values, index| {
            values.with(
                &format!("config.name{index}"),
                format!("value {index} of some length"),
            )
        })
    };
    let (engines, bytes) = alloc::bytes_held_by(|| {
        let engines = (0..ENGINES).map(|_| started(diagrams.clone(), variables()));
        engines.collect::<Vec<_>>()
    });
    let mut engine = started(diagrams.clone(), variables());
    let event = Event::new(EventKind::Key).with("key", "8");
    let allocations = alloc::allocations_in(|| {
        engine.run_event(event, &mut Idle);
    });
    println!("a key through nine transitions: {allocations} allocations");
    println!(
        "idle engines: {} bytes each ({} engines)",
        bytes as usize / ENGINES,
        engines.len()
    );
}

/// A state whose first nine transitions do not match, of the kind a menu has.
fn menu(last: &str) -> String {
    let mut text = String::from("initial state A;\n");
    for key in 0..9 {
        let _ = writeln!(
            text,
            "transition \"{key}\" A - key(#key == {key}) / log(2, x) -> A;"
        );
    }
    text + last
}

/// An event that none of ten transitions looks at.
#[divan::bench]
fn event_without_transition(bencher: Bencher) {
    let mut engine = engine(menu("transition t A - timer -> A;"));
    bencher.bench_local(|| engine.run_event(Event::new(EventKind::NoAudio), &mut Idle));
}

/// A key that matches the tenth transition, which plays and sets a timer.
#[divan::bench]
fn key_through_ten_transitions(bencher: Bencher) {
    let last = "transition t A - key(#key == 9) / { append($n, #key); clear($n); \
                playFile(prompt.wav); setTimer(1, 5); } -> A;";
    let mut engine = engine(menu(last));
    bencher
        .with_inputs(|| Event::new(EventKind::Key).with("key", "9"))
        .bench_local_values(|event| engine.run_event(event, &mut Idle));
}

/// An event that is reposted through ten states.
#[divan::bench]
fn event_through_ten_states(bencher: Bencher) {
    let mut text = String::from("initial state S0;\n");
    for state in 1..10 {
        let (from, repost) = (state - 1, "enter { repost(); }");
        let _ = writeln!(
            text,
            "state S{state} {repost};\ntransition t S{from} - key -> S{state};"
        );
    }
    text += "transition t S9 - key -> S0;\n";
    let mut engine = engine(text);
    bencher
        .with_inputs(|| Event::new(EventKind::Key).with("key", "9"))
        .bench_local_values(|event| engine.run_event(event, &mut Idle));
}

/// Keys in a menu that counts wrong ones, collects a number and repeats itself.
#[divan::bench]
fn keys_of_a_menu(bencher: Bencher) {
    const MENU: &str = r#"
function prompt() { flushPlaylist(); playFile("menu.wav"); addSeparator(1); setTimer(1, 10); };
initial state MENU enter { clear($pin); prompt(); };
state PIN enter { setTimer(1, 10); };
state CHECK enter { repost(); };
transition "one" MENU - keyPress(1) / { playFile("pin.wav"); set($wrong=0); } -> PIN;
transition "wrong" MENU - key / { inc($wrong); sets($text="$(wrong) wrong keys"); } -> MENU;
transition "again" MENU - timer(#id == 1) -> MENU;
transition "digit" PIN - key(#key < 10); test(len($pin) < 3) / append($pin, #key); -> PIN;
transition "last" PIN - key(#key < 10) / append($pin, #key); -> CHECK;
transition "right" CHECK - test($pin == 1234) / { playFile("right.wav"); } -> MENU;
transition "not right" CHECK - key / { if test($wrong > 3) { stop(true); } playFile("no.wav"); } -> MENU;
transition "bye" (MENU, PIN, CHECK) - hangup / stop(false) -> MENU;
"#;
    let keys = ["7", "1", "1", "2", "3", "4", "3", "1", "9", "9", "9", "9"];
    let mut engine = engine(MENU.into());
    bencher
        .counter(ItemsCount::new(keys.len()))
        .with_inputs(|| keys.map(|key| Event::new(EventKind::Key).with("key", key)))
        .bench_local_values(|events| {
            for event in events {
                engine.run_event(event, &mut Idle);
            }
        });
}

/// 1,000 lines of states and transitions.
#[divan::bench]
fn load_thousand_lines(bencher: Bencher) {
    let mut text = String::from("initial state S0;\n");
    for state in 0..200 {
        let _ = write!(
            text,
            "state S{}\n  enter {{ playFile(\"prompts/menu.wav\"); setTimer(1, 20); }};\n\
             transition \"key\" S{state} - key(#key < 10); test(len($pin) < 4) / {{\n  \
             append($pin, #key); sets($text=\"pin $(pin)\"); }} -> S{};\n\
             transition \"bye\" S{state} - hangup / stop(false) -> S{state};\n",
            state + 1,
            state + 1,
        );
    }
    let lines = text.lines().count();
    let (text, registry) = (Text(text), Registry::core());
    bencher
        .counter(ItemsCount::new(lines))
        .bench_local(|| load("main", "main.dsm", &text, &registry).diagram.is_some());
}

/// The conformance programs with their expectations, from the file system, as `muleteer test` does.
#[divan::bench]
fn run_conformance_tests(bencher: Bencher) {
    const FOLDER: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/dsm/conformance"
    );
    let entries = std::fs::read_dir(FOLDER).expect("the fixtures are there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let tests: Vec<String> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "expect")
        })
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let registry = registry();
    bencher
        .counter(ItemsCount::new(tests.len()))
        .bench_local(|| {
            for path in &tests {
                let text = std::fs::read_to_string(path).expect("it can be read");
                let expectation = Expectation::parse(&text).expect("it is well-formed");
                let program = path.replace(".expect", ".dsm");
                let outcome = expectation.run(&program, FOLDER, &FileSystem, &registry);
                assert!(outcome.failures.is_empty(), "{path}");
            }
        });
}

/// Every way through the shipped menu: some hundred situations.
#[divan::bench]
fn explore_shipped_menu(bencher: Bencher) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/dsm/demo.dsm");
    let registry = registry();
    bencher.bench_local(|| explore(path, &[], &FileSystem, &registry).expect("it can start"));
}
