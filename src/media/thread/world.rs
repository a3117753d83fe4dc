//! Everything of a media thread that is not its core: sockets, sinks of events, and the way to the file thread.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::audio::playlist::RoomId;
use crate::media::command::{MediaEvent, RoomEvent, RoomEventSink, StreamId};
use crate::media::control_port::ControlOrder;
use crate::media::core::{MediaIo, Retired};
use crate::media::file_io::{Discarded, FileIo};
use crate::media::sockets::{Control, Opened, Port, Received, Sockets};

/// Things that the file thread is woken for at once.
const HAND_OVER: usize = 64;
/// How long fewer may wait. Picked by feel.
const HAND_OVER_AFTER: Duration = Duration::from_millis(100);

/// See the module's documentation.
pub(super) struct World {
    pub sockets: Sockets,
    /// By [`StreamId::index`].
    streams: Vec<Option<Box<Opened>>>,
    /// By [`RoomId`]'s key.
    rooms: Vec<Option<RoomEventSink>>,
    /// Streams that may have to be listened to, or no more.
    turned: Vec<StreamId>,
    files: FileIo,
    /// What the file thread has not been woken for yet, and since when.
    discarded: usize,
    discarded_at: Option<Instant>,
    shared: Arc<Shared>,
}

impl World {
    pub fn new(files: FileIo, shared: Arc<Shared>) -> io::Result<Self> {
        Ok(Self {
            sockets: Sockets::new()?,
            streams: Vec::new(),
            rooms: Vec::new(),
            turned: Vec::new(),
            files,
            discarded: 0,
            discarded_at: None,
            shared,
        })
    }

    pub fn add(&mut self, id: StreamId, opened: Box<Opened>) {
        if self.streams.len() <= id.index() {
            self.streams.resize_with(id.index() + 1, || None);
        }
        self.streams[id.index()] = Some(opened);
    }

    /// Gives up a stream that leaves this thread.
    pub fn take(&mut self, id: StreamId) -> Option<Box<Opened>> {
        let opened = self.streams.get_mut(id.index())?.take()?;
        self.turned.retain(|turned| *turned != id);
        self.sockets.forget(&opened.port);
        if let Control::Own(port) = &opened.control {
            self.sockets.forget(port);
        }
        Some(opened)
    }

    /// Takes a stream from another thread.
    pub fn adopt(&mut self, id: StreamId, mut opened: Box<Opened>) {
        self.sockets.adopt(id, &mut opened.port);
        match &mut opened.control {
            Control::Own(port) => self.sockets.adopt_control(id, port),
            // What its former thread has ordered arrives there: it asks again.
            Control::Opening => opened.control = Control::Shared,
            Control::Shared | Control::None => {}
        }
        if opened.port.is_unsettled() {
            self.turned.push(id);
        }
        self.add(id, opened);
    }

    pub fn add_room(&mut self, id: RoomId, sink: RoomEventSink) {
        let index = id.key as usize;
        if self.rooms.len() <= index {
            self.rooms.resize_with(index + 1, || None);
        }
        self.rooms[index] = Some(sink);
    }

    /// Takes the RTCP port that was ordered for a stream, if that still waits for it.
    pub fn take_control(&mut self, id: StreamId, port: Option<Box<Port>>) {
        let stream = stream_of(&mut self.streams, id);
        let waiting = stream.filter(|stream| matches!(stream.control, Control::Opening));
        match (waiting, port) {
            (Some(stream), Some(mut port)) => {
                self.sockets.add_control(id, &mut port);
                stream.control = Control::Own(port);
            }
            (Some(stream), None) => stream.control = Control::None,
            (None, Some(port)) => self.discard(Discarded::Port(port)),
            (None, None) => {}
        }
    }

    fn stream(&mut self, id: StreamId) -> Option<&mut Opened> {
        stream_of(&mut self.streams, id)
    }

    /// Listens to those that are to be listened to, and no more to others. Several orders in a row
    /// often end where they began.
    pub fn settle_listening(&mut self) {
        while let Some(id) = self.turned.pop() {
            let Some(stream) = stream_of(&mut self.streams, id) else {
                continue;
            };
            if stream.port.is_wanted() {
                self.sockets.add(id, &mut stream.port);
            } else {
                self.sockets.remove(&mut stream.port);
            }
        }
    }

    pub fn receive(&mut self, id: StreamId, control: bool, out: &mut [u8]) -> Option<Received> {
        let stream = self.stream(id)?;
        match (&mut stream.control, control) {
            (_, false) => stream.port.receive(out),
            (Control::Own(port), true) => port.receive(out),
            (Control::Shared | Control::Opening | Control::None, true) => None,
        }
    }

    fn discard(&mut self, thing: Discarded) {
        self.files.discard(thing);
        self.discarded += 1;
    }

    /// Wakes the file thread when enough waits for it, or something has waited for long enough: a
    /// wake-up costs more than most of what it does.
    pub fn hand_over(&mut self, now: Instant) {
        if self.discarded == 0 {
            return;
        }
        let since = *self.discarded_at.get_or_insert(now);
        if self.discarded >= HAND_OVER || now.duration_since(since) >= HAND_OVER_AFTER {
            self.hand_over_all();
        }
    }

    pub fn hand_over_all(&mut self) {
        if self.discarded > 0 {
            self.files.wake();
        }
        (self.discarded, self.discarded_at) = (0, None);
    }
}

/// Borrows the streams alone, for those who need the sockets besides.
fn stream_of(streams: &mut [Option<Box<Opened>>], id: StreamId) -> Option<&mut Opened> {
    streams.get_mut(id.index())?.as_deref_mut()
}

impl MediaIo for World {
    fn send(&mut self, id: StreamId, destination: SocketAddr, packet: &[u8]) {
        let Some(stream) = self.stream(id) else {
            return;
        };
        let sent = stream.port.send(destination, packet);
        let stats = &self.shared.stats;
        if sent {
            stats.packets_sent.increment()
        } else {
            stats.packets_unsent.increment()
        }
    }

    fn send_control(&mut self, id: StreamId, destination: SocketAddr, packet: &[u8]) {
        let Some(stream) = self.stream(id) else {
            return;
        };
        let sent = match &mut stream.control {
            Control::Shared => stream.port.send(destination, packet),
            Control::Own(port) => port.send(destination, packet),
            Control::Opening | Control::None => false,
        };
        if sent {
            self.shared.stats.rtcp_sent.increment();
        }
    }

    fn control_port(&mut self, id: StreamId, open: bool) {
        let Some(stream) = stream_of(&mut self.streams, id) else {
            return;
        };
        match (&stream.control, open) {
            (Control::Shared, true) => {
                let order = |address| ControlOrder {
                    id,
                    address,
                    thread: self.shared.clone(),
                };
                let order = stream.port.next_address().map(order);
                stream.control = match order.is_some_and(|order| self.files.open_control(order)) {
                    true => Control::Opening,
                    false => Control::None,
                };
            }
            (Control::Own(_) | Control::Opening | Control::None, false) => {
                let before = std::mem::replace(&mut stream.control, Control::Shared);
                if let Control::Own(port) = before {
                    self.sockets.forget(&port);
                    self.discard(Discarded::Port(port));
                }
            }
            _ => {}
        }
    }

    fn awaits_control_port(&self, id: StreamId) -> bool {
        let stream = self.streams.get(id.index()).and_then(Option::as_deref);
        stream.is_some_and(|stream| matches!(stream.control, Control::Opening))
    }

    fn event(&mut self, id: StreamId, event: MediaEvent) {
        let Some(stream) = self.stream(id) else {
            return;
        };
        if !(stream.sink)(event) {
            self.shared.stats.events_dropped.increment();
        }
    }

    fn listen(&mut self, id: StreamId, listening: bool) {
        let Some(stream) = stream_of(&mut self.streams, id) else {
            return;
        };
        if stream.port.want(listening) {
            self.turned.push(id);
        }
    }

    fn retire(&mut self, retired: Retired) {
        let awaited = matches!(retired, Retired::Recording(_));
        self.discard(Discarded::Retired(retired));
        // A script waits for its recording to be complete.
        if awaited {
            self.hand_over_all();
        }
    }

    fn closed(&mut self, id: StreamId) {
        if let Some(opened) = self.take(id) {
            self.discard(Discarded::Opened(opened));
            self.shared.release(id);
        }
    }

    fn room_event(&mut self, id: RoomId, event: RoomEvent) {
        let sink = self.rooms.get(id.key as usize).and_then(Option::as_ref);
        if let Some(sink) = sink
            && !sink(event)
        {
            self.shared.stats.events_dropped.increment();
        }
    }

    fn room_closed(&mut self, id: RoomId) {
        if let Some(sink) = self.rooms.get_mut(id.key as usize).and_then(Option::take) {
            self.discard(Discarded::RoomSink(sink));
            self.shared.release_room(id);
        }
    }
}
