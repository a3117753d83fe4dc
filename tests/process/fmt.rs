//! `muleteer fmt`: what it changes, shows and refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::process::{Ended, Folder, Process, muleteer};

const LOOSE: &str = "initial   state A\n\n\n;transition t A->A";
const FORMATTED: &str = "initial state A;\ntransition t A -> A;\n";
const BROKEN: &str = "initial state A enter { log(1, don't) };\n";

fn fmt(arguments: &[&std::ffi::OsStr]) -> Ended {
    Process::start(muleteer().arg("fmt").args(arguments)).ended()
}

#[test]
fn files_are_changed_in_place_and_keep_their_permissions() {
    let folder = Folder::new(&[
        ("loose.dsm", LOOSE),
        ("good.dsm", FORMATTED),
        ("a.txt", "a"),
    ]);
    let loose = folder.path().join("loose.dsm");
    fs::set_permissions(&loose, fs::Permissions::from_mode(0o640)).unwrap();
    let ended = fmt(&[folder.path().as_os_str()]).expect_code(0);
    ended.expect("1 changed, 1 already formatted, 0 left as they are");
    assert_eq!(fs::read_to_string(&loose).unwrap(), FORMATTED);
    assert_eq!(
        fs::metadata(&loose).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        3,
        "no file is left behind"
    );
}

#[test]
fn check_shows_what_would_change_and_ends_with_1() {
    let folder = Folder::new(&[("loose.dsm", LOOSE)]);
    let ended = fmt(&["--check".as_ref(), folder.path().as_os_str()]).expect_code(1);
    ended.expect("+initial state A;").expect("1 would change");
    assert_eq!(
        fs::read_to_string(folder.path().join("loose.dsm")).unwrap(),
        LOOSE
    );
    fmt(&[folder.path().as_os_str()]).expect_code(0);
    fmt(&["--check".as_ref(), folder.path().as_os_str()]).expect_code(0);
}

#[test]
fn what_has_mistakes_is_left_alone() {
    let folder = Folder::new(&[("broken.dsm", BROKEN), ("loose.dsm", LOOSE)]);
    let ended = fmt(&[folder.path().as_os_str()]).expect_code(1);
    ended
        .expect("broken.dsm:1:35: error[unterminated-quote]")
        .expect("1 changed, 0 already formatted, 1 left as they are");
    assert_eq!(
        fs::read_to_string(folder.path().join("broken.dsm")).unwrap(),
        BROKEN
    );
}

#[test]
fn a_path_that_names_nothing_ends_with_2() {
    fmt(&["/nowhere/at.dsm".as_ref()])
        .expect_code(2)
        .expect("/nowhere/at.dsm");
}

#[test]
fn an_old_encoding_stays() {
    let folder = Folder::new(&[]);
    let path = folder.path().join("old.dsm");
    fs::write(&path, b"initial state A enter { log(2, gr\xfcn) };").unwrap();
    fmt(&[path.as_os_str()]).expect_code(0);
    let bytes = fs::read(&path).unwrap();
    assert!(
        bytes.windows(4).any(|window| window == b"gr\xfcn"),
        "{bytes:?}"
    );
}
