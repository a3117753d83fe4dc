//! What a check of credentials costs says nothing about who exists.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use muleteer::sip::auth::{DigestServer, ServerConfig, Users, Verdict};
use muleteer::sip::message::header::{DigestHash, Qop};
use muleteer::sip::message::{Host, Method, Request, SipUri};

use super::client;
use crate::support::alloc::allocations_in;

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[test]
fn a_name_that_nobody_has_costs_as_much_as_a_wrong_password() {
    let hashes = [DigestHash::Md5, DigestHash::Sha256, DigestHash::Sha512_256];
    for hash in hashes {
        let config = ServerConfig {
            realm: "muleteer".to_owned(),
            algorithms: vec![hash],
            qop: vec![Qop::Auth],
            nonce_lifetime: Duration::from_secs(300),
            max_nonces: 4,
        };
        let users = Users::parse("alice:muleteer:password:wonderland", Path::new("users"));
        let (now, users) = (Instant::now(), users.expect("one user").into());
        let mut server = DigestServer::new(config, users, [3; 32], now);
        // Each hash is text, and so each has to be allocated.
        let costs = ["alice", "nobod"].map(|user| {
            let host = Host::Name("b.example".to_owned());
            let mut request = Request::new(Method::Invite, SipUri::new(None, host, None));
            let challenge = server.challenge(now, SOURCE, &request, false);
            let answered = client(user, "x").answer(&mut request, &challenge);
            answered.expect("a challenge of ours");
            allocations_in(|| {
                let verdict = server.check(now, SOURCE, &request);
                assert!(matches!(verdict, Verdict::Failed(_)), "{verdict:?}");
            })
        });
        assert_eq!(costs[0], costs[1], "{hash}");
    }
}
