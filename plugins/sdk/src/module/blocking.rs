//! A few threads for functions that block.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "these threads are what keeps waiting off the server's"
)]

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Threads of one module.
const MAX_THREADS: usize = 16;
/// Jobs that may wait for one; more are dropped, which fails their actions.
const MAX_WAITING: usize = 1_000;

/// Gets how long it has waited.
type Job = Box<dyn FnOnce(Duration) + Send>;

#[derive(Default)]
struct Pool {
    waiting: VecDeque<(Instant, Job)>,
    threads: usize,
    idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    waiting: VecDeque::new(),
    threads: 0,
    idle: 0,
});
static WORK: Condvar = Condvar::new();

/// Runs `job` on one of the threads, which is started if all are busy.
pub(super) fn run(job: Job) {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.waiting.len() >= MAX_WAITING {
        drop(pool);
        return drop(job);
    }
    pool.waiting.push_back((Instant::now(), job));
    if pool.waiting.len() > pool.idle && pool.threads < MAX_THREADS {
        let started = thread::Builder::new().name("module-work".to_owned());
        pool.threads += usize::from(started.spawn(serve).is_ok());
    }
    WORK.notify_one();
}

fn serve() {
    loop {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, job) = loop {
            if let Some(next) = pool.waiting.pop_front() {
                break next;
            }
            pool.idle += 1;
            pool = WORK.wait(pool).unwrap_or_else(PoisonError::into_inner);
            pool.idle -= 1;
        };
        drop(pool);
        super::export::contain(|| job(since.elapsed()));
    }
}
