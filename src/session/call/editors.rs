//! Modules that change our session descriptions before they are sent.
//!
//! They see the description and the name of the session, nothing else of it: descriptions are made in the
//! middle of whatever a script or peer is doing. What a module gives is sent if it has the same media
//! sections and a peer that knows the RFC and no more can read it.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

use crate::dsm::module::{Heard, Hooks, Moment, MomentKind};
use crate::dsm::{
    ActionContext, ActionError, ActionOutcome, EventKind, HostAction, LogLevel, Problem, Scope,
    Values,
};
use crate::sdp::{SessionDescription, is_strict};
use crate::session::event::SessionId;

/// See the module's documentation.
#[derive(Debug, Clone)]
pub struct Editors {
    session: SessionId,
    hooks: Vec<&'static dyn Hooks>,
}

impl Editors {
    /// Those of `hooks` that hear of descriptions; `None` if there are none.
    pub fn new(session: SessionId, hooks: &[&'static dyn Hooks]) -> Option<Self> {
        let wants = |hook: &&&'static dyn Hooks| {
            hook.wants(MomentKind::Offer) || hook.wants(MomentKind::Answer)
        };
        let hooks: Vec<_> = hooks.iter().filter(wants).copied().collect();
        (!hooks.is_empty()).then_some(Self { session, hooks })
    }

    /// Our offer as it is sent.
    pub fn offer(&self, offer: String) -> String {
        self.edit(offer, None)
    }

    /// Our answer as it is sent.
    pub fn answer(&self, offer: &[u8], answer: String) -> String {
        self.edit(answer, Some(&String::from_utf8_lossy(offer)))
    }

    fn edit(&self, mut ours: String, offer: Option<&str>) -> String {
        for hook in &self.hooks {
            let moment = match offer {
                None => Moment::Offer(&ours),
                Some(offer) => Moment::Answer(offer, &ours),
            };
            if !hook.wants(moment.kind()) {
                continue;
            }
            let mut variables = Values::new();
            let heard = hook.hear(
                moment,
                &mut Scope {
                    variables: &mut variables,
                    event: EventKind::Invite,
                    params: None,
                    host: &mut Name(&self.session),
                    spent: Cell::default(),
                    verdicts: &mut Default::default(),
                },
            );
            let Heard::Replaced(text) = heard else {
                continue;
            };
            match is_like(&ours, &text) {
                true => ours = text,
                false => tracing::warn!(
                    session = %self.session,
                    "{} makes a session description that cannot be sent: it is left out",
                    hook.module()
                ),
            }
        }
        ours
    }
}

/// Whether `text` has the media sections of `ours` and any peer can read it.
fn is_like(ours: &str, text: &str) -> bool {
    let sections = |text: &str| {
        let description = SessionDescription::parse(text.as_bytes()).ok()?;
        let sections = description.media.into_iter();
        let sections = sections.map(|media| (media.media, media.port, media.protocol));
        Some(sections.collect::<Vec<_>>())
    };
    sections(text).is_some_and(|theirs| Some(theirs) == sections(ours)) && is_strict(text)
}

/// A session of which only the name is in reach.
struct Name<'a>(&'a SessionId);

impl ActionContext for Name<'_> {
    fn select(&self, name: &str) -> Option<String> {
        (name == "local_tag").then(|| self.0.to_string())
    }

    fn perform(&mut self, action: &HostAction, _: &mut Values) -> ActionOutcome {
        ActionError::from(action.unavailable("while a session description is made")).into()
    }

    /// Not from the session's own numbers: those are in the diagram's hands meanwhile.
    fn random(&mut self) -> u64 {
        RandomState::new().hash_one(&self.0.0)
    }

    fn log(&mut self, _: LogLevel, _: &str) {}

    fn problem(&mut self, _: &Problem) {}
}
