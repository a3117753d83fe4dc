//! SIP over TCP: an acceptor, and one task per connection that frames messages (RFC 3261 §18.3).
//!
//! A connection task reads, cuts the stream into messages and hands them to the signalling task;
//! what the signalling task wants written comes through a bounded queue. A peer that reads too
//! slowly fills the queue and loses the connection; one that sends half a message and then nothing
//! loses it after [`PARTIAL_MESSAGE`].
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::ListenError;
use crate::sip::transport::{ConnectionId, Frame, StreamFramer};

/// How long the rest of a begun message may take.
const PARTIAL_MESSAGE: Duration = Duration::from_secs(20);
/// How long a new connection may wait with its first message.
const FIRST_MESSAGE: Duration = Duration::from_secs(60);
/// How long a connection may be silent between messages.
const IDLE: Duration = Duration::from_secs(3600);
/// How long one write, or the connection attempt, may take.
const WRITE: Duration = Duration::from_secs(10);
/// Messages waiting to be written on one connection.
const WRITE_QUEUE: usize = 256;
/// Connections waiting to be accepted.
const BACKLOG: i32 = 1024;
const READ_CHUNK_BYTES: usize = 16 * 1024;

/// What connection tasks tell the signalling task.
#[derive(Debug)]
pub(super) enum StreamInput {
    /// The acceptor has a new connection.
    Accepted(TcpStream, SocketAddr),
    /// One complete message.
    Message(ConnectionId, Bytes),
    /// The peer asks whether the connection is alive (RFC 5626 §3.5.1).
    Ping(ConnectionId),
    /// The connection is gone, for whatever reason.
    Closed(ConnectionId),
}

/// A listening TCP socket for SIP.
#[derive(Debug)]
pub struct TcpAcceptor {
    listener: TcpListener,
    local: SocketAddr,
}

impl TcpAcceptor {
    /// Binds `address`; port 0 picks a free one. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError`] when the system refuses the address.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let fail = |source| ListenError {
            transport: "tcp",
            address,
            source,
        };
        let listener = open(address).map_err(fail)?;
        let local = listener.local_addr().map_err(fail)?;
        Ok(Self { listener, local })
    }

    /// The bound address; its IP may be the wildcard.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Accepts until the signalling task is gone.
    pub(super) async fn run(self, inputs: mpsc::Sender<StreamInput>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = inputs.closed() => return,
            };
            match accepted {
                Ok((stream, remote)) => {
                    if inputs
                        .send(StreamInput::Accepted(stream, remote))
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                Err(error) => {
                    // Out of file descriptors, most likely: let some be closed first.
                    tracing::warn!(%error, local = %self.local, "accepting a TCP connection failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// The signalling task's end of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    queue: mpsc::Sender<Bytes>,
}

impl Connection {
    /// Starts the tasks of an accepted connection.
    pub(super) fn accepted(
        id: ConnectionId,
        stream: TcpStream,
        remote: SocketAddr,
        inputs: mpsc::Sender<StreamInput>,
    ) -> io::Result<Self> {
        let local = stream.local_addr()?;
        let (queue, writes) = mpsc::channel(WRITE_QUEUE);
        tokio::spawn(serve(id, stream, writes, inputs));
        Ok(Self {
            local,
            remote,
            queue,
        })
    }

    /// Starts connecting to `remote`; what is sent meanwhile waits. `local` is the address the
    /// peer will see, without a port of its own yet.
    pub(super) fn connecting(
        id: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
        inputs: mpsc::Sender<StreamInput>,
    ) -> Self {
        let (queue, writes) = mpsc::channel(WRITE_QUEUE);
        tokio::spawn(async move {
            match timeout(WRITE, TcpStream::connect(remote)).await {
                Ok(Ok(stream)) => serve(id, stream, writes, inputs).await,
                failed => {
                    tracing::debug!(%remote, ?failed, "no TCP connection");
                    let _ = inputs.send(StreamInput::Closed(id)).await;
                }
            }
        });
        Self {
            local,
            remote,
            queue,
        }
    }

    /// Queues one message. False: the peer reads too slowly or is gone.
    pub(super) fn send(&self, bytes: Bytes) -> bool {
        self.queue.try_send(bytes).is_ok()
    }
}

/// Runs a connection until either side closes it, then says so.
async fn serve(
    id: ConnectionId,
    stream: TcpStream,
    writes: mpsc::Receiver<Bytes>,
    inputs: mpsc::Sender<StreamInput>,
) {
    // Signalling messages are small and urgent; failing to say so costs only latency.
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    tokio::select! {
        () = read(id, reader, &inputs) => {}
        () = write(writer, writes) => {}
    }
    let _ = inputs.send(StreamInput::Closed(id)).await;
}

async fn read(id: ConnectionId, mut stream: OwnedReadHalf, inputs: &mpsc::Sender<StreamInput>) {
    let mut framer = StreamFramer::default();
    let mut chunk = vec![0; READ_CHUNK_BYTES];
    let mut spoken = false;
    loop {
        let patience = match (framer.is_between_messages(), spoken) {
            (true, true) => IDLE,
            (true, false) => FIRST_MESSAGE,
            (false, _) => PARTIAL_MESSAGE,
        };
        let count = match timeout(patience, stream.read(&mut chunk)).await {
            Ok(Ok(count)) if count > 0 => count,
            _ => return,
        };
        framer.push(&chunk[..count]);
        loop {
            let input = match framer.next_frame() {
                Ok(Some(Frame::Message(bytes))) => StreamInput::Message(id, bytes),
                Ok(Some(Frame::Ping)) => StreamInput::Ping(id),
                Ok(None) => break,
                Err(error) => {
                    // Where the next message begins is unknown: only closing helps.
                    tracing::debug!(%error, "closing a TCP connection");
                    return;
                }
            };
            spoken = true;
            if inputs.send(input).await.is_err() {
                return;
            }
        }
    }
}

async fn write(mut stream: OwnedWriteHalf, mut writes: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = writes.recv().await {
        if !matches!(timeout(WRITE, stream.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
