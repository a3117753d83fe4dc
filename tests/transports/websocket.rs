//! Browsers as phones (RFC 7118).

use futures_util::{SinkExt, StreamExt};
use muleteer::sip::message::{Method, Transport};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message as WsMessage};

use super::phone::{Phone, Wire, connect, connect_tls};
use super::pki::Pki;
use super::{address, connections, server};
use crate::support::caller::PATIENCE;
use crate::support::server::TestServer;

async fn browser(server: &TestServer) -> Phone {
    let (stream, local) = connect(address(server, Transport::Ws)).await;
    let phone = Phone::websocket(stream, local, Some("sip"), None).await;
    phone.expect("a WebSocket")
}

/// Calls, and lets the server hang up.
async fn is_called_back(server: TestServer, mut phone: Phone) {
    let answer = phone.call().await;
    let contact = answer.headers.contacts().unwrap().remove(0).uri.to_string();
    assert!(contact.ends_with(";transport=ws"), "{contact}");
    let stopped = tokio::spawn(server.stop());
    let bye = phone.server_request().await;
    assert_eq!(bye.method, Method::Bye);
    let via = bye.headers.via().unwrap();
    assert_eq!(via.transport, phone.transport);
    phone.confirm(&bye).await;
    assert_eq!(stopped.await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc7118_a_call_over_a_websocket_is_hung_up_over_it() {
    let server = server(&Pki::new(), |_| {}).await;
    let phone = browser(&server).await;
    is_called_back(server, phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc7118_a_call_over_a_secure_websocket_is_hung_up_over_it() {
    let pki = Pki::new();
    let server = server(&pki, |_| {}).await;
    let wss = address(&server, Transport::Wss);
    let (stream, local) = connect_tls(wss, pki.client(None)).await.expect("TLS");
    let phone = Phone::websocket(stream, local, Some("chat, sip"), None).await;
    let mut phone = phone.expect("a WebSocket");
    phone.transport = "WSS";
    is_called_back(server, phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc7118_4_1_without_the_sub_protocol_sip_the_handshake_gets_400() {
    let server = server(&Pki::new(), |_| {}).await;
    for protocol in [None, Some("chat"), Some("sipx")] {
        let (stream, local) = connect(address(&server, Transport::Ws)).await;
        match Phone::websocket(stream, local, protocol, None).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 400),
            other => panic!("{:?}", other.err()),
        }
    }
    connections(&server, 0).await;
    let closed = &server.server.stats().connections.closed;
    assert_eq!(closed.handshake.value(), 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_origins_get_403() {
    let server = server(&Pki::new(), |config| {
        config.websocket.origins = vec!["https://phone.example.com".to_owned()];
    })
    .await;
    let cases = [
        (None, false),
        (Some("https://evil.example.com"), false),
        (Some("https://phone.example.com"), true),
    ];
    for (origin, is_welcome) in cases {
        let (stream, local) = connect(address(&server, Transport::Ws)).await;
        match Phone::websocket(stream, local, Some("sip"), origin).await {
            Ok(mut phone) => {
                assert!(is_welcome);
                phone.options().await;
            }
            Err(Error::Http(response)) => {
                assert!(!is_welcome);
                assert_eq!(response.status(), 403);
            }
            Err(other) => panic!("{other}"),
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_frames_and_both_kinds_of_pings_are_understood() {
    let server = server(&Pki::new(), |_| {}).await;
    let mut phone = browser(&server).await;
    let options = phone.request("OPTIONS", "");
    let Wire::WebSocket(socket) = &mut phone.wire else {
        unreachable!("it is a WebSocket");
    };
    let mut heard = async |sent: WsMessage| {
        socket.send(sent).await.expect("sent");
        let heard = timeout(PATIENCE, socket.next()).await.expect("in time");
        heard.expect("open").expect("a frame")
    };
    let answer = heard(WsMessage::binary(options.into_bytes())).await;
    assert!(answer.to_text().unwrap().starts_with("SIP/2.0 200 OK"));
    assert_eq!(
        heard(WsMessage::text("\r\n\r\n")).await.to_text().unwrap(),
        "\r\n"
    );
    let pong = heard(WsMessage::Ping("here?".into())).await;
    assert_eq!(pong, WsMessage::Pong("here?".into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_is_too_long_costs_its_connection() {
    let server = server(&Pki::new(), |_| {}).await;
    let mut phone = browser(&server).await;
    let Wire::WebSocket(socket) = &mut phone.wire else {
        unreachable!("it is a WebSocket");
    };
    // The server may close before it has read everything.
    let _ = socket.send(WsMessage::text("x".repeat(70_000))).await;
    connections(&server, 0).await;
    let closed = &server.server.stats().connections.closed;
    assert_eq!(closed.malformed.value(), 1);
    server.stop().await;
}
