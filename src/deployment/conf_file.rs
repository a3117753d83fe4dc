//! Settings of a bundle, in the form of the original's configuration files or in TOML.
//!
//! The original's form: one `key=value` a line, `#` begins a comment, an unquoted value ends at a blank
//! (but a list goes on behind a comma), a quoted one at the next `"` without a backslash before it;
//! `@file` stands for the lines of another file beside it. Nothing is an error here that an existing
//! file may hold: what cannot be read is a remark.

use std::collections::BTreeMap;

/// Files within files. A chain longer than this is a cycle or might as well be one.
const MAX_DEPTH: usize = 16;

/// The settings of one file, and what there is to say about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, String>,
    /// Remarks, each with file and line.
    pub remarks: Vec<String>,
}

/// How a file beside another is read; `None` if it cannot be.
pub type ReadBeside<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Reads the original's form. `name` is what remarks call the file.
    pub fn from_conf(name: &str, text: &str, beside: ReadBeside<'_>) -> Self {
        let mut settings = Self::default();
        settings.read_conf(name, text, beside, 0);
        settings
    }

    /// Reads TOML: lists become what a list is in the original's form, the keys of a table are
    /// `table.key`.
    ///
    /// # Errors
    /// What is wrong with the text, with its line.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, String> {
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| format!("{name}: {error}"))?;
        let mut settings = Self::default();
        for (key, value) in &table {
            settings.add_toml(key, value);
        }
        Ok(settings)
    }

    /// A value.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The items of a list, trimmed, empty ones left out; `None` if the key is not there.
    pub fn list(&self, key: &str) -> Option<Vec<String>> {
        let items = self.text(key)?.split(',').map(str::trim);
        let items = items.filter(|item| !item.is_empty());
        Some(items.map(str::to_owned).collect())
    }

    /// Whether a switch is on.
    pub fn switch(&self, key: &str) -> bool {
        matches!(self.text(key), Some("yes" | "true" | "1"))
    }

    /// All keys and values.
    pub fn into_values(self) -> BTreeMap<String, String> {
        self.values
    }

    fn read_conf(&mut self, name: &str, text: &str, beside: ReadBeside<'_>, depth: usize) {
        for (index, line) in text.lines().enumerate() {
            let at = format!("{name}:{}", index + 1);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(other) = line.strip_prefix('@') {
                self.include(&at, other.trim(), beside, depth);
                continue;
            }
            let Some((key, rest)) = line.split_once('=') else {
                self.remark(&at, "expected 'key=value'; the line is left out");
                continue;
            };
            let (value, left) = conf_value(rest.trim_start());
            if !left.is_empty() {
                let text = format!("'{left}' behind the value is left out; quote what has blanks");
                self.remark(&at, &text);
            }
            let key = key.trim().to_owned();
            if self.values.insert(key.clone(), value).is_some() {
                self.remark(&at, &format!("'{key}' is set again; this value counts"));
            }
        }
    }

    fn include(&mut self, at: &str, other: &str, beside: ReadBeside<'_>, depth: usize) {
        if depth == MAX_DEPTH {
            return self.remark(at, "too many files within files; this one is left out");
        }
        match beside(other) {
            Some(text) => self.read_conf(other, &text, beside, depth + 1),
            None => self.remark(at, &format!("cannot read '{other}'")),
        }
    }

    fn add_toml(&mut self, key: &str, value: &toml::Value) {
        let text = match value {
            toml::Value::String(text) => text.clone(),
            toml::Value::Array(items) => items.iter().map(toml_text).collect::<Vec<_>>().join(","),
            toml::Value::Table(table) => {
                for (member, value) in table {
                    self.add_toml(&format!("{key}.{member}"), value);
                }
                return;
            }
            other => other.to_string(),
        };
        self.values.insert(key.to_owned(), text);
    }

    fn remark(&mut self, at: &str, text: &str) {
        self.remarks.push(format!("{at}: {text}"));
    }
}

fn toml_text(value: &toml::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The value at the start of `text`, and what is left behind it but a comment.
fn conf_value(text: &str) -> (String, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut value = String::new();
        let mut escaped = false;
        for (index, c) in quoted.char_indices() {
            match c {
                '"' if !escaped => return (value, without_comment(&quoted[index + 1..])),
                '"' => {
                    value.pop();
                    value.push('"');
                }
                _ => value.push(c),
            }
            escaped = c == '\\' && !escaped;
        }
        return (value, "");
    }
    let text = without_comment(text);
    let mut end = 0;
    for word in text.split_whitespace() {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let goes_on = text[..end].ends_with(',') || word.starts_with(',');
        if end > 0 && !goes_on {
            return (text[..end].to_owned(), &text[start..]);
        }
        end = start + word.len();
    }
    (text[..end].to_owned(), "")
}

/// `text` up to a `#`, trimmed.
fn without_comment(text: &str) -> &str {
    text.split_once('#').map_or(text, |(text, _)| text).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(text: &str) -> Settings {
        Settings::from_conf("a.conf", text, &|name| {
            (name == "more").then(|| "b = from-more\n@more".to_owned())
        })
    }

    #[test]
    fn the_originals_form_is_read_with_remarks() {
        let settings = conf(
            "# a comment\n a = 1 # why\nlist=x, y ,z\nq=\"two words # and \\\" a quote\" \n\
             odd=one two\nnonsense\na=2\n@more\n@none\n",
        );
        assert_eq!(settings.text("a"), Some("2"));
        assert_eq!(settings.list("list").unwrap(), ["x", "y", "z"]);
        assert_eq!(settings.text("q"), Some("two words # and \" a quote"));
        assert_eq!(settings.text("odd"), Some("one"));
        assert_eq!(settings.text("b"), Some("from-more"));
        let remarks = settings.remarks.join("\n");
        for part in [
            "a.conf:5: 'two' behind the value",
            "a.conf:6: expected 'key=value'",
            "a.conf:7: 'a' is set again",
            "more:2: too many files within files",
            "a.conf:9: cannot read 'none'",
        ] {
            assert!(remarks.contains(part), "{part} in {remarks}");
        }
    }

    #[test]
    fn toml_gives_the_same() {
        let text =
            "load_diags = ['x', 'y']\nset_param_variables = true\n[db]\nurl = 'u'\nport = 7\n";
        let settings = Settings::from_toml("bundle.toml", text).unwrap();
        assert_eq!(settings.list("load_diags").unwrap(), ["x", "y"]);
        assert!(settings.switch("set_param_variables"));
        assert_eq!(settings.text("db.port"), Some("7"));
        let error = Settings::from_toml("bundle.toml", "a = \n").unwrap_err();
        assert!(
            error.contains("bundle.toml") && error.contains("line 1"),
            "{error}"
        );
    }
}
