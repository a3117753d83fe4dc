//! `mod_py`: Python in diagrams, and applications in Python. `README.md` says what it does.
//!
//! Code runs on threads of this module, never on those of the server. What it wants of its session it asks
//! for, one question at a time, and the session answers in between (`line`).

mod actions;
mod applications;
mod config;
mod interpreter;
mod line;
mod pool;
mod running;
mod watch;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_py",
    doc: "Python code as an action and as a condition, and applications in Python.",
    load: interpreter::load,
    actions: [actions::ACTION, applications::BEGIN, applications::CALLBACK],
    conditions: [actions::CONDITION],
    hooks: Hooks {
        diagrams: Some(applications::diagrams),
        ..Hooks::NONE
    },
}
