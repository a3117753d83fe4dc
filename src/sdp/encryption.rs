//! SRTP in offers and answers, with keys by SDES (RFC 4568 §5.1, §7.1).
//!
//! - Each dialog has keys of its own, and another one for each change. A peer that repeats its key in a
//!   later offer goes on with ours (§7.1.4); one that brings another gets another.
//! - An offer of `RTP/SAVP` is answered with SRTP or declined. One of `RTP/AVP` with `a=crypto` lines is
//!   answered with SRTP under `RTP/AVP` (RFC 8643) if one of them can be used.
//! - Our first offer is `RTP/SAVP` if the policy requires SRTP, or allows it and nobody on the way reads
//!   the keys; else `RTP/AVP`. Later ones go on as it was agreed.

use super::crypto::{CRYPTO, CryptoAttribute};
use super::description::MediaDescription;
use super::offer_answer::NegotiationError;
use crate::rtp::srtp::{KeySource, MasterKey, SrtpKey, SrtpKeys, SrtpSuite};

/// Whether audio is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SrtpPolicy {
    /// Never.
    Off,
    /// As the peer offers it.
    #[default]
    Optional,
    /// Always: other calls are refused.
    Required,
}

/// What one dialog may do with SRTP.
#[derive(Debug, Clone)]
pub struct SrtpTerms {
    /// What is wanted.
    pub policy: SrtpPolicy,
    /// Signalling is encrypted, so that keys in it are safe.
    pub secure_signalling: bool,
    /// Keys may go over signalling that is not.
    pub keys_in_clear: bool,
    /// Where our keys come from.
    pub keys: KeySource,
    /// Name of the dialog, unique for the life of `keys`.
    pub call: std::sync::Arc<str>,
}

/// What we offer, the strongest first, the one that every peer has to know (RFC 4568 §6.2) last. Two lines,
/// so that an offer still fits a datagram.
const OFFERED: [SrtpSuite; 2] = [SrtpSuite::Aes256Gcm, SrtpSuite::Aes128CmSha1Tag80];

/// The state of one dialog.
#[derive(Debug, Clone)]
pub(super) struct Encryption {
    terms: SrtpTerms,
    /// Keys that were drawn so far.
    drawn: u32,
    agreed: Option<Agreed>,
}

/// Keys in use.
#[derive(Debug, Clone)]
struct Agreed {
    tag: u32,
    keys: SrtpKeys,
    /// By `RTP/SAVP`.
    profiled: bool,
}

/// What an offer of ours says about SRTP.
#[derive(Debug, Clone, Default)]
pub(super) struct OfferedKeys {
    /// By `RTP/SAVP`.
    pub(super) profiled: bool,
    /// Without SRTP there will be no audio.
    required: bool,
    pub(super) lines: Vec<CryptoAttribute>,
}

impl Encryption {
    pub(super) fn new(terms: SrtpTerms) -> Self {
        Self {
            terms,
            drawn: 0,
            agreed: None,
        }
    }

    /// The state of another dialog of the same call.
    pub(super) fn anew(&self, secure_signalling: bool) -> Self {
        let terms = SrtpTerms {
            secure_signalling,
            ..self.terms.clone()
        };
        Self {
            terms,
            drawn: self.drawn,
            agreed: None,
        }
    }

    /// What to answer a section of an offer with: one of its lines, or plain RTP.
    pub(super) fn choose(
        &self,
        media: &MediaDescription,
    ) -> Result<Option<CryptoAttribute>, NegotiationError> {
        let (profiled, required) = (media.is_savp(), self.is_required());
        if let Err(why) = self.is_possible() {
            return match profiled || required {
                true => Err(why),
                false => Ok(None),
            };
        }
        match usable_lines(media).next() {
            Some(line) => Ok(Some(line)),
            None if profiled => Err(NegotiationError::NoUsableKey),
            None if required => Err(NegotiationError::NotEncrypted),
            None => Ok(None),
        }
    }

    /// Our line in answer to `theirs`, and what is agreed on by it; without one, plain RTP is.
    pub(super) fn answer(
        &mut self,
        theirs: Option<CryptoAttribute>,
        media: &MediaDescription,
    ) -> Option<(CryptoAttribute, SrtpKeys)> {
        let Some(CryptoAttribute { tag, key }) = theirs else {
            self.agreed = None;
            return None;
        };
        let before = self.agreed.take();
        let goes_on = before.filter(|agreed| agreed.keys.receive == key);
        let send = match goes_on {
            Some(agreed) => agreed.keys.send,
            None => self.draw(key.master.suite()),
        };
        let keys = SrtpKeys { send, receive: key };
        self.agree(tag, &keys, media.is_savp());
        Some((line(tag, keys.send.clone()), keys))
    }

    /// What our offer says.
    pub(super) fn offer(&mut self) -> Result<OfferedKeys, NegotiationError> {
        let required = self.is_required();
        if let Some(agreed) = &self.agreed {
            return Ok(OfferedKeys {
                profiled: agreed.profiled,
                required,
                lines: vec![line(agreed.tag, agreed.keys.send.clone())],
            });
        }
        match self.is_possible() {
            Err(why) if required => Err(why),
            Ok(()) if required || self.terms.secure_signalling => Ok(OfferedKeys {
                profiled: true,
                required,
                lines: (1..)
                    .zip(OFFERED)
                    .map(|(tag, suite)| line(tag, self.draw(suite)))
                    .collect(),
            }),
            _ => Ok(OfferedKeys::default()),
        }
    }

    /// What is agreed on by the answer to an offer.
    pub(super) fn accept(
        &mut self,
        offered: &OfferedKeys,
        media: &MediaDescription,
    ) -> Result<Option<SrtpKeys>, NegotiationError> {
        if media.is_savp() != offered.profiled {
            return Err(NegotiationError::NotAcceptable);
        }
        let pair = usable_lines(media).find_map(|theirs| {
            let ours = offered
                .lines
                .iter()
                .find(|ours| (ours.tag, ours.suite()) == (theirs.tag, theirs.suite()))?;
            Some((ours, theirs))
        });
        let Some((ours, theirs)) = pair else {
            if offered.profiled || offered.required {
                return Err(NegotiationError::NoUsableKey);
            }
            self.agreed = None;
            return Ok(None);
        };
        let keys = SrtpKeys {
            send: ours.key.master.clone(),
            receive: theirs.key,
        };
        self.agree(ours.tag, &keys, offered.profiled);
        Ok(Some(keys))
    }

    fn agree(&mut self, tag: u32, keys: &SrtpKeys, profiled: bool) {
        self.agreed = Some(Agreed {
            tag,
            keys: keys.clone(),
            profiled,
        });
    }

    fn is_required(&self) -> bool {
        self.terms.policy == SrtpPolicy::Required
    }

    fn is_possible(&self) -> Result<(), NegotiationError> {
        match self.terms.policy {
            SrtpPolicy::Off => Err(NegotiationError::EncryptionOff),
            _ if self.terms.secure_signalling || self.terms.keys_in_clear => Ok(()),
            _ => Err(NegotiationError::KeysInClear),
        }
    }

    fn draw(&mut self, suite: SrtpSuite) -> MasterKey {
        self.drawn += 1;
        self.terms.keys.key(&self.terms.call, self.drawn, suite)
    }
}

fn line(tag: u32, master: MasterKey) -> CryptoAttribute {
    let key = SrtpKey { master, mki: None };
    CryptoAttribute { tag, key }
}

/// The lines that can be used, in the order of the peer's preference.
fn usable_lines(media: &MediaDescription) -> impl Iterator<Item = CryptoAttribute> {
    let lines = media.attributes.iter().filter(|line| line.name == CRYPTO);
    lines.filter_map(|line| CryptoAttribute::parse(line.value.as_deref()?).ok())
}
