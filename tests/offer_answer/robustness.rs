use super::*;
use muleteer::sdp::SrtpPolicy;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Bodies with everything that the reader treats apart.
fn seeds() -> Vec<Vec<u8>> {
    let phone = body(&[
        "a=sendonly",
        "m=audio 49170/2 RTP/AVP 111 0 101
        a=rtpmap:111 opus/48000/2
        a=fmtp:111 useinbandfec=1
        a=rtpmap:101 telephone-event/48000
        a=fmtp:101 0-15,32
        a=ptime:20
        a=maxptime:40",
        "m=video 51372 RTP/SAVPF 31\nc=IN IP6 2001:db8::1",
    ]);
    let repeating = phone.replace("t=0 0", "t=0 0\r\nr=7d 1h 0 25h\r\nz=2882844526 -1h");
    let named = phone
        .replace("192.0.2.1", "phone.example.com")
        .replace("\r\n", "\n");
    let crypto = "RTP/SAVP 111 0 101\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 \
                  inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 WSH=64";
    let encrypted = phone.replace("RTP/AVP 111 0 101", crypto);
    [phone, repeating, named, encrypted]
        .map(String::into_bytes)
        .to_vec()
}

fn mutated(random: &mut StdRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    const PIECES: [&str; 12] = [
        "\r\n",
        "=",
        "/",
        " ",
        "a=",
        "m=",
        "c=IN IP4 ",
        "-",
        "99999999999999999999",
        "\0",
        "ü",
        "\u{ff}",
    ];
    let mut body = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..6) {
        if body.is_empty() {
            break;
        }
        let at = random.random_range(0..body.len());
        match random.random_range(0..5) {
            0 => body[at] = random.random(),
            1 => body.truncate(at),
            2 => {
                let end = (at + random.random_range(0..40)).min(body.len());
                body.drain(at..end);
            }
            3 => {
                let piece = PIECES[random.random_range(0..PIECES.len())];
                body.splice(at..at, piece.bytes());
            }
            _ => {
                let end = (at + random.random_range(0..40)).min(body.len());
                let copy = body[at..end].to_vec();
                let target = random.random_range(0..body.len());
                body.splice(target..target, copy);
            }
        }
    }
    body
}

#[test]
fn whatever_comes_the_answer_mirrors_it_or_is_an_error() {
    let (seeds, capabilities) = (seeds(), capabilities());
    let mut random = StdRng::seed_from_u64(3264);
    let mut answered = 0;
    for _ in 0..20_000 {
        let offer = mutated(&mut random, &seeds);
        let mut exchange = OfferAnswer::new(1).with_srtp(srtp::terms(SrtpPolicy::Optional));
        let Ok((answer, _)) = exchange.answer(&offer, &capabilities, local()) else {
            continue;
        };
        answered += 1;
        let offer = SessionDescription::parse(&offer).unwrap();
        let answer = SessionDescription::parse(answer.as_bytes()).unwrap();
        let shape = |description: &SessionDescription| -> Vec<_> {
            let media = description.media.iter();
            media
                .map(|media| (media.media.clone(), media.protocol.clone()))
                .collect()
        };
        assert_eq!(shape(&answer), shape(&offer));
        assert_eq!(
            answer.media.iter().filter(|media| media.port != 0).count(),
            1
        );
    }
    assert!(answered > 2_000, "only {answered} bodies were still offers");
}

#[test]
fn whatever_comes_as_an_answer_is_taken_or_refused() {
    let (seeds, capabilities) = (seeds(), capabilities());
    let mut random = StdRng::seed_from_u64(8866);
    for _ in 0..5_000 {
        let mut exchange = OfferAnswer::new(1);
        exchange
            .offer(&capabilities, local(), muleteer::sdp::Direction::SendRecv)
            .unwrap();
        let agreed = exchange.accept_answer(&mutated(&mut random, &seeds));
        assert_eq!(exchange.agreed().cloned(), agreed.ok());
    }
}
