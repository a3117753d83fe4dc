//! Which part of a body is meant: the whole, or one part of a multipart, also inside others (RFC 2046 §5.1,
//! RFC 5621). The one place that decides whether a body may be left aside (RFC 3261 §8.2.3).

use bytes::Bytes;

use super::lex::is_blank;
use super::parse::read_part;
use super::{ContentDisposition, HeaderName, Headers, MediaType};

/// The body has no part of the wanted type, and may not be left aside; a request with it gets 415
/// (RFC 3261 §8.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("body of a type that is not understood")]
pub struct UnsupportedBody;

/// Multiparts inside each other that are looked into, the body itself included.
const MAX_DEPTH: u8 = 4;
/// Parts looked at in one multipart; carriers send two or three.
const MAX_PARTS: usize = 32;

/// The part of `body` that is of the type `wanted`, such as `application/sdp`; empty if the body is, or
/// if the sender says that what is there instead may be left aside (`handling=optional`, RFC 3261
/// §20.11). A body without Content-Type is taken for what is wanted.
///
/// Beside the wanted part of a multipart the other parts are left aside, whatever they say of
/// themselves.
///
/// # Errors
/// [`UnsupportedBody`] when there is none, and when the body is encoded (RFC 3261 §20.12).
pub fn part(headers: &Headers, body: &Bytes, wanted: &str) -> Result<Bytes, UnsupportedBody> {
    let is_untyped = headers.get(&HeaderName::ContentType).is_none() && !is_encoded(headers);
    if body.is_empty() || is_untyped {
        return Ok(body.clone());
    }
    match look(headers, body, wanted, MAX_DEPTH) {
        Found::Wanted(part) => Ok(part),
        Found::Optional => Ok(Bytes::new()),
        Found::Required => Err(UnsupportedBody),
    }
}

/// The content of type `wanted` in `body`: the whole, or a part of a multipart. Types are compared
/// ignoring case and parameters; what is encoded is of no type.
pub fn content(headers: &Headers, body: &Bytes, wanted: &str) -> Option<Bytes> {
    match look(headers, body, wanted.trim(), MAX_DEPTH) {
        Found::Wanted(part) => Some(part),
        Found::Optional | Found::Required => None,
    }
}

/// What a body, or a part of one, holds for who wants one type.
enum Found {
    Wanted(Bytes),
    /// Something else, which may be left aside.
    Optional,
    /// Something else, which may not.
    Required,
}

fn look(headers: &Headers, body: &Bytes, wanted: &str, depth: u8) -> Found {
    let found = match is_encoded(headers) {
        true => Found::Required,
        false => look_inside(headers, body, wanted, depth),
    };
    match found {
        Found::Required if is_optional(headers) => Found::Optional,
        found => found,
    }
}

fn look_inside(headers: &Headers, body: &Bytes, wanted: &str, depth: u8) -> Found {
    let Some(written) = headers.text(&HeaderName::ContentType) else {
        return Found::Required;
    };
    if is_of_type(&written, wanted) {
        return Found::Wanted(body.clone());
    }
    let Some(parts) = (depth > 0)
        .then(|| parts_by_preference(&written, body))
        .flatten()
    else {
        return Found::Required;
    };
    let mut found = Found::Optional;
    for part in parts {
        let look = |(headers, content)| look(&headers, &content, wanted, depth - 1);
        match read_part(&part).map_or(Found::Required, look) {
            wanted @ Found::Wanted(_) => return wanted,
            Found::Required => found = Found::Required,
            Found::Optional => {}
        }
    }
    found
}

/// The parts of a multipart, those to take first in front: of alternatives the last that is understood is
/// the best (RFC 2046 §5.1.4). `None`: it is no multipart, or has no part.
fn parts_by_preference(written: &str, body: &Bytes) -> Option<Vec<Bytes>> {
    let media_type = MediaType::parse(written).ok()?;
    if !media_type.kind.eq_ignore_ascii_case("multipart") {
        return None;
    }
    let mut parts = parts(body, &media_type.params.unquoted("boundary")?);
    if media_type.subtype.eq_ignore_ascii_case("alternative") {
        parts.reverse();
    }
    (!parts.is_empty()).then_some(parts)
}

fn is_of_type(written: &str, wanted: &str) -> bool {
    let media_type = written.split(';').next().unwrap_or_default();
    let halves = media_type.split_once('/').zip(wanted.split_once('/'));
    halves.is_some_and(|((kind, subtype), (wanted_kind, wanted_subtype))| {
        kind.trim().eq_ignore_ascii_case(wanted_kind)
            && subtype.trim().eq_ignore_ascii_case(wanted_subtype)
    })
}

fn is_encoded(headers: &Headers) -> bool {
    let mut encodings = headers.tokens(&HeaderName::ContentEncoding);
    encodings.any(|encoding| !encoding.eq_ignore_ascii_case("identity"))
}

fn is_optional(headers: &Headers) -> bool {
    let disposition = headers.text(&HeaderName::ContentDisposition);
    disposition.is_some_and(|text| {
        ContentDisposition::parse(&text).is_ok_and(|disposition| disposition.is_optional())
    })
}

/// What stands between the boundary lines, each part with its headers, up to the closing one.
fn parts(body: &Bytes, boundary: &str) -> Vec<Bytes> {
    let delimiter = format!("--{boundary}");
    let (mut parts, mut begun) = (Vec::new(), None);
    for at in memchr::memmem::find_iter(body, delimiter.as_bytes()) {
        let behind = &body[at + delimiter.len()..];
        let closes = behind.starts_with(b"--");
        let begins_line = at == 0 || body[at - 1] == b'\n';
        let begins = after_blank_line(behind);
        // Another boundary may begin with this one.
        if !begins_line || !(closes || begins.is_some()) {
            continue;
        }
        if let Some(start) = begun {
            parts.push(body.slice(start..at));
        }
        if closes || parts.len() == MAX_PARTS {
            break;
        }
        begun = begins.map(|begins| at + delimiter.len() + begins);
    }
    parts
}

/// Where the next line begins, if only blanks are left of this one.
fn after_blank_line(text: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'\n', text)?;
    let line = text[..end].strip_suffix(b"\r").unwrap_or(&text[..end]);
    line.iter().all(|byte| is_blank(*byte)).then_some(end + 1)
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

    /// One part, with these header lines.
    fn one(lines: &str, content: &str) -> String {
        format!("--b\r\n{lines}\r\n\r\n{content}\r\n")
    }

    #[test]
    fn rfc5621_3_the_wanted_part_is_found_in_nested_multiparts() {
        let nested = "Content-Type: multipart/alternative;\r\n boundary=in";
        let text = "--in\r\nContent-Type: text/plain\r\n\r\nhello\r\n";
        let sdp = "--in\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--in--";
        let body = one(nested, &format!("{text}{sdp}")) + "--b--";
        let found = found("Multipart/Mixed;boundary=b", &body);
        assert_eq!(found.as_deref(), Ok("v=0\r\n"));
    }

    #[test]
    fn rfc2046_5_1_4_of_alternatives_the_last_that_is_understood_is_taken() {
        let sdp = |content| one("Content-Type: application/sdp", content);
        let other = one("Content-Type: text/plain", "x");
        let body = sdp("first") + &sdp("last") + &other + "--b--";
        let found = |kind| found(&format!("multipart/{kind};boundary=b"), &body);
        assert_eq!(found("alternative").as_deref(), Ok("last"));
        assert_eq!(found("mixed").as_deref(), Ok("first"));
    }

    #[test]
    fn multiparts_are_looked_into_to_a_depth() {
        let within = |depth: u8| {
            let (mut content_type, mut body) = (SDP.to_owned(), "v=0".to_owned());
            for level in 0..depth {
                body = format!(
                    "--{level}\r\nContent-Type: {content_type}\r\n\r\n{body}\r\n--{level}--"
                );
                content_type = format!("multipart/mixed;boundary={level}");
            }
            found(&content_type, &body)
        };
        assert_eq!(within(MAX_DEPTH).as_deref(), Ok("v=0"));
        assert_eq!(within(MAX_DEPTH + 1), Err(UnsupportedBody));
        assert_eq!(within(100), Err(UnsupportedBody));
    }

    #[test]
    fn rfc3261_20_11_a_multipart_of_optional_parts_is_left_aside() {
        let optional = one(
            "Content-Type: text/plain\r\nContent-Disposition: render;handling=optional",
            "x",
        );
        let required = one("Content-Type: text/plain", "x");
        let found = |parts: String| found("multipart/mixed;boundary=b", &(parts + "--b--"));
        assert_eq!(found(optional.clone()).as_deref(), Ok(""));
        assert_eq!(found(optional.repeat(2)).as_deref(), Ok(""));
        assert_eq!(found(optional + &required), Err(UnsupportedBody));
        assert_eq!(found(String::new()), Err(UnsupportedBody));
    }

    #[test]
    fn an_encoded_part_and_one_without_a_type_are_not_understood() {
        let encoded = "Content-Type: application/sdp\r\nContent-Encoding: gzip";
        for lines in [encoded, "Content-ID: <1@host>"] {
            let body = one(lines, "v=0") + "--b--";
            let found = found("multipart/mixed;boundary=b", &body);
            assert_eq!(found, Err(UnsupportedBody), "{lines}");
        }
    }
}
