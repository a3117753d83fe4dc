//! The configuration file, overrides and the selection of an application.

mod errors;
mod selection;
mod shipped;
mod values;
