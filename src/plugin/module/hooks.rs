//! What loaded modules hear of sessions, as the server tells them.
//!
//! Nothing that a hook does wrong changes what the server does: it is logged, and the call goes on.

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi;

use super::call::{Call, Place};
use super::code::wrong;
use super::diagrams::offered_by;
use super::loader::Loaded;
use crate::dsm::Scope;
use crate::dsm::module::{Heard, Hooks, Moment, MomentKind};

/// What a module hears of.
#[derive(Debug)]
pub(super) struct LoadedHooks {
    module: &'static Loaded,
    hooks: HookTable,
}

#[derive(Clone, Copy)]
struct HookTable(&'static abi::Hooks);

impl std::fmt::Debug for HookTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hooks")
    }
}

impl LoadedHooks {
    pub fn new(module: &'static Loaded, hooks: &'static abi::Hooks) -> Self {
        let hooks = HookTable(hooks);
        Self { module, hooks }
    }
}

impl Hooks for LoadedHooks {
    fn module(&self) -> &'static str {
        self.module.name
    }

    fn wants(&self, kind: MomentKind) -> bool {
        let hooks = self.hooks.0;
        match kind {
            MomentKind::SessionStart => hooks.session_start.is_some(),
            MomentKind::Invite => hooks.invite.is_some(),
            MomentKind::Request => hooks.request.is_some(),
            MomentKind::Reply => hooks.reply.is_some(),
            MomentKind::BeforeDestroy => hooks.before_destroy.is_some(),
            MomentKind::Offer => hooks.sdp_offer.is_some(),
            MomentKind::Answer => hooks.sdp_answer.is_some(),
        }
    }

    fn diagrams(&self) -> Result<Vec<(String, String)>, String> {
        let hooks = self.hooks.0;
        let Some(diagrams) = hooks.diagrams else {
            return Ok(Vec::new());
        };
        offered_by(diagrams, hooks.this)
    }

    fn hear(&self, moment: Moment<'_>, scope: &mut Scope<'_>) -> Heard {
        let place = match moment {
            Moment::Offer(_) | Moment::Answer(..) => Place::Description,
            _ => Place::Aside,
        };
        let name = name(moment.kind());
        let mut call = Call::new(self.module, name, scope, place);
        let status = self.module.timed(name, || self.call(moment, &mut call));
        match status.unwrap_or(abi::DONE) {
            abi::DONE => {
                let sdp = call.told.take().and_then(|told| told.sdp);
                sdp.map_or(Heard::Nothing, Heard::Replaced)
            }
            abi::BREAK if moment.kind() == MomentKind::Invite => Heard::AnswersItself,
            other => {
                let module = self.module.name;
                let wrong = wrong(call.told(), other);
                tracing::warn!("{module}: the hook {name} {wrong}");
                Heard::Nothing
            }
        }
    }
}

impl LoadedHooks {
    /// `None`: there is no such hook.
    fn call(&self, moment: Moment<'_>, call: &mut Call<'_, '_>) -> Option<abi::Status> {
        let hooks = self.hooks.0;
        let (this, live) = (hooks.this, call.as_abi());
        // SAFETY: the functions are those of the table, the call is live, the texts are lent.
        unsafe {
            let plain = |hook: Option<abi::Hook>| hook.map(|hook| hook(this, live));
            match moment {
                Moment::SessionStart => plain(hooks.session_start),
                Moment::Invite => plain(hooks.invite),
                Moment::Request => plain(hooks.request),
                Moment::Reply => plain(hooks.reply),
                Moment::BeforeDestroy => plain(hooks.before_destroy),
                Moment::Offer(sdp) => hooks.sdp_offer.map(|hook| hook(this, live, Text::new(sdp))),
                Moment::Answer(offer, sdp) => hooks
                    .sdp_answer
                    .map(|hook| hook(this, live, Text::new(offer), Text::new(sdp))),
            }
        }
    }
}

/// As the contract calls it.
fn name(kind: MomentKind) -> &'static str {
    match kind {
        MomentKind::SessionStart => "session_start",
        MomentKind::Invite => "invite",
        MomentKind::Request => "request",
        MomentKind::Reply => "reply",
        MomentKind::BeforeDestroy => "before_destroy",
        MomentKind::Offer => "sdp_offer",
        MomentKind::Answer => "sdp_answer",
    }
}
