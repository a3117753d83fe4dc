//! Prompts and recordings of a running server, with real phones and files.

mod crash;
mod formats;

use std::path::Path;

use muleteer::sip::message::StatusCode;
use rustix::process::Signal;

use crate::support::audio;
use crate::support::caller::Caller;
use crate::support::process::{Folder, Process, ServerProcess, muleteer};
use crate::support::server::project_root;

/// Greets, records until the pound key, plays the message back and hangs up.
const VOICEBOX: &str = r#"
initial state GREET enter { setPrompts(english); };
state RECORD;
state LISTEN;
state END;
transition "answered" GREET - sessionStart / {
  playSilence(1500);
  playPrompt(greeting);
} -> GREET;
transition "greeted" GREET - noAudio / {
  sets($message="box/@(local_tag).wav");
  recordFile($message);
} -> RECORD;
transition "done" RECORD - key(#key == 11) / {
  getRecordLength($length);
  stopRecord();
  playFile($message);
} -> LISTEN;
transition "heard" LISTEN - noAudio / stop(true) -> END;
transition "trouble" (GREET, RECORD, LISTEN) - exception / {
  error("trouble: #(type) #(name) #(path)");
  stop(true);
} -> END;
transition "gone" (GREET, RECORD, LISTEN, END) - hangup / stop(false) -> END;
"#;

/// What callers hear first, behind a pause in which they begin to listen.
const GREETING: &str = "audio/demo/nothing_heard.wav";

/// Records into a file called like the user it was called as, says so, and hangs up.
const SCRIBE: &str = r#"
initial state START;
state END;
transition "go" START - sessionStart / {
  sets($file="@(user).wav");
  recordFile($file);
  warn("recording $(file)");
  stop(true);
} -> END;
transition "trouble" START - exception / { warn("refused #(type) #(path)"); stop(true); } -> END;
transition "gone" (START, END) - hangup / stop(false) -> END;
"#;

/// A server with the diagrams of `folder`, which records into its subfolder `recordings`.
fn server(folder: &Folder, more: &[&str]) -> ServerProcess {
    let diagrams = folder.as_setting("dsm.path");
    let record = format!("audio.record_path={:?}", folder.file("recordings"));
    let mut arguments = vec!["--set", &diagrams, "--set", &record];
    arguments.extend(more);
    ServerProcess::start(&arguments)
}

fn voicebox() -> (Folder, String) {
    let greeting = project_root().join(GREETING);
    let folder = Folder::new(&[
        ("voicebox.dsm", VOICEBOX),
        (
            "english.conf",
            &format!("greeting = {}\n", greeting.display()),
        ),
    ]);
    let path = format!("dsm.prompt_sets_path={:?}", folder.path());
    (folder, path)
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let below = paths.map(|path| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    });
    below.flatten().collect()
}

#[test]
fn a_message_is_greeted_recorded_and_played_back() {
    let (folder, path) = voicebox();
    let sets = ["--set", &path, "--set", "dsm.prompt_sets=[\"english\"]"];
    let server = server(&folder, &sets);
    // Both processes run by the clock, so whatever has to come first has a second and a half to do so on a busy
    // machine: the phone listens before it is greeted, speaks when the server records, and has spoken when it
    // presses the key.
    let words = audio::wav(&project_root().join("audio/demo/goodbye.wav"));
    let mut speech = vec![0; 36_000];
    speech.extend(&words);
    folder.write("speech.wav", audio::wav_file(&speech));
    let heard = folder.file("heard.wav");
    let mut call = muleteer();
    call.arg("call").arg(server.uri("voicebox"));
    call.arg("--play").arg(folder.file("speech.wav"));
    call.arg("--record").arg(&heard);
    call.args(["--dtmf", ",,,,,#", "--duration", "60", "--codec", "PCMU"]);
    Process::start(&mut call)
        .ended()
        .expect_code(0)
        .expect("pressed #")
        .expect("the other side hung up");

    // A machine without time drops pieces, so it is enough to know again what is there.
    let heard = audio::wav(&heard);
    let greeting = audio::wav(&project_root().join(GREETING));
    let (before, after) = heard.split_at(40_000);
    assert!(audio::share_of(&greeting, before) >= 0.5);
    // What was said comes back after it was said.
    assert!(audio::share_of(&words, after) > 0.5);
    let recorded = files(&folder.file("recordings/box"));
    assert_eq!(recorded.len(), 1, "{recorded:?}");
    assert!(audio::share_of(&words, &audio::wav(&recorded[0])) > 0.5);
    server.stop();
}

#[tokio::test]
async fn hanging_up_completes_the_file() {
    let folder = Folder::new(&[("scribe.dsm", SCRIBE)]);
    let mut server = server(&folder, &["--set", "app.application=scribe"]);
    let mut caller = Caller::new(server.address, "a%2fb").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("recording a/b.wav");
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.stop();
    let path = folder.file("recordings/a/b.wav");
    let reader = hound::WavReader::open(&path).expect("a WAV file");
    let length = std::fs::metadata(&path).expect("a file").len();
    assert_eq!(length, 44 + 2 * u64::from(reader.duration()));
}

#[tokio::test]
async fn names_from_the_network_stay_in_the_folder_and_the_call_goes_on() {
    let folder = Folder::new(&[("scribe.dsm", SCRIBE)]);
    let mut server = server(&folder, &["--set", "app.application=scribe"]);
    let long = "x".repeat(300);
    for user in [
        "%2e%2e%2fescaped",
        "%2ftmp%2fescaped",
        "a%00b",
        ".hidden",
        &long,
    ] {
        let mut caller = Caller::new(server.address, user).await;
        assert_eq!(caller.call(40_000).await.status, StatusCode::OK, "{user}");
        server.process.line("refused file");
        let bye = caller.server_request().await;
        caller.confirm(&bye).await;
    }
    server.stop();
    assert_eq!(
        files(&folder.file("recordings")),
        Vec::<std::path::PathBuf>::new()
    );
    assert!(!folder.file("escaped.wav").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_exception_and_the_call_goes_on() {
    let folder = Folder::new(&[("scribe.dsm", SCRIBE), ("recordings", "this is a file")]);
    let mut server = server(&folder, &["--set", "app.application=scribe"]);
    let mut caller = Caller::new(server.address, "a").await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line("refused file a.wav");
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
    server.stop();
}

/// Plays the prompt `hello` from the default set, and says whether that worked.
const GREETER: &str = r#"
initial state START;
state END;
transition "go" START - sessionStart / { playPrompt(hello); warn("played"); stop(true); } -> END;
transition "trouble" START - exception / { warn("no #(type) #(name)"); stop(true); } -> END;
transition "gone" (START, END) - hangup / stop(false) -> END;
"#;

async fn greets(server: &mut ServerProcess, user: &str, says: &str) {
    let mut caller = Caller::new(server.address, user).await;
    assert_eq!(caller.call(40_000).await.status, StatusCode::OK);
    server.process.line(says);
    let bye = caller.server_request().await;
    caller.confirm(&bye).await;
}

#[tokio::test]
async fn missing_prompts_are_told_with_their_line_and_lists_are_read_again() {
    let folder = Folder::new(&[
        ("greeter.dsm", GREETER),
        ("my.conf", "# mine\nhello = gone.wav\n"),
    ]);
    let list = format!("dsm.prompts=[{:?}]", folder.file("my.conf"));
    let settings = folder.as_setting("dsm.path");
    let mut command = crate::support::process::serve(&format!(
        "127.0.0.1:{}",
        crate::support::process::free_port()
    ));
    let required = ["--set", &list, "--set", "dsm.required_prompts=[\"hello\"]"];
    Process::start(command.args(["--set", &settings]).args(required))
        .ended()
        .expect_code(1)
        .expect("my.conf:2: the prompt \"hello\" is left out: there is no file")
        .expect("[dsm] required_prompts names \"hello\"")
        .expect("add `hello=FILE` to");

    let mut server = server(&folder, &["--set", &list]);
    greets(&mut server, "greeter", "no prompt hello").await;
    folder.write("hello.wav", audio::wav_file(&audio::sine(440.0, 500)));
    folder.write("my.conf", "hello = hello.wav\n");
    server.process.signal(Signal::HUP);
    server.process.line("loaded anew");
    greets(&mut server, "greeter", "played").await;
    server.stop();
}

#[tokio::test]
async fn a_bundle_has_prompts_of_its_own_and_shares_those_of_others() {
    let folder = Folder::new(&[("greeter.dsm", GREETER)]);
    let bundle = folder.file("hotel");
    std::fs::create_dir(&bundle).expect("a folder");
    folder.write("hotel/guest.dsm", GREETER);
    folder.write("hotel/hello.wav", audio::wav_file(&audio::sine(440.0, 500)));
    folder.write("hotel/list", "hello=hello.wav\n");
    let settings =
        "load_diags=guest\nregister_apps=guest\nload_prompts=list\nrequired_prompts=hello\n";
    folder.write("hotel/hotel.conf", settings);
    let mut server = server(&folder, &[]);
    greets(&mut server, "guest", "played").await;
    greets(&mut server, "greeter", "played").await;
    folder.write("hotel/hotel.conf", settings.replace("=hello", "=nothing"));
    server.process.signal(Signal::HUP);
    server.process.line("nothing was reloaded");
    server
        .process
        .line("hotel.conf: required_prompts names \"nothing\"");
    greets(&mut server, "guest", "played").await;
    server.stop();
}
