//! An editor in memory: files, a server, and a cursor marked `$0` in the text.

use std::collections::{BTreeMap, BTreeSet};

use lsp_server::{Message, Notification, Request, RequestId};
use muleteer::dsm::source::EntryKind;
use muleteer::dsm::{Module, ModuleArguments, Registry, SourceProvider};
use muleteer::lsp::Server;
use serde_json::{Value, json};

pub const CURSOR: &str = "$0";
/// The workspace folder; paths in tests begin behind it.
const ROOT: &str = "/w";

/// Files by path.
#[derive(Clone, Default)]
struct Files(BTreeMap<String, String>);

impl SourceProvider for Files {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        if self.0.contains_key(path) {
            return Some(EntryKind::File);
        }
        let prefix = format!("{path}/");
        let mut paths = self.0.keys();
        paths
            .any(|known| known.starts_with(&prefix))
            .then_some(EntryKind::Folder)
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.0.get(path).map(|text| text.clone().into_bytes())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let inside = self.below(folder).filter(|name| !name.contains('/'));
        inside.map(str::to_owned).collect()
    }

    fn folders(&self, folder: &str) -> Vec<String> {
        let inside = self.below(folder).filter_map(|name| name.split_once('/'));
        let names: BTreeSet<&str> = inside.map(|(name, _)| name).collect();
        names.into_iter().map(str::to_owned).collect()
    }
}

impl Files {
    fn below(&self, folder: &str) -> impl Iterator<Item = &str> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let paths = self.0.keys();
        paths.filter_map(move |path| path.strip_prefix(&prefix))
    }
}

pub struct Editor {
    pub server: Server,
    pub files: BTreeMap<String, String>,
    /// Path and position of the cursor.
    cursor: (String, Value),
    next_id: i32,
    /// Notifications and requests of the server that nobody asked for yet.
    pub heard: Vec<Value>,
}

impl Editor {
    /// Files as `//- /path` and their text; the one with the cursor is open. Without any such line it
    /// is all `/main.dsm`.
    pub fn new(fixture: &str) -> Self {
        Self::with(fixture, json!({}))
    }

    pub fn with(fixture: &str, capabilities: Value) -> Self {
        let mut editor = Self::closed(fixture, capabilities);
        let open: Vec<String> = match editor.cursor.0.is_empty() {
            true => editor.files.keys().cloned().collect(),
            false => vec![editor.cursor.0.clone()],
        };
        for path in open {
            editor.open(&path);
        }
        editor
    }

    /// The same over the modules of this registry.
    pub fn over(fixture: &str, registry: Registry) -> Self {
        let mut editor = Self::closed_over(fixture, json!({}), registry);
        let path = editor.cursor.0.clone();
        editor.open(&path);
        editor
    }

    /// The same with nothing open.
    pub fn closed(fixture: &str, capabilities: Value) -> Self {
        Self::closed_over(fixture, capabilities, Registry::default())
    }

    fn closed_over(fixture: &str, capabilities: Value, mut registry: Registry) -> Self {
        let mut files = split(fixture);
        let mut cursor = (String::new(), Value::Null);
        for (path, text) in &mut files {
            if let Some(at) = text.find(CURSOR) {
                cursor = (path.clone(), position(text, at));
                text.replace_range(at..at + CURSOR.len(), "");
            }
        }
        let module = Module::new("mod_dlg").action("dlg.reply", ModuleArguments::List);
        registry.add_module(module.condition("dlg.isReplied"));
        let rooted = files
            .iter()
            .map(|(path, text)| (format!("{ROOT}{path}"), text.clone()));
        let provider = Files(rooted.collect());
        let mut editor = Self {
            server: Server::new(Box::new(provider), registry),
            files,
            cursor,
            next_id: 0,
            heard: Vec::new(),
        };
        let params = json!({
            "capabilities": capabilities,
            "processId": null,
            "rootUri": null,
            "workspaceFolders": [{"uri": uri(""), "name": "test"}],
        });
        editor.ask("initialize", params);
        editor.tell("initialized", json!({}));
        editor
    }

    pub fn open(&mut self, path: &str) {
        let text = self.files[path].clone();
        let document = json!({"uri": uri(path), "languageId": "dsm", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
    }

    pub fn change(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), text.to_owned());
        let params = json!({
            "textDocument": {"uri": uri(path), "version": 2},
            "contentChanges": [{"text": text}],
        });
        self.tell("textDocument/didChange", params);
    }

    pub fn tell(&mut self, method: &str, params: Value) {
        let method = method.to_owned();
        self.server.receive(Notification { method, params }.into());
        self.drain();
    }

    /// The result of a request.
    #[track_caller]
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.try_ask(method, params);
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The result of a request, or its error.
    pub fn try_ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next_id += 1;
        let id = RequestId::from(self.next_id);
        let method = method.to_owned();
        self.server.receive(Request { id, method, params }.into());
        self.drain();
        let id = json!(self.next_id);
        let at = self.heard.iter().position(|one| one["id"] == id);
        let mut answer = self.heard.remove(at.expect("an answer"));
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].take()),
        }
    }

    fn drain(&mut self) {
        while let Some(messages) = self.server.work() {
            let values = messages.iter().map(serde_json::to_value::<&Message>);
            self.heard.extend(values.map(Result::unwrap));
        }
    }

    /// The parameters of a request about the cursor.
    pub fn here(&self) -> Value {
        json!({"textDocument": {"uri": uri(&self.cursor.0)}, "position": self.cursor.1})
    }

    /// The parameters of a request about the document with the cursor.
    pub fn document(&self) -> Value {
        json!({"textDocument": {"uri": uri(&self.cursor.0)}})
    }

    /// A request about the cursor with something more.
    pub fn ask_here(&mut self, method: &str, more: Value) -> Value {
        let mut params = self.here();
        merge(&mut params, more);
        self.ask(method, params)
    }

    /// The last findings published for a document: `line:column code`.
    pub fn findings(&self, path: &str) -> Vec<String> {
        let published = self.heard.iter().rev().find(|one| {
            one["method"] == "textDocument/publishDiagnostics"
                && one["params"]["uri"] == uri(path).as_str()
        });
        let published = published.unwrap_or_else(|| panic!("nothing published for {path}"));
        let list = published["params"]["diagnostics"].as_array().unwrap();
        let show = |one: &Value| {
            let start = &one["range"]["start"];
            let code = one["code"].as_str().unwrap();
            format!("{}:{} {code}", start["line"], start["character"])
        };
        list.iter().map(show).collect()
    }

    /// The labels of the completions at the cursor.
    pub fn completions(&mut self) -> Vec<String> {
        let items = self.ask_here("textDocument/completion", json!({}));
        let items = items.as_array().expect("a list");
        let label = |item: &Value| item["label"].as_str().unwrap().to_owned();
        items.iter().map(label).collect()
    }

    /// The files after the edits of a workspace edit.
    pub fn apply(&self, edit: &Value) -> BTreeMap<String, String> {
        let mut files = self.files.clone();
        for (uri, edits) in edit["changes"].as_object().expect("changes") {
            let text = files.get_mut(path_of(uri)).unwrap();
            let mut spans: Vec<(usize, usize, &str)> = edits
                .as_array()
                .unwrap()
                .iter()
                .map(|edit| {
                    let range = &edit["range"];
                    let new = edit["newText"].as_str().unwrap();
                    (
                        offset(text, &range["start"]),
                        offset(text, &range["end"]),
                        new,
                    )
                })
                .collect();
            spans.sort_unstable();
            for (start, end, new) in spans.into_iter().rev() {
                text.replace_range(start..end, new);
            }
        }
        files
    }
}

/// `path:line:column` of some locations, with the text there.
pub fn show(editor: &Editor, locations: &Value) -> Vec<String> {
    let Some(list) = locations.as_array() else {
        return Vec::new();
    };
    let one = |location: &Value| {
        let path = path_of(location["uri"].as_str().unwrap());
        let (start, end) = (&location["range"]["start"], &location["range"]["end"]);
        let text = editor.files.get(path).map_or("", String::as_str);
        let text = &text[offset(text, start)..offset(text, end)];
        format!("{path}:{}:{} {text}", start["line"], start["character"])
    };
    list.iter().map(one).collect()
}

pub fn uri(path: &str) -> String {
    format!("file://{ROOT}{path}")
}

fn path_of(uri: &str) -> &str {
    uri.strip_prefix("file:///w").expect("in the workspace")
}

pub fn merge(params: &mut Value, more: Value) {
    if let (Value::Object(params), Value::Object(more)) = (params, more) {
        params.extend(more);
    }
}

fn split(fixture: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut path = "/main.dsm".to_owned();
    for line in fixture.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("//- ") {
            path = name.trim().to_owned();
            files.insert(path.clone(), String::new());
        } else {
            *files.entry(path.clone()).or_default() += line;
        }
    }
    files
}

/// The UTF-16 position of a byte.
fn position(text: &str, at: usize) -> Value {
    let before = &text[..at];
    let line = before.matches('\n').count();
    let last = before.rsplit('\n').next().unwrap();
    json!({"line": line, "character": last.encode_utf16().count()})
}

fn offset(text: &str, position: &Value) -> usize {
    let line = position["line"].as_u64().unwrap() as usize;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let mut left = position["character"].as_u64().unwrap() as usize;
    for (at, c) in text[start..].char_indices() {
        if left == 0 {
            return start + at;
        }
        left -= c.len_utf16();
    }
    text.len()
}
