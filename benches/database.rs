//! What the statements of a thousand calls do to the packets and events of others: a real MariaDB, the server as a
//! process, and SIP and RTP over loopback. `cargo bench --bench database`, on a quiet machine with `ulimit -n 8192`; it
//! fails if others are delayed. As a test it does the same with a few calls, and judges nothing.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used
)]

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use muleteer::sip::message::StatusCode;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::objects::all;
use self::support::audio::{sine, wav_file};
use self::support::caller::Caller;
use self::support::process::{Folder, ServerProcess, free_port};

// What tests share is more than is needed here.
#[allow(dead_code)]
#[path = "../plugins/mod_mysql/tests/database/server.rs"]
mod database;
#[allow(dead_code)]
#[path = "../tests/modules/objects.rs"]
mod objects;
#[allow(dead_code)]
#[path = "../tests/support/mod.rs"]
mod support;

/// How much is done.
#[derive(Clone, Copy)]
struct Size {
    /// Calls that ask the database, all at once.
    calls: usize,
    /// Calls that hear an announcement meanwhile.
    listeners: usize,
    /// How long they are listened to before anybody asks.
    warm_up: Duration,
    /// How long it is measured at least.
    window: Duration,
}

const MEASURED: Size = Size {
    calls: 1_000,
    listeners: 40,
    warm_up: Duration::from_secs(2),
    window: Duration::from_secs(5),
};
const TRIED: Size = Size {
    calls: 10,
    listeners: 2,
    warm_up: Duration::ZERO,
    window: Duration::ZERO,
};

/// What others may be delayed by.
const PACKETS: Duration = Duration::from_micros(500);
const EVENTS: Duration = Duration::from_millis(5);

/// The port that sound goes to which nobody listens to: none that the system gives to a socket of ours.
const NOBODY: u16 = 9;
const PACKET: Duration = Duration::from_millis(20);

/// What the thousand do when they are told to. All else is the same.
const IDLE: &str = "";
const ASKING: &str = "\
    mysql.connect(); throwOnError();\n\
    for ($i in range(0, 10)) {\n\
      mysql.queryGetResult(SELECT $i + COUNT(*) AS count FROM information_schema.engines);\n\
      throwOnError();\n\
    }\n\
    mysql.disconnect();\n";

/// How late packets and answers were.
struct Figures {
    /// A packet after the time that its stream's others set.
    deviation_p99: Duration,
    /// From a key of another call to what its diagram sends for it.
    event_p99: Duration,
    event_most: Duration,
    /// From the first order to the last answer of the thousand.
    all: Duration,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            deviation_p99,
            event_p99,
            event_most,
            all,
        } = self;
        write!(
            f,
            "packets {deviation_p99:?} (p99); events {event_p99:?} (p99), {event_most:?} (the latest); done in {all:?}"
        )
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let size = if is_bench { MEASURED } else { TRIED };
    let idle = measure(size, IDLE).await;
    let asking = measure(size, ASKING).await;
    println!("{} calls, each a key and an INFO: {idle}", size.calls);
    println!("the same with 10 statements each: {asking}");
    let packets = asking.deviation_p99.saturating_sub(idle.deviation_p99);
    let events = asking.event_most.saturating_sub(idle.event_most);
    println!("later by {packets:?} (packets, p99) and {events:?} (events, the latest)");
    match is_bench && (packets > PACKETS || events > EVENTS) {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

async fn measure(size: Size, work: &str) -> Figures {
    let folder = diagrams(work);
    let server = start(&folder);
    let address = server.address;
    let stops = Arc::new(AtomicBool::new(false));
    let mut listeners = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..size.listeners {
        let (call, listener) = listen(address, &stops).await;
        calls.push(call);
        listeners.push(listener);
    }
    let mut thousand = place(address, size.calls).await;
    let mut prober = Caller::new(address, "asker").await;
    assert_eq!(prober.call(NOBODY).await.status, StatusCode::OK);
    sleep(size.warm_up).await;

    let probing = {
        let stops = stops.clone();
        tokio::spawn(async move {
            let mut waits = Vec::new();
            while !stops.load(Ordering::Relaxed) {
                waits.push(order(&mut prober, "9").await);
                sleep(PACKET).await;
            }
            (prober, waits)
        })
    };
    let begin = Instant::now();
    let mut orders = JoinSet::new();
    for mut caller in thousand.drain(..) {
        orders.spawn(async move {
            order(&mut caller, "1").await;
            caller
        });
        // So that no buffer of the kernel overflows.
        if orders.len() % 5 == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    calls.extend(orders.join_all().await);
    let elapsed = begin.elapsed();
    sleep(size.window.saturating_sub(elapsed)).await;
    stops.store(true, Ordering::Relaxed);
    let (prober, mut waits) = probing.await.expect("it ends well");
    calls.push(prober);
    let late = listeners
        .into_iter()
        .flat_map(|it| it.join().expect("it ends well"));
    let mut late: Vec<Duration> = late.collect();
    let mut byes = JoinSet::new();
    for mut call in calls {
        byes.spawn(async move { call.bye().await });
    }
    byes.join_all().await;
    server.stop();
    Figures {
        deviation_p99: percentile(&mut late, 99),
        event_p99: percentile(&mut waits, 99),
        event_most: percentile(&mut waits, 100),
        all: elapsed,
    }
}

fn diagrams(work: &str) -> Folder {
    let listener = "initial state START;\n\
        transition \"in\" START - sessionStart / playFile(tone.wav, true) -> START;\n\
        transition \"out\" START - hangup / stop(false) -> START;\n";
    let asker = format!(
        "import(mod_mysql);\n\
         initial state START;\n\
         transition \"work\" START - key(#key==1) / {{\n{work}dlg.info(\"text/plain\", done);\n}} -> START;\n\
         transition \"probe\" START - key(#key==9) / dlg.info(\"text/plain\", done) -> START;\n\
         transition \"failed\" START - exception / {{ error(\"#type #text\"); stop(true); }} -> START;\n\
         transition \"out\" START - hangup / stop(false) -> START;\n"
    );
    let asker = format!("import(mod_dlg);\n{asker}");
    let folder = Folder::new(&[("listener.dsm", listener), ("asker.dsm", &asker)]);
    folder.write("tone.wav", wav_file(&sine(500.0, 10_000)));
    folder
}

fn start(folder_of_diagrams: &Folder) -> ServerProcess {
    let url = database::server().url("mysql");
    let modules = format!("dsm.modules=[{:?}]", all().display().to_string());
    let settings = [
        folder_of_diagrams.as_setting("dsm.path"),
        folder_of_diagrams.as_setting("audio.path"),
        modules,
        format!("application.asker.db_url={url:?}"),
        "app.application=\"$(ruri.user)\"".to_owned(),
        "rtp.ports=\"20000-29999\"".to_owned(),
    ];
    let arguments = settings.iter().flat_map(|setting| ["--set", setting]);
    ServerProcess::start(&arguments.collect::<Vec<_>>())
}

/// A call that hears the announcement, and how late each of its packets was, once it is over.
async fn listen(
    address: SocketAddr,
    stops: &Arc<AtomicBool>,
) -> (Caller, JoinHandle<Vec<Duration>>) {
    // Its RTCP goes to the next port, which must be nobody's.
    let socket = UdpSocket::bind(("127.0.0.1", free_port())).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout");
    let mut caller = Caller::new(address, "listener").await;
    let port = socket.local_addr().expect("an address").port();
    assert_eq!(caller.call(port).await.status, StatusCode::OK);
    let stops = stops.clone();
    let listener = thread::Builder::new().spawn(move || {
        let mut arrivals: Vec<(u16, Instant)> = Vec::new();
        let mut packet = [0; 2_048];
        while !stops.load(Ordering::Relaxed) {
            if let Ok(12..) = socket.recv(&mut packet) {
                arrivals.push((u16::from_be_bytes([packet[2], packet[3]]), Instant::now()));
            }
        }
        deviations(&arrivals)
    });
    (caller, listener.expect("a thread"))
}

/// How much later each packet came than the earliest one would have it.
fn deviations(arrivals: &[(u16, Instant)]) -> Vec<Duration> {
    let Some(&(first, begin)) = arrivals.first() else {
        panic!("no packet came");
    };
    let offset = |&(number, at): &(u16, Instant)| {
        let due = PACKET * u32::from(number.wrapping_sub(first));
        (at - begin).as_nanos() as i128 - due.as_nanos() as i128
    };
    let offsets: Vec<i128> = arrivals.iter().map(offset).collect();
    let least = offsets.iter().min().copied().unwrap_or_default();
    offsets
        .iter()
        .map(|offset| Duration::from_nanos((offset - least) as u64))
        .collect()
}

/// The calls that will ask, fifty at a time.
async fn place(address: SocketAddr, calls: usize) -> Vec<Caller> {
    let mut placing = JoinSet::new();
    for place in 0..50 {
        placing.spawn(async move {
            let mut callers = Vec::new();
            for _ in (place..calls).step_by(50) {
                let mut caller = Caller::new(address, "asker").await;
                assert_eq!(caller.call(NOBODY).await.status, StatusCode::OK);
                callers.push(caller);
            }
            callers
        });
    }
    placing.join_all().await.into_iter().flatten().collect()
}

/// Presses a key and waits for the INFO that the diagram sends when it is done.
async fn order(caller: &mut Caller, key: &str) -> Duration {
    let begin = Instant::now();
    caller.cseq += 1;
    let info = caller.request("INFO", key);
    let info = info.replace("application/sdp", "application/dtmf");
    for _ in 0..10 {
        caller.send(&info).await;
        if let Ok(done) = timeout(Duration::from_secs(2), caller.server_request()).await {
            let waited = begin.elapsed();
            assert_eq!(done.method.to_string(), "INFO");
            caller.confirm(&done).await;
            return waited;
        }
    }
    panic!("no answer to a key");
}

fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort_unstable();
    let last = values.len().checked_sub(1).expect("something was measured");
    values[last * percent / 100]
}
