//! Functions of the server that others call by name: diagrams with `DI`, and whatever speaks for an
//! operator.
//!
//! One file for each [`Component`](crate::session::components::Component). Sessions reach them only
//! through the table of all, [`Components`](crate::session::components::Components).

pub mod dial;
pub mod dsm;
pub mod monitoring;
pub mod registrar;

// The name of the component `dsm` is in `session::components`: sessions call that one themselves.

/// The component that calls are placed by.
pub const DI_DIAL: &str = "di_dial";

/// The component that reads and writes the monitoring store.
pub const MONITORING: &str = "monitoring";

/// The component that registers accounts elsewhere.
pub const REGISTRAR_CLIENT: &str = "registrar_client";
