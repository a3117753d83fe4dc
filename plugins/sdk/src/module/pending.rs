//! Actions that wait: a handle of the host, the work, and what runs on the session at the end.
//!
//! A handle is completed once, whatever becomes of the work: also when it panics. When nobody waits any more
//! the host cancels the handle, and the work is dropped where that is possible.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt::Display;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use super::abi;
use super::blocking;
use super::context::{Context, Flow};
use super::export::{Loaded, answered, enter};
use super::failure::{Exception, Failure};

/// How long an action waits, and what it says when that was too short.
#[derive(Debug, Clone)]
pub struct Deadline {
    after: Duration,
    errno: Cow<'static, str>,
    text: Option<String>,
}

impl Deadline {
    /// This long; afterwards the errno `general`.
    pub fn new(after: Duration) -> Self {
        Self {
            after,
            errno: "general".into(),
            text: None,
        }
    }

    /// With this errno when the time is over.
    pub fn failing(mut self, errno: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        self.errno = errno.into();
        self.text = Some(text.into());
        self
    }

    fn failure(self) -> Failure {
        let said = || format!("no result within {:?}", self.after);
        Failure::errno(self.errno, self.text.unwrap_or_else(said))
    }
}

/// Five seconds.
impl Default for Deadline {
    fn default() -> Self {
        Self::new(Duration::from_secs(5))
    }
}

impl From<Duration> for Deadline {
    fn from(after: Duration) -> Self {
        Self::new(after)
    }
}

/// The result of an `async fn` action: variables to be assigned.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Set(String, String),
    Array(String, Vec<String>),
    Struct(String, Vec<(String, String)>),
}

impl Answer {
    /// Assigns nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Assigns a variable.
    pub fn set(mut self, name: impl Into<String>, value: impl Display) -> Self {
        let change = Change::Set(name.into(), value.to_string());
        self.changes.push(change);
        self
    }

    /// Assigns an array, as [`Context::set_array`] does.
    pub fn array(mut self, name: impl Into<String>, values: Vec<String>) -> Self {
        self.changes.push(Change::Array(name.into(), values));
        self
    }

    /// Assigns a struct, as [`Context::set_struct`] does.
    pub fn members(mut self, name: impl Into<String>, members: Vec<(String, String)>) -> Self {
        self.changes.push(Change::Struct(name.into(), members));
        self
    }

    /// Assigns all of it, for a function that has a context.
    ///
    /// # Errors
    /// As [`Context::set`].
    pub fn assign(self, cx: &mut Context<'_>) -> Result<Flow, Failure> {
        for change in self.changes {
            match change {
                Change::Set(name, value) => cx.set(&name, value)?,
                Change::Array(name, values) => cx.set_array(&name, values)?,
                Change::Struct(name, members) => cx.set_struct(&name, members)?,
            }
        }
        Ok(Flow::Next)
    }
}

impl Context<'_> {
    /// Waits for a future, which runs on the module's own runtime, then goes on with `done` on the
    /// session. The session's events wait meanwhile; its audio does not.
    ///
    /// When the deadline is over, the future is dropped and the action fails as the deadline says.
    #[cfg(feature = "tokio")]
    pub fn later<F, D>(&mut self, deadline: impl Into<Deadline>, future: F, done: D) -> Flow
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
        D: FnOnce(&mut Context<'_>, F::Output) -> Result<Flow, Failure> + Send + 'static,
    {
        let deadline = deadline.into();
        let completion = match self.pend(deadline.after) {
            Ok(completion) => completion,
            Err(failure) => return Flow::Failed(failure),
        };
        let handle = completion.handle;
        let work = async move {
            match tokio::time::timeout(deadline.after, future).await {
                Ok(result) => completion.end(move |cx| done(cx, result)),
                Err(_) => completion.end(move |_| Err(deadline.failure())),
            }
        };
        // Under the lock, so that the work cannot end before it is known.
        let mut running = running();
        let task = runtime::spawn(work);
        if let Some(entry) = running.get_mut(&handle) {
            *entry = Some(task);
        }
        Flow::Pending
    }

    /// Waits for an `async fn` and assigns what it answers; see [`action_async!`](crate::action_async).
    #[cfg(feature = "tokio")]
    pub fn answer<F>(&mut self, deadline: impl Into<Deadline>, future: F) -> Flow
    where
        F: Future<Output = Result<Answer, Failure>> + Send + 'static,
    {
        self.later(deadline, future, |cx, answer| answer?.assign(cx))
    }

    /// Waits for a function that blocks, which runs on one of a few threads of the module, then goes on
    /// with `done` on the session.
    ///
    /// What has not begun when the deadline is over does not begin any more. A function that runs longer is not
    /// interrupted, but nobody waits for it: use the timeouts of whatever it waits for.
    pub fn blocking<T, W, D>(&mut self, deadline: impl Into<Deadline>, work: W, done: D) -> Flow
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
        D: FnOnce(&mut Context<'_>, T) -> Result<Flow, Failure> + Send + 'static,
    {
        let deadline = deadline.into();
        let completion = match self.pend(deadline.after) {
            Ok(completion) => completion,
            Err(failure) => return Flow::Failed(failure),
        };
        let after = deadline.after;
        blocking::run(Box::new(move |waited| {
            if waited >= after {
                return completion.end(move |_| Err(deadline.failure()));
            }
            if completion.is_awaited() {
                let result = work();
                completion.end(move |cx| done(cx, result));
            }
        }));
        Flow::Pending
    }

    fn pend(&mut self, deadline: Duration) -> Result<Completion, Failure> {
        let ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        // Under the lock, so that a cancellation finds it.
        let mut running = running();
        // SAFETY: the call is live.
        let handle = unsafe { (self.host.pend)(self.call, ms, Some(cancelled)) };
        if handle == 0 {
            let cause = "an action of a module cannot wait here";
            return Err(Exception::new("core").with("cause", cause).into());
        }
        running.insert(handle, None);
        Ok(Completion {
            host: self.host,
            module: self.module,
            handle,
        })
    }
}

/// The duty to complete a handle. Dropped, it completes with an exception.
struct Completion {
    host: &'static abi::Host,
    module: &'static Loaded,
    handle: u64,
}

impl Completion {
    fn is_awaited(&self) -> bool {
        running().contains_key(&self.handle)
    }

    /// Has `done` run on the session, unless nobody waits.
    fn end(self, done: impl FnOnce(&mut Context<'_>) -> Result<Flow, Failure> + Send + 'static) {
        self.complete(Continuation::new(self.module, done));
    }

    fn complete(&self, done: Continuation) {
        let awaited = running().remove(&self.handle).is_some();
        if awaited {
            let data = Box::into_raw(Box::new(done)).cast();
            // SAFETY: the host owns the data from here on.
            unsafe {
                let complete = self.host.complete;
                complete(
                    self.host,
                    self.handle,
                    resume,
                    data,
                    Some(drop_continuation),
                )
            };
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if self.is_awaited() {
            self.complete(Continuation::new(self.module, |cx: &mut Context<'_>| {
                let cause = "the work of an action ended by a panic";
                let exception = Exception::new("plugin").with("module", cx.module.name());
                Err(exception.with("cause", cause).into())
            }));
        }
    }
}

#[cfg(feature = "tokio")]
type Running = HashMap<u64, Option<tokio::task::AbortHandle>>;
#[cfg(not(feature = "tokio"))]
type Running = HashMap<u64, Option<std::convert::Infallible>>;

/// The handles that are awaited, and the tasks that can be dropped.
fn running() -> std::sync::MutexGuard<'static, Running> {
    static RUNNING: LazyLock<Mutex<Running>> = LazyLock::new(Mutex::default);
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn cancelled(handle: u64) {
    let _task = running().remove(&handle).flatten();
    #[cfg(feature = "tokio")]
    if let Some(task) = _task {
        task.abort();
    }
}

type Done = Box<dyn FnOnce(&mut Context<'_>) -> Result<Flow, Failure> + Send>;

/// What runs on the session at the end of an action that waited.
pub(super) struct Continuation {
    module: &'static Loaded,
    done: Option<Done>,
}

impl Continuation {
    pub fn new(
        module: &'static Loaded,
        done: impl FnOnce(&mut Context<'_>) -> Result<Flow, Failure> + Send + 'static,
    ) -> Self {
        Self {
            module,
            done: Some(Box::new(done)),
        }
    }
}

/// A continuation, or none, as the host takes it.
pub(super) fn given_away(
    done: Option<Continuation>,
) -> (Option<abi::Resume>, *mut c_void, Option<abi::Drop>) {
    match done {
        Some(done) => {
            let data = Box::into_raw(Box::new(done)).cast();
            (Some(resume), data, Some(drop_continuation))
        }
        None => (None, std::ptr::null_mut(), None),
    }
}

unsafe extern "C" fn resume(call: *mut abi::Call, data: *mut c_void) -> abi::Status {
    // SAFETY: the data is a continuation of ours, which the host lends for this call.
    let continuation = unsafe { &mut *data.cast::<Continuation>() };
    let done = continuation.done.take();
    // SAFETY: the host gives a live call.
    unsafe {
        enter(continuation.module, call, |cx| {
            answered(cx, |cx| done.map_or(Ok(Flow::Next), |done| done(cx)))
        })
    }
}

unsafe extern "C" fn drop_continuation(data: *mut c_void) {
    // SAFETY: the data is a continuation of ours, which the host gives back once.
    let continuation = unsafe { Box::from_raw(data.cast::<Continuation>()) };
    super::export::contain(|| drop(continuation));
}

/// Runs a future on the module's own runtime, for what no action waits for.
#[cfg(feature = "tokio")]
pub fn background(work: impl Future<Output = ()> + Send + 'static) {
    runtime::spawn(work);
}

/// The module's own runtime: nothing is shared with the server.
#[cfg(feature = "tokio")]
mod runtime {
    #![allow(
        clippy::disallowed_methods,
        reason = "the runtime is what keeps waiting off the server's threads"
    )]
    use std::sync::LazyLock;

    use tokio::runtime::{Builder, Runtime};
    use tokio::task::AbortHandle;

    /// Threads of the runtime; they only wait and pass on.
    const WORKERS: usize = 2;

    pub fn spawn(work: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
            let mut builder = Builder::new_multi_thread();
            let builder = builder.worker_threads(WORKERS).thread_name("module");
            // What remains is a machine that cannot start threads.
            builder
                .enable_all()
                .build()
                .expect("threads can be started")
        });
        RUNTIME.spawn(work).abort_handle()
    }
}
