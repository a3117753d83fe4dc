//! What a script may do on the machine is what the operator allows.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muleteer::session::local::{Local, LocalPolicy};
use tempfile::TempDir;

use super::Run;

/// A world with a folder that is allowed and one that is not.
fn restricted(actions: &str) -> (muleteer::session::event::Params, TempDir) {
    let mut run = Run::new(actions, "");
    let inside = run.folder.path().join("inside");
    fs::create_dir(&inside).unwrap();
    fs::create_dir(run.folder.path().join("outside")).unwrap();
    fs::write(run.folder.path().join("outside/secret"), "x").unwrap();
    symlink("../outside", inside.join("way")).unwrap();
    symlink("../outside/secret", inside.join("link")).unwrap();
    symlink("/no/such/place", inside.join("nowhere")).unwrap();
    run.scene.agent().local = local(vec![inside], true);
    run.told()
}

fn local(folders: Vec<PathBuf>, commands: bool) -> Local {
    Local::new(LocalPolicy {
        folders,
        commands,
        deadline: Duration::from_secs(5),
    })
}

fn exists(folder: &TempDir, path: &str) -> bool {
    Path::new(&folder.path().join(path))
        .symlink_metadata()
        .is_ok()
}

#[test]
fn within_its_folders_a_script_works_as_everywhere() {
    let (told, folder) = restricted(
        "sets($d=\"$(dir)/inside/a/b\"); sys.mkdirRecursive($d); set($made=$errno);
         sys.tmpnam(t); set($new=$errno); sets($to=\"$(dir)/inside/a/t\"); sys.rename($t, $to); set($moved=$errno);
         if sys.file_exists($to) { set($there=yes); }
         sets($link=\"$(dir)/inside/link\"); sys.unlink($link); set($unlinked=$errno);",
    );
    for name in ["made", "new", "moved", "unlinked"] {
        assert_eq!(told[name], "", "{name}: {}", told["strerror"]);
    }
    assert_eq!(told["there"], "yes");
    assert!(exists(&folder, "inside/a/b") && exists(&folder, "inside/a/t"));
    // The link is gone, what it led to is not.
    assert!(!exists(&folder, "inside/link") && exists(&folder, "outside/secret"));
}

#[test]
fn no_path_leads_out_of_the_folders() {
    for path in [
        "outside/secret",
        "inside/way/secret",
        "inside/../outside/secret",
        "inside/./../outside/secret",
        "inside/nowhere/x",
        "inside/..",
        "inside",
    ] {
        let actions = format!(
            "sets($p=\"$(dir)/{path}\"); sys.unlink($p); set($unlinked=$errno);
             sets($q=\"$(dir)/{path}2\"); sys.mkdir($q); set($made=$errno);
             sets($in=\"$(dir)/inside/x\"); sys.rename($p, $in); set($taken=$errno);
             sys.rename($in, $p); set($given=$errno);
             if sys.file_exists($p) {{ set($seen=yes); }}"
        );
        let (told, folder) = restricted(&actions);
        assert_ne!(told["unlinked"], "", "{path}");
        assert_ne!(told["taken"], "", "{path}");
        assert_ne!(told["given"], "", "{path}");
        assert!(!told.contains_key("seen"), "{path}");
        assert!(exists(&folder, "outside/secret"), "{path}");
        assert!(!exists(&folder, "outside/secret2"), "{path}");
        assert!(!exists(&folder, "inside/x"), "{path}");
    }
}

#[test]
fn a_link_out_of_the_folders_is_not_followed_by_a_question() {
    let (told, _folder) = restricted(
        "sets($p=\"$(dir)/inside/link\"); if sys.file_exists($p) { set($seen=yes); } set($why=$errno);
         sets($way=\"$(dir)/inside/way\"); set($f_size=1); set($f_0=secret);
         sys.unlinkArray(f, $way); set($array=$errno);",
    );
    assert!(!told.contains_key("seen"));
    assert_eq!((&*told["why"], &*told["array"]), ("config", "config"));
}

#[test]
fn commands_can_be_switched_off() {
    let mut run = Run::new(
        "set($errno=\"\"); sys.popen($o=\"echo x\"); set($popen=$errno);
         set($errno=\"\"); if sys.system(\"true\") { set($ran=yes); } set($system=$errno);",
        "",
    );
    run.scene.agent().local = local(Vec::new(), false);
    let (told, _folder) = run.told();
    assert_eq!((&*told["popen"], &*told["system"]), ("config", "config"));
    assert!(!told.contains_key("o") && !told.contains_key("ran"));
}
