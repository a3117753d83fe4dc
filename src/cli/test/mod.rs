//! `muleteer test`: runs `.expect` files, many at once, and reports in the order of their paths.

mod explore;
mod files;
mod junit;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io, thread};

use self::files::find_tests;
use super::output::{complain, print_out};
use super::{Exit, TestArgs};
use crate::dsm::Registry;
use crate::dsm::loader::FileSystem;
use crate::dsm::source::{EntryKind, SourceProvider};
use crate::dsm::testing::expect::MAX_BYTES;
use crate::dsm::testing::{
    Coverage, Expectation, Failure, Outcome, beside, registry_over, stand_ins, updated,
};

/// What became of one test.
#[derive(Debug, Default)]
struct TestResult {
    /// Path of the `.expect` file.
    path: String,
    /// What failed, as text that names the place; empty if it passed.
    failures: Vec<String>,
    /// What to print besides: the trace.
    shown: String,
    /// Whether the file was written anew.
    updated: bool,
    seconds: f64,
    /// Modules that were stood in for.
    stand_ins: BTreeSet<String>,
}

/// Runs the command.
pub fn run(args: &TestArgs) -> Exit {
    if args.explore {
        return explore::run(args);
    }
    let found = match find_tests(&args.paths, args.filter.as_deref()) {
        Ok(found) => found,
        Err(error) => {
            complain!("{error}");
            return Exit::Usage;
        }
    };
    let (results, coverage) = run_all(&found, args);
    let failed = results
        .iter()
        .filter(|one| !one.failures.is_empty())
        .count();
    let stand_ins: BTreeSet<&str> = results
        .iter()
        .flat_map(|one| one.stand_ins.iter().map(String::as_str))
        .collect();
    for module in stand_ins {
        complain!("note: {module} is a stand-in: it shows its actions and does nothing");
    }
    let mut out: String = results.iter().map(TestResult::render).collect();
    if args.coverage {
        out.push_str(&coverage.render());
    }
    let _ = writeln!(out, "{} passed, {failed} failed", results.len() - failed);
    let written = write_reports(args, &results, &coverage);
    let printed = print_out(&out);
    match (written, failed) {
        _ if printed == Exit::Usage => Exit::Usage,
        (Err(()), _) => Exit::Usage,
        (Ok(()), 0) => Exit::Good,
        (Ok(()), _) => Exit::Input,
    }
}

/// All results in the order of `paths`.
fn run_all(paths: &[String], args: &TestArgs) -> (Vec<TestResult>, Coverage) {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or_else(cores, usize::from).min(paths.len());
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut results = Vec::new();
        let mut coverage = Coverage::default();
        let registry = registry_over(args.modules.registry());
        let server = Registry::default();
        while let Some((index, path)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            paths.get(index).map(|path| (index, path))
        } {
            let test = Test {
                path,
                args,
                registry: &registry,
                server: &server,
            };
            results.push((index, test.run(&mut coverage)));
        }
        (results, coverage)
    };
    let mut results = Vec::new();
    let mut coverage = Coverage::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        for one in workers {
            let (more, reached) = one.join().expect("a worker does not panic");
            results.extend(more);
            coverage.merge(reached);
        }
    });
    results.sort_unstable_by_key(|(index, _)| *index);
    (
        results.into_iter().map(|(_, result)| result).collect(),
        coverage,
    )
}

/// One `.expect` file to run.
struct Test<'a> {
    path: &'a str,
    args: &'a TestArgs,
    registry: &'a Registry,
    /// What the server has, without stand-ins.
    server: &'a Registry,
}

impl Test<'_> {
    fn run(&self, coverage: &mut Coverage) -> TestResult {
        let started = std::time::Instant::now();
        let mut result = TestResult {
            path: self.path.to_owned(),
            ..TestResult::default()
        };
        if let Err(failure) = self.run_file(coverage, &mut result) {
            result.failures.push(failure);
        }
        result.seconds = started.elapsed().as_secs_f64();
        result
    }

    /// The error is why nothing could be run, or written back.
    fn run_file(&self, coverage: &mut Coverage, result: &mut TestResult) -> Result<(), String> {
        let path = self.path;
        let text = read(path)?;
        let expectation = Expectation::with_registry(&text, self.registry)
            .map_err(|error| format!("{path}:{}: {}\n", error.line, error.cause))?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let program = match expectation.program() {
            Some(program) => beside(folder, program),
            None => format!("{}.dsm", path.strip_suffix(".expect").unwrap_or(path)),
        };
        if FileSystem.kind(&program) != Some(EntryKind::File) {
            return Err(format!(
                "{path}: there is no diagram {program}; put it there, or name another with 'program FILE'\n"
            ));
        }
        let outcome = expectation.run(&program, folder, &FileSystem, self.registry);
        result.stand_ins = stand_ins(&outcome.diagrams, self.server);
        if self.args.coverage || self.args.coverage_json.is_some() {
            coverage.add(&outcome.diagrams, &outcome.visits);
        }
        if self.args.verbose {
            result.shown = trace(path, &outcome);
        }
        let mut failures: Vec<&Failure> = outcome.failures.iter().collect();
        if self.args.update
            && let Some(text) = updated(&text, &outcome.failures)
        {
            fs::write(path, text)
                .map_err(|error| format!("{path}: cannot be written: {error}\n"))?;
            result.updated = true;
            failures.retain(|failure| !failure.is_trace());
        }
        let render = |failure: &&Failure| failure.render(path);
        result.failures = failures.iter().map(render).collect();
        Ok(())
    }
}

fn read(path: &str) -> Result<String, String> {
    let cannot = |error: io::Error| format!("{path}: cannot be read: {error}\n");
    let found = fs::metadata(path).map_err(cannot)?;
    if !found.is_file() {
        return Err(format!("{path}: this is no regular file\n"));
    }
    let length = found.len();
    if length > MAX_BYTES as u64 {
        return Err(format!(
            "{path}: {length} bytes; a test has at most {MAX_BYTES}\n"
        ));
    }
    let bytes = fs::read(path).map_err(cannot)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
        format!("{path}:{line}: this is not UTF-8\n")
    })
}

fn trace(path: &str, outcome: &Outcome) -> String {
    let mut out = String::new();
    for block in &outcome.blocks {
        let (line, event) = &block.event;
        let _ = writeln!(out, "{path}:{line}: {event}");
        for line in &block.trace {
            let _ = writeln!(out, "  {line}");
        }
        for problem in &block.problems {
            let _ = writeln!(out, "  note: {problem}");
        }
    }
    out
}

impl TestResult {
    fn render(&self) -> String {
        let mut out = self.shown.clone();
        if !self.failures.is_empty() {
            let _ = writeln!(out, "FAILED {} (- expected, + got)", self.path);
        }
        out.extend(self.failures.iter().map(String::as_str));
        if self.updated {
            let _ = writeln!(out, "updated {}", self.path);
        }
        out
    }
}

/// Writes the files that were asked for; an error is told at once.
fn write_reports(args: &TestArgs, results: &[TestResult], coverage: &Coverage) -> Result<(), ()> {
    let write = |path: &Path, text: Result<String, String>| {
        let written = text.and_then(|text| fs::write(path, text).map_err(|e| e.to_string()));
        written.map_err(|error| complain!("{}: cannot be written: {error}", path.display()))
    };
    if let Some(path) = &args.junit {
        write(
            path,
            junit::report(results).map_err(|error| error.to_string()),
        )?;
    }
    if let Some(path) = &args.coverage_json {
        let json = serde_json::to_string_pretty(coverage).map_err(|error| error.to_string());
        write(path, json)?;
    }
    Ok(())
}
