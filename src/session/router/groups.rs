//! Named sets of sessions. A group exists while it has a member.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{Mailbox, Router};
use crate::dsm::{ActionError, ActionResult, Answer, Errno, Exception};
use crate::session::event::{ActionToken, GroupRequest, SessionEvent, SessionId};

/// Groups of one session. Picked by feel.
const MAX_GROUPS: usize = 64;

/// All groups, by name, with their members in order.
pub(super) type Groups = HashMap<Box<str>, BTreeSet<SessionId>>;

impl<M: Mailbox> Router<M> {
    /// Does what `session` asks for and tells it how it went.
    pub fn handle_group(&mut self, session: &SessionId, token: ActionToken, request: GroupRequest) {
        let result = self.do_in_group(session, request);
        self.deliver(session, SessionEvent::Performed(token, result));
    }

    fn do_in_group(&mut self, session: &SessionId, request: GroupRequest) -> ActionResult {
        match request {
            GroupRequest::Join(group) => self.join_group(session, &group)?,
            GroupRequest::Leave(group) => {
                if let Some(entry) = self.sessions.get_mut(session) {
                    entry.groups.retain(|own| **own != *group);
                }
                self.take_out(session, &group);
            }
            GroupRequest::LeaveAll => {
                if let Some(entry) = self.sessions.get_mut(session) {
                    let groups = std::mem::take(&mut entry.groups);
                    self.leave_groups(session, &groups);
                }
            }
            GroupRequest::Members(group) => {
                let members = self.groups.get(&group).into_iter().flatten();
                let ids: Vec<_> = members.map(|id| serde_json::Value::from(&*id.0)).collect();
                return Ok(Answer::Value(ids.into()));
            }
            GroupRequest::Size(group) => {
                let members = self.groups.get(&group).map_or(0, BTreeSet::len);
                return Ok(Answer::Value(members.into()));
            }
            GroupRequest::Post { group, params } => {
                let params = Arc::new(*params);
                let members = self.groups.get(&group).into_iter().flatten();
                let others = members.filter(|member| *member != session);
                let reached = others
                    .filter(|member| self.deliver(member, SessionEvent::Posted(params.clone())));
                if reached.count() == 0 {
                    let text = format!("nobody else is in the group '{group}'");
                    return Err(ActionError::errno(Errno::ARG, text));
                }
            }
        }
        Ok(Answer::Nothing)
    }

    fn join_group(&mut self, session: &SessionId, group: &str) -> Result<(), Exception> {
        let Some(entry) = self.sessions.get_mut(session) else {
            // Nobody is left to read it.
            return Ok(());
        };
        if entry.groups.iter().any(|own| **own == *group) {
            return Ok(());
        }
        if entry.groups.len() >= MAX_GROUPS {
            let cause = format!("a session is in at most {MAX_GROUPS} groups");
            return Err(Exception::core(cause));
        }
        entry.groups.push(group.into());
        let members = self.groups.entry(group.into()).or_default();
        members.insert(session.clone());
        Ok(())
    }

    /// Takes a session out of groups that it has no place in any more.
    pub(super) fn leave_groups(&mut self, session: &SessionId, groups: &[Box<str>]) {
        for group in groups {
            self.take_out(session, group);
        }
    }

    fn take_out(&mut self, session: &SessionId, group: &str) {
        if let Some(members) = self.groups.get_mut(group) {
            members.remove(session);
            if members.is_empty() {
                self.groups.remove(group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::super::tests::{Inbox, router};
    use super::*;
    use crate::session::event::Params;

    struct Club {
        router: Router<Inbox>,
        inboxes: HashMap<&'static str, Inbox>,
    }

    fn id(name: &str) -> SessionId {
        SessionId(name.into())
    }

    impl Club {
        fn new(people: &[&'static str]) -> Self {
            let mut club = Self {
                router: router(Limits::default()),
                inboxes: HashMap::new(),
            };
            for name in people {
                let inbox = Inbox::default();
                club.inboxes.insert(name, inbox.clone());
                club.router.insert(id(name), name.as_bytes(), None, inbox);
            }
            club
        }

        fn ask(&mut self, who: &str, request: GroupRequest) -> ActionResult {
            self.router.do_in_group(&id(who), request)
        }

        fn join(&mut self, who: &str, group: &str) {
            let joined = self.ask(who, GroupRequest::Join(group.into()));
            assert_eq!(joined, Ok(Answer::Nothing));
        }

        fn members(&mut self, group: &str) -> String {
            match self.ask("ann", GroupRequest::Members(group.into())) {
                Ok(Answer::Value(members)) => members.to_string(),
                other => panic!("{other:?}"),
            }
        }

        fn post(&mut self, who: &str, group: &str) -> bool {
            let group = group.into();
            let params = Box::new(Params::from([("a".to_owned(), "1".to_owned())]));
            self.ask(who, GroupRequest::Post { group, params }).is_ok()
        }

        fn told(&self, who: &str) -> usize {
            self.inboxes[who].posted.take().len()
        }
    }

    #[test]
    fn members_are_listed_in_order_and_once() {
        let mut club = Club::new(&["bob", "ann"]);
        club.join("bob", "g");
        club.join("ann", "g");
        club.join("ann", "g");
        assert_eq!(club.members("g"), r#"["ann","bob"]"#);
        let size = |club: &mut Club, group: &str| club.ask("ann", GroupRequest::Size(group.into()));
        assert_eq!(size(&mut club, "g"), Ok(Answer::Value(2.into())));
        assert_eq!(size(&mut club, "x"), Ok(Answer::Value(0.into())));
    }

    #[test]
    fn an_event_reaches_everybody_but_who_sent_it() {
        let mut club = Club::new(&["ann", "bob", "cid"]);
        club.join("ann", "g");
        assert!(!club.post("ann", "g"));
        assert!(!club.post("ann", "unknown"));
        club.join("bob", "g");
        assert!(club.post("ann", "g"));
        assert!(club.post("cid", "g"));
        assert_eq!(
            (club.told("ann"), club.told("bob"), club.told("cid")),
            (1, 2, 0)
        );
    }

    #[test]
    fn a_session_that_leaves_or_ends_leaves_nothing() {
        let mut club = Club::new(&["ann", "bob"]);
        for group in ["g", "h", "i"] {
            club.join("ann", group);
            club.join("bob", group);
        }
        assert_eq!(
            club.ask("ann", GroupRequest::Leave("g".into())),
            Ok(Answer::Nothing)
        );
        assert_eq!(club.members("g"), r#"["bob"]"#);
        assert_eq!(club.ask("ann", GroupRequest::LeaveAll), Ok(Answer::Nothing));
        assert_eq!(club.members("h"), r#"["bob"]"#);
        club.router.remove(&id("bob"));
        assert_eq!(club.router.groups.len(), 0);
        club.router.remove(&id("ann"));
        assert_eq!(club.router.table_entries(), 0);
    }

    #[test]
    fn nobody_is_in_more_groups_than_there_is_room_for() {
        let mut club = Club::new(&["ann"]);
        for number in 0..MAX_GROUPS {
            club.join("ann", &number.to_string());
        }
        club.join("ann", "0");
        let refused = club.ask("ann", GroupRequest::Join("more".into()));
        assert!(
            matches!(refused, Err(ActionError::Exception(_))),
            "{refused:?}"
        );
        assert_eq!(club.router.groups.len(), MAX_GROUPS);
    }
}
