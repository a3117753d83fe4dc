//! From a [`Declaration`] to the C contract: each function keeps a panic inside.

use std::any::Any;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::{ptr, slice};

use super::abi::{self, Status, Text};
use super::context::{Args, Context, Flow};
use super::declare::{
    Action, CheckFn, Condition, Declaration, Example, Hooks, InviteReply, Parameter, Test,
    separator,
};
use super::failure::{Exception, Failure};
use super::host::{Host, check, pairs};
use crate::abi::Message;

/// Exports a module from a shared object. All but name and doc may be left out; the order is fixed.
///
/// It makes a function `muleteer_module()`, for tests. The symbol has the name of the module in it,
/// `muleteer_mod_tiny`, so that several modules can be linked into one program.
///
/// ```
/// use muleteer_sdk::module::*;
///
/// const TWICE: Action = action("tiny.twice", twice)
///     .doc("Stores a text twice.")
///     .parameters(&[need("variable", Kind::Name), need("text", Kind::Value)])
///     .equals()
///     .example(Example { code: "tiny.twice($x=ab)", expect: &[("x", "abab")] });
///
/// fn twice(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
///     cx.set(args.name(0), args.text(1).repeat(2))?;
///     Ok(Flow::Next)
/// }
///
/// export_module! {
///     name: "mod_tiny",
///     doc: "The smallest module.",
///     actions: [TWICE],
/// }
/// # fn main() {}
/// ```
///
/// The keys are `name`, `doc`, `load`, `actions`, `conditions`, `events` and `hooks`.
#[macro_export]
macro_rules! export_module {
    (
        name: $name:literal, doc: $doc:expr
        $(, load: $load:expr)?
        $(, actions: [$($action:expr),* $(,)?])?
        $(, conditions: [$($condition:expr),* $(,)?])?
        $(, events: [$($event:expr),* $(,)?])?
        $(, hooks: $hooks:expr)?
        $(,)?
    ) => {
        /// Gives the server the module of this object.
        #[allow(unsafe_code)]
        #[unsafe(export_name = concat!("muleteer_", $name))]
        pub extern "C" fn muleteer_module() -> &'static $crate::module::abi::Module {
            #[allow(unused_assignments, unused_mut)]
            static DECLARATION: $crate::module::Declaration = {
                let mut declaration = $crate::module::Declaration {
                    name: $name,
                    version: env!("CARGO_PKG_VERSION"),
                    doc: $doc,
                    load: None,
                    actions: &[],
                    conditions: &[],
                    events: &[],
                    hooks: $crate::module::Hooks::NONE,
                };
                $(declaration.load = Some($load);)?
                $({
                    const LIST: &[$crate::module::Action] = &[$($action),*];
                    declaration.actions = LIST;
                })?
                $({
                    const LIST: &[$crate::module::Condition] = &[$($condition),*];
                    declaration.conditions = LIST;
                })?
                $({
                    const LIST: &[$crate::module::Event] = &[$($event),*];
                    declaration.events = LIST;
                })?
                $(declaration.hooks = $hooks;)?
                declaration
            };
            $crate::module::table(&DECLARATION)
        }
    };
}

/// An action that is an `async fn(Owned) -> Result<Answer, Failure>`, with the default deadline of
/// five seconds. Needs the feature `tokio`.
#[macro_export]
macro_rules! action_async {
    ($name:expr, $function:expr) => {
        $crate::module::action($name, |cx, args| {
            let deadline = $crate::module::Deadline::default();
            Ok(cx.answer(deadline, $function(args.owned())))
        })
    };
}

/// A module of this object, which lives as long as the process.
pub(super) struct Loaded {
    declaration: &'static Declaration,
    host: OnceLock<Host>,
}

impl Loaded {
    pub fn name(&self) -> &'static str {
        self.declaration.name
    }
}

/// What the `self` of an action or condition points to.
struct Entry<T: 'static> {
    module: &'static Loaded,
    item: &'static T,
}

/// The table of a module; made once. There is one module, but in test binaries.
#[doc(hidden)]
pub fn table(declaration: &'static Declaration) -> &'static abi::Module {
    static TABLES: Mutex<Vec<(usize, &'static abi::Module)>> = Mutex::new(Vec::new());
    let key = ptr::from_ref(declaration).addr();
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, table)) = tables.iter().find(|(known, _)| *known == key) {
        return table;
    }
    let module = leak(Loaded {
        declaration,
        host: OnceLock::new(),
    });
    let table = leak(build(module));
    tables.push((key, table));
    table
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A list that lives for ever, as C takes it.
fn list<T: 'static>(list: impl IntoIterator<Item = T>) -> (*const T, usize) {
    let list: &'static [T] = Vec::leak(list.into_iter().collect());
    (list.as_ptr(), list.len())
}

fn texts(texts: &'static [&'static str]) -> (*const Text, usize) {
    list(texts.iter().map(|text| Text::new(text)))
}

fn entry<T>(module: &'static Loaded, item: &'static T) -> *mut c_void {
    ptr::from_ref(leak(Entry { module, item }))
        .cast_mut()
        .cast()
}

fn build(module: &'static Loaded) -> abi::Module {
    let of = module.declaration;
    let actions = of
        .actions
        .iter()
        .map(|item| action(item, entry(module, item)));
    let conditions = of
        .conditions
        .iter()
        .map(|item| condition(item, entry(module, item)));
    let (actions, action_count) = list(actions.map(|item| ptr::from_ref(leak(item))));
    let (conditions, condition_count) = list(conditions.map(|item| ptr::from_ref(leak(item))));
    let (events, event_count) = list(of.events.iter().map(|event| {
        let (parameters, parameter_count) = list(pairs(event.parameters));
        ptr::from_ref(leak(abi::Event {
            size: size_of::<abi::Event>() as u32,
            reserved: 0,
            name: Text::new(event.name),
            doc: Text::new(event.doc),
            parameters,
            parameter_count,
        }))
    }));
    abi::Module {
        size: size_of::<abi::Module>() as u32,
        abi_major: abi::ABI_MAJOR,
        abi_minor: abi::ABI_MINOR,
        name: Text::new(of.name),
        version: Text::new(of.version),
        doc: Text::new(of.doc),
        actions,
        action_count,
        conditions,
        condition_count,
        events,
        event_count,
        hooks: leak(hooks(module)),
    }
}

fn action(action: &'static Action, this: *mut c_void) -> abi::Action {
    let (parameters, parameter_count) = parameters(action.parameters);
    let (throws, throws_count) = texts(action.throws);
    let (errnos, errno_count) = texts(action.errnos);
    let (sets, sets_count) = texts(action.sets);
    let examples = &action.examples[..action.example_count];
    let (examples, example_count) = list(examples.iter().map(example));
    abi::Action {
        size: size_of::<abi::Action>() as u32,
        separator: separator(action.separator, parameter_count),
        flags: action.flags,
        reserved: 0,
        name: Text::new(action.name),
        doc: Text::new(action.doc),
        parameters,
        parameter_count,
        throws,
        throws_count,
        errnos,
        errno_count,
        sets,
        sets_count,
        examples,
        example_count,
        this,
        run: Some(run),
        check: action.check.map(|_| check_action as abi::Check),
    }
}

fn condition(condition: &'static Condition, this: *mut c_void) -> abi::Condition {
    let (parameters, parameter_count) = parameters(condition.parameters);
    abi::Condition {
        size: size_of::<abi::Condition>() as u32,
        separator: separator(condition.separator, parameter_count),
        name: Text::new(condition.name),
        doc: Text::new(condition.doc),
        parameters,
        parameter_count,
        this,
        test: Some(test),
        check: condition.check.map(|_| check_condition as abi::Check),
    }
}

fn parameters(parameters: &'static [Parameter]) -> (*const abi::Parameter, usize) {
    list(parameters.iter().map(|parameter| abi::Parameter {
        name: Text::new(parameter.name),
        kind: parameter.kind.number(),
        flags: parameter.flags,
    }))
}

fn example(example: &Example) -> abi::Example {
    let (expect, expect_count) = list(pairs(example.expect));
    abi::Example {
        code: Text::new(example.code),
        expect,
        expect_count,
    }
}

fn hooks(module: &'static Loaded) -> abi::Hooks {
    let of = &module.declaration.hooks;
    abi::Hooks {
        size: size_of::<abi::Hooks>() as u32,
        reserved: 0,
        this: ptr::from_ref(module).cast_mut().cast(),
        load: Some(load),
        session_start: of.session_start.map(|_| session_start as abi::Hook),
        invite: of.invite.map(|_| invite as abi::Hook),
        request: of.request.map(|_| request as abi::Hook),
        reply: of.reply.map(|_| reply as abi::Hook),
        before_destroy: of.before_destroy.map(|_| before_destroy as abi::Hook),
        sdp_offer: of.sdp_offer.map(|_| sdp_offer as abi::OfferHook),
        sdp_answer: of.sdp_answer.map(|_| sdp_answer as abi::AnswerHook),
        diagrams: of.diagrams.map(|_| diagrams as abi::Diagrams),
    }
}

/// Runs what may panic and whose result nobody needs.
pub(super) fn contain(work: impl FnOnce()) {
    // The panic hook has told of it.
    let _ = catch_unwind(AssertUnwindSafe(work));
}

/// Gives `work` a context; without a host, or after a panic, there is none.
///
/// # Safety
/// `call` is live.
pub(super) unsafe fn enter(
    module: &'static Loaded,
    call: *mut abi::Call,
    work: impl FnOnce(&mut Context<'_>) -> Status,
) -> Status {
    let Some(host) = module.host.get() else {
        return abi::FAILED;
    };
    let mut cx = Context {
        call,
        host: host.table(),
        module,
        life: PhantomData,
    };
    match catch_unwind(AssertUnwindSafe(|| work(&mut cx))) {
        Ok(status) => status,
        Err(panic) => {
            let exception = Exception::new("plugin").with("module", module.name());
            throw(&cx, &exception.with("cause", said(&*panic)))
        }
    }
}

/// The status of the contract for what an action gives back.
pub(super) fn answered(
    cx: &mut Context<'_>,
    action: impl FnOnce(&mut Context<'_>) -> Result<Flow, Failure>,
) -> Status {
    let diagram = |cx: &Context<'_>, name: &str, status| {
        // SAFETY: the call is live, the text is lent for this call.
        unsafe { (cx.host.flow)(cx.call, Text::new(name)) };
        status
    };
    match action(cx) {
        Ok(Flow::Next) => abi::DONE,
        Ok(Flow::Break) => abi::BREAK,
        Ok(Flow::Repost) => abi::REPOST,
        Ok(Flow::Return) => abi::RETURN,
        Ok(Flow::Jump(name)) => diagram(cx, &name, abi::JUMP),
        Ok(Flow::Call(name)) => diagram(cx, &name, abi::CALL),
        Ok(Flow::Pending) => abi::PENDING,
        Ok(Flow::Tail) => abi::TAIL,
        Ok(Flow::Holds(true)) => abi::TRUE,
        Ok(Flow::Holds(false)) => abi::FALSE,
        Ok(Flow::Failed(failure)) | Err(failure) => failed(cx, &failure),
    }
}

fn failed(cx: &Context<'_>, failure: &Failure) -> Status {
    match failure {
        Failure::Errno { errno, text } => {
            // SAFETY: the call is live, the texts are lent for this call.
            unsafe { (cx.host.fail)(cx.call, Text::new(errno), Text::new(text)) };
            abi::FAILED
        }
        Failure::Thrown(exception) => throw(cx, exception),
    }
}

fn throw(cx: &Context<'_>, exception: &Exception) -> Status {
    let params: Vec<(&str, &str)> = exception
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let params = pairs(&params);
    let kind = Text::new(&exception.kind);
    // SAFETY: the call is live, the texts are lent for this call.
    unsafe { (cx.host.raise_exception)(cx.call, kind, params.as_ptr(), params.len()) };
    abi::THROWN
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a text"))
}

/// # Safety
/// `args` is null or points to `count` texts.
unsafe fn arguments<'a>(args: *const Text, count: usize) -> Args<'a> {
    let list = match args.is_null() {
        true => &[],
        // SAFETY: as the caller says.
        false => unsafe { slice::from_raw_parts(args, count) },
    };
    Args::new(list)
}

unsafe extern "C" fn run(
    this: *mut c_void,
    call: *mut abi::Call,
    args: *const Text,
    count: usize,
) -> Status {
    // SAFETY: the host gives the `this` of the table, a live call, and lends the arguments.
    unsafe {
        let entry = &*this.cast::<Entry<Action>>();
        let args = arguments(args, count);
        enter(entry.module, call, |cx| {
            answered(cx, |cx| (entry.item.run)(cx, &args))
        })
    }
}

unsafe extern "C" fn test(
    this: *mut c_void,
    call: *mut abi::Call,
    args: *const Text,
    count: usize,
) -> Status {
    // SAFETY: as in `run`.
    unsafe {
        let entry = &*this.cast::<Entry<Condition>>();
        let args = arguments(args, count);
        enter(entry.module, call, |cx| {
            answered(cx, |cx| match entry.item.test {
                Test::AtOnce(test) => test(cx, &args).map(Flow::Holds),
                Test::Waiting(test) => test(cx, &args),
            })
        })
    }
}

unsafe extern "C" fn check_action(
    this: *mut c_void,
    args: *const Text,
    count: usize,
    finding: *mut abi::Finding,
) -> abi::Code {
    // SAFETY: the host gives the `this` of the table, lends the arguments, and has a place for the finding.
    unsafe {
        let entry = &*this.cast::<Entry<Action>>();
        check_arguments(entry.item.check, &arguments(args, count), finding)
    }
}

unsafe extern "C" fn check_condition(
    this: *mut c_void,
    args: *const Text,
    count: usize,
    finding: *mut abi::Finding,
) -> abi::Code {
    // SAFETY: as above.
    unsafe {
        let entry = &*this.cast::<Entry<Condition>>();
        check_arguments(entry.item.check, &arguments(args, count), finding)
    }
}

/// # Safety
/// `finding` is null or has the buffer that it names.
unsafe fn check_arguments(
    check: Option<CheckFn>,
    args: &Args<'_>,
    finding: *mut abi::Finding,
) -> abi::Code {
    let Some(check) = check else { return abi::OK };
    let checked = catch_unwind(AssertUnwindSafe(|| check(args)));
    let found = match checked {
        Ok(Ok(())) => return abi::OK,
        Ok(Err(found)) => found,
        Err(panic) => super::Finding::new(said(&*panic)),
    };
    // SAFETY: as the caller says.
    if let Some(finding) = unsafe { finding.as_mut() } {
        // SAFETY: as above.
        unsafe { tell(&found.text, &mut finding.text) };
        finding.argument = found.argument;
        finding.at = found.at;
    }
    abi::INVALID
}

/// Writes a text into a buffer of the host, as much as fits.
///
/// # Safety
/// The message has the buffer that it names.
unsafe fn tell(text: &str, message: &mut Message) {
    let len = text.floor_char_boundary(message.capacity);
    // SAFETY: `len` is no more than the text and the buffer have.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), message.ptr, len) };
    message.len = len;
}

unsafe extern "C" fn diagrams(
    this: *mut c_void,
    sink: abi::Sink,
    user: *mut c_void,
    problem: *mut Message,
) -> abi::Code {
    // SAFETY: the host gives the `this` of the table.
    let module = unsafe { &*this.cast::<Loaded>() };
    let (Some(host), Some(hook)) = (module.host.get(), module.declaration.hooks.diagrams) else {
        return abi::OK;
    };
    let found = catch_unwind(AssertUnwindSafe(|| hook(host)));
    match found.unwrap_or_else(|panic| Err(said(&*panic))) {
        Ok(list) => {
            for one in &list {
                // SAFETY: the texts are lent for this call; the host gave `user` for its sink.
                if !unsafe { sink(user, Text::new(&one.name), Text::new(&one.text)) } {
                    break;
                }
            }
            abi::OK
        }
        Err(text) => {
            // SAFETY: the message is null or has the buffer that it names.
            if let Some(message) = unsafe { problem.as_mut() } {
                // SAFETY: as above.
                unsafe { tell(&text, message) };
            }
            abi::INVALID
        }
    }
}

unsafe extern "C" fn load(
    this: *mut c_void,
    host: *const abi::Host,
    problem: *mut Message,
) -> abi::Code {
    // SAFETY: the host gives the `this` of the table, and its own table, which lives for ever.
    let (module, host) = unsafe { (&*this.cast::<Loaded>(), &*host) };
    let host = *module.host.get_or_init(|| Host::new(host));
    let Some(load) = module.declaration.load else {
        return abi::OK;
    };
    let loaded = catch_unwind(AssertUnwindSafe(|| load(&host)));
    let Err(text) = loaded.unwrap_or_else(|panic| Err(said(&*panic))) else {
        return abi::OK;
    };
    // SAFETY: the message is null or has the buffer that it names.
    if let Some(message) = unsafe { problem.as_mut() } {
        // SAFETY: as above.
        unsafe { tell(&text, message) };
    }
    abi::INVALID
}

/// Calls one hook of a module.
///
/// # Safety
/// `this` is that of the table, and `call` is live.
unsafe fn hook(
    this: *mut c_void,
    call: *mut abi::Call,
    work: impl FnOnce(&Hooks, &mut Context<'_>) -> Result<Status, Failure>,
) -> Status {
    // SAFETY: as the caller says.
    unsafe {
        let module = &*this.cast::<Loaded>();
        enter(module, call, |cx| {
            let result = work(&module.declaration.hooks, cx);
            result.unwrap_or_else(|failure| failed(cx, &failure))
        })
    }
}

macro_rules! hook {
    ($($name:ident)*) => {
        $(unsafe extern "C" fn $name(this: *mut c_void, call: *mut abi::Call) -> Status {
            // SAFETY: the host gives the `this` of the table and a live call.
            unsafe {
                hook(this, call, |hooks, cx| {
                    hooks.$name.map_or(Ok(()), |hook| hook(cx)).map(|()| abi::DONE)
                })
            }
        })*
    };
}

hook! { session_start request reply before_destroy }

unsafe extern "C" fn invite(this: *mut c_void, call: *mut abi::Call) -> Status {
    // SAFETY: as in `hook`.
    unsafe {
        hook(this, call, |hooks, cx| match hooks.invite {
            Some(hook) if hook(cx)? == InviteReply::Module => Ok(abi::BREAK),
            _ => Ok(abi::DONE),
        })
    }
}

unsafe extern "C" fn sdp_offer(this: *mut c_void, call: *mut abi::Call, sdp: Text) -> Status {
    // SAFETY: as in `hook`; the text is lent for this call.
    unsafe {
        hook(this, call, |hooks, cx| {
            let sdp = sdp.trusted();
            let changed = hooks.sdp_offer.map_or(Ok(None), |hook| hook(cx, sdp))?;
            replace_sdp(cx, changed)
        })
    }
}

unsafe extern "C" fn sdp_answer(
    this: *mut c_void,
    call: *mut abi::Call,
    offer: Text,
    sdp: Text,
) -> Status {
    // SAFETY: as in `hook`; the texts are lent for this call.
    unsafe {
        hook(this, call, |hooks, cx| {
            let (offer, sdp) = (offer.trusted(), sdp.trusted());
            let changed = hooks
                .sdp_answer
                .map_or(Ok(None), |hook| hook(cx, offer, sdp))?;
            replace_sdp(cx, changed)
        })
    }
}

fn replace_sdp(cx: &Context<'_>, changed: Option<String>) -> Result<Status, Failure> {
    if let Some(sdp) = changed {
        // SAFETY: the call is live, the text is lent for this call.
        let code = unsafe { (cx.host.replace_sdp)(cx.call, Text::new(&sdp)) };
        check(code, "this session description")?;
    }
    Ok(abi::DONE)
}
