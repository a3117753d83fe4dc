//! SHELL. RTP sockets: sending, and reading those that have something.
//!
//! A socket nobody listens to is *deaf*: its receive buffer is so small that the kernel drops all but
//! the first packets that arrive. Then the socket can be connected too, which spares the kernel a route
//! lookup for each packet sent.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use rustix::event::epoll;
use rustix::time::Timespec;
use socket2::SockRef;

use super::command::{EventSink, StreamId};

/// A stream's ways to the world: to its peer and to its session.
pub(super) struct Opened {
    pub(super) port: Port,
    pub(super) control: Control,
    pub(super) sink: EventSink,
}

/// How the RTCP of a stream goes.
pub(super) enum Control {
    /// By the port of RTP.
    Shared,
    /// By the port above it.
    Own(Box<Port>),
    /// That port is being opened: not yet.
    Opening,
    /// That port was taken: not at all.
    None,
}

/// A socket that has something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    pub(super) id: StreamId,
    /// It is the stream's RTCP socket.
    pub(super) control: bool,
}

/// One datagram that was read.
pub(super) struct Received {
    /// Bytes of it.
    pub(super) len: usize,
    pub(super) source: SocketAddr,
    /// When it came to this machine, by its wall clock, since 1970.
    pub(super) arrived: Option<Duration>,
    /// How many the kernel threw away since the one before, because too many waited.
    pub(super) dropped: u32,
}

/// One stream's socket.
pub(super) struct Port {
    socket: UdpSocket,
    listening: bool,
    /// Whether it is to be listened to, once the orders that wait have been carried out.
    wanted: bool,
    /// The receive buffer is as small as can be.
    deaf: bool,
    /// The kernel notes when datagrams come, and how many it threw away.
    noting: bool,
    /// How many those were by its last note; `None`: they were not of interest so far.
    thrown_away: Option<u32>,
    /// The only destination, while connected.
    connected: Option<SocketAddr>,
    /// Connecting was refused, as for a loopback socket and a remote address.
    unconnectable: bool,
}

impl Port {
    /// Takes a bound socket that does not block. It is deaf from its first packet on, unless it
    /// listens by then.
    pub(super) fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            listening: false,
            wanted: false,
            deaf: false,
            noting: false,
            thrown_away: None,
            connected: None,
            unconnectable: false,
        }
    }

    /// The address of the port above this one's, for RTCP.
    pub(super) fn next_address(&self) -> Option<SocketAddr> {
        let address = self.socket.local_addr().ok()?;
        let port = address.port().checked_add(1)?;
        Some(SocketAddr::new(address.ip(), port))
    }

    /// Sends one packet; false if the system did not take it.
    pub(super) fn send(&mut self, destination: SocketAddr, packet: &[u8]) -> bool {
        if !self.listening {
            self.deafen();
        }
        if self.listening || !self.connect(destination) {
            return self.socket.send_to(packet, destination).is_ok();
        }
        match self.socket.send(packet) {
            // The error is about an earlier packet: nobody listens there yet.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.socket.send(packet).is_ok()
            }
            sent => sent.is_ok(),
        }
    }

    /// Reads one datagram, if there is one. A longer one than `out` is cut.
    pub(super) fn receive(&mut self, out: &mut [u8]) -> Option<Received> {
        let mut control = [0; CONTROL_BYTES];
        let mut parts = [IoSliceMut::new(out)];
        let read = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::empty(),
        )
        .ok()?;
        let (mut arrived, mut thrown_away) = (None, 0);
        for message in read.cmsgs().ok()? {
            match message {
                ControlMessageOwned::ScmTimestampns(time) => arrived = Some(Duration::from(time)),
                ControlMessageOwned::RxqOvfl(count) => thrown_away = count,
                _ => {}
            }
        }
        let before = self.thrown_away.replace(thrown_away).unwrap_or(thrown_away);
        Some(Received {
            len: read.bytes,
            source: ip_address(read.address?)?,
            arrived,
            dropped: thrown_away.wrapping_sub(before),
        })
    }

    /// Makes sure that the socket is connected to `destination`; false if it cannot be.
    fn connect(&mut self, destination: SocketAddr) -> bool {
        if self.connected == Some(destination) {
            return true;
        }
        if !self.unconnectable {
            self.unconnectable = self.socket.connect(destination).is_err();
            self.connected = Some(destination).filter(|_| !self.unconnectable);
        }
        self.connected.is_some()
    }

    /// Undoes `connect`, throws away what came while nobody listened, and hears again.
    fn listen(&mut self) {
        self.listening = true;
        self.have_noted();
        if self.connected.take().is_some() {
            // It fails for a socket that is not connected only.
            let _ = rustix::net::connect_unspec(&self.socket);
        }
        if std::mem::replace(&mut self.deaf, false) {
            let mut stale = [0; 1];
            for _ in 0..MAX_STALE {
                if self.socket.recv(&mut stale).is_err() {
                    break;
                }
            }
        }
        self.set_receive_buffer(RECEIVE_BUFFER_BYTES);
    }

    /// Has the kernel note when datagrams come and what it throws away. Should it refuse, they come when they
    /// are read, and nothing is known to be lost.
    fn have_noted(&mut self) {
        if !std::mem::replace(&mut self.noting, true) {
            let _ = setsockopt(&self.socket, sockopt::ReceiveTimestampns, &true);
            let _ = setsockopt(&self.socket, sockopt::RxqOvfl, &1);
        }
    }

    fn stop_listening(&mut self) {
        self.listening = false;
        self.deafen();
    }

    fn deafen(&mut self) {
        if !std::mem::replace(&mut self.deaf, true) {
            // The kernel takes the least it allows, some two kilobytes.
            self.set_receive_buffer(0);
            self.thrown_away = None;
        }
    }

    /// The system's default serves as well, should it refuse.
    fn set_receive_buffer(&self, bytes: usize) {
        let _ = SockRef::from(&self.socket).set_recv_buffer_size(bytes);
    }

    /// Notes whether the socket is to be listened to. True: it is not as it should be.
    pub(super) fn want(&mut self, listening: bool) -> bool {
        self.wanted = listening;
        self.wanted != self.listening
    }

    /// What was wanted last.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether it is not as it should be.
    pub(super) fn is_unsettled(&self) -> bool {
        self.wanted != self.listening
    }
}

/// The sockets that are listened to.
pub(super) struct Sockets {
    epoll: OwnedFd,
    listening: usize,
}

impl Sockets {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self {
            epoll,
            listening: 0,
        })
    }

    /// Begins to listen to `port`, which [`Sockets::find_ready`] calls `id`.
    pub(super) fn add(&mut self, id: StreamId, port: &mut Port) {
        if port.listening {
            return;
        }
        port.listen();
        self.register(id, port);
    }

    fn register(&mut self, id: StreamId, port: &mut Port) {
        let data = epoll::EventData::new_u64(id.to_bits());
        match epoll::add(&self.epoll, &port.socket, data, epoll::EventFlags::IN) {
            Ok(()) => {
                port.listening = true;
                self.listening += 1;
            }
            Err(error) => {
                tracing::error!(%error, "an RTP socket cannot be listened to");
                port.stop_listening();
            }
        }
    }

    /// Begins to listen to the RTCP socket of `id`. A report comes every few seconds and is read at the
    /// next wake-up, so the smallest buffer is large enough.
    pub(super) fn add_control(&mut self, id: StreamId, port: &mut Port) {
        let data = epoll::EventData::new_u64(id.to_bits() | CONTROL);
        if epoll::add(&self.epoll, &port.socket, data, epoll::EventFlags::IN).is_ok() {
            port.listening = true;
            self.listening += 1;
        }
        port.have_noted();
        port.deafen();
    }

    /// Ends to listen to `port`.
    pub(super) fn remove(&mut self, port: &mut Port) {
        if !port.listening {
            return;
        }
        port.stop_listening();
        self.listening -= 1;
        // The socket is in the set, as `listening` says.
        let _ = epoll::delete(&self.epoll, &port.socket);
    }

    /// Forgets a `port` that is about to be closed, or goes to another thread.
    pub(super) fn forget(&mut self, port: &Port) {
        if port.listening {
            self.listening -= 1;
            // The socket is in the set, as `listening` says.
            let _ = epoll::delete(&self.epoll, &port.socket);
        }
    }

    /// Takes `port` over from another thread, with what came and was not read yet.
    pub(super) fn adopt(&mut self, id: StreamId, port: &mut Port) {
        if std::mem::take(&mut port.listening) {
            self.register(id, port);
        }
    }

    /// The same for an RTCP socket.
    pub(super) fn adopt_control(&mut self, id: StreamId, port: &mut Port) {
        if std::mem::take(&mut port.listening) {
            self.add_control(id, port);
        }
    }

    /// Puts the streams whose sockets have a datagram into `ready`, without waiting.
    pub(super) fn find_ready(&self, ready: &mut Vec<Ready>) {
        ready.clear();
        if self.listening == 0 {
            return;
        }
        let mut events = [const { MaybeUninit::uninit() }; READY_AT_ONCE];
        // An interrupted call finds nothing; the next wake-up will.
        if let Ok((events, _)) = epoll::wait(&self.epoll, &mut events[..], Some(&NO_TIME)) {
            ready.extend(
                events
                    .iter()
                    .map(|event| event.data.u64())
                    .map(|bits| Ready {
                        id: StreamId::from_bits(bits & !CONTROL),
                        control: bits & CONTROL != 0,
                    }),
            );
        }
    }
}

fn ip_address(address: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().copied().map(SocketAddr::from);
    v4.or_else(|| address.as_sockaddr_in6().copied().map(SocketAddr::from))
}

/// Room for a time of arrival and a count.
const CONTROL_BYTES: usize = 64;
/// Marks the RTCP socket of a stream in an epoll registration; no key is that large.
const CONTROL: u64 = 1 << 31;
const NO_TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
/// Sockets reported by one call. A slot's share of a thousand streams, and room to spare.
const READY_AT_ONCE: usize = 256;
/// What a receive buffer can hold of the smallest packets.
const MAX_STALE: usize = 1_000;
/// Some 70 packets of G.711: more than a second, far more than a slot. Picked by feel.
const RECEIVE_BUFFER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// By the clock that the kernel stamps with.
    fn wall() -> Duration {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        wall.expect("a clock that was set")
    }

    #[test]
    fn a_datagram_is_read_with_its_source_and_time() {
        for host in ["127.0.0.1", "[::1]"] {
            let bind = || UdpSocket::bind(format!("{host}:0")).expect("a free port");
            let (ours, peer) = (bind(), bind());
            let address = ours.local_addr().expect("it is bound");
            let mut port = Port::new(ours);
            port.listen();
            let before = wall();
            peer.send_to(b"hello", address).expect("loopback");
            port.socket.peek(&mut [0]).expect("it has come");
            let after = wall();
            while wall() <= after {
                std::thread::yield_now();
            }
            let mut out = [0; 3];
            let received = port.receive(&mut out).expect("it has come");
            assert_eq!((received.len, &out), (3, b"hel"));
            assert_eq!(received.source, peer.local_addr().expect("it is bound"));
            let arrived = received.arrived.expect("the kernel notes it");
            assert!(before <= arrived && arrived <= after);
        }
    }

    #[test]
    fn what_is_thrown_away_is_counted_but_not_while_nobody_listened() {
        let bind = || UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let (ours, peer) = (bind(), bind());
        ours.set_nonblocking(true).expect("a socket");
        let address = ours.local_addr().expect("it is bound");
        let flood = |count: usize| {
            for _ in 0..count {
                peer.send_to(b"junk", address).expect("loopback");
            }
        };
        let mut port = Port::new(ours);
        port.deafen();
        flood(100);
        port.listen();
        let read = |port: &mut Port| {
            let (mut out, mut read, mut dropped) = ([0; 8], 0, 0);
            while let Some(received) = port.receive(&mut out) {
                read += 1;
                dropped += received.dropped as usize;
            }
            (read, dropped)
        };
        flood(10);
        assert_eq!(read(&mut port), (10, 0));
        flood(3_000);
        let (taken, _) = read(&mut port);
        assert!(taken < 3_000, "so many fit");
        // The next one tells of those before it.
        flood(1);
        assert_eq!(read(&mut port), (1, 3_000 - taken));
    }
}
