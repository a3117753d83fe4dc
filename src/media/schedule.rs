//! The frame clock of one media thread, divided into slots.
//!
//! Time is counted in ticks of one slot. The slots of a 20 ms frame share the streams evenly, so
//! that a thousand calls do not send their packets in one burst. A stream sits in every slot in
//! which its packets can be due: a 20, 40 or 60 ms stream in one, a 10, 30 or 50 ms stream in two.
//! Only active streams are placed; a slot without streams is never waited for.

use std::time::{Duration, Instant};

/// The frame that is divided into slots, and the usual `ptime` of a stream.
pub(super) const FRAME: Duration = Duration::from_millis(20);

/// A count of slots since the start of the thread's clock.
pub(super) type Tick = u64;

/// Converts between instants and ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameClock {
    start: Instant,
    slot: Duration,
}

impl FrameClock {
    /// `slot` divides 10 ms, see [`super::MediaConfig`].
    pub(super) fn new(start: Instant, slot: Duration) -> Self {
        debug_assert!(!slot.is_zero() && (FRAME.as_micros() / 2).is_multiple_of(slot.as_micros()));
        Self { start, slot }
    }

    /// The latest tick whose time has come at `now`.
    pub(super) fn tick_at(&self, now: Instant) -> Tick {
        let elapsed = now.saturating_duration_since(self.start);
        (elapsed.as_nanos() / self.slot.as_nanos()) as Tick
    }

    /// When `tick` is due.
    pub(super) fn time_of(&self, tick: Tick) -> Instant {
        self.start + Duration::from_nanos(self.slot.as_nanos() as u64 * tick)
    }

    /// The media time of `tick` in units of `clock_rate`, wrapped as RTP timestamps are.
    pub(super) fn timestamp(&self, tick: Tick, clock_rate: u32) -> u32 {
        // A slot need not be a whole number of units: 2 ms are 88.2 at 44,100 Hz.
        let micros = tick * self.slot.as_micros() as u64;
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let rate = u64::from(clock_rate);
        seconds
            .wrapping_mul(rate)
            .wrapping_add(rest * rate / 1_000_000) as u32
    }

    /// `span` in whole ticks.
    pub(super) fn ticks_in(&self, span: Duration) -> u64 {
        (span.as_nanos() / self.slot.as_nanos()) as u64
    }
}

/// Which streams may be due in which slot of the frame.
#[derive(Debug)]
pub(super) struct Schedule {
    slots: Vec<Vec<u32>>,
    placed: usize,
}

/// Where [`Schedule::place`] put a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placement {
    first: usize,
    /// Distance between the slots of one stream.
    step: usize,
}

impl Schedule {
    pub(super) fn new(slots_per_frame: usize) -> Self {
        Self {
            slots: vec![Vec::new(); slots_per_frame],
            placed: 0,
        }
    }

    /// The least loaded slots for a stream that is due every `period` ticks.
    pub(super) fn choose(&self, period: u64) -> Placement {
        let step = greatest_common_divisor(period as usize, self.slots.len());
        let first = (0..step)
            .min_by_key(|&first| self.load(first, step))
            .unwrap_or(0);
        Placement { first, step }
    }

    /// The first slots from `tick` on for a stream that is due every `period` ticks, but for those that are much
    /// fuller than others.
    pub(super) fn choose_from(&self, tick: Tick, period: u64) -> Placement {
        let step = greatest_common_divisor(period as usize, self.slots.len());
        let whole: usize = self.slots.iter().map(Vec::len).sum();
        let full = whole / step * 5 / 4 + FEW;
        let first = (0..step)
            .map(|later| self.slot_of(tick + later as u64) % step)
            .find(|&first| self.load(first, step) <= full)
            .unwrap_or(0);
        Placement { first, step }
    }

    fn load(&self, first: usize, step: usize) -> usize {
        self.slots[first..].iter().step_by(step).map(Vec::len).sum()
    }

    /// Puts stream `key` into the slots of `placement`.
    pub(super) fn place(&mut self, key: u32, placement: Placement) {
        for slot in self.slots[placement.first..]
            .iter_mut()
            .step_by(placement.step)
        {
            slot.push(key);
        }
        self.placed += 1;
    }

    /// Takes stream `key` out of the slots of `placement`.
    pub(super) fn remove(&mut self, key: u32, placement: Placement) {
        for slot in self.slots[placement.first..]
            .iter_mut()
            .step_by(placement.step)
        {
            if let Some(at) = slot.iter().position(|&other| other == key) {
                slot.swap_remove(at);
            }
        }
        self.placed -= 1;
    }

    /// The first tick from `tick` on that belongs to `placement`.
    pub(super) fn first_due(&self, placement: Placement, tick: Tick) -> Tick {
        let step = placement.step as u64;
        let behind = (tick + step - placement.first as u64 % step) % step;
        tick + (step - behind) % step
    }

    /// The first tick from `tick` on in which any stream may be due, or `None` without streams.
    pub(super) fn next_occupied(&self, tick: Tick) -> Option<Tick> {
        let slots = self.slots.len() as u64;
        (tick..tick + slots).find(|candidate| !self.slots[self.slot_of(*candidate)].is_empty())
    }

    /// How many streams are placed.
    pub(super) fn placed(&self) -> usize {
        self.placed
    }

    /// Lends out the streams of `tick`'s slot; give them back with [`Schedule::put_back`]. No
    /// stream may be placed or removed in between.
    pub(super) fn take(&mut self, tick: Tick) -> Vec<u32> {
        let slot = self.slot_of(tick);
        std::mem::take(&mut self.slots[slot])
    }

    pub(super) fn put_back(&mut self, tick: Tick, streams: Vec<u32>) {
        let slot = self.slot_of(tick);
        debug_assert!(self.slots[slot].is_empty());
        self.slots[slot] = streams;
    }

    fn slot_of(&self, tick: Tick) -> usize {
        (tick % self.slots.len() as u64) as usize
    }
}

/// So many streams more than in others make no slot full.
const FEW: usize = 8;

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    /// The ticks below `until` at which a stream of `period` ticks placed in an empty schedule
    /// fires when it starts at `from`.
    fn fires(period: u64, from: Tick, until: Tick) -> Vec<Tick> {
        let mut schedule = Schedule::new(10);
        let placement = schedule.choose(period);
        schedule.place(7, placement);
        let mut due = schedule.first_due(placement, from);
        let mut fired = Vec::new();
        for tick in from..until {
            let streams = schedule.take(tick);
            if streams.contains(&7) && tick >= due {
                fired.push(tick);
                due += period;
            }
            schedule.put_back(tick, streams);
        }
        fired
    }

    #[test]
    fn every_packet_time_fires_at_its_own_period() {
        assert_eq!(fires(10, 3, 45), [10, 20, 30, 40]);
        assert_eq!(fires(5, 3, 23), [5, 10, 15, 20]);
        assert_eq!(fires(15, 3, 60), [5, 20, 35, 50]);
        assert_eq!(fires(20, 0, 60), [0, 20, 40]);
        assert_eq!(fires(30, 1, 80), [10, 40, 70]);
    }

    #[test]
    fn streams_spread_evenly_over_the_frame() {
        let mut schedule = Schedule::new(10);
        let place = |key| {
            let placement = schedule.choose(10);
            schedule.place(key, placement);
            placement
        };
        let placements: Vec<_> = (0..1_000).map(place).collect();
        assert!(schedule.slots.iter().all(|slot| slot.len() == 100));
        for (key, placement) in placements.into_iter().enumerate() {
            schedule.remove(key as u32, placement);
        }
        assert_eq!(schedule.next_occupied(0), None);
        assert_eq!(schedule.placed(), 0);
    }

    #[test]
    fn empty_slots_are_not_waited_for() {
        let mut schedule = Schedule::new(10);
        schedule.place(1, schedule.choose(10));
        assert_eq!(schedule.next_occupied(0), Some(0));
        assert_eq!(schedule.next_occupied(1), Some(10));
    }

    #[test]
    fn timestamps_follow_the_media_clock() {
        let clock = FrameClock::new(Instant::now(), Duration::from_millis(2));
        assert_eq!(clock.timestamp(10, 8_000), 160);
        assert_eq!(clock.timestamp(10, 48_000), 960);
        assert_eq!(clock.tick_at(clock.time_of(1_234)), 1_234);
    }
}
