//! Reads typed values out of a table of located ones and notes every mistake on the way.
//!
//! A [`Section`] is asked for each key it may have, by name. What it was asked for is what is known, so
//! the code that reads the keys is the schema, and a key nobody asked for is an error. A wrong value
//! gives the default, so that reading goes on to the next mistake.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Problem;
use super::settings::ApplicationSettings;
use super::tree::{Node, Place, Table, Value};
use super::values::Setting;
use crate::suggest::closest;

/// A mistake and where it stands.
#[derive(Debug)]
pub(super) struct Finding {
    pub place: Place,
    pub key: String,
    pub problem: Problem,
}

/// One table and the mistakes found so far.
pub(super) struct Section<'a> {
    /// Dotted name; empty for the whole file.
    name: String,
    table: &'a Table,
    /// Where it begins, for what is missing in it.
    place: Place,
    /// Folder that relative paths of the file start from.
    folder: &'a Path,
    asked: Vec<&'static str>,
    findings: &'a mut Vec<Finding>,
}

static EMPTY: Table = BTreeMap::new();

impl<'a> Section<'a> {
    /// Reads all of `table` with `read`.
    pub fn whole<T>(
        table: &'a Table,
        folder: &'a Path,
        findings: &'a mut Vec<Finding>,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let mut whole = Section {
            name: String::new(),
            table,
            place: Place::START,
            folder,
            asked: Vec::new(),
            findings,
        };
        let value = read(&mut whole);
        whole.report_unknown();
        value
    }

    /// Reads the table `key` with `read`; an absent one is empty.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        let table = self.table(key);
        let mut section = Section {
            name: self.dotted(key),
            table,
            place: self
                .table
                .get(key)
                .map_or(Place::START, |entry| entry.key_place),
            folder: self.folder,
            asked: Vec::new(),
            findings: &mut *self.findings,
        };
        let value = read(&mut section);
        section.report_unknown();
        value
    }

    /// Reads each table of the list `key`; those that give `None` have been reported.
    pub fn tables<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.ask(key) else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            self.wrong(
                node,
                key.to_owned(),
                "a list of tables",
                &format!("[[{key}]]"),
            );
            return Vec::new();
        };
        let mut values = Vec::new();
        for item in items {
            let Value::Table(table) = &item.value else {
                self.wrong(item, key.to_owned(), "a table", &format!("[[{key}]]"));
                continue;
            };
            let mut section = Section {
                name: key.to_owned(),
                table,
                place: item.place,
                folder: self.folder,
                asked: Vec::new(),
                findings: &mut *self.findings,
            };
            values.extend(read(&mut section));
            section.report_unknown();
        }
        values
    }

    /// Reads the table `key` of tables with free names and keys and with scalar values.
    pub fn applications(&mut self, key: &'static str) -> BTreeMap<String, ApplicationSettings> {
        let mut applications = BTreeMap::new();
        for (name, entry) in self.table(key) {
            let dotted = format!("{key}.{name}");
            let Value::Table(table) = &entry.node.value else {
                self.wrong(&entry.node, dotted, "a table", &format!("[{key}.NAME]"));
                continue;
            };
            let mut settings = ApplicationSettings::new();
            for (setting, entry) in table {
                if let Some(text) = entry.node.value.scalar() {
                    settings.insert(setting.clone(), text);
                    continue;
                }
                let dotted = format!("{dotted}.{setting}");
                let expected = "a string, a number or a boolean";
                self.wrong(
                    &entry.node,
                    dotted,
                    expected,
                    &format!("{setting} = \"...\""),
                );
            }
            applications.insert(name.clone(), settings);
        }
        applications
    }

    /// Reads the table `key` of tables with free names and content, each as a JSON object.
    pub fn json_tables(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let mut tables = BTreeMap::new();
        for (name, entry) in self.table(key) {
            match &entry.node.value {
                Value::Table(_) => {
                    tables.insert(name.clone(), entry.node.value.json().to_string());
                }
                _ => {
                    let dotted = format!("{key}.{name}");
                    self.wrong(&entry.node, dotted, "a table", &format!("[{key}.NAME]"));
                }
            }
        }
        tables
    }

    /// A whole number in `range`.
    pub fn integer<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.value(key, &expected, &default.to_string(), |node| {
            let number = T::try_from(node.value.integer()?).ok()?;
            range.contains(&number).then_some(number)
        })
        .unwrap_or(default)
    }

    /// One of the numbers in `choices`.
    pub fn choice(&mut self, key: &'static str, default: u32, choices: &[u32]) -> u32 {
        let listed: Vec<String> = choices.iter().map(u32::to_string).collect();
        let expected = format!("one of {}", listed.join(", "));
        self.value(key, &expected, &default.to_string(), |node| {
            let number = u32::try_from(node.value.integer()?).ok()?;
            choices.contains(&number).then_some(number)
        })
        .unwrap_or(default)
    }

    /// A number of milliseconds in `range`.
    pub fn millis(
        &mut self,
        key: &'static str,
        default: Duration,
        range: RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_millis(self.integer(key, whole_millis(default), range))
    }

    /// A number of milliseconds out of `choices`.
    pub fn millis_of(&mut self, key: &'static str, default: Duration, choices: &[u64]) -> Duration {
        let listed: Vec<String> = choices.iter().map(u64::to_string).collect();
        let expected = format!("one of {}", listed.join(", "));
        let example = whole_millis(default).to_string();
        self.value(key, &expected, &example, |node| {
            let millis = u64::try_from(node.value.integer()?).ok()?;
            choices
                .contains(&millis)
                .then_some(Duration::from_millis(millis))
        })
        .unwrap_or(default)
    }

    /// A number of seconds from 0 to a day.
    pub fn seconds(&mut self, key: &'static str, default: Duration) -> Duration {
        const DAY: u64 = 24 * 60 * 60;
        Duration::from_secs(self.integer(key, default.as_secs(), 0..=DAY))
    }

    /// A limit, where 0 means none.
    pub fn limit(&mut self, key: &'static str, default: Option<NonZeroU32>) -> Option<NonZeroU32> {
        const HIGHEST: u32 = 10_000_000;
        NonZeroU32::new(self.integer(key, default.map_or(0, NonZeroU32::get), 0..=HIGHEST))
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, default: bool) -> bool {
        let example = default.to_string();
        self.value(key, "true or false", &example, |node| match node.value {
            Value::Boolean(flag) => Some(flag),
            _ => None,
        })
        .unwrap_or(default)
    }

    /// One line of printable text; `None` for an empty one.
    pub fn line(&mut self, key: &'static str, default: Option<String>) -> Option<String> {
        let example = quoted(default.as_deref().unwrap_or_default());
        self.value(key, "one line of printable text", &example, |node| {
            let text = node.value.text()?.trim();
            let is_printable = !text.contains(char::is_control);
            is_printable.then(|| (!text.is_empty()).then(|| text.to_owned()))
        })
        .unwrap_or(default)
    }

    /// A value written as one string.
    pub fn setting<T: Setting>(&mut self, key: &'static str, default: T) -> T {
        let read = |node: &Node| T::parse(node.value.text()?);
        self.value(key, T::EXPECTED, &quoted(T::EXAMPLE), read)
            .unwrap_or(default)
    }

    /// A value that has to be there, written as one string; `None` if it is missing or wrong.
    pub fn required<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let example = quoted(T::EXAMPLE);
        if !self.has(key) {
            self.incomplete(key, T::EXPECTED, "nothing", &format!("{key} = {example}"));
            return None;
        }
        let read = |node: &Node| T::parse(node.value.text()?);
        self.value(key, T::EXPECTED, &example, read)
    }

    /// A string that is never shown, not even in an error.
    pub fn secret(&mut self, key: &'static str) -> Option<String> {
        let node = self.ask(key)?;
        let text = node.value.text().filter(|text| !text.is_empty());
        if text.is_none() {
            let problem = Problem::Value {
                expected: "a string".to_owned(),
                found: "something else".to_owned(),
                example: format!("{key} = \"...\""),
            };
            let (place, key) = (node.place, self.dotted(key));
            self.findings.push(Finding {
                place,
                key,
                problem,
            });
        }
        Some(text.unwrap_or_default().to_owned())
    }

    /// Whether the key is there.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.ask(key).is_some()
    }

    /// Reports that the table does not have what it needs. `example` is a line to copy.
    pub fn incomplete(&mut self, key: &'static str, expected: &str, found: &str, example: &str) {
        let problem = Problem::Value {
            expected: expected.to_owned(),
            found: found.to_owned(),
            example: example.to_owned(),
        };
        let (place, key) = (self.place, self.dotted(key));
        self.findings.push(Finding {
            place,
            key,
            problem,
        });
    }

    /// A value written as one string; `None` for an empty one and without the key.
    pub fn optional<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let expected = format!("{} or an empty string", T::EXPECTED);
        self.value(key, &expected, &quoted(T::EXAMPLE), |node| {
            match node.value.text()? {
                "" => Some(None),
                text => T::parse(text).map(Some),
            }
        })
        .flatten()
    }

    /// At least one value written as a string.
    pub fn settings<T: Setting>(&mut self, key: &'static str, default: Vec<T>) -> Vec<T> {
        let example = quoted(T::EXAMPLE);
        let read = |node: &Node| T::parse(node.value.text()?);
        match self.list(key, T::EXPECTED, &example, read) {
            Some(values) if values.is_empty() => {
                if let Some(node) = self.ask(key) {
                    let expected = format!("at least one {}", T::EXPECTED);
                    self.wrong_value(node, key, &expected, &format!("[{example}]"));
                }
                default
            }
            Some(values) => values,
            None => default,
        }
    }

    /// Values written as strings; there may be none.
    pub fn any_settings<T: Setting>(&mut self, key: &'static str, default: Vec<T>) -> Vec<T> {
        let read = |node: &Node| T::parse(node.value.text()?);
        self.list(key, T::EXPECTED, &quoted(T::EXAMPLE), read)
            .unwrap_or(default)
    }

    /// Names; `None` without the key.
    pub fn names(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.list(key, "a name", &quoted("echo"), |node| {
            let name = node.value.text()?.trim();
            (!name.is_empty()).then(|| name.to_owned())
        })
    }

    /// A path. One in the file is relative to the file's folder, an override to the current folder.
    pub fn path(&mut self, key: &'static str, default: PathBuf) -> PathBuf {
        let folder = self.folder;
        let example = quoted(&default.display().to_string());
        self.value(key, "a path", &example, |node| path_in(folder, node))
            .unwrap_or(default)
    }

    /// A path as [`Section::path`]; `None` for an empty one and without the key.
    pub fn optional_path(&mut self, key: &'static str) -> Option<PathBuf> {
        let folder = self.folder;
        let expected = "a path or an empty string";
        self.value(key, expected, &quoted("file.pem"), |node| {
            match node.value.text()? {
                "" => Some(None),
                _ => path_in(folder, node).map(Some),
            }
        })
        .flatten()
    }

    /// Paths, each as [`Section::path`]; there may be none.
    pub fn paths(&mut self, key: &'static str, default: Vec<PathBuf>) -> Vec<PathBuf> {
        let folder = self.folder;
        self.list(key, "a path", &quoted("folder"), |node| {
            path_in(folder, node)
        })
        .unwrap_or(default)
    }

    /// Reads one value; `None` if it is absent or wrong, which is then reported.
    fn value<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        example: &str,
        read: impl Fn(&Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.ask(key)?;
        let value = read(node);
        if value.is_none() {
            self.wrong_value(node, key, expected, example);
        }
        value
    }

    /// Reads a list, of which a single value is the short form, and reports each wrong item; `None` if
    /// there was one or the key is absent. `expected` and `example` are those of one item.
    fn list<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        example: &str,
        read: impl Fn(&Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let node = self.ask(key)?;
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let read_or_report = |item: &Node| {
            let value = read(item);
            if value.is_none() {
                self.wrong_value(item, key, expected, &format!("[{example}]"));
            }
            value
        };
        // Every item is read before one of them can end the collection.
        let values: Vec<Option<T>> = items.iter().map(read_or_report).collect();
        values.into_iter().collect()
    }

    /// The value of `key`, which is known from now on.
    fn ask(&mut self, key: &'static str) -> Option<&'a Node> {
        self.asked.push(key);
        self.table.get(key).map(|entry| &entry.node)
    }

    /// The table under `key`, empty where there is none.
    fn table(&mut self, key: &'static str) -> &'a Table {
        match self.ask(key) {
            None => &EMPTY,
            Some(Node {
                value: Value::Table(table),
                ..
            }) => table,
            Some(node) => {
                self.wrong(node, self.dotted(key), "a table", &format!("[{key}]"));
                &EMPTY
            }
        }
    }

    fn wrong_value(&mut self, node: &Node, key: &str, expected: &str, example: &str) {
        self.wrong(
            node,
            self.dotted(key),
            expected,
            &format!("{key} = {example}"),
        );
    }

    fn wrong(&mut self, node: &Node, key: String, expected: &str, example: &str) {
        let problem = Problem::Value {
            expected: expected.to_owned(),
            found: node.value.to_string(),
            example: example.to_owned(),
        };
        self.findings.push(Finding {
            place: node.place,
            key,
            problem,
        });
    }

    fn report_unknown(&mut self) {
        for (key, entry) in self.table {
            if self.asked.contains(&key.as_str()) {
                continue;
            }
            let problem = Problem::UnknownKey {
                suggestion: closest(key, self.asked.iter().copied()),
                known: self.asked.clone(),
            };
            let key = self.dotted(key);
            self.findings.push(Finding {
                place: entry.key_place,
                key,
                problem,
            });
        }
    }

    fn dotted(&self, key: &str) -> String {
        match self.name.as_str() {
            "" => key.to_owned(),
            name => format!("{name}.{key}"),
        }
    }
}

fn path_in(folder: &Path, node: &Node) -> Option<PathBuf> {
    let text = node.value.text().filter(|text| !text.is_empty())?;
    match node.place.source {
        Place::FILE => Some(folder.join(text)),
        _ => Some(PathBuf::from(text)),
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
