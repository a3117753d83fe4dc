//! Carries recorded samples from a media thread to whoever writes them down.
//!
//! The media thread holds the [`RecorderSink`], the writer the [`RecorderSource`]; between them is
//! a ring of samples that is allocated once. The media side never waits: when the writer is so
//! slow that the ring is full, samples are dropped and counted, and the call goes on. The sink
//! joins the two sides of the call, keeps to the limits of the [`RecordingPlan`] and says why it
//! ended. Dropping it ends the recording; the source then empties the ring and knows that it has all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use super::silence::is_sound;

/// How long a writer may stall before samples are lost. Picked by feel: a busy disk answers within
/// some 100 ms, and a second costs 16 KiB for each channel at 8 kHz.
pub const RING_LENGTH: Duration = Duration::from_secs(1);

/// Whose voices are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sides {
    /// What is heard of the peer, in one channel.
    #[default]
    Peer,
    /// The peer and what it is sent, added up in one channel.
    Mixed,
    /// The peer in the left channel, what it is sent in the right one.
    Stereo,
}

impl Sides {
    /// Channels of the recording: 1 or 2.
    pub fn channels(self) -> usize {
        match self {
            Self::Peer | Self::Mixed => 1,
            Self::Stereo => 2,
        }
    }

    /// Whether what the peer is sent is recorded at all.
    pub fn has_sent(self) -> bool {
        self != Self::Peer
    }
}

/// What is recorded and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingPlan {
    /// Samples a second of each channel.
    pub sample_rate: u32,
    /// Whose voices.
    pub sides: Sides,
    /// The recording ends when it is so long.
    pub limit: Option<Duration>,
    /// The recording ends when the peer says nothing for so long, from the beginning on.
    pub silence: Option<Duration>,
    /// Bytes of one sample of all channels in the file; `None` if that varies.
    pub frame_bytes: Option<u64>,
}

impl RecordingPlan {
    /// The peer's voice with 16 bits a sample, without limits.
    pub fn new(sample_rate: u32) -> Self {
        Self {
            sample_rate,
            sides: Sides::Peer,
            limit: None,
            silence: None,
            frame_bytes: Some(2),
        }
    }
}

/// Why a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// It was stopped, or its call ended.
    Stopped,
    /// It reached its limit.
    Length,
    /// The peer fell silent.
    Silence,
    /// The disk refused data.
    Disk,
}

/// How a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingEnded {
    /// Why.
    pub cause: EndCause,
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
        cause: EndCause::Disk,
        length: Duration::ZERO,
        lost: Duration::ZERO,
        complete: false,
    };
}

/// Makes the two ends of a recording.
pub fn recorder(plan: RecordingPlan) -> (RecorderSink, RecorderSource) {
    let RecordingPlan { sample_rate, .. } = plan;
    let ring = samples_in(RING_LENGTH, sample_rate) as usize * plan.sides.channels();
    let (samples, received) = rtrb::RingBuffer::new(ring);
    let progress = Arc::new(Progress::default());
    let frames =
        |span: Option<Duration>| span.map_or(u64::MAX, |span| samples_in(span, sample_rate));
    let sink = RecorderSink {
        samples,
        plan,
        remaining: frames(plan.limit),
        patience: frames(plan.silence),
        quiet: 0,
        progress: progress.clone(),
    };
    let source = RecorderSource {
        samples: received,
        plan,
        progress,
    };
    (sink, source)
}

/// What both ends tell of a recording. Frames are samples of all channels at one instant.
#[derive(Debug)]
struct Progress {
    /// Frames that went into the ring.
    taken: AtomicU64,
    /// Frames that the ring had no room for.
    lost: AtomicU64,
    /// Frames at the beginning that are not written.
    trimmed: AtomicU64,
    /// Bytes of audio written, where frames do not tell it.
    written: AtomicU64,
    /// Frames in the file once it is complete; [`RUNNING`] before.
    complete: AtomicU64,
    /// Why the sink takes no more, a [`EndCause`].
    cause: AtomicU8,
    /// The sink is to take no more.
    stopped: AtomicBool,
}

const RUNNING: u64 = u64::MAX;

impl Default for Progress {
    fn default() -> Self {
        Self {
            taken: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            trimmed: AtomicU64::new(0),
            written: AtomicU64::new(0),
            complete: AtomicU64::new(RUNNING),
            cause: AtomicU8::new(EndCause::Stopped as u8),
            stopped: AtomicBool::new(false),
        }
    }
}

/// Tells how much a recording holds so far, and after its end. Cheap to clone and to read, from any
/// thread.
#[derive(Debug, Clone)]
pub struct RecordingMeter {
    progress: Arc<Progress>,
    sample_rate: u32,
    frame_bytes: Option<u64>,
}

impl RecordingMeter {
    /// Playing time.
    pub fn length(&self) -> Duration {
        duration_of(self.frames(), self.sample_rate)
    }

    /// Bytes of audio; the file has its headers besides.
    pub fn data_bytes(&self) -> u64 {
        match self.frame_bytes {
            Some(bytes) => self.frames() * bytes,
            None => self.progress.written.load(Ordering::Relaxed),
        }
    }

    /// Ends the recording, wherever it is taken from, within its next frame.
    pub fn stop(&self) {
        self.progress.stopped.store(true, Ordering::Relaxed);
    }

    fn frames(&self) -> u64 {
        let progress = &self.progress;
        match progress.complete.load(Ordering::Acquire) {
            RUNNING => {
                let trimmed = progress.trimmed.load(Ordering::Relaxed);
                let taken = progress.taken.load(Ordering::Relaxed);
                taken.saturating_sub(trimmed)
            }
            complete => complete,
        }
    }
}

/// The media thread's end.
#[derive(Debug)]
pub struct RecorderSink {
    samples: rtrb::Producer<i16>,
    plan: RecordingPlan,
    /// Frames until the limit.
    remaining: u64,
    /// Frames of silence that end the recording.
    patience: u64,
    /// Frames since the peer was last heard.
    quiet: u64,
    progress: Arc<Progress>,
}

impl RecorderSink {
    /// Hands over the next `frames` of the call: what was heard of the peer, and what it was sent at the
    /// same time. Both are mono at the plan's rate; what is missing or too short counts as silence.
    ///
    /// Media thread only. Never waits and does not allocate.
    pub fn write(&mut self, frames: usize, heard: Option<&[i16]>, sent: Option<&[i16]>) {
        self.watch(frames, heard);
        let frames = frames.min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        self.remaining -= frames as u64;
        if self.remaining == 0 {
            self.end(EndCause::Length);
        }
        let (heard, sent) = (heard.unwrap_or_default(), sent.unwrap_or_default());
        let mut from = 0;
        while from < frames {
            let to = frames.min(from + PART);
            self.push(to - from, part(heard, from, to), part(sent, from, to));
            from = to;
        }
    }

    /// The plan that the recording was begun with.
    pub fn plan(&self) -> &RecordingPlan {
        &self.plan
    }

    /// Tells how much has come so far.
    pub fn meter(&self) -> RecordingMeter {
        RecordingMeter {
            progress: self.progress.clone(),
            sample_rate: self.plan.sample_rate,
            frame_bytes: self.plan.frame_bytes,
        }
    }

    /// Whether a limit is reached, it was [stopped](RecordingMeter::stop), or nobody writes any more.
    pub fn is_finished(&self) -> bool {
        self.remaining == 0
            || self.quiet >= self.patience
            || self.progress.stopped.load(Ordering::Relaxed)
            || self.samples.is_abandoned()
    }

    /// Samples that the ring has room for.
    #[cfg(test)]
    pub(crate) fn room(&self) -> usize {
        self.samples.slots()
    }

    /// Ends the recording when the peer has been silent for long enough.
    fn watch(&mut self, frames: usize, heard: Option<&[i16]>) {
        if self.plan.silence.is_none() {
            return;
        }
        if heard.is_some_and(is_sound) {
            self.quiet = 0;
            return;
        }
        self.quiet += frames as u64;
        if self.quiet >= self.patience {
            self.end(EndCause::Silence);
        }
    }

    fn end(&self, cause: EndCause) {
        self.progress.cause.store(cause as u8, Ordering::Release);
    }

    /// Pushes at most [`PART`] frames, whole ones only: a ring that is full must not swap channels.
    fn push(&mut self, frames: usize, heard: &[i16], sent: &[i16]) {
        let channels = self.plan.sides.channels();
        let mut joined = [0; 2 * PART];
        let joined = &mut joined[..frames * channels];
        match self.plan.sides {
            Sides::Peer => joined[..heard.len()].copy_from_slice(heard),
            Sides::Mixed => {
                joined[..heard.len()].copy_from_slice(heard);
                for (sum, sent) in joined.iter_mut().zip(sent) {
                    *sum = sum.saturating_add(*sent);
                }
            }
            Sides::Stereo => {
                for (frame, left) in joined.chunks_exact_mut(2).zip(heard) {
                    frame[0] = *left;
                }
                for (frame, right) in joined.chunks_exact_mut(2).zip(sent) {
                    frame[1] = *right;
                }
            }
        }
        let room = self.samples.slots() / channels;
        let fits = frames.min(room);
        // What fits was looked up just now, and nobody else adds.
        let (taken, _) = self.samples.push_partial_slice(&joined[..fits * channels]);
        let taken = (taken.len() / channels) as u64;
        let progress = &self.progress;
        progress.taken.fetch_add(taken, Ordering::Relaxed);
        if taken < frames as u64 {
            progress
                .lost
                .fetch_add(frames as u64 - taken, Ordering::Relaxed);
        }
    }
}

/// Frames that are joined at once: 60 ms at 8 kHz.
const PART: usize = 480;

/// What `samples` has of the frames `from..to`.
fn part(samples: &[i16], from: usize, to: usize) -> &[i16] {
    &samples[from.min(samples.len())..to.min(samples.len())]
}

/// The writer's end.
#[derive(Debug)]
pub struct RecorderSource {
    samples: rtrb::Consumer<i16>,
    plan: RecordingPlan,
    progress: Arc<Progress>,
}

impl RecorderSource {
    /// Moves what has come into `out` and returns how many samples that are; channels alternate.
    pub fn read(&mut self, out: &mut [i16]) -> usize {
        self.samples.pop_partial_slice(out).0.len()
    }

    /// Whether the sink is gone. Ask before [`RecorderSource::read`]: if it was gone by then, a
    /// read of nothing is the end.
    pub fn is_closed(&self) -> bool {
        self.samples.is_abandoned()
    }

    /// Why the sink took no more; [`EndCause::Stopped`] while it does.
    pub fn cause(&self) -> EndCause {
        let cause = self.progress.cause.load(Ordering::Acquire);
        let known = [EndCause::Length, EndCause::Silence];
        let found = known.into_iter().find(|known| *known as u8 == cause);
        found.unwrap_or(EndCause::Stopped)
    }

    /// How much was dropped because the ring was full.
    pub fn lost(&self) -> Duration {
        duration_of(
            self.progress.lost.load(Ordering::Relaxed),
            self.plan.sample_rate,
        )
    }

    /// The plan that the recording was begun with.
    pub fn plan(&self) -> &RecordingPlan {
        &self.plan
    }

    /// Tells meters how many frames of the beginning are left out, and the bytes written.
    pub fn report(&self, trimmed: u64, bytes: u64) {
        self.progress.trimmed.store(trimmed, Ordering::Relaxed);
        self.progress.written.store(bytes, Ordering::Relaxed);
    }

    /// Tells meters what the complete file holds.
    pub fn report_complete(&self, frames: u64, bytes: u64) {
        self.progress.written.store(bytes, Ordering::Relaxed);
        self.progress.complete.store(frames, Ordering::Release);
    }
}

/// The playing time of `samples` samples.
pub fn duration_of(samples: u64, sample_rate: u32) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(sample_rate))
}

/// The samples of one channel that `span` takes, whole ones.
pub fn samples_in(span: Duration, sample_rate: u32) -> u64 {
    (span.as_micros() * u128::from(sample_rate) / 1_000_000).min(u64::MAX.into()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> RecordingPlan {
        RecordingPlan::new(8_000)
    }

    fn drained(source: &mut RecorderSource) -> Vec<i16> {
        let mut pcm = vec![0; 20_000];
        let count = source.read(&mut pcm);
        pcm.truncate(count);
        pcm
    }

    #[test]
    fn samples_come_out_as_they_went_in() {
        let (mut sink, mut source) = recorder(plan());
        sink.write(3, Some(&[1, 2, 3]), Some(&[9, 9, 9]));
        assert!(!source.is_closed());
        drop(sink);
        assert!(source.is_closed());
        assert_eq!(drained(&mut source), [1, 2, 3]);
        assert_eq!(source.cause(), EndCause::Stopped);
    }

    #[test]
    fn both_sides_are_added_up_or_stand_beside_each_other() {
        let sides = |sides| {
            let (mut sink, mut source) = recorder(RecordingPlan { sides, ..plan() });
            sink.write(3, Some(&[1, 2, i16::MAX]), Some(&[10, 20, 30]));
            sink.write(2, Some(&[3, 4]), None);
            sink.write(2, None, Some(&[5]));
            drained(&mut source)
        };
        assert_eq!(sides(Sides::Peer), [1, 2, i16::MAX, 3, 4, 0, 0]);
        assert_eq!(sides(Sides::Mixed), [11, 22, i16::MAX, 3, 4, 5, 0]);
        assert_eq!(
            sides(Sides::Stereo),
            [1, 10, 2, 20, i16::MAX, 30, 3, 0, 4, 0, 0, 5, 0, 0]
        );
    }

    #[test]
    fn the_limit_is_exact() {
        let limit = Some(Duration::from_millis(30));
        let (mut sink, mut source) = recorder(RecordingPlan { limit, ..plan() });
        sink.write(160, Some(&[5; 160]), None);
        assert!(!sink.is_finished());
        sink.write(160, Some(&[5; 160]), None);
        assert!(sink.is_finished());
        assert_eq!(drained(&mut source).len(), 240);
        assert_eq!(source.lost(), Duration::ZERO);
        assert_eq!(source.cause(), EndCause::Length);
    }

    #[test]
    fn silence_of_the_peer_ends_it_from_the_beginning_on() {
        let silence = Some(Duration::from_millis(100));
        let plan = RecordingPlan { silence, ..plan() };
        let loud = [8_000; 160];
        let (mut sink, source) = recorder(plan);
        for _ in 0..5 {
            assert!(!sink.is_finished());
            sink.write(160, None, Some(&loud));
        }
        assert!(sink.is_finished());
        assert_eq!(source.cause(), EndCause::Silence);

        let (mut sink, _source) = recorder(plan);
        for n in 0..40 {
            sink.write(160, (n % 5 == 0).then_some(&loud[..]), None);
            assert!(!sink.is_finished());
        }
    }

    #[test]
    fn a_meter_tells_what_is_recorded() {
        let limit = Some(Duration::from_millis(500));
        let (mut sink, source) = recorder(RecordingPlan { limit, ..plan() });
        let meter = sink.meter();
        assert_eq!((meter.length(), meter.data_bytes()), (Duration::ZERO, 0));
        sink.write(1_760, None, None);
        assert_eq!(meter.length(), Duration::from_millis(220));
        assert_eq!(meter.data_bytes(), 2 * 8 * 220);
        source.report(160, 0);
        assert_eq!(meter.length(), Duration::from_millis(200));
        sink.write(8_000, None, None);
        drop(sink);
        assert_eq!(meter.length(), Duration::from_millis(480));
        source.report_complete(800, 0);
        assert_eq!(meter.length(), Duration::from_millis(100));
        assert_eq!(meter.data_bytes(), 1_600);
    }

    #[test]
    fn a_stalled_writer_loses_whole_frames_and_is_told() {
        for sides in [Sides::Peer, Sides::Stereo] {
            let (mut sink, mut source) = recorder(RecordingPlan { sides, ..plan() });
            for _ in 0..60 {
                sink.write(161, Some(&[1; 161]), Some(&[2; 161]));
            }
            assert_eq!(source.lost(), duration_of(60 * 161 - 8_000, 8_000));
            let pcm = drained(&mut source);
            sink.write(161, Some(&[1; 161]), Some(&[2; 161]));
            let pcm = [pcm, drained(&mut source)].concat();
            let odd = pcm.iter().skip(1).step_by(2).all(|sample| *sample == 2);
            assert_eq!(odd, sides == Sides::Stereo);
            assert_eq!(pcm[0], 1);
        }
    }
}
