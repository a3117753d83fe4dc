//! Which transaction and which dialog a message belongs to (RFC 3261 §8.2.2.2, §13.2.2.4, §17.1.3,
//! §17.2.3).
//!
//! Of a request of a peer only a hash of what identifies it is kept, since he chooses how long that is
//! ([`KeyMaker`]). Each kind of key is a type, so that none is looked up in another's table.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::sip::message::{Headers, Host, Identity, Method, ParseError, Uri, Via};

/// First characters of a branch that is unique (RFC 3261 §8.1.1.7).
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// Key of a server transaction (RFC 3261 §17.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerKey(Digest);

/// Key of a client transaction (RFC 3261 §17.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientKey(Arc<str>);

/// Key by which a request that came by two ways is found (RFC 3261 §8.2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MergeKey(Digest);

/// Key by which the ACK of a 2xx finds the INVITE it acknowledges (RFC 3261 §13.2.2.4): the ACK has a
/// branch of its own, but the dialog and the CSeq number of the INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AckKey(Digest);

/// 128 bits of what identifies a message. It takes the secret, or 2⁶⁴ messages, to find two that have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Digest([u64; 2]);

/// Makes the keys of what peers send. Keys of two makers have nothing to do with each other, unless their
/// seeds are equal.
pub struct KeyMaker {
    /// Two hashers that have taken the secret.
    hashers: [DefaultHasher; 2],
}

impl Identity {
    /// Returns the key of the client transaction that a response belongs to.
    pub fn client_key(&self) -> ClientKey {
        ClientKey::new(self.via.branch().unwrap_or_default(), &self.cseq.method)
    }

    fn sender_tag(&self) -> &str {
        self.from_tag.as_deref().unwrap_or_default()
    }
}

impl KeyMaker {
    /// Makes a maker whose keys nobody foresees who does not know `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        let hasher = |half: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write(&seed);
            hasher.write_u8(half);
            hasher
        };
        Self {
            hashers: [hasher(0), hasher(1)],
        }
    }

    /// Returns the key of the server transaction that a request belongs to. ACK and CANCEL have the
    /// key of the INVITE they are for (RFC 3261 §9.2, §17.2.3).
    ///
    /// Without the magic cookie the sender is of RFC 2543 and its branch is not unique, nor is the bare
    /// cookie (RFC 4475 §3.2.1): then the
    /// Request-URI, Call-ID, From tag, CSeq and the whole topmost Via have to be equal. The To tag is
    /// left out, since that of the ACK is not in the INVITE and the rest says enough.
    pub fn server(&self, identity: &Identity, uri: &Uri) -> ServerKey {
        let Identity {
            via, call_id, cseq, ..
        } = identity;
        let method = match &cseq.method {
            Method::Ack | Method::Cancel => Method::Invite.as_str(),
            other => other.as_str(),
        };
        let branch = via.branch().unwrap_or_default();
        let unique = branch
            .strip_prefix(MAGIC_COOKIE)
            .is_some_and(|rest| !rest.is_empty());
        ServerKey(if unique {
            self.digest((method, branch, SentBy(via)))
        } else {
            let (from_tag, number) = (identity.sender_tag(), cseq.number);
            self.digest((method, number, uri, call_id, from_tag, via))
        })
    }

    /// Returns the key that a second copy of this request would have.
    pub fn merge(&self, identity: &Identity) -> MergeKey {
        let Identity { call_id, cseq, .. } = identity;
        let (number, method, from_tag) = (cseq.number, &cseq.method, identity.sender_tag());
        MergeKey(self.digest((number, method.as_str(), from_tag, call_id)))
    }

    /// Returns the key that the 2xx of an INVITE shares with its ACK.
    pub fn ack(&self, identity: &Identity) -> AckKey {
        let from_tag = identity.from_tag.as_deref().unwrap_or_default();
        let to_tag = identity.to_tag.as_deref().unwrap_or_default();
        self.ack_key(identity.cseq.number, from_tag, to_tag, &identity.call_id)
    }

    /// Returns the key that the ACK of this 2xx will have.
    ///
    /// # Errors
    ///
    /// [`ParseError`] of the first header that is missing or malformed.
    pub fn ack_of(&self, success: &Headers) -> Result<AckKey, ParseError> {
        let from_tag = success.from_tag()?.unwrap_or_default();
        let to_tag = success.to_tag()?.unwrap_or_default();
        let number = success.cseq()?.number;
        let call_id = success.call_id()?.as_bytes();
        Ok(self.ack_key(number, &from_tag, &to_tag, call_id))
    }

    fn ack_key(&self, number: u32, from_tag: &str, to_tag: &str, call_id: &[u8]) -> AckKey {
        AckKey(self.digest((number, from_tag, to_tag, call_id)))
    }

    fn digest(&self, identifying: impl Hash) -> Digest {
        let mut collected = Collected::default();
        identifying.hash(&mut collected);
        Digest(self.hashers.each_ref().map(|begun| {
            let mut hasher = begun.clone();
            hasher.write(&collected.0);
            hasher.finish()
        }))
    }
}

/// What is to be hashed, in one piece: a hasher takes many small ones slowly, and there are two.
#[derive(Default)]
struct Collected(SmallVec<[u8; USUAL_KEY_BYTES]>);

/// Room for what identifies a usual message.
const USUAL_KEY_BYTES: usize = 256;

impl Hasher for Collected {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Only collects.
    fn finish(&self) -> u64 {
        0
    }
}

impl ClientKey {
    /// Returns the key of a request that we send with this branch.
    pub fn new(branch: &str, method: &Method) -> Self {
        Self(format!("{method}\n{branch}").into())
    }
}

/// `sent-by` of a Via as a part of a key. Host names compare ignoring case.
struct SentBy<'a>(&'a Via);

impl Hash for SentBy<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.0.host {
            Host::Name(name) => name.to_ascii_lowercase().hash(state),
            address => address.ip().hash(state),
        }
        self.0.port.hash(state);
    }
}
