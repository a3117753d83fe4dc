//! Sounds that are too long to be loaded whole: played while they are read.
//!
//! The media thread holds the [`StreamedSound`], an item of a playlist; the file thread holds the
//! [`StreamFeed`], which decodes and resamples ahead into the ring between them. The media side
//! never waits: when the file is not read fast enough it hears of it by getting fewer samples, and
//! plays silence until more come; nothing is left out. Dropping the sound ends the feed.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thiserror::Error;

use super::decode::{DecodeError, PcmSource};
use super::resample::ResampleError;
use super::stream_resample::StreamResampler;

/// How far ahead a file is read: 16 KiB for each play at 8 kHz. Picked by feel: a busy disk answers
/// within some 100 ms.
pub const READ_AHEAD: Duration = Duration::from_secs(1);

/// Opens a file from its start; called again for each round of a loop.
pub type Reopen = Box<dyn FnMut() -> Result<PcmSource, DecodeError> + Send>;

/// Opens a sound, to be heard at `sample_rate` once or, `looped`, without end, and fills its ring.
///
/// # Errors
/// [`StreamError`] for a file that cannot be opened, or whose beginning cannot be read.
pub fn streamed(
    mut open: Reopen,
    sample_rate: u32,
    looped: bool,
) -> Result<(StreamedSound, StreamFeed), StreamError> {
    let source = open()?;
    let resampler = match source.sample_rate() {
        same if same == sample_rate => None,
        other => Some(StreamResampler::new(other, sample_rate)?),
    };
    let capacity = sample_rate as usize * READ_AHEAD.as_millis() as usize / 1_000;
    let (producer, samples) = rtrb::RingBuffer::new(capacity);
    let complete = Arc::new(AtomicBool::new(false));
    let mut feed = StreamFeed {
        samples: producer,
        complete: complete.clone(),
        source_rate: source.sample_rate(),
        source,
        resampler,
        again: looped.then_some(open),
        round: 0,
        ready: Vec::new(),
        given: 0,
        at_end: false,
    };
    feed.fill()?;
    let sound = StreamedSound {
        samples,
        complete,
        sample_rate,
    };
    Ok((sound, feed))
}

/// The media thread's end.
#[derive(Debug)]
pub struct StreamedSound {
    samples: rtrb::Consumer<i16>,
    /// All samples there will ever be are in the ring.
    complete: Arc<AtomicBool>,
    sample_rate: u32,
}

impl StreamedSound {
    /// Samples a second.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Takes the next samples and returns their number; fewer than `out` holds at the end, and when
    /// the file is not read fast enough.
    ///
    /// Media thread only. Never waits and does not allocate.
    pub fn read(&mut self, out: &mut [i16]) -> usize {
        self.samples.pop_partial_slice(out).0.len()
    }

    /// Playing time until the end, once that is near enough to be known.
    pub fn left(&self) -> Option<Duration> {
        let nanos = |samples| samples as u64 * 1_000_000_000 / u64::from(self.sample_rate);
        self.remaining()
            .map(|left| Duration::from_nanos(nanos(left)))
    }

    /// Samples until the end, once that is near enough to be known.
    pub fn remaining(&self) -> Option<usize> {
        // Asked before the ring: what was put in before the end was noted is seen.
        self.complete
            .load(Ordering::Acquire)
            .then(|| self.samples.slots())
    }
}

/// The file thread's end.
pub struct StreamFeed {
    samples: rtrb::Producer<i16>,
    complete: Arc<AtomicBool>,
    source: PcmSource,
    source_rate: u32,
    resampler: Option<StreamResampler>,
    /// For a sound that is looped.
    again: Option<Reopen>,
    /// Samples that this round gave so far.
    round: u64,
    /// Decoded and resampled, of which so many samples were given out.
    ready: Vec<i16>,
    given: usize,
    at_end: bool,
}

impl StreamFeed {
    /// Reads ahead until the ring is full; true when that was the last of it, or nobody listens any
    /// more. At the end the sound is complete.
    ///
    /// # Errors
    /// What is wrong with the file; the sound ends after what came before.
    pub fn fill(&mut self) -> Result<bool, StreamError> {
        while !self.is_abandoned() {
            let (_, refused) = self.samples.push_partial_slice(&self.ready[self.given..]);
            self.given = self.ready.len() - refused.len();
            if self.given < self.ready.len() {
                return Ok(false);
            }
            if self.at_end {
                self.complete.store(true, Ordering::Release);
                return Ok(true);
            }
            if let Err(error) = self.decode() {
                self.complete.store(true, Ordering::Release);
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Whether so much was heard that reading on is worth a look at the file.
    pub fn is_low(&self) -> bool {
        self.samples.slots() >= self.samples.buffer().capacity() / 4 || self.is_abandoned()
    }

    /// Whether the sound is gone.
    pub fn is_abandoned(&self) -> bool {
        self.samples.is_abandoned()
    }

    /// Replaces what was given out by the next part.
    fn decode(&mut self) -> Result<(), StreamError> {
        self.ready.clear();
        self.given = 0;
        let mut part = [0; PART_SAMPLES];
        let count = self.source.read(&mut part)?;
        self.round += count as u64;
        if count == 0 {
            return self.end_round();
        }
        match &mut self.resampler {
            Some(resampler) => resampler.process(&part[..count], &mut self.ready),
            None => self.ready.extend_from_slice(&part[..count]),
        }
        Ok(())
    }

    /// The next round follows without a gap: not even the filter notices.
    fn end_round(&mut self) -> Result<(), StreamError> {
        // An empty file would go round for ever.
        if let Some(again) = self.again.as_mut().filter(|_| self.round > 0) {
            self.source = again()?;
            self.round = 0;
            return match self.source.sample_rate() {
                rate if rate == self.source_rate => Ok(()),
                _ => Err(DecodeError::FormatChanges.into()),
            };
        }
        if let Some(resampler) = &mut self.resampler {
            resampler.finish(&mut self.ready);
        }
        self.at_end = true;
        Ok(())
    }
}

impl Drop for StreamFeed {
    /// Whatever the reason: nothing more comes.
    fn drop(&mut self) {
        self.complete.store(true, Ordering::Release);
    }
}

impl fmt::Debug for StreamFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamFeed").finish_non_exhaustive()
    }
}

/// Why a sound cannot be streamed, or not further.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The file cannot be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The sample rates have no supported conversion.
    #[error(transparent)]
    Resample(#[from] ResampleError),
}

/// Samples decoded at once.
const PART_SAMPLES: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::audio::{decode, resample};
    use crate::probe::{peak, sine, wav_file};

    fn opens(pcm: &[i16], rate: u32) -> Reopen {
        let file = wav_file(pcm, rate);
        Box::new(move || decode::open(Box::new(Cursor::new(file.clone())), "wav"))
    }

    /// Hears `samples` of a sound, with its file read between frames.
    fn hear(sound: &mut StreamedSound, feed: &mut StreamFeed, samples: usize) -> Vec<i16> {
        let mut heard = Vec::new();
        let mut frame = [0; 160];
        while heard.len() < samples {
            let count = sound.read(&mut frame);
            if count == 0 && sound.remaining() == Some(0) {
                break;
            }
            heard.extend(&frame[..count]);
            if feed.is_low() {
                feed.fill().unwrap();
            }
        }
        heard
    }

    #[test]
    fn a_streamed_sound_is_its_file() {
        let pcm = sine(440.0, 9_000.0, 8_000, 40_007);
        let (mut sound, mut feed) = streamed(opens(&pcm, 8_000), 8_000, false).unwrap();
        assert_eq!(sound.remaining(), None);
        assert_eq!(hear(&mut sound, &mut feed, usize::MAX), pcm);
        assert!(feed.fill().unwrap());

        let pcm = sine(440.0, 9_000.0, 44_100, 100_000);
        let (mut sound, mut feed) = streamed(opens(&pcm, 44_100), 8_000, false).unwrap();
        let heard = hear(&mut sound, &mut feed, usize::MAX);
        assert_eq!(
            heard.len(),
            resample::resample(&pcm, 44_100, 8_000).unwrap().len()
        );
    }

    #[test]
    fn a_loop_has_no_gap_at_any_rate() {
        // 37 whole waves.
        for (rate, samples) in [(8_000, 2_960), (16_000, 5_920)] {
            let pcm = sine(100.0, 9_000.0, rate, samples);
            let (mut sound, mut feed) = streamed(opens(&pcm, rate), 8_000, true).unwrap();
            let heard = hear(&mut sound, &mut feed, 24_000);
            let expected = sine(100.0, 9_000.0, 8_000, 24_000);
            for (n, (heard, expected)) in heard.iter().zip(&expected).enumerate().skip(200) {
                assert!(heard.abs_diff(*expected) < 60, "{rate} Hz at {n}");
            }
        }
    }

    #[test]
    fn an_empty_loop_ends() {
        let (sound, _) = streamed(opens(&[], 8_000), 8_000, true).unwrap();
        assert_eq!(sound.remaining(), Some(0));
    }

    #[test]
    fn a_slow_file_leaves_nothing_out() {
        let pcm = sine(440.0, 9_000.0, 8_000, 24_000);
        let (mut sound, mut feed) = streamed(opens(&pcm, 8_000), 8_000, false).unwrap();
        let mut heard = vec![0; 10_000];
        let count = sound.read(&mut heard);
        assert_eq!(count, 8_000);
        assert_eq!(sound.read(&mut heard[8_000..]), 0);
        assert_eq!(sound.remaining(), None);
        heard.truncate(count);
        heard.extend(hear_after(&mut sound, &mut feed));
        assert_eq!(heard, pcm);
    }

    fn hear_after(sound: &mut StreamedSound, feed: &mut StreamFeed) -> Vec<i16> {
        feed.fill().unwrap();
        hear(sound, feed, usize::MAX)
    }

    #[test]
    fn an_error_in_the_middle_ends_the_sound_there() {
        let mut rounds = 0;
        let mut whole = opens(&[4_000; 6_000], 8_000);
        let fails = Box::new(move || {
            rounds += 1;
            if rounds > 1 {
                Err(DecodeError::NoAudio)
            } else {
                whole()
            }
        });
        let refused = streamed(fails, 8_000, true);
        // The first second does not fit into one round, so the failure is met at once.
        assert!(refused.is_err());
        let (mut sound, feed) = streamed(opens(&[4_000; 9_000], 8_000), 8_000, false).unwrap();
        drop(feed);
        let mut heard = [0; 9_000];
        assert_eq!(sound.remaining(), Some(8_000));
        assert_eq!(sound.read(&mut heard), 8_000);
        assert_eq!(sound.remaining(), Some(0));
        assert_eq!(peak(&heard), 4_000);
    }

    #[test]
    fn a_feed_knows_when_nobody_listens() {
        let (sound, mut feed) = streamed(opens(&[1; 90_000], 8_000), 8_000, true).unwrap();
        assert!(!feed.is_low() && !feed.fill().unwrap());
        drop(sound);
        assert!(feed.is_low() && feed.fill().unwrap());
    }
}
