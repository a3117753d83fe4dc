//! CORE. What a peer says, as an even flow of samples: jitter buffer, decoders, and a queue that
//! evens out packets of another length than ours.

use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::audio::LiveResampler;
use crate::audio::frame::MAX_FRAME_SAMPLES;
use crate::codec::{CodecId, Decoder, MAX_PACKET_SAMPLES, MAX_PAYLOAD_BYTES};
use crate::rtp::{JitterBuffer, JitterConfig, PayloadType, Pop, RtpPacket};

/// One peer's audio while someone hears it.
pub(super) struct Hearing {
    formats: SmallVec<[(PayloadType, CodecId); 4]>,
    jitter: JitterBuffer,
    /// By [`CodecId::index`]; each is made when its first packet comes.
    decoders: [Option<Box<dyn Decoder>>; CodecId::ALL.len()],
    /// Codec and samples of the latest packet: what a lost one is taken to have been.
    latest: Option<(CodecId, usize)>,
    /// From the rate of a codec to `sample_rate`; made when it is first needed.
    resampler: Option<(u32, LiveResampler)>,
    sample_rate: u32,
    queue: Box<[i16; QUEUE_SAMPLES]>,
    queued: usize,
    /// Samples at the front of the queue that are the current frame.
    frame: usize,
    /// Whether any of the current frame came from the peer.
    audible: bool,
}

impl Hearing {
    /// `formats` are what may come; samples are given out at `sample_rate` hertz.
    pub(super) fn new(formats: &[(PayloadType, CodecId)], sample_rate: u32) -> Self {
        let sample_based = formats.iter().all(|(_, codec)| codec.is_sample_based());
        let payload_bytes = if sample_based {
            LONGEST_G711_BYTES
        } else {
            MAX_PAYLOAD_BYTES
        };
        Self {
            formats: SmallVec::from_slice(formats),
            jitter: JitterBuffer::new(JitterConfig {
                payload_bytes,
                ..JitterConfig::default()
            }),
            decoders: [const { None }; CodecId::ALL.len()],
            latest: None,
            resampler: None,
            sample_rate,
            queue: Box::new([0; QUEUE_SAMPLES]),
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
        let wanted = packet_time.as_millis() as usize * self.sample_rate as usize / 1_000;
        self.frame = wanted.min(MAX_FRAME_SAMPLES);
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
        let mut pcm = [0; MAX_PACKET_SAMPLES];
        let (codec, samples) = match self.jitter.pop() {
            Pop::Empty => return false,
            Pop::Packet(packet) => {
                let payload_type = packet.payload_type;
                let known = self
                    .formats
                    .iter()
                    .find(|(agreed, _)| *agreed == payload_type);
                let Some(&(_, codec)) = known else {
                    return true;
                };
                let Some(decoder) = decoder(&mut self.decoders, codec) else {
                    return true;
                };
                // A payload that its codec refuses is as good as lost.
                let Ok(samples) = decoder.decode(packet.payload, &mut pcm) else {
                    return true;
                };
                (codec, samples)
            }
            Pop::Lost => {
                let Some((codec, samples)) = self.latest else {
                    return true;
                };
                let Some(decoder) = decoder(&mut self.decoders, codec) else {
                    return true;
                };
                let out = &mut pcm[..samples];
                let samples = match self.jitter.following_payload() {
                    Some(next) => decoder.recover(next, out),
                    None => decoder.conceal(out),
                };
                (codec, samples)
            }
        };
        self.latest = Some((codec, samples));
        self.enqueue(codec.sample_rate(), &pcm[..samples]);
        true
    }

    /// Adds samples of `rate` hertz to the queue. What does not fit is left out.
    fn enqueue(&mut self, rate: u32, pcm: &[i16]) {
        let room = &mut self.queue[self.queued..];
        if rate == self.sample_rate {
            let fits = pcm.len().min(room.len());
            room[..fits].copy_from_slice(&pcm[..fits]);
            self.queued += fits;
            return;
        }
        if self
            .resampler
            .as_ref()
            .is_none_or(|(from, _)| *from != rate)
        {
            let made = LiveResampler::new(rate, self.sample_rate);
            self.resampler = made.ok().map(|resampler| (rate, resampler));
        }
        if let Some((_, resampler)) = &mut self.resampler {
            self.queued += resampler.process(pcm, room);
        }
    }
}

fn decoder(
    decoders: &mut [Option<Box<dyn Decoder>>],
    codec: CodecId,
) -> Option<&mut (dyn Decoder + 'static)> {
    let slot = &mut decoders[codec.index()];
    if slot.is_none() {
        *slot = codec.decoder().ok();
    }
    slot.as_deref_mut()
}

/// A frame, and the longest packet at twice its rate behind it.
const QUEUE_SAMPLES: usize = MAX_FRAME_SAMPLES + 2 * MAX_PACKET_SAMPLES;
/// 60 ms, the longest packet that a sample-based codec accepts.
const LONGEST_G711_BYTES: usize = 480;
