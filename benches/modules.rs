//! Actions of loaded modules: ns per action that reads a variable and writes one.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use divan::Bencher;
use divan::counter::ItemsCount;
use muleteer::dsm::{DiagramSet, Engine, Event, EventKind, Values, load};
use muleteer::plugin::module::Modules;

/// Actions of one event.
const ACTIONS: usize = 1_000;

fn main() {
    divan::main();
}

#[path = "support/diagram.rs"]
mod diagram;

use diagram::{Idle, Text};

/// The module, built as the server and beside it.
fn modules() -> Modules {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let bench = std::env::current_exe().expect("a path");
        let folder = bench.parent().and_then(Path::parent).expect("folders");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["build", "--quiet", "--locked", "-p", "mod_example"]);
        // As the bench itself, which `cargo test --benches` runs once without optimising it.
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        cargo
            .arg("--target-dir")
            .arg(folder.parent().expect("a folder"));
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(built.expect("cargo").success(), "{cargo:?}");
        folder.to_owned()
    });
    Modules::new(vec![folder.clone()], BTreeMap::new())
}

fn engine(action: &str) -> Engine {
    let text = format!(
        "import(mod_example);\n\
         initial state A enter {{ set($from=4711); }};\n\
         state B;\n\
         transition \"t\" (A, B) - key / {} -> B;\n",
        format!("{action};").repeat(ACTIONS),
    );
    let loaded = load("main", "main.dsm", &Text(text), &modules().registry());
    let diagram = loaded.diagram.clone();
    let diagram = diagram.unwrap_or_else(|| panic!("{}", loaded.render()));
    let diagrams = Arc::new(DiagramSet::new([diagram]));
    let mut engine = Engine::new(diagrams, "main", Values::new()).expect("it can start");
    engine.start(Event::new(EventKind::Start), &mut Idle);
    engine
}

fn run(bencher: Bencher<'_, '_>, action: &str) {
    let mut engine = engine(action);
    bencher
        .counter(ItemsCount::new(ACTIONS))
        .with_inputs(|| Event::new(EventKind::Key))
        .bench_local_values(|event| engine.run_event(event, &mut Idle));
}

/// Through the contract.
#[divan::bench]
fn loaded(bencher: Bencher<'_, '_>) {
    run(bencher, "example.copy($to, $from)");
}

/// The same by the core.
#[divan::bench]
fn core(bencher: Bencher<'_, '_>) {
    run(bencher, "set($to=$from)");
}
