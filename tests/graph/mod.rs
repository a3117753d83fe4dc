//! Pictures of diagrams: that they show everything, and that nothing in them covers anything else.

mod command;
mod layout;
mod random;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use muleteer::dsm::Registry;
use muleteer::dsm::graph::{Format, Graph, NotDrawn, read};
use regex::Regex;

use crate::dsm_run::{Memory, fixtures};
use crate::support::server::project_root;

/// The graph of a diagram given as text.
fn drawn(text: &str) -> Result<Graph, NotDrawn> {
    let memory = Memory(BTreeMap::from([("main.dsm".to_owned(), text.to_owned())]));
    read("main.dsm", &memory, &Registry::default()).1
}

fn graph(text: &str) -> Graph {
    drawn(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// Every diagram in this repository, by path.
fn all_diagrams() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    for folder in [project_root().join("dsm"), fixtures("conformance")] {
        let entries = fs::read_dir(folder).expect("the folder exists").flatten();
        let files = entries.map(|entry| entry.path());
        let mut files: Vec<PathBuf> = files
            .filter(|path| path.extension().is_some_and(|ending| ending == "dsm"))
            .collect();
        files.sort();
        all.extend(files.into_iter().map(|path| {
            let text = fs::read_to_string(&path).expect("the file can be read");
            (path, text)
        }));
    }
    assert!(all.len() > 25);
    all
}

fn svg(graph: &Graph) -> String {
    graph.write(Format::Svg).expect("it can be laid out")
}

/// Compares with a file that `UPDATE=1` rewrites.
fn assert_same_as(path: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, text).expect("the file can be written");
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == text,
        "{} differs; UPDATE=1 rewrites it",
        path.display()
    );
}

/// All text of an SVG file, which has to be well-formed.
fn text_of(svg: &str) -> String {
    let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{error}"));
    let text = document.descendants().filter_map(|node| node.text());
    text.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_state_and_transition_of_every_diagram_is_shown() {
    let state = Regex::new(r"(?m)^\s*(?:initial\s+)?state\s+(\w+)").unwrap();
    let transition = Regex::new(r#"(?m)^\s*transition\s+"([^"]+)""#).unwrap();
    for (path, text) in all_diagrams() {
        let Ok(graph) = drawn(&text) else {
            assert!(!state.is_match(&text), "{} is not drawn", path.display());
            continue;
        };
        let dot = graph.write(Format::Dot).unwrap();
        let mermaid = graph.write(Format::Mermaid).unwrap();
        let shown = text_of(&svg(&graph));
        for name in state.captures_iter(&text).map(|found| found[1].to_owned()) {
            for picture in [&shown, &dot, &mermaid] {
                assert!(picture.contains(&name), "{}: no {name}", path.display());
            }
        }
        for name in transition.captures_iter(&text) {
            assert!(
                shown.contains(&name[1]),
                "{}: no {}",
                path.display(),
                &name[1]
            );
        }
    }
}

#[test]
fn the_same_text_gives_the_same_bytes() {
    for (_, text) in all_diagrams() {
        let (Ok(one), Ok(two)) = (drawn(&text), drawn(&text)) else {
            continue;
        };
        for format in [Format::Svg, Format::Dot, Format::Mermaid] {
            assert!(one.write(format) == two.write(format), "{format:?}");
        }
    }
}

const SMALL: &str = r#"
initial state "A & <b>" enter { set($x="\"quoted\""); };
state B exit { callFSM(other); };
transition "go; now" "A & <b>" - key(#key == 1); test($a < 2) / stop(true) -> B;
transition "again" B - timer -> B;
transition "oh: no" B - exception -> "A & <b>";
transition "bye" ("A & <b>", B) - hangup / stop(false) -> end;
"#;

#[test]
fn a_small_diagram_looks_as_before() {
    let graph = graph(SMALL);
    let here = project_root().join("tests/graph");
    for (name, format) in [
        ("small.svg", Format::Svg),
        ("small.dot", Format::Dot),
        ("small.mmd", Format::Mermaid),
    ] {
        assert_same_as(&here.join(name), &graph.write(format).unwrap());
    }
}

#[test]
fn the_picture_in_the_documentation_is_that_of_the_shipped_demo() {
    let demo = fs::read_to_string(project_root().join("dsm/demo.dsm")).unwrap();
    let memory = Memory(BTreeMap::from([("demo.dsm".to_owned(), demo)]));
    let (_, graph) = read("demo.dsm", &memory, &Registry::default());
    let picture = svg(&graph.unwrap());
    assert_same_as(&project_root().join("docs/pictures/demo.svg"), &picture);
}

#[test]
fn a_picture_is_accessible_and_refers_to_nothing() {
    let svg = svg(&graph(SMALL));
    let document = roxmltree::Document::parse(&svg).unwrap();
    let root = document.root_element();
    assert_eq!(root.attribute("role"), Some("img"));
    for tag in ["title", "desc"] {
        assert!(root.children().any(|child| child.has_tag_name((SVG, tag))));
    }
    assert!(!svg.contains("url(") && !svg.contains("href"));
}

const SVG: &str = "http://www.w3.org/2000/svg";

#[test]
fn characters_that_xml_cannot_hold_are_replaced() {
    let svg = svg(&graph("initial state \"a\u{1}b\u{ffff}]]>\";"));
    assert!(text_of(&svg).contains("a\u{fffd}b\u{fffd}]]>"));
}

#[test]
fn a_transition_that_every_state_has_is_drawn_once() {
    let graph = graph(SMALL);
    let hangups: Vec<_> = graph
        .arrows
        .iter()
        .filter(|arrow| arrow.transitions[0].name == "bye")
        .collect();
    let [hangup] = hangups[..] else {
        panic!("{hangups:?}")
    };
    let [from] = hangup.from[..] else {
        panic!("{hangup:?}")
    };
    assert_eq!(graph.nodes[from].name, "every state");
}

#[test]
fn a_file_without_any_state_is_not_drawn() {
    assert_eq!(
        drawn("function f() { stop(); };").unwrap_err(),
        NotDrawn::Empty
    );
}

#[test]
fn what_is_too_large_is_refused() {
    let many: String = (0..6000).map(|i| format!("state S{i};\n")).collect();
    assert!(matches!(drawn(&many), Err(NotDrawn::TooLarge(_))));
}

#[test]
fn what_is_too_tangled_is_refused_as_svg_only() {
    let states: String = (0..900).map(|i| format!("state S{i};\n")).collect();
    let chain = (0..899).map(|i| format!("transition \"n\" S{i} - key -> S{};\n", i + 1));
    let back = (100..900).map(|i| {
        format!(
            "transition \"b{i}\" S{i} - timer(#id == {i}) -> S{};\n",
            i % 50
        )
    });
    let graph = graph(&(states + &chain.chain(back).collect::<String>()));
    assert!(graph.write(Format::Svg) == Err(NotDrawn::TooTangled));
    assert!(graph.write(Format::Dot).is_ok());
}
