//! Changes of the session: re-INVITE and UPDATE, of either side.

use super::*;

#[test]
fn re_invites_are_taken_one_at_a_time() {
    let mut usage = confirmed();
    usage.handle_request(TransactionId(1), with_offer(inside("INVITE", 2)));
    usage.handle_request(TransactionId(2), inside("INVITE", 3));
    assert_eq!(commands(&mut usage), ["2: 500"]);
    assert_eq!(events(&mut usage), ["Offer"]);
    usage.answer(OfferId::Request(TransactionId(1)), "answer".into(), &[]);
    usage.handle_request(TransactionId(3), with_offer(inside("INVITE", 4)));
    let id = OfferId::Request(TransactionId(3));
    usage.decline(id, StatusCode::NOT_ACCEPTABLE_HERE, &[]);
    assert_eq!(commands(&mut usage), ["1: 200", "3: 488"]);
    assert!(usage.is_established());
}

#[test]
fn an_open_re_invite_ends_by_cancel_or_with_the_call() {
    let mut usage = confirmed();
    usage.handle_request(TransactionId(1), inside("INVITE", 2));
    usage.handle_cancel(TransactionId(7));
    usage.handle_cancel(TransactionId(1));
    assert_eq!(commands(&mut usage), ["1: 487"]);
    assert!(usage.is_established());
    usage.handle_request(TransactionId(2), inside("INVITE", 3));
    usage.handle_request(TransactionId(3), inside("BYE", 4));
    assert_eq!(commands(&mut usage), ["3: 200", "2: 487"]);
    assert!(usage.is_terminated());
}

#[test]
fn a_re_invite_while_the_first_is_unanswered_or_our_bye_is_out_is_refused() {
    let mut usage = uas();
    usage.handle_request(TransactionId(1), inside("INVITE", 2));
    assert_eq!(commands(&mut usage), ["1: 500"]);
    let mut usage = confirmed();
    usage.hang_up();
    usage.handle_request(TransactionId(1), inside("INVITE", 2));
    assert_eq!(
        commands(&mut usage),
        ["BYE 1 to sip:alice@client", "1: 481"]
    );
    assert_eq!(events(&mut usage), Vec::<String>::new());
}

/// Our re-INVITE with an offer, sent.
fn reinviting(usage: &mut InviteUsage) -> (RequestToken, Box<Request>) {
    let change = Change {
        method: Method::Invite,
        has_offer: true,
        headers: Vec::new(),
    };
    let token = usage.change(change).unwrap();
    assert_eq!(events(usage), ["OfferWanted"]);
    usage.offer(token, "offer".into());
    sent(usage)
}

#[test]
fn rfc3261_14_1_glare_waits_and_tries_again() {
    let mut usage = agreed();
    let (token, invite) = reinviting(&mut usage);
    // Theirs crosses ours.
    usage.handle_request(TransactionId(1), with_offer(inside("INVITE", 2)));
    usage.handle_request(TransactionId(2), with_offer(inside("UPDATE", 3)));
    assert_eq!(commands(&mut usage), ["1: 491", "2: 491"]);
    let start = now();
    usage.handle_response(start, token, status(&invite, 491));
    assert_eq!(events(&mut usage), ["OfferRefused"]);
    // We are not the owner of the Call-ID.
    let at = usage.poll_timeout().expect("another try");
    assert!(at - start <= Duration::from_secs(2));
    // Theirs goes first.
    usage.handle_request(TransactionId(3), with_offer(inside("INVITE", 4)));
    usage.handle_timeout(at);
    assert_eq!(events(&mut usage), ["Offer"]);
    usage.answer(OfferId::Request(TransactionId(3)), "answer".into(), &[]);
    assert_eq!(commands(&mut usage), ["3: 200"]);
    assert!(events(&mut usage).is_empty());
    usage.handle_ack(&inside("ACK", 4));
    assert_eq!(events(&mut usage), ["OfferWanted"]);
    usage.offer(token, "offer".into());
    let (again, invite) = sent(&mut usage);
    assert_eq!(again, token);
    let mut ok = status(&invite, 200);
    ok.body = "answer".into();
    usage.handle_response(start, token, ok);
    assert_eq!(events(&mut usage), ["Answer", "Done"]);
    let number = invite.headers.cseq().unwrap().number;
    let ack = format!("ACK {number} to sip:alice@client");
    assert_eq!(commands(&mut usage), [ack]);
}

#[test]
fn rfc3261_14_1_a_refused_re_invite_leaves_the_session_as_it_was() {
    let mut usage = agreed();
    let (token, invite) = reinviting(&mut usage);
    usage.handle_response(now(), token, status(&invite, 488));
    assert_eq!(events(&mut usage), ["OfferRefused", "Done"]);
    assert!(usage.is_established() && usage.is_negotiated());
    assert!(commands(&mut usage).is_empty());
}

#[test]
fn rfc3311_5_2_an_update_with_an_offer_waits_for_the_one_before() {
    let mut usage = agreed();
    usage.handle_request(TransactionId(1), with_offer(inside("UPDATE", 2)));
    usage.handle_request(TransactionId(2), with_offer(inside("UPDATE", 3)));
    usage.handle_request(TransactionId(3), inside("UPDATE", 4));
    let Some(Command::Respond { response, .. }) = usage.poll_command() else {
        panic!("no response");
    };
    assert_eq!(response.status.code(), 500);
    let seconds = response.headers.text(&HeaderName::RetryAfter).unwrap();
    assert!(seconds.parse::<u32>().unwrap() <= 10);
    assert_eq!(commands(&mut usage), ["3: 200"]);
    assert_eq!(events(&mut usage), ["Offer"]);
}
