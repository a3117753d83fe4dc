//! The codecs that one server speaks.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use super::CodecId;

/// An ordered list of codecs, best first. Made from the configuration when the server starts and
/// given to whoever describes calls; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codecs {
    list: Arc<[CodecId]>,
    /// So many at the front are preferred to what a caller would rather have.
    preferred: usize,
}

impl Codecs {
    /// The list in this order, none preferred to a caller's choice.
    pub fn new(codecs: impl IntoIterator<Item = CodecId>) -> Self {
        Self {
            list: codecs.into_iter().collect(),
            preferred: 0,
        }
    }

    /// Of `available`, those that `exclude` does not name: first what `order` names, in its order
    /// and preferred to a caller's choice, then the rest as it comes.
    ///
    /// # Errors
    /// [`CodecChoiceError`] for a name that none of `available` has, and if nothing is left.
    pub fn chosen(
        available: impl IntoIterator<Item = CodecId>,
        order: &[CodecName],
        exclude: &[CodecName],
    ) -> Result<Self, CodecChoiceError> {
        let mut left: Vec<CodecId> = available.into_iter().collect();
        for name in order.iter().chain(exclude) {
            if !left.iter().any(|codec| name.names(*codec)) {
                let known: Vec<_> = left.iter().map(CodecId::to_string).collect();
                return Err(CodecChoiceError::Unknown {
                    name: name.clone(),
                    known: known.join(", "),
                });
            }
        }
        left.retain(|codec| !exclude.iter().any(|name| name.names(*codec)));
        let rank = |codec: &CodecId| order.iter().position(|name| name.names(*codec));
        let preferred = left.iter().filter(|codec| rank(codec).is_some()).count();
        left.sort_by_key(|codec| rank(codec).unwrap_or(usize::MAX));
        if left.is_empty() {
            return Err(CodecChoiceError::Nothing);
        }
        Ok(Self {
            list: left.into(),
            preferred,
        })
    }

    /// All in order.
    pub fn iter(&self) -> impl Iterator<Item = CodecId> + '_ {
        self.list.iter().copied()
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

    /// Where a codec comes among those that are preferred; the rest share the last place.
    pub fn rank(&self, codec: CodecId) -> usize {
        let preferred = self.list[..self.preferred].iter();
        preferred
            .clone()
            .position(|known| *known == codec)
            .unwrap_or(usize::MAX)
    }
}

/// How people name a codec: `opus`, or with its clock rate where several share a name, as in
/// `L16/16000`; without it all of them are meant. In any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecName {
    encoding_name: String,
    clock_rate: Option<u32>,
}

impl CodecName {
    /// Reads a name; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rate) = match text.split_once('/') {
            Some((name, rate)) => (name, Some(rate.parse().ok()?)),
            None => (text, None),
        };
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        (!name.is_empty() && name.chars().all(is_token)).then(|| Self {
            encoding_name: name.to_owned(),
            clock_rate: rate,
        })
    }

    /// Whether `codec` is meant, maybe among others.
    pub fn names(&self, codec: CodecId) -> bool {
        codec
            .encoding_name()
            .eq_ignore_ascii_case(&self.encoding_name)
            && self
                .clock_rate
                .is_none_or(|rate| rate == codec.clock_rate().get())
    }
}

impl fmt::Display for CodecName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.encoding_name)?;
        self.clock_rate.map_or(Ok(()), |rate| write!(f, "/{rate}"))
    }
}

/// Why codecs cannot be chosen as the operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecChoiceError {
    /// A slip, or a codec that was not loaded.
    #[error("no codec is called {name}; there are {known}")]
    Unknown {
        /// As it was written.
        name: CodecName,
        /// All there are.
        known: String,
    },
    /// Every codec was excluded.
    #[error("every codec is excluded, so no call could be taken")]
    Nothing,
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

    fn names(list: &[&str]) -> Vec<CodecName> {
        let names = list.iter().map(|name| CodecName::parse(name));
        names.map(|name| name.expect("a name")).collect()
    }

    #[test]
    fn what_is_ordered_comes_first_and_what_is_excluded_not_at_all() {
        let (order, exclude) = (names(&["pcma", "L16/48000"]), names(&["L16/8000", "opus"]));
        let chosen = Codecs::chosen(CodecId::BUILT_IN, &order, &exclude).unwrap();
        let list: Vec<_> = chosen.iter().collect();
        assert_eq!(
            list[..3],
            [CodecId::PCMA, CodecId::L16_48000, CodecId::G722]
        );
        assert_eq!(list.len(), CodecId::BUILT_IN.len() - 2);
        assert_eq!(chosen.rank(CodecId::L16_48000), 1);
        assert_eq!(chosen.rank(CodecId::G722), usize::MAX);
        let plain = Codecs::chosen(CodecId::BUILT_IN, &[], &[]).unwrap();
        assert_eq!(plain, Codecs::new(CodecId::BUILT_IN));
    }

    #[test]
    fn slips_and_an_empty_choice_are_errors() {
        let choose = |exclude: &[&str]| {
            let available = [CodecId::PCMU, CodecId::PCMA];
            Codecs::chosen(available, &[], &names(exclude)).map_err(|error| error.to_string())
        };
        let unknown = "no codec is called pcmu/16000; there are PCMU/8000, PCMA/8000";
        assert_eq!(choose(&["pcmu/16000"]), Err(unknown.to_owned()));
        assert!(choose(&["PCMU", "PCMA"]).is_err_and(|error| error.starts_with("every codec")));
        for text in ["", "/8000", "a b", "opus/x", "opus/48000/2"] {
            assert_eq!(CodecName::parse(text), None, "{text}");
        }
    }
}
