//! `muleteer call` over TLS and TCP, and a server that cannot speak TLS.

use std::net::SocketAddr;
use std::path::Path;

use muleteer::sip::message::Transport;

use super::pki::Pki;
use super::{address, server};
use crate::support::process::{Ended, Process, free_port, muleteer, serve};

async fn call(uri: String, arguments: &[&str]) -> Ended {
    let mut command = muleteer();
    command.args(["call", &uri, "--duration", "0.2", "--local", "127.0.0.1"]);
    command.args(arguments);
    let ended = tokio::task::spawn_blocking(move || Process::start(&mut command).ended());
    ended.await.expect("no panic")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sips_and_tls_are_called_with_the_authority_of_the_server() {
    let pki = Pki::new();
    let server = server(&pki, |_| {}).await;
    let tls = address(&server, Transport::Tls);
    let ca = pki.file("ca.pem");
    for uri in [
        format!("sips:echo@{tls}"),
        format!("sip:echo@{tls};transport=tls"),
        format!("sips:echo@localhost:{}", tls.port()),
    ] {
        let ended = call(uri, &["--ca", text(&ca)]).await;
        ended.expect_code(0).expect("answered").expect("hung up");
    }
    let uri = format!("sip:echo@{};transport=tcp", server.tcp);
    call(uri, &[]).await.expect_code(0).expect("answered");
    server.idle().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_without_tls_listener_is_hung_up_on() {
    let pki = Pki::new();
    let server = server(&pki, |_| {}).await;
    let uri = format!("sips:echo@{}", address(&server, Transport::Tls));
    let mut command = muleteer();
    command.args(["call", &uri, "--insecure"]);
    let mut phone = Process::start(&mut command);
    let ended = tokio::task::spawn_blocking(move || {
        phone.line("answered");
        phone
    });
    let phone = ended.await.expect("answered");
    assert_eq!(server.stop().await, 0);
    phone
        .ended()
        .expect_code(0)
        .expect("the other side hung up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc5922_7_3_a_server_that_is_not_believed_is_not_called() {
    let pki = Pki::new();
    pki.issue("server", &["sip:example.com", "localhost"]);
    let server = server(&pki, |_| {}).await;
    let port = address(&server, Transport::Tls).port();
    let localhost = || format!("sips:echo@localhost:{port}");
    let ca = pki.file("ca.pem");
    let wrong_domain = call(localhost(), &["--ca", text(&ca)]).await;
    wrong_domain
        .expect_code(1)
        .expect("the certificate is not for localhost but for example.com")
        .expect("--insecure");
    let unknown_authority = call(localhost(), &[]).await;
    unknown_authority
        .expect_code(1)
        .expect("no authority that is trusted has issued its certificate");
    call(localhost(), &["--insecure"])
        .await
        .expect_code(0)
        .expect("answered");
    server.stop().await;
}

#[test]
fn a_server_that_cannot_speak_tls_says_what_to_do() {
    let pki = Pki::new();
    let other = Pki::new();
    let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    let set = |key: &str, path: &Path| format!("tls.{key}={:?}", text(path));
    let start = |settings: &[String]| {
        let mut command = serve(&address.to_string());
        command.args(["--set", "sip.listen=\"tls:127.0.0.1:0\""]);
        for setting in settings {
            command.args(["--set", setting]);
        }
        Process::start(&mut command).ended()
    };
    let certificate = set("certificate", &pki.file("server.pem"));
    start(&[])
        .expect_code(1)
        .expect("[tls] certificate and key");
    start(&[certificate.clone(), set("key", &pki.file("none.key"))])
        .expect_code(2)
        .expect("none.key: No such file");
    start(&[certificate, set("key", &other.file("server.key"))])
        .expect_code(1)
        .expect("this key is not the one of the certificate");
}
