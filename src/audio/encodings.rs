//! The encodings of a prompt, which only ever become more.

use std::sync::OnceLock;

use super::prompt::EncodedPrompt;
use crate::codec::Encoding;

/// A list that is read without a lock and grows at its end. A prompt has few encodings, so looking
/// one up takes a step or two.
#[derive(Debug, Default)]
pub(super) struct Encodings {
    first: OnceLock<Box<Node>>,
}

#[derive(Debug)]
struct Node {
    encoding: Encoding,
    encoded: EncodedPrompt,
    next: OnceLock<Box<Node>>,
}

impl Encodings {
    /// What was added for `encoding`. Does not allocate or wait.
    pub(super) fn find(&self, encoding: Encoding) -> Option<&EncodedPrompt> {
        self.nodes()
            .find(|node| node.encoding == encoding)
            .map(|node| &node.encoded)
    }

    /// Adds `encoded` and returns it, or what another thread has added in the meantime.
    pub(super) fn add(&self, encoding: Encoding, encoded: EncodedPrompt) -> &EncodedPrompt {
        let mut new = Some(Box::new(Node {
            encoding,
            encoded,
            next: OnceLock::new(),
        }));
        let mut place = &self.first;
        loop {
            // The new node stays here unless this place is free.
            let node = place.get_or_init(|| new.take().expect("a place takes it at most once"));
            if new.is_none() || node.encoding == encoding {
                return &node.encoded;
            }
            place = &node.next;
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.nodes().map(|node| node.encoded.size_bytes()).sum()
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        let first = self.first.get();
        std::iter::successors(first, |node| node.next.get()).map(Box::as_ref)
    }
}
