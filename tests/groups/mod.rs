//! What scripts do by `mod_groups`, each row of its list of behaviours, in virtual time.

use muleteer::session::event::Params;

use crate::agent::{Scene, diagram};

const DIAGRAM: &str = r#"
import(mod_groups);
initial state A;
state END;
transition "joins twice" A - keyPress(1) / { groups.join(g); groups.join($config.group); } -> A;
transition "asks" A - keyPress(2) / {
  set($errno=untouched);
  groups.getSize($n=g); groups.get($m=g); groups.getSize(none=unknown);
  postEvent(witness, var);
} -> A;
transition "posts" A - keyPress(3) / {
  set($a=1); set($b=2); set($s.x=3); set($errno=old);
  groups.postEvent(g, "a; $b; s.; undefined");
  postEvent(witness, var);
} -> A;
transition "posts all" A - keyPress(4) / { set($a=all); groups.postEvent(g, var); } -> A;
transition "posts nothing" A - keyPress(5) / { groups.postEvent(g); postEvent(witness, var); } -> A;
transition "leaves" A - keyPress(6) / groups.leave(g) -> A;
transition "is in many" A - keyPress(7) / { groups.join(h); groups.join(i); } -> A;
transition "leaves all" A - keyPress(8) / groups.leaveAll() -> A;
transition "unknown group" A - keyPress(9) / { groups.postEvent(unknown, a); postEvent(witness, var); } -> A;
transition "hears" A - event / {
  set($heard=true); set($a=#a); set($b=#b); set($x=#s.x);
  if test(#undefined == "") { set($undefined_is_empty=yes); }
  postEvent(witness, var);
} -> A;
transition "bye" A - hangup / stop(false) -> END;
"#;

fn club(callers: usize) -> Scene {
    let mut application = diagram("club", DIAGRAM);
    application.config.insert("group".into(), "g".into());
    let mut scene = Scene::new("club", application);
    for caller in 0..callers {
        if caller > 0 {
            scene.peer().new_call("club");
        }
        scene.call();
    }
    scene
}

/// Caller `call` presses keys.
fn press(scene: &mut Scene, call: usize, keys: &str) {
    for key in keys.chars() {
        scene.with_agent(|agent, now| agent.press(now, call, key));
    }
    scene.run(50);
}

fn told(scene: &mut Scene) -> Vec<Params> {
    std::mem::take(&mut scene.agent().witness)
}

fn id(scene: &mut Scene, call: usize) -> String {
    scene.agent().calls[call].id.to_string()
}

#[test]
fn whoever_joins_twice_is_in_once() {
    let mut scene = club(1);
    press(&mut scene, 0, "12");
    let told = told(&mut scene);
    let me = id(&mut scene, 0);
    assert_eq!(told[0]["n"], "1");
    assert_eq!(told[0]["none"], "0");
    assert_eq!(told[0]["m[0]"], me);
    assert_eq!(told[0]["errno"], "untouched");
}

#[test]
fn members_come_in_order_and_a_shorter_list_leaves_nothing_of_a_longer_one() {
    let mut scene = club(3);
    for call in 0..3 {
        press(&mut scene, call, "1");
    }
    press(&mut scene, 0, "2");
    let mut ids: Vec<_> = (0..3).map(|call| id(&mut scene, call)).collect();
    ids.sort();
    let first = told(&mut scene).remove(0);
    let members = ["m[0]", "m[1]", "m[2]"].map(|name| first[name].clone());
    assert_eq!(members.to_vec(), ids);
    press(&mut scene, 2, "6");
    press(&mut scene, 0, "2");
    let second = told(&mut scene).remove(0);
    assert_eq!(second["n"], "2");
    assert!(!second.contains_key("m[2]"), "{second:?}");
}

#[test]
fn an_event_goes_to_all_others_with_the_variables_of_the_list() {
    let mut scene = club(2);
    press(&mut scene, 0, "1");
    press(&mut scene, 1, "1");
    press(&mut scene, 0, "3");
    let told = told(&mut scene);
    assert_eq!(told.len(), 2, "{told:?}");
    let heard = told.iter().find(|it| it.contains_key("heard")).unwrap();
    assert_eq!((&*heard["a"], &*heard["b"], &*heard["x"]), ("1", "2", "3"));
    assert_eq!(heard["undefined_is_empty"], "yes");
    let sender = told.iter().find(|it| !it.contains_key("heard")).unwrap();
    assert_eq!(sender["errno"], "");
    assert!(!sender.contains_key("undefined"), "{sender:?}");
}

#[test]
fn var_sends_all_variables() {
    let mut scene = club(2);
    press(&mut scene, 1, "1");
    // Who sends need not be a member.
    press(&mut scene, 0, "4");
    assert_eq!(told(&mut scene)[0]["a"], "all");
}

#[test]
fn who_is_alone_or_names_no_group_learns_that_nobody_heard() {
    let mut scene = club(1);
    press(&mut scene, 0, "15");
    press(&mut scene, 0, "9");
    for told in told(&mut scene) {
        assert_eq!(told["errno"], "arg");
    }
}

#[test]
fn a_session_that_leaves_or_ends_is_in_no_group() {
    let mut scene = club(2);
    for call in 0..2 {
        press(&mut scene, call, "17");
    }
    press(&mut scene, 0, "8");
    press(&mut scene, 0, "2");
    assert_eq!(told(&mut scene)[0]["n"], "1");
    scene.bye();
    press(&mut scene, 0, "2");
    assert_eq!(told(&mut scene)[0]["n"], "0");
    scene.with_agent(|agent, now| agent.terminate(now));
    scene.run(100);
    let bye = scene.peer().last_request("BYE").expect("a BYE");
    scene.peer().respond(&bye, 200, "", "");
    scene.ends_clean();
}

#[test]
fn a_diagram_without_a_call_is_a_member_until_it_ends() {
    let text = "import(mod_groups); initial state A;
        transition \"up\" A - startup / groups.join(g) -> A;
        transition \"go\" A - event / stop(false) -> A;";
    let mut scene = club(1);
    scene.with_agent(|agent, now| agent.start_system(now, diagram("clerk", text)));
    press(&mut scene, 0, "232");
    let told = told(&mut scene);
    assert_eq!((&*told[0]["n"], &*told[2]["n"]), ("1", "0"));
}
