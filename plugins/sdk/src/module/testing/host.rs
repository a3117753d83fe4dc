//! The host functions behind a [`ModuleTest`](super::ModuleTest).

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::slice;
use std::sync::mpsc::Sender;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::super::abi::{self, Code, Text};
use super::{Completion, Given, Object, Played, Sent, Session, Tail, text};

/// What all tests of a process share.
#[derive(Default)]
struct Shared {
    loaded: HashMap<String, Result<(), String>>,
    logged: Vec<(String, String)>,
    sent: HashMap<String, Vec<Sent>>,
    handles: HashMap<u64, (Sender<Completion>, Option<abi::Cancel>)>,
    last_handle: u64,
}

/// The table, and behind it what it belongs to.
#[repr(C)]
struct Own {
    table: abi::Host,
    module: &'static abi::Module,
    config: String,
}

fn shared() -> MutexGuard<'static, Shared> {
    static SHARED: LazyLock<Mutex<Shared>> = LazyLock::new(Mutex::default);
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads a module, once in a process.
pub(super) fn load(module: &'static abi::Module, config: &str) -> Result<(), String> {
    static LOADING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    let name = text(module.name).to_owned();
    if let Some(loaded) = shared().loaded.get(&name) {
        return loaded.clone();
    }
    let own: &'static Own = Box::leak(Box::new(Own {
        table: TABLE,
        module,
        config: config.to_owned(),
    }));
    let loaded = match hooks(module).and_then(|hooks| hooks.load.map(|load| (load, hooks.this))) {
        None => Ok(()),
        Some((load, this)) => {
            let mut buffer = [0; 1_024];
            let mut problem = abi::Message {
                ptr: buffer.as_mut_ptr(),
                capacity: buffer.len(),
                len: 0,
            };
            // SAFETY: the table lives for ever, the message has the buffer that it names.
            match unsafe { load(this, (&raw const *own).cast(), &mut problem) } {
                abi::OK => Ok(()),
                _ => Err(String::from_utf8_lossy(&buffer[..problem.len.min(1_024)]).into_owned()),
            }
        }
    };
    shared().loaded.insert(name, loaded.clone());
    loaded
}

pub(super) fn actions(module: &abi::Module) -> impl Iterator<Item = &'static abi::Action> {
    // SAFETY: the table of a module is constant.
    unsafe { list(module.actions, module.action_count) }
        .iter()
        .map(|action| unsafe { &**action })
}

pub(super) fn conditions(module: &abi::Module) -> impl Iterator<Item = &'static abi::Condition> {
    // SAFETY: as above.
    unsafe { list(module.conditions, module.condition_count) }
        .iter()
        .map(|condition| unsafe { &**condition })
}

pub(super) fn hooks(module: &abi::Module) -> Option<&'static abi::Hooks> {
    // SAFETY: as above.
    unsafe { module.hooks.as_ref() }
}

/// The diagrams of a module, or its message.
pub(super) fn diagrams(module: &abi::Module) -> Result<Vec<(String, String)>, String> {
    let mut list: Vec<(String, String)> = Vec::new();
    let hook = hooks(module).and_then(|hooks| hooks.diagrams.map(|hook| (hook, hooks.this)));
    let Some((hook, this)) = hook else {
        return Ok(list);
    };
    let mut buffer = [0; 1_024];
    let mut problem = abi::Message {
        ptr: buffer.as_mut_ptr(),
        capacity: buffer.len(),
        len: 0,
    };
    // SAFETY: the sink gets the list that it expects; the message has the buffer that it names.
    match unsafe { hook(this, collect, (&raw mut list).cast(), &mut problem) } {
        abi::OK => Ok(list),
        _ => Err(String::from_utf8_lossy(&buffer[..problem.len.min(1_024)]).into_owned()),
    }
}

unsafe extern "C" fn collect(user: *mut c_void, name: Text, value: Text) -> bool {
    // SAFETY: `diagrams` gives its list.
    let list = unsafe { &mut *user.cast::<Vec<(String, String)>>() };
    list.push((text(name).to_owned(), text(value).to_owned()));
    true
}

pub(super) fn logged(module: &str) -> Vec<String> {
    let shared = shared();
    let lines = shared.logged.iter().filter(|(of, _)| of == module);
    lines.map(|(_, line)| line.clone()).collect()
}

pub(super) fn sent(session: &str) -> Vec<Sent> {
    shared().sent.get(session).cloned().unwrap_or_default()
}

pub(super) fn forget(session: &str) {
    shared().sent.remove(session);
}

pub(super) fn cancel(handle: u64) {
    let found = shared().handles.remove(&handle);
    if let Some((_, Some(cancel))) = found {
        // SAFETY: the module gave it for this handle.
        unsafe { cancel(handle) }
    }
}

const TABLE: abi::Host = abi::Host {
    size: size_of::<abi::Host>() as u32,
    abi_major: abi::ABI_MAJOR,
    abi_minor: abi::ABI_MINOR,
    config,
    log,
    complete,
    post,
    raise_event,
    get,
    set,
    remove,
    remove_prefix,
    each,
    resolve,
    fail,
    raise_exception,
    flow,
    pend,
    perform,
    tail,
    play,
    object_set,
    object_get,
    object_remove,
    replace_sdp,
};

/// # Safety
/// `first` is null or points to `count` values that live long enough.
unsafe fn list<'a, T>(first: *const T, count: usize) -> &'a [T] {
    match first.is_null() {
        true => &[],
        // SAFETY: as the caller says.
        false => unsafe { slice::from_raw_parts(first, count) },
    }
}

/// # Safety
/// `host` is one that `load` gave.
unsafe fn own(host: *const abi::Host) -> &'static Own {
    // SAFETY: the table is the first member.
    unsafe { &*host.cast::<Own>() }
}

/// # Safety
/// `call` is one that a test gave, and nothing else uses its session now.
unsafe fn session<'a>(call: *mut abi::Call) -> &'a mut Session {
    // SAFETY: as the caller says.
    unsafe { &mut *call.cast::<Session>() }
}

/// # Safety
/// As [`list`], and its texts are lent.
unsafe fn params(first: *const abi::Pair, count: usize) -> BTreeMap<String, String> {
    // SAFETY: as the caller says.
    let pairs = unsafe { list(first, count) };
    let pair = |pair: &abi::Pair| (text(pair.name).to_owned(), text(pair.value).to_owned());
    pairs.iter().map(pair).collect()
}

unsafe extern "C" fn config(host: *const abi::Host) -> Text {
    // SAFETY: the module gives its host.
    Text::new(&unsafe { own(host) }.config)
}

unsafe extern "C" fn log(host: *const abi::Host, _: u32, line: Text) {
    // SAFETY: the module gives its host.
    let module = unsafe { own(host) }.module;
    let entry = (text(module.name).to_owned(), text(line).to_owned());
    shared().logged.push(entry);
}

unsafe extern "C" fn complete(
    _: *const abi::Host,
    handle: u64,
    resume: abi::Resume,
    data: *mut c_void,
    drop: Option<abi::Drop>,
) -> bool {
    let given = Given { resume, data, drop };
    let found = shared().handles.remove(&handle);
    found.is_some_and(|(sender, _)| sender.send(Completion { handle, given }).is_ok())
}

unsafe extern "C" fn post(
    _: *const abi::Host,
    session: Text,
    first: *const abi::Pair,
    count: usize,
) -> Code {
    // SAFETY: the module lends the parameters.
    send(session, "event", unsafe { params(first, count) })
}

unsafe extern "C" fn raise_event(
    host: *const abi::Host,
    session: Text,
    event: Text,
    first: *const abi::Pair,
    count: usize,
) -> Code {
    // SAFETY: the module gives its host, and lends the parameters; its tables are constant.
    unsafe {
        let module = own(host).module;
        let mut events = list(module.events, module.event_count).iter();
        if !events.any(|known| text((**known).name) == text(event)) {
            return abi::UNKNOWN;
        }
        send(session, text(event), params(first, count))
    }
}

fn send(session: Text, name: &str, params: BTreeMap<String, String>) -> Code {
    let id = text(session).to_owned();
    let sent = (id.clone(), name.to_owned(), params);
    shared().sent.entry(id).or_default().push(sent);
    abi::OK
}

unsafe extern "C" fn get(call: *mut abi::Call, scope: u32, name: Text, value: *mut Text) -> bool {
    // SAFETY: the module gives its live call, and a place.
    let (session, value) = unsafe { (session(call), &mut *value) };
    let name = text(name);
    let found = match scope {
        abi::VARIABLE => session.variables.get(name),
        abi::PARAM => session.params.as_ref().and_then(|params| params.get(name)),
        abi::SELECT if name == "local_tag" => Some(&session.id),
        abi::SELECT => session.selects.get(name),
        abi::HEADER => session.headers.get(&name.to_ascii_lowercase()),
        abi::BODY => session.bodies.get(name),
        abi::OUTCOME => session.outcome.get(name),
        abi::FACT if name == "session" => Some(&session.id),
        abi::FACT if name == "event" => Some(&session.event),
        _ => None,
    };
    match found {
        Some(found) => {
            *value = Text::new(found);
            true
        }
        None => false,
    }
}

fn values(session: &mut Session, scope: u32) -> Option<&mut BTreeMap<String, String>> {
    match scope {
        abi::VARIABLE => Some(&mut session.variables),
        abi::PARAM => session.params.as_mut(),
        abi::OUTCOME => Some(&mut session.outcome),
        _ => None,
    }
}

unsafe extern "C" fn set(call: *mut abi::Call, scope: u32, name: Text, value: Text) -> Code {
    // SAFETY: the module gives its live call.
    match values(unsafe { session(call) }, scope) {
        Some(values) if scope != abi::OUTCOME => {
            values.insert(text(name).to_owned(), text(value).to_owned());
            abi::OK
        }
        _ => abi::NOT_HERE,
    }
}

unsafe extern "C" fn remove(call: *mut abi::Call, scope: u32, name: Text) -> Code {
    // SAFETY: the module gives its live call.
    match values(unsafe { session(call) }, scope) {
        Some(values) if scope != abi::OUTCOME => match values.remove(text(name)) {
            Some(_) => abi::OK,
            None => abi::UNKNOWN,
        },
        _ => abi::NOT_HERE,
    }
}

unsafe extern "C" fn remove_prefix(call: *mut abi::Call, scope: u32, prefix: Text) -> Code {
    // SAFETY: the module gives its live call.
    match values(unsafe { session(call) }, scope) {
        Some(values) if scope != abi::OUTCOME => {
            values.retain(|name, _| !name.starts_with(text(prefix)));
            abi::OK
        }
        _ => abi::NOT_HERE,
    }
}

unsafe extern "C" fn each(
    call: *mut abi::Call,
    scope: u32,
    prefix: Text,
    sink: abi::Sink,
    user: *mut c_void,
) -> Code {
    // SAFETY: the module gives its live call.
    let Some(values) = values(unsafe { session(call) }, scope) else {
        return abi::NOT_HERE;
    };
    for (name, value) in values.iter() {
        // SAFETY: the texts are lent for this call; the module gave `user` for its sink.
        if name.starts_with(text(prefix))
            && !unsafe { sink(user, Text::new(name), Text::new(value)) }
        {
            break;
        }
    }
    abi::OK
}

unsafe extern "C" fn resolve(call: *mut abi::Call, template: Text, value: *mut Text) -> Code {
    // SAFETY: the module gives its live call, and a place.
    let (session, value) = unsafe { (session(call), &mut *value) };
    session.scratch = resolved(session, text(template));
    *value = Text::new(&session.scratch);
    abi::OK
}

/// The references of a text replaced: names end where those of a diagram do.
fn resolved(session: &Session, template: &str) -> String {
    const ENDS: &[char] = &[
        ' ', '\t', ',', '(', ')', '[', ']', '$', '#', '@', ';', ':', '\'', '"',
    ];
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['$', '#', '@']) {
        let (before, mark, after) = (&rest[..at], &rest[at..=at], &rest[at + 1..]);
        out += before.strip_suffix('\\').unwrap_or(before);
        if before.ends_with('\\') || after.starts_with(mark) {
            out += mark;
            rest = after.strip_prefix(mark).unwrap_or(after);
            continue;
        }
        let bracketed = after
            .strip_prefix('(')
            .and_then(|name| name.split_once(')'));
        let (name, behind) =
            bracketed.unwrap_or_else(|| after.split_at(after.find(ENDS).unwrap_or(after.len())));
        let value = match mark {
            "$" => session.variables.get(name),
            "#" => session.params.as_ref().and_then(|params| params.get(name)),
            _ => session.selects.get(name),
        };
        match value {
            Some(value) => out += value,
            None if mark == "@" => out += &rest[at..rest.len() - behind.len()],
            None => {}
        }
        rest = behind;
    }
    out + rest
}

unsafe extern "C" fn fail(call: *mut abi::Call, errno: Text, said: Text) {
    // SAFETY: the module gives its live call.
    let session = unsafe { session(call) };
    session.said.errno = text(errno).to_owned();
    session.said.text = text(said).to_owned();
}

unsafe extern "C" fn raise_exception(
    call: *mut abi::Call,
    kind: Text,
    first: *const abi::Pair,
    count: usize,
) {
    // SAFETY: the module gives its live call, and lends the parameters.
    unsafe {
        let said = &mut session(call).said;
        said.exception = params(first, count);
        said.exception
            .insert("type".to_owned(), text(kind).to_owned());
    }
}

unsafe extern "C" fn flow(call: *mut abi::Call, diagram: Text) {
    // SAFETY: the module gives its live call.
    unsafe { session(call) }.said.diagram = text(diagram).to_owned();
}

unsafe extern "C" fn pend(call: *mut abi::Call, _: u64, cancel: Option<abi::Cancel>) -> u64 {
    // SAFETY: the module gives its live call.
    let session = unsafe { session(call) };
    if !session.may_wait || session.pending.is_some() {
        return 0;
    }
    let mut shared = shared();
    shared.last_handle += 1;
    let handle = shared.last_handle;
    let entry = (session.completed.clone(), cancel);
    shared.handles.insert(handle, entry);
    session.pending = Some(handle);
    handle
}

/// Notes an action of the server.
///
/// # Safety
/// `call` is live, `args` points to `count` lent texts.
unsafe fn note(call: *mut abi::Call, action: Text, args: *const Text, count: usize) {
    // SAFETY: as the caller says.
    let (session, args) = unsafe { (session(call), list(args, count)) };
    let args = args.iter().map(|arg| text(*arg).to_owned()).collect();
    session.performed.push((text(action).to_owned(), args));
}

unsafe extern "C" fn perform(
    call: *mut abi::Call,
    action: Text,
    args: *const Text,
    count: usize,
) -> Code {
    // SAFETY: the module gives its live call, and lends the arguments.
    let session = unsafe {
        note(call, action, args, count);
        session(call)
    };
    use super::super::Failure;
    session.outcome = match session.refusals.get(text(action)) {
        None => return abi::OK,
        Some(Failure::Errno { errno, text }) => {
            super::map(&[("errno", &**errno), ("strerror", text)])
        }
        Some(Failure::Thrown(exception)) => {
            let mut params: BTreeMap<_, _> = exception.params.iter().cloned().collect();
            params.insert("type".to_owned(), exception.kind().to_owned());
            params
        }
    };
    abi::UNSUCCESSFUL
}

fn given(resume: Option<abi::Resume>, data: *mut c_void, drop: Option<abi::Drop>) -> Option<Given> {
    resume.map(|resume| Given { resume, data, drop })
}

unsafe extern "C" fn tail(
    call: *mut abi::Call,
    action: Text,
    args: *const Text,
    count: usize,
    resume: Option<abi::Resume>,
    data: *mut c_void,
    drop: Option<abi::Drop>,
) -> Code {
    // SAFETY: the module gives its live call, and lends the arguments.
    let session = unsafe {
        note(call, action, args, count);
        session(call)
    };
    session.tail = Some(Tail {
        action: text(action).to_owned(),
        done: given(resume, data, drop),
    });
    abi::OK
}

unsafe extern "C" fn play(
    call: *mut abi::Call,
    audio: *const abi::Audio,
    resume: Option<abi::Resume>,
    data: *mut c_void,
    drop: Option<abi::Drop>,
) -> Code {
    // SAFETY: the module gives its live call, and lends the audio.
    let (session, audio, bytes) = unsafe {
        let audio = &*audio;
        (session(call), audio, list(audio.bytes, audio.len))
    };
    let name = text(audio.name).to_owned();
    session.tail = Some(Tail {
        action: name.clone(),
        done: given(resume, data, drop),
    });
    session.played.push(Played {
        name,
        bytes: bytes.to_vec(),
        front: audio.flags & abi::AUDIO_FRONT != 0,
        looped: audio.flags & abi::AUDIO_LOOPED != 0,
    });
    abi::OK
}

unsafe extern "C" fn object_set(
    call: *mut abi::Call,
    name: Text,
    object: *mut c_void,
    tag: u64,
    drop: Option<abi::Drop>,
) -> Code {
    // SAFETY: the module gives its live call.
    let session = unsafe { session(call) };
    let object = Object { object, tag, drop };
    session.objects.insert(text(name).to_owned(), object);
    abi::OK
}

unsafe extern "C" fn object_get(call: *mut abi::Call, name: Text, tag: u64) -> *mut c_void {
    // SAFETY: the module gives its live call.
    let found = unsafe { session(call) }.objects.get(text(name));
    let found = found.filter(|object| object.tag == tag);
    found.map_or(std::ptr::null_mut(), |object| object.object)
}

unsafe extern "C" fn object_remove(call: *mut abi::Call, name: Text) -> Code {
    // SAFETY: the module gives its live call.
    match unsafe { session(call) }.objects.remove(text(name)) {
        Some(_) => abi::OK,
        None => abi::UNKNOWN,
    }
}

unsafe extern "C" fn replace_sdp(call: *mut abi::Call, sdp: Text) -> Code {
    // SAFETY: the module gives its live call.
    unsafe { session(call) }.sdp = Some(text(sdp).to_owned());
    abi::OK
}
