//! Who does not exist is treated as who does: the same bytes, the same work.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use muleteer::sip::auth::{DigestServer, ServerConfig, Users, Verdict};
use muleteer::sip::message::header::{DigestHash, Qop};
use muleteer::sip::message::{Host, Method, Request, SipUri};
use regex::Regex;

use super::{USERS, ask, client, server};
use crate::support::alloc::allocations_in;
use crate::support::caller::Caller;
use crate::support::process::Folder;

/// What a request with a guessed password is answered with, without what is new in every answer.
async fn answered(caller: &mut Caller, user: &str, method: &str) -> String {
    let (mut request, challenge) = ask(caller, method).await;
    let answer = client(user, "guess").answer(&mut request, &challenge);
    answer.expect("a challenge of ours");
    let name = muleteer::sip::message::HeaderName::Authorization;
    let line = request.headers.text(&name).expect("credentials");
    caller.extra = format!("Authorization: {line}\r\n");
    let (_, response) = ask(caller, method).await;
    caller.extra.clear();
    let text = String::from_utf8(response.to_bytes().to_vec()).expect("text");
    let changing = Regex::new(r#"nonce="\w+"|tag=\w+|branch=[^;]+|Call-ID: .*|CSeq: \d+"#);
    changing
        .expect("a regular expression")
        .replace_all(&text, "")
        .replace(user, "")
}

#[tokio::test]
async fn the_answer_to_nobody_is_that_to_somebody() {
    let folder = Folder::new(&[]);
    let server = server(&folder, &["auth.applications=\"*\""]);
    for method in ["INVITE", "OPTIONS"] {
        let mut caller = Caller::new(server.address, "demo").await;
        let alice = answered(&mut caller, "alice", method).await;
        let nobody = answered(&mut caller, "mallory", method).await;
        assert!(alice.starts_with("SIP/2.0 401 "), "{alice}");
        assert_eq!(alice, nobody);
    }
    server.stop().expect("authentication.failed=4");
}

#[test]
fn nobody_costs_as_much_work_as_somebody() {
    let (now, source) = (Instant::now(), IpAddr::from([192, 0, 2, 1]));
    for hash in [DigestHash::Md5, DigestHash::Sha256, DigestHash::Sha512_256] {
        let config = ServerConfig {
            realm: "muleteer".to_owned(),
            algorithms: vec![hash],
            qop: vec![Qop::Auth],
            nonce_lifetime: Duration::from_secs(300),
            max_nonces: 10,
        };
        let users = Users::parse(USERS, Path::new("users.conf")).expect("users");
        let mut server = DigestServer::new(config, users.into(), [1; 32], now);
        let mut steps = |user: &str| {
            let host = Host::Name("b.example".to_owned());
            let mut request = Request::new(Method::Options, SipUri::new(None, host, None));
            let challenge = server.challenge(now, source, &request, false);
            let answer = client(user, "guess").answer(&mut request, &challenge);
            answer.expect("a challenge of ours");
            let mut verdict = Verdict::Unknown;
            let steps = allocations_in(|| verdict = server.check(now, source, &request));
            assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
            steps
        };
        // Names of one length: each digest of each of them allocates its text.
        assert_eq!(steps("alice"), steps("clive"), "{hash:?}");
    }
}
