//! Expressions that are there from the start: a file of the configuration, lines `name=expression`.
#![allow(
    clippy::disallowed_methods,
    reason = "a file of the configuration, read once at the start"
)]

use muleteer_sdk::module::*;

use crate::expressions;

/// Reads `[module.regex] file`.
pub fn load(host: &Host) -> Result<(), String> {
    configured(host.config())
}

fn configured(json: &str) -> Result<(), String> {
    let config: serde_json::Value =
        serde_json::from_str(json).map_err(|error| error.to_string())?;
    for key in config.as_object().into_iter().flat_map(|keys| keys.keys()) {
        if key != "file" {
            return Err(format!(
                "[module.regex] has no key {key:?}: expected `file`, the path of a list of expressions"
            ));
        }
    }
    match config.get("file") {
        None => Ok(()),
        Some(serde_json::Value::String(path)) => read(path),
        Some(other) => Err(format!(
            "[module.regex] file: expected a path in quotes, found {other}"
        )),
    }
}

fn read(path: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = format!("{path}:{}", index + 1);
        let Some((name, expression)) = line.split_once('=') else {
            return Err(format!("{at}: expected `name=expression`, found {line:?}"));
        };
        expressions::compile(name.trim(), expression.trim())
            .map_err(|error| format!("{at}: {error}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (std::path::PathBuf, String) {
        let path = std::env::temp_dir().join(format!("mod_regex-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let config = serde_json::json!({ "file": path }).to_string();
        (path, config)
    }

    #[test]
    fn every_mistake_is_named_with_its_place() {
        let problem = |config: &str| configured(config).unwrap_err();
        assert!(problem(r#"{"flie":"x"}"#).contains("no key \"flie\""));
        assert!(problem(r#"{"file":1}"#).contains("expected a path"));
        assert!(problem(r#"{"file":"/nowhere/x"}"#).starts_with("/nowhere/x: "));
        for (text, line, said) in [
            ("a=1\nb\n", 2, "expected `name=expression`"),
            ("# numbers\n\nn=[0-9\n", 3, "unclosed character class"),
        ] {
            let (path, config) = file(text);
            let problem = problem(&config);
            let at = format!("{}:{line}: ", path.display());
            assert!(
                problem.starts_with(&at) && problem.contains(said),
                "{problem}"
            );
            std::fs::remove_file(&path).unwrap();
        }
    }
}
