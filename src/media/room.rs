//! CORE. One room: its members, its mix, and what is played into it.
//!
//! The members are streams of one thread. They hand in what they hear whenever they tick; once a
//! frame, at the room's slot, the room adds up who speaks; and then each member takes what it
//! hears. Who adds nothing to a frame takes the common mix, which is encoded once for each codec
//! that joins payloads.

use std::sync::Arc;
use std::time::Duration;

use slab::Slab;
use smallvec::SmallVec;

use super::coder::Format;
use super::command::{Audience, RoomCommand, RoomEvent, StreamId};
use super::core::{MediaIo, Retired, RetiredRecording, RetiredShared};
use super::recording::Recording;
use super::schedule::FRAME;
use crate::audio::Prompt;
use crate::audio::live_resample::LIVE_SAMPLE_RATES;
use crate::audio::mixer::Band;
use crate::audio::playlist::RoomId;
use crate::audio::recorder::RecorderSink;
use crate::audio::speakers::ActiveSpeaker;
use crate::audio::voice::{Taken, Voice};
use crate::codec::Encoding;

mod shared;
mod voices;

pub(super) use shared::Shared;
use voices::{Feed, Play, add, fade_out};

/// Sounds that one room plays at a time.
pub const MAX_PLAYS: usize = 4;
/// Voices from outside that one room takes.
pub const MAX_FEEDS: usize = 16;

/// See the module's documentation.
pub(super) struct Room {
    id: RoomId,
    members: Slab<Member>,
    /// Members that have handed in something.
    talking: Vec<usize>,
    feeds: Vec<Feed>,
    plays: Vec<Play>,
    bands: SmallVec<[(Band, usize); 1]>,
    /// Each is for members there are.
    shared: SmallVec<[Box<Shared>; 1]>,
    recording: Option<Box<Recording>>,
    recorded: u64,
    /// The number of the last frame that was mixed.
    frame: Option<u64>,
    max_speakers: Option<usize>,
    /// Members by level, kept to spare the allocation.
    ranking: Vec<(f32, usize)>,
    speakers: ActiveSpeaker,
    /// Members whose streams tick.
    present: usize,
    failed: bool,
}

/// What a member is to the room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings {
    pub(super) hears: bool,
    pub(super) speaks: bool,
    /// How loud it is heard, 0 for not at all.
    pub(super) gain: f32,
    /// Samples a second of what it hears.
    pub(super) rate: u32,
    /// How that is encoded, and how much of it a packet holds; `None` before that is agreed.
    pub(super) sends: Option<(Encoding, Duration)>,
}

struct Member {
    stream: StreamId,
    settings: Settings,
    present: bool,
    voice: Option<Box<Voice>>,
    /// It is in [`Room::talking`].
    talks: bool,
    /// It speaks in the frame that is being mixed.
    speaks: bool,
    /// The last frame that it was in.
    mixed: Option<u64>,
    /// The last frame that it took.
    heard: Option<u64>,
}

/// What a member hears in one frame.
#[derive(Clone, Copy)]
pub(super) enum Heard {
    /// There is no frame that it has not heard.
    Nothing,
    /// It is not to hear the room.
    Deaf,
    /// Nobody is heard.
    Silence,
    /// The same as others, see [`Room::common`] and [`Room::shared`].
    Common,
    /// What is now in the buffer.
    Own,
}

impl Room {
    pub(super) fn new(id: RoomId) -> Self {
        Self {
            id,
            members: Slab::new(),
            talking: Vec::new(),
            feeds: Vec::new(),
            plays: Vec::new(),
            bands: SmallVec::new(),
            shared: SmallVec::new(),
            recording: None,
            recorded: 0,
            frame: None,
            max_speakers: None,
            ranking: Vec::new(),
            speakers: ActiveSpeaker::default(),
            present: 0,
            failed: false,
        }
    }

    pub(super) fn id(&self) -> RoomId {
        self.id
    }

    /// Takes `stream` in and gives its place.
    pub(super) fn join(&mut self, stream: StreamId, settings: Settings) -> usize {
        let member = self.members.insert(Member {
            stream,
            settings,
            present: false,
            voice: None,
            talks: false,
            speaks: false,
            mixed: None,
            heard: None,
        });
        self.use_band(settings.rate);
        // So that no tick allocates.
        self.talking.reserve(self.members.len());
        self.ranking.reserve(self.members.len());
        member
    }

    pub(super) fn update(&mut self, member: usize, settings: Settings, io: &mut impl MediaIo) {
        let before = std::mem::replace(&mut self.members[member].settings, settings);
        if before.rate != settings.rate {
            self.use_band(settings.rate);
            self.leave_band(before.rate);
        }
        if before.sends != settings.sends {
            self.end_unshared(io);
        }
        if before.speaks && !settings.speaks {
            self.fall_silent(member);
        }
    }

    pub(super) fn leave(&mut self, member: usize, io: &mut impl MediaIo) {
        self.set_present(member, false);
        self.fall_silent(member);
        let gone = self.members.remove(member);
        self.leave_band(gone.settings.rate);
        self.end_unshared(io);
        if self.speakers.forget(member as u32) {
            io.room_event(self.id, RoomEvent::ActiveSpeaker(None));
        }
    }

    /// The streams that are members.
    pub(super) fn streams(&self) -> impl Iterator<Item = StreamId> {
        self.members.iter().map(|(_, member)| member.stream)
    }

    /// Whether the member's stream ticks.
    pub(super) fn set_present(&mut self, member: usize, present: bool) {
        let member = &mut self.members[member];
        self.present -= usize::from(member.present);
        self.present += usize::from(present);
        member.present = present;
    }

    /// Whether frames are to be mixed.
    pub(super) fn is_active(&self) -> bool {
        self.present > 0 || self.recording.is_some()
    }

    /// Frames are mixed no more, for now.
    pub(super) fn pause(&mut self, io: &mut impl MediaIo) {
        for play in self.plays.drain(..) {
            io.retire(play.retired());
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn set_failed(&mut self) {
        self.failed = true;
    }

    pub(super) fn handle_command(&mut self, command: RoomCommand, io: &mut impl MediaIo) {
        match command {
            RoomCommand::Play { prompt, to } => self.play(prompt, to, io),
            RoomCommand::SetMaxSpeakers(most) => self.max_speakers = most,
            RoomCommand::StartRecording(sink) => self.start_recording(sink, io),
            RoomCommand::StopRecording => self.stop_recording(io),
            RoomCommand::Feed(source) => self.feed(Feed::new(source), io),
            // The core ends the room itself.
            RoomCommand::Close => {}
        }
    }

    fn play(&mut self, prompt: Arc<Prompt>, to: Audience, io: &mut impl MediaIo) {
        let play = Play::new(prompt, to);
        if !play.is_supported() || !self.is_active() || self.plays.len() >= MAX_PLAYS {
            return io.retire(play.retired());
        }
        self.plays.push(play);
    }

    fn feed(&mut self, feed: Feed, io: &mut impl MediaIo) {
        for closed in self.feeds.extract_if(.., |feed| feed.is_closed()) {
            io.retire(closed.retired());
        }
        if self.feeds.len() >= MAX_FEEDS {
            return io.retire(feed.retired());
        }
        self.feeds.push(feed);
    }

    fn start_recording(&mut self, sink: Box<RecorderSink>, io: &mut impl MediaIo) {
        self.stop_recording(io);
        let recording = Box::new(Recording::new(sink));
        let rate = recording.sample_rate();
        if !LIVE_SAMPLE_RATES.contains(&rate) {
            io.retire(Retired::Recording(RetiredRecording(recording)));
            return io.room_event(self.id, RoomEvent::RecordingEnded);
        }
        self.use_band(rate);
        self.recording = Some(recording);
        self.recorded = 0;
    }

    fn stop_recording(&mut self, io: &mut impl MediaIo) {
        if let Some(recording) = self.recording.take() {
            self.leave_band(recording.sample_rate());
            io.retire(Retired::Recording(RetiredRecording(recording)));
        }
    }

    /// Takes what a member says, at `rate` hertz.
    pub(super) fn speak(&mut self, member: usize, rate: u32, pcm: &[i16]) {
        let at = member;
        let Some(member) = self.members.get(at).filter(|member| member.settings.speaks) else {
            return;
        };
        let present = member.voice.as_ref().map(|voice| voice.rate());
        if present.is_some_and(|present| present != rate) {
            self.fall_silent(at);
        }
        let member = &mut self.members[at];
        let made = || Box::new(Voice::new(rate));
        member.voice.get_or_insert_with(made).push(pcm);
        if !std::mem::replace(&mut member.talks, true) {
            self.talking.push(at);
        }
    }

    /// Makes frame number `frame`.
    pub(super) fn mix(&mut self, frame: u64, io: &mut impl MediaIo) {
        if self.frame.is_none_or(|last| last + 1 != frame) {
            self.feeds.iter_mut().for_each(Feed::catch_up);
        }
        self.take_voices();
        self.choose_speakers();
        for (band, _) in &mut self.bands {
            band.begin();
        }
        self.frame = Some(frame);
        self.add_members(frame);
        self.add_feeds(io);
        self.add_plays(io);
        self.record(frame, io);
        self.follow_speakers(io);
    }

    /// What `member` hears of the last frame, at most once; if it is its own, it is in `out`.
    pub(super) fn hear(&mut self, member: usize, out: &mut [i16]) -> Heard {
        let Self {
            members,
            plays,
            bands,
            ..
        } = self;
        let Some(member) = members.get_mut(member) else {
            return Heard::Nothing;
        };
        if self.frame.is_none() || member.heard == self.frame {
            return Heard::Nothing;
        }
        member.heard = self.frame;
        let rate = member.settings.rate;
        if !member.settings.hears {
            return Heard::Deaf;
        }
        let band = bands.iter_mut().find(|(band, _)| band.rate() == rate);
        let Some((band, _)) = band.filter(|(band, _)| !band.is_silent()) else {
            return Heard::Silence;
        };
        let own = member.voice.as_ref().filter(|_| member.mixed == self.frame);
        let spared = |play: &&Play| play.spares(member.stream);
        if own.is_none() && !plays.iter().any(|play| spared(&play)) {
            return Heard::Common;
        }
        let own = own.map(|voice| voice.at(rate)).into_iter();
        let spared = plays.iter().filter(spared).map(|play| play.at(rate));
        band.without(own.chain(spared), out);
        Heard::Own
    }

    /// The number of the last frame.
    pub(super) fn frame(&self) -> u64 {
        self.frame.unwrap_or_default()
    }

    /// The last frame for those who added nothing to it.
    pub(super) fn common(&mut self, rate: u32) -> &[i16] {
        let band = self.bands.iter_mut().find(|(band, _)| band.rate() == rate);
        band.map_or(&[], |(band, _)| band.common())
    }

    /// Encodes the last frame for those who added nothing to it and take it in `format`, unless
    /// that is done.
    pub(super) fn share(&mut self, format: &Format) {
        let at = self.shared.iter().position(|shared| shared.is_for(format));
        let at = at.unwrap_or_else(|| {
            self.shared.push(Box::new(Shared::new(*format)));
            self.shared.len() - 1
        });
        let shared = &mut self.shared[at];
        let rate = format.codec().sample_rate();
        if shared.frame() != self.frame
            && let Some(frame) = self.frame
            && let Some((band, _)) = self.bands.iter_mut().find(|(band, _)| band.rate() == rate)
        {
            shared.encode(frame, band.common());
        }
    }

    /// What was [shared](Room::share): the packet at `place` of a [`Packer`](super::packer::Packer)'s group, at 0 for
    /// packets of 20 ms. `None` if it is not complete, as nobody took the frames before.
    pub(super) fn shared(&self, format: &Format, place: usize) -> Option<&[u8]> {
        let shared = self.shared.iter().find(|shared| shared.is_for(format));
        shared?.packet(place)
    }

    /// Takes a frame of each who handed in enough, and notes who speaks.
    fn take_voices(&mut self) {
        let Self {
            talking,
            members,
            bands,
            ..
        } = self;
        talking.retain(|&index| {
            let Some(member) = members.get_mut(index) else {
                return false;
            };
            let Some(voice) = &mut member.voice else {
                return false;
            };
            let taken = voice.next_frame();
            member.speaks = taken == Taken::Speech && member.settings.gain > 0.0;
            if taken == Taken::Nothing {
                fade_out(bands, voice);
                voice.decay();
                member.talks = false;
            }
            taken != Taken::Nothing
        });
    }

    /// Leaves out all but the loudest. Who is in the mix stays until somebody else is 6 dB louder.
    fn choose_speakers(&mut self) {
        let Some(most) = self.max_speakers else {
            return;
        };
        let Self {
            ranking,
            talking,
            members,
            ..
        } = self;
        ranking.clear();
        for &index in talking.iter() {
            let member = &members[index];
            if let Some(voice) = member.voice.as_ref().filter(|_| member.speaks) {
                let bonus = if voice.is_sounding() { 2.0 } else { 1.0 };
                ranking.push((voice.level() * bonus, index));
            }
        }
        if ranking.len() <= most {
            return;
        }
        ranking.select_nth_unstable_by(most, |(a, _), (b, _)| b.total_cmp(a));
        for &(_, index) in &ranking[most..] {
            members[index].speaks = false;
        }
    }

    fn add_members(&mut self, frame: u64) {
        for &index in &self.talking {
            let member = &mut self.members[index];
            let gain = if member.speaks {
                member.settings.gain
            } else {
                0.0
            };
            if let Some(voice) = &mut member.voice
                && voice.apply_gain(gain)
            {
                add(&mut self.bands, voice);
                member.mixed = Some(frame);
            }
        }
    }

    fn add_feeds(&mut self, io: &mut impl MediaIo) {
        let mut at = 0;
        while let Some(feed) = self.feeds.get_mut(at) {
            if feed.advance(&mut self.bands) {
                at += 1;
            } else {
                io.retire(self.feeds.swap_remove(at).retired());
            }
        }
    }

    fn add_plays(&mut self, io: &mut impl MediaIo) {
        let mut at = 0;
        while let Some(play) = self.plays.get_mut(at) {
            if play.advance(&mut self.bands) {
                at += 1;
            } else {
                io.retire(self.plays.swap_remove(at).retired());
            }
        }
    }

    fn record(&mut self, frame: u64, io: &mut impl MediaIo) {
        let Some(recording) = &mut self.recording else {
            return;
        };
        let missed = match self.recorded {
            0 => 0,
            recorded => frame.saturating_sub(recorded + 1),
        };
        if missed > 0 {
            let missed = FRAME * u32::try_from(missed).unwrap_or(u32::MAX);
            recording.take_frame(missed, None, None);
        }
        self.recorded = frame;
        let rate = recording.sample_rate();
        let band = self.bands.iter_mut().find(|(band, _)| band.rate() == rate);
        let band = band.filter(|(band, _)| !band.is_silent());
        recording.take_frame(FRAME, band.map(|(band, _)| band.common()), None);
        if recording.is_finished() {
            self.stop_recording(io);
            io.room_event(self.id, RoomEvent::RecordingEnded);
        }
    }

    fn follow_speakers(&mut self, io: &mut impl MediaIo) {
        let members = &self.members;
        let speaking = self.talking.iter().filter_map(|&index| {
            let member = &members[index];
            let voice = member.voice.as_ref().filter(|_| member.speaks)?;
            Some((index as u32, voice.level()))
        });
        if let Some(active) = self.speakers.hear(speaking) {
            let stream = members[active as usize].stream;
            io.room_event(self.id, RoomEvent::ActiveSpeaker(Some(stream)));
        }
    }

    /// The member's voice ends where it is.
    fn fall_silent(&mut self, member: usize) {
        self.members[member].talks = false;
        if let Some(mut voice) = self.members[member].voice.take() {
            fade_out(&mut self.bands, &mut voice);
        }
        self.talking.retain(|&other| other != member);
    }

    fn use_band(&mut self, rate: u32) {
        match self.bands.iter_mut().find(|(band, _)| band.rate() == rate) {
            Some((_, users)) => *users += 1,
            None => self.bands.push((Band::new(rate), 1)),
        }
    }

    fn leave_band(&mut self, rate: u32) {
        self.bands.retain(|(band, users)| {
            *users -= usize::from(band.rate() == rate);
            *users > 0
        });
    }

    /// Lets go of what is encoded as no member takes it any more.
    fn end_unshared(&mut self, io: &mut impl MediaIo) {
        let mut at = 0;
        while let Some(shared) = self.shared.get(at) {
            let is_for = |(_, member): (usize, &Member)| {
                let sends = member.settings.sends;
                sends.is_some_and(|sends| shared.is_sent_as(sends))
            };
            if self.members.iter().any(is_for) {
                at += 1;
            } else {
                let unused = RetiredShared(self.shared.swap_remove(at));
                io.retire(Retired::Shared(unused));
            }
        }
    }
}
