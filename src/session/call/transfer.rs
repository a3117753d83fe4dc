//! REFERs of ours: asking the peer to call somebody else, and hearing what came of it (RFC 3515).

use std::time::Instant;

use super::{Call, CallEvent};
use crate::sip::dialog::capabilities::accepted_bodies;
use crate::sip::dialog::invite_usage::{Content, Line, RequestToken};
use crate::sip::dialog::transfer::{Referrals, Refused};
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Method, Request, Response, StatusCode, sipfrag};

/// The REFERs of a call.
#[derive(Debug)]
pub(super) struct Transfers {
    referrals: Referrals,
    /// Those without final response, with their CSeq numbers.
    sent: Vec<(RequestToken, u32)>,
}

impl Call {
    /// Sends a REFER with these header lines. [`CallEvent::Transfer`] tells what becomes of it. False: the
    /// call is not up, or too many requests have no response.
    pub fn refer(&mut self, now: Instant, headers: &[Line]) -> bool {
        let Some(token) = self.send_request(Method::Refer, headers, Content::default()) else {
            return false;
        };
        let cseq = self.usage.dialog().map_or(0, |dialog| dialog.local_cseq());
        let timer_n = self.setup.give_up;
        let transfers = self.transfers.get_or_insert_with(|| {
            let (referrals, sent) = (Referrals::new(timer_n), Vec::new());
            Box::new(Transfers { referrals, sent })
        });
        transfers.referrals.sent(now, cseq);
        transfers.sent.push((token, cseq));
        true
    }

    /// Takes what became of a REFER.
    pub(super) fn on_refer_done(
        &mut self,
        token: RequestToken,
        outcome: &Result<Box<Response>, StatusCode>,
    ) {
        let Some(transfers) = &mut self.transfers else {
            return;
        };
        let Some(at) = transfers.sent.iter().position(|(own, _)| *own == token) else {
            return;
        };
        let (_, cseq) = transfers.sent.swap_remove(at);
        let progress = match outcome {
            Ok(response) => transfers.referrals.handle_response(cseq, response),
            Err(status) => transfers.referrals.handle_no_response(cseq, *status),
        };
        self.events.extend(progress.map(CallEvent::Transfer));
    }

    /// Takes a NOTIFY in the dialog; it belongs to a REFER of ours, or to nothing (RFC 6665 §4.1.3).
    pub(super) fn on_notify(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        request: &Request,
    ) {
        let told = match &mut self.transfers {
            Some(transfers) => transfers.referrals.handle_notify(now, request),
            None => Err(Refused::NoSubscription),
        };
        let (status, headers) = match &told {
            Ok(_) => (StatusCode::OK, Vec::new()),
            Err(refused @ Refused::Body) => {
                let accept = accepted_bodies(sipfrag::CONTENT_TYPE);
                (refused.status(), accept.to_vec())
            }
            Err(refused) => (refused.status(), Vec::new()),
        };
        let (reason, nothing) = (status.reason(), Default::default());
        self.usage.reply(
            transaction,
            request,
            status,
            Some(&reason),
            &headers,
            nothing,
        );
        self.events.extend(told.ok().map(CallEvent::Transfer));
    }

    /// Gives up all REFERs, for their dialog ends.
    pub(super) fn close_transfers(&mut self) {
        if let Some(mut transfers) = self.transfers.take() {
            while let Some(progress) = transfers.referrals.give_up() {
                self.events.push_back(CallEvent::Transfer(progress));
            }
        }
    }

    /// When a REFER is given up that nothing is heard of.
    pub(super) fn transfer_timeout(&self) -> Option<Instant> {
        self.transfers.as_ref()?.referrals.poll_timeout()
    }

    /// Gives up REFERs that nothing is heard of.
    pub(super) fn give_up_transfers(&mut self, now: Instant) {
        let Some(transfers) = &mut self.transfers else {
            return;
        };
        while let Some((progress, _)) = transfers.referrals.handle_timeout(now) {
            self.events.push_back(CallEvent::Transfer(progress));
        }
    }
}
