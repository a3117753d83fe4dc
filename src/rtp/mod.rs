//! RTP as one audio stream needs it: packets in, packets out, and what lies between.
//!
//! A media thread drives everything here, with a datagram or a tick of its frame clock. Nothing
//! here owns a socket, knows what a call is, or understands audio; nothing allocates after its
//! constructor.
//!
//! RFC 3550 (packets, RTCP reports, rules of §A), RFC 3551 (static payload types),
//! RFC 3389 (comfort noise),
//! RFC 4733 (telephone events), RFC 4961 (symmetric RTP), RFC 3711 (SRTP, in [`srtp`]).

mod comfort_noise;
mod field;
mod header;
mod jitter_buffer;
mod packet;
mod payload_type;
mod quality;
mod reception;
mod rtcp;
mod source;
mod source_run;
pub mod srtp;
mod telephone_event;
mod transit;

pub use comfort_noise::comfort_noise_level;
pub use field::{ClockRate, RtpTimestamp, SequenceNumber, Ssrc};
pub use header::{RTP_HEADER_BYTES, RtpHeaderTemplate};
pub use jitter_buffer::{BufferedPacket, Front, JitterBuffer, JitterConfig, JitterCounters, Push};
pub use packet::{RtpError, RtpPacket};
pub use payload_type::{PayloadType, StaticPayload, static_payload};
pub use quality::{Impairment, mean_opinion_score};
pub use reception::Reception;
pub use rtcp::{
    Cname, Compound, MAX_REPORT_BYTES, Report, ReportBlock, ReportBlocks, RtcpError, RtcpPacket,
    SenderInfo, Sources, is_rtcp,
};
pub use source::{LEARNING_WINDOW, Refusal, SourceLatch, SourceRule, Verdict};
pub use telephone_event::{
    Digit, DigitPress, DigitPresses, DigitSource, EVENT_PAYLOAD_BYTES, EVENT_QUEUE, EVENT_TIMEOUT,
    EventPacket, EventQueueFull, EventReceiver, EventSender,
};
pub use transit::TransitTimes;
