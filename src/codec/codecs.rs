//! The codecs that one server speaks.

use std::sync::Arc;

use super::CodecId;

/// An ordered list of codecs, best first. Made from the configuration when the server starts and
/// given to whoever describes calls; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codecs(Arc<[CodecId]>);

impl Codecs {
    /// The list in this order.
    pub fn new(codecs: impl IntoIterator<Item = CodecId>) -> Self {
        Self(codecs.into_iter().collect())
    }

    /// All in order.
    pub fn iter(&self) -> impl Iterator<Item = CodecId> + '_ {
        self.0.iter().copied()
    }

    /// Finds the codec of an SDP format by its `rtpmap` parts; the name is compared ignoring case
    /// (RFC 8866 §6.6). `None` when it is not in the list.
    pub fn find(&self, encoding_name: &str, clock_rate: u32, channels: u8) -> Option<CodecId> {
        self.iter().find(|codec| {
            codec.encoding_name().eq_ignore_ascii_case(encoding_name)
                && codec.clock_rate().get() == clock_rate
                && codec.channels() == channels
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_found_by_their_rtpmap() {
        let codecs = Codecs::new(CodecId::BUILT_IN);
        for codec in codecs.iter() {
            let name = codec.encoding_name().to_lowercase();
            let found = codecs.find(&name, codec.clock_rate().get(), codec.channels());
            assert_eq!(found, Some(codec));
        }
        assert_eq!(codecs.find("opus", 48_000, 1), None);
        assert_eq!(codecs.find("PCMU", 16_000, 1), None);
        assert_eq!(codecs.find("G729", 8_000, 1), None);
        let fewer = Codecs::new([CodecId::PCMA]);
        assert_eq!(fewer.find("PCMU", 8_000, 1), None);
    }
}
