#![allow(clippy::disallowed_methods, reason = "many sessions are many threads")]

use std::sync::Arc;
use std::thread;

use muleteer_sdk::module::testing::Outcome;

use crate::{database, done, fails, server, session, value};

#[test]
fn without_a_url_that_of_the_configuration_is_used() {
    let mut t = session();
    fails(&mut t, "mysql.connect", &[], "arg");
    t.set("config.db_url", &server().url("mysql"));
    done(&mut t, "mysql.connect", &[]);
    assert!(t.test("mysql.connected", &[]));
    assert_eq!(value(&mut t, "DATABASE()"), "mysql");
}

#[test]
fn a_bad_url_is_an_argument_and_is_not_repeated() {
    let mut t = session();
    for url in ["http://x", "mysql://u:secret@h:x/d"] {
        let outcome = t.run("mysql.connect", &[url]);
        let Outcome::Failed { errno, text } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(errno, "arg");
        assert!(!text.contains("secret"), "{text}");
    }
    assert!(!t.test("mysql.connected", &[]));
    assert_eq!(t.errno(), "arg", "a condition leaves errno");
}

#[test]
fn what_keeps_from_connecting_is_told_with_the_number_of_the_database() {
    let mut t = session();
    let port = server().port;
    for (url, number) in [
        ("mysql://app@127.0.0.1:1/d".to_owned(), "2002"),
        ("mysql://app@nosuch.invalid/d".to_owned(), "2002"),
        (server().url("nosuch"), "1049"),
        (format!("mysql://app:wrong@127.0.0.1:{port}/mysql"), "1045"),
    ] {
        fails(&mut t, "mysql.connect", &[&url], "connection");
        assert_eq!(t.var("db.errno"), number, "{url}: {}", t.var("db.ereason"));
        assert!(!t.var("db.ereason").is_empty() && !t.var("db.ereason").contains("wrong"));
        assert_eq!(t.var("strerror"), t.var("db.ereason"));
    }
}

#[test]
fn the_password_may_be_missing_and_a_socket_stand_for_the_host() {
    let mut t = session();
    let port = server().port;
    done(
        &mut t,
        "mysql.connect",
        &[&format!("mysql://open@127.0.0.1:{port}/mysql")],
    );
    let socket = server().path("socket");
    done(
        &mut t,
        "mysql.connect",
        &[&format!("mysql://open@localhost/mysql?socket={socket}")],
    );
    assert_eq!(value(&mut t, "SUBSTRING_INDEX(USER(), '@', 1)"), "open");
}

#[test]
fn every_action_needs_a_connection() {
    let mut t = session();
    for (action, args) in [
        ("mysql.disconnect", &[][..]),
        ("mysql.query", &["SELECT 1"]),
        ("mysql.execute", &["SELECT 1"]),
        ("mysql.queryGetResult", &["SELECT 1"]),
        ("mysql.playDBAudio", &["SELECT 1", "x.wav"]),
        ("mysql.getFileFromDB", &["SELECT 1", "/tmp/x"]),
        (
            "mysql.putFileToDB",
            &["INSERT INTO t VALUES ('__FILE__')", "/tmp/x"],
        ),
        ("mysql.escape", &["x", "y"]),
        ("mysql.getClientVersion", &[]),
    ] {
        fails(&mut t, action, args, "connection");
    }
}

#[test]
fn disconnecting_twice_is_an_error() {
    let mut t = database("disconnecting");
    done(&mut t, "mysql.disconnect", &[]);
    assert!(!t.test("mysql.connected", &[]));
    fails(&mut t, "mysql.disconnect", &[], "connection");
}

#[test]
fn the_version_of_the_client_is_told() {
    let mut t = database("versions");
    done(&mut t, "mysql.getClientVersion", &[]);
    assert!(t.var("db.client_version").starts_with("mysql_async "));
    done(&mut t, "mysql.getClientVersion", &["mine"]);
    assert_eq!(t.var("mine"), t.var("db.client_version"));
}

#[test]
fn connecting_in_a_loop_collects_no_connections() {
    let mut t = session();
    let mut watcher = database("loops");
    let url = format!("{}?", server().url("loops"));
    for _ in 0..200 {
        done(&mut t, "mysql.connect", &[url.trim_end_matches('?')]);
    }
    // More than the pool has places; the last ones may still be on their way back.
    let count = "SELECT COUNT(*) FROM information_schema.processlist WHERE db='loops'";
    let count: usize = value(&mut watcher, count).parse().expect("a number");
    assert!(count <= 60, "{count}");
}

#[test]
fn a_session_that_ends_gives_its_connection_back_clean() {
    let mut t = database("ends");
    done(&mut t, "mysql.execute", &["START TRANSACTION"]);
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ('lost')"],
    );
    done(&mut t, "mysql.execute", &["SET @mine = 5"]);
    t.end_session();
    let mut other = session();
    done(&mut other, "mysql.connect", &[&server().url("")]);
    assert_eq!(value(&mut other, "@mine"), "");
    // The rollback comes with the return, which nobody waits for; a lock on the row does.
    done(&mut other, "mysql.execute", &["LOCK TABLES ends.t1 WRITE"]);
    assert_eq!(
        value(&mut other, "SELECT COUNT(*) FROM ends.t1 WHERE name='lost'"),
        "0"
    );
}

#[test]
fn a_transaction_stays_on_the_connection_of_its_session() {
    let mut t = database("transactions");
    let mut other = session();
    done(
        &mut other,
        "mysql.connect",
        &[&server().url("transactions")],
    );
    done(&mut t, "mysql.execute", &["START TRANSACTION"]);
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ('c')"],
    );
    assert_eq!(value(&mut t, "SELECT COUNT(*) FROM t1"), "4");
    assert_eq!(value(&mut other, "SELECT COUNT(*) FROM t1"), "3");
    done(&mut t, "mysql.execute", &["COMMIT"]);
    assert_eq!(value(&mut other, "SELECT COUNT(*) FROM t1"), "4");
}

#[test]
fn many_sessions_share_the_pool() {
    let url: Arc<str> = server().url("mysql").into();
    let threads: Vec<_> = (0..50)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || {
                for _ in 0..10 {
                    let mut t = session();
                    done(&mut t, "mysql.connect", &[&url]);
                    for number in 0..10 {
                        assert_eq!(value(&mut t, &number.to_string()), number.to_string());
                    }
                    done(&mut t, "mysql.disconnect", &[]);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("it ends well");
    }
}

#[test]
fn tls_is_used_and_required_with_a_certificate() {
    let mut t = session();
    let url = server().url("mysql");
    t.set("config.mysql_ca_cert", &server().path("nosuch.pem"));
    fails(&mut t, "mysql.connect", &[&url], "config");
    t.set("config.mysql_ca_cert", &server().path("init.sql"));
    fails(&mut t, "mysql.connect", &[&url], "config");
    t.set("config.mysql_ca_cert", &server().path("other.pem"));
    fails(&mut t, "mysql.connect", &[&url], "connection");
    t.set("config.mysql_ca_cert", &server().path("ca.pem"));
    done(&mut t, "mysql.connect", &[&url]);
    done(
        &mut t,
        "mysql.queryGetResult",
        &["SHOW STATUS LIKE 'Ssl_version'"],
    );
    assert!(t.var("Value").starts_with("TLS"), "{:?}", t.vars());
}
