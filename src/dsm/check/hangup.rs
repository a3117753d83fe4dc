//! Hangups: a state in mid-call should look at them, and a session that handled one should come to `stop`.

use std::collections::HashSet;

use super::super::condition::{Condition, Test};
use super::super::diagnostic::{Diagnostic, code};
use super::super::event::EventKind;
use super::super::program::{Instruction, StateDiagram, Transition};
use super::super::registry::Role;
use super::flow::{self, Fact};
use super::shadow::Known;

/// States in mid-call that do not look at `hangup`.
pub fn unhandled(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    // Diagrams without a call hear no hangup.
    let starts_without_call = |condition: &Condition| {
        matches!(
            condition.test,
            Test::Event(EventKind::Startup | EventKind::Reload, _)
        )
    };
    let mut transitions = diagram.states.iter().flat_map(|state| &state.transitions);
    if transitions.any(|transition| transition.conditions.iter().any(starts_without_call)) {
        return;
    }
    let live = live_states(diagram);
    for (id, state) in flow::named_states(diagram) {
        let waits = live[id as usize] && waits_live(&state.enter);
        if waits && !state.transitions.iter().any(|it| hears_hangup(it)) {
            let message = format!("state '{}' does not look at 'hangup'", state.name);
            let finding = Diagnostic::new(code::HANGUP_UNHANDLED, state.span, message);
            findings.push(finding.hint("a session whose hangup nobody handles is ended"));
        }
    }
}

fn hears_hangup(transition: &Transition) -> bool {
    let other = |condition: &Condition| match condition.test {
        Test::Event(EventKind::Hangup, _) => false,
        Test::Event(..) | Test::KeyPress(_) => !condition.negated,
        Test::Expression(_) | Test::Module { .. } | Test::Values(..) | Test::Code(_) => false,
    };
    !transition.exception && !transition.conditions.iter().any(other)
}

/// Whether a session was stopped on all ways to a place.
#[derive(Clone, Copy)]
struct Stopped(bool);

impl Fact for Stopped {
    fn join(&mut self, other: &Self) {
        self.0 &= other.0;
    }
}

fn run(list: &[Instruction]) -> flow::Exits<Stopped> {
    flow::walk(list, Stopped(false), |action, stopped| {
        stopped.0 |= action.signature.role == Role::Stop;
    })
}

/// Whether a session that is not stopped may wait for events after this enter list.
fn waits_live(enter: &[Instruction]) -> bool {
    let exits = run(enter);
    let mut ends = exits.end.iter().chain(&exits.stays);
    ends.any(|stopped| !stopped.0)
}

/// Whether a session that is not stopped may get to the end of a list.
fn runs_live(list: &[Instruction]) -> bool {
    run(list).end.is_some_and(|stopped| !stopped.0)
}

/// The states that a session may enter without being stopped before; all without an initial one.
/// Those that it only enters to end, such as `END`, need not look at anything.
fn live_states(diagram: &StateDiagram) -> Vec<bool> {
    let Some(initial) = diagram.initial else {
        return vec![true; diagram.states.len()];
    };
    flow::reachable(diagram.states.len(), [initial as usize], |at, open| {
        let state = &diagram.states[at];
        if !waits_live(&state.enter) || !runs_live(&state.exit) {
            return;
        }
        let going_on = state.transitions.iter().filter(|it| runs_live(&it.actions));
        open.extend(going_on.filter_map(|it| Some(flow::target(it)? as usize)));
    })
}

/// Transitions for `hangup` after which nothing can end the session.
pub fn endings(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    let mut reported = HashSet::new();
    let comes_to_stop = ways_to_stop(diagram);
    let stops_later = stops_later(diagram);
    for (_, state) in flow::named_states(diagram) {
        for transition in &state.transitions {
            let hangup = |one: &Condition| {
                !one.negated && matches!(one.test, Test::Event(EventKind::Hangup, _))
            };
            if !transition.conditions.iter().any(hangup)
                || ends(&state.exit)
                || ends(&transition.actions)
                || Known::excludes(&transition.conditions)
            {
                continue;
            }
            let reposted = reposts(&state.exit) || reposts(&transition.actions);
            let target = flow::target(transition);
            let again = if reposted { diagram.states.len() } else { 0 };
            if target.is_some_and(|id| comes_to_stop[id as usize + again])
                || !reported.insert(transition.span)
            {
                continue;
            }
            let message = match target.filter(|id| stops_later[*id as usize]) {
                Some(id) => format!(
                    "the session goes on for a while: in '{}' no event that can come after a hangup \
                     leads to 'stop'",
                    diagram.state(id).name
                ),
                None => "the session goes on for a while, because nothing calls 'stop'".into(),
            };
            let finding = Diagnostic::new(code::HANGUP_WITHOUT_STOP, transition.span, message);
            findings.push(finding);
        }
    }
}

/// Whether a list may stop the session, or leaves it to another diagram.
fn ends(list: &[Instruction]) -> bool {
    let roles = [Role::Stop, Role::Call, Role::Jump, Role::Return];
    flow::actions(list).any(|action| roles.contains(&action.signature.role))
}

fn reposts(list: &[Instruction]) -> bool {
    flow::actions(list).any(|action| action.signature.role == Role::Repost)
}

/// The states from which a session whose caller is gone may come to a `stop`: first all with the
/// hangup done, then all with the hangup processed there once more.
fn ways_to_stop(diagram: &StateDiagram) -> Vec<bool> {
    let count = diagram.states.len();
    flow::leading_to(count * 2, |at, edges| {
        let (state, hangup) = (&diagram.states[at % count], at >= count);
        let mut stops = ends(&state.enter);
        let hangup = hangup || reposts(&state.enter);
        for transition in &state.transitions {
            if !comes_after_hangup(transition, hangup) {
                continue;
            }
            stops |= ends(&state.exit) || ends(&transition.actions);
            let again = hangup && (reposts(&state.exit) || reposts(&transition.actions));
            let target = flow::target(transition).map(|id| id as usize);
            edges.extend(target.map(|id| if again { id + count } else { id }));
        }
        stops
    })
}

/// The states from which some transition stops, whatever event it waits for.
fn stops_later(diagram: &StateDiagram) -> Vec<bool> {
    flow::leading_to(diagram.states.len(), |at, edges| {
        let state = &diagram.states[at];
        let targets = state.transitions.iter().filter_map(|it| flow::target(it));
        edges.extend(targets.map(|id| id as usize));
        flow::state_lists(state).any(ends)
    })
}

/// Whether a transition can be taken when the call is over.
fn comes_after_hangup(transition: &Transition, hangup: bool) -> bool {
    use EventKind::*;
    if transition.exception {
        return true;
    }
    match Known::from(&transition.conditions).kind() {
        // What needs a call or its media.
        Some(
            Start | Startup | Reload | Invite | SessionStart | Early | Ringing | Failed | Key
            | NoAudio | Separator | SessionTimeout | RtpTimeout | Replaced,
        ) => false,
        Some(Hangup) => hangup,
        _ => true,
    }
}
