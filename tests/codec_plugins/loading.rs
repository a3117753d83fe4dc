//! What an operator sees when a codec cannot be loaded.

use muleteer::plugin::LoadError;

use super::objects::{compile, folder, load_from, source};
use crate::support::process::{Folder, Process, ServerProcess, muleteer};

/// The message about `libcodec_x.so`, which is `linear8.c` with these flags.
fn refused(flags: &[&str]) -> String {
    let folder = Folder::new(&[]);
    let object = folder.file("libcodec_x.so");
    compile(&source("linear8.c"), &object, flags);
    let error = load_from(folder.path(), &["x"]).unwrap_err().to_string();
    let path = object.display().to_string();
    let reason = error.strip_prefix(&path);
    reason
        .unwrap_or_else(|| panic!("no file: {error}"))
        .to_owned()
}

#[test]
fn an_object_that_breaks_the_contract_is_named_with_the_reason() {
    let version = ": made for version 2 of the codec contract; this server has version 1";
    assert_eq!(refused(&["-DWRONG_VERSION"]), version);
    assert_eq!(refused(&["-DREFUSES"]), ": no licence was found");
    let no_entry = ": no codec object, it has no function muleteer_codecs";
    assert_eq!(refused(&["-DNO_ENTRY"]), no_entry);
}

#[test]
fn a_file_that_is_no_object_is_named() {
    let folder = Folder::new(&[("libcodec_text.so", "not an object")]);
    let error = load_from(folder.path(), &["text"]).unwrap_err();
    assert!(matches!(error, LoadError::Open { .. }), "{error}");
    assert!(error.to_string().contains("libcodec_text.so"), "{error}");
}

#[test]
fn a_codec_cannot_be_loaded_twice() {
    let error = load_from(folder(), &["gsm", "gsm"]).unwrap_err();
    assert!(
        error.to_string().ends_with("GSM/8000 is there already"),
        "{error}"
    );
}

/// Runs the server with these settings until it gives up.
fn start_fails(settings: &[&str], libraries: &Folder) -> String {
    let mut command = muleteer();
    command.args(["serve", "--set", "sip.listen=[\"udp:127.0.0.1:0\"]"]);
    command.args(["--set", &modules()]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    command.env("LD_LIBRARY_PATH", libraries.path());
    let ended = Process::start(&mut command).ended();
    assert!(!ended.status.success(), "{}", ended.text());
    ended.text()
}

#[test]
fn a_library_that_cannot_be_opened_is_named_with_its_package() {
    // What the linker finds first is no library, as good as none.
    let libraries = Folder::new(&[("libgsm.so.1", "broken")]);
    let text = start_fails(&["codec.load=[\"gsm\"]"], &libraries);
    for part in [
        "libcodec_gsm.so",
        "libgsm.so.1 cannot be opened",
        "apt install libgsm1",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_server_starts_with_the_codecs_that_its_configuration_names() {
    let load = "codec.load=[\"gsm\", \"g726\"]";
    let order = "codec.order=[\"GSM\", \"G726-32\"]";
    ServerProcess::start(&["--set", &modules(), "--set", load, "--set", order]).stop();
}

#[test]
fn a_codec_that_was_not_loaded_cannot_be_preferred() {
    let settings = ["codec.load=[\"g726\"]", "codec.order=[\"GSM\"]"];
    let text = start_fails(&settings, &Folder::new(&[]));
    for part in ["no codec is called GSM", "AAL2-G726-40/8000"] {
        assert!(text.contains(part), "{text}");
    }
}

/// The setting that finds the objects.
fn modules() -> String {
    format!("dsm.modules=[{:?}]", folder().display().to_string())
}
