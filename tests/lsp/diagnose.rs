//! Findings as one types.

use serde_json::json;

use super::editor::{Editor, uri};

#[test]
fn findings_come_and_go_with_the_text() {
    let mut editor = Editor::new("initial state A enter { playFiel(x); };\n");
    let first = editor.findings("/main.dsm");
    assert!(
        first.contains(&"0:24 unknown-action".to_owned()),
        "{first:?}"
    );
    editor.change(
        "/main.dsm",
        "initial state A;\ntransition \"h\" A - hangup / stop(false) -> A;\n",
    );
    assert_eq!(editor.findings("/main.dsm"), [""; 0]);
    editor.change("/main.dsm", "initial state A enter { nope(); };\n");
    assert!(!editor.findings("/main.dsm").is_empty());
    let params = json!({"textDocument": {"uri": uri("/main.dsm")}});
    editor.tell("textDocument/didClose", params);
    assert_eq!(editor.findings("/main.dsm"), [""; 0]);
}

#[test]
fn a_part_is_checked_in_the_diagrams_that_include_it() {
    let fixture = "\
//- /dsm/main.dsm
initial state A;
#include \"lib/part.dsm\"
transition \"h\" A - hangup / stop(false) -> A;
//- /dsm/lib/part.dsm
transition \"k\" A - key / { nope(); } -> A;$0
";
    let editor = Editor::new(fixture);
    assert_eq!(
        editor.findings("/dsm/lib/part.dsm"),
        ["0:27 unknown-action"]
    );
}

#[test]
fn findings_in_a_closed_part_show_at_its_include_line() {
    let fixture = "\
//- /main.dsm
initial state A;$0
#include \"part.dsm\"
transition \"h\" A - hangup / stop(false) -> A;
//- /part.dsm
transition \"k\" A - key / { nope(); } -> A;
";
    let mut editor = Editor::new(fixture);
    assert_eq!(editor.findings("/main.dsm"), ["1:10 unknown-action"]);
    // Open, it shows them itself, as its author types.
    editor.open("/part.dsm");
    assert_eq!(editor.findings("/main.dsm"), [""; 0]);
    assert_eq!(editor.findings("/part.dsm"), ["0:27 unknown-action"]);
    editor.change("/part.dsm", "transition \"k\" A - key -> B;\n");
    assert_eq!(editor.findings("/part.dsm"), ["0:26 undeclared-state"]);
}

#[test]
fn diagrams_of_the_folder_are_known_also_unsaved_ones() {
    let text = "initial state A enter { callFSM(menu); };\ntransition \"h\" A - hangup / stop(false) -> A;\n";
    let mut editor = Editor::new(text);
    assert_eq!(editor.findings("/main.dsm"), ["0:32 unknown-diagram"]);
    editor.change("/menu.dsm", "initial state M;\n");
    editor.open("/menu.dsm");
    assert_eq!(editor.findings("/main.dsm"), [""; 0]);
}

#[test]
fn places_are_counted_as_the_client_counts() {
    let text = "-- 😀\r\ninitial state \"é😀\"; \tstate B enter { nope(); };\r\n";
    let editor = Editor::new(text);
    let at = |editor: &Editor| {
        let found = editor.findings("/main.dsm");
        let found = found.iter().find(|one| one.ends_with("unknown-action"));
        found.unwrap().split(' ').next().unwrap().to_owned()
    };
    assert_eq!(at(&editor), "1:38");
    let utf8 = json!({"general": {"positionEncodings": ["utf-8", "utf-16"]}});
    assert_eq!(at(&Editor::with(text, utf8)), "1:41");
}

#[test]
fn a_document_that_is_too_long_says_so() {
    let text = "-- filler\n".repeat(200_000);
    let editor = Editor::new(&text);
    assert_eq!(editor.findings("/main.dsm"), ["0:0 source-too-large"]);
}

#[test]
fn any_half_of_a_diagram_is_looked_at_without_harm() {
    let text = "import(mod_dlg);\nfunction f() { for ($a in $b) { info(\"$a é\"); } };\ninitial state \"ä b\" enter { f(); if test(len($x) == \"1\") { set($y=2); } else { stop(); } };\ntransition \"t\" (\"ä b\", B) - key(#key < 5); not exception / { eval($n=$n+1); } -> B;\n";
    let mut editor = Editor::new("\n$0");
    for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
        editor.change("/main.dsm", &text[..end]);
        let lines = text[..end].matches('\n').count();
        let column = text[..end]
            .rsplit('\n')
            .next()
            .unwrap()
            .encode_utf16()
            .count();
        let position = json!({"line": lines, "character": column});
        let params = json!({"textDocument": {"uri": uri("/main.dsm")}, "position": position});
        for method in [
            "completion",
            "hover",
            "signatureHelp",
            "definition",
            "prepareRename",
        ] {
            editor.ask(&format!("textDocument/{method}"), params.clone());
        }
        for method in ["documentSymbol", "foldingRange", "semanticTokens/full"] {
            editor.ask(&format!("textDocument/{method}"), params.clone());
        }
    }
}
