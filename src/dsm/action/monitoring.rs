//! `mod_monitoring`: what the server keeps in memory about sessions, and about anything else.

use super::Then;
use super::module::ModuleAction::Monitoring;
use super::module::{call, call_behind};
use crate::dsm::registry::{Kind, Module, Parameter, Separator, Signature, may, need, row, takes};

/// What is written in `import(..)`.
pub const NAME: &str = "mod_monitoring";

const ID: Parameter = need("id", Kind::Value);
const ATTRIBUTE: Parameter = need("name", Kind::Value);
const VALUE: Parameter = may("value", Kind::Value);
const VARIABLE: Parameter = need("variable", Kind::Name);
const OWN: &[Parameter] = &[ATTRIBUTE, VALUE];
const GLOBAL: &[Parameter] = &[ID, ATTRIBUTE, VALUE];
const COUNTER: &[Parameter] = &[ID, ATTRIBUTE];

/// What a session does with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in the table")]
pub enum MonitoringAction {
    Add,
    AddGlobal,
    Dec,
    Erase,
    Get,
    GetGlobal,
    Inc,
    LogVars,
    Set,
    SetGlobal,
}

use MonitoringAction::*;

/// The module.
pub fn module() -> Module {
    Module::new(NAME).signatures(SIGNATURES)
}

const SIGNATURES: &[Signature] = &[
    row(
        "monitoring.set",
        OWN,
        |a, s| call(a, s, Monitoring(Set)),
        "Sets an attribute of this session's record, whose id is @local_tag.",
    ),
    row(
        "monitoring.log",
        OWN,
        |a, s| call(a, s, Monitoring(Set)),
        "Another name of monitoring.set.",
    ),
    row(
        "monitoring.add",
        OWN,
        |a, s| call(a, s, Monitoring(Add)),
        "Appends to an attribute of this session's record; a single value becomes the first of a list.",
    ),
    row(
        "monitoring.logAdd",
        OWN,
        |a, s| call(a, s, Monitoring(Add)),
        "Another name of monitoring.add.",
    ),
    row(
        "monitoring.logVars",
        &[],
        |a, s| call(a, s, Monitoring(LogVars)),
        "Every variable of the session becomes an attribute of its record.",
    ),
    row(
        "monitoring.setGlobal",
        GLOBAL,
        |a, s| call(a, s, Monitoring(SetGlobal)),
        "Sets an attribute of the record with this id.",
    ),
    row(
        "monitoring.addGlobal",
        GLOBAL,
        |a, s| call(a, s, Monitoring(AddGlobal)),
        "Appends to an attribute of the record with this id.",
    ),
    row(
        "monitoring.inc",
        COUNTER,
        |a, s| call(a, s, Monitoring(Inc)),
        "Adds 1 to an attribute of the record with this id; what is no integer counts as 0.",
    ),
    row(
        "monitoring.dec",
        COUNTER,
        |a, s| call(a, s, Monitoring(Dec)),
        "Subtracts 1 from it.",
    ),
    takes(
        "monitoring.get",
        Separator::Equals,
        &[VARIABLE, ATTRIBUTE],
        |a, s| call_behind(a, s, Monitoring(Get), Then::StoreAll),
        "Reads an attribute of this session's record: a value into the variable, a list into $variable[0], \
         $variable[1], ..",
    ),
    row(
        "monitoring.getGlobal",
        &[VARIABLE, ID, ATTRIBUTE],
        |a, s| call_behind(a, s, Monitoring(GetGlobal), Then::StoreAll),
        "The same of the record with this id.",
    ),
    row(
        "monitoring.erase",
        &[ID],
        |a, s| call(a, s, Monitoring(Erase)),
        "Removes the record with this id.",
    ),
];
