//! SIP over WebSocket, the server's side (RFC 7118): one message a frame, text or binary.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::{Closing, Link, Setup, StreamInput, upgrade};
use crate::sip::transport::ConnectionId;

/// How long one write may take.
const WRITE: Duration = Duration::from_secs(10);
/// What is read at once, and what is collected before it is written.
const BUFFER_BYTES: usize = 8 * 1024;

/// A WebSocket that has been accepted, and what tells whether its peer is sending.
pub(super) struct Socket<S> {
    stream: WebSocketStream<Watched<S>>,
    heard: Arc<AtomicU32>,
}

/// Takes the server's side of the opening handshake (RFC 7118 §4).
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    setup: &Setup,
) -> io::Result<Socket<S>> {
    let heard = Arc::new(AtomicU32::new(0));
    let mut watched = Watched {
        stream,
        heard: heard.clone(),
    };
    // The refusal is the callback's error, and its size is given.
    #[allow(clippy::result_large_err)]
    let check =
        |request: &Request, response: Response| upgrade::admit(request, response, &setup.origins);
    // Lent, to be there for an answer if it fails. If not, the library has read the handshake and no byte more.
    let accepted = accept_hdr_async_with_config(&mut watched, check, None).await;
    if let Err(error) = accepted {
        upgrade::refuse(&mut watched, &error).await;
        return Err(io::Error::other(error));
    }
    let most = setup.limits.message_bytes;
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(setup.limits.backlog_bytes + most)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let stream = WebSocketStream::from_raw_socket(watched, Role::Server, Some(config)).await;
    Ok(Socket { stream, heard })
}

impl Link {
    /// Reads and writes until either side closes, or a limit is reached. `began`: when the connection
    /// was made.
    pub(super) async fn chat<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        socket: Socket<S>,
        began: Instant,
    ) -> Option<Closing> {
        let (writer, reader) = socket.stream.split();
        let (pong, pongs) = mpsc::channel(1);
        let reading = Reading {
            id: self.id,
            setup: &self.setup,
            heard: &socket.heard,
            pong,
        };
        tokio::select! {
            closing = reading.run(reader, began) => Some(closing),
            closing = write(writer, self.writes, pongs, &self.backlog) => closing,
        }
    }
}

struct Reading<'a> {
    id: ConnectionId,
    setup: &'a Setup,
    /// Counts what has been read, be it a whole frame or not.
    heard: &'a AtomicU32,
    pong: mpsc::Sender<()>,
}

impl Reading<'_> {
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        mut reader: SplitStream<WebSocketStream<Watched<S>>>,
        began: Instant,
    ) -> Closing {
        let limits = &self.setup.limits;
        let mut first = true;
        // When silence has lasted too long.
        let mut deadline = began + limits.first_message;
        // What had been read when the last whole frame came, and whether more was there when it was
        // looked at: then a frame has begun, and has until the next look to end.
        let mut settled = self.heard.load(Relaxed);
        let mut begun = false;
        loop {
            let look = Instant::now() + limits.message;
            let next = timeout_at(look.min(deadline), reader.next()).await;
            let frame = match next {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return broken(error),
                Ok(None) => return Closing::Peer,
                Err(_) => {
                    let has_more = self.heard.load(Relaxed) != settled;
                    if has_more && (begun || first) {
                        return Closing::Unfinished;
                    }
                    begun = has_more;
                    if Instant::now() < deadline {
                        continue;
                    }
                    if first {
                        return Closing::Silent;
                    }
                    if !self.tell(StreamInput::Idle(self.id)).await {
                        return Closing::Peer;
                    }
                    deadline = Instant::now() + limits.idle;
                    continue;
                }
            };
            (settled, begun) = (self.heard.load(Relaxed), false);
            let bytes = match frame {
                Message::Text(text) => Bytes::from(text),
                Message::Binary(bytes) => bytes,
                // The library answers pings, and a close before it ends the stream.
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                    Bytes::new()
                }
            };
            match bytes.as_ref() {
                b"" | b"\r\n" => {}
                // A client may keep alive as in RFC 5626 (RFC 7118 §6). Full: a pong is on its way.
                b"\r\n\r\n" => drop(self.pong.try_send(())),
                _ => {
                    first = false;
                    if !self.tell(StreamInput::Message(self.id, bytes)).await {
                        return Closing::Peer;
                    }
                }
            }
            if !first {
                deadline = Instant::now() + limits.idle;
            }
        }
    }

    async fn tell(&self, input: StreamInput) -> bool {
        self.setup.inputs.send(input).await.is_ok()
    }
}

fn broken(error: Error) -> Closing {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) => Closing::Peer,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Closing::Peer,
        error => Closing::WebSocket(Box::new(error)),
    }
}

async fn write<S: AsyncRead + AsyncWrite + Unpin>(
    mut writer: SplitSink<WebSocketStream<Watched<S>>, Message>,
    mut writes: mpsc::Receiver<Bytes>,
    mut pongs: mpsc::Receiver<()>,
    backlog: &AtomicUsize,
) -> Option<Closing> {
    loop {
        let (bytes, queued) = tokio::select! {
            bytes = writes.recv() => (bytes, true),
            Some(()) = pongs.recv() => (Some(Bytes::from_static(b"\r\n")), false),
        };
        let Some(bytes) = bytes else {
            // The signalling task wants it closed. Whether the peer hears of it does not matter.
            let _ = timeout(WRITE, writer.close()).await;
            return None;
        };
        let len = bytes.len();
        let frame = match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(bytes),
        };
        if !matches!(timeout(WRITE, writer.send(frame)).await, Ok(Ok(()))) {
            return Some(Closing::SlowReader);
        }
        if queued {
            backlog.fetch_sub(len, Relaxed);
        }
    }
}

/// A stream that counts what is read from it.
struct Watched<S> {
    stream: S,
    heard: Arc<AtomicU32>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.heard.fetch_add(1, Relaxed);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
