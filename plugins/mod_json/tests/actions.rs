//! What scripts see of `mod_json`.

use mod_json::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};

const CALLS: &str = r#"{"calls":[{"from":"ada","n":1},{"from":"bob","n":2.5}],"ok":true,"no":null,"a.b":{"/":"odd"}}"#;

fn parsed(text: &str) -> ModuleTest {
    let mut t = ModuleTest::new(muleteer_module());
    assert_eq!(t.run("json.parse", &[text, "j"]), Outcome::Done);
    t
}

fn get(t: &mut ModuleTest, path: &str) -> String {
    t.run("json.get", &["j", path, "x"]);
    t.var("x").to_owned()
}

#[test]
fn values_are_read_at_their_paths() {
    let mut t = parsed(CALLS);
    for (path, value) in [
        ("calls[0].from", "ada"),
        ("calls[1].n", "2.5"),
        ("ok", "true"),
        ("no", ""),
        ("calls[0]", r#"{"from":"ada","n":1}"#),
        ("/calls/1/from", "bob"),
        ("/a.b/~1", "odd"),
    ] {
        assert_eq!(get(&mut t, path), value, "{path}");
        assert_eq!(t.errno(), "", "{path}");
    }
    for (path, errno) in [
        ("calls[2]", "result"),
        ("calls.from", "result"),
        ("ok.x", "result"),
        ("/calls/01", "result"),
        ("calls[", "arg"),
        ("calls[x]", "arg"),
        ("a..b", "arg"),
        ("a.", "arg"),
        (".a", "arg"),
        ("a[0]b", "arg"),
    ] {
        assert_eq!(get(&mut t, path), "", "{path}");
        assert_eq!(t.errno(), errno, "{path}: {}", t.var("strerror"));
    }
    assert_eq!(t.run("json.get", &["nope", "a", "x"]).errno(), "arg");
    assert!(t.test("json.has", &["j", "calls[1]"]));
    assert!(!t.test("json.has", &["j", "calls[2]"]));
    assert!(!t.test("json.has", &["nope", "x"]));
}

#[test]
fn types_sizes_and_names_are_told() {
    let mut t = parsed(CALLS);
    for (path, kind, size) in [
        ("", "object", "4"),
        ("calls", "array", "2"),
        ("calls[0].n", "number", "0"),
        ("ok", "boolean", "0"),
        ("no", "null", "0"),
        ("nothing", "none", "0"),
    ] {
        t.run("json.getType", &["j", path, "x"]);
        t.run("json.getSize", &["j", path, "n"]);
        assert_eq!((t.var("x"), t.var("n")), (kind, size), "{path}");
    }
    t.set("k[7]", "old");
    t.run("json.getKeys", &["j", "calls[0]", "k"]);
    assert_eq!(
        (t.var("k[0]"), t.var("k[1]"), t.has("k[7]")),
        ("from", "n", false)
    );
}

#[test]
fn documents_become_variables_and_back() {
    let mut t = parsed(CALLS);
    t.set("v.old", "x");
    t.run("json.toStruct", &["j", "", "v"]);
    assert_eq!(t.var("v.calls[1].from"), "bob");
    assert!(!t.has("v.old"));
    t.run("json.create", &["j"]);
    t.set("w.list[10]", "last");
    for n in 0..10 {
        t.set(&format!("w.list[{n}]"), "x");
    }
    assert_eq!(t.run("json.setStruct", &["j", "in", "w"]), Outcome::Done);
    assert_eq!(get(&mut t, "in.list[10]"), "last");
    assert_eq!(
        t.run("json.setStruct", &["j", "in", "nothing"]).errno(),
        "arg"
    );
    t.set("gap[1]", "x");
    assert_eq!(t.run("json.setStruct", &["j", "in", "gap"]).errno(), "arg");
}

#[test]
fn documents_are_built_and_changed() {
    let mut t = parsed("{}");
    t.run("json.set", &["j", "to[].name", "ada"]);
    t.run("json.set", &["j", "to[1].name", "b\"ob\n"]);
    t.run("json.setValue", &["j", "n", "12"]);
    t.run("json.remove", &["j", "to[0]"]);
    t.run("json.dump", &["j", "t"]);
    assert_eq!(t.var("t"), r#"{"n":12,"to":[{"name":"b\"ob\n"}]}"#);
    for (action, args) in [
        ("json.set", ["j", "to[3]", "gap"]),
        ("json.set", ["j", "n.x", "a number has no members"]),
        ("json.set", ["j", "n[0]", "and no elements"]),
        ("json.setValue", ["j", "n", "twelve"]),
        ("json.dump", ["j", "t", "loud"]),
    ] {
        assert_eq!(t.run(action, &args).errno(), "arg", "{args:?}");
    }
    assert_eq!(t.run("json.remove", &["j", "nothing"]).errno(), "result");
    t.run("json.dump", &["j", "t", "pretty"]);
    assert!(t.var("t").contains("\n  \"n\": 12"));
}

#[test]
fn queries_find_many_values() {
    let mut t = parsed(CALLS);
    for query in ["$.calls[?@.n > 1].from", ".calls[?@.n > 1].from"] {
        assert_eq!(t.run("json.query", &["j", query, "f"]), Outcome::Done);
        assert_eq!((t.var("f[0]"), t.has("f[1]")), ("bob", false));
    }
    t.run("json.query", &["j", "$..from", "f"]);
    assert_eq!((t.var("f[0]"), t.var("f[1]")), ("ada", "bob"));
    assert_eq!(t.run("json.query", &["j", "$[", "f"]).errno(), "arg");
    assert_eq!(
        t.run("json.query", &["j", &"a".repeat(2_000), "f"]).errno(),
        "arg"
    );
}

#[test]
fn wrong_texts_say_where() {
    let mut t = ModuleTest::new(muleteer_module());
    assert_eq!(t.run("json.parse", &["{\"a\":1,\n}", "j"]).errno(), "arg");
    assert!(
        t.var("strerror").contains("line 2 column 1"),
        "{}",
        t.var("strerror")
    );
    let deep = "[".repeat(100_000);
    assert_eq!(t.run("json.parse", &[&deep, "j"]).errno(), "arg");
    let long = format!("\"{}\"", "a".repeat(2 << 20));
    assert_eq!(t.run("json.parse", &[&long, "j"]).errno(), "arg");
    let wide = format!("[{}1]", "1,".repeat(20_000));
    assert_eq!(t.run("json.parse", &[&wide, "j"]), Outcome::Done);
    assert_eq!(t.run("json.toStruct", &["j", "", "v"]).errno(), "result");
}

#[test]
fn a_document_stays_within_its_limit_however_often_it_changes() {
    let mut t = parsed("{}");
    let text = "a".repeat(300_000);
    for _ in 0..20 {
        assert_eq!(t.run("json.set", &["j", "same", &text]), Outcome::Done);
    }
    t.run("json.set", &["j", "b", &text]);
    t.run("json.set", &["j", "c", &text]);
    assert_eq!(t.run("json.set", &["j", "d", &text]).errno(), "arg");
}
