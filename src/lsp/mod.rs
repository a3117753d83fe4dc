//! CORE: the language server of the state diagram language.
//!
//! [`Server`] takes messages of the Language Server Protocol and gives messages: it reads no stream
//! and knows no thread. Driven by `cli::lsp`, which reads and writes standard input and output, and by
//! tests. What is wrong in a diagram is found by `dsm::check_paths`, what it names by `dsm::symbols`;
//! here both meet the protocol, one file for each feature.

mod actions;
mod completion;
mod diagnostics;
mod documents;
mod formatting;
pub mod framing;
pub(crate) mod hover;
mod navigation;
mod outline;
mod position;
mod rename;
mod server;
mod settings;
mod signature;
mod tokens;
mod uri;
mod workspace;

pub use server::Server;
