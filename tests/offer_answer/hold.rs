use super::*;
use muleteer::sdp::Direction::{self, *};

fn direction_answered(offer: &str) -> Direction {
    let (answer, audio) = answer(offer);
    assert_eq!(answer.direction_of(&answer.media[0]), audio.direction);
    audio.direction
}

#[test]
fn our_direction_mirrors_the_peers() {
    for (offered, ours) in [
        ("a=sendrecv", SendRecv),
        ("a=sendonly", RecvOnly),
        ("a=recvonly", SendOnly),
        ("a=inactive", Inactive),
        ("", SendRecv),
    ] {
        assert_eq!(
            direction_answered(&body(&["m=audio 4000 RTP/AVP 0", offered])),
            ours
        );
    }
}

#[test]
fn a_direction_of_the_session_holds_where_the_stream_states_none() {
    assert_eq!(
        direction_answered(&body(&["a=sendonly", "m=audio 4000 RTP/AVP 0"])),
        RecvOnly
    );
    let both = body(&["a=sendonly", "m=audio 4000 RTP/AVP 0\na=sendrecv"]);
    assert_eq!(direction_answered(&both), SendRecv);
}

#[test]
fn an_unspecified_address_is_a_hold() {
    for address in [
        "IP4 0.0.0.0",
        "IP6 ::",
        "IP4 224.2.1.1/127",
        "IP4 255.255.255.255",
        "IP6 ::ffff:255.255.255.255",
        "IP6 ::ffff:224.2.1.1",
        "IP6 ::ffff:0.0.0.0",
    ] {
        let offer = body(&["m=audio 4000 RTP/AVP 0", &format!("c=IN {address}")]);
        assert_eq!(answer(&offer).1.remote, None, "{address}");
    }
}

#[test]
fn rfc5118_4_9_an_ipv4_address_inside_an_ipv6_one_is_reached_over_ipv4() {
    let offer = body(&["m=audio 4000 RTP/AVP 0", "c=IN IP6 ::ffff:192.0.2.2"]);
    assert_eq!(answer(&offer).1.remote, "192.0.2.2:4000".parse().ok());
}

#[test]
fn a_repeated_offer_with_port_0_disables_the_stream_and_a_later_one_brings_it_back() {
    let offer = body(&["m=audio 4000 RTP/AVP 0"]);
    let mut exchange = OfferAnswer::new(9);
    let mut answer = |offer: &str| exchange.answer(offer.as_bytes(), &capabilities(), local());
    let (_, before) = answer(&offer).unwrap();

    let (body, disabled) = answer(&offer.replace("4000", "0")).unwrap();
    assert_eq!(media_lines(&body), ["m=audio 0 RTP/AVP 0"]);
    assert_eq!((disabled.remote, disabled.direction), (None, Inactive));

    let (body, after) = answer(&offer).unwrap();
    assert_eq!(media_lines(&body), ["m=audio 10000 RTP/AVP 0"]);
    assert_eq!(after, before);
}
