//! Input that is too deep, too long, or no text at all: a clear finding each, in bounded time.

use muleteer::dsm::diagnostic::MAX_FINDINGS;
use muleteer::dsm::source::EntryKind;
use muleteer::dsm::{Checked, Severity, SourceProvider, check_paths, load, testing};

use super::{check, check_text, codes};
use crate::modules::objects;

/// One file of any bytes, which is not text or cannot be read.
struct Bytes(Option<Vec<u8>>);

impl SourceProvider for Bytes {
    fn kind(&self, _: &str) -> Option<EntryKind> {
        Some(EntryKind::File)
    }

    fn read(&self, _: &str) -> Option<Vec<u8>> {
        self.0.clone()
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

fn check_bytes(bytes: &[u8]) -> Checked {
    let registry = testing::registry();
    check_paths(
        &["main.dsm".to_owned()],
        &Bytes(Some(bytes.to_vec())),
        &registry,
    )
}

fn nested(open: &str, close: &str, count: usize) -> Checked {
    let (open, close) = (open.repeat(count), close.repeat(count));
    check_text(&format!(
        "initial state A enter {{ {open} log(2, x); {close} }};"
    ))
}

/// What each code that no page and no fixture can show is found in.
pub fn unprintable() -> Vec<(&'static str, Checked)> {
    let main = |text: String| [("main.dsm".to_owned(), text)];
    let mut functions = "function f0() { log(2, x); };\n".to_owned();
    for n in 1..20 {
        functions += &format!("function f{n}() {{ f{0}(); f{0}(); }};\n", n - 1);
    }
    let chain = (0..40).map(|n| {
        let name = if n == 0 {
            "main.dsm".to_owned()
        } else {
            format!("p{n}.dsm")
        };
        (name, format!("#include \"p{}\"\n", n + 1))
    });
    let unreadable = load("main", "main.dsm", &Bytes(None), &testing::registry());
    vec![
        ("nesting-too-deep", nested("if test() { ", "} ", 1_000)),
        (
            "program-too-large",
            check(main(functions + "initial state A enter { f19(); };")),
        ),
        (
            "source-too-large",
            check_text(&"-- comment\n".repeat(400_000)),
        ),
        ("include-too-deep", check(chain)),
        (
            "too-many-findings",
            check_text(&"oops;\nstate x\n".repeat(2_000)),
        ),
        ("not-text", check_bytes(b"RIFF\0\0\0\0WAVE")),
        (
            "not-utf8",
            check_bytes(b"initial state A enter { log(2, gr\xfcn); };"),
        ),
        (
            "refused-argument",
            Checked {
                loaded: vec![objects::loaded(
                    &objects::modules(),
                    "import(mod_example);\ninitial state A;\n\
                     transition \"t\" A - example.is_even(x) -> A;",
                )],
                unreadable: Vec::new(),
            },
        ),
        (
            "file-not-found",
            Checked {
                loaded: vec![unreadable],
                unreadable: Vec::new(),
            },
        ),
    ]
}

#[test]
fn each_kind_of_bad_input_has_its_finding() {
    for (code, checked) in unprintable() {
        let found = codes(&checked);
        assert!(found.contains(&code), "{code}: {found:?}");
        assert!(
            found.len() <= MAX_FINDINGS + 1,
            "{code}: {} findings",
            found.len()
        );
    }
}

#[test]
fn deep_nesting_is_refused_once() {
    for (open, close) in [
        ("if test() { ", "} "),
        ("{ ", "} "),
        ("if test() { } else ", ""),
        ("for ($i in range(2)) { ", "} "),
        ("if test() { ", ""),
    ] {
        let refusals = |count: usize| {
            let found = codes(&nested(open, close, count));
            found
                .iter()
                .filter(|code| **code == "nesting-too-deep")
                .count()
        };
        assert_eq!(refusals(100_000), 1, "{open}");
        assert_eq!(refusals(60), 0, "{open}");
    }
}

#[test]
fn nested_parentheses_are_no_blocks() {
    let parens = format!(
        "initial state A enter {{ set($a={}{}); }};",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    assert_ne!(check_text(&parens).worst(), Some(Severity::Error));
}

#[test]
fn a_file_that_is_no_text_is_one_finding() {
    for bytes in [
        b"\x7fELF\x02\x01\x01\0\0\0".as_slice(),
        b"initial state A;\n\0",
        b"\0",
        b"\xff\xfei\0n\0i\0t\0",
        b"\xfe\xff\0i\0n\0i\0t",
    ] {
        assert_eq!(codes(&check_bytes(bytes)), ["not-text"], "{bytes:?}");
    }
    let wide = check_bytes(b"\xff\xfei\0n\0").render();
    assert!(
        wide.contains("UTF-16") && wide.contains("save it as UTF-8"),
        "{wide}"
    );
}

#[test]
fn a_byte_that_is_not_utf8_is_shown_where_it_stands() {
    let checked =
        check_bytes(b"initial state A enter {\n  log(2, gr\xfcn);\n};\ntransition t A -> A;");
    let report = checked.reports().next().expect("a finding");
    assert_eq!(
        (report.code, report.line, report.column),
        ("not-utf8", 2, 12)
    );
    assert_eq!(codes(&checked), ["not-utf8"]);
}

#[test]
fn an_empty_file_has_no_state() {
    for bytes in ["", "\n\n", "\u{feff}", "   \t"] {
        assert_eq!(
            codes(&check_bytes(bytes.as_bytes())),
            ["no-initial-state"],
            "{bytes:?}"
        );
    }
}

#[test]
fn findings_beyond_what_anyone_reads_are_counted() {
    let text = "frobnicate();\n".repeat(MAX_FINDINGS + 234);
    let checked = check_text(&format!("initial state A enter {{\n{text}}};\n"));
    let reports: Vec<_> = checked.reports().collect();
    assert_eq!(reports.len(), MAX_FINDINGS + 1);
    let last = reports.last().expect("a last one");
    assert_eq!(last.message, "234 more findings are not shown");
    assert_eq!(last.severity, Severity::Error);
}

/// Texts that would take hours if something looked at all of them for each of their parts.
#[test]
fn long_files_are_checked_in_time_that_grows_with_their_length() {
    let large = 40_000;
    let texts = [
        // Every quote looks for its end.
        "x\\'\n".repeat(large),
        "a(\n".repeat(large),
        "\"\n".repeat(large + 1),
        "'\\'\n".repeat(large),
        // Every name looks for one like it.
        "frobnicate();\n".repeat(large / 10) + "initial state A;",
        (0..10_000)
            .map(|n| format!("state s{n};\ntransition t x{n} -> y{n};\n"))
            .collect(),
        // Every transition looks for one that is in its way.
        (0..10_000)
            .map(|n| format!("transition t A - key(#key == {n}) -> A;\n"))
            .collect::<String>()
            + "initial state A;",
        // So does every condition of one transition.
        (0..10_000).fold("initial state A;\ntransition t A - key".to_owned(), |text, n| {
            text + &format!("; test($v{n} == {n})")
        }) + " -> A;",
        // Every state may be reached from, and repost to, every other.
        (0..2_000)
            .map(|n| format!("state s{n} enter {{ set($v{n}=1); playFile($v{n}); repost(); }};\n"))
            .collect::<String>()
            + "initial state A;\ntransition t A -> nowhere;\n"
            + &(0..2_000)
                .map(|n| format!("transition t (A, s{n}) - test($v{n} == 1) -> s{};\n", (n * 7) % 2_000))
                .collect::<String>(),
        // Every timer looks for who waits for it, every return for who called.
        "initial state A;\n".to_owned()
            + &(0..5_000)
                .map(|n| format!("transition t A - timer(#id == {n}) / {{ setTimer({n}, 1); callFSM(main); returnFSM(); }} -> A;\n"))
                .collect::<String>(),
        // Every comment looks for what it covers.
        "initial state A;\n".to_owned() + &"-- muleteer: allow(missing-target)\nx\n".repeat(20_000),
        "-- muleteer: allow(nothing)\n".repeat(20_000),
        // One very long line.
        "initial state A enter {".to_owned() + &"frobnicate(); ".repeat(20_000) + "};",
    ];
    for text in texts {
        let checked = check_text(&text);
        assert!(checked.reports().count() > 0);
        let rendered = checked.render();
        let longest = rendered.lines().map(str::len).max().unwrap_or(0);
        assert!(longest < 1_000, "a line of {longest} bytes");
    }
}
