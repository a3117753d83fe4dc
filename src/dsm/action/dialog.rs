//! `mod_dlg`: replies, requests and calls of a script.

use super::module::ModuleAction::{DialOut, Dialog, Message, Missing};
use super::module::{ModuleCondition, call, call_checked, call_named, call_then};
use super::{Done, Then, bad_argument};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::host::Exception;
use crate::dsm::registry::{Kind, Module, Parameter, Signature, asks, may, need, row};

/// What is written in `import(..)`.
pub const NAME: &str = "mod_dlg";

const CODE: Parameter = need("code", Kind::Value);
const REASON: Parameter = may("reason", Kind::Value);
const TYPE: Parameter = need("type", Kind::Value);
const VARIABLE: Parameter = need("variable", Kind::Name);
const PART: &[Parameter] = &[TYPE, need("variable", Kind::NameValue)];
const ANSWER: &[&str] = &["arg", "general"];
const THROWS: &[&str] = &["dlg #cause"];

/// What a script does with the call or request of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in the table")]
pub enum DialogAction {
    AcceptInvite,
    Bye,
    GetOtherId,
    GetReplyBody,
    GetRequestBody,
    GetRtpRelayMode,
    Info,
    NotifyRefer,
    Refer,
    Reply,
    ReplyRequest,
}

/// What a script asks about the message that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in the table")]
pub enum DialogCondition {
    ReplyHasContentType,
    RequestHasContentType,
}

use DialogAction::*;
use DialogCondition::*;

/// The module.
pub fn module() -> Module {
    Module::new(NAME).signatures(SIGNATURES).asks(&[
        (
            ModuleCondition::Dialog(RequestHasContentType),
            asks(
                "dlg.requestHasContentType",
                &[TYPE],
                "Holds if the body of the request being processed has a part of this type.",
            ),
        ),
        (
            ModuleCondition::Dialog(ReplyHasContentType),
            asks(
                "dlg.replyHasContentType",
                &[TYPE],
                "Holds if the body of the reply being processed has a part of this type.",
            ),
        ),
    ])
}

const SIGNATURES: &[Signature] = &[
    row(
        "dlg.reply",
        &[CODE, REASON],
        |a, s| reply(a, s, Reply),
        "Replies to the INVITE of the caller, without a session description. $dlg.reply.hdrs has header \
         lines to add.",
    )
    .errno(ANSWER),
    row(
        "dlg.replyRequest",
        &[CODE, REASON],
        |a, s| reply(a, s, ReplyRequest),
        "The same for the request of the 'sipRequest' or 'invite' being processed; set \
         #processed=true as well. A 2xx to a REFER takes it, see dlg.notifyRefer.",
    )
    .errno(&["arg", "general", "dlg"])
    .throws(THROWS),
    row(
        "dlg.acceptInvite",
        &[may("code", Kind::Value), REASON],
        accept,
        "Replies to the INVITE of the caller with a session description: 200 OK, or 180 to 199 for media \
         before the answer. If that cannot be, the caller is refused and the session stopped.",
    )
    .errno(&["arg", "general", "dlg"]),
    row(
        "dlg.bye",
        &[may("headers", Kind::Value)],
        |a, s| call_checked(a, s, Dialog(Bye)),
        "Ends the call: BYE, CANCEL, or 487 to an INVITE that was not answered. The session goes on.",
    )
    .errno(ANSWER),
    row(
        "dlg.connectCalleeRelayed",
        &[need("party", Kind::Value), need("uri", Kind::Value)],
        |a, s| call(a, s, Missing("script")),
        "Invites a callee with the INVITE of the caller.",
    )
    .throws(&["script #cause"])
    .unavailable(),
    row(
        "dlg.dialout",
        &[need("prefix", Kind::NamePrefix)],
        |a, s| call_named(a, s, 0, DialOut, |_| Then::ClearFailure),
        "Places a call that variables with this prefix describe: PREFIX_caller, PREFIX_callee, \
         PREFIX_domain, PREFIX_app; also PREFIX_r_uri, PREFIX_from, PREFIX_from_uri, PREFIX_to, \
         PREFIX_auth_user, PREFIX_auth_pwd, PREFIX_auth_realm, PREFIX_ltag, PREFIX_hdrs, \
         PREFIX_var.NAME, and as an extension PREFIX_replaces: the dialog that it takes the place of, as \
         #refer_replaces has it. $PREFIX_ltag becomes the id of its session.",
    )
    .errno(ANSWER)
    .sets(&["$PREFIX_ltag"]),
    row(
        "dlg.getRequestBody",
        PART,
        |a, s| part(a, s, GetRequestBody),
        "The body of this type, or the part of it, of the request being processed. Without one the \
         variable is removed.",
    )
    .throws(THROWS),
    row(
        "dlg.getReplyBody",
        PART,
        |a, s| part(a, s, GetReplyBody),
        "The same of the reply of the 'sipReply' being processed.",
    )
    .throws(THROWS),
    row(
        "dlg.getOtherId",
        &[VARIABLE],
        |a, s| tell(a, s, GetOtherId),
        "The id of the second leg; empty without one.",
    ),
    row(
        "dlg.getRtpRelayMode",
        &[VARIABLE],
        |a, s| tell(a, s, GetRtpRelayMode),
        "RTP_Direct, RTP_Relay or RTP_Transcoding.",
    ),
    row(
        "dlg.refer",
        &[
            need("target", Kind::Value),
            may("seconds", Kind::Value),
            may("replaces", Kind::Value),
        ],
        refer,
        "Asks the peer of the established call to call somebody else; 'transfer' tells what becomes of it. \
         As an extension replaces names a dialog that the call is to take the place of: \
         CALLID;to-tag=TAG;from-tag=TAG, the first tag that of whom is called.",
    )
    .errno(&["dlg"])
    .throws(&["sbc #cause"]),
    row(
        "dlg.notifyRefer",
        &[CODE, REASON],
        |a, s| reply(a, s, NotifyRefer),
        "Tells the peer what became of the latest REFER that dlg.replyRequest took with a 2xx and whose end is \
         not told: 100 to 199 how it goes, from 200 on how it ended. An extension.",
    )
    .errno(&["arg", "dlg"]),
    row(
        "dlg.info",
        &[TYPE, may("body", Kind::Value)],
        info,
        "Sends an INFO in the established call; \\r\\n in the body is a line break, an empty type sends none.",
    )
    .errno(&["dlg"])
    .throws(&["sbc #cause"]),
    row(
        "dlg.message",
        &[need("to", Kind::Value), need("text", Kind::Value), may("type", Kind::Value)],
        |a, s| call_checked(a, s, Message),
        "Sends a MESSAGE outside the call, also without one; its answer comes as 'sipReply'. \\r\\n in the text is a \
         line break, the type is text/plain if none is given. $dlg.message.from is who sends it, by default who we \
         are in the call; also $dlg.message.hdrs, $dlg.message.auth_user, $dlg.message.auth_pwd, \
         $dlg.message.auth_realm, $dlg.message.proxy. An extension.",
    )
    .errno(&["arg", "general"]),
    row(
        "dlg.relayReply",
        &[CODE, REASON],
        |a, s| call(a, s, Missing("sbc")),
        "Answers the request that came from the second leg.",
    )
    .errno(&["arg"])
    .throws(&["sbc #cause"])
    .unavailable(),
    row(
        "dlg.relayError",
        &[CODE, REASON],
        |a, s| call(a, s, Missing("sbc")),
        "Another name of dlg.relayReply.",
    )
    .errno(&["arg"])
    .throws(&["sbc #cause"])
    .unavailable(),
    row(
        "dlg.addReplyBodyPart",
        &[TYPE, need("text", Kind::Value)],
        |a, s| call(a, s, Missing("dlg")),
        "Adds a part to the reply being relayed.",
    )
    .throws(THROWS)
    .unavailable(),
    row(
        "dlg.deleteReplyBodyPart",
        &[TYPE],
        |a, s| call(a, s, Missing("dlg")),
        "Takes the first part of this type out of the reply being relayed.",
    )
    .throws(THROWS)
    .unavailable(),
];

/// Replies that a script may send.
const REPLIES: std::ops::RangeInclusive<u32> = 100..=699;
/// Of these, those that can have a session description.
const DESCRIBING: std::ops::RangeInclusive<u32> = 180..=200;

fn reply(arguments: &Arguments<'_>, scope: &mut Scope<'_>, action: DialogAction) -> Done {
    match arguments.unsigned(0, scope) {
        Some(code) if REPLIES.contains(&code) => call_checked(arguments, scope, Dialog(action)),
        _ => bad_argument("the code of a reply is a number from 100 to 699"),
    }
}

fn accept(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match arguments.unsigned(0, scope) {
        code if !arguments.is_written(0) || code.is_some_and(|code| DESCRIBING.contains(&code)) => {
            call_checked(arguments, scope, Dialog(AcceptInvite))
        }
        _ => bad_argument("an INVITE is accepted with 200, or with 180 to 199 before that"),
    }
}

fn refer(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let is_left_out = arguments.is_written(2) && arguments.text(1, scope).trim().is_empty();
    if arguments.is_written(1) && !is_left_out && arguments.signed(1, scope).is_none() {
        return Err(malformed("the seconds of dlg.refer are no number"));
    }
    call_checked(arguments, scope, Dialog(Refer))
}

fn info(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let text = arguments.text(0, scope);
    let is_type = text.split_once('/').is_some_and(|(kind, subtype)| {
        !kind.trim().is_empty() && !subtype.trim().is_empty() && !text.contains(char::is_control)
    });
    if !text.is_empty() && !is_type {
        return Err(malformed(
            "the type of dlg.info is none: write TYPE/SUBTYPE",
        ));
    }
    call_checked(arguments, scope, Dialog(Info))
}

/// What these actions throw by an old custom.
fn malformed(cause: &str) -> Exception {
    Exception::new("sbc").with("cause", cause)
}

/// An action that cannot fail and whose result one variable gets.
fn tell(arguments: &Arguments<'_>, scope: &mut Scope<'_>, action: DialogAction) -> Done {
    let then = Then::StoreOrRemove(arguments.name(0).to_owned());
    call_then(arguments, scope, Dialog(action), then)
}

fn part(arguments: &Arguments<'_>, scope: &mut Scope<'_>, action: DialogAction) -> Done {
    let store = |name: &str| Then::StoreOrRemove(name.to_owned());
    call_named(arguments, scope, 1, Dialog(action), store)
}
