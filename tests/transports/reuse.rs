//! Which connection a message goes by (RFC 3261 §18, RFC 5626 §4, RFC 5923).

use muleteer::config::ClientCertificates;
use muleteer::sip::message::{Method, StatusCode, Transport};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::phone::Phone;
use super::pki::Pki;
use super::{address, server};
use crate::support::caller::PATIENCE;
use crate::support::server::TestServer;

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}

/// Ends the server; its BYE has to come by the connection of `phone`.
async fn hangs_up_by(server: TestServer, mut phone: Phone) {
    let stopped = tokio::spawn(server.stop());
    let bye = phone.server_request().await;
    assert_eq!(bye.method, Method::Bye);
    phone.confirm(&bye).await;
    assert_eq!(stopped.await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc3261_18_1_1_a_connection_to_the_very_address_is_used() {
    let server = server(&Pki::new(), |_| {}).await;
    for transport in [Transport::Tcp, Transport::Tls] {
        assert_ne!(address(&server, transport).port(), 0);
    }
    let mut phone = Phone::tcp(server.tcp).await;
    phone.call().await;
    hangs_up_by(server, phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_connects_anew_is_reached_by_its_new_connection() {
    let server = server(&Pki::new(), |_| {}).await;
    let mut phone = Phone::tcp(server.tcp).await;
    phone.contact = "sip:phone@127.0.0.1:9;transport=tcp;ob".to_owned();
    phone.call().await;
    let fresh = Phone::tcp(server.tcp).await;
    (phone.wire, phone.local, phone.sent_by) = (fresh.wire, fresh.local, fresh.sent_by);
    let info = phone.request("INFO", "");
    phone.send(info).await;
    phone.final_response().await;
    hangs_up_by(server, phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc3261_18_2_2_a_response_whose_connection_is_gone_goes_to_sent_by() {
    let server = server(&Pki::new(), |_| {}).await;
    let (listener, port) = listener().await;
    let mut phone = Phone::tcp(server.tcp).await;
    phone.sent_by = format!("127.0.0.1:{port}");
    let answer = phone.invite().await;
    // It is not acknowledged, so it is sent again: elsewhere, now that this connection is gone.
    phone.wire = Phone::tcp(server.tcp).await.wire;
    let (stream, _) = timeout(PATIENCE, listener.accept())
        .await
        .expect("in time")
        .unwrap();
    phone.wire = Phone::on(stream, phone.local, "TCP").wire;
    let again = phone.final_response().await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(
        again.headers.call_id().unwrap(),
        answer.headers.call_id().unwrap()
    );
    let ack = phone.request("ACK", "");
    phone.send(ack).await;
    phone.bye().await;
    server.stop().await;
}

/// A proxy that asks for requests to come back by its connection, and the port that it names.
async fn proxy(
    server: &TestServer,
    pki: &Pki,
    certificate: Option<&str>,
    sent_by: &str,
    via_params: &str,
) -> (Phone, TcpListener) {
    let (listener, port) = listener().await;
    let tls = address(server, Transport::Tls);
    let mut phone = Phone::tls(tls, pki.client(certificate)).await;
    phone.sent_by = format!("{sent_by}:{port}");
    phone.via_params = via_params.to_owned();
    phone.contact = format!("sip:phone@127.0.0.1:{port};transport=tls");
    phone.call().await;
    (phone, listener)
}

fn pki() -> Pki {
    let pki = Pki::new();
    pki.issue("proxy", &["sip:proxy.example.com"]);
    pki
}

async fn asking_server(pki: &Pki) -> TestServer {
    let optional = ClientCertificates::Optional;
    server(pki, |config| config.tls.client_certificates = optional).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc5923_8_2_an_alias_of_a_proven_name_brings_requests_back_by_its_connection() {
    let pki = pki();
    let server = asking_server(&pki).await;
    let (phone, _listener) =
        proxy(&server, &pki, Some("proxy"), "proxy.example.com", ";alias").await;
    hangs_up_by(server, phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc5923_9_an_alias_without_proof_or_wish_opens_a_connection() {
    let cases = [
        (Some("proxy"), "proxy.example.com", ""),
        (Some("proxy"), "other.example.com", ";alias"),
        (None, "proxy.example.com", ";alias"),
    ];
    for (certificate, sent_by, params) in cases {
        let pki = pki();
        let server = asking_server(&pki).await;
        let (_phone, listener) = proxy(&server, &pki, certificate, sent_by, params).await;
        let stopped = tokio::spawn(server.stop());
        let opened = timeout(PATIENCE, listener.accept()).await.expect("in time");
        drop(opened);
        stopped.await.unwrap();
    }
}
