//! A call is answered, held, ended, cancelled; nothing is left of it.

use muleteer::config::PortRange;
use muleteer::sip::message::{HeaderName, StatusCode};

use crate::support::caller::Caller;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_answered_with_a_description_that_mirrors_the_offer() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    let response = caller.call(40_000).await;
    assert_eq!(response.status, StatusCode::OK);
    let body = String::from_utf8(response.body.to_vec()).expect("text");
    assert!(body.contains(" RTP/AVP 0 101\r\n"), "{body}");
    assert!(body.contains("c=IN IP4 127.0.0.1\r\n"), "{body}");
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.idle().await;
    assert_eq!(server.stop().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn record_routes_come_back_and_a_bye_of_ours_follows_them() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "demo").await;
    let proxy = caller.local;
    caller.extra =
        format!("Record-Route: <sip:{proxy};lr;second>\r\nRecord-Route: <sip:{proxy};lr>\r\n");
    let response = caller.call(40_000).await;
    let routes = response.headers.record_routes().expect("Record-Route");
    assert_eq!(routes.len(), 2);
    let drained = tokio::spawn(server.stop());
    let bye = caller.server_request().await;
    let sent: Vec<String> = bye
        .headers
        .routes()
        .expect("Route")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        sent,
        [
            format!("<sip:{proxy};lr;second>"),
            format!("<sip:{proxy};lr>")
        ]
    );
    caller.confirm(&bye).await;
    assert_eq!(drained.await.expect("drained"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invite_without_offer_gets_ours_and_the_ack_brings_the_answer() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    let invite = caller.request("INVITE", "");
    caller.send(invite).await;
    let response = caller.final_response().await;
    assert_eq!(response.status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&response.body).contains("m=audio "));
    caller.to_tag = response.headers.to().expect("To").tag().map(str::to_owned);
    let answer = caller.offer(40_000);
    let ack = caller.request("ACK", &answer);
    caller.send(ack).await;
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.idle().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_answered_recvonly_and_a_resume_sendrecv() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    for (offered, answered) in [
        ("sendonly", "recvonly"),
        ("inactive", "inactive"),
        ("sendrecv", "sendrecv"),
    ] {
        caller.cseq += 1;
        let offer = format!("{}a={offered}\r\n", caller.offer(40_000));
        let invite = caller.request("INVITE", &offer);
        caller.send(invite).await;
        let response = caller.final_response().await;
        assert_eq!(response.status, StatusCode::OK);
        let body = String::from_utf8_lossy(&response.body).into_owned();
        let direction = body.contains(&format!("a={answered}\r\n"))
            || (answered == "sendrecv" && !body.contains("only\r\n") && !body.contains("inactive"));
        assert!(direction, "{offered}: {body}");
        let ack = caller.request("ACK", "");
        caller.send(ack).await;
    }
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.idle().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_for_a_dialog_that_is_gone_gets_481() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.idle().await;
    assert_eq!(caller.bye().await.status.code(), 481);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_tells_what_the_server_can() {
    let server = TestServer::start().await;
    let mut caller = Caller::new(server.udp, "echo").await;
    let options = caller.request("OPTIONS", "");
    caller.send(options).await;
    let response = caller.final_response().await;
    assert_eq!(response.status, StatusCode::OK);
    let allow: Vec<_> = response.headers.tokens(&HeaderName::Allow).collect();
    assert!(format!("{allow:?}").contains("INVITE"), "{allow:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_calls_leave_nothing_behind() {
    let mut config = crate::support::server::config();
    // Lingering transactions end with the timers; short ones keep the test short.
    config.sip.t1 = std::time::Duration::from_millis(20);
    config.sip.t4 = std::time::Duration::from_millis(100);
    // Just enough for the calls of one round: a port that is not given back would be missed.
    config.rtp.ports = PortRange::new(21_000, 21_399).expect("a range");
    let server = TestServer::with(config).await;
    for round in 0..20 {
        let calls = (0..100).map(|_| {
            let server = server.udp;
            tokio::spawn(async move {
                let mut caller = Caller::new(server, "echo").await;
                assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
                assert_eq!(caller.bye().await.status, StatusCode::OK);
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await
                .unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
    }
    server.idle().await;
    // 64*T1 later the last transaction is gone too.
    for _ in 0..500 {
        let remains = server.server.remains().await.expect("the signalling task");
        let streams = server.server.context().media.streams();
        if remains.transactions == 0 && streams == 0 {
            assert_eq!((remains.sessions, remains.router_entries), (0, 0));
            server.stop().await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let streams = server.server.context().media.streams();
    panic!(
        "left: {streams} streams, {:?}",
        server.server.remains().await
    );
}
