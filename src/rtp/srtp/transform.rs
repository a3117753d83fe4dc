//! Session keys (RFC 3711 §4.3), and the two ways to seal one packet with them: AES in counter mode with
//! HMAC-SHA1 (§4.1.1, §4.2.1), and AES-GCM (RFC 7714 §8, §9).

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128Enc, Aes256Enc, Block};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::key::{MasterKey, SrtpSuite};

/// The session keys of one direction.
pub(super) struct SessionKeys {
    pub(super) rtp: Transform,
    pub(super) rtcp: Transform,
}

impl SessionKeys {
    /// Derives all of them once: the key derivation rate is 0.
    pub(super) fn derive(master: &MasterKey) -> Self {
        Self {
            rtp: Transform::derive(master, 0),
            rtcp: Transform::derive(master, 3),
        }
    }
}

/// How packets of one kind are sealed and opened, with the keys to it.
pub(super) enum Transform {
    Cm(Box<CounterMode>),
    Gcm(Box<Gcm>),
}

/// The session keys of AES in counter mode with HMAC-SHA1.
pub(super) struct CounterMode {
    cipher: Aes,
    salt: [u8; 14],
    auth: hmac::Key,
    /// Length of the tag, of the 20 bytes of the HMAC.
    tag_bytes: usize,
}

/// The session key of AES-GCM.
pub(super) struct Gcm {
    cipher: LessSafeKey,
    salt: [u8; 12],
}

/// What does not authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forged;

/// Length of the tag of AES-GCM.
const GCM_TAG_BYTES: usize = 16;
/// Length of the session key of HMAC-SHA1.
const AUTH_KEY_BYTES: usize = 20;

impl Transform {
    /// `label` is that of the encryption key; those of the authentication key and of the salt follow.
    fn derive(master: &MasterKey, label: u8) -> Self {
        let suite = master.suite();
        let prf = Prf::new(master);
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..suite.key_bytes()];
        prf.fill(label, key);
        let (algorithm, tag_bytes) = match suite {
            SrtpSuite::Aes128Gcm => (Some(&aead::AES_128_GCM), GCM_TAG_BYTES),
            SrtpSuite::Aes256Gcm => (Some(&aead::AES_256_GCM), GCM_TAG_BYTES),
            // RTCP has the long tag in any case.
            SrtpSuite::Aes128CmSha1Tag32 | SrtpSuite::Aes256CmSha1Tag32 if label == 0 => (None, 4),
            _ => (None, 10),
        };
        if let Some(algorithm) = algorithm {
            let mut salt = [0; 12];
            prf.fill(label + 2, &mut salt);
            let key = UnboundKey::new(algorithm, key).expect("the length is that of the suite");
            let cipher = LessSafeKey::new(key);
            return Self::Gcm(Box::new(Gcm { cipher, salt }));
        }
        let mut salt = [0; 14];
        prf.fill(label + 2, &mut salt);
        let mut auth = Zeroizing::new([0; AUTH_KEY_BYTES]);
        prf.fill(label + 1, &mut auth[..]);
        Self::Cm(Box::new(CounterMode {
            cipher: Aes::new(key),
            salt,
            auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth[..]),
            tag_bytes,
        }))
    }

    /// What sealing adds, without what the packet itself needs.
    pub(super) fn tag_bytes(&self) -> usize {
        match self {
            Self::Cm(cm) => cm.tag_bytes,
            Self::Gcm(_) => GCM_TAG_BYTES,
        }
    }
}

impl CounterMode {
    /// Encrypts or decrypts `data`, which is that of the packet `index` of `ssrc`.
    pub(super) fn apply(&self, ssrc: u32, index: u64, data: &mut [u8]) {
        let mut salt = [0; 16];
        salt[..14].copy_from_slice(&self.salt);
        let iv = u128::from_be_bytes(salt) ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16;
        self.cipher.key_stream(iv, data);
    }

    /// The tag of two pieces, as one.
    pub(super) fn tag(&self, first: &[u8], then: &[u8]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.auth);
        context.update(first);
        context.update(then);
        context.sign()
    }

    /// Writes the tag of `first` and `then`, whose length is that of `to`.
    pub(super) fn sign(&self, first: &[u8], then: &[u8], to: &mut [u8]) {
        to.copy_from_slice(&self.tag(first, then).as_ref()[..self.tag_bytes]);
    }

    /// Checks it, in a time that tells nothing.
    pub(super) fn verify(&self, first: &[u8], then: &[u8], tag: &[u8]) -> Result<(), Forged> {
        let right = self.tag(first, then);
        let same = right.as_ref()[..self.tag_bytes].ct_eq(tag);
        bool::from(same).then_some(()).ok_or(Forged)
    }
}

impl Gcm {
    /// Encrypts `data` and returns its tag.
    pub(super) fn seal(
        &self,
        (ssrc, index): (u32, u64),
        aad: &[u8],
        data: &mut [u8],
    ) -> Option<aead::Tag> {
        let nonce = self.nonce(ssrc, index);
        self.cipher
            .seal_in_place_separate_tag(nonce, Aad::from(aad), data)
            .ok()
    }

    /// Decrypts `data`, the last of which is the tag. What does not authenticate is spoilt.
    pub(super) fn open(
        &self,
        (ssrc, index): (u32, u64),
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<(), Forged> {
        let nonce = self.nonce(ssrc, index);
        match self.cipher.open_in_place(nonce, Aad::from(aad), data) {
            Ok(_) => Ok(()),
            Err(_) => Err(Forged),
        }
    }

    /// RFC 7714 §8.1, §9.1.
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let mut nonce = self.salt;
        let packet = u128::from(ssrc) << 48 | u128::from(index);
        for (byte, more) in nonce.iter_mut().zip(&packet.to_be_bytes()[4..]) {
            *byte ^= more;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The pseudo-random function that derives session keys (RFC 3711 §4.3.3, RFC 6188 §3, RFC 7714 §11).
pub(super) struct Prf {
    cipher: Aes,
    salt: [u8; 16],
}

impl Prf {
    pub(super) fn new(master: &MasterKey) -> Self {
        let (key, master_salt) = master.parts();
        let mut salt = [0; 16];
        salt[..master_salt.len()].copy_from_slice(master_salt);
        Self {
            cipher: Aes::new(key),
            salt,
        }
    }

    pub(super) fn fill(&self, label: u8, key: &mut [u8]) {
        key.fill(0);
        let iv = u128::from_be_bytes(self.salt) ^ u128::from(label) << 64;
        self.cipher.key_stream(iv, key);
    }
}

/// AES that only encrypts, which is all that counter mode needs. Wiped when dropped, by `aes`.
pub(super) enum Aes {
    Short(Box<Aes128Enc>),
    Long(Box<Aes256Enc>),
}

/// Blocks that the processor works on at a time.
const BLOCKS: usize = 8;

impl Aes {
    /// `key` has 16 or 32 bytes.
    pub(super) fn new(key: &[u8]) -> Self {
        match key.len() {
            16 => Self::Short(Box::new(Aes128Enc::new(key.into()))),
            _ => Self::Long(Box::new(Aes256Enc::new(key.into()))),
        }
    }

    /// Adds the key stream that begins at `counter` to `data`.
    pub(super) fn key_stream(&self, counter: u128, data: &mut [u8]) {
        let mut counters = counter..;
        for piece in data.chunks_mut(BLOCKS * 16) {
            let mut blocks = [Block::default(); BLOCKS];
            let blocks = &mut blocks[..piece.len().div_ceil(16)];
            for (block, counter) in blocks.iter_mut().zip(&mut counters) {
                *block = counter.to_be_bytes().into();
            }
            match self {
                Self::Short(cipher) => cipher.encrypt_blocks(blocks),
                Self::Long(cipher) => cipher.encrypt_blocks(blocks),
            }
            for (byte, key) in piece.iter_mut().zip(blocks.iter().flatten()) {
                *byte ^= key;
            }
        }
    }
}
