//! Writes Ogg Opus files (RFC 7845): five pages a second, each of which is there as a whole or not at all.

use std::io;

use audiopus::coder::Encoder;
use audiopus::{Application, Bitrate, Channels, SampleRate, Signal};

use super::Storage;
use crate::audio::ogg::{FIRST, LAST, Page, PageHeader};

/// Samples of one 20 ms packet in the unit of granule positions, which is 48 kHz whatever is inside
/// (RFC 7845 §4).
const PACKET_TICKS: u64 = 960;
/// Packets of one page, 200 ms: a crash loses the page that is not full. Longer ones would save up to a twentieth of
/// the file.
const PAGE_PACKETS: usize = 10;
/// Longest packet that libopus makes of 20 ms.
const MAX_PACKET_BYTES: usize = 1_275;
/// Bit rate of a channel: telephone speech sounds clean at this.
const BITS_PER_SECOND: i32 = 24_000;
/// The same for 24 kHz and more.
const WIDE_BITS_PER_SECOND: i32 = 40_000;
/// Effort of 0..=10, as for calls.
const COMPLEXITY: u8 = 5;
/// There is one stream in the file, so any number will do.
const SERIAL: u32 = 1;

/// See the module's documentation.
pub struct OpusWriter {
    encoder: Encoder,
    channels: usize,
    /// Samples of all channels in one packet.
    packet_samples: usize,
    /// Ticks of one frame.
    frame_ticks: u64,
    /// Ticks that a decoder leaves out at the beginning.
    pre_skip: u64,
    /// Samples of the packet to come.
    pending: Vec<i16>,
    /// Frames taken.
    frames: u64,
    page: Placed,
    /// The page in the file that holds the end of what is kept, as far as that is known.
    kept: Option<Placed>,
    /// Where the page goes.
    offset: u64,
    /// Bytes of audio in pages before it.
    data_bytes: u64,
    /// Room for the bytes of a page.
    bytes: Vec<u8>,
}

/// A page and its place.
#[derive(Default, Clone)]
struct Placed {
    page: Page,
    offset: u64,
    sequence: u32,
    /// Ticks before it.
    start: u64,
    /// Bytes of audio before it.
    data_before: u64,
}

impl OpusWriter {
    pub fn begin(
        sample_rate: u32,
        channels: usize,
        storage: &mut impl Storage,
    ) -> io::Result<Self> {
        let unsupported = |error| io::Error::new(io::ErrorKind::Unsupported, error);
        let encoder = encoder(sample_rate, channels).map_err(unsupported)?;
        let frame_ticks = u64::from(48_000 / sample_rate);
        let lookahead = encoder.lookahead().map_err(unsupported)?;
        let pre_skip = u64::from(lookahead) * frame_ticks;
        let mut bytes = Vec::new();
        let header = |flags, sequence| PageHeader {
            flags,
            granule: 0,
            serial: SERIAL,
            sequence,
        };
        let head = identification(channels, pre_skip, sample_rate);
        for (packet, header) in [(head, header(FIRST, 0)), (comments(), header(0, 1))] {
            let mut page = Page::default();
            page.push(&packet);
            page.write(header, &mut bytes);
        }
        storage.write_at(0, &bytes)?;
        let packet_samples = sample_rate as usize / 50 * channels;
        let offset = bytes.len() as u64;
        bytes.clear();
        Ok(Self {
            encoder,
            channels,
            packet_samples,
            frame_ticks,
            pre_skip,
            pending: Vec::with_capacity(packet_samples),
            frames: 0,
            page: Placed {
                offset,
                sequence: 2,
                ..Placed::default()
            },
            kept: None,
            offset,
            data_bytes: 0,
            bytes,
        })
    }

    pub fn frames(&self) -> u64 {
        self.frames
    }

    pub fn data_bytes(&self) -> u64 {
        self.data_bytes + self.page.page.body_bytes() as u64
    }

    pub fn write(
        &mut self,
        mut pcm: &[i16],
        keep: Option<u64>,
        storage: &mut impl Storage,
    ) -> io::Result<()> {
        self.frames += (pcm.len() / self.channels) as u64;
        let keep = keep.map(|frames| self.ticks(frames));
        while !pcm.is_empty() {
            let room = self.packet_samples - self.pending.len();
            let (now, later) = pcm.split_at(room.min(pcm.len()));
            self.pending.extend_from_slice(now);
            pcm = later;
            if self.pending.len() == self.packet_samples {
                self.encode(keep, storage)?;
            }
        }
        Ok(())
    }

    /// Granule position of the end of this frame.
    fn ticks(&self, frames: u64) -> u64 {
        self.pre_skip + frames * self.frame_ticks
    }

    fn encode(&mut self, keep: Option<u64>, storage: &mut impl Storage) -> io::Result<()> {
        let mut packet = [0; MAX_PACKET_BYTES];
        let encoded = self.encoder.encode(&self.pending, &mut packet[..]);
        let length = encoded.map_err(io::Error::other)?;
        self.pending.clear();
        let page = &self.page.page;
        if page.packets() == PAGE_PACKETS || !page.has_room(length) {
            self.flush(keep, storage)?;
        }
        self.page.page.push(&packet[..length]);
        Ok(())
    }

    /// Writes the page, and begins another one.
    fn flush(&mut self, keep: Option<u64>, storage: &mut impl Storage) -> io::Result<()> {
        let start = self.page.start;
        let end = start + self.page.page.packets() as u64 * PACKET_TICKS;
        self.put(0, end, storage)?;
        let body = self.page.page.body_bytes() as u64;
        let next = Placed {
            page: Page::default(),
            offset: self.page.offset + self.bytes.len() as u64,
            sequence: self.page.sequence + 1,
            start: end,
            data_before: self.page.data_before + body,
        };
        (self.offset, self.data_bytes) = (next.offset, next.data_before);
        let written = std::mem::replace(&mut self.page, next);
        if keep.is_some_and(|keep| start < keep) {
            self.kept = Some(written);
        } else {
            self.page.page = written.page;
            self.page.page.clear();
        }
        Ok(())
    }

    /// Writes the page in its place.
    fn put(&mut self, flags: u8, granule: u64, storage: &mut impl Storage) -> io::Result<()> {
        self.bytes.clear();
        let header = PageHeader {
            flags,
            granule,
            serial: SERIAL,
            sequence: self.page.sequence,
        };
        self.page.page.write(header, &mut self.bytes);
        storage.write_at(self.page.offset, &self.bytes)
    }

    /// The position of the last page tells decoders where to stop (RFC 7845 §4.4).
    pub fn finish(&mut self, keep: Option<u64>, storage: &mut impl Storage) -> io::Result<()> {
        self.frames = keep.map_or(self.frames, |keep| keep.min(self.frames));
        let end = match self.frames {
            0 => 0,
            frames => self.ticks(frames),
        };
        if end <= self.page.start
            && let Some(kept) = self.kept.take()
        {
            // Everything behind the page that was kept is silence.
            self.page = kept;
            self.pending.clear();
        }
        while self.encoded() < end {
            self.pending.resize(self.packet_samples, 0);
            self.encode(None, storage)?;
        }
        let packets = end.saturating_sub(self.page.start).div_ceil(PACKET_TICKS);
        self.page.page.truncate(packets as usize);
        self.put(LAST, end, storage)?;
        self.offset = self.page.offset + self.bytes.len() as u64;
        self.data_bytes = self.page.data_before;
        storage.set_len(self.offset)
    }

    /// Ticks that have been encoded.
    fn encoded(&self) -> u64 {
        self.page.start + self.page.page.packets() as u64 * PACKET_TICKS
    }

    pub fn give_up(&mut self, storage: &mut impl Storage) -> io::Result<()> {
        self.page.page.clear();
        self.frames = self.page.start.saturating_sub(self.pre_skip) / self.frame_ticks;
        storage.set_len(self.offset)
    }
}

fn encoder(sample_rate: u32, channels: usize) -> Result<Encoder, audiopus::Error> {
    let rate = SampleRate::try_from(sample_rate as i32)?;
    let (layout, channels) = match channels {
        1 => (Channels::Mono, 1),
        _ => (Channels::Stereo, 2),
    };
    // Two voices that have nothing to do with each other: only this mode keeps them apart.
    let application = match channels {
        1 => Application::Voip,
        _ => Application::Audio,
    };
    let each = match sample_rate {
        ..=16_000 => BITS_PER_SECOND,
        _ => WIDE_BITS_PER_SECOND,
    };
    let mut encoder = Encoder::new(rate, layout, application)?;
    encoder.set_bitrate(Bitrate::BitsPerSecond(each * channels))?;
    encoder.set_complexity(COMPLEXITY)?;
    encoder.set_signal(Signal::Voice)?;
    Ok(encoder)
}

/// RFC 7845 §5.1.
fn identification(channels: usize, pre_skip: u64, sample_rate: u32) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels as u8);
    head.extend_from_slice(&(pre_skip as u16).to_le_bytes());
    head.extend_from_slice(&sample_rate.to_le_bytes());
    // No gain, and the channels are mono or left and right.
    head.extend_from_slice(&[0, 0, 0]);
    head
}

/// RFC 7845 §5.2: who wrote it, and no comment.
fn comments() -> Vec<u8> {
    let vendor = concat!("Muleteer ", env!("CARGO_PKG_VERSION"));
    let mut tags = b"OpusTags".to_vec();
    tags.extend_from_slice(&(vendor.len() as u32).to_le_bytes());
    tags.extend_from_slice(vendor.as_bytes());
    tags.extend_from_slice(&0u32.to_le_bytes());
    tags
}
