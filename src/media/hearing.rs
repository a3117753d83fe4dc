//! CORE. What a peer says, as an even flow of samples, whatever the network does to its packets.
//!
//! Sequence numbers give the order ([`JitterBuffer`]), timestamps the time: a packet that follows
//! the one before plays when that has ended, one behind a pause when its delay has passed
//! ([`PlayoutDelay`]). What is missing between packets is concealed by the codec, or comes from a
//! copy in the packet behind it. When nothing is here at all it cannot be known whether it is lost,
//! late or was never sent: the end is faded out, and whatever comes then is played, so that the delay
//! grows by as much as it has to. To shrink or to follow a drifting clock, time is taken out of
//! pauses, or pitch periods out of speech.
//!
//! RFC 3550, RFC 3551 §4.1 (talk-spurts), RFC 3389 (comfort noise).

use std::time::{Duration, Instant};

use super::command::MediaFormat;
use super::decoding::{Decoding, LONGEST_FRAME};
use super::playout::{Change, Playout, PlayoutDelay};
use super::stats::MediaStats;
use crate::audio::{ComfortNoise, stretch};
use crate::codec::Packing;
use crate::rtp::{
    ClockRate, Front, JitterBuffer, JitterConfig, JitterCounters, PayloadType, Push, RtpPacket,
    RtpTimestamp, comfort_noise_level,
};

/// One peer's audio while someone hears it.
pub(super) struct Hearing {
    jitter: JitterBuffer,
    delay: PlayoutDelay,
    decoding: Decoding,
    /// Where the packet after the last one played begins.
    expected: Option<(ClockRate, RtpTimestamp)>,
    /// The next packet begins a talk-spurt: it waits for its delay.
    starting: bool,
    /// How much was made up since the buffer ran dry, in µs.
    made_up: i64,
    noise: ComfortNoise,
    /// Samples at the front of the queue that are the current frame.
    frame: usize,
    /// Whether any of the current frame came from the peer.
    audible: bool,
    made: Made,
}

/// What became of a peer's packets and of the time between them, since the stream was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlayoutCounters {
    /// The packets.
    pub packets: JitterCounters,
    /// Sound that was made up for what was lost or late.
    pub concealed: Duration,
    /// Sound that was made longer.
    pub inserted: Duration,
    /// Sound that was made shorter.
    pub removed: Duration,
    /// The delay that is aimed at now, beyond that of the fastest packets.
    pub delay: Duration,
}

impl Hearing {
    /// `formats` are what may come; samples are given out at `sample_rate` hertz.
    pub(super) fn new(formats: &[MediaFormat], sample_rate: u32, playout: Playout) -> Self {
        let bytes = formats.iter().map(bytes_to_wait).max().unwrap_or(0);
        Self {
            jitter: JitterBuffer::new(JitterConfig {
                bytes,
                ..JitterConfig::default()
            }),
            delay: PlayoutDelay::new(playout),
            decoding: Decoding::new(formats, sample_rate),
            expected: None,
            starting: true,
            made_up: LONGEST_MADE_UP,
            noise: ComfortNoise::default(),
            frame: 0,
            audible: false,
            made: Made::default(),
        }
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.decoding.sample_rate()
    }

    pub(super) fn set_playout(&mut self, playout: Playout) {
        self.delay.set_playout(playout);
    }

    pub(super) fn counters(&self) -> PlayoutCounters {
        PlayoutCounters {
            packets: self.jitter.counters(),
            delay: self.delay.target(),
            concealed: self.made.concealed,
            inserted: self.made.inserted,
            removed: self.made.removed,
        }
    }

    pub(super) fn push(&mut self, now: Instant, packet: &RtpPacket<'_>) -> Push {
        let push = self.jitter.push(packet);
        match push {
            Push::Stored | Push::Late => {}
            Push::Resynchronised => self.restart(),
            Push::Duplicate | Push::OutOfWindow | Push::TooLong => return push,
        }
        if let Some((_, format)) = self.decoding.find(packet.payload_type) {
            let rate = format.codec.clock_rate();
            self.delay.arrived(now, rate, packet.timestamp);
        }
        push
    }

    /// How long the packet that came last is to wait, if it is the first of a talk-spurt.
    pub(super) fn spurt_wait(&mut self, now: Instant) -> Option<Duration> {
        if !self.starting || self.jitter.waiting() != 1 {
            return None;
        }
        let (Front::Packet(packet)
        | Front::Missing {
            following: packet, ..
        }) = self.jitter.front()
        else {
            return None;
        };
        let (_, format) = self.decoding.find(packet.payload_type)?;
        let rate = format.codec.clock_rate();
        Some(self.delay.wait(now, rate, packet.timestamp))
    }

    /// A packet of the same source that is not audio.
    pub(super) fn push_other(&mut self, packet: &RtpPacket<'_>) {
        if self.jitter.push_other(packet) == Push::Resynchronised {
            self.restart();
        }
    }

    /// Another source speaks: forgets what waits.
    pub(super) fn reset(&mut self) {
        self.jitter.reset();
        self.restart();
    }

    /// Goes on by `packet_time`, which is our own and need not be the peer's.
    pub(super) fn advance(&mut self, now: Instant, packet_time: Duration, stats: &MediaStats) {
        let before = (self.jitter.counters().lost, self.made);
        let frame = self.begin_frame(packet_time);
        self.decode_until_full(Some(now), frame);
        if let Some(change) = self.delay.next_change(frame.micros)
            && self.made_up == 0
        {
            self.change(now, frame, change);
        }
        if self.decoding.queued() < frame.samples {
            self.make_up(frame);
        }
        self.end_frame(frame);
        if before != (self.jitter.counters().lost, self.made) {
            self.report(before, stats);
        }
    }

    /// Goes on by `packet_time` as fast as the packets that are here allow, without any wait.
    pub(super) fn drain(&mut self, packet_time: Duration) {
        let frame = self.begin_frame(packet_time);
        self.decode_until_full(None, frame);
        self.end_frame(frame);
    }

    /// The current frame; silence, or comfort noise, where nothing came.
    pub(super) fn frame(&self) -> &[i16] {
        &self.decoding.samples()[..self.frame]
    }

    /// The current frame, if any of it came from the peer.
    pub(super) fn heard(&self) -> Option<&[i16]> {
        self.audible.then(|| self.frame())
    }

    fn begin_frame(&mut self, packet_time: Duration) -> Frame {
        self.decoding.advance(self.frame);
        let packet_time = packet_time.min(LONGEST_FRAME);
        let samples = packet_time.as_millis() as usize * self.sample_rate() as usize / 1_000;
        Frame {
            samples,
            micros: packet_time.as_micros() as i64,
        }
    }

    fn end_frame(&mut self, frame: Frame) {
        self.audible = self.decoding.queued() > 0;
        if self.decoding.queued() < frame.samples {
            self.noise.add_to(self.decoding.pad(frame.samples));
        }
        self.frame = frame.samples;
    }

    fn decode_until_full(&mut self, now: Option<Instant>, frame: Frame) {
        while self.decoding.queued() < frame.samples && self.play_next(now, frame) {}
    }

    /// Plays the next packet, or something in its place, if it is due; `now` is `None` if everything
    /// is. False if there is nothing to play.
    fn play_next(&mut self, now: Option<Instant>, frame: Frame) -> bool {
        let (missing, packet) = match self.jitter.front() {
            Front::Empty => return false,
            Front::Packet(packet) => (0, packet),
            Front::Missing { packets, following } => (packets, following),
        };
        let Some((format, MediaFormat { codec, .. })) = self.decoding.find(packet.payload_type)
        else {
            if missing == 0 && packet.payload_type == PayloadType::COMFORT_NOISE {
                if let Some(level) = comfort_noise_level(packet.payload) {
                    self.noise.set_level(level);
                }
                self.pause();
            }
            self.jitter.pop();
            return true;
        };
        let timestamp = packet.timestamp;
        let rate = codec.clock_rate();
        if let (Some(now), Some(latest)) = (now, self.decoding.latest())
            && missing > 0
            && latest.format == format
            && self.decoding.holds_copy(format, packet.payload)
        {
            self.delay.lost_with_copy(now, micros(latest.micros));
        }
        let next = Next {
            missing,
            format,
            rate,
            timestamp,
            gap: self.gap_before(rate, timestamp),
        };
        if self.conceal_before(next) {
            return true;
        }
        if let Some(now) = now
            && (self.starting || next.is_apart())
        {
            if self.jitter.waiting() > 1 && self.delay.is_stale(now, rate, timestamp) {
                self.jitter.drop_front();
                self.pause();
                return true;
            }
            if !self.delay.is_due(now, rate, timestamp) && self.jitter.waiting() < MOST_WAITING {
                return false;
            }
        }
        if missing == 0 {
            self.decode(now, next, frame);
        }
        self.jitter.pop();
        true
    }

    /// What is between the sound made so far and a packet, in µs; 0 if nobody knows.
    fn gap_before(&self, rate: ClockRate, timestamp: RtpTimestamp) -> i64 {
        match self.expected {
            Some((expected_rate, expected)) if expected_rate == rate => {
                rate.micros_of(timestamp.since(expected).into()) - self.made_up
            }
            _ => 0,
        }
    }

    /// Makes up for one missing packet if the gap before the next one is of its making: one that is
    /// longer is a pause. False if there is none.
    fn conceal_before(&mut self, next: Next) -> bool {
        let Some(latest) = self.decoding.latest() else {
            return false;
        };
        let explained = i64::from(next.missing) * latest.micros + SAME_INSTANT;
        if self.starting || !next.is_apart() || next.gap > explained {
            return false;
        }
        let is_last = next.gap <= latest.micros + SAME_INSTANT;
        let concealed = match self.jitter.front() {
            Front::Missing {
                packets: 1,
                following,
            } if is_last && latest.format == next.format => {
                self.decoding.recover(following.payload)
            }
            _ => self.decoding.conceal(next.gap.min(latest.micros)),
        };
        self.made.concealed += micros(concealed);
        let end = next.rate.ticks_of(concealed - next.gap - self.made_up);
        self.expected = Some((next.rate, next.timestamp.plus(end as u32)));
        // One number stays until all the time is filled.
        if next.missing > 1 || is_last {
            self.jitter.pop();
        }
        concealed > 0
    }

    /// Decodes the packet at the front.
    fn decode(&mut self, now: Option<Instant>, next: Next, frame: Frame) {
        if (self.starting || next.is_apart()) && self.made_up == 0 {
            self.decoding.fade_in();
        }
        let spare = self.decoding.queued();
        let Front::Packet(packet) = self.jitter.front() else {
            return;
        };
        // A payload that its codec refuses is as good as lost.
        let Some(length) = self.decoding.decode(next.format, packet.payload) else {
            return;
        };
        if let Some(now) = now {
            let spare = spare as i64 * frame.micros / frame.samples.max(1) as i64;
            self.delay
                .decoded(now, next.rate, next.timestamp, frame.micros, spare);
        }
        let end = next.timestamp.plus(next.rate.ticks_of(length) as u32);
        self.expected = Some((next.rate, end));
        (self.starting, self.made_up) = (false, 0);
        self.noise.end();
    }

    /// Nothing is here for the rest of the frame: lets what was heard fade.
    fn make_up(&mut self, frame: Frame) {
        if !self.starting {
            self.delay.ran_dry();
        }
        if self.made_up < LONGEST_MADE_UP {
            let short = frame.samples - self.decoding.queued();
            let wanted = short as i64 * frame.micros / frame.samples as i64;
            let made = self.decoding.conceal(wanted.max(1));
            self.made_up += made;
            self.made.concealed += micros(made);
            if made > 0 {
                return;
            }
        }
        self.starting = true;
    }

    /// Puts time in or takes it out.
    fn change(&mut self, now: Instant, frame: Frame, change: Change) {
        let rate = self.sample_rate();
        let wanted = (change.micros.unsigned_abs() * u64::from(rate)).div_ceil(1_000_000) as usize;
        let quiet = stretch::is_quiet(self.decoding.samples());
        let mut done = 0;
        if change.micros > 0 {
            self.decoding.stretch(|queue, queued| {
                // A whole period, be it more: less would not put the next packet off.
                let least = if quiet {
                    stretch::shortest(rate)
                } else {
                    stretch::longest(rate)
                };
                done = stretch::lengthen(queue, queued, rate, wanted.max(least), change.likeness);
                queued + done
            });
        } else {
            let next_is_here = matches!(self.jitter.front(), Front::Packet(_));
            let spare = self.decoding.queued().saturating_sub(frame.samples);
            let most = if next_is_here {
                wanted
            } else {
                wanted.min(spare)
            };
            self.decoding.stretch(|queue, queued| {
                done = stretch::shorten(&mut queue[..queued], rate, most, change.likeness);
                queued - done
            });
            self.decode_until_full(Some(now), frame);
        }
        let done = done as i64 * 1_000_000 / i64::from(rate);
        self.delay.changed(done * change.micros.signum(), quiet);
        if change.micros > 0 {
            self.made.inserted += micros(done);
        } else {
            self.made.removed += micros(done);
        }
    }

    /// Adds what happened since `before` to the counters of the thread.
    fn report(&self, before: (u64, Made), stats: &MediaStats) {
        let (lost, made) = before;
        let ms = |now: Duration, before: Duration| (now.as_millis() - before.as_millis()) as u64;
        let now = &self.made;
        stats.packets_lost.add(self.jitter.counters().lost - lost);
        stats.concealed_ms.add(ms(now.concealed, made.concealed));
        let stretched = |made: &Made| made.inserted + made.removed;
        stats.stretched_ms.add(ms(stretched(now), stretched(&made)));
    }

    /// The talk-spurt has ended.
    fn pause(&mut self) {
        self.starting = true;
        self.expected = None;
    }

    /// What comes next has nothing to do with what came before.
    fn restart(&mut self) {
        self.delay.restart();
        self.pause();
    }
}

/// Sound that did not come, or came and is not heard.
#[derive(Clone, Copy, Default, PartialEq)]
struct Made {
    concealed: Duration,
    inserted: Duration,
    removed: Duration,
}

/// The next packet that is here.
#[derive(Clone, Copy)]
struct Next {
    /// How many before it are not.
    missing: u16,
    /// Its position in the list of formats.
    format: usize,
    rate: ClockRate,
    timestamp: RtpTimestamp,
    /// What is between the sound made so far and this packet, in µs.
    gap: i64,
}

impl Next {
    /// Whether it does not follow what was played.
    fn is_apart(&self) -> bool {
        self.gap > SAME_INSTANT
    }
}

/// The length of a frame of ours.
#[derive(Clone, Copy)]
struct Frame {
    samples: usize,
    micros: i64,
}

impl PlayoutCounters {
    /// Adds what an earlier part of the same stream counted.
    pub(super) fn add(&mut self, earlier: &PlayoutCounters) {
        self.packets.add(&earlier.packets);
        self.concealed += earlier.concealed;
        self.inserted += earlier.inserted;
        self.removed += earlier.removed;
    }
}

/// Room for half a second of a sample-based codec; for what Opus sends at 128 kb/s.
fn bytes_to_wait(format: &MediaFormat) -> usize {
    match format.codec.packing(format.variant) {
        Packing::Samples { samples, bytes } => {
            format.codec.sample_rate() as usize / 2 / samples * bytes
        }
        Packing::Frames { max_bytes, .. } => (6 * max_bytes).clamp(2_048, 8_192),
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(micros as u64)
}

/// How much is made up when nothing is here: concealment is silent by then.
const LONGEST_MADE_UP: i64 = 60_000;
/// Timestamps this close, in µs, follow each other: half of the shortest packet.
const SAME_INSTANT: i64 = 1_250;
/// Packets from which on nothing waits for its time: 400 ms of 10 ms packets and a little more.
const MOST_WAITING: usize = 48;
