//! The headers of one message: an ordered list of raw values, with typed views on demand.

use std::borrow::Cow;
use std::fmt::{self, Write};

use bytes::{Bytes, BytesMut};

use super::header::{Challenge, Credentials};
use super::lex::number;
use super::list::elements;
use super::{CSeq, HeaderName, MediaType, NameAddr, ParseError, RAck, SyntaxError, Via};

/// The most elements that a list of addresses or Vias may have, over all its lines. Max-Forwards
/// allows 255 hops.
pub const MAX_ELEMENTS: usize = 256;

/// Headers in order of appearance, one entry a header line.
///
/// A value is raw bytes, unfolded and trimmed, and never holds a line end, whoever put it there.
/// Content-Length is not kept by the parser: the body has it (see [`super::Request::to_bytes`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(HeaderName, Bytes)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// No headers, with room for `lines`.
    pub(super) fn with_capacity(lines: usize) -> Self {
        Self(Vec::with_capacity(lines))
    }

    /// Adds a line at the end. Line ends in `value` become blanks.
    pub fn push(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        self.push_line(name, to_one_line(value.into()));
    }

    /// Adds a line whose value has been through [`one_line`].
    pub(super) fn push_line(&mut self, name: HeaderName, value: Bytes) {
        self.0.push((name, value));
    }

    /// Adds a line before all others. Line ends in `value` become blanks.
    pub fn push_front(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        self.0.insert(0, (name, to_one_line(value.into())));
    }

    /// Replaces all lines of this name by one, in the place of the first or at the end.
    pub fn set(&mut self, name: HeaderName, value: impl Into<Bytes>) {
        let at = self
            .0
            .iter()
            .position(|(n, _)| *n == name)
            .unwrap_or(self.0.len());
        self.remove(&name);
        self.0.insert(at, (name, to_one_line(value.into())));
    }

    /// Replaces the first line of this name, or adds one at the end.
    pub(super) fn set_first(&mut self, name: HeaderName, value: Bytes) {
        match self.0.iter_mut().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = to_one_line(value),
            None => self.push(name, value),
        }
    }

    /// Replaces the topmost Via; those below it on the same line stay. Nothing happens without one.
    pub fn replace_topmost_via(&mut self, via: &Via) {
        let Some((_, value)) = self.0.iter_mut().find(|(n, _)| *n == HeaderName::Via) else {
            return;
        };
        let mut line = BytesMut::with_capacity(value.len() + VIA_GROWS_BY);
        // Writing into a growing buffer cannot fail.
        let _ = write!(line, "{via}");
        for below in elements(value).skip(1) {
            line.extend_from_slice(b", ");
            line.extend_from_slice(below);
        }
        *value = line.freeze();
    }

    /// Removes all lines of this name.
    pub fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Copies all lines of this name from `other`; values are shared, not copied.
    pub fn extend_from(&mut self, other: &Self, name: &HeaderName) {
        self.0
            .extend(other.0.iter().filter(|(n, _)| n == name).cloned());
    }

    /// Copies the first line of this name from `other`, if there is one; the value is shared.
    pub(super) fn copy_first(&mut self, other: &Self, name: HeaderName) {
        self.0
            .extend(other.0.iter().find(|(n, _)| *n == name).cloned());
    }

    /// The number of lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All lines in order.
    pub fn iter(&self) -> impl Iterator<Item = (&HeaderName, &[u8])> {
        self.0.iter().map(|(name, value)| (name, value.as_ref()))
    }

    /// The value of the first line of this name.
    pub fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        self.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// As [`Self::get`], as text; bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        self.get(name).map(text)
    }

    /// The values of all lines of this name.
    pub fn all<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// The elements of a comma-separated header over all its lines (Require, Supported, Allow, …).
    /// Empty elements and those that are no UTF-8 are left out.
    pub fn tokens<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a str> {
        let elements = self.all(name).flat_map(elements);
        elements
            .filter_map(|e| std::str::from_utf8(e).ok())
            .filter(|e| !e.is_empty())
    }
}

/// One `Name: value` line each, with its line end; bytes that are no UTF-8 become U+FFFD.
impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(name, value)| {
            write!(f, "{name}: {}\r\n", String::from_utf8_lossy(value))
        })
    }
}

/// Typed views. Each reads the raw value anew and fails with [`ParseError::Missing`],
/// [`ParseError::Repeated`] or [`ParseError::Header`].
impl Headers {
    /// The topmost Via.
    pub fn via(&self) -> Result<Via, ParseError> {
        let value = self
            .get(&HeaderName::Via)
            .ok_or(ParseError::Missing(HeaderName::Via))?;
        let topmost = elements(value).next().unwrap_or_default();
        read(HeaderName::Via, topmost, Via::parse)
    }

    /// All Vias, topmost first.
    pub fn vias(&self) -> Result<Vec<Via>, ParseError> {
        self.list(HeaderName::Via, Via::parse)
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr, ParseError> {
        self.single(HeaderName::From, NameAddr::parse)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr, ParseError> {
        self.single(HeaderName::To, NameAddr::parse)
    }

    /// The bottom Via, which whoever made the request put there. Those above it are not looked at.
    pub fn bottom_via(&self) -> Result<Via, ParseError> {
        let lines = self.all(&HeaderName::Via);
        let bottom = lines.flat_map(elements).last();
        let bottom = bottom.ok_or(ParseError::Missing(HeaderName::Via))?;
        read(HeaderName::Via, bottom, Via::parse)
    }

    /// The tag of From. Copies nothing and does not look at the address: whoever read the message did.
    pub fn from_tag(&self) -> Result<Option<Cow<'_, str>>, ParseError> {
        self.tag(HeaderName::From)
    }

    /// The tag of To; as [`Self::from_tag`].
    pub fn to_tag(&self) -> Result<Option<Cow<'_, str>>, ParseError> {
        self.tag(HeaderName::To)
    }

    fn tag(&self, name: HeaderName) -> Result<Option<Cow<'_, str>>, ParseError> {
        Ok(match text(self.only(&name)?) {
            Cow::Borrowed(text) => NameAddr::tag_in(text).map(Cow::Borrowed),
            Cow::Owned(text) => NameAddr::tag_in(&text).map(|tag| Cow::Owned(tag.to_owned())),
        })
    }

    /// The tag of From, all of which is read as [`Self::from`] does; keeps nothing else.
    pub(super) fn checked_from_tag(&self) -> Result<Option<Cow<'_, str>>, ParseError> {
        self.checked_tag(HeaderName::From)
    }

    /// The tag of To; as [`Self::checked_from_tag`].
    pub(super) fn checked_to_tag(&self) -> Result<Option<Cow<'_, str>>, ParseError> {
        self.checked_tag(HeaderName::To)
    }

    fn checked_tag(&self, name: HeaderName) -> Result<Option<Cow<'_, str>>, ParseError> {
        let tag = match text(self.only(&name)?) {
            Cow::Borrowed(text) => NameAddr::checked_tag(text).map(|tag| tag.map(Cow::Borrowed)),
            Cow::Owned(text) => {
                NameAddr::checked_tag(&text).map(|tag| tag.map(|tag| Cow::Owned(tag.to_owned())))
            }
        };
        tag.map_err(|source| ParseError::Header { name, source })
    }

    /// Call-ID; compares byte by byte (RFC 3261 §8.1.1.4).
    pub fn call_id(&self) -> Result<&str, ParseError> {
        // What is visible is ASCII.
        Ok(std::str::from_utf8(self.call_id_bytes()?).unwrap_or_default())
    }

    /// The same as it came.
    pub(super) fn call_id_bytes(&self) -> Result<&Bytes, ParseError> {
        let name = HeaderName::CallId;
        let value = self.only(&name)?;
        match !value.is_empty() && value.iter().all(u8::is_ascii_graphic) {
            true => Ok(value),
            false => Err(ParseError::Header {
                name,
                source: SyntaxError {
                    offset: 0,
                    expected: "word without blanks",
                },
            }),
        }
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq, ParseError> {
        self.single(HeaderName::CSeq, CSeq::parse)
    }

    /// RAck, which every PRACK has (RFC 3262 §7.2).
    pub fn rack(&self) -> Result<RAck, ParseError> {
        self.single(HeaderName::RAck, RAck::parse)
    }

    /// RSeq: the number of a reliable provisional response (RFC 3262 §7.1).
    pub fn rseq(&self) -> Result<u32, ParseError> {
        let wrong = SyntaxError {
            offset: 0,
            expected: "number below 2^32",
        };
        self.single(HeaderName::RSeq, |text| number(text).ok_or(wrong))
    }

    /// Whether `tag` is among the option tags of this header (RFC 3261 §19.2).
    pub fn has_option(&self, name: &HeaderName, tag: &str) -> bool {
        self.tokens(name).any(|own| own.eq_ignore_ascii_case(tag))
    }

    /// Max-Forwards, 0 to 255; `None` if there is none.
    pub fn max_forwards(&self) -> Result<Option<u8>, ParseError> {
        let wrong = SyntaxError {
            offset: 0,
            expected: "number from 0 to 255",
        };
        match self.get(&HeaderName::MaxForwards) {
            Some(_) => {
                let parse = |text: &str| number(text).ok_or(wrong);
                self.single(HeaderName::MaxForwards, parse).map(Some)
            }
            None => Ok(None),
        }
    }

    /// The addresses of all Contact lines. The `*` of a REGISTER is not an address and fails.
    pub fn contacts(&self) -> Result<Vec<NameAddr>, ParseError> {
        self.list(HeaderName::Contact, NameAddr::parse)
    }

    /// The Route set, topmost first.
    pub fn routes(&self) -> Result<Vec<NameAddr>, ParseError> {
        self.list(HeaderName::Route, NameAddr::parse)
    }

    /// The Record-Route set, topmost first.
    pub fn record_routes(&self) -> Result<Vec<NameAddr>, ParseError> {
        self.list(HeaderName::RecordRoute, NameAddr::parse)
    }

    /// The Digest challenges of WWW-Authenticate or Proxy-Authenticate, in order; a line that cannot be read
    /// is left out.
    pub fn challenges(&self, name: &HeaderName) -> Vec<Challenge> {
        let lines = self.all(name).map(String::from_utf8_lossy);
        lines
            .filter_map(|line| Challenge::parse_line(&line).ok())
            .flatten()
            .collect()
    }

    /// The Digest credentials of Authorization or Proxy-Authorization, in order; a line that cannot be
    /// read is left out.
    pub fn credentials(&self, name: &HeaderName) -> Vec<Credentials> {
        let lines = self.all(name).map(String::from_utf8_lossy);
        lines
            .filter_map(|line| Credentials::parse(&line).ok().flatten())
            .collect()
    }

    /// The media type in lower case and without parameters, for example `application/sdp`.
    pub fn content_type(&self) -> Option<String> {
        let text = self.text(&HeaderName::ContentType)?;
        let media_type = text.split(';').next().unwrap_or_default();
        Some(media_type.replace([' ', '\t'], "").to_ascii_lowercase())
    }

    /// Whether a body of `media_type`, such as `application/sdp`, may be sent to whoever wrote this
    /// (RFC 3261 §20.1). Without Accept it may be assumed that it can read it; elements that cannot be
    /// read allow nothing.
    pub fn accepts(&self, media_type: &str) -> bool {
        let mut ranges = self.tokens(&HeaderName::Accept);
        self.get(&HeaderName::Accept).is_none()
            || ranges
                .any(|range| MediaType::parse(range).is_ok_and(|range| range.takes(media_type)))
    }

    /// The value of a header that stands once.
    fn only(&self, name: &HeaderName) -> Result<&Bytes, ParseError> {
        let mut values = self
            .0
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, value)| value);
        let value = values
            .next()
            .ok_or_else(|| ParseError::Missing(name.clone()))?;
        match values.next() {
            Some(_) => Err(ParseError::Repeated(name.clone())),
            None => Ok(value),
        }
    }

    pub(super) fn single<T>(
        &self,
        name: HeaderName,
        parse: impl Parse<T>,
    ) -> Result<T, ParseError> {
        let value = self.only(&name)?;
        read(name, value, parse)
    }

    /// As [`Self::single`], for a header that need not be there.
    pub(super) fn optional<T>(
        &self,
        name: HeaderName,
        parse: impl Parse<T>,
    ) -> Result<Option<T>, ParseError> {
        match self.get(&name) {
            Some(_) => self.single(name, parse).map(Some),
            None => Ok(None),
        }
    }

    fn list<T>(&self, name: HeaderName, parse: impl Parse<T>) -> Result<Vec<T>, ParseError> {
        let mut list = Vec::new();
        for element in self.all(&name.clone()).flat_map(elements) {
            if list.len() == MAX_ELEMENTS {
                let source = SyntaxError {
                    offset: 0,
                    expected: "fewer elements",
                };
                return Err(ParseError::Header { name, source });
            }
            list.push(read(name.clone(), element, &parse)?);
        }
        Ok(list)
    }
}

/// A parser of one value.
pub(super) trait Parse<T>: Fn(&str) -> Result<T, SyntaxError> {}
impl<T, F: Fn(&str) -> Result<T, SyntaxError>> Parse<T> for F {}

fn read<T>(name: HeaderName, value: &[u8], parse: impl Parse<T>) -> Result<T, ParseError> {
    parse(&text(value)).map_err(|source| ParseError::Header { name, source })
}

/// As [`String::from_utf8_lossy`], and sooner done with what is UTF-8, as nearly everything is.
fn text(value: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed)
}

/// Room for `received` with an address and `rport` with a port.
const VIA_GROWS_BY: usize = 40;

/// As [`one_line`], for a value of its own, which stays what it is if there is nothing to do.
fn to_one_line(value: Bytes) -> Bytes {
    let is_trimmed = value.trim_ascii().len() == value.len();
    match is_trimmed && memchr::memchr2(b'\r', b'\n', &value).is_none() {
        true => value,
        false => one_line(&value, &value),
    }
}

/// `value`, a part of `source`, without blanks at its ends, and with a single blank for each run
/// of line ends and the blanks around it: unfolding (RFC 3261 §7.3.1), and for what we send
/// protection from header injection. Copies only if there is a line end.
pub(super) fn one_line(source: &Bytes, value: &[u8]) -> Bytes {
    let value = value.trim_ascii();
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return source.slice_ref(value);
    }
    let mut line = BytesMut::with_capacity(value.len());
    for part in value
        .split(|b| matches!(b, b'\r' | b'\n'))
        .map(<[u8]>::trim_ascii)
    {
        if !part.is_empty() && !line.is_empty() {
            line.extend_from_slice(b" ");
        }
        line.extend_from_slice(part);
    }
    line.freeze()
}
