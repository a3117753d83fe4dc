//! Sorts the lines of a body into sections and the order of RFC 8866 §5, within limits.
//!
//! sdp-rs stops in silence at the first line that is out of order, drops a last line without line
//! end, and panics on large numbers in `r=` and `z=` lines. Text made by [`Lines::to_text`] has
//! none of these: each kind of line has its own place in the type, every line ends in CRLF, and
//! lines that a media server has no use for are left out.

use std::borrow::Cow;

use super::SdpError;

/// The longest body that is read.
pub const MAX_DESCRIPTION_BYTES: usize = 64 * 1024;
/// The most media sections in a body. A browser with video sends about ten.
pub const MAX_MEDIA: usize = 64;
/// The most attributes in one section, counting ICE candidates and codec parameters.
pub const MAX_ATTRIBUTES_PER_SECTION: usize = 256;
/// The most formats in one `m=` line; there are 128 payload types, of which 32 are dynamic.
pub const MAX_FORMATS_PER_MEDIA: usize = 64;
/// The most `t=` lines; a call has one.
pub const MAX_TIMES: usize = 16;

/// The lines of a body that are read, each without its `x=`, with single blanks between fields.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    pub origin: Cow<'a, str>,
    pub name: &'a str,
    pub connection: Option<Cow<'a, str>>,
    pub times: Vec<Cow<'a, str>>,
    pub attributes: Vec<&'a str>,
    pub media: Vec<MediaLines<'a>>,
}

/// The lines of one media section.
#[derive(Debug)]
pub(super) struct MediaLines<'a> {
    pub media: Cow<'a, str>,
    pub connection: Option<Cow<'a, str>>,
    pub attributes: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    /// Sorts the lines of a body.
    pub fn of(text: &'a str) -> Result<Self, SdpError> {
        let mut lines = text
            .split(['\r', '\n'])
            .map(str::trim)
            .filter(|line| !line.is_empty());
        if lines.next() != Some("v=0") {
            return Err(SdpError::NoVersion);
        }

        let mut sorted = Self::without_lines();
        let mut origin = None;
        for (index, line) in lines.enumerate() {
            // `enumerate` starts behind the `v=` line, and people count from 1.
            let bad_line = SdpError::BadLine { line: index + 2 };
            let (kind, value) = line.split_once('=').ok_or(bad_line)?;
            match kind {
                "o" => origin = origin.or_else(|| Some(single_spaced(value))),
                "s" if sorted.media.is_empty() => sorted.name = value,
                "t" => push(
                    &mut sorted.times,
                    single_spaced(value),
                    MAX_TIMES,
                    SdpError::TooManyTimes,
                )?,
                "c" => {
                    // The first of several: more than one is for multicast layers.
                    sorted
                        .section()
                        .0
                        .get_or_insert_with(|| single_spaced(value));
                }
                "a" => push(
                    sorted.section().1,
                    value,
                    MAX_ATTRIBUTES_PER_SECTION,
                    SdpError::TooManyAttributes,
                )?,
                "m" => push(
                    &mut sorted.media,
                    MediaLines::of(value)?,
                    MAX_MEDIA,
                    SdpError::TooManyMedia,
                )?,
                letter if letter.len() == 1 => {}
                _ => return Err(bad_line),
            }
        }
        if let Some(origin) = origin {
            sorted.origin = origin;
        }
        if sorted.times.is_empty() {
            sorted.times.push("0 0".into());
        }
        Ok(sorted)
    }

    /// The body in the order of the RFC, with CRLF behind every line.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(1024);
        let mut line = |kind: char, value: &str| {
            text.push(kind);
            text.push('=');
            text.push_str(value);
            text.push_str("\r\n");
        };
        line('v', "0");
        line('o', &self.origin);
        line('s', self.name);
        self.connection.iter().for_each(|value| line('c', value));
        self.times.iter().for_each(|value| line('t', value));
        self.attributes.iter().for_each(|value| line('a', value));
        for section in &self.media {
            line('m', &section.media);
            section.connection.iter().for_each(|value| line('c', value));
            section.attributes.iter().for_each(|value| line('a', value));
        }
        text
    }

    fn without_lines() -> Self {
        Self {
            origin: "- 0 0 IN IP4 0.0.0.0".into(),
            name: "-",
            connection: None,
            times: Vec::new(),
            attributes: Vec::new(),
            media: Vec::new(),
        }
    }

    /// Where a `c=` and an `a=` line belong that comes next.
    fn section(&mut self) -> (&mut Option<Cow<'a, str>>, &mut Vec<&'a str>) {
        match self.media.last_mut() {
            Some(media) => (&mut media.connection, &mut media.attributes),
            None => (&mut self.connection, &mut self.attributes),
        }
    }
}

impl<'a> MediaLines<'a> {
    fn of(value: &'a str) -> Result<Self, SdpError> {
        // Media type, port and profile come first.
        if value.split_ascii_whitespace().count() > 3 + MAX_FORMATS_PER_MEDIA {
            return Err(SdpError::TooManyFormats);
        }
        Ok(Self {
            media: single_spaced(value),
            connection: None,
            attributes: Vec::new(),
        })
    }
}

fn push<T>(list: &mut Vec<T>, item: T, limit: usize, error: SdpError) -> Result<(), SdpError> {
    if list.len() == limit {
        return Err(error);
    }
    list.push(item);
    Ok(())
}

fn single_spaced(value: &str) -> Cow<'_, str> {
    let mut before = b' ';
    let is_so = value.bytes().all(|byte| {
        let ok = !byte.is_ascii_whitespace() || (byte == b' ' && before != b' ');
        before = byte;
        ok
    });
    // The end is trimmed already, but of an empty value.
    match is_so && before != b' ' {
        true => Cow::Borrowed(value),
        false => Cow::Owned(value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")),
    }
}
