//! The `muleteer` command.
fn main() {}
