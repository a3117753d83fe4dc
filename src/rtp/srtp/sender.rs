//! The sending half.

use super::key::MasterKey;
use super::transform::{SessionKeys, Transform};
use crate::rtp::RTP_HEADER_BYTES;

/// Seals the packets of one SSRC of ours. Media thread; sealing does not allocate.
pub struct SrtpSender {
    master: MasterKey,
    keys: SessionKeys,
    roll_over_counter: u32,
    last: Option<u16>,
    /// Of the next SRTCP packet.
    control_index: u32,
}

/// Bytes of an RTCP packet that stay readable.
pub(super) const RTCP_CLEAR_BYTES: usize = 8;
/// In the index field of SRTCP: the packet is encrypted (RFC 3711 §3.4).
pub(super) const ENCRYPTED: u32 = 1 << 31;

impl SrtpSender {
    /// Begins to send with `master`.
    pub fn new(master: MasterKey) -> Self {
        Self {
            keys: SessionKeys::derive(&master),
            master,
            roll_over_counter: 0,
            last: None,
            control_index: 0,
        }
    }

    /// The key in use.
    pub fn master(&self) -> &MasterKey {
        &self.master
    }

    /// Goes on with another key, and its roll-over counter at 0, as a peer expects who begins a context
    /// with it. The same key changes nothing.
    pub fn rekey(&mut self, master: &MasterKey) {
        if self.master != *master {
            *self = Self::new(master.clone());
        }
    }

    /// Seals the RTP packet of `len` bytes at the beginning of `packet`, whose header is plain
    /// ([`RTP_HEADER_BYTES`]), and returns its new length. Sequence numbers have to follow each other.
    /// `None` if there is no room for [`MAX_SRTP_OVERHEAD`](super::MAX_SRTP_OVERHEAD) more, or no packet.
    pub fn protect(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        let sealed = len + self.keys.rtp.tag_bytes();
        let packet = packet.get_mut(..sealed)?;
        let (header, _) = packet[..len].split_first_chunk::<RTP_HEADER_BYTES>()?;
        let [_, _, high, low, _, _, _, _, ssrc @ ..] = *header;
        let (number, ssrc) = (u16::from_be_bytes([high, low]), u32::from_be_bytes(ssrc));
        if self.last.is_some_and(|last| number < last) {
            self.roll_over_counter = self.roll_over_counter.wrapping_add(1);
        }
        self.last = Some(number);
        let index = u64::from(self.roll_over_counter) << 16 | u64::from(number);
        match &self.keys.rtp {
            Transform::Cm(cm) => {
                cm.apply(ssrc, index, &mut packet[RTP_HEADER_BYTES..len]);
                let (sent, tag) = packet.split_at_mut(len);
                cm.sign(sent, &self.roll_over_counter.to_be_bytes(), tag);
            }
            Transform::Gcm(gcm) => {
                let (sent, tag) = packet.split_at_mut(len);
                let (header, payload) = sent.split_at_mut(RTP_HEADER_BYTES);
                tag.copy_from_slice(gcm.seal((ssrc, index), header, payload)?.as_ref());
            }
        }
        Some(sealed)
    }

    /// Seals the RTCP compound of `len` bytes at the beginning of `packet` and returns its new length;
    /// `None` as for [`SrtpSender::protect`].
    pub fn protect_control(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        let tag_bytes = self.keys.rtcp.tag_bytes();
        let sealed = len + 4 + tag_bytes;
        let packet = packet.get_mut(..sealed)?;
        let (clear, _) = packet[..len].split_first_chunk::<RTCP_CLEAR_BYTES>()?;
        let [_, _, _, _, ssrc @ ..] = *clear;
        let ssrc = u32::from_be_bytes(ssrc);
        let index = self.control_index;
        self.control_index = (index + 1) % ENCRYPTED;
        let field = (index | ENCRYPTED).to_be_bytes();
        match &self.keys.rtcp {
            Transform::Cm(cm) => {
                cm.apply(ssrc, index.into(), &mut packet[RTCP_CLEAR_BYTES..len]);
                let (sent, tag) = packet.split_at_mut(len + 4);
                sent[len..].copy_from_slice(&field);
                cm.sign(sent, &[], tag);
            }
            Transform::Gcm(gcm) => {
                let (sent, rest) = packet.split_at_mut(len);
                let (clear, data) = sent.split_at_mut(RTCP_CLEAR_BYTES);
                let aad = control_aad(clear, field);
                let tag = gcm.seal((ssrc, index.into()), &aad, data)?;
                rest[..tag_bytes].copy_from_slice(tag.as_ref());
                rest[tag_bytes..].copy_from_slice(&field);
            }
        }
        Some(sealed)
    }
}

/// What AES-GCM authenticates of an RTCP packet without encrypting it (RFC 7714 §9.2).
pub(super) fn control_aad(clear: &[u8], field: [u8; 4]) -> [u8; RTCP_CLEAR_BYTES + 4] {
    let mut aad = [0; RTCP_CLEAR_BYTES + 4];
    aad[..RTCP_CLEAR_BYTES].copy_from_slice(clear);
    aad[RTCP_CLEAR_BYTES..].copy_from_slice(&field);
    aad
}
