//! What the task of a session drives.

use std::time::Instant;

use super::event::{SessionEvent, SessionOutput};

/// A session, with a call or without.
///
/// Drain the outputs after each of the methods that take something.
pub trait SessionCore {
    /// Starts its script. Call once, before anything else.
    fn begin(&mut self, now: Instant);

    /// Takes one event.
    fn handle_event(&mut self, now: Instant, event: SessionEvent);

    /// Takes the time.
    fn handle_timeout(&mut self, now: Instant);

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Next thing to be done; [`SessionOutput::Ended`] is the last.
    fn poll_output(&mut self) -> Option<SessionOutput>;

    /// Ends the session in the way its state asks for, whatever its script thinks of it: at the end of
    /// the server's patience, or after a fault of ours.
    fn abandon(&mut self);
}
