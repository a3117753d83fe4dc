//! Which opening handshakes of WebSockets are refused, and how (RFC 6455 §4.2, RFC 7118 §4).
//!
//! Whoever comes here with something else gets an answer of HTTP that says what is spoken here, and is then given
//! the time to read it.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::{
    ErrorResponse, Request, Response, write_response,
};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode, header};

/// How long a peer that was refused may take to read why, and what it may send meanwhile: more than the longest
/// handshake that is read. Picked by feel.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 128 * 1024;

/// Says whether an opening handshake that is one in general is one for us: it offers the sub-protocol `sip`, and
/// is from a page of one of `origins`, if there are any.
///
/// # Errors
/// The response that refuses it.
#[allow(clippy::result_large_err)] // given by the library
pub(super) fn admit(
    request: &Request,
    mut response: Response,
    origins: &[String],
) -> Result<Response, ErrorResponse> {
    let headers = request.headers();
    if !offers_sip(headers) {
        return Err(refusal(
            StatusCode::BAD_REQUEST,
            "the sub-protocol sip is spoken here",
        ));
    }
    let origin = headers.get(header::ORIGIN);
    let known = |origin: &HeaderValue| {
        let is_it = |own: &String| own.as_bytes().eq_ignore_ascii_case(origin.as_bytes());
        origins.iter().any(is_it)
    };
    if !origins.is_empty() && !origin.is_some_and(known) {
        return Err(refusal(StatusCode::FORBIDDEN, "not from this origin"));
    }
    let sip = HeaderValue::from_static("sip");
    let name = header::SEC_WEBSOCKET_PROTOCOL;
    response.headers_mut().insert(name, sip);
    Ok(response)
}

fn offers_sip(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut names = offered
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    names.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"sip"))
}

/// Answers a handshake that failed, unless the library has done so or there is nobody to answer, and ends the
/// stream. Takes at most [`LINGER`] longer than the answer takes to be written.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, error: &Error) {
    let written = match answer(error) {
        Some(answer) => stream.write_all(&text(&answer)).await,
        None => Ok(()),
    };
    if written.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    // A connection that is closed with bytes unread is reset, and the reset may be there before the answer is read.
    let mut unread = stream.take(LINGER_BYTES);
    let _ = timeout(LINGER, copy(&mut unread, &mut sink())).await;
}

/// `None`: the callback's refusal has been sent, or the peer is gone.
fn answer(error: &Error) -> Option<ErrorResponse> {
    use ProtocolError::{
        HandshakeIncomplete, MissingConnectionUpgradeHeader, MissingSecWebSocketVersionHeader,
        MissingUpgradeWebSocketHeader,
    };
    match error {
        Error::Http(_) | Error::Io(_) | Error::Protocol(HandshakeIncomplete) => None,
        Error::Protocol(
            MissingConnectionUpgradeHeader
            | MissingUpgradeWebSocketHeader
            | MissingSecWebSocketVersionHeader,
        ) => Some(upgrade_required()),
        Error::AttackAttempt => Some(refusal(
            StatusCode::BAD_REQUEST,
            "the request is too long, or comes in too small pieces",
        )),
        error => Some(refusal(StatusCode::BAD_REQUEST, &error.to_string())),
    }
}

/// For requests that ask for no WebSocket (RFC 7231 §6.5.15) or for one of another version (RFC 6455 §4.4).
fn upgrade_required() -> ErrorResponse {
    let reason = "SIP is spoken here, over WebSockets of version 13";
    let mut response = refusal(StatusCode::UPGRADE_REQUIRED, reason);
    for (name, value) in [
        (header::CONNECTION, "close, upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_VERSION, "13"),
    ] {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn refusal(status: StatusCode, reason: &str) -> ErrorResponse {
    let body = format!("{reason}\r\n");
    let length = HeaderValue::from(body.len());
    let mut response = ErrorResponse::new(Some(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, plain);
    headers.insert(header::CONTENT_LENGTH, length);
    response
}

/// The response as it is sent.
fn text(response: &ErrorResponse) -> Vec<u8> {
    let mut text = Vec::new();
    // Fails for values that are no text, and for other versions of HTTP, of which a refusal has none.
    let _ = write_response(&mut text, response);
    text.extend_from_slice(response.body().as_deref().unwrap_or_default().as_bytes());
    text
}
