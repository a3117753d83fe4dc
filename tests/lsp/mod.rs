//! The language server: what an editor gets, from the server alone and from the built program.

mod diagnose;
mod editor;
mod features;
mod life;
mod modules;
mod navigate;
mod program;
