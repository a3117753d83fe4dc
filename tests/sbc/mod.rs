//! `mod_sbc` in a server without a session border controller: everything loads, and says at run time that
//! there is no leg.

use muleteer::dsm::{Registry, event_condition};

use crate::agent::{Scene, diagram};

const ACTIONS: &[&str] = &[
    "sbc.profileSet(RURI, \"sip:x@y\")",
    "sbc.stopCall(done)",
    "sbc.disconnect(false, true)",
    "sbc.disconnect(hold=true)",
    "sbc.sendDisconnectEvent(true)",
    "sbc.putOnHold()",
    "sbc.resumeHeld()",
    "sbc.getCallStatus($status)",
    "sbc.getSBCCallStatus(status)",
    "sbc.relayReliableEvent(a, \"b; $c; s.\", var)",
    "sbc.relayReliableEvent(a, b)",
    "sbc.addCallee(var, b)",
    "sbc.addCallee(ltag, b)",
    "sbc.enableRelayDTMFReceiving(true)",
    "sbc.addToMediaProcessor()",
    "sbc.addToMediaProcessor",
    "sbc.removeFromMediaProcessor()",
    "sbc.streamsSetReceiving(true, false)",
    "sbc.clearExtLocalTag()",
    "sbc.setExtLocalTag($tag)",
    "sbc.setLastReq()",
    "sbc.testSDPConnectionAddress(\"10.0.0.1,10.0.0.2\")",
];

const EVENTS: &[&str] = &[
    "legStateChange",
    "bLegRefused",
    "PutOnHold",
    "ResumeHeld",
    "CreateHoldRequest",
    "HandleHoldReply",
    "RelayInit",
    "RelayInitUAC",
    "RelayInitUAS",
    "RelayFinalize",
    "RelayOnSipRequest",
    "RelayOnSipReply",
    "RelayOnB2BRequest",
    "RelayOnB2BReply",
];

const LEG: &[&str] = &[
    "sbc.isALeg",
    "sbc.isOnHold",
    "sbc.isDisconnected",
    "sbc.isNoReply",
    "sbc.isRinging",
    "sbc.isConnected",
    "sbc.isDisconnecting",
];

fn name(call: &str) -> &str {
    call.split('(').next().unwrap_or(call)
}

#[test]
fn every_action_and_condition_of_a_leg_is_known() {
    let registry = Registry::default();
    let module = registry.module("mod_sbc").expect("the module");
    let known: Vec<_> = module
        .actions()
        .map(|action| action.name.to_string())
        .collect();
    for call in ACTIONS {
        assert!(known.iter().any(|known| known == name(call)), "{call}");
    }
    for action in &known {
        assert!(ACTIONS.iter().any(|call| name(call) == action), "{action}");
    }
    let mut conditions: Vec<_> = module.conditions().collect();
    conditions.retain(|name| event_condition(name).is_none_or(|it| it.alias_of.is_none()));
    let mut expected: Vec<_> = EVENTS.iter().chain(LEG).copied().collect();
    conditions.sort();
    expected.sort();
    assert_eq!(conditions, expected);
    // 17 actions, of which one has a second name.
    assert_eq!(known.len(), 18);
}

#[test]
fn an_action_without_a_leg_throws() {
    for call in ACTIONS {
        for kind in ["sbc", "param"] {
            let text = format!(
                "import(mod_sbc); initial state A; state B;
                 transition \"go\" A - sessionStart / {{ {call}; set($went=on); postEvent(witness, var); }} -> A;
                 transition \"no leg\" A - exception(#type == {kind}) / {{ set($cause=#cause); postEvent(witness, var); }} -> B;
                 transition \"other\" A - exception / set($other=yes) -> B;
                 transition \"bye\" (A, B) - hangup / stop(false) -> B;"
            );
            let mut scene = Scene::new("test", diagram("test", &text));
            scene.call();
            let told = scene
                .agent()
                .witness
                .pop()
                .unwrap_or_else(|| panic!("{call}: nothing is told"));
            assert!(told["cause"].contains(name(call)), "{call}: {told:?}");
            assert!(!told.contains_key("went"), "{call}");
        }
    }
}

#[test]
fn no_condition_of_a_leg_holds_outside_of_one() {
    let conditions = EVENTS
        .iter()
        .chain(LEG)
        .map(|name| format!("if {name} {{ set($held=\"{name}\"); }}"));
    let negated = LEG
        .iter()
        .map(|name| format!("if not {name} {{ inc($not); }}"));
    let actions: String = conditions.chain(negated).collect();
    let text = format!(
        "import(mod_sbc); initial state A;
         transition \"go\" A - sessionStart / {{ {actions} postEvent(witness, var); }} -> A;
         transition \"bye\" A - hangup / stop(false) -> A;"
    );
    let mut scene = Scene::new("test", diagram("test", &text));
    scene.call();
    let told = scene.agent().witness.pop().expect("it was told");
    assert_eq!(told.get("held"), None);
    assert_eq!(told["not"], LEG.len().to_string());
}
