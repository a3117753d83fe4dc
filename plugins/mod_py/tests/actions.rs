//! What scripts see of `mod_py`.

use mod_py::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};
use muleteer_sdk::module::{Exception, Failure};

/// A slow machine has time for conditions.
fn session() -> ModuleTest {
    ModuleTest::configured(muleteer_module(), r#"{"condition_timeout_ms":1000}"#)
}

#[track_caller]
fn done(t: &mut ModuleTest, code: &str) {
    assert_eq!(t.run("py", &[code]), Outcome::Done, "{code}");
}

/// What an expression is, as text.
#[track_caller]
fn value(t: &mut ModuleTest, code: &str) -> String {
    done(t, &format!("session.setvar('value', {code})"));
    t.var("value").to_owned()
}

#[test]
fn code_sets_and_reads_variables() {
    let mut t = session();
    done(&mut t, "session.setvar('a', 'b')");
    assert_eq!(t.var("a"), "b");
    assert_eq!(value(&mut t, "session.var('a') * 3"), "bbb");
    assert_eq!(value(&mut t, "repr(session.var('missing'))"), "''");
    assert_eq!(value(&mut t, "6 * 7"), "42", "a value becomes a text");
}

#[test]
fn a_condition_looks_at_the_event() {
    let mut t = session();
    let code = "type == dsm.Key and int(params['key']) > 9";
    for (key, holds) in [("9", false), ("10", true), ("11", true)] {
        t.set_event("key", &[("key", key)]);
        assert_eq!(t.test("py", &[code]), holds, "{key}");
    }
    t.set_event("timer", &[("id", "10")]);
    assert!(!t.test("py", &[code]));
    assert!(t.test("py", &["type == dsm.Timer"]));
    t.set_event("tiny.told", &[]);
    assert!(t.test("py", &["type == 'tiny.told'"]));
}

#[test]
fn the_parameters_of_the_event_are_a_copy() {
    let mut t = session();
    t.set_event("key", &[("key", "1")]);
    done(&mut t, "params['key'] = '2'");
    assert_eq!(t.param("key"), "1");
}

#[test]
fn names_stay_for_the_session_and_no_other() {
    let (mut a, mut b) = (session(), session());
    done(&mut a, "count = 1");
    done(&mut a, "count += 1");
    assert_eq!(value(&mut a, "count"), "2");
    assert!(a.test("py", &["count == 2"]));
    let outcome = b.run("py", &["count"]);
    assert_eq!(outcome.exception("python_type"), "NameError");
    assert!(a.free_object("py_locals"));
    assert_eq!(a.run("py", &["count"]).exception("type"), "py");
}

#[test]
fn global_names_are_those_of_all_sessions() {
    let (mut a, mut b) = (session(), session());
    done(&mut a, "#\nglobal everywhere\neverywhere = 'here'");
    assert_eq!(value(&mut b, "everywhere"), "here");
}

#[test]
fn functions_and_comprehensions_see_the_names_of_their_session() {
    let mut t = session();
    t.set_event("key", &[("key", "5")]);
    assert!(t.test("py", &["any(params['key'] == key for key in '456')"]));
    done(
        &mut t,
        "#\nimport math\ndef root(x):\n  return math.sqrt(x) + n\nn = 1",
    );
    assert_eq!(value(&mut t, "root(16)"), "5.0");
    // One that all sessions have runs for whichever calls it.
    done(
        &mut t,
        "#\nglobal mine\ndef mine():\n  return session.var('who')",
    );
    for who in ["ada", "bob"] {
        let mut t = session();
        t.set("who", who);
        assert_eq!(value(&mut t, "mine()"), who);
    }
}

#[test]
fn several_lines_may_be_indented_as_the_diagram_is() {
    let mut t = session();
    let code =
        "#\n    for n in range(3):\n      session.setvar('n', n)\n    session.setvar('m', n)";
    for code in [code, &code.replace('\n', "\r\n")] {
        done(&mut t, code);
        assert_eq!((t.var("n"), t.var("m")), ("2", "2"));
    }
}

#[test]
fn a_condition_is_as_true_as_its_value() {
    let mut t = session();
    for (code, holds) in [
        ("True", true),
        ("False", false),
        ("1", true),
        ("0", false),
        ("(\"text\")", true),
        ("[]", false),
        ("None", false),
        ("{1: 2}", true),
        ("#\n2", true),
    ] {
        assert_eq!(t.test("py", &[code]), holds, "{code}");
    }
}

#[test]
fn a_condition_that_fails_is_not_true() {
    let mut t = session();
    for code in ["1 / 0", "print 'hello'", "x = 1", "exit()", ""] {
        assert!(!t.test("py", &[code]), "{code}");
    }
    assert!(t.test("py", &["True"]));
}

#[test]
fn a_syntax_error_is_told_with_the_words_of_python() {
    let mut t = session();
    let outcome = t.run("py", &["print 'hello world'"]);
    assert_eq!(outcome.exception("type"), "py");
    assert_eq!(outcome.exception("python_type"), "SyntaxError");
    let cause = outcome.exception("cause");
    assert!(
        cause.contains("Missing parentheses in call to 'print'"),
        "{cause}"
    );
    let outcome = t.run("py", &["#\nx = 1\ny = (\n"]);
    assert_eq!(outcome.exception("line"), "3");
}

#[test]
fn an_exception_that_nobody_catches_is_one_of_the_diagram() {
    let mut t = session();
    let outcome = t.run("py", &["#\nx = 1\nint('x')"]);
    assert_eq!(outcome.exception("type"), "py");
    assert_eq!(outcome.exception("python_type"), "ValueError");
    assert_eq!(outcome.exception("line"), "3");
    let cause = "invalid literal for int() with base 10: 'x'";
    assert_eq!(outcome.exception("cause"), cause);
    let last = t.logged().into_iter().rfind(|line| line.contains(cause));
    assert!(
        last.unwrap().contains("line 3"),
        "the log has the whole story"
    );
}

#[test]
fn code_cannot_end_the_process_or_its_thread() {
    let mut t = session();
    let outcome = t.run("py", &["import sys; sys.exit(1)"]);
    assert_eq!(outcome.exception("python_type"), "SystemExit");
    let outcome = t.run("py", &["#\ndef f(): f()\nf()"]);
    assert_eq!(outcome.exception("python_type"), "RecursionError");
    let bad = "#\nclass Bad(Exception):\n  def __str__(self): raise self\nraise Bad()";
    assert_eq!(t.run("py", &[bad]).exception("python_type"), "Bad");
    let long = t.run("py", &["raise ValueError('é' * 10000)"]);
    assert_eq!(long.exception("cause").len(), 1_000);
    done(&mut t, "pass");
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let mut t = session();
    for (code, kind) in [
        ("session.setvar('a', 'x' * (1 << 20) + 'x')", "ValueError"),
        ("session.setvar('a', '\\ud800')", "UnicodeEncodeError"),
        ("session.setvar(1, 2)", "TypeError"),
    ] {
        assert_eq!(
            t.run("py", &[code]).exception("python_type"),
            kind,
            "{code}"
        );
    }
    assert!(!t.has("a"));
}

#[test]
fn a_file_that_is_missing_is_a_runtime_error() {
    let mut t = session();
    let missing = Exception::new("file").with("path", "missing.wav");
    t.refuse("playFile", Failure::throw(missing));
    let code = "#\ntry:\n  session.playFile('missing.wav')\nexcept RuntimeError as e:\n  \
                session.setvar('said', e); session.setvar('cause', e.cause)";
    done(&mut t, code);
    assert_eq!((t.var("said"), t.var("cause")), ("file", "missing.wav"));
    let outcome = t.run("py", &["session.playFile('missing.wav')"]);
    assert_eq!(outcome.exception("type"), "py");
    assert_eq!(outcome.exception("cause"), "file");
    // What the server tells by $errno is told so too.
    t.refuse(
        "stopRecord",
        Failure::errno("script", "nothing is recorded"),
    );
    let code =
        "#\ntry:\n  session.stopRecord()\nexcept RuntimeError as e:\n  session.setvar('said', e)";
    done(&mut t, code);
    assert_eq!(t.var("said"), "script");
}

#[test]
fn an_error_of_the_code_is_a_word() {
    let mut t = session();
    let code =
        "#\nsession.setError('arg', 'too few')\nsession.setvar('seen', session.var('errno'))";
    assert_eq!(t.run("py", &[code]).errno(), "arg");
    assert_eq!((t.errno(), t.var("strerror")), ("arg", "too few"));
    assert_eq!(t.var("seen"), "arg");
    done(&mut t, "pass");
    assert_eq!(
        (t.errno(), t.var("strerror")),
        ("", ""),
        "success clears it"
    );
    assert_eq!(t.run("py", &["session.setError(12)"]).errno(), "12");
    done(&mut t, "session.setError('arg'); session.setError('')");
}

#[test]
fn all_selects_can_be_read() {
    let mut t = session();
    for name in ["user", "remote_uri", "local_party", "remote_party"] {
        t.set_select(name, &format!("<{name}>"));
        let read = value(
            &mut t,
            &format!("session.select('{name}') + session.select('@{name}')"),
        );
        assert_eq!(read, format!("<{name}><{name}>"));
    }
}

#[test]
fn the_actions_of_the_session_are_those_of_the_server() {
    let mut t = session();
    for (code, action, args) in [
        ("playPrompt('hi')", "playPrompt", &["hi"][..]),
        ("playPrompt('hi', True)", "playPromptLooped", &["hi"]),
        ("playFile('a.wav')", "playFile", &["a.wav", "false"]),
        ("playFile('a.wav', True)", "playFile", &["a.wav", "true"]),
        (
            "playFile('a.wav', False, True)",
            "playFileFront",
            &["a.wav", "false"],
        ),
        ("recordFile('r.wav')", "recordFile", &["r.wav"]),
        ("stopRecord()", "stopRecord", &[]),
        ("getRecordLength()", "getRecordLength", &[]),
        ("getRecordDataSize()", "getRecordDataSize", &[]),
        ("flushPlaylist()", "flushPlaylist", &[]),
        ("setPromptSet('en')", "setPromptSet", &["en"]),
        ("addSeparator(5)", "addSeparator", &["5", "false"]),
        ("addSeparator('x', True)", "addSeparator", &["x", "true"]),
        ("connectMedia()", "connectMedia", &[]),
        ("disconnectMedia()", "disconnectMedia", &[]),
        ("mute()", "mute", &[]),
        ("unmute()", "unmute", &[]),
        (
            "B2BconnectCallee('<sip:b@h>', 'sip:b@h')",
            "B2B.connectCallee",
            &["<sip:b@h>", "sip:b@h"],
        ),
        ("B2BterminateOtherLeg()", "B2B.terminateOtherLeg", &[]),
    ] {
        done(&mut t, &format!("session.{code}"));
        let (last, given) = t.performed().last().unwrap();
        assert_eq!(last, action);
        assert_eq!(given, args, "{code}");
    }
    done(&mut t, "session.B2BconnectCallee('b', 'sip:b@h', True)");
    assert_eq!(t.var("b2b_relayed_invite"), "true");
    t.set("record_length", "1500");
    assert_eq!(value(&mut t, "session.getRecordLength() + 1"), "1501");
}

#[test]
fn the_actions_of_one_piece_of_code_are_done_in_order() {
    let mut t = session();
    done(
        &mut t,
        "#\nfor n in range(100):\n  session.playFile(str(n))\n  session.setvar('n', n)",
    );
    let files: Vec<_> = t
        .performed()
        .iter()
        .map(|(_, args)| args[0].clone())
        .collect();
    assert_eq!(files, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(t.var("n"), "99");
}

#[test]
fn what_is_logged_and_printed_is_in_the_log() {
    let mut t = session();
    done(
        &mut t,
        "dsm.log(2, 'logged'); dsm.DBG('d'); dsm.INFO('i'); dsm.WARN('w'); dsm.ERROR('e')",
    );
    done(
        &mut t,
        "#\nimport sys\nprint('pri', 'nted')\nprint('complaint', file=sys.stderr)",
    );
    let lines = t.logged();
    for line in ["logged", "d", "i", "w", "e", "pri nted", "complaint"] {
        assert!(lines.iter().any(|logged| logged == line), "{line}");
    }
}

#[test]
fn many_sessions_run_code_at_once() {
    let mut all: Vec<_> = (0..200).map(|_| session()).collect();
    for (n, t) in all.iter_mut().enumerate() {
        let code = format!("#\nmine = {n}\nsession.setvar('n', mine + int(session.var('n') or 1))");
        assert_eq!(
            t.begin("py", &[&code]),
            None,
            "an action never holds up its caller"
        );
    }
    for (n, t) in all.iter_mut().enumerate() {
        assert_eq!(t.wait(), Outcome::Done);
        assert_eq!(t.var("n"), (n + 1).to_string());
    }
}

#[test]
fn code_of_a_session_that_is_gone_is_told_so() {
    let (mut gone, mut t) = (session(), session());
    done(
        &mut t,
        "#\nimport threading\nglobal begun, over, told\n\
         begun, over, told = (threading.Event() for _ in range(3))",
    );
    let code = "#\nbegun.set(); over.wait(4)\n\
                try:\n  session.var('x')\nexcept dsm.SessionGone:\n  told.set()";
    assert_eq!(gone.begin("py", &[code]), None);
    assert_eq!(value(&mut t, "begun.wait(4)"), "True");
    gone.end_session();
    assert_eq!(value(&mut t, "[over.set(), told.wait(4)][1]"), "True");
}

#[test]
fn a_session_that_is_kept_leads_nowhere_later() {
    let mut t = session();
    done(&mut t, "old = session");
    let outcome = t.run("py", &["old.var('a')"]);
    assert_eq!(outcome.exception("python_type"), "SessionGone");
}

#[test]
fn names_are_given_back_with_the_session() {
    let mut t = session();
    done(
        &mut t,
        "#\nimport weakref\nclass Thing: pass\nglobal seen\nthing = Thing(); seen = weakref.ref(thing)",
    );
    assert!(t.test("py", &["seen() is not None"]));
    t.end_session();
    assert!(session().test("py", &["seen() is None"]));
}

#[test]
fn the_code_of_the_readme_runs() {
    let readme = include_str!("../README.md");
    let (_, code) = readme.split_once("  py(#").expect("code of several lines");
    let (code, _) = code.split_once("\n  );").expect("its end");
    let code = format!("#{code}");
    let mut t = session();
    let hash = "03ac674216f3e15c761ee1a5e255f067953623c8b388b4459e13f978d7c846f4";
    t.set("config.pin_sha256", hash);
    for (pin, right) in [("1234", "True"), ("1235", "False")] {
        done(&mut t, "pin = ''");
        for key in pin.split_inclusive(|_| true) {
            t.set_event("key", &[("key", key)]);
            assert!(!t.test("py", &["type == dsm.Key and params['key'] == '11'"]));
            done(&mut t, "pin += params['key']");
        }
        done(&mut t, &code);
        assert_eq!(t.var("right"), right);
    }
}

#[test]
fn a_condition_may_ask_but_not_wait() {
    let mut t = session();
    t.set("a", "1");
    t.set_select("user", "ada");
    assert!(t.test(
        "py",
        &["session.var('a') == '1' and session.select('user') == 'ada'"]
    ));
    assert!(t.test("py", &["[session.setvar('b', 2), session.mute()]"]));
    assert_eq!(t.var("b"), "2");
    assert_eq!(t.performed().last().unwrap().0, "mute");
}

#[test]
fn code_is_read_when_a_diagram_is_loaded() {
    let t = session();
    let wrong = |text: &str, at| Err((text.to_owned(), 0, at));
    let text = "SyntaxError: invalid syntax";
    assert_eq!(t.check("py", &["#\n  x = 1\n  y = *"]), wrong(text, 10));
    assert_eq!(t.check("py", &["x = "]), wrong(text, 0));
    assert_eq!(t.check("py", &["'x'; y = \"\"\"\nz\"\"\""]), Ok(()));
    assert!(t.check("py", &[&"(".repeat(100_000)]).is_err());
}

#[test]
fn without_a_folder_there_are_no_applications() {
    let mut t = session();
    assert_eq!(t.diagrams(), Ok(Vec::new()));
    let outcome = t.run("py.callback", &[]);
    assert_eq!(outcome.exception("type"), "py");
    let outcome = t.run("py.begin", &["none", "1"]);
    let cause = "there is no application none in Python";
    assert_eq!(outcome.exception("cause"), cause);
}
