//! Reading a datagram as RTP. RFC 3550 §5.1; the bytes are read by `rtp-rs`.

use rtp_rs::{RtpReader, RtpReaderError};
use thiserror::Error;

use super::{PayloadType, RtpTimestamp, SequenceNumber, Ssrc};

/// One received packet. Contributing sources, header extension and padding are checked and
/// left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// What the payload is.
    pub payload_type: PayloadType,
    /// For audio: the first packet of a talk-spurt (RFC 3551 §4.1).
    pub marker: bool,
    /// Counts packets.
    pub sequence_number: SequenceNumber,
    /// Sampling instant of the payload's first sample.
    pub timestamp: RtpTimestamp,
    /// Who sends.
    pub ssrc: Ssrc,
    /// What is left without header, extension and padding; may be empty.
    pub payload: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads one datagram. Does not allocate.
    ///
    /// # Errors
    /// [`RtpError`], for any bytes that are not one whole RTP version 2 packet. RTCP on the
    /// same port reads as a packet with a payload number of 64 to 95, which is never negotiated
    /// (RFC 5761 §4).
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtpError> {
        let reader = RtpReader::new(datagram)?;
        let payload_type =
            PayloadType::new(reader.payload_type()).expect("the reader masks seven bits");
        Ok(Self {
            payload_type,
            marker: reader.mark(),
            sequence_number: SequenceNumber(reader.sequence_number().into()),
            timestamp: RtpTimestamp(reader.timestamp()),
            ssrc: Ssrc(reader.ssrc()),
            payload: reader.payload(),
        })
    }
}

/// Why a datagram is not RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RtpError {
    /// Shorter than the fixed header.
    #[error("{bytes} bytes are too short for an RTP header")]
    TooShort {
        /// Length of the datagram.
        bytes: usize,
    },
    /// The version bits say something other than 2, as STUN and DTLS do.
    #[error("RTP version {0} instead of 2")]
    Version(u8),
    /// Contributing sources or the header extension run past the end.
    #[error("the header takes {header} bytes of a datagram of {bytes}")]
    HeaderTruncated {
        /// Bytes the header needs.
        header: usize,
        /// Bytes there are.
        bytes: usize,
    },
    /// More padding than payload, or none although the padding bit is set.
    #[error("{0} bytes of padding do not fit the packet")]
    Padding(u8),
}

impl From<RtpReaderError> for RtpError {
    fn from(error: RtpReaderError) -> Self {
        match error {
            RtpReaderError::BufferTooShort(bytes) => RtpError::TooShort { bytes },
            RtpReaderError::UnsupportedVersion(version) => RtpError::Version(version),
            RtpReaderError::HeadersTruncated {
                header_len,
                buffer_len,
            } => RtpError::HeaderTruncated {
                header: header_len,
                bytes: buffer_len,
            },
            RtpReaderError::PaddingLengthInvalid(padding) => RtpError::Padding(padding),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    const HEADER: [u8; 12] = [0x80, 0x80, 0x12, 0x34, 0, 0, 0, 160, 0xDE, 0xAD, 0xBE, 0xEF];

    fn with(header: [u8; 12], rest: &[u8]) -> Vec<u8> {
        [&header, rest].concat()
    }

    #[test]
    fn a_plain_packet_is_read() {
        let bytes = with(HEADER, &[1, 2, 3]);
        let packet = RtpPacket::parse(&bytes).unwrap();
        assert_eq!(packet.payload_type, PayloadType::PCMU);
        assert!(packet.marker);
        assert_eq!(packet.sequence_number, SequenceNumber(0x1234));
        assert_eq!(packet.timestamp, RtpTimestamp(160));
        assert_eq!(packet.ssrc, Ssrc(0xDEAD_BEEF));
        assert_eq!(packet.payload, [1, 2, 3]);
    }

    #[test]
    fn contributing_sources_extension_and_padding_are_not_payload() {
        let mut header = HEADER;
        header[0] = 0b1011_0010; // padding, extension, two contributing sources
        let mut rest = vec![0; 8];
        rest.extend([0xBE, 0xDE, 0, 1, 9, 9, 9, 9]);
        rest.extend([7, 7, 7, 0, 0, 3]);
        let bytes = with(header, &rest);
        assert_eq!(RtpPacket::parse(&bytes).unwrap().payload, [7, 7, 7]);
    }

    #[test]
    fn what_is_not_rtp_is_refused_with_its_reason() {
        assert_eq!(
            RtpPacket::parse(&HEADER[..11]),
            Err(RtpError::TooShort { bytes: 11 })
        );
        let mut header = HEADER;
        header[0] = 0x00;
        assert_eq!(RtpPacket::parse(&header), Err(RtpError::Version(0)));
        header[0] = 0x8F;
        assert_eq!(
            RtpPacket::parse(&header),
            Err(RtpError::HeaderTruncated {
                header: 72,
                bytes: 12
            })
        );
        header[0] = 0xA0;
        assert_eq!(
            RtpPacket::parse(&with(header, &[0])),
            Err(RtpError::Padding(0))
        );
        assert_eq!(
            RtpPacket::parse(&with(header, &[9])),
            Err(RtpError::Padding(9))
        );
        header[0] = 0x90;
        let endless = with(header, &[0, 0, 0xFF, 0xFF]);
        assert!(matches!(
            RtpPacket::parse(&endless),
            Err(RtpError::HeaderTruncated { .. })
        ));
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut random = SmallRng::seed_from_u64(7);
        for _ in 0..200_000 {
            let mut bytes = [0u8; 96];
            random.fill(&mut bytes[..]);
            bytes[0] = bytes[0] & 0x3F | 0x80;
            let len = random.random_range(0..=bytes.len());
            if let Ok(packet) = RtpPacket::parse(&bytes[..len]) {
                assert!(packet.payload.len() <= len - 12);
            }
        }
    }
}
