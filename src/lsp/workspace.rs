//! What the editor has open, read as diagrams: which diagrams there are, what each one names, and
//! which of them belong together.
//!
//! A diagram is read once and kept until one of its files changes. All features ask here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use lsp_types::{Location, Range, TextDocumentPositionParams, Uri};

use super::documents::Documents;
use super::position::{Encoding, Lines};
use super::settings::Settings;
use super::uri::{normal, path_of, uri_of};
use crate::dsm::source::{EntryKind, FileId, SourceMap, Span};
use crate::dsm::symbols::{DeclarationKind, Entity, Index, Occurrence};
use crate::dsm::{
    Diagnostic, Loaded, Registry, SourceProvider, check_paths, diagram_files, folder, join, stem,
};

/// Diagrams that are read to find out what belongs together; further ones are not seen.
const MAX_DIAGRAMS: usize = 1000;
/// Folders above a document in which diagrams are looked for that include it.
const MAX_PARENTS: usize = 8;

/// Everything the features need to know.
pub struct Workspace {
    /// Open documents over the file system.
    pub documents: Documents,
    /// Known actions, conditions and modules.
    pub registry: Registry,
    /// How the client counts characters.
    pub encoding: Encoding,
    /// What the client set.
    pub settings: Settings,
    /// Paths of the workspace folders.
    pub roots: Vec<String>,
    cache: HashMap<String, Rc<Analysis>>,
}

/// One diagram as it stands.
pub struct Analysis {
    /// The path of its main file.
    pub path: String,
    /// What the check says.
    pub loaded: Loaded,
    /// What it names.
    pub index: Index,
}

/// A place in a document, and the diagram in which it is looked at.
pub struct Cursor {
    /// The diagram.
    pub analysis: Rc<Analysis>,
    /// The document.
    pub path: String,
    /// Its file in the index of the diagram.
    pub file: FileId,
    /// The byte.
    pub offset: usize,
}

impl Cursor {
    /// The name under the cursor.
    pub fn name(&self) -> Option<&Occurrence> {
        self.analysis.index.at(self.file, self.offset as u32)
    }

    /// The text of the document.
    pub fn text(&self) -> &str {
        self.analysis.index.sources.file(self.file).text()
    }
}

impl Analysis {
    /// The name under which the diagram is called.
    pub fn name(&self) -> &str {
        stem(&self.path)
    }

    /// Whether a file is the diagram or included by it.
    pub fn has(&self, path: &str) -> bool {
        self.file(path).is_some()
    }

    /// The file of a path in the index.
    pub fn file(&self, path: &str) -> Option<FileId> {
        file_in(&self.index.sources, path)
    }

    /// The lines of a file as the check read it.
    pub fn lines(&self, path: &str, encoding: Encoding) -> Option<Lines<'_>> {
        let file = file_in(&self.loaded.sources, path)?;
        Some(Lines::new(self.loaded.sources.file(file).text(), encoding))
    }

    /// The findings in one file.
    pub fn findings<'a>(&'a self, path: &str) -> impl Iterator<Item = (&'a Diagnostic, Span)> {
        let file = file_in(&self.loaded.sources, path);
        let findings = self.loaded.diagnostics.iter();
        findings
            .map(|finding| (finding, finding.span))
            .filter(move |(_, span)| Some(span.file) == file)
    }

    fn files(&self) -> impl Iterator<Item = String> {
        self.index.sources.files().map(|file| normal(file.path()))
    }

    fn misses_files(&self) -> bool {
        let mut includes = self.index.includes.iter();
        includes.any(|include| self.index.file(&include.path).is_none())
    }
}

fn file_in(sources: &SourceMap, path: &str) -> Option<FileId> {
    let known = sources.files().find(|file| normal(file.path()) == path)?;
    sources.find(known.path())
}

impl Workspace {
    /// A workspace without folders and documents.
    pub fn new(files: Box<dyn SourceProvider>, registry: Registry) -> Self {
        Self {
            documents: Documents::new(files),
            registry,
            encoding: Encoding::default(),
            settings: Settings::default(),
            roots: Vec::new(),
            cache: HashMap::new(),
        }
    }

    /// Forgets the diagrams that have this file, or miss one.
    pub fn changed(&mut self, path: &str) {
        self.cache
            .retain(|_, one| !one.has(path) && !one.misses_files());
    }

    /// Forgets all that was read: files came or went.
    pub fn refresh(&mut self) {
        self.cache.clear();
    }

    /// The diagram whose main file is at `path`.
    pub fn analysis(&mut self, path: &str) -> Rc<Analysis> {
        if let Some(known) = self.cache.get(path) {
            return known.clone();
        }
        let paths = [path.to_owned()];
        let checked = check_paths(&paths, &self.documents, &self.registry);
        let loaded = checked.loaded.into_iter().next();
        let analysis = Rc::new(Analysis {
            path: path.to_owned(),
            loaded: loaded.unwrap_or_else(|| Loaded {
                diagram: None,
                diagnostics: Vec::new(),
                sources: Default::default(),
            }),
            index: Index::of(path, &self.documents, &self.registry),
        });
        self.cache.insert(path.to_owned(), analysis.clone());
        analysis
    }

    /// The diagrams in which a file is checked: those that include it, and itself unless it is only
    /// a part of others.
    pub fn containing(&mut self, path: &str) -> Vec<Rc<Analysis>> {
        let own = self.analysis(path);
        let mut found: Vec<_> = self
            .diagrams(path)
            .into_iter()
            .filter(|one| one.path != path && one.has(path))
            .collect();
        let mut declared = own.index.declarations.iter();
        let starts = declared.any(|one| one.kind == DeclarationKind::State { initial: true });
        if starts || found.is_empty() {
            found.insert(0, own);
        }
        found
    }

    /// The diagram in which the names of a file are looked up.
    pub fn view(&mut self, path: &str) -> Option<(Rc<Analysis>, FileId)> {
        let analysis = self.containing(path).into_iter().next()?;
        let file = analysis.file(path)?;
        Some((analysis, file))
    }

    /// The place a request is about.
    pub fn cursor(&mut self, at: &TextDocumentPositionParams) -> Option<Cursor> {
        let path = path_of(&at.text_document.uri);
        let (analysis, file) = self.view(&path)?;
        let text = analysis.index.sources.file(file).text();
        let offset = Lines::new(text, self.encoding).offset(at.position);
        Some(Cursor {
            analysis,
            path,
            file,
            offset,
        })
    }

    /// Every diagram in the folders that a document may have to do with, in order of paths.
    pub fn diagrams(&mut self, path: &str) -> Vec<Rc<Analysis>> {
        let mut paths = BTreeSet::new();
        for folder in self.diagram_folders(path) {
            let files = diagram_files(&folder, &self.documents);
            paths.extend(files.iter().map(|file| join(&folder, file)));
        }
        let paths = paths.into_iter().take(MAX_DIAGRAMS);
        paths.map(|path| self.analysis(&path)).collect()
    }

    /// Every diagram of the workspace folders and beside open documents, in order of paths.
    pub fn every_diagram(&mut self) -> Vec<Rc<Analysis>> {
        let open = self.documents.iter().map(|(path, _)| path.to_owned());
        let roots = self.roots.iter().map(|root| join(root, ""));
        let from: Vec<String> = open.chain(roots).collect();
        let mut found: BTreeMap<String, Rc<Analysis>> = BTreeMap::new();
        for path in from {
            let diagrams = self.diagrams(&path).into_iter();
            found.extend(diagrams.map(|one| (one.path.clone(), one)));
        }
        found.into_values().collect()
    }

    /// The diagrams one session may run together with those of a file, as far as the text tells: they
    /// call or jump to each other, or share files.
    pub fn related(&mut self, path: &str) -> Vec<Rc<Analysis>> {
        let mut group = self.containing(path);
        let mut rest: Vec<_> = self
            .diagrams(path)
            .into_iter()
            .filter(|one| group.iter().all(|known| known.path != one.path))
            .collect();
        let mut from = 0;
        while from < group.len() {
            let known = group[from].clone();
            from += 1;
            let (near, far) = rest
                .into_iter()
                .partition(|one| belong_together(&known, one));
            group.extend::<Vec<_>>(near);
            rest = far;
        }
        group
    }

    /// The folders with diagrams around a document, the nearest first.
    pub fn diagram_folders(&self, path: &str) -> Vec<String> {
        let mut folders = vec![folder(path).to_owned()];
        let root = self.roots.iter().find(|root| is_below(path, root));
        if let Some(root) = root {
            let mut parent = folder(path);
            for _ in 0..MAX_PARENTS {
                if !is_below(parent, root) {
                    break;
                }
                parent = folder(parent);
                folders.push(parent.to_owned());
            }
        }
        folders.extend(self.configured(&self.settings.diagrams, "dsm"));
        let mut seen = BTreeSet::new();
        folders.retain(|folder| !folder.is_empty() && seen.insert(folder.clone()));
        folders
    }

    /// The folders in which prompts are.
    pub fn audio_folders(&self) -> Vec<String> {
        self.configured(&self.settings.audio, "audio")
    }

    /// The folders of a setting, or those of its usual name that are there.
    fn configured(&self, setting: &[String], usual: &str) -> Vec<String> {
        let usual = [usual.to_owned()];
        let names = if setting.is_empty() { &usual } else { setting };
        let mut folders = Vec::new();
        for name in names {
            match name.starts_with('/') {
                true => folders.push(normal(name)),
                false => folders.extend(self.roots.iter().map(|root| normal(&join(root, name)))),
            }
        }
        folders.retain(|folder| self.documents.kind(folder) == Some(EntryKind::Folder));
        folders
    }

    /// The name of a file for the client; as the client writes it if it is open.
    pub fn uri(&self, path: &str) -> Option<Uri> {
        let path = normal(path);
        match self.documents.document(&path) {
            Some(document) => Some(document.uri.clone()),
            None => uri_of(&path),
        }
    }

    /// Where a span stands, for the client.
    pub fn location(&self, sources: &SourceMap, span: Span) -> Option<Location> {
        let uri = self.uri(sources.file(span.file).path())?;
        Some(Location::new(uri, self.range(sources, span)))
    }

    /// The range of a span in its file.
    pub fn range(&self, sources: &SourceMap, span: Span) -> Range {
        let lines = Lines::new(sources.file(span.file).text(), self.encoding);
        lines.range(span.start as usize, span.end as usize)
    }

    /// The ranges of many places, by file, each place once.
    pub fn ranges<'a>(
        &self,
        places: impl IntoIterator<Item = (&'a SourceMap, Span)>,
    ) -> BTreeMap<String, Vec<Range>> {
        let mut files: BTreeMap<String, (&str, BTreeSet<Span>)> = BTreeMap::new();
        for (sources, span) in places {
            let file = sources.file(span.file);
            let of_file = files.entry(normal(file.path()));
            // Each diagram numbers its files in its own way.
            let place = Span {
                file: FileId::default(),
                ..span
            };
            let (_, spans) = of_file.or_insert_with(|| (file.text(), BTreeSet::new()));
            spans.insert(place);
        }
        let ranges = files.into_iter().map(|(path, (text, spans))| {
            let lines = Lines::new(text, self.encoding);
            let range = |span: Span| lines.range(span.start as usize, span.end as usize);
            (path, spans.into_iter().map(range).collect())
        });
        ranges.collect()
    }
}

fn belong_together(one: &Analysis, other: &Analysis) -> bool {
    let shared = one.files().any(|path| other.has(&path));
    let calls = |from: &Analysis, to: &Analysis| {
        let mut places = from.index.places(Entity::Diagram, to.name());
        places.next().is_some()
    };
    shared || calls(one, other) || calls(other, one)
}

fn is_below(path: &str, root: &str) -> bool {
    let root = root.trim_end_matches('/');
    path.strip_prefix(root)
        .is_some_and(|rest| rest.starts_with('/'))
}
