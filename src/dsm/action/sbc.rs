//! `mod_sbc`: the legs of a session border controller. This server has none yet: every action is
//! refused at run time, and no leg condition holds.

use super::Run;
use super::module::{ModuleAction, ModuleCondition, call};
use crate::dsm::condition::events;
use crate::dsm::registry::{
    Kind, Module, Parameter, Separator, Signature, any, asks, may, need, row, takes,
};

const NAME: &str = "mod_sbc";
const NOTHING: &[Parameter] = &[];
const SWITCH: &[Parameter] = &[need("switch", Kind::Value)];
const STATUS: &[Parameter] = &[need("variable", Kind::Name)];

/// The module.
pub fn module() -> Module {
    let module = Module::new(NAME)
        .signatures(SIGNATURES)
        .asks(LEG_CONDITIONS);
    events::SBC.iter().fold(module, Module::event)
}

const fn is(name: &'static str, doc: &'static str) -> (ModuleCondition, Signature) {
    (ModuleCondition::Sbc, asks(name, NOTHING, doc))
}

/// False outside of a leg.
const LEG_CONDITIONS: &[(ModuleCondition, Signature)] = &[
    is("sbc.isALeg", "Holds on the leg of the caller."),
    is("sbc.isOnHold", "Holds while the leg is on hold."),
    is(
        "sbc.isDisconnected",
        "Holds while the leg has no other leg.",
    ),
    is(
        "sbc.isNoReply",
        "Holds while the other side has not replied.",
    ),
    is("sbc.isRinging", "Holds while the other side rings."),
    is("sbc.isConnected", "Holds while the legs are connected."),
    is(
        "sbc.isDisconnecting",
        "Holds while the leg is being taken off the other.",
    ),
];

const DO: Run = |arguments, scope| call(arguments, scope, ModuleAction::Sbc);

const fn leg(name: &'static str, parameters: &'static [Parameter], doc: &'static str) -> Signature {
    row(name, parameters, DO, doc)
        .throws(&["sbc #cause"])
        .unavailable()
}

const SIGNATURES: &[Signature] = &[
    leg(
        "sbc.profileSet",
        &[need("option", Kind::Value), need("value", Kind::Value)],
        "Sets an option of the call's profile; of use in 'start'.",
    )
    .errno(&["arg"]),
    leg(
        "sbc.stopCall",
        &[need("reason", Kind::Value)],
        "Ends both legs.",
    ),
    leg(
        "sbc.disconnect",
        &[
            need("hold", Kind::Flag("hold")),
            may("keep_media", Kind::Flag("keep_media")),
        ],
        "Takes this leg off the other.",
    ),
    leg(
        "sbc.sendDisconnectEvent",
        &[need("hold", Kind::Flag("hold"))],
        "The same, queued behind other events.",
    ),
    leg("sbc.putOnHold", NOTHING, "Puts the leg on hold."),
    leg("sbc.resumeHeld", NOTHING, "Resumes the leg."),
    leg(
        "sbc.getCallStatus",
        STATUS,
        "The state of the leg, as one word.",
    ),
    leg(
        "sbc.getSBCCallStatus",
        STATUS,
        "Another name of sbc.getCallStatus.",
    ),
    leg(
        "sbc.relayReliableEvent",
        &[
            need("list", Kind::Names),
            need("processed", Kind::Names),
            may("unprocessed", Kind::Names),
        ],
        "Sends 'B2Bevent' to the other leg; the second or third list comes back, by whether it was \
         processed.",
    ),
    leg(
        "sbc.addCallee",
        &[need("by", Kind::Value), need("struct", Kind::Name)],
        "Adds a leg: 'var' with the properties in a struct, 'ltag' for an existing call.",
    ),
    leg(
        "sbc.enableRelayDTMFReceiving",
        SWITCH,
        "Listens for keys in relayed media or not.",
    )
    .errno(&["arg"]),
    leg(
        "sbc.addToMediaProcessor",
        NOTHING,
        "Has the media of the leg processed here.",
    ),
    leg(
        "sbc.removeFromMediaProcessor",
        NOTHING,
        "Does not have it processed here.",
    ),
    leg(
        "sbc.streamsSetReceiving",
        &[need("a", Kind::Value), need("b", Kind::Value)],
        "Takes or drops the RTP of each side.",
    ),
    leg(
        "sbc.clearExtLocalTag",
        NOTHING,
        "Forgets the tag shown outside.",
    ),
    leg(
        "sbc.setExtLocalTag",
        &[need("tag", Kind::Value)],
        "Shows another tag outside.",
    ),
    leg(
        "sbc.setLastReq",
        NOTHING,
        "Keeps the current request for a later reply.",
    ),
    takes(
        "sbc.testSDPConnectionAddress",
        Separator::OuterCommas(usize::MAX),
        &[any("address", Kind::Value)],
        DO,
        "Looks for the address of the reply's SDP in a list; $match_connection_addr becomes true or \
         false.",
    )
    .sets(&["$match_connection_addr"])
    .throws(&["sbc #cause"])
    .unavailable(),
];
