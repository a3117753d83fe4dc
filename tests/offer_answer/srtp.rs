//! Keys of SRTP in offers and answers (RFC 4568), and what each policy makes of them.

use muleteer::rtp::srtp::{KeySource, SrtpSuite};
use muleteer::sdp::{CryptoAttribute, Direction, SrtpPolicy, SrtpTerms};

use super::*;

const KEY_1: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const KEY_2: &str = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const CM_80: &str = "AES_CM_128_HMAC_SHA1_80";
const CM_32: &str = "AES_CM_128_HMAC_SHA1_32";

pub fn terms(policy: SrtpPolicy) -> SrtpTerms {
    SrtpTerms {
        policy,
        secure_signalling: true,
        keys_in_clear: false,
        keys: KeySource::new([3; 32]),
        call: "call".into(),
    }
}

fn exchange(policy: SrtpPolicy) -> OfferAnswer {
    OfferAnswer::new(1 << 40).with_srtp(terms(policy))
}

fn in_clear(policy: SrtpPolicy) -> OfferAnswer {
    let terms = SrtpTerms {
        secure_signalling: false,
        ..terms(policy)
    };
    OfferAnswer::new(1 << 40).with_srtp(terms)
}

/// A section of this profile with these `a=crypto` lines.
fn section(profile: &str, lines: &[String]) -> String {
    let lines: String = lines
        .iter()
        .map(|line| format!("\na=crypto:{line}"))
        .collect();
    format!("m=audio 4000 {profile} 0{lines}")
}

fn savp(key: &str) -> String {
    body(&[&section("RTP/SAVP", &[format!("1 {CM_80} {key}")])])
}

fn answers(
    exchange: &mut OfferAnswer,
    offer: &str,
) -> Result<(String, NegotiatedAudio), NegotiationError> {
    let answer = exchange.answer(offer.as_bytes(), &capabilities(), local());
    answer.map(|(body, audio)| (body, NegotiatedAudio::clone(&audio)))
}

fn crypto_lines(body: &str) -> Vec<CryptoAttribute> {
    body.lines()
        .filter_map(|line| line.strip_prefix("a=crypto:"))
        .map(|line| CryptoAttribute::parse(line).unwrap())
        .collect()
}

#[test]
fn rfc4568_5_1_2_an_answer_takes_tag_and_suite_of_the_first_line_that_can_be_used() {
    let lines = [
        format!("1 F8_128_HMAC_SHA1_80 {KEY_1}"),
        format!("2 {CM_80} {KEY_1} UNENCRYPTED_SRTP"),
        format!("3 {CM_80} {KEY_1}AAAA"),
        format!("7 {CM_32} {KEY_2}|2^20"),
        format!("8 {CM_80} {KEY_1}"),
    ];
    for profile in ["RTP/SAVP", "RTP/SAVPF", "rtp/savp"] {
        let offer = body(&[&section(profile, &lines)]);
        let (answer, audio) = answers(&mut exchange(SrtpPolicy::Optional), &offer).unwrap();
        assert_eq!(media_lines(&answer), [format!("m=audio 10000 {profile} 0")]);
        let [ours] = &crypto_lines(&answer)[..] else {
            panic!("one line: {answer}")
        };
        assert_eq!((ours.tag, ours.suite()), (7, SrtpSuite::Aes128CmSha1Tag32));
        let keys = audio.srtp.unwrap();
        assert_eq!(keys.send, ours.key.master);
        let theirs = CryptoAttribute::parse(&lines[3]).unwrap();
        assert_eq!(keys.receive, theirs.key);
        assert_ne!(keys.send, theirs.key.master);
    }
}

#[test]
fn rfc8643_keys_in_a_plain_profile_are_taken_and_the_profile_stays() {
    let offer = body(&[&section("RTP/AVP", &[format!("1 {CM_80} {KEY_1}")])]);
    for policy in [SrtpPolicy::Optional, SrtpPolicy::Required] {
        let (answer, audio) = answers(&mut exchange(policy), &offer).unwrap();
        assert_eq!(media_lines(&answer), ["m=audio 10000 RTP/AVP 0"]);
        assert_eq!(crypto_lines(&answer).len(), 1);
        assert!(audio.srtp.is_some());
    }
    let (answer, audio) = answers(&mut exchange(SrtpPolicy::Off), &offer).unwrap();
    assert!(!answer.contains("crypto"));
    assert_eq!(audio.srtp, None);
    let unknown = body(&[&section("RTP/AVPF", &[format!("1 NEW {KEY_1}")])]);
    let (answer, audio) = answers(&mut exchange(SrtpPolicy::Optional), &unknown).unwrap();
    assert_eq!(media_lines(&answer), ["m=audio 10000 RTP/AVPF 0"]);
    assert_eq!(audio.srtp, None);
}

#[test]
fn each_policy_refuses_what_it_does_not_want() {
    use NegotiationError::{EncryptionOff, KeysInClear, NoProtocol, NoUsableKey, NotEncrypted};
    use SrtpPolicy::{Off, Optional, Required};
    let plain = body(&["m=audio 4000 RTP/AVP 0"]);
    let keyless = body(&["m=audio 4000 RTP/SAVP 0"]);
    let best_effort = body(&[&section("RTP/AVP", &[format!("1 {CM_80} {KEY_1}")])]);
    let dtls = body(&["m=audio 4000 UDP/TLS/RTP/SAVPF 0"]);
    let cases = [
        (exchange(Off), &savp(KEY_1), EncryptionOff),
        (OfferAnswer::new(1), &savp(KEY_1), EncryptionOff),
        (exchange(Required), &plain, NotEncrypted),
        (exchange(Optional), &keyless, NoUsableKey),
        (exchange(Required), &keyless, NoUsableKey),
        (exchange(Optional), &dtls, NoProtocol),
        (in_clear(Optional), &savp(KEY_1), KeysInClear),
        (in_clear(Required), &savp(KEY_1), KeysInClear),
        (in_clear(Required), &plain, KeysInClear),
        (in_clear(Required), &best_effort, KeysInClear),
    ];
    for (mut exchange, offer, why) in cases {
        assert_eq!(answers(&mut exchange, offer), Err(why), "{offer}");
        assert_eq!(exchange.agreed(), None);
    }
    let (answer, audio) = answers(&mut in_clear(Optional), &best_effort).unwrap();
    assert_eq!((audio.srtp, answer.contains("crypto")), (None, false));
}

#[test]
fn of_two_streams_the_encrypted_one_is_used() {
    let offer = body(&[
        "m=audio 4000 RTP/AVP 0",
        &section("RTP/SAVP", &[format!("1 {CM_80} {KEY_1}")]),
    ]);
    let (answer, audio) = answers(&mut exchange(SrtpPolicy::Optional), &offer).unwrap();
    let lines = ["m=audio 0 RTP/AVP 0", "m=audio 10000 RTP/SAVP 0"];
    assert_eq!(media_lines(&answer), lines);
    assert!(audio.srtp.is_some());
    let (answer, audio) = answers(&mut exchange(SrtpPolicy::Off), &offer).unwrap();
    let lines = ["m=audio 10000 RTP/AVP 0", "m=audio 0 RTP/SAVP 0"];
    assert_eq!(media_lines(&answer), lines);
    assert_eq!(audio.srtp, None);
}

#[test]
fn rfc4568_7_1_4_the_same_key_goes_on_with_ours_and_another_one_gets_another() {
    let mut exchange = exchange(SrtpPolicy::Optional);
    let keys = |exchange: &mut OfferAnswer, offer: &str| {
        let (answer, audio) = answers(exchange, offer).unwrap();
        let version = answer.lines().nth(1).unwrap().to_owned();
        (version, *audio.srtp.unwrap())
    };
    let (version, first) = keys(&mut exchange, &savp(KEY_1));
    assert_eq!(
        keys(&mut exchange, &savp(KEY_1)),
        (version.clone(), first.clone())
    );
    // A refused offer changes nothing.
    answers(&mut exchange, &body(&["m=audio 4000 RTP/SAVP 0"])).unwrap_err();
    assert_eq!(keys(&mut exchange, &savp(KEY_1)), (version, first.clone()));

    let (_, second) = keys(&mut exchange, &savp(KEY_2));
    assert_ne!(first.send, second.send);
    assert_ne!(first.receive, second.receive);
    // Nor is a key of ours used again, which would be a second stream under it.
    let (_, third) = keys(&mut exchange, &savp(KEY_1));
    assert_eq!(third.receive, first.receive);
    assert_ne!(third.send, first.send);
    let plain = body(&["m=audio 4000 RTP/AVP 0"]);
    assert_eq!(answers(&mut exchange, &plain).unwrap().1.srtp, None);
    let (_, fourth) = keys(&mut exchange, &savp(KEY_1));
    assert_ne!(fourth.send, third.send);
}

#[test]
fn a_held_stream_keeps_its_keys() {
    let mut exchange = exchange(SrtpPolicy::Required);
    let (_, before) = answers(&mut exchange, &savp(KEY_1)).unwrap();
    let disabled = savp(KEY_1).replace("4000", "0");
    let (answer, held) = answers(&mut exchange, &disabled).unwrap();
    assert_eq!(media_lines(&answer), ["m=audio 0 RTP/SAVP 0"]);
    assert_eq!(held.srtp, before.srtp);
    let (_, after) = answers(&mut exchange, &savp(KEY_1)).unwrap();
    assert_eq!(after.srtp, before.srtp);
}

fn offer_of(mut exchange: OfferAnswer) -> Result<(OfferAnswer, String), NegotiationError> {
    let offer = exchange.offer(&capabilities(), local(), Direction::SendRecv)?;
    Ok((exchange, offer))
}

#[test]
fn our_first_offer_is_srtp_where_it_has_to_be_or_the_keys_are_safe() {
    use SrtpPolicy::{Off, Optional, Required};
    let with_keys = |terms: SrtpTerms| {
        let exchange = OfferAnswer::new(1).with_srtp(SrtpTerms {
            secure_signalling: false,
            keys_in_clear: true,
            ..terms
        });
        offer_of(exchange).unwrap().1
    };
    let offers = [
        (offer_of(exchange(Required)).unwrap().1, true),
        (offer_of(exchange(Optional)).unwrap().1, true),
        (with_keys(terms(Required)), true),
        (with_keys(terms(Optional)), false),
        (offer_of(in_clear(Optional)).unwrap().1, false),
        (offer_of(exchange(Off)).unwrap().1, false),
    ];
    for (offer, secure) in offers {
        let lines = crypto_lines(&offer);
        assert_eq!(offer.contains(" RTP/SAVP "), secure, "{offer}");
        let suites: Vec<_> = lines.iter().map(|line| (line.tag, line.suite())).collect();
        let expected = [(1, SrtpSuite::Aes256Gcm), (2, SrtpSuite::Aes128CmSha1Tag80)];
        assert_eq!(suites, expected[..if secure { 2 } else { 0 }]);
    }
    let refused = offer_of(in_clear(Required)).map(|_| ());
    assert_eq!(refused, Err(NegotiationError::KeysInClear));
}

#[test]
fn an_answer_to_srtp_has_to_take_one_of_our_lines() {
    let answer = |profile, line: &str| body(&[&section(profile, &[line.to_owned()])]);
    let good = answer("RTP/SAVP", &format!("2 {CM_80} {KEY_1}"));
    let (mut asked, offer) = offer_of(exchange(SrtpPolicy::Optional)).unwrap();
    let audio = asked.accept_answer(good.as_bytes()).unwrap();
    let keys = audio.srtp.as_ref().unwrap();
    assert_eq!(keys.send, crypto_lines(&offer)[1].key.master);
    assert_eq!(keys.receive, crypto_lines(&good)[0].key);

    use NegotiationError::{NoUsableKey, NotAcceptable};
    let bad = [
        (
            answer("RTP/SAVP", &format!("1 {CM_80} {KEY_1}")),
            NoUsableKey,
        ),
        (
            answer("RTP/SAVP", &format!("3 {CM_80} {KEY_1}")),
            NoUsableKey,
        ),
        (
            answer("RTP/SAVP", &format!("2 {CM_32} {KEY_1}")),
            NoUsableKey,
        ),
        (body(&["m=audio 4000 RTP/SAVP 0"]), NoUsableKey),
        (
            answer("RTP/AVP", &format!("2 {CM_80} {KEY_1}")),
            NotAcceptable,
        ),
        (body(&["m=audio 4000 RTP/AVP 0"]), NotAcceptable),
    ];
    for (answer, why) in bad {
        let (mut asked, _) = offer_of(exchange(SrtpPolicy::Optional)).unwrap();
        assert_eq!(asked.accept_answer(answer.as_bytes()), Err(why), "{answer}");
    }
    for plain in [exchange(SrtpPolicy::Off), in_clear(SrtpPolicy::Optional)] {
        let (mut asked, _) = offer_of(plain).unwrap();
        assert_eq!(asked.accept_answer(good.as_bytes()), Err(NotAcceptable));
    }
}

#[test]
fn a_later_offer_of_ours_goes_on_with_what_was_agreed() {
    for profile in ["RTP/SAVPF", "RTP/AVP"] {
        let theirs = body(&[&section(profile, &[format!("4 {CM_32} {KEY_1}")])]);
        let mut exchange = exchange(SrtpPolicy::Optional);
        let (answer, audio) = answers(&mut exchange, &theirs).unwrap();
        let (mut exchange, offer) = offer_of(exchange).unwrap();
        assert!(offer.contains(&format!(" {profile} ")), "{offer}");
        assert_eq!(crypto_lines(&offer), crypto_lines(&answer));
        let again = exchange.accept_answer(theirs.as_bytes()).unwrap();
        assert_eq!(again.srtp, audio.srtp);
    }
}

#[test]
fn no_key_is_printed() {
    let (exchange, offer) = offer_of(exchange(SrtpPolicy::Required)).unwrap();
    let key = offer.split("inline:").nth(1).unwrap()[..20].to_owned();
    let description = SessionDescription::parse(offer.as_bytes()).unwrap();
    let printed = format!("{exchange:?} {description:?}");
    assert!(printed.contains("crypto") && !printed.contains(&key));
}
