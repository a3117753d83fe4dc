//! `parse(write(x)) == x`, for each structured header and for whole messages.

use bytes::Bytes;
use muleteer::sip::message::header::{
    EndReason, Event, MinSe, Refresher, Replaces, SessionExpires, SubscriptionState, Substate,
};
use muleteer::sip::message::{
    CSeq, ContentDisposition, HeaderName, Headers, Host, MediaType, Message, Method, NameAddr,
    Params, RAck, Request, Response, SipUri, StatusCode, TelUri, Uri, Via, sipfrag,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const TOKEN: &str = "[a-zA-Z0-9.!%*_+`'~-]{1,12}";
/// Display names, header values: anything but line ends.
const TEXT: &str = "[^\r\n]{0,20}";

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "[a-zA-Z0-9-]{1,8}(\\.[a-z0-9_]{1,8}){0,2}\\.[a-z]{2,5}".prop_map(Host::Name),
        any::<[u8; 4]>().prop_map(|octets| Host::V4(octets.into())),
        any::<[u8; 16]>().prop_map(|octets| Host::V6(octets.into())),
    ]
}

fn params(value: &'static str) -> impl Strategy<Value = Params> {
    vec((TOKEN, option::of(value)), 0..4).prop_map(|list| {
        let mut params = Params::default();
        for (name, value) in list {
            match value {
                Some(value) => params.set(&name, value),
                None => params.set_flag(&name),
            }
        }
        params
    })
}

fn uri_params() -> impl Strategy<Value = Params> {
    params("[]a-z0-9/:&+$%.\\[-]{0,10}")
}

fn header_params() -> impl Strategy<Value = Params> {
    params("[a-z0-9.:%_-]{0,10}|\"([^\\\\\"\r\n]|\\\\[a-z\"\\\\]){0,10}\"")
}

prop_compose! {
    fn sip_uri()(
        secure: bool,
        user in option::of(("[a-z0-9%;?&=+$,/#*-]{1,12}", option::of("[a-z0-9&=+$:-]{0,6}"))),
        host in host(),
        port: Option<u16>,
        params in uri_params(),
        headers in option::of("[a-z0-9%=&]{0,12}"),
    ) -> SipUri {
        let (user, password) = user.map_or((None, None), |(user, password)| (Some(user), password));
        SipUri { secure, user, password, host, port, params, headers }
    }
}

fn uri() -> impl Strategy<Value = Uri> {
    let tel = ("\\+?[0-9().-]{1,15}", uri_params());
    prop_oneof![
        4 => sip_uri().prop_map(Uri::Sip),
        1 => tel.prop_map(|(number, params)| Uri::Tel(TelUri { number, params })),
        1 => ("urn|http|isbn|x-[a-z]{1,5}", "[!#-;=?-~]{1,20}")
            .prop_map(|(scheme, rest)| Uri::Other { scheme, rest }),
    ]
}

prop_compose! {
    fn name_addr()(display in option::of(TEXT), uri in uri(), params in header_params()) -> NameAddr {
        NameAddr { display, uri, params }
    }
}

prop_compose! {
    fn via()(
        protocol in prop_oneof![4 => Just("SIP/2.0".to_owned()), 1 => Just("SIP/7.0".to_owned())],
        transport in prop_oneof![Just("UDP".to_owned()), Just("tcp".to_owned()), TOKEN],
        host in host(),
        port: Option<u16>,
        params in header_params(),
    ) -> Via {
        Via { protocol: protocol.into(), transport: transport.into(), host, port, params }
    }
}

prop_compose! {
    fn cseq()(number: u32, method in TOKEN) -> CSeq {
        CSeq { number, method: Method::parse(&method).unwrap() }
    }
}

/// `callid = word [ "@" word ]`, without the `@`, which is one of many characters here.
const CALL_ID: &str = "[a-zA-Z0-9.!%*_+`'~()<>:\\\\\"/\\[\\]?{}@-]{1,16}";

prop_compose! {
    fn replaces()(
        call_id in CALL_ID,
        to_tag in TOKEN,
        from_tag in TOKEN,
        early_only: bool,
    ) -> Replaces {
        Replaces { call_id, to_tag, from_tag, early_only }
    }
}

/// Every reason and state that has a name, and some that have none.
fn subscription_state() -> impl Strategy<Value = SubscriptionState> {
    let substate = prop_oneof![
        Just(Substate::Active),
        Just(Substate::Pending),
        Just(Substate::Terminated),
        TOKEN.prop_map(|token| Substate::Other(format!("x-{token}").into())),
    ];
    let reason = prop_oneof![
        Just(EndReason::Deactivated),
        Just(EndReason::Probation),
        Just(EndReason::Rejected),
        Just(EndReason::Timeout),
        Just(EndReason::Giveup),
        Just(EndReason::Noresource),
        Just(EndReason::Invariant),
        TOKEN.prop_map(|token| EndReason::Other(format!("x-{token}").into())),
    ];
    (
        substate,
        option::of(reason),
        any::<Option<u32>>(),
        any::<Option<u32>>(),
    )
        .prop_map(
            |(substate, reason, expires, retry_after)| SubscriptionState {
                substate,
                reason,
                expires,
                retry_after,
            },
        )
}

/// What `read` gives of headers with this one line.
fn line<T>(name: HeaderName, value: impl ToString, read: impl Fn(&Headers) -> T) -> T {
    let mut headers = Headers::new();
    headers.push(name, value.to_string());
    read(&headers)
}

/// Adds the headers that every message has, and others in any number and order.
fn fill(
    message: &mut Message,
    vias: &[Via],
    addresses: &[NameAddr; 2],
    cseq: &CSeq,
    others: Vec<(String, Vec<u8>)>,
) {
    let headers = match message {
        Message::Request(request) => &mut request.headers,
        Message::Response(response) => &mut response.headers,
    };
    for via in vias {
        headers.push(HeaderName::Via, via.to_string());
    }
    headers.push(HeaderName::From, addresses[0].to_string());
    headers.push(HeaderName::To, addresses[1].to_string());
    headers.push(HeaderName::CallId, "word`~)(><:\\/\"][?}{");
    headers.push(HeaderName::CSeq, cseq.to_string());
    for (name, value) in others {
        headers.push(
            HeaderName::parse(format!("X-{name}").as_bytes()).unwrap(),
            value,
        );
    }
}

prop_compose! {
    fn message()(
        (target, status, reason) in (uri(), 100..700_u16, "[^\r\n]{0,20}"),
        is_request: bool,
        vias in vec(via(), 1..3),
        (from, to) in (name_addr(), name_addr()),
        cseq in cseq(),
        others in vec((TOKEN, vec(any::<u8>(), 0..20)), 0..5),
        body in vec(any::<u8>(), 0..100),
    ) -> Message {
        let body = Bytes::from(body);
        let mut message = if is_request {
            let mut request = Request::new(cseq.method.clone(), target);
            if let Uri::Sip(uri) = &mut request.uri {
                uri.headers = None; // A Request-URI has none.
            }
            Message::Request(Request { body, ..request })
        } else {
            let status = StatusCode::new(status).unwrap();
            Message::Response(Response { reason, body, ..Response::new(status) })
        };
        fill(&mut message, &vias, &[from, to], &cseq, others);
        message
    }
}

/// Every letter and digit as an escape.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c.is_ascii_alphanumeric() {
        true => format!("%{:02x}", u32::from(c)),
        false => c.to_string(),
    };
    text.chars().map(escape).collect()
}

proptest! {
    // A failing case is printed; it becomes a test of its own, not a file beside the sources.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_written_uri_is_read_as_it_was(uri in uri()) {
        prop_assert_eq!(Uri::parse(&uri.to_string()), Ok(uri.clone()));
        prop_assert!(uri.equivalent(&uri));
    }

    #[test]
    fn a_written_name_addr_is_read_as_it_was(name_addr in name_addr()) {
        prop_assert_eq!(NameAddr::parse(&name_addr.to_string()), Ok(name_addr));
    }

    #[test]
    fn a_written_via_is_read_as_it_was(via in via()) {
        prop_assert_eq!(Via::parse(&via.to_string()), Ok(via));
    }

    #[test]
    fn a_written_cseq_is_read_as_it_was(cseq in cseq()) {
        prop_assert_eq!(CSeq::parse(&cseq.to_string()), Ok(cseq));
    }

    #[test]
    fn a_written_media_type_is_read_as_it_was(kind in TOKEN, subtype in TOKEN, params in header_params()) {
        let media_type = MediaType { kind, subtype, params };
        prop_assert_eq!(MediaType::parse(&media_type.to_string()), Ok(media_type));
    }

    #[test]
    fn a_written_content_disposition_is_read_as_it_was(kind in TOKEN, params in header_params()) {
        let disposition = ContentDisposition { kind, params };
        prop_assert_eq!(ContentDisposition::parse(&disposition.to_string()), Ok(disposition));
    }

    #[test]
    fn a_written_session_interval_is_read_as_it_was(seconds: u32, refresher in 0..3_usize) {
        let refresher = [None, Some(Refresher::Uac), Some(Refresher::Uas)][refresher];
        let interval = SessionExpires { seconds, refresher };
        prop_assert_eq!(SessionExpires::parse(&interval.to_string()), Ok(interval));
        prop_assert_eq!(MinSe::parse(&MinSe(seconds).to_string()), Ok(MinSe(seconds)));
    }

    #[test]
    fn a_written_rack_is_read_as_it_was(response: u32, cseq in cseq()) {
        let rack = RAck { response, cseq };
        prop_assert_eq!(RAck::parse(&rack.to_string()), Ok(rack));
    }

    #[test]
    fn a_written_replaces_is_read_as_it_was(replaces in replaces()) {
        prop_assert_eq!(Replaces::parse(&replaces.to_string()), Ok(replaces));
    }

    #[test]
    fn a_replaces_embedded_in_a_uri_is_read_as_it_was(uri in sip_uri(), replaces in replaces()) {
        let mut uri = SipUri { headers: None, ..uri };
        uri.embed_header(&HeaderName::Replaces, &replaces.to_string());
        let read = Uri::parse(&uri.to_string()).unwrap();
        let headers = read.as_sip().unwrap().embedded_headers();
        prop_assert_eq!(headers.replaces(), Ok(Some(replaces)));
    }

    #[test]
    fn a_written_event_is_read_as_it_was(package in TOKEN, params in header_params()) {
        let event = Event { package, params };
        let read = Event::parse(&event.to_string());
        prop_assert!(read.as_ref().is_ok_and(|read| read.matches(&event)));
        prop_assert_eq!(read, Ok(event));
    }

    #[test]
    fn a_written_subscription_state_is_read_as_it_was(state in subscription_state()) {
        prop_assert_eq!(SubscriptionState::parse(&state.to_string()), Ok(state));
    }

    #[test]
    fn a_written_number_is_read_as_it_was(number: u32, hops: u8, flag: bool) {
        prop_assert_eq!(line(HeaderName::RSeq, number, Headers::rseq), Ok(number));
        prop_assert_eq!(line(HeaderName::Expires, number, Headers::expires), Ok(Some(number)));
        prop_assert_eq!(line(HeaderName::MinExpires, number, Headers::min_expires), Ok(Some(number)));
        prop_assert_eq!(line(HeaderName::RetryAfter, number, Headers::retry_after), Ok(Some(number)));
        prop_assert_eq!(line(HeaderName::MaxForwards, hops, Headers::max_forwards), Ok(Some(hops)));
        prop_assert_eq!(line(HeaderName::ReferSub, flag, Headers::refer_sub), Ok(Some(flag)));
    }

    #[test]
    fn a_written_call_id_is_read_as_it_was(call_id in CALL_ID) {
        let read = line(HeaderName::CallId, &call_id, |headers| headers.call_id().map(str::to_owned));
        prop_assert_eq!(read, Ok(call_id));
    }

    #[test]
    fn a_written_address_is_read_as_it_was_in_whichever_header(address in name_addr()) {
        let all = |name, read: fn(&Headers) -> _| line(name, &address, read);
        prop_assert_eq!(all(HeaderName::From, Headers::from), Ok(address.clone()));
        prop_assert_eq!(all(HeaderName::To, Headers::to), Ok(address.clone()));
        prop_assert_eq!(all(HeaderName::ReferTo, Headers::refer_to), Ok(address.clone()));
        let referred_by = line(HeaderName::ReferredBy, &address, Headers::referred_by);
        prop_assert_eq!(referred_by, Ok(Some(address)));
    }

    #[test]
    fn a_written_list_of_tokens_is_read_as_it_was(tokens in vec(TOKEN, 0..8)) {
        let read = line(HeaderName::Supported, tokens.join(" , "), |headers| {
            headers.tokens(&HeaderName::Supported).map(str::to_owned).collect::<Vec<_>>()
        });
        prop_assert_eq!(read, tokens);
    }

    #[test]
    fn a_written_status_fragment_is_read_as_it_was(code in 100..700_u16, reason in "[^\r\n]{0,20}") {
        let status = StatusCode::new(code).unwrap();
        let body = sipfrag::write(status, &reason);
        let read = line(HeaderName::ContentType, sipfrag::CONTENT_TYPE, |headers| {
            sipfrag::read(headers, &body)
        });
        prop_assert_eq!(read, Ok(Some((status, reason.trim().to_owned()))));
    }

    #[test]
    fn a_written_list_is_read_as_it_was(
        contacts in vec(name_addr(), 1..6),
        vias in vec(via(), 1..6),
        at in 0..6_usize,
    ) {
        let mut headers = Headers::new();
        let at = at.min(contacts.len());
        let line = |part: &[NameAddr]| {
            part.iter().map(ToString::to_string).collect::<Vec<_>>().join(" , ")
        };
        for part in [&contacts[..at], &contacts[at..]] {
            headers.push(HeaderName::Contact, line(part));
        }
        for via in &vias {
            headers.push(HeaderName::Via, via.to_string());
        }
        for part in [&contacts[..at], &contacts[at..]] {
            headers.push(HeaderName::Route, line(part));
            headers.push(HeaderName::RecordRoute, line(part));
        }
        prop_assert_eq!(headers.routes(), Ok(contacts.clone()));
        prop_assert_eq!(headers.record_routes(), Ok(contacts.clone()));
        prop_assert_eq!(headers.contacts(), Ok(contacts));
        prop_assert_eq!(headers.bottom_via(), Ok(vias[vias.len() - 1].clone()));
        prop_assert_eq!(headers.via(), Ok(vias[0].clone()));
        prop_assert_eq!(headers.vias(), Ok(vias));
    }

    #[test]
    fn rfc3261_19_1_4_equivalence_has_no_direction(a in uri(), b in uri()) {
        prop_assert!(a.equivalent(&a));
        prop_assert_eq!(a.equivalent(&b), b.equivalent(&a));
    }

    #[test]
    fn rfc3261_19_1_4_what_does_not_count_changes_nothing(uri in sip_uri(), turn: usize) {
        let mut other = uri.clone();
        other.host = match other.host {
            Host::Name(name) => Host::Name(name.to_ascii_uppercase()),
            address => address,
        };
        let mut params: Vec<_> = uri.params.iter().collect();
        if !params.is_empty() {
            let len = params.len();
            params.rotate_left(turn % len);
        }
        other.params = Params::default();
        for (name, value) in params {
            match value {
                Some(value) => other.params.set(&name.to_ascii_uppercase(), value.to_ascii_uppercase()),
                None => other.params.set_flag(&name.to_ascii_uppercase()),
            }
        }
        // Every letter of the user may be written as an escape; one that is an escape already may not.
        other.user = uri.user.as_deref().filter(|user| !user.contains('%')).map(escaped).or(other.user);
        prop_assert!(Uri::Sip(uri.clone()).equivalent(&Uri::Sip(other.clone())), "{} {}", uri, other);
    }

    #[test]
    fn rfc3261_19_1_4_what_counts_makes_a_difference(uri in sip_uri(), change in 0..6) {
        let mut other = uri.clone();
        match change {
            0 => other.secure = !uri.secure,
            1 => other.port = uri.port.map_or(Some(5060), |_| None),
            2 => other.user = Some(format!("{}x", uri.user.clone().unwrap_or_default())),
            3 => other.password = Some(format!("{}x", uri.password.clone().unwrap_or_default())),
            4 => other.host = Host::Name("elsewhere.invalid".to_owned()),
            _ => other.params.set("maddr", "elsewhere.invalid"),
        }
        prop_assert!(!Uri::Sip(uri.clone()).equivalent(&Uri::Sip(other.clone())), "{} {}", uri, other);
    }

    #[test]
    fn a_written_message_is_read_as_it_was(message in message()) {
        let read = Message::parse_datagram(message.to_bytes());
        prop_assert_eq!(read.map_err(|bad| bad.error), Ok(message));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC*|[\"<>;,=@:?%\\\\\\[\\]/ a1é-]{0,30}") {
        let _ = (Uri::parse(&text), NameAddr::parse(&text), Via::parse(&text), CSeq::parse(&text));
        let _ = (RAck::parse(&text), Replaces::parse(&text), Event::parse(&text));
        let _ = (SessionExpires::parse(&text), MinSe::parse(&text), SubscriptionState::parse(&text));
        let _ = (MediaType::parse(&text), ContentDisposition::parse(&text));
    }
}
