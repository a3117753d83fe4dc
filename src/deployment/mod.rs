//! SHELL: what an operator puts in place for calls to run: diagrams, bundles, and their settings.
//!
//! A [`Deployment`] is read from disk, checked as a whole, and makes the [`Catalog`] that calls are
//! given to. A change makes a new one; running calls keep what they started with.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod brought;
mod collection;
mod conf_file;
mod prompts;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use self::collection::{Collection, MAIN};
pub use self::prompts::PromptLists;
use crate::config::{Config, MonitorSelect};
use crate::dsm::Registry;
use crate::plugin::module::{ModuleError, Modules};
use crate::session::catalog::{Catalog, DiagramApplication};
use crate::session::monitor_select::MonitorSelection;
use crate::session::prompt_sets::PromptSets;
use crate::session::system::{Occasion, SystemStart};

/// Why something cannot be put in place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeploymentError {
    /// Diagrams have errors; the text shows each with its line.
    #[error(
        "{0}\nthe diagrams above have errors: mend them, or take them out of the folder that [dsm] path or their bundle names"
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
    /// A list names a diagram that is not there.
    #[error("{key} names {name:?}, but there is no diagram {name}.dsm in its folders")]
    NotThere {
        /// The name.
        name: String,
        /// The list.
        key: String,
    },
    /// A diagram that has to start does not say where.
    #[error("the diagram {name} has no initial state, so nothing can start with it; see {key}")]
    NoInitialState {
        /// Its name.
        name: String,
        /// The list that names it.
        key: String,
    },
    /// The file of a bundle cannot be read.
    #[error("cannot read the bundle {}: {source}", file.display())]
    Bundle {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file of a bundle is no TOML.
    #[error("{0}")]
    BundleSyntax(String),
    /// A list names prompts that are not there.
    #[error("{key} names {names}, which cannot be played: {remedy}")]
    RequiredPrompts {
        /// The list.
        key: String,
        /// Their names, with what may have been meant.
        names: String,
        /// What to do.
        remedy: String,
    },
    /// A module does not give its diagrams.
    #[error("{0}\nthis is a module that [dsm] preload names")]
    Module(ModuleError),
    /// A module brings a diagram whose name is taken.
    #[error("{module} brings an application {name}, but there is {path}: rename one")]
    NameTaken {
        /// The name.
        name: String,
        /// The module.
        module: String,
        /// The diagram that has it.
        path: String,
    },
    /// A panic while it was read.
    #[error("a fault in this server: see the log above")]
    Fault,
}

/// Everything that is in place.
#[derive(Debug, Clone)]
pub struct Deployment {
    main: Collection,
    /// Each with its file, in the order in which they were loaded.
    bundles: Vec<(PathBuf, Collection)>,
    inbound_start_diag: Option<StartDiagram>,
    /// Folders that prompts are looked up in.
    audio: Vec<PathBuf>,
    /// Bundles that were loaded by a command, each with its file, which need not be in a folder of
    /// diagrams.
    ordered: BTreeMap<String, PathBuf>,
    /// What diagrams can use.
    registry: Arc<Registry>,
}

impl Deployment {
    /// Reads everything that `config` names. A bundle with errors is left out and logged.
    ///
    /// # Errors
    /// [`DeploymentError`] for the diagrams of the main configuration.
    pub fn load(config: &Config) -> Result<Self, DeploymentError> {
        let mut deployment = Self::with_main(config)?;
        for (name, file) in find_bundles(&config.dsm.path)? {
            match Collection::bundle(&name, &file, &config.audio.path, &deployment.registry) {
                Ok(bundle) => deployment.bundles.push((file, bundle)),
                Err(error) => tracing::error!("the bundle {name} is left out: {error}"),
            }
        }
        deployment.share_prompts();
        Ok(deployment)
    }

    /// Reads everything again, bundles that were loaded by a command as well if their file is still
    /// there. A bundle of which nothing has changed stays as it is; the others' system diagrams are to
    /// be started.
    ///
    /// # Errors
    /// [`DeploymentError`] for whatever has an error; then nothing is to be changed.
    pub fn reload(&self, config: &Config) -> Result<(Self, Vec<SystemStart>), DeploymentError> {
        let mut next = Self::with_main(config)?;
        let known = |diagram: &DiagramApplication| self.main.runs_system(&diagram.name);
        let added = next.main.system().filter(|diagram| !known(diagram));
        let mut starts: Vec<_> = added
            .map(|added| SystemStart::new(added, Occasion::Startup))
            .collect();
        let ordered = self.ordered.iter().filter(|(_, file)| file.is_file());
        next.ordered = ordered
            .map(|(name, file)| (name.clone(), file.clone()))
            .collect();
        let mut found = find_bundles(&config.dsm.path)?;
        found.retain(|name, _| !next.ordered.contains_key(name));
        for (name, file) in found.into_iter().chain(next.ordered.clone()) {
            let bundle = Collection::bundle(&name, &file, &config.audio.path, &next.registry)?;
            match self.bundle(&name) {
                Some(before) if before.is_same(&bundle) => {
                    next.bundles.push((file, before.with_prompts_of(bundle)))
                }
                before => {
                    let occasion = occasion(before.is_some());
                    starts.extend(bundle.system().map(|one| SystemStart::new(one, occasion)));
                    next.bundles.push((file, bundle));
                }
            }
        }
        next.share_prompts();
        Ok((next, starts))
    }

    /// Reads the diagrams of the main configuration again.
    ///
    /// # Errors
    /// [`DeploymentError`] if they have errors; nothing is changed then.
    pub fn reload_main(&mut self, config: &Config) -> Result<(), DeploymentError> {
        self.main = Self::with_main(config)?.main;
        self.share_prompts();
        Ok(())
    }

    /// Adds a diagram of the main configuration, from `folder` or else from the first folder that has
    /// it. False: there is one of that name.
    ///
    /// # Errors
    /// [`DeploymentError`] if it has errors or is not there, or the name has folders in it.
    pub fn load_diagram(
        &mut self,
        config: &Config,
        name: &str,
        folder: Option<&Path>,
    ) -> Result<bool, DeploymentError> {
        if self.main.has_diagram(name) {
            return Ok(false);
        }
        let has_it = |folder: &&PathBuf| folder.join(format!("{name}.dsm")).is_file();
        let folders = &config.dsm.path;
        let found = folder.or_else(|| folders.iter().find(has_it).map(PathBuf::as_path));
        let found = found.filter(|_| !name.contains('/'));
        let folder = found.ok_or_else(|| DeploymentError::NotThere {
            name: name.to_owned(),
            key: "loadDSM".to_owned(),
        })?;
        self.main.add(name, folder, &self.registry)?;
        Ok(true)
    }

    /// Loads a bundle, or loads it again; its system diagrams are to be started.
    ///
    /// # Errors
    /// [`DeploymentError`] if it has errors; nothing is changed then.
    pub fn load_bundle(
        &mut self,
        name: &str,
        file: &Path,
    ) -> Result<Vec<SystemStart>, DeploymentError> {
        let bundle = Collection::bundle(name, file, &self.audio, &self.registry)?;
        let before = self.bundles.len();
        self.bundles.retain(|(_, known)| known.name != name);
        let occasion = occasion(self.bundles.len() < before);
        let starts = bundle.system().map(|one| SystemStart::new(one, occasion));
        let starts = starts.collect();
        self.bundles.push((file.to_owned(), bundle));
        self.ordered.insert(name.to_owned(), file.to_owned());
        self.share_prompts();
        Ok(starts)
    }

    /// Makes a diagram an application of the collection that has the application `of`, or else of the
    /// main one. False: it is one already.
    ///
    /// # Errors
    /// [`DeploymentError`] if there is no such diagram.
    pub fn register(&mut self, name: &str, of: Option<&str>) -> Result<bool, DeploymentError> {
        let owner = of.and_then(|of| {
            let mut bundles = self.bundles.iter_mut().rev();
            bundles.find(|(_, bundle)| bundle.has_application(of))
        });
        match owner {
            Some((_, bundle)) => bundle.register(name),
            None => self.main.register(name),
        }
    }

    /// The diagrams of the collection that has the application `of`, or else of the main one.
    pub fn diagram_names(&self, of: Option<&str>) -> impl Iterator<Item = &str> {
        let owner = of.and_then(|of| {
            let mut bundles = self.bundles.iter().rev();
            bundles.find(|(_, bundle)| bundle.has_application(of))
        });
        owner
            .map_or(&self.main, |(_, bundle)| bundle)
            .diagram_names()
    }

    /// A diagram of the collection `configuration`, to be run without a call.
    ///
    /// # Errors
    /// What is missing, for people.
    pub fn system_diagram(
        &self,
        configuration: &str,
        diagram: &str,
    ) -> Result<SystemStart, String> {
        let collection = match configuration {
            MAIN => &self.main,
            name => self
                .bundle(name)
                .ok_or_else(|| format!("there is no configuration '{name}'"))?,
        };
        if !collection.can_start(diagram) {
            return Err(format!(
                "the configuration '{configuration}' has no diagram '{diagram}' with an initial state"
            ));
        }
        let application = collection.application(diagram);
        Ok(SystemStart::new(application, Occasion::Startup))
    }

    /// Whether some diagram reads or writes the monitoring store.
    pub fn uses_monitoring(&self) -> bool {
        let bundles = self.bundles.iter().map(|(_, bundle)| bundle);
        let mut all = std::iter::once(&self.main).chain(bundles);
        all.any(Collection::uses_monitoring)
    }

    /// All system diagrams, for the start of the server.
    pub fn system_diagrams(&self) -> Vec<SystemStart> {
        let bundles = self.bundles.iter().flat_map(|(_, bundle)| bundle.system());
        let all = self.main.system().chain(bundles);
        all.map(|one| SystemStart::new(one, Occasion::Startup))
            .collect()
    }

    /// The applications that calls are given to. Of several with one name that of the bundle loaded
    /// last counts.
    pub fn catalog(&self) -> Catalog {
        let bundles = self.bundles.iter();
        let bundles = bundles.flat_map(|(_, bundle)| bundle.applications());
        let mut catalog = Catalog::new(self.main.applications().chain(bundles));
        match &self.inbound_start_diag {
            Some(StartDiagram::Named(name)) => catalog.insert(INBOUND, self.main.application(name)),
            Some(StartDiagram::Selected(rules)) => {
                let names = self.main.diagram_names();
                let names = names.filter(|name| self.main.can_start(name));
                let diagrams = names.map(|name| self.main.application(name));
                let selection = MonitorSelection::new(rules.clone(), diagrams);
                catalog.insert_selection(INBOUND, Arc::new(selection));
            }
            None => {}
        }
        catalog
    }

    fn with_main(config: &Config) -> Result<Self, DeploymentError> {
        let modules = Modules::of(config);
        let registry = modules.registry();
        let main = Collection::main(config, &modules, &registry)?;
        let inbound_start_diag = match config.dsm.inbound_start_diag.as_deref() {
            Some(SELECTED) => {
                let rules = config.dsm.monitor_select.clone();
                if let Some(name) = &rules.fallback {
                    main.check_startable(name, "[dsm] monitor_select_fallback")?;
                }
                Some(StartDiagram::Selected(rules))
            }
            Some(name) => {
                main.check_startable(name, "[dsm] inbound_start_diag")?;
                Some(StartDiagram::Named(name.to_owned()))
            }
            None => None,
        };
        Ok(Self {
            main,
            bundles: Vec::new(),
            inbound_start_diag,
            audio: config.audio.path.clone(),
            ordered: BTreeMap::new(),
            registry: Arc::new(registry),
        })
    }

    /// Lets every collection find its own prompts first, and then those of all others.
    fn share_prompts(&mut self) {
        let bundles = self.bundles.iter().map(|(_, bundle)| bundle);
        let mut all = PromptSets::default();
        for collection in std::iter::once(&self.main).chain(bundles) {
            all.add_missing(collection.own_prompts());
        }
        let bundles = self.bundles.iter_mut().map(|(_, bundle)| bundle);
        for collection in std::iter::once(&mut self.main).chain(bundles) {
            collection.share_prompts(&all);
        }
    }

    fn bundle(&self, name: &str) -> Option<&Collection> {
        let mut bundles = self.bundles.iter().map(|(_, bundle)| bundle);
        bundles.find(|bundle| bundle.name == name)
    }
}

/// The diagram of the application `dsm`.
#[derive(Debug, Clone)]
enum StartDiagram {
    /// The one of this name.
    Named(String),
    /// The one that a record of the monitoring store names.
    Selected(MonitorSelect),
}

/// The value of `[dsm] inbound_start_diag` that has it looked up in the monitoring store.
const SELECTED: &str = "$(mon_select)";
/// The application whose diagram `[dsm] inbound_start_diag` names.
const INBOUND: &str = "dsm";

fn occasion(was_there: bool) -> Occasion {
    match was_there {
        true => Occasion::Reload,
        false => Occasion::Startup,
    }
}

/// The bundles in the subfolders of `folders`, as (name, file), in order of names: each `.conf` file
/// is one, and so is a `bundle.toml`, called like its folder. Of one name the first counts.
fn find_bundles(folders: &[PathBuf]) -> Result<BTreeMap<String, PathBuf>, DeploymentError> {
    let mut bundles = BTreeMap::new();
    for folder in folders {
        for subfolder in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            for file in entries(&subfolder)? {
                let named = match file.extension().and_then(|extension| extension.to_str()) {
                    Some("conf") => file.file_stem(),
                    Some("toml") if file.ends_with("bundle.toml") => subfolder.file_name(),
                    _ => continue,
                };
                let name = named.unwrap_or_default().to_string_lossy().into_owned();
                match bundles.entry(name) {
                    Entry::Vacant(free) => drop(free.insert(file)),
                    Entry::Occupied(taken) => tracing::warn!(
                        "the bundle {} is left out: {} has its name {}",
                        file.display(),
                        taken.get().display(),
                        taken.key()
                    ),
                }
            }
        }
    }
    Ok(bundles)
}

/// What is in a folder, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DeploymentError> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(folder)?;
        entries.map(|entry| Ok(entry?.path())).collect()
    };
    let mut entries = read().map_err(|source| DeploymentError::DiagramFolder {
        folder: folder.to_owned(),
        source,
    })?;
    entries.sort();
    Ok(entries)
}
