#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a network that fails is made of sockets and threads"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use muleteer_sdk::module::testing::ModuleTest;

use crate::{database, done, fails, server, session, value};

/// Kills the connection of a session, as a restart of the database does.
fn kill(t: &mut ModuleTest) -> String {
    let id = value(t, "CONNECTION_ID()");
    let mut other = session();
    done(&mut other, "mysql.connect", &[&server().url("")]);
    done(&mut other, "mysql.execute", &[&format!("KILL {id}")]);
    id
}

/// Lets more time pass than a connection may be idle without being asked.
fn idle() {
    let mut other = session();
    done(&mut other, "mysql.connect", &[&server().url("")]);
    done(&mut other, "mysql.execute", &["SELECT SLEEP(1.1)"]);
}

#[test]
fn a_connection_that_broke_while_idle_is_opened_again_unseen() {
    let mut t = database("idle");
    let id = kill(&mut t);
    idle();
    assert_ne!(value(&mut t, "CONNECTION_ID()"), id);
    assert!(t.test("mysql.connected", &[]));
}

#[test]
fn a_connection_that_breaks_at_work_fails_once() {
    let mut t = database("at_work");
    kill(&mut t);
    fails(&mut t, "mysql.query", &["SELECT 1"], "connection");
    assert_eq!(t.var("db.errno"), "2013");
    assert!(!t.test("mysql.connected", &[]));
    done(&mut t, "mysql.query", &["SELECT 1"]);
    assert!(t.test("mysql.connected", &[]));
}

#[test]
fn a_transaction_that_was_lost_is_not_taken_for_done() {
    let mut t = database("lost");
    done(&mut t, "mysql.execute", &["START TRANSACTION"]);
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ('c')"],
    );
    kill(&mut t);
    idle();
    for statement in ["INSERT INTO t1 (name) VALUES ('d')", "SELECT 1", "commit"] {
        fails(&mut t, "mysql.execute", &[statement], "connection");
    }
    done(&mut t, "mysql.execute", &["USE lost"]);
    assert_eq!(value(&mut t, "SELECT COUNT(*) FROM t1"), "3");
    done(&mut t, "mysql.execute", &["BEGIN"]);
    done(&mut t, "mysql.execute", &["DELETE FROM t1"]);
    kill(&mut t);
    fails(&mut t, "mysql.execute", &["SELECT 1"], "connection");
    done(&mut t, "mysql.execute", &["ROLLBACK"]);
    done(&mut t, "mysql.execute", &["SELECT 1"]);
}

#[test]
fn a_slow_statement_ends_at_the_deadline_and_leaves_the_connection() {
    let mut t = database("slow");
    let id = value(&mut t, "CONNECTION_ID()");
    done(&mut t, "mysql.execute", &["START TRANSACTION"]);
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ('c')"],
    );
    fails(&mut t, "mysql.query", &["SELECT SLEEP(30)"], "query");
    assert_eq!(t.var("db.ereason"), "the statement took too long");
    assert_eq!(value(&mut t, "CONNECTION_ID()"), id);
    assert_eq!(value(&mut t, "SELECT COUNT(*) FROM t1"), "4");
}

#[test]
fn a_statement_that_waits_keeps_nobody_else() {
    let mut t = database("waiting");
    let mut other = session();
    done(&mut other, "mysql.connect", &[&server().url("waiting")]);
    assert_eq!(t.begin("mysql.query", &["SELECT SLEEP(1.5)"]), None);
    let running = "SELECT COUNT(*) FROM information_schema.processlist WHERE db='waiting' AND info LIKE 'SELECT SLEEP%'";
    while value(&mut other, running) != "1" {}
    for _ in 0..10 {
        assert_eq!(value(&mut other, "1"), "1");
    }
    assert_eq!(value(&mut other, running), "1");
    assert_eq!(t.wait().errno(), "");
}

#[test]
fn a_session_that_ends_in_the_middle_leaves_no_connection_behind() {
    let mut watcher = database("middle");
    for _ in 0..5 {
        let mut t = session();
        done(&mut t, "mysql.connect", &[&server().url("middle")]);
        assert_eq!(
            t.begin("mysql.query", &["SELECT SLEEP(1.5) FROM seq_1_to_100"]),
            None
        );
        t.end_session();
    }
    let left = "SELECT COUNT(*) FROM information_schema.processlist WHERE db='middle' AND command='Query' \
        AND info LIKE 'SELECT SLEEP%'";
    while value(&mut watcher, left) != "0" {}
    done(&mut watcher, "mysql.query", &["SELECT 1"]);
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let mut t = session();
    fails(
        &mut t,
        "mysql.connect",
        &[&format!("mysql://u@127.0.0.1:{port}/d")],
        "connection",
    );
    assert_eq!(t.var("db.errno"), "2002");
}

#[test]
fn a_server_that_talks_nonsense_is_refused() {
    let odd = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = odd.local_addr().expect("an address").port();
    let talker = thread::spawn(move || {
        for text in [
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            &[0xff; 70_000],
            &[1, 0, 0, 0, 9],
        ] {
            let (mut peer, _) = odd.accept().expect("a connection");
            // It may have been closed already.
            let _ = peer.write_all(text);
        }
    });
    for _ in 0..3 {
        let mut t = session();
        fails(
            &mut t,
            "mysql.connect",
            &[&format!("mysql://u@127.0.0.1:{port}/d")],
            "connection",
        );
    }
    talker.join().expect("it ends well");
}

/// Passes bytes on to the server until it is frozen; then it swallows them.
struct Network {
    port: u16,
    frozen: Arc<AtomicBool>,
}

impl Network {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let frozen = Arc::new(AtomicBool::new(false));
        let stops = frozen.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let server = SocketAddr::from(([127, 0, 0, 1], server().port));
                let far = TcpStream::connect(server).expect("the server takes connections");
                let (near2, far2) = (
                    near.try_clone().expect("a socket"),
                    far.try_clone().expect("a socket"),
                );
                let (one, two) = (stops.clone(), stops.clone());
                thread::spawn(move || pass(near, far, &one));
                thread::spawn(move || pass(far2, near2, &two));
            }
        });
        Self { port, frozen }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, frozen: &AtomicBool) {
    let mut buffer = [0; 4_096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !frozen.load(Ordering::SeqCst) && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The other direction may have done so.
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_network_that_freezes_costs_one_statement_and_no_place_in_the_pool() {
    drop(database("frozen"));
    let network = Network::new();
    let url = server()
        .url("frozen")
        .replace(&server().port.to_string(), &network.port.to_string());
    for statement in ["SELECT 1", "SELECT id FROM t1 WHERE name=$n"] {
        let mut t = session();
        t.set("n", "a");
        done(&mut t, "mysql.connect", &[&url]);
        network.frozen.store(true, Ordering::SeqCst);
        fails(&mut t, "mysql.query", &[statement], "connection");
        assert_eq!(t.var("db.errno"), "2013");
        network.frozen.store(false, Ordering::SeqCst);
        done(&mut t, "mysql.query", &[statement]);
    }
    let mut all: Vec<ModuleTest> = (0..60).map(|_| session()).collect();
    for t in &mut all {
        done(t, "mysql.connect", &[&url]);
    }
    let mut late = session();
    fails(&mut late, "mysql.connect", &[&url], "connection");
    assert!(
        late.var("db.ereason").contains("60 are in use"),
        "{}",
        late.var("db.ereason")
    );
    done(&mut all[0], "mysql.disconnect", &[]);
    done(&mut late, "mysql.connect", &[&url]);
}
