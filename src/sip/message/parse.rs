//! Reading a message: one pass over the lines, then the checks that every message must pass
//! (RFC 3261 §7, §8.1.1, §18.3).

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

use super::headers::one_line;
use super::lex::{is_blank, number};
use super::{
    BadMessage, HeaderName, Headers, Identity, Message, Method, ParseError, Request, Response,
    StatusCode, SyntaxError, Uri,
};

/// The longest message that is read, in bytes. No UDP datagram is longer.
pub const MAX_MESSAGE_BYTES: usize = 65_536;

/// The largest number of header lines that is read. Real messages stay below 60.
pub const MAX_HEADERS: usize = 256;

impl Message {
    /// Reads a message that fills a datagram, or that was framed in a stream.
    ///
    /// Empty lines before the start line are skipped, a bare LF ends a line as well as CRLF. The
    /// body is what Content-Length says, or the rest if it says nothing; what follows the body is
    /// dropped (§18.3).
    ///
    /// In what comes back, Via, From, To, Call-ID and CSeq can be read, and the CSeq of a request
    /// names its method.
    ///
    /// # Errors
    /// The start line or a header line cannot be read; one of those five is missing, malformed
    /// or, but for Via, there twice; the body is shorter than promised; a limit is passed. The
    /// error brings the answer where there has to be one.
    pub fn parse_datagram(datagram: Bytes) -> Result<Self, BadMessage> {
        Self::parse_identified(datagram).map(|(message, _)| message)
    }

    /// As [`Self::parse_datagram`], with what identifies the message, which had to be read to check it.
    ///
    /// # Errors
    /// As [`Self::parse_datagram`].
    pub fn parse_identified(datagram: Bytes) -> Result<(Self, Identity), BadMessage> {
        let unanswered = |error| BadMessage {
            error,
            answer: None,
        };
        if datagram.len() > MAX_MESSAGE_BYTES {
            return Err(unanswered(ParseError::MessageTooLong));
        }
        let mut lines = Lines {
            bytes: &datagram,
            at: 0,
        };
        let start_line = lines.start_line().ok_or(unanswered(ParseError::Empty))?;
        let mut headers = Headers::with_capacity(TYPICAL_HEADERS);
        // Even if the start line is bad, the headers are needed: the answer copies from them.
        let content_length = read_headers(&mut lines, &mut headers);
        let checked = StartLine::read(start_line).and_then(|start| {
            let content_length = content_length?;
            let identity = identity(&start, &headers)?;
            let body = body(&datagram, lines.at, content_length)?;
            Ok((start, identity, body))
        });
        match checked {
            Ok((start, identity, body)) => Ok((start.into_message(headers, body), identity)),
            Err(error) => {
                let answer = answer(start_line, &headers, &error).map(Box::new);
                Err(BadMessage { error, answer })
            }
        }
    }
}

/// Room for the headers of a usual message.
const TYPICAL_HEADERS: usize = 20;

/// The lines of a message up to the body.
struct Lines<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl<'a> Lines<'a> {
    /// The first line that is not empty; `None` if there is none.
    fn start_line(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|b| !matches!(b, b'\r' | b'\n'))?;
        let rest = &self.bytes[self.at..];
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.at = self.bytes.len().min(self.at + end + 1);
        Some(without_cr(&rest[..end]))
    }

    /// The next header line with its continuation lines and the line ends between them; empty at
    /// the end of the headers. `None` if the message ends within the line.
    fn header_line(&mut self) -> Option<HeaderLine<'a>> {
        let rest = &self.bytes[self.at..];
        // Nearly always the CR of the line end, so that one search finds both the end and that there is no
        // other CR in the line.
        let first = memchr::memchr2(b'\r', b'\n', rest)?;
        let mut end = match &rest[first..] {
            [b'\n', ..] => first,
            [b'\r', b'\n', ..] => first + 1,
            _ => first + memchr::memchr(b'\n', &rest[first..])?,
        };
        let mut is_plain = end <= first + 1;
        let empty = without_cr(&rest[..end]).is_empty();
        while !empty && rest.get(end + 1).copied().is_some_and(is_blank) {
            end += 1 + memchr::memchr(b'\n', &rest[end + 1..])?;
            is_plain = false;
        }
        self.at += end + 1;
        let bytes = without_cr(&rest[..end]);
        Some(HeaderLine { bytes, is_plain })
    }
}

/// A header line with its continuation lines.
struct HeaderLine<'a> {
    bytes: &'a [u8],
    /// It holds neither CR nor LF.
    is_plain: bool,
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Reads all header lines into `headers` and returns the Content-Length, if there is one. Goes on
/// after the first error and returns it at the end.
fn read_headers(lines: &mut Lines<'_>, headers: &mut Headers) -> Result<Option<usize>, ParseError> {
    let mut content_length = Ok(None);
    for _ in 0..=MAX_HEADERS {
        let Some(line) = lines.header_line() else {
            return content_length.and(Err(ParseError::HeadersNotEnded));
        };
        if line.bytes.is_empty() {
            return content_length;
        }
        match header(lines.bytes, &line) {
            Ok((HeaderName::ContentLength, value)) => {
                content_length = content_length.and_then(|known| only_length(known, &value));
            }
            Ok((name, value)) => headers.push_line(name, value),
            Err(error) => content_length = content_length.and(Err(error)),
        }
    }
    content_length.and(Err(ParseError::TooManyHeaders))
}

/// The headers of a part of a multipart, and what follows them without the line end before the next boundary,
/// which belongs to that (RFC 2046 §5.1.1). `None` if they cannot be read.
pub(super) fn read_part(part: &Bytes) -> Option<(Headers, Bytes)> {
    let mut lines = Lines { bytes: part, at: 0 };
    let mut headers = Headers::new();
    read_headers(&mut lines, &mut headers).ok()?;
    let content = &part[lines.at..];
    let content = content.strip_suffix(b"\r\n").unwrap_or(content);
    Some((headers, part.slice_ref(content)))
}

/// `header-name HCOLON header-value`
fn header(datagram: &Bytes, line: &HeaderLine<'_>) -> Result<(HeaderName, Bytes), ParseError> {
    let HeaderLine { bytes, is_plain } = *line;
    // Names are short: a search of long texts would take longer to begin.
    let colon = bytes.iter().position(|byte| *byte == b':');
    let colon = colon.ok_or(ParseError::HeaderLine)?;
    let name = bytes[..colon].trim_ascii_end();
    let name = HeaderName::parse(name).ok_or(ParseError::HeaderLine)?;
    let value = &bytes[colon + 1..];
    let value = match is_plain {
        true => datagram.slice_ref(value.trim_ascii()),
        false => one_line(datagram, value),
    };
    Ok((name, value))
}

/// The value of a Content-Length line. A second one is an error unless it says the same.
fn only_length(known: Option<usize>, value: &[u8]) -> Result<Option<usize>, ParseError> {
    let name = HeaderName::ContentLength;
    let length = std::str::from_utf8(value).ok().and_then(number);
    match (known, length) {
        (Some(known), Some(length)) if known != length => Err(ParseError::Repeated(name)),
        (_, Some(length)) => Ok(Some(length)),
        (_, None) => {
            let source = SyntaxError {
                offset: 0,
                expected: "number of bytes",
            };
            Err(ParseError::Header { name, source })
        }
    }
}

fn body(datagram: &Bytes, at: usize, length: Option<usize>) -> Result<Bytes, ParseError> {
    let rest = datagram.slice(at..);
    match length {
        Some(length) if length > rest.len() => Err(ParseError::BodyTooShort),
        Some(length) => Ok(rest.slice(..length)),
        None => Ok(rest),
    }
}

/// What every message must have.
fn identity(start: &StartLine, headers: &Headers) -> Result<Identity, ParseError> {
    let identity = Identity::of(headers)?;
    match start {
        StartLine::Request(method, _) if *method != identity.cseq.method => {
            Err(ParseError::CSeqMethod)
        }
        StartLine::Request(..) => identity.check_tags().map(|()| identity),
        StartLine::Response(..) => Ok(identity),
    }
}

enum StartLine {
    Request(Method, Uri),
    Response(StatusCode, String),
}

impl StartLine {
    fn read(line: &[u8]) -> Result<Self, ParseError> {
        if line
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
        {
            return Self::status_line(line).ok_or(ParseError::StartLine)?;
        }
        let line = std::str::from_utf8(line).map_err(|_| ParseError::StartLine)?;
        Self::request_line(line).ok_or(ParseError::StartLine)?
    }

    /// `Request-Line = Method SP Request-URI SP SIP-Version`; `None` if it is not even that.
    fn request_line(line: &str) -> Option<Result<Self, ParseError>> {
        let (method, rest) = line.split_once(' ')?;
        let method = Method::parse(method)?;
        let (uri, version) = rest.rsplit_once(' ')?;
        if let Err(error) = check_version(version.as_bytes())? {
            return Some(Err(error));
        }
        let uri = Uri::parse(uri).and_then(|uri| match uri.as_sip().map(|uri| &uri.headers) {
            // §19.1.1: the table of URI components.
            Some(Some(_)) => Err(SyntaxError {
                offset: 0,
                expected: "URI without headers",
            }),
            _ => Ok(uri),
        });
        Some(
            uri.map(|uri| Self::Request(method, uri))
                .map_err(ParseError::RequestUri),
        )
    }

    /// `Status-Line = SIP-Version SP Status-Code SP Reason-Phrase`, also without the second blank.
    fn status_line(line: &[u8]) -> Option<Result<Self, ParseError>> {
        let (version, rest) = line.split_at_checked(memchr::memchr(b' ', line)?)?;
        if let Err(error) = check_version(version)? {
            return Some(Err(error));
        }
        let (code, reason) = rest[1..].split_at_checked(3)?;
        let status = StatusCode::new(number(std::str::from_utf8(code).ok()?)?)?;
        let reason = match reason {
            [] => reason,
            [b' ', reason @ ..] if !reason.contains(&b'\r') => reason,
            _ => return None,
        };
        Some(Ok(Self::Response(
            status,
            String::from_utf8_lossy(reason).into_owned(),
        )))
    }

    fn into_message(self, headers: Headers, body: Bytes) -> Message {
        match self {
            Self::Request(method, uri) => Message::Request(Request {
                method,
                uri,
                headers,
                body,
            }),
            Self::Response(status, reason) => Message::Response(Response {
                status,
                reason,
                headers,
                body,
            }),
        }
    }
}

/// `None` if `version` is not one of SIP.
fn check_version(version: &[u8]) -> Option<Result<(), ParseError>> {
    let sip = version.get(..4)?.eq_ignore_ascii_case(b"SIP/");
    sip.then(|| {
        if &version[4..] == b"2.0" {
            Ok(())
        } else {
            Err(ParseError::Version)
        }
    })
}

/// The answer to a bad request, with as much of what a response copies as there is. `None` if the
/// start line is not that of a request, if it is an ACK, and if there is no Via, the one header that
/// brings a response to its client.
fn answer(start_line: &[u8], headers: &Headers, error: &ParseError) -> Option<Response> {
    let mut words = start_line
        .split(|b| *b == b' ')
        .filter(|word| !word.is_empty());
    let method = Method::parse(std::str::from_utf8(words.next()?).ok()?)?;
    let is_sip = words
        .next_back()
        .is_some_and(|version| check_version(version).is_some());
    if method == Method::Ack || !is_sip {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    headers.get(&HeaderName::Via)?.hash(&mut hasher);
    for name in [&HeaderName::From, &HeaderName::CallId, &HeaderName::CSeq] {
        headers.get(name).hash(&mut hasher);
    }
    let status = match error {
        ParseError::Version => StatusCode::VERSION_NOT_SUPPORTED,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = Response::new(status);
    response.reason = format!("{} ({error})", response.reason);
    // A repeated request must get the same tag without our keeping state (§8.2.7).
    response.copy_from(headers, Some(&format!("{:016x}", hasher.finish())));
    Some(response)
}
