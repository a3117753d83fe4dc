//! Diagrams that nobody wrote.

use std::fmt::Write as _;

use muleteer::dsm::graph::Format;
use proptest::collection::vec;
use proptest::prelude::*;

use super::layout::faults;
use super::{graph, text_of};

/// One transition: sources, target (behind the last state: undeclared), kind, name, length of texts.
type Drawn = (Vec<usize>, usize, u8, String, usize);

fn transition() -> impl Strategy<Value = Drawn> {
    let name = "[a-zA-Z <>&'é漢#:;%{}]{0,40}";
    (
        vec(0..14_usize, 1..6),
        0..16_usize,
        0..5_u8,
        name,
        0..12_usize,
    )
}

fn source(states: usize, initial: usize, transitions: &[Drawn]) -> String {
    let mut text = String::new();
    for state in 0..states {
        let initial = if state == initial { "initial " } else { "" };
        let actions = "playFile(\"some/prompt.wav\"); ".repeat(state % 4);
        let _ = writeln!(text, "{initial}state S{state} enter {{ {actions} }};");
    }
    for (sources, target, kind, name, length) in transitions {
        let sources: Vec<String> = sources
            .iter()
            .map(|source| format!("S{}", source % states))
            .collect();
        let condition = [
            "key(#key == 1); test($variable == \"value\")",
            "hangup",
            "exception",
            "noAudio",
            "timer",
        ];
        let condition = condition[usize::from(*kind)];
        let actions = "set($x=1); ".repeat(*length);
        let target = if *target > states {
            "nowhere".to_owned()
        } else {
            format!("S{target}")
        };
        let _ = writeln!(
            text,
            "transition \"{name}\" ({}) - {condition} / {{ {actions} }} -> {target};",
            sources.join(", ")
        );
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_covers_anything(
        states in 1..14_usize,
        initial in 0..20_usize,
        transitions in vec(transition(), 0..40),
    ) {
        let graph = graph(&source(states, initial, &transitions));
        let faults = faults(&graph);
        prop_assert!(faults.is_empty(), "{}", faults.join("\n"));
        let shown = text_of(&graph.write(Format::Svg).unwrap());
        for state in 0..states {
            let name = format!("S{state}");
            prop_assert!(shown.contains(&name));
        }
    }

    #[test]
    fn no_text_breaks_a_picture(text in "(state|initial|transition|->|-|/|\\(|\\)|\\{|\\}|;|\"|A|B|hangup|stop\\(\\)|\u{0}| |\n){0,60}") {
        if let Ok(graph) = super::drawn(&text) {
            text_of(&graph.write(Format::Svg).unwrap());
            graph.write(Format::Dot).unwrap();
            graph.write(Format::Mermaid).unwrap();
        }
    }
}
