//! Which part of a body is meant: the whole, or one part of a multipart (RFC 2046 §5.1, RFC 5621).

use bytes::Bytes;

use super::lex::is_blank;
use super::{ContentDisposition, HeaderName, Headers, MediaType};

/// The body has no part of the wanted type; a request with it gets 415 (RFC 3261 §8.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("body of a type that is not understood")]
pub struct UnsupportedBody;

/// Multiparts inside multiparts that are looked into.
const MAX_DEPTH: u8 = 4;
/// Parts looked at in a multipart body; carriers send two or three.
const MAX_PARTS: usize = 32;

/// The part of `body` that is of the type `wanted`, such as `application/sdp`; empty if the body
/// is, or if nothing else than that part is there and the sender says that it may be left aside
/// (`handling=optional`, RFC 3261 §20.11). A body without Content-Type is taken for what is wanted.
///
/// Other parts of a multipart body are left aside, whatever they say of themselves, and parts inside
/// parts are not looked for.
///
/// # Errors
/// [`UnsupportedBody`] when there is none, and when the body is encoded (RFC 3261 §20.12).
pub fn part(headers: &Headers, body: &Bytes, wanted: &str) -> Result<Bytes, UnsupportedBody> {
    if body.is_empty() {
        return Ok(Bytes::new());
    }
    match find(headers, body, wanted) {
        Some(part) => Ok(part),
        None if is_optional(headers) => Ok(Bytes::new()),
        None => Err(UnsupportedBody),
    }
}

fn find(headers: &Headers, body: &Bytes, wanted: &str) -> Option<Bytes> {
    let mut encodings = headers.tokens(&HeaderName::ContentEncoding);
    if encodings.any(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return None;
    }
    let Some(media_type) = headers.content_type() else {
        return Some(body.clone());
    };
    if media_type == wanted {
        return Some(body.clone());
    }
    if !media_type.starts_with("multipart/") {
        return None;
    }
    let media_type = MediaType::parse(&headers.text(&HeaderName::ContentType)?).ok()?;
    let boundary = media_type.params.unquoted("boundary")?;
    let parts = parts(body, &boundary);
    let found = parts.into_iter().find_map(|part| of_type(part, wanted));
    found.map(|part| body.slice_ref(part))
}

/// The content of type `wanted` in `body`: the whole, or the first part of a multipart, also inside
/// others. Types are compared ignoring case and parameters.
pub fn content(headers: &Headers, body: &Bytes, wanted: &str) -> Option<Bytes> {
    let written = headers.text(&HeaderName::ContentType)?;
    let found = content_of(&written, body, wanted.trim(), MAX_DEPTH)?;
    Some(body.slice_ref(found))
}

fn content_of<'a>(written: &str, body: &'a [u8], wanted: &str, depth: u8) -> Option<&'a [u8]> {
    let media_type = written.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case(wanted) {
        return Some(body);
    }
    if depth == 0 || !media_type.to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    let media_type = MediaType::parse(written).ok()?;
    let boundary = media_type.params.unquoted("boundary")?;
    parts(body, &boundary).into_iter().find_map(|part| {
        let (head, content) = head_and_content(part)?;
        let head = String::from_utf8_lossy(head);
        let written = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_type = name.trim().eq_ignore_ascii_case("content-type");
            is_type.then(|| value.trim())
        })?;
        content_of(written, content, wanted, depth - 1)
    })
}

/// The headers of a part, and what follows them. The line end before the next boundary belongs to the
/// boundary.
fn head_and_content(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memmem::find(part, b"\r\n\r\n")?;
    let content = &part[end + 4..];
    Some((
        &part[..end],
        content.strip_suffix(b"\r\n").unwrap_or(content),
    ))
}

fn is_optional(headers: &Headers) -> bool {
    let disposition = headers.text(&HeaderName::ContentDisposition);
    disposition.is_some_and(|text| {
        ContentDisposition::parse(&text).is_ok_and(|disposition| disposition.is_optional())
    })
}

/// What stands between the boundary lines, each part with its headers, up to the closing one.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let delimiter = format!("--{boundary}");
    let (mut parts, mut begun) = (Vec::new(), None);
    for at in memchr::memmem::find_iter(body, delimiter.as_bytes()) {
        let behind = &body[at + delimiter.len()..];
        let closes = behind.starts_with(b"--");
        let begins_line = at == 0 || body[at - 1] == b'\n';
        // Another boundary may begin with this one.
        if !begins_line || !(closes || is_blank_line(behind)) {
            continue;
        }
        if let Some(start) = begun {
            parts.push(&body[start..at]);
        }
        if closes || parts.len() == MAX_PARTS {
            break;
        }
        begun = Some(at + delimiter.len());
    }
    parts
}

fn is_blank_line(text: &[u8]) -> bool {
    let end = text.iter().find(|byte| !is_blank(**byte));
    matches!(end, Some(b'\r' | b'\n'))
}

/// The content of `part` if its headers say that it is of type `wanted`.
fn of_type<'a>(part: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let (head, content) = head_and_content(part)?;
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let is_wanted = head.split("\r\n").any(|line| {
        let value = line.strip_prefix("content-type:").map(str::trim);
        value.is_some_and(|value| value.split(';').next().map(str::trim) == Some(wanted))
    });
    is_wanted.then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "application/sdp";

    fn found(content_type: &str, body: &str) -> Result<String, UnsupportedBody> {
        let mut headers = Headers::new();
        if !content_type.is_empty() {
            headers.push(HeaderName::ContentType, content_type.to_owned());
        }
        let body = Bytes::from(body.to_owned());
        part(&headers, &body, SDP).map(|part| String::from_utf8_lossy(&part).into_owned())
    }

    #[test]
    fn a_body_of_the_wanted_type_or_of_none_is_taken_whole() {
        assert_eq!(
            found("application/sdp", "v=0\r\n").as_deref(),
            Ok("v=0\r\n")
        );
        assert_eq!(found("", "v=0\r\n").as_deref(), Ok("v=0\r\n"));
        assert_eq!(found("text/plain", "").as_deref(), Ok(""));
    }

    #[test]
    fn another_type_is_not_understood() {
        assert_eq!(found("text/plain", "v=0\r\n"), Err(UnsupportedBody));
        assert_eq!(found("multipart/mixed", "v=0\r\n"), Err(UnsupportedBody));
    }

    #[test]
    fn the_wanted_part_of_a_multipart_body_is_found() {
        let body = "--b 1\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n\
                    --b 1\r\nContent-Disposition: session\r\ncontent-type: Application/SDP; x=1\r\n\r\n\
                    v=0\r\ns=-\r\n\r\n--b 1--\r\n";
        let sdp = found("multipart/mixed;boundary=\"b 1\"", body);
        assert_eq!(sdp.as_deref(), Ok("v=0\r\ns=-\r\n"));
    }

    #[test]
    fn a_boundary_that_begins_like_the_one_meant_and_what_follows_the_last_are_no_parts() {
        let sdp = "Content-Type: application/sdp\r\n\r\n";
        let other =
            format!("--b\r\n\r\ntext\r\n--bc\r\n{sdp}no\r\n--b \t\r\n{sdp}yes\r\n--b--\r\n");
        assert_eq!(
            found("multipart/mixed;boundary=b", &other).as_deref(),
            Ok("yes")
        );
        let epilogue = format!("--b\r\n\r\ntext\r\n--b--\r\n--b\r\n{sdp}no\r\n--b--\r\n");
        assert_eq!(
            found("multipart/mixed;boundary=b", &epilogue),
            Err(UnsupportedBody)
        );
    }

    fn found_with(name: HeaderName, value: &'static str) -> Result<Bytes, UnsupportedBody> {
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentType, "text/x");
        headers.set(name, value);
        part(&headers, &Bytes::from_static(b"v=0"), SDP)
    }

    #[test]
    fn rfc3261_20_11_an_optional_body_that_is_not_understood_is_left_aside() {
        let found = |value| found_with(HeaderName::ContentDisposition, value);
        assert_eq!(found("render;handling=optional"), Ok(Bytes::new()));
        assert_eq!(found("render;handling=required"), Err(UnsupportedBody));
        assert_eq!(found("=handling=optional"), Err(UnsupportedBody));
    }

    #[test]
    fn rfc3261_20_12_an_encoded_body_is_not_understood() {
        let mut headers = Headers::new();
        headers.push(HeaderName::ContentType, SDP);
        let body = Bytes::from_static(b"v=0");
        headers.set(HeaderName::ContentEncoding, "Identity");
        assert_eq!(part(&headers, &body, SDP), Ok(body.clone()));
        headers.set(HeaderName::ContentEncoding, "gzip");
        assert_eq!(part(&headers, &body, SDP), Err(UnsupportedBody));
    }

    #[test]
    fn broken_multipart_bodies_have_no_part() {
        for body in [
            "--b",
            "--b\r\n--b",
            "--b\r\nContent-Type: application/sdp\r\n",
            "x--b\r\n--b--",
        ] {
            assert_eq!(
                found("multipart/mixed;boundary=b", body),
                Err(UnsupportedBody),
                "{body}"
            );
        }
    }

    #[test]
    fn content_is_found_in_any_depth_with_all_its_bytes() {
        let body = Bytes::from_static(
            b"--a\r\nContent-Type: multipart/related; boundary=\"B\"\r\n\r\n\
              --B\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
              --B\r\ncontent-type: Application/QSIG;version=x\r\n\r\n\x01\0\xFF\r\n--B--\r\n\
              \r\n--a--\r\n",
        );
        let mut headers = Headers::default();
        headers.push(HeaderName::ContentType, "Multipart/Mixed;boundary=a");
        let found = |wanted| content(&headers, &body, wanted);
        assert_eq!(
            found("application/qsig").as_deref(),
            Some(&b"\x01\0\xFF"[..])
        );
        assert_eq!(found("text/plain").as_deref(), Some(&b"hello"[..]));
        assert_eq!(found("text/none"), None);
        assert_eq!(found("multipart/mixed").as_ref(), Some(&body));
        assert_eq!(content(&Headers::default(), &body, "text/plain"), None);
    }
}
