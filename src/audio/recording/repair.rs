//! Completes recordings that a crash left: headers that tell of less than there is, cut pages.

use std::io::{self, Read};

use super::Storage;
use super::wav::{Layout, MAX_HEADER_BYTES};
use crate::audio::ogg;

/// Completes `file`, which was left `length` bytes long by a [`RecordingFile`](super::RecordingFile) and
/// is read from its beginning. Whether anything had to be done; a file that is not ours is left alone.
///
/// # Errors
/// What the system says.
pub fn repair(file: &mut (impl Read + Storage), length: u64) -> io::Result<bool> {
    let mut start = Vec::new();
    file.by_ref()
        .take(MAX_HEADER_BYTES as u64)
        .read_to_end(&mut start)?;
    match Layout::parse(&start) {
        Some((layout, data_bytes)) => repair_wav(file, length, layout, data_bytes),
        None if start.starts_with(b"OggS") => {
            let last = ogg::last_page(&mut start.chain(file.by_ref()))?;
            repair_ogg(file, length, last)
        }
        None => Ok(false),
    }
}

/// The audio is all that stands behind the header, in whole frames.
fn repair_wav(
    file: &mut impl Storage,
    length: u64,
    layout: Layout,
    data_bytes: u32,
) -> io::Result<bool> {
    let header_bytes = layout.header(0).len() as u64;
    let found = length.saturating_sub(header_bytes);
    if found == u64::from(data_bytes).next_multiple_of(2) {
        return Ok(false);
    }
    let frame = layout.frame_bytes();
    let kept = (found / frame * frame).min(u32::MAX.into());
    let header = layout.header(kept as u32);
    file.write_at(0, &header)?;
    file.set_len(header_bytes + kept)?;
    if !kept.is_multiple_of(2) {
        file.write_at(header_bytes + kept, &[0])?;
    }
    Ok(true)
}

/// The last page that is whole becomes the last one, unless it is of the headers.
fn repair_ogg(file: &mut impl Storage, length: u64, last: Option<ogg::Found>) -> io::Result<bool> {
    let Some(mut last) = last else {
        return Ok(false);
    };
    let end = last.offset + last.bytes.len() as u64;
    let was_last = last.is_last();
    if !was_last && last.pages > HEADER_PAGES {
        last.make_last();
        file.write_at(last.offset, &last.bytes)?;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(!was_last || end < length)
}

/// Pages that hold no audio (RFC 7845 §3).
const HEADER_PAGES: u64 = 2;
