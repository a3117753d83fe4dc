//! What a session says to its media stream, and what it hears back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use super::figures::FiguresSink;
use super::mix_in::MixInSettings;
use super::playout::Playout;
use crate::audio::Prompt;
use crate::audio::feed::{FeedSink, FeedSource};
use crate::audio::playlist::{PlaylistItem, RoomId, RoomSeat};
use crate::audio::recorder::RecorderSink;
use crate::codec::{CodecId, Variant};
use crate::rtp::srtp::SrtpKeys;
use crate::rtp::{ClockRate, Digit, DigitSource, PayloadType, SourceRule};

/// Names one stream, on whichever media thread it is; a used-up id never names a later stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamId {
    /// Position in each thread's table, used again after the stream ended.
    pub(super) key: u32,
    /// Tells the users of one position apart.
    pub(super) generation: u32,
}

impl StreamId {
    /// `generation` differs for each stream that ever has this `key`.
    pub const fn new(key: u32, generation: u32) -> Self {
        Self { key, generation }
    }

    pub(super) fn index(self) -> usize {
        self.key as usize
    }

    /// For an epoll registration.
    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.key)
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self {
            key: bits as u32,
            generation: (bits >> 32) as u32,
        }
    }
}

/// What was negotiated for a stream (RFC 3264), in media terms.
#[derive(Debug, Clone)]
pub struct StreamParameters {
    /// Where the peer wants its RTP; `None` while it wants none.
    pub remote: Option<SocketAddr>,
    /// The peer wants RTP, but named a host that is not resolved: it is sent to where the peer is heard
    /// from.
    pub follow_source: bool,
    /// What is known of where the peer's RTP comes from.
    pub source_rule: SourceRule,
    /// How RTCP goes; `None`: not at all.
    pub rtcp: Option<RtcpParameters>,
    /// We may send.
    pub send: bool,
    /// The peer may send, and we listen unless [`MediaCommand::SetReceiving`] says otherwise.
    pub receive: bool,
    /// What audio is sent as.
    pub send_format: MediaFormat,
    /// What audio is accepted as; the peer may change between these with any packet.
    pub receive_formats: SmallVec<[MediaFormat; 4]>,
    /// What keys are sent as: payload type and clock rate of telephone-event (RFC 4733).
    pub telephone_event: Option<(PayloadType, ClockRate)>,
    /// What keys may come as; one for each clock rate of `receive_formats`, as agreed.
    pub receive_events: SmallVec<[(PayloadType, ClockRate); 2]>,
    /// Keys are heard in the audio too.
    pub hear_tones: bool,
    /// Keys are sent as tones in the audio, and not as telephone-events.
    pub send_tones: bool,
    /// Audio per packet that the peer asks for: 10 to 60 ms are sent, see
    /// [`Encoding::with_packet_time`](crate::codec::Encoding::with_packet_time).
    pub ptime: Duration,
    /// How long nothing may come while we listen and may send before [`MediaEvent::RtpTimeout`]. A
    /// peer that wants to hear nothing has us on hold and need not say anything.
    pub rtp_timeout: Option<Duration>,
    /// The keys of SRTP; `None`: plain RTP.
    pub srtp: Option<Box<SrtpKeys>>,
}

impl StreamParameters {
    /// Audio both ways in one format, in packets of 20 ms, and nothing else: no keys, no RTCP, no
    /// encryption, no timeout.
    pub fn new(remote: Option<SocketAddr>, format: MediaFormat) -> Self {
        Self {
            remote,
            follow_source: false,
            source_rule: SourceRule::default(),
            rtcp: None,
            send: true,
            receive: true,
            send_format: format,
            receive_formats: SmallVec::from_slice(&[format]),
            telephone_event: None,
            receive_events: SmallVec::new(),
            hear_tones: false,
            send_tones: false,
            ptime: Duration::from_millis(20),
            rtp_timeout: None,
            srtp: None,
        }
    }
}

/// A codec under its number, with its parameters in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaFormat {
    /// Its number in that direction.
    pub payload_type: PayloadType,
    /// The codec.
    pub codec: CodecId,
    /// What the `fmtp` parameters of the side that receives mean.
    pub variant: Variant,
}

impl MediaFormat {
    /// A format with the codec's default parameters.
    pub fn new(payload_type: PayloadType, codec: CodecId) -> Self {
        Self {
            payload_type,
            codec,
            variant: Variant::default(),
        }
    }
}

/// How the RTCP of a stream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtcpParameters {
    /// By the ports of RTP, in both directions (RFC 5761).
    pub mux: bool,
    /// Where the peer wants it otherwise; `None`: at the port above that of RTP.
    pub remote: Option<SocketAddr>,
}

/// Where a stream's outgoing audio comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Nothing is sent.
    None,
    /// The playlist.
    #[default]
    Playlist,
    /// What the peer itself says.
    Echo,
}

/// An order to a stream. Orders are carried out in sequence, before the next packet is sent.
#[derive(Debug)]
pub enum MediaCommand {
    /// A session description was agreed, the first or a later one.
    Configure(Box<StreamParameters>),
    /// Adds to the end of the playlist.
    Append(PlaylistItem),
    /// Adds before the item that is playing.
    Prepend(PlaylistItem),
    /// Empties the playlist without an event.
    Flush,
    /// Chooses what is sent.
    SetOutput(Output),
    /// How long what the peer says waits before it is heard.
    SetPlayout(Playout),
    /// Whether audio from the peer is taken in; on at the start.
    SetReceiving(bool),
    /// While muted the playlist goes on, but nothing is sent.
    SetMuted(bool),
    /// Whether digits are reported; on at the start.
    DetectDigits(bool),
    /// Whether digits are heard even while receiving is off.
    ForceDigits(bool),
    /// Sends a key of this length, as a telephone-event or as a tone; it goes before audio.
    SendDigit {
        /// Which.
        digit: Digit,
        /// How long the key is held.
        duration: Duration,
    },
    /// Reports each time the peer falls silent for so long after it was heard; `None` ends that.
    WatchSilence(Option<Duration>),
    /// Records; ends a recording that is running.
    StartRecording(Box<RecorderSink>),
    /// Leaves out what comes (true) until it goes on (false). A recording starts running.
    PauseRecording(bool),
    /// Ends the recording.
    StopRecording,
    /// Tells what the stream has done so far.
    Measure(FiguresSink),
    /// Changes what is done in a room, in place: in all playlist items that stand for it.
    SetSeat(RoomSeat),
    /// Takes the items of this room out of the playlist; nothing is reported.
    LeaveRoom(RoomId),
    /// How loud the playlist's room hears the peer, as a factor up to [`MAX_GAIN`](crate::audio::voice::MAX_GAIN);
    /// 1 at the start.
    SetRoomGain(f32),
    /// Whether the room of the playlist does not hear the peer.
    SetRoomMuted(bool),
    /// What the peer says goes also where this feed leads, see
    /// [`RoomHandle::feed`](super::RoomHandle::feed); one that was begun with the same number ends. More
    /// than [`MAX_TEES`](super::MAX_TEES) are refused with [`MediaEvent::TeeEnded`].
    StartTee(u32, Box<FeedSink>),
    /// Ends the feed of this number.
    StopTee(u32),
    /// Lets sounds be mixed into what the peer hears, or changes how loud they are.
    SetMixIn(MixInSettings),
    /// Mixes this in, instead of what is mixed in now; nothing before [`MediaCommand::SetMixIn`].
    PlayMixIn(PlaylistItem),
    /// Mixes this in after all that was appended before.
    AppendMixIn(PlaylistItem),
    /// Mixes nothing in any more.
    FlushMixIn,
    /// Ends the stream. Dropping its handle says the same.
    Close,
}

/// What a stream reports to its session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaEvent {
    /// The last item of the playlist has ended.
    NoAudio {
        /// How many [`Append`](MediaCommand::Append), [`Prepend`](MediaCommand::Prepend),
        /// [`Flush`](MediaCommand::Flush) and [`LeaveRoom`](MediaCommand::LeaveRoom) the stream had been
        /// given by then: who has given more since knows that this end is past.
        version: u32,
    },
    /// The playlist reached this separator.
    Separator(i64),
    /// The playlist was full; an item was not added. If it was a seat in a room, in this one.
    PlaylistFull(Option<RoomId>),
    /// The peer pressed and released a key.
    Digit {
        /// Which.
        digit: Digit,
        /// How long it was held.
        duration: Duration,
        /// Where it was heard. The same press may be told of once by each source.
        source: DigitSource,
    },
    /// The peer was heard and has fallen silent.
    Silence,
    /// Nothing came from the peer for the configured time. Once per silence.
    RtpTimeout,
    /// The playlist came to this room, and it is not, or no longer, on the stream's thread. The
    /// item has ended.
    RoomEnded(RoomId),
    /// The tee of this number leads nowhere any more: its room is gone. It has ended.
    TeeEnded(u32),
    /// The stream hit a fault of ours and is gone.
    StreamFailed,
}

/// Tells a session what happened to its stream; false when it had no room. Called on the media
/// thread, so it must not wait.
pub type EventSink = Box<dyn Fn(MediaEvent) -> bool + Send>;

/// An order to a room.
#[derive(Debug)]
pub enum RoomCommand {
    /// Plays a sound to the members without interrupting anything. What would be more than
    /// [`MAX_PLAYS`](super::MAX_PLAYS) at a time is left out.
    Play {
        /// The sound, at a rate of [`LIVE_SAMPLE_RATES`](crate::audio::live_resample::LIVE_SAMPLE_RATES).
        prompt: Arc<Prompt>,
        /// Who hears it.
        to: Audience,
    },
    /// Lets only so many members be heard at a time, the loudest; `None`, as at the start, all.
    SetMaxSpeakers(Option<usize>),
    /// Records all that is said and played; ends a recording that is running. The sink's rate is
    /// one of [`LIVE_SAMPLE_RATES`](crate::audio::live_resample::LIVE_SAMPLE_RATES).
    StartRecording(Box<RecorderSink>),
    /// Ends the recording.
    StopRecording,
    /// A voice from outside, as long as the other end exists.
    Feed(Box<FeedSource>),
    /// Ends the room; the playlist items of its members end. Dropping its handle says the same.
    Close,
}

/// Who hears a sound that is played to a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every member.
    All,
    /// Every member but this one.
    AllBut(StreamId),
}

/// What a room reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEvent {
    /// Another member speaks most, or nobody who is still a member has spoken.
    ActiveSpeaker(Option<StreamId>),
    /// The recording has reached its limit, was stopped, or could not be begun.
    RecordingEnded,
    /// The room hit a fault of ours and is gone.
    Failed,
}

/// Tells whoever keeps a room what happened in it; false when there was no room for it. Called on the
/// media thread, so it must not wait.
pub type RoomEventSink = Box<dyn Fn(RoomEvent) -> bool + Send>;
