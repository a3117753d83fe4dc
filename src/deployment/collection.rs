//! Diagrams that belong together: those of the main configuration, or of one bundle.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::DeploymentError;
use super::brought::Brought;
use super::conf_file::Settings;
use super::prompts::PromptLists;
use crate::config::Config;
use crate::control::MONITORING;
use crate::dsm::loader::{FileSystem, find_diagrams};
use crate::dsm::{DiagramSet, Loaded, Registry, Severity, SourceProvider, StateDiagram, load_set};
use crate::ids::{Draws, Ids};
use crate::plugin::module::Modules;
use crate::session::catalog::DiagramApplication;
use crate::session::prompt_sets::PromptSets;

/// Name of the collection of the main configuration.
pub const MAIN: &str = "main";

/// The diagrams of the main configuration or of a bundle, loaded, and what is to be done with them.
#[derive(Debug, Clone)]
pub struct Collection {
    /// [`MAIN`], or the bundle's.
    pub name: String,
    /// Diagrams that can call each other.
    diagrams: Arc<DiagramSet>,
    /// Those that are applications.
    applications: Vec<String>,
    /// Those that run without a call from the start.
    system: Vec<String>,
    set_param_variables: bool,
    draws: Draws,
    values: Values,
    own_prompts: PromptSets,
    /// Those and all that it can play besides.
    prompts: Arc<PromptSets>,
    /// Changes with every text and setting.
    fingerprint: u64,
}

/// Where `$config.KEY` comes from.
#[derive(Debug, Clone)]
enum Values {
    /// Settings of each application.
    PerApplication(BTreeMap<String, BTreeMap<String, String>>),
    /// The same for all diagrams.
    Shared(BTreeMap<String, String>),
}

impl Collection {
    /// Loads what `[dsm]` of the main configuration names, and what preloaded modules bring.
    ///
    /// # Errors
    /// [`DeploymentError`] for folders, diagrams and names.
    pub fn main(
        config: &Config,
        modules: &Modules,
        registry: &Registry,
    ) -> Result<Self, DeploymentError> {
        let mut files = find_diagrams(&config.dsm.path)
            .map_err(|(folder, source)| DeploymentError::DiagramFolder { folder, source })?;
        let brought = Brought::add_to(&mut files, modules, &config.dsm.preload)?;
        let (diagrams, fingerprint) = load(&files, &brought, registry)?;
        let main = Self {
            name: MAIN.to_owned(),
            applications: match &config.dsm.register {
                Some(names) => names.clone(),
                None => all_names(&diagrams),
            },
            diagrams,
            system: config.dsm.run_system_dsms.clone(),
            set_param_variables: config.dsm.set_param_variables,
            draws: draws(),
            values: Values::PerApplication(config.applications.clone()),
            own_prompts: PromptLists::of(config).load()?,
            prompts: Arc::default(),
            fingerprint,
        };
        main.checked("[dsm] register", "[dsm] run_system_dsms")
    }

    /// Loads a bundle. `file` is its `bundle.toml`, or a `.conf` file in the original's form.
    ///
    /// In the original's form only what is listed is loaded and registered; in TOML, everything in the
    /// folder unless it lists fewer.
    ///
    /// Paths of its prompts are looked up beside their list, in its folder, and in those of `audio`.
    ///
    /// # Errors
    /// [`DeploymentError`] for the file, its diagrams, prompts and names.
    pub fn bundle(
        name: &str,
        file: &Path,
        audio: &[PathBuf],
        registry: &Registry,
    ) -> Result<Self, DeploymentError> {
        let folder = file.parent().unwrap_or(Path::new(""));
        let settings = read_settings(file)?;
        for remark in &settings.remarks {
            tracing::warn!("{remark}");
        }
        let all_by_default = file
            .extension()
            .is_some_and(|extension| extension == "toml");
        let diagrams = match settings.text("diag_path") {
            Some(path) => folder.join(path),
            None => folder.to_owned(),
        };
        let files = match settings.list("load_diags") {
            Some(names) => names
                .into_iter()
                .map(|name| (name.clone(), path_of(&diagrams, &name)))
                .collect(),
            None if all_by_default => find_diagrams(&[diagrams])
                .map_err(|(folder, source)| DeploymentError::DiagramFolder { folder, source })?,
            None => Vec::new(),
        };
        let (diagrams, fingerprint) = load(&files, &FileSystem, registry)?;
        let bundle = Self {
            name: name.to_owned(),
            applications: match settings.list("register_apps") {
                Some(names) => names,
                None if all_by_default => all_names(&diagrams),
                None => Vec::new(),
            },
            diagrams,
            system: settings.list("run_system_dsms").unwrap_or_default(),
            set_param_variables: settings.switch("set_param_variables"),
            draws: draws(),
            own_prompts: prompts_of_bundle(&settings, file, audio)?,
            prompts: Arc::default(),
            values: Values::Shared(settings.into_values()),
            fingerprint,
        };
        let file = file.display();
        bundle.checked(
            &format!("{file}: register_apps"),
            &format!("{file}: run_system_dsms"),
        )
    }

    /// Adds a diagram from `folder`.
    ///
    /// # Errors
    /// [`DeploymentError`] if it has errors.
    pub fn add(
        &mut self,
        name: &str,
        folder: &Path,
        registry: &Registry,
    ) -> Result<(), DeploymentError> {
        let (added, _) = load(
            &[(name.to_owned(), path_of(folder, name))],
            &FileSystem,
            registry,
        )?;
        let all = self.diagrams.iter().chain(added.iter()).cloned();
        self.diagrams = Arc::new(DiagramSet::new(all));
        Ok(())
    }

    /// Makes a diagram an application. False: it is one already.
    ///
    /// # Errors
    /// [`DeploymentError`] if there is no such diagram or calls cannot start with it.
    pub fn register(&mut self, name: &str) -> Result<bool, DeploymentError> {
        self.check_startable(name, "registerApplication")?;
        if self.applications.iter().any(|known| known == name) {
            return Ok(false);
        }
        self.applications.push(name.to_owned());
        Ok(true)
    }

    /// The diagram `name` with everything it runs with.
    pub fn application(&self, name: &str) -> DiagramApplication {
        let config = match &self.values {
            Values::PerApplication(all) => all.get(name).cloned().unwrap_or_default(),
            Values::Shared(values) => values.clone(),
        };
        DiagramApplication {
            name: name.to_owned(),
            diagrams: self.diagrams.clone(),
            prompts: self.prompts.clone(),
            config,
            set_param_variables: self.set_param_variables,
            draws: self.draws.clone(),
        }
    }

    /// The prompts of its own lists.
    pub fn own_prompts(&self) -> &PromptSets {
        &self.own_prompts
    }

    /// Lets it play `shared` where it has nothing of its own.
    pub fn share_prompts(&mut self, shared: &PromptSets) {
        let mut prompts = self.own_prompts.clone();
        prompts.add_missing(shared);
        self.prompts = Arc::new(prompts);
    }

    /// The same with other prompts.
    pub fn with_prompts_of(&self, other: Self) -> Self {
        Self {
            own_prompts: other.own_prompts,
            ..self.clone()
        }
    }

    /// The diagrams that are applications.
    pub fn applications(&self) -> impl Iterator<Item = DiagramApplication> {
        self.applications.iter().map(|name| self.application(name))
    }

    /// The diagrams that run without a call from the start.
    pub fn system(&self) -> impl Iterator<Item = DiagramApplication> {
        self.system.iter().map(|name| self.application(name))
    }

    /// Whether it has an application of that name.
    pub fn has_application(&self, name: &str) -> bool {
        self.applications.iter().any(|known| known == name)
    }

    /// Whether it runs that diagram without a call from the start.
    pub fn runs_system(&self, name: &str) -> bool {
        self.system.iter().any(|known| known == name)
    }

    /// Whether it has a diagram of that name.
    pub fn has_diagram(&self, name: &str) -> bool {
        self.diagrams.get(name).is_some()
    }

    /// Whether a diagram reads or writes the monitoring store.
    pub fn uses_monitoring(&self) -> bool {
        let uses = |diagram: &StateDiagram| {
            diagram.imports().any(|module| module == "mod_monitoring")
                || diagram.calls_component(MONITORING)
        };
        self.diagrams.iter().any(|diagram| uses(diagram))
    }

    /// Names of all its diagrams.
    pub fn diagram_names(&self) -> impl Iterator<Item = &str> {
        self.diagrams.names()
    }

    /// Whether the diagram can be started.
    pub fn can_start(&self, name: &str) -> bool {
        let diagram = self.diagrams.get(name);
        diagram.is_some_and(|diagram| diagram.initial().is_some())
    }

    /// Whether `other` would run the very same.
    pub fn is_same(&self, other: &Self) -> bool {
        let lists = |one: &Self| (one.applications.clone(), one.system.clone());
        let values = |one: &Self| match &one.values {
            Values::Shared(values) => Some(values.clone()),
            Values::PerApplication(_) => None,
        };
        self.fingerprint == other.fingerprint
            && lists(self) == lists(other)
            && values(self) == values(other)
    }

    fn checked(self, register: &str, system: &str) -> Result<Self, DeploymentError> {
        for name in &self.applications {
            self.check_startable(name, register)?;
        }
        for name in &self.system {
            self.check_startable(name, system)?;
        }
        Ok(self)
    }

    /// Whether the diagram that `key` names can be started.
    ///
    /// # Errors
    /// [`DeploymentError`] if it cannot.
    pub fn check_startable(&self, name: &str, key: &str) -> Result<(), DeploymentError> {
        let (name, key) = (name.to_owned(), key.to_owned());
        if !self.has_diagram(&name) {
            return Err(DeploymentError::NotThere { name, key });
        }
        if !self.can_start(&name) {
            return Err(DeploymentError::NoInitialState { name, key });
        }
        Ok(())
    }
}

/// Random numbers that nobody can guess.
fn draws() -> Draws {
    Draws::new(Ids::from_os().seed())
}

/// Loads diagrams given as (name, path), and a number that changes with their texts.
fn load(
    files: &[(String, String)],
    provider: &dyn SourceProvider,
    registry: &Registry,
) -> Result<(Arc<DiagramSet>, u64), DeploymentError> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let set = load_set(files, provider, registry);
    // Notes are for who writes a diagram: `muleteer check` shows them.
    let render = |one: &Loaded| one.render_from(Severity::Warning);
    let text: String = set.loaded.iter().map(render).collect();
    let has_errors = |one: &Loaded| one.worst() == Some(Severity::Error);
    if set.loaded.iter().any(has_errors) {
        return Err(DeploymentError::Diagrams(text));
    }
    if !text.is_empty() {
        tracing::warn!("the diagrams were loaded, but:\n{text}");
    }
    let mut hasher = DefaultHasher::new();
    for file in set.loaded.iter().flat_map(|one| one.sources.files()) {
        (file.path(), file.text()).hash(&mut hasher);
    }
    Ok((set.diagrams, hasher.finish()))
}

fn prompts_of_bundle(
    settings: &Settings,
    file: &Path,
    audio: &[PathBuf],
) -> Result<PromptSets, DeploymentError> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let list = |key| settings.list(key).unwrap_or_default();
    let audio: Vec<_> = [folder.to_owned()]
        .into_iter()
        .chain(audio.to_vec())
        .collect();
    let default: Vec<_> = list("load_prompts")
        .iter()
        .map(|list| folder.join(list))
        .collect();
    PromptLists {
        default: &default,
        default_key: &format!("{}: load_prompts", file.display()),
        required: &list("required_prompts"),
        required_key: &format!("{}: required_prompts", file.display()),
        sets_path: &folder.join(settings.text("prompts_sets_path").unwrap_or_default()),
        sets: &list("load_prompts_sets"),
        audio: &audio,
    }
    .load()
}

fn read_settings(file: &Path) -> Result<Settings, DeploymentError> {
    let read = |path: &Path| std::fs::read_to_string(path);
    let text = read(file).map_err(|source| DeploymentError::Bundle {
        file: file.to_owned(),
        source,
    })?;
    let name = file.display().to_string();
    if file
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        return Settings::from_toml(&name, &text).map_err(DeploymentError::BundleSyntax);
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let beside = |other: &str| read(&folder.join(other)).ok();
    Ok(Settings::from_conf(&name, &text, &beside))
}

fn path_of(folder: &Path, name: &str) -> String {
    let path: PathBuf = folder.join(format!("{name}.dsm"));
    path.to_string_lossy().into_owned()
}

fn all_names(diagrams: &DiagramSet) -> Vec<String> {
    diagrams.names().map(str::to_owned).collect()
}
