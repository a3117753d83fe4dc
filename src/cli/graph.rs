//! `muleteer graph`: draws a state diagram.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::path::Path;

use super::input::{Files, STDIN, one_file};
use super::output::{complain, print_error, print_out};
use super::{Exit, GraphArgs, PictureFormat};
use crate::dsm::Severity;
use crate::dsm::graph::{Format, read};

/// Runs the command.
pub fn run(args: &GraphArgs) -> Exit {
    let path = args.file.to_string_lossy();
    let files = match Files::read([&*path].into_iter()) {
        Ok(files) => files,
        Err(error) => {
            complain!("{STDIN}: cannot be read: {error}");
            return Exit::Usage;
        }
    };
    if path != STDIN
        && let Err(error) = one_file(&path)
    {
        complain!("{error}");
        return Exit::Usage;
    }
    let (loaded, graph) = read(&path, &files, &args.modules.registry());
    for finding in &loaded.diagnostics {
        if finding.severity == Severity::Error {
            print_error(&finding.render(&loaded.sources));
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
            complain!("{path}: {error}");
            return Exit::Input;
        }
    };
    if has_errors {
        complain!("{path}: has errors; what could be read is drawn");
    }
    match &args.output {
        None => print_out(&text),
        Some(file) => match fs::write(file, &text) {
            Ok(()) => Exit::Good,
            Err(error) => {
                complain!("{}: cannot be written: {error}", file.display());
                Exit::Usage
            }
        },
    }
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
