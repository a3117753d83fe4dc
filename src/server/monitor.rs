//! The task that keeps the monitoring store: its one owner.
//!
//! It takes orders in turn. Long answers are made in slices, between which calls are served; no order is
//! taken meanwhile.
#![allow(clippy::disallowed_methods)]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::config::Monitoring;
use crate::session::monitoring::{Lost, Monitor, Order, Question, Reply, Store, StoreLimits};
use crate::stats::Stats;
use crate::throttle::Throttle;

/// Orders that may wait; whoever finds the channel full waits.
const ORDERS: usize = 8192;

/// See the module's documentation.
pub(super) struct MonitorTask {
    store: Store,
    /// When records of sessions that are over are removed, if they are.
    collector: Option<Interval>,
    stats: Arc<Stats>,
    lost: Throttle,
}

impl MonitorTask {
    /// Starts the task, which ends when nobody has a way to it any more. Needs a tokio runtime.
    pub fn start(config: &Monitoring, stats: Arc<Stats>) -> Monitor {
        let (orders, received) = mpsc::channel(ORDERS);
        let collector = config.run_garbage_collector.then(|| {
            let mut every = interval(config.garbage_collector_interval);
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            every
        });
        let task = Self {
            store: Store::new(StoreLimits {
                bytes: config.memory_mib as usize * (1 << 20),
                retain: config.retain_samples,
            }),
            collector,
            stats,
            lost: Throttle::default(),
        };
        tokio::spawn(task.run(received));
        Monitor::new(orders)
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let due = async {
                match &mut self.collector {
                    Some(collector) => collector.tick().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => match order {
                    None => return,
                    Some(Order::Write(write)) => {
                        if let Err(error) = self.store.apply(write) {
                            self.on_lost(error);
                        }
                    }
                    Some(Order::Ask(question, answer)) => {
                        let reply = self.answer(question).await;
                        // Whoever asked may have given up.
                        let _ = answer.send(reply);
                    }
                },
                _ = due => {
                    while !self.store.collect(now()) {
                        yield_now().await;
                    }
                }
            }
            self.stats.monitoring.records.set(self.store.len() as u64);
        }
    }

    async fn answer(&mut self, mut question: Question) -> Reply {
        loop {
            match self.store.answer(now(), &mut question) {
                Some(Reply::Cleared(records)) => {
                    // To free many takes its time, and nobody waits for it.
                    drop(spawn_blocking(move || drop(records)));
                    return Reply::Done;
                }
                Some(reply) => return reply,
                None => yield_now().await,
            }
        }
    }

    fn on_lost(&mut self, error: Lost) {
        self.stats.monitoring.lost.increment();
        if let Some(unsaid) = self.lost.pass(Instant::now()) {
            tracing::warn!(
                unsaid,
                "a write to the monitoring store is lost: {error}; see [monitoring] memory_mib and \
                 run_garbage_collector"
            );
        }
    }
}

/// Since 1970. A clock that stands before is set wrong, and nothing depends on more than order.
fn now() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}
