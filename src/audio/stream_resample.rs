//! Sample rate conversion of a file that is played while it is read.
//!
//! The filter is that of [`super::resample`], fed block by block: the result is the same whether a
//! file is loaded whole or streamed. Its delay is cut away at the start, and the end is pushed out
//! with silence. On the file thread; a block takes some tens of milliseconds, which a live stream
//! could not wait for.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, Resampler};

use super::frame::saturate;
use super::resample::{self, ResampleError};

/// Converts one mono stream.
pub struct StreamResampler {
    fft: Fft<f32>,
    from: u64,
    to: u64,
    /// A block being collected.
    input: Vec<f32>,
    block: usize,
    output: Vec<f32>,
    /// Samples taken in and given out so far.
    taken: u64,
    given: u64,
    /// Samples of the filter's delay that are still to be left out.
    skip: usize,
}

impl StreamResampler {
    /// Prepares the filter.
    ///
    /// # Errors
    /// [`ResampleError::UnsupportedRate`] as [`resample::resample`].
    pub fn new(from: u32, to: u32) -> Result<Self, ResampleError> {
        let fft = resample::filter(from, to)?;
        let block = fft.input_frames_next();
        Ok(Self {
            from: from.into(),
            to: to.into(),
            input: Vec::with_capacity(block),
            block,
            output: vec![0.0; fft.output_frames_max()],
            taken: 0,
            given: 0,
            skip: fft.output_delay(),
            fft,
        })
    }

    /// How many samples `out` may hold while that many are converted.
    pub fn room_for(&self, samples: usize) -> usize {
        (samples as u64 * self.to / self.from) as usize + 2 * self.output.len()
    }

    /// Takes in `pcm` and appends what is ready to `out`.
    pub fn process(&mut self, pcm: &[i16], out: &mut Vec<i16>) {
        self.taken += pcm.len() as u64;
        let mut rest = pcm.iter().map(|&sample| f32::from(sample));
        loop {
            let room = self.block - self.input.len();
            self.input.extend(rest.by_ref().take(room));
            if self.input.len() < self.block {
                return;
            }
            self.convert(out);
        }
    }

    /// Appends what is left at the end of the input: in all `round(taken * to / from)` samples.
    pub fn finish(&mut self, out: &mut Vec<i16>) {
        let wanted = (self.taken * self.to + self.from / 2) / self.from;
        while self.given < wanted {
            self.input.resize(self.block, 0.0);
            self.convert(out);
        }
        let excess = (self.given - wanted) as usize;
        out.truncate(out.len().saturating_sub(excess));
        self.given = wanted;
    }

    fn convert(&mut self, out: &mut Vec<i16>) {
        let (space, made) = (self.output.len(), &mut self.output);
        let input = InterleavedSlice::new(&self.input, 1, self.block).expect("a whole block");
        let mut output = InterleavedSlice::new_mut(made, 1, space).expect("all of the slice");
        let (_, made) = self
            .fft
            .process_into_buffer(&input, &mut output, None)
            .expect("the buffers have the sizes that it asked for");
        self.input.clear();
        let skipped = self.skip.min(made);
        self.skip -= skipped;
        out.extend(
            self.output[skipped..made]
                .iter()
                .map(|&sample| saturate(sample)),
        );
        self.given += (made - skipped) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::sine;

    #[test]
    fn a_streamed_file_sounds_as_one_loaded_whole() {
        for (from, to) in [
            (44_100, 8_000),
            (8_000, 16_000),
            (48_000, 8_000),
            (11_025, 48_000),
            (192_000, 8_000),
        ] {
            let pcm = sine(440.0, 9_000.0, from, from as usize + 77);
            let mut stream = StreamResampler::new(from, to).unwrap();
            let mut streamed = Vec::new();
            for part in pcm.chunks(333) {
                stream.process(part, &mut streamed);
            }
            stream.finish(&mut streamed);
            let whole = resample::resample(&pcm, from, to).unwrap();
            assert_eq!(streamed.len(), whole.len(), "{from}->{to}");
            for (n, (streamed, whole)) in streamed.iter().zip(&whole).enumerate() {
                assert!(streamed.abs_diff(*whole) <= 1, "{from}->{to} at {n}");
            }
        }
    }

    #[test]
    fn nothing_gives_nothing() {
        let mut stream = StreamResampler::new(44_100, 8_000).unwrap();
        let mut out = Vec::new();
        stream.finish(&mut out);
        assert!(out.is_empty());
        stream.process(&[5; 10], &mut out);
        stream.finish(&mut out);
        assert_eq!(out.len(), 2);
    }
}
