//! SHELL: reads the configuration file and the mapping file.
#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::app_mapping::{AppMapping, MappingErrors};
use super::app_selection::ApplicationSelector;
use super::error::ConfigErrors;
use super::settings::{App, Config, Requests};
use super::values::ApplicationRule;
use crate::sip::auth::{Secret, UserErrors, Users};
use crate::sip::message::Method;

/// Why the configuration could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file could not be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The configuration has mistakes.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The file of users has mistakes.
    #[error(transparent)]
    Users(#[from] UserErrors),
    /// A file that should hold a password is empty.
    #[error("{}: expected a password in the first line", path.display())]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
    /// The mapping file has mistakes.
    #[error(transparent)]
    Mapping(#[from] MappingErrors),
}

/// Loads the configuration file, or the defaults without one, with `overrides` of the form `KEY=VALUE`
/// laid over it.
///
/// # Errors
///
/// [`LoadError::Unreadable`] or [`LoadError::Config`].
pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Config, LoadError> {
    let Some(path) = file else {
        return Ok(Config::from_overrides(overrides)?);
    };
    Ok(Config::parse(&read(path)?, path, overrides)?)
}

/// Makes the selector of applications; reads the mapping file if the rule is `$(mapping)`.
///
/// # Errors
///
/// [`LoadError::Unreadable`] or [`LoadError::Mapping`].
pub fn load_selector(app: &App) -> Result<ApplicationSelector, LoadError> {
    selector(&app.application, &app.mapping)
}

/// Makes the selectors for requests outside calls; the mapping file is that of `app`.
///
/// # Errors
///
/// [`LoadError::Unreadable`] or [`LoadError::Mapping`].
pub fn load_requests(
    requests: &Requests,
    app: &App,
) -> Result<Vec<(Method, ApplicationSelector)>, LoadError> {
    let selected = |(method, rule)| Ok((method, selector(rule, &app.mapping)?));
    requests.rules().map(selected).collect()
}

fn selector(rule: &ApplicationRule, mapping: &Path) -> Result<ApplicationSelector, LoadError> {
    Ok(match rule {
        ApplicationRule::Fixed(name) => ApplicationSelector::Fixed(name.clone()),
        ApplicationRule::RuriUser => ApplicationSelector::RuriUser,
        ApplicationRule::RuriParam => ApplicationSelector::RuriParam,
        ApplicationRule::AppHeader => ApplicationSelector::AppHeader,
        ApplicationRule::Mapping => {
            ApplicationSelector::Mapping(AppMapping::parse(&read(mapping)?, mapping)?)
        }
    })
}

/// Reads the file of users.
///
/// # Errors
///
/// [`LoadError::Unreadable`] or [`LoadError::Users`].
pub fn load_users(path: &Path) -> Result<Users, LoadError> {
    Ok(Users::parse(&read(path)?, path)?)
}

/// Reads a password, the first line of a file.
///
/// # Errors
///
/// [`LoadError::Unreadable`] or [`LoadError::NoPassword`].
pub fn load_password(path: &Path) -> Result<Secret, LoadError> {
    let text = read(path)?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        let path = path.to_owned();
        return Err(LoadError::NoPassword { path });
    }
    Ok(Secret::new(password))
}

fn read(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    })
}
