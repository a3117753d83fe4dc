//! Built-in actions, one file per family: a table of signatures and the functions behind them.
//!
//! A function reads its arguments and either changes variables at once or gives back what is to
//! happen: a step of the engine, or a [`HostAction`].

mod b2b;
mod conference;
mod di;
mod dialog;
mod event;
mod flow;
pub mod groups;
mod logging;
mod media;
mod module;
pub mod monitoring;
mod playback;
mod sbc;
mod subscription;
pub mod sys;
mod timer;
mod uri;
pub mod utils;
mod variables;
mod zrtp;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::argument::Arguments;
use super::expr::Scope;
use super::host::{ActionError, ActionResult, Answer, Errno, Exception, HostAction};
use super::module::{Past, Resumption};
use super::registry::{
    Kind, Module, ModuleArguments, Parameter, Role, Separator, Signature, any, may, need,
};
use super::value::Values;

pub use conference::{ConferenceAction, RoomAction};
pub use dialog::{DialogAction, DialogCondition};
pub use groups::GroupAction;
pub use module::{ModuleAction, ModuleCondition};
pub use monitoring::MonitoringAction;
pub use subscription::SubscriptionAction;
pub use sys::{SysAction, SysCondition};

/// Does an action.
pub type Run = fn(&Arguments<'_>, &mut Scope<'_>) -> Result<Outcome, Exception>;

/// What an action leaves to the engine.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// Nothing.
    Next,
    /// End the innermost loop, or the list.
    Break,
    Repost,
    Jump(String),
    Call(String),
    Return,
    /// `$errno` and `$strerror`.
    Fail(Errno, String),
    /// A message for whoever operates the server; nothing else happens.
    Complain(String),
    /// Ask the host, then do something with its answer.
    Perform(HostAction, Then),
    /// The same, with a message for whoever operates the server.
    PerformDespite(String, HostAction, Then),
    /// Go on with code of a module.
    Resume(Past, Resumption),
}

/// What happens with the answer of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    ClearErrno,
    /// Clear `$errno` and `$strerror`: what actions of modules do.
    ClearFailure,
    /// Store the value in this variable; 0 if the action failed.
    Store(String),
    /// Store the value in this variable; without one, remove it. Leaves `$errno` alone.
    StoreOrRemove(String),
    /// Store the value in this variable, which is empty before and if the action failed.
    StoreOrEmpty(String),
    /// Store the value in this variable, or the elements of a list in `name[n]`; what was there before is
    /// removed. Leaves `$errno` alone.
    StoreAll(String),
    /// Store the value in `$DI_res` and relatives.
    StoreDi,
    /// Store the array in `$DI_res[n]`, its length in `$DI_res_size`.
    StoreDiArray,
    /// Do that, then go on with code of a module, also after a failure.
    Resume(Box<Then>, Resumption),
}

type Done = Result<Outcome, Exception>;

/// An action of the host that leaves `$errno` alone.
fn perform(action: HostAction) -> Done {
    Ok(Outcome::Perform(action, Then::Nothing))
}

/// An action of the host that clears `$errno` when it works.
fn perform_checked(action: HostAction) -> Done {
    Ok(Outcome::Perform(action, Then::ClearErrno))
}

fn bad_argument(text: impl Into<String>) -> Done {
    Ok(Outcome::Fail(Errno::ARG, text.into()))
}

/// The core actions by family, each with its heading in the reference page.
pub static FAMILIES: [(&str, &[Signature]); 9] = [
    ("Flow", flow::SIGNATURES),
    ("Variables", variables::SIGNATURES),
    ("Logging", logging::SIGNATURES),
    ("Playlist and recording", playback::SIGNATURES),
    ("Media", media::SIGNATURES),
    ("Timers", timer::SIGNATURES),
    ("Events, diagrams and objects", event::SIGNATURES),
    ("Functions of other components", di::SIGNATURES),
    ("Second leg", b2b::SIGNATURES),
];

/// Does an action of a loaded module.
pub fn code(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let signature = arguments.signature;
    match signature.code {
        Some(code) if scope.host.runs(&signature.name) => code.run(arguments, scope),
        _ => stand_in(arguments, scope),
    }
}

/// Leaves an action of a loaded module to the host.
fn stand_in(arguments: &Arguments<'_>, scope: &mut Scope<'_>) -> Done {
    let then = match arguments.signature.errno {
        Some(_) => Then::ClearFailure,
        None => Then::Nothing,
    };
    module::call_then(arguments, scope, ModuleAction::Named, then)
}

/// All core signatures.
pub fn signatures() -> impl Iterator<Item = &'static Signature> {
    FAMILIES.iter().flat_map(|(_, family)| *family)
}

/// The modules that are compiled in.
pub fn modules() -> impl Iterator<Item = Module> {
    [
        conference::module(),
        dialog::module(),
        groups::module(),
        monitoring::module(),
        sbc::module(),
        subscription::module(),
        sys::module(),
        uri::module(),
        utils::module(),
        zrtp::module(),
    ]
    .into_iter()
}

/// The signature of a module's action, which the host does.
pub fn module_signature(module: &Arc<str>, name: &str, arguments: ModuleArguments) -> Signature {
    const LIST: &[Parameter] = &[any("argument", Kind::Value)];
    const TEXT: &[Parameter] = &[may("text", Kind::ModuleText)];
    const SQL: &[Parameter] = &[need("statement", Kind::Sql)];
    const ESCAPE: &[Parameter] = &[need("variable", Kind::Name), need("value", Kind::Value)];
    let (separator, parameters, role) = match arguments {
        ModuleArguments::List => (Separator::EveryComma, LIST, Role::Plain),
        ModuleArguments::Text => (Separator::None, TEXT, Role::AssignsAny),
        ModuleArguments::Sql => (Separator::None, SQL, Role::AssignsAny),
        ModuleArguments::Escape => (Separator::Equals, ESCAPE, Role::Escapes),
    };
    Signature {
        name: Cow::Owned(name.to_owned()),
        doc: "An action of a module.",
        separator,
        parameters,
        role,
        run: code,
        remark: None,
        module: Some(module.clone()),
        cancellable: false,
        throws: &[],
        errno: None,
        sets: &[],
        is_available: true,
        code: None,
        examples: &[],
    }
}

impl Then {
    /// Does what is to be done with the result of the host.
    pub fn finish(self, result: ActionResult, variables: &mut Values) -> Result<(), Exception> {
        match result {
            Ok(answer) => self.succeed(answer, variables),
            Err(ActionError::Errno { errno, text }) => {
                match &self {
                    Then::Store(name) => variables.set(name, "0")?,
                    Then::StoreOrEmpty(name) => variables.set(name, "")?,
                    _ => {}
                }
                set_errno(&errno, &text, variables)
            }
            Err(ActionError::Exception(exception)) => Err(exception),
        }
    }

    fn succeed(self, answer: Answer, variables: &mut Values) -> Result<(), Exception> {
        match self {
            Then::Nothing | Then::StoreOrRemove(_) | Then::StoreAll(_) => {}
            Then::ClearFailure | Then::StoreOrEmpty(_) => clear_failure(variables)?,
            _ => variables.set("errno", "")?,
        }
        match (self, answer) {
            (
                Then::Store(name) | Then::StoreOrRemove(name) | Then::StoreOrEmpty(name),
                Answer::Value(value),
            ) => variables.set(&name, di::text(&value))?,
            (Then::StoreOrRemove(name), _) => drop(variables.remove(&name)),
            (Then::StoreAll(name), Answer::Value(value)) => store_all(&name, &value, variables)?,
            (Then::StoreDi | Then::StoreDiArray, Answer::Value(Value::Array(list)))
                if !list.iter().all(di::is_element) =>
            {
                let text = "an element of the result is neither a text nor an integer";
                set_errno(&Errno::ARG, text, variables)?;
            }
            (Then::StoreDi, Answer::Value(value)) => di::store(&value, variables)?,
            (Then::StoreDiArray, Answer::Value(value)) => di::store_array(&value, variables)?,
            // The engine takes these apart before.
            (Then::Resume(then, _), answer) => then.succeed(answer, variables)?,
            (_, Answer::Assign(list)) => {
                for (name, value) in list {
                    variables.set(&name, value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Stores a value, or the elements of a list.
fn store_all(name: &str, value: &Value, variables: &mut Values) -> Result<(), Exception> {
    variables.remove_prefix(&format!("{name}["));
    let Value::Array(list) = value else {
        variables.set(name, di::text(value))?;
        return Ok(());
    };
    variables.remove(name);
    for (index, element) in list.iter().enumerate() {
        variables.set(&format!("{name}[{index}]"), di::text(element))?;
    }
    Ok(())
}

/// An action of a module that has done what it is for.
fn succeed(scope: &mut Scope<'_>) -> Done {
    clear_failure(scope.variables)?;
    Ok(Outcome::Next)
}

/// Forgets how an earlier action failed, so that `throwOnError` behind a successful one is silent. Actions
/// of the core leave `$strerror` as it is.
fn clear_failure(variables: &mut Values) -> Result<(), Exception> {
    variables.set("errno", "")?;
    if variables
        .get("strerror")
        .is_some_and(|text| !text.is_empty())
    {
        variables.set("strerror", "")?;
    }
    Ok(())
}

/// What finding, setting or removing one element costs, as bytes of [`Scope::spend`].
const ELEMENT_BYTES: usize = 256;

/// Makes an array of these elements, in the place of the one that had the name.
fn store_array<T: Into<String>>(
    name: &str,
    elements: impl IntoIterator<Item = T>,
    scope: &mut Scope<'_>,
) -> Result<(), Exception> {
    let prefix = format!("{name}[");
    remove_prefix(&prefix, scope);
    for (index, element) in elements.into_iter().enumerate() {
        scope.spend(ELEMENT_BYTES);
        let stored = scope.variables.set(&format!("{prefix}{index}]"), element);
        if let Err(error) = stored {
            remove_prefix(&prefix, scope);
            return Err(error.into());
        }
    }
    Ok(())
}

/// Removes all variables whose names begin so.
fn remove_prefix(prefix: &str, scope: &mut Scope<'_>) {
    let before = scope.variables.len();
    scope.variables.remove_prefix(prefix);
    scope.spend((before - scope.variables.len()) * ELEMENT_BYTES);
}

/// Sets `$errno` and `$strerror`.
pub fn set_errno(errno: &Errno, text: &str, variables: &mut Values) -> Result<(), Exception> {
    variables.set("errno", &*errno.0)?;
    variables.set("strerror", text)?;
    Ok(())
}
