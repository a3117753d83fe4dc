//! Another parser's opinion: on plain well-formed requests, `rsip` must read the same.

use muleteer::sip::message::{Message, Request};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;

use super::parse;

const REQUESTS: usize = 60;

/// A request of the kind that rsip reads: no IPv6, no folding, no compact names, no lists.
fn well_formed(rng: &mut StdRng) -> String {
    let methods = [
        "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "INFO", "UPDATE",
    ];
    let hosts = ["example.com", "192.0.2.7", "a.b-c.example.org"];
    let method = methods.choose(rng).unwrap();
    let mut host = || *hosts.choose(rng).unwrap();
    let (target, proxy, caller) = (host(), host(), host());
    let display = ["", "Alice ", "\"A. B\" "].choose(rng).unwrap();
    let [number, user, call]: [u16; 3] = rng.random();
    let port = [String::new(), format!(":{}", user.max(1))]
        .choose(rng)
        .unwrap()
        .clone();
    format!(
        "{method} sip:u{user}@{target}{port} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {proxy}{port};branch=z9hG4bK{call}\r\n\
         Max-Forwards: 70\r\n\
         From: {display}<sip:caller@{caller}>;tag=f{user}\r\n\
         To: <sip:u{user}@{target}>;tag=t{call}\r\n\
         Call-ID: {call}@{caller}\r\n\
         CSeq: {number} {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// Method, Request-URI, Call-ID, CSeq, both tags and the branch.
type Essence = [String; 7];

fn ours(request: &Request) -> Essence {
    let headers = &request.headers;
    [
        request.method.to_string(),
        request.uri.to_string(),
        headers.call_id().unwrap().to_owned(),
        headers.cseq().unwrap().to_string(),
        headers.from().unwrap().tag().unwrap().to_owned(),
        headers.to().unwrap().tag().unwrap().to_owned(),
        headers.via().unwrap().branch().unwrap().to_owned(),
    ]
}

fn theirs(text: &str) -> Essence {
    let request = rsip::Request::try_from(text).unwrap();
    let via = request.via_header().unwrap().typed().unwrap();
    let from = request.from_header().unwrap().tag().unwrap().unwrap();
    let to = request.to_header().unwrap().tag().unwrap().unwrap();
    let cseq = request.cseq_header().unwrap().typed().unwrap();
    [
        request.method.to_string(),
        request.uri.to_string(),
        request.call_id_header().unwrap().value().to_owned(),
        format!("{} {}", cseq.seq, cseq.method),
        from.value().to_owned(),
        to.value().to_owned(),
        via.branch().unwrap().value().to_owned(),
    ]
}

#[test]
fn rsip_reads_the_same() {
    let mut rng = StdRng::seed_from_u64(3261);
    for _ in 0..REQUESTS {
        let text = well_formed(&mut rng);
        let Ok(Message::Request(request)) = parse(text.clone()) else {
            panic!("{text}")
        };
        assert_eq!(ours(&request), theirs(&text), "{text}");
    }
}
