use super::*;
use muleteer::codec::CodecId;

#[test]
fn a_plain_offer_gets_a_whole_answer() {
    let offer = body(&["m=audio 4000 RTP/AVP 0 8 101
        a=rtpmap:101 telephone-event/8000
        a=fmtp:101 0-15"]);
    let (answer, audio) = try_answer(&offer).unwrap();
    assert_eq!(
        answer,
        "v=0\r\n\
         o=- 274877906944 1 IN IP4 203.0.113.5\r\n\
         s=-\r\n\
         c=IN IP4 203.0.113.5\r\n\
         t=0 0\r\n\
         m=audio 10000 RTP/AVP 0 8 101\r\n\
         a=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\n\
         a=fmtp:101 0-15\r\n\
         a=ptime:20\r\n\
         a=sendrecv\r\n"
    );
    assert_eq!(audio.remote, Some("192.0.2.1:4000".parse().unwrap()));
    assert_eq!(audio.send, format(0, "PCMU", 8000, 1));
}

#[test]
fn every_section_is_mirrored_and_the_first_usable_audio_is_taken() {
    let offer = body(&[
        "m=video 4002 RTP/AVP 31 32",
        "m=audio 4004 RTP/SAVP 0",
        "m=audio 4006 UDP/TLS/RTP/SAVPF 0",
        "m=audio 4008 RTP/AVP 18",
        "m=audio 0 RTP/AVP 0",
        "m=audio 4010 RTP/AVP 8",
        "m=audio 4012 RTP/AVP 0",
        "m=application 4014 UDP/BFCP *",
        "m=image 4016 udptl t38",
    ]);
    let (answer, audio) = try_answer(&offer).unwrap();
    assert_eq!(
        media_lines(&answer),
        [
            "m=video 0 RTP/AVP 31 32",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 0 UDP/TLS/RTP/SAVPF 0",
            "m=audio 0 RTP/AVP 18",
            "m=audio 0 RTP/AVP 0",
            "m=audio 10000 RTP/AVP 8",
            "m=audio 0 RTP/AVP 0",
            "m=application 0 UDP/BFCP *",
            "m=image 0 udptl t38",
        ]
    );
    assert_eq!(audio.remote, Some("192.0.2.1:4010".parse().unwrap()));
}

#[test]
fn the_answer_uses_the_payload_types_of_the_offer() {
    let (answer, audio) = answer(&body(&["m=audio 4000 RTP/AVP 96 97
        a=rtpmap:96 OPUS/48000/2
        a=fmtp:96 maxplaybackrate=16000
        a=rtpmap:97 Telephone-Event/48000"]));
    assert_eq!(answer.media[0].formats, ["96", "97"]);
    assert_eq!(audio.send.payload_type, 96);
    assert_eq!(audio.send.fmtp.as_deref(), Some("maxplaybackrate=16000"));
    assert_eq!(audio.receive[0].payload_type, 96);
    assert_eq!(
        audio.receive[0].fmtp.as_deref(),
        Some("useinbandfec=1;maxplaybackrate=16000;sprop-maxcapturerate=16000")
    );
    assert_eq!(audio.telephone_event.clone().unwrap().payload_type, 97);
}

#[test]
fn a_codec_needs_the_same_clock_rate_and_channels() {
    let offer = body(&["m=audio 4000 RTP/AVP 96 97 8
        a=rtpmap:96 opus/48000
        a=rtpmap:97 PCMU/16000"]);
    assert_eq!(answer(&offer).0.media[0].formats, ["8"]);
}

#[test]
fn a_payload_type_listed_twice_counts_once() {
    let offer = body(&["m=audio 4000 RTP/AVP 0 8 0 8"]);
    assert_eq!(answer(&offer).0.media[0].formats, ["0", "8"]);
}

#[test]
fn the_offerers_order_holds_unless_we_prefer_a_codec() {
    let offer = body(&["m=audio 4000 RTP/AVP 8 0 111 101
        a=rtpmap:111 opus/48000/2
        a=rtpmap:101 telephone-event/8000"]);
    for (order, formats) in [
        (vec![], vec!["8", "0", "111", "101"]),
        (vec!["pcmu"], vec!["0", "8", "111", "101"]),
        (vec!["opus", "PCMU"], vec!["111", "0", "8", "101"]),
    ] {
        let capabilities = preferring(&order);
        let (answer, audio) = OfferAnswer::new(1)
            .answer(offer.as_bytes(), &capabilities, local())
            .unwrap();
        let answer = SessionDescription::parse(answer.as_bytes()).unwrap();
        assert_eq!(answer.media[0].formats, formats);
        assert_eq!(audio.send.payload_type.to_string(), formats[0]);
    }
}

#[test]
fn telephone_event_comes_at_the_clock_rate_of_the_codec_in_use() {
    for (formats, events) in [
        ("0 111 100 101", ["101", "100"]),
        ("111 0 101 100", ["100", "101"]),
    ] {
        let (answer, audio) = answer(&body(&[&format!(
            "m=audio 4000 RTP/AVP {formats}
            a=rtpmap:111 opus/48000/2
            a=rtpmap:100 telephone-event/48000
            a=rtpmap:101 telephone-event/8000"
        )]));
        // Both codecs may be used, so keys may come at both rates.
        assert_eq!(answer.media[0].formats[2..], events);
        let sent = audio.telephone_event.clone().unwrap();
        assert_eq!(sent.payload_type.to_string(), events[0]);
        assert_eq!(audio.receive_events.len(), 2);
    }
}

#[test]
fn opus_with_nothing_but_events_at_8000_still_gets_events() {
    let (answer, audio) = answer(&body(&["m=audio 4000 RTP/AVP 111 101
        a=rtpmap:111 opus/48000/2
        a=rtpmap:101 telephone-event/8000"]));
    assert_eq!(answer.media[0].formats, ["111", "101"]);
    assert_eq!(audio.telephone_event.clone().unwrap().clock_rate, 8000);
}

#[test]
fn the_events_answered_are_those_both_understand() {
    for (offered, answered) in [
        ("a=fmtp:101 0-15", Some("0-15")),
        ("a=fmtp:101 0-16,66,70", Some("0-16")),
        ("a=fmtp:101 0-11", Some("0-11")),
        ("", Some("0-15")),
        ("a=fmtp:101 32-40", None),
    ] {
        let offer = format!(
            "m=audio 4000 RTP/AVP 0 101
            a=rtpmap:101 telephone-event/8000
            {offered}"
        );
        let events = answer(&body(&[offer.trim()])).1.telephone_event.clone();
        assert_eq!(
            events.and_then(|event| event.fmtp).as_deref(),
            answered,
            "{offered}"
        );
    }
}

#[test]
fn the_packet_length_is_the_peers_within_bounds() {
    for (lines, ptime_ms) in [
        ("", 20),
        ("a=ptime:30", 30),
        ("a=ptime:5", 10),
        ("a=ptime:25", 20),
        ("a=ptime:200", 60),
        ("a=ptime:99999999999999", 60),
        ("a=ptime:0", 20),
        ("a=ptime:nan", 20),
        ("a=maxptime:10", 10),
        ("a=ptime:60\na=maxptime:40", 40),
        ("a=maxptime:3", 10),
    ] {
        let (answer, audio) = answer(&body(&["m=audio 4000 RTP/AVP 0", lines]));
        assert_eq!(audio.ptime, Duration::from_millis(ptime_ms), "{lines}");
        assert_eq!(answer.media[0].ptime_ms(), Some(ptime_ms as u32));
    }
}

#[test]
fn the_answer_has_the_address_family_of_the_local_address() {
    let offer = body(&["m=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::7"]);
    let (answer, audio) = OfferAnswer::new(1)
        .answer(
            offer.as_bytes(),
            &capabilities(),
            "[2001:db8::5]:10000".parse().unwrap(),
        )
        .unwrap();
    assert!(answer.contains("o=- 0 1 IN IP6 2001:db8::5\r\n"));
    assert!(answer.contains("c=IN IP6 2001:db8::5\r\n"));
    assert_eq!(audio.remote, Some("[2001:db8::7]:4000".parse().unwrap()));
}

#[test]
fn a_host_name_is_reported_and_not_sent_to() {
    let offer = body(&["m=audio 4000 RTP/AVP 0\nc=IN IP4 phone.example.com"]);
    let (_, audio) = answer(&offer);
    assert_eq!(audio.remote, None);
    assert_eq!(
        audio.remote_name,
        Some(("phone.example.com".to_owned(), 4000))
    );
}

#[test]
fn times_are_those_of_the_offer() {
    let offer = body(&["m=audio 4000 RTP/AVP 0"]).replace("t=0 0", "t=3034423619 3042462419");
    assert!(
        try_answer(&offer)
            .unwrap()
            .0
            .contains("\r\nt=3034423619 3042462419\r\n")
    );
}

#[test]
fn bundle_and_keys_are_not_claimed() {
    let offer = body(&["m=audio 4000 RTP/AVP 0
        a=rtcp-mux
        a=rtcp:4001
        a=mid:0
        a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x
        a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host"]);
    let names: Vec<_> = answer(&offer).0.media[0]
        .attributes
        .iter()
        .map(|a| a.name.clone())
        .collect();
    assert_eq!(names, ["rtpmap", "rtcp-mux", "ptime", "sendrecv"]);
}

#[test]
fn rtcp_goes_where_the_offer_says() {
    for (attributes, port) in [
        ("a=ptime:20", Some("192.0.2.1:4001")),
        ("a=rtcp:53020", Some("192.0.2.1:53020")),
        (
            "a=rtcp:53020 IN IP4 198.51.100.9",
            Some("198.51.100.9:53020"),
        ),
        (
            "a=rtcp:53020 IN IP6 2001:db8::9",
            Some("[2001:db8::9]:53020"),
        ),
        ("a=rtcp:0", None),
        ("a=rtcp:70000", None),
        ("a=rtcp:9 IN IP4 0.0.0.0", None),
        ("a=rtcp:9 IN IP4 224.0.0.1", None),
        ("a=rtcp:9 IN IP4 host.example.com", None),
    ] {
        let offer = body(&[&format!("m=audio 4000 RTP/AVP 0\n{attributes}")]);
        let (answer, audio) = answer(&offer);
        let expected = port.map(|port| port.parse().unwrap());
        assert_eq!(audio.remote_rtcp, expected, "{attributes}");
        assert!(!audio.rtcp_mux && !answer.media[0].has("rtcp-mux"));
    }
    let (_, audio) = answer(&body(&["m=audio 65535 RTP/AVP 0"]));
    assert_eq!(audio.remote_rtcp, None, "there is no port above");
}

#[test]
fn a_shared_port_is_agreed_on_if_the_offer_has_it() {
    let (answer, audio) = answer(&body(&["m=audio 4000 RTP/AVP 0\na=rtcp-mux"]));
    assert!(audio.rtcp_mux && answer.media[0].has("rtcp-mux"));
}

#[test]
fn offers_without_usable_audio_are_not_acceptable() {
    use NegotiationError::{NoAudio, NoCodec, NoProtocol};
    let (video, dtls) = ("m=video 4000 RTP/AVP 31", "m=audio 4000 UDP/TLS/RTP/SAVP 0");
    let g729 = "m=audio 4000 RTP/AVP 18";
    let events = "m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000";
    for (sections, why) in [
        (&[][..], NoAudio),
        (&[video], NoAudio),
        (&["m=audio 0 RTP/AVP 0"], NoAudio),
        (&[dtls], NoProtocol),
        (&[g729], NoCodec),
        (&[events], NoCodec),
        (&["m=audio 4000 RTP/AVP 96"], NoCodec),
        (&[video, g729, dtls], NoCodec),
        (&[dtls, video], NoProtocol),
    ] {
        let error = try_answer(&body(sections)).unwrap_err();
        assert_eq!(error, why, "{sections:?}");
    }
}

#[test]
fn broken_offers_are_malformed() {
    let no_address = body(&["m=audio 4000 RTP/AVP 0"]).replace("c=IN IP4 192.0.2.1\r\n", "");
    for offer in ["", "hello", "v=0\r\nm=audio", &no_address] {
        let error = try_answer(offer).unwrap_err();
        assert!(matches!(error, NegotiationError::Malformed(_)), "{offer}");
    }
}

#[test]
fn the_version_rises_only_with_a_change() {
    let version = |body: &str| {
        SessionDescription::parse(body.as_bytes())
            .unwrap()
            .origin
            .session_version
    };
    let offer = body(&["m=audio 4000 RTP/AVP 0 8"]);
    let moved = offer.replace("192.0.2.1", "192.0.2.77");
    let held = offer.clone() + "a=sendonly\r\n";
    let mut exchange = OfferAnswer::new(9);
    let versions = [&offer, &offer, &moved, &held, &held, &offer].map(|offer| {
        version(
            &exchange
                .answer(offer.as_bytes(), &capabilities(), local())
                .unwrap()
                .0,
        )
    });
    assert_eq!(versions, ["1", "1", "1", "2", "2", "3"]);
}

#[test]
fn a_refused_offer_changes_nothing() {
    let mut exchange = OfferAnswer::new(9);
    let offer = body(&["m=audio 4000 RTP/AVP 0"]);
    let first = exchange
        .answer(offer.as_bytes(), &capabilities(), local())
        .unwrap();
    let refused = body(&["m=audio 4000 RTP/AVP 18"]);
    assert!(
        exchange
            .answer(refused.as_bytes(), &capabilities(), local())
            .is_err()
    );
    assert_eq!(exchange.agreed(), Some(&first.1));
    assert_eq!(
        exchange
            .answer(offer.as_bytes(), &capabilities(), local())
            .unwrap(),
        first
    );
}

#[test]
fn g722_and_l16_are_known_by_their_numbers() {
    let capabilities = speaking([CodecId::G722, CodecId::L16_44100, CodecId::L16_48000]);
    let offer = body(&["m=audio 4000 RTP/AVP 11 9 97
        a=rtpmap:97 L16/48000
        a=ptime:30"]);
    let (answer, audio) = OfferAnswer::new(1)
        .answer(offer.as_bytes(), &capabilities, local())
        .unwrap();
    assert!(answer.contains(" RTP/AVP 11 9 97\r\n"), "{answer}");
    assert!(answer.contains("a=rtpmap:9 G722/8000\r\n"), "{answer}");
    // 20 ms of it would not fit a packet.
    assert_eq!(audio.ptime, Duration::from_millis(10));
    assert!(answer.contains("a=ptime:10\r\n"), "{answer}");
}

#[test]
fn no_more_codecs_are_agreed_on_than_decoders_are_worth() {
    let numbers: Vec<_> = (96..128).map(|number| number.to_string()).collect();
    let maps: Vec<_> = numbers
        .iter()
        .map(|number| format!("a=rtpmap:{number} PCMU/8000"))
        .collect();
    let offer = format!(
        "m=audio 4000 RTP/AVP {}\n{}",
        numbers.join(" "),
        maps.join("\n")
    );
    assert_eq!(answer(&body(&[&offer])).1.receive.len(), 8);
}
