//! Action modules that are shared objects: `libmod_x.so` for `import(mod_x)`.
//!
//! A [`Modules`] knows the folders and the configuration. It finds an object when it is imported or
//! preloaded, checks the file, the version and every fact of its table, lets it begin, and gives
//! the language a [`Module`](crate::dsm::Module) whose actions cross the contract directly. An object is
//! loaded once in a process and never unloaded. What a module waits for is in `pending`: numbers that any thread
//! completes, and that mean nothing once nobody waits.
//!
//! What a module must keep to is `plugins/sdk/include/muleteer_module.h`. It runs with all rights of the
//! server: a check here finds mistakes, not malice.

mod call;
mod code;
mod diagrams;
mod error;
mod hooks;
mod host;
mod loader;
mod pending;
mod table;

pub use error::{ModuleError, ModuleTableError};
pub use host::{Office, open_office};
pub use loader::{Counts, Description, Listed, Modules, counts};
pub use pending::{block, give_up, wait};
