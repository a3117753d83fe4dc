//! What becomes of the outputs of an agent's sessions.

use std::time::Instant;

use muleteer::audio::playlist::RoomId;
use muleteer::audio::recorder::{RecordingPlan, recorder};
use muleteer::media::{MediaCommand, OpenError};
use muleteer::session::monitoring::Write;
use muleteer::session::room::{InRoom, InRoomError};
use muleteer::session::{SessionEvent, SessionOutput};

use super::Agent;
use super::sound::{drop_sink, loaded};
use crate::support::studio::Tape;

impl Agent {
    pub(super) fn carry_out(&mut self, now: Instant, number: usize, output: SessionOutput) {
        let id = self.calls[number].id.clone();
        match output {
            SessionOutput::Sip(command) => self.send(now, &id, command),
            SessionOutput::Media(command) => self.command(now, number, command),
            SessionOutput::LoadPrompt { file, looped, .. } => {
                let name = file.to_string();
                if self.slow.contains(&name) {
                    return self.calls[number].awaited.push((name, looped));
                }
                let result = loaded(&self.prompts, &file, looped);
                if let Some(session) = &mut self.calls[number].session {
                    session.handle_event(now, SessionEvent::Prompt(result));
                }
            }
            SessionOutput::Room(request) => {
                let stream = self.studio.as_ref().map(|studio| studio.stream(number));
                self.router.handle_room(&id, stream, request);
            }
            SessionOutput::RecordRoom {
                room,
                file,
                sample_rate,
            } => {
                let plan = RecordingPlan::new(sample_rate);
                let begun = self.writable(&file).map(|name| {
                    let (sink, source) = recorder(plan);
                    let meter = sink.meter();
                    self.calls[number].room_tape = Some(Tape::new(name, source));
                    let studio = self.studio.as_mut().expect("rooms with sound");
                    studio.record(now, &room, sink);
                    meter
                });
                let begun = SessionEvent::RoomRecordingBegun(begun);
                self.router.deliver(&id, begun);
            }
            SessionOutput::InRoom(room, act) => {
                let is_answered = act.is_answered();
                self.calls[number].acts.push(format!("{act:?}"));
                let changes = matches!(act, InRoom::Take(_) | InRoom::Leave);
                let done = match &mut self.studio {
                    _ if self.no_rooms && matches!(act, InRoom::Take(_) | InRoom::Tee(_)) => {
                        Err(InRoomError::Open(OpenError::TooManyRooms { limit: 0 }))
                    }
                    Some(studio) => studio.act_in(now, number, &room, act),
                    None => Ok(RoomId::new(0, 0)),
                };
                let call = &mut self.calls[number];
                call.playlist_version += u32::from(changes && done.is_ok());
                if let Some(session) = call.session.as_mut().filter(|_| is_answered) {
                    session.handle_event(now, SessionEvent::InRoom(done));
                }
            }
            SessionOutput::Perform { token, work } => self.perform(now, id, token, work),
            SessionOutput::Monitor(write) => {
                let _ = self.monitor.apply(write);
            }
            SessionOutput::GiveUp(work) => muleteer::plugin::module::give_up(work),
            SessionOutput::Record {
                file,
                options,
                sample_rate,
            } => {
                let plan = RecordingPlan {
                    sides: options.sides,
                    limit: options.max,
                    silence: options.silence,
                    ..RecordingPlan::new(sample_rate)
                };
                let begun = self.record(now, number, &file, plan);
                self.router
                    .deliver(&id, SessionEvent::RecordingBegun(begun));
            }
            SessionOutput::Ended => {
                if let Some(studio) = &mut self.studio {
                    studio.command(now, number, MediaCommand::Close);
                }
                drop_sink(&mut self.calls[number]);
                self.calls[number].session = None;
                let _ = self.monitor.apply(Write::Finish(id.0.clone()));
                self.router.remove(&id);
                self.router.end_outside(now, &id);
                self.delivery.forget(&id);
            }
        }
    }
}
