//! Where our master keys come from.

use std::fmt;
use std::sync::Arc;

use ring::hmac;
use zeroize::Zeroizing;

use super::key::{MasterKey, SrtpSuite};

/// Makes master keys out of one secret: each is HMAC-SHA256 of the name of its call and a number, so that a
/// call without SRTP draws and keeps nothing.
#[derive(Clone)]
pub struct KeySource(Arc<hmac::Key>);

impl KeySource {
    /// `secret` has to be random, and another one in each run of the server.
    pub fn new(secret: [u8; 32]) -> Self {
        let secret = Zeroizing::new(secret);
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &*secret)))
    }

    /// The key with this number of this call. Who names calls uniquely and counts gets no key twice.
    pub fn key(&self, call: &str, number: u32, suite: SrtpSuite) -> MasterKey {
        let mut material = Zeroizing::new([0; 64]);
        for (block, part) in (0u8..).zip(material.chunks_exact_mut(32)) {
            let mut context = hmac::Context::with_key(&self.0);
            context.update(call.as_bytes());
            context.update(&[0, block]);
            context.update(&number.to_be_bytes());
            part.copy_from_slice(context.sign().as_ref());
        }
        let key = MasterKey::new(suite, &material[..suite.master_bytes()]);
        key.expect("the length is that of the suite")
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySource(..)")
    }
}
