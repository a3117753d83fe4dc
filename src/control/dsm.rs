//! The component `dsm`: diagrams, bundles, and events for running sessions.
//!
//! It reads the arguments into a [`Command`]; the task that owns what is in place carries it out.

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::dsm::Params;
use crate::session::components::{
    CREATE_SYSTEM_DSM, CallError, Calling, Component, Function, Kind, Parameter,
};

/// What the owner of the diagrams is told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Post an event to a session or queue.
    Post(String, Box<Params>),
    /// Read the diagrams of the main configuration again.
    ReloadDsms,
    /// Add a diagram to the main configuration.
    LoadDsm {
        /// Its name.
        name: String,
        /// Its folder; `None`: the configured ones.
        folder: Option<PathBuf>,
    },
    /// Load a bundle, or load it again.
    LoadConfig {
        /// Its file.
        file: PathBuf,
        /// Its name.
        name: String,
    },
    /// Make a diagram an application of the collection that has the application `of`, or else of the
    /// main one.
    Register {
        /// The diagram.
        name: String,
        /// An application of the collection.
        of: Option<String>,
    },
    /// Name the diagrams of the collection that has this application, or else of the main one.
    List(Option<String>),
    /// Start a diagram without a call.
    CreateSystem {
        /// `main` or the name of a bundle.
        configuration: String,
        /// The diagram.
        diagram: String,
    },
}

/// What became of a [`Command`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It worked.
    Done,
    /// It did not, with a code like those of SIP.
    Failed(u16, String),
    /// Names that were asked for.
    Names(Vec<String>),
}

/// A command on its way, and where its outcome is awaited.
pub type Order = (Command, oneshot::Sender<Outcome>);

/// See the module's documentation.
#[derive(Debug)]
pub struct DsmComponent {
    orders: mpsc::Sender<Order>,
}

impl DsmComponent {
    /// A component whose commands go to `orders`.
    pub fn new(orders: mpsc::Sender<Order>) -> Self {
        Self { orders }
    }
}

impl Component for DsmComponent {
    fn functions(&self) -> &'static [Function] {
        FUNCTIONS
    }

    fn call(&self, function: &str, arguments: Vec<Value>) -> Calling {
        let asks_for = (function == "hasDSM").then(|| text(&arguments, 0));
        let command = command(function, &arguments);
        let orders = self.orders.clone();
        Box::pin(async move {
            let Some(command) = command? else {
                return Ok(json!([200, "OK"]));
            };
            let (answer, outcome) = oneshot::channel();
            let sent = orders.send((command, answer)).await;
            sent.map_err(|_| CallError::Ending)?;
            let outcome = outcome.await.map_err(|_| CallError::Ending)?;
            Ok(match (outcome, asks_for) {
                (Outcome::Done, _) => json!([200, "OK"]),
                (Outcome::Failed(code, why), _) => json!([code, why]),
                (Outcome::Names(names), Some(name)) => json!(i32::from(names.contains(&name))),
                (Outcome::Names(names), None) => json!(names),
            })
        })
    }
}

/// What a function asks for; `None`: nothing that has to be done here.
fn command(function: &str, arguments: &[Value]) -> Result<Option<Command>, CallError> {
    let text = |index| text(arguments, index);
    let optional = |index| arguments.get(index).map(|_| text(index));
    Ok(Some(match function {
        "postDSMEvent" => {
            let params = params(arguments.get(1)).ok_or_else(|| usage(function))?;
            Command::Post(text(0), Box::new(params))
        }
        "reloadDSMs" => Command::ReloadDsms,
        "loadDSM" | "loadDSMWithPath" | "loadDSMWithPaths" => Command::LoadDsm {
            name: text(0),
            folder: optional(1).map(PathBuf::from),
        },
        "loadConfig" => Command::LoadConfig {
            file: text(0).into(),
            name: text(1).trim_end_matches(".conf").to_owned(),
        },
        "registerApplication" => Command::Register {
            name: text(0),
            of: optional(1),
        },
        "hasDSM" => Command::List(optional(1)),
        "listDSMs" => Command::List(optional(0)),
        CREATE_SYSTEM_DSM => Command::CreateSystem {
            configuration: text(0),
            diagram: text(1),
        },
        // Modules are loaded when a diagram imports them.
        _ => return Ok(None),
    }))
}

/// The argument at `index`, which has been checked to be a string if it is there.
fn text(arguments: &[Value], index: usize) -> String {
    let text = arguments.get(index).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// Parameters of an event: `[[name, value], ..]`, or a struct.
fn params(value: Option<&Value>) -> Option<Params> {
    let as_text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        None => Some(Params::new()),
        Some(Value::Object(members)) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), as_text(value));
            Some(members.iter().map(member).collect())
        }
        Some(value) => {
            let pair = |pair: &Value| match pair.as_array()?.as_slice() {
                [Value::String(name), value] => Some((name.clone(), as_text(value))),
                _ => None,
            };
            value.as_array()?.iter().map(pair).collect()
        }
    }
}

fn usage(function: &str) -> CallError {
    let found = FUNCTIONS.iter().find(|one| one.name == function);
    CallError::Arguments {
        usage: found.map(Function::usage).unwrap_or_default(),
    }
}

const fn need(name: &'static str) -> Parameter {
    Parameter {
        name,
        kind: Kind::Text,
        optional: false,
    }
}

const fn may(name: &'static str) -> Parameter {
    Parameter {
        name,
        kind: Kind::Text,
        optional: true,
    }
}

const fn function(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Function {
    Function {
        name,
        parameters,
        doc,
    }
}

const PATHS: &[Parameter] = &[need("name"), need("diag_path"), may("mod_path")];

const FUNCTIONS: &[Function] = &[
    function(
        "postDSMEvent",
        &[
            need("session"),
            Parameter {
                name: "[[name, value], ..]",
                kind: Kind::Data,
                optional: true,
            },
        ],
        "Raises 'event' in a session; 404 if there is none.",
    ),
    function(
        "reloadDSMs",
        &[],
        "Reads the diagrams of the main configuration again; 500 and no change if they have errors.",
    ),
    function(
        "loadDSM",
        &[need("name")],
        "Adds a diagram to the main configuration; 400 if there is one of that name.",
    ),
    function("loadDSMWithPath", PATHS, "The same, from that folder."),
    function("loadDSMWithPaths", PATHS, "The same, from that folder."),
    function(
        "preloadModules",
        &[],
        "Does nothing: modules are loaded when a diagram imports them.",
    ),
    function(
        "preloadModule",
        &[need("name"), may("path")],
        "Does nothing: modules are loaded when a diagram imports them.",
    ),
    function(
        "hasDSM",
        &[need("name"), may("application")],
        "1 if there is such a diagram, else 0; in the bundle that has the application.",
    ),
    function(
        "listDSMs",
        &[may("application")],
        "Names of the diagrams; in the bundle that has the application.",
    ),
    function(
        "registerApplication",
        &[need("name"), may("application")],
        "Makes a diagram an application; 400 if there is none, 500 if it is one.",
    ),
    function(
        "loadConfig",
        &[need("file"), need("name")],
        "Loads a bundle, or loads it again and starts its system diagrams with 'reload'; 500 and no change if it has errors.",
    ),
    function(
        CREATE_SYSTEM_DSM,
        &[need("configuration"), need("diagram")],
        "Starts a diagram without a call; 500 if it cannot be started.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::components::{Components, DSM};

    /// What becomes of a call, and the command that was ordered, which is answered with `outcome`.
    fn call(
        function: &str,
        arguments: Value,
        outcome: Outcome,
    ) -> (Result<Value, CallError>, Option<Command>) {
        let (orders, mut received) = mpsc::channel::<Order>(1);
        let component = std::sync::Arc::new(DsmComponent::new(orders));
        let components = Components::default().with(DSM, component);
        let arguments = arguments.as_array().cloned().unwrap_or_default();
        let calling = components.call(DSM, function, arguments);
        drop(components);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let serve = async {
                let (command, answer) = received.recv().await?;
                answer.send(outcome).unwrap();
                Some(command)
            };
            tokio::join!(calling, serve)
        })
    }

    #[test]
    fn arguments_become_a_command_and_its_outcome_a_value() {
        let (value, command) = call(
            "postDSMEvent",
            json!(["x", [["a", "1"], ["b", 2]]]),
            Outcome::Done,
        );
        assert_eq!(value, Ok(json!([200, "OK"])));
        let params = Params::from([("a".into(), "1".into()), ("b".into(), "2".into())]);
        assert_eq!(command, Some(Command::Post("x".into(), Box::new(params))));

        let names = || Outcome::Names(vec!["a".into(), "b".into()]);
        assert_eq!(
            call("listDSMs", json!([]), names()).0,
            Ok(json!(["a", "b"]))
        );
        assert_eq!(call("hasDSM", json!(["b"]), names()).0, Ok(json!(1)));
        assert_eq!(call("hasDSM", json!(["c"]), names()).0, Ok(json!(0)));

        let (value, command) = call(
            "loadConfig",
            json!(["f", "shop.conf"]),
            Outcome::Failed(500, "why".into()),
        );
        assert_eq!(value, Ok(json!([500, "why"])));
        let (file, name) = ("f".into(), "shop".to_owned());
        assert_eq!(command, Some(Command::LoadConfig { file, name }));
    }

    #[test]
    fn arguments_that_do_not_fit_are_refused_with_the_usage() {
        for (function, arguments) in [
            ("loadDSM", json!([])),
            ("loadDSM", json!([1])),
            ("reloadDSMs", json!(["x"])),
            ("postDSMEvent", json!(["x", [["a"]]])),
            ("postDSMEvent", json!(["x", ["a", "b"]])),
        ] {
            let (value, command) = call(function, arguments, Outcome::Done);
            let Err(CallError::Arguments { usage }) = value else {
                panic!("{function}: {value:?}")
            };
            assert!(usage.starts_with(function), "{usage}");
            assert_eq!(command, None);
        }
    }

    #[test]
    fn nobody_is_asked_once_the_server_is_ending() {
        let (orders, received) = mpsc::channel::<Order>(1);
        drop(received);
        let calling = DsmComponent::new(orders).call("reloadDSMs", Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert_eq!(runtime.block_on(calling), Err(CallError::Ending));
    }
}
