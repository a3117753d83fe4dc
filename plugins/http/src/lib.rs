//! What the modules that speak HTTP share: clients that believe the authorities of the system, bodies with a
//! bound, and files that are there as a whole or not at all. Part of each of them, and no module itself.

mod body;
mod client;
mod file;

pub use body::{Broken, bytes};
pub use client::{Network, cause};
pub use file::Aside;
