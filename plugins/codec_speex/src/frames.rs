//! How many frames a payload holds: a walk over their headers, as decoders take it.
//!
//! It is strict, because the library writes to standard error about each frame that it refuses: a
//! peer must not be able to bring that about.

/// Bits of a narrow-band frame by its mode, the header of 5 bits included (RFC 5574 §3.3, Speex
/// manual, table 9.2). Modes 9 to 12 are reserved; 13 is a message between applications, on whose
/// length the manual and the library do not agree, so that it is refused.
const NARROW: [usize; 9] = [5, 43, 119, 160, 220, 300, 364, 492, 79];
/// Bits of a layer of wide band by its mode, the header of 4 bits included (table 10.1).
const WIDE: [usize; 5] = [4, 36, 112, 192, 352];
/// Wide and ultra-wide band.
const MAX_LAYERS: usize = 2;
/// Bits of the messages to the application, by their code.
const IN_BAND: [usize; 16] = [1, 1, 4, 4, 4, 4, 4, 4, 8, 8, 16, 16, 32, 32, 64, 64];

/// The frames in `payload`; `None` for none, more than `max`, or bits that no encoder makes.
pub(crate) fn frames_in(payload: &[u8], max: usize) -> Option<usize> {
    let end = payload.len() * 8;
    let (mut at, mut frames) = (0, 0);
    // Since the last frame; there are none before the first.
    let mut layers = MAX_LAYERS;
    while end - at >= 5 {
        at += if bits(payload, at, 1) == 1 {
            layers += 1;
            *WIDE
                .get(bits(payload, at + 1, 3))
                .filter(|_| layers <= MAX_LAYERS)?
        } else {
            match bits(payload, at + 1, 4) {
                15 => break,
                14 if end - at < 9 => return None,
                14 => 9 + IN_BAND[bits(payload, at + 5, 4)],
                mode => {
                    (frames, layers) = (frames + 1, 0);
                    *NARROW.get(mode)?
                }
            }
        };
        if at > end {
            return None;
        }
    }
    (1..=max).contains(&frames).then_some(frames)
}

/// `count` bits from bit `at` on, which are there.
fn bits(payload: &[u8], at: usize, count: usize) -> usize {
    (at..at + count).fold(0, |value, bit| {
        let byte = usize::from(payload[bit / 8]);
        value << 1 | byte >> (7 - bit % 8) & 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes fields of so many bits, and the terminator.
    fn payload(fields: &[(usize, usize)]) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        for &(value, count) in fields {
            bits.extend((0..count).rev().map(|bit| value >> bit.min(63) & 1 == 1));
        }
        if !bits.len().is_multiple_of(8) {
            bits.push(false);
            bits.resize(bits.len().next_multiple_of(8), true);
        }
        bits.chunks(8)
            .map(|byte| byte.iter().fold(0, |all, &bit| all << 1 | u8::from(bit)))
            .collect()
    }

    #[test]
    fn frames_are_counted_by_their_modes() {
        let narrow = [(3, 5), (0, 155)];
        assert_eq!(frames_in(&payload(&narrow), 6), Some(1));
        assert_eq!(frames_in(&payload(&[narrow, narrow].concat()), 6), Some(2));
        let wide = [(3, 5), (0, 155), (0b1011, 4), (0, 188)];
        assert_eq!(frames_in(&payload(&wide), 6), Some(1));
        assert_eq!(frames_in(&payload(&[wide, wide].concat()), 6), Some(2));
        let message = [(14, 5), (9, 4), (0, 8)];
        let with_message = [message.as_slice(), &narrow].concat();
        assert_eq!(frames_in(&payload(&with_message), 6), Some(1));
    }

    #[test]
    fn what_no_encoder_makes_is_refused() {
        assert_eq!(frames_in(&[], 6), None);
        assert_eq!(frames_in(&[0xff], 6), None, "a layer without its frame");
        assert_eq!(frames_in(&payload(&[(9, 5), (0, 200)]), 6), None);
        let whole = payload(&[(3, 5), (0, 155)]);
        assert_eq!(frames_in(&whole[..19], 6), None, "cut off");
        assert_eq!(frames_in(&payload(&[(0, 5 * 7)]), 6), None, "seven frames");
        assert_eq!(frames_in(&payload(&[(14, 5), (14, 4)]), 6), None);
        assert_eq!(frames_in(&payload(&[(13, 5), (0, 200)]), 6), None);
        let layers = |count| [&[(0, 5)][..], &[(0b1000, 4)].repeat(count), &[(0, 5)]].concat();
        assert_eq!(frames_in(&payload(&layers(2)), 6), Some(2));
        assert_eq!(frames_in(&payload(&layers(3)), 6), None);
    }
}
