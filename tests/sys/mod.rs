//! What scripts do by `mod_sys`, each row of its list of behaviours.

mod pages;
mod places;

use std::fs;
use std::path::Path;

use muleteer::session::Catalog;
use muleteer::session::event::Params;
use tempfile::TempDir;

use crate::agent::{Scene, diagram};

/// A call that does this once it is answered, with `$dir` for a folder of its own; then it tells all its
/// variables.
struct Run {
    scene: Scene,
    folder: TempDir,
}

impl Run {
    fn new(actions: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "import(mod_sys);
             initial state A;
             state END;
             transition \"go\" A - sessionStart / {{
               set($dir=$config.dir);
               {actions}
               postEvent(witness, var);
             }} -> A;
             {more}
             transition \"bye\" A - hangup / stop(false) -> END;"
        );
        let mut application = diagram("test", &text);
        let path = folder.path().display().to_string();
        application.config.insert("dir".into(), path);
        let mut scene = Scene::new("test", None);
        scene.agent().reload(Catalog::new([application]));
        Self { scene, folder }
    }

    fn told(mut self) -> (Params, TempDir) {
        self.scene.call();
        let told = self.scene.agent().witness.pop().expect("it was told");
        (told, self.folder)
    }
}

/// The variables after these actions.
fn after(actions: &str) -> (Params, TempDir) {
    Run::new(actions, "").told()
}

fn is_file(folder: &TempDir, name: &str) -> bool {
    folder.path().join(name).is_file()
}

#[test]
fn a_folder_is_made_once() {
    let (told, folder) = after(
        "sets($d=\"$(dir)/d\"); set($errno=old); sys.mkdir($d); set($first=$errno);
         sys.mkdir($d); set($second=$errno); set($why=$strerror);",
    );
    assert_eq!((&*told["first"], &*told["second"]), ("", "file"));
    assert!(told["why"].contains("/d: "), "{}", told["why"]);
    assert!(folder.path().join("d").is_dir());
}

#[test]
fn a_folder_is_made_with_those_above_it() {
    let (told, folder) = after(
        "sets($d=\"$(dir)/a/b/c\"); sys.mkdirRecursive($d); set($first=$errno);
         sys.mkdirRecursive($d); set($second=$errno);",
    );
    assert_eq!((&*told["first"], &*told["second"]), ("", ""));
    assert!(folder.path().join("a/b/c").is_dir());
}

#[test]
fn a_file_is_moved() {
    let (told, folder) = after(
        "sets($f=\"$(dir)/f\"); sets($g=\"$(dir)/g\"); sets($touch=\"echo x > $(dir)/f\");
         sys.popen($o=$touch); sys.rename($f, $g); set($moved=$errno);
         sys.rename($f, $g); set($again=$errno);",
    );
    assert_eq!((&*told["moved"], &*told["again"]), ("", "file"));
    assert!(is_file(&folder, "g") && !is_file(&folder, "f"));
}

#[test]
fn a_file_is_moved_to_another_file_system() {
    let there = Path::new("/dev/shm");
    let target = tempfile::tempdir_in(there);
    let Ok(target) = target else {
        return;
    };
    let path = target.path().join("g");
    let actions = format!(
        "sets($f=\"$(dir)/f\"); sets($touch=\"echo x > $(dir)/f\"); sys.popen($o=$touch);
         sys.rename($f, \"{}\"); set($moved=$errno);",
        path.display()
    );
    let (told, folder) = after(&actions);
    assert_eq!(told["moved"], "");
    assert_eq!(fs::read_to_string(&path).unwrap(), "x\n");
    assert!(!is_file(&folder, "f"));
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
}

#[test]
fn a_file_is_deleted_once() {
    let (told, folder) = after(
        "sets($g=\"$(dir)/g\"); sets($touch=\"echo x > $(dir)/g\"); sys.popen($o=$touch);
         sys.unlink($g); set($first=$errno); sys.unlink($g); set($second=$errno);
         sys.unlink(\"\"); set($nothing=$errno);",
    );
    let results = ["first", "second", "nothing"].map(|name| told[name].clone());
    assert_eq!(results, ["", "file", "file"]);
    assert!(!is_file(&folder, "g"));
}

#[test]
fn an_array_of_files_is_deleted_as_far_as_it_can_be() {
    let (told, folder) = after(
        "sets($touch=\"cd $(dir); echo > one; echo > three; echo > four\"); sys.popen($o=$touch);
         set($f_size=3); set($f_0=one); set($f_1=two); set($f_2=three);
         sys.unlinkArray(f, $dir); set($some=$errno);
         set($g_size=1); set($g_0=four); sys.unlinkArray($g, $dir); set($all=$errno);
         set($h_size=many); sys.unlinkArray(h, $dir); set($bad=$errno);
         sys.unlinkArray(\"\", $dir); set($nothing=$errno);",
    );
    let results = ["some", "all", "bad", "nothing"].map(|name| told[name].clone());
    assert_eq!(results, ["file", "", "arg", "arg"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_new_file_has_a_name_of_its_own() {
    let (told, _folder) = after("sys.tmpnam($t); set($one=$errno); sys.tmpnam(u);");
    let (first, second) = (Path::new(&told["t"]), Path::new(&told["u"]));
    assert_ne!(first, second);
    for path in [first, second] {
        assert_eq!(fs::metadata(path).unwrap().len(), 0);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("sems_") && name.len() == 11, "{name}");
        fs::remove_file(path).unwrap();
    }
    assert_eq!(told["one"], "");
}

#[test]
fn the_output_of_a_command_is_taken_with_its_status() {
    let (told, _folder) = after(
        r#"sys.popen($o="printf 'a\nb\n'; exit 3");
         sys.popen($p="/no/such/program 2>/dev/null");
         sys.popen($q="kill -9 $$");
         sys.popen($r="printf 'x\000y'");"#,
    );
    assert_eq!((&*told["o"], &*told["o.status"]), ("a\nb\n", "3"));
    assert_eq!((&*told["p"], &*told["p.status"]), ("", "127"));
    assert_eq!((&*told["r"], &*told["r.status"]), ("x\0y", "0"));
    assert_eq!(told["q.status"], "137");
}

#[test]
fn two_times_have_a_difference() {
    let (told, _folder) = after(
        "sys.getTimestamp(a); sys.popen($o=\"sleep 0.05\"); sys.getTimestamp($b);
         set($c.tv_sec=$b.tv_sec); set($c.tv_usec=$b.tv_usec);
         sys.subTimestamp(b, a); sys.subTimestamp(a, c);",
    );
    let ms: i64 = told["b.msec"].parse().unwrap();
    assert!((50..5_000).contains(&ms), "{ms}");
    let usec: i64 = told["b.tv_usec"].parse().unwrap();
    assert_eq!(
        told["b.tv_sec"].parse::<i64>().unwrap() * 1_000 + usec / 1_000,
        ms
    );
    let negative: i64 = told["a.tv_usec"].parse().unwrap();
    assert!((0..1_000_000).contains(&negative));
    assert!(told["a.msec"].starts_with('-'), "{}", told["a.msec"]);
}

#[test]
fn files_and_folders_exist_and_nothing_does_not() {
    let (told, _folder) = after(
        "sets($touch=\"echo > $(dir)/f\"); sys.popen($o=$touch); sets($f=\"$(dir)/f\"); sets($n=\"$(dir)/n\");
         if sys.file_exists($f) { set($file=yes); }
         if sys.file_exists($dir) { set($folder=yes); }
         if sys.file_exists($n) { set($nothing=yes); }
         if sys.file_not_exists($n) { set($not=yes); }
         if not sys.file_exists(\"/\") { set($double=no); }
         if not sys.file_exists('/') { set($single=no); }",
    );
    for name in ["file", "folder", "not"] {
        assert_eq!(told[name], "yes", "{name}");
    }
    for name in ["nothing", "double", "single"] {
        assert!(!told.contains_key(name), "{name}");
    }
}

#[test]
fn a_command_holds_if_it_ends_with_0() {
    let (told, _folder) = after(
        r#"if sys.system("true") { set($yes=1); }
         if sys.system("false") { set($no=1); }
         if sys.system("exit 2") { set($two=1); }
         if sys.system("kill -9 $$") { set($killed=1); }
         if not sys.system("test a, = b") { set($comma=1); }
         if sys.system("") { set($empty=1); }"#,
    );
    assert!(told.contains_key("yes") && told.contains_key("comma"));
    for name in ["no", "two", "killed", "empty"] {
        assert!(!told.contains_key(name), "{name}");
    }
}

#[test]
fn a_transition_waits_for_its_conditions_and_later_events_wait_for_it() {
    let mut run = Run::new(
        "",
        "transition \"no\" A - keyPress(1); sys.system(\"false\") / { set($took=no); postEvent(witness, var); } -> A;
         transition \"yes\" A - keyPress(1); sys.system(\"true\"); not sys.system(\"false\") / {
           set($took=yes); postEvent(witness, var);
         } -> A;
         transition \"two\" A - keyPress(2) / { set($two=after); postEvent(witness, var); } -> A;",
    );
    run.scene.call();
    run.scene.agent().witness.clear();
    run.scene.agent().local_is_slow = true;
    run.scene.press("12");
    assert_eq!(run.scene.agent().witness.len(), 0);
    for waited in 0..3 {
        assert_eq!(run.scene.agent().witness.len(), 0, "{waited}");
        run.scene.with_agent(|agent, now| agent.do_local_work(now));
        run.scene.run(10);
    }
    let told = std::mem::take(&mut run.scene.agent().witness);
    assert_eq!(told.len(), 2);
    assert_eq!((&*told[0]["took"], &*told[1]["two"]), ("yes", "after"));
    assert!(!told[0].contains_key("two"));
    run.scene.bye();
    run.scene.ends_clean();
}

#[test]
fn a_hang_up_during_a_condition_is_handled_behind_it() {
    let mut run = Run::new(
        "",
        "transition \"waits\" A - keyPress(1); sys.file_exists($dir) / { set($took=yes); postEvent(witness, var); } -> A;",
    );
    run.scene.call();
    run.scene.agent().witness.clear();
    run.scene.agent().local_is_slow = true;
    run.scene.press("1");
    run.scene.bye();
    assert!(!run.scene.is_over());
    run.scene.with_agent(|agent, now| agent.do_local_work(now));
    run.scene.run(10);
    assert_eq!(run.scene.agent().witness[0]["took"], "yes");
    run.scene.ends_clean();
}
