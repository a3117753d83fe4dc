//! `mod_monitoring`: what the server keeps in memory about sessions, and about anything else.

use super::module::ModuleAction::Monitoring;
use super::module::{call, call_behind};
use super::{Run, Then};
use crate::dsm::registry::{Kind, Module, Parameter, Separator, Signature, may, need, takes};

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

const fn write(
    name: &'static str,
    parameters: &'static [Parameter],
    run: Run,
    doc: &'static str,
) -> Signature {
    takes(name, Separator::between(parameters), parameters, run, doc)
}

const SIGNATURES: &[Signature] = &[
    write(
        "monitoring.set",
        OWN,
        |a, s| call(a, s, Monitoring(Set)),
        "Sets an attribute of this session's record, whose id is @local_tag.",
    ),
    write(
        "monitoring.log",
        OWN,
        |a, s| call(a, s, Monitoring(Set)),
        "Another name of monitoring.set.",
    ),
    write(
        "monitoring.add",
        OWN,
        |a, s| call(a, s, Monitoring(Add)),
        "Appends to an attribute of this session's record; a single value becomes the first of a list.",
    ),
    write(
        "monitoring.logAdd",
        OWN,
        |a, s| call(a, s, Monitoring(Add)),
        "Another name of monitoring.add.",
    ),
    write(
        "monitoring.logVars",
        &[],
        |a, s| call(a, s, Monitoring(LogVars)),
        "Every variable of the session becomes an attribute of its record.",
    ),
    write(
        "monitoring.setGlobal",
        GLOBAL,
        |a, s| call(a, s, Monitoring(SetGlobal)),
        "Sets an attribute of the record with this id.",
    ),
    write(
        "monitoring.addGlobal",
        GLOBAL,
        |a, s| call(a, s, Monitoring(AddGlobal)),
        "Appends to an attribute of the record with this id.",
    ),
    write(
        "monitoring.inc",
        COUNTER,
        |a, s| call(a, s, Monitoring(Inc)),
        "Adds 1 to an attribute of the record with this id; what is no integer counts as 0.",
    ),
    write(
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
    takes(
        "monitoring.getGlobal",
        Separator::OuterCommas(3),
        &[VARIABLE, ID, ATTRIBUTE],
        |a, s| call_behind(a, s, Monitoring(GetGlobal), Then::StoreAll),
        "The same of the record with this id.",
    ),
    write(
        "monitoring.erase",
        &[ID],
        |a, s| call(a, s, Monitoring(Erase)),
        "Removes the record with this id.",
    ),
];
