//! Prompts by name: what `playPrompt` plays.
//!
//! A set has names, each with a file. There is one default set, and named ones that a script selects
//! with `setPrompts`. Sets are made of lists, texts of `NAME=PATH` lines; finding and checking the
//! files is the deployment's. Pure.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// All prompts of a server, or of a bundle. The default has none.
#[derive(Debug, Clone, Default)]
pub struct PromptSets {
    default: PromptSet,
    named: BTreeMap<String, PromptSet>,
}

/// The prompts of one language or voice.
pub type PromptSet = BTreeMap<String, Arc<Path>>;

impl PromptSets {
    /// These named sets beside the default one.
    pub fn new(default: PromptSet, named: BTreeMap<String, PromptSet>) -> Self {
        Self { default, named }
    }

    /// Adds what `other` has and this has not.
    pub fn add_missing(&mut self, other: &Self) {
        add_missing(&mut self.default, &other.default);
        for (name, set) in &other.named {
            add_missing(self.named.entry(name.clone()).or_default(), set);
        }
    }

    /// Whether there is a set of this name.
    pub fn has(&self, set: &str) -> bool {
        self.named.contains_key(set)
    }

    /// Whether some set has a prompt of this name.
    pub fn any_has(&self, name: &str) -> bool {
        let mut sets = self.named.values().chain([&self.default]);
        sets.any(|set| set.contains_key(name))
    }

    /// The file of the prompt `name` in `set`; without one, or if it is not there and `fall_back` says
    /// so, in the default set.
    pub fn find(&self, set: Option<&str>, name: &str, fall_back: bool) -> Option<&Arc<Path>> {
        let Some(set) = set else {
            return self.default.get(name);
        };
        let found = self.named.get(set).and_then(|prompts| prompts.get(name));
        found.or_else(|| self.default.get(name).filter(|_| fall_back))
    }
}

fn add_missing(set: &mut PromptSet, other: &PromptSet) {
    for (name, path) in other {
        set.entry(name.clone()).or_insert_with(|| path.clone());
    }
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListLine<'a> {
    /// From 1.
    pub number: usize,
    /// The prompt it names, with its file; `None` if it is no `NAME=PATH`.
    pub prompt: Option<(&'a str, &'a str)>,
}

/// The lines of a list that are neither blank nor a comment. Names and paths are trimmed.
pub fn lines(list: &str) -> impl Iterator<Item = ListLine<'_>> {
    let numbered = (1..).zip(list.lines().map(str::trim));
    let told = numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    told.map(|(number, line)| ListLine {
        number,
        prompt: prompt_of(line),
    })
}

/// What a line with exactly one `=` and something on both sides of it says.
fn prompt_of(line: &str) -> Option<(&str, &str)> {
    let (name, path) = line.split_once('=')?;
    let (name, path) = (name.trim(), path.trim());
    let whole = !name.is_empty() && !path.is_empty() && !path.contains(['=', '\0']);
    whole.then_some((name, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_lines_of_name_and_path() {
        let list =
            "# greetings\n\nwelcome=hello.wav\n  bye = sub/good bye.wav\t\r\n   # more\nlast=x";
        let found: Vec<_> = lines(list).map(|line| (line.number, line.prompt)).collect();
        assert_eq!(
            found,
            [
                (3, Some(("welcome", "hello.wav"))),
                (4, Some(("bye", "sub/good bye.wav"))),
                (6, Some(("last", "x")))
            ]
        );
    }

    #[test]
    fn lines_that_are_none_are_told() {
        for line in ["welcome", "=a.wav", "a=", " = ", "a=b=c", "a==b", "a=b\0c"] {
            let told: Vec<_> = lines(line).collect();
            let wrong = ListLine {
                number: 1,
                prompt: None,
            };
            assert_eq!(told, [wrong], "{line:?}");
        }
    }

    #[test]
    fn a_prompt_is_found_in_the_set_and_if_wanted_in_the_default_one() {
        let set = |prompts: &[(&str, &str)]| -> PromptSet {
            let prompts = prompts.iter();
            prompts
                .map(|(name, path)| ((*name).to_owned(), Path::new(path).into()))
                .collect()
        };
        let sets = PromptSets::new(
            set(&[("hello", "en/hello"), ("only", "en/only")]),
            BTreeMap::from([("de".to_owned(), set(&[("hello", "de/hello")]))]),
        );
        let find = |set, name, fall_back| {
            let found = sets.find(set, name, fall_back);
            found.map(|path| path.to_str().unwrap())
        };
        assert_eq!(find(None, "hello", false), Some("en/hello"));
        assert_eq!(find(None, "none", true), None);
        assert_eq!(find(Some("de"), "hello", false), Some("de/hello"));
        assert_eq!(find(Some("de"), "only", false), None);
        assert_eq!(find(Some("de"), "only", true), Some("en/only"));
        assert_eq!(find(Some("fr"), "hello", false), None);
        assert!(sets.has("de") && !sets.has("fr"));
        assert!(sets.any_has("only") && sets.any_has("hello") && !sets.any_has("de"));

        let mut bundle = PromptSets::new(set(&[("hello", "own")]), BTreeMap::new());
        bundle.add_missing(&sets);
        let find = |set, name| bundle.find(set, name, false).unwrap().to_str().unwrap();
        assert_eq!(
            (find(None, "hello"), find(None, "only")),
            ("own", "en/only")
        );
        assert_eq!(find(Some("de"), "hello"), "de/hello");
    }
}
