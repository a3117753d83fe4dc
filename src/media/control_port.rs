//! SHELL. RTCP ports of their own, opened and closed by the file thread: a media thread does neither, for both may
//! take the system a while.
//!
//! The media thread orders a port when a stream has its first report to send, and goes on. The port comes
//! back as a request, to be carried out between two ticks.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::command::StreamId;
use super::ports::bind_udp;
use super::sockets::Port;
use super::thread::{Request, Shared};

/// A port that a stream is to get.
pub(super) struct ControlOrder {
    pub(super) id: StreamId,
    pub(super) address: SocketAddr,
    /// The thread that the stream is on.
    pub(super) thread: Arc<Shared>,
}

impl ControlOrder {
    /// Opens the port and sends it to the stream's thread, or word that it cannot be had.
    pub(super) fn carry_out(self) {
        let Self {
            id,
            address,
            thread: to,
        } = self;
        let port = bind_udp(address).map(|socket| Box::new(Port::new(socket)));
        if let Err(error) = &port {
            tracing::debug!(%error, "a call goes without RTCP: its port is taken");
        }
        let mut reply = Request::ControlPort(id, port.ok());
        for _ in 0..BUSY_TRIES {
            match to.push(reply) {
                Ok(()) => return to.wake(),
                Err(refused) => reply = refused,
            }
            thread::sleep(BUSY);
        }
        tracing::debug!("a call goes without RTCP: its media thread is busy");
    }
}

/// After how long a busy media thread is asked again, and how often.
const BUSY: Duration = Duration::from_millis(1);
const BUSY_TRIES: usize = 50;
