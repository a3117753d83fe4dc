//! Stopping hangs up every call and loses none.

use muleteer::sip::message::StatusCode;

use crate::support::caller::Caller;
use crate::support::server::TestServer;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_gets_a_bye_and_new_ones_get_503() {
    let server = TestServer::start().await;
    let udp = server.udp;
    let mut callers = Vec::new();
    for user in ["echo", "demo", "announcement", "echo"] {
        let mut caller = Caller::new(udp, user).await;
        assert_eq!(caller.call(40_000).await.status, StatusCode::OK, "{user}");
        callers.push(caller);
    }
    let drained = tokio::spawn(server.stop());
    let mut byes = Vec::new();
    for caller in &callers {
        let bye = caller.server_request().await;
        assert_eq!(bye.method.as_str(), "BYE");
        byes.push(bye);
    }
    let mut late = Caller::new(udp, "echo").await;
    let refused = late.call(40_002).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    for (caller, bye) in callers.iter().zip(&byes) {
        caller.confirm(bye).await;
    }
    assert_eq!(drained.await.expect("drained"), 0);
}
