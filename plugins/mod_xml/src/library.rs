//! The functions and structures of libxml2 that are used, by the types of its headers.
//!
//! The structures are those of `libxml2.so.2` where pointers have 8 bytes; that name stands for them.
#![allow(unsafe_code, reason = "declares what is written in C")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use muleteer_sdk::{LibraryError, SystemLibrary};

/// The oldest version that bounds the work of an expression: 2.9.11.
const OLDEST: u32 = 20_911;

/// `XML_PARSE_NONET`: nothing comes from the network.
const NO_NETWORK: c_int = 1 << 11;
/// `XML_PARSE_IGNORE_ENC`: the text is UTF-8, whatever it says of itself.
const IGNORE_ENCODING: c_int = 1 << 21;
/// What texts are parsed with. Not among them are those that replace entities, load a DTD, or lift the
/// limits of the library (256 levels).
pub const PARSE_OPTIONS: c_int = NO_NETWORK | IGNORE_ENCODING;

/// What a node is: `xmlElementType`.
pub const ELEMENT: c_int = 1;
pub const ATTRIBUTE: c_int = 2;
pub const TEXT: c_int = 3;
pub const CDATA: c_int = 4;
pub const INSTRUCTION: c_int = 7;
pub const COMMENT: c_int = 8;
pub const DOCUMENT: c_int = 9;
pub const NAMESPACE: c_int = 18;

/// What a value is: `xmlXPathObjectType`.
pub const NODES: c_int = 1;
pub const BOOLEAN: c_int = 2;
pub const NUMBER: c_int = 3;

/// `xmlDoc`; it begins as a node does.
pub type Doc = Node;

/// `xmlNode` and `xmlAttr`, as far as both are the same.
#[repr(C)]
pub struct Node {
    _private: *mut c_void,
    pub kind: c_int,
    pub name: *const c_char,
    _children: [*mut c_void; 2],
    pub parent: *mut Node,
    _siblings: [*mut c_void; 2],
    _doc: *mut c_void,
    /// Of elements and attributes only.
    pub namespace: *const Namespace,
}

/// `xmlNs`, as far as it is used. Its kind stands where that of a node does.
#[repr(C)]
pub struct Namespace {
    _next: *mut c_void,
    _kind: c_int,
    pub uri: *const c_char,
    pub prefix: *const c_char,
}

/// `xmlNodeSet`.
#[repr(C)]
pub struct NodeSet {
    pub count: c_int,
    _room: c_int,
    pub nodes: *const *mut Node,
}

/// `xmlXPathObject`, as far as it is used.
#[repr(C)]
pub struct Value {
    pub kind: c_int,
    /// Of [`NODES`]; null is none.
    pub nodes: *const NodeSet,
}

/// `xmlXPathContext`, as far as it is used.
#[repr(C)]
pub struct Evaluation {
    _doc: *mut c_void,
    pub node: *mut Node,
    _others: [u64; 42],
    /// The most that are taken, an `unsigned long`.
    pub steps: u64,
}

/// `xmlError`, as far as it is used.
#[repr(C)]
pub struct Error {
    _domain: c_int,
    _code: c_int,
    pub message: *const c_char,
    pub level: c_int,
    _file: *const c_char,
    pub line: c_int,
}

const _: () = {
    assert!(size_of::<std::ffi::c_ulong>() == 8);
    assert!(std::mem::offset_of!(Node, namespace) == 72);
    assert!(std::mem::offset_of!(Evaluation, steps) == 352);
    assert!(std::mem::offset_of!(Error, line) == 32);
};

/// `xmlStructuredErrorFunc`.
pub type Listener = unsafe extern "C" fn(*mut c_void, *const Error);

type Free = unsafe extern "C" fn(*mut c_void);

/// The functions, named by what they are used for.
#[derive(Debug)]
pub struct Library {
    pub read_memory:
        unsafe extern "C" fn(*const c_char, c_int, *const c_char, *const c_char, c_int) -> *mut Doc,
    pub free_doc: unsafe extern "C" fn(*mut Doc),
    pub dump: unsafe extern "C" fn(*mut Doc, *mut *mut c_char, *mut c_int, *const c_char, c_int),
    pub content: unsafe extern "C" fn(*const Node) -> *mut c_char,
    pub set_content: unsafe extern "C" fn(*mut Node, *const c_char),
    pub encode: unsafe extern "C" fn(*const Doc, *const c_char) -> *mut c_char,
    pub new_evaluation: unsafe extern "C" fn(*mut Doc) -> *mut Evaluation,
    pub free_evaluation: unsafe extern "C" fn(*mut Evaluation),
    pub register_namespace:
        unsafe extern "C" fn(*mut Evaluation, *const c_char, *const c_char) -> c_int,
    pub evaluate: unsafe extern "C" fn(*const c_char, *mut Evaluation) -> *mut Value,
    pub free_value: unsafe extern "C" fn(*mut Value),
    pub as_text: unsafe extern "C" fn(*mut Value) -> *mut c_char,
    pub listen: unsafe extern "C" fn(*mut c_void, Option<Listener>),
    write_to: unsafe extern "C" fn(*mut libc::FILE, Option<unsafe extern "C" fn()>),
    free: Free,
    /// Where the library writes what it tells no listener.
    nowhere: AtomicPtr<libc::FILE>,
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

/// Opens and prepares the library, once for all threads.
///
/// # Errors
/// What the operator can do about it.
pub fn open() -> Result<(), String> {
    let opened = SystemLibrary::open("libxml2.so.2", "on Debian: apt install libxml2");
    let library = opened.map_err(|error| error.to_string())?;
    check_version(&library)?;
    // SAFETY: both texts end with a zero.
    let nowhere = unsafe { libc::fopen(c"/dev/null".as_ptr(), c"w".as_ptr()) };
    if nowhere.is_null() {
        return Err(format!("/dev/null: {}", std::io::Error::last_os_error()));
    }
    let functions = functions(&library, nowhere).map_err(|error| error.to_string())?;
    // SAFETY: the type is that of parser.h; it may be called again.
    unsafe {
        let prepare = library.function::<unsafe extern "C" fn()>("xmlInitParser");
        prepare.map_err(|error| error.to_string())?();
    }
    LIBRARY.get_or_init(|| functions);
    Ok(())
}

fn check_version(library: &SystemLibrary) -> Result<(), String> {
    // SAFETY: `xmlParserVersion` is a variable of this type, and its text is constant.
    let version = unsafe {
        let place = library.function::<*const *const c_char>("xmlParserVersion");
        CStr::from_ptr(*place.map_err(|error| error.to_string())?)
    };
    let version = version.to_string_lossy();
    // Behind the digits may stand more, such as "20914-GITv2.9.14".
    let digits = version.split(|c: char| !c.is_ascii_digit()).next();
    let number = digits.and_then(|digits| digits.parse::<u32>().ok());
    if number.is_none_or(|number| number < OLDEST) {
        return Err(format!(
            "libxml2.so.2 is version {version}: expected {OLDEST} (2.9.11) or newer"
        ));
    }
    Ok(())
}

fn functions(library: &SystemLibrary, nowhere: *mut libc::FILE) -> Result<Library, LibraryError> {
    // SAFETY: the types are those of the headers; `xmlFree` is a variable that holds a function.
    unsafe {
        Ok(Library {
            read_memory: library.function("xmlReadMemory")?,
            free_doc: library.function("xmlFreeDoc")?,
            dump: library.function("xmlDocDumpFormatMemoryEnc")?,
            content: library.function("xmlNodeGetContent")?,
            set_content: library.function("xmlNodeSetContent")?,
            encode: library.function("xmlEncodeSpecialChars")?,
            new_evaluation: library.function("xmlXPathNewContext")?,
            free_evaluation: library.function("xmlXPathFreeContext")?,
            register_namespace: library.function("xmlXPathRegisterNs")?,
            evaluate: library.function("xmlXPathEval")?,
            free_value: library.function("xmlXPathFreeObject")?,
            as_text: library.function("xmlXPathCastToString")?,
            listen: library.function("xmlSetStructuredErrorFunc")?,
            write_to: library.function("xmlSetGenericErrorFunc")?,
            free: *library.function::<*const Free>("xmlFree")?,
            nowhere: AtomicPtr::new(nowhere),
        })
    }
}

impl Library {
    /// The library, once [`open`] has opened it.
    pub fn opened() -> Option<&'static Self> {
        LIBRARY.get()
    }

    /// Keeps the library from writing to standard error on this thread.
    pub fn silence(&self) {
        // SAFETY: without a function of ours the library writes to the file, which stays open.
        unsafe { (self.write_to)(self.nowhere.load(Ordering::Relaxed), None) }
    }

    /// What a text of the library says; the library's copy is freed.
    ///
    /// # Safety
    /// `text` is null, or a text of the library that the caller owns.
    pub unsafe fn take(&self, text: *mut c_char) -> Option<String> {
        if text.is_null() {
            return None;
        }
        // SAFETY: the caller owns it, and it ends with a zero.
        let owned = unsafe { CStr::from_ptr(text).to_string_lossy().into_owned() };
        // SAFETY: nobody else has it.
        unsafe { (self.free)(text.cast()) };
        Some(owned)
    }
}
