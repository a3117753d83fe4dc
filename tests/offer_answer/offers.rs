use super::*;
use muleteer::sdp::Direction::{self, *};

fn accept(answer: &str, direction: Direction) -> Result<NegotiatedAudio, NegotiationError> {
    let mut exchange = OfferAnswer::new(1);
    exchange.offer(&capabilities(), local(), direction).unwrap();
    let agreed = exchange.accept_answer(answer.as_bytes());
    agreed.map(|audio| NegotiatedAudio::clone(&audio))
}

#[test]
fn a_shared_port_is_used_if_the_answer_has_it() {
    for (attributes, mux) in [("a=rtcp-mux", true), ("a=rtcp:4009", false)] {
        let answer = body(&[&format!("m=audio 4000 RTP/AVP 0\n{attributes}")]);
        let audio = accept(&answer, SendRecv).unwrap();
        assert_eq!(audio.rtcp_mux, mux);
    }
}

#[test]
fn an_invite_without_offer_gets_ours() {
    let mut exchange = OfferAnswer::new(4);
    let offer = exchange.offer(&capabilities(), local(), SendRecv).unwrap();
    assert_eq!(
        offer,
        "v=0\r\n\
         o=- 1 1 IN IP4 203.0.113.5\r\n\
         s=-\r\n\
         c=IN IP4 203.0.113.5\r\n\
         t=0 0\r\n\
         m=audio 10000 RTP/AVP 111 0 8 101 102\r\n\
         a=rtpmap:111 opus/48000/2\r\n\
         a=fmtp:111 useinbandfec=1\r\n\
         a=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-16\r\n\
         a=rtpmap:102 telephone-event/48000\r\n\
         a=fmtp:102 0-16\r\n\
         a=rtcp-mux\r\n\
         a=ptime:20\r\n\
         a=sendrecv\r\n"
    );
    let answer = body(&["m=audio 4000 RTP/AVP 8 101
        a=rtpmap:101 telephone-event/8000
        a=fmtp:101 0-15
        a=ptime:40"]);
    let audio = exchange.accept_answer(answer.as_bytes()).unwrap();
    assert_eq!(audio.remote, Some("192.0.2.1:4000".parse().unwrap()));
    assert_eq!(
        (&*audio.send.encoding_name, audio.receive.len()),
        ("PCMA", 1)
    );
    assert_eq!(
        audio.telephone_event.as_ref().unwrap().fmtp.as_deref(),
        Some("0-15")
    );
    assert_eq!(audio.ptime, Duration::from_millis(40));
    assert_eq!(exchange.agreed(), Some(&audio));
}

#[test]
fn a_peer_that_renumbers_is_sent_its_numbers_and_heard_by_ours() {
    let answer = body(&["m=audio 4000 RTP/AVP 120\na=rtpmap:120 opus/48000/2"]);
    let audio = accept(&answer, SendRecv).unwrap();
    assert_eq!(
        (audio.send.payload_type, audio.receive[0].payload_type),
        (120, 111)
    );
    let answer = body(&["m=audio 4000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000"]);
    let audio = accept(&answer, SendRecv).unwrap();
    let sent = audio.telephone_event.clone().unwrap().payload_type;
    assert_eq!((sent, audio.receive_events[0].payload_type), (96, 101));
}

#[test]
fn an_answer_cannot_widen_the_direction_offered() {
    for (offered, answered, ours) in [
        (SendRecv, "sendonly", RecvOnly),
        (SendOnly, "recvonly", SendOnly),
        (SendOnly, "sendrecv", SendOnly),
        (Inactive, "sendrecv", Inactive),
        (RecvOnly, "recvonly", Inactive),
    ] {
        let answer = body(&["m=audio 4000 RTP/AVP 0", &format!("a={answered}")]);
        assert_eq!(accept(&answer, offered).unwrap().direction, ours);
    }
}

#[test]
fn answers_that_decline_or_do_not_fit_end_the_offer() {
    let declined = body(&["m=audio 0 RTP/AVP 0"]);
    let foreign = body(&["m=audio 4000 RTP/AVP 18"]);
    let video = body(&["m=video 4000 RTP/AVP 31"]);
    for (answer, expected) in [
        (declined.as_str(), "no acceptable audio stream"),
        (&foreign, "no acceptable audio stream"),
        (&video, "malformed session description"),
        (&body(&[]), "malformed session description"),
        ("", "malformed session description"),
    ] {
        let mut exchange = OfferAnswer::new(1);
        exchange.offer(&capabilities(), local(), SendRecv).unwrap();
        let error = exchange.accept_answer(answer.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let again = exchange.accept_answer(answer.as_bytes()).unwrap_err();
        assert_eq!(again.to_string(), "an answer without an offer");
    }
}

#[test]
fn an_answer_without_offer_is_an_error() {
    let answer = body(&["m=audio 4000 RTP/AVP 0"]);
    let error = OfferAnswer::new(1)
        .accept_answer(answer.as_bytes())
        .unwrap_err();
    assert_eq!(error, NegotiationError::NoOffer);
}

#[test]
fn offers_that_cross_are_told_apart() {
    let mut exchange = OfferAnswer::new(1);
    let theirs = body(&["m=audio 4000 RTP/AVP 0"]);
    exchange.offer(&capabilities(), local(), SendRecv).unwrap();
    let error = exchange
        .answer(theirs.as_bytes(), &capabilities(), local())
        .unwrap_err();
    assert_eq!(error, NegotiationError::OfferPending);
    exchange.withdraw_offer();
    assert!(
        exchange
            .answer(theirs.as_bytes(), &capabilities(), local())
            .is_ok()
    );
}

#[test]
fn a_later_offer_keeps_sections_and_payload_types() {
    let mut exchange = OfferAnswer::new(1);
    let first = body(&[
        "m=video 4002 RTP/AVP 31",
        "m=audio 4000 RTP/AVP 101 0 111
        a=rtpmap:101 opus/48000/2
        a=rtpmap:111 telephone-event/48000",
    ]);
    exchange
        .answer(first.as_bytes(), &capabilities(), local())
        .unwrap();

    let hold = exchange.offer(&capabilities(), local(), SendOnly).unwrap();
    // 101 stays Opus and 111 its events; the events at 8000 get a number nobody used.
    assert_eq!(
        media_lines(&hold),
        [
            "m=video 0 RTP/AVP 31",
            "m=audio 10000 RTP/AVP 101 0 8 96 111"
        ]
    );
    assert!(hold.contains("a=rtpmap:96 telephone-event/8000\r\n"));
    assert!(hold.contains("o=- 0 2 IN IP4"));

    let answer = body(&["m=video 0 RTP/AVP 31", "m=audio 4000 RTP/AVP 0\na=recvonly"]);
    assert_eq!(
        exchange.accept_answer(answer.as_bytes()).unwrap().direction,
        SendOnly
    );
}
