//! The applications a call can be given to, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::application::phone::PhoneScript;
use crate::dsm::DiagramSet;

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
    /// Name of the diagram and of the application.
    pub name: String,
    /// All diagrams that it can call or jump to.
    pub diagrams: Arc<DiagramSet>,
    /// Each becomes `$config.KEY`.
    pub config: BTreeMap<String, String>,
    /// Whether P-App-Param items become variables.
    pub set_param_variables: bool,
}

/// Names of the applications that need no diagram.
pub const BUILT_IN: &[&str] = &["echo"];

/// All applications of a server. The default has none.
#[derive(Debug, Default)]
pub struct Catalog {
    applications: BTreeMap<String, Application>,
}

impl Catalog {
    /// The built-in applications and these diagrams. A diagram named like a built-in application
    /// replaces it.
    pub fn new(diagrams: impl IntoIterator<Item = DiagramApplication>) -> Self {
        let mut applications = BTreeMap::from([("echo".to_owned(), Application::Echo)]);
        for diagram in diagrams {
            applications.insert(
                diagram.name.clone(),
                Application::Diagram(Arc::new(diagram)),
            );
        }
        Self { applications }
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
