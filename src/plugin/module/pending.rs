//! Work of modules that actions and conditions wait for.
//!
//! A handle is a number that is given out once. It is waited for, completed or given up, whichever comes
//! first; whatever a module does with it later is told apart, counted and harmless.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muleteer_sdk::module::abi;
use tokio::sync::oneshot::{self, Receiver, Sender};

use super::code::{Asker, Continuation, Given};
use super::loader::{Fault, Loaded};
use crate::dsm::module::{Resumption, Ticket};
use crate::dsm::{ActionError, ActionResult, Answer, Errno};

/// Handles of all modules that are waited for at a time.
const MAX_WAITING: usize = 100_000;
/// Handles remembered when they mean nothing any more.
const REMEMBERED: usize = 4_096;
/// What a module may be late beyond its own deadline.
const GRACE: Duration = Duration::from_secs(2);
/// The longest deadline.
const MAX_DEADLINE: Duration = Duration::from_secs(86_400);

#[derive(Default)]
struct Table {
    last: u64,
    waiting: HashMap<u64, Waiting>,
    /// Where the results come out, until somebody waits.
    results: HashMap<u64, Receiver<Resumption>>,
    past: VecDeque<(u64, Fault)>,
}

struct Waiting {
    asker: Asker,
    cancel: Option<abi::Cancel>,
    sender: Sender<Resumption>,
}

fn table() -> MutexGuard<'static, Table> {
    static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    /// Takes a handle out; `later` is what the module does wrong if it completes it after this.
    fn take(&mut self, handle: u64, later: Fault) -> Option<Waiting> {
        let waiting = self.waiting.remove(&handle)?;
        if self.past.len() >= REMEMBERED {
            self.past.pop_front();
        }
        self.past.push_back((handle, later));
        Some(waiting)
    }

    /// What is wrong with completing a handle that is not waited for.
    fn fault(&self, handle: u64) -> Fault {
        let known = self.past.iter().rev().find(|(past, _)| *past == handle);
        match known {
            Some((_, fault)) => *fault,
            None if (1..=self.last).contains(&handle) => Fault::Late,
            None => Fault::Invented,
        }
    }
}

/// Makes a handle; `None` when too many are waited for.
pub(super) fn begin(
    asker: Asker,
    deadline: Duration,
    cancel: Option<abi::Cancel>,
) -> Option<Arc<Ticket>> {
    let mut table = table();
    if table.waiting.len() >= MAX_WAITING {
        return None;
    }
    table.last += 1;
    let handle = table.last;
    let (sender, receiver) = oneshot::channel();
    let waiting = Waiting {
        asker,
        cancel,
        sender,
    };
    table.waiting.insert(handle, waiting);
    table.results.insert(handle, receiver);
    let deadline = deadline.min(MAX_DEADLINE);
    Some(Arc::new(Ticket {
        handle,
        deadline,
        block,
        give_up,
    }))
}

/// Completes a handle for `by`. False: nobody waits.
pub(super) fn complete(by: &'static Loaded, handle: u64, given: Given) -> bool {
    let mut table = table();
    let own = table
        .waiting
        .get(&handle)
        .is_some_and(|waiting| std::ptr::eq(waiting.asker.module, by));
    let waiting = if own {
        table.take(handle, Fault::Twice)
    } else {
        None
    };
    let fault = table.fault(handle);
    // Whoever takes the result, or drops it, may call the module.
    drop(table);
    let Some(waiting) = waiting else {
        by.note(fault, handle);
        return false;
    };
    let continuation = Continuation {
        asker: waiting.asker,
        given: Some(given),
    };
    let resumption = Resumption::new(Box::new(continuation));
    let sent = waiting.sender.send(resumption).is_ok();
    if !sent {
        by.note(Fault::Late, handle);
    }
    sent
}

/// Nobody waits for this any more: the module is told, once. A ticket that is dropped does so itself.
pub fn give_up(handle: u64) {
    let (waiting, result) = {
        let mut table = table();
        (
            table.take(handle, Fault::Late),
            table.results.remove(&handle),
        )
    };
    drop(result);
    if let Some(cancel) = waiting.and_then(|waiting| waiting.cancel) {
        // SAFETY: the module gave it for this handle, and it is called once.
        unsafe { cancel(handle) }
    }
}

/// Waits for what a module brings, for as long as it said and a little longer. Dropped, it gives up.
pub async fn wait(ticket: Arc<Ticket>) -> ActionResult {
    let result = table().results.remove(&ticket.handle);
    if let Some(result) = result
        && let Ok(Ok(resumption)) = tokio::time::timeout(ticket.deadline + GRACE, result).await
    {
        return Ok(Answer::Resume(resumption));
    }
    let module = table()
        .waiting
        .get(&ticket.handle)
        .map(|waiting| waiting.asker.module);
    give_up(ticket.handle);
    if let Some(module) = module {
        module.note(Fault::Never, ticket.handle);
    }
    let name = module.map_or("a module", |module| module.name);
    let text = format!("{name} did not complete its action in time");
    Err(ActionError::errno(Errno::INTERNAL, text))
}

/// The same, blocking: for what has no sessions, such as a simulation.
pub fn block(ticket: Arc<Ticket>) -> ActionResult {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(wait(ticket)),
        Err(error) => Err(ActionError::errno(Errno::INTERNAL, error.to_string())),
    }
}
