//! Challenges and credentials: read, written, and read again.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    r#"[ -~\u{e4}\u{20ac}]{0,20}"#
}

fn algorithm() -> impl Strategy<Value = DigestAlgorithm> {
    let hash = prop_oneof![
        Just(DigestHash::Md5),
        Just(DigestHash::Sha256),
        Just(DigestHash::Sha512_256)
    ];
    (hash, any::<bool>()).prop_map(|(hash, session)| DigestAlgorithm { hash, session })
}

fn qop() -> impl Strategy<Value = Qop> {
    prop_oneof![Just(Qop::Auth), Just(Qop::AuthInt)]
}

prop_compose! {
    fn challenge()(
        realm in text(), nonce in text(), opaque in option::of(text()), stale in any::<bool>(),
        algorithm in algorithm(), qop in option::of(vec(qop(), 0..3)),
    ) -> Challenge {
        Challenge { realm, nonce, opaque, stale, algorithm, qop }
    }
}

prop_compose! {
    fn protection()(qop in qop(), cnonce in text(), count in any::<u32>()) -> Protection {
        Protection { qop, cnonce, count }
    }
}

prop_compose! {
    fn credentials()(
        username in text(), realm in text(), nonce in text(), uri in text(), response in text(),
        algorithm in algorithm(), opaque in option::of(text()),
        protection in option::of(protection()), userhash in any::<bool>(),
    ) -> Credentials {
        Credentials {
            username, realm, nonce, uri, response, algorithm, opaque, protection, userhash,
        }
    }
}

proptest! {
    #[test]
    fn a_written_challenge_reads_as_it_was(one in challenge(), other in challenge()) {
        let read = Challenge::parse_line(&one.to_string());
        prop_assert_eq!(read, Ok(vec![one.clone()]));
        let read = Challenge::parse_line(&format!("{one}, {other}"));
        prop_assert_eq!(read, Ok(vec![one, other]));
    }

    #[test]
    fn written_credentials_read_as_they_were(credentials in credentials()) {
        prop_assert_eq!(Credentials::parse(&credentials.to_string()), Ok(Some(credentials)));
    }

    #[test]
    fn a_written_authentication_info_reads_as_it_was(nonce in text()) {
        let info = AuthenticationInfo { next_nonce: Some(nonce) };
        prop_assert_eq!(AuthenticationInfo::parse(&info.to_string()), Ok(info));
    }

    #[test]
    fn no_text_breaks_a_reader(text in r#"(Digest |[a-c]=|"|\\|,| |\PC){0,30}"#) {
        let _ = Challenge::parse_line(&text);
        let _ = Credentials::parse(&text);
        let _ = AuthenticationInfo::parse(&text);
    }
}

#[test]
fn challenges_are_read_as_servers_write_them() {
    let line = "digest realm=\"a, \\\"b\\\"\" , NONCE=\"n==\",qop=\"auth , auth-int,x\",stale=TRUE";
    let read = Challenge::parse_line(line).unwrap();
    assert_eq!(
        read,
        [Challenge {
            realm: "a, \"b\"".to_owned(),
            nonce: "n==".to_owned(),
            opaque: None,
            stale: true,
            algorithm: DigestHash::Md5.into(),
            qop: Some(vec![Qop::Auth, Qop::AuthInt]),
        }]
    );
    assert_eq!(
        read[0].to_string(),
        "Digest realm=\"a, \\\"b\\\"\", nonce=\"n==\", stale=true, algorithm=MD5, \
         qop=\"auth,auth-int\""
    );
}

#[test]
fn challenges_that_cannot_be_answered_are_left_out() {
    let line = "Basic realm=\"x\", Digest realm=r, nonce=n, algorithm=SHA-256-SESS, \
                Digest realm=r, nonce=n, algorithm=SHA3";
    let read = Challenge::parse_line(line).unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].algorithm.to_string(), "SHA-256-sess");
}

#[test]
fn wrong_challenges_and_credentials_are_refused_where_they_go_wrong() {
    for (text, offset, expected) in [
        ("", 0, "authentication scheme"),
        ("Digest", 6, "parameter name"),
        ("Digest realm=\"a", 15, "closing quote"),
        (
            "Digest realm=a, realm=b, nonce=c",
            16,
            "parameter that is not there yet",
        ),
        ("Digest realm=a", 14, "nonce"),
        ("Digest nonce=a", 14, "realm"),
        ("Digest realm", 12, "`=`"),
    ] {
        let refused = Err(SyntaxError { offset, expected });
        assert_eq!(Challenge::parse_line(text), refused, "{text}");
    }
    let whole = "Digest username=\"u\", realm=r, nonce=n, uri=\"sip:x\", response=0, qop=auth, nc=00000001, cnonce=c";
    assert!(Credentials::parse(whole).unwrap().is_some());
    for (from, to) in [
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=+0000001"),
        ("qop=auth", "qop=other"),
        ("cnonce=c", "algorithm=MD5"),
        ("username=\"u\", ", ""),
        ("response=0", "algorithm=SHA3, response=0"),
    ] {
        let text = whole.replace(from, to);
        assert!(Credentials::parse(&text).is_err(), "{text}");
    }
    assert_eq!(Credentials::parse("Bearer abc"), Ok(None));
}
