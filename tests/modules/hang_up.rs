//! Hang-ups while an action of a module waits.

use super::objects::{compile, modules_in, source};
use crate::agent::{Scene, diagram_of};
use crate::support::process::Folder;

/// Its hang-up handler waits for work on the machine.
const DIAGRAM: &str = "import(mod_going_on); import(mod_sys);\n\
    initial state ON;\n\
    transition \"key\" ON - key / { going_on.play(slow.wav); set($played=yes); } -> ON;\n\
    transition \"hangup\" ON - hangup / {\n\
        if sys.file_exists(/) { set($root=yes); }\n\
        postEvent(witness, var); stop(false);\n\
    } -> ON;\n";

#[test]
fn a_hang_up_waits_for_what_an_action_of_a_module_has_gone_on_to() {
    let folder = Folder::new(&[]);
    let object = folder.file("libmod_going_on.so");
    compile(&source("going_on.c"), &object, &[]);
    let registry = modules_in(folder.path()).registry();
    let mut scene = Scene::new("test", diagram_of("test", DIAGRAM, &registry));
    scene.call();
    scene.agent().add_prompts(&["slow.wav"]);
    scene.agent().slow.insert("slow.wav".to_owned());
    scene.agent().local_is_slow = true;
    scene.press("1");
    scene.bye();

    // What has been loaded is for the action that wanted it, and not for the handler's.
    scene.with_agent(|agent, now| agent.release(now, "slow.wav"));
    scene.run(10);
    assert_eq!(scene.agent().witness.len(), 0);
    scene.with_agent(|agent, now| agent.do_local_work(now));
    scene.run(10);
    let told = &scene.agent().witness[0];
    let value = |name: &str| told.get(name).map(String::as_str);
    assert_eq!((value("played"), value("root")), (Some("yes"), Some("yes")));
    scene.ends_clean();
}
