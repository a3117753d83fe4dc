//! CORE. What a member hears of its room, as packets.

use std::net::SocketAddr;

use super::{Sender, payload_of};
use crate::audio::playlist::RoomSeat;
use crate::media::coder::{self, Format};
use crate::media::command::Output;
use crate::media::core::MediaIo;
use crate::media::packer::Packer;
use crate::media::room::{Heard, Room};
use crate::media::schedule::{FRAME, FrameClock, Tick};
use crate::media::stream::Turn;
use crate::rtp::RtpTimestamp;

/// A stream's packets in a room.
#[derive(Default)]
pub(super) struct RoomOutput {
    /// Made with the first packet that is not 20 ms.
    packer: Option<Box<Packer>>,
    /// The last frame that had something in it that is not everybody's.
    own: Option<u64>,
    /// The last frame that had a key in it.
    key: Option<u64>,
}

impl Sender {
    /// The seat that the stream is to have: that of the playlist, while it is played and it is
    /// agreed how.
    pub(in crate::media) fn seat(&self) -> Option<RoomSeat> {
        self.format?;
        let seat = self.playlist.seat();
        seat.filter(|_| self.output == Output::Playlist)
    }

    /// Sends what `member` hears of the last frame of `room`, or what keeps its stream alive
    /// while it hears nothing; what is its own is then in `pcm`, a frame at the codec's rate. Called
    /// once a frame.
    pub(in crate::media) fn send_room(
        &mut self,
        (clock, tick): (&FrameClock, Tick),
        room: &mut Room,
        (member, pcm): (usize, &mut [i16]),
        destination: SocketAddr,
        turn: &mut Turn<'_, impl MediaIo>,
    ) -> Heard {
        let Some(format) = self.format else {
            return Heard::Nothing;
        };
        let len = self.next_event(clock, tick, FRAME, turn.packet);
        if len > 0 {
            self.talking = false;
            self.transmit(destination, len, turn);
            return Heard::Nothing;
        }
        let now = self.timestamp(clock, tick, format.codec().clock_rate());
        let heard = room.hear(member, pcm);
        let is_key = !self.tones.is_idle() && self.tones.fill(pcm, format.codec().sample_rate());
        let heard = match is_key {
            true => Heard::Own,
            false => self.mix(&format, room, heard, pcm, turn),
        };
        // Keys are sent while muted, too.
        let silenced = self.muted && !is_key;
        if is_key {
            self.room.key = Some(room.frame());
        }
        let is_frame = format.packet_time == FRAME;
        if matches!(heard, Heard::Nothing) || silenced && is_frame {
            self.talking = false;
            return Heard::Nothing;
        }
        if is_frame {
            self.send_frame(&format, now, heard, pcm, (room, destination), turn);
            return heard;
        }
        let heard = match silenced {
            true => {
                pcm.fill(0);
                Heard::Deaf
            }
            false => heard,
        };
        self.pack_frame(&format, now, heard, pcm, (room, destination), turn);
        heard
    }

    /// What the member hears with what is mixed in for it alone; its own also if payloads for
    /// others cannot be joined to those for it. Of silence nothing is in `pcm`, which is zero then.
    fn mix(
        &mut self,
        format: &Format,
        room: &mut Room,
        heard: Heard,
        pcm: &mut [i16],
        turn: &mut Turn<'_, impl MediaIo>,
    ) -> Heard {
        let mixes = match &mut self.mix_in {
            Some(mix_in) if !matches!(heard, Heard::Nothing) => mix_in.advance(FRAME),
            _ => false,
        };
        let alone = !matches!(heard, Heard::Nothing) && !format.codec().joins();
        if !mixes && !alone {
            return heard;
        }
        if matches!(heard, Heard::Common) {
            copy(room.common(format.codec().sample_rate()), pcm);
        }
        if let Some(mix_in) = self.mix_in.as_mut().filter(|_| mixes) {
            mix_in.mix(format, pcm, turn);
        }
        Heard::Own
    }

    /// Sends a frame as one packet.
    fn send_frame(
        &mut self,
        format: &Format,
        now: RtpTimestamp,
        heard: Heard,
        pcm: &[i16],
        (room, destination): (&mut Room, SocketAddr),
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let payload = payload_of(turn.packet);
        let len = match heard {
            Heard::Nothing | Heard::Deaf | Heard::Silence => coder::silent_packet(format, payload),
            Heard::Own => self.coder.encode(format.encoding, pcm, payload),
            Heard::Common => {
                room.share(format);
                copy(room.shared(format, 0).unwrap_or_default(), payload)
            }
        };
        self.send_payload(format, now, len, destination, turn);
    }

    /// Takes a frame and sends the packets that it completes; while muted, those with a key in them.
    fn pack_frame(
        &mut self,
        format: &Format,
        now: RtpTimestamp,
        heard: Heard,
        pcm: &mut [i16],
        (room, destination): (&mut Room, SocketAddr),
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        let frame = room.frame();
        match heard {
            Heard::Nothing | Heard::Deaf | Heard::Own => self.room.own = Some(frame),
            Heard::Silence => room.share(format),
            Heard::Common => {
                room.share(format);
                copy(room.common(format.codec().sample_rate()), pcm);
            }
        }
        let (rate, clock) = (format.codec().sample_rate(), format.codec().clock_rate());
        let packer = self.room.packer.take();
        let packer = packer.filter(|packer| packer.fits(format.packet_time, pcm.len()));
        let mut packer =
            packer.unwrap_or_else(|| Box::new(Packer::new(format.packet_time, pcm.len())));
        for place in packer.push(frame, pcm) {
            let start = place.start;
            let first = Some(packer.first_frame(frame, start));
            if self.muted && self.room.key < first {
                self.talking = false;
                continue;
            }
            let own = self.room.own >= first;
            let shared = if own {
                None
            } else {
                room.shared(format, start)
            };
            let payload = payload_of(turn.packet);
            let len = match shared {
                Some(shared) => copy(shared, payload),
                None => self
                    .coder
                    .encode(format.encoding, packer.packet(place), payload),
            };
            let before = packer.samples_before(frame, start) * i64::from(clock.get());
            let begin = now.plus((before / i64::from(rate)).wrapping_neg() as u32);
            self.send_payload(format, begin, len, destination, turn);
        }
        self.room.packer = Some(packer);
    }

    fn send_payload(
        &mut self,
        format: &Format,
        timestamp: RtpTimestamp,
        len: usize,
        destination: SocketAddr,
        turn: &mut Turn<'_, impl MediaIo>,
    ) {
        if len == 0 {
            self.talking = false;
            return;
        }
        let len = self.seal(format, timestamp, len, turn.packet);
        self.transmit(destination, len, turn);
    }
}

/// Copies all of `from` to the beginning of `to` and returns its length.
fn copy<T: Copy>(from: &[T], to: &mut [T]) -> usize {
    to[..from.len()].copy_from_slice(from);
    from.len()
}
