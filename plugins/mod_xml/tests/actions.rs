//! What scripts see of `mod_xml`.
#![allow(
    clippy::disallowed_methods,
    reason = "a test looks how much memory it has"
)]

use mod_xml::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};

const CALLS: &str = r#"<?xml version="1.0"?>
<calls xmlns="urn:x" xmlns:b="urn:b"><call s="1"><from>ada</from></call><call s="2" b:t="x"><from>bob</from></call><!--note--><?go on?></calls>"#;

fn parsed(text: &str) -> ModuleTest {
    let mut t = ModuleTest::new(muleteer_module());
    assert_eq!(t.run("xml.parse", &[text, "x"]), Outcome::Done);
    t.set("x.ns", "a=urn:x");
    t
}

/// Evaluates, and gives `$r` or `$r[0]|$r[1]|..`.
fn found(t: &mut ModuleTest, expression: &str) -> String {
    let outcome = t.run("xml.evalXPath", &[expression, "x"]);
    assert_eq!(outcome, Outcome::Done, "{expression}");
    assert_eq!(
        t.run("xml.getXPathResult", &["r", "x.xpath"]),
        Outcome::Done
    );
    if t.has("r") {
        return t.var("r").to_owned();
    }
    let elements = (0..).map(|index| format!("r[{index}]"));
    let elements = elements.take_while(|name| t.has(name));
    elements
        .map(|name| t.var(&name).to_owned())
        .collect::<Vec<_>>()
        .join("|")
}

fn count(t: &mut ModuleTest) -> String {
    t.run("xml.XPathResultCount", &["n", "x.xpath"]);
    t.var("n").to_owned()
}

fn dumped(t: &mut ModuleTest) -> String {
    assert_eq!(t.run("xml.docDump", &["t", "x"]), Outcome::Done);
    t.var("t").to_owned()
}

#[test]
fn a_text_that_is_not_well_formed_leaves_the_document() {
    let mut t = parsed("<a>old</a>");
    for text in ["<bad", "", "<a></b>", "<a>&nope;</a>", "<a/><b/>", "no"] {
        assert_eq!(t.run("xml.parse", &[text, "x"]).errno(), "arg", "{text}");
        assert_ne!(t.var("strerror"), "", "{text}");
    }
    assert_eq!(found(&mut t, "/a"), "old");
    assert_eq!((t.errno(), t.var("strerror")), ("", ""));
    assert_eq!(t.run("xml.parse", &["<a/>", ""]).errno(), "arg");
}

#[test]
fn prefixes_are_those_of_the_list() {
    let mut t = parsed(CALLS);
    t.run("xml.evalXPath", &["//a:call[@s='1']", "x"]);
    assert_eq!(count(&mut t), "1");
    t.run("xml.evalXPath", &["//a:call", "x"]);
    assert_eq!(count(&mut t), "2");
    t.set("x.ns", "a=urn:x t=urn:b");
    assert_eq!(found(&mut t, "//a:call/@t:t"), "x");
}

#[test]
fn what_cannot_be_evaluated_is_errno_arg() {
    let mut t = parsed(CALLS);
    let expressions = [
        "//b:call",
        "//a:call[",
        "",
        "1 +",
        "$v",
        "nope()",
        "//a:call[@s='1\0']",
    ];
    for expression in expressions {
        let outcome = t.run("xml.evalXPath", &[expression, "x"]);
        assert_eq!(outcome.errno(), "arg", "{expression}");
        assert_ne!(t.var("strerror"), "", "{expression}");
    }
    assert_eq!(t.run("xml.evalXPath", &["/", "nope"]).errno(), "arg");
    for list in ["a", "=urn:x", "a=", "a=urn:x b", "a:b=urn:x"] {
        t.set("x.ns", list);
        assert_eq!(t.run("xml.evalXPath", &["/", "x"]).errno(), "arg", "{list}");
    }
}

#[test]
fn one_node_is_a_value_and_several_are_an_array() {
    let mut t = parsed(CALLS);
    assert_eq!(found(&mut t, "//a:call[1]"), "ada");
    assert_eq!(found(&mut t, "//a:from"), "ada|bob");
    assert!(!t.has("r"));
    assert_eq!(found(&mut t, "//a:call[1]"), "ada");
    assert!(!t.has("r[0]") && !t.has("r[1]"));
    assert_eq!(found(&mut t, "//a:nothing"), "");
    assert!(!t.has("r"));
}

#[test]
fn attributes_texts_and_values_are_what_they_say() {
    let mut t = parsed(CALLS);
    for (expression, value) in [
        ("//a:call/@s", "1|2"),
        ("//a:call[2]/a:from/text()", "bob"),
        ("count(//a:call)", "2"),
        ("sum(//@s) div 2", "1.5"),
        ("string(//a:from)", "ada"),
        ("//a:from = 'bob'", "true"),
        ("not(//a:call)", "false"),
        ("1 div 0", "Infinity"),
        ("//comment()", "note"),
        ("//processing-instruction('go')", "on"),
        ("/", "adabob"),
        ("/*/namespace::b", "b=urn:b"),
        // As XPath 1.0 has it, where shortcuts go wrong.
        ("(//a:call)[last()]/@s", "2"),
        ("//a:call[@s != '1']/@s", "2"),
        ("count(//a:call[@none != '1'])", "0"),
        ("//a:from[. > 1]", ""),
    ] {
        assert_eq!(found(&mut t, expression), value, "{expression}");
    }
    t.run("xml.evalXPath", &["count(//a:call)", "x"]);
    assert_eq!((count(&mut t).as_str(), t.errno()), ("0", ""));
}

#[test]
fn what_is_missing_is_errno_arg() {
    let mut t = ModuleTest::new(muleteer_module());
    for (action, value) in [
        ("xml.XPathResultCount", "0"),
        ("xml.getXPathResult", "0"),
        ("xml.printXPathResult", "0"),
        ("xml.docDump", ""),
    ] {
        t.set("v", "old");
        assert_eq!(t.run(action, &["v", "x.xpath"]).errno(), "arg", "{action}");
        assert_eq!(t.var("v"), value, "{action}");
    }
    let outcome = t.run("xml.updateXPathResult", &["x.xpath", "new"]);
    assert_eq!(outcome.errno(), "arg");
    // A document is no result.
    let mut t = parsed("<a/>");
    assert_eq!(t.run("xml.XPathResultCount", &["n", "x"]).errno(), "arg");
}

#[test]
fn nodes_are_printed_one_a_line() {
    let mut t = parsed(CALLS);
    t.set("t", "old");
    t.run("xml.evalXPath", &["//node() | //@* | /*/namespace::b", "x"]);
    assert_eq!(
        t.run("xml.printXPathResult", &["t", "x.xpath"]),
        Outcome::Done
    );
    let lines: Vec<&str> = t.var("t").lines().collect();
    for line in [
        "element calls \"adabob\"",
        "namespace \"b=urn:b\"",
        "attribute s \"1\"",
        "attribute b:t \"x\"",
        "text \"bob\"",
        "comment \"note\"",
        "instruction go \"on\"",
    ] {
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    }
    t.run("xml.evalXPath", &["1 + 1", "x"]);
    t.run("xml.printXPathResult", &["t", "x.xpath"]);
    assert_eq!(t.var("t"), "number \"2\"");
    let mut t = parsed(&format!("<a>{}</a>", "<b>\n</b>".repeat(150)));
    t.run("xml.evalXPath", &["//b", "x"]);
    t.run("xml.printXPathResult", &["t", "x.xpath"]);
    let lines: Vec<&str> = t.var("t").lines().collect();
    assert_eq!(
        (lines.len(), lines[0], lines[100]),
        (101, "element b \"\\n\"", "and 50 more")
    );
}

#[test]
fn one_node_or_all_get_a_new_content() {
    let mut t = parsed("<a><b>1</b><b>2</b><b s='x'/></a>");
    t.run("xml.evalXPath", &["//b", "x"]);
    assert_eq!(
        t.run("xml.updateXPathResult", &["x.xpath[1]", "new"]),
        Outcome::Done
    );
    // They are gone from the result.
    assert_eq!((count(&mut t).as_str(), t.errno()), ("0", ""));
    assert_eq!(found(&mut t, "//b"), "1|new|");
    assert!(dumped(&mut t).contains("<b>1</b>\n  <b>new</b>\n  <b s=\"x\"/>"));
    t.run("xml.evalXPath", &["//b | //@s", "x"]);
    t.run("xml.updateXPathResult", &["x.xpath", "all"]);
    assert_eq!(found(&mut t, "//b | //@s"), "all|all|all|all");
    // Out of range is logged and changes nothing.
    t.run("xml.evalXPath", &["//b", "x"]);
    assert_eq!(
        t.run("xml.updateXPathResult", &["x.xpath[3]", "no"]),
        Outcome::Done
    );
    assert_eq!(count(&mut t), "3");
    let logged = t.logged();
    assert!(
        logged
            .iter()
            .any(|line| line.contains("x.xpath[3] is not among 3 nodes")),
        "{logged:?}"
    );
}

#[test]
fn a_new_content_is_plain_text() {
    let mut t = parsed("<a s=''><b><c/></b><!--c--></a>");
    for expression in ["//b", "//@s", "//b/text()"] {
        for text in ["a & b", "<c>&amp;</c>", "\"'\u{e9}\t\n", ""] {
            t.run("xml.evalXPath", &[expression, "x"]);
            t.run("xml.updateXPathResult", &["x.xpath", text]);
            assert_eq!(found(&mut t, expression), text, "{expression}");
            let text = dumped(&mut t);
            assert_eq!(
                t.run("xml.parse", &[&text, "again"]),
                Outcome::Done,
                "{text}"
            );
        }
        t.run("xml.evalXPath", &["//b", "x"]);
        t.run("xml.updateXPathResult", &["x.xpath", "a & b"]);
    }
    assert!(dumped(&mut t).contains("a &amp; b"));
    t.run("xml.evalXPath", &["//b", "x"]);
    assert_eq!(
        t.run("xml.updateXPathResult", &["x.xpath", "a\u{1}"])
            .errno(),
        "arg"
    );
    assert_eq!(
        t.run("xml.updateXPathResult", &["x.xpath", "a\0"]).errno(),
        "arg"
    );
}

#[test]
fn what_would_end_a_node_early_is_refused() {
    let mut t = parsed("<a><!--c--><?p x?><![CDATA[y]]></a>");
    for (expression, text) in [
        ("//comment()", "a--><b/>"),
        ("//comment()", "a-"),
        ("//processing-instruction()", "?><b/>"),
    ] {
        t.run("xml.evalXPath", &[expression, "x"]);
        let outcome = t.run("xml.updateXPathResult", &["x.xpath", text]);
        assert_eq!(outcome.errno(), "arg", "{text}");
        assert_eq!(
            t.run("xml.updateXPathResult", &["x.xpath", "- ?"]),
            Outcome::Done
        );
    }
    t.run("xml.evalXPath", &["//text()", "x"]);
    t.run("xml.updateXPathResult", &["x.xpath", "]]><b/>"]);
    let text = dumped(&mut t);
    assert_eq!(t.run("xml.parse", &[&text, "x"]), Outcome::Done, "{text}");
    assert_eq!(found(&mut t, "//text()"), "]]><b/>");
    assert_eq!(found(&mut t, "count(//b)"), "0");
}

#[test]
fn nodes_inside_of_changed_ones_are_gone_with_them() {
    let mut t = parsed("<a xmlns:n='urn:n'><b s='1'><c s='2'>x<d/></c></b><b/></a>");
    for expression in [
        "//node()",
        "//node() | //@* | //namespace::*",
        "//c | //b | /a",
        "/ | //c",
    ] {
        t.run(
            "xml.parse",
            &[
                "<a xmlns:n='urn:n'><b s='1'><c s='2'>x<d/></c></b><b/></a>",
                "x",
            ],
        );
        t.run("xml.evalXPath", &[expression, "x"]);
        let outcome = t.run("xml.updateXPathResult", &["x.xpath", "new"]);
        assert_eq!(outcome, Outcome::Done, "{expression}");
        assert_eq!(count(&mut t), "0");
    }
    assert_eq!(found(&mut t, "//c"), "new");
    for index in 0..9 {
        t.run(
            "xml.parse",
            &[
                "<a xmlns:n='urn:n'><b s='1'><c s='2'>x<d/></c></b><b/></a>",
                "x",
            ],
        );
        t.run("xml.evalXPath", &["//node() | //@* | //namespace::*", "x"]);
        t.run(
            "xml.updateXPathResult",
            &[&format!("x.xpath[{index}]"), "new"],
        );
        dumped(&mut t);
    }
}

#[test]
fn result_and_document_are_freed_in_either_order() {
    let mut t = parsed("<a>1</a>");
    t.run("xml.evalXPath", &["/a", "x"]);
    assert!(t.free_object("x.xpath") && t.free_object("x"));
    assert_eq!(count(&mut t), "0");
    assert_eq!(t.errno(), "arg");
    let mut t = parsed("<a>1</a>");
    t.run("xml.evalXPath", &["/a", "x"]);
    assert!(t.free_object("x"));
    t.run("xml.getXPathResult", &["r", "x.xpath"]);
    assert_eq!((t.var("r"), t.errno()), ("1", ""));
    assert!(t.free_object("x.xpath"));
    // The end of the session frees the rest.
    let mut t = parsed("<a>1</a>");
    t.run("xml.evalXPath", &["/a", "x"]);
    t.end_session();
    assert!(!t.has_object("x") && !t.has_object("x.xpath"));
}

#[test]
fn the_body_of_a_notify_becomes_a_document() {
    let mut t = ModuleTest::new(muleteer_module());
    let body = ["SipSubscriptionBody", "x"];
    assert_eq!(t.run("xml.parseSIPMsgBody", &body).errno(), "arg");
    t.set_event("subscription", &[("has_body", "true")]);
    for bad in ["", "open;"] {
        t.set_body("SipSubscriptionBody", bad);
        assert_eq!(t.run("xml.parseSIPMsgBody", &body).errno(), "arg");
    }
    let presence = "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\"><tuple id=\"1\"><status><basic>open</basic></status></tuple></presence>";
    t.set_body("SipSubscriptionBody", presence);
    assert_eq!(t.run("xml.parseSIPMsgBody", &body), Outcome::Done);
    t.set("x.ns", "p=urn:ietf:params:xml:ns:pidf");
    assert_eq!(found(&mut t, "//p:tuple[@id='1']//p:basic"), "open");
}

#[test]
fn a_document_is_written_as_indented_utf_8() {
    let mut t = parsed("<?xml version='1.0' encoding='ISO-8859-1'?><a n='\u{e9}'><b><c/></b></a>");
    assert_eq!(found(&mut t, "/a/@n"), "\u{e9}");
    assert_eq!(
        dumped(&mut t),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a n=\"\u{e9}\">\n  <b>\n    <c/>\n  </b>\n</a>\n"
    );
}

#[test]
fn the_level_of_messages_is_common_to_all_sessions() {
    let mut t = ModuleTest::new(muleteer_module());
    for level in ["warn", "info", "debug", "error", "loud"] {
        assert_eq!(t.run("xml.setLoglevel", &[level]), Outcome::Done);
    }
    t.run("xml.parse", &["<unclosed", "levels"]);
    let logged = t.logged();
    assert!(
        logged.iter().any(|line| line.contains("levels: line 1: ")),
        "{logged:?}"
    );
    assert!(
        logged.iter().any(|line| line.contains("found \"loud\"")),
        "{logged:?}"
    );
}

/// Megabytes of memory that this process has.
fn memory() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = pages
        .split(' ')
        .nth(1)
        .expect("a field")
        .parse()
        .expect("a number");
    pages * 4096 / 1_000_000
}

#[test]
fn a_document_that_is_replaced_again_and_again_does_not_grow() {
    let mut t = parsed("<a>x</a>");
    let text = format!("<a>{}</a>", "x".repeat(200_000));
    let mut replace = |times| {
        for _ in 0..times {
            assert_eq!(t.run("xml.parse", &[&text, "x"]), Outcome::Done);
            t.run("xml.evalXPath", &["/a", "x"]);
            t.run("xml.updateXPathResult", &["x.xpath", "y"]);
        }
    };
    replace(10);
    let before = memory();
    replace(1_000);
    let grown = memory().saturating_sub(before);
    assert!(grown < 100, "{grown} MB of 200");
}

#[test]
fn a_content_that_is_replaced_counts_once() {
    let mut t = parsed("<a>x</a>");
    let text = "x".repeat(900_000);
    for _ in 0..10 {
        t.run("xml.evalXPath", &["/a", "x"]);
        let outcome = t.run("xml.updateXPathResult", &["x.xpath", &text]);
        assert_eq!(outcome, Outcome::Done);
    }
    t.run("xml.evalXPath", &["/a", "x"]);
    let text = "x".repeat(2_000_000);
    let outcome = t.run("xml.updateXPathResult", &["x.xpath", &text]);
    assert_eq!(outcome.errno(), "arg");
    assert_eq!(found(&mut t, "string-length(/a)"), "900000");
}
