#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::pieces::What;
use super::*;

fn formatted(text: &str) -> String {
    format("main.dsm", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The text becomes `expected`, which stays as it is.
#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(formatted(text), expected);
    assert_eq!(formatted(expected), expected);
}

#[test]
fn declarations_are_laid_out_alike() {
    check(
        "import(mod_dlg)\nfunction f(){log(1,a)};initial state\n A; state B{enter{}exit{f();}};
transition t A->B;transition \"a b\" ( A ,B ) -[{key(#key==1);not test($a==2)}]/{stop(true)}-->A;",
        "import(mod_dlg);

function f() {
  log(1,a);
};

initial state A;

state B
  enter {}
  exit {
    f();
  };

transition t A -> B;
transition \"a b\" (A, B) - key(#key==1); not test($a==2) / stop(true); -> A;
",
    );
}

#[test]
fn lists_are_indented_by_two() {
    check(
        "log(1, a) if test($a==1)test($b==2){a.b();}else{for($k , $v  in\t$s){break}}; {log(2,b)}",
        "log(1, a);
if test($a==1); test($b==2) {
  a.b();
} else {
  for ($k,$v in $s) {
    break;
  }
}
{
  log(2,b);
}
",
    );
    check(
        "if(test($a==1)){a()} else if [test(b)] {} else if exception not key {c()}",
        "if (test($a==1)) {
  a();
} else if test(b) {} else if exception; not key {
  c();
}
",
    );
}

#[test]
fn a_long_transition_is_broken_at_its_parts() {
    let long = "a_state_with_a_name_that_takes_a_good_part_of_the_line_because_it_is_long";
    check(
        &format!("transition t {long} - key(#key == 1); test($a == 2) / log(2, ok) -> {long};"),
        &format!(
            "transition t {long}\n  - key(#key == 1); test($a == 2) / {{\n    log(2, ok);\n  }} -> {long};\n"
        ),
    );
    check(
        &format!("transition t {long} - key(#key == 1); test($a == 2) -> B;"),
        &format!("transition t {long}\n  - key(#key == 1); test($a == 2) -> B;\n"),
    );
    check(
        &format!("transition t A - not test({long}); test($b == {long}) / {{ a(); b(); }} -> B;"),
        &format!(
            "transition t A\n  - not test({long});\n    test($b == {long})\n  / {{\n    a();\n    b();\n  }} -> B;\n"
        ),
    );
}

#[test]
fn comments_stay_with_what_follows_them() {
    check(
        "-- file\n\n\n-- first\nstate A;\n# long\nstate B enter { -- why\n-- before\n\n\na(); -- behind\n\n-- last\n};
-- t\ntransition t A -- odd\n - key\n-- or this\n -> B -- end\n; -- really\n",
        "-- file

-- first
state A;

# long
state B
  enter { -- why
    -- before

    a(); -- behind

    -- last
  };

-- t
transition t A -- odd
  - key
    -- or this
  -> B; -- end

-- really
",
    );
}

#[test]
fn includes_stay_where_they_are() {
    check(
        "#include \"a\"\nstate A enter {\n  a();\n    #include b\n  };\ntransition t A -\n#include c\n/ {\n#include d\n} -> A;",
        "#include \"a\"

state A
  enter {
    a();
    #include b
  };

transition t A
  -
    #include c
  / {
    #include d
  } -> A;
",
    );
}

#[test]
fn what_stands_in_a_text_stays() {
    let text = "set($a=\"one\n   two\n  -- not seen\n# nor this\n\ttab  \");\nlog(1,   x ,y);\n";
    check(text, text);
}

#[test]
fn line_ends_stay_if_they_are_all_alike() {
    check("state A;\r\nstate  B;\r\n", "state A;\r\nstate B;\r\n");
    check("state A;\r\nstate  B;\n", "state A;\nstate B;\n");
    check("set($a='x\r\ny');\nb()\n", "set($a='x\r\ny');\nb();\n");
}

#[test]
fn blank_text_is_laid_out_too() {
    check("", "");
    check("\n\n", "");
    check("-- a\n\n\n\n-- b\n\n", "-- a\n\n-- b\n");
    check("; -- a\n;", "-- a\n");
}

#[test]
fn mistakes_are_refused_with_their_place() {
    let cases = [
        ("state A", "state A;\n"),
        ("state A enter { a(", "unterminated-paren"),
        ("state A enter { a();", "unterminated-block"),
        ("state A hello;", "main.dsm:1:9: warning[junk-in-state]"),
        ("state A enter { a(1)b; };", "text-after-paren"),
        ("state A; transition t A -> B C;", "junk-in-transition"),
        (
            "a(); } b();",
            "1:6: error[unexpected-token]: this '}' closes nothing",
        ),
        ("key(1); -> B;", "unexpected-token"),
        ("a(); state A;", "unexpected-token"),
    ];
    for (text, expected) in &cases[1..] {
        let error = format("main.dsm", text).map_err(|error| error.to_string());
        let error = error.expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
    check(cases[0].0, cases[0].1);
}

/// Every diagram of the project: the shipped ones and the fixtures.
static DIAGRAMS: LazyLock<Vec<(String, String)>> = LazyLock::new(diagrams);

fn diagrams() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("dsm"), root.join("tests/fixtures/dsm")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "dsm") {
                let text = fs::read_to_string(&path).expect("readable");
                found.push((path.display().to_string(), text));
            }
        }
    }
    found.sort();
    found
}

fn comments(text: &str) -> Vec<String> {
    let mut sources = SourceMap::default();
    let file = sources.add("main.dsm", text.into());
    let lines = Text::without_includes(file, &sources);
    let pieces = pieces::pieces(file, &sources, &lines).expect("nothing is ignored");
    let kept = pieces
        .list
        .iter()
        .filter(|piece| !matches!(piece.what, What::Token(_)));
    kept.map(|piece| piece.raw.to_owned()).collect()
}

#[test]
fn every_diagram_of_the_project_has_one_layout() {
    let mut count = 0;
    for (path, text) in DIAGRAMS.iter() {
        let once = formatted(text);
        assert_eq!(formatted(&once), once, "{path}");
        assert_eq!(comments(&once), comments(text), "{path}");
        count += 1;
    }
    assert!(count >= 29, "{count}");
}

#[test]
fn shipped_diagrams_are_formatted() {
    for (path, text) in DIAGRAMS.iter() {
        if !path.contains("/fixtures/") {
            assert_eq!(formatted(text), *text, "run `muleteer fmt dsm`");
        }
    }
}

/// What may stand between two tokens; `%` is replaced by a number.
const GAPS: &[&str] = &[
    " ",
    "\n",
    "\t ",
    "\n\n",
    "\r\n",
    "\n\n\n  ",
    " -- behind %\n",
    "\n-- own %\n",
    "\n  # own %\n\n",
    "\n#include \"part%\"\n",
    "\n-- a %\n\n-- b %\n",
    " # behind %\n# own %\n",
];

/// The tokens of a diagram with something else between them.
fn shuffled(text: &str, choices: &[usize]) -> String {
    let mut sources = SourceMap::default();
    let file = sources.add("main.dsm", text.into());
    let lines = Text::without_includes(file, &sources);
    let pieces = pieces::pieces(file, &sources, &lines).expect("nothing is ignored");
    let tokens = pieces
        .list
        .iter()
        .filter(|piece| matches!(piece.what, What::Token(_)));
    let mut choices = choices.iter().cycle().enumerate();
    let mut out = String::new();
    let mut in_head = false;
    for piece in tokens {
        let (number, choice) = choices.next().expect("endless");
        let mut gap = GAPS[choice % GAPS.len()].replace('%', &number.to_string());
        // What is first on its line may be taken for a comment or a declaration; and where a name
        // belongs, an include is no layout but a mistake.
        let risky = piece.raw.starts_with(['-', '#']) || in_head;
        if risky && gap.contains('\n') {
            gap = " ".into();
        }
        in_head = matches!(
            piece.raw,
            "transition" | "state" | "initial" | "function" | "->"
        );
        out.push_str(&gap);
        out.push_str(piece.raw);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn layout_does_not_depend_on_layout(
        which in 0_usize..1000,
        choices in prop::collection::vec(0_usize..1000, 1..200),
    ) {
        let (path, text) = &DIAGRAMS[which % DIAGRAMS.len()];
        let shuffled = shuffled(text, &choices);
        match format(path, &shuffled) {
            Ok(once) => {
                prop_assert_eq!(format(path, &once).expect("it is well formed"), once.clone());
                prop_assert_eq!(comments(&once), comments(&shuffled));
            }
            Err(error) => prop_assert!(false, "{error}\n{shuffled}"),
        }
    }

    /// Whatever the text is: an answer, and never another meaning.
    #[test]
    fn any_text_is_formatted_or_refused(text in "(transition |state |[a-c({;})\"'/> -]|\n|->|-- x\n|if |else |for |enter ){0,40}") {
        if let Ok(once) = format("main.dsm", &text) {
            prop_assert_eq!(format("main.dsm", &once).expect("it is well formed"), once);
        }
    }
}
