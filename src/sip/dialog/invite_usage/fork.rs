//! The dialogs that one INVITE made: one for a UAS, one for each To tag that answered a UAC
//! (RFC 3261 §12.1.2, §13.2.2.4).

use smallvec::SmallVec;

use super::ForkId;
use super::offer::Exchange;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::message::{RAck, Request, Response};

/// Most early dialogs of one INVITE. What further forks say before the answer is not looked at; their
/// 2xx is acknowledged and ended all the same.
pub const MAX_FORKS: usize = 16;

/// One dialog and what belongs to it alone.
#[derive(Debug)]
pub(super) struct Fork {
    pub id: ForkId,
    pub dialog: Dialog,
    pub exchange: Exchange,
    /// UAC: CSeq of the INVITE and RSeq of the last reliable response to it (RFC 3262 §4).
    pub last_reliable: Option<(u32, u32)>,
    /// UAC: a PRACK that waits for our answer.
    pub prack: Option<RAck>,
    /// UAC: the peer said BYE before its answer.
    pub is_over: bool,
}

/// What a reliable provisional response is in its row (RFC 3262 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The next one: to be acknowledged.
    Next(u32),
    /// Seen before, or before its time, when it will come again: to be ignored.
    Other,
}

impl Fork {
    pub(super) fn new(id: ForkId, dialog: Dialog, exchange: Exchange) -> Self {
        Self {
            id,
            dialog,
            exchange,
            last_reliable: None,
            prack: None,
            is_over: false,
        }
    }

    /// Takes a reliable provisional response to the INVITE with the number `cseq`.
    pub(super) fn turn(&mut self, cseq: u32, rseq: u32) -> Turn {
        let expected = match self.last_reliable {
            Some((invite, last)) if invite == cseq => last.wrapping_add(1),
            _ => rseq,
        };
        if rseq != expected {
            return Turn::Other;
        }
        self.last_reliable = Some((cseq, rseq));
        Turn::Next(rseq)
    }
}

/// All dialogs of the usage. The first is the call as long as there is no answer.
#[derive(Debug, Default)]
pub(super) struct Forks {
    forks: SmallVec<[Fork; 1]>,
    /// Which one the session talks to: that of the answer, else the one heard of last.
    current: usize,
}

impl Forks {
    pub(super) fn of(dialog: Dialog, exchange: Exchange) -> Self {
        let mut forks = Self::default();
        forks.forks.push(Fork::new(ForkId(0), dialog, exchange));
        forks
    }

    pub(super) fn current(&self) -> Option<&Fork> {
        self.forks.get(self.current)
    }

    pub(super) fn current_mut(&mut self) -> Option<&mut Fork> {
        self.forks.get_mut(self.current)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &DialogId> {
        self.forks.iter().map(|fork| fork.dialog.id())
    }

    pub(super) fn get_mut(&mut self, id: ForkId) -> Option<&mut Fork> {
        self.forks.iter_mut().find(|fork| fork.id == id)
    }

    /// The dialog that a request of the peer belongs to. An only dialog judges by itself.
    pub(super) fn of_request(&mut self, request: &Request) -> Option<&mut Fork> {
        if self.forks.len() == 1 {
            return self.forks.first_mut();
        }
        let id = DialogId::of_request(request)?;
        self.forks.iter_mut().find(|fork| *fork.dialog.id() == id)
    }

    /// The dialog that a response to our INVITE belongs to, if it is known.
    pub(super) fn of_response(&mut self, response: &Response) -> Option<ForkId> {
        let id = DialogId::of_response(response)?;
        let fork = self.forks.iter().find(|fork| *fork.dialog.id() == id)?;
        Some(fork.id)
    }

    /// Adds a dialog unless there are [`MAX_FORKS`].
    pub(super) fn add(&mut self, dialog: Dialog, exchange: Exchange) -> Option<ForkId> {
        if self.forks.len() >= MAX_FORKS {
            return None;
        }
        let id = ForkId(u8::try_from(self.forks.len()).ok()?);
        self.forks.push(Fork::new(id, dialog, exchange));
        Some(id)
    }

    pub(super) fn set_current(&mut self, id: ForkId) {
        if let Some(at) = self.forks.iter().position(|fork| fork.id == id) {
            self.current = at;
        }
    }

    /// The answer has come: this dialog is the call, and the others are none of ours any more.
    pub(super) fn confirm(&mut self, id: ForkId) {
        self.forks.retain(|fork| fork.id == id);
        self.current = 0;
    }

    /// Forgets all, for an INVITE that is sent anew.
    pub(super) fn clear(&mut self) {
        self.forks.clear();
        self.current = 0;
    }
}
