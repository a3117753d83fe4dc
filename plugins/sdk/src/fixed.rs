//! Codecs whose frames all have one size: checks once for all of them.

use crate::{Failure, Packing};

/// Frames of one size.
#[derive(Debug, Clone, Copy)]
pub struct Frames {
    /// Samples of a frame.
    pub samples: usize,
    /// Bytes of a frame.
    pub bytes: usize,
    /// Frames that may share a packet.
    pub max: usize,
}

impl Frames {
    /// For a description.
    pub const fn packing(self) -> Packing {
        Packing::Frames {
            samples: self.samples as u32,
            bytes: self.bytes as u32,
            max_frames: self.max as u32,
        }
    }

    /// The samples of a payload that holds one to `max` whole frames.
    pub fn samples_in(self, payload: &[u8]) -> Option<usize> {
        self.count(payload.len(), self.bytes)
            .ok()
            .map(|frames| frames * self.samples)
    }

    /// Encodes frame by frame; `encode` returns false when the codec fails.
    ///
    /// # Errors
    /// As [`Encoder::encode`](crate::Encoder::encode).
    pub fn encode(
        self,
        pcm: &[i16],
        out: &mut [u8],
        mut encode: impl FnMut(&[i16], &mut [u8]) -> bool,
    ) -> Result<usize, Failure> {
        let needed = self.count(pcm.len(), self.samples)? * self.bytes;
        let out = out.get_mut(..needed).ok_or(Failure::BufferTooSmall)?;
        let frames = pcm.chunks_exact(self.samples);
        for (frame, code) in frames.zip(out.chunks_exact_mut(self.bytes)) {
            encode(frame, code).then_some(()).ok_or(Failure::Failed)?;
        }
        Ok(needed)
    }

    /// Decodes frame by frame; `decode` returns false for bytes that the codec refuses.
    ///
    /// # Errors
    /// As [`Decoder::decode`](crate::Decoder::decode).
    pub fn decode(
        self,
        payload: &[u8],
        out: &mut [i16],
        mut decode: impl FnMut(&[u8], &mut [i16]) -> bool,
    ) -> Result<usize, Failure> {
        let needed = self.count(payload.len(), self.bytes)? * self.samples;
        let out = out.get_mut(..needed).ok_or(Failure::BufferTooSmall)?;
        let codes = payload.chunks_exact(self.bytes);
        for (code, frame) in codes.zip(out.chunks_exact_mut(self.samples)) {
            decode(code, frame).then_some(()).ok_or(Failure::Refused)?;
        }
        Ok(needed)
    }

    /// `len` in frames of `size`.
    fn count(self, len: usize, size: usize) -> Result<usize, Failure> {
        let frames = len / size;
        let whole = len.is_multiple_of(size) && (1..=self.max).contains(&frames);
        whole.then_some(frames).ok_or(Failure::Refused)
    }
}
