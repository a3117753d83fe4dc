//! Bursts, standstills and overload, with a thread that reads INVITEs and begins sessions, in virtual time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a turn of the signalling task reads at most, and how many sessions begin before the next one, as the
/// runtime has it.
const READ_AT_ONCE: usize = 128;
const BEGUN_AT_ONCE: usize = 61;
/// INVITEs that a socket has room for: four megabytes, with what the kernel adds to each.
const SOCKET_ROOM: usize = 1_820;

/// One thread: the signalling task and the sessions in turn.
struct Thread {
    start: Instant,
    now: Instant,
    way: WayLoad,
    load: WorkLoad,
    /// What it costs to read an INVITE, and to begin its session.
    read: Duration,
    begin: Duration,
    begun: usize,
    unread: VecDeque<Instant>,
    lost: usize,
    waiting: VecDeque<Instant>,
    most_waiting: usize,
    overloads: usize,
    /// When calls came, and how long they waited.
    taken: Vec<(Duration, Duration)>,
    refused: Vec<(Duration, Duration)>,
    /// From when it stands still, and for how long.
    standstills: VecDeque<(Duration, Duration)>,
    /// While this lasts no session begins, but the signalling task goes on.
    hangs: std::ops::Range<Duration>,
}

impl Thread {
    /// Able to take 10,000 calls a second.
    fn fast() -> Self {
        Self::new(Duration::from_micros(20), Duration::from_micros(80))
    }

    fn new(read: Duration, begin: Duration) -> Self {
        let start = Instant::now();
        Self {
            start,
            now: start,
            way: WayLoad::default(),
            load: WorkLoad::default(),
            read,
            begin,
            begun: 0,
            unread: VecDeque::new(),
            lost: 0,
            waiting: VecDeque::new(),
            most_waiting: 0,
            overloads: 0,
            taken: Vec::new(),
            refused: Vec::new(),
            standstills: VecDeque::new(),
            hangs: Duration::ZERO..Duration::ZERO,
        }
    }

    fn work(&mut self, time: Duration) {
        self.now += time;
        let since = self.now - self.start;
        if let Some((_, length)) = self.standstills.pop_front_if(|(at, _)| *at <= since) {
            self.now += length;
        }
    }

    /// Takes calls that come at these times, until all are begun or refused.
    fn take(&mut self, calls: impl Iterator<Item = Duration>) {
        let start = self.start;
        let mut calls = calls.map(|at| start + at).peekable();
        loop {
            let mut idle = true;
            for _ in 0..READ_AT_ONCE {
                while let Some(came) = calls.next_if(|at| *at <= self.now) {
                    match self.unread.len() < SOCKET_ROOM {
                        true => self.unread.push_back(came),
                        false => self.lost += 1,
                    }
                }
                let Some(came) = self.unread.pop_front() else {
                    break;
                };
                idle = false;
                self.read(came);
            }
            for _ in 0..BEGUN_AT_ONCE {
                if self.hangs.contains(&(self.now - start)) {
                    break;
                }
                let Some(came) = self.waiting.pop_front() else {
                    break;
                };
                idle = false;
                self.work(self.begin);
                self.begun += 1;
                self.taken.push((came - start, self.now - came));
            }
            if idle {
                match calls.peek() {
                    Some(next) => self.now = self.now.max(*next),
                    None if self.waiting.is_empty() => return,
                    None => self.now = start + self.hangs.end,
                }
            }
        }
    }

    fn read(&mut self, came: Instant) {
        if self.way.count() {
            let percent = (self.unread.len() + 1) * 100 / SOCKET_ROOM;
            let begins = self.way.look(self.now, percent as u32);
            self.overloads += usize::from(begins);
        }
        let begins = self.load.look(self.now, self.begun, self.waiting.len());
        self.overloads += usize::from(begins);
        let refuses = self.load.refuses() || self.way.refuses();
        self.work(self.read);
        if refuses {
            self.refused.push((came - self.start, self.now - came));
        } else {
            self.waiting.push_back(came);
            self.most_waiting = self.most_waiting.max(self.waiting.len());
        }
    }

    fn longest(waits: &[(Duration, Duration)], from: Duration) -> Duration {
        let waits = waits.iter().filter(|(came, _)| *came >= from);
        waits.map(|(_, wait)| *wait).max().unwrap_or_default()
    }
}

/// So many calls a second, evenly, from `from` on.
fn calls(per_second: u32, from: Duration, length: Duration) -> impl Iterator<Item = Duration> {
    let number = (length.as_secs_f64() * f64::from(per_second)) as u32;
    (0..number).map(move |n| from + Duration::from_secs(1) * n / per_second)
}

#[test]
fn five_hundred_calls_at_once_are_all_taken() {
    let mut thread = Thread::fast();
    thread.take(std::iter::repeat_n(ms(0), 500));
    assert_eq!((thread.taken.len(), thread.overloads), (500, 0));
    // A second later, and again after a minute, as well.
    thread.take(
        [ms(1_000), ms(60_000)]
            .into_iter()
            .flat_map(|at| std::iter::repeat_n(at, 500)),
    );
    assert_eq!((thread.taken.len(), thread.overloads), (1_500, 0));
    assert!(Thread::longest(&thread.taken, ms(0)) < ms(60));
}

#[test]
fn what_gathers_while_the_machine_stands_still_is_taken() {
    for (length, every) in [(40, 200), (40, 100), (150, 1_000)] {
        let mut thread = Thread::fast();
        let stands = (1..).map(|n| (ms(n * every), ms(length)));
        thread.standstills = stands.take_while(|(at, _)| *at < ms(5_000)).collect();
        thread.take(calls(4_000, ms(0), ms(5_000)));
        assert_eq!(thread.refused, [], "{length} ms every {every} ms");
        let longest = Thread::longest(&thread.taken, ms(0));
        assert!(longest < ms(length * 2), "{longest:?}");
    }
}

#[test]
fn a_little_too_much_is_refused_at_once_while_the_queue_keeps_its_length() {
    let mut thread = Thread::fast();
    thread.take(calls(12_000, ms(0), ms(4_000)));
    // A fifth of the work of a call is done for those that are refused, too.
    assert!(thread.taken.len() > 37_500, "{}", thread.taken.len());
    assert_eq!(thread.overloads, 1);
    assert!(Thread::longest(&thread.taken, ms(0)) < ms(80));
    assert!(Thread::longest(&thread.taken, ms(500)) < ms(35));
    assert!(Thread::longest(&thread.refused, ms(0)) < ms(20));
    // Not all and nothing in turns: in any 50 ms 470 can be taken.
    for from in (500..3_900).step_by(50) {
        let came = |(at, _): &&(Duration, Duration)| (ms(from)..ms(from + 50)).contains(at);
        let taken = thread.taken.iter().filter(came).count();
        assert!((400..540).contains(&taken), "{taken} at {from} ms");
    }
}

#[test]
fn at_three_times_the_possible_rate_those_refused_learn_it_soon() {
    let mut thread = Thread::fast();
    thread.take(calls(30_000, ms(0), ms(4_000)));
    // Of each second 0.6 go into reading.
    assert!(thread.taken.len() > 19_500, "{}", thread.taken.len());
    assert!(Thread::longest(&thread.refused, ms(0)) < ms(75));
    assert!(Thread::longest(&thread.refused, ms(200)) < ms(35));
    assert!(Thread::longest(&thread.taken, ms(0)) < ms(150));
    assert!(Thread::longest(&thread.taken, ms(500)) < ms(75));
    // And when it is over it is over, also if nobody calls for a while.
    let before = thread.refused.len();
    thread.take(calls(4_000, ms(4_100), ms(1_000)));
    assert_eq!(thread.refused.len(), before);
    thread.take(calls(30_000, ms(6_000), ms(1_000)));
    let before = thread.refused.len();
    thread.take(std::iter::repeat_n(ms(60_000), 500));
    assert_eq!(thread.refused.len(), before);
}

#[test]
fn where_sessions_take_long_to_begin_fewer_wait() {
    let mut thread = Thread::new(Duration::from_micros(20), ms(1));
    thread.take(calls(1_500, ms(0), ms(3_000)));
    assert!(Thread::longest(&thread.taken, ms(1_000)) < ms(150));
    let (taken, overloads) = (thread.taken.len(), thread.overloads);
    assert_eq!(overloads, 1);
    // What was learnt holds for the next burst.
    thread.most_waiting = 0;
    thread.take(calls(3_000, ms(4_000), ms(200)));
    assert!(thread.most_waiting < 120, "{}", thread.most_waiting);
    assert!(thread.taken.len() > taken + 200, "{}", thread.taken.len());
    // But not for ever.
    thread.take(calls(100, ms(5_000), ms(10_000)));
    let refused = thread.refused.len();
    thread.take(std::iter::repeat_n(ms(16_000), 250));
    assert_eq!(thread.refused.len(), refused);
}

#[test]
fn a_thread_that_had_little_of_its_core_makes_up_for_it_when_it_has_it() {
    let mut thread = Thread::fast();
    let stands = (1..).map(|n| (ms(n * 60), ms(50)));
    thread.standstills = stands.take_while(|(at, _)| *at < ms(2_000)).collect();
    thread.take(calls(12_000, ms(0), ms(4_000)));
    let later = |(came, _): &&(Duration, Duration)| *came >= ms(2_500);
    let taken = thread.taken.iter().filter(later).count();
    assert!(taken > 13_800, "{taken} of 14,300");
}

#[test]
fn sessions_that_do_not_begin_do_not_pile_up() {
    let mut thread = Thread::fast();
    thread.hangs = ms(1_000)..ms(3_000);
    thread.take(calls(4_000, ms(0), ms(5_000)));
    assert_eq!(thread.overloads, 1);
    assert!(thread.most_waiting <= 700, "{}", thread.most_waiting);
    assert!(Thread::longest(&thread.refused, ms(0)) < ms(20));
    let last = thread.refused.iter().map(|(came, _)| *came).max().unwrap();
    assert!(last < ms(3_100), "{last:?}");
}

#[test]
fn after_two_seconds_of_standstill_no_more_wait_than_may() {
    let mut thread = Thread::fast();
    thread.standstills = [(ms(1_000), ms(2_000))].into();
    thread.take(calls(4_000, ms(0), ms(5_000)));
    assert!(thread.most_waiting <= MOST_WAITING);
    let last = thread.refused.iter().map(|(came, _)| *came).max();
    assert!(last.is_none_or(|last| last < ms(3_500)), "{last:?}");
}

#[test]
fn every_input_is_looked_at_while_calls_are_refused() {
    let (mut load, now) = (WayLoad::default(), Instant::now());
    assert_eq!((0..16).filter(|_| load.count()).count(), 2);
    load.look(now, 50);
    assert_eq!((0..16).filter(|_| load.count()).count(), 16);
}

#[test]
fn the_queue_of_a_way_may_be_long_for_a_moment_but_not_full() {
    let (mut load, start) = (WayLoad::default(), Instant::now());
    // After an hour of silence one look says nothing of a tenth of a second.
    load.look(start, 0);
    let start = start + Duration::from_secs(3_600);
    let mut begins = |at, percent| (load.look(start + ms(at), percent), load.refuses());
    for at in (0..80).step_by(10) {
        assert_eq!(begins(at, 40), (false, false));
    }
    assert_eq!(begins(80, 50), (true, true));
    assert_eq!(begins(81, 49), (false, true), "it stands by now");
    assert_eq!(begins(82, 34), (false, false));
    assert_eq!(begins(92, 35), (false, true), "the same overload");
    for at in (100..=200).step_by(10) {
        assert_eq!(begins(at, 20), (false, false));
    }
    assert_eq!(begins(201, 49), (false, false), "a burst");
}
