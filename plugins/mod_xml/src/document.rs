//! A document in libxml2, with what the last expression found in it.
//!
//! A document owns its tree and the one value that may point into it, so no pointer outlives its node.
//! One thread at a time uses it, any thread may.
#![allow(unsafe_code, reason = "the tree is made in C")]

use std::collections::HashSet;
use std::ffi::{CStr, CString, c_char, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::evaluation;
use crate::library::{self, Doc, Library, Namespace, Node, Value};
use crate::messages;

/// The largest text of a document, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The most bytes of texts in a document that is changed.
const MAX_GROWN: usize = 2 * MAX_BYTES;
/// The largest text that is written, in bytes: it may be indented where the one that was read was not.
const MAX_WRITTEN: usize = 4 * MAX_BYTES;
/// The most tags and attributes of a document; a node takes some hundred bytes.
const MAX_MARKUP: usize = 1 << 16;
/// Declarations that a document must not have: what they bring is multiplied wherever it is used.
const MULTIPLIERS: [&str; 2] = ["<!ENTITY", "<!ATTLIST"];

/// Why something is not done, for people.
pub type Problem = String;

/// A document.
#[derive(Debug)]
pub struct Document {
    library: &'static Library,
    tree: NonNull<Doc>,
    /// What the last expression found. Where it is nodes, they are of this tree.
    value: Option<NonNull<Value>>,
    evaluation: u64,
    /// At least the bytes of all its texts.
    bytes: usize,
}

// SAFETY: libxml2 keeps nothing of a tree in a thread, and the tree and value have one owner.
unsafe impl Send for Document {}

impl Drop for Document {
    fn drop(&mut self) {
        self.forget();
        // SAFETY: it is ours, and nothing points into it any more.
        unsafe { (self.library.free_doc)(self.tree.as_ptr()) }
    }
}

/// One node of what was found. A pointer and no reference: a namespace is shorter than other nodes.
struct Found<'a> {
    library: &'static Library,
    node: *mut Node,
    life: PhantomData<&'a Document>,
}

impl Document {
    /// Reads a text. Takes milliseconds for a large one.
    ///
    /// # Errors
    /// It is not well-formed, or larger than documents may be.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        fits(text)?;
        let library = Library::opened().ok_or("libxml2 is not open")?;
        let size = c_int::try_from(text.len()).map_err(|error| error.to_string())?;
        let (tree, message) = messages::heard(library, || {
            // SAFETY: the text is lent for this call.
            unsafe {
                (library.read_memory)(
                    text.as_ptr().cast(),
                    size,
                    ptr::null(),
                    c"UTF-8".as_ptr(),
                    library::PARSE_OPTIONS,
                )
            }
        });
        let not_well_formed = || message.unwrap_or_else(|| "it is not well-formed".to_owned());
        Ok(Self {
            library,
            tree: NonNull::new(tree).ok_or_else(not_well_formed)?,
            value: None,
            evaluation: 0,
            bytes: text.len(),
        })
    }

    /// Evaluates an expression on the whole document; prefixes are those of `namespaces` only. Gives the
    /// number of this evaluation. What was found before is forgotten on success. May take seconds.
    ///
    /// # Errors
    /// It is no expression, has an unknown prefix, or takes too long.
    pub fn evaluate(
        &mut self,
        expression: &str,
        namespaces: &[(CString, CString)],
    ) -> Result<u64, Problem> {
        let tree = self.tree.as_ptr();
        // SAFETY: the tree is ours.
        let value = unsafe { evaluation::value(self.library, tree, expression, namespaces) }?;
        self.forget();
        self.value = Some(value);
        self.evaluation += 1;
        Ok(self.evaluation)
    }

    fn forget(&mut self) {
        if let Some(value) = self.value.take() {
            // SAFETY: it is ours, and the nodes it has are still there.
            unsafe { (self.library.free_value)(value.as_ptr()) }
        }
    }

    /// How many expressions were evaluated.
    pub fn evaluation(&self) -> u64 {
        self.evaluation
    }

    /// How many nodes were found; 0 for a number, text or truth value.
    pub fn count(&self) -> usize {
        self.nodes().len()
    }

    /// What was found, if it is a number, text or truth value: its kind and the text of it.
    pub fn plain(&self) -> Option<(&'static str, String)> {
        let value = self.value?;
        // SAFETY: it is ours.
        let kind = match unsafe { value.as_ref() }.kind {
            library::NODES => return None,
            library::BOOLEAN => "boolean",
            library::NUMBER => "number",
            _ => "string",
        };
        // SAFETY: the value is ours, and so is the text that is made of it.
        let text = unsafe {
            let text = (self.library.as_text)(value.as_ptr());
            self.library.take(text)
        };
        Some((kind, text.unwrap_or_default()))
    }

    /// The contents of the nodes that were found, in the order of the document.
    pub fn contents(&self) -> impl Iterator<Item = String> {
        self.found().map(|found| found.content())
    }

    /// The kind, name and content of each.
    pub fn descriptions(&self) -> impl Iterator<Item = (&'static str, String, String)> {
        self.found()
            .map(|found| (found.kind(), found.name(), found.content()))
    }

    /// Makes `text` the content of the nodes that were found, or of one of them, from 0. Elements lose
    /// their children. Then nothing is found any more. False: there is no such node.
    ///
    /// # Errors
    /// XML cannot have the text there; or the document would be too large.
    pub fn update(&mut self, index: Option<usize>, text: &str) -> Result<bool, Problem> {
        if let Some(bad) = text.chars().find(|&c| !is_char(c)) {
            return Err(format!("XML cannot have the character {bad:?}"));
        }
        let nodes = self.nodes();
        let targets: Vec<*mut Node> = match index {
            None => nodes.to_vec(),
            Some(index) => match nodes.get(index) {
                Some(node) => vec![*node],
                None => return Ok(false),
            },
        };
        let grown = targets.len().saturating_mul(text.len());
        if self.bytes.saturating_add(grown) > MAX_GROWN {
            return Err(format!(
                "the document would have more than {MAX_GROWN} bytes"
            ));
        }
        let targets = outermost(targets);
        if let Some(end) = targets.iter().find_map(|&node| ending(kind(node), text)) {
            return Err(format!("{end:?} would end the comment or instruction"));
        }
        // Now, as some of what was found is going to be freed.
        self.forget();
        let text = CString::new(text).map_err(|error| error.to_string())?;
        for node in targets {
            self.replace(node, &text);
        }
        Ok(true)
    }

    /// Replaces the content of a node of the tree.
    fn replace(&mut self, node: *mut Node, text: &CStr) {
        let library = self.library;
        // SAFETY: the caller has it from our tree, and nothing points to what is inside.
        let content = unsafe { library.take((library.content)(node)) };
        let before = content.map_or(0, |content| content.len());
        self.bytes = self.bytes.saturating_sub(before) + text.to_bytes().len();
        // SAFETY: as above. The content of elements and attributes is taken as markup, so it is escaped.
        unsafe {
            if matches!(kind(node), library::ELEMENT | library::ATTRIBUTE) {
                let escaped = (library.encode)(self.tree.as_ptr(), text.as_ptr());
                (library.set_content)(node, escaped);
                library.take(escaped);
            } else {
                (library.set_content)(node, text.as_ptr());
            }
        }
    }

    /// The document as text, indented where it had no blanks, with an XML declaration. Takes milliseconds
    /// for a large one.
    ///
    /// # Errors
    /// It is too large.
    pub fn dump(&self) -> Result<String, Problem> {
        let mut text: *mut c_char = ptr::null_mut();
        let mut size: c_int = 0;
        // SAFETY: the tree is ours, and so is the text that is made of it.
        let text = unsafe {
            let tree = self.tree.as_ptr();
            (self.library.dump)(tree, &mut text, &mut size, c"UTF-8".as_ptr(), 1);
            self.library.take(text)
        };
        let text = text.ok_or("libxml2 wrote nothing")?;
        match text.len() {
            ..=MAX_WRITTEN => Ok(text),
            bytes => Err(format!(
                "its text has {bytes} bytes, at most {MAX_WRITTEN} are written"
            )),
        }
    }

    /// The nodes that were found.
    fn nodes(&self) -> &[*mut Node] {
        let Some(value) = self.value else {
            return &[];
        };
        // SAFETY: value and set are ours, and live until `forget`, which takes `&mut self`.
        unsafe {
            let value = value.as_ref();
            if value.kind != library::NODES {
                return &[];
            }
            match value.nodes.as_ref() {
                Some(set) if !set.nodes.is_null() => {
                    std::slice::from_raw_parts(set.nodes, usize::try_from(set.count).unwrap_or(0))
                }
                _ => &[],
            }
        }
    }

    fn found(&self) -> impl Iterator<Item = Found<'_>> {
        self.nodes().iter().map(|&node| Found {
            library: self.library,
            node,
            life: PhantomData,
        })
    }
}

impl Found<'_> {
    fn kind(&self) -> &'static str {
        match kind(self.node) {
            library::ELEMENT => "element",
            library::ATTRIBUTE => "attribute",
            library::TEXT | library::CDATA => "text",
            library::INSTRUCTION => "instruction",
            library::COMMENT => "comment",
            library::DOCUMENT => "document",
            library::NAMESPACE => "namespace",
            _ => "node",
        }
    }

    /// With its prefix; empty where it has none.
    fn name(&self) -> String {
        let kind = kind(self.node);
        if !matches!(
            kind,
            library::ELEMENT | library::ATTRIBUTE | library::INSTRUCTION
        ) {
            return String::new();
        }
        // SAFETY: these have a name, and but for instructions a namespace or null.
        unsafe {
            let name = borrowed((*self.node).name);
            match (*self.node).namespace.as_ref() {
                Some(namespace) if kind != library::INSTRUCTION && !namespace.prefix.is_null() => {
                    format!("{}:{name}", borrowed(namespace.prefix))
                }
                _ => name,
            }
        }
    }

    fn content(&self) -> String {
        if kind(self.node) == library::NAMESPACE {
            // SAFETY: what has this kind is one.
            let namespace = unsafe { &*self.node.cast::<Namespace>() };
            return format!("{}={}", borrowed(namespace.prefix), borrowed(namespace.uri));
        }
        // SAFETY: the node is of the tree, and the text that is made of it ours.
        let content = unsafe { self.library.take((self.library.content)(self.node)) };
        content.unwrap_or_default()
    }
}

/// What a node is. All are of a tree that lives; namespaces have their kind in the same place.
fn kind(node: *mut Node) -> c_int {
    // SAFETY: as above.
    unsafe { (*node).kind }
}

/// Those with a content of their own that are not inside of another one.
fn outermost(mut nodes: Vec<*mut Node>) -> Vec<*mut Node> {
    let parent = |node: *mut Node| {
        // SAFETY: all are of a tree that lives, and no namespace is asked.
        unsafe { (*node).parent }
    };
    nodes.retain(|&node| !matches!(kind(node), library::NAMESPACE | library::DOCUMENT));
    let all: HashSet<_> = nodes.iter().copied().collect();
    nodes.retain(|&node| {
        let mut above = parent(node);
        // Its element does not lose an attribute.
        if kind(node) == library::ATTRIBUTE && !above.is_null() {
            above = parent(above);
        }
        while !above.is_null() && !all.contains(&above) {
            above = parent(above);
        }
        above.is_null()
    });
    nodes
}

/// What in a text would end such a node early; there is no way to escape it.
fn ending(kind: c_int, text: &str) -> Option<&'static str> {
    match kind {
        library::COMMENT if text.contains("--") || text.ends_with('-') => Some("--"),
        library::INSTRUCTION if text.contains("?>") => Some("?>"),
        _ => None,
    }
}

/// A text of the tree; null is empty.
fn borrowed(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: texts of the tree end with a zero.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// Whether a text is small enough to be read.
fn fits(text: &str) -> Result<(), Problem> {
    if text.len() > MAX_BYTES {
        return Err(format!(
            "a document has at most {MAX_BYTES} bytes, this one {}",
            text.len()
        ));
    }
    let markup = text.bytes().filter(|byte| matches!(byte, b'<' | b'='));
    if markup.count() > MAX_MARKUP {
        return Err(format!(
            "a document has at most {MAX_MARKUP} tags and attributes"
        ));
    }
    match MULTIPLIERS
        .iter()
        .find(|declaration| text.contains(**declaration))
    {
        None => Ok(()),
        Some(declaration) => Err(format!("a document must not declare {declaration}")),
    }
}

/// `Char` of XML 1.0.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
