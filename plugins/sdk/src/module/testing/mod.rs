//! A host without a server, behind the real table of the contract: for the tests of a module.

mod host;

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_void;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::abi::{self, Status, Text};
use super::failure::Failure;
use crate::abi::Message;

/// How long [`ModuleTest::run`] waits for an action that waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The list goes on.
    Done,
    /// `$errno` and `$strerror`, which the variables have as well.
    Failed {
        /// The word.
        errno: String,
        /// The text.
        text: String,
    },
    /// An exception: its parameters, with `type`.
    Thrown(BTreeMap<String, String>),
    /// `break`.
    Break,
    /// `repost`.
    Repost,
    /// `returnFSM`.
    Return,
    /// `jumpFSM` with this diagram.
    Jump(String),
    /// `callFSM` with this diagram.
    Call(String),
}

impl Outcome {
    /// The word of a failure; empty otherwise.
    pub fn errno(&self) -> &str {
        match self {
            Outcome::Failed { errno, .. } => errno,
            _ => "",
        }
    }

    /// A parameter of an exception, such as `type` or `cause`; empty otherwise.
    pub fn exception(&self, param: &str) -> &str {
        match self {
            Outcome::Thrown(params) => params.get(param).map_or("", String::as_str),
            _ => "",
        }
    }
}

/// What was put into the playlist from memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The name with the ending.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Before everything else.
    pub front: bool,
    /// Again and again.
    pub looped: bool,
}

/// An event that was posted or raised: session, name (`event` for a posted one), parameters.
pub type Sent = (String, String, BTreeMap<String, String>);

/// One session of a host without a server. Each has its own variables and objects; the module is
/// loaded once in a process.
///
/// Not here: references in arguments (give values), and the actions of the server, which are noted and
/// succeed unless [`ModuleTest::refuse`] says otherwise.
pub struct ModuleTest {
    module: &'static abi::Module,
    session: Box<Session>,
    completions: Receiver<Completion>,
    over: bool,
}

/// The state that host functions see behind their `ml_call`.
struct Session {
    id: String,
    module: String,
    variables: BTreeMap<String, String>,
    params: Option<BTreeMap<String, String>>,
    selects: HashMap<String, String>,
    headers: HashMap<String, String>,
    bodies: HashMap<String, String>,
    event: String,
    outcome: BTreeMap<String, String>,
    objects: HashMap<String, Object>,
    scratch: String,
    said: Said,
    pending: Option<u64>,
    may_wait: bool,
    tail: Option<Tail>,
    refusals: HashMap<String, Failure>,
    played: Vec<Played>,
    performed: Vec<(String, Vec<String>)>,
    sdp: Option<String>,
    completed: Sender<Completion>,
}

/// What the module told besides its status.
#[derive(Default)]
struct Said {
    errno: String,
    text: String,
    exception: BTreeMap<String, String>,
    diagram: String,
}

struct Tail {
    action: String,
    done: Option<Given>,
}

/// Data of the module with its functions.
struct Given {
    resume: abi::Resume,
    data: *mut c_void,
    drop: Option<abi::Drop>,
}

// SAFETY: the contract lets any thread pass data on, and drop it.
unsafe impl Send for Given {}

impl Drop for Given {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the data is the module's, and this happens once.
            unsafe { drop(self.data) }
        }
    }
}

struct Object {
    object: *mut c_void,
    tag: u64,
    drop: Option<abi::Drop>,
}

impl Drop for Object {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: the object is the module's, and this happens once.
            unsafe { drop(self.object) }
        }
    }
}

struct Completion {
    handle: u64,
    given: Given,
}

impl ModuleTest {
    /// A new session with a module without configuration.
    ///
    /// # Panics
    /// If the module refuses to be loaded.
    pub fn new(module: &'static abi::Module) -> Self {
        Self::configured(module, "{}")
    }

    /// The same with the section `[module.NAME]` as JSON. Only the first test of a process can give one:
    /// a module is loaded once. Others belong into a test binary of their own.
    ///
    /// # Panics
    /// If the module refuses to be loaded; [`ModuleTest::try_configured`] gives the message.
    pub fn configured(module: &'static abi::Module, json: &str) -> Self {
        match Self::try_configured(module, json) {
            Ok(test) => test,
            Err(problem) => panic!("the module is refused: {problem}"),
        }
    }

    /// The same, or what the module says when it refuses to be loaded.
    ///
    /// # Errors
    /// The message for the operator.
    pub fn try_configured(module: &'static abi::Module, json: &str) -> Result<Self, String> {
        static SESSIONS: AtomicU64 = AtomicU64::new(1);
        host::load(module, json)?;
        let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
        let (completed, completions) = channel();
        let session = Box::new(Session {
            id: format!("session-{number}"),
            module: text(module.name).to_owned(),
            variables: BTreeMap::new(),
            params: Some(BTreeMap::new()),
            selects: HashMap::new(),
            headers: HashMap::new(),
            bodies: HashMap::new(),
            event: "start".to_owned(),
            outcome: BTreeMap::new(),
            objects: HashMap::new(),
            scratch: String::new(),
            said: Said::default(),
            pending: None,
            may_wait: false,
            tail: None,
            refusals: HashMap::new(),
            played: Vec::new(),
            performed: Vec::new(),
            sdp: None,
            completed,
        });
        Ok(Self {
            module,
            session,
            completions,
            over: false,
        })
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        let variables = &mut self.session.variables;
        variables.insert(name.to_owned(), value.to_owned());
    }

    /// A variable; empty if it is not there.
    pub fn var(&self, name: &str) -> &str {
        self.session.variables.get(name).map_or("", String::as_str)
    }

    /// Whether a variable is there.
    pub fn has(&self, name: &str) -> bool {
        self.session.variables.contains_key(name)
    }

    /// All variables.
    pub fn vars(&self) -> &BTreeMap<String, String> {
        &self.session.variables
    }

    /// `$errno`.
    pub fn errno(&self) -> &str {
        self.var("errno")
    }

    /// The event that is processed, and its parameters.
    pub fn set_event(&mut self, condition: &str, params: &[(&str, &str)]) {
        self.session.event = condition.to_owned();
        self.session.params = Some(map(params));
    }

    /// A parameter of the event; empty if it is not there.
    pub fn param(&self, name: &str) -> &str {
        let params = self.session.params.as_ref();
        params
            .and_then(|params| params.get(name))
            .map_or("", String::as_str)
    }

    /// What a select gives, without `@`.
    pub fn set_select(&mut self, name: &str, value: &str) {
        let selects = &mut self.session.selects;
        selects.insert(name.to_owned(), value.to_owned());
    }

    /// A header of the SIP message that the event is about.
    pub fn set_header(&mut self, name: &str, value: &str) {
        let headers = &mut self.session.headers;
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }

    /// The body of the SIP message that the event is about, or of a message object.
    pub fn set_body(&mut self, object: &str, body: &str) {
        let bodies = &mut self.session.bodies;
        bodies.insert(object.to_owned(), body.to_owned());
    }

    /// Makes an action of the server fail, or with `NAME` the playing of a file of that name.
    pub fn refuse(&mut self, action: &str, failure: Failure) {
        self.session.refusals.insert(action.to_owned(), failure);
    }

    /// Does an action with these argument values, and waits until it is over.
    ///
    /// # Panics
    /// If the module has no such action, or it does not end within a minute.
    pub fn run(&mut self, action: &str, args: &[&str]) -> Outcome {
        match self.begin(action, args) {
            Some(outcome) => outcome,
            None => self.wait(),
        }
    }

    /// Does an action; `None` if it waits.
    ///
    /// # Panics
    /// If the module has no such action, or one is pending.
    pub fn begin(&mut self, action: &str, args: &[&str]) -> Option<Outcome> {
        assert!(self.session.pending.is_none(), "an action is pending");
        let found = host::actions(self.module).find(|found| text(found.name) == action);
        let found = found.unwrap_or_else(|| panic!("the module has no action {action:?}"));
        if found.flags & abi::ACTION_SETS_ERRNO != 0 {
            self.set("errno", "");
            self.set("strerror", "");
        }
        let args = filled(args, found.parameter_count);
        let call = self.call(true);
        let run = found.run.expect("an action has a function");
        // SAFETY: the session is live, the arguments are lent.
        let status = unsafe { run(found.this, call, args.as_ptr(), args.len()) };
        self.ended(status)
    }

    /// Waits until the pending action is over.
    ///
    /// # Panics
    /// If none is pending, or it does not end within a minute.
    pub fn wait(&mut self) -> Outcome {
        loop {
            let status = self.completed();
            if let Some(outcome) = self.ended(status) {
                return outcome;
            }
        }
    }

    /// Waits for the completion of what is pending, and goes on with it.
    fn completed(&mut self) -> Status {
        loop {
            let pending = self.session.pending.expect("something is pending");
            let completion = self.completions.recv_timeout(PATIENCE);
            let completion = completion.expect("it ends within a minute");
            if completion.handle == pending {
                self.session.pending = None;
                return self.resume(&completion.given);
            }
        }
    }

    /// Gives up the pending action, as a hang-up does with one that is cancellable.
    pub fn hang_up(&mut self) {
        if let Some(handle) = self.session.pending.take() {
            host::cancel(handle);
        }
    }

    /// What an action finds in arguments when a diagram is loaded, with the argument and the byte in it.
    ///
    /// # Errors
    /// The finding.
    ///
    /// # Panics
    /// If the module has no such action.
    pub fn check(&self, action: &str, args: &[&str]) -> Result<(), (String, usize, usize)> {
        let found = host::actions(self.module).find(|found| text(found.name) == action);
        let found = found.unwrap_or_else(|| panic!("the module has no action {action:?}"));
        let Some(check) = found.check else {
            return Ok(());
        };
        let args = filled(args, found.parameter_count);
        let mut buffer = [0; 1_024];
        let mut finding = abi::Finding {
            text: Message {
                ptr: buffer.as_mut_ptr(),
                capacity: buffer.len(),
                len: 0,
            },
            argument: 0,
            at: 0,
        };
        // SAFETY: the arguments are lent, the finding has the buffer that it names.
        match unsafe { check(found.this, args.as_ptr(), args.len(), &mut finding) } {
            abi::OK => Ok(()),
            _ => {
                let said = String::from_utf8_lossy(&buffer[..finding.text.len.min(1_024)]);
                Err((said.into_owned(), finding.argument, finding.at))
            }
        }
    }

    /// The names and texts of the diagrams that the module brings, or what it says instead.
    ///
    /// # Errors
    /// Its message.
    pub fn diagrams(&self) -> Result<Vec<(String, String)>, String> {
        host::diagrams(self.module)
    }

    /// Tests a condition with these argument values, and waits if it does.
    ///
    /// # Panics
    /// If the module has no such condition, or it does not end within a minute.
    pub fn test(&mut self, condition: &str, args: &[&str]) -> bool {
        let mut all = host::conditions(self.module);
        let found = all.find(|found| text(found.name) == condition);
        let found = found.unwrap_or_else(|| panic!("the module has no condition {condition:?}"));
        let args = filled(args, found.parameter_count);
        let call = self.call(true);
        let test = found.test.expect("a condition has a function");
        // SAFETY: the session is live, the arguments are lent.
        let mut status = unsafe { test(found.this, call, args.as_ptr(), args.len()) };
        while status == abi::PENDING {
            status = self.completed();
        }
        if status == abi::FAILED {
            self.note_errno();
        }
        status == abi::TRUE
    }

    /// Runs the hook `session_start`.
    pub fn start_session(&mut self) {
        self.hook(|hooks| hooks.session_start);
    }

    /// Runs the hook `invite`; true: the server is to answer.
    pub fn invite(&mut self) -> bool {
        self.hook(|hooks| hooks.invite) != Some(abi::BREAK)
    }

    /// Runs the hook `request`.
    pub fn request(&mut self) {
        self.hook(|hooks| hooks.request);
    }

    /// Runs the hook `reply`.
    pub fn reply(&mut self) {
        self.hook(|hooks| hooks.reply);
    }

    /// Runs the hook `sdp_offer`; what is sent in the end.
    pub fn offer(&mut self, sdp: &str) -> String {
        let hooks = host::hooks(self.module);
        if let Some(hook) = hooks.and_then(|hooks| hooks.sdp_offer) {
            let this = hooks.map_or(std::ptr::null_mut(), |hooks| hooks.this);
            let call = self.call(false);
            // SAFETY: the session is live, the text is lent.
            unsafe { hook(this, call, Text::new(sdp)) };
        }
        self.session.sdp.take().unwrap_or_else(|| sdp.to_owned())
    }

    /// Runs the hook `sdp_answer`; what is sent in the end.
    pub fn answer(&mut self, offer: &str, sdp: &str) -> String {
        let hooks = host::hooks(self.module);
        if let Some(hook) = hooks.and_then(|hooks| hooks.sdp_answer) {
            let this = hooks.map_or(std::ptr::null_mut(), |hooks| hooks.this);
            let call = self.call(false);
            // SAFETY: the session is live, the texts are lent.
            unsafe { hook(this, call, Text::new(offer), Text::new(sdp)) };
        }
        self.session.sdp.take().unwrap_or_else(|| sdp.to_owned())
    }

    /// Ends the session: gives up what is pending, runs `before_destroy`, drops all objects.
    pub fn end_session(&mut self) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.hang_up();
        self.hook(|hooks| hooks.before_destroy);
        self.session.objects.clear();
        host::forget(&self.session.id);
    }

    /// Drops the object of this name, as `freeObject` does; false: there is none.
    pub fn free_object(&mut self, name: &str) -> bool {
        self.session.objects.remove(name).is_some()
    }

    /// Whether there is an object of this name.
    pub fn has_object(&self, name: &str) -> bool {
        self.session.objects.contains_key(name)
    }

    /// What `@local_tag` is.
    pub fn session_id(&self) -> &str {
        &self.session.id
    }

    /// What was put into the playlist from memory so far.
    pub fn played(&self) -> &[Played] {
        &self.session.played
    }

    /// The actions of the server that were done so far, with their arguments.
    pub fn performed(&self) -> &[(String, Vec<String>)] {
        &self.session.performed
    }

    /// The events that anybody sent to this session so far.
    pub fn events(&self) -> Vec<Sent> {
        self.events_of(&self.session.id)
    }

    /// The events that anybody sent to this session or queue so far.
    pub fn events_of(&self, session: &str) -> Vec<Sent> {
        host::sent(session)
    }

    /// The lines that the module has logged in this process.
    pub fn logged(&self) -> Vec<String> {
        host::logged(&self.session.module)
    }

    fn call(&mut self, may_wait: bool) -> *mut abi::Call {
        self.session.may_wait = may_wait;
        self.session.said = Said::default();
        (&raw mut *self.session).cast()
    }

    fn hook(&mut self, of: impl Fn(&abi::Hooks) -> Option<abi::Hook>) -> Option<Status> {
        let hooks = host::hooks(self.module)?;
        let hook = of(hooks)?;
        let call = self.call(false);
        // SAFETY: the session is live.
        Some(unsafe { hook(hooks.this, call) })
    }

    fn resume(&mut self, given: &Given) -> Status {
        let call = self.call(true);
        // SAFETY: the session is live, the data is lent.
        unsafe { (given.resume)(call, given.data) }
    }

    fn note_errno(&mut self) {
        let (errno, text) = (
            self.session.said.errno.clone(),
            self.session.said.text.clone(),
        );
        self.set("errno", &errno);
        self.set("strerror", &text);
    }

    /// What a status means; `None`: the action waits.
    fn ended(&mut self, mut status: Status) -> Option<Outcome> {
        while status == abi::TAIL {
            let tail = self.session.tail.take().expect("tail comes before ML_TAIL");
            let outcome = self.refused(&tail.action);
            let Some(done) = &tail.done else {
                return Some(outcome);
            };
            self.session.outcome = match outcome {
                Outcome::Failed { errno, text } => map(&[("errno", &errno), ("strerror", &text)]),
                Outcome::Thrown(params) => params,
                _ => BTreeMap::new(),
            };
            status = self.resume(done);
        }
        let said = &self.session.said;
        Some(match status {
            abi::DONE => Outcome::Done,
            abi::FAILED => {
                let (errno, text) = (said.errno.clone(), said.text.clone());
                self.note_errno();
                Outcome::Failed { errno, text }
            }
            abi::THROWN => Outcome::Thrown(said.exception.clone()),
            abi::BREAK => Outcome::Break,
            abi::REPOST => Outcome::Repost,
            abi::RETURN => Outcome::Return,
            abi::JUMP => Outcome::Jump(said.diagram.clone()),
            abi::CALL => Outcome::Call(said.diagram.clone()),
            abi::PENDING => {
                assert!(
                    self.session.pending.is_some(),
                    "pend comes before ML_PENDING"
                );
                return None;
            }
            other => panic!("{other} is no status of an action"),
        })
    }

    fn refused(&mut self, action: &str) -> Outcome {
        match self.session.refusals.get(action).cloned() {
            None => Outcome::Done,
            Some(Failure::Errno { errno, text }) => {
                let errno = errno.into_owned();
                self.set("errno", &errno);
                self.set("strerror", &text);
                Outcome::Failed { errno, text }
            }
            Some(Failure::Thrown(exception)) => {
                let mut params: BTreeMap<_, _> = exception.params.iter().cloned().collect();
                params.insert("type".to_owned(), exception.kind().to_owned());
                Outcome::Thrown(params)
            }
        }
    }
}

impl Drop for ModuleTest {
    fn drop(&mut self) {
        self.end_session();
    }
}

/// A text of the module; empty where it breaks the contract.
fn text<'a>(text: Text) -> &'a str {
    // SAFETY: the module lends it for the call, or it lives for ever.
    unsafe { text.get(usize::MAX) }.unwrap_or_default()
}

fn filled<'a>(args: &[&'a str], parameters: usize) -> Vec<Text> {
    let mut list: Vec<Text> = args.iter().map(|arg: &&'a str| Text::new(arg)).collect();
    list.resize(list.len().max(parameters), abi::ABSENT);
    list
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(pair).collect()
}
