use super::*;
use crate::dsm::source::EntryKind;
use crate::dsm::testing::{Expectation, registry};

/// Files in memory: name and text.
struct Texts<'a>(&'a [(&'a str, &'a str)]);

impl SourceProvider for Texts<'_> {
    fn kind(&self, path: &str) -> Option<EntryKind> {
        self.read(path).map(|_| EntryKind::File)
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let (_, text) = self.0.iter().find(|(name, _)| *name == path)?;
        Some(text.as_bytes().to_vec())
    }

    fn list(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

fn explored(files: &[(&str, &str)]) -> Exploration {
    let others: Vec<_> = files[1..]
        .iter()
        .map(|(name, _)| (name.trim_end_matches(".dsm").to_owned(), (*name).to_owned()))
        .collect();
    let found = explore(files[0].0, &others, &Texts(files), &registry()).expect("it can start");
    // What is generated passes.
    let findings = found.findings.iter().map(|finding| &finding.scenario);
    for scenario in found.scenarios.iter().chain(findings) {
        let text = found.expect(scenario, files[0].0, &others);
        let expectation = Expectation::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let outcome = expectation.run(files[0].0, "", &Texts(files), &registry());
        assert!(
            outcome.failures.is_empty(),
            "{:?}\n{text}",
            outcome.failures
        );
    }
    found
}

fn one(text: &str) -> Exploration {
    explored(&[("main.dsm", text)])
}

fn findings(found: &Exploration) -> Vec<String> {
    found
        .findings
        .iter()
        .map(|one| one.kind.to_string())
        .collect()
}

fn untaken(found: &Exploration) -> Vec<&str> {
    found
        .untaken
        .iter()
        .map(|(_, _, text)| text.as_str())
        .collect()
}

#[test]
fn what_conditions_on_values_look_at_is_tried() {
    let found = one("import(mod_utils);
        initial state A; state B; state C;
        transition listed A - key; utils.isInList(#key, \"7, 9\") -> B;
        transition begins B - event; utils.startsWith(#cmd, go); utils.startsWith($n, 41) -> C;
        transition bye (A, B, C) - hangup / stop(false) -> C;");
    assert_eq!(untaken(&found), [""; 0]);
}

#[test]
fn a_number_whose_words_are_missing_is_tried() {
    let found = one("import(mod_utils);
        initial state A; state B;
        transition said A - key / utils.playCountRight(21) -> B;
        transition missing A - exception; test(#type == file) / stop(true) -> B;
        transition played B - noAudio / stop(true) -> B;
        transition bye (A, B) - hangup / stop(false) -> B;");
    assert_eq!(untaken(&found), [""; 0]);
}

#[test]
fn every_literal_is_tried_and_one_that_matches_none() {
    let found = one("initial state A; state B; state C; state D;
        transition one A - key(#key == 7) -> B;
        transition cmd B - event(#cmd == \"go\"); test(#n > 41) -> C;
        transition else C - key(#key == 3) -> C;
        transition other C - key / stop(true) -> D;");
    assert_eq!(untaken(&found), [""; 0]);
    assert!(found.complete);
}

#[test]
fn counters_and_gathered_digits_are_followed_to_what_they_are_compared_with() {
    let found = one("initial state A; state B; state C;
        transition count A - key(#key == 10) / inc($n) -> A;
        transition enough A - key; test($n == 12) -> B;
        transition digit A - key / append($pin, #key) -> A;
        transition right B - key(#key == 4); test($pin == 42) -> C;
        transition more B - key / append($pin, #key) -> B;");
    assert_eq!(untaken(&found), [""; 0]);
}

#[test]
fn what_comes_from_outside_takes_the_values_it_is_compared_with() {
    let found = one("initial state A; state B;
        transition loud A - start; test($config.mode == \"loud\") -> B;
        transition long A - start; test(len($ticket) > 3) -> B;
        transition pin A - key; test($typed == $config.pin) -> B;
        transition type A - key / set($typed=#key) -> A;");
    assert_eq!(untaken(&found), [""; 0]);
    let events: String = found.scenarios.iter().map(Scenario::events).collect();
    assert!(events.contains("var config.mode=loud\n"), "{events}");
}

#[test]
fn files_prompts_and_calls_fail_too() {
    let found = one("import(mod_mysql);
        initial state A enter { playFile(a.wav); };
        state B enter { playPrompt(b); };
        state C enter { mysql.execute(\"x\"); throwOnError(); DI(f, g); throwOnError(); };
        state D;
        transition t A - exception; test(#type == file) -> B;
        transition u B - exception; test(#type == prompt) -> C;
        transition v C - exception; test(#type == general) -> D;
        transition w C - exception; test(#type == config) -> D;");
    assert_eq!(untaken(&found), [""; 0]);
    assert_eq!(findings(&found), [""; 0]);
}

#[test]
fn a_handled_hangup_that_never_stops_is_a_hang_with_the_shortest_way() {
    let found = one("initial state A; state B; state C;
        transition t A - key(#key == 2) -> B;
        transition bye A - hangup / stop(false) -> C;
        transition bye B - hangup / { log(2, x); setTimer(1, 5); } -> C;
        transition late C - timer / log(2, late) -> C;");
    let hang = "hang: a caller who hangs up in main/B leaves the session in main/C without stop";
    assert_eq!(findings(&found), [hang]);
    assert_eq!(
        found.findings[0].scenario.events(),
        "on start\non key key=2\non hangup\non timer id=1\n"
    );
}

#[test]
fn a_hangup_that_a_timer_or_the_end_of_a_prompt_ends_is_none() {
    let found = one(
        "initial state A enter { playFile(a.wav); }; state B; state C;
        transition bye A - hangup / setTimer(1, 5) -> B;
        transition x A - exception / stop(true) -> C;
        transition late B - timer / setTimer(2, 5) -> B;
        transition heard B - noAudio / stop(false) -> C;",
    );
    assert_eq!(findings(&found), [""; 0]);
}

#[test]
fn a_hangup_that_nobody_handles_ends_the_session() {
    let found = one("initial state A; state B;
        transition t A - key -> B;
        transition bye A - hangup / stop(false) -> B;");
    assert_eq!(findings(&found), [""; 0]);
}

#[test]
fn called_diagrams_are_explored_with_their_callers() {
    let main = "initial state A; state B;
        transition t A - key / callFSM(ask) -> A;
        transition bye A - hangup / stop(false) -> B;";
    let ask = "initial state Q; transition a Q - key(#key == 5) / returnFSM() -> Q;
        transition bye Q - hangup / returnFSM() -> Q;";
    let found = explored(&[("main.dsm", main), ("ask.dsm", ask)]);
    let hang = "hang: a caller who hangs up in ask/Q leaves the session in main/A without stop";
    assert_eq!(findings(&found), [hang]);
    let (_, transitions) = found.coverage.shares();
    assert_eq!(transitions.percent(), 100);
}

#[test]
fn problems_come_once_a_state_with_their_place() {
    let found = one("initial state A;
        transition spin A - key(#key == 1) / repost() -> A;
        transition lost A - key(#key == 2) -> NOWHERE;
        transition bad A - key(#key == 3) / playFile(x.wav) -> A;
        transition also A - key(#key == 4) / playFile(y.wav) -> A;
        transition bye A - hangup / { stop(false); playFile(z.wav); } -> END;");
    assert_eq!(
        findings(&found),
        [
            "problem in main/A: an event was processed 1000 times: repost or exceptions go on for ever in A",
            "problem in main/A: target state 'NOWHERE' is not declared",
            "main.dsm:4: problem in main/A: exception 'file' is not handled",
        ]
    );
}

#[test]
fn what_is_not_reached_says_why() {
    let found = one("initial state A enter { repost(); }; state B; state C;
        transition go A - start -> B;
        transition early A - key -> B;
        transition t B - timer(#id == 4) -> B;
        transition s B - key / setTimer(3, 1) -> B;
        transition n B - noAudio -> B;
        transition v B - event; test($n == 1); test($n == 2) -> C;
        transition x B - exception -> B;");
    assert_eq!(
        untaken(&found),
        [
            "transition \"early\" from A is never taken: A is left as soon as it is entered",
            "transition \"t\" from B is never taken: timer 4 is never set",
            "transition \"n\" from B is never taken: nothing is ever played",
            "transition \"v\" from B is never taken; it needs event; test($n == \"1\"); \
             test($n == \"2\")",
            "transition \"x\" from B is never taken: no such exception comes up there",
            "state C is never reached",
        ]
    );
}

#[test]
fn system_diagrams_start_up_and_nobody_hangs_up() {
    let found = one("initial state A; state B;
        transition up A - startup / setTimer(1, 5) -> B;
        transition re A - reload / stop(false) -> B;
        transition tick B - timer / { playFile(a.wav); } -> B;
        transition no B - exception; test(#type == core) / stop(false) -> B;");
    assert_eq!(untaken(&found), [""; 0]);
    assert_eq!(findings(&found), [""; 0]);
}

#[test]
fn what_has_no_end_is_bounded() {
    let found = one("initial state A;
        transition grow A - key(#key < 10); test($all != $never) / append($all, #key) -> A;
        transition spin A - event(#x == 1) / repost() -> A;
        transition huge A - event / for ($i in range(0, 9999999)) { append($big, 0123456789); } -> A;");
    assert!(!found.complete);
}

#[test]
fn the_same_diagram_gives_the_same_result() {
    let text = include_str!("../../../../dsm/demo.dsm");
    let print = || {
        let found = one(text);
        let ways: String = found.scenarios.iter().map(Scenario::events).collect();
        format!("{:?}{:?}{ways}", findings(&found), untaken(&found))
    };
    assert_eq!(print(), print());
}

#[test]
fn a_diagram_with_an_error_is_refused_with_its_findings() {
    let files = [("main.dsm", "initial state A enter { playFiel(a); };")];
    let refused = explore("main.dsm", &[], &Texts(&files), &registry()).unwrap_err();
    assert!(refused.to_string().contains("playFile"), "{refused}");
}
