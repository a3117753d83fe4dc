//! What a loadable codec or action module of Muleteer is written with. [`module`] is about modules.
//!
//! A codec is a shared object `libcodec_NAME.so` that exports one C function; `abi` holds its
//! types, and `include/muleteer_codec.h` the same for C. In Rust, implement [`Codec`] and name the
//! type in [`export_codecs!`]: the SDK does the pointers, and no panic leaves the object.
//! [`SystemLibrary`] opens a library of the system at run time, so that neither the server nor the
//! codec needs it to be built. No Rust type crosses the boundary: each side may be built with
//! another compiler, or written in another language.
//!
//! This crate opens no file but those libraries and knows nothing of the server.

#![allow(unsafe_code)]

pub mod abi;
mod codec;
mod export;
pub mod fixed;
pub mod fmtp;
mod library;
pub mod module;

pub use codec::{Codec, Decoder, Description, Encoder, Failure, Packing};
pub use library::{LibraryError, SystemLibrary};

#[doc(hidden)]
pub use export::{describe, open};
