//! What asks a WebSocket port for something else (RFC 6455 §4.2.2, §4.4, RFC 7231 §6.5.15).

use muleteer::sip::message::Transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::phone::{Duplex, Phone, connect, connect_tls};
use super::pki::Pki;
use super::{address, connections, server};
use crate::support::caller::PATIENCE;

/// A handshake that is taken, but for a line that says how it is not.
const GOOD: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                    Sec-WebSocket-Protocol: sip\r\n\r\n";

/// The handshake with this instead of that, which is in it.
fn with(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    GOOD.replacen(old, new, 1)
}

/// The whole of what comes back until the server closes.
async fn ask(mut stream: impl Duplex, text: &[u8]) -> String {
    stream.write_all(text).await.expect("sent");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("it is closed").expect("and not reset");
    String::from_utf8(answer).expect("text")
}

/// The status of a whole answer that says that nothing follows it, and how long its body is.
fn status(answer: &str) -> u16 {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    let lines: Vec<_> = head.split("\r\n").collect();
    let has = |line: &str| lines.contains(&line);
    assert!(has(&format!("content-length: {}", body.len())), "{answer}");
    let closes = has("connection: close") || has("connection: close, upgrade");
    assert!(closes && !body.is_empty(), "{answer}");
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    status.expect("a status line").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc6455_4_2_2_what_is_no_opening_handshake_gets_400() {
    let server = server(&Pki::new(), |_| {}).await;
    let long = format!("X-Long: {}\r\nHost", "x".repeat(70_000));
    let many = format!("{}Host", "X-Many: y\r\n".repeat(200));
    let cases = [
        with("GET", "POST"),
        with("HTTP/1.1", "HTTP/1.0"),
        with("Sec-WebSocket-Key", "X-Key"),
        with("dGhlIHNhbXBsZSBub25jZQ==", "short"),
        with(
            "Sec-WebSocket-Protocol: sip",
            "Sec-WebSocket-Protocol: chat",
        ),
        with("Host", &long),
        with("Host", &many),
        with("Host", "No colon\r\nHost"),
        format!("{GOOD}more than a handshake"),
        "OPTIONS sip:echo@localhost SIP/2.0\r\nVia: SIP/2.0/TCP localhost\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{0}nobody but TLS begins like that".to_owned(),
    ];
    for text in &cases {
        let (stream, _) = connect(address(&server, Transport::Ws)).await;
        let answer = ask(stream, text.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{text:.80}: {answer}");
    }
    connections(&server, 0).await;
    let closed = &server.server.stats().connections.closed;
    assert_eq!(closed.handshake.value() as usize, cases.len());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc6455_4_4_another_version_and_no_websocket_at_all_get_426_with_what_is_spoken() {
    let pki = Pki::new();
    let server = server(&pki, |_| {}).await;
    let cases = [
        with("Version: 13", "Version: 8"),
        with("Sec-WebSocket-Version: 13\r\n", ""),
        with("Upgrade: websocket\r\n", ""),
        with("Upgrade: websocket", "Upgrade: h2c"),
        with("keep-alive, Upgrade", "keep-alive"),
        // A browser that somebody pointed here.
        "GET /index.html HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n".to_owned(),
    ];
    for text in &cases {
        let (stream, _) = connect(address(&server, Transport::Ws)).await;
        let plain = ask(stream, text.as_bytes()).await;
        let wss = address(&server, Transport::Wss);
        let (stream, _) = connect_tls(wss, pki.client(None)).await.expect("TLS");
        let secure = ask(stream, text.as_bytes()).await;
        for answer in [plain, secure] {
            assert_eq!(status(&answer), 426, "{text}: {answer}");
            for line in [
                "connection: close, upgrade\r\n",
                "upgrade: websocket\r\n",
                "sec-websocket-version: 13\r\n",
            ] {
                assert!(answer.contains(line), "{answer}");
            }
        }
    }
    connections(&server, 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_and_does_not_close_is_closed() {
    let server = server(&Pki::new(), |_| {}).await;
    let ws = address(&server, Transport::Ws);
    let mut refused = Vec::new();
    for _ in 0..20 {
        let (mut stream, _) = connect(ws).await;
        let text = with("GET", "PUT");
        stream.write_all(text.as_bytes()).await.expect("sent");
        refused.push(stream);
    }
    // They are all there yet, and hold nothing of the server's.
    connections(&server, 0).await;
    let (stream, local) = connect(ws).await;
    let phone = Phone::websocket(stream, local, Some("sip"), None).await;
    phone.expect("a WebSocket").options().await;
    let closed = &server.server.stats().connections.closed;
    assert_eq!(closed.handshake.value() as usize, refused.len());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_ends_in_the_middle_gets_no_answer() {
    let server = server(&Pki::new(), |_| {}).await;
    for text in ["", "GET / HTTP/1.1\r\nHost: local"] {
        let (mut stream, _) = connect(address(&server, Transport::Ws)).await;
        stream.write_all(text.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("shut down");
        assert_eq!(ask(stream, b"").await, "");
    }
    connections(&server, 0).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_whose_end_comes_byte_by_byte_is_taken() {
    let server = server(&Pki::new(), |_| {}).await;
    let (mut stream, _) = connect(address(&server, Transport::Ws)).await;
    // One that is whole beforehand but for its end.
    let (head, end) = GOOD.split_at(GOOD.len() - 4);
    stream.write_all(head.as_bytes()).await.expect("sent");
    for byte in end.as_bytes() {
        stream.write_all(&[*byte]).await.expect("sent");
    }
    let mut answer = vec![0; 12];
    let read = timeout(PATIENCE, stream.read_exact(&mut answer)).await;
    read.expect("in time").expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 101");
    server.stop().await;
}
