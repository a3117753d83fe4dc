//! CORE. How long what a peer says waits before it is played.
//!
//! Two things decide: the age of a packet's timestamp, counted from the moment at which the fastest
//! packet of the last seconds would have brought it ([`TransitTimes`]), and the age that is wanted.
//! A talk-spurt begins at the wanted age. While it lasts, an age that has become too low or too high
//! makes a plan of time to put in or take out, which [`super::hearing`] carries out where it is not
//! heard. Clock drift needs nothing of its own: it is an age that slowly leaves the range.
//!
//! What is wanted follows the jitter. While packets are lost whose followers hold copies of them
//! (forward error correction), it is a packet time more: the follower has to be here by then.
//!
//! Only whole frames of ours matter: a packet that is not here when its frame begins is missing,
//! and one that comes just after a frame began waits for the next. So the age may be up to a frame
//! more than wanted, and a packet that begins inside a frame waits longer than it has to.

use std::time::{Duration, Instant};

use crate::rtp::{ClockRate, RtpTimestamp, TransitTimes};

/// How the delay of what is heard is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Playout {
    /// As short as the network allows: it grows with the jitter at once and shrinks slowly.
    #[default]
    Adaptive,
    /// Always this, 10 to 400 ms; others count as the nearest.
    Fixed(Duration),
    /// Packets are played as they come. Nothing is stretched.
    Simple,
}

/// The delay of one stream, now and wanted. Times are in µs. Media thread; does not allocate.
pub(super) struct PlayoutDelay {
    playout: Playout,
    transit: TransitTimes,
    /// Until when the packet after a lost one is waited for, and how much later it comes.
    follower: Option<(Instant, Duration)>,
    /// The age that is wanted.
    target: i64,
    /// What is to be put in, or, if negative, taken out.
    plan: i64,
    /// The lowest age beyond the target that a packet was decoded at since the last review, and the
    /// least that waited before it.
    lowest: i64,
    least_spare: i64,
    /// Until the next review, and until the next change.
    review_in: i64,
    change_in: i64,
    /// Changes in a row for which the sound was not fit.
    refused: u16,
}

/// What is to be done about the delay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    /// What to put in at least, or, if negative, to take out at most; as a whole.
    pub(super) micros: i64,
    /// How well a seam has to fit, see [`crate::audio::stretch`].
    pub(super) likeness: f32,
}

impl PlayoutDelay {
    pub(super) fn new(playout: Playout) -> Self {
        let mut delay = Self {
            playout,
            transit: TransitTimes::default(),
            follower: None,
            target: 0,
            plan: 0,
            lowest: i64::MAX,
            least_spare: i64::MAX,
            review_in: REVIEW,
            change_in: 0,
            refused: 0,
        };
        delay.set_target();
        delay
    }

    pub(super) fn set_playout(&mut self, playout: Playout) {
        self.playout = playout;
        self.set_target();
        self.forget_plan();
    }

    /// The wanted delay.
    pub(super) fn target(&self) -> Duration {
        Duration::from_micros(self.target as u64)
    }

    /// Takes note of a packet that came at `now`.
    pub(super) fn arrived(&mut self, now: Instant, rate: ClockRate, timestamp: RtpTimestamp) {
        self.transit.note(now, rate, timestamp);
        self.follower.take_if(|(until, _)| *until <= now);
        self.set_target();
    }

    /// A packet is lost and the one after it, which came `later`, holds a copy: from now on and for
    /// some time that one is waited for.
    pub(super) fn lost_with_copy(&mut self, now: Instant, later: Duration) {
        self.follower = Some((now + COPIES_WANTED, later));
        self.set_target();
    }

    /// The next packet has another origin.
    pub(super) fn restart(&mut self) {
        self.transit.restart();
        self.follower = None;
        self.forget_plan();
    }

    /// Whether a talk-spurt that begins with this packet is to be heard now.
    pub(super) fn is_due(&self, now: Instant, rate: ClockRate, timestamp: RtpTimestamp) -> bool {
        self.excess(now, rate, timestamp)
            .is_none_or(|excess| excess >= 0)
    }

    /// How long until [`PlayoutDelay::is_due`].
    pub(super) fn wait(&self, now: Instant, rate: ClockRate, timestamp: RtpTimestamp) -> Duration {
        let excess = self.excess(now, rate, timestamp).unwrap_or(0);
        Duration::from_micros(excess.min(0).unsigned_abs())
    }

    /// Whether this packet is so late that a talk-spurt had better begin with a later one.
    pub(super) fn is_stale(&self, now: Instant, rate: ClockRate, timestamp: RtpTimestamp) -> bool {
        self.excess(now, rate, timestamp)
            .is_some_and(|excess| excess >= MAX_EXCESS)
    }

    /// Takes note of a packet that is decoded for the frame of `frame` µs that begins now, behind
    /// `spare` µs that are left of earlier ones.
    pub(super) fn decoded(
        &mut self,
        now: Instant,
        rate: ClockRate,
        timestamp: RtpTimestamp,
        frame: i64,
        spare: i64,
    ) {
        let Some(excess) = self.excess(now, rate, timestamp) else {
            return;
        };
        // An age beyond reason is of a packet from before a jump.
        if excess < -JUMP {
            return;
        }
        self.lowest = self.lowest.min(excess);
        self.least_spare = self.least_spare.min(spare);
        if excess < 0 {
            if self.plan <= 0 {
                self.change_in = 0;
            }
            // So much puts the packet into a later frame.
            let frames = (-excess + frame - 1) / frame;
            self.plan = self.plan.max(frames * frame - spare);
        }
    }

    /// Nothing was here when it was due: the delay has grown by itself.
    pub(super) fn ran_dry(&mut self) {
        self.forget_plan();
    }

    /// Lets a frame pass; what is to be changed in it, if anything.
    pub(super) fn next_change(&mut self, frame: i64) -> Option<Change> {
        self.review_in -= frame;
        if self.review_in <= 0 {
            self.review(frame);
        }
        if self.plan == 0 {
            return None;
        }
        self.change_in -= frame;
        (self.change_in <= 0).then(|| Change {
            micros: self.plan,
            likeness: (GOOD_SEAM - f32::from(self.refused) * 0.01).max(POOR_SEAM),
        })
    }

    /// So much was put in, or taken out; 0 if the sound was not fit for it. `quiet` says that nobody
    /// can have heard it.
    pub(super) fn changed(&mut self, micros: i64, quiet: bool) {
        if micros == 0 {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.refused = 0;
        let left = self.plan - micros;
        // What is too little to be taken out stays; too much may have been put in.
        let is_done = if self.plan > 0 {
            left <= 0
        } else {
            left > -SMALLEST
        };
        self.plan = if is_done { 0 } else { left };
        let urgent = quiet || self.plan.abs() > URGENT;
        self.change_in = if urgent { 0 } else { REST };
        self.begin_review();
    }

    /// Plans to take out what is certainly too much.
    fn review(&mut self, frame: i64) {
        if self.lowest != i64::MAX && self.plan <= 0 {
            let frames = (self.lowest - HYSTERESIS).max(0) / frame;
            let excess = frames * frame + self.least_spare;
            self.plan = if excess < SMALLEST { 0 } else { -excess };
        }
        self.begin_review();
    }

    fn begin_review(&mut self) {
        (self.lowest, self.least_spare) = (i64::MAX, i64::MAX);
        self.review_in = REVIEW;
    }

    fn forget_plan(&mut self) {
        (self.plan, self.refused) = (0, 0);
        self.begin_review();
    }

    fn set_target(&mut self) {
        let wanted = match self.playout {
            Playout::Adaptive => {
                let later = self.follower.map_or(Duration::ZERO, |(_, later)| later);
                self.transit.spread() + MARGIN + later
            }
            Playout::Fixed(delay) => delay,
            Playout::Simple => Duration::ZERO,
        };
        self.target = wanted.clamp(MIN_DELAY, MAX_DELAY).as_micros() as i64;
    }

    /// The age of a packet beyond the target; `None` if age does not matter, or is not known.
    fn excess(&self, now: Instant, rate: ClockRate, timestamp: RtpTimestamp) -> Option<i64> {
        if self.playout == Playout::Simple {
            return None;
        }
        Some(self.transit.age(now, rate, timestamp)? - self.target)
    }
}

/// Between the slowest packet that is waited for and its turn.
const MARGIN: Duration = Duration::from_millis(2);
const MIN_DELAY: Duration = Duration::from_millis(10);
const MAX_DELAY: Duration = Duration::from_millis(400);
/// How long after a loss that its follower can mend another one is expected.
const COPIES_WANTED: Duration = Duration::from_secs(10);
/// What a talk-spurt may be late beyond the target; so much is caught up with by stretching.
const MAX_EXCESS: i64 = 350_000;
/// A packet this much too early is of another count of timestamps than the latest.
const JUMP: i64 = 500_000;
/// How often is looked for time to take out.
const REVIEW: i64 = 1_000_000;
/// How far beyond a whole frame the age must be before that frame is taken out, so that a clock
/// that wanders does not make it be put in again.
const HYSTERESIS: i64 = 5_000;
/// Less is not worth a seam.
const SMALLEST: i64 = 2_500;
/// Time between two changes in speech, and the plan from which on it is not kept.
const REST: i64 = 80_000;
const URGENT: i64 = 60_000;
/// How well a seam has to fit: at first, and after it was looked for in vain for most of a second.
const GOOD_SEAM: f32 = 0.9;
const POOR_SEAM: f32 = 0.5;

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const RATE: ClockRate = ClockRate::HZ_8000;
    const FRAME: i64 = 20_000;

    struct Stream {
        delay: PlayoutDelay,
        start: Instant,
    }

    impl Stream {
        fn new(playout: Playout) -> Self {
            Self {
                delay: PlayoutDelay::new(playout),
                start: Instant::now(),
            }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// Packet `n` comes `late` ms late, and is decoded `age` ms after it was due.
        fn packet(&mut self, n: u64, late: u64, age: u64) {
            let timestamp = RtpTimestamp(n as u32 * 160);
            self.delay.arrived(self.at(n * 20 + late), RATE, timestamp);
            let now = self.at(n * 20 + age);
            self.delay.decoded(now, RATE, timestamp, FRAME, 0);
        }

        fn change(&mut self) -> Option<i64> {
            self.delay.next_change(FRAME).map(|change| change.micros)
        }
    }

    #[test]
    fn a_talk_spurt_begins_at_the_wanted_age() {
        let mut stream = Stream::new(Playout::Adaptive);
        stream.delay.arrived(stream.start, RATE, RtpTimestamp(0));
        let due = |stream: &Stream, ms| stream.delay.is_due(stream.at(ms), RATE, RtpTimestamp(0));
        assert!(!due(&stream, 9));
        assert!(due(&stream, 10));
        stream
            .delay
            .set_playout(Playout::Fixed(Duration::from_millis(60)));
        assert!(!due(&stream, 59) && due(&stream, 60));
        stream.delay.set_playout(Playout::Simple);
        assert!(due(&stream, 0));
    }

    #[test]
    fn jitter_makes_a_plan_to_wait_longer_at_once() {
        let mut stream = Stream::new(Playout::Adaptive);
        stream.packet(0, 0, 15);
        assert_eq!(stream.change(), None);
        stream.packet(1, 40, 41);
        stream.packet(2, 0, 15);
        assert_eq!(stream.change(), Some(40_000));
    }

    #[test]
    fn a_frame_too_much_is_taken_out_after_a_while() {
        let mut stream = Stream::new(Playout::Adaptive);
        let planned: Vec<_> = (0..60)
            .filter_map(|n| {
                stream.packet(n, 0, 36);
                stream.change()
            })
            .collect();
        assert_eq!(planned.first(), Some(&-20_000));
        assert_eq!(planned.len(), 11);
        stream.delay.changed(-20_000, false);
        assert_eq!(stream.change(), None);
    }

    #[test]
    fn an_age_within_a_frame_of_the_target_is_left_alone() {
        for age in 10..35 {
            let mut stream = Stream::new(Playout::Adaptive);
            for n in 0..200 {
                stream.packet(n, 0, age);
                assert_eq!(stream.change(), None, "{age} ms");
            }
        }
    }

    #[test]
    fn a_seam_that_fits_nowhere_may_fit_worse_in_time() {
        let mut stream = Stream::new(Playout::Fixed(Duration::from_millis(50)));
        stream.packet(0, 0, 15);
        let first = stream.delay.next_change(FRAME).unwrap();
        for _ in 0..100 {
            stream.delay.changed(0, false);
        }
        let later = stream.delay.next_change(FRAME).unwrap();
        assert_eq!((first.likeness, later.likeness), (GOOD_SEAM, POOR_SEAM));
    }
}
