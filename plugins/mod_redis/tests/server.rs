//! What scripts see of `mod_redis`, against a Redis of Debian's package `redis-server`.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test starts a server"
)]

#[path = "redis/server.rs"]
mod redis_server;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use mod_redis::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};

use self::redis_server::Redis;

impl Redis {
    fn session(&self) -> ModuleTest {
        let mut t = ModuleTest::new(muleteer_module());
        assert_eq!(t.run("redis.connect", &[&self.url()]), Outcome::Done);
        t
    }
}

/// Sends a command; its reply is `$v`.
fn exec(t: &mut ModuleTest, command: &str) -> Outcome {
    t.run("redis.execCommand", &["v", command])
}

#[test]
fn replies_become_variables() {
    let redis = Redis::start("replies");
    let mut t = redis.session();
    assert_eq!(exec(&mut t, "set k hello"), Outcome::Done);
    assert_eq!(t.var("v"), "OK");
    exec(&mut t, "get k");
    assert_eq!((t.var("v"), t.has("v.nil")), ("hello", false));
    exec(&mut t, "get nothing");
    assert_eq!((t.var("v"), t.var("v.nil")), ("nil", "true"));
    exec(&mut t, "set big 9007199254740993");
    exec(&mut t, "incr big");
    assert_eq!((t.var("v"), t.has("v.nil")), ("9007199254740994", false));
    exec(&mut t, "rpush list a b c");
    exec(&mut t, "lrange list 0 -1");
    assert_eq!(
        (t.var("v[0]"), t.var("v[2]"), t.has("v")),
        ("a", "c", false)
    );
    exec(&mut t, "lrange list 0 0");
    assert!(
        t.has("v[0]") && !t.has("v[1]"),
        "what was there before is gone"
    );
    exec(&mut t, "eval 'return {1,{2,{3}}}' 0");
    assert_eq!(
        (t.var("v[0]"), t.var("v[1][0]"), t.var("v[1][1][0]")),
        ("1", "2", "3")
    );
}

#[test]
fn a_value_is_one_argument_whatever_it_holds() {
    let redis = Redis::start("values");
    let mut t = redis.session();
    for value in [
        "a b",
        "%s%n%d",
        "\"q\" 'r'",
        "x\r\nFLUSHALL\r\n",
        "é",
        "$other",
        "",
    ] {
        t.set("x", value);
        assert_eq!(exec(&mut t, "set k $x"), Outcome::Done, "{value:?}");
        exec(&mut t, "get k");
        assert_eq!(t.var("v"), value);
        exec(&mut t, "set k \"<$(x)>\"");
        exec(&mut t, "get k");
        assert_eq!(t.var("v"), format!("<{value}>"));
    }
    exec(&mut t, "set k \"two words\"");
    exec(&mut t, "strlen k");
    assert_eq!(t.var("v"), "9");
}

#[test]
fn errors_of_the_server_are_told() {
    let redis = Redis::start("errors");
    let mut t = redis.session();
    t.set("v", "kept");
    assert_eq!(exec(&mut t, "nonsense 1").errno(), "write");
    assert!(
        t.var("strerror").contains("unknown command"),
        "{}",
        t.var("strerror")
    );
    assert_eq!(t.var("v"), "kept");
    assert_eq!(exec(&mut t, "get k"), Outcome::Done);
    assert_eq!((t.errno(), t.var("strerror")), ("", ""));
    for command in ["", "get \"k", "   "] {
        assert_eq!(exec(&mut t, command).errno(), "arg", "{command:?}");
    }
}

#[test]
fn commands_are_sent_together() {
    let redis = Redis::start("together");
    let mut t = redis.session();
    for command in ["set a 1", "nonsense", "incr a"] {
        assert_eq!(t.run("redis.appendCommand", &[command]), Outcome::Done);
    }
    assert_eq!(t.run("redis.getReply", &["r"]), Outcome::Done);
    assert_eq!(t.var("r"), "OK");
    assert_eq!(t.run("redis.getReply", &["r"]).errno(), "write");
    assert_eq!(t.run("redis.getReply", &["r"]), Outcome::Done);
    assert_eq!(t.var("r"), "2");
    assert_eq!(t.run("redis.getReply", &["r"]).errno(), "read");
}

#[test]
fn a_lost_connection_is_made_again() {
    let redis = Redis::start("lost");
    let mut t = redis.session();
    exec(&mut t, "client id");
    let id = t.var("v").to_owned();
    let mut other = redis.session();
    exec(&mut other, &format!("client kill id {id}"));
    assert_eq!(other.var("v"), "1");
    // The first command may find out, the next one connects.
    let outcome = exec(&mut t, "ping");
    if outcome != Outcome::Done {
        assert_eq!(outcome.errno(), "connection");
        assert_eq!(exec(&mut t, "ping"), Outcome::Done);
    }
    assert_eq!(t.var("v"), "PONG");
    drop(redis);
    let outcome = (0..2).map(|_| exec(&mut t, "ping")).last().unwrap();
    assert_eq!(outcome.errno(), "connection");
}

#[test]
fn sessions_have_connections_of_their_own() {
    let redis = Redis::start("sessions");
    let (mut a, mut b) = (redis.session(), redis.session());
    for command in ["multi", "set k 1"] {
        exec(&mut a, command);
    }
    exec(&mut b, "get k");
    assert_eq!(b.var("v"), "nil");
    exec(&mut a, "exec");
    exec(&mut b, "get k");
    assert_eq!(b.var("v"), "1");
    let count = |t: &mut ModuleTest| {
        exec(t, "client list");
        t.var("v").lines().count()
    };
    assert_eq!(count(&mut b), 2);
    assert_eq!(a.run("redis.disconnect", &[]), Outcome::Done);
    assert_eq!(exec(&mut a, "ping").errno(), "connection");
    assert_eq!(a.run("redis.disconnect", &[]).errno(), "connection");
    a.run("redis.connect", &[&redis.url()]);
    a.end_session();
    // The server notices a little later.
    assert!((0..1_000).any(|_| count(&mut b) == 1));
}

#[test]
fn servers_are_found_in_all_ways() {
    let redis = Redis::start("ways");
    let mut t = redis.session();
    exec(&mut t, "config set requirepass geheim");
    let socket = redis.folder.join("socket");
    let port = redis.port;
    for url in [
        format!("redis://tcp:127.0.0.1;port={port};password=geheim;db=1"),
        format!("redis://unix:{};password=geheim", socket.display()),
        format!("redis://:geheim@127.0.0.1:{port}/2"),
        format!("redis://default:geheim@127.0.0.1:{port}"),
    ] {
        assert_eq!(
            t.run("redis.connect", &[&url]),
            Outcome::Done,
            "{}",
            t.var("strerror")
        );
        assert_eq!(exec(&mut t, "ping"), Outcome::Done);
    }
    let wrong = format!("redis://:falsch@127.0.0.1:{port}");
    assert_eq!(t.run("redis.connect", &[&wrong]).errno(), "connection");
    assert!(!t.var("strerror").contains("falsch"));
    t.set(
        "config.redis_db_url",
        &format!("redis://:geheim@127.0.0.1:{port}"),
    );
    assert_eq!(t.run("redis.connect", &[]), Outcome::Done);
}

#[test]
fn what_is_no_server_is_refused() {
    let mut t = ModuleTest::new(muleteer_module());
    for url in ["redis://udp:host", "redis://tcp:h;colour=red", "h", ""] {
        assert_eq!(t.run("redis.connect", &[url]).errno(), "arg", "{url}");
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let refused = format!("redis://tcp:127.0.0.1;port={port}");
    assert_eq!(t.run("redis.connect", &[&refused]).errno(), "connection");
    assert_eq!(exec(&mut t, "ping").errno(), "connection");
}

/// A server that accepts and answers as it is told.
fn pretender(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || pretend(stream.unwrap(), answer));
        }
    });
    format!("redis://tcp:127.0.0.1;port={port};connect_timeout=300")
}

fn pretend(mut stream: TcpStream, answer: &[u8]) {
    let mut buffer = [0; 4_096];
    while let Ok(1..) = stream.read(&mut buffer) {
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}

#[test]
fn servers_that_are_none_do_not_hold_a_session() {
    let mut t = ModuleTest::new(muleteer_module());
    for answer in [
        &b""[..],
        b"220 smtp\r\n",
        b"$999999999999\r\n",
        b"*-7\r\n\xff\xff",
    ] {
        let outcome = t.run("redis.connect", &[&pretender(answer)]);
        if outcome == Outcome::Done {
            let outcome = exec(&mut t, "ping");
            assert_ne!(outcome, Outcome::Done, "{answer:?}");
        } else {
            assert_eq!(outcome.errno(), "connection", "{answer:?}");
        }
    }
}
