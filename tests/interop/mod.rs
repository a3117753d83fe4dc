//! The server and programs that others wrote, on loopback. They come as Debian packages, which
//! `make test` installs; without them these tests fail.

mod baresip;
mod dialogue;
mod flows;
mod kamailio;
mod ladder;
mod linphone;
mod phone;
mod registrar;
mod sipp;
mod sipvicious;

use std::process::Command;

/// The program of a Debian package.
fn tool(name: &str, package: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    assert!(
        found,
        "{name} is not here: apt-get install {package}, or make test-packages"
    );
    Command::new(name)
}
