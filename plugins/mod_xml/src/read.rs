//! Actions that read and write whole documents.

use muleteer_sdk::module::*;

use crate::document::Document;
use crate::{library, messages, objects};

const OBJECT: Parameter = need("object", Kind::NameValue);

pub const PARSE: Action = action("xml.parse", parse)
    .doc("Reads a text into a document; one that cannot be read leaves the document of that name.")
    .parameters(&[need("text", Kind::Value), OBJECT])
    .errno(&["arg", "general"])
    .cancellable()
    .example(Example {
        code: "xml.parse(\"<a><b>x</b></a>\", d); xml.evalXPath(//b, d); xml.getXPathResult($v=d.xpath)",
        expect: &[("v", "x"), ("errno", "")],
    })
    .example(Example {
        code: "xml.parse(\"<a\", d)",
        expect: &[("errno", "arg")],
    });

pub const PARSE_BODY: Action = action("xml.parseSIPMsgBody", parse_body)
    .doc("Reads the body of a SIP message into a document, such as SipSubscriptionBody during the event `subscription`.")
    .parameters(&[need("body", Kind::NameValue), OBJECT])
    .errno(&["arg", "general"])
    .cancellable()
    .example(Example {
        code: "xml.parseSIPMsgBody(SipSubscriptionBody, d)",
        expect: &[("errno", "arg")],
    });

pub const DUMP: Action = action("xml.docDump", dump)
    .doc("Stores a document as text with an XML declaration, indented where it has no blanks of its own.")
    .parameters(&[need("variable", Kind::Name), OBJECT])
    .equals()
    .errno(&["arg", "general"])
    .cancellable()
    .example(Example {
        code: "xml.parse(\"<a><b/></a>\", d); xml.docDump($t=d)",
        expect: &[(
            "t",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a>\n  <b/>\n</a>\n",
        )],
    });

pub const SET_LOGLEVEL: Action = action("xml.setLoglevel", set_loglevel)
    .doc("Sets how loud the log tells what is wrong with documents and expressions, for the whole server: error (at the start), warn, info or debug.")
    .parameters(&[need("level", Kind::Value)])
    .example(Example {
        code: "xml.setLoglevel(error)",
        expect: &[],
    });

/// Opens libxml2.
pub fn load(_: &Host) -> Result<(), String> {
    library::open()
}

fn parse(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    keep(cx, args.text(0).to_owned(), args.text(1).to_owned())
}

fn parse_body(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let name = args.text(0);
    let body = cx.body(name).filter(|body| !body.is_empty());
    let missing = || Failure::errno("arg", format!("there is no body {name:?}"));
    keep(cx, body.ok_or_else(missing)?, args.text(1).to_owned())
}

/// Keeps the document of this text.
fn keep(cx: &mut Context<'_>, text: String, name: String) -> Result<Flow, Failure> {
    if name.is_empty() {
        return Err(Failure::errno("arg", "a document needs a name"));
    }
    Ok(cx.blocking(
        Deadline::default(),
        move || Document::parse(&text),
        move |cx, document| {
            let document = document.map_err(|problem| messages::refused(cx, &name, problem))?;
            objects::keep(cx, &name, document)?;
            Ok(Flow::Next)
        },
    ))
}

fn dump(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let variable = args.name(0).to_owned();
    cx.set(&variable, "")?;
    let document = objects::document(cx, args.text(1))?;
    let work = move || document.with(|document| document.dump());
    Ok(objects::away(cx, work, move |cx, text| {
        cx.set(&variable, text)
    }))
}

fn set_loglevel(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let word = args.text(0);
    if !messages::set_level(word) {
        let text = format!("xml.setLoglevel: expected error, warn, info or debug, found {word:?}");
        cx.log(Level::Warning, &text);
    }
    Ok(Flow::Next)
}
