//! `mod_hooked`: hears of everything, and does in the hook NAME what the setting `NAME` of the application
//! says: `fail`, `throw`, `panic`, `slow`, or something that only this hook can do.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_hooked",
    doc: "For the tests of hooks.",
    hooks: Hooks {
        session_start: Some(session_start),
        invite: Some(invite),
        request: Some(|cx| {
            let method = cx.param("method").unwrap_or_default();
            obey(cx, "request", &method).map(drop)
        }),
        reply: Some(|cx| {
            let code = cx.param("code").unwrap_or_default();
            obey(cx, "reply", &code).map(drop)
        }),
        before_destroy: Some(|cx| {
            let done = obey(cx, "before_destroy", "").map(drop);
            settings().remove(cx.session().id());
            done
        }),
        sdp_offer: Some(|cx, sdp| Ok(changed(&obey(cx, "sdp_offer", "")?, sdp))),
        sdp_answer: Some(|cx, offer, sdp| {
            let offered = offer.lines().filter(|line| line.starts_with("m=")).count();
            let order = obey(cx, "sdp_answer", &offered.to_string())?;
            Ok(changed(&order, sdp))
        }),
        ..Hooks::NONE
    },
}

/// The settings of each session: descriptions are made where variables are not in reach.
fn settings() -> MutexGuard<'static, BTreeMap<String, BTreeMap<String, String>>> {
    static SETTINGS: Mutex<BTreeMap<String, BTreeMap<String, String>>> =
        Mutex::new(BTreeMap::new());
    SETTINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn session_start(cx: &mut Context<'_>) -> Result<(), Failure> {
    let own = cx.members("config").into_iter().collect();
    settings().insert(cx.session().id().to_owned(), own);
    obey(cx, "session_start", "").map(drop)
}

fn invite(cx: &mut Context<'_>) -> Result<InviteReply, Failure> {
    let agent = cx.header("User-Agent").unwrap_or_default();
    Ok(match obey(cx, "invite", &agent)?.as_str() {
        "module" => InviteReply::Module,
        _ => InviteReply::Server,
    })
}

/// Posts to the session what was heard, and does what is set for this hook, which comes back if every
/// hook cannot do it.
#[allow(clippy::disallowed_methods, reason = "to be slow is what is tested")]
fn obey(cx: &mut Context<'_>, hook: &str, about: &str) -> Result<String, Failure> {
    let session = cx.session();
    session.post(&[("hook", hook), ("about", about)])?;
    let order = settings()
        .get(session.id())
        .and_then(|own| own.get(hook))
        .cloned();
    match order.as_deref().unwrap_or_default() {
        "fail" => Err(Failure::errno("arg", "on purpose")),
        "throw" => Err(Exception::new("hooked").with("cause", "on purpose").into()),
        "panic" => panic!("on purpose"),
        "slow" => {
            std::thread::sleep(Duration::from_millis(150));
            Ok(String::new())
        }
        other => Ok(other.to_owned()),
    }
}

/// A session description made worse, or signed.
fn changed(order: &str, sdp: &str) -> Option<String> {
    Some(match order {
        "" => return None,
        "rubbish" => "once upon a time".to_owned(),
        "empty" => String::new(),
        "port" => sdp.replace("m=audio 1", "m=audio 2"),
        "more" => format!("{sdp}m=audio 4000 RTP/AVP 0\r\n"),
        "none" => sdp.split("m=").next().unwrap_or_default().to_owned(),
        "huge" => format!("{sdp}a=x-hooked:{}\r\n", "1".repeat(200_000)),
        "lines" => sdp.replace("\r\n", "\n\n"),
        _ => format!("{sdp}a=x-hooked:1\r\n"),
    })
}
