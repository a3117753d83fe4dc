//! The conditions that ask for a kind of event: names, meaning, parameters. The one table of them.

use crate::dsm::event::EventKind::{self, *};

/// A condition that asks for one kind of event.
#[derive(Clone, Copy, Debug)]
pub struct EventCondition {
    /// Name as written in a diagram.
    pub name: &'static str,
    /// The kind of event.
    pub kind: EventKind,
    /// When the event comes, one line.
    pub doc: &'static str,
    /// The parameters of the event in groups.
    params: &'static [Params],
    /// An older or other name of the same condition.
    pub alias_of: Option<&'static str>,
    /// Whether this version of the server raises the event; if not, the condition never holds.
    pub is_raised: bool,
}

/// A parameter that events of some kind may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventParameter {
    /// Its name without `#`. One that ends in `.NAME` stands for all that begin so, one that ends in
    /// `[N]` for the elements of an array and what is in them.
    pub name: &'static str,
    /// What it holds.
    pub doc: &'static str,
}

impl EventParameter {
    /// Whether this one, or the family that it stands for, is called `name`.
    pub fn covers(&self, name: &str) -> bool {
        match self.family() {
            Some(family) => name.starts_with(family),
            None => name == self.name,
        }
    }

    /// What all names begin with that it stands for; `None` if it is one parameter.
    pub fn family(&self) -> Option<&'static str> {
        let family = self.name.strip_suffix("NAME");
        family.or_else(|| self.name.strip_suffix("N]"))
    }
}

impl EventKind {
    /// The parameters that events of this kind may have; most may be missing.
    pub fn parameters(self) -> impl Iterator<Item = EventParameter> {
        let mut all = CORE.iter().chain(SBC);
        let (params, own) = match (self, all.find(|event| event.kind == self)) {
            (Module(event), _) => (&[][..], event.parameters),
            (_, Some(event)) => (event.params, &[][..]),
            (_, None) => (EXCEPTION, &[][..]),
        };
        parameters(params).chain(own.iter().copied())
    }

    /// Whether whoever sends the event chooses its parameters.
    pub fn has_any_params(self) -> bool {
        matches!(self, Event | B2bEvent | Exception)
    }
}

fn parameters(groups: &'static [Params]) -> impl Iterator<Item = EventParameter> {
    let rows = groups.iter().copied().flatten();
    rows.map(|&(name, doc)| EventParameter { name, doc })
}

impl EventCondition {
    /// The parameters of the event; most may be missing. An alias has those of the original.
    pub fn parameters(&self) -> impl Iterator<Item = EventParameter> {
        self.kind.parameters()
    }

    /// This version of the server does not raise it.
    const fn not_yet(mut self) -> Self {
        self.is_raised = false;
        self
    }
}

type Params = &'static [(&'static str, &'static str)];

const fn event(
    name: &'static str,
    kind: EventKind,
    doc: &'static str,
    params: &'static [Params],
) -> EventCondition {
    EventCondition {
        name,
        kind,
        doc,
        params,
        alias_of: None,
        is_raised: true,
    }
}

const fn alias(name: &'static str, kind: EventKind, of: &'static str) -> EventCondition {
    EventCondition {
        name,
        kind,
        doc: "",
        params: &[],
        alias_of: Some(of),
        is_raised: true,
    }
}

/// Of a request.
const REQUEST: Params = &[
    ("method", "method of the request"),
    ("r_uri", "request URI"),
    ("from", "From header"),
    ("to", "To header"),
    ("hdrs", "the other headers"),
];
/// Of a request that is a REFER.
const REFER: Params = &[
    ("refer_to", "URI that a REFER asks to call"),
    ("refer_method", "method that it asks for, mostly INVITE"),
    (
        "refer_replaces",
        "Replaces header of that call, if it is to replace another",
    ),
    ("referred_by", "URI of who asks, if the REFER names one"),
];
/// Of a reply, by their two names.
const REPLY: Params = &[
    ("code", "status, also as #sip_code"),
    ("reason", "reason phrase, also as #sip_reason"),
    ("sip_code", "status"),
    ("sip_reason", "reason phrase"),
];
const HEADERS: Params = &[("hdrs", "headers")];
const STATUS: Params = &[("code", "status"), ("reason", "reason phrase")];
const CSEQ: Params = &[("cseq", "sequence number")];
const DIALOG: Params = &[("dlg_status", "state of the dialog")];
const OLD_DIALOG: Params = &[("old_dlg_status", "its state before")];
const BODY: Params = &[("content_type", "type of the body"), ("body", "the body")];
const HAS_BODY: Params = &[("has_body", "true or false")];
const PARTIES: Params = &[("from", "From header"), ("to", "To header")];
/// What messages on the legs of a session border controller have besides.
const LEG: Params = &[
    ("from_tag", "tag of From"),
    ("to_tag", "tag of To"),
    ("callid", "Call-ID"),
    ("hdr.NAME", "one header"),
];
const RELAY: Params = &[("relay_event", "which step of the relay")];
/// What an exception thrown by the server has; `throw` adds any.
const EXCEPTION: &[Params] = &[&[
    ("type", "what went wrong, such as 'file'"),
    ("path", "the file, if that is the type"),
    ("name", "the prompt, if that is the type"),
    ("cause", "what exactly, in words"),
    ("text", "$strerror, if throwOnError threw it"),
]];

/// Those of the core.
pub static CORE: &[EventCondition] = &[
    event("start", Start, "The session begins.", &[]),
    event(
        "startup",
        Startup,
        "A diagram without a call is started.",
        &[],
    ),
    event(
        "reload",
        Reload,
        "The same, because its bundle was loaded again.",
        &[],
    ),
    event(
        "invite",
        Invite,
        "An INVITE came; it is answered afterwards unless the diagram replied.",
        &[&[
            (
                "remote_party",
                "who calls (only on a leg of a session border controller)",
            ),
            ("remote_uri", "whom to call back (the same)"),
            ("from", "From header (the same)"),
        ]],
    ),
    event(
        "sessionStart",
        SessionStart,
        "The call is established and media agreed on.",
        &[],
    ),
    event(
        "early",
        Early,
        "Media was agreed on before the call is answered.",
        &[],
    ),
    alias("earlySession", Early, "early"),
    event(
        "ringing",
        Ringing,
        "An outgoing call rings.",
        &[
            &[("code", "status, 180"), ("reason", "reason phrase")],
            HAS_BODY,
        ],
    ),
    event("failed", Failed, "An outgoing call was refused.", &[STATUS]),
    event(
        "hangup",
        Hangup,
        "The call is over: BYE, CANCEL, or an answer that nobody acknowledged.",
        &[&[
            ("headers", "headers of the BYE or CANCEL"),
            ("reason", "onNoAck if the ACK is missing"),
        ]],
    ),
    event(
        "beforeDestroy",
        BeforeDestroy,
        "The last event of a session.",
        &[],
    ),
    event(
        "key",
        Key,
        "A DTMF key was pressed.",
        &[&[
            (
                "key",
                "0 to 9, 10 is star, 11 is hash, 12 to 15 are A to D, 16 is the hook flash",
            ),
            ("duration", "milliseconds"),
        ]],
    ),
    alias("keyTest", Key, "key"),
    event(
        "timer",
        Timer,
        "A timer ran off.",
        &[&[("id", "the id it was set with")]],
    ),
    alias("timerTest", Timer, "timer"),
    event(
        "noAudio",
        NoAudio,
        "The playlist came to its end.",
        &[&[("type", "noAudio, or cleared if media failed")]],
    ),
    alias("noAudioTest", NoAudio, "noAudio"),
    event(
        "separator",
        Separator,
        "The playlist came to a separator.",
        &[&[("id", "the id it was added with")]],
    ),
    alias("separatorTest", Separator, "separator"),
    event(
        "recordEnd",
        RecordEnd,
        "A recording ended by itself; its file is complete.",
        &[&[
            (
                "cause",
                "length, silence, or disk if that is full or broken",
            ),
            ("length", "milliseconds in the file"),
            (
                "lost",
                "milliseconds that are missing because the disk was too slow",
            ),
            ("room", "the room, of a recording of one"),
        ]],
    ),
    event(
        "event",
        Event,
        "Somebody posted an event; its parameters are what the sender gave.",
        &[&[
            (
                "type",
                "conference_event, if a conference room sent it; conference_speaker, if another speaks most there",
            ),
            (
                "id",
                "number of a conference event: 1 somebody joined, 2 somebody left, others by conference.postEvent",
            ),
            ("room", "the room of a conference event"),
            ("participants", "members of the room after it"),
            ("member", "the session it is about, or that posted it"),
        ]],
    ),
    alias("eventTest", Event, "event"),
    event(
        "B2Bevent",
        B2bEvent,
        "The other leg of the call relayed an event; its parameters are what it gave.",
        &[],
    )
    .not_yet(),
    event(
        "sipRequest",
        SipRequest,
        "A request came in the dialog, if $enable_request_events is true; \
         #processed=true keeps the server from handling it. Also the request outside calls that began the \
         session, see [requests]; dlg.reply answers it.",
        &[REQUEST, REFER, CSEQ, BODY, LEG],
    ),
    event(
        "sipReply",
        SipReply,
        "A reply came, if $enable_reply_events is true; \
         the server has done what it asks for. Also the reply to what dlg.message sent, in any case.",
        &[
            &[(
                "method",
                "MESSAGE, if it is the reply to one of dlg.message",
            )],
            REPLY,
            HEADERS,
            CSEQ,
            DIALOG,
            OLD_DIALOG,
            BODY,
            PARTIES,
            LEG,
        ],
    ),
    event(
        "remoteDisappeared",
        RemoteDisappeared,
        "A reply says that the peer has no such dialog any more; \
         the session ends unless #processed=true.",
        &[STATUS, HEADERS, CSEQ, DIALOG],
    ),
    event(
        "transfer",
        Transfer,
        "The peer told what became of dlg.refer.",
        &[STATUS, &[("final", "true if nothing more is told")]],
    ),
    event(
        "replaced",
        Replaced,
        "Another peer has taken the call over by an INVITE with Replaces, which is answered: the call goes on \
         with it. An extension.",
        &[
            PARTIES,
            HEADERS,
            CSEQ,
            BODY,
            LEG,
            &[("replaced_callid", "Call-ID of the dialog before")],
        ],
    ),
    event(
        "sessionTimeout",
        SessionTimeout,
        "The session timer ran off; the session ends unless #processed=true.",
        &[],
    ),
    event(
        "rtpTimeout",
        RtpTimeout,
        "Nothing was heard of the peer for too long; the session ends unless #processed=true.",
        &[&[
            ("type", "rtp_timeout"),
            ("timeout_value", "seconds of silence"),
        ]],
    ),
    event(
        "B2B.otherRequest",
        B2bOtherRequest,
        "A request on the other leg.",
        &[REQUEST, LEG, &[("forward", "whether it is passed on")]],
    )
    .not_yet(),
    event(
        "B2B.otherReply",
        B2bOtherReply,
        "A reply to the INVITE of the other leg.",
        &[
            REPLY,
            HEADERS,
            PARTIES,
            LEG,
            &[
                ("forward", "whether it is passed on"),
                ("trans_method", "method of the transaction"),
            ],
        ],
    )
    .not_yet(),
    event(
        "B2B.otherBye",
        B2bOtherBye,
        "The other leg hung up; this one follows unless #processed=true.",
        &[HEADERS],
    )
    .not_yet(),
    event(
        "jsonRpcRequest",
        JsonRpcRequest,
        "A JSON-RPC request for this session.",
        &[&[
            ("ev_type", "JsonRpcRequest"),
            ("method", "method"),
            ("is_notify", "true if no answer is wanted"),
            ("id", "id of the request"),
            ("params", "the parameters, if they are one value"),
            ("params.NAME", "parameters by name"),
            ("params[N]", "parameters in order"),
        ]],
    )
    .not_yet(),
    event(
        "jsonRpcResponse",
        JsonRpcResponse,
        "A response to a JSON-RPC request of this session.",
        &[&[
            ("ev_type", "JsonRpcResponse"),
            ("id", "id of the request"),
            ("is_error", "true or false"),
            ("result", "the result, if it is one value"),
            ("result.NAME", "members of the result"),
            ("result[N]", "elements of the result"),
            ("error", "the error, if it is one value"),
            ("error.NAME", "members of the error"),
            ("udata", "what was given with the request"),
            ("udata.NAME", "members of that"),
            ("udata[N]", "elements of that"),
        ]],
    )
    .not_yet(),
    event(
        "subscription",
        Subscription,
        "The state of a SIP subscription changed.",
        &[
            &[
                ("handle", "which subscription"),
                ("status", "active, pending, failed, terminated or timeout"),
            ],
            STATUS,
            &[
                (
                    "expires",
                    "when it ends, in seconds since 1970; 0 if it has ended",
                ),
                ("expires_in", "the same in seconds from now"),
                ("subscription_reason", "why the notifier has ended it"),
                ("content_type", "type of the body"),
                ("body", "the body of the NOTIFY"),
            ],
            HAS_BODY,
        ],
    ),
    event(
        "system",
        System,
        "An event of the server; after ServerShutdown the session ends unless #processed=true.",
        &[&[("type", "ServerShutdown, User1 or User2")]],
    ),
];

/// Those of `mod_sbc`.
pub static SBC: &[EventCondition] = &[
    event(
        "legStateChange",
        LegStateChange,
        "The state of the leg changed.",
        &[
            &[
                (
                    "SBCCallStatus",
                    "Disconnected, NoReply, Ringing, Connected, Disconnecting or Unknown",
                ),
                (
                    "reason",
                    "SipRequest, SipReply, other, Canceled, NoAck, NoPrack, RtpTimeout, \
             SessionTimeout or InternalError; with the parameters of the request or reply",
                ),
                ("desc", "text for 'other'"),
                ("code", "status"),
                ("sip_code", "status"),
                ("sip_reason", "reason phrase"),
            ],
            REQUEST,
            LEG,
        ],
    )
    .not_yet(),
    event(
        "bLegRefused",
        BLegRefused,
        "The second leg was refused.",
        &[REPLY, HEADERS, PARTIES, LEG],
    )
    .not_yet(),
    alias("BLegRefused", BLegRefused, "bLegRefused"),
    event("PutOnHold", PutOnHold, "The leg is put on hold.", &[]).not_yet(),
    event(
        "ResumeHeld",
        ResumeHeld,
        "The leg is resumed.",
        &[&[("send_reinvite", "true or false")]],
    )
    .not_yet(),
    event(
        "CreateHoldRequest",
        CreateHoldRequest,
        "A hold request is being made.",
        &[],
    )
    .not_yet(),
    event(
        "HandleHoldReply",
        HandleHoldReply,
        "The reply to a hold request.",
        &[&[("succeeded", "true or false")]],
    )
    .not_yet(),
    event(
        "RelayInit",
        RelayInit,
        "Relaying outside a call begins.",
        &[&[("relay_event", "init")]],
    )
    .not_yet(),
    event(
        "RelayInitUAC",
        RelayInitUac,
        "Its client side.",
        &[RELAY, REQUEST, LEG],
    )
    .not_yet(),
    event(
        "RelayInitUAS",
        RelayInitUas,
        "Its server side.",
        &[RELAY, REQUEST, LEG],
    )
    .not_yet(),
    event(
        "RelayFinalize",
        RelayFinalize,
        "Relaying outside a call ends.",
        &[&[("relay_event", "finalize")]],
    )
    .not_yet(),
    event(
        "RelayOnSipRequest",
        RelayOnSipRequest,
        "A relayed request came.",
        &[RELAY, REQUEST, LEG],
    )
    .not_yet(),
    event(
        "RelayOnSipReply",
        RelayOnSipReply,
        "A relayed reply came.",
        &[RELAY, REQUEST, REPLY, DIALOG, OLD_DIALOG, LEG],
    )
    .not_yet(),
    event(
        "RelayOnB2BRequest",
        RelayOnB2bRequest,
        "A request from the other side.",
        &[RELAY, REQUEST, LEG],
    )
    .not_yet(),
    event(
        "RelayOnB2BReply",
        RelayOnB2bReply,
        "A reply from the other side.",
        &[RELAY, REQUEST, REPLY, DIALOG, OLD_DIALOG, LEG],
    )
    .not_yet(),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_parameter_of_a_kind_is_listed_once_and_explained() {
        let kinds = CORE.iter().chain(SBC).map(|event| event.kind);
        for kind in kinds.chain([Exception]) {
            let mut names = HashSet::new();
            for parameter in kind.parameters() {
                assert!(names.insert(parameter.name), "{kind:?} #{}", parameter.name);
                assert!(!parameter.doc.is_empty(), "{kind:?} #{}", parameter.name);
            }
        }
    }

    #[test]
    fn a_family_covers_all_that_begin_so() {
        let has = |kind: EventKind, name: &str| kind.parameters().any(|it| it.covers(name));
        assert!(has(SipRequest, "hdr.P-Asserted-Identity"));
        assert!(has(JsonRpcRequest, "params[3].name"));
        assert!(has(Key, "duration"));
        for (kind, name) in [(SipRequest, "hdr"), (Key, "dur"), (JsonRpcRequest, "param")] {
            assert!(!has(kind, name), "{name}");
        }
    }
}
