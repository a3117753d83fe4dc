//! Libraries of the system, opened at run time.

use std::error::Error as _;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use thiserror::Error;

/// A library of the system. It stays open as long as the process runs.
#[derive(Debug)]
pub struct SystemLibrary {
    library: &'static Library,
    file: &'static str,
}

/// Why a library cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// It cannot be opened.
    #[error("{file} cannot be opened ({}); {remedy}", reason(source))]
    Missing {
        /// The library.
        file: &'static str,
        /// What the operator can do about it.
        remedy: &'static str,
        /// What the dynamic linker says.
        source: libloading::Error,
    },
    /// The library is there, and is not the one that was meant.
    #[error("{file} has no function {function}")]
    NoFunction {
        /// The library.
        file: &'static str,
        /// The function.
        function: &'static str,
    },
}

/// The linker's own words, which are behind "dlopen failed".
fn reason(error: &libloading::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

impl SystemLibrary {
    /// Opens `file`. `remedy` tells the operator what to do where it is missing, as in "on Debian:
    /// apt install libgsm1".
    ///
    /// # Errors
    /// [`LibraryError::Missing`].
    pub fn open(file: &'static str, remedy: &'static str) -> Result<Self, LibraryError> {
        // SAFETY: the codec libraries of the system run nothing of note when they are opened.
        let library = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) };
        match library {
            Ok(library) => Ok(Self {
                library: Box::leak(Box::new(library)),
                file,
            }),
            Err(source) => Err(LibraryError::Missing {
                file,
                remedy,
                source,
            }),
        }
    }

    /// Finds a function.
    ///
    /// # Safety
    /// `T` is the type of a pointer to the function as its header declares it.
    ///
    /// # Errors
    /// [`LibraryError::NoFunction`].
    pub unsafe fn function<T: Copy>(&self, function: &'static str) -> Result<T, LibraryError> {
        // SAFETY: as the caller says; the library is never closed.
        let symbol = unsafe { self.library.get::<T>(function) };
        symbol
            .map(|symbol| *symbol)
            .map_err(|_| LibraryError::NoFunction {
                file: self.file,
                function,
            })
    }
}
