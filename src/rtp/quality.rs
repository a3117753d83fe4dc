//! What a call sounded like, as a number from 1 to 4.5: the E-model of ITU-T G.107, simplified.
//!
//! Of the model's parameters, delay, loss and codec are measured; all others keep their defaults. Loss is
//! taken to be random. Impairments of codecs are those of ITU-T G.113 Appendix I.

use std::time::Duration;

/// What a codec does to speech.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Ie: what it costs without loss.
    pub equipment: f32,
    /// Bpl: how well its concealment stands loss.
    pub robustness: f32,
}

impl Impairment {
    /// By encoding name, ignoring case. A codec that the table does not have counts as G.711 with
    /// concealment, as do wideband codecs: the scale is that of a telephone.
    pub fn of(encoding_name: &str) -> Self {
        let known = TABLE
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(encoding_name));
        let (_, equipment, robustness) = known.unwrap_or(&("", 0.0, 25.1));
        Self {
            equipment: *equipment,
            robustness: *robustness,
        }
    }
}

/// The mean opinion score of speech that came with this delay, mouth to ear, of whose packets the part
/// `lost`, 0 to 1, did not: 1 (nothing understood) to 4.4.
pub fn mean_opinion_score(codec: Impairment, delay: Duration, lost: f32) -> f32 {
    let rating = (R_DEFAULT - delay_impairment(delay) - loss_impairment(codec, lost)).max(0.0);
    // G.107 Annex B; below 6.5 the formula dips under 1.
    let score = 1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating);
    score.clamp(1.0, 4.5)
}

/// Id, as a line that bends where talkers begin to interrupt each other (Cole and Rosenbluth).
fn delay_impairment(delay: Duration) -> f32 {
    let ms = delay.as_secs_f32() * 1_000.0;
    0.024 * ms + 0.11 * (ms - 177.3).max(0.0)
}

/// Ie,eff (G.107 §7.2.1) for random loss.
fn loss_impairment(codec: Impairment, lost: f32) -> f32 {
    let percent = lost.clamp(0.0, 1.0) * 100.0;
    let Impairment {
        equipment,
        robustness,
    } = codec;
    equipment + (95.0 - equipment) * percent / (percent + robustness)
}

/// The rating with all parameters at their defaults.
const R_DEFAULT: f32 = 93.2;

/// Encoding name, Ie, Bpl.
#[rustfmt::skip]
const TABLE: [(&str, f32, f32); 9] = [
    ("PCMU", 0.0, 25.1),
    ("PCMA", 0.0, 25.1),
    ("G729", 11.0, 19.0),
    ("G723", 15.0, 16.1),
    ("GSM", 20.0, 43.0),
    ("iLBC", 11.0, 32.0),
    ("G726-40", 2.0, 25.1),
    ("G726-32", 7.0, 25.1),
    ("G726-24", 25.0, 25.1),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn score(codec: &str, ms: u64, lost: f32) -> f32 {
        mean_opinion_score(Impairment::of(codec), Duration::from_millis(ms), lost)
    }

    #[test]
    fn scores_are_those_of_the_model() {
        for (codec, ms, lost, expected) in [
            ("PCMU", 0, 0.0, 4.41),
            ("pcma", 50, 0.05, 3.86),
            ("PCMU", 300, 0.0, 3.71),
            ("G729", 50, 0.0, 4.07),
            ("G729", 50, 0.05, 3.28),
        ] {
            let found = score(codec, ms, lost);
            assert!(
                (found - expected).abs() < 0.05,
                "{codec} {ms} {lost}: {found}"
            );
        }
    }

    #[test]
    fn more_loss_and_more_delay_never_sound_better() {
        for percent in 0..100u16 {
            let lost = f32::from(percent) / 100.0;
            assert!(score("PCMU", 20, lost) >= score("PCMU", 20, lost + 0.01));
            let ms = u64::from(percent) * 20;
            assert!(score("PCMU", ms, 0.02) >= score("PCMU", ms + 20, 0.02));
        }
        assert_eq!(score("PCMU", 10_000, 1.0), 1.0);
    }
}
