//! Findings for code scanning: SARIF 2.1.0, <https://docs.oasis-open.org/sarif/sarif/v2.1.0/>.
//!
//! Only what GitHub and editors read is written. Columns are counted in characters, which
//! `columnKind` says.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use super::{Code, Report, Severity};

/// A log with one run.
#[derive(Debug, Serialize)]
pub struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

/// A code that is used in this run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
    full_description: Message,
    help: Message,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: Level,
}

#[derive(Debug, Serialize)]
struct Properties {
    tags: [&'static str; 1],
    #[serde(rename = "problem.severity")]
    severity: &'static str,
}

#[derive(Debug, Serialize)]
struct Message {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    markdown: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Note,
    Warning,
    Error,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: &'static str,
    rule_index: usize,
    level: Level,
    message: Message,
    locations: [Location; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

/// Lines and columns from 1; the end column is the one behind the last character.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
}

/// Makes the log of some findings. Paths below `base`, the folder that the repository is in, become
/// relative to it.
pub fn log(reports: impl IntoIterator<Item = Report>, base: &str) -> Log {
    let mut rules: Vec<Rule> = Vec::new();
    let results = reports
        .into_iter()
        .map(|report| finding(&mut rules, report, base))
        .collect();
    Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "muleteer",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules,
                },
            },
            column_kind: "unicodeCodePoints",
            results,
        }],
    }
}

fn finding(rules: &mut Vec<Rule>, report: Report, base: &str) -> Finding {
    let known = rules.iter().position(|rule| rule.id == report.code);
    let rule_index = known.unwrap_or_else(|| {
        rules.push(rule(report.code, report.severity));
        rules.len() - 1
    });
    let text = match &report.hint {
        Some(hint) => format!("{}\nhint: {hint}", report.message),
        None => report.message.clone(),
    };
    Finding {
        rule_id: report.code,
        rule_index,
        level: report.severity.into(),
        message: text.into(),
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation {
                    uri: uri(&report.file, base),
                },
                region: Region {
                    start_line: report.line,
                    start_column: report.column,
                    end_line: report.end_line,
                    end_column: report.end_column,
                },
            },
        }],
    }
}

fn rule(name: &'static str, severity: Severity) -> Rule {
    let code = Code::find(name);
    let (summary, page) = code.map_or((name, ""), |code| (code.summary, code.page));
    let severity = code.map_or(severity, |code| code.severity);
    Rule {
        id: name,
        short_description: summary.to_owned().into(),
        full_description: summary.to_owned().into(),
        help: Message {
            text: page.to_owned(),
            markdown: Some(page),
        },
        default_configuration: Configuration {
            level: severity.into(),
        },
        properties: Properties {
            tags: ["diagram"],
            severity: match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "recommendation",
            },
        },
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self {
            text,
            markdown: None,
        }
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Note => Level::Note,
            Severity::Warning => Level::Warning,
            Severity::Error => Level::Error,
        }
    }
}

/// What is encoded in a path: all but unreserved characters and `/`; RFC 3986 §2.3.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b':');

fn uri(path: &str, base: &str) -> String {
    let below = path
        .strip_prefix(base)
        .and_then(|rest| rest.strip_prefix('/'));
    let path = below.unwrap_or(path);
    let path = path.strip_prefix("./").unwrap_or(path);
    let encoded = utf8_percent_encode(path, PATH);
    if path.starts_with('/') {
        return format!("file://{encoded}");
    }
    encoded.to_string()
}
