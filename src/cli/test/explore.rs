//! `muleteer test --explore`: tries diagrams without test files.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::TestArgs;
use crate::cli::Exit;
use crate::cli::input::{PathError, diagrams_in, kind, relative};
use crate::cli::output::{complain, count, print_out};
use crate::dsm::loader::FileSystem;
use crate::dsm::source::EntryKind;
use crate::dsm::testing::coverage::DiagramCoverage;
use crate::dsm::testing::explore::{Exploration, Finding, Scenario, explore};
use crate::dsm::testing::{Coverage, beside, registry_over};
use crate::dsm::{diagram_files, load};

/// Why nothing can be explored, or written.
#[derive(Debug, thiserror::Error)]
enum ExploreError {
    /// A path is of no use.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A file that is no diagram.
    #[error("{0}: --explore takes diagrams, files with the ending .dsm")]
    NotADiagram(String),
    /// No path is left.
    #[error("no diagram has '{0}' in its path")]
    NothingMatches(String),
    /// A generated test was not written.
    #[error("{}: cannot be written: {error}", .path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Runs the command.
pub fn run(args: &TestArgs) -> Exit {
    explore_all(args).unwrap_or_else(|error| {
        complain!("{error}");
        Exit::Usage
    })
}

fn explore_all(args: &TestArgs) -> Result<Exit, ExploreError> {
    let registry = registry_over(args.modules.registry());
    let mut out = String::new();
    let mut coverage = Coverage::default();
    let (mut hangs, mut problems, mut refused) = (0, 0, 0);
    let (diagrams, mut called) = find_diagrams(args)?;
    let total = diagrams.len() + called.len();
    let mut queue = VecDeque::from(diagrams);
    while let Some(path) = queue.pop_front().or_else(|| unmet(&mut called, &coverage)) {
        let path = path.as_str();
        let others = siblings(path);
        let found = match explore(path, &others, &FileSystem, &registry) {
            Ok(found) => found,
            Err(error) => {
                refused += 1;
                let _ = writeln!(out, "{error}");
                continue;
            }
        };
        render(&mut out, path, &found, args.verbose);
        if let Some(folder) = &args.write {
            let written = count(write_tests(folder, path, &others, &found)?, "test");
            let _ = writeln!(out, "  {written} written to {}", folder.display());
        }
        hangs += found
            .findings
            .iter()
            .filter(|one| one.kind.is_hang())
            .count();
        problems += found
            .findings
            .iter()
            .filter(|one| !one.kind.is_hang())
            .count();
        coverage.merge(found.coverage);
    }
    for path in &called {
        if let Some(one) = coverage.diagram(path) {
            let (states, transitions) = one.shares();
            let _ = writeln!(
                out,
                "{path}: states {states}, transitions {transitions}, when called"
            );
            one.render_missing(&mut out);
        }
    }
    if let Some(path) = &args.coverage_json {
        let json = serde_json::to_string_pretty(&coverage).map_err(io::Error::from);
        json.and_then(|json| fs::write(path, json))
            .map_err(|error| unwritable(path, error))?;
    }
    let (states, transitions) = coverage.shares();
    let _ = writeln!(
        out,
        "{} explored: states {states}, transitions {transitions}; {}, {}, {refused} not loaded",
        count(total, "diagram"),
        count(hangs, "hang"),
        count(problems, "problem"),
    );
    Ok(match (print_out(&out), hangs + refused) {
        (Exit::Good, 0) => Exit::Good,
        (Exit::Good, _) => Exit::Input,
        (exit, _) => exit,
    })
}

/// Takes out a called diagram that was not met, because what calls it is called itself.
fn unmet(called: &mut Vec<String>, coverage: &Coverage) -> Option<String> {
    let unmet = |path: &String| coverage.diagram(path).is_none();
    let index = called.iter().position(unmet)?;
    Some(called.remove(index))
}

fn render(out: &mut String, path: &str, found: &Exploration, verbose: bool) {
    let shares = found.coverage.diagram(path).map(DiagramCoverage::shares);
    let (states, transitions) = shares.unwrap_or_default();
    let situations = count(found.situations, "situation");
    let _ = writeln!(
        out,
        "{path}: states {states}, transitions {transitions}, in {situations}"
    );
    if !found.complete {
        out.push_str(
            "  there is more than can be tried; what is not reached may still be reachable\n",
        );
    }
    for Finding { kind, scenario } in &found.findings {
        let _ = writeln!(out, "  {kind}");
        indent(out, &scenario.events());
    }
    for (file, line, text) in &found.untaken {
        let _ = writeln!(out, "  {file}:{line}: {text}");
    }
    if verbose {
        for (number, scenario) in found.scenarios.iter().enumerate() {
            let _ = writeln!(out, "  way {}", number + 1);
            indent(out, &scenario.events());
        }
    }
}

fn indent(out: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "      {line}");
    }
}

/// The diagrams that the command line means: first those to explore, then those in a folder that
/// others of it call, which are explored along with them.
fn find_diagrams(args: &TestArgs) -> Result<(Vec<String>, Vec<String>), ExploreError> {
    let mut found = Vec::new();
    let mut called = HashSet::new();
    for path in &args.paths {
        let path = path.to_string_lossy().into_owned();
        match kind(&path)? {
            EntryKind::File if path.ends_with(".dsm") => found.push(beside("", &path)),
            EntryKind::File => return Err(ExploreError::NotADiagram(path)),
            EntryKind::Folder => {
                let folder = path.trim_end_matches('/');
                let files = diagrams_in(&path)?;
                let paths = files.iter().map(|file| beside(folder, file));
                let paths: Vec<String> = paths.collect();
                called.extend(called_ones(&paths, args));
                found.extend(paths);
            }
        }
    }
    if let Some(filter) = &args.filter {
        found.retain(|path| path.contains(filter.as_str()));
        if found.is_empty() {
            return Err(ExploreError::NothingMatches(filter.clone()));
        }
    }
    Ok(found.into_iter().partition(|path| !called.contains(path)))
}

/// The diagrams among these that another of them names.
fn called_ones(paths: &[String], args: &TestArgs) -> HashSet<String> {
    let registry = registry_over(args.modules.registry());
    let mut called = HashSet::new();
    for path in paths {
        let loaded = load("main", path, &FileSystem, &registry).diagram;
        let names = loaded.iter().flat_map(|diagram| diagram.references());
        let file_of = |name: &str| {
            let (folder, _) = path.rsplit_once('/').unwrap_or((".", path));
            beside(folder, &format!("{name}.dsm"))
        };
        called.extend(names.map(file_of).filter(|named| named != path));
    }
    called
}

/// All diagrams of the same folder, with the names by which they call each other.
fn siblings(path: &str) -> Vec<(String, String)> {
    let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let named = |file: String| {
        let name = file.trim_end_matches(".dsm").to_owned();
        (name, beside(folder, &file))
    };
    let files = diagram_files(folder, &FileSystem);
    files.into_iter().map(named).collect()
}

/// Writes all ways and all findings as tests; how many.
fn write_tests(
    folder: &Path,
    diagram: &str,
    others: &[(String, String)],
    found: &Exploration,
) -> Result<usize, ExploreError> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
    let program = relative(folder, diagram);
    let others: Vec<_> = others
        .iter()
        .map(|(name, path)| (name.clone(), relative(folder, path)))
        .collect();
    let name = Path::new(diagram)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let write = |kind: &str, number: usize, comment: &str, scenario: &Scenario| {
        let path = folder.join(format!("{name}-{kind}-{number:03}.expect"));
        let text = format!("# {comment}\n{}", found.expect(scenario, &program, &others));
        fs::write(&path, text).map_err(|error| unwritable(&path, error))
    };
    for (index, scenario) in found.scenarios.iter().enumerate() {
        write(
            "way",
            index + 1,
            "generated by muleteer test --explore",
            scenario,
        )?;
    }
    for (index, Finding { kind, scenario }) in found.findings.iter().enumerate() {
        let comment = kind.to_string().replace('\n', " ");
        write("finding", index + 1, &comment, scenario)?;
    }
    Ok(found.scenarios.len() + found.findings.len())
}

fn unwritable(path: &Path, error: io::Error) -> ExploreError {
    ExploreError::Unwritable {
        path: path.to_owned(),
        error,
    }
}
