use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::source::EntryKind;
use super::super::testing::expect::Expectation;
use super::*;

/// Files in memory.
struct Files(BTreeMap<String, String>);

impl SourceProvider for Files {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        self.0.contains_key(path).then_some(EntryKind::File)
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).map(|text| text.clone().into_bytes())
    }

    fn list(&self, _: &str) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

/// Each file lasts two seconds, but those called `nothing`.
struct TwoSeconds;

impl Sounds for TwoSeconds {
    fn length(&self, name: &str) -> Duration {
        Duration::from_secs(if name == "nothing" { 0 } else { 2 })
    }
}

const MENU: &str = r#"
initial state START;
state MENU enter { playFile("menu.wav"); addSeparator(7); setTimer(1, 5); };
state END;
transition "up" START - sessionStart / set($tries=0); -> MENU;
transition "one" MENU - key(#key == 1) / { set($choice="number one"); callFSM(other); } -> MENU;
transition "heard" MENU - noAudio / set($heard=#type); -> MENU_QUIET;
transition "none" MENU - exception / stop(false); -> END;
state MENU_QUIET;
transition "late" (MENU, MENU_QUIET) - timer(#id == 1) / stop(true); -> END;
transition "again" MENU - key(#key == 3) / playFile(nothing); -> MENU;
"#;
const OTHER: &str = "initial state HELLO enter { log(2, hello); };
transition back HELLO - key / returnFSM(); -> HELLO;
";

fn files() -> Files {
    let file = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    Files([("menu.dsm", MENU), ("other.dsm", OTHER)].map(file).into())
}

/// What a session of these lines shows.
fn session(files: &Files, lines: &[&str]) -> (String, Option<String>) {
    let (mut simulator, started) =
        Simulator::new("menu.dsm", &[], files, &TwoSeconds).expect("it loads");
    let mut shown: Vec<String> = started.lines.into_iter().map(|line| line.text).collect();
    for line in lines {
        shown.push(format!("> {line}"));
        shown.extend(simulator.line(line).lines.into_iter().map(|line| line.text));
    }
    (
        shown.join("\n"),
        simulator.as_test(true, str::to_owned).ok(),
    )
}

#[test]
fn events_show_what_they_do_and_time_passes_only_when_told() {
    let (shown, _) = session(&files(), &["sessionStart", "wait 2.5s", "wait 5s"]);
    assert_eq!(
        shown,
        r#"[0:00.0] start
  S main/START
[0:00.0] main/START
> sessionStart
[0:00.0] sessionStart
  T "up"
  S main/MENU
  A playFile "menu.wav" loop=false front=false
  A addSeparator 7 front=false
  A setTimer 1 5
  $errno "" (was unset)
  $tries 0 (was unset)
[0:00.0] main/MENU; timers: 1 in 5.0 s; plays: menu.wav (2.0 s), separator 7
> wait 2.5s
[0:02.0] separator id=7
  no transition of the state takes this event
[0:02.0] noAudio type=noAudio
  T "heard"
  S main/MENU_QUIET
  $heard noAudio (was unset)
[0:02.5] main/MENU_QUIET; timers: 1 in 2.5 s
> wait 5s
[0:05.0] timer id=1
  T "late"
  A bye
  A stop
  S main/END
[0:07.5] main/END, stopped"#
    );
}

#[test]
fn the_words_of_a_number_are_played_one_after_the_other() {
    let text = "import(mod_utils);\ninitial state A;\n\
        transition up A - sessionStart / utils.playCountRight(121, n/); -> A;\n";
    let files = Files([("menu.dsm".to_owned(), text.to_owned())].into());
    let (shown, _) = session(&files, &["sessionStart", "wait 7s"]);
    let words = "plays: n/100.wav (2.0 s), n/20.wav (2.0 s), n/x1.wav (2.0 s)";
    assert!(shown.contains(words), "{shown}");
    assert!(shown.contains("[0:06.0] noAudio"), "{shown}");
    let (shown, _) = session(&files, &["missing n/20.wav", "sessionStart"]);
    assert!(
        shown.contains("X file") && !shown.contains("plays:"),
        "{shown}"
    );
}

#[test]
fn what_was_done_is_a_test_that_passes() {
    let lines = [
        "missing no.wav",
        "var name=\"x y\"",
        "sessionStart",
        "keys 15#",
        "wait 1m",
    ];
    let files = files();
    let (shown, test) = session(&files, &lines);
    let test = test.expect("it can be saved");
    assert!(shown.contains("S other/HELLO"), "{shown}");
    assert!(
        test.starts_with("diag other other.dsm\nmissing no.wav\nvar name=\"x y\"\n\non start\n"),
        "{test}"
    );
    assert!(test.contains("on key key=11\n  = state "), "{test}");
    let outcome =
        Expectation::parse(&test)
            .expect("it can be read")
            .run("menu.dsm", "", &files, &registry());
    let failures: Vec<_> = outcome.failures.iter().map(ToString::to_string).collect();
    assert_eq!(failures, Vec::<String>::new(), "{test}");
    assert!(outcome.blocks.len() > 4);
}

#[test]
fn a_missing_file_is_missing_from_the_start() {
    let (shown, _) = session(
        &files(),
        &["sessionStart", "missing menu.wav", "expect state END"],
    );
    assert!(
        shown.ends_with(
            "replayed 2 inputs\n[0:00.0] main/END, stopped\n> expect state END\nas expected"
        ),
        "{shown}"
    );
}

#[test]
fn a_diagram_without_call_begins_with_startup() {
    let text = "initial state A;
transition up A - startup / setTimer(1, 5); -> A;
transition ring A - timer / DI(component, ring); -> A;
transition bad A - exception / stop(false); -> A;
transition play A - event / playFile(x); -> A;\n";
    let files = Files([("menu.dsm".to_owned(), text.to_owned())].into());
    let lines = [
        "fail DI",
        "startup",
        "wait 5s",
        "expect $errno config",
        "event",
    ];
    let (shown, test) = session(&files, &lines);
    assert!(
        shown.contains("> expect $errno config\nas expected"),
        "{shown}"
    );
    assert!(shown.contains("X core"), "there is no call: {shown}");
    let test = test.expect("it can be saved");
    assert!(test.starts_with("fail DI\n\non startup\n"), "{test}");
    let run = Expectation::parse(&test).expect("it can be read");
    let outcome = run.run("menu.dsm", "", &files, &registry());
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    let (shown, _) = session(&files, &["startup", "event", "start"]);
    assert!(shown.ends_with("undo what came before it"), "{shown}");
    let (shown, _) = session(&files, &["startup", "event", "undo", "start"]);
    assert!(
        shown.ends_with("[0:00.0] start\n  S main/A\n[0:00.0] main/A"),
        "{shown}"
    );
}

#[test]
fn undo_takes_back_one_thing() {
    let lines = [
        "sessionStart",
        "set $tries=7",
        "undo",
        "expect $tries 0",
        "undo",
        "expect $tries unset",
        "undo",
    ];
    let (shown, _) = session(&files(), &lines);
    assert_eq!(shown.matches("as expected").count(), 2, "{shown}");
    assert!(shown.ends_with("there is nothing to take back"), "{shown}");
}

#[test]
fn a_variable_set_in_the_middle_cannot_be_saved() {
    let (_, test) = session(&files(), &["sessionStart", "set tries=7"]);
    assert_eq!(test, None);
}

#[test]
fn checks_that_fail_say_what_is() {
    let files = files();
    let (mut simulator, _) = Simulator::new("menu.dsm", &[], &files, &TwoSeconds).unwrap();
    let cases = [
        (
            "expect state END",
            "not as expected: state is main/START, expected END",
        ),
        (
            "expect $x 1",
            "not as expected: $x is unset, expected \"1\"",
        ),
        (
            "expect stopped true",
            "not as expected: stopped is false, expected true",
        ),
        (
            "expect what",
            "'what' is no assertion; expected 'state DIAGRAM/STATE', 'stopped true', 'problem TEXT', '$NAME VALUE' or '#NAME VALUE'",
        ),
        (
            "hangpu",
            "unknown command or event 'hangpu'; did you mean 'hangup'?",
        ),
        ("key x", "expected a key: 0-9 * # A-D"),
        ("key 16", "expected a key: 0-9 * # A-D"),
        ("keys 12x", "expected keys: 0-9 * # A-D"),
        (
            "wait long",
            "expected a time of a week or less, such as 5s, 200ms or 2m",
        ),
        (
            "wait 1e300s",
            "expected a time of a week or less, such as 5s, 200ms or 2m",
        ),
        (
            "wait -1s",
            "expected a time of a week or less, such as 5s, 200ms or 2m",
        ),
        ("event a", "'a' is no parameter; expected NAME=VALUE"),
        (
            "event a=\"b",
            "'\"b' is no value; one with blanks or quotes is a JSON string, as in \"a \\\"b\\\"\"",
        ),
        (
            "sessionStart a=b",
            "'sessionStart' events carry no parameters",
        ),
        (
            "fail bye",
            "'fail' needs DI or the name of a module's action, such as conference.join; for files there is 'missing'",
        ),
        (
            "prompt",
            "'prompt' needs the name of a prompt, and perhaps of its set",
        ),
        ("set x", "expected $name=value"),
        ("save", "expected a file"),
    ];
    for (line, expected) in cases {
        let reply = simulator.line(line);
        assert!(reply.failed, "{line}");
        assert_eq!(reply.lines[0].text, expected, "{line}");
    }
    assert_eq!(simulator.run.blocks.len(), 1, "nothing happened");
}

#[test]
fn sounds_of_no_length_end_in_a_message() {
    let text = "initial state A enter { playFile(nothing); };
transition on A - noAudio -> A;
transition up A - sessionStart -> A;\n";
    let files = Files([("menu.dsm".to_owned(), text.to_owned())].into());
    let (shown, _) = session(&files, &["sessionStart"]);
    assert!(shown.contains("1000 events came at once"), "{shown}");
}

#[test]
fn where_names_the_lines_of_the_state() {
    let (shown, _) = session(&files(), &["where"]);
    assert!(
        shown.ends_with("> where\nmenu.dsm:2: state \"START\"\nmenu.dsm:5: transition \"up\""),
        "{shown}"
    );
}

#[test]
fn words_are_completed_where_they_stand() {
    let files = files();
    let (mut simulator, _) = Simulator::new("menu.dsm", &[], &files, &TwoSeconds).unwrap();
    simulator.line("sessionStart");
    let words = |line: &str| simulator.completions(line);
    assert_eq!(words("han"), (0, vec!["hangup".to_owned()]));
    assert_eq!(
        words("expect state ME"),
        (13, vec!["MENU".to_owned(), "MENU_QUIET".to_owned()])
    );
    assert_eq!(words("vars $t"), (5, vec!["$tries".to_owned()]));
    assert_eq!(words("undo x"), (5, vec![]));
}

#[test]
fn a_diagram_with_mistakes_is_not_started() {
    let files = Files([("menu.dsm".to_owned(), "state A".to_owned())].into());
    let error = Simulator::new("menu.dsm", &[], &files, &TwoSeconds)
        .err()
        .expect("no initial state");
    assert!(error.to_string().contains("no-initial-state"), "{error}");
}

/// Lines that a person may type, right and wrong ones.
fn typed() -> impl Strategy<Value = String> {
    let words = [
        "sessionStart",
        "key 1",
        "key #",
        "keys 3*1",
        "noAudio",
        "hangup",
        "startup",
        "start",
        "on reload",
        "timer 1",
        "separator 7",
        "event a=1 b=\"x y\"",
        "wait 3s",
        "wait 1m",
        "wait -1",
        "undo",
        "reload",
        "missing menu.wav",
        "missing \"a b\"",
        "var $tries=1",
        "var other=\"x y\"",
        "prompt \"a b\" c",
        "promptset s",
        "session q",
        "member g q",
        "fail DI",
        "fail x",
        "expect $tries 0",
        "expect state MENU",
        "vars",
        "where",
        "playlist",
        "history",
        "timers",
        "help",
        "on",
        "set =",
        "key key=\"\\u0000\"",
    ];
    let known = prop::sample::select(words.to_vec()).prop_map(str::to_owned);
    prop_oneof![9 => known, 1 => "[a-z$#=\"\\\\ 0-9]{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is typed: an answer, and what is saved is a test that passes.
    #[test]
    fn whatever_is_typed_can_be_saved_and_passes(lines in prop::collection::vec(typed(), 0..25)) {
        let files = files();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (_, test) = session(&files, &lines);
        let Some(test) = test else { return Ok(()) };
        let read = match Expectation::parse(&test) {
            Ok(read) => read,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{test}"))),
        };
        let outcome = read.run("menu.dsm", "", &files, &registry());
        let failures: Vec<_> = outcome.failures.iter().map(ToString::to_string).collect();
        prop_assert!(failures.is_empty(), "{failures:?}\n{test}");
    }
}

/// What a diagram does with groups and on the machine, told by its variables.
const DESK: &str = r#"
import(mod_groups);
import(mod_sys);
initial state A;
transition "up" A - sessionStart / {
  groups.join(g); groups.getSize($n=g); groups.get($m=g);
  groups.postEvent(g); set($heard=$errno);
  groups.leave(g); groups.getSize($left=g);
  sys.mkdir(/d); set($made=$errno); sys.mkdir(/d); set($again=$errno);
  sys.tmpnam(t); sys.rename($t, /d/f);
  if sys.file_exists(/d/f) { set($moved=yes); }
  if sys.file_not_exists($t) { set($gone=yes); }
  sys.unlink(/d/f); set($deleted=$errno); sys.unlink(/d/f); set($twice=$errno);
  set($a_size=2); set($a_0=x); set($a_1=x); sys.unlinkArray(a, /d); set($array=$errno);
  sys.unlink(/d); set($folder=$errno); sys.mkdirRecursive(/d); set($there=$errno);
  sys.popen($o="rm -rf /"); sys.getTimestamp(at);
} -> A;
"#;

#[test]
fn groups_and_files_are_in_memory() {
    let files = Files([("menu.dsm".to_owned(), DESK.to_owned())].into());
    let (shown, test) = session(
        &files,
        &[
            "sessionStart",
            "expect $n 1",
            "expect $m[0] LTAG",
            "expect $heard arg",
            "expect $left 0",
            "expect $made \"\"",
            "expect $again file",
            "expect $moved yes",
            "expect $gone yes",
            "expect $deleted \"\"",
            "expect $twice file",
            "expect $array file",
            "expect $folder file",
            "expect $there \"\"",
            "expect $o \"\"",
            "expect $o.status 0",
            "expect $at.tv_usec 0",
            "member g bob",
            "expect $n 2",
            "expect $m[1] bob",
            "expect $heard \"\"",
            "expect $left 1",
            "missing /d/f",
            "expect $moved yes",
        ],
    );
    assert!(!shown.contains("not as expected"), "{shown}");
    let test = test.expect("it can be saved");
    let read = Expectation::parse(&test).unwrap();
    let outcome = read.run("menu.dsm", "", &files, &registry());
    assert!(
        outcome.failures.is_empty(),
        "{:?}\n{test}",
        outcome.failures
    );
}

#[test]
fn what_a_module_does_not_do_here_is_said_at_the_start() {
    let files = Files([("menu.dsm".to_owned(), DESK.to_owned())].into());
    let (_, reply) = Simulator::new("menu.dsm", &[], &files, &TwoSeconds).unwrap();
    let notes = reply.lines.iter().filter(|line| line.tone == Tone::Note);
    let notes: Vec<_> = notes.map(|line| line.text.as_str()).collect();
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("mod_sys touches nothing"))
    );
    assert!(notes.iter().any(|note| note.contains("'member GROUP ID'")));
}
