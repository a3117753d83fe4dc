//! Carries what one call says into a room, also from one media thread to another.
//!
//! The stream holds the [`FeedSink`], the room the [`FeedSource`]; between them is a ring of
//! samples that is allocated once. Neither side waits. Dropping either end ends the feed. [`Feeds`]
//! makes them, as many at a time as the room takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// The feeds into one room. A feed counts until its sink is dropped.
#[derive(Debug)]
pub struct Feeds {
    most: usize,
    count: Arc<AtomicUsize>,
}

impl Feeds {
    /// At most so many at a time.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            count: Arc::default(),
        }
    }

    /// Makes the two ends of one more; `None` if there are enough. Allocates.
    pub fn open(&self) -> Option<(FeedSink, FeedSource)> {
        let place = Place(self.count.clone());
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.most {
            return None;
        }
        let (samples, received) = rtrb::RingBuffer::new(RING_SAMPLES);
        let rate = Arc::new(AtomicU32::new(0));
        let sink = FeedSink {
            samples,
            rate: rate.clone(),
            _place: place,
        };
        Some((
            sink,
            FeedSource {
                samples: received,
                rate,
            },
        ))
    }
}

/// One of the feeds that a room takes.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The stream's end.
#[derive(Debug)]
pub struct FeedSink {
    samples: rtrb::Producer<i16>,
    rate: Arc<AtomicU32>,
    /// Given up after `samples`: who finds a free place finds the feed before it closed.
    _place: Place,
}

impl FeedSink {
    /// Hands over `pcm`, mono at `rate` hertz. What the room does not take in time is left out.
    ///
    /// Media thread only. Never waits and does not allocate.
    pub fn write(&mut self, rate: u32, pcm: &[i16]) {
        self.rate.store(rate, Ordering::Release);
        // A room that is behind hears the earlier part; more would only make it later.
        let _ = self.samples.push_partial_slice(pcm);
    }

    /// Whether the other end is gone.
    pub fn is_closed(&self) -> bool {
        self.samples.is_abandoned()
    }
}

/// The room's end.
#[derive(Debug)]
pub struct FeedSource {
    samples: rtrb::Consumer<i16>,
    rate: Arc<AtomicU32>,
}

impl FeedSource {
    /// Samples a second of what comes now; `None` before anything came.
    pub fn rate(&self) -> Option<u32> {
        Some(self.rate.load(Ordering::Acquire)).filter(|rate| *rate > 0)
    }

    /// Moves what has come into `out` and returns how many samples that are.
    pub fn read(&mut self, out: &mut [i16]) -> usize {
        self.samples.pop_partial_slice(out).0.len()
    }

    /// Whether the other end is gone.
    pub fn is_closed(&self) -> bool {
        self.samples.is_abandoned()
    }
}

/// 100 ms at 48 kHz: rooms take a frame every 20 ms.
const RING_SAMPLES: usize = 4_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_out_as_they_went_in() {
        let (mut sink, mut source) = Feeds::new(1).open().unwrap();
        assert_eq!(source.rate(), None);
        sink.write(8_000, &[1, 2, 3]);
        assert_eq!(source.rate(), Some(8_000));
        let mut out = [0; 8];
        assert_eq!(source.read(&mut out), 3);
        assert_eq!(out[..3], [1, 2, 3]);
        assert!(!source.is_closed());
        drop(sink);
        assert!(source.is_closed());
    }

    #[test]
    fn a_feed_counts_until_its_sink_is_dropped() {
        let feeds = Feeds::new(2);
        let first = feeds.open().unwrap();
        let (second, rest) = feeds.open().unwrap();
        assert!(feeds.open().is_none());
        drop(rest);
        assert!(second.is_closed());
        assert!(feeds.open().is_none());
        drop(second);
        assert!(feeds.open().is_some());
        drop(first);
    }
}
