//! `recordFile` and its relatives, with callers who really speak.

use super::{Scene, diagram};
use crate::support::audio::{ms_of, silent_ms, sine};

/// Records into `a.wav` when the session starts, and shows numbers as separators, errors as files:
/// 1 tells length and size, 2 stops and plays it back, 3 records it anew, 4 gives the input away,
/// 5 records out of reach, 6 stops.
const DIAGRAM: &str = r##"
function tell() {
  getRecordLength();
  getRecordDataSize("size");
  sets($error="error $(errno)");
  addSeparator($record_length);
  addSeparator($size);
  playFile($error);
};
initial state START;
state TALK;
state END;
transition "go" START - sessionStart / recordFile("a.wav"); -> TALK;
transition "1" TALK - key(#key == 1) / tell(); -> TALK;
transition "2" TALK - key(#key == 2) / {
  stopRecord();
  throwOnError();
  playFile("a.wav");
} -> TALK;
transition "3" TALK - key(#key == 3) / recordFile("a.wav"); -> TALK;
transition "4" TALK - key(#key == 4) / setInOutPlaylist(); -> TALK;
transition "5" TALK - key(#key == 5) / recordFile("../b.wav"); -> TALK;
transition "6" TALK - key(#key == 6) / stopRecord(); -> TALK;
transition "failed" (START, TALK) - exception / {
  sets($error="#(type) #(path)");
  playFile($error);
} -> TALK;
transition "bye" (START, TALK, END) - hangup / stop(false); -> END;
"##;

fn scene() -> Scene {
    let mut scene = Scene::new("voicebox", diagram("voicebox", DIAGRAM));
    scene.open_studio();
    scene.agent().add_prompts(&[
        "error ",
        "error script",
        "file ../b.wav",
        "file a.wav",
        "script ",
    ]);
    scene
}

fn in_call() -> Scene {
    let mut scene = scene();
    scene.call();
    scene.media();
    scene
}

/// What is recorded in `a.wav`.
fn recorded(scene: &mut Scene) -> Vec<i16> {
    scene
        .agent()
        .recordings
        .remove("a.wav")
        .expect("a recording")
}

#[test]
fn what_the_caller_says_and_how_long_it_pauses_is_recorded() {
    let mut scene = in_call();
    scene.says(&sine(440.0, 500));
    scene.run(1_000);
    scene.says(&sine(600.0, 500));
    scene.run(200);
    scene.keys("6");
    let pcm = recorded(&mut scene);
    // The end of what is said fades out.
    assert!((500..=540).contains(&ms_of(&pcm, 440.0)));
    assert!((500..=540).contains(&ms_of(&pcm, 600.0)));
    let first = pcm.chunks(80).position(|ms| ms_of(ms, 440.0) > 0);
    let second = pcm.chunks(80).position(|ms| ms_of(ms, 600.0) > 0);
    let apart = (second.unwrap() - first.unwrap()) * 10;
    assert!((1_480..=1_520).contains(&apart), "{apart}");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_recording_can_be_played_back_right_after_its_end() {
    let mut scene = in_call();
    scene.says(&sine(440.0, 1_000));
    scene.keys("2");
    assert_eq!(scene.media(), ["stop recording", "append a.wav"]);
    scene.heard();
    scene.run(3_000);
    let heard = scene.heard().0;
    assert!(ms_of(&heard, 440.0) >= 900, "{}", ms_of(&heard, 440.0));
}

#[test]
fn length_and_size_are_told_while_recording_and_are_0_otherwise() {
    let mut scene = in_call();
    scene.says(&sine(440.0, 1_000));
    scene.run(1_000);
    scene.media();
    scene.keys("1");
    let media = scene.media();
    let number = |words: &String| -> u64 {
        let digits = words
            .trim_start_matches("append separator(")
            .trim_end_matches(')');
        digits.parse().expect("a number")
    };
    let (ms, bytes) = (number(&media[0]), number(&media[1]));
    assert!((2_000..=2_200).contains(&ms), "{ms}");
    assert_eq!(bytes, ms * 16);
    assert_eq!(media[2], "append error ");
    scene.keys("6");
    scene.media();
    scene.keys("1");
    assert_eq!(
        scene.media(),
        [
            "append separator(0)",
            "append separator(0)",
            "append error script"
        ]
    );
}

#[test]
fn stopping_nothing_is_a_script_error() {
    let mut scene = in_call();
    scene.keys("6");
    scene.media();
    scene.keys("2");
    assert_eq!(scene.media(), ["append script "]);
}

#[test]
fn a_second_recording_replaces_the_first() {
    let mut scene = in_call();
    scene.says(&sine(440.0, 1_000));
    scene.keys("3");
    assert_eq!(scene.media(), ["stop recording", "start recording"]);
    assert!(ms_of(&recorded(&mut scene), 440.0) >= 900);
    scene.says(&sine(600.0, 500));
    scene.keys("6");
    let pcm = recorded(&mut scene);
    assert!(ms_of(&pcm, 440.0) <= 60 && ms_of(&pcm, 600.0) >= 400);
    assert!(pcm.len() < 700 * 8);
}

#[test]
fn a_playlist_as_input_takes_the_voice_from_the_recording() {
    let mut scene = in_call();
    scene.says(&sine(440.0, 500));
    scene.keys("4");
    scene.says(&sine(600.0, 500));
    scene.media();
    scene.keys("1");
    let media = scene.media();
    assert_eq!(media[2], "append error ");
    scene.keys("6");
    let pcm = recorded(&mut scene);
    assert_eq!(ms_of(&pcm, 600.0), 0);
    assert_eq!(media[1], format!("append separator({})", pcm.len() * 2));
    scene.keys("6");
    scene.keys("1");
    assert!(scene.media().contains(&"append error script".to_owned()));
}

#[test]
fn a_name_that_leaves_the_folder_is_an_exception_and_the_call_goes_on() {
    let mut scene = in_call();
    scene.keys("6");
    scene.media();
    scene.keys("5");
    assert_eq!(scene.media(), ["append file ../b.wav"]);
    scene.keys("3");
    assert_eq!(scene.media(), ["start recording"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_file_that_cannot_be_written_is_an_exception_and_the_call_goes_on() {
    let mut scene = scene();
    scene.agent().unwritable.insert("a.wav".to_owned());
    scene.call();
    assert!(scene.media().contains(&"append file a.wav".to_owned()));
    scene.agent().unwritable.clear();
    scene.keys("3");
    assert_eq!(scene.media(), ["start recording"]);
}

#[test]
fn hanging_up_completes_the_recording() {
    let mut scene = in_call();
    scene.says(&sine(440.0, 1_000));
    scene.bye();
    scene.ends_clean();
    assert!(ms_of(&recorded(&mut scene), 440.0) >= 940);
}

/// The caller puts us on hold, or takes us back.
fn offer(scene: &mut Scene, direction: &str) {
    let offer = scene.peer().offer(direction);
    scene.peer().request("INVITE", &offer);
    scene.run(50);
    scene.peer().ack("");
    scene.run(50);
}

#[test]
fn a_held_call_is_recorded_as_silence_of_the_same_length() {
    let mut scene = in_call();
    scene.says(&sine(440.0, 500));
    offer(&mut scene, "inactive");
    scene.run(2_000);
    offer(&mut scene, "sendrecv");
    scene.says(&sine(600.0, 500));
    scene.keys("6");
    let pcm = recorded(&mut scene);
    assert!(silent_ms(&pcm) >= 1_950, "{}", silent_ms(&pcm));
    assert!(
        (3_350..=3_450).contains(&(pcm.len() / 8)),
        "{}",
        pcm.len() / 8
    );
}

/// Records with the options that the caller's key asks for: 1 a second at most, 2 until silence, 3 with a
/// mistake, 4 pauses, 5 goes on. What is raised is shown as files.
const OPTIONS: &str = r##"
initial state TALK;
state END;
transition "1" TALK - key(#key == 1) / recordFile("a.wav", "max=1"); -> TALK;
transition "2" TALK - key(#key == 2) / recordFile("a.wav", "silence=0.5; trim=yes"); -> TALK;
transition "3" TALK - key(#key == 3) / {
  sets($options="max=1; lenght=2");
  recordFile("a.wav", $options);
} -> TALK;
transition "4" TALK - key(#key == 4) / pauseRecord(); throwOnError(); -> TALK;
transition "5" TALK - key(#key == 5) / resumeRecord(); -> TALK;
transition "6" TALK - key(#key == 6) / {
  getRecordLength($length);
  stopRecord();
  throwOnError();
  playFile("stopped");
} -> TALK;
transition "end" TALK - recordEnd / {
  getRecordLength();
  addSeparator($record_length);
  sets($what="#(cause) #(lost)");
  addSeparator(#length);
  playFile($what);
} -> TALK;
transition "failed" TALK - exception / {
  sets($what="#(type) #(cause)");
  playFile($what);
} -> TALK;
transition "bye" (TALK, END) - hangup / stop(false); -> END;
"##;

fn with_options() -> Scene {
    let mut scene = Scene::new("options", diagram("options", OPTIONS));
    scene.open_studio();
    scene.agent().add_prompts(&[
        "length 0",
        "silence 0",
        "stopped",
        "script ",
        "core there is no option 'lenght' of a recording: write both, max, silence or trim",
    ]);
    scene.call();
    scene.media();
    scene
}

#[test]
fn a_recording_that_reaches_its_length_is_an_event_and_can_still_be_stopped() {
    let mut scene = with_options();
    scene.keys("1");
    assert_eq!(scene.media(), ["start recording"]);
    scene.says(&sine(440.0, 1_500));
    assert_eq!(
        scene.media(),
        [
            "append separator(1000)",
            "append separator(1000)",
            "append length 0"
        ]
    );
    assert_eq!(recorded(&mut scene).len(), 8_000);
    scene.keys("6");
    assert_eq!(scene.media(), ["append stopped"]);
    scene.keys("6");
    assert_eq!(scene.media(), ["append script "]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_caller_who_falls_silent_ends_the_recording() {
    let mut scene = with_options();
    scene.keys("2");
    scene.says(&sine(440.0, 1_000));
    scene.media();
    scene.run(1_000);
    let ms = recorded(&mut scene).len() / 8;
    // The last sound fades out for 60 ms.
    assert!((1_450..=1_710).contains(&ms), "{ms}");
    scene.keys("6");
    assert!(scene.media().contains(&"append stopped".to_owned()));
}

#[test]
fn a_recording_that_the_script_ends_is_no_event() {
    let mut scene = with_options();
    scene.keys("1");
    scene.media();
    scene.keys("6");
    scene.run(2_000);
    assert_eq!(scene.media(), ["stop recording", "append stopped"]);
}

#[test]
fn an_option_that_is_none_is_an_exception_and_nothing_is_recorded() {
    let mut scene = with_options();
    scene.keys("3");
    let media = scene.media();
    assert_eq!(media.len(), 1, "{media:?}");
    assert!(media[0].starts_with("append core there is no option"));
}

#[test]
fn a_pause_is_left_out_and_needs_a_recording() {
    let mut scene = with_options();
    scene.keys("4");
    assert_eq!(scene.media(), ["append script "]);
    scene.keys("1");
    scene.media();
    scene.says(&sine(440.0, 300));
    scene.keys("4");
    scene.says(&sine(800.0, 2_000));
    assert_eq!(scene.media(), ["pause recording"]);
    scene.keys("5");
    scene.says(&sine(440.0, 1_000));
    let media = scene.media();
    assert_eq!(media[0], "resume recording");
    assert!(media.contains(&"append length 0".to_owned()));
    let pcm = recorded(&mut scene);
    assert_eq!((pcm.len(), ms_of(&pcm, 800.0)), (8_000, 0));
}
