//! `muleteer module`: what diagrams can import.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::output::{complain, print_out};
use super::{Exit, ModuleArgs, ModuleCommand, ModuleFolders};
use crate::config;
use crate::lsp::hover;
use crate::plugin::module::{Description, Listed, Modules};

/// Runs the command.
pub fn run(args: &ModuleArgs) -> Exit {
    match &args.command {
        ModuleCommand::List {
            config,
            modules,
            json,
        } => found(config, modules).map_or_else(|exit| exit, |modules| list(&modules, *json)),
        ModuleCommand::Show {
            name,
            config,
            modules,
        } => found(config, modules).map_or_else(|exit| exit, |modules| show(&modules, name)),
    }
}

/// The modules that the arguments are about.
fn found(config: &Option<PathBuf>, folders: &ModuleFolders) -> Result<Modules, Exit> {
    let Some(file) = config else {
        return Ok(folders.modules());
    };
    match config::load(Some(file), &[]) {
        Ok(config) => Ok(Modules::of(&config)),
        Err(error) => {
            complain!("{error}");
            Err(Exit::Usage)
        }
    }
}

fn list(modules: &Modules, json: bool) -> Exit {
    let mut unreadable = false;
    for (folder, error) in modules.unreadable() {
        complain!("{}: {error}", folder.display());
        unreadable = true;
    }
    let listed = modules.list();
    if listed.is_empty() && !unreadable {
        let folders = modules.folders().iter();
        let folders: Vec<_> = folders.map(|one| one.display().to_string()).collect();
        complain!(
            "there is no module, no file libmod_NAME.so, in {}; --modules names another folder",
            folders.join(", ")
        );
    }
    let printed = match json {
        true => {
            let all: Vec<Value> = listed.iter().map(as_json).collect();
            print_out(format!("{:#}\n", Value::from(all)))
        }
        false => print_out(listed.iter().map(as_text).collect::<String>()),
    };
    match printed {
        Exit::Good if unreadable => Exit::Usage,
        Exit::Good if listed.iter().any(|one| one.found.is_err()) => Exit::Input,
        exit => exit,
    }
}

fn show(modules: &Modules, name: &str) -> Exit {
    match modules.load(name) {
        Ok(module) => {
            let doc = modules.doc(name).unwrap_or_default();
            print_out(format!("# {name}\n\n{doc}\n\n{}", hover::module(module)))
        }
        Err(error) => {
            complain!("{error}");
            Exit::Input
        }
    }
}

fn as_text(listed: &Listed) -> String {
    let name = &listed.name;
    let description = match &listed.found {
        Ok(description) => description,
        Err(error) => return format!("{name}  refused: {error}\n"),
    };
    let Description {
        version,
        doc,
        module,
    } = description;
    let mut text = format!("{name} {version}  {doc}\n  {}\n", listed.file.display());
    for action in module.actions() {
        let _ = writeln!(text, "  {}", action.usage());
    }
    for condition in module.conditions() {
        let _ = writeln!(text, "  {condition} (condition)");
    }
    text
}

fn as_json(listed: &Listed) -> Value {
    let (name, file) = (&listed.name, listed.file.display().to_string());
    match &listed.found {
        Err(error) => json!({ "name": name, "file": file, "refused": error.to_string() }),
        Ok(found) => json!({
            "name": name,
            "file": file,
            "version": found.version,
            "doc": found.doc,
            "actions": found.module.actions().map(|it| it.usage()).collect::<Vec<_>>(),
            "conditions": found.module.conditions().collect::<Vec<_>>(),
        }),
    }
}
