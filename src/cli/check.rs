//! `muleteer check`: finds mistakes in state diagrams.

use std::collections::HashSet;
use std::env;
use std::io::{self, Write as _};

use super::input::{Files, PathError, STDIN, diagrams_in, kind};
use super::output::{complain, count, print_out, printed};
use super::playable::Playable;
use super::{CheckArgs, Exit, ReportFormat};
use crate::config;
use crate::dsm::diagnostic::{Theme, sarif};
use crate::dsm::source::EntryKind;
use crate::dsm::{Checked, Severity, check_paths_with};
use crate::plugin::module::Modules;

/// Runs the command.
pub fn run(args: &CheckArgs) -> Exit {
    if let Some(code) = args.explain {
        return print_out(code.page);
    }
    let mut seen = HashSet::new();
    let paths = args.paths.iter().map(|path| path.to_string_lossy());
    let paths: Vec<String> = paths
        .map(|path| path.into_owned())
        .filter(|path| seen.insert(path.clone()))
        .collect();
    let files = match Files::read(paths.iter().map(String::as_str)) {
        Ok(files) => files,
        Err(error) => {
            complain!("{STDIN}: cannot be read: {error}");
            return Exit::Usage;
        }
    };
    let playable = match Playable::new(args) {
        Ok(playable) => playable,
        Err(error) => {
            complain!("{error}");
            return Exit::Usage;
        }
    };
    let mut brought_well = true;
    let registry = match &args.config {
        // It has been read above.
        Some(file) => match config::load(Some(file), &[]) {
            Ok(config) => {
                let modules = Modules::of(&config);
                brought_well = complain_of_modules(&modules, &config.dsm.preload);
                modules.registry()
            }
            Err(error) => {
                complain!("{error}");
                return Exit::Usage;
            }
        },
        None => args.modules.registry(),
    };
    let mut checked = check_paths_with(&paths, &files, &registry, &playable);
    checked.deny(|finding| args.deny.iter().any(|denied| denied.covers(finding)));
    let all_read = complain_of_paths(&paths, &checked);
    match printed(print(&checked, args.format)) {
        Exit::Good if !all_read => Exit::Usage,
        Exit::Good if checked.worst() == Some(Severity::Error) || !brought_well => Exit::Input,
        exit => exit,
    }
}

/// Says which preloaded modules cannot give the diagrams that they bring; whether all can.
fn complain_of_modules(modules: &Modules, preload: &[String]) -> bool {
    let failed = preload
        .iter()
        .filter_map(|name| modules.diagrams(name).err());
    failed.map(|error| complain!("{error}")).count() == 0
}

/// Says which paths name nothing to check; whether all do.
fn complain_of_paths(paths: &[String], checked: &Checked) -> bool {
    let unreadable = checked.unreadable.iter().map(|path| why_unreadable(path));
    let empty = paths
        .iter()
        .filter(|path| *path != STDIN)
        .filter_map(|path| {
            let is_folder = matches!(kind(path), Ok(EntryKind::Folder));
            diagrams_in(path).err().filter(|_| is_folder)
        });
    unreadable
        .chain(empty)
        .map(|error| complain!("{error}"))
        .count()
        == 0
}

fn why_unreadable(path: &str) -> PathError {
    kind(path).err().unwrap_or_else(|| PathError::Unreadable {
        path: path.to_owned(),
        error: io::Error::other("it changed meanwhile"),
    })
}

fn print(checked: &Checked, format: ReportFormat) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        ReportFormat::Text => return print_text(checked),
        ReportFormat::Json => {
            let reports: Vec<_> = checked.reports().collect();
            serde_json::to_writer_pretty(&mut out, &reports)?;
        }
        ReportFormat::Sarif => {
            let here = env::current_dir()?;
            let log = sarif::log(checked.reports(), &here.to_string_lossy());
            serde_json::to_writer_pretty(&mut out, &log)?;
        }
    }
    writeln!(out)
}

/// All findings and a last line that counts them. Colours only where a terminal shows them.
fn print_text(checked: &Checked) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    write!(out, "{}", checked.render_with(&Theme::coloured()))?;
    let counted = |severity: Severity| {
        let of_it = |one: &Severity| *one == severity;
        let all = checked.findings().map(|(finding, _)| finding.severity);
        count(all.filter(of_it).count(), &severity.to_string())
    };
    let notes = counted(Severity::Note);
    writeln!(
        out,
        "{}, {}, {notes} in {}",
        counted(Severity::Error),
        counted(Severity::Warning),
        count(checked.files(), "file"),
    )
}
