//! What an editor can set: `muleteer.audioPath` and `muleteer.diagramPath`.

use serde_json::Value;

/// Folders the client named; relative ones start at the workspace folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where `playFile` looks for files; none: `audio` in each workspace folder.
    pub audio: Vec<String>,
    /// Where diagrams are, beside the folder of the document; none: `dsm` in each workspace folder.
    pub diagrams: Vec<String>,
}

impl Settings {
    /// Reads `{"audioPath": .., "diagramPath": ..}`, also inside `{"muleteer": ..}`. Each is a string
    /// or a list of strings; anything else counts as not set.
    pub fn read(value: &Value) -> Self {
        let value = value.get("muleteer").unwrap_or(value);
        Self {
            audio: folders(value.get("audioPath")),
            diagrams: folders(value.get("diagramPath")),
        }
    }
}

fn folders(value: Option<&Value>) -> Vec<String> {
    let one = |value: &Value| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(one).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}
