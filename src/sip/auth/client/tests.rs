//! A client against the challenges of servers and proxies.

use super::*;
use crate::sip::message::header::DigestHash;
use crate::sip::message::{Method, SipUri};

fn account(realm: Realm) -> Account {
    Account {
        realm,
        user: "alice".to_owned(),
        password: Secret::new("wonderland"),
    }
}

fn client(realms: &[&str]) -> DigestClient {
    let named = |realm: &&str| account(Realm::Named((*realm).to_owned()));
    let accounts = realms.iter().map(named).collect();
    DigestClient::new(Accounts::new(accounts), [7; 32])
}

fn invite() -> Request {
    let host = crate::sip::message::Host::Name("b.example".to_owned());
    Request::new(Method::Invite, SipUri::new(Some("bob"), host, None))
}

fn asks(lines: &[(HeaderName, &str)]) -> Response {
    let mut response = Response::new(StatusCode::UNAUTHORIZED);
    for (name, line) in lines {
        response.headers.push(name.clone(), (*line).to_owned());
    }
    response
}

fn asks_for(rest: &str) -> Response {
    let line = format!("Digest realm=\"r\", {rest}");
    asks(&[(HeaderName::WwwAuthenticate, &line)])
}

fn sent(request: &Request) -> Vec<Credentials> {
    request.headers.credentials(&HeaderName::Authorization)
}

fn sent_one(request: &Request) -> Credentials {
    let [ref one] = sent(request)[..] else {
        panic!("one line: {:?}", request.headers)
    };
    one.clone()
}

#[test]
fn a_challenge_is_answered_and_the_nonce_used_again_with_rising_count() {
    let mut client = client(&["r"]);
    let mut request = invite();
    client.authorize(&mut request);
    assert!(sent(&request).is_empty(), "nothing is known yet");
    let challenge = asks_for("nonce=\"n\", qop=\"auth\", algorithm=SHA-256, opaque=\"o\"");
    client.answer(&mut request, &challenge).unwrap();
    let first = sent_one(&request);
    assert_eq!(first.opaque.as_deref(), Some("o"));
    let protection = first.protection.clone().unwrap();
    assert_eq!((protection.qop, protection.count), (Qop::Auth, 1));
    let ha1 = Ha1::new(DigestHash::Sha256, "alice", "r", "wonderland");
    let subject = Subject {
        method: "INVITE",
        uri: "sip:bob@b.example",
        body: b"",
    };
    let expected = ha1.response(first.algorithm, "n", Some(&protection), subject);
    assert_eq!(first.response, expected);

    client.learn(&Response::new(StatusCode::OK));
    let mut bye = Request::new(Method::Bye, invite().uri);
    client.authorize(&mut bye);
    let second = sent_one(&bye).protection.unwrap();
    assert_eq!((second.count, second.cnonce), (2, protection.cnonce));
}

#[test]
fn a_header_is_quoted_as_the_rfc_wants() {
    let mut client = client(&["r"]);
    let mut request = invite();
    client
        .answer(&mut request, &asks_for("nonce=\"n\", qop=\"auth\""))
        .unwrap();
    let line = request
        .headers
        .text(&HeaderName::Authorization)
        .unwrap()
        .into_owned();
    for part in [
        "Digest username=\"alice\", realm=\"r\", nonce=\"n\", uri=\"sip:bob@b.example\", response=\"",
        ", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"",
    ] {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn the_strongest_of_several_challenges_is_answered() {
    let mut client = client(&["r"]);
    let mut request = invite();
    let www = HeaderName::WwwAuthenticate;
    let challenge = asks(&[
        (
            www.clone(),
            "Digest realm=r, nonce=1, qop=auth, algorithm=MD5",
        ),
        (
            www.clone(),
            "Digest realm=r, nonce=2, qop=auth, algorithm=SHA-256",
        ),
        (
            www.clone(),
            "Digest realm=r, nonce=3, qop=token, algorithm=SHA-512-256",
        ),
        (
            www.clone(),
            "Digest realm=r, nonce=4, qop=auth, algorithm=SHA-256",
        ),
        (www, "Basic realm=r"),
    ]);
    client.answer(&mut request, &challenge).unwrap();
    assert_eq!(sent_one(&request).nonce, "2");
}

#[test]
fn a_body_is_protected_where_nothing_less_is_offered() {
    let qop = |offered: &str| {
        let mut request = invite();
        request.body = "v=0".into();
        let challenge = asks_for(&format!("nonce=n, qop=\"{offered}\""));
        client(&["r"]).answer(&mut request, &challenge).unwrap();
        sent_one(&request).protection.unwrap().qop
    };
    assert_eq!(qop("auth-int"), Qop::AuthInt);
    assert_eq!(qop("auth-int, auth"), Qop::Auth);
}

#[test]
fn servers_and_proxies_are_answered_together() {
    let mut client = client(&["r", "p1", "p2"]);
    let mut request = invite();
    let proxy = HeaderName::ProxyAuthenticate;
    let challenge = asks(&[(proxy.clone(), "Digest realm=p1, nonce=1, qop=auth")]);
    client.answer(&mut request, &challenge).unwrap();
    let challenge = asks(&[
        (proxy, "Digest realm=p2, nonce=2, qop=auth"),
        (
            HeaderName::WwwAuthenticate,
            "Digest realm=r, nonce=3, qop=auth",
        ),
    ]);
    client.answer(&mut request, &challenge).unwrap();
    assert_eq!(sent_one(&request).nonce, "3");
    let proxies = request.headers.credentials(&HeaderName::ProxyAuthorization);
    let proxies: Vec<_> = proxies
        .iter()
        .map(|one| (&*one.realm, one.protection.as_ref().unwrap().count))
        .collect();
    assert_eq!(proxies, [("p1", 2), ("p2", 1)]);
}

#[test]
fn only_configured_realms_are_answered() {
    let mut request = invite();
    let challenge = asks_for("nonce=n, qop=auth");
    let mut stranger = client(&["other", "*"]);
    let refused = stranger.answer(&mut request, &challenge);
    let realms = vec!["r".to_owned()];
    assert_eq!(refused, Err(Unanswered::UnknownRealm { realms }));
    assert!(sent(&request).is_empty());
    let any = Accounts::new(vec![account(Realm::Any)]);
    let mut anybody = DigestClient::new(any, [0; 32]);
    assert_eq!(anybody.answer(&mut request, &challenge), Ok(()));
}

#[test]
fn a_wrong_password_is_sent_once() {
    for again in ["nonce=n, qop=auth", "nonce=other, qop=auth"] {
        let mut client = client(&["r"]);
        let mut request = invite();
        client
            .answer(&mut request, &asks_for("nonce=n, qop=auth"))
            .unwrap();
        let before = request.clone();
        let refused = client.answer(&mut request, &asks_for(again));
        let realm = "r".to_owned();
        assert_eq!(refused, Err(Unanswered::Rejected { realm }), "{again}");
        assert_eq!(request, before);
    }
}

#[test]
fn a_stale_nonce_is_replaced_but_not_for_ever() {
    let mut client = client(&["r"]);
    let mut request = invite();
    client
        .answer(&mut request, &asks_for("nonce=0, qop=auth"))
        .unwrap();
    for round in 1..=MAX_STALE {
        let stale = asks_for(&format!("nonce={round}, qop=auth, stale=true"));
        client.answer(&mut request, &stale).unwrap();
        assert_eq!(sent_one(&request).nonce, round.to_string());
        assert_eq!(sent_one(&request).protection.unwrap().count, 1);
    }
    let stale = asks_for("nonce=x, qop=auth, stale=true");
    let refused = client.answer(&mut request, &stale);
    let realm = "r".to_owned();
    assert_eq!(refused, Err(Unanswered::AlwaysStale { realm }));
}

#[test]
fn a_nonce_that_was_good_may_be_replaced_without_stale() {
    let mut client = client(&["r"]);
    let mut request = invite();
    client
        .answer(&mut request, &asks_for("nonce=1, qop=auth"))
        .unwrap();
    client.learn(&Response::new(StatusCode::OK));
    let mut again = invite();
    client.authorize(&mut again);
    let next = asks_for("nonce=2, qop=auth");
    client.answer(&mut again, &next).unwrap();
    assert_eq!(sent_one(&again).nonce, "2");
    assert!(
        client
            .answer(&mut again, &asks_for("nonce=3, qop=auth"))
            .is_err()
    );
}

#[test]
fn the_next_nonce_of_authentication_info_is_used() {
    let mut client = client(&["r"]);
    let mut request = invite();
    client
        .answer(&mut request, &asks_for("nonce=1, qop=auth"))
        .unwrap();
    let mut ok = Response::new(StatusCode::OK);
    ok.headers
        .push(HeaderName::AuthenticationInfo, "qop=auth, nextnonce=\"2\"");
    client.learn(&ok);
    client.authorize(&mut request);
    let next = sent_one(&request);
    assert_eq!((&*next.nonce, next.protection.unwrap().count), ("2", 1));
}

#[test]
fn what_cannot_be_answered_is_the_last_word() {
    for line in [
        "Basic realm=r",
        "Digest realm=r",
        "Digest realm=r, nonce=n, algorithm=X",
    ] {
        let challenge = asks(&[(HeaderName::WwwAuthenticate, line)]);
        let refused = client(&["r"]).answer(&mut invite(), &challenge);
        assert_eq!(refused, Err(Unanswered::NoChallenge), "{line}");
    }
}

#[test]
fn a_password_is_never_shown() {
    let mut client = client(&["r"]);
    client.answer(&mut invite(), &asks_for("nonce=1")).unwrap();
    assert!(!format!("{client:?}").contains("wonderland"));
}
