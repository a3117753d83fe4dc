//! The applications a call can be given to, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::application::phone::PhoneScript;
use super::prompt_sets::PromptSets;
use crate::dsm::DiagramSet;
use crate::ids::Draws;

/// What runs a call.
#[derive(Debug, Clone)]
pub enum Application {
    /// A state diagram.
    Diagram(Arc<DiagramApplication>),
    /// Sends back what it hears.
    Echo,
    /// The test phone of `muleteer call`.
    Phone(Arc<PhoneScript>),
}

/// A diagram that calls can start with, and what it is configured with.
#[derive(Debug)]
pub struct DiagramApplication {
    /// Name of the diagram.
    pub name: String,
    /// All diagrams that it can call or jump to.
    pub diagrams: Arc<DiagramSet>,
    /// What `playPrompt` can play.
    pub prompts: Arc<PromptSets>,
    /// Each becomes `$config.KEY`.
    pub config: BTreeMap<String, String>,
    /// Whether P-App-Param items become variables.
    pub set_param_variables: bool,
    /// Where the random numbers of its scripts come from.
    pub draws: Draws,
}

/// All applications of a server. The default has none.
#[derive(Debug, Default)]
pub struct Catalog {
    applications: BTreeMap<String, Application>,
}

impl Catalog {
    /// The built-in applications and these diagrams. A later one replaces an earlier one of the same
    /// name.
    pub fn new(diagrams: impl IntoIterator<Item = DiagramApplication>) -> Self {
        let mut catalog = Self {
            applications: BTreeMap::from([("echo".to_owned(), Application::Echo)]),
        };
        for diagram in diagrams {
            catalog.insert(&diagram.name.clone(), diagram);
        }
        catalog
    }

    /// Adds a diagram under a name that need not be its own.
    pub fn insert(&mut self, name: &str, diagram: DiagramApplication) {
        let application = Application::Diagram(Arc::new(diagram));
        self.applications.insert(name.to_owned(), application);
    }

    /// The application of that name.
    pub fn find(&self, name: &str) -> Option<Application> {
        self.applications.get(name).cloned()
    }

    /// All names, in order.
    pub fn names(&self) -> Vec<&str> {
        self.applications.keys().map(String::as_str).collect()
    }
}
