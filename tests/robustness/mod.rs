//! Whatever comes from the network, the server answers as the RFC says or drops it, and goes on
//! serving.

mod effort;
mod mutants;

use std::time::Duration;

use muleteer::sip::message::{HeaderName, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::caller::{Caller, PATIENCE};
use crate::support::server::{TestServer, config};

/// Proves that the server still answers calls and that nothing is left afterwards.
async fn still_serves(server: TestServer) {
    let mut caller = Caller::new(server.udp, "echo").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.idle().await;
    assert_eq!(server.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_datagrams_are_dropped() {
    let server = TestServer::start().await;
    let caller = Caller::new(server.udp, "echo").await;
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    for length in 0..600usize {
        let noise: Vec<u8> = (0..length)
            .map(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                seed as u8
            })
            .collect();
        caller.send(&noise).await;
    }
    still_serves(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_cut_at_any_byte_does_no_harm() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    let offer = caller.offer(40_000);
    let invite = caller.request("INVITE", &offer);
    for end in 0..invite.len() - offer.len() {
        caller.send(&invite[..end]).await;
    }
    drop(caller);
    still_serves_after_strays(server).await;
}

/// Like [`still_serves`], where some of the strays may have been complete enough to begin a call.
async fn still_serves_after_strays(server: TestServer) {
    let mut caller = Caller::new(server.udp, "echo").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_flood_gets_400_or_nothing() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    caller.extra = "X-Flood: 1\r\n".repeat(3000);
    let invite = caller.request("INVITE", "");
    caller.send(invite).await;
    assert_eq!(
        caller.final_response().await.status,
        StatusCode::BAD_REQUEST
    );
    still_serves(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_datagram_does_no_harm() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    caller.extra = format!("X-Long: {}\r\n", "a".repeat(64_000));
    let invite = caller.request("INVITE", "");
    caller.send(invite).await;
    let status = caller.final_response().await.status;
    // The message is legal; without an offer the server makes one.
    assert!(
        status == StatusCode::OK || status == StatusCode::BAD_REQUEST,
        "{status:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tcp_stream_with_a_content_length_lie_is_closed_or_refused() {
    let server = TestServer::start().await;
    for lie in ["-1", "99999999999999999999", "70000", "x"] {
        let mut stream = TcpStream::connect(server.tcp).await.expect("connected");
        let request = format!(
            "OPTIONS sip:echo@{0} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKlie\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:echo@{0}>\r\n\
             Call-ID: lie\r\nCSeq: 1 OPTIONS\r\nContent-Length: {lie}\r\n\r\n",
            server.tcp
        );
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        let mut chunk = [0; 2048];
        loop {
            let count = timeout(PATIENCE, stream.read(&mut chunk))
                .await
                .expect("in time");
            match count {
                Ok(0) | Err(_) => break,
                Ok(count) => answer.extend_from_slice(&chunk[..count]),
            }
        }
        let text = String::from_utf8_lossy(&answer);
        assert!(
            text.is_empty() || text.starts_with("SIP/2.0 400"),
            "{lie}: {text}"
        );
    }
    still_serves(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_message_and_silence_hold_up_nobody() {
    let server = TestServer::start().await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server.tcp).await.expect("connected");
        stream
            .write_all(b"INVITE sip:echo@127.0.0.1 SIP/2.0\r\nVia: SIP")
            .await
            .expect("written");
        silent.push(stream);
    }
    still_serves(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn descriptions_without_usable_audio_get_488() {
    let server = TestServer::start().await;
    let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
    for media in [
        "m=video 4000 RTP/AVP 34\r\n",
        "m=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n",
        "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000\r\n",
        "m=audio 0 RTP/AVP 0\r\n",
        "m=audio 4000 RTP/SAVP 0\r\n",
        "",
    ] {
        let mut caller = Caller::new(server.udp, "echo").await;
        let invite = caller.request("INVITE", &format!("{head}{media}"));
        caller.send(invite).await;
        let status = caller.final_response().await.status;
        assert_eq!(status, StatusCode::NOT_ACCEPTABLE_HERE, "{media}");
        let ack = caller.request("ACK", "");
        caller.send(ack).await;
    }
    still_serves(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_content_gets_415_and_a_description_among_others_is_found() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    let offer = caller.offer(40_000);
    let other = caller
        .request("INVITE", &offer)
        .replace("application/sdp", "text/plain");
    caller.send(other).await;
    let refused = caller.final_response().await;
    assert_eq!(refused.status.code(), 415);
    assert_eq!(
        refused.headers.text(&HeaderName::Accept).as_deref(),
        Some("application/sdp")
    );
    let ack = caller.request_on_branch("ACK", "", 1);
    caller.send(ack).await;

    let mut caller = Caller::new(server.udp, "echo").await;
    let mixed = format!(
        "--sep\r\nContent-Type: application/isup\r\n\r\n\u{1}\r\n--sep\r\n\
         Content-Type: application/sdp\r\n\r\n{offer}\r\n--sep--\r\n"
    );
    let invite = caller.request("INVITE", &mixed);
    let invite = invite.replace(
        "application/sdp\r\nContent-L",
        "multipart/mixed;boundary=sep\r\nContent-L",
    );
    caller.send(invite).await;
    let answer = caller.final_response().await;
    assert_eq!(answer.status, StatusCode::OK);
    caller.to_tag = answer.headers.to().expect("To").tag().map(str::to_owned);
    let ack = caller.request("ACK", "");
    caller.send(ack).await;
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    still_serves(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_description_gets_400() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    let invite = caller.request("INVITE", "this is no session description\r\n");
    caller.send(invite).await;
    assert_eq!(
        caller.final_response().await.status,
        StatusCode::BAD_REQUEST
    );
    still_serves(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_methods_required_extensions_and_hops_are_refused_by_the_rfc() {
    let server = TestServer::start().await;
    let options = |extra: &str, method: &str| (extra.to_owned(), method.to_owned());
    for ((extra, method), status) in [
        (options("", "FROB"), 501),
        (options("", "SUBSCRIBE"), 489),
        (options("Require: nothing-we-know\r\n", "INVITE"), 420),
        (options("", "BYE"), 481),
    ] {
        let mut caller = Caller::new(server.udp, "echo").await;
        caller.extra = extra;
        let request = caller.request(&method, "");
        caller.send(request).await;
        let response = caller.final_response().await;
        assert_eq!(response.status.code(), status, "{method}");
    }
    let mut caller = Caller::new(server.udp, "echo").await;
    let request = caller
        .request("INVITE", "")
        .replace("Max-Forwards: 70", "Max-Forwards: 0");
    caller.send(request).await;
    assert_eq!(caller.final_response().await.status.code(), 483);
    let mut caller = Caller::new(server.udp, "echo").await;
    let request = caller
        .request("OPTIONS", "")
        .replacen("SIP/2.0\r\n", "SIP/3.0\r\n", 1);
    caller.send(request).await;
    assert_eq!(caller.final_response().await.status.code(), 505);
    still_serves(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_user_gets_404() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "nobody-here").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::NOT_FOUND);
    still_serves(server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_session_limit_a_call_gets_503_with_retry_after() {
    let mut config = config();
    config.limits.sessions = std::num::NonZeroU32::new(1);
    let server = TestServer::with(config).await;
    let mut first = Caller::new(server.udp, "echo").await;
    assert_eq!(first.call(40_000).await.status, StatusCode::OK);
    let mut second = Caller::new(server.udp, "echo").await;
    let refused = second.call(40_002).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    let retry = refused
        .headers
        .iter()
        .any(|header| header.0.as_str() == "Retry-After");
    assert!(retry, "a refused caller is told when to come back");
    assert_eq!(first.bye().await.status, StatusCode::OK);
    server.idle().await;
    let mut third = Caller::new(server.udp, "echo").await;
    assert_eq!(third.call(40_004).await.status, StatusCode::OK);
    assert_eq!(third.bye().await.status, StatusCode::OK);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_never_acknowledges_gets_a_bye() {
    let mut config = config();
    config.sip.t1 = Duration::from_millis(10);
    config.sip.t2 = Duration::from_millis(40);
    let server = TestServer::with(config).await;
    let mut caller = Caller::new(server.udp, "echo").await;
    let offer = caller.offer(40_000);
    let invite = caller.request("INVITE", &offer);
    caller.send(invite).await;
    assert_eq!(caller.final_response().await.status, StatusCode::OK);
    let bye = caller.server_request().await;
    assert_eq!(bye.method.as_str(), "BYE");
    caller.confirm(&bye).await;
    server.idle().await;
    server.stop().await;
}
