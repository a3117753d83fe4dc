//! `muleteer graph`: draws a state diagram.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::{Exit, GraphArgs, PictureFormat};
use crate::dsm::graph::{Format, read};
use crate::dsm::loader::FileSystem;
use crate::dsm::source::EntryKind;
use crate::dsm::{Registry, Severity, SourceProvider};

/// Runs the command.
pub fn run(args: &GraphArgs) -> Exit {
    let path = args.file.to_string_lossy();
    match FileSystem.kind(&path) {
        Some(EntryKind::File) => {}
        Some(EntryKind::Folder) => {
            eprintln!("{path}: this is a folder; give one diagram, such as dsm/demo.dsm");
            return Exit::Usage;
        }
        None => {
            eprintln!("{path}: there is no such file");
            return Exit::Usage;
        }
    }
    let (loaded, graph) = read(&path, &FileSystem, &Registry::default());
    for finding in &loaded.diagnostics {
        if finding.severity == Severity::Error {
            eprint!("{}", finding.render(&loaded.sources));
        }
    }
    if loaded.sources.files().next().is_none() {
        return Exit::Usage;
    }
    let has_errors = loaded.worst() == Some(Severity::Error);
    let format = format(args);
    let text = match graph.and_then(|graph| graph.write(format)) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{path}: {error}");
            return Exit::Input;
        }
    };
    if has_errors {
        eprintln!("{path}: has errors; what could be read is drawn");
    }
    if let Err(error) = write(args.output.as_deref(), &text) {
        let to = args
            .output
            .as_deref()
            .unwrap_or(Path::new("standard output"));
        eprintln!("cannot write {}: {error}", to.display());
        return Exit::Usage;
    }
    Exit::Good
}

/// As asked for, or as the ending of the output file says.
fn format(args: &GraphArgs) -> Format {
    let ending = args.output.as_deref().and_then(Path::extension);
    let by_ending = match ending.and_then(|ending| ending.to_str()) {
        Some("dot" | "gv") => PictureFormat::Dot,
        Some("mmd" | "mermaid") => PictureFormat::Mermaid,
        _ => PictureFormat::Svg,
    };
    match args.format.unwrap_or(by_ending) {
        PictureFormat::Svg => Format::Svg,
        PictureFormat::Dot => Format::Dot,
        PictureFormat::Mermaid => Format::Mermaid,
    }
}

fn write(to: Option<&Path>, text: &str) -> io::Result<()> {
    match to {
        Some(path) => fs::write(path, text),
        None => {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()
        }
    }
}
