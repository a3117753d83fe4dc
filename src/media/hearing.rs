//! CORE. What a peer says, as an even flow of samples: jitter buffer, decoders, and a queue that
//! evens out packets of another length than ours.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::command::MediaFormat;
use crate::audio::LiveResampler;
use crate::codec::{Decoder, MAX_PACKET_SAMPLES};
use crate::rtp::{JitterBuffer, JitterConfig, PayloadType, Pop, RtpPacket};

/// One peer's audio while someone hears it.
pub(super) struct Hearing {
    formats: SmallVec<[Incoming; 4]>,
    jitter: JitterBuffer,
    /// Number and samples of the latest packet: what a lost one is taken to have been.
    latest: Option<(PayloadType, usize)>,
    /// From the rate of a codec to `sample_rate`; made when it is first needed.
    resampler: Option<(u32, LiveResampler)>,
    sample_rate: u32,
    queue: Box<[i16]>,
    queued: usize,
    /// Samples at the front of the queue that are the current frame.
    frame: usize,
    /// Whether any of the current frame came from the peer.
    audible: bool,
}

/// A format that may come.
struct Incoming {
    format: MediaFormat,
    /// Made when its first packet comes.
    decoder: Option<Box<dyn Decoder>>,
}

impl Hearing {
    /// `formats` are what may come; samples are given out at `sample_rate` hertz.
    pub(super) fn new(formats: &[MediaFormat], sample_rate: u32) -> Self {
        let payload_bytes = formats
            .iter()
            .map(|format| format.codec.max_bytes(format.variant))
            .max();
        let incoming = |&format| Incoming {
            format,
            decoder: None,
        };
        Self {
            formats: formats.iter().map(incoming).collect(),
            jitter: JitterBuffer::new(JitterConfig {
                payload_bytes: payload_bytes.unwrap_or_default(),
                ..JitterConfig::default()
            }),
            latest: None,
            resampler: None,
            sample_rate,
            queue: vec![0; samples_in(QUEUE_MS, sample_rate)].into(),
            queued: 0,
            frame: 0,
            audible: false,
        }
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(super) fn push(&mut self, now: Instant, packet: &RtpPacket<'_>) {
        self.jitter.push(now, packet);
    }

    /// A packet of the same source that is not audio.
    pub(super) fn push_other(&mut self, now: Instant, packet: &RtpPacket<'_>) {
        self.jitter.push_other(now, packet);
    }

    /// Another source speaks: forgets what waits.
    pub(super) fn reset(&mut self) {
        self.jitter.reset();
        self.latest = None;
        (self.queued, self.frame, self.audible) = (0, 0, false);
    }

    /// Goes on by `packet_time`, which is our own and need not be the peer's.
    pub(super) fn advance(&mut self, packet_time: Duration) {
        self.queue.copy_within(self.frame..self.queued, 0);
        self.queued -= self.frame;
        let wanted = packet_time.as_millis() as usize;
        self.frame = samples_in(wanted.min(LONGEST_FRAME_MS), self.sample_rate);
        while self.queued < self.frame && self.decode_next() {}
        self.audible = self.queued > 0;
        if self.queued < self.frame {
            self.queue[self.queued..self.frame].fill(0);
            self.queued = self.frame;
        }
    }

    /// The current frame; silence where nothing came.
    pub(super) fn frame(&self) -> &[i16] {
        &self.queue[..self.frame]
    }

    /// The current frame, if any of it came from the peer.
    pub(super) fn heard(&self) -> Option<&[i16]> {
        self.audible.then(|| self.frame())
    }

    /// Puts the samples of the next packet into the queue; false if there is none.
    fn decode_next(&mut self) -> bool {
        let (payload_type, coded) = match self.jitter.pop() {
            Pop::Empty => return false,
            Pop::Packet(packet) => (packet.payload_type, Coded::Packet(packet.payload)),
            Pop::Lost => {
                let Some((payload_type, samples)) = self.latest else {
                    return true;
                };
                let following = self.jitter.following_payload();
                (payload_type, Coded::Lost { samples, following })
            }
        };
        let agreed = |incoming: &&mut Incoming| incoming.format.payload_type == payload_type;
        let Some(incoming) = self.formats.iter_mut().find(agreed) else {
            return true;
        };
        let room = &mut self.queue[self.queued..];
        let rate = incoming.format.codec.sample_rate();
        let samples = if rate == self.sample_rate {
            let samples = incoming.decode(&coded, room);
            self.queued += samples;
            samples
        } else {
            let mut pcm = [0; MAX_PACKET_SAMPLES];
            let samples = incoming.decode(&coded, &mut pcm);
            if let Some(resampler) = resampler(&mut self.resampler, rate, self.sample_rate) {
                self.queued += resampler.process(&pcm[..samples], room);
            }
            samples
        };
        if samples > 0 {
            self.latest = Some((payload_type, samples));
        }
        true
    }
}

/// What is due of one packet.
enum Coded<'a> {
    Packet(&'a [u8]),
    Lost {
        /// In the packet before.
        samples: usize,
        /// Of the packet behind, if it is here.
        following: Option<&'a [u8]>,
    },
}

impl Incoming {
    /// Decodes into `out` and returns the number of samples. A payload that its codec refuses is as
    /// good as lost: zero.
    fn decode(&mut self, coded: &Coded<'_>, out: &mut [i16]) -> usize {
        if self.decoder.is_none() {
            self.decoder = self.format.codec.decoder(self.format.variant).ok();
        }
        let Some(decoder) = &mut self.decoder else {
            return 0;
        };
        match *coded {
            Coded::Packet(payload) => decoder.decode(payload, out).unwrap_or(0),
            Coded::Lost { samples, following } => {
                let Some(out) = out.get_mut(..samples) else {
                    return 0;
                };
                match following {
                    Some(next) => decoder.recover(next, out),
                    None => decoder.conceal(out),
                }
            }
        }
    }
}

/// The resampler from `from`, made anew if there is one from elsewhere.
fn resampler(
    made: &mut Option<(u32, LiveResampler)>,
    from: u32,
    to: u32,
) -> Option<&mut LiveResampler> {
    if made.as_ref().is_none_or(|(rate, _)| *rate != from) {
        *made = LiveResampler::new(from, to).ok().map(|new| (from, new));
    }
    made.as_mut().map(|(_, resampler)| resampler)
}

fn samples_in(ms: usize, sample_rate: u32) -> usize {
    ms * sample_rate as usize / 1_000
}

/// The longest frame that is given out.
const LONGEST_FRAME_MS: usize = 60;
/// A frame that lacks its last sample, and the longest packet behind it.
const QUEUE_MS: usize = LONGEST_FRAME_MS + 120;
