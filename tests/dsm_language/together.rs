//! What the check says of diagrams that call each other, and of what they play.

use std::collections::BTreeMap;

use muleteer::dsm::{Checked, NothingKnown, Resources, check_paths, check_paths_with, testing};

use crate::dsm_run::Memory;

/// Diagrams in a folder `dsm` in memory.
pub fn folder_of(diagrams: &[(&str, &str)]) -> Memory {
    let files = diagrams.iter();
    Memory(BTreeMap::from_iter(files.map(|(name, text)| {
        (format!("dsm/{name}.dsm"), (*text).to_owned())
    })))
}

/// `file:line code` of each finding, but for hangups that nobody handles.
fn codes(checked: &Checked) -> Vec<String> {
    let reports = checked
        .reports()
        .filter(|one| one.code != "hangup-unhandled");
    reports
        .map(|one| {
            let file = one.file.trim_start_matches("dsm/").trim_end_matches(".dsm");
            format!("{file}:{} {}", one.line, one.code)
        })
        .collect()
}

fn found(diagrams: &[(&str, &str)]) -> Vec<String> {
    let checked = check_paths(&["dsm".into()], &folder_of(diagrams), &testing::registry());
    codes(&checked)
}

const RETURNS: &str = "initial state Q;\ntransition t Q - key / returnFSM() -> Q;\n";
const STAYS: &str = "initial state Q;\n\
    transition t Q - key -> Q;\ntransition h Q - hangup / stop(false) -> Q;\n";

#[test]
fn a_call_of_a_diagram_that_never_comes_back_is_found() {
    let main = "initial state A;\ntransition t A - key / callFSM(sub) -> A;\n";
    assert_eq!(
        found(&[("main", main), ("sub", STAYS)]),
        ["main:2 call-never-returns"]
    );
    assert!(found(&[("main", main), ("sub", RETURNS)]).is_empty());
    let stops = "initial state Q;\ntransition t Q - key / stop(true) -> Q;\n";
    assert!(found(&[("main", main), ("sub", stops)]).is_empty());
    let jumps = "initial state Q;\ntransition t Q - key / jumpFSM(last) -> Q;\n";
    let through = [("last", RETURNS), ("main", main), ("sub", jumps)];
    assert!(found(&through).is_empty());
}

#[test]
fn a_return_is_odd_only_where_nobody_calls() {
    let main = "initial state A;\ntransition t A - key -> A;\n";
    assert_eq!(
        found(&[("main", main), ("sub", RETURNS)]),
        ["sub:2 return-without-call"]
    );
    let computed = "initial state A;\ntransition t A - key / callFSM($next) -> A;\n";
    assert!(found(&[("main", computed), ("sub", RETURNS)]).is_empty());
    // Of one file alone it is not known who calls it.
    let memory = folder_of(&[("main", main), ("sub", RETURNS)]);
    let alone = check_paths(&["dsm/sub.dsm".into()], &memory, &testing::registry());
    assert!(codes(&alone).is_empty());
}

#[test]
fn what_several_diagrams_tell_can_be_allowed_in_one() {
    let main = "initial state A;\ntransition t A - key -> A;\n";
    let comment = "-- muleteer: allow(return-without-call)\ntransition";
    let allowed = RETURNS.replace("transition", comment);
    assert!(found(&[("main", main), ("sub", &allowed)]).is_empty());
    let calls = "initial state A;\ntransition t A - key / callFSM(sub) -> A;\n";
    assert_eq!(
        found(&[("main", calls), ("sub", &allowed)]),
        ["sub:2 unused-allow"]
    );
}

#[test]
fn diagrams_that_enter_each_other_for_ever_are_found() {
    let to = |name: &str| format!("initial state A enter {{ log(2, x); jumpFSM({name}); }};\n");
    let (a, b) = (to("b"), to("a"));
    assert_eq!(
        found(&[("a", &a), ("b", &b)]),
        ["a:1 endless-jump", "b:1 endless-jump"]
    );
    let may = "initial state A enter { if test($x == 1) { jumpFSM(a); } };\n";
    assert!(found(&[("a", &a), ("b", may)]).is_empty());
}

#[test]
fn timers_are_followed_into_called_diagrams_and_back() {
    let main = "initial state A;\n\
        transition t A - key / { setTimer(1, 5); callFSM(sub); } -> A;\n\
        transition u A - timer(#id == 2) -> A;\n";
    let sub = "initial state Q enter { setTimer(2, 5); setTimer(3, 5); };\n\
        transition t Q - timer(#id == 1) / returnFSM() -> Q;\n\
        transition u Q - timer(#id == 4) -> Q;\n";
    assert_eq!(
        found(&[("main", main), ("sub", sub)]),
        ["sub:1 timer-unhandled", "sub:3 timer-never-set"]
    );
}

#[test]
fn what_callers_and_called_diagrams_set_counts_as_set() {
    let main = "initial state A;\n\
        transition t A - key / { set($question=\"q.wav\"); callFSM(ask); playFile($answer); } -> A;\n\
        transition u A - timer / set($answer=x) -> A;\n";
    let ask = "initial state Q enter { playFile($question); };\n\
        transition t Q - key / { set($answer=#key); returnFSM(); } -> Q;\n\
        transition u Q - event / set($question=other) -> Q;\n";
    assert!(found(&[("ask", ask), ("main", main)]).is_empty());
    let slip = ask.replace("($question)", "($quesiton)");
    assert_eq!(
        found(&[("ask", &slip), ("main", main)]),
        ["ask:1 unset-variable"]
    );
}

/// A server that can play `hello`.
pub struct OnlyHello;

impl Resources for OnlyHello {
    fn has_audio_file(&self, name: &str) -> Option<bool> {
        Some(name == "hello.wav")
    }

    fn has_prompt(&self, name: &str) -> Option<bool> {
        (name != "perhaps").then_some(name == "hello")
    }
}

#[test]
fn files_and_prompts_that_are_not_there_are_found_if_that_is_known() {
    let text = "initial state A enter {\n\
        playFile(hello.wav);\nplayFileFront(hallo.wav, true);\nplayFile($file);\n\
        playPrompt(hello);\nplayPromptLooped(hallo);\nplayPrompt(perhaps);\n\
        recordFile(new.wav);\nplayFile(new.wav);\nsetPrompts(english);\n};\n";
    let check = |resources: &dyn Resources| {
        let memory = folder_of(&[("main", text)]);
        let paths = ["dsm".to_owned()];
        codes(&check_paths_with(
            &paths,
            &memory,
            &testing::registry(),
            resources,
        ))
    };
    assert_eq!(
        check(&OnlyHello),
        ["main:3 file-missing", "main:6 prompt-missing"]
    );
    assert!(check(&NothingKnown).is_empty());
}
