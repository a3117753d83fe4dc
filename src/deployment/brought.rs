//! Diagrams that modules bring: texts that are read like files.

use std::collections::BTreeMap;

use super::DeploymentError;
use crate::dsm::SourceProvider;
use crate::dsm::loader::FileSystem;
use crate::dsm::source::EntryKind;
use crate::plugin::module::Modules;

/// The diagrams of all preloaded modules, by the path they are told under, and all files.
#[derive(Debug, Default)]
pub struct Brought(BTreeMap<String, String>);

impl Brought {
    /// Asks the preloaded modules. Adds what they bring to `files`, which has (name, path).
    ///
    /// # Errors
    /// [`DeploymentError`] for a module that cannot say, and for a name that is taken.
    pub fn add_to(
        files: &mut Vec<(String, String)>,
        modules: &Modules,
        preload: &[String],
    ) -> Result<Self, DeploymentError> {
        let mut brought = BTreeMap::new();
        for module in preload {
            let diagrams = modules.diagrams(module);
            for (name, text) in diagrams.map_err(DeploymentError::Module)? {
                if let Some((_, path)) = files.iter().find(|(known, _)| *known == name) {
                    let (module, path) = (module.clone(), path.clone());
                    return Err(DeploymentError::NameTaken { name, module, path });
                }
                let path = format!("{module}:{name}.dsm");
                brought.insert(path.clone(), text);
                files.push((name, path));
            }
        }
        Ok(Self(brought))
    }
}

impl SourceProvider for Brought {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        match self.0.contains_key(path) {
            true => Some(EntryKind::File),
            false => FileSystem.kind(path),
        }
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        match self.0.get(path) {
            Some(text) => Some(text.clone().into_bytes()),
            None => FileSystem.read(path),
        }
    }

    fn list(&self, folder: &str) -> Vec<String> {
        FileSystem.list(folder)
    }
}
