//! `muleteer check`: finds mistakes in state diagrams.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::{env, fs};

use super::{CheckArgs, Exit, ReportFormat};
use crate::config;
use crate::deployment::PromptLists;
use crate::dsm::diagnostic::{Theme, sarif};
use crate::dsm::loader::FileSystem;
use crate::dsm::source::EntryKind;
use crate::dsm::{
    Checked, Registry, Resources, Severity, SourceProvider, check_paths_with, diagram_files,
};
use crate::session::prompt_sets::PromptSets;
use crate::session::safe_path;

/// The path that stands for standard input.
const STDIN: &str = "-";
/// More than a diagram may have.
const MAX_STDIN_BYTES: u64 = 8 << 20;

/// Runs the command.
pub fn run(args: &CheckArgs) -> Exit {
    match check(args) {
        Ok(exit) => exit,
        // Whoever reads the findings may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Usage,
        Err(error) => {
            eprintln!("muleteer check: {error}");
            Exit::Usage
        }
    }
}

fn check(args: &CheckArgs) -> io::Result<Exit> {
    let mut out = io::stdout().lock();
    if let Some(code) = args.explain {
        out.write_all(code.page.as_bytes())?;
        return Ok(Exit::Good);
    }
    let mut paths: Vec<String> = Vec::new();
    for path in &args.paths {
        let path = path.to_string_lossy().into_owned();
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let mut files = Files::default();
    if paths.iter().any(|path| path == STDIN) {
        let input = io::stdin().lock();
        input.take(MAX_STDIN_BYTES).read_to_end(&mut files.stdin)?;
    }
    let playable = Playable::new(args)?;
    let mut checked = check_paths_with(&paths, &files, &Registry::default(), &playable);
    checked.deny(|finding| args.deny.iter().any(|denied| denied.covers(finding)));
    let mut all_read = checked.unreadable.is_empty();
    for path in &checked.unreadable {
        eprintln!("{path}: {}", why_unreadable(path));
    }
    for folder in paths
        .iter()
        .filter(|path| fs::metadata(path).is_ok_and(|it| it.is_dir()))
    {
        match fs::read_dir(folder) {
            Err(error) => {
                eprintln!("{folder}: {error}");
                all_read = false;
            }
            Ok(_) if diagram_files(folder, &FileSystem).is_empty() => {
                eprintln!("{folder}: no *.dsm directly in this folder");
            }
            Ok(_) => {}
        }
    }
    match args.format {
        ReportFormat::Text => print_text(&checked)?,
        ReportFormat::Json => {
            let reports: Vec<_> = checked.reports().collect();
            serde_json::to_writer_pretty(&mut out, &reports)?;
            writeln!(out)?;
        }
        ReportFormat::Sarif => {
            let here = env::current_dir()?;
            let log = sarif::log(checked.reports(), &here.to_string_lossy());
            serde_json::to_writer_pretty(&mut out, &log)?;
            writeln!(out)?;
        }
    }
    Ok(if !all_read {
        Exit::Usage
    } else if checked.worst() == Some(Severity::Error) {
        Exit::Input
    } else {
        Exit::Good
    })
}

fn why_unreadable(path: &str) -> String {
    match fs::metadata(path) {
        Err(error) => error.to_string(),
        Ok(found) if found.is_file() => match fs::read(path) {
            Err(error) => error.to_string(),
            Ok(_) => "it changed while it was read".to_owned(),
        },
        Ok(_) => "neither a file nor a folder".to_owned(),
    }
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

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// The file system, and what came in from standard input.
#[derive(Default)]
struct Files {
    stdin: Vec<u8>,
}

impl SourceProvider for Files {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        match path {
            STDIN => Some(EntryKind::File),
            _ => FileSystem.kind(path),
        }
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        match path {
            STDIN => Some(self.stdin.clone()),
            _ => FileSystem.read(path),
        }
    }

    fn list(&self, folder: &str) -> Vec<String> {
        FileSystem.list(folder)
    }
}

/// What the server can play, as far as the arguments say.
struct Playable {
    /// The folders that audio files are looked up in; without any nothing is known.
    audio: Vec<PathBuf>,
    prompts: Option<PromptSets>,
}

impl Playable {
    fn new(args: &CheckArgs) -> io::Result<Self> {
        if let Some(file) = &args.config {
            let config = config::load(Some(file), &[]).map_err(io::Error::other)?;
            let lists = PromptLists::of(&config);
            let prompts = lists.load_telling(&mut |text| eprintln!("{text}"));
            return Ok(Self {
                prompts: Some(prompts.map_err(io::Error::other)?),
                audio: config.audio.path,
            });
        }
        match args.audio.iter().find(|folder| !folder.is_dir()) {
            Some(folder) => Err(io::Error::other(format!(
                "{}: there is no such folder",
                folder.display()
            ))),
            None => Ok(Self {
                audio: args.audio.clone(),
                prompts: None,
            }),
        }
    }
}

impl Resources for Playable {
    fn has_audio_file(&self, name: &str) -> Option<bool> {
        let is_in = |root: &PathBuf| safe_path::join(root, name).is_some_and(|it| it.is_file());
        (!self.audio.is_empty()).then(|| self.audio.iter().any(is_in))
    }

    fn has_prompt(&self, name: &str) -> Option<bool> {
        Some(self.prompts.as_ref()?.any_has(name))
    }
}
