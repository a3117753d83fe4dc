//! `mod_utils` and `mod_uri` in calls, in virtual time. What they make of values without a call is in the
//! checklist.

mod addresses;
mod pages;
mod sounds;

use muleteer::session::event::Params;

use crate::agent::{Scene, diagram};

/// A diagram of which the session starts with these actions, and tells the test all variables then.
fn on_start(actions: &str) -> Scene {
    let text = format!(
        "import(mod_utils);\nimport(mod_uri);\n\
         initial state A; state B;\n\
         transition \"go\" A - sessionStart / {{ {actions} postEvent(witness, var); }} -> B;\n\
         transition \"thrown\" A - exception / {{ set($thrown=#type); set($path=#path); postEvent(witness, var); }} -> B;\n\
         transition \"bye\" (A, B) - hangup / stop(false) -> B;"
    );
    Scene::new("test", diagram("test", &text))
}

/// What the diagram told last.
fn told(scene: &mut Scene) -> Params {
    scene.agent().witness.pop().expect("the diagram tells")
}

/// What was put into the playlist since the last time.
fn queued(scene: &mut Scene) -> Vec<String> {
    let media = scene.media();
    let queued = media
        .into_iter()
        .filter_map(|line| Some(line.strip_prefix("append ")?.to_owned()));
    queued.collect()
}
