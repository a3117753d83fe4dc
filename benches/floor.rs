//! What the kernel of this machine takes for the packets of a call, with no server around it: `cargo bench --bench
//! floor`, right before or after a measurement of the server, on a machine that does nothing else. Two threads
//! wake every 2 ms, as media threads do, and send 50 packets a second by each of a thousand sockets; then the same with
//! as many packets coming in. Processor time is counted for these two threads alone. As a test it does it with a few
//! sockets for a moment.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used
)]

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::time::{ClockId, Timespec, clock_gettime};

const THREADS: usize = 2;
const SLOT: Duration = Duration::from_millis(2);
const SLOTS: usize = 10;
/// A packet of 20 ms of G.711.
const PACKET: [u8; 172] = [0x55; 172];
/// As large as the server's.
const EVENTS: usize = 256;

/// How much is done.
struct Size {
    calls: usize,
    warm_up: Duration,
    window: Duration,
    rounds: usize,
}

const MEASURED: Size = Size {
    calls: 1_000,
    warm_up: Duration::from_secs(1),
    window: Duration::from_secs(5),
    rounds: 3,
};
const TRIED: Size = Size {
    calls: 20,
    warm_up: Duration::ZERO,
    window: Duration::from_millis(100),
    rounds: 1,
};

/// One thread's sockets, each with where it sends to.
struct Worker {
    ports: Vec<(UdpSocket, SocketAddr)>,
    receives: bool,
    epoll: rustix::fd::OwnedFd,
}

impl Worker {
    fn new(sink: u16, calls: std::ops::Range<usize>, receives: bool) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let open = |call: usize| {
            let peer = SocketAddr::from((address_of(call), sink));
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.set_nonblocking(true)?;
            if receives {
                let data = epoll::EventData::new_u64(call as u64);
                epoll::add(&epoll, &socket, data, epoll::EventFlags::IN)?;
            } else {
                socket.connect(peer)?;
            }
            Ok((socket, peer))
        };
        let ports = calls.map(open).collect::<io::Result<_>>()?;
        Ok(Self {
            ports,
            receives,
            epoll,
        })
    }

    /// Takes turns until `end`; returns the time that it took since `begin`, and the packets sent and
    /// received in it.
    fn run(&self, first: usize, begin: Instant, end: Instant) -> (Duration, usize, usize) {
        let start = Instant::now();
        let mut began = None;
        let (mut sent, mut received) = (0, 0);
        for tick in 0.. {
            wait_for(start, tick);
            let now = Instant::now();
            if now >= begin && began.is_none() {
                began = Some(thread_time());
                (sent, received) = (0, 0);
            }
            if now >= end {
                break;
            }
            if self.receives {
                received += self.receive(first);
            }
            for (socket, peer) in due(&self.ports, tick) {
                let done = match self.receives {
                    true => socket.send_to(&PACKET, peer),
                    false => socket.send(&PACKET),
                };
                sent += usize::from(done.is_ok());
            }
        }
        (thread_time() - began.unwrap(), sent, received)
    }

    fn receive(&self, first: usize) -> usize {
        let mut datagram = [0; 1_500];
        let mut received = 0;
        loop {
            let mut events = [const { MaybeUninit::uninit() }; EVENTS];
            let none = Timespec::default();
            let (ready, _) = epoll::wait(&self.epoll, &mut events[..], Some(&none)).unwrap();
            if ready.is_empty() {
                return received;
            }
            for event in ready.iter() {
                let call = event.data.u64() as usize - first;
                received += usize::from(self.ports[call].0.recv_from(&mut datagram).is_ok());
            }
        }
    }
}

/// A peer each, all behind one socket.
fn address_of(call: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 3, (call / 250) as u8, (call % 250) as u8 + 1)
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Processor time of one call in percent of a core.
fn measure(size: &Size, receives: bool) -> f64 {
    let peers = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap());
    peers.set_nonblocking(true).unwrap();
    let sink = peers.local_addr().unwrap().port();
    let share = size.calls / THREADS;
    let workers: Vec<_> = (0..THREADS)
        .map(|n| Worker::new(sink, n * share..(n + 1) * share, receives).unwrap())
        .collect();
    let targets: Vec<SocketAddr> = workers
        .iter()
        .flat_map(|worker| &worker.ports)
        .map(|(socket, _)| socket.local_addr().unwrap())
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let others = [
        thread::spawn({
            let (peers, stop) = (peers.clone(), stop.clone());
            move || drain(&peers, &stop)
        }),
        thread::spawn({
            let (peers, stop) = (peers.clone(), stop.clone());
            move || {
                if receives {
                    talk(&peers, &targets, &stop);
                }
            }
        }),
    ];
    let begin = Instant::now() + size.warm_up;
    let end = begin + size.window;
    let running: Vec<_> = workers
        .into_iter()
        .enumerate()
        .map(|(n, worker)| thread::spawn(move || worker.run(n * share, begin, end)))
        .collect();
    let done: Vec<_> = running.into_iter().map(|it| it.join().unwrap()).collect();
    stop.store(true, Ordering::Relaxed);
    others.into_iter().for_each(|it| it.join().unwrap());
    let spent: Duration = done.iter().map(|(spent, ..)| *spent).sum();
    let (sent, received) = done
        .iter()
        .fold((0, 0), |sum, it| (sum.0 + it.1, sum.1 + it.2));
    let wanted = size.window.as_secs_f64() * 50.0 * size.calls as f64;
    let cost = spent.as_secs_f64() / size.window.as_secs_f64() / size.calls as f64 * 100.0;
    println!(
        "  {cost:.4} % of a core; {:.3} of the packets sent, {:.3} received",
        sent as f64 / wanted,
        received as f64 / wanted,
    );
    cost
}

/// Waits for a slot of the clock that began at `start`.
fn wait_for(start: Instant, tick: u32) {
    thread::sleep((start + SLOT * tick).saturating_duration_since(Instant::now()));
}

/// Those of `all` whose packets are due in this slot.
fn due<T>(all: &[T], tick: u32) -> impl Iterator<Item = &T> {
    all.iter().skip(tick as usize % SLOTS).step_by(SLOTS)
}

/// Throws away what the peers get, without ever being woken for it: the sender would pay for that.
fn drain(peers: &UdpSocket, stop: &AtomicBool) {
    let mut datagram = [0; 1_500];
    while !stop.load(Ordering::Relaxed) {
        while peers.recv(&mut datagram).is_ok() {}
        thread::sleep(SLOT);
    }
}

/// Sends each of `targets` 50 packets a second.
fn talk(peers: &UdpSocket, targets: &[SocketAddr], stop: &AtomicBool) {
    let start = Instant::now();
    for tick in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        wait_for(start, tick);
        for target in due(targets, tick) {
            // One that does not go out is missed as a lost one is: see what was received.
            let _ = peers.send_to(&PACKET, target);
        }
    }
}

fn main() {
    let size = match std::env::args().any(|argument| argument == "--bench") {
        true => MEASURED,
        false => TRIED,
    };
    let (open, files) = (size.calls + 100, rustix::process::Resource::Nofile);
    let limit = rustix::process::getrlimit(files);
    if limit.current.is_some_and(|limit| limit < open as u64) {
        let raised = rustix::process::Rlimit {
            current: limit.maximum,
            ..limit
        };
        rustix::process::setrlimit(files, raised).unwrap();
    }
    for (name, receives) in [("sending only", false), ("both ways", true)] {
        println!("{name}, {} calls", size.calls);
        let mut costs: Vec<_> = (0..size.rounds).map(|_| measure(&size, receives)).collect();
        costs.sort_by(f64::total_cmp);
        println!("  median {:.4} % of a core a call", costs[costs.len() / 2]);
    }
}
