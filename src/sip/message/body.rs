//! Which part of a body is meant: the whole, or one part of a multipart (RFC 2046 §5.1, RFC 5621).

use bytes::Bytes;

use super::{HeaderName, Headers};

/// The body has no part of the wanted type; a request with it gets 415 (RFC 3261 §8.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("body of a type that is not understood")]
pub struct UnsupportedBody;

/// Parts looked at in a multipart body; carriers send two or three.
const MAX_PARTS: usize = 32;

/// The part of `body` that is of the type `wanted`, such as `application/sdp`; empty if the body
/// is. A body without Content-Type is taken for what is wanted.
///
/// # Errors
/// [`UnsupportedBody`] when there is none.
pub fn part(headers: &Headers, body: &Bytes, wanted: &str) -> Result<Bytes, UnsupportedBody> {
    if body.is_empty() {
        return Ok(Bytes::new());
    }
    let Some(media_type) = headers.content_type() else {
        return Ok(body.clone());
    };
    if media_type == wanted {
        return Ok(body.clone());
    }
    if !media_type.starts_with("multipart/") {
        return Err(UnsupportedBody);
    }
    let text = headers
        .text(&HeaderName::ContentType)
        .ok_or(UnsupportedBody)?;
    let boundary = boundary(&text).ok_or(UnsupportedBody)?;
    let found = parts(body, &boundary).find_map(|part| of_type(part, wanted));
    Ok(body.slice_ref(found.ok_or(UnsupportedBody)?))
}

/// The boundary parameter of a Content-Type.
fn boundary(content_type: &str) -> Option<String> {
    let named = |parameter: &str| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.to_owned())
    };
    content_type.split(';').skip(1).find_map(named)
}

/// The parts between the boundary lines, each with its headers.
fn parts<'a>(body: &'a [u8], boundary: &str) -> impl Iterator<Item = &'a [u8]> {
    let delimiter = format!("--{boundary}");
    let starts: Vec<usize> = memchr::memmem::find_iter(body, delimiter.as_bytes())
        .filter(|at| *at == 0 || body[at - 1] == b'\n')
        .take(MAX_PARTS + 1)
        .collect();
    let length = delimiter.len();
    let pairs: Vec<(usize, usize)> = starts.windows(2).map(|pair| (pair[0], pair[1])).collect();
    pairs
        .into_iter()
        .map(move |(start, end)| &body[start + length..end])
}

/// The content of `part` if its headers say that it is of type `wanted`. The line end before the
/// next boundary belongs to the boundary.
fn of_type<'a>(part: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let end = memchr::memmem::find(part, b"\r\n\r\n")?;
    let (head, content) = (&part[..end], &part[end + 4..]);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let is_wanted = head.split("\r\n").any(|line| {
        let value = line.strip_prefix("content-type:").map(str::trim);
        value.is_some_and(|value| value.split(';').next().map(str::trim) == Some(wanted))
    });
    is_wanted.then(|| content.strip_suffix(b"\r\n").unwrap_or(content))
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
}
