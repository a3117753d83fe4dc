//! Ogg pages: packets of one logical stream in a container that survives being cut (RFC 3533).
//!
//! A page has a checksum, so whatever was written before a crash can be told from what was not, and
//! a page that is there can be made the last one. Driven by the recorder's Opus writer and the repair
//! of what it left; reads and writes no file itself.
//!
//! Own code rather than a library's: what a recording needs is to take its last page back and write it
//! anew, which stream writers do not offer. The tests read the result with one.

use std::io::{self, ErrorKind, Read};

/// First page of its stream.
pub const FIRST: u8 = 0x02;
/// Last page of its stream.
pub const LAST: u8 = 0x04;

/// Bytes before the table of segments.
const HEADER_BYTES: usize = 27;
/// Segments of a page at most; each holds up to 255 bytes.
const MAX_SEGMENTS: usize = 255;
/// Where in a page its fields stand.
const FLAGS_AT: usize = 5;
const GRANULE_AT: usize = 6;
const CHECKSUM_AT: usize = 22;

/// Packets that become one page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    lacing: Vec<u8>,
    body: Vec<u8>,
    packets: usize,
}

/// What else a page says.
#[derive(Debug, Clone, Copy)]
pub struct PageHeader {
    /// [`FIRST`] and [`LAST`].
    pub flags: u8,
    /// Position in the stream at the end of the page, in the unit of its codec.
    pub granule: u64,
    /// Names the logical stream.
    pub serial: u32,
    /// Counts the pages of the stream.
    pub sequence: u32,
}

impl Page {
    /// Whether a packet of this length has room. Packets are not spread over pages.
    pub fn has_room(&self, packet_bytes: usize) -> bool {
        self.lacing.len() + segments(packet_bytes) <= MAX_SEGMENTS
    }

    /// Adds a packet, for which there has to be room.
    pub fn push(&mut self, packet: &[u8]) {
        let whole = packet.len() / 255;
        self.lacing.extend(std::iter::repeat_n(255, whole));
        self.lacing.push((packet.len() % 255) as u8);
        self.body.extend_from_slice(packet);
        self.packets += 1;
    }

    /// Number of packets.
    pub fn packets(&self) -> usize {
        self.packets
    }

    /// Bytes of all packets.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// Keeps the first `packets` packets.
    pub fn truncate(&mut self, packets: usize) {
        while self.packets > packets {
            // The last segment of a packet is shorter than 255, the ones before it are full.
            let mut bytes = usize::from(self.lacing.pop().unwrap_or(0));
            while self.lacing.last() == Some(&255) {
                self.lacing.pop();
                bytes += 255;
            }
            self.body.truncate(self.body.len() - bytes);
            self.packets -= 1;
        }
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.lacing.clear();
        self.body.clear();
        self.packets = 0;
    }

    /// The page as bytes, appended to `out`.
    pub fn write(&self, header: PageHeader, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"OggS\0");
        out.push(header.flags);
        out.extend_from_slice(&header.granule.to_le_bytes());
        out.extend_from_slice(&header.serial.to_le_bytes());
        out.extend_from_slice(&header.sequence.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.push(self.lacing.len() as u8);
        out.extend_from_slice(&self.lacing);
        out.extend_from_slice(&self.body);
        seal(&mut out[start..]);
    }
}

/// The last page of a stream that was cut off, see [`last_page`].
#[derive(Debug)]
pub struct Found {
    /// Where it begins.
    pub offset: u64,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Pages up to it, with it.
    pub pages: u64,
}

impl Found {
    /// Whether it says that it is the last one.
    pub fn is_last(&self) -> bool {
        self.bytes[FLAGS_AT] & LAST != 0
    }

    /// Makes it say so.
    pub fn make_last(&mut self) {
        self.bytes[FLAGS_AT] |= LAST;
        seal(&mut self.bytes);
    }
}

/// Finds the last page up to which all are whole, from the beginning of `stream` on; `None` if not
/// even the first is.
///
/// # Errors
/// Those of reading, except that the stream ends.
pub fn last_page(stream: &mut impl Read) -> io::Result<Option<Found>> {
    let mut found: Option<Found> = None;
    loop {
        let (offset, pages) = found.as_ref().map_or((0, 0), |page| {
            (page.offset + page.bytes.len() as u64, page.pages)
        });
        match read_page(stream) {
            Ok(Some(bytes)) => {
                let pages = pages + 1;
                found = Some(Found {
                    offset,
                    bytes,
                    pages,
                });
            }
            Ok(None) => return Ok(found),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(found),
            Err(error) => return Err(error),
        }
    }
}

/// The next page; `None` if what comes is none or is damaged.
fn read_page(stream: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut page = vec![0; HEADER_BYTES];
    stream.read_exact(&mut page)?;
    if &page[..5] != b"OggS\0" {
        return Ok(None);
    }
    let segments = usize::from(page[HEADER_BYTES - 1]);
    page.resize(HEADER_BYTES + segments, 0);
    stream.read_exact(&mut page[HEADER_BYTES..])?;
    let table = page[HEADER_BYTES..].iter();
    let body: usize = table.map(|length| usize::from(*length)).sum();
    let start = page.len();
    page.resize(start + body, 0);
    stream.read_exact(&mut page[start..])?;
    let mut sealed = page.clone();
    seal(&mut sealed);
    Ok((sealed == page).then_some(page))
}

/// The granule position of a page.
pub fn granule(page: &[u8]) -> Option<u64> {
    let bytes = page.get(GRANULE_AT..GRANULE_AT + 8)?;
    bytes.try_into().ok().map(u64::from_le_bytes)
}

fn segments(packet_bytes: usize) -> usize {
    packet_bytes / 255 + 1
}

/// Fills in the checksum of a whole page.
fn seal(page: &mut [u8]) {
    page[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
    let checksum = page.iter().fold(0u32, |sum, byte| {
        sum << 8 ^ CHECKSUMS[usize::from((sum >> 24) as u8 ^ byte)]
    });
    page[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
}

/// CRC-32 with the generator polynomial 0x04c11db7, neither reflected nor inverted (RFC 3533 §6).
const CHECKSUMS: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            let carry = sum & 0x8000_0000 != 0;
            sum <<= 1;
            if carry {
                sum ^= 0x04c1_1db7;
            }
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn header(flags: u8, sequence: u32) -> PageHeader {
        PageHeader {
            flags,
            granule: 960 * u64::from(sequence),
            serial: 7,
            sequence,
        }
    }

    fn page(packets: &[&[u8]]) -> Page {
        let mut page = Page::default();
        packets.iter().for_each(|packet| page.push(packet));
        page
    }

    #[test]
    fn a_reader_finds_the_packets_of_any_length() {
        let packets: Vec<Vec<u8>> = [0, 1, 254, 255, 256, 510, 1_275]
            .map(|length| vec![length as u8; length])
            .into();
        let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
        let mut file = Vec::new();
        page(&packets).write(header(FIRST, 0), &mut file);
        page(&[b"end"]).write(header(LAST, 1), &mut file);
        let mut reader = ogg::PacketReader::new(io::Cursor::new(file));
        for packet in packets {
            let read = reader.read_packet_expected().unwrap();
            assert_eq!(read.data, packet);
        }
        let last = reader.read_packet_expected().unwrap();
        assert_eq!(last.data, b"end");
        assert!(last.last_in_stream());
        assert_eq!(last.absgp_page(), 960);
    }

    #[test]
    fn packets_can_be_taken_back() {
        let mut cut = page(&[&[1; 300], &[2; 510], &[3; 9], &[4; 255]]);
        cut.truncate(2);
        let mut expected = Vec::new();
        page(&[&[1; 300], &[2; 510]]).write(header(0, 0), &mut expected);
        let mut found = Vec::new();
        cut.write(header(0, 0), &mut found);
        assert_eq!(found, expected);
        cut.truncate(0);
        assert_eq!((cut.packets(), cut.body_bytes()), (0, 0));
    }

    #[test]
    fn the_last_whole_page_is_found_wherever_the_file_ends() {
        let mut file = Vec::new();
        let mut ends = Vec::new();
        for sequence in 0..4 {
            page(&[&[sequence as u8; 400]]).write(header(0, sequence), &mut file);
            ends.push(file.len());
        }
        for length in 0..=file.len() {
            let found = last_page(&mut &file[..length]).unwrap();
            let whole = ends.iter().filter(|end| **end <= length).count();
            assert_eq!(found.as_ref().map_or(0, |page| page.pages), whole as u64);
            if let Some(mut page) = found {
                assert_eq!(page.offset as usize + page.bytes.len(), ends[whole - 1]);
                assert_eq!(granule(&page.bytes), Some(960 * (whole as u64 - 1)));
                assert!(!page.is_last());
                page.make_last();
                let again = last_page(&mut &page.bytes[..]).unwrap().unwrap();
                assert!(again.is_last());
            }
        }
        file[ends[1] + 100] ^= 1;
        assert_eq!(last_page(&mut &file[..]).unwrap().unwrap().pages, 2);
    }

    #[test]
    fn a_page_holds_so_many_segments() {
        let mut full = Page::default();
        while full.has_room(400) {
            full.push(&[0; 400]);
        }
        assert_eq!(full.packets(), 127);
        assert!(full.has_room(254) && !full.has_room(255));
    }
}
