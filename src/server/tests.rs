use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::codec::CodecId;

fn phone() -> Server {
    let line = PhoneLine {
        local: vec!["127.0.0.1:0".parse().expect("an address")],
        codecs: Codecs::new(CodecId::BUILT_IN),
    };
    let config = Config::default();
    Server::start_phone(&config, line, &mut Ids::from_seed([7; 32])).expect("it starts")
}

#[tokio::test]
async fn whoever_runs_a_server_learns_that_its_signalling_task_is_gone() {
    let server = phone();
    let early = timeout(Duration::from_millis(1), server.failed()).await;
    assert!(early.is_err(), "it runs");
    server.driver.abort();
    let failed = timeout(Duration::from_secs(60), server.failed()).await;
    assert!(failed.is_ok());
    // What is left is ended without it.
    let ended = server.drain(Duration::from_secs(60), std::future::pending());
    assert_eq!(timeout(Duration::from_secs(60), ended).await, Ok(Ok(0)));
}
