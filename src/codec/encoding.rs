//! A codec with all that decides about the bytes of a payload.

use std::time::Duration;

use super::{CodecId, MAX_PAYLOAD_BYTES, Packing, Variant};

/// How audio is encoded for one direction of a call. Calls with equal encodings share the payloads
/// of a prompt, if the codec [joins](CodecId::joins) them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// The codec.
    pub codec: CodecId,
    /// What its parameters mean.
    pub variant: Variant,
    /// The time of a packet, where it decides about the bytes: payloads of a sample-based codec
    /// can be cut anywhere, whatever this would be, and share their bytes under zero.
    frame: Duration,
}

/// The packet times that fit the frame clock of the media threads.
const PACKET_MS: [u8; 6] = [10, 20, 30, 40, 50, 60];

impl Encoding {
    fn new(codec: CodecId, variant: Variant, packet_time: Duration) -> Self {
        let frame = match codec.packing(variant) {
            Packing::Samples { .. } => Duration::ZERO,
            Packing::Frames { .. } => packet_time,
        };
        Self {
            codec,
            variant,
            frame,
        }
    }

    /// The encoding and the packet time for a peer that asks for packets of `wanted`: the longest
    /// that the codec, the frame clock and [`MAX_PAYLOAD_BYTES`] allow and that is not longer; the
    /// shortest there is if all are.
    pub fn with_packet_time(
        codec: CodecId,
        variant: Variant,
        wanted: Duration,
    ) -> (Self, Duration) {
        let possible = |ms: u8| match codec.packing(variant) {
            Packing::Frames { packet_ms, .. } => packet_ms.contains(&ms),
            Packing::Samples { samples, bytes } => {
                let packet = usize::from(ms) * codec.sample_rate() as usize / 1_000;
                packet / samples * bytes <= MAX_PAYLOAD_BYTES
            }
        };
        let mut times = PACKET_MS
            .into_iter()
            .filter(|&ms| possible(ms))
            .map(|ms| Duration::from_millis(ms.into()));
        let shortest = times.next().unwrap_or(DEFAULT_PACKET_TIME);
        let packet_time = times.take_while(|&time| time <= wanted).last();
        let packet_time = packet_time.unwrap_or(shortest);
        (Self::new(codec, variant, packet_time), packet_time)
    }

    /// The packet time that is part of the encoding, `None` if payloads can be cut anywhere.
    pub fn frame(&self) -> Option<Duration> {
        (!self.frame.is_zero()).then_some(self.frame)
    }
}

/// The codec with its default parameters, in packets of 20 ms or what comes closest.
impl From<CodecId> for Encoding {
    fn from(codec: CodecId) -> Self {
        Self::with_packet_time(codec, Variant::default(), DEFAULT_PACKET_TIME).0
    }
}

/// RFC 3551 §4.2.
const DEFAULT_PACKET_TIME: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_time_is_the_longest_that_is_asked_for_and_possible() {
        for (codec, wanted, got) in [
            (CodecId::PCMU, 20, 20),
            (CodecId::PCMU, 30, 30),
            (CodecId::PCMU, 50, 50),
            (CodecId::PCMU, 55, 50),
            (CodecId::OPUS, 50, 40),
            (CodecId::PCMU, 100, 60),
            (CodecId::PCMU, 5, 10),
            (CodecId::OPUS, 10, 10),
            (CodecId::OPUS, 30, 20),
            (CodecId::OPUS, 60, 60),
        ] {
            let wanted = Duration::from_millis(wanted);
            let (_, time) = Encoding::with_packet_time(codec, Variant::default(), wanted);
            assert_eq!(time, Duration::from_millis(got), "{codec} {wanted:?}");
        }
    }

    #[test]
    fn only_frames_are_encoded_anew_for_another_packet_time() {
        let encoding = |codec, ms| {
            Encoding::with_packet_time(codec, Variant::default(), Duration::from_millis(ms)).0
        };
        assert_eq!(encoding(CodecId::PCMU, 20), encoding(CodecId::PCMU, 60));
        assert_ne!(encoding(CodecId::OPUS, 20), encoding(CodecId::OPUS, 60));
        assert_eq!(encoding(CodecId::OPUS, 20), CodecId::OPUS.into());
    }
}
