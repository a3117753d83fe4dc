//! What a diagram names, and where: the index behind "go to definition", "rename" and outlines.
//!
//! [`Index::of`] reads a diagram with its includes and keeps every place where a state, function,
//! variable, parameter, diagram or file is written, each with its exact span. [`spot()`] says what may
//! stand at a place of a text that is being typed. Both look at the text only: what is wrong with it
//! is the business of the check. Names that are made while a call runs (`setVar($name=..)`) are in
//! no text and so in no index.

mod collect;
mod references;
mod spot;
#[cfg(test)]
mod tests;

use super::include::assemble;
use super::load::folder;
use super::registry::Registry;
use super::source::{FileId, SourceMap, SourceProvider, Span};
use super::syntax::{self, TokenKind};

pub use super::include::Include;
pub use spot::{ArgumentSpot, Place, Spot, Wanted, spot};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A state.
    State,
    /// A function of the diagram.
    Function,
    /// One variable, under its full name: `a`, `a.b` and `a[0]` are three.
    Variable,
    /// All variables that begin with a name: the array or struct of a loop, of `size`, `clearStruct`.
    Collection,
    /// An event parameter.
    Parameter,
    /// A select.
    Select,
    /// Another diagram.
    Diagram,
    /// A file to play or to record to.
    File,
    /// A prompt of the prompt set.
    Prompt,
    /// An imported module.
    Module,
    /// An action, or what is written in its place.
    Action,
    /// A condition, or what is written in its place.
    Condition,
}

/// What a place does with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It is declared here.
    Definition,
    /// A variable or parameter is assigned or removed here.
    Write,
    /// It is used here.
    Use,
}

/// One place where a name is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// The name alone: without quotes, `$` or parentheses.
    pub span: Span,
    /// What it stands for.
    pub entity: Entity,
    /// What happens to it.
    pub role: Role,
    /// The name.
    pub name: Box<str>,
}

/// One declaration of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// What is declared.
    pub kind: DeclarationKind,
    /// Its name.
    pub name: Box<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// The whole declaration.
    pub span: Span,
}

/// What a declaration declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeclarationKind {
    /// A state.
    State {
        /// The diagram starts in it.
        initial: bool,
    },
    /// A function.
    Function,
    /// A transition.
    Transition {
        /// The states it leaves, also where they are not written.
        sources: Vec<Box<str>>,
        /// Its conditions as written, with `;` between.
        conditions: String,
        /// The state it leads to.
        target: Box<str>,
    },
}

/// All names of one diagram with its includes.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// The files that were read; the diagram itself is the first.
    pub sources: SourceMap,
    /// Every name, in the order of files and places, none twice.
    pub occurrences: Vec<Occurrence>,
    /// Every declaration, in the order of the text.
    pub declarations: Vec<Declaration>,
    /// Every file that was or should have been included.
    pub includes: Vec<Include>,
    /// The names of the imported modules.
    pub imports: Vec<Box<str>>,
    /// Keywords.
    pub keywords: Vec<Span>,
    /// Comment lines.
    pub comments: Vec<Span>,
    /// Braces and what is between them, where that is more than a line.
    pub blocks: Vec<Span>,
}

impl Index {
    /// Reads the diagram at `path`. One that cannot be read has an empty index.
    pub fn of(path: &str, provider: &dyn SourceProvider, registry: &Registry) -> Self {
        let mut sources = SourceMap::default();
        // What is wrong is reported by the check, which reads the same text.
        let mut found = Vec::new();
        let text = assemble(path, folder(path), provider, &mut sources, &mut found);
        let Some(text) = text else {
            return Self::default();
        };
        let (tree, _) = syntax::parse(&text);
        let mut index = collect::collect(&text, &tree, registry);
        let tokens = syntax::lex(&text).tokens;
        index.keywords = tokens
            .iter()
            .filter(|token| syntax::is_keyword(token))
            .map(|token| Span {
                end: token.span.start + token.text.len() as u32,
                ..token.span
            })
            .collect();
        index.blocks = blocks(&tokens);
        index.comments = text.comments().collect();
        index.includes = text.includes().to_vec();
        for list in [&mut index.keywords, &mut index.blocks, &mut index.comments] {
            list.sort_unstable();
            list.dedup();
        }
        index.sources = sources;
        index
    }

    /// The file of this path, if the diagram has it.
    pub fn file(&self, path: &str) -> Option<FileId> {
        self.sources.find(path)
    }

    /// What is written in `file` at the byte `offset`; the end of a name counts.
    pub fn at(&self, file: FileId, offset: u32) -> Option<&Occurrence> {
        let here = |one: &&Occurrence| {
            one.span.file == file && one.span.start <= offset && offset <= one.span.end
        };
        let found = self.occurrences.iter().filter(here);
        // Between two adjoining names the one that begins here is meant.
        found.max_by_key(|one| one.span.start)
    }

    /// Every place of a name.
    pub fn places<'a>(
        &'a self,
        entity: Entity,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Occurrence> {
        let same = move |one: &&Occurrence| one.entity == entity && *one.name == *name;
        self.occurrences.iter().filter(same)
    }

    /// The names of one kind, each once, in order.
    pub fn names(&self, entity: Entity) -> Vec<&str> {
        let of_kind = self.occurrences.iter().filter(|one| one.entity == entity);
        let mut names: Vec<&str> = of_kind.map(|one| &*one.name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The braces that stand in one file and hold each other's partner, as long as they span lines.
fn blocks(tokens: &[syntax::Token<'_>]) -> Vec<Span> {
    let mut open = Vec::new();
    let mut blocks = Vec::new();
    for token in tokens {
        match token.kind {
            TokenKind::OpenBrace => open.push(token.span),
            TokenKind::CloseBrace => {
                if let Some(start) = open.pop()
                    && start.file == token.span.file
                {
                    blocks.push(start.to(token.span));
                }
            }
            _ => {}
        }
    }
    blocks
}
