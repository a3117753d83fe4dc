//! Carries recorded samples from a media thread to whoever writes them down.
//!
//! The media thread holds the [`RecorderSink`], the writer the [`RecorderSource`]; between them is
//! a ring of samples that is allocated once. The media side never waits: when the writer is so
//! slow that the ring is full, samples are dropped and counted, and the call goes on. Dropping the
//! sink ends the recording; the source then empties the ring and knows that it has all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a writer may stall before samples are lost. Picked by feel: a busy disk answers within
/// some 100 ms, and a second costs 16 KiB per recording at 8 kHz.
pub const RING_LENGTH: Duration = Duration::from_secs(1);

/// How a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingEnded {
    /// Audio in the file.
    pub length: Duration,
    /// Audio that is missing because the disk was too slow.
    pub lost: Duration,
    /// Whether the file holds all that was handed over; false when the disk refused data.
    pub complete: bool,
}

impl RecordingEnded {
    /// Nobody knows what became of it.
    pub const LOST: Self = Self {
        length: Duration::ZERO,
        lost: Duration::ZERO,
        complete: false,
    };
}

/// Makes the two ends of a recording: mono samples at `sample_rate` hertz, which take no more
/// once they are `limit` long.
pub fn recorder(sample_rate: u32, limit: Option<Duration>) -> (RecorderSink, RecorderSource) {
    let (samples, received) = rtrb::RingBuffer::new(samples_in(RING_LENGTH, sample_rate) as usize);
    let lost = Arc::new(AtomicU64::new(0));
    let meter = RecordingMeter {
        samples: Arc::new(AtomicU64::new(0)),
        sample_rate,
    };
    let remaining = limit.map_or(u64::MAX, |limit| samples_in(limit, sample_rate));
    (
        RecorderSink {
            samples,
            remaining,
            lost: lost.clone(),
            meter,
        },
        RecorderSource {
            samples: received,
            lost,
            sample_rate,
        },
    )
}

/// Tells how much a recording has taken in so far. Cheap to clone and to read, from any thread.
#[derive(Debug, Clone)]
pub struct RecordingMeter {
    samples: Arc<AtomicU64>,
    sample_rate: u32,
}

impl RecordingMeter {
    /// Playing time.
    pub fn length(&self) -> Duration {
        duration_of(self.samples.load(Ordering::Relaxed), self.sample_rate)
    }

    /// Bytes of samples, 16 bits each; the file has its header besides.
    pub fn data_bytes(&self) -> u64 {
        self.samples.load(Ordering::Relaxed) * 2
    }
}

/// The media thread's end.
#[derive(Debug)]
pub struct RecorderSink {
    samples: rtrb::Producer<i16>,
    /// Samples until the limit.
    remaining: u64,
    lost: Arc<AtomicU64>,
    meter: RecordingMeter,
}

impl RecorderSink {
    /// Hands over `pcm`, mono at the sample rate that [`recorder`] was given.
    ///
    /// Media thread only. Never waits and does not allocate.
    pub fn write(&mut self, pcm: &[i16]) {
        let wanted = &pcm[..pcm
            .len()
            .min(usize::try_from(self.remaining).unwrap_or(usize::MAX))];
        self.remaining -= wanted.len() as u64;
        let (taken, refused) = self.samples.push_partial_slice(wanted);
        let taken = taken.len() as u64;
        self.meter.samples.fetch_add(taken, Ordering::Relaxed);
        if !refused.is_empty() {
            self.lost.fetch_add(refused.len() as u64, Ordering::Relaxed);
        }
    }

    /// Hands over silence of this length, for a time in which nobody could be heard.
    ///
    /// Media thread only. Never waits and does not allocate.
    pub fn write_silence(&mut self, length: Duration) {
        const SILENCE: [i16; 480] = [0; 480];
        let mut left = samples_in(length, self.sample_rate()) as usize;
        while left > 0 {
            let part = left.min(SILENCE.len());
            self.write(&SILENCE[..part]);
            left -= part;
        }
    }

    /// In hertz.
    pub fn sample_rate(&self) -> u32 {
        self.meter.sample_rate
    }

    /// Tells how much has come so far.
    pub fn meter(&self) -> RecordingMeter {
        self.meter.clone()
    }

    /// Whether the limit is reached, or nobody writes any more.
    pub fn is_finished(&self) -> bool {
        self.remaining == 0 || self.samples.is_abandoned()
    }
}

/// The writer's end.
#[derive(Debug)]
pub struct RecorderSource {
    samples: rtrb::Consumer<i16>,
    lost: Arc<AtomicU64>,
    sample_rate: u32,
}

impl RecorderSource {
    /// Moves what has come into `out` and returns how many samples that are.
    pub fn read(&mut self, out: &mut [i16]) -> usize {
        self.samples.pop_partial_slice(out).0.len()
    }

    /// Whether the sink is gone. Ask before [`RecorderSource::read`]: if it was gone by then, a
    /// read of nothing is the end.
    pub fn is_closed(&self) -> bool {
        self.samples.is_abandoned()
    }

    /// How much was dropped because the ring was full.
    pub fn lost(&self) -> Duration {
        duration_of(self.lost.load(Ordering::Relaxed), self.sample_rate)
    }

    /// In hertz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }
}

/// The playing time of `samples` samples.
pub fn duration_of(samples: u64, sample_rate: u32) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(sample_rate))
}

fn samples_in(span: Duration, sample_rate: u32) -> u64 {
    (span.as_micros() * u128::from(sample_rate) / 1_000_000).min(u64::MAX.into()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_out_as_they_went_in() {
        let (mut sink, mut source) = recorder(8_000, None);
        sink.write(&[1, 2, 3]);
        assert!(!source.is_closed());
        drop(sink);
        assert!(source.is_closed());
        let mut out = [0; 8];
        assert_eq!(source.read(&mut out), 3);
        assert_eq!(out[..3], [1, 2, 3]);
        assert_eq!(source.read(&mut out), 0);
    }

    #[test]
    fn the_limit_is_exact() {
        let (mut sink, mut source) = recorder(8_000, Some(Duration::from_millis(30)));
        sink.write(&[5; 160]);
        assert!(!sink.is_finished());
        sink.write(&[5; 160]);
        assert!(sink.is_finished());
        assert_eq!(source.read(&mut [0; 400]), 240);
        assert_eq!(source.lost(), Duration::ZERO);
    }

    #[test]
    fn a_meter_tells_what_was_taken_in() {
        let (mut sink, _source) = recorder(8_000, Some(Duration::from_millis(500)));
        let meter = sink.meter();
        assert_eq!((meter.length(), meter.data_bytes()), (Duration::ZERO, 0));
        sink.write(&[5; 160]);
        sink.write_silence(Duration::from_millis(200));
        assert_eq!(meter.length(), Duration::from_millis(220));
        assert_eq!(meter.data_bytes(), 2 * 8 * 220);
        sink.write_silence(Duration::from_secs(1));
        drop(sink);
        assert_eq!(meter.length(), Duration::from_millis(500));
    }

    #[test]
    fn a_stalled_writer_loses_samples_and_is_told() {
        let (mut sink, source) = recorder(8_000, None);
        for _ in 0..60 {
            sink.write(&[0; 160]);
        }
        assert_eq!(source.lost(), Duration::from_millis(200));
    }
}
