//! What the server keeps in memory about calls: by `mod_monitoring`, each row of its list of behaviours,
//! and by itself.

mod pages;
mod server;

use muleteer::session::Catalog;
use muleteer::session::monitoring::{Question, Reply, Search, Wanted};

use crate::agent::{PEER, Scene, diagram};

/// A call that does this once it is answered, and tells all its variables.
fn scene(actions: &str) -> Scene {
    let text = format!(
        "import(mod_monitoring); import(mod_conference);
         initial state START;
         state TALK;
         state END;
         transition \"go\" START - sessionStart / {{ {actions} postEvent(witness, var); }} -> TALK;
         transition \"join\" TALK - keyPress(1) / conference.join(blue) -> TALK;
         transition \"leave\" TALK - keyPress(2) / conference.leave() -> TALK;
         transition \"other\" TALK - keyPress(3) / jumpFSM(other) -> TALK;
         transition \"bye\" (START, TALK) - hangup / stop(false) -> END;"
    );
    Scene::new("test", diagram("test", &text))
}

/// The same, as far as the call.
fn called(actions: &str) -> Scene {
    let mut scene = scene(actions);
    scene.call();
    scene
}

fn own(scene: &mut Scene, name: &str) -> Option<String> {
    let id = scene.last_call().id.to_string();
    scene.agent().attribute(&id, name)
}

fn find(scene: &mut Scene, filters: &[(&'static str, &'static str)]) -> Vec<String> {
    let filters = filters
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    let search = Search::equal(filters.collect());
    ids(scene.agent().ask(Question::Find(search)))
}

fn ids(reply: Reply) -> Vec<String> {
    match reply {
        Reply::Found(found) => found.iter().map(|found| found.id.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_is_found_by_what_its_script_says() {
    let mut scene = called("monitoring.log(position, lobby);");
    assert_eq!(own(&mut scene, "position").as_deref(), Some("lobby"));
    let id = scene.last_call().id.to_string();
    assert_eq!(find(&mut scene, &[("position", "lobby")]), [id]);
    assert!(find(&mut scene, &[("position", "wonderland")]).is_empty());
}

#[test]
fn a_value_becomes_the_first_of_a_list() {
    let mut scene = called(
        "monitoring.set(k, a); monitoring.add(k, b); monitoring.logAdd(l, \"c, d\"); monitoring.set(empty);
         monitoring.get($k=k); monitoring.get(l=$name); monitoring.get($none=none);",
    );
    assert_eq!(own(&mut scene, "k").as_deref(), Some(r#"["a","b"]"#));
    assert_eq!(own(&mut scene, "l").as_deref(), Some("c, d"));
    assert_eq!(own(&mut scene, "empty").as_deref(), Some(""));
    let told = scene.agent().witness.remove(0);
    assert_eq!((&*told["k[0]"], &*told["k[1]"]), ("a", "b"));
    assert_eq!(told["none"], "");
    assert!(!told.contains_key("k"));
}

#[test]
fn other_records_have_their_values_trimmed_and_resolved() {
    let mut scene = called(
        "set($v=x); monitoring.setGlobal(t, n, $v); monitoring.addGlobal(t,m,x); monitoring.addGlobal(t, m, x);
         monitoring.getGlobal($got, t, n); monitoring.setGlobal(gone, a, b); monitoring.erase(gone);",
    );
    let agent = scene.agent();
    assert_eq!(agent.attribute("t", "n").as_deref(), Some("x"));
    assert_eq!(agent.attribute("t", "m").as_deref(), Some(r#"["x","x"]"#));
    assert_eq!(agent.attribute("gone", "a"), None);
    assert_eq!(agent.witness[0]["got"], "x");
}

#[test]
fn counters_go_up_and_down_also_from_texts() {
    let mut scene = called(
        "monitoring.inc(c, n); monitoring.inc(c, n); monitoring.dec(c, n);
         monitoring.setGlobal(c, text, 5); monitoring.inc(c, text);
         monitoring.setGlobal(c, word, five); monitoring.dec(c, word);
         set($c=$errno);",
    );
    let count = |name| scene.agent().attribute("c", name).unwrap();
    let counts: Vec<_> = ["n", "text", "word"].map(count).into();
    assert_eq!(counts, ["1", "6", "-1"]);
}

#[test]
fn all_variables_become_attributes() {
    let text = "import(mod_monitoring); initial state A;
        transition \"go\" A - sessionStart / { set($a.b=1); monitoring.logVars(); } -> A;
        transition \"bye\" A - hangup / stop(false) -> A;";
    let mut application = diagram("test", text);
    application.config.insert("room".into(), "blue".into());
    let mut scene = Scene::new("test", None);
    scene.agent().reload(Catalog::new([application]));
    scene.call();
    assert_eq!(own(&mut scene, "a.b").as_deref(), Some("1"));
    assert_eq!(own(&mut scene, "config.room").as_deref(), Some("blue"));
    let id = scene.last_call().id.to_string();
    assert_eq!(
        find(&mut scene, &[("a.b", "1"), ("config.room", "blue")]),
        [id]
    );
}

#[test]
fn a_call_that_comes_in_is_recorded_by_itself() {
    let mut scene = scene("");
    scene.agent().follow_calls(false, false);
    scene.call();
    let from = own(&mut scene, "from").unwrap();
    assert!(from.contains(PEER) && from.contains("tag="), "{from}");
    assert!(own(&mut scene, "to").unwrap().contains("test@"));
    assert!(own(&mut scene, "ruri").unwrap().starts_with("sip:test@"));
    for (name, value) in [
        ("dir", "in"),
        ("app", "test"),
        ("dsm_diag", "test"),
        ("dsm_state", "TALK"),
    ] {
        assert_eq!(own(&mut scene, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(own(&mut scene, "dsm_stategraph"), None);
}

#[test]
fn nothing_is_recorded_of_calls_where_nobody_wants_that() {
    let mut scene = called("");
    scene.press("1");
    assert!(scene.agent().monitor.is_empty());
}

#[test]
fn a_call_that_goes_out_is_recorded_by_itself() {
    let text = "import(mod_dlg); initial state A;
        transition \"dial\" A - sessionStart / {
          set($a_caller=me); set($a_callee=bob); set($a_domain=\"192.0.2.9:5060\"); set($a_app=echo);
          dlg.dialout(a); postEvent(witness, var);
        } -> A;
        transition \"bye\" A - hangup / stop(false) -> A;";
    let mut scene = Scene::new("test", diagram("test", text));
    scene.agent().follow_calls(false, false);
    scene.call();
    for (name, value) in [
        ("dir", "out"),
        ("app", "echo"),
        ("from", "<sip:me@192.0.2.9:5060>"),
        ("to", "<sip:bob@192.0.2.9:5060>"),
        ("ruri", "sip:bob@192.0.2.9:5060"),
    ] {
        let told = own(&mut scene, name).unwrap();
        assert_eq!(told.split(";tag=").next(), Some(value), "{name}");
    }
    // Echo has no diagram.
    assert_eq!(own(&mut scene, "dsm_state"), None);
}

#[test]
fn the_room_of_a_call_is_recorded() {
    let mut scene = scene("");
    scene.agent().follow_calls(false, false);
    scene.call();
    scene.press("1");
    assert_eq!(own(&mut scene, "conf_id").as_deref(), Some("blue"));
    scene.press("2");
    assert_eq!(own(&mut scene, "conf_id"), None);
}

#[test]
fn the_way_of_a_call_is_recorded_if_that_is_wanted() {
    let mut scene = scene("");
    scene.agent().follow_calls(true, true);
    scene.call();
    assert_eq!(
        own(&mut scene, "dsm_stategraph").as_deref(),
        Some(r#"["test/START","> go >","test/TALK"]"#)
    );
}

#[test]
fn the_record_of_a_call_that_is_over_is_finished() {
    let mut scene = scene("");
    scene.agent().follow_calls(false, false);
    scene.call();
    let listed = |scene: &mut Scene, wanted| {
        ids(scene.agent().ask(Question::Find(Search::list(wanted)))).len()
    };
    assert_eq!(listed(&mut scene, Wanted::Active), 1);
    scene.bye();
    assert_eq!(listed(&mut scene, Wanted::Active), 0);
    assert_eq!(listed(&mut scene, Wanted::Finished), 1);
    assert_eq!(own(&mut scene, "dsm_state").as_deref(), Some("END"));
    scene.ends_clean();
}
