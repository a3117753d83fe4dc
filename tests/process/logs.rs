//! What a running server says about its calls.

use std::time::Duration;

use muleteer::sip::message::StatusCode;
use serde_json::Value;

use crate::support::audio::{sine, wav_file};
use crate::support::caller::Caller;
use crate::support::process::{Folder, Process, ServerProcess, Stream, muleteer};

/// A diagram that plays a file that is not there and does not mind.
const FORGETFUL: &str = r#"
initial state START;
state TALK enter { playFile("greetings/hello.wav"); };
state END;
transition "answered" START - sessionStart -> TALK;
transition "they left" (START, TALK) - hangup / stop(false); -> END;
"#;

#[tokio::test]
async fn a_missing_prompt_is_named_with_the_folders_looked_in() {
    let folder = Folder::new(&[("forgetful.dsm", FORGETFUL)]);
    let (here, there) = (folder.file("here"), folder.file("there"));
    let audio = format!(
        "audio.path=[{:?}, {:?}]",
        here.display().to_string(),
        there.display().to_string()
    );
    let path = folder.as_setting("dsm.path");
    let mut server = ServerProcess::start(&["--set", &path, "--set", &audio]);
    let mut caller = Caller::new(server.address, "forgetful").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);

    let line = server.process.line("greetings/hello.wav");
    for folder in [here, there] {
        assert!(line.contains(folder.to_str().expect("text")), "{line}");
    }
    assert!(line.contains(&caller.call_id), "{line}");
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    server.stop();
}

#[test]
fn a_call_leaves_one_line_on_its_audio() {
    let mut server = ServerProcess::start(&[]);
    let prompt = Folder::new(&[]);
    let wav = prompt.file("tone.wav");
    std::fs::write(&wav, wav_file(&sine(440.0, 1_000))).expect("a file");
    let wav = wav.to_str().expect("text");
    let call = [
        "call",
        &server.uri("echo"),
        "--play",
        wav,
        "--duration",
        "2",
    ];
    let ended = Process::start(muleteer().args(call)).ended_within(Duration::from_secs(60));
    ended.expect_code(0);
    let line = server.process.line("audio of the call");
    for figure in ["packets_sent=", "packets_lost=0", "jitter_ms=", "mos=4."] {
        assert!(line.contains(figure), "{figure} in {line}");
    }
    server.stop();
}

#[tokio::test]
async fn json_lines_are_objects_that_name_the_call() {
    let server = ServerProcess::start(&["--log-format", "json", "--log-level", "debug"]);
    let mut caller = Caller::new(server.address, "demo").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    assert_eq!(caller.bye().await.status, StatusCode::OK);
    let mut stranger = Caller::new(server.address, "nobody").await;
    assert_eq!(stranger.call(40_000).await.status, StatusCode::NOT_FOUND);

    let ended = server.stop();
    let objects: Vec<Value> = ended
        .lines(Stream::Err)
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    assert!(objects.iter().all(Value::is_object));
    let accepted = |line: &Value| {
        line["span"]["call_id"] == caller.call_id.as_str() && line["application"] == "demo"
    };
    assert!(objects.iter().any(accepted), "{objects:#?}");
    let refused = |line: &Value| {
        let message = line["message"].as_str().unwrap_or_default();
        line["call_id"] == stranger.call_id.as_str() && message.contains("404")
    };
    assert!(objects.iter().any(refused), "{objects:#?}");
}
