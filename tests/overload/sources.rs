//! One source or one way that is flooded, and others that are not.

use std::num::NonZeroU32;

use muleteer::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::attacker::{Attacker, Talker, WITNESS};
use super::{remains, server};

const MANY: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_sends_too_much_is_not_answered_and_others_call() {
    let rate = |config: &mut Config| {
        config.limits.requests_per_second_per_source = NonZeroU32::new(2);
        config.limits.trusted = vec![format!("{WITNESS}/32").parse().expect("a network")];
    };
    for (method, to_tag) in [
        ("INVITE", ""),
        ("OPTIONS", ""),
        ("INVITE", ";tag=nothing"),
        ("BYE", ";tag=nothing"),
        ("CANCEL", ""),
    ] {
        let server = server(rate).await;
        let mut attacker = Attacker::at("127.0.0.2", server.udp).await;
        attacker
            .flood(MANY, |one| one.request(method, "nobody", to_tag, ""))
            .await;
        let answered: usize = attacker.answers.values().sum();
        assert!(answered < MANY, "{method}{to_tag}: {:?}", attacker.answers);
        let ignored = remains(&server).await.endpoint.rate_ignored as usize;
        assert_eq!(ignored, MANY - answered, "{method}{to_tag}");
        let talker = Talker::call(server.udp).await;
        talker.bye().await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_full_keeps_no_call_by_udp_away() {
    let server = server(|_| {}).await;
    let (mut reader, mut writer) = TcpStream::connect(server.tcp)
        .await
        .expect("connected")
        .into_split();
    let flood = tokio::spawn(async move {
        // It makes messages only; what it sends goes by the connection.
        let mut attacker = Attacker::new(([127, 0, 0, 1], 9).into()).await;
        loop {
            let text = attacker.request("INVITE", "nobody", "", "");
            if writer.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let drain = tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        while reader.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    for _ in 0..20 {
        let mut talker = Talker::call(server.udp).await;
        talker.talk(5).await;
        talker.bye().await;
    }
    flood.abort();
    drain.abort();
    server.stop().await;
}
