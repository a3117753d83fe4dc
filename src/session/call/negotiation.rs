//! The session descriptions of a call: which one answers which, in the call and in the early dialogs
//! before it.
//!
//! An INVITE that forks gets an answer from each fork, all to the same offer. Each is kept beside the
//! offer, which stays open until one of them is the call (RFC 3261 §13.2.1).

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::editors::Editors;
use crate::sdp::{Capabilities, Direction, NegotiatedAudio, NegotiationError, OfferAnswer};
use crate::sip::dialog::invite_usage::ForkId;

/// See the module's documentation.
#[derive(Debug)]
pub struct Negotiation {
    capabilities: Arc<Capabilities>,
    /// Where our RTP socket is bound.
    media: SocketAddr,
    call: OfferAnswer,
    /// What forks have answered before the call was answered.
    early: SmallVec<[(ForkId, Box<OfferAnswer>); 1]>,
    /// Our answer to the INVITE, which each response repeats unchanged.
    answer: Option<(Bytes, Arc<NegotiatedAudio>)>,
    /// Modules that change what we send; most calls have none.
    editors: Option<Box<Editors>>,
}

impl Negotiation {
    /// Begins with `descriptions`, which has none so far.
    pub fn new(
        descriptions: OfferAnswer,
        capabilities: Arc<Capabilities>,
        media: SocketAddr,
    ) -> Self {
        Self {
            capabilities,
            media,
            call: descriptions,
            early: SmallVec::new(),
            answer: None,
            editors: None,
        }
    }

    /// Shows our descriptions to these from now on, before they are sent.
    pub fn edit_by(&mut self, editors: Option<Editors>) {
        self.editors = editors.map(Box::new);
    }

    /// That of another dialog of the same call, which nothing has been said in.
    pub fn anew(&self, session_id: u64, secure_signalling: bool) -> Self {
        Self {
            editors: self.editors.clone(),
            ..Self::new(
                self.call.anew(session_id, secure_signalling),
                self.capabilities.clone(),
                self.media,
            )
        }
    }

    /// What we can send and receive.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// An offer of ours in a dialog, to send and to receive.
    ///
    /// # Errors
    /// As [`OfferAnswer::offer`].
    pub fn offer(&mut self, fork: ForkId) -> Result<Bytes, NegotiationError> {
        let (capabilities, media) = (self.capabilities.clone(), self.media);
        let state = self.state(fork);
        let offer = state.offer(&capabilities, media, Direction::SendRecv)?;
        Ok(match &self.editors {
            Some(editors) => editors.offer(offer).into(),
            None => offer.into(),
        })
    }

    /// Our answer to the INVITE's offer, the same each time.
    ///
    /// # Errors
    /// As [`OfferAnswer::answer`].
    pub fn answer_invite(
        &mut self,
        offer: &Bytes,
    ) -> Result<(Bytes, Arc<NegotiatedAudio>), NegotiationError> {
        if let Some(answer) = &self.answer {
            return Ok(answer.clone());
        }
        let answer = self.answer(ForkId(0), offer)?;
        self.answer = Some(answer.clone());
        Ok(answer)
    }

    /// Our answer to an offer in a dialog.
    ///
    /// # Errors
    /// As [`OfferAnswer::answer`].
    pub fn answer(
        &mut self,
        fork: ForkId,
        offer: &Bytes,
    ) -> Result<(Bytes, Arc<NegotiatedAudio>), NegotiationError> {
        let (capabilities, media) = (self.capabilities.clone(), self.media);
        let state = self.state(fork);
        let (body, audio) = state.answer(offer, &capabilities, media)?;
        let body = match &self.editors {
            Some(editors) => editors.answer(offer, body),
            None => body,
        };
        Ok((body.into(), audio))
    }

    /// Takes what a fork answers to the INVITE's offer before the call is answered.
    ///
    /// # Errors
    /// As [`OfferAnswer::accept_answer`]. The fork may do better in its 2xx.
    pub fn accept_early(
        &mut self,
        fork: ForkId,
        answer: &Bytes,
    ) -> Result<Arc<NegotiatedAudio>, NegotiationError> {
        let mut state = self.call.clone();
        let audio = state.accept_answer(answer)?;
        self.early.retain(|(own, _)| *own != fork);
        self.early.push((fork, Box::new(state)));
        Ok(audio)
    }

    /// The INVITE has its 2xx from `fork`, with this answer. Without one, that of a provisional
    /// response holds.
    ///
    /// # Errors
    /// As [`OfferAnswer::accept_answer`]: there is no usable answer.
    pub fn accept_final(
        &mut self,
        fork: ForkId,
        answer: &Bytes,
    ) -> Result<Arc<NegotiatedAudio>, NegotiationError> {
        if answer.is_empty() && self.confirm(fork) {
            return self.call.agreed().cloned().ok_or(NegotiationError::NoOffer);
        }
        self.early.clear();
        self.call.accept_answer(answer)
    }

    /// The INVITE has its 2xx from `fork`, and a provisional response had the answer. False: there was
    /// none.
    pub fn confirm(&mut self, fork: ForkId) -> bool {
        let early = self.early.iter().position(|(own, _)| *own == fork);
        let early = early.map(|at| self.early.swap_remove(at).1);
        self.early.clear();
        let is_known = early.is_some();
        if let Some(state) = early {
            self.call = *state;
        }
        is_known
    }

    /// Takes the answer to an offer of ours in a dialog.
    ///
    /// # Errors
    /// As [`OfferAnswer::accept_answer`].
    pub fn accept_answer(
        &mut self,
        fork: ForkId,
        answer: &Bytes,
    ) -> Result<Arc<NegotiatedAudio>, NegotiationError> {
        self.state(fork).accept_answer(answer)
    }

    /// Forgets our open offer: its request failed.
    pub fn withdraw_offer(&mut self, fork: ForkId) {
        self.state(fork).withdraw_offer();
    }

    fn state(&mut self, fork: ForkId) -> &mut OfferAnswer {
        let early = self.early.iter_mut().find(|(own, _)| *own == fork);
        early.map_or(&mut self.call, |(_, state)| state)
    }
}
