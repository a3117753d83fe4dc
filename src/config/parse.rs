//! Text to [`Config`], or to every mistake in it with its line and column.

use std::ops::RangeInclusive;
use std::path::Path;

use toml::de::DeTable;

use super::error::{ConfigError, ConfigErrors, Location, Problem};
use super::overrides;
use super::reader::{Finding, Section};
use super::settings::Config;
use super::tree::{self, Place, excerpt};

impl Config {
    /// Reads a configuration from the `text` of the file at `path`, with `overrides` of the form
    /// `KEY=VALUE` laid over it in order.
    ///
    /// `path` is not opened: it names the file in errors, and relative paths in the text start from its
    /// folder.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text and the overrides.
    pub fn parse(text: &str, path: &Path, overrides: &[String]) -> Result<Config, ConfigErrors> {
        let (parsed, syntax_errors) = DeTable::parse_recoverable(text);
        let mut table = tree::table(Place::FILE, parsed.get_ref());
        let mut findings = Vec::new();
        for (source, written) in (Place::FILE + 1..).zip(overrides) {
            if let Err(problem) = overrides::apply(&mut table, source, written) {
                let place = Place { source, offset: 0 };
                findings.push(Finding {
                    place,
                    key: String::new(),
                    problem,
                });
            }
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let config = Section::whole(&table, folder, &mut findings, Config::read);

        let unread = unread_parts(text, &syntax_errors);
        findings.retain(|finding| !is_in(&unread, finding.place));
        findings.extend(
            syntax_errors
                .iter()
                .map(|error| syntax_finding(text, error)),
        );
        if findings.is_empty() {
            return Ok(config);
        }
        findings.sort_by_key(|finding| finding.place);
        let located = |Finding {
                           place,
                           key,
                           problem,
                       }| {
            let location = match place.source {
                Place::FILE => location(text, path, place.offset),
                number => Location::Override(overrides[number - 1].clone()),
            };
            ConfigError {
                location,
                key,
                problem,
            }
        };
        Err(ConfigErrors(findings.into_iter().map(located).collect()))
    }

    /// The defaults with `overrides` laid over them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the overrides.
    pub fn from_overrides(overrides: &[String]) -> Result<Config, ConfigErrors> {
        Config::parse("", Path::new(""), overrides)
    }
}

fn syntax_finding(text: &str, error: &toml::de::Error) -> Finding {
    let span = error.span().unwrap_or_default();
    let problem = Problem::Syntax {
        message: error.message().to_owned(),
        found: excerpt(text.get(span.clone()).unwrap_or_default()),
    };
    let place = Place {
        source: Place::FILE,
        offset: span.start,
    };
    Finding {
        place,
        key: String::new(),
        problem,
    }
}

/// The parts of the text in which only the syntax errors count, because the parser guessed the rest:
/// the line of each, and after a broken `[section]` line everything up to the next one.
fn unread_parts(text: &str, errors: &[toml::de::Error]) -> Vec<RangeInclusive<usize>> {
    let unread_by = |error: &toml::de::Error| {
        // What is there twice was read well, both times.
        let offset = error
            .span()
            .filter(|_| error.message() != "duplicate key")?
            .start;
        let start = text.get(..offset)?.rfind('\n').map_or(0, |end| end + 1);
        let is_header = text[start..]
            .trim_start_matches([' ', '\t'])
            .starts_with('[');
        let stop = if is_header { "\n[" } else { "\n" };
        let end = text[offset..]
            .find(stop)
            .map_or(text.len(), |length| offset + length);
        Some(start..=end)
    };
    errors.iter().filter_map(unread_by).collect()
}

fn is_in(parts: &[RangeInclusive<usize>], place: Place) -> bool {
    place.source == Place::FILE && parts.iter().any(|part| part.contains(&place.offset))
}

/// Line and column of a byte offset.
fn location(text: &str, path: &Path, offset: usize) -> Location {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Location::File {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}
