//! Loading: a path to a diagram that runs, with everything that can be said about it.

use std::collections::HashSet;
use std::sync::Arc;

use super::check::{NothingKnown, RESOURCE_CODES, Resources, SET_CODES, check, lint_set};
use super::diagnostic::allow::Allows;
use super::diagnostic::{Diagnostic, MAX_FINDINGS, Report, Severity, Theme, code, tidy};
use super::include::{assemble, join};
use super::program::{DiagramSet, StateDiagram};
use super::registry::Registry;
use super::source::{EntryKind, SourceFile, SourceMap, SourceProvider};
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
        self.render_from(Severity::Note)
    }

    /// The findings from a severity up as text.
    pub fn render_from(&self, least: Severity) -> String {
        let findings = self.diagnostics.iter();
        findings
            .filter(|finding| finding.severity >= least)
            .map(|finding| finding.render(&self.sources))
            .collect()
    }

    /// All findings as values that serialise.
    pub fn reports(&self) -> impl Iterator<Item = Report> {
        self.diagnostics
            .iter()
            .map(|finding| finding.report(&self.sources))
    }

    /// The path of the diagram's own file.
    pub fn path(&self) -> &str {
        self.sources.files().next().map_or("", SourceFile::path)
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
///
/// Of diagrams that it calls, or that call it, nothing is known; [`load_set`] says more.
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
    let (draft, seen) = Draft::load(name, path, provider, registry, look);
    (draft.finish_alone(None, &NothingKnown), seen)
}

/// A diagram that is loaded, but not compared with the others yet.
struct Draft {
    loaded: Loaded,
    allows: Allows,
}

impl Draft {
    fn load<T>(
        name: &str,
        path: &str,
        provider: &dyn SourceProvider,
        registry: &Registry,
        look: impl FnOnce(&ast::Diagram<'_>) -> T,
    ) -> (Self, Option<T>) {
        let mut sources = SourceMap::default();
        let mut found = Vec::new();
        let Some(text) = assemble(path, folder(path), provider, &mut sources, &mut found) else {
            let draft = Self {
                loaded: Loaded {
                    diagram: None,
                    diagnostics: found,
                    sources: Arc::new(sources),
                },
                allows: Allows::default(),
            };
            return (draft, None);
        };
        let (tree, syntax) = parse(&text);
        found.extend(syntax);
        let seen = look(&tree);
        let sources = Arc::new(sources);
        let (diagram, diagnostics) = check(name, &tree, &text, &sources, registry, found);
        let draft = Self {
            allows: Allows::read(&sources, &tree.comments, &tree.extents),
            loaded: Loaded {
                diagram,
                diagnostics,
                sources,
            },
        };
        (draft, Some(seen))
    }

    /// Ends the work on a diagram that is looked at without others, of which at most names are known.
    fn finish_alone(self, names: Option<&HashSet<&str>>, resources: &dyn Resources) -> Loaded {
        let around = Surroundings {
            names,
            whole: false,
            resources,
        };
        let mut finished = around.finish(vec![self]);
        finished.pop().expect("one diagram gives one result")
    }
}

/// What is known around diagrams that are looked at together.
struct Surroundings<'a> {
    /// The names of all diagrams they may go to.
    names: Option<&'a HashSet<&'a str>>,
    /// Whether all diagrams that may call them, and that they may call, are among them.
    whole: bool,
    resources: &'a dyn Resources,
}

impl Surroundings<'_> {
    /// Adds what is only found when diagrams are looked at together, and takes out what is allowed.
    fn finish(&self, drafts: Vec<Draft>) -> Vec<Loaded> {
        let diagrams: Vec<_> = drafts.iter().map(|it| it.loaded.diagram.clone()).collect();
        // What a diagram with errors does is not known.
        let whole = self.whole && diagrams.iter().all(Option::is_some);
        let found = lint_set(&diagrams, whole, self.resources);
        let drafts = drafts.into_iter().zip(found);
        drafts
            .map(|(draft, found)| self.tell(draft, found, whole))
            .collect()
    }

    fn tell(&self, draft: Draft, found: Vec<Diagnostic>, whole: bool) -> Loaded {
        let mut loaded = draft.loaded;
        loaded.diagnostics.extend(found);
        if let (Some(names), Some(diagram)) = (self.names, &loaded.diagram) {
            unknown_diagrams(diagram, names, &mut loaded.diagnostics);
        }
        if let Some(main) = loaded.sources.ids().next() {
            // Without it nobody can tell whether a comment that allows the finding is of use.
            let is_looked_for = |code: &str| match code {
                _ if SET_CODES.iter().any(|it| it.name == code) => whole,
                _ if RESOURCE_CODES.iter().any(|it| it.name == code) => false,
                _ => code != code::UNKNOWN_DIAGRAM.name || self.names.is_some(),
            };
            draft
                .allows
                .apply(&mut loaded.diagnostics, main, is_looked_for);
        }
        tidy(&mut loaded.diagnostics);
        loaded
    }
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
    load_set_with(diagrams, provider, registry, &NothingKnown)
}

fn load_set_with(
    diagrams: &[(String, String)],
    provider: &dyn SourceProvider,
    registry: &Registry,
    resources: &dyn Resources,
) -> LoadedSet {
    let load =
        |(name, path): &(String, String)| Draft::load(name, path, provider, registry, |_| ()).0;
    let mut drafts: Vec<Draft> = diagrams.iter().map(load).collect();
    let included: HashSet<String> = drafts
        .iter()
        .flat_map(|draft| draft.loaded.sources.files().skip(1))
        .map(|file| file.path().to_owned())
        .collect();
    let mut paths = diagrams.iter().map(|(_, path)| path);
    drafts.retain(|draft| {
        let is_included = paths.next().is_some_and(|path| included.contains(path));
        let can_start = draft
            .loaded
            .diagram
            .as_ref()
            .is_some_and(|it| it.initial().is_some());
        can_start || !is_included
    });
    let names: HashSet<&str> = diagrams.iter().map(|(name, _)| name.as_str()).collect();
    let around = Surroundings {
        names: Some(&names),
        whole: true,
        resources,
    };
    let loaded = around.finish(drafts);
    let good = loaded.iter().filter_map(|one| one.diagram.clone());
    LoadedSet {
        diagrams: Arc::new(DiagramSet::new(good)),
        loaded,
    }
}

/// Reports the literal diagram names that are not in `known`.
fn unknown_diagrams(diagram: &StateDiagram, known: &HashSet<&str>, findings: &mut Vec<Diagnostic>) {
    for (name, span) in &diagram.references {
        if known.contains(&**name) {
            continue;
        }
        let message = format!("there is no diagram '{name}'; the list will just go on");
        // Nobody reads that many hints, and looking for one takes time.
        let hinted = findings.len() < MAX_FINDINGS;
        let near = closest(name, known.iter().copied().filter(|_| hinted));
        let hint = near.map(|near| format!("did you mean '{near}'?"));
        let finding = Diagnostic::new(code::UNKNOWN_DIAGRAM, *span, message).maybe_hint(hint);
        findings.push(finding);
    }
}

/// The outcome of [`check_paths`].
#[derive(Debug)]
pub struct Checked {
    /// Each diagram with its findings.
    pub loaded: Vec<Loaded>,
    /// Paths that name nothing, and files that cannot be read.
    pub unreadable: Vec<String>,
}

impl Checked {
    /// Adds a diagram, unless its file was checked already or cannot be read.
    fn add(&mut self, one: Loaded) {
        let path = one.path();
        let unreadable = |finding: &Diagnostic| finding.code == code::FILE_NOT_FOUND.name;
        if one.diagnostics.iter().any(unreadable) {
            self.unreadable.push(path.to_owned());
        } else if self.loaded.iter().all(|known| known.path() != path) {
            self.loaded.push(one);
        }
    }

    /// All findings as text.
    pub fn render(&self) -> String {
        self.render_with(&Theme::plain())
    }

    /// The same with the looks of a theme.
    pub fn render_with(&self, theme: &Theme) -> String {
        self.findings()
            .map(|(finding, sources)| finding.render_with(sources, theme))
            .collect()
    }

    /// All findings as values that serialise.
    pub fn reports(&self) -> impl Iterator<Item = Report> {
        self.findings()
            .map(|(finding, sources)| finding.report(sources))
    }

    /// All findings with the files they are in. What several diagrams include is told of once.
    pub fn findings(&self) -> impl Iterator<Item = (&Diagnostic, &SourceMap)> {
        let mut seen = HashSet::new();
        let all = self.loaded.iter().flat_map(|one| {
            let sources: &SourceMap = &one.sources;
            one.diagnostics
                .iter()
                .map(move |finding| (finding, sources))
        });
        all.filter(move |(finding, sources)| {
            let path = sources.file(finding.span.file).path();
            let place = (path, finding.span.start, finding.span.end);
            seen.insert((place, finding.code, &*finding.message))
        })
    }

    /// Makes errors of the findings that `is_denied` holds for.
    pub fn deny(&mut self, is_denied: impl Fn(&Diagnostic) -> bool) {
        let all = self.loaded.iter_mut().flat_map(|one| &mut one.diagnostics);
        all.filter(|finding| is_denied(finding))
            .for_each(|finding| finding.severity = Severity::Error);
    }

    /// The worst finding of all.
    pub fn worst(&self) -> Option<Severity> {
        self.loaded.iter().filter_map(Loaded::worst).max()
    }

    /// How many files were read.
    pub fn files(&self) -> usize {
        let all = self.loaded.iter().flat_map(|one| one.sources.files());
        all.map(SourceFile::path).collect::<HashSet<_>>().len()
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
    check_paths_with(paths, provider, registry, &NothingKnown)
}

/// As [`check_paths`], with what is known of files and prompts.
pub fn check_paths_with(
    paths: &[String],
    provider: &dyn SourceProvider,
    registry: &Registry,
    resources: &dyn Resources,
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
                let known = names.iter().map(|name| stem(name)).chain([stem(path)]);
                let (draft, _) = Draft::load(stem(path), path, provider, registry, |_| ());
                checked.add(draft.finish_alone(Some(&known.collect()), resources));
            }
            Some(EntryKind::Folder) => {
                for one in check_folder(path, provider, registry, resources) {
                    checked.add(one);
                }
            }
        }
    }
    checked
}

fn check_folder(
    path: &str,
    provider: &dyn SourceProvider,
    registry: &Registry,
    resources: &dyn Resources,
) -> Vec<Loaded> {
    let files = diagram_files(path, provider);
    let diagrams: Vec<_> = files
        .iter()
        .map(|file| (stem(file).to_owned(), join(path, file)))
        .collect();
    load_set_with(&diagrams, provider, registry, resources).loaded
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
