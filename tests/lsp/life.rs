//! The beginning and the end of a session, and clients that do not keep to the protocol.

use lsp_server::{Request, RequestId};
use muleteer::dsm::Registry;
use muleteer::dsm::loader::FileSystem;
use muleteer::lsp::Server;
use serde_json::{Value, json};

use super::editor::{Editor, uri};

fn code(error: &Value) -> i64 {
    error["code"].as_i64().unwrap()
}

#[test]
fn nothing_is_answered_before_initialize() {
    let mut server = Server::new(Box::new(FileSystem), Registry::default());
    let request = Request::new(RequestId::from(7), "textDocument/hover".into(), json!({}));
    server.receive(request.into());
    let out = server.work().unwrap();
    let answer = serde_json::to_value(&out[0]).unwrap();
    assert_eq!((code(&answer["error"]), &answer["id"]), (-32002, &json!(7)));
}

#[test]
fn unknown_methods_and_wrong_parameters_are_refused() {
    let mut editor = Editor::new("$0");
    assert_eq!(
        code(&editor.try_ask("muleteer/dance", json!({})).unwrap_err()),
        -32601
    );
    let wrong = json!({"textDocument": 5});
    assert_eq!(
        code(&editor.try_ask("textDocument/hover", wrong).unwrap_err()),
        -32602
    );
    editor.tell("textDocument/didOpen", json!([]));
    editor.tell("$/unknown", json!({}));
    assert_eq!(
        code(&editor.try_ask("initialize", json!({})).unwrap_err()),
        -32600
    );
}

#[test]
fn a_cancelled_request_is_answered_as_such() {
    let mut editor = Editor::new("initial state A;$0\n");
    let params = editor.here();
    let request = Request::new(RequestId::from(99), "textDocument/hover".into(), params);
    editor.server.receive(request.into());
    editor.tell("$/cancelRequest", json!({"id": 99}));
    let answers: Vec<&Value> = editor.heard.iter().filter(|one| one["id"] == 99).collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(code(&answers[0]["error"]), -32800);
}

#[test]
fn requests_about_documents_that_are_not_there_have_empty_answers() {
    let mut editor = Editor::new("initial state A;$0\n");
    let position = json!({"line": 4_000_000_000_u32, "character": 7});
    for path in ["/nowhere.dsm", "/main.dsm"] {
        let params = json!({"textDocument": {"uri": uri(path)}, "position": position});
        assert_eq!(
            editor.ask("textDocument/hover", params),
            Value::Null,
            "{path}"
        );
    }
    let untitled = json!({"textDocument": {"uri": "untitled:Untitled-1"}, "position": position});
    editor.ask("textDocument/completion", untitled);
}

#[test]
fn unsaved_documents_without_a_file_are_checked_too() {
    let mut editor = Editor::new("$0");
    let text = "initial state A enter { nope(); };\n";
    let document = json!({"uri": "untitled:U-1", "languageId": "dsm", "version": 1, "text": text});
    editor.tell("textDocument/didOpen", json!({"textDocument": document}));
    let mut heard = editor.heard.iter().rev();
    let published = heard.find(|one| one["params"]["uri"] == "untitled:U-1");
    let list = &published.unwrap()["params"]["diagnostics"];
    assert!(list.to_string().contains("unknown-action"), "{list:#}");
}

#[test]
fn only_exit_follows_shutdown() {
    let mut editor = Editor::new("$0");
    assert_eq!(editor.ask("shutdown", Value::Null), Value::Null);
    let refused = editor.try_ask("textDocument/hover", json!({})).unwrap_err();
    assert_eq!(code(&refused), -32600);
    assert_eq!(editor.server.ended(), None);
    editor.tell("exit", Value::Null);
    assert_eq!(editor.server.ended(), Some(true));
}

#[test]
fn settings_are_asked_for_and_taken() {
    let fixture = "//- /sounds/a.wav\n//- /main.dsm\ninitial state A enter { playFile($0";
    let mut editor = Editor::with(fixture, json!({"workspace": {"configuration": true}}));
    let asked = editor
        .heard
        .iter()
        .find(|one| one["method"] == "workspace/configuration");
    assert_eq!(asked.unwrap()["params"]["items"][0]["section"], "muleteer");
    assert!(editor.completions().is_empty());
    let answer = json!({"id": "configuration", "result": [{"audioPath": "sounds"}]});
    editor
        .server
        .receive(serde_json::from_value(answer).unwrap());
    assert_eq!(editor.completions(), ["a.wav"]);
    let changed = json!({"settings": {"muleteer": {"audioPath": ["/nowhere"]}}});
    editor.tell("workspace/didChangeConfiguration", changed);
    assert!(editor.completions().is_empty());
}
