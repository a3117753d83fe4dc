//! States that no session gets to.

use std::collections::HashSet;

use super::super::diagnostic::{Diagnostic, code};
use super::super::program::StateDiagram;
use super::flow;

/// Reports the states that cannot be reached from the initial one.
pub fn states(diagram: &StateDiagram, findings: &mut Vec<Diagnostic>) {
    let all = flow::named_states(diagram).flat_map(|(_, state)| &state.transitions);
    let targets: HashSet<_> = all.filter_map(|it| flow::target(it)).collect();
    let reachable = flow::reachable_states(diagram);
    for (id, state) in flow::named_states(diagram) {
        let message = if diagram.initial != Some(id) && !targets.contains(&id) {
            format!("no transition leads to state '{}'", state.name)
        } else if !reachable[id as usize] {
            format!(
                "state '{}' is only reached from states that no session gets to",
                state.name
            )
        } else {
            continue;
        };
        findings.push(Diagnostic::new(
            code::UNREACHABLE_STATE,
            state.span,
            message,
        ));
    }
}
