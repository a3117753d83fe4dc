//! SIP messages as events of the language: the parameters that they all have.

use crate::dsm::module::MessagePart;
use crate::dsm::{Event, EventKind};
use crate::sip::dialog::transfer::Refer;
use crate::sip::message::{HeaderName, Headers, Method, NameAddr, ParseError, Request};

/// Header lines of a message that are parameters of its event, each by its name.
const MAX_HEADERS: usize = 64;

/// What a request is in the language.
pub fn request_event(request: &Request) -> Event {
    let event = Event::new(EventKind::SipRequest)
        .with("method", request.method.as_str())
        .with("r_uri", request.uri.to_string());
    let event = match request.method {
        Method::Refer => about_refer(event, request),
        _ => event,
    };
    about(event, &request.headers, &request.body)
}

/// Adds what a REFER asks for.
fn about_refer(event: Event, request: &Request) -> Event {
    let Ok(refer) = Refer::read(request) else {
        return event;
    };
    let replaces = refer.replaces.map(|replaces| replaces.to_string());
    let referred_by = refer.referred_by.map(|party| party.uri.to_string());
    event
        .with("refer_to", refer.target.to_string())
        .with("refer_method", refer.method.as_str())
        .with("refer_replaces", replaces.unwrap_or_default())
        .with("referred_by", referred_by.unwrap_or_default())
}

/// Adds what all messages have.
pub fn about(event: Event, headers: &Headers, body: &[u8]) -> Event {
    let text = |header: HeaderName| headers.text(&header).unwrap_or_default().into_owned();
    let cseq = headers.cseq().map_or(0, |cseq| cseq.number);
    let tag = |party: Result<NameAddr, ParseError>| {
        let party = party.ok();
        party
            .and_then(|party| party.tag().map(str::to_owned))
            .unwrap_or_default()
    };
    let mut event = event
        .with("from", text(HeaderName::From))
        .with("to", text(HeaderName::To))
        .with("from_tag", tag(headers.from()))
        .with("to_tag", tag(headers.to()))
        .with("callid", text(HeaderName::CallId))
        .with("hdrs", headers.to_string())
        .with("cseq", cseq.to_string())
        .with("content_type", text(HeaderName::ContentType))
        .with("body", String::from_utf8_lossy(body));
    let mut seen: Vec<&HeaderName> = Vec::new();
    for (name, _) in headers.iter().take(MAX_HEADERS) {
        if !seen.contains(&name) {
            seen.push(name);
            let values: Vec<_> = headers.all(name).map(String::from_utf8_lossy).collect();
            event = event.with(&format!("hdr.{name}"), values.join(", "));
        }
    }
    event
}

/// A part of a message that modules know by the name `object`.
pub fn part(headers: &Headers, body: &[u8], object: &str, part: MessagePart<'_>) -> Option<String> {
    match part {
        MessagePart::Header(name) => {
            let name = HeaderName::parse(name.as_bytes())?;
            let values: Vec<_> = headers.all(&name).map(String::from_utf8_lossy).collect();
            (!values.is_empty()).then(|| values.join(", "))
        }
        MessagePart::Body(name) if name.is_empty() || name == object => {
            Some(String::from_utf8_lossy(body).into_owned())
        }
        MessagePart::Body(_) => None,
    }
}

/// What `@name` gives in a session that a request of a peer began; `None` if it is unknown.
pub fn select(request: &Request, local_tag: &str, name: &str) -> Option<String> {
    let headers = &request.headers;
    let sip = request.uri.as_sip();
    let text = |header: HeaderName| headers.text(&header).map(|text| text.into_owned());
    Some(match name {
        "local_tag" => local_tag.to_owned(),
        "remote_tag" => headers.from().ok()?.tag().unwrap_or_default().to_owned(),
        "callid" => headers.call_id().ok()?.to_owned(),
        "user" => sip?.user_decoded()?.into_owned(),
        "domain" => sip?.host.to_string(),
        "local_uri" => request.uri.to_string(),
        "remote_uri" => headers.from().ok()?.uri.to_string(),
        "local_party" => text(HeaderName::To)?,
        "remote_party" => text(HeaderName::From)?,
        _ => return None,
    })
}
