//! Messages to a socket of this machine. One process loads a module once: a file for each configuration.
#![allow(
    clippy::disallowed_methods,
    reason = "the test is the reader of the socket"
)]

use std::os::unix::net::UnixDatagram;

use mod_log::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};

#[test]
fn messages_reach_the_socket_in_one_line() {
    let path = std::env::temp_dir().join(format!("mod_log-{}", std::process::id()));
    let target = format!("unix:{}", path.display());
    let json = serde_json::json!({ "target": target, "ident": "pbx", "facility": "daemon" });
    let mut t = ModuleTest::configured(muleteer_module(), &json.to_string());
    assert_eq!(
        t.run("log.write", &["0", "nobody reads"]).errno(),
        "general"
    );

    let reader = UnixDatagram::bind(&path).unwrap();
    reader
        .set_read_timeout(Some(std::time::Duration::from_secs(30)))
        .unwrap();
    let read = || {
        let mut buffer = vec![0; 65_536];
        let length = reader.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    };
    let process = std::process::id();
    // daemon is 3, so 3 * 8 and the severity.
    for (level, text, expected) in [
        ("0", "a", format!("<27>pbx[{process}]: a")),
        ("1", "b", format!("<28>pbx[{process}]: b")),
        ("7", "c", format!("<31>pbx[{process}]: c")),
        ("notice", "d", format!("<29>pbx[{process}]: d")),
        (
            "error",
            "x\r\n<0>kern: \u{1b}[2J",
            format!("<27>pbx[{process}]: x#015#012<0>kern: #033[2J"),
        ),
    ] {
        assert_eq!(t.run("log.write", &[level, text]), Outcome::Done);
        assert_eq!(read(), expected);
    }
    assert_eq!(
        t.run("log.writeTo", &["local7", "info", "e"]),
        Outcome::Done
    );
    assert_eq!(read(), format!("<190>pbx[{process}]: e"));
    t.run("log.write", &["info", &"é".repeat(5_000)]);
    assert!(read().len() < 4_200);

    assert_eq!(t.run("log.write", &["loud", "x"]).errno(), "arg");
    assert_eq!(
        t.run("log.writeTo", &["local9", "info", "x"]).errno(),
        "arg"
    );
    // A reader that does not read loses messages; the call goes on.
    let full = (0..100_000).find_map(|_| {
        let outcome = t.run("log.write", &["info", &"x".repeat(4_000)]);
        (outcome != Outcome::Done).then_some(outcome)
    });
    assert_eq!(full.unwrap().errno(), "general");
    std::fs::remove_file(&path).unwrap();
}
