//! What peers send to do harm, and expressions that go too far.
#![allow(clippy::disallowed_methods, reason = "a test writes a file")]

use mod_xml::muleteer_module;
use muleteer_sdk::module::testing::{ModuleTest, Outcome};

fn refused(text: &str) -> String {
    let mut t = ModuleTest::new(muleteer_module());
    assert_eq!(t.run("xml.parse", &[text, "x"]).errno(), "arg");
    assert!(!t.has_object("x"));
    t.var("strerror").to_owned()
}

fn parsed(text: &str) -> ModuleTest {
    let mut t = ModuleTest::new(muleteer_module());
    assert_eq!(t.run("xml.parse", &[text, "x"]), Outcome::Done);
    t
}

fn nested(depth: usize) -> String {
    format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth))
}

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    let large = format!("<a>{}</a>", "x".repeat(1 << 20));
    assert!(refused(&large).contains("at most 1048576 bytes"));
    let many = format!("<a>{}</a>", "<b/>".repeat(70_000));
    assert!(refused(&many).contains("at most 65536 tags"));
    assert!(refused(&nested(30_000)).contains("depth"));
    let mut t = parsed(&nested(200));
    t.run("xml.docDump", &["t", "x"]);
    assert_eq!(t.errno(), "");
}

#[test]
fn entities_and_defaults_of_attributes_are_not_declared() {
    let laughs = "<!DOCTYPE a [<!ENTITY b 'bbbbbbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>";
    assert!(refused(laughs).contains("<!ENTITY"));
    let defaults = "<!DOCTYPE a [<!ATTLIST b c CDATA 'long'>]><a><b/><b/></a>";
    assert!(refused(defaults).contains("<!ATTLIST"));
}

#[test]
fn no_file_is_opened_for_a_document() {
    let path = std::env::temp_dir().join(format!("mod_xml-{}.dtd", std::process::id()));
    std::fs::write(
        &path,
        "<!ENTITY secret 'leaked'><!ATTLIST a b CDATA 'leaked'>",
    )
    .unwrap();
    let url = format!("file://{}", path.display());
    assert_ne!(
        refused(&format!("<!DOCTYPE a SYSTEM \"{url}\" [%x;]><a>&secret;<")),
        ""
    );
    let mut t = parsed(&format!("<!DOCTYPE a SYSTEM \"{url}\"><a>&secret;</a>"));
    t.run("xml.evalXPath", &["concat(/a, /a/@b)", "x"]);
    t.run("xml.getXPathResult", &["r", "x.xpath"]);
    assert_eq!(t.var("r"), "");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn an_expression_that_goes_too_deep_or_is_too_long_is_refused() {
    let mut t = parsed("<a/>");
    let deep = [
        format!("{}1{}", "(".repeat(500), ")".repeat(500)),
        format!("/a{}{}", "[a".repeat(300), "]".repeat(300)),
        format!("{}1", "-".repeat(1_000)),
        format!("{}1{}", "not(".repeat(200), ")".repeat(200)),
        format!("1{}", "=1".repeat(500)),
        "a|".repeat(500) + "a",
        "/a".repeat(500),
    ];
    for expression in deep {
        // Refused or not: the server lives.
        t.run("xml.evalXPath", &[&expression, "x"]);
    }
    let outcome = t.run("xml.evalXPath", &[&"a".repeat(1_025), "x"]);
    assert_eq!(outcome.errno(), "arg");
    assert!(t.var("strerror").contains("at most 1024 bytes"));
}

#[test]
fn the_work_of_an_expression_is_bounded() {
    let flat = format!("<a>{}</a>", "<b>x</b>".repeat(10_000));
    let deep = format!(
        "{}{}{}{}",
        "<a>".repeat(200),
        "x".repeat(200_000),
        "<b/>".repeat(10_000),
        "</a>".repeat(200)
    );
    for (text, expression) in [
        (&flat, "//b[count(//b) = 1]"),
        (&flat, "//b[following::b[following::b = 'y']]"),
        (&flat, "count(//b//ancestor::*//b//ancestor::*//b)"),
        (&flat, "//b[. = //b]"),
        (&flat, "//b[. != //b]"),
        (&flat, "//b[. > //b]"),
        (&flat, "//b | //b/text() | //b/preceding::b"),
        (&deep, "//a[. = //a]"),
        (&deep, "//a[. = 'y' or . = //b]"),
        (&deep, "//b[ancestor::a[. = 'y']]"),
        (&deep, "//b[string(/) = 'y']"),
        (&deep, "//a[. > //a]"),
        (
            &deep,
            "//a[normalize-space(translate(., 'x', 'y')) = concat(//a,//a,//a)]",
        ),
    ] {
        let mut t = parsed(text);
        // It ends, with a value or without one, and the document is there.
        let outcome = t.run("xml.evalXPath", &[expression, "x"]);
        let errno = outcome.errno();
        assert!(["", "arg"].contains(&errno), "{expression}: {outcome:?}");
        t.run("xml.evalXPath", &["count(/a)", "x"]);
        t.run("xml.getXPathResult", &["r", "x.xpath"]);
        assert_eq!(t.var("r"), "1", "{expression}");
    }
    let mut t = parsed(&flat);
    let outcome = t.run("xml.evalXPath", &["//b[count(//b) = 1]", "x"]);
    assert_eq!(outcome.errno(), "arg");
    assert_eq!(t.var("strerror"), "Operation limit exceeded");
}

#[test]
fn an_expression_of_few_and_long_steps_ends() {
    let text = format!("<a>{}{}</a>", "x".repeat(700_000), "<b/>".repeat(60_000));
    let mut t = parsed(&text);
    let expression = "//b[contains(substring(/, 2), 'y')]";
    assert_eq!(t.run("xml.evalXPath", &[expression, "x"]).errno(), "arg");
    assert_eq!(t.var("strerror"), "it takes longer than 4 s");
}

#[test]
fn a_result_that_is_too_large_is_refused() {
    let mut t = parsed(&format!("<a>{}</a>", "<b/>".repeat(10_001)));
    t.run("xml.evalXPath", &["//b", "x"]);
    t.run("xml.XPathResultCount", &["n", "x.xpath"]);
    assert_eq!((t.var("n"), t.errno()), ("10001", ""));
    assert_eq!(
        t.run("xml.getXPathResult", &["r", "x.xpath"]).errno(),
        "arg"
    );
    assert_eq!(
        t.run("xml.updateXPathResult", &["x.xpath", "x"]).errno(),
        "arg"
    );
    let mut t = parsed(&format!("<a>{}</a>", "<b>xxxxxxxx</b>".repeat(1_000)));
    t.run("xml.evalXPath", &["//b", "x"]);
    let outcome = t.run("xml.updateXPathResult", &["x.xpath", &"y".repeat(10_000)]);
    assert_eq!(outcome.errno(), "arg");
    // The same text again and again, on the way down.
    let text = format!(
        "{}{}{}",
        "<a>".repeat(200),
        "x".repeat(100_000),
        "</a>".repeat(200)
    );
    let mut t = parsed(&text);
    t.run("xml.evalXPath", &["//a", "x"]);
    let outcome = t.run("xml.getXPathResult", &["r", "x.xpath"]);
    assert_eq!(
        (outcome.errno(), t.var("r"), t.has("r[0]")),
        ("arg", "0", false)
    );
}

#[test]
fn any_text_is_refused_or_read() {
    let mut t = ModuleTest::new(muleteer_module());
    let whole = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ELEMENT a ANY>]><a b='&#65;&lt;' xmlns:c='urn:c'><c:d/><![CDATA[x]]>&amp;<!--y--><?z w?></a>";
    let mut seed: u32 = 1;
    for end in 0..whole.len() {
        t.run("xml.parse", &[&whole[..end], "x"]);
        let mut bytes = whole.as_bytes().to_vec();
        for _ in 0..4 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let place = seed as usize % bytes.len();
            bytes[place] = b"<>&;='\"!?[]-/a\0"[(seed >> 16) as usize % 15];
        }
        if t.run("xml.parse", &[&String::from_utf8(bytes).unwrap(), "x"]) == Outcome::Done {
            assert_eq!(t.run("xml.docDump", &["t", "x"]), Outcome::Done);
            t.run("xml.evalXPath", &["//node() | //@*", "x"]);
            t.run("xml.updateXPathResult", &["x.xpath", "&<"]);
        }
    }
}
