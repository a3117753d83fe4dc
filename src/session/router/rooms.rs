//! Who is in which conference room, and what the members are told of each other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Mailbox, Router};
use crate::dsm::{ActionError, ActionResult, Answer, Errno};
use crate::media::StreamId;
use crate::session::event::{ActionToken, Params, SessionEvent, SessionId};
use crate::session::room::{Room, RoomAnswer, RoomQuestion, RoomRequest, Seat};

/// `#id` of the event when somebody came.
const JOINED: u32 = 1;
/// `#id` of the event when somebody went.
const LEFT: u32 = 2;

/// All rooms, by name. A room exists while somebody has a seat in it.
pub(super) type Rooms = HashMap<Box<str>, Members>;

/// Who is in a room.
#[derive(Debug)]
pub(super) struct Members {
    room: Arc<Room>,
    seats: BTreeMap<SessionId, Member>,
}

#[derive(Debug, Default)]
struct Member {
    /// How many seats it has.
    seats: usize,
    /// What it speaks by.
    stream: Option<StreamId>,
    /// It wants to know who speaks most.
    follows: bool,
}

impl<M: Mailbox> Router<M> {
    /// Does what `session`, which speaks by `stream`, asks for and tells it how it went.
    pub fn handle_room(
        &mut self,
        session: &SessionId,
        stream: Option<StreamId>,
        request: RoomRequest,
    ) {
        let answer = match request {
            RoomRequest::Enter { room, seat } => self.enter(session, stream, &room, seat),
            RoomRequest::Leave(seat) => {
                self.leave(session, &seat);
                RoomAnswer::Left
            }
            RoomRequest::LeaveAll => {
                self.leave_all(session);
                RoomAnswer::Left
            }
        };
        self.deliver(session, SessionEvent::Room(answer));
    }

    /// Answers what `session` asks.
    pub fn answer_room(&mut self, session: &SessionId, token: ActionToken, question: RoomQuestion) {
        let result = self.ask_room(session, question);
        self.deliver(session, SessionEvent::Performed(token, result));
    }

    fn ask_room(&mut self, session: &SessionId, question: RoomQuestion) -> ActionResult {
        Ok(match question {
            RoomQuestion::Size(room) => Answer::Value(self.members(&room).into()),
            RoomQuestion::Post { room, id } => {
                let members = self.members(&room);
                self.tell_room(&room, id, session, members, None);
                Answer::Nothing
            }
            RoomQuestion::Follow(follows) => {
                if !self.follow(session, follows) {
                    let text = "no room has been joined";
                    return Err(ActionError::errno(Errno::SCRIPT, text));
                }
                Answer::Nothing
            }
        })
    }

    /// Another member speaks most in a room, or nobody.
    pub fn on_speaker(&mut self, name: &str, speaker: Option<StreamId>) {
        let Some(room) = self.rooms.get(name) else {
            return;
        };
        let mut members = room.seats.iter();
        let member = match speaker {
            Some(_) => match members.find(|(_, member)| member.stream == speaker) {
                Some((id, _)) => id.to_string(),
                // It has just left.
                None => return,
            },
            None => String::new(),
        };
        let params = Arc::new(Params::from([
            ("type".to_owned(), "conference_speaker".to_owned()),
            ("room".to_owned(), name.to_owned()),
            ("member".to_owned(), member),
        ]));
        for (follower, _) in room.seats.iter().filter(|(_, member)| member.follows) {
            self.deliver(follower, SessionEvent::Posted(params.clone()));
        }
    }

    /// Notes whether a session is told who speaks most where its playlist is. False: that is in no room.
    fn follow(&mut self, session: &SessionId, follows: bool) -> bool {
        let seats = self.sessions.get(session).map(|entry| &entry.seats);
        let mut seats = seats.into_iter().flatten();
        let seat = seats.find(|(seat, _)| *seat == Seat::Playlist);
        let Some(name) = seat.map(|(_, name)| name.clone()) else {
            return false;
        };
        self.set_follows(session, &name, follows);
        true
    }

    fn set_follows(&mut self, session: &SessionId, name: &str, follows: bool) {
        if let Some(room) = self.rooms.get_mut(name)
            && let Some(member) = room.seats.get_mut(session)
        {
            member.follows = follows;
            room.note_followers();
        }
    }

    /// How many members a room has.
    fn members(&self, room: &str) -> usize {
        self.rooms.get(room).map_or(0, |room| room.seats.len())
    }

    fn enter(
        &mut self,
        session: &SessionId,
        stream: Option<StreamId>,
        name: &str,
        seat: Seat,
    ) -> RoomAnswer {
        let Some(entry) = self.sessions.get(session) else {
            // Nobody is left to read it.
            return RoomAnswer::Left;
        };
        let held = entry.seats.iter().find(|(own, _)| *own == seat);
        let held = held.map(|(_, room)| room.clone());
        if held.as_deref() != Some(name) {
            if held.is_some() {
                self.leave(session, &seat);
            }
            self.sit_down(session, stream, name, seat);
        }
        let room = &self.rooms[name];
        RoomAnswer::Entered {
            room: room.room.clone(),
            members: room.seats.len(),
        }
    }

    fn sit_down(&mut self, session: &SessionId, stream: Option<StreamId>, name: &str, seat: Seat) {
        if let Some(entry) = self.sessions.get_mut(session) {
            entry.seats.push((seat, name.into()));
        }
        let room = self.rooms.entry(name.into()).or_insert_with(|| Members {
            room: Arc::new(Room::new(name)),
            seats: BTreeMap::new(),
        });
        let member = room.seats.entry(session.clone()).or_default();
        member.seats += 1;
        member.stream = stream;
        let (is_new, members) = (member.seats == 1, room.seats.len());
        if is_new {
            // The newcomer hears of itself only if nobody else does.
            let newcomer = Some(session).filter(|_| members > 1);
            self.tell_room(name, JOINED, session, members, newcomer);
        }
    }

    fn leave(&mut self, session: &SessionId, seat: &Seat) {
        let Some(entry) = self.sessions.get_mut(session) else {
            return;
        };
        if let Some(at) = entry.seats.iter().position(|(own, _)| own == seat) {
            let (_, room) = entry.seats.remove(at);
            if *seat == Seat::Playlist {
                self.set_follows(session, &room, false);
            }
            self.stand_up(session, &room);
        }
    }

    fn leave_all(&mut self, session: &SessionId) {
        if let Some(entry) = self.sessions.get_mut(session) {
            for (_, room) in std::mem::take(&mut entry.seats) {
                self.stand_up(session, &room);
            }
        }
    }

    /// Takes one seat away; tells the others if it was the last one of this session.
    pub(super) fn stand_up(&mut self, session: &SessionId, name: &str) {
        let Some(room) = self.rooms.get_mut(name) else {
            return;
        };
        let Some(member) = room.seats.get_mut(session) else {
            return;
        };
        member.seats -= 1;
        if member.seats > 0 {
            return;
        }
        room.seats.remove(session);
        room.note_followers();
        let members = room.seats.len();
        if members == 0 {
            self.rooms.remove(name);
        } else {
            self.tell_room(name, LEFT, session, members, None);
        }
    }

    fn tell_room(
        &self,
        name: &str,
        id: u32,
        by: &SessionId,
        members: usize,
        but: Option<&SessionId>,
    ) {
        let Some(room) = self.rooms.get(name) else {
            return;
        };
        let params = Arc::new(Params::from([
            ("type".to_owned(), "conference_event".to_owned()),
            ("id".to_owned(), id.to_string()),
            ("room".to_owned(), name.to_owned()),
            ("participants".to_owned(), members.to_string()),
            ("member".to_owned(), by.to_string()),
        ]));
        for member in room.seats.keys().filter(|member| Some(*member) != but) {
            self.deliver(member, SessionEvent::Posted(params.clone()));
        }
    }
}

impl Members {
    /// Media threads tell who speaks most only where somebody wants to know.
    fn note_followers(&self) {
        let followed = self.seats.values().any(|member| member.follows);
        self.room.is_followed().store(followed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::super::tests::{Inbox, router};
    use super::*;

    struct House {
        router: Router<Inbox>,
        people: BTreeMap<&'static str, Inbox>,
    }

    impl House {
        fn new(people: &[&'static str]) -> Self {
            let mut house = Self {
                router: router(Limits::default()),
                people: BTreeMap::new(),
            };
            for &name in people {
                let inbox = Inbox::default();
                house.people.insert(name, inbox.clone());
                house.router.insert(id(name), name.as_bytes(), None, inbox);
            }
            house
        }

        fn ask(&mut self, who: &str, request: RoomRequest) -> RoomAnswer {
            self.router
                .handle_room(&id(who), Some(stream(who)), request);
            let answers = self.people[who].answers.take();
            answers.into_iter().next_back().expect("an answer")
        }

        fn enter(&mut self, who: &str, room: &str) -> usize {
            self.enter_as(who, room, Seat::Playlist)
        }

        fn enter_as(&mut self, who: &str, room: &str, seat: Seat) -> usize {
            let room = room.into();
            match self.ask(who, RoomRequest::Enter { room, seat }) {
                RoomAnswer::Entered { members, .. } => members,
                other => panic!("{other:?}"),
            }
        }

        fn leave(&mut self, who: &str) {
            let left = self.ask(who, RoomRequest::Leave(Seat::Playlist));
            assert_eq!(left, RoomAnswer::Left);
        }

        fn size(&mut self, room: &str) -> usize {
            let anyone = *self.people.keys().next().unwrap();
            let size = RoomQuestion::Size(room.into());
            match self.router.ask_room(&id(anyone), size) {
                Ok(Answer::Value(members)) => members.as_u64().unwrap() as usize,
                other => panic!("{other:?}"),
            }
        }

        /// What `who` was told since it was last asked: number, members, about whom.
        fn told(&mut self, who: &str) -> Vec<String> {
            let told = self.people[who].posted.take();
            let words = |params: Params| {
                assert_eq!(params["type"], "conference_event");
                ["id", "room", "participants", "member"]
                    .map(|name| params[name].clone())
                    .join(" ")
            };
            told.into_iter().map(words).collect()
        }
    }

    fn id(name: &str) -> SessionId {
        SessionId(name.into())
    }

    /// What somebody speaks by.
    fn stream(name: &str) -> StreamId {
        StreamId::new(name.as_bytes()[0].into(), 1)
    }

    const NOTHING: [&str; 0] = [];

    #[test]
    fn members_are_told_of_others_and_the_first_of_itself() {
        let mut house = House::new(&["ann", "bob", "cid"]);
        assert_eq!(house.enter("ann", "blue"), 1);
        assert_eq!(house.told("ann"), ["1 blue 1 ann"]);
        assert_eq!(house.enter("bob", "blue"), 2);
        assert_eq!(house.told("ann"), ["1 blue 2 bob"]);
        assert_eq!(house.told("bob"), NOTHING);
        assert_eq!(house.enter("cid", "red"), 1);
        house.leave("ann");
        assert_eq!(house.told("bob"), ["2 blue 1 ann"]);
        assert_eq!(house.told("ann"), NOTHING);
        assert_eq!(
            (house.size("blue"), house.size("red"), house.size("x")),
            (1, 1, 0)
        );
    }

    #[test]
    fn whoever_is_in_the_room_already_changes_nothing_by_entering() {
        let mut house = House::new(&["ann", "bob"]);
        house.enter("ann", "blue");
        house.enter("bob", "blue");
        house.told("ann");
        assert_eq!(house.enter("bob", "blue"), 2);
        assert_eq!(house.told("ann"), NOTHING);
        house.leave("bob");
        assert_eq!(house.size("blue"), 1);
    }

    #[test]
    fn another_room_is_entered_by_leaving_the_one_before() {
        let mut house = House::new(&["ann", "bob"]);
        house.enter("ann", "blue");
        house.enter("bob", "blue");
        house.told("ann");
        house.enter("bob", "red");
        assert_eq!(house.told("ann"), ["2 blue 1 bob"]);
        assert_eq!((house.size("blue"), house.size("red")), (1, 1));
    }

    #[test]
    fn a_session_counts_once_whatever_it_is_in_the_room_for() {
        let mut house = House::new(&["ann", "bob"]);
        house.enter("bob", "blue");
        house.told("bob");
        house.enter("ann", "blue");
        assert_eq!(house.enter_as("ann", "blue", Seat::Tee("x".into())), 2);
        house.leave("ann");
        assert_eq!(house.size("blue"), 2);
        assert_eq!(house.told("bob"), ["1 blue 2 ann"]);
        house.ask("ann", RoomRequest::Leave(Seat::Tee("x".into())));
        assert_eq!(house.told("bob"), ["2 blue 1 ann"]);
    }

    #[test]
    fn a_session_can_give_up_all_its_seats_at_once() {
        let mut house = House::new(&["ann", "bob"]);
        house.enter("ann", "blue");
        house.enter_as("ann", "red", Seat::Tee("x".into()));
        house.enter("bob", "blue");
        assert_eq!(house.ask("ann", RoomRequest::LeaveAll), RoomAnswer::Left);
        assert_eq!(house.told("bob"), ["2 blue 1 ann"]);
        assert_eq!((house.size("blue"), house.size("red")), (1, 0));
        house.router.remove(&id("ann"));
        assert_eq!(house.told("bob"), NOTHING);
    }

    #[test]
    fn an_event_reaches_all_members_and_makes_no_room() {
        let mut house = House::new(&["ann", "bob", "cid"]);
        house.enter("ann", "blue");
        house.enter("bob", "blue");
        house.told("ann");
        let post = |house: &mut House, room: &str| {
            let room = room.into();
            let question = RoomQuestion::Post { room, id: 17 };
            assert_eq!(
                house.router.ask_room(&id("cid"), question),
                Ok(Answer::Nothing)
            );
        };
        post(&mut house, "blue");
        assert_eq!(house.told("ann"), ["17 blue 2 cid"]);
        assert_eq!(house.told("bob"), ["17 blue 2 cid"]);
        post(&mut house, "green");
        assert_eq!(house.router.rooms.len(), 1);
    }

    #[test]
    fn who_speaks_most_is_told_to_whom_wants_to_know() {
        let mut house = House::new(&["ann", "bob", "cid"]);
        for who in ["ann", "bob"] {
            house.enter(who, "blue");
        }
        let follow = |house: &mut House, who: &str, follows| {
            let question = RoomQuestion::Follow(follows);
            house.router.ask_room(&id(who), question).is_ok()
        };
        assert!(!follow(&mut house, "cid", true), "it is in no room");
        house.enter_as("cid", "blue", Seat::Tee("x".into()));
        assert!(!follow(&mut house, "cid", true), "it hears nothing of it");
        let is_followed = house.router.rooms["blue"].room.is_followed().clone();
        let followed = || is_followed.load(Ordering::Relaxed);
        assert!(!followed());
        assert!(follow(&mut house, "ann", true) && followed());
        for name in ["ann", "bob"] {
            house.people[name].posted.take();
        }
        for speaker in [Some("bob"), None, Some("nobody")] {
            house.router.on_speaker("blue", speaker.map(stream));
        }
        let told = house.people["ann"].posted.take();
        let members: Vec<_> = told.iter().map(|told| &*told["member"]).collect();
        assert_eq!(members, ["bob", ""]);
        assert_eq!(told[0]["type"], "conference_speaker");
        assert!(house.people["bob"].posted.take().is_empty());
        assert!(follow(&mut house, "ann", false) && !followed());
        assert!(follow(&mut house, "bob", true) && followed());
        house.leave("bob");
        assert!(!followed());
    }

    #[test]
    fn a_session_that_ends_leaves_all_its_rooms() {
        let mut house = House::new(&["ann", "bob"]);
        house.enter("ann", "blue");
        house.enter_as("ann", "red", Seat::Tee("x".into()));
        house.enter("bob", "blue");
        house.router.remove(&id("ann"));
        assert_eq!(house.told("bob"), ["2 blue 1 ann"]);
        house.router.remove(&id("bob"));
        assert_eq!(
            (house.router.rooms.len(), house.router.table_entries()),
            (0, 0)
        );
    }

    #[test]
    fn leaving_what_was_never_entered_is_no_fault() {
        let mut house = House::new(&["ann"]);
        house.leave("ann");
        assert_eq!(house.told("ann"), NOTHING);
    }
}
