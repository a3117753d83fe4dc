//! `mod_sys`: files, processes and the clock of the machine.

use super::module::ModuleAction::Sys;
use super::module::{ModuleCondition, call_checked, call_named, call_with};
use super::{Done, Outcome, Then, bad_argument};
use crate::dsm::argument::Arguments;
use crate::dsm::expr::Scope;
use crate::dsm::registry::{Kind, Module, Parameter, Separator, Signature, asks, need, row, takes};
use crate::dsm::value::{MAX_VALUES, Values};

/// What is written in `import(..)`.
pub const NAME: &str = "mod_sys";

const PATH: Parameter = need("path", Kind::Value);
const COMMAND: Parameter = need("command", Kind::Value);
const FAILS: &[&str] = &["file", "config"];

/// What a script does on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in the table")]
pub enum SysAction {
    GetTimestamp,
    Mkdir,
    MkdirRecursive,
    Popen,
    Rename,
    Tmpnam,
    Unlink,
    UnlinkArray,
}

/// What a script asks about the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "explained in the table")]
pub enum SysCondition {
    FileExists,
    FileNotExists,
    System,
}

use SysAction::*;
use SysCondition::*;

/// The module.
pub fn module() -> Module {
    Module::new(NAME).signatures(SIGNATURES).asks(&[
        (
            ModuleCondition::Sys(FileExists),
            asks(
                "sys.file_exists",
                &[PATH],
                "Holds if the file can be opened for reading; so does a folder.",
            ),
        ),
        (
            ModuleCondition::Sys(FileNotExists),
            asks(
                "sys.file_not_exists",
                &[PATH],
                "The opposite of sys.file_exists.",
            ),
        ),
        (
            ModuleCondition::Sys(System),
            asks(
                "sys.system",
                &[COMMAND],
                "Has the shell run a command; holds if that ends with 0.",
            ),
        ),
    ])
}

const SIGNATURES: &[Signature] = &[
    row(
        "sys.mkdir",
        &[PATH],
        |a, s| call_checked(a, s, Sys(Mkdir)),
        "Makes a folder; one that is there already is a failure.",
    )
    .errno(FAILS),
    row(
        "sys.mkdirRecursive",
        &[PATH],
        |a, s| call_checked(a, s, Sys(MkdirRecursive)),
        "Makes a folder and those that it is in, as far as they are missing.",
    )
    .errno(FAILS),
    row(
        "sys.rename",
        &[need("from", Kind::Value), need("to", Kind::Value)],
        |a, s| call_checked(a, s, Sys(Rename)),
        "Moves a file, also to another file system; a file that is there already is replaced.",
    )
    .errno(FAILS),
    row(
        "sys.unlink",
        &[PATH],
        unlink,
        "Deletes a file; an empty path does nothing.",
    )
    .errno(FAILS),
    row(
        "sys.unlinkArray",
        &[need("array", Kind::NamePrefix), need("folder", Kind::Value)],
        unlink_array,
        "Deletes the files $array_0, $array_1, .. of a folder, as many as $array_size says, and goes on \
         where one cannot be deleted.",
    )
    .errno(&["file", "arg", "config"]),
    row(
        "sys.tmpnam",
        &[need("variable", Kind::NameValue)],
        |a, s| call_named(a, s, 0, Sys(Tmpnam), |_| Then::ClearFailure),
        "Makes an empty file with a new name in the folder for temporary files; the variable gets its \
         path. It stays until it is deleted.",
    )
    .errno(FAILS),
    takes(
        "sys.popen",
        Separator::Equals,
        &[need("variable", Kind::Name), COMMAND],
        |a, s| call_checked(a, s, Sys(Popen)),
        "Has the shell run a command. The variable gets its standard output, $variable.status its exit \
         code, or 128 and the number of the signal that ended it.",
    )
    .errno(&["config"])
    .throws(&["popen #cause", "pclose #cause"]),
    row(
        "sys.getTimestamp",
        &[need("struct", Kind::NamePrefix)],
        get_timestamp,
        "The time of day: seconds since 1970 as $struct.tv_sec, microseconds as $struct.tv_usec.",
    ),
    row(
        "sys.subTimestamp",
        &[need("a", Kind::NamePrefix), need("b", Kind::NamePrefix)],
        sub_timestamp,
        "The time from b to a, into $a.tv_sec and $a.tv_usec, and as whole milliseconds into $a.msec.",
    ),
];

fn unlink(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    match arguments.text(0, scope).is_empty() {
        true => Ok(Outcome::Next),
        false => call_checked(arguments, scope, Sys(Unlink)),
    }
}

/// Gives the host the folder and the names.
fn unlink_array(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let (array, folder) = (arguments.variable_name(0, scope), arguments.owned(1, scope));
    if array.is_empty() {
        return Ok(Outcome::Next);
    }
    let size = scope.variables.get(&format!("{array}_size"));
    let size = size.and_then(|size| size.trim().parse::<usize>().ok());
    let Some(size) = size.filter(|size| *size <= MAX_VALUES) else {
        return bad_argument(format!("${array}_size is no number of files"));
    };
    let name = |index| {
        let name = scope.variables.get(&format!("{array}_{index}"));
        name.unwrap_or_default().to_owned()
    };
    let list: Vec<String> = std::iter::once(folder).chain((0..size).map(name)).collect();
    scope.spend(list.iter().map(|name| name.len() + NAME.len()).sum());
    call_with(arguments, list, Sys(UnlinkArray), Then::ClearFailure)
}

fn get_timestamp(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let name = arguments.variable_name(0, scope);
    scope.variables.remove_prefix(&format!("{name}."));
    call_with(arguments, vec![name], Sys(GetTimestamp), Then::Nothing)
}

fn sub_timestamp(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let (a, b) = (
        arguments.variable_name(0, scope),
        arguments.variable_name(1, scope),
    );
    let between = micros(&a, scope.variables).saturating_sub(micros(&b, scope.variables));
    for (member, value) in [
        ("tv_sec", between.div_euclid(MICROS)),
        ("tv_usec", between.rem_euclid(MICROS)),
        ("msec", between.div_euclid(1_000)),
    ] {
        scope
            .variables
            .set(&format!("{a}.{member}"), value.to_string())?;
    }
    Ok(Outcome::Next)
}

const MICROS: i64 = 1_000_000;

/// A time in microseconds; what is missing, or no number, is 0.
fn micros(name: &str, variables: &Values) -> i64 {
    let member = |member: &str| {
        let text = variables.get(&format!("{name}.{member}"));
        text.and_then(|text| text.trim().parse::<i64>().ok())
            .unwrap_or(0)
    };
    let seconds = member("tv_sec").saturating_mul(MICROS);
    seconds.saturating_add(member("tv_usec"))
}
