//! Comfort noise: how loud it is where the talker pauses. RFC 3389 §3.
//!
//! Only the level is read; the shape of the spectrum, which few senders give, is not.

/// The level of a comfort noise packet, in decibels below overload.
///
/// `None` for an empty payload. The reserved bit is ignored.
pub fn comfort_noise_level(payload: &[u8]) -> Option<u8> {
    payload.first().map(|level| level & 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_octet_is_the_level() {
        assert_eq!(comfort_noise_level(&[60, 1, 2]), Some(60));
        assert_eq!(comfort_noise_level(&[0x80 | 70]), Some(70));
        assert_eq!(comfort_noise_level(&[]), None);
    }
}
