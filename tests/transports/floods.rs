//! Connections that mean harm: others are served meanwhile, what happened is counted, and nothing is left.

use std::num::NonZeroU32;
use std::time::Duration;

use muleteer::sip::message::{StatusCode, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::phone::{Phone, connect};
use super::pki::Pki;
use super::{address, connections, server};
use crate::support::caller::{Caller, PATIENCE};
use crate::support::process::ServerProcess;
use crate::support::server::TestServer;

/// Connections of a flood.
const MANY: usize = 200;

/// Somebody else calls. While a flood is worked off he may be asked to come again.
async fn still_serves(server: &TestServer) {
    for _ in 0..100 {
        let mut caller = Caller::new(server.udp, "echo").await;
        let status = caller.call(40_000).await.status;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            continue;
        }
        assert_eq!(status, StatusCode::OK);
        assert_eq!(caller.bye().await.status, StatusCode::OK);
        return;
    }
    panic!("refused all the time");
}

/// Opens many connections and says `text` on each.
async fn flood(server: &TestServer, transport: Transport, text: &[u8]) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..MANY {
        let (mut stream, _) = connect(address(server, transport)).await;
        // It may be closed already.
        let _ = stream.write_all(text).await;
        streams.push(stream);
    }
    streams
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_say_nothing_lose_their_place() {
    let server = server(&Pki::new(), |config| {
        config.connections.first_message = Duration::from_millis(500);
        config.connections.handshake = Duration::from_millis(500);
    })
    .await;
    let mut silent = Vec::new();
    for transport in [
        Transport::Tcp,
        Transport::Tls,
        Transport::Ws,
        Transport::Wss,
    ] {
        silent.extend(flood(&server, transport, b"").await.drain(..MANY / 4));
        still_serves(&server).await;
    }
    connections(&server, 0).await;
    let closed = &server.server.stats().connections.closed;
    assert!(closed.silent.value() >= MANY as u64 / 4);
    assert!(closed.handshake.value() >= 3 * MANY as u64 / 4);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_messages_lose_their_place_however_slowly_they_go_on() {
    let server = server(&Pki::new(), |config| {
        config.connections.first_message = Duration::from_millis(500);
    })
    .await;
    let half = b"INVITE sip:echo@127.0.0.1 SIP/2.0\r\nVia: SIP";
    let mut streams = flood(&server, Transport::Tcp, half).await;
    still_serves(&server).await;
    // One more byte now and then buys no time.
    let mut last = streams.pop().expect("many");
    let drip = async {
        while last.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, drip).await.expect("it is closed");
    connections(&server, 0).await;
    let closed = &server.server.stats().connections.closed;
    assert_eq!(closed.unfinished.value(), MANY as u64);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn line_ends_buy_no_time_before_the_first_message() {
    let server = server(&Pki::new(), |config| {
        config.connections.first_message = Duration::from_millis(500);
    })
    .await;
    let (mut stream, _) = connect(address(&server, Transport::Tcp)).await;
    let drip = async {
        while stream.write_all(b"\r\n\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, drip).await.expect("it is closed");
    connections(&server, 0).await;
    let closed = &server.server.stats().connections.closed;
    assert_eq!(closed.silent.value(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_message_has_to_be_finished_too() {
    let server = server(&Pki::new(), |config| {
        config.connections.message = Duration::from_millis(300);
    })
    .await;
    let (stream, local) = connect(address(&server, Transport::Ws)).await;
    let browser = Phone::websocket(stream, local, Some("sip"), None).await;
    let mut phones = [Phone::tcp(server.tcp).await, browser.expect("a WebSocket")];
    for phone in &mut phones {
        phone.options().await;
    }
    let [phone, browser] = &mut phones;
    phone.send("OPTIONS sip:echo").await;
    let super::phone::Wire::WebSocket(socket) = &mut browser.wire else {
        unreachable!("it is a WebSocket");
    };
    // The head of a frame of 100 bytes and no more.
    let frame = [0x81, 0x80 | 100, 1, 2, 3, 4, 5];
    socket.get_mut().write_all(&frame).await.expect("written");
    for phone in &mut phones {
        phone.closed().await;
    }
    connections(&server, 0).await;
    let closed = &server.server.stats().connections.closed;
    assert_eq!(closed.unfinished.value(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_costs_its_connection_and_nobody_else() {
    let server = server(&Pki::new(), |_| {}).await;
    let garbage = [b"GET / HTTP/1.0\r\n\r\n".as_slice(), &[0xff; 3000]].concat();
    for transport in [
        Transport::Tcp,
        Transport::Tls,
        Transport::Ws,
        Transport::Wss,
    ] {
        let mut streams = flood(&server, transport, &garbage).await;
        for stream in &mut streams {
            let mut answer = Vec::new();
            // A reset is an end as well.
            let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
                .await
                .expect("closed");
        }
        still_serves(&server).await;
        connections(&server, 0).await;
    }
    let closed = &server.server.stats().connections.closed;
    assert_eq!(closed.malformed.value(), MANY as u64);
    assert_eq!(closed.handshake.value(), 3 * MANY as u64);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_is_closed_before_it_takes_memory() {
    let server = server(&Pki::new(), |config| {
        config.connections.backlog_bytes = 64 << 10;
    })
    .await;
    let mut phone = Phone::tcp(server.tcp).await;
    let long = format!("From: \"{}\" <sip:phone", "x".repeat(8000));
    let writing = async {
        loop {
            let options = phone
                .request("OPTIONS", "")
                .replace("From: <sip:phone", &long);
            let super::phone::Wire::Stream(stream, _) = &mut phone.wire else {
                unreachable!("it is TCP");
            };
            if stream.write_all(options.as_bytes()).await.is_err() {
                return;
            }
        }
    };
    timeout(6 * PATIENCE, writing).await.expect("it is closed");
    connections(&server, 0).await;
    assert_eq!(
        server.server.stats().connections.closed.slow_reader.value(),
        1
    );
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_refuse_one_source_and_all_together() {
    for (total, per_source) in [(100, 5), (5, 100)] {
        let server = server(&Pki::new(), |config| {
            config.connections.total = total;
            config.connections.per_source = per_source;
        })
        .await;
        let mut welcome = Vec::new();
        for _ in 0..5 {
            let mut phone = Phone::tcp(server.tcp).await;
            phone.options().await;
            welcome.push(phone);
        }
        for _ in 0..20 {
            Phone::tcp(server.tcp).await.closed().await;
        }
        let stats = &server.server.stats().connections;
        let refused = (stats.refused.total.value(), stats.refused.source.value());
        assert_eq!(refused, if total == 5 { (20, 0) } else { (0, 20) });
        assert_eq!(stats.open.value(), 5);
        still_serves(&server).await;
        // Whoever leaves makes room.
        welcome.clear();
        connections(&server, 0).await;
        Phone::tcp(server.tcp).await.options().await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_storm_of_connections_descriptors_and_memory_are_what_they_were() {
    let server = ServerProcess::start(&["--set", "connections.per_source=100000"]);
    let pid = server.process.id();
    let descriptors = || {
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count()
    };
    let before = descriptors();
    let storm = async || {
        for turn in 0..3 * MANY {
            let (mut stream, _) = connect(server.address).await;
            match turn % 3 {
                0 => {}
                1 => drop(stream.write_all(b"OPTIONS sip:half").await),
                _ => drop(stream.write_all(&[b'x'; 4000]).await),
            }
        }
        for _ in 0..1000 {
            if descriptors() <= before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} descriptors, {before} before", descriptors());
    };
    storm().await;
    let warm = resident_kib(pid);
    for _ in 0..4 {
        storm().await;
    }
    let grown = resident_kib(pid).saturating_sub(warm);
    assert!(grown < 8 * 1024, "{grown} KiB more");
    server.stop();
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let mut words = line.expect("a line").split_whitespace();
    words.nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_is_kept_out_gets_no_handshake() {
    let server = server(&Pki::new(), |config| {
        config.sip.deny = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    for transport in [Transport::Tcp, Transport::Tls, Transport::Ws] {
        let (stream, local) = connect(address(&server, transport)).await;
        Phone::on(stream, local, "TCP").closed().await;
    }
    assert_eq!(server.server.stats().connections.accepted.value(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_too_many_tls_handshakes_is_closed_and_calls_go_on() {
    let server = server(&Pki::new(), |config| {
        config.connections.handshakes_per_second = NonZeroU32::new(3);
    })
    .await;
    let tls = address(&server, Transport::Tls);
    let mut begun = Vec::new();
    for _ in 0..20 {
        begun.push(TcpStream::connect(tls).await.expect("it listens"));
    }
    // Those that are refused are closed; a phone without TLS is none of them.
    let refused = &server.server.stats().connections.refused.handshakes;
    for _ in 0..1000 {
        if refused.value() >= 10 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(refused.value() >= 10, "{}", refused.value());
    assert!(server.server.stats().connections.accepted.value() <= 10);
    still_serves(&server).await;
    drop(begun);
    server.stop().await;
}
