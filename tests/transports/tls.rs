//! Calls over TLS, and who is believed (RFC 3261 §26.3, RFC 5922).

use muleteer::config::ClientCertificates;
use muleteer::sip::message::{Method, Transport};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

use super::phone::{Phone, connect_tls};
use super::pki::{Pki, provider};
use super::{address, configuration, connections, server};
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_over_tls_is_answered_and_hung_up() {
    let pki = Pki::new();
    let server = server(&pki, |_| {}).await;
    let tls = address(&server, Transport::Tls);
    let mut phone = Phone::tls(tls, pki.client(None)).await;
    let answer = phone.call().await;
    let contact = answer.headers.contacts().unwrap().remove(0).uri.to_string();
    assert_eq!(contact, format!("sip:{tls};transport=tls"));
    phone.bye().await;
    server.idle().await;
    assert_eq!(server.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_versions_of_tls_are_spoken() {
    let pki = Pki::new();
    let server = server(&pki, |_| {}).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = RootCertStore::empty();
        roots.add(pki.certificate("ca")).unwrap();
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut phone = Phone::tls(address(&server, Transport::Tls), Arc::new(config)).await;
        phone.options().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc3261_8_1_1_8_who_calls_by_sips_gets_a_sips_contact() {
    let pki = Pki::new();
    let server = server(&pki, |config| {
        config.tls.name = muleteer::config::Setting::parse("localhost");
    })
    .await;
    let tls = address(&server, Transport::Tls);
    let mut phone = Phone::tls(tls, pki.client(None)).await;
    let invite = phone.request("INVITE", "");
    phone
        .send(invite.replace("INVITE sip:", "INVITE sips:"))
        .await;
    let answer = phone.final_response().await;
    let contact = answer.headers.contacts().unwrap().remove(0).uri.to_string();
    assert_eq!(contact, format!("sips:localhost:{}", tls.port()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_replaced_without_a_restart() {
    let pki = Pki::new();
    let config = configuration(&pki, |_| {});
    let server = TestServer::with(config.clone()).await;
    let tls = address(&server, Transport::Tls);
    let shown = async || {
        let (stream, _) = connect_tls(tls, pki.client(None)).await.expect("believed");
        let certificates = stream.get_ref().1.peer_certificates();
        certificates.expect("shown")[0].clone()
    };
    let first = pki.certificate("server");
    assert_eq!(shown().await, first);
    let mut phone = Phone::tls(tls, pki.client(None)).await;

    pki.folder.write("server.pem", "no certificate");
    let error = server.server.reload(&config).await.expect_err("refused");
    assert!(error.to_string().contains("server.pem"), "{error}");
    assert_eq!(shown().await, first);

    pki.issue("server", &["localhost"]);
    server.server.reload(&config).await.expect("reloaded");
    assert_eq!(shown().await, pki.certificate("server"));
    assert_ne!(shown().await, first);
    phone.options().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn required_client_certificates_let_nobody_else_in() {
    let pki = Pki::new();
    pki.issue("client", &["client.example.com"]);
    let strangers = Pki::new();
    let required = ClientCertificates::Required;
    let server = server(&pki, |config| config.tls.client_certificates = required).await;
    let tls = address(&server, Transport::Tls);
    let mut phone = Phone::tls(tls, pki.client(Some("client"))).await;
    phone.options().await;
    // With TLS 1.3 a client hears of its refusal only after its own part of the handshake.
    for unknown in [pki.client(None), with_key_of(&pki, &strangers)] {
        if let Ok((stream, local)) = connect_tls(tls, unknown).await {
            Phone::on(stream, local, "TLS").closed().await;
        }
    }
    connections(&server, 1).await;
    let closed = &server.server.stats().connections.closed;
    assert_eq!(closed.handshake.value(), 2);
    server.stop().await;
}

/// A client that believes the authority of `pki` and has a certificate of another.
fn with_key_of(pki: &Pki, other: &Pki) -> Arc<ClientConfig> {
    let mut config = (*pki.client(None)).clone();
    config.client_auth_cert_resolver = other
        .client(Some("server"))
        .client_auth_cert_resolver
        .clone();
    Arc::new(config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn optional_client_certificates_may_be_missing() {
    let pki = Pki::new();
    let optional = ClientCertificates::Optional;
    let server = server(&pki, |config| config.tls.client_certificates = optional).await;
    let tls = address(&server, Transport::Tls);
    for own in [None, Some("server")] {
        Phone::tls(tls, pki.client(own)).await.options().await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc5626_a_phone_that_asks_for_it_gets_our_requests_over_its_connection() {
    let pki = Pki::new();
    let server = server(&pki, |_| {}).await;
    let tls = address(&server, Transport::Tls);
    let mut phone = Phone::tls(tls, pki.client(None)).await;
    // Nobody listens there.
    phone.contact = "sip:phone@127.0.0.1:9;transport=tls;ob".to_owned();
    phone.call().await;
    let stopped = tokio::spawn(server.stop());
    let bye = phone.server_request().await;
    assert_eq!(bye.method, Method::Bye);
    phone.confirm(&bye).await;
    assert_eq!(stopped.await.unwrap(), 0);
}
