//! A session at one moment, as an action sees it.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::sync::Arc;

use super::abi::{self, Text};
use super::export::Loaded;
use super::failure::{Exception, Failure};
use super::host::{Host, Level, Session, check};
use super::pending::{self, Continuation};

/// The tag of all objects of this SDK; their types are told apart by themselves.
const ANY: u64 = 0x4d75_6c65;

type Object = Arc<dyn Any + Send + Sync>;

/// A session at one moment. It cannot be kept: what goes on later gets a new one.
pub struct Context<'a> {
    pub(super) call: *mut abi::Call,
    pub(super) host: &'static abi::Host,
    pub(super) module: &'static Loaded,
    pub(super) life: PhantomData<&'a mut ()>,
}

/// What an action leaves to the engine.
#[derive(Debug)]
#[non_exhaustive]
pub enum Flow {
    /// Go on with the next action.
    Next,
    /// Leave the innermost loop, or the list.
    Break,
    /// Process the event again after the transition.
    Repost,
    /// Go back to the diagram that called this one.
    Return,
    /// Go to this diagram.
    Jump(String),
    /// Call this diagram.
    Call(String),
    /// Wait; made by [`Context::blocking`] and its relatives.
    Pending,
    /// End as another action does; made by [`Context::tail`] and its relatives.
    Tail,
    /// Of a condition that may wait: whether it holds.
    Holds(bool),
    /// What `Err` means too; made by functions that give a flow.
    Failed(Failure),
}

/// A file in memory that is to be played.
#[derive(Debug, Clone, Copy)]
pub struct Audio<'a> {
    /// Its ending tells the format, such as `greeting.wav`.
    pub name: &'a str,
    /// The whole file.
    pub bytes: &'a [u8],
    /// Before everything else in the playlist, not behind.
    pub front: bool,
    /// Again and again.
    pub looped: bool,
}

impl Context<'_> {
    /// A variable of the session.
    pub fn var(&self, name: &str) -> Option<String> {
        self.get(abi::VARIABLE, name)
    }

    /// A variable as a number; `None` if it is missing or none.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.var(name)?.trim().parse().ok()
    }

    /// A parameter of the event.
    pub fn param(&self, name: &str) -> Option<String> {
        self.get(abi::PARAM, name)
    }

    /// All parameters of the event, in order of their names.
    pub fn params(&self) -> Vec<(String, String)> {
        self.each(abi::PARAM, "")
    }

    /// A select without its `@`, such as `local_tag`.
    pub fn select(&self, name: &str) -> Option<String> {
        self.get(abi::SELECT, name)
    }

    /// A header of the SIP message that the event is about.
    pub fn header(&self, name: &str) -> Option<String> {
        self.get(abi::HEADER, name)
    }

    /// The body of the SIP message that the event is about, or with a name that of the message object
    /// (`request`, `reply`, `SipSubscriptionBody`).
    pub fn body(&self, object: &str) -> Option<String> {
        self.get(abi::BODY, object)
    }

    /// The condition that names the event being processed, such as `key`.
    pub fn event(&self) -> String {
        self.get(abi::FACT, "event").unwrap_or_default()
    }

    /// The variables whose names begin with `prefix`, in order of their names.
    pub fn with_prefix(&self, prefix: &str) -> Vec<(String, String)> {
        self.each(abi::VARIABLE, prefix)
    }

    /// The members of a struct: `NAME.member` without `NAME.`.
    pub fn members(&self, name: &str) -> Vec<(String, String)> {
        let prefix = format!("{name}.");
        let members = self.with_prefix(&prefix).into_iter();
        members
            .map(|(name, value)| (name[prefix.len()..].to_owned(), value))
            .collect()
    }

    /// The elements of an array: `NAME[0]`, `NAME[1]` up to the first gap.
    pub fn array(&self, name: &str) -> Vec<String> {
        let elements = (0..).map_while(|index| self.var(&format!("{name}[{index}]")));
        elements.collect()
    }

    /// The variables that a `;` list of an argument of [`Kind::Names`](super::Kind::Names) names:
    /// `name`, `struct.` for all members, `var` for all there are.
    pub fn named_values(&self, list: &str) -> BTreeMap<String, String> {
        if list.trim() == "var" {
            return self.with_prefix("").into_iter().collect();
        }
        let mut found = BTreeMap::new();
        for name in list.split(';').map(str::trim) {
            let name = name.strip_prefix('$').unwrap_or(name);
            if name.ends_with('.') {
                found.extend(self.with_prefix(name));
            } else if let Some(value) = self.var(name) {
                found.insert(name.to_owned(), value);
            }
        }
        found
    }

    /// Assigns a variable.
    ///
    /// # Errors
    /// An exception `core` if the session holds too much.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) -> Result<(), Failure> {
        self.assign(abi::VARIABLE, name, value.as_ref())
    }

    /// Assigns a parameter of the event.
    ///
    /// # Errors
    /// An exception `core` if the event has no parameters, or too many.
    pub fn set_param(&mut self, name: &str, value: impl AsRef<str>) -> Result<(), Failure> {
        self.assign(abi::PARAM, name, value.as_ref())
    }

    /// Removes a variable, if it is there.
    pub fn remove(&mut self, name: &str) {
        // SAFETY: the call is live, the text is lent for this call.
        unsafe { (self.host.remove)(self.call, abi::VARIABLE, Text::new(name)) };
    }

    /// Removes all variables whose names begin with `prefix`.
    pub fn remove_prefix(&mut self, prefix: &str) {
        // SAFETY: as above.
        unsafe { (self.host.remove_prefix)(self.call, abi::VARIABLE, Text::new(prefix)) };
    }

    /// Makes `NAME[0]`, `NAME[1]`, .. these values, and removes what began with `NAME[` before.
    ///
    /// # Errors
    /// As [`Context::set`].
    pub fn set_array<T: AsRef<str>>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Result<(), Failure> {
        self.remove_prefix(&format!("{name}["));
        for (index, value) in values.into_iter().enumerate() {
            self.set(&format!("{name}[{index}]"), value)?;
        }
        Ok(())
    }

    /// Makes these the members of `NAME`, and removes what began with `NAME.` before.
    ///
    /// # Errors
    /// As [`Context::set`].
    pub fn set_struct<N: AsRef<str>, T: AsRef<str>>(
        &mut self,
        name: &str,
        members: impl IntoIterator<Item = (N, T)>,
    ) -> Result<(), Failure> {
        self.remove_prefix(&format!("{name}."));
        for (member, value) in members {
            self.set(&format!("{name}.{}", member.as_ref()), value)?;
        }
        Ok(())
    }

    /// Replaces the references `$name`, `$(name)`, `#name` and `@name` in a text, by the rules of the
    /// language; `@word` that is no select stays.
    pub fn resolve(&self, text: &str) -> String {
        let mut value = abi::ABSENT;
        // SAFETY: the call is live, the texts are lent for this call.
        unsafe { (self.host.resolve)(self.call, Text::new(text), &mut value) };
        // SAFETY: the value is UTF-8, and valid until the next host function.
        unsafe { value.trusted() }.to_owned()
    }

    /// Does an action of the server that does not wait, such as `setTimer`. The arguments are values,
    /// not references.
    ///
    /// # Errors
    /// As the action itself, or an exception `core` for one that is unknown or would wait: then use
    /// [`Context::tail`].
    pub fn perform(&mut self, action: &str, args: &[&str]) -> Result<(), Failure> {
        let args: Vec<Text> = args.iter().map(|text| Text::new(text)).collect();
        // SAFETY: the call is live, the texts are lent for this call.
        let code =
            unsafe { (self.host.perform)(self.call, Text::new(action), args.as_ptr(), args.len()) };
        match code {
            abi::UNSUCCESSFUL => self.outcome(),
            code => check(code, action),
        }
    }

    /// Ends as this action of the server does, which may wait, such as `playFile` or `DI`. The
    /// arguments are values, not references.
    pub fn tail(&mut self, action: &str, args: &[&str]) -> Flow {
        self.begin_tail(action, args, None)
    }

    /// Does any action of the server, which may wait, then goes on with `done`.
    pub fn then(
        &mut self,
        action: &str,
        args: &[&str],
        done: impl FnOnce(&mut Context<'_>, Result<(), Failure>) -> Result<Flow, Failure>
        + Send
        + 'static,
    ) -> Flow {
        let done = Continuation::new(self.module, move |cx: &mut Context<'_>| {
            let outcome = cx.outcome();
            done(cx, outcome)
        });
        self.begin_tail(action, args, Some(done))
    }

    /// Puts a file that is in memory into the playlist. A file that is no audio throws `file`.
    pub fn play(&mut self, audio: Audio<'_>) -> Flow {
        self.begin_play(audio, None)
    }

    /// The same, then goes on with `done`.
    pub fn play_then(
        &mut self,
        audio: Audio<'_>,
        done: impl FnOnce(&mut Context<'_>, Result<(), Failure>) -> Result<Flow, Failure>
        + Send
        + 'static,
    ) -> Flow {
        let done = Continuation::new(self.module, move |cx: &mut Context<'_>| {
            let outcome = cx.outcome();
            done(cx, outcome)
        });
        self.begin_play(audio, Some(done))
    }

    /// Keeps an object in the session under this name; the one before is dropped. At the latest the
    /// end of the session drops it.
    ///
    /// # Errors
    /// An exception `core` if the session holds too many.
    pub fn set_object<T: Any + Send + Sync>(
        &mut self,
        name: &str,
        object: Arc<T>,
    ) -> Result<(), Failure> {
        let object: Box<Object> = Box::new(object);
        let object = Box::into_raw(object).cast();
        // SAFETY: the call is live; the host owns the object from here on.
        let code = unsafe {
            (self.host.object_set)(self.call, Text::new(name), object, ANY, Some(drop_object))
        };
        check(code, name)
    }

    /// The object of this name, if this module keeps one of this type.
    pub fn object<T: Any + Send + Sync>(&self, name: &str) -> Option<Arc<T>> {
        // SAFETY: the call is live; the text is lent for this call.
        let object = unsafe { (self.host.object_get)(self.call, Text::new(name), ANY) };
        if object.is_null() {
            return None;
        }
        // SAFETY: objects of this module with this tag were made by `set_object`, and this one is
        // kept until the next host function.
        let object = unsafe { &*object.cast::<Object>() };
        object.clone().downcast().ok()
    }

    /// Drops the object of this name, if there is one.
    pub fn remove_object(&mut self, name: &str) {
        // SAFETY: the call is live; the text is lent for this call.
        unsafe { (self.host.object_remove)(self.call, Text::new(name)) };
    }

    /// The session, to be reached later or from elsewhere.
    pub fn session(&self) -> Session {
        let id = self.get(abi::FACT, "session").unwrap_or_default();
        self.host().session(&id)
    }

    /// The server.
    pub fn host(&self) -> Host {
        Host::new(self.host)
    }

    /// Writes to the server's log, under the name of the module.
    pub fn log(&self, level: Level, text: &str) {
        self.host().log(level, text);
    }

    /// How the action went that this one has waited for.
    fn outcome(&mut self) -> Result<(), Failure> {
        if let Some(kind) = self.get(abi::OUTCOME, "type") {
            let params = self.each(abi::OUTCOME, "").into_iter();
            let exception = params
                .filter(|(name, _)| name != "type")
                .fold(Exception::new(kind), |exception, (name, value)| {
                    exception.with(name, value)
                });
            return Err(exception.into());
        }
        match self.get(abi::OUTCOME, "errno") {
            Some(errno) => {
                let text = self.get(abi::OUTCOME, "strerror").unwrap_or_default();
                Err(Failure::errno(errno, text))
            }
            None => Ok(()),
        }
    }

    fn begin_tail(&mut self, action: &str, args: &[&str], done: Option<Continuation>) -> Flow {
        let args: Vec<Text> = args.iter().map(|text| Text::new(text)).collect();
        let name = Text::new(action);
        let (resume, data, drop) = pending::given_away(done);
        // SAFETY: the call is live, the texts are lent, the host owns the data from here on.
        let code = unsafe {
            let tail = self.host.tail;
            tail(
                self.call,
                name,
                args.as_ptr(),
                args.len(),
                resume,
                data,
                drop,
            )
        };
        tailed(code, action)
    }

    fn begin_play(&mut self, audio: Audio<'_>, done: Option<Continuation>) -> Flow {
        let flag = |on: bool, flag| if on { flag } else { 0 };
        let item = abi::Audio {
            size: size_of::<abi::Audio>() as u32,
            flags: flag(audio.looped, abi::AUDIO_LOOPED) | flag(audio.front, abi::AUDIO_FRONT),
            name: Text::new(audio.name),
            bytes: audio.bytes.as_ptr(),
            len: audio.bytes.len(),
        };
        let (resume, data, drop) = pending::given_away(done);
        // SAFETY: the call is live, the audio is lent, the host owns the data from here on.
        let code = unsafe { (self.host.play)(self.call, &item, resume, data, drop) };
        tailed(code, audio.name)
    }

    fn get(&self, scope: abi::ScopeKind, name: &str) -> Option<String> {
        let mut value = abi::ABSENT;
        // SAFETY: the call is live; the text and the place are lent for this call.
        let found = unsafe { (self.host.get)(self.call, scope, Text::new(name), &mut value) };
        if !found {
            return None;
        }
        // SAFETY: the value is UTF-8, and valid until the next host function.
        Some(unsafe { value.trusted() }.to_owned())
    }

    fn assign(&mut self, scope: abi::ScopeKind, name: &str, value: &str) -> Result<(), Failure> {
        // SAFETY: the call is live; the texts are lent for this call.
        match unsafe { (self.host.set)(self.call, scope, Text::new(name), Text::new(value)) } {
            abi::OK => Ok(()),
            code => check(code, name),
        }
    }

    fn each(&self, scope: abi::ScopeKind, prefix: &str) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        let user = (&raw mut found).cast();
        // SAFETY: the call is live; the sink gets the list that it expects, and nobody else has it.
        unsafe { (self.host.each)(self.call, scope, Text::new(prefix), collect, user) };
        found
    }
}

fn tailed(code: abi::Code, what: &str) -> Flow {
    match check(code, what) {
        Ok(()) => Flow::Tail,
        Err(failure) => Flow::Failed(failure),
    }
}

unsafe extern "C" fn collect(user: *mut c_void, name: Text, value: Text) -> bool {
    // SAFETY: `each` gives its list, and the host lends the texts for this call.
    let (found, name, value) = unsafe {
        let found = &mut *user.cast::<Vec<(String, String)>>();
        (found, name.trusted(), value.trusted())
    };
    found.push((name.to_owned(), value.to_owned()));
    true
}

unsafe extern "C" fn drop_object(object: *mut c_void) {
    // SAFETY: `set_object` made it, and the host drops it once.
    let object = unsafe { Box::from_raw(object.cast::<Object>()) };
    super::export::contain(|| drop(object));
}

/// The arguments of one call, resolved by the host as their parameters say.
pub struct Args<'a> {
    list: &'a [Text],
}

impl<'a> Args<'a> {
    pub(super) fn new(list: &'a [Text]) -> Self {
        Self { list }
    }

    /// How many there are: one for each parameter, and more for a repeated one.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether the action has no parameters.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether it was written at all.
    pub fn is_written(&self, index: usize) -> bool {
        self.list.get(index).is_some_and(|text| !text.ptr.is_null())
    }

    /// The argument; empty if it was not written.
    pub fn text(&self, index: usize) -> &'a str {
        let text = self.list.get(index).copied().unwrap_or(abi::ABSENT);
        // SAFETY: the texts are UTF-8, and the host lends them for this call.
        unsafe { text.trusted() }
    }

    /// The argument, if it was written.
    pub fn written(&self, index: usize) -> Option<&'a str> {
        self.is_written(index).then(|| self.text(index))
    }

    /// The name of a variable.
    pub fn name(&self, index: usize) -> &'a str {
        self.text(index)
    }

    /// Whether it is exactly `true`.
    pub fn flag(&self, index: usize) -> bool {
        self.text(index) == "true"
    }

    /// The argument as a number.
    ///
    /// # Errors
    /// The errno `arg`.
    pub fn number<T: std::str::FromStr>(&self, index: usize) -> Result<T, Failure> {
        let text = self.text(index).trim();
        let number = text.parse();
        number.map_err(|_| Failure::errno("arg", format!("{text:?} is not a number that fits")))
    }

    /// All of them, in order; empty where one was not written.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        (0..self.len()).map(|index| self.text(index))
    }

    /// A copy that can be kept.
    pub fn owned(&self) -> Owned {
        let list = (0..self.len()).map(|index| self.written(index).map(str::to_owned));
        Owned {
            list: list.collect(),
        }
    }
}

/// The arguments of one call, to be kept.
#[derive(Debug, Clone)]
pub struct Owned {
    list: Vec<Option<String>>,
}

impl Owned {
    /// The argument; empty if it was not written.
    pub fn text(&self, index: usize) -> &str {
        self.written(index).unwrap_or_default()
    }

    /// The argument, if it was written.
    pub fn written(&self, index: usize) -> Option<&str> {
        self.list.get(index)?.as_deref()
    }
}
