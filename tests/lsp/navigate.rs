//! Definition, references, highlight, rename, symbols.

use serde_json::{Value, json};

use super::editor::{Editor, show};

const MENU: &str = "\
//- /main.dsm
#include \"common.dsm\"
initial state START;
state \"the menu\" enter { greet(); };
state END;
transition \"in\" START - invite -> \"the menu\";
transition \"out\" (START, \"the menu\", END) - hangup / { stop(true); } -> END;
//- /common.dsm
function greet() {
  playFile(\"hello.wav\");
};
//- /other.dsm
initial state END;
#include \"common.dsm\"
transition \"x\" END - key / { greet(); callFSM(main); } -> END;
//- /audio/hello.wav
";

/// The fixture with the cursor at the n-th place of some text.
fn at(text: &str, place: usize) -> String {
    let (at, _) = MENU.match_indices(text).nth(place).expect("it is there");
    let mut fixture = MENU.to_owned();
    fixture.insert_str(at, "$0");
    fixture
}

fn definition(fixture: &str) -> Vec<String> {
    let mut editor = Editor::new(fixture);
    let found = editor.ask_here("textDocument/definition", json!({}));
    show(&editor, &found)
}

fn references(fixture: &str) -> Vec<String> {
    let mut editor = Editor::new(fixture);
    let more = json!({"context": {"includeDeclaration": true}});
    let found = editor.ask_here("textDocument/references", more);
    show(&editor, &found)
}

#[track_caller]
fn renamed(fixture: &str, new: &str) -> String {
    let mut editor = Editor::new(fixture);
    let edit = editor.ask_here("textDocument/rename", json!({"newName": new}));
    let files = editor.apply(&edit);
    let changed = files
        .iter()
        .filter(|(path, text)| editor.files[*path] != **text);
    let changed: Vec<&str> = changed.map(|(_, text)| text.trim_end()).collect();
    changed.join("\n//-\n")
}

fn refused(fixture: &str, new: &str) -> String {
    let mut editor = Editor::new(fixture);
    let mut params = editor.here();
    params["newName"] = new.into();
    let error = editor.try_ask("textDocument/rename", params).unwrap_err();
    error["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_name_leads_to_its_declaration() {
    assert_eq!(
        definition(&at("the menu\", END", 0)),
        ["/main.dsm:2:7 the menu"]
    );
    assert_eq!(definition(&at("greet(); };", 0)), ["/common.dsm:0:9 greet"]);
    assert_eq!(definition(&at("main)", 0)), ["/main.dsm:0:0 "]);
    assert_eq!(
        definition(&at("hello.wav\");", 0)),
        ["/audio/hello.wav:0:0 "]
    );
    assert_eq!(
        definition(&at("common.dsm\"\ninitial", 0)),
        ["/common.dsm:0:0 "]
    );
    assert_eq!(definition(&at("stop(", 0)), [""; 0]);
}

#[test]
fn references_are_found_through_includes() {
    let greet = [
        "/common.dsm:0:9 greet",
        "/main.dsm:2:25 greet",
        "/other.dsm:2:29 greet",
    ];
    assert_eq!(references(&at("greet()", 0)), greet);
    assert_eq!(references(&at("greet() {", 0)), greet);
    let menu = [
        "/main.dsm:2:7 the menu",
        "/main.dsm:4:35 the menu",
        "/main.dsm:5:26 the menu",
    ];
    assert_eq!(references(&at("the menu", 0)), menu);
    assert_eq!(references(&at("main)", 0)), ["/other.dsm:2:46 main"]);
}

#[test]
fn variables_are_one_in_all_diagrams_of_a_session() {
    let fixture = "\
//- /a.dsm
initial state A enter { set($n=1); callFSM(b); };
//- /b.dsm
initial state B enter { info(\"it is $$0n\"); inc(n); };
//- /c.dsm
initial state C enter { inc(n); };
";
    let expected = ["/a.dsm:0:29 n", "/b.dsm:0:37 n", "/b.dsm:0:46 n"];
    assert_eq!(references(fixture), expected);
    assert_eq!(definition(fixture), ["/a.dsm:0:29 n", "/b.dsm:0:46 n"]);
}

#[test]
fn a_state_is_renamed_everywhere_with_the_quotes_it_needs() {
    let expected = "\
#include \"common.dsm\"
initial state START;
state \"MENU\" enter { greet(); };
state END;
transition \"in\" START - invite -> \"MENU\";
transition \"out\" (START, \"MENU\", END) - hangup / { stop(true); } -> END;";
    assert_eq!(renamed(&at("the menu", 1), "MENU"), expected);
    let quoted = renamed(&at("START;", 0), "the start");
    assert!(quoted.contains("initial state \"the start\";"), "{quoted}");
    assert!(
        quoted.contains("(\"the start\", \"the menu\", END)"),
        "{quoted}"
    );
    // END of the other diagram is another state.
    assert!(!renamed(&at("END;", 0), "OVER").contains("//-"));
}

#[test]
fn a_function_is_renamed_in_every_diagram_that_includes_it() {
    let all = renamed(&at("greet() {", 0), "welcome");
    assert_eq!(all.matches("welcome()").count(), 3, "{all}");
    assert!(!all.contains("greet"), "{all}");
}

#[test]
fn a_variable_is_renamed_alone_and_a_collection_with_its_members() {
    let text = "initial state A enter {
  set($a=1); set($a.b=2); sets($t=\"$a $(a) $a.b\");
  if test(len($a) == #x) { eval($a=$a+1); postEvent(x, \"a;t\"); }
  for ($k,$v in $s) { setVar($k=$v); }
  set($s.x=1); set($s=0); clearStruct(s);
};
";
    let one = renamed(&text.replacen("$a=1", "$$0a=1", 1), "$new");
    assert!(
        one.contains("set($new=1); set($a.b=2); sets($t=\"$new $(new) $a.b\")"),
        "{one}"
    );
    assert!(
        one.contains("len($new) == #x) { eval($new=$new+1); postEvent(x, \"new;t\")"),
        "{one}"
    );
    let bracket = renamed(&text.replacen("$a=1", "$$0a=1", 1), "l[0]");
    assert!(bracket.contains("\"$(l[0]) $(l[0]) $a.b\""), "{bracket}");
    let all = renamed(&text.replacen("$s)", "$$0s)", 1), "list");
    assert!(all.contains("in $list)"), "{all}");
    assert!(
        all.contains("set($list.x=1); set($s=0); clearStruct(list)"),
        "{all}"
    );
}

#[test]
fn names_that_cannot_be_are_refused_with_a_reason() {
    let state = |new| refused(&at("START;", 0), new);
    assert!(state("").contains("empty"));
    assert!(state("transition").contains("keyword"));
    assert!(state("a,b").contains("comma"));
    assert!(state("END").contains("taken"));
    let function = |new| refused(&at("greet()", 0), new);
    assert!(function("play file").contains("letters"));
    assert!(function("playFile").contains("hide"));
    assert!(refused(&at("stop(", 0), "x").contains("only states"));
    let variable = |new| refused("initial state A enter { inc($0a); };\n", new);
    assert!(variable("a b").contains("letters"));
    assert!(variable("a[x]").contains("index"));
}

#[test]
fn only_what_can_be_renamed_offers_it() {
    let ask = |fixture: &str| {
        let mut editor = Editor::new(fixture);
        editor.ask_here("textDocument/prepareRename", json!({}))
    };
    assert_eq!(ask(&at("the menu", 1))["placeholder"], "the menu");
    assert_eq!(ask(&at("stop(", 0)), Value::Null);
    assert_eq!(ask(&at("invite", 0)), Value::Null);
}

#[test]
fn the_places_of_a_name_in_the_document_are_highlighted() {
    let mut editor = Editor::new("initial state A enter { inc($0n); info(\"$n\"); };\n");
    let found = editor.ask_here("textDocument/documentHighlight", json!({}));
    let kinds: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["kind"])
        .collect();
    assert_eq!(kinds, [&json!(3), &json!(2)]);
}

#[test]
fn the_outline_has_states_with_their_transitions() {
    let mut editor = Editor::new(&at("START;", 0));
    let params = editor.document();
    let outline = editor.ask("textDocument/documentSymbol", params);
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&outline), ["START", "the menu", "END"]);
    assert_eq!(names(&outline[0]["children"]), ["in", "out"]);
    assert_eq!(
        outline[0]["children"][0]["detail"],
        "START - invite → the menu"
    );
}

#[test]
fn symbols_of_the_workspace_are_found_by_a_part_of_their_name() {
    let mut editor = Editor::new(&at("START;", 0));
    let found = editor.ask("workspace/symbol", json!({"query": "GREE"}));
    assert_eq!(found.as_array().unwrap().len(), 1, "{found:#}");
    assert_eq!(found[0]["location"]["uri"], "file:///w/common.dsm");
}

#[test]
fn lists_declarations_and_comments_fold() {
    let text = "-- one$0\n-- two\ninitial state A\n  enter {\n    stop();\n  };\nstate B;\n";
    let mut editor = Editor::new(text);
    let params = editor.document();
    let folds = editor.ask("textDocument/foldingRange", params);
    let lines = |one: &Value| {
        (
            one["startLine"].as_u64().unwrap(),
            one["endLine"].as_u64().unwrap(),
        )
    };
    let lines: Vec<_> = folds.as_array().unwrap().iter().map(lines).collect();
    assert_eq!(lines, [(0, 1), (2, 5), (3, 5)]);
}
