//! The modules under test: those of `plugins/`, and small ones in C.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use muleteer::dsm::source::EntryKind;
use muleteer::dsm::testing::TestHost;
use muleteer::dsm::{
    DiagramSet, Engine, Event, EventKind, Loaded, Progress, Severity, SourceProvider, Values, load,
};
use muleteer::plugin::module::Modules;

use crate::support::server::project_root;

/// The crates of `plugins/` that are modules.
fn crates() -> Vec<String> {
    let folders = std::fs::read_dir(project_root().join("plugins")).expect("a folder");
    let manifests = folders.filter_map(|folder| {
        std::fs::read_to_string(folder.expect("an entry").path().join("Cargo.toml")).ok()
    });
    let names = manifests.filter_map(|manifest| {
        let (_, rest) = manifest.split_once("name = \"mod_")?;
        Some(format!("mod_{}", rest.split_once('"')?.0))
    });
    names.collect()
}

/// The folder with the two examples, which are built here if they are not there yet.
pub fn examples() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = build(&["mod_example".to_owned()]);
        let source = project_root().join("plugins/example_c/example.c");
        compile(&source, &folder.join("libmod_example_c.so"), &[]);
        folder
    })
}

/// The same with all modules of `plugins/`.
pub fn all() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    examples();
    BUILT.get_or_init(|| build(&crates()))
}

/// The same with the module of the tests of hooks.
pub fn hooked() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&["mod_hooked".to_owned()]))
}

/// Builds these crates, and gives the folder with their objects.
fn build(crates: &[String]) -> PathBuf {
    let tests = std::env::current_exe().expect("a path");
    // target/PROFILE/deps/main-...
    let folder = tests.parent().and_then(Path::parent).expect("folders");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "--profile", profile]);
    cargo
        .arg("--target-dir")
        .arg(folder.parent().expect("a folder"));
    for name in crates {
        cargo.args(["-p", name]);
    }
    let built = cargo.current_dir(project_root()).status().expect("cargo");
    assert!(built.success(), "{cargo:?}");
    folder.to_owned()
}

/// Those in a folder, without configuration.
pub fn modules_in(folder: &Path) -> Modules {
    Modules::new(vec![folder.to_owned()], BTreeMap::new())
}

/// The examples of `plugins/`, without configuration.
pub fn modules() -> Modules {
    modules_in(examples())
}

/// Compiles C to a shared object.
pub fn compile(source: &Path, object: &Path, flags: &[&str]) {
    // Another process may have the one before open.
    let fresh = object.with_extension(format!("so.{}", std::process::id()));
    let mut cc = Command::new("cc");
    cc.args(["-Wall", "-Wextra", "-Werror", "-std=c11"]);
    cc.args(["-shared", "-fPIC", "-pthread"]);
    cc.arg("-I").arg(project_root().join("plugins/sdk/include"));
    cc.arg("-o").arg(&fresh).arg(source).args(flags);
    let status = cc.status().expect("a C compiler");
    assert!(status.success(), "{cc:?}");
    std::fs::rename(fresh, object).expect("a new object");
}

/// Where the C of these tests is.
pub fn source(name: &str) -> PathBuf {
    project_root().join("tests/modules").join(name)
}

/// The first diagram of a module's page.
pub fn readme(module: &str) -> String {
    let folder = project_root().join("plugins").join(module);
    let page = std::fs::read_to_string(folder.join("README.md")).expect("a page");
    let diagram = page.split("```").nth(1).expect("a diagram");
    diagram.strip_prefix("dsm").unwrap_or(diagram).to_owned()
}

/// Fails, showing them, if there are findings in a diagram that imports from all modules.
#[track_caller]
pub fn has_no_findings(diagram: &str) {
    let found = loaded(&modules_in(all()), diagram);
    assert!(
        found.worst() < Some(Severity::Warning),
        "{}",
        found.render()
    );
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

/// A diagram of this text that may import from `modules`.
pub fn loaded(modules: &Modules, text: &str) -> Loaded {
    load(
        "main",
        "main.dsm",
        &Text(text.to_owned()),
        &modules.registry(),
    )
}

/// A diagram that runs without a call. What waits is waited for.
pub struct Run {
    pub engine: Engine,
    pub host: TestHost,
}

impl Run {
    /// Runs `actions` at the start of a diagram that imports `module`. An exception leaves its parameters
    /// in `$thrown.type`, `$thrown.cause` and `$thrown.module`.
    #[track_caller]
    pub fn of(modules: &Modules, module: &str, actions: &str) -> Self {
        Self::diagram(
            modules,
            &format!(
                "import({module});\n\
                 initial state ON enter {{ {actions}; set($went_on=yes); }};\n\
                 transition \"thrown\" ON - exception / {{\n\
                   set($thrown.type=#type); set($thrown.cause=#cause); set($thrown.module=#module);\n\
                 }} -> ON2;\n\
                 state ON2;\n"
            ),
        )
    }

    #[track_caller]
    pub fn diagram(modules: &Modules, text: &str) -> Self {
        let loaded = loaded(modules, text);
        let diagram = loaded.diagram.clone();
        let diagram = diagram.unwrap_or_else(|| panic!("{}", loaded.render()));
        let diagrams = DiagramSet::new([diagram]).into();
        let mut engine = Engine::new(diagrams, "main", Values::new()).expect("it can start");
        let mut host = TestHost::default();
        let progress = engine.start(Event::new(EventKind::Start), &mut host);
        assert_eq!(progress, Progress::Idle);
        Self { engine, host }
    }

    /// A variable; empty if it is not there.
    pub fn var(&self, name: &str) -> &str {
        self.engine.variables().get(name).unwrap_or_default()
    }

    pub fn event(&mut self, event: Event) {
        self.engine.run_event(event, &mut self.host);
    }
}
