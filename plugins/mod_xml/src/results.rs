//! Actions on what an expression has found.

use muleteer_sdk::module::*;

use crate::document::{Document, MAX_BYTES, Problem};
use crate::objects;

/// The most nodes that become variables or are changed at a time.
const MAX_VALUES: usize = 10_000;
/// The most lines of `xml.printXPathResult`.
const MAX_LINES: usize = 100;
/// The longest content in such a line, in characters.
const MAX_CONTENT: usize = 80;

const RESULT: Parameter = need("result", Kind::NameValue);
const INTO: &[Parameter] = &[need("variable", Kind::Name), RESULT];

pub const COUNT: Action = action("xml.XPathResultCount", count)
    .doc("Counts the nodes of a result; 0 for a number, text or truth value.")
    .parameters(INTO)
    .equals()
    .errno(&["arg", "general"])
    .cancellable()
    .example(Example {
        code: "xml.parse(\"<a><b/><b/></a>\", d); xml.evalXPath(//b, d); xml.XPathResultCount($n=d.xpath)",
        expect: &[("n", "2")],
    })
    .example(Example {
        code: "xml.XPathResultCount($n=d.xpath)",
        expect: &[("n", "0"), ("errno", "arg")],
    });

pub const GET: Action = action("xml.getXPathResult", get)
    .doc("Stores the content of the one node, or of several as an array; of none nothing. A number, text or truth value is stored as text.")
    .parameters(INTO)
    .equals()
    .errno(&["arg", "general"])
    .cancellable()
    .example(Example {
        code: "xml.parse(\"<a><b>x</b><b>y</b></a>\", d); xml.evalXPath(//b, d); xml.getXPathResult($v=d.xpath)",
        expect: &[("v[0]", "x"), ("v[1]", "y")],
    })
    .example(Example {
        code: "xml.parse(\"<a s='1'/>\", d); xml.evalXPath(/a/@s + 1, d); xml.getXPathResult($v=d.xpath)",
        expect: &[("v", "2")],
    });

pub const PRINT: Action = action("xml.printXPathResult", print)
    .doc("Stores a description of the nodes for the log, one line each.")
    .parameters(INTO)
    .equals()
    .errno(&["arg", "general"])
    .cancellable()
    .example(Example {
        code: "xml.parse(\"<a><b>x</b></a>\", d); xml.evalXPath(//b, d); xml.printXPathResult($t=d.xpath)",
        expect: &[("t", "element b \"x\"")],
    });

pub const UPDATE: Action = action("xml.updateXPathResult", update)
    .doc("Makes a text the content of all nodes of a result, or of one: NAME.xpath[0]. Then the result has no nodes: evaluate again.")
    .parameters(&[RESULT, need("text", Kind::Value)])
    .equals()
    .errno(&["arg", "general"])
    .cancellable()
    .example(Example {
        code: "xml.parse(\"<a><b/></a>\", d); xml.evalXPath(//b, d); xml.updateXPathResult(d.xpath=\"x & y\"); \
               xml.evalXPath(//b, d); xml.getXPathResult($v=d.xpath)",
        expect: &[("v", "x & y"), ("errno", "")],
    });

fn count(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    look(
        cx,
        args,
        |document| Ok(document.count()),
        |cx, variable, count| cx.set(variable, count.to_string()),
    )
}

fn get(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    cx.remove_prefix(&format!("{}[", args.name(0)));
    look(
        cx,
        args,
        contents,
        |cx, variable, contents| match contents {
            Contents::One(content) => cx.set(variable, content),
            Contents::Several(contents) => {
                cx.remove(variable);
                cx.set_array(variable, contents)
            }
        },
    )
}

fn print(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    look(
        cx,
        args,
        |document| Ok(lines(document).join("\n")),
        |cx, variable, lines| cx.set(variable, lines),
    )
}

fn update(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let (written, text) = (args.text(0).to_owned(), args.text(1).to_owned());
    let (name, index) = indexed(args.text(0));
    let work = move |document: &mut Document| {
        let count = few(document)?;
        Ok((document.update(index, &text)?, count))
    };
    objects::with_result(cx, name, work, move |cx, (updated, count)| {
        if !updated {
            let text = format!("xml.updateXPathResult: {written} is not among {count} nodes");
            cx.log(Level::Warning, &text);
        }
        Ok(())
    })
}

/// Stores what `ask` says about a result. The variable is `0` where there is nothing to be asked.
fn look<T: Send + 'static>(
    cx: &mut Context<'_>,
    args: &Args<'_>,
    ask: fn(&Document) -> Result<T, Problem>,
    store: fn(&mut Context<'_>, &str, T) -> Result<(), Failure>,
) -> Result<Flow, Failure> {
    let variable = args.name(0).to_owned();
    cx.set(&variable, "0")?;
    let done = move |cx: &mut Context<'_>, said| store(cx, &variable, said);
    objects::with_result(cx, args.text(1), move |document| ask(document), done)
}

/// What a result holds.
enum Contents {
    One(String),
    Several(Vec<String>),
}

fn contents(document: &Document) -> Result<Contents, Problem> {
    if let Some((_, text)) = document.plain() {
        return Ok(Contents::One(text));
    }
    few(document)?;
    let mut contents = Vec::new();
    let mut bytes = 0;
    for content in document.contents() {
        bytes += content.len();
        if bytes > MAX_BYTES {
            return Err(format!(
                "the nodes hold more than {MAX_BYTES} bytes: ask for fewer"
            ));
        }
        contents.push(content);
    }
    Ok(match contents.len() {
        1 => Contents::One(contents.swap_remove(0)),
        _ => Contents::Several(contents),
    })
}

/// How many nodes were found, if an action handles so many.
fn few(document: &Document) -> Result<usize, Problem> {
    match document.count() {
        count @ ..=MAX_VALUES => Ok(count),
        count => Err(format!(
            "{count} nodes were found, and at most {MAX_VALUES} are handled"
        )),
    }
}

fn lines(document: &Document) -> Vec<String> {
    let line = |kind: &str, name: &str, content: &str| {
        let shown: String = content.chars().take(MAX_CONTENT).collect();
        let more = if shown.len() < content.len() {
            ".."
        } else {
            ""
        };
        let blank = if name.is_empty() { "" } else { " " };
        format!("{kind}{blank}{name} {shown:?}{more}")
    };
    if let Some((kind, text)) = document.plain() {
        return vec![line(kind, "", &text)];
    }
    let described = document.descriptions().take(MAX_LINES);
    let mut lines: Vec<String> = described
        .map(|(kind, name, content)| line(kind, &name, &content))
        .collect();
    if document.count() > MAX_LINES {
        lines.push(format!("and {} more", document.count() - MAX_LINES));
    }
    lines
}

/// `x.xpath[1]` is the second node of `x.xpath`.
fn indexed(name: &str) -> (&str, Option<usize>) {
    let split = name
        .strip_suffix(']')
        .and_then(|name| name.rsplit_once('['));
    match split.and_then(|(name, index)| Some((name, index.trim().parse().ok()?))) {
        Some((name, index)) => (name, Some(index)),
        None => (name, None),
    }
}
