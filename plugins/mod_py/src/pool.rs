//! The threads that run Python code.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these threads are what keeps Python off the server's"
)]

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Code that waits for a thread; more is refused.
const MAX_WAITING: usize = 1_000;
/// Python's own limit of recursion comes before the end of such a stack.
const STACK_BYTES: usize = 8 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads, started when they are needed.
pub struct Pool {
    name: &'static str,
    max_threads: usize,
    state: Mutex<State>,
    work: Condvar,
}

struct State {
    waiting: VecDeque<(Instant, Job)>,
    /// The deadline of what each thread does; `None`: it does nothing.
    threads: Vec<Option<Instant>>,
}

/// Nothing more can be taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Full {
    /// Too much waits.
    Queue,
    /// Each thread does something that is overdue, and does not let itself be interrupted.
    Stuck,
}

impl Pool {
    pub const fn new(name: &'static str, max_threads: usize) -> Self {
        Self {
            name,
            max_threads,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                threads: Vec::new(),
            }),
            work: Condvar::new(),
        }
    }

    /// Runs `job`, unless its turn does not come before `deadline`: then it is dropped.
    pub fn run(
        &'static self,
        deadline: Instant,
        job: impl FnOnce() + Send + 'static,
    ) -> Result<(), Full> {
        let mut state = self.lock();
        let idle = state.threads.iter().filter(|busy| busy.is_none()).count();
        let may_start = state.threads.len() < self.max_threads;
        if idle == 0 && !may_start {
            let now = Instant::now();
            if state.threads.iter().flatten().all(|until| *until < now) {
                return Err(Full::Stuck);
            }
        }
        if state.waiting.len() >= MAX_WAITING {
            return Err(Full::Queue);
        }
        state.waiting.push_back((deadline, Box::new(job)));
        if state.waiting.len() > idle && may_start {
            let index = state.threads.len();
            let thread = thread::Builder::new()
                .name(self.name.to_owned())
                .stack_size(STACK_BYTES);
            if thread.spawn(move || self.serve(index)).is_ok() {
                state.threads.push(None);
            }
        }
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    fn serve(&self, index: usize) {
        let mut state = self.lock();
        loop {
            let Some((deadline, job)) = state.waiting.pop_front() else {
                state = self
                    .work
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.threads[index] = Some(deadline);
            drop(state);
            if Instant::now() < deadline {
                // The panic hook has told of it, and whoever waits finds its channel closed.
                let _ = catch_unwind(AssertUnwindSafe(job));
            } else {
                drop(job);
            }
            state = self.lock();
            state.threads[index] = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_does_not_get_its_turn_is_dropped_and_a_stuck_pool_refuses() {
        static POOL: Pool = Pool::new("test", 1);
        let (started, has_started) = channel();
        let (release, released) = channel::<()>();
        let soon = Instant::now() + Duration::from_millis(1);
        let job = move || {
            started.send(()).unwrap();
            let _ = released.recv();
        };
        // The deadline may be over before the thread runs: then it has to be asked again.
        let later = Instant::now() + Duration::from_secs(3600);
        POOL.run(later, job).unwrap();
        has_started.recv().unwrap();
        let (sender, receiver) = channel();
        POOL.run(soon, move || sender.send(()).unwrap()).unwrap();
        POOL.lock().threads[0] = Some(soon);
        while Instant::now() <= soon {
            thread::yield_now();
        }
        assert_eq!(POOL.run(later, || {}), Err(Full::Stuck));
        drop(release);
        assert!(receiver.recv().is_err(), "it was dropped without being run");
    }
}
