//! `$(mon_select)`: the diagram of a call, and variables for it, from a record that somebody has put into
//! the monitoring store before the call came.
//!
//! A core: whoever begins the session asks the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::app_param::AppParams;
use super::catalog::{Application, DiagramApplication};
use super::dial_out::flatten;
use super::event::Params;
use super::monitoring::{Monitor, Name, Question, RecordId, Reply, Search, Value};
use super::router::NewCall;
use crate::config::{Callee, Caller, MonitorSelect};
use crate::sip::message::{HeaderName, NameAddr, Request, Uri};

/// Attribute that a caller's user is compared with.
const CALLER: &str = "caller";
/// Attribute that a callee's user is compared with.
const CALLEE: &str = "callee";
/// Attribute that names the diagram.
const DIAGRAM: &str = "app";
/// Attribute whose members become variables.
const VARIABLES: &str = "appParams";
/// The variable that gets the id of the record.
const RECORD: &str = "mon_session_record";

/// How a record is found, and the diagrams that it may name.
#[derive(Debug)]
pub struct MonitorSelection {
    rules: MonitorSelect,
    diagrams: BTreeMap<String, Arc<DiagramApplication>>,
}

/// A record with its attributes.
pub type Record = (RecordId, Vec<(Name, Value)>);

impl MonitorSelection {
    /// A choice among `diagrams` by `rules`.
    pub fn new(
        rules: MonitorSelect,
        diagrams: impl IntoIterator<Item = DiagramApplication>,
    ) -> Self {
        let diagrams = diagrams.into_iter();
        Self {
            rules,
            diagrams: diagrams
                .map(|diagram| (diagram.name.clone(), Arc::new(diagram)))
                .collect(),
        }
    }

    /// What is asked of the store for a call.
    pub fn question(&self, invite: &Request) -> Question {
        let mut filters = Vec::new();
        let mut equals = |name: &str, value: Option<String>| {
            // What is not there is like nothing that somebody has.
            let value = Value::from(value.unwrap_or_default());
            filters.push((Name::Owned(name.to_owned()), value));
        };
        let headers = &invite.headers;
        match self.rules.caller {
            Caller::No => {}
            Caller::From => equals(CALLER, headers.from().ok().and_then(user_of)),
            Caller::AssertedIdentity => {
                let text = headers.text(&HeaderName::PAssertedIdentity);
                let identity = text.and_then(|text| NameAddr::parse(&text).ok());
                equals(CALLER, identity.and_then(user_of));
            }
        }
        match self.rules.callee {
            Callee::No => {}
            Callee::Ruri => equals(CALLEE, user(&invite.uri)),
            Callee::To => equals(CALLEE, headers.to().ok().and_then(user_of)),
        }
        if !self.rules.filters.is_empty() {
            let texts: Vec<_> = headers.all(&HeaderName::PAppParam).collect();
            let texts: Vec<_> = texts.into_iter().map(String::from_utf8_lossy).collect();
            let params = AppParams::parse(texts.iter().map(AsRef::as_ref));
            for name in &self.rules.filters {
                equals(name, params.value(name).map(str::to_owned));
            }
        }
        Question::Find(Search::equal(filters))
    }

    /// The application of a call with the record that was found, and the variables that it gives. Without a
    /// record that names a diagram it is the fallback; `None`: there is none.
    pub fn choose(&self, record: Option<Record>) -> Option<(Application, Params)> {
        if let Some((id, attributes)) = record {
            let find = |wanted| attributes.iter().find(|(name, _)| *name == wanted);
            let name = find(DIAGRAM).map(|(_, value)| value.text());
            match name.as_ref().and_then(|name| self.diagrams.get(&**name)) {
                Some(diagram) => {
                    let mut variables = Params::new();
                    if let Some((_, Value::Json(members))) = find(VARIABLES) {
                        flatten("", members, &mut variables);
                    }
                    variables.insert(RECORD.to_owned(), id.to_string());
                    return Some((Application::Diagram(diagram.clone()), variables));
                }
                None => tracing::warn!(
                    record = %id,
                    diagram = name.as_deref(),
                    "a record of the monitoring store selects this call, but its attribute 'app' names no \
                     diagram"
                ),
            }
        }
        let fallback = self.rules.fallback.as_ref()?;
        let diagram = self.diagrams.get(fallback)?;
        Some((Application::Diagram(diagram.clone()), Params::new()))
    }
}

/// Gives a call the application that its record names, if that is how its application is chosen. False:
/// there is none for it.
pub async fn select(monitor: &Monitor, call: &mut NewCall) -> bool {
    let Application::Selected(selection) = &call.application else {
        return true;
    };
    let selection = selection.clone();
    let record = match monitor.ask(selection.question(&call.invite)).await {
        Some(Reply::Found(found)) => found.into_iter().next(),
        _ => None,
    };
    let record = match record {
        Some(found) => match monitor.ask(Question::Record(found.id.clone())).await {
            Some(Reply::Record(Some(attributes))) => Some((found.id, attributes)),
            _ => None,
        },
        None => None,
    };
    match selection.choose(record) {
        Some((application, variables)) => {
            call.application = application;
            call.variables = variables;
            true
        }
        None => false,
    }
}

fn user_of(party: NameAddr) -> Option<String> {
    user(&party.uri)
}

fn user(uri: &Uri) -> Option<String> {
    Some(uri.as_sip()?.user_decoded()?.into_owned())
}

#[cfg(test)]
mod tests;
