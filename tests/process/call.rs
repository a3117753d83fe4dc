//! `muleteer call` that does not get through says why.

use std::net::UdpSocket;
use std::time::Duration;

use crate::support::process::{Ended, Folder, Process, ServerProcess, free_port, muleteer};
use crate::support::server::project_root;

fn call(arguments: &[&str]) -> Ended {
    // Longer than the 32 s after which an unanswered INVITE is given up (RFC 3261 §17.1.1.2).
    let patience = Duration::from_secs(60);
    Process::start(muleteer().arg("call").args(arguments)).ended_within(patience)
}

#[test]
fn a_refused_call_shows_the_status() {
    let server = ServerProcess::start(&[]);
    let ended = call(&[&server.uri("nobody")]);
    ended.expect_code(1).expect("refused: 404 Not Found");
    server.stop();
}

#[test]
fn where_nobody_listens_the_call_ends_with_clear_words() {
    let nobody = format!("sip:echo@127.0.0.1:{}", free_port());
    let ended = call(&[&nobody]);
    ended
        .expect_code(1)
        .expect("no response: nobody listens there");
}

#[test]
fn where_nobody_takes_connections_the_call_ends_with_clear_words() {
    let nobody = format!("sip:echo@127.0.0.1:{};transport=tcp", free_port());
    let ended = call(&[&nobody]);
    ended
        .expect_code(1)
        .expect("cannot be reached: nobody takes connections there");
}

#[test]
fn an_encrypted_call_says_so() {
    let server = ServerProcess::start(&[]);
    let prompt = project_root().join("audio/welcome.wav");
    let (uri, prompt) = (server.uri("echo"), prompt.to_str().expect("text"));
    let arguments = [
        &uri,
        "--srtp",
        "--play",
        prompt,
        "--duration",
        "2",
        "--codec",
        "PCMU",
    ];
    let ended = call(&arguments).expect_code(0);
    ended.expect("answered, PCMU, AEAD_AES_256_GCM");
    let log = server.stop().text();
    assert!(log.contains("encryption=\"AEAD_AES_256_GCM\""), "{log}");
    assert!(log.contains("srtp_without_tls"), "{log}");
}

#[test]
fn a_server_without_srtp_refuses_an_encrypted_call() {
    let server = ServerProcess::start(&["--set", "rtp.srtp=off"]);
    let ended = call(&[&server.uri("echo"), "--srtp"]);
    ended.expect_code(1).expect("refused: 488");
    server.stop();
    let server = ServerProcess::start(&["--set", "rtp.srtp=required"]);
    let ended = call(&[&server.uri("echo")]);
    ended.expect_code(1).expect("refused: 488");
    server.stop();
}

#[test]
fn a_wrong_uri_is_answered_with_an_example() {
    for uri in ["bob", "sip:", "tel:+4930123456"] {
        let ended = call(&[uri]);
        assert_ne!(ended.status.code(), Some(0), "{uri}");
        ended.expect(uri).expect("sip:");
    }
}

#[test]
fn a_transport_that_is_not_spoken_is_refused_at_once() {
    for uri in [
        "sip:bob@127.0.0.1;transport=sctp",
        "sip:bob@127.0.0.1;transport=ws",
    ] {
        call(&[uri])
            .expect_code(1)
            .expect("not placed")
            .expect("transport");
    }
}

#[test]
fn a_host_without_address_is_named() {
    let ended = call(&["sip:echo@host.invalid"]);
    ended
        .expect_code(1)
        .expect("no address for host host.invalid");
}

#[test]
fn a_file_that_is_not_there_is_named_before_anyone_is_called() {
    let nobody = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    nobody.set_nonblocking(true).expect("a socket");
    let uri = format!("sip:echo@{}", nobody.local_addr().expect("its address"));
    let ended = call(&[&uri, "--play", "/nowhere/hello.wav"]);
    ended
        .expect_code(1)
        .expect("cannot play /nowhere/hello.wav");
    let ended = call(&[&uri, "--record", "/nowhere/heard.wav"]);
    ended
        .expect_code(2)
        .expect("cannot record to /nowhere/heard.wav");
    assert!(nobody.recv_from(&mut [0; 2000]).is_err());
}

#[test]
fn a_file_that_is_no_sound_is_named() {
    let folder = Folder::new(&[("notes.wav", "not a sound")]);
    let path = folder.file("notes.wav");
    let server = ServerProcess::start(&[]);
    let (uri, path) = (server.uri("echo"), path.to_str().expect("text"));
    let ended = call(&[&uri, "--play", path, "--duration", "1"]);
    ended.expect("cannot play").expect("notes.wav");
    server.stop();
}
