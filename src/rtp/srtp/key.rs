//! Crypto-suites and master keys.

use std::fmt;

use zeroize::Zeroizing;

/// What packets are sealed with, under its name in session descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SrtpSuite {
    /// `AES_CM_128_HMAC_SHA1_80` (RFC 4568 §6.2.1).
    Aes128CmSha1Tag80,
    /// `AES_CM_128_HMAC_SHA1_32`: a short tag for RTP, the long one for RTCP (RFC 4568 §6.2.2).
    Aes128CmSha1Tag32,
    /// `AES_256_CM_HMAC_SHA1_80` (RFC 6188 §3.3).
    Aes256CmSha1Tag80,
    /// `AES_256_CM_HMAC_SHA1_32` (RFC 6188 §3.3).
    Aes256CmSha1Tag32,
    /// `AEAD_AES_128_GCM` (RFC 7714 §12).
    Aes128Gcm,
    /// `AEAD_AES_256_GCM` (RFC 7714 §12).
    Aes256Gcm,
}

impl SrtpSuite {
    /// All that there are here.
    pub const ALL: [SrtpSuite; 6] = [
        SrtpSuite::Aes128CmSha1Tag80,
        SrtpSuite::Aes128CmSha1Tag32,
        SrtpSuite::Aes256CmSha1Tag80,
        SrtpSuite::Aes256CmSha1Tag32,
        SrtpSuite::Aes128Gcm,
        SrtpSuite::Aes256Gcm,
    ];

    /// The suite of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128CmSha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes128CmSha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
            Self::Aes256CmSha1Tag80 => "AES_256_CM_HMAC_SHA1_80",
            Self::Aes256CmSha1Tag32 => "AES_256_CM_HMAC_SHA1_32",
            Self::Aes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// Length of the master key without its salt.
    pub fn key_bytes(self) -> usize {
        match self {
            Self::Aes128CmSha1Tag80 | Self::Aes128CmSha1Tag32 | Self::Aes128Gcm => 16,
            Self::Aes256CmSha1Tag80 | Self::Aes256CmSha1Tag32 | Self::Aes256Gcm => 32,
        }
    }

    /// Length of the master salt.
    pub fn salt_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => 12,
            _ => 14,
        }
    }

    /// Length of both, as SDES has them in one piece.
    pub fn master_bytes(self) -> usize {
        self.key_bytes() + self.salt_bytes()
    }
}

/// Longest key and salt.
pub(super) const MAX_MASTER_BYTES: usize = 46;

/// A master key and its salt, for one suite. It is never printed, and wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey {
    suite: SrtpSuite,
    bytes: Zeroizing<[u8; MAX_MASTER_BYTES]>,
}

impl MasterKey {
    /// `bytes` are the key, then the salt; `None` if they are not as long as the suite wants.
    pub fn new(suite: SrtpSuite, bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; MAX_MASTER_BYTES]);
        key.get_mut(..suite.master_bytes())
            .filter(|key| key.len() == bytes.len())?
            .copy_from_slice(bytes);
        Some(Self { suite, bytes: key })
    }

    /// What it is for.
    pub fn suite(&self) -> SrtpSuite {
        self.suite
    }

    /// Key and salt in one piece.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.suite.master_bytes()]
    }

    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes().split_at(self.suite.key_bytes())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, ..)", self.suite.name())
    }
}

/// The longest master key identifier that is understood.
pub const MAX_MKI_BYTES: u8 = 16;

/// A master key identifier, which each packet then carries (RFC 3711 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mki {
    value: u128,
    bytes: u8,
}

impl Mki {
    /// `value` in so many bytes, 1 to [`MAX_MKI_BYTES`]; `None` if it does not fit.
    pub fn new(value: u128, bytes: u8) -> Option<Self> {
        let fits = (1..=MAX_MKI_BYTES).contains(&bytes)
            && value.checked_shr(u32::from(bytes) * 8).unwrap_or(0) == 0;
        fits.then_some(Self { value, bytes })
    }

    /// The number.
    pub fn value(self) -> u128 {
        self.value
    }

    /// How many bytes of each packet it takes.
    pub fn bytes(self) -> u8 {
        self.bytes
    }

    pub(super) fn is(self, field: &[u8]) -> bool {
        let value = self.value.to_be_bytes();
        field == &value[value.len() - usize::from(self.bytes)..]
    }
}

/// A master key, and how packets name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKey {
    /// The key.
    pub master: MasterKey,
    /// What each packet carries; `None`: nothing.
    pub mki: Option<Mki>,
}

/// The keys of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// Ours, which we send with. Our packets carry no identifier.
    pub send: MasterKey,
    /// The peer's, which it sends with.
    pub receive: SrtpKey,
}
