use super::*;
use crate::sdp::Direction;

/// A phone's offer in good order, which every reader must understand alike.
const PHONE: &str = "v=0\r\n\
    o=alice 2890844526 2890844527 IN IP4 192.0.2.1\r\n\
    s=a call\r\n\
    i=not kept\r\n\
    c=IN IP4 192.0.2.1\r\n\
    b=AS:80\r\n\
    t=0 0\r\n\
    a=group:BUNDLE 0 1\r\n\
    m=audio 49170 RTP/AVP 111 0 101\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 useinbandfec=1;stereo=0\r\n\
    a=rtpmap:101 telephone-event/48000\r\n\
    a=fmtp:101 0-15\r\n\
    a=ptime:20\r\n\
    a=inactive\r\n\
    m=video 51372/2 RTP/AVP 31\r\n\
    c=IN IP6 2001:db8::1\r\n\
    a=rtpmap:31 H261/90000\r\n";

fn parse(body: &str) -> SessionDescription {
    SessionDescription::parse(body.as_bytes()).unwrap()
}

#[test]
fn a_phones_offer_is_read_as_it_stands() {
    let read = parse(PHONE);
    assert_eq!(read.media[0].formats, ["111", "0", "101"]);
    assert_eq!(read.media[1].protocol, "RTP/AVP");
    assert_eq!(read.media[1].port, 51372);
    assert_eq!(read.direction_of(&read.media[0]), Direction::Inactive);
    assert_eq!(read.origin.session_version, "2890844527");
}

#[test]
fn the_channels_of_an_rtpmap_survive() {
    let description = parse(PHONE);
    let opus = &description.media[0].audio_formats()[0];
    assert_eq!(
        (&*opus.encoding_name, opus.clock_rate, opus.channels),
        ("opus", 48_000, 2)
    );
    assert!(
        description
            .to_string()
            .contains("a=rtpmap:111 opus/48000/2\r\n")
    );
}

#[test]
fn a_last_line_without_line_end_counts() {
    let body = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                m=audio 4000 RTP/AVP 0\r\na=sendonly";
    let description = parse(body);
    assert_eq!(
        description.direction_of(&description.media[0]),
        Direction::SendOnly
    );
}

#[test]
fn lines_out_of_order_lose_nothing() {
    let body = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\na=recvonly\r\nt=0 0\r\ns=-\r\n\
                m=audio 4000 RTP/AVP 0\r\na=ptime:30\r\nb=AS:64\r\nc=IN IP4 192.0.2.9\r\n\
                a=sendonly\r\nm=video 4002 RTP/AVP 31\r\na=inactive\r\nc=IN IP4 192.0.2.8\r\n";
    let description = parse(body);
    let [audio, video] = &description.media[..] else {
        panic!("two sections")
    };
    assert_eq!(audio.ptime_ms(), Some(30));
    assert_eq!(audio.connection, ConnectionAddress::parse("192.0.2.9"));
    assert_eq!(description.direction_of(audio), Direction::SendOnly);
    assert_eq!(video.connection, ConnectionAddress::parse("192.0.2.8"));
    assert_eq!(description.direction_of(video), Direction::Inactive);
}

#[test]
fn what_is_odd_but_can_be_understood_is_read() {
    let base = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                m=audio 4000 RTP/AVP 0\r\na=ptime:20\r\n";
    for (plain, odd) in [
        (
            "o=- 1 1 IN IP4 192.0.2.1",
            "o=- 1 1 IN IP4 phone.example.com",
        ),
        (
            "o=- 1 1 IN IP4 192.0.2.1",
            "o=Alice B. 1 1 IN IP4 192.0.2.1",
        ),
        ("c=IN IP4 192.0.2.1", "c=IN IP4 phone.example.com"),
        ("a=ptime:20", "a=rtpmap:101 telephone-event"),
        ("a=ptime:20", "a=ptime:fast"),
        ("a=ptime:20", "a=orient:sideways"),
        ("t=0 0", "t=now"),
        ("4000 RTP", "4000/300 RTP"),
    ] {
        let body = base.replacen(plain, odd, 1);
        assert_eq!(
            parse(&body).media[0].audio_formats()[0].encoding_name,
            "PCMU",
            "{odd}"
        );
    }
}

#[test]
fn missing_lines_get_neutral_values() {
    for line_end in ["\n", "\r", "\r\n", "\n\n"] {
        let body = ["v=0", "c=IN IP4 192.0.2.1", "m=audio 4000 RTP/AVP 0"].join(line_end);
        let description = parse(&body);
        assert_eq!(description.origin, Origin::default());
        assert_eq!(
            (&*description.name, &description.times[..]),
            ("-", &[Time::default()][..])
        );
        assert_eq!(description.media.len(), 1);
    }
}

#[test]
fn lines_that_nobody_needs_are_not_looked_at() {
    for line in [
        "r=9223372036854775807 1 0",
        "z=0 9223372036854775807d",
        "r=-9223372036854775808h 1 0",
    ] {
        let body = PHONE.replace("t=0 0\r\n", &format!("t=0 0\r\n{line}\r\n"));
        assert_eq!(parse(&body), parse(PHONE));
    }
}

#[test]
fn what_cannot_be_a_description_is_refused_by_cause() {
    let with = |line: &str| format!("v=0\r\n{line}\r\n").into_bytes();
    for (body, error) in [
        (b"".to_vec(), SdpError::NoVersion),
        (b"v=1\r\n".to_vec(), SdpError::NoVersion),
        (
            b"o=- 1 1 IN IP4 192.0.2.1\r\n".to_vec(),
            SdpError::NoVersion,
        ),
        (with("hello"), SdpError::BadLine { line: 2 }),
        (with("rtpmap=1"), SdpError::BadLine { line: 2 }),
        (with("o=alice"), SdpError::BadOrigin),
        (with("c=IN IP4"), SdpError::BadConnection),
        (with("c=ATM NSAP 47.0091"), SdpError::BadConnection),
        (with("m=audio"), SdpError::BadMedia),
        (with("m=audio 70000 RTP/AVP 0"), SdpError::BadMedia),
        (with("m="), SdpError::BadMedia),
    ] {
        let text = String::from_utf8_lossy(&body);
        assert_eq!(SessionDescription::parse(&body), Err(error), "{text}");
    }
}

#[test]
fn limits_are_exact() {
    let repeated = |head: &str, line: &str, count: usize| {
        SessionDescription::parse(format!("v=0\r\n{head}{}", line.repeat(count)).as_bytes())
    };
    let media = "m=audio 0 RTP/AVP 0\r\n";
    let formats = |count: usize| format!("m=audio 0 RTP/AVP{}\r\n", " 0".repeat(count));
    for (head, line, limit, error) in [
        ("", media, MAX_MEDIA, SdpError::TooManyMedia),
        (
            media,
            "a=x\r\n",
            MAX_ATTRIBUTES_PER_SECTION,
            SdpError::TooManyAttributes,
        ),
        (
            "",
            "a=x\r\n",
            MAX_ATTRIBUTES_PER_SECTION,
            SdpError::TooManyAttributes,
        ),
        ("", "t=0 0\r\n", MAX_TIMES, SdpError::TooManyTimes),
        (
            "m=audio 0 RTP/AVP",
            " 0",
            MAX_FORMATS_PER_MEDIA,
            SdpError::TooManyFormats,
        ),
    ] {
        assert!(repeated(head, line, limit).is_ok(), "{error}");
        assert_eq!(repeated(head, line, limit + 1), Err(error));
    }
    assert!(repeated("", &formats(MAX_FORMATS_PER_MEDIA), MAX_MEDIA).is_ok());
    let long = MAX_DESCRIPTION_BYTES - "v=0\r\n".len();
    assert!(repeated("", "\n", long).is_ok());
    assert_eq!(repeated("", "\n", long + 1), Err(SdpError::TooLong));
}

#[test]
fn what_is_written_reads_back_the_same() {
    let description = parse(PHONE);
    assert_eq!(parse(&description.to_string()), description);
}

#[test]
fn blanks_around_the_name_of_an_attribute_are_left_out() {
    for (text, name, value) in [
        ("sendonly ", "sendonly", None),
        ("x :", "x", None),
        (" rtpmap : 0 PCMU/8000", "rtpmap", Some(" 0 PCMU/8000")),
    ] {
        let attribute = Attribute::parse(text);
        assert_eq!(
            (&*attribute.name, attribute.value.as_deref()),
            (name, value)
        );
    }
}

#[test]
fn a_connection_line_needs_an_address_or_what_may_be_a_name() {
    for wrong in [
        "IN IP4 ",
        "IN IP4 /127",
        "IN IP4 a,b",
        "IN IP6 [::1]",
        "IN IP4 \u{fc}.example",
        "IN IP4 999.0.0.1",
        "IN IP4 192.0.2",
        "IN IP4 192.0.2.1.",
        "IN IP4 ...",
        "IN IP4 ::1",
        "IN IP6 127.0.0.1",
    ] {
        let body = format!("v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nc={wrong}\r\nt=0 0\r\n");
        let error = SessionDescription::parse(body.as_bytes()).unwrap_err();
        assert_eq!(error, SdpError::BadConnection, "{wrong}");
    }
    for right in [
        "IN IP4 host.example.",
        "IN IP6 my_host",
        "IN IP4 224.2.1.1/127/3",
        "IN IP6 ::ffff:192.0.2.1",
        "IN IP4 4.example.x1",
    ] {
        let body = format!("v=0\r\nc={right}\r\n");
        assert!(
            SessionDescription::parse(body.as_bytes()).is_ok(),
            "{right}"
        );
    }
}
