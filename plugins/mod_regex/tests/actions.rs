//! What scripts see of `mod_regex`.

use mod_regex::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};

fn session() -> ModuleTest {
    ModuleTest::new(muleteer_module())
}

#[test]
fn groups_are_stored() {
    let mut t = session();
    let expression = "^sip:([^@]+)@(.*)$";
    assert_eq!(t.run("regex.compile", &["r", expression]), Outcome::Done);
    assert_eq!(t.run("regex.match", &["r", "sip:a@b"]), Outcome::Done);
    assert_eq!(t.var("regex.match"), "1");
    let groups = [0, 1, 2].map(|n| t.var(&format!("regex.match[{n}]")).to_owned());
    assert_eq!(groups, ["sip:a@b", "a", "b"]);
    t.run("regex.match", &["r", "tel:1"]);
    assert_eq!(t.var("regex.match"), "0");
    assert!(!t.has("regex.match[1]"));
}

#[test]
fn an_expression_that_does_not_compile_leaves_no_expression() {
    let mut t = session();
    t.run("regex.compile", &["broken", "a"]);
    let outcome = t.run("regex.compile", &["broken", "a("]);
    assert_eq!(outcome.errno(), "arg");
    assert_eq!(t.var("strerror"), "unclosed group");
    let outcome = t.run("regex.match", &["broken", "a"]);
    assert_eq!((outcome.errno(), t.var("regex.match")), ("arg", "0"));
    t.run("regex.compile", &["broken", "a"]);
    assert_eq!((t.errno(), t.var("strerror")), ("", ""));
}

#[test]
fn the_condition_stores_what_the_action_stores() {
    let mut t = session();
    t.run("regex.compile", &["c", "(.)x"]);
    assert!(t.test("regex.match", &["c", "ax"]));
    assert_eq!((t.var("regex.match"), t.var("regex.match[1]")), ("1", "a"));
    assert!(!t.test("regex.match", &["nope", "ax"]));
    assert_eq!((t.var("regex.match"), t.errno()), ("0", ""));
}

#[test]
fn groups_that_took_no_part_are_empty() {
    let mut t = session();
    t.run("regex.compile", &["either", "(a)|(b)"]);
    t.run("regex.match", &["either", "a"]);
    t.run("regex.match", &["either", "b"]);
    assert!(t.has("regex.match[1]"));
    assert_eq!(
        (t.var("regex.match[1]"), t.var("regex.match[2]")),
        ("", "b")
    );
}

#[test]
fn an_expression_may_stand_in_a_variable() {
    let mut t = session();
    t.set("p", "^1+$");
    t.run("regex.compile", &["v", "$p"]);
    assert!(t.test("regex.match", &["v", "111"]));
    // No variable of this name: the end of the text, and what never follows it.
    t.run("regex.compile", &["v", "$nothing"]);
    assert!(!t.test("regex.match", &["v", "$nothing"]));
}

#[test]
fn expressions_are_common_to_all_sessions() {
    session().run("regex.compile", &["common", "x"]);
    assert!(session().test("regex.match", &["common", "x"]));
    session().run("regex.clear", &["common"]);
    assert!(!session().test("regex.match", &["common", "x"]));
}

#[test]
fn what_is_too_large_is_refused() {
    let mut t = session();
    let long = "a".repeat(5_000);
    assert_eq!(t.run("regex.compile", &["l", &long]).errno(), "arg");
    assert_eq!(
        t.run("regex.compile", &["l", "(a{1000}){1000}"]).errno(),
        "arg"
    );
    // Exponential where an implementation goes back; here the time is that of the text.
    t.run("regex.compile", &["l", "^(a|a)*$"]);
    let text = format!("{}b", "a".repeat(60_000));
    assert!(!t.test("regex.match", &["l", &text]));
    let text = "a".repeat(100_000);
    assert_eq!(t.run("regex.match", &["l", &text]).errno(), "arg");
}

#[test]
fn words_of_posix_are_known() {
    let mut t = session();
    t.run("regex.compile", &["w", r"\<[[:alpha:]]+\>"]);
    t.run("regex.match", &["w", "12 abc 34"]);
    assert_eq!(t.var("regex.match[0]"), "abc");
}
