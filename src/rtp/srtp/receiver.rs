//! The receiving half.

use std::time::{Duration, Instant};

use smallvec::SmallVec;
use thiserror::Error;

use super::key::SrtpKey;
use super::sender::{ENCRYPTED, RTCP_CLEAR_BYTES, control_aad};
use super::transform::{Forged, SessionKeys, Transform};
use crate::rtp::RTP_HEADER_BYTES;

/// Opens the packets of a peer, whatever SSRCs it uses. Media thread; allocates for the second SSRC and for
/// another key alone.
///
/// After a change of the key, packets that the peer sealed with the one before are taken until it has been
/// heard with the new one for two seconds.
pub struct SrtpReceiver {
    current: Context,
    previous: Option<Box<Context>>,
    /// When the first packet with the current key came, if there is a previous one.
    heard_since: Option<Instant>,
}

/// Packets by which one may be behind the latest and is still told from its repetition.
pub const SRTP_WINDOW: u64 = 128;
/// SSRCs that one key is used with at most. Forgetting one would let its packets be played again.
const MAX_SOURCES: usize = 32;
/// For how long packets with the key before are under way. Picked by feel.
const OLD_KEY_STAYS: Duration = Duration::from_secs(2);
/// After such a silence the peer may have sent 32,768 packets unheard, half a roll-over: ten of 10 ms in
/// each tenth of a second.
const LOST_TRACK: Duration = Duration::from_secs(300);
/// How often the roll-over counter is looked for after that, and how far on.
const SEARCH_EVERY: Duration = Duration::from_millis(100);
const SEARCH_LIMIT: u64 = 64;

/// Why a packet is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SrtpRefusal {
    /// Too short to be sealed, or no RTP or RTCP at all.
    #[error("not an SRTP packet")]
    Malformed,
    /// Not sealed with the peer's key.
    #[error("the tag is not that of the key")]
    Forged,
    /// It has come before, or is too old to tell.
    #[error("the packet has come before")]
    Replayed,
    /// Another SSRC than those that were heard, which are as many as are kept.
    #[error("too many sources")]
    TooManySources,
}

impl From<Forged> for SrtpRefusal {
    fn from(Forged: Forged) -> Self {
        Self::Forged
    }
}

impl SrtpReceiver {
    /// Begins to listen to who sends with `key`.
    pub fn new(key: SrtpKey) -> Self {
        Self {
            current: Context::new(key, None),
            previous: None,
            heard_since: None,
        }
    }

    /// The key in use.
    pub fn key(&self) -> &SrtpKey {
        &self.current.key
    }

    /// Listens to another key. The same key changes nothing.
    pub fn rekey(&mut self, key: &SrtpKey) {
        if self.current.key == *key {
            return;
        }
        self.heard_since = None;
        if let Some(previous) = &mut self.previous
            && previous.key == *key
        {
            return std::mem::swap(&mut self.current, previous);
        }
        let context = Context::new(key.clone(), self.current.latest());
        let before = std::mem::replace(&mut self.current, context);
        // A key that nobody was heard with is not worth keeping: the one before it may be.
        if !before.sources.is_empty() || self.previous.is_none() {
            self.previous = Some(Box::new(before));
        }
    }

    /// Opens an RTP packet into `out` and returns its length.
    ///
    /// # Errors
    /// [`SrtpRefusal`]; a packet that is longer than `out` is malformed.
    pub fn unprotect(
        &mut self,
        now: Instant,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Result<usize, SrtpRefusal> {
        self.with_contexts(now, |context| context.open(now, datagram, out))
    }

    /// Opens an RTCP compound into `out` and returns its length.
    ///
    /// # Errors
    /// As [`SrtpReceiver::unprotect`].
    pub fn unprotect_control(
        &mut self,
        now: Instant,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Result<usize, SrtpRefusal> {
        self.with_contexts(now, |context| context.open_control(now, datagram, out))
    }

    fn with_contexts(
        &mut self,
        now: Instant,
        mut open: impl FnMut(&mut Context) -> Result<usize, SrtpRefusal>,
    ) -> Result<usize, SrtpRefusal> {
        let opened = open(&mut self.current);
        let Some(previous) = &mut self.previous else {
            return opened;
        };
        if opened.is_ok() {
            self.heard_since.get_or_insert(now);
        }
        let is_over = |since| now.saturating_duration_since(since) >= OLD_KEY_STAYS;
        if self.heard_since.is_some_and(is_over) {
            self.previous = None;
            return opened;
        }
        match opened {
            // Too short may be said of another suite.
            Err(SrtpRefusal::Forged | SrtpRefusal::Malformed) => open(previous),
            opened => opened,
        }
    }
}

/// One master key of the peer and what was heard with it (RFC 3711 §3.2).
struct Context {
    key: SrtpKey,
    keys: SessionKeys,
    /// The latest first.
    sources: SmallVec<[Source; 1]>,
    /// The latest source under the key before, and its packet: some go on counting with a new key.
    before: Option<(u32, u64)>,
}

/// One SSRC of the peer.
struct Source {
    ssrc: u32,
    rtp: Window,
    rtcp: Window,
    /// When its latest RTP packet came.
    heard: Instant,
    searched: Option<Instant>,
}

/// Which packets have come (RFC 3711 §3.3.2).
#[derive(Default)]
struct Window {
    /// `None` before the first.
    highest: Option<u64>,
    /// Bit n: the packet n before the highest has come.
    seen: u128,
}

impl Window {
    fn is_new(&self, index: u64) -> bool {
        let Some(highest) = self.highest else {
            return true;
        };
        index > highest || highest - index < SRTP_WINDOW && self.seen >> (highest - index) & 1 == 0
    }

    /// Notes a new packet.
    fn take(&mut self, index: u64) {
        match self.highest {
            Some(highest) if index <= highest => self.seen |= 1 << (highest - index),
            before => {
                let ahead = before.map_or(SRTP_WINDOW, |highest| index - highest);
                let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
                self.highest = Some(index);
            }
        }
    }
}

impl Context {
    fn new(key: SrtpKey, before: Option<(u32, u64)>) -> Self {
        Self {
            keys: SessionKeys::derive(&key.master),
            key,
            sources: SmallVec::new(),
            before,
        }
    }

    fn latest(&self) -> Option<(u32, u64)> {
        let latest = self.sources.first()?;
        Some((latest.ssrc, latest.rtp.highest?))
    }

    fn mki_bytes(&self) -> usize {
        self.key.mki.map_or(0, |mki| mki.bytes().into())
    }

    fn open(
        &mut self,
        now: Instant,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Result<usize, SrtpRefusal> {
        let sealed = SealedRtp::read(datagram, self).ok_or(SrtpRefusal::Malformed)?;
        let out = out
            .get_mut(..datagram.len())
            .ok_or(SrtpRefusal::Malformed)?;
        let position = self.position(sealed.ssrc);
        let known = position.map(|at| &self.sources[at].rtp);
        let index = match known.and_then(|window| Some((window, window.highest?))) {
            None => self.first_index(&sealed, datagram, out)?,
            Some((window, highest)) => {
                let index = nearest(highest, sealed.number).filter(|index| window.is_new(*index));
                let opened = match index {
                    Some(index) => match sealed.open(self, index, datagram, out) {
                        Ok(()) => Ok(index),
                        Err(forged) => Err(forged.into()),
                    },
                    None => Err(SrtpRefusal::Replayed),
                };
                match opened {
                    Ok(index) => index,
                    Err(why) => self
                        .search(now, position, &sealed, datagram, out)
                        .ok_or(why)?,
                }
            }
        };
        let source = self.source(now, position, sealed.ssrc)?;
        source.rtp.take(index);
        source.heard = now;
        Ok(sealed.body_end - sealed.added(&self.keys.rtp))
    }

    /// The index of the first packet that is heard of its SSRC, opened.
    fn first_index(
        &self,
        sealed: &SealedRtp,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Result<u64, SrtpRefusal> {
        let number = u64::from(sealed.number);
        let before = self.before.filter(|(ssrc, _)| *ssrc == sealed.ssrc);
        let continued = before.and_then(|(_, highest)| nearest(highest, sealed.number));
        // A peer that began near the end of the numbers may have wrapped unheard.
        let wrapped = (number < 1 << 15).then_some(number | 1 << 16);
        let candidates = [Some(number), continued, wrapped];
        let mut candidates = candidates.into_iter().flatten();
        candidates
            .find(|index| sealed.open(self, *index, datagram, out).is_ok())
            .ok_or(SrtpRefusal::Forged)
    }

    /// Looks for the roll-over counter after a time in which nobody listened.
    fn search(
        &mut self,
        now: Instant,
        position: Option<usize>,
        sealed: &SealedRtp,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Option<u64> {
        let source = &mut self.sources[position?];
        let silent = now.saturating_duration_since(source.heard);
        let recently = |at| now.saturating_duration_since(at) < SEARCH_EVERY;
        if silent < LOST_TRACK || source.searched.is_some_and(recently) {
            return None;
        }
        source.searched = Some(now);
        let highest = source.rtp.highest?;
        let possible = (silent.as_secs() * 100 / 65_536 + 1).min(SEARCH_LIMIT);
        (highest >> 16..=(highest >> 16) + possible)
            .map(|counter| counter << 16 | u64::from(sealed.number))
            .filter(|index| *index > highest)
            .find(|index| sealed.open(self, *index, datagram, out).is_ok())
    }

    fn open_control(
        &mut self,
        now: Instant,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Result<usize, SrtpRefusal> {
        let sealed = SealedRtcp::read(datagram, self).ok_or(SrtpRefusal::Malformed)?;
        let out = out
            .get_mut(..datagram.len())
            .ok_or(SrtpRefusal::Malformed)?;
        let position = self.position(sealed.ssrc);
        let known = position.map(|at| &self.sources[at]);
        if known.is_some_and(|source| !source.rtcp.is_new(sealed.index)) {
            return Err(SrtpRefusal::Replayed);
        }
        let len = sealed.open(self, out)?;
        let source = self.source(now, position, sealed.ssrc)?;
        source.rtcp.take(sealed.index);
        Ok(len)
    }

    fn position(&self, ssrc: u32) -> Option<usize> {
        self.sources.iter().position(|source| source.ssrc == ssrc)
    }

    /// The source that has just proved itself, which is now the first.
    fn source(
        &mut self,
        now: Instant,
        position: Option<usize>,
        ssrc: u32,
    ) -> Result<&mut Source, SrtpRefusal> {
        match position {
            Some(0) => {}
            Some(at) => self.sources[..=at].rotate_right(1),
            None if self.sources.len() == MAX_SOURCES => return Err(SrtpRefusal::TooManySources),
            None => self.sources.insert(
                0,
                Source {
                    ssrc,
                    rtp: Window::default(),
                    rtcp: Window::default(),
                    heard: now,
                    searched: None,
                },
            ),
        }
        Ok(&mut self.sources[0])
    }
}

/// The index with this number that is nearest to `highest` (RFC 3711 §3.3.1); `None` before the first.
fn nearest(highest: u64, number: u16) -> Option<u64> {
    let ahead = number.wrapping_sub(highest as u16) as i16;
    highest.checked_add_signed(ahead.into())
}

/// Where the parts of a sealed RTP packet are.
struct SealedRtp<'a> {
    ssrc: u32,
    number: u16,
    /// Length of the header with contributing sources and extension.
    header: usize,
    /// Where the tag of AES-GCM ends, or that of HMAC-SHA1 and the identifier begin.
    body_end: usize,
    mki: &'a [u8],
    tag: &'a [u8],
}

impl<'a> SealedRtp<'a> {
    fn read(datagram: &'a [u8], context: &Context) -> Option<Self> {
        let fixed = datagram.first_chunk::<RTP_HEADER_BYTES>()?;
        let [first, _, high, low, _, _, _, _, ssrc @ ..] = *fixed;
        if first >> 6 != 2 {
            return None;
        }
        let mut header = RTP_HEADER_BYTES + usize::from(first & 0x0F) * 4;
        if first & 0x10 != 0 {
            let [_, _, high, low] = *datagram.get(header..)?.first_chunk::<4>()?;
            header += 4 + usize::from(u16::from_be_bytes([high, low])) * 4;
        }
        let (body_end, mki, tag) = match &context.keys.rtp {
            Transform::Cm(_) => {
                let tag = datagram.len().checked_sub(context.keys.rtp.tag_bytes())?;
                let body_end = tag.checked_sub(context.mki_bytes())?;
                (body_end, &datagram[body_end..tag], &datagram[tag..])
            }
            Transform::Gcm(_) => {
                let body_end = datagram.len().checked_sub(context.mki_bytes())?;
                (body_end, &datagram[body_end..], &[][..])
            }
        };
        let sealed = Self {
            ssrc: u32::from_be_bytes(ssrc),
            number: u16::from_be_bytes([high, low]),
            header,
            body_end,
            mki,
            tag,
        };
        (header + sealed.added(&context.keys.rtp) <= body_end).then_some(sealed)
    }

    /// Bytes before `body_end` that are no longer there when the packet is open.
    fn added(&self, transform: &Transform) -> usize {
        match transform {
            Transform::Cm(_) => 0,
            Transform::Gcm(_) => transform.tag_bytes(),
        }
    }

    fn open(
        &self,
        context: &Context,
        index: u64,
        datagram: &[u8],
        out: &mut [u8],
    ) -> Result<(), Forged> {
        // Cheaper than the tag, and no secret.
        if !context.key.mki.is_none_or(|mki| mki.is(self.mki)) {
            return Err(Forged);
        }
        let body = &datagram[..self.body_end];
        let copy = &mut out[..self.body_end];
        match &context.keys.rtp {
            Transform::Cm(cm) => {
                let roll_over_counter = ((index >> 16) as u32).to_be_bytes();
                cm.verify(body, &roll_over_counter, self.tag)?;
                copy.copy_from_slice(body);
                cm.apply(self.ssrc, index, &mut copy[self.header..]);
                Ok(())
            }
            Transform::Gcm(gcm) => {
                copy.copy_from_slice(body);
                let (header, data) = copy.split_at_mut(self.header);
                gcm.open((self.ssrc, index), header, data)
            }
        }
    }
}

/// Where the parts of a sealed RTCP packet are.
struct SealedRtcp<'a> {
    ssrc: u32,
    index: u64,
    field: [u8; 4],
    /// What is authenticated by HMAC-SHA1, or encrypted by AES-GCM.
    body: &'a [u8],
    mki: &'a [u8],
    tag: &'a [u8],
}

impl<'a> SealedRtcp<'a> {
    fn read(datagram: &'a [u8], context: &Context) -> Option<Self> {
        let [first, _, _, _, ssrc @ ..] = *datagram.first_chunk::<RTCP_CLEAR_BYTES>()?;
        let mki_bytes = context.mki_bytes();
        let (body, field, mki, tag) = match &context.keys.rtcp {
            Transform::Cm(_) => {
                let tag_at = datagram.len().checked_sub(context.keys.rtcp.tag_bytes())?;
                let mki_at = tag_at.checked_sub(mki_bytes)?;
                let (body, rest) = datagram.split_at(mki_at);
                let (_, field) = body.split_last_chunk::<4>()?;
                (body, *field, &rest[..mki_bytes], &datagram[tag_at..])
            }
            Transform::Gcm(_) => {
                let mki_at = datagram.len().checked_sub(mki_bytes)?;
                let (front, mki) = datagram.split_at(mki_at);
                let (body, field) = front.split_last_chunk::<4>()?;
                (body, *field, mki, &[][..])
            }
        };
        let index = u32::from_be_bytes(field);
        let added = match &context.keys.rtcp {
            Transform::Cm(_) => 4,
            Transform::Gcm(_) => context.keys.rtcp.tag_bytes(),
        };
        let whole = first >> 6 == 2 && body.len() >= RTCP_CLEAR_BYTES + added;
        // Encryption was agreed on.
        (whole && index & ENCRYPTED != 0).then_some(Self {
            ssrc: u32::from_be_bytes(ssrc),
            index: (index & !ENCRYPTED).into(),
            field,
            body,
            mki,
            tag,
        })
    }

    /// Opens into `out` and returns the length.
    fn open(&self, context: &Context, out: &mut [u8]) -> Result<usize, Forged> {
        if !context.key.mki.is_none_or(|mki| mki.is(self.mki)) {
            return Err(Forged);
        }
        let transform = &context.keys.rtcp;
        let copy = &mut out[..self.body.len()];
        match transform {
            Transform::Cm(cm) => {
                cm.verify(self.body, &[], self.tag)?;
                copy.copy_from_slice(self.body);
                let len = self.body.len() - 4;
                cm.apply(self.ssrc, self.index, &mut copy[RTCP_CLEAR_BYTES..len]);
                Ok(len)
            }
            Transform::Gcm(gcm) => {
                copy.copy_from_slice(self.body);
                let (clear, data) = copy.split_at_mut(RTCP_CLEAR_BYTES);
                let aad = control_aad(clear, self.field);
                gcm.open((self.ssrc, self.index), &aad, data)?;
                Ok(self.body.len() - transform.tag_bytes())
            }
        }
    }
}
