//! What scripts do by `mod_dlg`, each row of its list of behaviours, in virtual time.

mod dial_out;
mod events;
mod pages;
mod referred;
mod replies;
mod requests;

use muleteer::session::event::Params;

use crate::agent::{Scene, diagram};

/// Posts all variables to the test.
pub const TELL: &str = "postEvent(witness, var);";

/// What a call does after its `invite`.
const REST: &str = r#"
transition "timer" B - timer / { set($timer=#id); postEvent(witness, var); stop(false); } -> B;
transition "gone" B - hangup / { set($gone=true); stop(false); } -> B;
"#;

/// A call whose `invite` does these things and leads to the state `B`, with further transitions.
pub fn on_invite(actions: &str, transitions: &str) -> Scene {
    let text = format!(
        "import(mod_dlg);\ninitial state A enter {{ set($enable_request_events=true); set($enable_reply_events=true); }};\nstate B;\nstate C;\n\
         transition \"invite\" A - invite / {{ {actions} }} -> B;\n{transitions}\n{REST}"
    );
    Scene::new("test", diagram("test", &text))
}

/// Calls without expecting an answer.
pub fn ring(scene: &mut Scene) {
    scene.peer().invite();
    scene.run(100);
}

/// What scripts told since the last time.
pub fn told(scene: &mut Scene) -> Vec<Params> {
    std::mem::take(&mut scene.agent().witness)
}

/// The value of this variable each time that it was told.
pub fn values(scene: &mut Scene, name: &str) -> Vec<String> {
    let value = |params: Params| params.get(name).cloned().unwrap_or_default();
    told(scene).into_iter().map(value).collect()
}
