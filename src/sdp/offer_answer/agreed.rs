//! What an exchange agrees on: the formats that both sides have, and what follows from them for the stream.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::section::RTCP_MUX;
use crate::codec::{CodecId, Codecs, Encoding};
use crate::rtp::srtp::SrtpKeys;
use crate::sdp::description::{ConnectionAddress, Direction, MediaDescription};
use crate::sdp::format::{AudioFormat, EventSet};

/// The shortest packet we send, whatever the peer asks for.
pub const MIN_PTIME: Duration = Duration::from_millis(10);
/// The longest packet we send, whatever the peer asks for.
pub const MAX_PTIME: Duration = Duration::from_millis(60);

/// Codecs that are agreed on with one peer, at most: each may come to cost a decoder.
const MAX_CODECS: usize = 8;

/// What an exchange has agreed on for the audio stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedAudio {
    /// Where to send. `None` while there is no address that can be sent to: the stream is held by
    /// 0.0.0.0 or `::`, disabled by port 0, or the address is multicast or a host name.
    pub remote: Option<SocketAddr>,
    /// The host name and port to resolve, when the peer gave a name instead of an address.
    pub remote_name: Option<(String, u16)>,
    /// Where to send RTCP if it does not share the port of RTP: `a=rtcp` (RFC 3605), else the port above
    /// that of RTP (RFC 3550 §11). `None` as for `remote`.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTP and RTCP share a port, in both directions (RFC 5761 §5.1.1).
    pub rtcp_mux: bool,
    /// Our direction.
    pub direction: Direction,
    /// What to send, with the peer's payload type and parameters.
    pub send: AudioFormat,
    /// What may arrive, with our payload types and parameters; the peer may change between them
    /// with any packet. Without telephone-event.
    pub receive: Vec<AudioFormat>,
    /// What to send keys as, with the peer's payload type: the telephone-event at the clock rate of
    /// `send` if there is one. Its `fmtp` holds the events both understand.
    pub telephone_event: Option<AudioFormat>,
    /// What keys may arrive as, with our payload types: one for each clock rate of `receive`, first
    /// that of `send` (RFC 4733 §2.1).
    pub receive_events: Vec<AudioFormat>,
    /// The length of the packets we send, which the codec can make: a multiple of 10 ms from
    /// [`MIN_PTIME`] to [`MAX_PTIME`].
    pub ptime: Duration,
    /// The keys of SRTP; `None`: audio is not encrypted.
    pub srtp: Option<Box<SrtpKeys>>,
}

impl NegotiatedAudio {
    /// What may arrive, telephone-events last.
    pub(super) fn formats(&self) -> impl Iterator<Item = &AudioFormat> + Clone {
        self.receive.iter().chain(&self.receive_events)
    }
}

/// What two lists of formats share, in the order of theirs.
pub(super) struct Common {
    pub codecs: Vec<CommonCodec>,
    /// Theirs and ours.
    events: Vec<(AudioFormat, AudioFormat)>,
}

pub(super) struct CommonCodec {
    pub codec: CodecId,
    theirs: AudioFormat,
    ours: AudioFormat,
}

impl Common {
    pub fn of(theirs: Vec<AudioFormat>, ours: &[AudioFormat], known: &Codecs) -> Self {
        let mut common = Self {
            codecs: Vec::with_capacity(theirs.len().min(MAX_CODECS)),
            events: Vec::new(),
        };
        for theirs in theirs {
            let Some(ours) = ours.iter().find(|own| own.is_same_encoding(&theirs)) else {
                continue;
            };
            if theirs.is_telephone_event() {
                common.events.push((theirs, ours.clone()));
                continue;
            }
            // Parameters that the codec cannot work with make it another format.
            let codec = theirs.codec(known);
            let codec = codec.filter(|codec| codec.variant(theirs.parameters()).is_some());
            if let Some(codec) = codec
                && common.codecs.len() < MAX_CODECS
            {
                common.codecs.push(CommonCodec {
                    codec,
                    theirs,
                    ours: ours.clone(),
                });
            }
        }
        common
    }

    /// An answer takes the numbers of the offer, and says what we make of its parameters.
    pub fn number_by_offer(&mut self) {
        for CommonCodec {
            codec,
            theirs,
            ours,
        } in &mut self.codecs
        {
            ours.payload_type = theirs.payload_type;
            let fmtp = codec.fmtp(Some(theirs.parameters()));
            ours.fmtp = Some(fmtp.into_owned()).filter(|fmtp| !fmtp.is_empty());
        }
        for (theirs, ours) in &mut self.events {
            ours.payload_type = theirs.payload_type;
        }
    }

    /// What is agreed on, with the best codec first. There is one.
    pub fn agreed(
        self,
        connection: &ConnectionAddress,
        media: &MediaDescription,
        direction: Direction,
        ptime: Duration,
    ) -> NegotiatedAudio {
        let Self { codecs, events } = self;
        let (remote, remote_name) = destination(connection, media.port);
        let best = &codecs[0];
        let send = best.theirs.clone();
        let variant = best.codec.variant(send.parameters()).unwrap_or_default();
        let wanted = send_ptime(media, ptime);
        let (_, ptime) = Encoding::with_packet_time(best.codec, variant, wanted);
        let events = usable_events(events, &codecs, send.clock_rate);
        NegotiatedAudio {
            remote,
            remote_name,
            remote_rtcp: remote.and_then(|remote| media.rtcp_address(remote)),
            rtcp_mux: media.has(RTCP_MUX),
            direction,
            ptime,
            telephone_event: events.first().map(|(theirs, _)| theirs.clone()),
            receive_events: exactly(events.into_iter().map(|(_, ours)| ours)),
            receive: exactly(codecs.into_iter().map(|pair| pair.ours)),
            send,
            srtp: None,
        }
    }
}

/// The telephone-events at the clock rates of the codecs, that of the codec in use first, each with what
/// both sides understand. Where there is none, any other: phones that offer Opus with nothing but
/// `telephone-event/8000` do send it.
fn usable_events(
    events: Vec<(AudioFormat, AudioFormat)>,
    codecs: &[CommonCodec],
    clock_rate: u32,
) -> Vec<(AudioFormat, AudioFormat)> {
    let mut usable: Vec<(AudioFormat, AudioFormat)> = Vec::with_capacity(events.len());
    for (mut theirs, mut ours) in events {
        let understood = EventSet::of(&theirs).intersection(EventSet::of(&ours));
        let is_new = usable
            .iter()
            .all(|(_, own)| own.clock_rate != ours.clock_rate);
        if !understood.is_empty() && is_new {
            let understood = understood.to_string();
            theirs.fmtp = Some(understood.clone());
            ours.fmtp = Some(understood);
            usable.push((theirs, ours));
        }
    }
    usable.sort_by_key(|(_, ours)| ours.clock_rate != clock_rate);
    let rates = |rate| codecs.iter().any(|pair| pair.ours.clock_rate == rate);
    let mut first = true;
    usable.retain(|(_, ours)| std::mem::take(&mut first) || rates(ours.clock_rate));
    usable
}

/// A list in as much room as it needs: it stays as long as the call, and `collect` would keep that of the
/// pairs it came from.
fn exactly(formats: impl ExactSizeIterator<Item = AudioFormat>) -> Vec<AudioFormat> {
    let mut list = Vec::with_capacity(formats.len());
    list.extend(formats);
    list
}

/// Where a stream goes: an address, or a name to resolve, or nowhere.
fn destination(
    connection: &ConnectionAddress,
    port: u16,
) -> (Option<SocketAddr>, Option<(String, u16)>) {
    match connection {
        ConnectionAddress::Name(name) => (None, Some((name.clone(), port))),
        ConnectionAddress::Ip(ip) => {
            // An IPv4 address inside an IPv6 one (RFC 5118 §4.9) is reached over IPv4.
            let ip = ip.to_canonical();
            (is_unicast(ip).then(|| SocketAddr::new(ip, port)), None)
        }
    }
}

/// Unspecified addresses are a hold of old (RFC 3264 §8.4); the others would make us flood a net.
pub(in crate::sdp) fn is_unicast(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || is_broadcast)
}

/// The packet length to send: what the peer asks for, else `default`, never above its `maxptime`,
/// within our bounds and in whole steps of 10 ms.
fn send_ptime(media: &MediaDescription, default: Duration) -> Duration {
    let wanted = media
        .ptime_ms()
        .map_or(default, |ms| Duration::from_millis(ms.into()));
    let longest = media
        .maxptime_ms()
        .map_or(MAX_PTIME, |ms| Duration::from_millis(ms.into()));
    let steps = wanted.min(longest).clamp(MIN_PTIME, MAX_PTIME).as_millis() as u64 / 10;
    Duration::from_millis(steps * 10)
}
