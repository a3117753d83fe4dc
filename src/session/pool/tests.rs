//! What becomes of a session at whose beginning this server fails.

use super::*;
use crate::session::task::tests::context;
use crate::sip::endpoint::TransactionId;
use crate::sip::message::{Message, Request};

fn invite() -> Request {
    let text = "INVITE sip:echo@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bK1\r\n\
                From: <sip:alice@client>;tag=a\r\nTo: <sip:echo@10.0.0.1>\r\n\
                Call-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@client>\r\n\r\n";
    match Message::parse_datagram(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("a request, not {other:?}"),
    }
}

#[tokio::test]
async fn a_panic_in_the_task_of_a_session_has_it_forgotten() {
    let (context, mut commands) = context();
    let pool = SessionPool::new(context.clone(), tokio::runtime::Handle::current());
    let start = |fails: bool| {
        let id = SessionId(format!("fails: {fails}").as_str().into());
        pool.start(tracing::Span::none(), id, move |_, _, _| async move {
            tokio::task::yield_now().await;
            assert!(!fails, "a fault of this test");
        })
    };
    let (well, _failing) = (start(false), start(true));
    let ended = commands.recv().await;
    let Some(SipCommand::Ended { session }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(&*session.0, "fails: true");
    assert_eq!(context.stats.session_faults.value(), 1);
    // Who ends well says so itself.
    well.0.closed().await;
    assert!(commands.try_recv().is_err());
}

#[tokio::test]
async fn sessions_that_wait_for_their_first_turn_are_counted() {
    let (context, mut commands) = context();
    let pool = SessionPool::new(context, tokio::runtime::Handle::current());
    for number in 0..100 {
        let id = SessionId(number.to_string().as_str().into());
        // Whoever never ends has begun all the same.
        let _ = pool.start(tracing::Span::none(), id, |_, _, _| std::future::pending());
    }
    assert_eq!((pool.begun(), pool.unbegun()), (0, 100));
    let _last = pool.start(
        tracing::Span::none(),
        SessionId("last".into()),
        |context, _, _| async move { end(&context, SessionId("last".into())).await },
    );
    assert!(commands.recv().await.is_some());
    assert_eq!((pool.begun(), pool.unbegun()), (101, 0));
}

#[tokio::test]
async fn a_panic_at_the_beginning_of_a_call_answers_500() {
    let (context, mut commands) = context();
    let (id, transaction) = (SessionId("t".into()), TransactionId(7));
    let begun: Option<()> = guarded(&context, || panic!("a fault of this test"));
    assert!(begun.is_none());
    assert_eq!(context.stats.session_faults.value(), 1);
    let refusal = begin::fault(transaction, &invite(), &id);
    refuse(&context, id.clone(), refusal).await;
    let answer = commands.recv().await;
    let Some(SipCommand::Dialog {
        command: Command::Respond { response, .. },
        ..
    }) = answer
    else {
        panic!("{answer:?}")
    };
    assert_eq!(response.status.code(), 500);
    assert_eq!(response.headers.to().unwrap().tag(), Some("t"));
    let ended = commands.recv().await;
    assert!(matches!(ended, Some(SipCommand::Ended { session }) if session == id));
}
