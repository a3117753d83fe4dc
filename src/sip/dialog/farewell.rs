//! The end of a dialog that nobody wants: ACK, then BYE, from nothing but the 2xx that made it.
//!
//! Every fork of an INVITE that answers after the first, and any that answers after the session is
//! gone, is up on the other side and has to be ended (RFC 3261 §13.2.2.4). A 2xx tells all that this
//! takes, so nothing is kept of the call for the 64*T1 in which one may come.

use super::{Dialog, DialogId, DialogState, record_route, request_uri, single_contact, tag_of};
use crate::sip::message::{Method, NameAddr, Request, Response, Uri};

/// What ends such a dialog, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// The ACK.
    pub ack: Request,
    /// The BYE.
    pub bye: Request,
    /// Where both go.
    pub next_hop: Uri,
}

/// How far the BYE's number is above the INVITE's. Whatever was sent in the early dialog, PRACK or
/// UPDATE, had a lower one; gaps are legal (§12.2.1.1).
const CSEQ_GAP: u32 = 1_000;

impl Farewell {
    /// For the dialog of `success`, a 2xx to an INVITE of ours. If it has no usable Contact, the
    /// requests go to `target`, the INVITE's Request-URI; without one, to the To URI. A 2xx without To
    /// tag is answered without one. `None` if From, To, Call-ID or CSeq cannot be read: then nothing
    /// can be addressed to that peer.
    pub fn of(success: &Response, target: Option<&Uri>) -> Option<Self> {
        let headers = &success.headers;
        let (local, remote) = (headers.from().ok()?, headers.to().ok()?);
        let cseq = headers.cseq().ok().filter(|c| c.method == Method::Invite)?;
        let contact = headers.contacts().ok();
        let contact = contact.and_then(|contacts| single_contact(contacts).ok());
        let target = || request_uri(target.unwrap_or(&remote.uri).clone());
        let remote_target = contact.unwrap_or_else(target);
        let route_set = record_route(headers).unwrap_or_default();
        let mut dialog = Dialog {
            id: DialogId {
                call_id: headers.call_id().ok()?.to_owned(),
                local_tag: tag_of(&local),
                remote_tag: tag_of(&remote),
            },
            state: DialogState::Confirmed,
            contact: NameAddr::new(local.uri.clone()),
            local,
            remote,
            local_cseq: Some(cseq.number.saturating_add(CSEQ_GAP)),
            local_invite_cseq: Some(cseq.number),
            remote_cseq: None,
            secure: remote_target.is_sips(),
            route_set: route_set.into_iter().rev().collect(),
            remote_target,
        };
        Some(Self {
            ack: dialog.next_request(Method::Ack),
            bye: dialog.next_request(Method::Bye),
            next_hop: dialog.next_hop().clone(),
        })
    }

    /// Whether `response` is one that an INVITE's sender has to acknowledge.
    pub fn is_due(response: &Response) -> bool {
        let of_invite = |cseq: crate::sip::message::CSeq| cseq.method == Method::Invite;
        response.status.is_success() && response.headers.cseq().is_ok_and(of_invite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;

    fn success(lines: &str) -> Response {
        let text = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=a\r\n\
             Call-ID: c1\r\nCSeq: 7 INVITE\r\n{lines}\r\n"
        );
        match Message::parse_datagram(text.into()) {
            Ok(Message::Response(response)) => response,
            other => panic!("a response, not {other:?}"),
        }
    }

    fn words(request: &Request) -> String {
        let to = request.headers.to().unwrap();
        let cseq = request.headers.cseq().unwrap();
        format!("{} {} tag={:?}", cseq, request.uri, to.tag())
    }

    #[test]
    fn rfc3261_13_2_2_4_a_2xx_is_enough_to_acknowledge_and_end_its_dialog() {
        let response = success(
            "To: <sip:b@y>;tag=f2\r\nContact: <sip:b@desk>\r\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>\r\n",
        );
        assert!(Farewell::is_due(&response));
        let Farewell { ack, bye, next_hop } = Farewell::of(&response, None).unwrap();
        assert_eq!(words(&ack), "7 ACK sip:b@desk tag=Some(\"f2\")");
        assert_eq!(words(&bye), "1008 BYE sip:b@desk tag=Some(\"f2\")");
        assert_eq!(next_hop.to_string(), "sip:p1;lr");
        assert_eq!(bye.headers.routes().unwrap().len(), 2);
    }

    #[test]
    fn without_a_usable_contact_or_to_tag_the_best_address_there_is_serves() {
        let invited = Uri::parse("sip:bob@office").unwrap();
        for contact in [
            "",
            "Contact: <sip:\r\n",
            "Contact: <sip:a@x>, <sip:b@x>\r\n",
        ] {
            let response = success(&format!("To: <sip:b@y>\r\n{contact}"));
            let bye = |target| words(&Farewell::of(&response, target).unwrap().bye);
            assert_eq!(bye(Some(&invited)), "1008 BYE sip:bob@office tag=None");
            assert_eq!(bye(None), "1008 BYE sip:b@y tag=None");
        }
    }
}
