//! MP3, FLAC and Ogg Vorbis, by `symphonia`.
//!
//! The delay and padding of the encoders are cut away, as far as the file tells of them. A packet
//! that cannot be decoded is left out; that is usual at the cut ends of MP3 files. The library does
//! not survive every hostile file: a panic in it is caught here and is an error like others.

use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::core::packet::Packet;
use symphonia::default::formats::{FlacReader, MpaReader, OggReader};

use super::{Blocks, ByteSource, DecodeError, MAX_CHANNELS, mix_down};

/// How packets are found in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Flac,
    Mp3,
    Ogg,
}

/// Opens a file and decodes its first packet, which tells the sample rate.
pub(super) fn open(
    mut source: Box<dyn ByteSource>,
    container: Container,
) -> Result<(Box<dyn Blocks>, u32), DecodeError> {
    if container == Container::Mp3 {
        skip_tags(&mut source)?;
    }
    guarded(|| Packets::open(source, container))
}

/// Runs the library's code.
fn guarded<T>(work: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    // What was half done is dropped by the caller, who gets no more than the error.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(DecodeError::DecoderFailed))
}

/// Whether a frame of MPEG audio layer III begins here. A byte or two would do for a player; this
/// has to tell it from any other content.
pub(super) fn is_mp3_frame(bytes: &[u8]) -> bool {
    let &[first, second, third, ..] = bytes else {
        return false;
    };
    let sync = first == 0xFF && second & 0xE0 == 0xE0;
    let version = second >> 3 & 0b11;
    let layer = second >> 1 & 0b11;
    let (bit_rate, sample_rate) = (third >> 4, third >> 2 & 0b11);
    sync && version != 1 && layer == 1 && !matches!(bit_rate, 0 | 15) && sample_rate != 3
}

/// Steps over ID3v2 tags, which may hold pictures with anything in them.
fn skip_tags(source: &mut Box<dyn ByteSource>) -> io::Result<()> {
    let mut start = 0;
    for _ in 0..MAX_TAGS {
        source.seek(SeekFrom::Start(start))?;
        let mut header = Vec::new();
        source.take(ID3_HEADER).read_to_end(&mut header)?;
        let [b'I', b'D', b'3', _, _, flags, a, b, c, d] = header[..] else {
            break;
        };
        // Seven bits of each byte.
        let length = [a, b, c, d]
            .iter()
            .fold(0, |length, byte| length << 7 | u64::from(byte & 0x7F));
        let footer = if flags & 0x10 == 0 { 0 } else { ID3_HEADER };
        start += ID3_HEADER + length + footer;
    }
    source.seek(SeekFrom::Start(start))?;
    Ok(())
}

/// A file of packets being decoded.
struct Packets {
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    /// Sample rate and channels of the first packet.
    format: Option<(u32, usize)>,
    interleaved: Vec<i16>,
    /// Decoded when the file was opened.
    first: Vec<i16>,
    /// Packets in a row that gave nothing.
    undecoded: usize,
}

impl Packets {
    fn open(
        source: Box<dyn ByteSource>,
        container: Container,
    ) -> Result<(Box<dyn Blocks>, u32), DecodeError> {
        // Nothing seeks: files are read from the start to the end, and no index is worth its time.
        let stream =
            MediaSourceStream::new(Box::new(ReadOnlySource::new(source)), Default::default());
        let options = FormatOptions::default();
        let reader: Result<Box<dyn FormatReader>, Error> = match container {
            Container::Flac => {
                FlacReader::try_new(stream, options).map(|reader| Box::new(reader) as _)
            }
            Container::Mp3 => {
                MpaReader::try_new(stream, options).map(|reader| Box::new(reader) as _)
            }
            Container::Ogg => {
                OggReader::try_new(stream, options).map(|reader| Box::new(reader) as _)
            }
        };
        let reader = reader.map_err(DecodeError::Compressed)?;
        let track = reader
            .default_track(TrackType::Audio)
            .ok_or(DecodeError::NoAudio)?;
        let parameters = track
            .codec_params
            .as_ref()
            .and_then(|parameters| parameters.audio())
            .ok_or(DecodeError::NoAudio)?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(DecodeError::Compressed)?;
        let mut packets = Packets {
            track: track.id,
            reader,
            decoder,
            format: None,
            interleaved: Vec::new(),
            first: Vec::new(),
            undecoded: 0,
        };
        let mut first = Vec::new();
        packets.decode_next(&mut first)?;
        packets.first = first;
        let (sample_rate, _) = packets.format.ok_or(DecodeError::NoAudio)?;
        Ok((Box::new(packets), sample_rate))
    }

    /// Decodes packets until one gives samples.
    fn decode_next(&mut self, block: &mut Vec<i16>) -> Result<(), DecodeError> {
        block.clear();
        while block.is_empty() {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(()),
                // A file that is cut off ends there.
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(());
                }
                Err(Error::ResetRequired) => return Err(DecodeError::FormatChanges),
                Err(error) => return Err(DecodeError::Compressed(error)),
            };
            if packet.track_id == self.track {
                self.decode_packet(&packet, block)?;
            }
            self.undecoded += 1;
            if self.undecoded > MAX_EMPTY {
                return Err(DecodeError::NoAudio);
            }
        }
        self.undecoded = 0;
        Ok(())
    }

    /// Leaves `block` empty if the packet gives nothing.
    fn decode_packet(&mut self, packet: &Packet, block: &mut Vec<i16>) -> Result<(), DecodeError> {
        let audio = match self.decoder.decode(packet) {
            Ok(audio) if audio.frames() == 0 => return Ok(()),
            Ok(audio) => audio,
            Err(Error::ResetRequired) => return Err(DecodeError::FormatChanges),
            Err(error) if self.undecoded >= MAX_UNDECODED => {
                return Err(DecodeError::Compressed(error));
            }
            Err(_) => return Ok(()),
        };
        let format = (audio.spec().rate(), audio.spec().channels().count());
        if !(1..=MAX_CHANNELS).contains(&format.1) {
            return Err(DecodeError::Channels(format.1));
        }
        if *self.format.get_or_insert(format) != format {
            return Err(DecodeError::FormatChanges);
        }
        audio.copy_to_vec_interleaved(&mut self.interleaved);
        mix_down(&self.interleaved, format.1, block);
        Ok(())
    }
}

impl Blocks for Packets {
    fn next_block(&mut self, block: &mut Vec<i16>) -> Result<(), DecodeError> {
        if !self.first.is_empty() {
            *block = std::mem::take(&mut self.first);
            return Ok(());
        }
        guarded(|| self.decode_next(block))
    }
}

const ID3_HEADER: u64 = 10;
/// Tags in a row that are stepped over.
const MAX_TAGS: usize = 4;
/// Packets in a row that may be damaged: half a second of MP3.
const MAX_UNDECODED: usize = 20;
/// Packets in a row that may give nothing, being another track's or damaged.
const MAX_EMPTY: usize = 10_000;
