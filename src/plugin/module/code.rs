//! Actions and conditions of loaded modules as the engine calls them.

use std::ffi::c_void;

use muleteer_sdk::abi::{Message, Text};
use muleteer_sdk::module::abi::{self, Status};
use smallvec::SmallVec;

use super::call::{Call, Place, Tail, TailAction, Told, failure};
use super::loader::Loaded;
use super::table::{ActionFacts, ConditionFacts};
use crate::dsm::module::{ActionCode, ConditionCode, Past, Refused, Resume, Resumption, Tested};
use crate::dsm::{
    Argument, Arguments, Exception, HostAction, Outcome, Scope, Then, TooManyValues, Values,
    set_errno,
};

type Done = Result<Outcome, Exception>;

/// An action of a module.
#[derive(Debug)]
pub(super) struct LoadedAction {
    module: &'static Loaded,
    name: &'static str,
    kinds: &'static [u32],
    sets_errno: bool,
    this: *mut c_void,
    run: abi::Run,
    check: Option<abi::Check>,
}

// SAFETY: the contract lets any thread call an action with the `self` of its table.
unsafe impl Sync for LoadedAction {}

impl LoadedAction {
    pub fn new(module: &'static Loaded, facts: ActionFacts) -> Self {
        Self {
            module,
            name: facts.name,
            kinds: facts.kinds,
            sets_errno: facts.takes.errno.is_some(),
            this: facts.table.this,
            run: facts.run,
            check: facts.table.check,
        }
    }
}

impl ActionCode for LoadedAction {
    fn run(&self, arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
        given_texts(self.kinds, arguments, scope, |scope, texts| {
            let mut call = Call::new(self.module, self.name, scope, Place::Action);
            call.sets_errno = self.sets_errno;
            let (live, args, count) = (call.as_abi(), texts.as_ptr(), texts.len());
            // SAFETY: the function is that of the table, the call is live, the texts are lent.
            let run = || unsafe { (self.run)(self.this, live, args, count) };
            let status = self.module.timed(self.name, run);
            ended(&mut call, status)
        })
    }

    fn check(&self, arguments: &[Option<&str>]) -> Result<(), Refused> {
        checked(self.check, self.this, arguments)
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
    check: Option<abi::Check>,
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
            check: facts.table.check,
        }
    }
}

impl ConditionCode for LoadedCondition {
    fn test(&self, arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Tested {
        given_texts(self.kinds, arguments, scope, |scope, texts| {
            let mut call = Call::new(self.module, self.name, scope, Place::Condition);
            let (live, args, count) = (call.as_abi(), texts.as_ptr(), texts.len());
            // SAFETY: as for an action.
            let test = || unsafe { (self.test)(self.this, live, args, count) };
            let status = self.module.timed(self.name, test);
            tested(&mut call, status)
        })
    }

    fn check(&self, arguments: &[Option<&str>]) -> Result<(), Refused> {
        checked(self.check, self.this, arguments)
    }
}

/// What the engine makes of the answer of a condition.
fn tested(call: &mut Call<'_, '_>, status: Status) -> Tested {
    // Without the status it made a handle and did not want it.
    if let Some(ticket) = call.told.as_mut().and_then(|told| told.pending.take())
        && status == abi::PENDING
    {
        return Tested::Wait(ticket);
    }
    match status {
        abi::TRUE => return Tested::Known(true),
        abi::FALSE => {}
        _ => complain(call, status, call.name),
    }
    Tested::Known(false)
}

/// Longest text of a finding of a module.
pub(super) const MAX_FINDING: usize = 1_024;

/// Has a module look at arguments.
fn checked(
    check: Option<abi::Check>,
    this: *mut c_void,
    arguments: &[Option<&str>],
) -> Result<(), Refused> {
    let Some(check) = check else {
        return Ok(());
    };
    let texts: SmallVec<[Text; 8]> = arguments
        .iter()
        .map(|argument| argument.map_or(abi::ABSENT, Text::new))
        .collect();
    let mut text = [0; MAX_FINDING];
    let mut finding = abi::Finding {
        text: Message {
            ptr: text.as_mut_ptr(),
            capacity: text.len(),
            len: 0,
        },
        argument: 0,
        at: 0,
    };
    // SAFETY: the function is that of the table, the texts are lent, the finding has the buffer that it names.
    let code = unsafe { check(this, texts.as_ptr(), texts.len(), &mut finding) };
    if code == abi::OK {
        return Ok(());
    }
    Err(Refused {
        text: said(&text, finding.text.len, "the module cannot use this"),
        argument: finding.argument,
        at: finding.at,
    })
}

/// Says what went wrong with a condition: a script cannot learn it by an exception.
fn complain(call: &mut Call<'_, '_>, status: Status, name: &str) {
    if status == abi::FAILED {
        let (errno, text) = failure(call.told());
        if set_errno(&errno, &text, call.scope.variables).is_ok() {
            return;
        }
        call.told().failure = Some((errno.0.into_owned(), text));
    }
    let module = call.module.name;
    tracing::warn!("{module}: {name} {}", wrong(call.told(), status));
}

/// What went wrong, for the log.
pub(super) fn wrong(told: &mut Told, status: Status) -> String {
    match (status, told.exception.take()) {
        (abi::FAILED, _) => {
            let (errno, text) = failure(told);
            format!("fails: {errno}: {text}")
        }
        (abi::THROWN, Some(exception)) => {
            let cause = exception.cause().unwrap_or_default();
            format!("throws {exception}: {cause}")
        }
        (status, _) => format!("answers {status}, which means nothing"),
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

/// What a module wrote into a buffer, as one line; `otherwise` if that is nothing.
pub(super) fn said(buffer: &[u8], len: usize, otherwise: &str) -> String {
    let text = String::from_utf8_lossy(&buffer[..len.min(buffer.len())]);
    match text.is_empty() {
        true => otherwise.to_owned(),
        false => text.replace(char::is_control, " "),
    }
}

/// Who waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker {
    pub module: &'static Loaded,
    /// Of the action or condition.
    pub name: &'static str,
    /// Of an action: success clears `$errno`.
    pub sets_errno: bool,
    /// Not an action.
    pub is_condition: bool,
}

/// What is left of an action or a condition that waited.
pub(super) struct Continuation {
    pub asker: Asker,
    /// `None`: the action ends as the other one did.
    pub given: Option<Given>,
}

impl Resume for Continuation {
    fn resume(self: Box<Self>, past: &Past, scope: &mut Scope<'_>) -> Done {
        let Some(given) = &self.given else {
            return match past {
                Past::Worked => worked(self.asker.sets_errno, scope.variables),
                Past::Failed(errno, text) => Ok(Outcome::Fail(errno.clone(), text.clone())),
                Past::Thrown(exception) => Err(exception.clone()),
            };
        };
        let asker = self.asker;
        let mut call = Call::new(asker.module, asker.name, scope, Place::Action);
        call.sets_errno = asker.sets_errno;
        call.told().past = Some(past.clone());
        let live = call.as_abi();
        // SAFETY: the function and its data are of this module, the call is live.
        let resume = || unsafe { (given.resume)(live, given.data) };
        let status = asker.module.timed(asker.name, resume);
        ended(&mut call, status)
    }

    fn decide(self: Box<Self>, scope: &mut Scope<'_>) -> Tested {
        let Asker { module, name, .. } = self.asker;
        let Some(given) = self.given.as_ref().filter(|_| self.asker.is_condition) else {
            return Tested::Known(false);
        };
        let mut call = Call::new(module, name, scope, Place::Condition);
        let live = call.as_abi();
        // SAFETY: as above.
        let resume = || unsafe { (given.resume)(live, given.data) };
        let status = module.timed(name, resume);
        tested(&mut call, status)
    }
}

/// What the engine does after an action has answered.
fn ended(call: &mut Call<'_, '_>, status: Status) -> Done {
    let mut told = match call.told.take() {
        // The usual case: nothing else is to be looked at.
        None if status == abi::DONE => return worked(call.sets_errno, call.scope.variables),
        told => told.unwrap_or_default(),
    };
    // Without the status it made a handle and did not want it.
    if let Some(ticket) = told.pending.take()
        && status == abi::PENDING
    {
        return Ok(Outcome::Perform(HostAction::Wait(ticket), Then::Nothing));
    }
    let diagram = told.diagram.take().unwrap_or_default();
    match status {
        abi::DONE => worked(call.sets_errno, call.scope.variables),
        abi::TAIL => match told.tail.take() {
            Some(tail) => follow(call, tail),
            None => Err(nonsense(call, status)),
        },
        abi::FAILED => {
            let (errno, text) = failure(&mut told);
            Ok(Outcome::Fail(errno, text))
        }
        abi::THROWN => match told.exception.take() {
            Some(exception) => Err(exception),
            None => Err(nonsense(call, status)),
        },
        abi::BREAK => Ok(Outcome::Break),
        abi::REPOST => Ok(Outcome::Repost),
        abi::RETURN => Ok(Outcome::Return),
        abi::JUMP => Ok(Outcome::Jump(diagram)),
        abi::CALL => Ok(Outcome::Call(diagram)),
        other => Err(nonsense(call, other)),
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
        asker: call.asker(),
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

/// The arguments of a call as a module gets them: what stands in the program itself, and copies of
/// values, so that what the module changes cannot change them.
fn given_texts<T>(
    kinds: &[u32],
    arguments: &Arguments<'_>,
    scope: &mut Scope<'_>,
    work: impl FnOnce(&mut Scope<'_>, &[Text]) -> T,
) -> T {
    let mut texts: SmallVec<[Text; 8]> = SmallVec::new();
    let mut copies: SmallVec<[u8; 128]> = SmallVec::new();
    // Which texts are copies, and where each begins: they may move while others are added.
    let mut copied: SmallVec<[(usize, usize); 4]> = SmallVec::new();
    for (index, argument) in arguments.list.iter().enumerate() {
        let kind = kinds
            .get(index)
            .or(kinds.last())
            .copied()
            .unwrap_or_default();
        let text = written(argument, kind).unwrap_or_else(|| {
            copied.push((index, copies.len()));
            let start = copies.len();
            match kind {
                abi::KIND_NAME_VALUE | abi::KIND_NAME_PREFIX => {
                    copies.extend_from_slice(arguments.variable_name(index, scope).as_bytes());
                }
                _ => copies.extend_from_slice(argument.text(scope).as_bytes()),
            }
            Text {
                len: copies.len() - start,
                ..abi::ABSENT
            }
        });
        scope.spend(text.len);
        texts.push(text);
    }
    for (index, start) in copied {
        texts[index].ptr = copies[start..].as_ptr();
    }
    work(scope, &texts)
}

/// What stands in the program itself, and lives as long as that; `None` if the session has to be asked.
fn written(argument: &Argument, kind: u32) -> Option<Text> {
    match argument {
        Argument::Absent => Some(abi::ABSENT),
        Argument::Name(name) => Some(Text::new(name)),
        Argument::Template(template) => {
            let is_raw = matches!(kind, abi::KIND_RAW | abi::KIND_SQL);
            is_raw.then(|| Text::new(template.source()))
        }
        argument => argument.literal().map(Text::new),
    }
}
