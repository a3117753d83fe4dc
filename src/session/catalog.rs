//! The applications a call can be given to, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::application::phone::PhoneScript;
use super::monitor_select::MonitorSelection;
use super::prompt_sets::PromptSets;
use crate::dsm::DiagramSet;
use crate::ids::Draws;

/// What runs a call.
#[derive(Debug, Clone)]
pub enum Application {
    /// A state diagram.
    Diagram(Arc<DiagramApplication>),
    /// The diagram that a record of the monitoring store names, which is looked up when a call begins.
    Selected(Arc<MonitorSelection>),
    /// Sends back what it hears.
    Echo,
    /// The test phone of `muleteer call`.
    Phone(Arc<PhoneScript>),
}

impl Application {
    /// What it is called, unless it is in a catalog under another name.
    pub fn name(&self) -> &str {
        match self {
            Application::Diagram(diagram) => &diagram.name,
            Application::Selected(_) => "dsm",
            Application::Echo => ECHO,
            Application::Phone(_) => "phone",
        }
    }
}

/// The name of the built-in echo.
const ECHO: &str = "echo";

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
            applications: BTreeMap::from([(ECHO.to_owned(), Application::Echo)]),
        };
        for diagram in diagrams {
            catalog.insert(&diagram.name.clone(), diagram);
        }
        catalog
    }

    /// Has calls to an application get the diagram that is selected for each.
    pub fn insert_selection(&mut self, name: &str, selection: Arc<MonitorSelection>) {
        let application = Application::Selected(selection);
        self.applications.insert(name.to_owned(), application);
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
