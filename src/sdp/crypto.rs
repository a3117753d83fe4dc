//! The `a=crypto` attribute: keys of SRTP in a session description. RFC 4568 §4, §6, §9; RFC 6188;
//! RFC 7714 §14.
//!
//! Whoever reads such a line can hear the call, so nothing here prints a key but the line itself.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::rtp::srtp::{MasterKey, Mki, SrtpKey, SrtpSuite};

/// Name of the attribute.
pub(super) const CRYPTO: &str = "crypto";

/// Writes padding, and does not insist on reading it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The most packets that any key is good for (RFC 3711 §9.2).
const LONGEST_LIFE: u64 = 1 << 48;
/// Bytes that the longest key may be written in.
const MAX_WRITTEN_KEY: usize = 64;

/// A crypto-suite and the key that whoever states it sends with.
///
/// How many packets the key is good for is checked and left to whoever sends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CryptoAttribute {
    /// Names the line in its section; an answer takes that of the offer.
    pub tag: u32,
    /// The key, for its suite.
    pub key: SrtpKey,
}

/// Why a line cannot be used; an offer's next one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// Not a tag, a suite and a key.
    #[error("not of the form TAG SUITE inline:KEY")]
    Malformed,
    /// A suite that is not of [`SrtpSuite`].
    #[error("an unknown crypto-suite")]
    Suite,
    /// More than one key.
    #[error("several keys in one line")]
    SeveralKeys,
    /// A key that is no base64, or not as long as the suite wants.
    #[error("a key of the wrong length")]
    Key,
    /// A lifetime of nothing, or longer than any key may live.
    #[error("a lifetime out of range")]
    Lifetime,
    /// A master key identifier that does not fit its length, or longer than
    /// [`MAX_MKI_BYTES`](crate::rtp::srtp::MAX_MKI_BYTES).
    #[error("a master key identifier out of range")]
    Mki,
    /// A session parameter that is not supported and has to be, such as `UNENCRYPTED_SRTP`.
    #[error("a session parameter that is not supported")]
    Parameter,
}

impl CryptoAttribute {
    /// Reads what is behind `a=crypto:`.
    ///
    /// # Errors
    /// [`CryptoError`], for a line that has to be passed over (RFC 4568 §7.1.2).
    pub fn parse(value: &str) -> Result<Self, CryptoError> {
        let mut fields = value.split_ascii_whitespace();
        let mut field = || fields.next().ok_or(CryptoError::Malformed);
        let tag = number(field()?).and_then(|tag| u32::try_from(tag).ok());
        let tag = tag.filter(|tag| *tag < 1_000_000_000);
        let tag = tag.ok_or(CryptoError::Malformed)?;
        let suite = SrtpSuite::from_name(field()?).ok_or(CryptoError::Suite)?;
        let key = read_key(suite, field()?)?;
        match fields.all(is_supported) {
            true => Ok(Self { tag, key }),
            false => Err(CryptoError::Parameter),
        }
    }

    /// The suite of the key.
    pub fn suite(&self) -> SrtpSuite {
        self.key.master.suite()
    }
}

impl fmt::Display for CryptoAttribute {
    /// Writes what is behind `a=crypto:`, the key included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = Zeroizing::new([0; MAX_WRITTEN_KEY]);
        let len = BASE64
            .encode_slice(self.key.master.bytes(), &mut written[..])
            .map_err(|_| fmt::Error)?;
        let key = std::str::from_utf8(&written[..len]).map_err(|_| fmt::Error)?;
        write!(f, "{} {} inline:{key}", self.tag, self.suite().name())?;
        match self.key.mki {
            Some(mki) => write!(f, "|{}:{}", mki.value(), mki.bytes()),
            None => Ok(()),
        }
    }
}

/// `inline:<key||salt>["|" lifetime]["|" MKI ":" length]`
fn read_key(suite: SrtpSuite, text: &str) -> Result<SrtpKey, CryptoError> {
    if text.contains(';') {
        return Err(CryptoError::SeveralKeys);
    }
    let (method, info) = text.split_once(':').ok_or(CryptoError::Malformed)?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err(CryptoError::Malformed);
    }
    let mut parts = info.split('|');
    let master = read_master(suite, parts.next().unwrap_or_default())?;
    let (mut lifetime, mut mki) = (None, None);
    for part in parts {
        match part.split_once(':') {
            Some((value, bytes)) if mki.is_none() => {
                mki = Some(read_mki(value, bytes).ok_or(CryptoError::Mki)?);
            }
            None if lifetime.is_none() && mki.is_none() => {
                lifetime = Some(read_lifetime(part).ok_or(CryptoError::Lifetime)?);
            }
            _ => return Err(CryptoError::Malformed),
        }
    }
    Ok(SrtpKey { master, mki })
}

fn read_master(suite: SrtpSuite, written: &str) -> Result<MasterKey, CryptoError> {
    // Longer than any key, so that one of the wrong length is not cut to the right one.
    let mut bytes = Zeroizing::new([0; MAX_WRITTEN_KEY]);
    let len = match written.len() <= MAX_WRITTEN_KEY {
        true => BASE64.decode_slice(written, &mut bytes[..]),
        false => return Err(CryptoError::Key),
    };
    let len = len.map_err(|_| CryptoError::Key)?;
    MasterKey::new(suite, &bytes[..len]).ok_or(CryptoError::Key)
}

/// A number of packets, perhaps as a power of two.
fn read_lifetime(text: &str) -> Option<u64> {
    let packets = match text.strip_prefix("2^") {
        Some(exponent) => 1_u64.checked_shl(number(exponent)?.try_into().ok()?)?,
        None => number(text)?,
    };
    (1..=LONGEST_LIFE).contains(&packets).then_some(packets)
}

fn read_mki(value: &str, bytes: &str) -> Option<Mki> {
    let digits = value.bytes().all(|digit| digit.is_ascii_digit());
    let value = value.parse().ok().filter(|_| digits)?;
    Mki::new(value, number(bytes)?.try_into().ok()?)
}

/// Digits and nothing else, as `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Whether a session parameter changes nothing for us (RFC 4568 §6.3): we derive keys once, our window is
/// larger than any that is asked for in earnest, and what begins with `-` may be ignored.
fn is_supported(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    name.starts_with('-')
        || name.eq_ignore_ascii_case("KDR") && number(value) == Some(0)
        || name.eq_ignore_ascii_case("WSH") && number(value).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first line of RFC 4568 §1.
    const OF_THE_RFC: &str = "1 AES_CM_128_HMAC_SHA1_80 \
        inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR|2^20|1:4";

    #[test]
    fn rfc4568_1_the_example_is_read() {
        let line = CryptoAttribute::parse(OF_THE_RFC).unwrap();
        assert_eq!((line.tag, line.suite()), (1, SrtpSuite::Aes128CmSha1Tag80));
        assert_eq!(line.key.mki, Mki::new(1, 4));
        assert_eq!(&line.key.master.bytes()[..4], b"=-n@");
        let written = OF_THE_RFC.replace("|2^20", "");
        assert_eq!(line.to_string(), written);
    }

    #[test]
    fn rfc4568_lines_are_read_or_passed_over_with_the_reason() {
        use CryptoError::*;
        let key = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
        let long = "inline:HGAPy4Cedy/qumbZvpuCZSVT7rNDk8vG4TdUXp5hkyWqJCqiLRGab0KJy1g=";
        let good = [
            format!("1 AES_CM_128_HMAC_SHA1_80 {key}"),
            format!("999999999 aes_cm_128_hmac_sha1_32 INLINE:{}", &key[7..]),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key}|2^48"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key}|1048576|12:16"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key}|1:1 KDR=0 WSH=64 -NEW=1"),
            format!("2 AEAD_AES_256_GCM {long}"),
            format!("2 AEAD_AES_256_GCM {}", long.trim_end_matches('=')),
        ];
        for line in good {
            assert!(CryptoAttribute::parse(&line).is_ok(), "{line}");
        }
        let bad = [
            (String::new(), Malformed),
            ("1".to_owned(), Malformed),
            (format!("+1 AES_CM_128_HMAC_SHA1_80 {key}"), Malformed),
            (
                format!("1000000000 AES_CM_128_HMAC_SHA1_80 {key}"),
                Malformed,
            ),
            ("1 AES_CM_128_HMAC_SHA1_80".to_owned(), Malformed),
            (format!("1 F8_128_HMAC_SHA1_80 {key}"), Suite),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 {key};{key}"),
                SeveralKeys,
            ),
            (format!("1 AES_CM_128_HMAC_SHA1_80 uri:{key}"), Malformed),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}AAAA"), Key),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {}", &key[..39]), Key),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {long}"), Key),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:".to_owned(), Key),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", "?".repeat(40)),
                Key,
            ),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|0"), Lifetime),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|2^49"), Lifetime),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|2^64"), Lifetime),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|"), Lifetime),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 {key}|1:4|2^20"),
                Malformed,
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 {key}|2^20|2^20"),
                Malformed,
            ),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|1:17"), Mki),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|1:0"), Mki),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|256:1"), Mki),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key}|:4"), Mki),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 {key} UNENCRYPTED_SRTP"),
                Parameter,
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 {key} UNENCRYPTED_SRTCP"),
                Parameter,
            ),
            (
                format!("1 AES_CM_128_HMAC_SHA1_80 {key} UNAUTHENTICATED_SRTP"),
                Parameter,
            ),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key} KDR=1"), Parameter),
            (format!("1 AES_CM_128_HMAC_SHA1_80 {key} NEW=1"), Parameter),
        ];
        for (line, why) in bad {
            assert_eq!(CryptoAttribute::parse(&line), Err(why), "{line}");
        }
    }

    #[test]
    fn only_the_line_itself_shows_the_key() {
        let line = CryptoAttribute::parse(OF_THE_RFC).unwrap();
        assert!(!format!("{line:?}").contains("PS1u"));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            tag in 0..1_000_000_000_u32,
            suite in prop::sample::select(SrtpSuite::ALL.to_vec()),
            bytes in prop::collection::vec(any::<u8>(), 46),
            mki in prop::option::of((any::<u64>(), 8_u8..=16)),
        ) {
            let master = MasterKey::new(suite, &bytes[..suite.master_bytes()]).unwrap();
            let mki = mki.and_then(|(value, bytes)| Mki::new(value.into(), bytes));
            let line = CryptoAttribute { tag, key: SrtpKey { master, mki } };
            prop_assert_eq!(CryptoAttribute::parse(&line.to_string()), Ok(line));
        }

        #[test]
        fn no_text_is_a_panic(text in "\\PC{0,120}", cut in 0_usize..90) {
            let _ = CryptoAttribute::parse(&text);
            let _ = CryptoAttribute::parse(&format!("{}{text}", &OF_THE_RFC[..cut.min(OF_THE_RFC.len())]));
        }
    }
}
