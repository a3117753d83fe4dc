//! Which dialog an INVITE with Replaces takes the place of (RFC 3891 §3).
//!
//! [`find`] decides between the dialogs that there are. Whoever owns them answers the INVITE, and once it is
//! accepted ends the replaced one: BYE, or CANCEL for one that is not answered.

use super::DialogId;
use crate::sip::message::header::Replaces;
use crate::sip::message::{HeaderName, Method, Request, StatusCode};

/// The option tag of RFC 3891.
pub const REPLACES: &str = "replaces";

/// How far a dialog is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The peer's INVITE is not answered.
    Incoming,
    /// Our INVITE is not answered.
    Outgoing,
    /// Answered.
    Confirmed,
    /// Over, or about to be.
    Ended,
}

/// Reads the Replaces of a request; `None` if it has none.
///
/// # Errors
/// 400 for one that is malformed, comes twice or with Join, or is not in an INVITE.
pub fn requested(request: &Request) -> Result<Option<Replaces>, StatusCode> {
    let headers = &request.headers;
    let replaces = headers.replaces().map_err(|_| StatusCode::BAD_REQUEST)?;
    if replaces.is_some()
        && (request.method != Method::Invite || headers.get(&HeaderName::Join).is_some())
    {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(replaces)
}

/// Finds the dialog that `replaces` names among INVITE dialogs of ours, each with whatever the caller knows
/// it by.
///
/// # Errors
/// The status code that the INVITE is answered with: 481 for none, for several that cannot be told apart,
/// and for a call of the peer that is not answered; 603 for one that is over; 486 for one that is answered
/// when only others are wanted.
pub fn find<'a, K>(
    replaces: &Replaces,
    dialogs: impl IntoIterator<Item = (K, &'a DialogId, Phase)>,
) -> Result<K, StatusCode> {
    let mut matching = dialogs.into_iter().filter(|(_, id, _)| names(replaces, id));
    let (Some((key, _, phase)), None) = (matching.next(), matching.next()) else {
        return Err(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST);
    };
    match phase {
        Phase::Ended => Err(StatusCode::DECLINE),
        Phase::Confirmed if replaces.early_only => Err(StatusCode::BUSY_HERE),
        Phase::Incoming => Err(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        Phase::Outgoing | Phase::Confirmed => Ok(key),
    }
}

/// Call-IDs compare byte by byte, tags ignoring case as tokens do; `0` is also no tag, as a peer of RFC 2543
/// has none.
fn names(replaces: &Replaces, id: &DialogId) -> bool {
    let same = |wanted: &str, tag: &str| {
        wanted.eq_ignore_ascii_case(tag) || (wanted == "0" && tag.is_empty())
    };
    replaces.call_id == id.call_id
        && same(&replaces.to_tag, &id.local_tag)
        && same(&replaces.from_tag, &id.remote_tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Message;

    fn dialog(local_tag: &str, remote_tag: &str) -> DialogId {
        DialogId {
            call_id: "c@d".to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: remote_tag.to_owned(),
        }
    }

    fn found(header: &str, dialogs: &[(DialogId, Phase)]) -> Result<usize, u16> {
        let replaces = Replaces::parse(header).unwrap();
        let dialogs = dialogs.iter().enumerate();
        let dialogs = dialogs.map(|(index, (id, phase))| (index, id, *phase));
        find(&replaces, dialogs).map_err(StatusCode::code)
    }

    #[test]
    fn rfc3891_3_call_id_and_both_tags_have_to_match() {
        use Phase::Confirmed;
        let dialogs = [
            (dialog("x", "y"), Confirmed),
            (dialog("x", "z"), Confirmed),
            (dialog("w", ""), Confirmed),
        ];
        for (header, expected) in [
            ("c@d;to-tag=x;from-tag=z", Ok(1)),
            ("c@d;to-tag=X;from-tag=Z", Ok(1)),
            ("C@d;to-tag=x;from-tag=z", Err(481)),
            ("c@d;to-tag=z;from-tag=x", Err(481)),
            ("c@d;to-tag=x;from-tag=0", Err(481)),
            ("c@d;to-tag=w;from-tag=0", Ok(2)),
        ] {
            assert_eq!(found(header, &dialogs), expected, "{header}");
        }
        let twins = [(dialog("x", "y"), Confirmed), (dialog("x", "y"), Confirmed)];
        assert_eq!(found("c@d;to-tag=x;from-tag=y", &twins), Err(481));
    }

    #[test]
    fn rfc3891_3_the_phase_of_the_dialog_decides() {
        let header = "c@d;to-tag=x;from-tag=y";
        let early_only = "c@d;to-tag=x;from-tag=y;early-only";
        for (phase, any, early) in [
            (Phase::Incoming, Err(481), Err(481)),
            (Phase::Outgoing, Ok(0), Ok(0)),
            (Phase::Confirmed, Ok(0), Err(486)),
            (Phase::Ended, Err(603), Err(603)),
        ] {
            let dialogs = [(dialog("x", "y"), phase)];
            assert_eq!(found(header, &dialogs), any, "{phase:?}");
            assert_eq!(found(early_only, &dialogs), early, "{phase:?}");
        }
    }

    #[test]
    fn rfc3891_3_replaces_is_for_an_invite_and_stands_alone() {
        let replaces = "Replaces: c;to-tag=1;from-tag=2\r\n";
        for (method, headers, expected) in [
            ("INVITE", replaces.to_owned(), Ok(true)),
            ("INVITE", String::new(), Ok(false)),
            ("OPTIONS", String::new(), Ok(false)),
            ("REFER", replaces.to_owned(), Err(400)),
            ("INVITE", format!("{replaces}{replaces}"), Err(400)),
            ("INVITE", format!("{replaces}Join: x\r\n"), Err(400)),
            ("INVITE", "Replaces: c;to-tag=1\r\n".to_owned(), Err(400)),
        ] {
            let text = format!(
                "{method} sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
                 From: <sip:a@a>;tag=a\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\
                 {headers}\r\n"
            );
            let Ok(Message::Request(request)) = Message::parse_datagram(text.into()) else {
                panic!("a request");
            };
            let found = requested(&request).map(|replaces| replaces.is_some());
            assert_eq!(
                found.map_err(StatusCode::code),
                expected,
                "{method} {headers}"
            );
        }
    }
}
