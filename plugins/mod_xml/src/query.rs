//! Expressions of XPath 1.0, and the name spaces of their prefixes.

use std::ffi::CString;

use muleteer_sdk::module::*;

use crate::messages;
use crate::objects;

/// The most name spaces of one document.
const MAX_NAMESPACES: usize = 64;

pub const EVALUATE: Action = action("xml.evalXPath", evaluate)
    .doc("Evaluates an expression of XPath 1.0 on a document; what it finds is the object NAME.xpath. $NAME.ns holds the name spaces: prefix=uri, separated by a blank.")
    .parameters(&[need("expression", Kind::Value), need("object", Kind::NameValue)])
    .errno(&["arg", "general"])
    .cancellable()
    .example(Example {
        code: "xml.parse('<a xmlns=\"urn:x\"><b s=\"1\"/><b/></a>', d); set($d.ns=\"p=urn:x\"); \
               xml.evalXPath(\"//p:b[@s='1']\", d); xml.XPathResultCount($n=d.xpath)",
        expect: &[("n", "1"), ("errno", "")],
    })
    .example(Example {
        code: "xml.parse(\"<a/>\", d); xml.evalXPath(//p:b, d)",
        expect: &[("errno", "arg")],
    });

fn evaluate(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let expression = args.text(0).to_owned();
    let name = args.text(1).to_owned();
    let document = objects::document(cx, &name)?;
    let list = cx.var(&format!("{name}.ns")).unwrap_or_default();
    let namespaces = namespaces(&list)
        .map_err(|problem| Failure::errno("arg", format!("${name}.ns: {problem}")))?;
    let asked = document.clone();
    Ok(cx.blocking(
        Deadline::default(),
        move || asked.with(|document| document.evaluate(&expression, &namespaces)),
        move |cx, evaluation| {
            let evaluation = evaluation.map_err(|problem| messages::refused(cx, &name, problem))?;
            objects::keep_result(cx, &format!("{name}.xpath"), document, evaluation)?;
            Ok(Flow::Next)
        },
    ))
}

/// Prefixes with their name spaces: `prefix=uri`, separated by blanks.
fn namespaces(list: &str) -> Result<Vec<(CString, CString)>, String> {
    let items: Vec<&str> = list.split_whitespace().collect();
    if items.len() > MAX_NAMESPACES {
        return Err(format!("at most {MAX_NAMESPACES} name spaces"));
    }
    let parsed = items.into_iter().map(|item| {
        let wrong = || format!("expected prefix=uri, found {item:?}");
        let (prefix, uri) = item.split_once('=').ok_or_else(wrong)?;
        if prefix.is_empty() || prefix.contains(':') || uri.is_empty() {
            return Err(wrong());
        }
        let text = |text| CString::new(text).map_err(|_| wrong());
        Ok((text(prefix)?, text(uri)?))
    });
    parsed.collect()
}
