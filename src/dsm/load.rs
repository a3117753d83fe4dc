//! Loading: a path to a diagram that runs, with everything that can be said about it.

use std::collections::HashSet;
use std::sync::Arc;

use super::check::check;
use super::diagnostic::{Diagnostic, Report, Severity, code};
use super::include::{assemble, join};
use super::program::{DiagramSet, StateDiagram};
use super::registry::Registry;
use super::source::{EntryKind, SourceMap, SourceProvider};
use super::syntax::{ast, parse};
use crate::suggest::closest;

/// The result of loading one diagram.
#[derive(Debug)]
pub struct Loaded {
    /// The diagram; `None` if there is an error among the findings.
    pub diagram: Option<Arc<StateDiagram>>,
    /// Everything found, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read, for showing the findings.
    pub sources: Arc<SourceMap>,
}

impl Loaded {
    /// All findings as text.
    pub fn render(&self) -> String {
        self.diagnostics
            .iter()
            .map(|finding| finding.render(&self.sources))
            .collect()
    }

    /// All findings as values that serialise.
    pub fn reports(&self) -> impl Iterator<Item = Report> {
        self.diagnostics
            .iter()
            .map(|finding| finding.report(&self.sources))
    }

    /// The worst finding.
    pub fn worst(&self) -> Option<Severity> {
        self.diagnostics
            .iter()
            .map(|finding| finding.severity)
            .max()
    }
}

/// Loads the file at `path` as a diagram called `name`. Relative includes are looked up in the
/// folder of the file.
pub fn load(name: &str, path: &str, provider: &dyn SourceProvider, registry: &Registry) -> Loaded {
    load_and(name, path, provider, registry, |_| ()).0
}

/// As [`load`], with what `look` makes of the tree. A diagram with errors has a tree too: everything
/// that could be read. `None` if the file could not be read.
pub(super) fn load_and<T>(
    name: &str,
    path: &str,
    provider: &dyn SourceProvider,
    registry: &Registry,
    look: impl FnOnce(&ast::Diagram<'_>) -> T,
) -> (Loaded, Option<T>) {
    let mut sources = SourceMap::default();
    let mut found = Vec::new();
    let Some(text) = assemble(path, folder(path), provider, &mut sources, &mut found) else {
        let loaded = Loaded {
            diagram: None,
            diagnostics: found,
            sources: Arc::new(sources),
        };
        return (loaded, None);
    };
    let (tree, syntax) = parse(&text);
    found.extend(syntax);
    let seen = look(&tree);
    let sources = Arc::new(sources);
    let (diagram, diagnostics) = check(name, &tree, text.span(0, 0), &sources, registry, found);
    let loaded = Loaded {
        diagram,
        diagnostics,
        sources,
    };
    (loaded, Some(seen))
}

/// The diagrams of a collection that loaded, and all findings.
#[derive(Debug)]
pub struct LoadedSet {
    /// Those without error.
    pub diagrams: Arc<DiagramSet>,
    /// Each with its findings, in the order asked for.
    pub loaded: Vec<Loaded>,
}

/// Loads several diagrams, given as (name, path), that can call each other.
///
/// A file that another one includes and that cannot be started on its own is a part, not a diagram:
/// it is left out.
pub fn load_set(
    diagrams: &[(String, String)],
    provider: &dyn SourceProvider,
    registry: &Registry,
) -> LoadedSet {
    let load = |(name, path): &(String, String)| load(name, path, provider, registry);
    let mut loaded: Vec<Loaded> = diagrams.iter().map(load).collect();
    let included: HashSet<String> = loaded
        .iter()
        .flat_map(|one| one.sources.files().skip(1))
        .map(|file| file.path().to_owned())
        .collect();
    let mut paths = diagrams.iter().map(|(_, path)| path);
    loaded.retain(|one| {
        let is_included = paths.next().is_some_and(|path| included.contains(path));
        let can_start = one
            .diagram
            .as_ref()
            .is_some_and(|it| it.initial().is_some());
        can_start || !is_included
    });
    let names: HashSet<&str> = diagrams.iter().map(|(name, _)| name.as_str()).collect();
    for one in &mut loaded {
        unknown_diagrams(one, &names);
    }
    let good = loaded.iter().filter_map(|one| one.diagram.clone());
    LoadedSet {
        diagrams: Arc::new(DiagramSet::new(good)),
        loaded,
    }
}

/// Reports the literal diagram names that are not in `known`.
fn unknown_diagrams(loaded: &mut Loaded, known: &HashSet<&str>) {
    let Some(diagram) = &loaded.diagram else {
        return;
    };
    for (name, span) in &diagram.references {
        if known.contains(&**name) {
            continue;
        }
        let message = format!("there is no diagram '{name}'; the list will just go on");
        let near = closest(name, known.iter().copied());
        let hint = near.map(|near| format!("did you mean '{near}'?"));
        let finding = Diagnostic::new(code::UNKNOWN_DIAGRAM, *span, message).maybe_hint(hint);
        loaded.diagnostics.push(finding);
    }
    loaded.diagnostics.sort_by_key(|finding| finding.span);
}

/// The outcome of [`check_paths`].
#[derive(Debug)]
pub struct Checked {
    /// Each diagram with its findings.
    pub loaded: Vec<Loaded>,
    /// Paths that name nothing.
    pub unreadable: Vec<String>,
}

impl Checked {
    /// All findings as text.
    pub fn render(&self) -> String {
        self.loaded.iter().map(Loaded::render).collect()
    }

    /// All findings as values that serialise.
    pub fn reports(&self) -> impl Iterator<Item = Report> {
        self.loaded.iter().flat_map(Loaded::reports)
    }

    /// The worst finding of all.
    pub fn worst(&self) -> Option<Severity> {
        self.loaded.iter().filter_map(Loaded::worst).max()
    }
}

/// Checks files, and folders with all `*.dsm` directly in them.
///
/// A called diagram is looked for among the files of the same folder; parts that others include are
/// left out as in [`load_set`].
pub fn check_paths(
    paths: &[String],
    provider: &dyn SourceProvider,
    registry: &Registry,
) -> Checked {
    let mut checked = Checked {
        loaded: Vec::new(),
        unreadable: Vec::new(),
    };
    for path in paths {
        match provider.kind(path) {
            None => checked.unreadable.push(path.clone()),
            Some(EntryKind::File) => {
                let names = diagram_files(folder(path), provider);
                let mut one = load(stem(path), path, provider, registry);
                let known = names
                    .iter()
                    .map(|name| stem(name))
                    .chain([stem(path)])
                    .collect();
                unknown_diagrams(&mut one, &known);
                checked.loaded.push(one);
            }
            Some(EntryKind::Folder) => {
                checked
                    .loaded
                    .extend(check_folder(path, provider, registry));
            }
        }
    }
    checked
}

fn check_folder(path: &str, provider: &dyn SourceProvider, registry: &Registry) -> Vec<Loaded> {
    let files = diagram_files(path, provider);
    let diagrams: Vec<_> = files
        .iter()
        .map(|file| (stem(file).to_owned(), join(path, file)))
        .collect();
    load_set(&diagrams, provider, registry).loaded
}

/// The names of the diagram files directly in a folder, sorted.
pub fn diagram_files(folder: &str, provider: &dyn SourceProvider) -> Vec<String> {
    let mut names = provider.list(if folder.is_empty() { "." } else { folder });
    names.retain(|name| name.ends_with(".dsm"));
    names.sort_unstable();
    names
}

/// The folder part of a path; empty if it has none.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The name of the diagram in a file: the file's name without `.dsm`.
pub fn stem(path: &str) -> &str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.strip_suffix(".dsm").unwrap_or(name)
}
