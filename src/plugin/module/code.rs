//! Actions, conditions and hooks of loaded modules as the engine calls them.

use std::ffi::c_void;

use muleteer_sdk::abi::Text;
use muleteer_sdk::module::abi::{self, Status};
use smallvec::SmallVec;

use super::call::{Call, Place, Tail, TailAction, failure};
use super::loader::Loaded;
use super::pending;
use super::table::{ActionFacts, ConditionFacts};
use crate::dsm::module::{
    ActionCode, ConditionCode, Heard, Hooks, Moment, MomentKind, Past, Resume, Resumption,
};
use crate::dsm::{
    Argument, Arguments, Exception, HostAction, Outcome, Scope, Then, TooManyValues, Values,
    set_errno,
};

type Done = Result<Outcome, Exception>;

/// An action of a module.
#[derive(Debug)]
pub(super) struct LoadedAction {
    module: &'static Loaded,
    kinds: &'static [u32],
    sets_errno: bool,
    this: *mut c_void,
    run: abi::Run,
}

// SAFETY: the contract lets any thread call an action with the `self` of its table.
unsafe impl Sync for LoadedAction {}

impl LoadedAction {
    pub fn new(module: &'static Loaded, facts: ActionFacts) -> Self {
        Self {
            module,
            kinds: facts.kinds,
            sets_errno: facts.takes.errno.is_some(),
            this: facts.table.this,
            run: facts.run,
        }
    }
}

impl ActionCode for LoadedAction {
    fn run(&self, arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
        given_texts(self.kinds, arguments, scope, |scope, texts| {
            let mut call = Call::new(self.module, scope, Place::Action);
            call.sets_errno = self.sets_errno;
            // SAFETY: the function is that of the table, the call is live, the texts are lent.
            let status =
                unsafe { (self.run)(self.this, call.as_abi(), texts.as_ptr(), texts.len()) };
            ended(call, status)
        })
    }
}

/// A condition of a module.
#[derive(Debug)]
pub(super) struct LoadedCondition {
    module: &'static Loaded,
    name: &'static str,
    kinds: &'static [u32],
    this: *mut c_void,
    test: abi::Run,
}

// SAFETY: the contract lets any thread test a condition with the `self` of its table.
unsafe impl Sync for LoadedCondition {}

impl LoadedCondition {
    pub fn new(module: &'static Loaded, facts: ConditionFacts) -> Self {
        Self {
            module,
            name: facts.name,
            kinds: facts.kinds,
            this: facts.table.this,
            test: facts.test,
        }
    }
}

impl ConditionCode for LoadedCondition {
    fn test(&self, arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> bool {
        given_texts(self.kinds, arguments, scope, |scope, texts| {
            let mut call = Call::new(self.module, scope, Place::Aside);
            // SAFETY: as for an action.
            let status =
                unsafe { (self.test)(self.this, call.as_abi(), texts.as_ptr(), texts.len()) };
            match status {
                abi::TRUE => return true,
                abi::FALSE => {}
                _ => complain(&mut call, status, self.name),
            }
            false
        })
    }
}

/// Says what went wrong where a script cannot learn it by an exception.
fn complain(call: &mut Call<'_, '_>, status: Status, what: &str) {
    let module = call.module.name;
    match (status, call.said.exception.take()) {
        (abi::FAILED, _) => {
            let (errno, text) = failure(&mut call.said);
            if set_errno(&errno, &text, call.scope.variables).is_err() {
                tracing::warn!("{module}: {what}: {errno}: {text}");
            }
        }
        (abi::THROWN, Some(exception)) => {
            let cause = exception.cause().unwrap_or_default();
            tracing::warn!("{module}: {what}: {exception}: {cause}");
        }
        (status, _) => tracing::warn!("{module}: {what} answers {status}, which means nothing"),
    }
}

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

    fn hear(&self, moment: Moment<'_>, scope: &mut Scope<'_>) -> Heard {
        let hooks = self.hooks.0;
        let place = match moment {
            Moment::Offer(_) | Moment::Answer(..) => Place::Description,
            _ => Place::Aside,
        };
        let mut call = Call::new(self.module, scope, place);
        let (this, live) = (hooks.this, call.as_abi());
        // SAFETY: the functions are those of the table, the call is live, the texts are lent.
        let status = unsafe {
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
        };
        match status.unwrap_or(abi::DONE) {
            abi::DONE => call.said.sdp.take().map_or(Heard::Nothing, Heard::Replaced),
            abi::BREAK if moment.kind() == MomentKind::Invite => Heard::AnswersItself,
            other => {
                complain(&mut call, other, "a hook");
                Heard::Nothing
            }
        }
    }
}

/// Data of a module with its functions: what goes on with an action.
pub(super) struct Given {
    pub resume: abi::Resume,
    pub data: *mut c_void,
    pub drop: Option<abi::Drop>,
}

// SAFETY: the contract lets any thread pass the data on, and drop it.
unsafe impl Send for Given {}

impl Given {
    /// `None` without a function, which then has no data either.
    pub fn new(
        resume: Option<abi::Resume>,
        data: *mut c_void,
        drop: Option<abi::Drop>,
    ) -> Option<Self> {
        resume.map(|resume| Self { resume, data, drop })
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the data is the module's, and this happens once.
            unsafe { drop(self.data) }
        }
    }
}

/// What is left of an action that waited.
pub(super) struct Continuation {
    pub module: &'static Loaded,
    pub sets_errno: bool,
    /// `None`: the action ends as the other one did.
    pub given: Option<Given>,
}

impl Resume for Continuation {
    fn resume(self: Box<Self>, past: &Past, scope: &mut Scope<'_>) -> Done {
        let Some(given) = &self.given else {
            return match past {
                Past::Worked => worked(self.sets_errno, scope.variables),
                Past::Failed(errno, text) => Ok(Outcome::Fail(errno.clone(), text.clone())),
                Past::Thrown(exception) => Err(exception.clone()),
            };
        };
        let mut call = Call::new(self.module, scope, Place::Action);
        call.sets_errno = self.sets_errno;
        call.past = past.clone();
        // SAFETY: the function and its data are of this module, the call is live.
        let status = unsafe { (given.resume)(call.as_abi(), given.data) };
        ended(call, status)
    }
}

/// What the engine does after an action has answered.
fn ended(mut call: Call<'_, '_>, status: Status) -> Done {
    let pending = call.pending.take();
    if status == abi::PENDING
        && let Some(ticket) = pending
    {
        return Ok(Outcome::Perform(HostAction::Wait(ticket), Then::Nothing));
    }
    if let Some(ticket) = pending {
        // It made a handle and did not want it.
        pending::give_up(ticket.handle);
    }
    let said = &mut call.said;
    let diagram = said.diagram.take().unwrap_or_default();
    match status {
        abi::DONE => worked(call.sets_errno, call.scope.variables),
        abi::TAIL => match call.tail.take() {
            Some(tail) => follow(&mut call, tail),
            None => Err(nonsense(&call, status)),
        },
        abi::FAILED => {
            let (errno, text) = failure(said);
            Ok(Outcome::Fail(errno, text))
        }
        abi::THROWN => match said.exception.take() {
            Some(exception) => Err(exception),
            None => Err(nonsense(&call, status)),
        },
        abi::BREAK => Ok(Outcome::Break),
        abi::REPOST => Ok(Outcome::Repost),
        abi::RETURN => Ok(Outcome::Return),
        abi::JUMP => Ok(Outcome::Jump(diagram)),
        abi::CALL => Ok(Outcome::Call(diagram)),
        other => Err(nonsense(&call, other)),
    }
}

fn nonsense(call: &Call<'_, '_>, status: Status) -> Exception {
    let cause = format!("the module answers {status} without what belongs to it");
    Exception::new("plugin")
        .with("module", call.module.name)
        .with("cause", cause)
}

/// An action that worked.
fn worked(sets_errno: bool, variables: &mut Values) -> Done {
    let clear = |variables: &mut Values, name| -> Result<(), TooManyValues> {
        match variables.get(name) {
            Some(value) if !value.is_empty() => variables.set(name, ""),
            _ => Ok(()),
        }
    };
    if sets_errno {
        variables.set("errno", "")?;
        clear(variables, "strerror")?;
    }
    Ok(Outcome::Next)
}

/// Does the action that this one ends with.
fn follow(call: &mut Call<'_, '_>, tail: Tail) -> Done {
    let outcome = match tail.action {
        TailAction::Server(signature, list) => {
            let arguments = Arguments {
                signature,
                list: &list,
            };
            (signature.run())(&arguments, call.scope)
        }
        TailAction::Play {
            file,
            looped,
            front,
        } => {
            let play = HostAction::PlayMemory {
                file,
                looped,
                front,
            };
            Ok(Outcome::Perform(play, Then::Nothing))
        }
    };
    let resumption = Resumption::new(Box::new(Continuation {
        module: call.module,
        sets_errno: call.sets_errno,
        given: tail.given,
    }));
    let then = |then| Then::Resume(Box::new(then), resumption.clone());
    match outcome {
        Ok(Outcome::Next) => Ok(Outcome::Resume(Past::Worked, resumption)),
        Ok(Outcome::Fail(errno, text)) => {
            Ok(Outcome::Resume(Past::Failed(errno, text), resumption))
        }
        Err(exception) => Ok(Outcome::Resume(Past::Thrown(exception), resumption)),
        Ok(Outcome::Perform(action, after)) => Ok(Outcome::Perform(action, then(after))),
        Ok(Outcome::PerformDespite(text, action, after)) => {
            Ok(Outcome::PerformDespite(text, action, then(after)))
        }
        // The list is left: nothing goes on behind it.
        Ok(other) => Ok(other),
    }
}

/// The arguments of a call as a module gets them. They are copies: what the module changes cannot
/// change them.
fn given_texts<T>(
    kinds: &[u32],
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    work: impl FnOnce(&mut Scope<'_>, &[Text]) -> T,
) -> T {
    let mut bytes: SmallVec<[u8; 256]> = SmallVec::new();
    let mut ends: SmallVec<[Option<usize>; 8]> = SmallVec::new();
    for (index, argument) in arguments.list.iter().enumerate() {
        let kind = kinds.get(index).or(kinds.last()).copied();
        match (kind, argument) {
            (_, Argument::Absent) => {
                ends.push(None);
                continue;
            }
            (Some(abi::KIND_NAME_VALUE | abi::KIND_NAME_PREFIX), _) => {
                bytes.extend_from_slice(arguments.variable_name(index, scope).as_bytes());
            }
            (Some(abi::KIND_RAW | abi::KIND_SQL), Argument::Template(template)) => {
                bytes.extend_from_slice(template.source().as_bytes());
            }
            (_, argument) => bytes.extend_from_slice(argument.text(scope).as_bytes()),
        }
        ends.push(Some(bytes.len()));
    }
    scope.spend(bytes.len());
    let mut start = 0;
    let texts: SmallVec<[Text; 8]> = ends
        .iter()
        .map(|end| match end {
            None => abi::ABSENT,
            Some(end) => {
                let text = Text {
                    ptr: bytes[start..].as_ptr(),
                    len: end - start,
                };
                start = *end;
                text
            }
        })
        .collect();
    work(scope, &texts)
}
