//! Real-time media: what callers hear, and what is heard of them.
//!
//! [`MediaPool`] owns the media threads. A session opens a stream, gives it [`MediaCommand`]s
//! through its [`StreamHandle`] and hears [`MediaEvent`]s back; it shares nothing with the thread.
//! Streams meet in rooms ([`MediaPool::open_room`]), to whose thread they move.
//! `core` decides everything in terms of media time and can be driven without a thread or a
//! socket; `thread`, `sockets` and `file_io` are the shell around it. SDP, calls and the choice of
//! prompts are the session's.
//!
//! RFC 3550 (RTP and RTCP), RFC 5761 (both on one port), RFC 3551 (audio profile), RFC 4733 (telephone events).
//! A stream sends to the address of the session description until its peer is heard, and then
//! where it was heard from (symmetric RTP, RFC 4961).

mod coder;
mod command;
mod control_port;
mod core;
mod decoding;
mod digits;
mod figures;
mod file_io;
mod file_player;
mod hearing;
mod mix_in;
mod packer;
mod playout;
mod pool;
mod ports;
mod receiver;
mod recording;
mod reports;
mod room;
mod room_handle;
mod schedule;
mod sender;
mod sockets;
mod stats;
mod stream;
mod thread;

pub use command::{
    Audience, EventSink, MediaCommand, MediaEvent, MediaFormat, Output, RoomCommand, RoomEvent,
    RoomEventSink, RtcpParameters, StreamId, StreamParameters,
};
pub use core::{Core, MediaIo, MovingStream, Retired};
pub use figures::{FiguresSink, StreamFigures};
pub use file_io::{FileIo, RecordingDone, RecordingRequest};
pub use file_player::open_sound;
pub use hearing::PlayoutCounters;
pub use mix_in::MixInSettings;
pub use playout::Playout;
pub use pool::{MediaBusy, MediaConfig, MediaPool, MoveBusy, StartError, StreamHandle};
pub use ports::OpenError;
pub use room::{MAX_FEEDS, MAX_PLAYS};
pub use room_handle::{FeedError, RoomBusy, RoomHandle};
pub use stats::{MediaStats, MediaTotals};
pub use stream::MAX_TEES;
