//! What the actions of all modules that are compiled in have in common.

use std::collections::BTreeMap;

use muleteer::dsm::testing::TestHost;
use muleteer::dsm::{Engine, Event, EventKind, Registry, Signature, Values, load_set};

use crate::dsm_run::Memory;

/// Each action with arguments that make it work, upon a host where all works.
const CALLS: &[&str] = &[
    "conference.announce(a.wav)",
    "conference.flushMixInList()",
    "conference.followSpeaker()",
    "conference.gain(-6)",
    "conference.join(r)",
    "conference.leave()",
    "conference.playMixIn(a.wav)",
    "conference.playMixInList(a.wav, true)",
    "conference.postEvent(r, 42)",
    "conference.record(a.wav)",
    "conference.rejoin(r, listenonly)",
    "conference.setPlayoutType(jb)",
    "conference.setupMixIn(0.5)",
    "conference.size(r, $n)",
    "conference.speakers(2)",
    "conference.stopRecord()",
    "conference.teejoin(r)",
    "conference.teeleave()",
    "dlg.acceptInvite()",
    "dlg.addReplyBodyPart(a/b, c)",
    "dlg.bye()",
    "dlg.connectCalleeRelayed(a, b)",
    "dlg.deleteReplyBodyPart(a/b)",
    "dlg.dialout(a)",
    "dlg.getOtherId($n)",
    "dlg.getReplyBody(a/b, n)",
    "dlg.getRequestBody(a/b, n)",
    "dlg.getRtpRelayMode($n)",
    "dlg.info(a/b, c)",
    "dlg.message(\"sip:a@b\", hello)",
    "dlg.notifyRefer(180)",
    "dlg.refer(\"sip:a@b\", 30)",
    "dlg.relayError(500, No)",
    "dlg.relayReply(200, OK)",
    "dlg.reply(486, Busy)",
    "dlg.replyRequest(486, Busy)",
    "groups.get($n=g)",
    "groups.getSize($n=g)",
    "groups.join(g)",
    "groups.leave(g)",
    "groups.leaveAll()",
    "groups.postEvent(g, a)",
    "monitoring.add(a, b)",
    "monitoring.addGlobal(i, a, b)",
    "monitoring.dec(i, a)",
    "monitoring.erase(i)",
    "monitoring.get($n=a)",
    "monitoring.getGlobal($n, i, a)",
    "monitoring.inc(i, a)",
    "monitoring.log(a, b)",
    "monitoring.logAdd(a, b)",
    "monitoring.logVars()",
    "monitoring.set(a, b)",
    "monitoring.setGlobal(i, a, b)",
    "sbc.addCallee(var, b)",
    "sbc.addToMediaProcessor()",
    "sbc.clearExtLocalTag()",
    "sbc.disconnect(true)",
    "sbc.enableRelayDTMFReceiving(true)",
    "sbc.getCallStatus($n)",
    "sbc.getSBCCallStatus($n)",
    "sbc.profileSet(RURI, \"sip:x@y\")",
    "sbc.putOnHold()",
    "sbc.relayReliableEvent(a, b, c)",
    "sbc.removeFromMediaProcessor()",
    "sbc.resumeHeld()",
    "sbc.sendDisconnectEvent(true)",
    "sbc.setExtLocalTag(t)",
    "sbc.setLastReq()",
    "sbc.stopCall(done)",
    "sbc.streamsSetReceiving(true, false)",
    "sbc.testSDPConnectionAddress(\"10.0.0.1,10.0.0.2\")",
    "subscription.create(s)",
    "subscription.refresh(h, 60)",
    "subscription.remove(h)",
    "sys.getTimestamp(a)",
    "sys.mkdir(/d)",
    "sys.mkdirRecursive(/d/e)",
    "sys.popen($n=date)",
    "sys.rename(/f, /g)",
    "sys.subTimestamp(a, b)",
    "sys.tmpnam(n)",
    "sys.unlink(/f)",
    "sys.unlinkArray(f, /d)",
    "uri.decode($n=a)",
    "uri.encode($n=a)",
    "uri.getHeader(X-A, n)",
    "uri.parse(\"sip:a@b\", p_)",
    "uri.parseNameaddr(\"<sip:a@b>\", p_)",
    "utils.add($n, 2)",
    "utils.decodeJson(\"[1]\", p)",
    "utils.escapeCRLF($n)",
    "utils.getCountLeft(7)",
    "utils.getCountLeftNoSuffix(7)",
    "utils.getCountRight(7)",
    "utils.getCountRightNoSuffix(7)",
    "utils.getNewId(n)",
    "utils.int($n, 7.5)",
    "utils.md5($n, a)",
    "utils.mul($n, 2)",
    "utils.playCountLeft(7)",
    "utils.playCountRight(7)",
    "utils.playRingTone(100)",
    "utils.rand(n)",
    "utils.replace($n, a=>b)",
    "utils.spell(a)",
    "utils.splitString($n)",
    "utils.splitStringCR($n)",
    "utils.srand()",
    "utils.sub($n, 2)",
    "utils.unescapeCRLF($n)",
    "zrtp.getSAS($n)",
    "zrtp.getSessionInfo($n)",
    "zrtp.getSignalingHash($n)",
    "zrtp.setAllowclear(true)",
    "zrtp.setAutosecure(true)",
    "zrtp.setDisclosebit(true)",
    "zrtp.setEnabled(false)",
    "zrtp.setSignalingHash(a)",
    "zrtp.setUnverified(a, b)",
    "zrtp.setVerified(a, b)",
];

/// What has no way to work.
const NEVER_WORKS: &[&str] = &[
    "zrtp.getSAS",
    "zrtp.getSessionInfo",
    "zrtp.getSignalingHash",
    "zrtp.setSignalingHash",
    "zrtp.setUnverified",
    "zrtp.setVerified",
];

/// The variables after these actions.
fn after(module: &str, actions: &str) -> Values {
    let array = "set($f_size=1); set($f_0=x);";
    let text = format!("import({module});\ninitial state A enter {{ {array} {actions} }};\n");
    let files = Memory(BTreeMap::from([("main.dsm".to_owned(), text)]));
    let main = ("main".to_owned(), "main.dsm".to_owned());
    let set = load_set(&[main], &files, &Registry::default());
    let loaded = &set.loaded[0];
    assert!(loaded.diagram.is_some(), "{}", loaded.render());
    let mut host = TestHost::default();
    host.members.insert(("g".to_owned(), "OTHER".to_owned()));
    let engine = Engine::new(set.diagrams, "main", Values::new());
    let mut engine = engine.expect("an initial state");
    engine.start(Event::new(EventKind::Start), &mut host);
    engine.variables().clone()
}

fn signatures() -> Vec<(String, Signature)> {
    let registry = Registry::default();
    let modules = registry.modules().filter_map(|name| registry.module(name));
    let of = |module: &muleteer::dsm::Module| {
        let name = module.name().to_owned();
        let actions = module
            .actions()
            .map(move |action| (name.clone(), action.clone()));
        actions.collect::<Vec<_>>()
    };
    modules.flat_map(of).collect()
}

fn call_of(name: &str) -> &'static str {
    let begins = |call: &&&str| call.split('(').next() == Some(name);
    CALLS
        .iter()
        .find(begins)
        .unwrap_or_else(|| panic!("no call of {name}"))
}

#[test]
fn what_can_fail_forgets_earlier_failures_when_it_works_and_the_rest_leaves_them() {
    for (module, action) in signatures() {
        let call = call_of(&action.name);
        if !action.is_available || NEVER_WORKS.contains(&&*action.name) {
            continue;
        }
        let actions = format!("set($errno=old); set($strerror=text); {call}; set($went=on);");
        let variables = after(&module, &actions);
        assert_eq!(variables.get("went"), Some("on"), "{call}");
        let expected = match action.errno {
            Some(_) => ("", ""),
            None => ("old", "text"),
        };
        let found = ["errno", "strerror"].map(|name| variables.get(name).unwrap_or("unset"));
        assert_eq!((found[0], found[1]), expected, "{call}");
    }
}

#[test]
fn without_zrtp_all_but_switching_it_off_fails_and_no_condition_holds() {
    let calls = NEVER_WORKS.iter().map(|name| call_of(name));
    for call in calls.chain(["zrtp.setEnabled(true)"]) {
        let actions = format!(
            "{call}; if zrtp.securityEvent {{ set($held=on); }} \
             if zrtp.protocolEvent(#event == ZRTP_EVENT_IS_SECURE) {{ set($held=on); }}"
        );
        let variables = after("mod_zrtp", &actions);
        assert_eq!(variables.get("errno"), Some("config"), "{call}");
        assert_eq!(variables.get("held"), None);
    }
}
