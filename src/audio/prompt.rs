//! Prompts: announcements that are decoded, resampled and encoded once and played by many calls.
//!
//! A session makes and encodes a prompt away from the media threads, which then only copy
//! payloads out of it. Of codecs whose payloads cannot be joined they take the samples, for the
//! encoder that the stream has. The cache that holds prompts, and its limit, are the session's.

use std::time::Duration;

use thiserror::Error;

use super::decode::{DecodeError, Sound};
use super::encodings::Encodings;
use super::resample::{self, ResampleError};
use crate::codec::{CodecError, Encoder, Encoding, MAX_PAYLOAD_BYTES, Packing};

/// A mono announcement at one sample rate, with its encodings. Shared by `Arc`.
#[derive(Debug)]
pub struct Prompt {
    pcm: Box<[i16]>,
    sample_rate: u32,
    encodings: Encodings,
}

impl Prompt {
    /// Brings a decoded file to `sample_rate` samples a second.
    ///
    /// # Errors
    /// [`AudioError::Resample`] for rates between which nothing can be converted.
    pub fn from_sound(sound: Sound, sample_rate: u32) -> Result<Self, AudioError> {
        let pcm = match sound.sample_rate == sample_rate {
            true => sound.pcm,
            false => resample::resample(&sound.pcm, sound.sample_rate, sample_rate)?,
        };
        Ok(Self::from_pcm(pcm, sample_rate))
    }

    /// Makes a prompt of mono samples.
    pub fn from_pcm(pcm: Vec<i16>, sample_rate: u32) -> Self {
        Self {
            pcm: pcm.into_boxed_slice(),
            sample_rate,
            encodings: Encodings::default(),
        }
    }

    /// The prompt as payloads, made on the first call; a [`CodecId`](crate::codec::CodecId) alone
    /// means its default parameters. `None` if the codec does not [join](crate::codec::CodecId::joins)
    /// them to others.
    ///
    /// The first call resamples and encodes the whole prompt: not for the media thread, which
    /// takes [`Prompt::ready`].
    ///
    /// # Errors
    /// [`AudioError::Resample`] and [`AudioError::Codec`] when the codec cannot take the prompt.
    pub fn encoded(
        &self,
        encoding: impl Into<Encoding>,
    ) -> Result<Option<&EncodedPrompt>, AudioError> {
        let encoding = encoding.into();
        if !encoding.codec.joins() {
            return Ok(None);
        }
        if let Some(encoded) = self.encodings.find(encoding) {
            return Ok(Some(encoded));
        }
        // Two threads may encode at the same time; the first result is kept.
        let rate = encoding.codec.sample_rate();
        let encoded = if rate == self.sample_rate {
            EncodedPrompt::encode(encoding, &self.pcm)?
        } else {
            let pcm = resample::resample(&self.pcm, self.sample_rate, rate)?;
            EncodedPrompt::encode(encoding, &pcm)?
        };
        Ok(Some(self.encodings.add(encoding, encoded)))
    }

    /// The prompt as payloads if [`Prompt::encoded`] was called before. Does not allocate or wait.
    pub fn ready(&self, encoding: impl Into<Encoding>) -> Option<&EncodedPrompt> {
        self.encodings.find(encoding.into())
    }

    /// All samples, mono.
    pub fn pcm(&self) -> &[i16] {
        &self.pcm
    }

    /// Samples a second of [`Prompt::pcm`].
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// How long the prompt plays.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.pcm.len() as f64 / f64::from(self.sample_rate.max(1)))
    }

    /// Memory held by samples and encodings, for the limit of a cache.
    pub fn size_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.pcm) + self.encodings.size_bytes()
    }
}

/// A prompt as RTP payloads of one encoding. Silence fills its last packet.
#[derive(Debug)]
pub struct EncodedPrompt {
    bytes: Box<[u8]>,
    layout: Layout,
}

/// How packets are found in the bytes.
#[derive(Debug)]
enum Layout {
    /// Packets can be cut between any two units of so many samples in so many bytes.
    Units { samples: usize, bytes: usize },
    /// Packet `i` of `frame_samples` samples is `bytes[ends[i - 1]..ends[i]]`.
    Frames {
        frame_samples: usize,
        ends: Box<[u32]>,
    },
}

impl EncodedPrompt {
    fn encode(encoding: Encoding, pcm: &[i16]) -> Result<Self, AudioError> {
        let Encoding { codec, variant, .. } = encoding;
        let packet = encoding.frame().unwrap_or(CHUNK);
        let frame_samples = codec.sample_rate() as usize * packet.as_millis() as usize / 1_000;
        let (whole, rest) = pcm.split_at(pcm.len() / frame_samples * frame_samples);
        let mut last = vec![0; rest.len().next_multiple_of(frame_samples)];
        last[..rest.len()].copy_from_slice(rest);
        let frames = || {
            whole
                .chunks_exact(frame_samples)
                .chain(last.chunks_exact(frame_samples))
        };
        let mut encoder = codec.encoder(variant)?;
        let (bytes, layout) = match codec.packing(variant) {
            Packing::Samples { samples, bytes } => {
                let mut payload = vec![0; (whole.len() + last.len()) / samples * bytes];
                let frame_bytes = frame_samples / samples * bytes;
                for (frame, out) in frames().zip(payload.chunks_exact_mut(frame_bytes)) {
                    encoder.encode(frame, out);
                }
                (payload, Layout::Units { samples, bytes })
            }
            Packing::Frames { .. } => encode_frames(&mut *encoder, frames(), frame_samples)?,
        };
        Ok(Self {
            bytes: bytes.into(),
            layout,
        })
    }

    /// Payload number `index` when the prompt is cut into packets of `packet_samples` samples (at
    /// the codec's sample rate); the last one may be shorter. Empty for a frame the codec chose
    /// not to send.
    ///
    /// `None` past the end, and for a length that the encoding cannot be cut to: a sample-based
    /// one goes with any number of its units but 0, others with their own packet time only. Media
    /// thread; does not allocate.
    pub fn payload(&self, index: usize, packet_samples: usize) -> Option<&[u8]> {
        match &self.layout {
            Layout::Units { samples, bytes } => {
                let packet_bytes = packet_samples / samples * bytes;
                let start = index.checked_mul(packet_bytes)?;
                let end = self.bytes.len().min(start.checked_add(packet_bytes)?);
                self.bytes
                    .get(start..end)
                    .filter(|payload| !payload.is_empty())
            }
            Layout::Frames {
                frame_samples,
                ends,
            } => {
                if packet_samples != *frame_samples {
                    return None;
                }
                let end = *ends.get(index)? as usize;
                let start = index
                    .checked_sub(1)
                    .map_or(0, |before| ends[before] as usize);
                self.bytes.get(start..end)
            }
        }
    }

    /// All payload bytes of a codec whose packets can be cut between any two units; `None` for
    /// another one.
    pub fn sample_bytes(&self) -> Option<&[u8]> {
        matches!(self.layout, Layout::Units { .. }).then_some(&self.bytes)
    }

    /// Memory held.
    pub fn size_bytes(&self) -> usize {
        let table = match &self.layout {
            Layout::Units { .. } => 0,
            Layout::Frames { ends, .. } => size_of_val(&**ends),
        };
        self.bytes.len() + table
    }
}

fn encode_frames<'a>(
    encoder: &mut dyn Encoder,
    frames: impl Iterator<Item = &'a [i16]>,
    frame_samples: usize,
) -> Result<(Vec<u8>, Layout), AudioError> {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    let mut payload = [0; MAX_PAYLOAD_BYTES];
    for frame in frames {
        let len = encoder.encode(frame, &mut payload);
        bytes.extend_from_slice(&payload[..len]);
        ends.push(u32::try_from(bytes.len()).map_err(|_| AudioError::TooLong)?);
    }
    let ends = ends.into();
    let layout = Layout::Frames {
        frame_samples,
        ends,
    };
    Ok((bytes, layout))
}

/// In which pieces a sample-based codec is given a prompt; any would do.
const CHUNK: Duration = Duration::from_millis(20);

/// Why a file cannot be a prompt.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The file cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The sample rates have no supported conversion.
    #[error("the sample rate cannot be converted")]
    Resample(#[from] ResampleError),
    /// The codec refused.
    #[error("the prompt cannot be encoded")]
    Codec(#[from] CodecError),
    /// More than 4 GiB encoded.
    #[error("the prompt is too long")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{CodecId, MAX_PACKET_SAMPLES, Variant};
    use crate::probe::{level_at, sine};

    /// 20 ms.
    const OPUS_FRAME_SAMPLES: usize = 320;

    fn prompt() -> Prompt {
        let sound = Sound {
            pcm: sine(500.0, 8_000.0, 44_100, 44_100),
            sample_rate: 44_100,
        };
        Prompt::from_sound(sound, 16_000).unwrap()
    }

    fn heard(encoded: &EncodedPrompt, codec: CodecId, packet_samples: usize) -> Vec<i16> {
        let mut decoder = codec.decoder(Variant::default()).unwrap();
        let mut pcm = Vec::new();
        for index in 0.. {
            let Some(payload) = encoded.payload(index, packet_samples) else {
                break;
            };
            let mut out = [0; MAX_PACKET_SAMPLES];
            let samples = decoder.decode(payload, &mut out).unwrap();
            pcm.extend_from_slice(&out[..samples]);
        }
        pcm
    }

    #[test]
    fn a_file_sounds_the_same_in_every_codec() {
        let prompt = prompt();
        assert_eq!(prompt.duration(), Duration::from_secs(1));
        for codec in CodecId::BUILT_IN {
            assert!(prompt.ready(codec).is_none());
            let Some(encoded) = prompt.encoded(codec).unwrap() else {
                assert_eq!(codec, CodecId::G722);
                continue;
            };
            let rate = codec.sample_rate();
            // 10 ms suit what is cut anywhere; frames were encoded at 20.
            let packets = if encoded.sample_bytes().is_some() {
                100
            } else {
                50
            };
            let pcm = heard(encoded, codec, rate as usize / packets);
            assert_eq!(pcm.len(), rate as usize);
            let level = level_at(&pcm[pcm.len() / 4..], rate, 500.0);
            assert!((level - 8_000.0).abs() < 800.0, "{codec:?}: {level}");
            assert!(prompt.ready(codec).is_some());
        }
    }

    #[test]
    fn g711_is_cut_into_packets_of_any_length() {
        let prompt = Prompt::from_pcm(vec![7; 900], 8_000);
        let encoded = prompt.encoded(CodecId::PCMA).unwrap().unwrap();
        let lengths = |samples| -> Vec<usize> {
            (0..)
                .map_while(|index| encoded.payload(index, samples))
                .map(<[u8]>::len)
                .collect()
        };
        assert_eq!(lengths(160), [160; 6]);
        assert_eq!(lengths(240), [240; 4]);
        assert_eq!(lengths(480), [480; 2]);
        assert_eq!(lengths(400), [400, 400, 160]);
        assert_eq!(encoded.payload(usize::MAX, 160), None);
        assert_eq!(encoded.payload(0, 0), None);
    }

    #[test]
    fn opus_is_cut_at_its_frames_only() {
        let prompt = Prompt::from_pcm(vec![7; 900], 16_000);
        let encoded = prompt.encoded(CodecId::OPUS).unwrap().unwrap();
        assert_eq!(encoded.payload(0, 480), None);
        assert!(encoded.payload(2, OPUS_FRAME_SAMPLES).is_some());
        assert_eq!(encoded.payload(3, OPUS_FRAME_SAMPLES), None);
    }

    #[test]
    fn frames_are_kept_for_each_packet_time() {
        let prompt = Prompt::from_pcm(vec![7; 1_600], 16_000);
        let (short, long) = [20, 40]
            .map(|ms| {
                let time = Duration::from_millis(ms);
                Encoding::with_packet_time(CodecId::OPUS, Variant::default(), time).0
            })
            .into();
        prompt.encoded(short).unwrap();
        assert!(prompt.ready(long).is_none());
        let encoded = prompt.encoded(long).unwrap().unwrap();
        assert!(encoded.payload(2, 2 * OPUS_FRAME_SAMPLES).is_some());
        assert_eq!(encoded.payload(3, 2 * OPUS_FRAME_SAMPLES), None);
        assert!(prompt.ready(short).is_some());
    }

    #[test]
    fn threads_that_encode_at_once_get_the_same_payloads() {
        let prompt = Prompt::from_pcm(vec![7; 8_000], 8_000);
        let kept = std::thread::scope(|scope| {
            let encode = || {
                let encoded = prompt.encoded(CodecId::PCMU).unwrap();
                std::ptr::from_ref(encoded.unwrap()) as usize
            };
            let threads = [(); 4].map(|()| scope.spawn(encode));
            threads.map(|thread| thread.join().unwrap())
        });
        assert_eq!(kept, [kept[0]; 4]);
        assert_eq!(prompt.encodings.size_bytes(), 8_000);
    }

    #[test]
    fn an_empty_prompt_has_no_payload() {
        for codec in CodecId::BUILT_IN {
            let prompt = Prompt::from_pcm(Vec::new(), 8_000);
            let encoded = prompt.encoded(codec).unwrap();
            let packet = codec.sample_rate() as usize / 50;
            assert!(encoded.is_none_or(|encoded| encoded.payload(0, packet).is_none()));
        }
    }

    #[test]
    fn size_counts_what_was_encoded() {
        let prompt = Prompt::from_pcm(vec![0; 8_000], 8_000);
        let before = prompt.size_bytes();
        assert!(before >= 16_000);
        prompt.encoded(CodecId::PCMU).unwrap();
        assert_eq!(prompt.size_bytes(), before + 8_000);
    }
}
