//! Open documents, and how they hide the files they were read from.

use std::collections::BTreeMap;

use lsp_types::Uri;

use super::uri::normal;
use crate::dsm::SourceProvider;
use crate::dsm::source::EntryKind;

/// The longest document that is looked at, in bytes: far more than anyone writes by hand, and little
/// enough that each key press is answered at once.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// A document that is open in the editor.
pub struct Document {
    /// Its name as the client writes it.
    pub uri: Uri,
    /// The client's number of this version.
    pub version: i32,
    /// The text; empty if it is [too long](MAX_DOCUMENT_BYTES).
    pub text: String,
    /// It was longer than what is looked at.
    pub too_long: bool,
}

/// The open documents by path, over the files of a provider.
pub struct Documents {
    open: BTreeMap<String, Document>,
    files: Box<dyn SourceProvider>,
}

impl Documents {
    /// No open documents over these files.
    pub fn new(files: Box<dyn SourceProvider>) -> Self {
        Self {
            open: BTreeMap::new(),
            files,
        }
    }

    /// Opens a document, or gives it a new text.
    pub fn set(&mut self, path: String, uri: Uri, version: i32, text: String) {
        let too_long = text.len() > MAX_DOCUMENT_BYTES;
        let document = Document {
            uri,
            version,
            text: if too_long { String::new() } else { text },
            too_long,
        };
        self.open.insert(path, document);
    }

    /// Closes a document; the file counts again.
    pub fn close(&mut self, path: &str) -> Option<Document> {
        self.open.remove(path)
    }

    /// An open document.
    pub fn document(&self, path: &str) -> Option<&Document> {
        self.open.get(path)
    }

    /// All open documents with their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.open.iter().map(|(path, one)| (path.as_str(), one))
    }
}

impl SourceProvider for Documents {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        if self.open.contains_key(&normal(path)) {
            return Some(EntryKind::File);
        }
        path.starts_with('/').then(|| self.files.kind(path))?
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        if let Some(document) = self.open.get(&normal(path)) {
            return Some(document.text.as_bytes().to_vec());
        }
        path.starts_with('/').then(|| self.files.read(path))?
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let folder = normal(folder);
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let mut names = match folder.starts_with('/') {
            true => self.files.list(&folder),
            false => Vec::new(),
        };
        let open = self
            .open
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix));
        names.extend(open.filter(|name| !name.contains('/')).map(str::to_owned));
        names.sort_unstable();
        names.dedup();
        names
    }

    fn folders(&self, folder: &str) -> Vec<String> {
        self.files.folders(folder)
    }
}
