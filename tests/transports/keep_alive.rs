//! Pings in both directions, and connections that nobody needs (RFC 5626 §3.5.1, §4.4.1).

use std::sync::Arc;
use std::time::Duration;

use muleteer::codec::{CodecId, Codecs};
use muleteer::config::Config;
use muleteer::ids::Ids;
use muleteer::server::{PhoneLine, Server};
use muleteer::session::application::phone::{PhoneScript, Reports};
use muleteer::session::begin::Dial;
use muleteer::session::{Application, SessionId};
use muleteer::sip::message::{Transport, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::phone::{Duplex, Phone, connect, connect_tls};
use super::pki::Pki;
use super::{address, connections, server};
use crate::support::caller::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc5626_3_5_1_a_double_crlf_is_answered_with_a_single_one() {
    let pki = Pki::new();
    let server = server(&pki, |_| {}).await;
    let (tcp, _) = connect(server.tcp).await;
    let tls = address(&server, Transport::Tls);
    let (tls, _) = connect_tls(tls, pki.client(None)).await.expect("TLS");
    let wires: [Box<dyn Duplex>; 2] = [Box::new(tcp), Box::new(tls)];
    for mut wire in wires {
        for _ in 0..3 {
            wire.write_all(b"\r\n\r\n").await.expect("written");
            let mut pong = [0; 2];
            let read = timeout(PATIENCE, wire.read_exact(&mut pong)).await;
            read.expect("in time").expect("a pong");
            assert_eq!(&pong, b"\r\n");
        }
    }
    server.stop().await;
}

/// A phone of ours that calls `uri`.
async fn calling(uri: &str, config: &Config) -> Server {
    let line = PhoneLine {
        local: vec!["127.0.0.1:0".parse().unwrap()],
        codecs: Codecs::new([CodecId::PCMU]),
    };
    let mut ids = Ids::from_seed([3; 32]);
    let server = Server::start_phone(config, line, &mut ids).expect("a phone");
    let script = PhoneScript {
        play: None,
        record: None,
        keys: Vec::new(),
        duration: Duration::from_secs(60),
        reports: Reports(Box::new(|_| {})),
    };
    let id = SessionId(ids.tag().into());
    let uri = Uri::parse(uri).expect("a URI");
    let application = Application::Phone(Arc::new(script));
    let dial = Dial::new(id, ids.call_id(), uri, application);
    server.dial(dial).await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc5626_4_4_1_our_pings_find_out_that_a_peer_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("sip:bob@{};transport=tcp", listener.local_addr().unwrap());
    let mut config = Config::default();
    config.connections.keep_alive = Some(Duration::from_secs(1));
    let phone = calling(&uri, &config).await;
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut chunk = [0; 4096];
    let mut heard = async |stream: &mut tokio::net::TcpStream| {
        let count = timeout(PATIENCE, stream.read(&mut chunk)).await;
        let count = count.expect("in time").unwrap_or(0);
        chunk[..count].to_vec()
    };
    assert!(heard(&mut stream).await.starts_with(b"INVITE "));
    for _ in 0..2 {
        assert_eq!(heard(&mut stream).await, b"\r\n\r\n");
        stream.write_all(b"\r\n").await.expect("written");
    }
    // From now on there is no answer.
    assert_eq!(heard(&mut stream).await, b"\r\n\r\n");
    assert_eq!(heard(&mut stream).await, b"");
    assert_eq!(phone.stats().connections.closed.no_pong.value(), 1);
    let drained = phone.drain(Duration::ZERO, std::future::pending()).await;
    assert!(drained.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_is_closed_unless_a_call_uses_it() {
    let server = server(&Pki::new(), |config| {
        config.connections.idle = Duration::from_millis(500);
    })
    .await;
    let mut talking = Phone::tcp(server.tcp).await;
    talking.call().await;
    // This one is silent for as long, and later.
    let mut silent = Phone::tcp(server.tcp).await;
    silent.options().await;
    silent.closed().await;
    connections(&server, 1).await;
    talking.bye().await;
    talking.closed().await;
    assert_eq!(server.server.stats().connections.closed.idle.value(), 2);
    server.stop().await;
}
