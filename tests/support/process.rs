//! Programs as a user runs them: started, watched line by line, never left behind.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::server::project_root;

/// Longest wait for something that has to come. Far more than needed, so that a slow machine passes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The server and test phone that was built with these tests.
pub fn muleteer() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muleteer"));
    command.env_remove("RUST_LOG");
    command
}

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// A running program. Dropping it kills it.
pub struct Process {
    child: Child,
    /// It leads a process group, all of which is killed with it.
    leads: bool,
    lines: Receiver<(Stream, String)>,
    output: Vec<(Stream, String)>,
    /// Lines of `output` that a wait has passed.
    passed: usize,
    input: Option<ChildStdin>,
}

/// A program that has ended.
pub struct Ended {
    pub status: ExitStatus,
    output: Vec<(Stream, String)>,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        Self::start_reading(command, Stdio::null())
    }

    /// The same for a program that starts others, which do not end with it when it is killed.
    pub fn start_with_children(command: &mut Command) -> Self {
        let mut process = Self::start(command.process_group(0));
        process.leads = true;
        process
    }

    /// The same, and it reads what it is [told](Self::tell).
    pub fn start_to_talk_to(command: &mut Command) -> Self {
        Self::start_reading(command, Stdio::piped())
    }

    fn start_reading(command: &mut Command, input: Stdio) -> Self {
        let started = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, lines) = channel();
        let out = child.stdout.take().expect("piped");
        let err = child.stderr.take().expect("piped");
        let input = child.stdin.take();
        forward(out, Stream::Out, sender.clone());
        forward(err, Stream::Err, sender);
        Self {
            child,
            leads: false,
            lines,
            output: Vec::new(),
            passed: 0,
            input,
        }
    }

    /// Writes a line to a process that was [started to talk to](Self::start_to_talk_to).
    pub fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("it reads");
        writeln!(input, "{line}").expect("it reads");
    }

    /// The next line that contains `text`; what stands before it is passed.
    pub fn line(&mut self, text: &str) -> String {
        self.line_of(&[text]);
        self.output[self.passed - 1].1.clone()
    }

    /// Goes on to the next line that contains one of these; returns which.
    pub fn line_of(&mut self, texts: &[&str]) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while self.passed < self.output.len() {
                self.passed += 1;
                let (_, line) = &self.output[self.passed - 1];
                if let Some(which) = texts.iter().position(|text| line.contains(text)) {
                    return which;
                }
            }
            match self.lines.recv_timeout(deadline - Instant::now()) {
                Ok(line) => self.output.push(line),
                Err(error) => panic!("no line with {texts:?}: {error}\n{}", show(&self.output)),
            }
        }
    }

    /// Whether it has written `text` by now, or does within a moment.
    pub fn has_written(&mut self, text: &str) -> bool {
        if let Ok(line) = self.lines.recv_timeout(Duration::from_millis(20)) {
            self.output.push(line);
        }
        self.output.iter().any(|(_, line)| line.contains(text))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Waits for its end, at most [`PATIENCE`].
    pub fn ended(self) -> Ended {
        self.ended_within(PATIENCE)
    }

    pub fn ended_within(mut self, patience: Duration) -> Ended {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.output.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("still runs\n{}", show(&self.output)),
            }
        }
        // Both pipes are closed, so it is ending if it has not ended yet.
        let status = self.child.wait().expect("it was not waited for");
        let output = std::mem::take(&mut self.output);
        Ended { status, output }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        if self.leads {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Fails, showing all output, unless the exit code is `code`.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{}", show(&self.output));
        self
    }

    /// Fails, showing all output, unless it contains `text`.
    #[track_caller]
    pub fn expect(self, text: &str) -> Self {
        let output = show(&self.output);
        assert!(output.contains(text), "{text:?} is missing in:\n{output}");
        self
    }

    /// Lines of one of its outputs.
    pub fn lines(&self, stream: Stream) -> impl Iterator<Item = &str> {
        let of_stream = self.output.iter().filter(move |(from, _)| *from == stream);
        of_stream.map(|(_, line)| line.as_str())
    }

    /// All that it wrote.
    pub fn text(&self) -> String {
        show(&self.output)
    }
}

fn forward(from: impl Read + Send + 'static, stream: Stream, to: Sender<(Stream, String)>) {
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if to.send((stream, line)).is_err() {
                return;
            }
        }
    });
}

fn show(output: &[(Stream, String)]) -> String {
    let lines = output.iter().map(|(_, line)| line.as_str());
    lines.collect::<Vec<_>>().join("\n")
}

/// An even port that neither UDP nor TCP uses on loopback, with a free odd one after it, from below the ports
/// that the kernel gives away. It is handed out again when hundreds of others were.
pub fn free_port() -> u16 {
    free_ports(1)
}

/// The first of so many [free ports](free_port), each two above the one before.
pub fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let block = own_block();
    let is_free = |port: u16| {
        let udp = |port| UdpSocket::bind(("127.0.0.1", port)).is_ok();
        udp(port) && udp(port + 1) && TcpListener::bind(("127.0.0.1", port)).is_ok()
    };
    for _ in 0..PORTS_OF_A_RUN / 2 {
        let turn = NEXT.fetch_add(2 * count, Ordering::Relaxed) % PORTS_OF_A_RUN;
        let first = block + turn;
        // A port behind the block is another run's.
        let fits = turn + 2 * count <= PORTS_OF_A_RUN;
        if fits && (0..count).all(|number| is_free(first + 2 * number)) {
            return first;
        }
    }
    panic!("no free port");
}

const PORTS_OF_A_RUN: u16 = 390;

/// The first port of those that no other run of the tests on this machine takes meanwhile: a lock on a file says
/// so, which the system takes away when this process ends.
fn own_block() -> u16 {
    const FIRST: u16 = 20_000;
    const BLOCKS: u16 = 10;
    static BLOCK: LazyLock<(u16, Option<File>)> = LazyLock::new(|| {
        let start = std::process::id() as u16 % BLOCKS;
        let locked = (0..BLOCKS).find_map(|turn| {
            let block = (start + turn) % BLOCKS;
            let path = std::env::temp_dir().join(format!("muleteer-tests-ports-{block}"));
            let file = File::create(path).ok()?;
            file.try_lock().ok()?;
            Some((block, Some(file)))
        });
        // Ten runs at once, or somebody else's files: then it is likely that all goes well nevertheless.
        locked.unwrap_or((start, None))
    });
    FIRST + BLOCK.0 * PORTS_OF_A_RUN
}

/// A hundred ports for media, handed out once; other runs of the tests begin elsewhere.
pub fn hundred_ports() -> RangeInclusive<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let turn = NEXT.fetch_add(1, Ordering::Relaxed);
    let hundred = (std::process::id() as u16 % 8 * 10 + turn) % 80;
    let first = 24_000 + hundred * 100;
    first..=first + 99
}

/// `muleteer serve` with the shipped configuration on a free loopback port.
pub struct ServerProcess {
    pub process: Process,
    pub address: SocketAddr,
}

impl ServerProcess {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_on("127.0.0.1", arguments)
    }

    /// On this address; IPv6 ones in brackets.
    pub fn start_on(ip: &str, arguments: &[&str]) -> Self {
        Self::started(ip, |address| {
            let mut command = serve(address);
            command.args(arguments);
            command
        })
    }

    /// With this configuration.
    pub fn configured(config: &Path) -> Self {
        Self::started("127.0.0.1", |address| serve_as(config, address))
    }

    fn started(ip: &str, command: impl Fn(&str) -> Command) -> Self {
        // Somebody may take a free port before the server does: then there is another one.
        for _ in 0..5 {
            let address = format!("{ip}:{}", free_port());
            let mut process = Process::start(&mut command(&address));
            if process.line_of(&["listens on", "Address already in use"]) == 1 {
                continue;
            }
            process.line("Ctrl-C stops.");
            // What it logged while it started is still to be looked for.
            process.passed = 0;
            return Self {
                process,
                address: address.parse().expect("an address"),
            };
        }
        panic!("all free ports are taken before a server can take them");
    }

    /// A SIP URI of the server.
    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.address)
    }

    /// Stops it. No call may be left that would not end.
    pub fn stop(self) -> Ended {
        self.process.signal(Signal::TERM);
        let ended = self.process.ended().expect_code(0);
        assert!(!ended.text().contains("by force"), "{}", ended.text());
        ended
    }
}

/// The command that serves on `address`, by UDP and TCP.
pub fn serve(address: &str) -> Command {
    serve_as(&project_root().join("conf/muleteer.toml"), address)
}

fn serve_as(conf: &Path, address: &str) -> Command {
    let mut command = muleteer();
    let listen = format!("sip.listen=[\"udp:{address}\", \"tcp:{address}\"]");
    command.arg("serve").arg("--config").arg(conf);
    command.args(["--set", &listen]);
    command
}

/// A folder with the given files, gone when dropped.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `KEY=["this folder"]`, for `--set`.
    pub fn as_setting(&self, key: &str) -> String {
        format!("{key}=[{:?}]", self.0.path().display().to_string())
    }
}
