//! What an operator sees of a module that cannot be used.

use std::collections::BTreeMap;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use muleteer::plugin::module::{ModuleError, Modules};

use super::objects::{compile, examples, loaded, source};
use crate::support::process::{Folder, Process, muleteer, serve};

fn modules_in(folder: &Folder) -> Modules {
    Modules::new(vec![folder.path().to_owned()], BTreeMap::new())
}

fn bad(folder: &Folder, flags: &[&str]) -> Modules {
    compile(&source("bad.c"), &folder.file("libmod_bad.so"), flags);
    modules_in(folder)
}

/// The message about `libmod_bad.so`, which is `bad.c` with these flags.
fn refused(flags: &[&str]) -> String {
    let folder = Folder::new(&[]);
    let error = bad(&folder, flags).load("mod_bad").unwrap_err().to_string();
    let path = folder.path().canonicalize().unwrap().join("libmod_bad.so");
    let reason = error.strip_prefix(&path.display().to_string());
    reason
        .unwrap_or_else(|| panic!("no file: {error}"))
        .to_owned()
}

#[test]
fn a_module_that_breaks_the_contract_is_named_with_the_reason() {
    for (flag, reason) in [
        (
            "-DWRONG_MAJOR",
            "made for version 2.1 of the module contract; this server has 1.1: build it with the \
             server's plugins/sdk",
        ),
        (
            "-DSMALL",
            "the table of the module is a structure of 16 bytes, where the contract has 112",
        ),
        (
            "-DSMALL_ACTION",
            "an action is a structure of 8 bytes, where the contract has 144",
        ),
        (
            "-DNO_ENTRY",
            "no module of this name, it exports neither muleteer_mod_bad nor muleteer_module",
        ),
        ("-DNOTHING", "the table of the module is no valid pointer"),
        (
            "-DOTHER_NAME",
            "it says that it is \"mod_other\"; expected \"mod_bad\"",
        ),
        (
            "-DFOREIGN",
            "\"mysql.query\" is no name for it: expected bad, or bad. and letters, digits, _ and .",
        ),
        (
            "-DBAD_NAME",
            "\"bad.do it\" is no name for it: expected bad, or bad. and letters, digits, _ and .",
        ),
        ("-DTWICE", "bad.run is there twice"),
        ("-DNULL_ACTION", "an action is no valid pointer"),
        ("-DTOO_MANY", "100000 actions; at most 1000 are allowed"),
        (
            "-DWRONG_KIND",
            "bad.run: 99 is no kind of a parameter that this server knows",
        ),
        ("-DNO_FUNCTION", "bad.run has no function"),
        ("-DREFUSES", "no licence was found"),
    ] {
        assert_eq!(refused(&[flag]), format!(": {reason}"), "{flag}");
    }
}

#[test]
fn a_name_cannot_lead_out_of_the_folders() {
    let modules = modules_in(&Folder::new(&[]));
    for name in ["mod_../x", "mod_", "x", "mod_X", "mod_a.b", "mod_a/b"] {
        let error = modules.load(name).unwrap_err();
        assert!(matches!(error, ModuleError::Name { .. }), "{name}: {error}");
    }
    let error = modules.load("mod_x").unwrap_err().to_string();
    assert!(
        error.starts_with("libmod_x.so is in none of the folders /"),
        "{error}"
    );
}

#[test]
fn a_file_that_anybody_may_write_to_is_refused() {
    let folder = Folder::new(&[]);
    let modules = bad(&folder, &[]);
    let file = folder.file("libmod_bad.so");
    set_permissions(&file, Permissions::from_mode(0o777)).unwrap();
    let error = modules.load("mod_bad").unwrap_err().to_string();
    assert!(
        error.ends_with("anybody may write to it; take that right away with chmod o-w"),
        "{error}"
    );
    set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
    set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
    // Nothing was opened, so it is looked at again when it has changed.
    compile(&source("bad.c"), &file, &[]);
    let error = modules.load("mod_bad").unwrap_err().to_string();
    assert!(error.contains("anybody may write to its folder"), "{error}");
    set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    compile(&source("bad.c"), &file, &[]);
    modules.load("mod_bad").unwrap();
}

#[test]
fn a_file_that_is_no_object_is_named() {
    let folder = Folder::new(&[("libmod_text.so", "not an object")]);
    let error = modules_in(&folder).load("mod_text").unwrap_err();
    assert!(matches!(error, ModuleError::Open { .. }), "{error}");
    let error = error.to_string();
    let reason = "/libmod_text.so: no shared object that can be loaded: file too short";
    assert!(error.ends_with(reason), "{error}");
    assert_eq!(error.matches("libmod_text.so").count(), 1, "{error}");
}

#[test]
fn what_only_looks_like_a_file_is_told_too() {
    let folder = Folder::new(&[]);
    std::fs::create_dir(folder.file("libmod_folder.so")).unwrap();
    std::os::unix::fs::symlink("/no/such/file", folder.file("libmod_link.so")).unwrap();
    let modules = modules_in(&folder);
    let reason = |name: &str| modules.load(name).unwrap_err().to_string();
    assert!(
        reason("mod_folder").contains("Is a directory"),
        "{}",
        reason("mod_folder")
    );
    assert!(
        reason("mod_link").contains("No such file"),
        "{}",
        reason("mod_link")
    );
}

#[test]
fn a_diagram_that_imports_it_says_why() {
    let folder = Folder::new(&[]);
    let modules = bad(&folder, &["-DREFUSES"]);
    let text = loaded(
        &modules,
        "import(mod_bad);\ninitial state ON enter { bad.run(); };\n",
    )
    .render();
    assert!(
        text.contains("the module 'mod_bad' cannot be used: ") && text.contains("no licence"),
        "{text}"
    );
    assert!(
        !text.contains("bad.run"),
        "its names are not unknown too: {text}"
    );
    let text = loaded(&modules, "import(mod_none);\ninitial state ON;\n").render();
    assert!(
        text.contains("libmod_none.so is in none of the folders"),
        "{text}"
    );
}

#[test]
fn the_list_shows_the_good_and_the_bad() {
    let folder = Folder::new(&[("libmod_text.so", "not an object"), ("other.so", "")]);
    bad(&folder, &[]);
    let mut command = muleteer();
    command
        .args(["module", "list", "--modules"])
        .arg(folder.path());
    let ended = Process::start(&mut command).ended().expect_code(1);
    let ended = ended.expect("mod_bad 1").expect("bad.run([text])");
    ended.expect("mod_text  refused: ");
}

#[test]
fn a_list_of_nothing_says_where_there_is_nothing() {
    let folder = Folder::new(&[("other.so", "")]);
    let list = |folder: &Path| {
        let mut command = muleteer();
        command.args(["module", "list", "--modules"]).arg(folder);
        Process::start(&mut command).ended()
    };
    let ended = list(folder.path()).expect_code(0);
    let none = format!("no file libmod_NAME.so, in {};", folder.path().display());
    ended.expect(&none);
    let missing = folder.file("missing");
    let ended = list(&missing).expect_code(2);
    ended.expect(&format!("{}: No such file or directory", missing.display()));
}

#[test]
fn a_preloaded_module_that_is_refused_stops_the_start() {
    let modules = format!("dsm.modules=[{:?}]", examples().display().to_string());
    let mut command = serve("127.0.0.1:0");
    command.args(["--set", &modules]);
    command.args(["--set", "dsm.preload=[\"mod_example\", \"mod_none\"]"]);
    let ended = Process::start(&mut command).ended().expect_code(1);
    ended
        .expect("libmod_none.so is in none of the folders")
        .expect("this is a module that [dsm] preload names");
}

#[test]
fn a_name_that_a_module_brings_may_not_be_taken() {
    let diagrams = Folder::new(&[("example_beep.dsm", "initial state A;")]);
    let mut command = serve("127.0.0.1:0");
    let modules = format!("dsm.modules=[{:?}]", examples().display().to_string());
    let path = diagrams.as_setting("dsm.path");
    command.args(["--set", &*modules, "--set", &*path]);
    command.args(["--set", "dsm.preload=[\"mod_example\"]"]);
    let ended = Process::start(&mut command).ended();
    assert_ne!(ended.status.code(), Some(0));
    ended.expect("mod_example brings an application example_beep, but there is");
}

#[test]
fn a_module_of_the_first_version_is_loaded() {
    let folder = Folder::new(&[]);
    let modules = bad(&folder, &["-DOLD"]);
    assert_eq!(modules.diagrams("mod_bad"), Ok(Vec::new()));
    let text = "import(mod_bad);\ninitial state A enter { bad.run(x); };";
    assert!(loaded(&modules, text).diagram.is_some());
}
