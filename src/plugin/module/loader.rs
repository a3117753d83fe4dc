//! From the name in `import(mod_x)` to a loaded module.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use muleteer_sdk::abi::Message;
use muleteer_sdk::module::abi;
use rustix::time::{ClockId, clock_getres, clock_gettime};

use super::code::{LoadedAction, LoadedCondition};
use super::error::{ModuleError, reason};
use super::hooks::LoadedHooks;
use super::host::Own;
use super::table;
use crate::config::Config;
use crate::dsm::{Module, ModuleSource, NoModule, Registry};

/// Longest name of a module.
const MAX_NAME: usize = 64;
/// Room for what a module says when it refuses.
const MAX_PROBLEM: usize = 1_024;
/// Whoever holds a worker for longer keeps the calls of others waiting.
const SLOW: Duration = Duration::from_millis(4);

/// The time up to the latest tick of the kernel: a finer clock costs a third of what a short action does.
fn coarse_now() -> Duration {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// A measured time is this much too long at the most.
fn tick() -> Duration {
    static TICK: OnceLock<Duration> = OnceLock::new();
    *TICK.get_or_init(|| {
        let tick = clock_getres(ClockId::MonotonicCoarse);
        Duration::new(tick.tv_sec.unsigned_abs(), tick.tv_nsec as u32)
    })
}

/// Where modules are, and how they are configured.
#[derive(Debug, Clone)]
pub struct Modules {
    folders: Vec<PathBuf>,
    /// Of each module, without `mod_`: its section as a JSON object.
    config: BTreeMap<String, String>,
}

/// A module of this process.
pub(super) struct Loaded {
    pub name: &'static str,
    version: &'static str,
    doc: &'static str,
    pub events: Vec<&'static crate::dsm::module::ModuleEvent>,
    /// Made once the actions, which point here, are.
    module: OnceLock<Module>,
    faults: [AtomicU64; 4],
    /// Calls into it that took longer than [`SLOW`].
    slow: AtomicU64,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// What a module does wrong with a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It completed it twice.
    Twice,
    /// It completed it when nobody waited any more.
    Late,
    /// It never got it.
    Invented,
    /// It did not complete it in time.
    Never,
}

/// How often a module did what wrong: with the handles of its pending actions, and in calls into it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Completed twice.
    pub twice: u64,
    /// Completed after the session's end, a hang-up or the deadline. Not all of these are mistakes.
    pub late: u64,
    /// Completed without having been given out.
    pub invented: u64,
    /// Not completed in time.
    pub never: u64,
    /// Actions, conditions and hooks that kept the sessions of their thread waiting.
    pub slow: u64,
}

impl Loaded {
    /// Counts a fault, and logs the first of each kind.
    pub(super) fn note(&self, fault: Fault, handle: u64) {
        let first = self.faults[fault as usize].fetch_add(1, Ordering::Relaxed) == 0;
        let name = self.name;
        match fault {
            _ if !first => {}
            Fault::Late => tracing::debug!(
                "{name} completes an action that nobody waits for any more; this is logged once"
            ),
            Fault::Twice => tracing::warn!(
                "{name} completes an action twice (handle {handle}); this is logged once"
            ),
            Fault::Invented => tracing::warn!(
                "{name} completes an action that never waited (handle {handle}); this is logged once"
            ),
            Fault::Never => tracing::warn!(
                "{name} does not complete an action in time: its script goes on with errno internal; \
                 this is logged once"
            ),
        }
    }

    /// Calls into the module, for `what` it does or hears of, and notes it if that takes more than [`SLOW`] for sure,
    /// so always above that and two ticks of the kernel.
    #[inline]
    pub(super) fn timed<T>(&self, what: &str, call: impl FnOnce() -> T) -> T {
        let begin = coarse_now();
        let answer = call();
        let took = coarse_now().saturating_sub(begin);
        if took > SLOW && took >= SLOW + tick() {
            self.note_slow(what, took);
        }
        answer
    }

    /// Counts a call that took long, and logs the first one.
    #[cold]
    fn note_slow(&self, what: &str, took: Duration) {
        if self.slow.fetch_add(1, Ordering::Relaxed) == 0 {
            let (name, ms) = (self.name, took.as_millis());
            tracing::warn!(
                "{name}: {what} took some {ms} ms, in which other calls waited; this is logged once"
            );
        }
    }

    fn module(&'static self) -> &'static Module {
        self.module.get_or_init(|| Module::new(self.name))
    }

    fn counts(&self) -> Counts {
        let count = |fault: Fault| self.faults[fault as usize].load(Ordering::Relaxed);
        Counts {
            twice: count(Fault::Twice),
            late: count(Fault::Late),
            invented: count(Fault::Invented),
            never: count(Fault::Never),
            slow: self.slow.load(Ordering::Relaxed),
        }
    }
}

/// One line of what there is.
#[derive(Debug, Clone)]
pub struct Listed {
    /// As it is imported.
    pub name: String,
    /// The object.
    pub file: PathBuf,
    /// What it is, or why it is refused.
    pub found: Result<Description, ModuleError>,
}

/// What a module says of itself.
#[derive(Debug, Clone)]
pub struct Description {
    /// Its own version.
    pub version: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// What it brings.
    pub module: &'static Module,
}

/// What is known of a file that was opened.
struct Seen {
    stamp: Stamp,
    loaded: Result<&'static Loaded, ModuleError>,
}

type Stamp = (Option<SystemTime>, u64, u64);

/// Every file that was opened in this process. A good module stays; a bad one is tried again when its
/// file has changed.
static SEEN: Mutex<Option<HashMap<PathBuf, Seen>>> = Mutex::new(None);

/// Every good module of this process. Not in [`SEEN`], which waits for modules that begin.
static LOADED: Mutex<Vec<&'static Loaded>> = Mutex::new(Vec::new());

/// How often each module of this process did what wrong.
pub fn counts() -> Vec<(&'static str, Counts)> {
    let loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let counts = |loaded: &&'static Loaded| (loaded.name, loaded.counts());
    loaded.iter().map(counts).collect()
}

impl Modules {
    /// Modules in these folders, which are looked through in order. `config` has the section of each module,
    /// by its name without `mod_`, as a JSON object.
    pub fn new(folders: Vec<PathBuf>, config: BTreeMap<String, String>) -> Self {
        Self { folders, config }
    }

    /// As a configuration says.
    pub fn of(config: &Config) -> Self {
        Self::new(config.dsm.modules.clone(), config.modules.clone())
    }

    /// Those beside this program, where they are built and installed together.
    pub fn beside_program() -> Self {
        let program = std::env::current_exe().ok();
        let folder = program.and_then(|program| program.parent().map(Path::to_owned));
        Self::new(folder.into_iter().collect(), BTreeMap::new())
    }

    /// Where they are looked for.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The folders that cannot be looked into.
    pub fn unreadable(&self) -> Vec<(&Path, std::io::Error)> {
        let folders = self.folders.iter();
        let errors = folders.filter_map(|folder| Some((&**folder, fs::read_dir(folder).err()?)));
        errors.collect()
    }

    /// The core, the modules that are compiled in, and these.
    pub fn registry(&self) -> Registry {
        Registry::core().with_source(Arc::new(self.clone()))
    }

    /// Loads a module, if it is not loaded yet.
    ///
    /// # Errors
    /// [`ModuleError`] for whatever is wrong with it.
    pub fn load(&self, name: &str) -> Result<&'static Module, ModuleError> {
        Ok(self.find_and_load(name)?.module())
    }

    /// The names and texts of the diagrams that a module brings now.
    ///
    /// # Errors
    /// [`ModuleError`] if it cannot be loaded or does not give them.
    pub fn diagrams(&self, name: &str) -> Result<Vec<(String, String)>, ModuleError> {
        let loaded = self.find_and_load(name)?;
        let hooks = loaded.module().hooks();
        let found = hooks.map_or_else(|| Ok(Vec::new()), |hooks| hooks.diagrams());
        found.map_err(|problem| ModuleError::Diagrams {
            file: self.find(name).unwrap_or_default(),
            problem,
        })
    }

    /// What a module says of itself in a sentence.
    pub fn doc(&self, name: &str) -> Option<&'static str> {
        Some(self.find_and_load(name).ok()?.doc)
    }

    /// How often a module did what wrong; nothing for one that is not loaded.
    pub fn counts(&self, name: &str) -> Counts {
        self.find_and_load(name)
            .map_or_else(|_| Counts::default(), Loaded::counts)
    }

    /// The names of everything in the folders that looks like a module, in order.
    fn found_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for folder in &self.folders {
            // A folder that is not there has no modules.
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let files = entries.filter_map(|entry| entry.file_name().into_string().ok());
            names.extend(files.filter_map(|file| {
                let name = file.strip_prefix("lib")?.strip_suffix(".so")?;
                name.starts_with("mod_").then(|| name.to_owned())
            }));
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Everything in the folders that looks like a module, in order of names. Loads all of it.
    pub fn list(&self) -> Vec<Listed> {
        let listed = self.found_names().into_iter().map(|name| {
            let file = format!("lib{name}.so");
            let files = self.folders.iter().map(|folder| folder.join(&file));
            let file = files
                .into_iter()
                .find(|file| file.symlink_metadata().is_ok());
            let found = self.find_and_load(&name).map(|loaded| Description {
                version: loaded.version,
                doc: loaded.doc,
                module: loaded.module(),
            });
            Listed {
                name,
                file: file.unwrap_or_default(),
                found,
            }
        });
        listed.collect()
    }

    fn find_and_load(&self, name: &str) -> Result<&'static Loaded, ModuleError> {
        let file = self.find(name)?;
        let unreadable = |error: std::io::Error| ModuleError::Unreadable {
            file: file.clone(),
            problem: error.to_string(),
        };
        let file = fs::canonicalize(&file).map_err(unreadable)?;
        let about = fs::metadata(&file).map_err(unreadable)?;
        let stamp = (about.modified().ok(), about.len(), about.ino());
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.get_or_insert_default();
        if let Some(known) = seen.get(&file)
            && (known.loaded.is_ok() || known.stamp == stamp)
        {
            return known.loaded.clone();
        }
        let loaded = self.open(name, &file, about.permissions().mode());
        let result = loaded.clone();
        seen.insert(file, Seen { stamp, loaded });
        result
    }

    /// The path of the object; no name leads out of the folders.
    fn find(&self, name: &str) -> Result<PathBuf, ModuleError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let word = name.strip_prefix("mod_").unwrap_or("");
        if word.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
            let name = name.to_owned();
            return Err(ModuleError::Name { name });
        }
        let file = format!("lib{name}.so");
        let mut paths = self.folders.iter().map(|folder| folder.join(&file));
        // What is there and is no file is told apart when it is opened.
        let found = paths.find(|path| path.symlink_metadata().is_ok());
        found.ok_or_else(|| {
            let folders: Vec<_> = self
                .folders
                .iter()
                .map(|it| it.display().to_string())
                .collect();
            ModuleError::NotFound {
                file,
                folders: folders.join(", "),
            }
        })
    }

    fn open(&self, name: &str, file: &Path, mode: u32) -> Result<&'static Loaded, ModuleError> {
        check_rights(file, mode)?;
        let file = file.to_owned();
        // SAFETY: the operator put this object into a folder of modules, and a diagram imports it: its
        // start-up code is let run.
        let library = unsafe { Library::open(Some(OsStr::new(&file)), RTLD_NOW | RTLD_LOCAL) };
        let library = library.map_err(|error| ModuleError::Open {
            file: file.clone(),
            problem: reason(&error, &file),
        })?;
        // Never closed: its functions, texts and threads are there until the process ends.
        let library: &'static Library = Box::leak(Box::new(library));
        let own = format!("{}{name}", abi::ENTRY_PREFIX);
        // SAFETY: the contract gives both functions this type.
        let entry = unsafe {
            let entry = library.get::<abi::Entry>(own.as_str());
            entry.or_else(|_| library.get::<abi::Entry>(abi::ENTRY))
        };
        let entry = entry.map_err(|_| ModuleError::NoEntry {
            file: file.clone(),
            own,
        })?;
        // SAFETY: the contract lets it be called at any time, and keeps its table for ever.
        let facts = unsafe { table::read(entry(), name) };
        let facts = facts.map_err(|source| ModuleError::Table {
            file: file.clone(),
            source,
        })?;
        let hooks = facts.hooks;
        let loaded = Loaded::new(name, facts);
        let section = self.config.get(name.trim_start_matches("mod_"));
        let config = section.map_or("{}", String::as_str);
        begin(loaded, hooks, config).map_err(|problem| ModuleError::Refused { file, problem })?;
        LOADED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(loaded);
        tracing::debug!("{} {} is loaded", loaded.name, loaded.version);
        Ok(loaded)
    }
}

impl ModuleSource for Modules {
    fn module(&self, name: &str) -> Result<&'static Module, NoModule> {
        self.load(name).map_err(|error| match &error {
            ModuleError::NotFound { .. } | ModuleError::Name { .. } => {
                NoModule::Missing(error.to_string())
            }
            _ => NoModule::Refused(error.to_string()),
        })
    }

    fn names(&self) -> Vec<String> {
        self.found_names()
    }
}

impl Loaded {
    /// Builds what the language sees of a module; it lives for ever.
    fn new(name: &str, facts: table::Facts) -> &'static Self {
        // Actions point to the module, and the module has the actions.
        let this: &'static Self = Box::leak(Box::new(Self {
            name: String::leak(name.to_owned()),
            version: facts.version,
            doc: facts.doc,
            events: facts.events.clone(),
            module: OnceLock::new(),
            faults: Default::default(),
            slow: AtomicU64::new(0),
        }));
        let mut module = Module::new(name);
        for action in facts.actions {
            let (name, takes) = (action.name, action.takes);
            module = module.code(
                name,
                takes,
                Box::leak(Box::new(LoadedAction::new(this, action))),
            );
        }
        for condition in facts.conditions {
            let (name, takes) = (condition.name, condition.takes);
            let code = Box::leak(Box::new(LoadedCondition::new(this, condition)));
            module = module.code_condition(name, takes, code);
        }
        for event in facts.events {
            module = module.module_event(event);
        }
        if let Some(hooks) = facts.hooks {
            module = module.hooked(Box::leak(Box::new(LoadedHooks::new(this, hooks))));
        }
        this.module.get_or_init(|| module);
        this
    }
}

/// Lets a module begin; its words if it refuses.
fn begin(
    loaded: &'static Loaded,
    hooks: Option<&'static abi::Hooks>,
    config: &str,
) -> Result<(), String> {
    let Some((load, this)) = hooks.and_then(|hooks| hooks.load.map(|load| (load, hooks.this)))
    else {
        return Ok(());
    };
    let host = Own::leak(loaded, config);
    let mut text = [0; MAX_PROBLEM];
    let mut problem = Message {
        ptr: text.as_mut_ptr(),
        capacity: text.len(),
        len: 0,
    };
    // SAFETY: the host lives for ever, the message has the buffer that it names.
    let code = unsafe { load(this, host, &mut problem) };
    if code == abi::OK {
        return Ok(());
    }
    let len = problem.len.min(text.len());
    let said = String::from_utf8_lossy(&text[..len]).replace(char::is_control, " ");
    Err(match said.is_empty() {
        true => format!("it refuses to be loaded (code {code})"),
        false => said,
    })
}

/// Who may write to an object may run code in the server.
fn check_rights(file: &Path, mode: u32) -> Result<(), ModuleError> {
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let writable = |what| ModuleError::Writable {
        file: file.to_owned(),
        what,
    };
    if mode & OTHERS_WRITE != 0 {
        return Err(writable("it"));
    }
    let folder = file.parent().and_then(|folder| fs::metadata(folder).ok());
    match folder.map(|folder| folder.permissions().mode()) {
        Some(mode) if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 => Err(writable("its folder")),
        _ => Ok(()),
    }
}
