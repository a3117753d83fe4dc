//! `muleteer check`: what it finds and how it ends.

use serde_json::Value;

use crate::support::process::{Ended, Folder, Process, Stream, muleteer};
use crate::support::server::project_root;

const GOOD: &str = "initial state START;\n";
const BAD: &str =
    "initial state START;\ntransition \"x\" START - sessionStart / playFiel(a); -> START;\n";

fn check(arguments: &[&std::ffi::OsStr]) -> Ended {
    Process::start(muleteer().arg("check").args(arguments)).ended()
}

#[test]
fn shipped_diagrams_have_no_findings() {
    let ended = check(&[project_root().join("dsm").as_os_str()]);
    ended.expect_code(0).expect("0 errors, 0 warnings");
}

#[test]
fn an_error_is_shown_with_its_place_and_ends_with_1() {
    let folder = Folder::new(&[("good.dsm", GOOD), ("bad.dsm", BAD)]);
    let ended = check(&[folder.path().as_os_str()]);
    ended
        .expect_code(1)
        .expect("bad.dsm:2:39: error")
        .expect("playFile")
        .expect("1 error, 1 warning, 0 notes in 2 files");
}

#[test]
fn a_path_that_cannot_be_read_ends_with_2() {
    let folder = Folder::new(&[("good.dsm", GOOD)]);
    let ended = check(&[folder.path().as_os_str(), "/nowhere/at.dsm".as_ref()]);
    ended.expect_code(2).expect("/nowhere/at.dsm");
}

#[test]
fn findings_as_json_are_one_array() {
    let folder = Folder::new(&[("good.dsm", GOOD), ("bad.dsm", BAD)]);
    let ended = check(&[
        folder.path().as_os_str(),
        "--format".as_ref(),
        "json".as_ref(),
    ]);
    let ended = ended.expect_code(1);
    let text: String = ended.lines(Stream::Out).collect();
    let findings: Value = serde_json::from_str(&text).expect("JSON");
    let error = |finding: &&Value| finding["severity"] == "error";
    let errors: Vec<_> = findings
        .as_array()
        .expect("an array")
        .iter()
        .filter(error)
        .collect();
    let [error] = errors[..] else {
        panic!("{findings:#}")
    };
    assert_eq!(error["line"], 2);
    assert!(
        error["file"]
            .as_str()
            .is_some_and(|file| file.ends_with("bad.dsm"))
    );
}

#[test]
fn findings_as_sarif_name_rules_and_places_relative_to_the_folder() {
    let folder = Folder::new(&[("good.dsm", GOOD), ("a b.dsm", BAD)]);
    let mut command = muleteer();
    command
        .args(["check", ".", "--format", "sarif"])
        .current_dir(folder.path());
    let ended = Process::start(&mut command).ended().expect_code(1);
    let text: String = ended.lines(Stream::Out).collect();
    let log: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let results = run["results"].as_array().expect("results");
    let error = results
        .iter()
        .find(|result| result["level"] == "error")
        .expect("an error");
    let place = &error["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b.dsm");
    let region =
        serde_json::json!({"startLine": 2, "startColumn": 39, "endLine": 2, "endColumn": 47});
    assert_eq!(place["region"], region);
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        let rule = &run["tool"]["driver"]["rules"][index];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(
            rule["help"]["text"]
                .as_str()
                .is_some_and(|text| text.starts_with("# "))
        );
    }
}

#[test]
fn warnings_may_be_denied() {
    let folder = Folder::new(&[("good.dsm", GOOD)]);
    let with = |deny: &str| check(&[folder.path().as_os_str(), "--deny".as_ref(), deny.as_ref()]);
    check(&[folder.path().as_os_str()])
        .expect_code(0)
        .expect("warning[hangup-unhandled]");
    with("warnings")
        .expect_code(1)
        .expect("error[hangup-unhandled]");
    with("undeclared-state,hangup-unhandled").expect_code(1);
    with("undeclared-state").expect_code(0);
    with("hangup-unhandeld")
        .expect_code(2)
        .expect("did you mean 'hangup-unhandled'?");
}

#[test]
fn a_code_is_explained() {
    check(&["--explain".as_ref(), "unknown-action".as_ref()])
        .expect_code(0)
        .expect("# unknown-action")
        .expect("## What to do");
    check(&["--explain".as_ref(), "unknown-acton".as_ref()])
        .expect_code(2)
        .expect("did you mean 'unknown-action'?");
}

#[test]
fn a_file_that_cannot_be_read_says_why_and_the_others_are_checked() {
    let folder = Folder::new(&[("bad.dsm", BAD)]);
    // Opens, but reading fails, for root too.
    let unreadable = "/proc/self/mem".as_ref();
    check(&[unreadable, "/dev/null".as_ref(), folder.path().as_os_str()])
        .expect_code(2)
        .expect("/proc/self/mem: ")
        .expect("os error 5")
        .expect("/dev/null: this is neither a file nor a folder")
        .expect("error[unknown-action]");
}

#[test]
fn text_is_coloured_only_on_a_terminal() {
    let folder = Folder::new(&[("bad.dsm", BAD)]);
    let ended = check(&[folder.path().as_os_str()]).expect_code(1);
    let text: String = ended.lines(Stream::Out).collect();
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn audio_files_are_looked_for_where_the_arguments_say() {
    const PLAYS: &str = "initial state A enter { playFile(hello.wav); playFile(helo.wav); };\n";
    let folder = Folder::new(&[
        ("plays.dsm", PLAYS),
        ("hello.wav", ""),
        ("muleteer.toml", "[audio]\npath = [\".\"]\n"),
    ]);
    let diagram = folder.path().join("plays.dsm");
    let (diagram, here) = (diagram.as_os_str(), folder.path().as_os_str());
    let config = folder.path().join("muleteer.toml");
    let with = |option: &[&std::ffi::OsStr]| check(&[&[diagram], option].concat());
    for option in [
        ["--audio".as_ref(), here],
        ["--config".as_ref(), config.as_os_str()],
    ] {
        let ended = with(&option).expect_code(0);
        let ended = ended
            .expect("plays.dsm:1:46: warning[file-missing]: there is no audio file 'helo.wav'");
        let missing = ended
            .lines(Stream::Out)
            .filter(|line| line.contains("file-missing"));
        assert_eq!(missing.count(), 1);
    }
    let silent = with(&[]).expect_code(0);
    assert!(
        !silent
            .lines(Stream::Out)
            .any(|line| line.contains("missing"))
    );
    with(&["--audio".as_ref(), "/nowhere".as_ref()])
        .expect_code(2)
        .expect("/nowhere");
    with(&["--config".as_ref(), "/nowhere.toml".as_ref()])
        .expect_code(2)
        .expect("/nowhere.toml");
}

#[test]
fn prompts_are_looked_for_in_the_lists_of_the_configuration() {
    const PLAYS: &str = "initial state A enter { playPrompt(hello); playPrompt(helo); };\n\
        transition bye A - hangup / stop(false) -> A;\n";
    let folder = Folder::new(&[
        ("dsm/plays.dsm", PLAYS),
        ("prompts.conf", "welcome=welcome.wav\n"),
        ("german.conf", "hello=hello.wav\n"),
        (
            "muleteer.toml",
            "[dsm]\nprompts = [\"prompts.conf\"]\nprompt_sets_path = \".\"\nprompt_sets = [\"german\"]\n",
        ),
    ]);
    let hello = project_root().join("audio/welcome.wav");
    std::fs::copy(hello, folder.path().join("hello.wav")).expect("a sound");
    let mut command = muleteer();
    command.current_dir(folder.path());
    command.args(["check", "dsm", "--config", "muleteer.toml"]);
    Process::start(&mut command)
        .ended()
        .expect_code(0)
        .expect("prompts.conf:1: the prompt \"welcome\" is left out")
        .expect("plays.dsm:1:44: warning[prompt-missing]: there is no prompt 'helo'")
        .expect("0 errors, 1 warning, 0 notes");
}
