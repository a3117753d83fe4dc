//! The objects under test: those of `plugins/`, and small ones in C.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use muleteer::codec::CodecId;
use muleteer::plugin::{LoadError, load_codecs};

use crate::support::server::project_root;

/// All codecs of `plugins/` but iLBC, whose library Debian does not have.
const NAMES: [&str; 6] = ["gsm", "speex", "g726", "amr", "codec2", "g729"];

/// The folder with the codec objects, which are built here if they are not there yet.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
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
        for name in NAMES.iter().chain(&["ilbc"]) {
            cargo.args(["-p", &format!("codec_{name}")]);
        }
        let built = cargo.current_dir(project_root()).status().expect("cargo");
        assert!(built.success(), "{cargo:?}");
        folder.to_owned()
    })
}

/// Every codec of `plugins/`, loaded once for all tests.
pub fn loaded() -> &'static [CodecId] {
    static LOADED: OnceLock<Vec<CodecId>> = OnceLock::new();
    LOADED.get_or_init(|| load_from(folder(), &NAMES).unwrap_or_else(|error| panic!("{error}")))
}

/// A loaded codec by its name and clock rate.
#[track_caller]
pub fn codec(name: &str, clock_rate: u32) -> CodecId {
    let found = loaded()
        .iter()
        .find(|codec| codec.encoding_name() == name && codec.clock_rate().get() == clock_rate);
    *found.unwrap_or_else(|| panic!("{name}/{clock_rate} is not loaded"))
}

pub fn load_from(folder: &Path, names: &[&str]) -> Result<Vec<CodecId>, LoadError> {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    load_codecs(&[folder.to_owned()], &names)
}

/// The objects, as files.
pub fn files() -> impl Iterator<Item = PathBuf> {
    let file = |name| folder().join(format!("libcodec_{name}.so"));
    NAMES.iter().map(file)
}

/// Compiles C to a shared object.
pub fn compile(source: &Path, object: &Path, flags: &[&str]) {
    compile_program(source, object, &[&["-shared", "-fPIC"], flags].concat());
}

/// Compiles C to a program.
pub fn compile_program(source: &Path, program: &Path, flags: &[&str]) {
    let mut cc = Command::new("cc");
    cc.args(["-Wall", "-Wextra", "-Werror", "-std=c11"]);
    cc.arg("-I").arg(project_root().join("plugins/sdk/include"));
    cc.arg("-o").arg(program).arg(source).args(flags);
    let status = cc.status().expect("a C compiler");
    assert!(status.success(), "{cc:?}");
}

/// Where the C of these tests is.
pub fn source(name: &str) -> PathBuf {
    project_root().join("tests/codec_plugins").join(name)
}
