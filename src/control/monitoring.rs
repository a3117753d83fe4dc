//! The component `monitoring`: what the server keeps in memory about calls, and about anything else.
//!
//! It reads the arguments into [`Write`]s and [`Question`]s for the owner of the store.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::session::components::{CallError, Calling, Component, Function, Kind, Parameter};
use crate::session::monitoring::{
    self as store, Found, Monitor, Name, Pattern, Question, RecordId, Reply, Search, Wanted, Write,
};

/// Window of `getCount` and `getAllCounts`, if none is given.
const WINDOW: Duration = Duration::from_secs(1);

/// See the module's documentation.
#[derive(Debug)]
pub struct MonitoringComponent {
    monitor: Monitor,
}

impl MonitoringComponent {
    /// A component for the store that `monitor` leads to.
    pub fn new(monitor: Monitor) -> Self {
        Self { monitor }
    }
}

impl Component for MonitoringComponent {
    fn functions(&self) -> &'static [Function] {
        FUNCTIONS
    }

    fn call(&self, function: &str, arguments: Vec<Value>) -> Calling {
        let wanted = wanted(function, &arguments);
        let monitor = self.monitor.clone();
        Box::pin(async move {
            match wanted? {
                Asked::Change(writes) => {
                    for write in writes {
                        monitor.write(write).await;
                    }
                    Ok(done())
                }
                Asked::Question(question, show) => {
                    let reply = monitor.ask(question).await.ok_or(CallError::Ending)?;
                    Ok(shown(reply, show))
                }
            }
        })
    }
}

/// What a function asks for.
enum Asked {
    Change(Vec<Write>),
    Question(Question, Show),
}

/// How an answer is given.
#[derive(Clone, Copy)]
enum Show {
    /// `[number]`.
    Count,
    /// `{name: number}`.
    Counts,
    /// Whatever else is.
    Plain,
}

fn wanted(function: &str, arguments: &[Value]) -> Result<Asked, CallError> {
    let text = |at: usize| arguments.get(at).map_or_else(String::new, text_of);
    let id = || RecordId::from(text(0));
    let name = |at| Name::Owned(text(at));
    let find = |search| Ok(Asked::Question(Question::Find(search), Show::Plain));
    let ask = |question, show| Ok(Asked::Question(question, show));
    let change = |write| Ok(Asked::Change(vec![write]));
    match function {
        "set" | "log" => {
            let pairs = pairs(&arguments[1..])?;
            change(Write::Set(id(), pairs.collect()))
        }
        "add" | "logAdd" => {
            let add = |(name, value)| Write::Add(id(), name, value);
            Ok(Asked::Change(pairs(&arguments[1..])?.map(add).collect()))
        }
        "inc" => change(Write::Count(id(), name(1), 1)),
        "dec" => change(Write::Count(id(), name(1), -1)),
        "addCount" => change(Write::Count(id(), name(1), integer(arguments.get(2), 1)?)),
        "addSample" => {
            let count = integer(arguments.get(2), 1)?;
            let at = arguments.get(3).map(time).transpose()?;
            ask(Question::Sample(id(), name(1), count, at), Show::Plain)
        }
        "getCount" => {
            let back = window(arguments.get(2))?;
            ask(Question::Count(id(), name(1), back), Show::Count)
        }
        "getAllCounts" => {
            let back = window(arguments.get(1))?;
            ask(Question::Counts(id(), back), Show::Counts)
        }
        "get" => ask(Question::Record(id()), Show::Plain),
        "getSingle" => ask(Question::Attribute(id(), name(1)), Show::Plain),
        "getAttribute" => find(Search::attribute(name(0), Wanted::All)),
        "getAttributeActive" => find(Search::attribute(name(0), Wanted::Active)),
        "getAttributeFinished" => find(Search::attribute(name(0), Wanted::Finished)),
        "list" => find(Search::list(Wanted::All)),
        "listActive" => find(Search::list(Wanted::Active)),
        "listFinished" => find(Search::list(Wanted::Finished)),
        "listByFilter" => find(Search::equal(filters(arguments)?)),
        "listByRegex" => {
            let pattern = Pattern::parse(&text(1));
            let why = "the second argument is no basic regular expression";
            let pattern = pattern.map_err(|_| CallError::Refused { why })?;
            find(Search::matching(name(0), pattern))
        }
        "markFinished" => change(Write::Finish(id())),
        "setExpiration" => {
            let at = arguments.get(1).map_or(Ok(Duration::ZERO), time)?;
            ask(Question::Expire(id(), at), Show::Plain)
        }
        "erase" => change(Write::Erase(id())),
        "eraseByFilter" => {
            let search = Search::equal(filters(arguments)?);
            ask(Question::Erase(search), Show::Plain)
        }
        "clear" => ask(Question::Clear, Show::Plain),
        _ => ask(Question::ClearFinished, Show::Plain),
    }
}

fn done() -> Value {
    json!([0, "OK"])
}

fn shown(reply: Reply, show: Show) -> Value {
    let one = |(name, value): (Name, store::Value)| (name.into_owned(), Value::from(value));
    match reply {
        Reply::Done | Reply::Cleared(_) => done(),
        Reply::Found(found) => found.into_iter().map(listed).collect(),
        Reply::Record(None) => json!([]),
        Reply::Record(Some(attributes)) => {
            let members: Map<String, Value> = attributes.into_iter().map(one).collect();
            json!([members])
        }
        Reply::Attribute(value) => value.into_iter().map(Value::from).collect(),
        Reply::Counts(counts) => match show {
            Show::Count => json!([counts.first().map_or(0, |(_, count)| *count)]),
            Show::Counts | Show::Plain => {
                let number = |(name, count): (Name, i64)| (name.into_owned(), count.into());
                let members: Map<String, Value> = counts.into_iter().map(number).collect();
                members.into()
            }
        },
    }
}

/// An id, or what was asked for with it.
fn listed(found: Found) -> Value {
    match found.value {
        None => json!(&*found.id),
        Some(value) => json!([&*found.id, Value::from(value)]),
    }
}

/// `name, value` again and again.
fn pairs(
    arguments: &[Value],
) -> Result<impl Iterator<Item = (Name, store::Value)> + '_, CallError> {
    if !arguments.len().is_multiple_of(2) {
        let why = "after the id there is a value for each name";
        return Err(CallError::Refused { why });
    }
    let pairs = arguments.chunks_exact(2);
    Ok(pairs.map(|pair| (Name::Owned(text_of(&pair[0])), pair[1].clone().into())))
}

/// `[name, value]` again and again, or as a script writes them: `name, value`.
fn filters(arguments: &[Value]) -> Result<Vec<(Name, store::Value)>, CallError> {
    if arguments.iter().all(Value::is_string) {
        return Ok(pairs(arguments)?.collect());
    }
    let filter = |argument: &Value| match argument.as_array()?.as_slice() {
        [name, value] => Some((Name::Owned(text_of(name)), value.clone().into())),
        _ => None,
    };
    let why = "each filter is [name, value]";
    let filters = arguments.iter().map(filter).collect::<Option<_>>();
    filters.ok_or(CallError::Refused { why })
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// An integer, or text that is one.
fn integer(value: Option<&Value>, default: i64) -> Result<i64, CallError> {
    let Some(value) = value else {
        return Ok(default);
    };
    let why = "the count is no integer";
    let number = store::Value::from(value.clone()).integer();
    number.ok_or(CallError::Refused { why })
}

/// Seconds since 1970, perhaps with decimals.
fn time(value: &Value) -> Result<Duration, CallError> {
    let text = text_of(value);
    let seconds = text.trim().parse::<f64>().ok();
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let why = "the time is no number of seconds";
    time.ok_or(CallError::Refused { why })
}

fn window(value: Option<&Value>) -> Result<Duration, CallError> {
    value.map_or(Ok(WINDOW), time)
}

const fn need(name: &'static str) -> Parameter {
    parameter(name, Kind::Text, false)
}

const fn value(name: &'static str) -> Parameter {
    parameter(name, Kind::Any, false)
}

const fn may(name: &'static str) -> Parameter {
    parameter(name, Kind::Any, true)
}

const fn more(name: &'static str) -> Parameter {
    parameter(name, Kind::Rest, true)
}

const fn parameter(name: &'static str, kind: Kind, optional: bool) -> Parameter {
    Parameter {
        name,
        kind,
        optional,
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

const ID: Parameter = need("id");
const NAME: Parameter = need("name");
const PAIRS: &[Parameter] = &[ID, NAME, value("value"), more("name, value, ..")];
const ATTRIBUTE: &[Parameter] = &[ID, NAME];
const FILTERS: &[Parameter] = &[more("[name, value], ..")];

const FUNCTIONS: &[Function] = &[
    function("set", PAIRS, "Sets attributes of a record."),
    function("log", PAIRS, "The same."),
    function("add", PAIRS, "Appends to attributes of a record."),
    function("logAdd", PAIRS, "The same."),
    function("inc", ATTRIBUTE, "Adds 1 to an attribute."),
    function("dec", ATTRIBUTE, "Subtracts 1 from it."),
    function(
        "addCount",
        &[ID, NAME, value("count")],
        "Adds a count to it.",
    ),
    function(
        "addSample",
        &[ID, NAME, may("count"), may("time")],
        "Adds a count with a time, in seconds since 1970.",
    ),
    function(
        "getCount",
        &[ID, NAME, may("seconds")],
        "Gives [n]: a counter, or the sum of the samples of the last seconds.",
    ),
    function(
        "getAllCounts",
        &[ID, may("seconds")],
        "Gives all of them by name.",
    ),
    function("get", &[ID], "Gives [attributes] of a record, or []."),
    function(
        "getSingle",
        ATTRIBUTE,
        "Gives [value] of an attribute, or [].",
    ),
    function(
        "getAttribute",
        &[NAME],
        "Gives [[id, value], ..] of all records that have it.",
    ),
    function(
        "getAttributeActive",
        &[NAME],
        "The same of those whose session is not over.",
    ),
    function(
        "getAttributeFinished",
        &[NAME],
        "The same of those whose session is over.",
    ),
    function("list", &[], "Gives the ids of all records."),
    function(
        "listActive",
        &[],
        "Gives the ids of those whose session is not over.",
    ),
    function(
        "listFinished",
        &[],
        "Gives the ids of those whose session is over.",
    ),
    function(
        "listByFilter",
        FILTERS,
        "Gives the ids of records that have all these values; each attribute gets an index.",
    ),
    function(
        "listByRegex",
        &[NAME, need("expression")],
        "Gives the ids of records whose attribute matches a basic regular expression.",
    ),
    function("markFinished", &[ID], "Notes that a session is over."),
    function(
        "setExpiration",
        &[ID, value("time")],
        "Has the collector remove a record after that time, in seconds since 1970.",
    ),
    function("erase", &[ID], "Removes a record."),
    function(
        "eraseByFilter",
        FILTERS,
        "Removes records that have all these values; gives their ids.",
    ),
    function("clear", &[], "Removes all records."),
    function(
        "clearFinished",
        &[],
        "Removes the records whose session is over.",
    ),
];

#[cfg(test)]
mod tests;
