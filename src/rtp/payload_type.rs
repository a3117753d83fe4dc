//! Payload numbers and the static assignments of RFC 3551 §6.

use std::fmt;

use super::ClockRate;

/// A 7-bit payload number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// G.711 µ-law.
    pub const PCMU: PayloadType = PayloadType(0);
    /// G.711 A-law.
    pub const PCMA: PayloadType = PayloadType(8);

    /// Comfort noise at 8,000 Hz, RFC 3389.
    pub const COMFORT_NOISE: PayloadType = PayloadType(13);

    /// `None` above 127.
    pub const fn new(number: u8) -> Option<Self> {
        if number < 128 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number, 0 to 127.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an SDP body means by a static payload number without an `rtpmap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticPayload {
    /// The registered number.
    pub payload_type: PayloadType,
    /// As in an `rtpmap` attribute.
    pub encoding_name: &'static str,
    /// Rate of the RTP timestamp.
    pub clock_rate: ClockRate,
    /// Number of audio channels.
    pub channels: u8,
}

/// Finds a static audio assignment; `None` for dynamic, reserved and video numbers.
pub fn static_payload(payload_type: PayloadType) -> Option<StaticPayload> {
    let (_, encoding_name, hertz, channels) = *TABLE
        .iter()
        .find(|&&(number, ..)| number == payload_type.0)?;
    let clock_rate = ClockRate::new(hertz)?;
    Some(StaticPayload {
        payload_type,
        encoding_name,
        clock_rate,
        channels,
    })
}

/// RFC 3551 table 4. G722 has an 8 kHz clock although it samples at 16 kHz (§4.5.2).
/// Number 2 is reserved there for what RFC 1890 called G721.
#[rustfmt::skip]
const TABLE: [(u8, &str, u32, u8); 19] = [
    (0, "PCMU", 8_000, 1),
    (2, "G721", 8_000, 1),
    (3, "GSM", 8_000, 1),
    (4, "G723", 8_000, 1),
    (5, "DVI4", 8_000, 1),
    (6, "DVI4", 16_000, 1),
    (7, "LPC", 8_000, 1),
    (8, "PCMA", 8_000, 1),
    (9, "G722", 8_000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (12, "QCELP", 8_000, 1),
    (13, "CN", 8_000, 1),
    (14, "MPA", 90_000, 1),
    (15, "G728", 8_000, 1),
    (16, "DVI4", 11_025, 1),
    (17, "DVI4", 22_050, 1),
    (18, "G729", 8_000, 1),
    (33, "MP2T", 90_000, 1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_numbers_have_their_names() {
        let named = |number| {
            static_payload(PayloadType::new(number).unwrap()).map(|found| found.encoding_name)
        };
        assert_eq!(named(0), Some("PCMU"));
        assert_eq!(named(8), Some("PCMA"));
        assert_eq!(named(9), Some("G722"));
        assert_eq!(named(2), Some("G721"));
        assert_eq!(named(1), None);
        assert_eq!(named(96), None);
        assert_eq!(PayloadType::new(128), None);
    }
}
