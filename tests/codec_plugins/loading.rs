//! What an operator sees when a codec cannot be loaded.

use muleteer::plugin::LoadError;

use super::objects::{compile, folder, load_from, source};
use crate::support::process::Folder;

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
