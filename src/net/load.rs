//! Whether more comes by one way than the signalling task can deal with.
//!
//! Each UDP socket is a way, and all connections together are one; the task takes from them in turn. What tells
//! is the queue of the way: while it is longer than a few milliseconds of work, new calls
//! are refused at once, which is cheap, and the queue gets shorter. So the server goes on with as many
//! calls as it can bear, whatever that is on this machine and with these diagrams, and whoever is
//! refused learns it in time to try elsewhere. Who fills one way has no influence on calls that come by
//! another, but for one more queue that all ways lead to: sessions that have been started and not had their
//! turn. Without a limit there, calls would be taken from the sockets faster than they can be answered, and each
//! would wait behind all before it. Driven by the signalling task.

/// See the module's documentation.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    overloaded: bool,
    inputs: u32,
}

/// From this on new calls are refused. Of two megabytes and datagrams of one kilobyte, some 10 ms of work.
const TOO_MUCH_PERCENT: u32 = 50;
/// Below this they are taken again.
const BEARABLE_PERCENT: u32 = 35;
/// Otherwise the queue is looked at once in so many inputs.
const LOOK_EVERY: u32 = 8;

impl Load {
    /// Counts an input; returns whether the queue is to be looked at: each time while there is too much,
    /// so that the first call after a flood is taken.
    pub(super) fn count(&mut self) -> bool {
        self.inputs = self.inputs.wrapping_add(1);
        self.overloaded || self.inputs.is_multiple_of(LOOK_EVERY)
    }

    /// Whether new calls are refused.
    pub(super) fn is_overloaded(&self) -> bool {
        self.overloaded
    }

    /// Takes how full the queue is; returns whether that changes what becomes of new calls.
    pub(super) fn look(&mut self, percent: u32) -> Option<bool> {
        let overloaded = match self.overloaded {
            true => percent >= BEARABLE_PERCENT,
            false => percent >= TOO_MUCH_PERCENT,
        };
        (std::mem::replace(&mut self.overloaded, overloaded) != overloaded).then_some(overloaded)
    }
}

#[cfg(test)]
mod tests {
    use super::Load;

    #[test]
    fn every_input_is_looked_at_while_there_is_too_much() {
        let mut load = Load::default();
        assert_eq!((0..16).filter(|_| load.count()).count(), 2);
        load.look(50);
        assert_eq!((0..16).filter(|_| load.count()).count(), 16);
    }

    #[test]
    fn a_queue_has_to_get_shorter_before_calls_are_taken_again() {
        let mut load = Load::default();
        assert_eq!(load.look(49), None);
        assert_eq!(load.look(50), Some(true));
        assert_eq!(load.look(40), None);
        assert_eq!(load.look(34), Some(false));
        assert_eq!(load.look(40), None);
    }
}
