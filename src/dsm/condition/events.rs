//! The conditions that ask for a kind of event: names, meaning, parameters.

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
    /// The parameters of the event, and what each holds; most may be missing.
    pub params: &'static [(&'static str, &'static str)],
    /// An older or other name of the same condition.
    pub alias_of: Option<&'static str>,
    /// Whether this version of the server raises the event; if not, the condition never holds.
    pub is_raised: bool,
}

impl EventCondition {
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
    params: Params,
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

/// What the parameters of a request on an SBC leg are.
const REQUEST: Params = &[
    ("method", "method of the request"),
    ("r_uri", "request URI"),
    ("from", "From header"),
    ("to", "To header"),
    ("hdrs", "the other headers"),
    ("from_tag", "tag of From"),
    ("to_tag", "tag of To"),
    ("callid", "Call-ID"),
    ("hdr.NAME", "one header"),
];
const REPLY: Params = &[
    ("sip_code", "status"),
    ("sip_reason", "reason phrase"),
    ("from", "From header"),
    ("to", "To header"),
    ("from_tag", "tag of From"),
    ("to_tag", "tag of To"),
    ("callid", "Call-ID"),
    ("hdrs", "the other headers"),
    ("hdr.NAME", "one header"),
];

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
        &[],
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
    )
    .not_yet(),
    alias("earlySession", Early, "early"),
    event(
        "ringing",
        Ringing,
        "An outgoing call rings.",
        &[
            ("code", "status, 180"),
            ("reason", "reason phrase"),
            ("has_body", "true or false"),
        ],
    ),
    event(
        "failed",
        Failed,
        "An outgoing call was refused.",
        &[("code", "status"), ("reason", "reason phrase")],
    ),
    event(
        "hangup",
        Hangup,
        "The call is over: BYE, CANCEL, or an answer that nobody acknowledged.",
        &[
            ("headers", "headers of the BYE or CANCEL"),
            ("reason", "onNoAck if the ACK is missing"),
        ],
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
        &[
            ("key", "0 to 9, 10 is star, 11 is hash, 12 to 15 are A to D"),
            ("duration", "milliseconds"),
        ],
    ),
    alias("keyTest", Key, "key"),
    event(
        "timer",
        Timer,
        "A timer ran off.",
        &[("id", "the id it was set with")],
    ),
    alias("timerTest", Timer, "timer"),
    event(
        "noAudio",
        NoAudio,
        "The playlist came to its end.",
        &[("type", "noAudio, or cleared if media failed")],
    ),
    alias("noAudioTest", NoAudio, "noAudio"),
    event(
        "separator",
        Separator,
        "The playlist came to a separator.",
        &[("id", "the id it was added with")],
    ),
    alias("separatorTest", Separator, "separator"),
    event(
        "event",
        Event,
        "Somebody posted an event; its parameters are what the sender gave.",
        &[],
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
         #processed=true keeps the server from handling it.",
        &[
            ("method", "method"),
            ("r_uri", "request URI"),
            ("from", "From header"),
            ("to", "To header"),
            ("hdrs", "the other headers"),
            ("cseq", "sequence number"),
            ("content_type", "type of the body"),
            ("body", "the body"),
        ],
    ),
    event(
        "sipReply",
        SipReply,
        "A reply came, if $enable_reply_events is true; \
         #processed=true keeps the server from handling it.",
        &[
            ("code", "status, also as #sip_code"),
            ("reason", "reason phrase, also as #sip_reason"),
            ("hdrs", "headers"),
            ("cseq", "sequence number"),
            ("dlg_status", "state of the dialog"),
            ("old_dlg_status", "its state before"),
            ("content_type", "type of the body"),
            ("body", "the body"),
        ],
    )
    .not_yet(),
    event(
        "remoteDisappeared",
        RemoteDisappeared,
        "A reply says that the peer has no such dialog any more; \
         the session ends unless #processed=true.",
        &[
            ("code", "status"),
            ("reason", "reason phrase"),
            ("hdrs", "headers"),
            ("cseq", "sequence number"),
            ("dlg_status", "state of the dialog"),
        ],
    )
    .not_yet(),
    event(
        "sessionTimeout",
        SessionTimeout,
        "The session timer ran off; the session ends unless #processed=true.",
        &[],
    )
    .not_yet(),
    event(
        "rtpTimeout",
        RtpTimeout,
        "Nothing was heard of the peer for too long; the session ends unless #processed=true.",
        &[
            ("type", "rtp_timeout"),
            ("timeout_value", "seconds of silence"),
        ],
    ),
    event(
        "B2B.otherRequest",
        B2bOtherRequest,
        "A request on the other leg.",
        REQUEST,
    )
    .not_yet(),
    event(
        "B2B.otherReply",
        B2bOtherReply,
        "A reply to the INVITE of the other leg.",
        &[
            ("code", "status, also as #sip_code"),
            ("reason", "reason phrase, also as #sip_reason"),
            ("hdrs", "headers"),
        ],
    )
    .not_yet(),
    event(
        "B2B.otherBye",
        B2bOtherBye,
        "The other leg hung up; this one follows unless #processed=true.",
        &[("hdrs", "headers")],
    )
    .not_yet(),
    event(
        "jsonRpcRequest",
        JsonRpcRequest,
        "A JSON-RPC request for this session.",
        &[
            ("ev_type", "JsonRpcRequest"),
            ("method", "method"),
            ("is_notify", "true if no answer is wanted"),
            ("id", "id of the request"),
            ("params", "parameters, as struct or array"),
        ],
    )
    .not_yet(),
    event(
        "jsonRpcResponse",
        JsonRpcResponse,
        "A response to a JSON-RPC request of this session.",
        &[
            ("ev_type", "JsonRpcResponse"),
            ("id", "id of the request"),
            ("is_error", "true or false"),
            ("result", "the result, as struct or array"),
            ("error", "the error"),
            ("udata", "what was given with the request"),
        ],
    )
    .not_yet(),
    event(
        "subscription",
        Subscription,
        "The state of a SIP subscription changed.",
        &[
            ("status", "active, pending, failed, terminated or timeout"),
            ("code", "status of the reply"),
            ("reason", "reason phrase"),
            ("expires", "seconds"),
            ("has_body", "true or false"),
        ],
    )
    .not_yet(),
    event(
        "system",
        System,
        "An event of the server; after ServerShutdown the session ends unless #processed=true.",
        &[("type", "ServerShutdown, User1 or User2")],
    ),
];

/// Those of `mod_sbc`.
pub static SBC: &[EventCondition] = &[
    event(
        "legStateChange",
        LegStateChange,
        "The state of the leg changed.",
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
        ],
    )
    .not_yet(),
    event(
        "bLegRefused",
        BLegRefused,
        "The second leg was refused.",
        REPLY,
    )
    .not_yet(),
    alias("BLegRefused", BLegRefused, "bLegRefused"),
    event("PutOnHold", PutOnHold, "The leg is put on hold.", &[]).not_yet(),
    event(
        "ResumeHeld",
        ResumeHeld,
        "The leg is resumed.",
        &[("send_reinvite", "true or false")],
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
        &[("succeeded", "true or false")],
    )
    .not_yet(),
    event(
        "RelayInit",
        RelayInit,
        "Relaying outside a call begins.",
        &[("relay_event", "init")],
    )
    .not_yet(),
    event("RelayInitUAC", RelayInitUac, "Its client side.", REQUEST).not_yet(),
    event("RelayInitUAS", RelayInitUas, "Its server side.", REQUEST).not_yet(),
    event(
        "RelayFinalize",
        RelayFinalize,
        "Relaying outside a call ends.",
        &[("relay_event", "finalize")],
    )
    .not_yet(),
    event(
        "RelayOnSipRequest",
        RelayOnSipRequest,
        "A relayed request came.",
        REQUEST,
    )
    .not_yet(),
    event(
        "RelayOnSipReply",
        RelayOnSipReply,
        "A relayed reply came.",
        REPLY,
    )
    .not_yet(),
    event(
        "RelayOnB2BRequest",
        RelayOnB2bRequest,
        "A request from the other side.",
        REQUEST,
    )
    .not_yet(),
    event(
        "RelayOnB2BReply",
        RelayOnB2bReply,
        "A reply from the other side.",
        REPLY,
    )
    .not_yet(),
];
