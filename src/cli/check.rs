//! `muleteer check`: finds mistakes in state diagrams.

use super::{CheckArgs, Exit, ReportFormat};
use crate::dsm::loader::FileSystem;
use crate::dsm::{Checked, Loaded, Registry, Severity, check_paths};

/// Runs the command.
pub fn run(args: &CheckArgs) -> Exit {
    let paths: Vec<String> = args
        .paths
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let checked = check_paths(&paths, &FileSystem, &Registry::default());
    for path in &checked.unreadable {
        eprintln!("{path}: there is no such file or folder");
    }
    match args.format {
        ReportFormat::Text => print_text(&checked),
        ReportFormat::Json => {
            let reports: Vec<_> = checked.loaded.iter().flat_map(Loaded::reports).collect();
            match serde_json::to_string_pretty(&reports) {
                Ok(text) => println!("{text}"),
                Err(error) => {
                    eprintln!("cannot write the findings: {error}");
                    return Exit::Usage;
                }
            }
        }
    }
    if !checked.unreadable.is_empty() {
        Exit::Usage
    } else if checked.worst() == Some(Severity::Error) {
        Exit::Input
    } else {
        Exit::Good
    }
}

fn print_text(checked: &Checked) {
    print!("{}", checked.render());
    let count = |severity| {
        let findings = checked.loaded.iter().flat_map(|one| &one.diagnostics);
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    };
    println!(
        "{} diagrams checked: {} errors, {} warnings, {} notes",
        checked.loaded.len(),
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note),
    );
}
