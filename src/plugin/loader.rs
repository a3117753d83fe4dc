//! From names in the configuration to registered codecs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use muleteer_sdk::abi;

use super::codec::register;
use super::error::{LoadError, TableError};
use super::table;
use crate::codec::CodecId;

/// Longest name of a codec object.
const MAX_NAME: usize = 32;
/// Room for what an object says when it cannot work.
const MAX_PROBLEM: usize = 1_024;

/// Loads `libcodec_NAME.so` for each of `names` from the first of `folders` that has it, and
/// registers its codecs for the rest of the process, in order.
///
/// For the start of the server. Blocks on files.
///
/// # Errors
/// [`LoadError`] for the first name that cannot be loaded; the objects before it stay loaded.
pub fn load_codecs(folders: &[PathBuf], names: &[String]) -> Result<Vec<CodecId>, LoadError> {
    let mut codecs = CodecId::BUILT_IN.to_vec();
    for name in names {
        let file = find(folders, name)?;
        let found = open(&file)?;
        for codec in found {
            let duplicate = codecs.iter().any(|id| {
                id.encoding_name().eq_ignore_ascii_case(codec.encoding_name)
                    && id.clock_rate() == codec.clock_rate
                    && id.channels() == codec.channels
            });
            if duplicate {
                let source = TableError::Duplicate {
                    codec: codec.encoding_name.to_owned(),
                    clock_rate: codec.clock_rate.get(),
                };
                return Err(LoadError::Table { file, source });
            }
            codecs.push(register(codec));
        }
    }
    Ok(codecs.split_off(CodecId::BUILT_IN.len()))
}

/// The path of the object; no name leads out of the folders.
fn find(folders: &[PathBuf], name: &str) -> Result<PathBuf, LoadError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(LoadError::Name {
            name: name.to_owned(),
        });
    }
    let file = format!("libcodec_{name}.so");
    let paths = folders.iter().map(|folder| folder.join(&file));
    let found = paths.into_iter().find(|path| path.is_file());
    found
        // A path with a slash is not looked for in the system's folders.
        .and_then(|path| std::path::absolute(path).ok())
        .ok_or_else(|| LoadError::NotFound {
            file,
            folders: folders.to_vec(),
        })
}

/// Opens an object and checks its table.
fn open(file: &Path) -> Result<Vec<table::Facts>, LoadError> {
    // SAFETY: the operator named this object, and so lets its start-up code run.
    let library = unsafe { Library::open(Some(OsStr::new(file)), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|source| LoadError::Open {
        file: file.to_owned(),
        source,
    })?;
    // Never closed: its functions and texts are used until the process ends.
    let library: &'static Library = Box::leak(Box::new(library));
    // SAFETY: the contract gives the function this type.
    let entry = unsafe { library.get::<abi::Entry>(abi::ENTRY) };
    let entry = entry.map_err(|_| LoadError::NoEntry {
        file: file.to_owned(),
    })?;
    let mut text = [0; MAX_PROBLEM];
    let mut problem = abi::Message {
        ptr: text.as_mut_ptr(),
        capacity: text.len(),
        len: 0,
    };
    // SAFETY: the message has the buffer that it names.
    let found = unsafe { entry(&mut problem) };
    if found.is_null() {
        let len = problem.len.min(text.len());
        let problem = String::from_utf8_lossy(&text[..len]).replace(char::is_control, " ");
        return Err(LoadError::Refused {
            file: file.to_owned(),
            problem,
        });
    }
    // SAFETY: the contract keeps the table as long as the process lives.
    unsafe { table::read(found) }.map_err(|source| LoadError::Table {
        file: file.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_out_of_the_folders() {
        for name in ["", "../gsm", "a/b", "GSM", "a.b", "a\0", &"a".repeat(33)] {
            let error = load_codecs(&["/usr/lib".into()], &[name.to_owned()]).unwrap_err();
            assert!(matches!(error, LoadError::Name { .. }), "{error}");
        }
    }

    #[test]
    fn an_object_that_is_nowhere_is_named_with_the_folders() {
        let folders = ["/nowhere".into(), "/else".into()];
        let error = load_codecs(&folders, &["gsm".to_owned()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "libcodec_gsm.so is in none of the folders /nowhere, /else; `make plugins` builds it"
        );
    }
}
