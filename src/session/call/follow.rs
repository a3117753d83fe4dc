//! What is kept about a call in the monitoring store, if the operator wants that of every call.

use super::Call;
use crate::session::event::SessionOutput;
use crate::session::monitoring::{Follow, Name, Value, Write, attribute};
use crate::sip::message::HeaderName;

impl Call {
    /// Records that the call begins.
    pub fn follow(&mut self, direction: &'static str, application: String) {
        if self.setup.follow.is_none() {
            return;
        }
        let invite = self.usage.invite();
        let header = |name| {
            let text = invite.headers.text(&name);
            Value::from(text.map_or_else(String::new, |text| text.into_owned()))
        };
        let attributes = vec![
            (attribute::APPLICATION.into(), application.into()),
            (attribute::DIRECTION.into(), direction.into()),
            (attribute::FROM.into(), header(HeaderName::From)),
            (attribute::URI.into(), invite.uri.to_string().into()),
            (attribute::TO.into(), header(HeaderName::To)),
        ];
        let begun = Write::Begin(self.id().0.clone(), attributes);
        self.output(SessionOutput::Monitor(begun));
    }

    /// Records in which room the call is, or that it is in none.
    pub fn note_room(&mut self, room: Option<&str>) {
        if self.setup.follow.is_none() {
            return;
        }
        let (id, name) = (self.id().0.clone(), Name::Borrowed(attribute::ROOM));
        let noted = match room {
            Some(room) => Write::Set(id, vec![(name, room.to_owned().into())]),
            None => Write::Remove(id, name),
        };
        self.output(SessionOutput::Monitor(noted));
    }

    /// What records the way of the call's diagram.
    pub fn take_follow(&self) -> Option<Follow> {
        self.setup.follow.clone()
    }
}
