//! Codecs as session descriptions and media threads name them.

use std::time::Duration;

use crate::codec::Codecs;
use crate::media::MediaFormat;
use crate::rtp::{ClockRate, PayloadType};
use crate::sdp::{AudioFormat, Capabilities, TELEPHONE_EVENT};

/// `format` in terms of the media threads; `None` if it is not one of `codecs`.
pub(super) fn media_format(codecs: &Codecs, format: &AudioFormat) -> Option<MediaFormat> {
    let codec = format.codec(codecs)?;
    Some(MediaFormat {
        payload_type: PayloadType::new(format.payload_type)?,
        codec,
        variant: codec.variant(format.parameters())?,
    })
}

pub(super) fn event_format(format: &AudioFormat) -> Option<(PayloadType, ClockRate)> {
    let clock_rate = ClockRate::new(format.clock_rate)?;
    Some((PayloadType::new(format.payload_type)?, clock_rate))
}

/// What we offer: these codecs in this order, and telephone events (RFC 4733) for their clock
/// rates. Dynamic payload numbers are given out from 96 on.
pub fn capabilities(codecs: &Codecs) -> Capabilities {
    let mut formats = Vec::new();
    let mut dynamic = 96..=127u8;
    let mut number = |fixed: Option<PayloadType>| match fixed {
        Some(payload_type) => payload_type.get(),
        None => dynamic.next().unwrap_or(127),
    };
    for codec in codecs.iter() {
        formats.push(AudioFormat {
            payload_type: number(codec.static_payload_type()),
            encoding_name: codec.encoding_name().into(),
            clock_rate: codec.clock_rate().get(),
            channels: codec.channels(),
            fmtp: Some(codec.fmtp(None).into_owned()).filter(|fmtp| !fmtp.is_empty()),
        });
    }
    let mut clock_rates: Vec<u32> = codecs
        .iter()
        .map(|codec| codec.clock_rate().get())
        .collect();
    clock_rates.sort_unstable();
    clock_rates.dedup();
    for clock_rate in clock_rates {
        formats.push(AudioFormat {
            payload_type: number(None),
            encoding_name: TELEPHONE_EVENT.into(),
            clock_rate,
            channels: 1,
            fmtp: Some("0-15".to_owned()),
        });
    }
    Capabilities {
        formats,
        codecs: codecs.clone(),
        ptime: Duration::from_millis(20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::CodecId;

    fn numbers<const N: usize>(codecs: [CodecId; N]) -> Vec<(u8, String)> {
        let formats = capabilities(&Codecs::new(codecs)).formats;
        let number = |format: AudioFormat| {
            let AudioFormat {
                payload_type,
                encoding_name,
                clock_rate,
                ..
            } = format;
            (payload_type, format!("{encoding_name}/{clock_rate}"))
        };
        formats.into_iter().map(number).collect()
    }

    #[test]
    fn codecs_keep_their_order_and_static_numbers_and_events_follow_by_clock_rate() {
        let expected = [
            (96, "opus/48000"),
            (8, "PCMA/8000"),
            (0, "PCMU/8000"),
            (97, "telephone-event/8000"),
            (98, "telephone-event/48000"),
        ];
        let found = numbers([CodecId::OPUS, CodecId::PCMA, CodecId::PCMU]);
        let found: Vec<_> = found.iter().map(|(n, name)| (*n, name.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn no_two_formats_share_a_number() {
        let mut used: Vec<_> = numbers(CodecId::BUILT_IN)
            .into_iter()
            .map(|f| f.0)
            .collect();
        let all = used.len();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), all);
    }
}
