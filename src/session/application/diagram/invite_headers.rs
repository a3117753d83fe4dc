//! The headers of the INVITE that came in, as `mod_uri` shows them: one variable with most of them, and those
//! that the server looks at itself when they are asked for.

use crate::dsm::DiagramSet;
use crate::sip::message::{HeaderName, Headers};

/// The module that shows them.
const MODULE: &str = "mod_uri";
/// The variable that has all but those [`APART`].
pub(super) const VARIABLE: &str = "hdrs";

/// What addresses, routes and frames a message.
const APART: &[HeaderName] = &[
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::MaxForwards,
    HeaderName::Contact,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::ContentType,
    HeaderName::ContentLength,
];

/// The value of [`VARIABLE`], if one of these diagrams asks for it.
pub(super) fn shown(diagrams: &DiagramSet, headers: &Headers) -> Option<String> {
    let mut imports = diagrams.iter().flat_map(|diagram| diagram.imports());
    imports.any(|name| name == MODULE).then(|| others(headers))
}

/// A line for each header that is not among those apart.
fn others(headers: &Headers) -> String {
    let others = headers.iter().filter(|(name, _)| !APART.contains(name));
    let mut text = String::new();
    for (name, value) in others {
        text.push_str(name.as_str());
        text.push_str(": ");
        text.push_str(&String::from_utf8_lossy(value));
        text.push_str("\r\n");
    }
    text
}

/// The values of a header that is among those apart.
pub(super) fn apart(headers: &Headers, name: &str) -> Vec<String> {
    let name = HeaderName::parse(name.as_bytes()).filter(|name| APART.contains(name));
    let text = |value| String::from_utf8_lossy(value).into_owned();
    let values = name.map(|name| headers.all(&name).map(text).collect());
    values.unwrap_or_default()
}
