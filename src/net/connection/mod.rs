//! One connection of a stream transport: a task that shakes hands, cuts what it reads into messages for
//! the signalling task (RFC 3261 §18.3, RFC 7118 §5), and writes what the signalling task queues.
//!
//! A task decides nothing but when a peer is too slow: every wait has a limit, and it ends with the
//! [`Closing`] that says which one was reached. What waits to be written is bounded in bytes. Pings of
//! the peer are answered here (RFC 5626 §3.5.1), and a connection that we opened is pinged (§4.4.1).
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod stream;
mod upgrade;
mod websocket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::server;

use super::tls::{Tls, client_identities};
use crate::config::Connections as Limits;
use crate::sip::message::{Host, Transport};
use crate::sip::transport::{ConnectionId, Flow, FramingError};

/// Messages waiting to be written to one peer; their bytes are what is limited in earnest.
const WRITE_QUEUE: usize = 8192;

/// What connection tasks and acceptors tell the signalling task.
#[derive(Debug)]
pub(super) enum StreamInput {
    /// There is a new connection of this transport from this address.
    Accepted(Transport, TcpStream, SocketAddr),
    /// The client has proved to speak for these SIP domains.
    Authenticated(ConnectionId, Vec<String>),
    /// One complete message.
    Message(ConnectionId, Bytes),
    /// Nothing has come for as long as a connection may be silent.
    Idle(ConnectionId),
    /// The connection is over.
    Closed(ConnectionId, Closing),
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closing {
    /// The peer closed it, or it broke.
    #[error("the peer closed it")]
    Peer,
    /// It could not be opened.
    #[error("it could not be opened: {0}")]
    Unreachable(io::Error),
    /// TLS or WebSocket handshake failed, or took too long.
    #[error("the handshake failed: {0}")]
    Handshake(io::Error),
    /// No whole message came in the time for the first one.
    #[error("it said nothing")]
    Silent,
    /// The rest of a message did not come.
    #[error("the rest of a message did not come")]
    Unfinished,
    /// Where the next message begins is unknown.
    #[error("it is not SIP: {0}")]
    Framing(#[from] FramingError),
    /// A WebSocket that breaks its protocol.
    #[error("it is not a WebSocket: {0}")]
    WebSocket(Box<tokio_tungstenite::tungstenite::Error>),
    /// The peer does not read what we send.
    #[error("it reads too slowly")]
    SlowReader,
    /// The peer used to answer pings and does no more.
    #[error("a ping was not answered")]
    NoPong,
    /// It was silent, and no call needs it.
    #[error("nobody needs it")]
    Idle,
}

/// What all connection tasks share.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) limits: Limits,
    pub(super) tls: Arc<Tls>,
    /// Pages whose WebSockets are taken; empty: all.
    pub(super) origins: Vec<String>,
    pub(super) inputs: mpsc::Sender<StreamInput>,
}

/// The signalling task's end of a connection. Once it is dropped, what is queued is written and the
/// connection closed.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) flow: Flow,
    /// Whom we opened it to; `None` for one that was accepted.
    pub(super) domain: Option<Host>,
    /// The SIP domains that the client has proved to speak for.
    pub(super) identities: Vec<String>,
    /// Where else requests go by it (RFC 5923).
    pub(super) alias: Option<SocketAddr>,
    /// A registration lives by it until then.
    pub(super) needed: Option<std::time::Instant>,
    queue: mpsc::Sender<Bytes>,
    /// Bytes queued.
    backlog: Arc<AtomicUsize>,
    max_backlog: usize,
    task: AbortHandle,
}

impl Connection {
    /// Starts the task of an accepted connection.
    pub(super) fn accepted(flow: Flow, stream: TcpStream, setup: &Arc<Setup>) -> Self {
        Self::start(flow, None, setup, |link| link.accept(stream))
    }

    /// Starts a task that connects to `flow.remote`, which has to speak for `domain` where the
    /// transport can tell; messages sent meanwhile wait.
    pub(super) fn opened(flow: Flow, domain: Host, setup: &Arc<Setup>) -> Self {
        Self::start(flow, Some(domain.clone()), setup, |link| link.open(domain))
    }

    fn start<F: Future<Output = Option<Closing>> + Send + 'static>(
        flow: Flow,
        domain: Option<Host>,
        setup: &Arc<Setup>,
        run: impl FnOnce(Link) -> F,
    ) -> Self {
        let (queue, writes) = mpsc::channel(WRITE_QUEUE);
        let backlog = Arc::new(AtomicUsize::new(0));
        let link = Link {
            id: flow.connection.expect("a stream flow names its connection"),
            transport: flow.transport,
            remote: flow.remote,
            opened: domain.is_some(),
            setup: setup.clone(),
            writes,
            backlog: backlog.clone(),
        };
        let (id, inputs) = (link.id, setup.inputs.clone());
        let talk = run(link);
        let task = tokio::spawn(async move {
            if let Some(closing) = talk.await {
                // At shutdown nobody waits for it any more.
                let _ = inputs.send(StreamInput::Closed(id, closing)).await;
            }
        });
        Self {
            flow,
            domain,
            identities: Vec::new(),
            alias: None,
            needed: None,
            queue,
            backlog,
            max_backlog: setup.limits.backlog_bytes,
            task: task.abort_handle(),
        }
    }

    /// Queues one message. False: the peer reads too slowly or is gone.
    pub(super) fn send(&self, bytes: Bytes) -> bool {
        let waiting = self.backlog.fetch_add(bytes.len(), Relaxed);
        waiting + bytes.len() <= self.max_backlog && self.queue.try_send(bytes).is_ok()
    }

    /// Ends it without writing what is queued.
    pub(super) fn abort(self) {
        self.task.abort();
    }
}

/// The task's end of a connection.
struct Link {
    id: ConnectionId,
    transport: Transport,
    remote: SocketAddr,
    /// By us.
    opened: bool,
    setup: Arc<Setup>,
    writes: mpsc::Receiver<Bytes>,
    backlog: Arc<AtomicUsize>,
}

impl Link {
    /// Runs an accepted connection; `None` if the signalling task ended it.
    async fn accept(self, stream: TcpStream) -> Option<Closing> {
        prepare(&stream);
        let began = Instant::now();
        match self.transport {
            Transport::Tls => match self.handshake(self.secure(stream)).await {
                Ok(stream) => self.converse(stream, began).await,
                Err(closing) => Some(closing),
            },
            Transport::Ws => {
                let upgraded = websocket::accept(stream, &self.setup);
                match self.handshake(upgraded).await {
                    Ok(socket) => self.chat(socket, began).await,
                    Err(closing) => Some(closing),
                }
            }
            Transport::Wss => {
                let upgraded =
                    async { websocket::accept(self.secure(stream).await?, &self.setup).await };
                match self.handshake(upgraded).await {
                    Ok(socket) => self.chat(socket, began).await,
                    Err(closing) => Some(closing),
                }
            }
            _ => self.converse(stream, began).await,
        }
    }

    async fn secure(&self, stream: TcpStream) -> io::Result<server::TlsStream<TcpStream>> {
        let stream = self.setup.tls.accept(stream).await?;
        let identities = client_identities(&stream);
        if !identities.is_empty() {
            let input = StreamInput::Authenticated(self.id, identities);
            let told = self.setup.inputs.send(input).await;
            told.map_err(io::Error::other)?;
        }
        Ok(stream)
    }

    /// Opens a connection and runs it; `None` if the signalling task ended it.
    async fn open(self, domain: Host) -> Option<Closing> {
        let patience = self.setup.limits.handshake;
        let began = Instant::now();
        let stream = match within(patience, TcpStream::connect(self.remote)).await {
            Ok(stream) => stream,
            Err(error) => return Some(Closing::Unreachable(error)),
        };
        prepare(&stream);
        if self.transport != Transport::Tls {
            return self.converse(stream, began).await;
        }
        match self
            .handshake(self.setup.tls.connect(stream, &domain))
            .await
        {
            Ok(stream) => self.converse(stream, began).await,
            Err(closing) => Some(closing),
        }
    }

    async fn handshake<T>(
        &self,
        handshake: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Closing> {
        let done = within(self.setup.limits.handshake, handshake).await;
        done.map_err(Closing::Handshake)
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let done = timeout(patience, work).await;
    done.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn prepare(stream: &TcpStream) {
    // Signalling messages are small and urgent; failing to say so costs only latency.
    let _ = stream.set_nodelay(true);
}
