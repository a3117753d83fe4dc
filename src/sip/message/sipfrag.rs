//! Bodies of the type `message/sipfrag` (RFC 3420): how a request stands that somebody was asked to send.

use bytes::Bytes;

use super::{Headers, StatusCode, body};

/// The type, as Accept has it.
pub const SIPFRAG: &str = "message/sipfrag";
/// The type, as the Content-Type of what [`write()`] gives (RFC 3515 §2.4.5).
pub const CONTENT_TYPE: &str = "message/sipfrag;version=2.0";

/// Why a body says nothing about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoStatus {
    /// It is of another type: 415.
    #[error(transparent)]
    Type(#[from] body::UnsupportedBody),
    /// It does not begin with a status line: 400.
    #[error("no status line in the body")]
    Malformed,
}

/// The body that tells of a response; only its status line, which nobody can learn anything else from
/// (RFC 3515 §5.3).
pub fn write(status: StatusCode, reason: &str) -> Bytes {
    let reason = reason.replace(['\r', '\n'], " ");
    format!("SIP/2.0 {status} {reason}\r\n").into()
}

/// The status and reason phrase that a message's body tells of; `None` if it has no body.
///
/// # Errors
/// See [`NoStatus`].
pub fn read(headers: &Headers, body: &Bytes) -> Result<Option<(StatusCode, String)>, NoStatus> {
    let fragment = body::part(headers, body, SIPFRAG)?;
    if fragment.is_empty() {
        return Ok(None);
    }
    let line = fragment.split(|b| matches!(b, b'\r' | b'\n')).next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    status_line(&line).map(Some).ok_or(NoStatus::Malformed)
}

/// `Status-Line = SIP-Version SP Status-Code SP Reason-Phrase`; the last blank may be missing.
fn status_line(line: &str) -> Option<(StatusCode, String)> {
    let (version, rest) = line.split_once(' ')?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_code = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    let status = StatusCode::new(code.parse().ok().filter(|_| is_code)?)?;
    let is_sip = version.eq_ignore_ascii_case("SIP/2.0");
    is_sip.then(|| (status, reason.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::HeaderName;

    fn read(content_type: &str, text: &str) -> Result<Option<(u16, String)>, NoStatus> {
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentType, content_type.to_owned());
        let read = super::read(&headers, &Bytes::copy_from_slice(text.as_bytes()))?;
        Ok(read.map(|(status, reason)| (status.code(), reason)))
    }

    #[test]
    fn what_is_written_can_be_read() {
        let body = write(StatusCode::BUSY_HERE, "Busy\r\nHere");
        assert_eq!(body, "SIP/2.0 486 Busy  Here\r\n");
        let text = String::from_utf8_lossy(&body);
        let expected = Ok(Some((486, "Busy  Here".to_owned())));
        assert_eq!(read(CONTENT_TYPE, &text), expected);
    }

    #[test]
    fn the_status_line_counts_and_headers_may_follow() {
        for (text, status, reason) in [
            ("SIP/2.0 200 OK", 200, "OK"),
            ("sip/2.0 100\r\n", 100, ""),
            ("SIP/2.0 603 Declined\r\nTo: x\r\n\r\n", 603, "Declined"),
        ] {
            let expected = Ok(Some((status, reason.to_owned())));
            assert_eq!(read("Message/SipFrag", text), expected, "{text}");
        }
        assert_eq!(read("text/plain", ""), Ok(None));
    }

    #[test]
    fn what_tells_of_no_response_is_refused() {
        for text in [
            "SIP/2.0",
            "SIP/2.0 20 OK",
            "SIP/3.0 200 OK",
            "SIP/2.0 700 X",
            "\r\n",
            "INVITE sip:a@b SIP/2.0",
        ] {
            assert_eq!(read(SIPFRAG, text), Err(NoStatus::Malformed), "{text}");
        }
        let other = Err(NoStatus::Type(body::UnsupportedBody));
        assert_eq!(read("application/sdp", "v=0"), other);
    }
}
