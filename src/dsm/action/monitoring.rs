//! `mod_monitoring`: what the server keeps in memory about sessions, and about anything else.

use super::{Done, Outcome, Then, module_call};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::host::HostAction;
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

/// The module.
pub fn module() -> Module {
    Module::new(NAME).signatures(SIGNATURES)
}

const fn write(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Signature {
    let separator = Separator::between(parameters);
    takes(name, separator, parameters, module_call, doc)
}

const SIGNATURES: &[Signature] = &[
    write(
        "monitoring.set",
        OWN,
        "Sets an attribute of this session's record, whose id is @local_tag.",
    ),
    write("monitoring.log", OWN, "Another name of monitoring.set."),
    write(
        "monitoring.add",
        OWN,
        "Appends to an attribute of this session's record; a single value becomes the first of a list.",
    ),
    write("monitoring.logAdd", OWN, "Another name of monitoring.add."),
    write(
        "monitoring.logVars",
        &[],
        "Every variable of the session becomes an attribute of its record.",
    ),
    write(
        "monitoring.setGlobal",
        GLOBAL,
        "Sets an attribute of the record with this id.",
    ),
    write(
        "monitoring.addGlobal",
        GLOBAL,
        "Appends to an attribute of the record with this id.",
    ),
    write(
        "monitoring.inc",
        COUNTER,
        "Adds 1 to an attribute of the record with this id; what is no integer counts as 0.",
    ),
    write("monitoring.dec", COUNTER, "Subtracts 1 from it."),
    takes(
        "monitoring.get",
        Separator::Equals,
        &[VARIABLE, ATTRIBUTE],
        get,
        "Reads an attribute of this session's record: a value into the variable, a list into $variable[0], \
         $variable[1], ..",
    ),
    takes(
        "monitoring.getGlobal",
        Separator::OuterCommas(3),
        &[VARIABLE, ID, ATTRIBUTE],
        get,
        "The same of the record with this id.",
    ),
    write(
        "monitoring.erase",
        &[ID],
        "Removes the record with this id.",
    ),
];

/// The host is asked about record and attribute alone.
fn get(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let then = Then::StoreAll(arguments.name(0).to_owned());
    Ok(match module_call(arguments, scope)? {
        Outcome::Perform(HostAction::Module(mut call), _) => {
            call.arguments.remove(0);
            Outcome::Perform(HostAction::Module(call), then)
        }
        other => other,
    })
}
