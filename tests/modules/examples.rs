//! Every example of every module, and what editors and checks make of the modules.

use muleteer::dsm::{Event, EventKind, Severity};

use super::objects::{Run, all, examples, loaded, modules, modules_in};
use crate::support::process::{Process, muleteer};

#[test]
fn every_example_of_every_module_does_what_it_says() {
    let modules = modules_in(all());
    let all = modules.list();
    assert!(all.len() >= 2, "{all:?}");
    let mut count = 0;
    for listed in &all {
        let found = listed
            .found
            .as_ref()
            .unwrap_or_else(|error| panic!("{error}"));
        for action in found.module.actions() {
            assert!(!action.doc.is_empty(), "{} says nothing", action.name);
            for example in action.examples {
                let run = Run::of(&modules, &listed.name, example.code);
                for (variable, value) in example.expect {
                    let seen = run.var(variable);
                    assert_eq!(seen, *value, "${variable} after {}", example.code);
                }
                assert_eq!(run.var("thrown.type"), "", "{}", example.code);
                count += 1;
            }
        }
    }
    assert!(count >= 10, "{count} examples");
}

#[test]
fn a_module_in_c_does_what_one_in_rust_does() {
    let code = "example_c.upper($x=abc); example_c.sleep(1, $y); example_c.count()";
    let run = Run::of(&modules(), "mod_example_c", code);
    let values = ["x", "y", "example_c.count", "went_on"].map(|name| run.var(name));
    assert_eq!(values, ["ABC", "1", "1", "yes"]);
    let mut run = Run::diagram(
        &modules(),
        "import(mod_example_c);\n\
         initial state ON;\n\
         transition \"long\" ON - key(#key==1); example_c.is_long(\"12345678901\") / \
           example_c.sleep(x); set($long=yes) -> ON;\n\
         transition \"short\" ON - key; example_c.is_long(1) / set($short=yes) -> ON;\n",
    );
    run.event(Event::new(EventKind::Key).with("key", "1"));
    let values = ["long", "short", "errno"].map(|name| run.var(name));
    assert_eq!(values, ["yes", "", "arg"]);
}

#[test]
fn an_action_of_the_server_goes_on_in_the_module() {
    let run = Run::of(&modules(), "mod_example_c", "example_c.play(a.wav)");
    assert_eq!((run.var("errno"), run.var("went_on")), ("", "yes"));
    assert!(
        run.host.record[1].contains("playFile \"a.wav\""),
        "{:?}",
        run.host.record
    );
    let run = Run::of(
        &modules(),
        "mod_example",
        "example.timer(7, 3); example.beep(20)",
    );
    assert_eq!(
        run.host.record[1..],
        [
            "A setTimer 7 3",
            "A playMemory \"beep.wav\" loop=false front=false"
        ]
    );
    let run = Run::of(&modules(), "mod_example", "example.timer(x, 3)");
    assert_eq!((run.var("errno"), run.var("went_on")), ("arg", "yes"));
}

#[test]
fn a_failure_is_errno_exception_or_panic() {
    let run = Run::of(&modules(), "mod_example", "example.fail(errno)");
    let values = ["errno", "strerror", "went_on"].map(|name| run.var(name));
    assert_eq!(values, ["general", "as you wish", "yes"]);
    let run = Run::of(
        &modules(),
        "mod_example",
        "example.fail(errno); example.fail(none)",
    );
    assert_eq!((run.var("errno"), run.var("strerror")), ("", ""));
    let run = Run::of(&modules(), "mod_example", "example.fail(exception)");
    let values = ["thrown.type", "thrown.cause", "went_on"].map(|name| run.var(name));
    assert_eq!(values, ["example", "as you wish", ""]);
    let run = Run::of(&modules(), "mod_example", "example.fail(panic)");
    let values = ["thrown.type", "thrown.module", "thrown.cause"].map(|name| run.var(name));
    assert_eq!(values, ["plugin", "mod_example", "panic: as you wish"]);
}

#[test]
fn a_check_knows_what_a_module_takes() {
    let text = "import(mod_example);\ninitial state ON enter { example.jion($x, a); example.beep(); };\n\
                transition \"t\" ON - example.is_evn(1) -> ON;\n";
    let found = loaded(&modules(), text);
    let text = found.render();
    assert_eq!(found.worst(), Some(Severity::Error), "{text}");
    assert!(text.contains("did you mean 'example.join'?"), "{text}");
    assert!(text.contains("did you mean 'example.is_even'?"), "{text}");
}

#[test]
fn the_command_line_finds_modules_in_a_folder() {
    let mut command = muleteer();
    command
        .args(["module", "list", "--json", "--modules"])
        .arg(examples());
    let ended = Process::start(&mut command).ended();
    ended
        .expect_code(0)
        .expect("\"example.shout(variable=text)\"");
}
