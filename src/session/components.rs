//! Functions of the server that diagrams call by name with `DI`.
//!
//! A [`Component`] is a named group of functions over JSON values; [`Components`] is the one table of
//! them. A function's arguments are checked here, against its [`Function`], before it is called. What
//! the components of this server do is in [`control`](crate::control), which a session does not know.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use crate::dsm::{ActionError, ActionResult, Answer, DiCall, Errno, Exception};
use crate::suggest::closest;

/// The component that diagrams are managed by.
pub const DSM: &str = "dsm";
/// The function of `dsm` that starts a diagram without a call: configuration, diagram; gives code and text.
pub const CREATE_SYSTEM_DSM: &str = "createSystemDSM";

/// A named group of functions.
pub trait Component: fmt::Debug + Send + Sync {
    /// What can be called.
    fn functions(&self) -> &'static [Function];

    /// Calls one of them, with arguments that fit it.
    fn call(&self, function: &str, arguments: Vec<Value>) -> Calling;
}

/// A call under way.
pub type Calling = Pin<Box<dyn Future<Output = Result<Value, CallError>> + Send>>;

/// A function of a component.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Its parameters in order.
    pub parameters: &'static [Parameter],
    /// What it does, in a line.
    pub doc: &'static str,
}

/// A parameter of a [`Function`].
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it, and what follows it, may be left out.
    pub optional: bool,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A list, or a struct.
    Data,
    /// Any value.
    Any,
    /// Any values, as many as there are.
    Rest,
}

/// Why a call brings no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no component of that name.
    #[error("there is no component '{name}'{}", suggestion(near))]
    NoComponent {
        /// As asked for.
        name: String,
        /// One that is called nearly so.
        near: Option<String>,
    },
    /// The component has no function of that name.
    #[error("{component} has no function '{name}'{}", suggestion(near))]
    NoFunction {
        /// The component.
        component: String,
        /// As asked for.
        name: String,
        /// One that is called nearly so.
        near: Option<String>,
    },
    /// The arguments are too few, too many, or of another kind.
    #[error("it is called as {usage}")]
    Arguments {
        /// How it is called.
        usage: String,
    },
    /// The arguments mean nothing that can be done.
    #[error("{why}")]
    Refused {
        /// What is wrong.
        why: &'static str,
    },
    /// This version of the server does not have it.
    #[error("it is not available yet in this version of the server")]
    NotAvailable,
    /// The server is ending.
    #[error("the server is ending")]
    Ending,
}

/// All components of a server.
#[derive(Debug, Default)]
pub struct Components {
    components: BTreeMap<&'static str, Arc<dyn Component>>,
}

impl Components {
    /// Adds a component under its name.
    pub fn with(mut self, name: &'static str, component: Arc<dyn Component>) -> Self {
        self.components.insert(name, component);
        self
    }

    /// All components by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &dyn Component)> {
        let components = self.components.iter();
        components.map(|(name, component)| (*name, &**component))
    }

    /// Calls `function` of `component`.
    ///
    /// The future fails with [`CallError`] if there is no such thing or the arguments do not fit.
    pub fn call(&self, component: &str, function: &str, arguments: Vec<Value>) -> Calling {
        match self.find(component, function, &arguments) {
            Ok(found) => found.call(function, arguments),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    /// Calls for a script; errors are those of the actions `DI...`.
    pub fn call_for_script(
        &self,
        call: DiCall,
    ) -> impl Future<Output = ActionResult> + Send + 'static {
        let calling = self.call(&call.factory, &call.function, call.arguments);
        async move {
            calling.await.map(Answer::Value).map_err(|error| {
                let errno = match error {
                    CallError::NoComponent { .. } | CallError::NotAvailable | CallError::Ending => {
                        Errno::CONFIG
                    }
                    CallError::NoFunction { .. }
                    | CallError::Arguments { .. }
                    | CallError::Refused { .. } => Errno::ARG,
                };
                ActionError::errno(errno, error.to_string())
            })
        }
    }

    /// Starts a system diagram for a script; what goes wrong is an exception `core`.
    pub fn create_system_dsm(
        &self,
        configuration: &str,
        diagram: &str,
    ) -> impl Future<Output = ActionResult> + Send + 'static {
        let arguments = vec![configuration.into(), diagram.into()];
        let calling = self.call(DSM, CREATE_SYSTEM_DSM, arguments);
        async move {
            let fail = |cause: String| Err(ActionError::from(Exception::core(cause)));
            match calling.await {
                Ok(status) if status[0] == 200 => Ok(Answer::Nothing),
                Ok(status) => fail(status[1].as_str().unwrap_or_default().to_owned()),
                Err(error) => fail(error.to_string()),
            }
        }
    }

    fn find(
        &self,
        name: &str,
        function: &str,
        arguments: &[Value],
    ) -> Result<&dyn Component, CallError> {
        let Some(component) = self.components.get(name) else {
            let near = closest(name, self.components.keys().copied());
            return Err(CallError::NoComponent {
                name: name.to_owned(),
                near: near.map(str::to_owned),
            });
        };
        let functions = component.functions();
        let Some(found) = functions.iter().find(|one| one.name == function) else {
            let near = closest(function, functions.iter().map(|one| one.name));
            return Err(CallError::NoFunction {
                component: name.to_owned(),
                name: function.to_owned(),
                near: near.map(str::to_owned),
            });
        };
        if !found.takes(arguments) {
            let usage = found.usage();
            return Err(CallError::Arguments { usage });
        }
        Ok(&**component)
    }
}

impl Function {
    /// How it is called, such as `loadConfig(file, name)`.
    pub fn usage(&self) -> String {
        let mut usage = format!("{}(", self.name);
        for (index, parameter) in self.parameters.iter().enumerate() {
            let sign = if index > 0 { ", " } else { "" };
            usage += &match parameter.optional {
                true => format!("[{sign}{}]", parameter.name),
                false => format!("{sign}{}", parameter.name),
            };
        }
        usage + ")"
    }

    fn takes(&self, arguments: &[Value]) -> bool {
        let needed = self.parameters.iter().filter(|one| !one.optional).count();
        let fits = |(parameter, value): (&Parameter, &Value)| match parameter.kind {
            Kind::Text => value.is_string(),
            Kind::Data => value.is_array() || value.is_object(),
            Kind::Any | Kind::Rest => true,
        };
        let last = self.parameters.last();
        let most = match last.is_some_and(|last| last.kind == Kind::Rest) {
            true => usize::MAX,
            false => self.parameters.len(),
        };
        (needed..=most).contains(&arguments.len())
            && self.parameters.iter().zip(arguments).all(fits)
    }
}

fn suggestion(near: &Option<String>) -> String {
    near.as_ref()
        .map_or_else(String::new, |near| format!("; did you mean '{near}'?"))
}
