//! A session of an editor with the built program.

use std::io::{BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use muleteer::lsp::framing::{Incoming, read};
use serde_json::{Value, json};

use crate::support::process::{Folder, muleteer};

struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    id: i64,
}

impl Client {
    fn start() -> Self {
        let mut command = muleteer();
        let command = command
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
            id: 0,
        }
    }

    fn write(&mut self, body: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        stdin.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.write(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string());
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.id += 1;
        let id = self.id;
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.write(&request.to_string());
        self.next(|one| one["id"] == id)
    }

    /// The next message that is wanted.
    fn next(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let value = match read(&mut self.stdout).unwrap().expect("a message") {
                Incoming::Message(message) => serde_json::to_value(&message).unwrap(),
                Incoming::Malformed(value) => panic!("{value}"),
            };
            if wanted(&value) {
                return value;
            }
        }
    }

    /// The exit code and what was written to standard error.
    fn ended(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        let mut text = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap().code(), text)
    }
}

#[test]
fn an_editor_opens_asks_and_leaves() {
    let folder = Folder::new(&[("main.dsm", "initial state START;\n")]);
    let root = format!("file://{}", folder.path().display());
    let uri = format!("{root}/main.dsm");
    let mut client = Client::start();
    let answer = client.ask("initialize", json!({"capabilities": {}, "rootUri": root}));
    assert_eq!(answer["result"]["serverInfo"]["name"], "muleteer");
    client.tell("initialized", json!({}));
    let text = "initial state START;\ntransition \"k\" START - key / playFiel(a.wav) -> STRT;\n";
    let document = json!({"uri": uri, "languageId": "dsm", "version": 1, "text": text});
    client.tell("textDocument/didOpen", json!({"textDocument": document}));
    let published = client.next(|one| one["method"] == "textDocument/publishDiagnostics");
    let found = published["params"]["diagnostics"].to_string();
    assert!(
        found.contains("unknown-action") && found.contains("undeclared-state"),
        "{found}"
    );
    let version = json!({"uri": uri, "version": 2});
    let change = json!({"textDocument": version, "contentChanges": [{"text": text.replace("STRT", "START")}]});
    client.tell("textDocument/didChange", change);
    let at = json!({"textDocument": {"uri": uri}, "position": {"line": 1, "character": 17}});
    let definition = client.ask("textDocument/definition", at.clone());
    assert_eq!(definition["result"][0]["range"]["start"]["line"], 0);
    let mut rename = at;
    rename["newName"] = "BEGIN".into();
    let renamed = client.ask("textDocument/rename", rename);
    assert_eq!(
        renamed["result"]["changes"][&uri].as_array().unwrap().len(),
        3
    );
    client.ask("shutdown", Value::Null);
    client.tell("exit", Value::Null);
    assert_eq!(client.ended(), (Some(0), String::new()));
}

#[test]
fn malformed_messages_are_answered_and_the_session_goes_on() {
    let mut client = Client::start();
    client.write("{nope");
    client.write("[]");
    for code in [-32700, -32600] {
        // It has no id, so it is no message of the library's.
        let Some(Incoming::Malformed(_)) = read(&mut client.stdout).unwrap() else {
            panic!("{code}")
        };
    }
    let answer = client.ask("initialize", json!({"capabilities": {}}));
    assert!(answer["result"]["capabilities"].is_object());
    drop(client.ended());
}

#[test]
fn leaving_without_shutdown_ends_with_1() {
    let mut client = Client::start();
    client.ask("initialize", json!({"capabilities": {}}));
    client.tell("exit", Value::Null);
    assert_eq!(client.ended().0, Some(1));
    // The same for a client that died.
    let mut client = Client::start();
    client.ask("initialize", json!({"capabilities": {}}));
    assert_eq!(client.ended().0, Some(1));
}
