//! SHELL: what an operator puts in place for calls to run: diagrams and their settings.
//!
//! Reads it from disk, checks it as a whole, and makes the [`Catalog`] that calls are given to. Running
//! calls keep what they started with.

use std::io;
use std::path::PathBuf;

use crate::config::Config;
use crate::dsm::loader::load_folders;
use crate::dsm::{Loaded, Registry, Severity};
use crate::session::catalog::{Catalog, DiagramApplication};

/// Why nothing can be put in place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeploymentError {
    /// Diagrams have errors; the text shows each with its line.
    #[error(
        "{0}\nthe diagrams above have errors: mend them, or take them out of the [dsm] path folders"
    )]
    Diagrams(String),
    /// A folder of diagrams cannot be read.
    #[error("cannot read the diagrams in {}: {source}; see [dsm] path", folder.display())]
    DiagramFolder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `[dsm] register` names a diagram that is not there.
    #[error("[dsm] register names {name:?}, but no [dsm] path folder has a diagram {name}.dsm")]
    NotThere {
        /// The name.
        name: String,
    },
    /// A diagram that calls can be given to does not say where it starts.
    #[error("the diagram {name} has no initial state, so no call can start with it")]
    NoInitialState {
        /// Its name.
        name: String,
    },
}

/// Loads all diagrams; those that are to be applications become some.
pub fn load_catalog(config: &Config) -> Result<Catalog, DeploymentError> {
    let set = load_folders(&config.dsm.path, &Registry::default())
        .map_err(|(folder, source)| DeploymentError::DiagramFolder { folder, source })?;
    let text: String = set.loaded.iter().map(Loaded::render).collect();
    if set
        .loaded
        .iter()
        .any(|one| one.worst() == Some(Severity::Error))
    {
        return Err(DeploymentError::Diagrams(text));
    }
    if !text.is_empty() {
        tracing::warn!("the diagrams were loaded, but:\n{text}");
    }
    let names: Vec<String> = match &config.dsm.register {
        Some(names) => names.clone(),
        None => set.diagrams.names().map(str::to_owned).collect(),
    };
    let mut applications = Vec::new();
    for name in names {
        let diagram = set.diagrams.get(&name);
        let diagram = diagram.ok_or_else(|| DeploymentError::NotThere { name: name.clone() })?;
        if diagram.initial().is_none() {
            return Err(DeploymentError::NoInitialState { name });
        }
        applications.push(DiagramApplication {
            config: config.applications.get(&name).cloned().unwrap_or_default(),
            name,
            diagrams: set.diagrams.clone(),
            set_param_variables: config.dsm.set_param_variables,
        });
    }
    Ok(Catalog::new(applications))
}
