//! SIP over TCP and TLS: messages one after the other in a stream of bytes.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{Closing, Link, Setup, StreamInput};
use crate::sip::transport::{ConnectionId, Frame, StreamFramer};

/// What is read at once.
const READ_CHUNK_BYTES: usize = 8 * 1024;
/// Messages that are written with one call.
const BATCH: usize = 64;
/// How long one write may take.
const WRITE: Duration = Duration::from_secs(10);
/// How long a ping may go unanswered (RFC 5626 §4.4.1).
const PONG: Duration = Duration::from_secs(10);

impl Link {
    /// Reads and writes until either side closes, or a limit is reached. `began`: when the connection
    /// was made.
    pub(super) async fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        began: Instant,
    ) -> Option<Closing> {
        let limits = &self.setup.limits;
        let keep_alive = limits.keep_alive.filter(|_| self.opened);
        let (reader, writer) = split(stream);
        // One pong is as good as many.
        let (pong, pongs) = mpsc::channel(1);
        let heard = AtomicU32::new(0);
        let reading = Reading {
            id: self.id,
            setup: &self.setup,
            heard: &heard,
            pong,
            opened: self.opened,
            first: (!self.opened).then(|| began + limits.first_message),
        };
        let writing = Writing {
            writer,
            backlog: &self.backlog,
            heard: &heard,
        };
        tokio::select! {
            closing = reading.run(reader) => Some(closing),
            closing = writing.run(self.writes, pongs, keep_alive) => closing,
        }
    }
}

struct Reading<'a> {
    id: ConnectionId,
    setup: &'a Setup,
    /// Counts what has been read, for who waits for a pong.
    heard: &'a AtomicU32,
    pong: mpsc::Sender<()>,
    /// We opened the connection.
    opened: bool,
    /// When the first whole message has to be there.
    first: Option<Instant>,
}

impl Reading<'_> {
    async fn run(mut self, mut reader: impl AsyncRead + Unpin) -> Closing {
        let limits = &self.setup.limits;
        let mut framer = StreamFramer::new(limits.message_bytes);
        let mut chunk = vec![0; READ_CHUNK_BYTES];
        // When the next whole message has to be there, or silence has lasted too long.
        let mut deadline = self.first.unwrap_or_else(|| Instant::now() + limits.idle);
        let mut inside = false;
        loop {
            let count = match timeout_at(deadline, reader.read(&mut chunk)).await {
                Ok(Ok(count)) if count > 0 => count,
                Ok(_) => return Closing::Peer,
                Err(_) if inside => return Closing::Unfinished,
                Err(_) if self.first.is_some() => return Closing::Silent,
                Err(_) => {
                    if self.tell(StreamInput::Idle(self.id)).await.is_none() {
                        return Closing::Peer;
                    }
                    deadline = Instant::now() + limits.idle;
                    continue;
                }
            };
            self.heard.fetch_add(1, Relaxed);
            framer.push(&chunk[..count]);
            let (messages, pings) = match self.frames(&mut framer).await {
                Ok(counts) => counts,
                Err(closing) => return closing,
            };
            let was_inside = std::mem::replace(&mut inside, !framer.is_between_messages());
            // Line ends cost a client nothing: they do not stand for a message.
            if messages > 0 {
                self.first = None;
            }
            if self.first.is_some() {
                continue;
            }
            let complete = messages + pings > 0;
            // The first message has its time from the beginning of the connection, others from their
            // first byte: more bytes buy no more time.
            if inside && (complete || !was_inside) {
                deadline = Instant::now() + limits.message;
            } else if complete {
                deadline = Instant::now() + limits.idle;
            }
        }
    }

    /// Hands over what is complete; how many messages and pings that was.
    async fn frames(&self, framer: &mut StreamFramer) -> Result<(usize, usize), Closing> {
        let (mut messages, mut pings) = (0, 0);
        while let Some(frame) = framer.next_frame()? {
            match frame {
                // Two answers to pings of ours; the other side does not ping (RFC 5626 §3.5.1).
                Frame::Ping if self.opened => continue,
                // Full: a pong is on its way already.
                Frame::Ping => {
                    let _ = self.pong.try_send(());
                    pings += 1;
                }
                Frame::Message(bytes) => {
                    let told = self.tell(StreamInput::Message(self.id, bytes)).await;
                    told.ok_or(Closing::Peer)?;
                    messages += 1;
                }
            }
        }
        Ok((messages, pings))
    }

    async fn tell(&self, input: StreamInput) -> Option<()> {
        self.setup.inputs.send(input).await.ok()
    }
}

struct Writing<'a, W> {
    writer: W,
    backlog: &'a AtomicUsize,
    heard: &'a AtomicU32,
}

impl<W: AsyncWrite + Unpin> Writing<'_, W> {
    async fn run(
        mut self,
        mut writes: mpsc::Receiver<Bytes>,
        mut pongs: mpsc::Receiver<()>,
        keep_alive: Option<Duration>,
    ) -> Option<Closing> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut pings = keep_alive.map(Pings::new);
        loop {
            let ping = async {
                match &pings {
                    Some(pings) => sleep_until(pings.due).await,
                    None => std::future::pending().await,
                }
            };
            let written = tokio::select! {
                count = writes.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        // The signalling task wants it closed. Whether the peer hears of it does not matter.
                        let _ = timeout(WRITE, self.writer.shutdown()).await;
                        return None;
                    }
                    self.write_all(&mut batch).await
                }
                Some(()) = pongs.recv() => self.write(b"\r\n").await,
                () = ping => match pings.as_mut().map(|pings| pings.next(self.heard.load(Relaxed))) {
                    Some(Ping::Send) => self.write(b"\r\n\r\n").await,
                    Some(Ping::Lost) => return Some(Closing::NoPong),
                    Some(Ping::Nothing) | None => Ok(()),
                },
            };
            if let Err(closing) = written {
                return Some(closing);
            }
        }
    }

    /// Writes all messages of `batch` together and empties it.
    async fn write_all(&mut self, batch: &mut Vec<Bytes>) -> Result<(), Closing> {
        let total = batch.iter().map(Bytes::len).sum();
        let written = match batch.as_slice() {
            [alone] => self.write(&alone.clone()).await,
            several => {
                let together = several.concat();
                self.write(&together).await
            }
        };
        batch.clear();
        self.backlog.fetch_sub(total, Relaxed);
        written
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Closing> {
        let written = timeout(WRITE, async {
            self.writer.write_all(bytes).await?;
            self.writer.flush().await
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Closing::Peer),
            Err(_) => Err(Closing::SlowReader),
        }
    }
}

/// When to ping, and whether the answer is missing.
struct Pings {
    interval: Duration,
    due: Instant,
    /// What had been heard when the last ping was sent, while its answer may come.
    awaited: Option<u32>,
    /// A ping has been answered. A peer that never does may not know of pings.
    answers: bool,
}

enum Ping {
    Send,
    Lost,
    Nothing,
}

impl Pings {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            due: Instant::now() + spread(interval),
            awaited: None,
            answers: false,
        }
    }

    /// Decides what is to be done now.
    fn next(&mut self, heard: u32) -> Ping {
        let pong = PONG.min(self.interval / 2);
        let Some(before) = self.awaited.take() else {
            self.awaited = Some(heard);
            self.due = Instant::now() + pong;
            return Ping::Send;
        };
        if heard == before && self.answers {
            return Ping::Lost;
        }
        self.answers |= heard != before;
        self.due = Instant::now() + spread(self.interval).saturating_sub(pong);
        Ping::Nothing
    }
}

/// 80 to 100 % of `interval`, so that the pings of many connections do not fall together (RFC 5626
/// §4.4).
fn spread(interval: Duration) -> Duration {
    interval.mul_f64(rand::rng().random_range(0.8..=1.0))
}
