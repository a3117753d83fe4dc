//! The state diagram language: ns per event, ms per 1,000 lines of text.

use std::fmt::Write as _;
use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use muleteer::dsm::source::EntryKind;
use muleteer::dsm::{
    ActionContext, ActionOutcome, DiagramSet, Engine, Event, EventKind, HostAction, LogLevel,
    Problem, Registry, SourceProvider, Values, load,
};

fn main() {
    divan::main();
}

struct Text(String);

impl SourceProvider for Text {
    fn kind(&self, _: &str) -> Option<EntryKind> {
        Some(EntryKind::File)
    }

    fn read(&self, _: &str) -> Option<Vec<u8>> {
        Some(self.0.clone().into_bytes())
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

struct Idle;

impl ActionContext for Idle {
    fn select(&self, _: &str) -> Option<String> {
        None
    }

    fn perform(&mut self, _: &HostAction, _: &mut Values) -> ActionOutcome {
        ActionOutcome::done()
    }

    fn log(&mut self, _: LogLevel, _: &str) {}

    fn problem(&mut self, _: &Problem) {}
}

fn engine(text: String) -> Engine {
    let loaded = load("main", "main.dsm", &Text(text), &Registry::core());
    let set = DiagramSet::new([loaded.diagram.expect("the diagram is good")]);
    let mut engine = Engine::new(Arc::new(set), "main", Values::new()).expect("it can start");
    engine.start(Event::new(EventKind::Start), &mut Idle);
    engine
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
