//! Every configuration file that we ship loads.

use std::path::{Path, PathBuf};

use muleteer::config::{AppMapping, Config, load_users};

fn shipped(extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

#[test]
fn every_shipped_configuration_parses() {
    for path in shipped("toml") {
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(errors) = Config::parse(&text, &path, &[]) {
            panic!("{errors}");
        }
    }
}

#[test]
fn the_shipped_users_parse() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/users.conf");
    let users = load_users(&path).unwrap_or_else(|error| panic!("{error}"));
    assert!(users.is_empty(), "nobody may call by default");
}

#[test]
fn the_shipped_mapping_parses() {
    for path in shipped("conf")
        .iter()
        .filter(|path| path.ends_with("app_mapping.conf"))
    {
        let text = std::fs::read_to_string(path).unwrap();
        if let Err(errors) = AppMapping::parse(&text, path) {
            panic!("{errors}");
        }
    }
}
