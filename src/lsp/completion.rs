//! What may be typed next.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionResponse, CompletionTextEdit,
    Documentation, InsertTextFormat, MarkupContent, MarkupKind, Range, TextEdit,
};

use super::hover;
use super::position::Lines;
use super::rename::needs_quotes;
use super::server::{Client, Refusal};
use super::workspace::{Cursor, Workspace};
use crate::dsm::symbols::{ArgumentSpot, Entity, Occurrence, Place, Spot, Wanted, spot};
use crate::dsm::{
    EventKind, EventParameter, Presence, SELECTS, Signature, SourceProvider, diagram_files, folder,
    join,
};

/// Answers a request.
pub fn completion(
    workspace: &mut Workspace,
    client: Client,
    params: CompletionParams,
) -> Result<Option<CompletionResponse>, Refusal> {
    let Some(cursor) = workspace.cursor(&params.text_document_position) else {
        return Ok(None);
    };
    let imports = &cursor.analysis.index.imports;
    let spot = spot(cursor.text(), cursor.offset, imports, &workspace.registry);
    let lines = Lines::new(cursor.text(), workspace.encoding);
    let mut offers = Offers {
        client,
        range: lines.range(spot.start, cursor.offset),
        items: Vec::new(),
    };
    at_place(workspace, &cursor, &spot, &mut offers);
    Ok(Some(CompletionResponse::Array(offers.items)))
}

fn at_place(workspace: &mut Workspace, cursor: &Cursor, spot: &Spot, offers: &mut Offers) {
    match &spot.place {
        Place::Nothing => {}
        Place::Declaration => offers.declarations(),
        Place::StateBody => {
            for word in ["enter", "exit"] {
                let snippet = format!("{word} {{\n  $0\n}}");
                offers.snippet(word, CompletionItemKind::KEYWORD, &snippet);
            }
        }
        Place::Source | Place::Target => states(cursor, spot.quoted, offers),
        Place::Condition => conditions(workspace, cursor, offers),
        Place::Statement => statements(workspace, cursor, offers),
        Place::Module => {
            for (module, presence) in workspace.registry.importable() {
                let detail = match presence {
                    Presence::Server => None,
                    Presence::Object => Some("loadable"),
                    Presence::Absent => Some("not here: `make plugins` builds it"),
                };
                offers.plain(&module, CompletionItemKind::MODULE, detail);
            }
        }
        Place::Include => includes(workspace, cursor, offers),
        Place::Argument(argument) => arguments(workspace, cursor, spot, argument, offers),
    }
}

/// The items of an answer; each replaces what is typed already.
struct Offers {
    client: Client,
    range: Range,
    items: Vec<CompletionItem>,
}

impl Offers {
    fn plain(&mut self, text: &str, kind: CompletionItemKind, detail: Option<&str>) {
        self.add(text, text.to_owned(), kind).detail = detail.map(str::to_owned);
    }

    fn add(&mut self, label: &str, text: String, kind: CompletionItemKind) -> &mut CompletionItem {
        let edit = TextEdit::new(self.range, text);
        self.items.push(CompletionItem {
            label: label.to_owned(),
            kind: Some(kind),
            text_edit: Some(CompletionTextEdit::Edit(edit)),
            ..Default::default()
        });
        self.items.last_mut().expect("one was just added")
    }

    /// A text with places to fill in, or the label alone for clients that cannot do it.
    fn snippet(
        &mut self,
        label: &str,
        kind: CompletionItemKind,
        snippet: &str,
    ) -> &mut CompletionItem {
        if !self.client.snippets {
            return self.add(label, label.to_owned(), kind);
        }
        let item = self.add(label, snippet.to_owned(), kind);
        item.insert_text_format = Some(InsertTextFormat::SNIPPET);
        item
    }

    fn declarations(&mut self) {
        let declarations = [
            (
                "transition",
                "transition \"${1:name}\" ${2:FROM} - ${3:event} / {\n  $0\n} -> ${4:TO};",
            ),
            ("state", "state ${1:NAME}\n  enter {\n    $0\n  };"),
            ("initial state", "initial state ${1:START};"),
            ("function", "function ${1:name}() {\n  $0\n};"),
            ("import", "import(${1:mod_name});"),
        ];
        for (label, snippet) in declarations {
            self.snippet(label, CompletionItemKind::KEYWORD, snippet);
        }
    }
}

fn states(cursor: &Cursor, quoted: bool, offers: &mut Offers) {
    for name in cursor.analysis.index.names(Entity::State) {
        let text = match needs_quotes(name) && !quoted {
            true => format!("\"{name}\""),
            false => name.to_owned(),
        };
        offers.add(name, text, CompletionItemKind::CLASS);
    }
}

fn conditions(workspace: &Workspace, cursor: &Cursor, offers: &mut Offers) {
    for word in ["not", "exception"] {
        offers.plain(word, CompletionItemKind::KEYWORD, None);
    }
    let imports = &cursor.analysis.index.imports;
    for (name, kind) in workspace.registry.conditions_in_reach(imports) {
        let detail = kind.map(parameters).unwrap_or_default();
        let item = match name {
            "test" | "keyPress" => {
                let snippet = format!("{name}(${{1}})$0");
                offers.snippet(name, CompletionItemKind::EVENT, &snippet)
            }
            _ => offers.add(name, name.to_owned(), CompletionItemKind::EVENT),
        };
        item.detail = Some(detail);
        item.documentation =
            hover::condition_in_reach(&workspace.registry, imports, name).map(markdown);
    }
}

/// The parameters of an event in one line.
fn parameters(kind: EventKind) -> String {
    let names: Vec<String> = kind
        .parameters()
        .map(|it| format!("#{}", it.name))
        .collect();
    names.join(" ")
}

fn statements(workspace: &Workspace, cursor: &Cursor, offers: &mut Offers) {
    offers.snippet(
        "if",
        CompletionItemKind::KEYWORD,
        "if test(${1}) {\n  $0\n}",
    );
    offers.snippet("else", CompletionItemKind::KEYWORD, "else {\n  $0\n}");
    let iteration = "for (\\$${1:element} in \\$${2:array}) {\n  $0\n}";
    offers.snippet("for", CompletionItemKind::KEYWORD, iteration);
    let index = &cursor.analysis.index;
    for name in index.names(Entity::Function) {
        offers.add(name, format!("{name}();"), CompletionItemKind::FUNCTION);
    }
    for signature in workspace.registry.actions_in_reach(&index.imports) {
        let item = offers.snippet(
            &signature.name,
            CompletionItemKind::METHOD,
            &call(signature),
        );
        item.detail = Some(signature.usage());
        item.documentation = Some(markdown(hover::action(signature)));
        item.deprecated = signature.remark_text().map(|_| true);
    }
}

/// A call with its parameters to fill in; those that may be left out are.
fn call(signature: &Signature) -> String {
    let mut text = format!("{}(", signature.name);
    let needed = signature.parameter_names().filter(|&(_, needed)| needed);
    for (index, (name, _)) in needed.enumerate() {
        if index > 0 {
            text += signature.separator_text();
        }
        let number = index + 1;
        let _ = match name {
            "path" => write!(text, "\"${{{number}:{name}}}\""),
            "variable" => write!(text, "\\$${{{number}:{name}}}"),
            _ => write!(text, "${{{number}:{name}}}"),
        };
    }
    text + ");$0"
}

fn includes(workspace: &Workspace, cursor: &Cursor, offers: &mut Offers) {
    let base = folder(&cursor.analysis.path);
    let typed = cursor.text().get(..cursor.offset).unwrap_or("");
    let line = typed.rsplit('\n').next().unwrap_or("");
    let name = line.trim_start().trim_start_matches("#include");
    let name = name.trim_start_matches([' ', '\t', '"', '\'']);
    let inner = name.rsplit_once('/').map_or("", |(inner, _)| inner);
    let folder = join(base, inner);
    let prefix = if inner.is_empty() {
        String::new()
    } else {
        format!("{inner}/")
    };
    for file in diagram_files(&folder, &workspace.documents) {
        let name = format!("{prefix}{file}");
        if join(base, &name) != cursor.path {
            offers.plain(&name, CompletionItemKind::FILE, None);
        }
    }
    for folder in workspace.documents.folders(&folder) {
        let name = format!("{prefix}{folder}/");
        offers.plain(&name, CompletionItemKind::FOLDER, None);
    }
}

fn arguments(
    workspace: &mut Workspace,
    cursor: &Cursor,
    spot: &Spot,
    argument: &ArgumentSpot,
    offers: &mut Offers,
) {
    match argument.wanted {
        Wanted::Variable | Wanted::VariableName => variables(workspace, cursor, spot, offers),
        Wanted::Parameter => event_parameters(spot, offers),
        Wanted::Select => {
            for name in SELECTS {
                offers.plain(name, CompletionItemKind::PROPERTY, hover::select(name));
            }
        }
        Wanted::Diagram => {
            for one in workspace.diagrams(&cursor.path) {
                let starts = one.loaded.diagram.as_ref();
                if starts.is_none_or(|it| it.initial().is_some()) {
                    offers.plain(one.name(), CompletionItemKind::MODULE, Some(&one.path));
                }
            }
        }
        Wanted::File => files(workspace, cursor, spot, offers),
        Wanted::Flag => {
            for word in ["true", "false"] {
                offers.plain(word, CompletionItemKind::VALUE, None);
            }
        }
        Wanted::Value => {}
    }
}

fn variables(workspace: &mut Workspace, cursor: &Cursor, spot: &Spot, offers: &mut Offers) {
    let mut names = written(cursor.text(), spot.start);
    for one in workspace.related(&cursor.path) {
        let places = one.index.occurrences.iter();
        let variables = places.filter(|place| place.entity == Entity::Variable);
        // The word that is being typed is no variable yet.
        let here = one.file(&cursor.path);
        let typed = |place: &Occurrence| {
            here == Some(place.span.file) && place.span.start as usize == spot.start
        };
        let others = variables.filter(|place| !typed(place));
        names.extend(others.map(|place| place.name.to_string()));
    }
    for name in &names {
        offers.plain(name, CompletionItemKind::VARIABLE, None);
    }
    for (name, meaning) in hover::special_names().filter(|(name, _)| !names.contains(*name)) {
        let item = offers.add(name, name.to_owned(), CompletionItemKind::CONSTANT);
        item.documentation = Some(markdown(meaning.to_owned()));
    }
}

/// Every `$name` of a text but the one at `typed`: a list that is not closed yet is in no index.
fn written(text: &str, typed: usize) -> BTreeSet<String> {
    let names = text.match_indices('$').filter_map(|(at, _)| {
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.'));
        let name = &rest[..end.unwrap_or(rest.len())];
        (at + 1 != typed && !name.is_empty()).then(|| name.trim_end_matches('.').to_owned())
    });
    names.collect()
}

/// The parameters of the events that the transition asks for; of all events where it asks for none.
fn event_parameters(spot: &Spot, offers: &mut Offers) {
    let mut parameters: BTreeMap<&str, &str> = BTreeMap::new();
    // What stands for many names is none.
    let single = |parameter: &EventParameter| parameter.family().is_none();
    let asked = spot.events.iter().flat_map(|kind| kind.parameters());
    for parameter in asked.filter(single) {
        parameters.insert(parameter.name, parameter.doc);
    }
    if parameters.is_empty() {
        // What one means depends on the event.
        let all = crate::dsm::event_kinds().flat_map(|kind| kind.parameters());
        parameters.extend(all.filter(single).map(|parameter| (parameter.name, "")));
    }
    for (name, doc) in parameters {
        let doc = Some(doc).filter(|doc| !doc.is_empty());
        offers.plain(name, CompletionItemKind::FIELD, doc);
    }
}

/// Files and folders under the folders with prompts.
fn files(workspace: &Workspace, cursor: &Cursor, spot: &Spot, offers: &mut Offers) {
    let typed = cursor.text().get(spot.start..cursor.offset).unwrap_or("");
    let inner = typed.rsplit_once('/').map_or("", |(inner, _)| inner);
    let prefix = if inner.is_empty() {
        String::new()
    } else {
        format!("{inner}/")
    };
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for root in workspace.audio_folders() {
        let folder = join(&root, inner);
        let list = workspace.documents.list(&folder).into_iter();
        files.extend(list.filter(|name| name.to_lowercase().ends_with(".wav")));
        folders.extend(workspace.documents.folders(&folder));
    }
    for name in files {
        let path = format!("{prefix}{name}");
        let text = if spot.quoted {
            path.clone()
        } else {
            format!("\"{path}\"")
        };
        offers.add(&path, text, CompletionItemKind::FILE);
    }
    for name in folders.iter().filter(|name| !name.starts_with('.')) {
        let path = format!("{prefix}{name}/");
        offers.plain(&path, CompletionItemKind::FOLDER, None);
    }
}

fn markdown(value: String) -> Documentation {
    Documentation::MarkupContent(MarkupContent {
        kind: MarkupKind::Markdown,
        value,
    })
}
