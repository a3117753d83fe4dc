#![allow(clippy::disallowed_methods, reason = "tests write files")]

use muleteer_sdk::module::testing::{ModuleTest, Outcome, Played};
use muleteer_sdk::module::{Exception, Failure};

use crate::{database, done, fails, value};

/// All bytes, also those that are no text.
fn bytes() -> Vec<u8> {
    (0..=255).cycle().take(100_000).collect()
}

/// Stores the bytes in row 1.
fn stored(name: &str) -> (ModuleTest, tempfile::TempDir) {
    let mut t = database(name);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("in");
    std::fs::write(&file, bytes()).expect("the folder is ours");
    let file = file.display().to_string();
    done(
        &mut t,
        "mysql.putFileToDB",
        &["UPDATE t1 SET data=\"__FILE__\" WHERE id=1", &file],
    );
    assert_eq!(t.var("db.rows"), "1");
    (t, folder)
}

#[test]
fn a_file_comes_back_byte_for_byte() {
    let (mut t, folder) = stored("files");
    let path = |name: &str| folder.path().join(name).display().to_string();
    done(
        &mut t,
        "mysql.putFileToDB",
        &[
            "INSERT INTO t1 (name, data) VALUES ('it''s', '__FILE__')",
            &path("in"),
        ],
    );
    assert_eq!((t.var("db.rows"), t.var("db.insert_id")), ("1", "4"));
    for (id, name) in [("1", "out"), ("4", "out2")] {
        done(
            &mut t,
            "mysql.getFileFromDB",
            &[&format!("SELECT data FROM t1 WHERE id={id}"), &path(name)],
        );
        assert!(std::fs::read(path(name)).expect("it is there") == bytes());
    }
    let files = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(files, 3, "no part of a file is left");
    assert_eq!(
        value(&mut t, "SELECT COUNT(*) FROM t1 WHERE LENGTH(data)=100000"),
        "2"
    );
}

#[test]
fn a_file_needs_its_place_and_its_content() {
    let (mut t, folder) = stored("no_files");
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("empty"), b"").expect("the folder is ours");
    fails(
        &mut t,
        "mysql.putFileToDB",
        &["UPDATE t1 SET data='x'", &path("in")],
        "arg",
    );
    let statement = "UPDATE t1 SET data='__FILE__'";
    for file in [
        path("nosuch"),
        path("empty"),
        folder.path().display().to_string(),
        String::new(),
    ] {
        fails(&mut t, "mysql.putFileToDB", &[statement, &file], "file");
    }
    fails(
        &mut t,
        "mysql.putFileToDB",
        &["UPDATE nosuch SET data='__FILE__'", &path("in")],
        "query",
    );
    let statement = "SELECT data FROM t1 WHERE id=1";
    fails(
        &mut t,
        "mysql.getFileFromDB",
        &[statement, &path("nosuch/x")],
        "file",
    );
    fails(
        &mut t,
        "mysql.getFileFromDB",
        &["SELECT data FROM t1 WHERE id=2", &path("x")],
        "result",
    );
    fails(
        &mut t,
        "mysql.getFileFromDB",
        &["SELECT data FROM t1 WHERE id=99", &path("x")],
        "result",
    );
    fails(
        &mut t,
        "mysql.getFileFromDB",
        &["SELECT nope FROM t1", &path("x")],
        "query",
    );
    assert!(!folder.path().join("x").exists());
}

#[test]
fn the_content_of_a_column_is_played() {
    let (mut t, _folder) = stored("playing");
    t.set("i", "1");
    let statement = "SELECT data FROM t1 WHERE id=\"$i\"";
    done(&mut t, "mysql.playDBAudio", &[statement, "x.wav"]);
    done(&mut t, "mysql.playDBAudioFront", &[statement, "x.wav"]);
    done(&mut t, "mysql.playDBAudioLooped", &[statement, "y.mp3"]);
    done(&mut t, "mysql.disconnect", &[]);
    let played = |name: &str, front, looped| Played {
        name: name.to_owned(),
        bytes: bytes(),
        front,
        looped,
    };
    let all = [
        played("x.wav", false, false),
        played("x.wav", true, false),
        played("y.mp3", false, true),
    ];
    assert!(t.played() == all);
}

#[test]
fn what_cannot_be_played_is_told() {
    let (mut t, _folder) = stored("silence");
    let statement = "SELECT data FROM t1 WHERE id=1";
    for empty in [
        "SELECT data FROM t1 WHERE id=99",
        "SELECT data FROM t1 WHERE id=3",
        "UPDATE t1 SET name='x'",
    ] {
        fails(&mut t, "mysql.playDBAudio", &[empty, "x.wav"], "result");
    }
    t.refuse(
        "x.wav",
        Failure::throw(Exception::new("file").with("path", "x.wav")),
    );
    fails(&mut t, "mysql.playDBAudio", &[statement, "x.wav"], "file");
    t.refuse(
        "y.wav",
        Failure::throw(Exception::new("core").with("cause", "no call")),
    );
    let outcome = t.run("mysql.playDBAudio", &[statement, "y.wav"]);
    assert!(matches!(outcome, Outcome::Thrown(_)), "{outcome:?}");
    assert_eq!(outcome.exception("type"), "core");
}
