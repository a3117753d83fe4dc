//! Which new requests the endpoint refuses by itself (RFC 3261 §8.2.1, §8.2.2).

use crate::sip::message::{HeaderName, Method, Request, Response, StatusCode, Uri};

use super::EndpointConfig;

/// Returns the refusal of a request that the TU has no use for. `is_new`: it has no To tag.
///
/// Checks are in the order of RFC 3261 §8.2: method, Request-URI, header, extensions.
/// Whether the request is a merged one and whether there is room for it is for the caller to know.
pub(super) fn refusal(
    config: &EndpointConfig,
    request: &Request,
    is_new: bool,
    tag: impl Fn() -> String,
) -> Option<Response> {
    let answer = |status| Response::answering(request, status, Some(&tag()));
    if !config.allow.contains(&request.method) {
        let mut response = answer(not_served(&request.method));
        response.headers.push(
            HeaderName::Allow,
            list(config.allow.iter().map(Method::as_str)),
        );
        return Some(response);
    }
    if let Uri::Other { .. } = request.uri {
        return Some(answer(StatusCode::UNSUPPORTED_URI_SCHEME));
    }
    match request.headers.max_forwards() {
        // OPTIONS with 0 asks whoever is here (RFC 3261 §11), and what belongs to a dialog has arrived: a call
        // that the last proxy on the way set up must be able to end.
        Ok(Some(0)) if is_new && request.method != Method::Options => {
            return Some(answer(StatusCode::TOO_MANY_HOPS));
        }
        Ok(_) => {}
        Err(_) => return Some(answer(StatusCode::BAD_REQUEST)),
    }
    let unsupported: Vec<&str> = request
        .headers
        .tokens(&HeaderName::Require)
        .filter(|tag| {
            !config
                .supported
                .iter()
                .any(|known| known.eq_ignore_ascii_case(tag))
        })
        .collect();
    if unsupported.is_empty() {
        return None;
    }
    let mut response = answer(StatusCode::BAD_EXTENSION);
    response
        .headers
        .push(HeaderName::Unsupported, list(unsupported.into_iter()));
    Some(response)
}

/// The answer to a method that is not served, which has an Allow: 501 if nobody here has heard of it, else 405
/// (RFC 3261 §8.2.1, §21.5.2).
pub fn not_served(method: &Method) -> StatusCode {
    match method {
        Method::Other(_) => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::METHOD_NOT_ALLOWED,
    }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
