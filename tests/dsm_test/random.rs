//! Damaged diagrams and tests: every tool answers, and what exploring finds can be read back.

use proptest::collection::vec;
use proptest::prelude::*;

use muleteer::dsm::graph::{self, Format};
use muleteer::dsm::testing::expect::Expectation;
use muleteer::dsm::testing::explore::explore;
use muleteer::dsm::{Registry, format, testing};

use super::{MENU, PASSES};
use crate::dsm_run::Memory;

const TALK: &str = r#"import(mod_conference);
function ask(x) { playFile($x); set($pin=""); };
initial state START enter { setPrompts(de); };
state PIN enter { setTimer(1, 5); playPrompt("your pin"); } exit { removeTimer(1); };
transition "up" START - sessionStart / { ask("a b.wav"); conference.join(room); throwOnError(); } -> PIN;
transition "digit" PIN - key(#key < 10); not test(len($pin) > 3) / append($pin, #key) -> PIN;
transition "right" PIN - key; test($pin == $config.pin) / { for ($i in range(0, 3)) { inc($n); } } -> PIN;
transition "late" PIN - timer(#id == 1) / if test($n > 2) { stop(true); } else { callFSM(main); } -> PIN;
transition "bad" (START, PIN) - exception / stop(true) -> END;
transition "bye" (START, PIN) - hangup / stop(false) -> END;
"#;

/// Where to cut, how much, and what to put there.
type Damage = (usize, usize, String);

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let text = "[{}()\\[\\];\"'/<>=$#@*, \n-]{0,3}|START|PIN|key|state |exit|\u{0}|é";
    vec((0_usize..4000, 0_usize..20, text), 0..6)
}

fn damaged(text: &str, damage: &[Damage]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (place, length, put) in damage {
        let start = place % (letters.len() + 1);
        let end = (start + length).min(letters.len());
        letters.splice(start..end, put.chars());
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_diagrams_are_answered(talk in any::<bool>(), damage in damage()) {
        let text = damaged(if talk { TALK } else { MENU }, &damage);
        let files = Memory([("main.dsm".to_owned(), text.clone())].into());
        let _ = format("main.dsm", &text);
        let (_, graph) = graph::read("main.dsm", &files, &Registry::default());
        if let Ok(graph) = graph {
            for format in [Format::Svg, Format::Dot, Format::Mermaid] {
                let _ = graph.write(format);
            }
        }
        let registry = testing::registry();
        let Ok(found) = explore("main.dsm", &[], &files, &registry) else { return Ok(()) };
        for scenario in &found.scenarios {
            let test = found.expect(scenario, "main.dsm", &[]);
            let read = match Expectation::parse(&test) {
                Ok(read) => read,
                Err(error) => return Err(TestCaseError::fail(format!("{error}\n{test}"))),
            };
            let failures = read.run("main.dsm", "", &files, &registry).failures;
            prop_assert!(failures.is_empty(), "{failures:?}\n{test}");
        }
    }

    #[test]
    fn damaged_tests_are_answered(damage in damage()) {
        let files = Memory([("menu.dsm".to_owned(), MENU.to_owned())].into());
        let setup = "var a=\"b c\"\nmissing x\nprompt p de\nfail DI\n";
        if let Ok(read) = Expectation::parse(&damaged(&format!("{setup}{PASSES}"), &damage)) {
            for failure in read.run("menu.dsm", "", &files, &testing::registry()).failures {
                let _ = failure.render("menu.expect");
            }
        }
    }
}
