//! What scripts do by `mod_conference` and learn of it, in virtual time: seats, sizes, events, tees, and sounds
//! mixed into what is heard.

use std::sync::Arc;

use muleteer::audio::Prompt;
use muleteer::session::event::{Params, SessionId};
use muleteer::session::monitoring::{Question, Reply, Search};

use super::{Scene, diagram, shipped};
use crate::support::audio::{level, ms_of, sine};

/// Tells what happened: events of rooms, exceptions, and the end of the actions of a key.
const REST: &str = r##"
transition "room" T - event(#type == conference_event) / {
  sets($event="#(room) #(id) #(participants)");
  postEvent(witness, event);
} -> T;
transition "speaker" T - event(#type == conference_speaker) / {
  sets($speaker="#(room) #(member)");
  postEvent(witness, speaker);
} -> T;
transition "failed" T - exception / {
  set($thrown=#type); set($cause=#cause); set($path=#path);
  postEvent(witness, "thrown;cause;path");
} -> T;
transition "gone" T - hangup / stop(false) -> T;
"##;

/// A file of one tone.
const TONE: f64 = 400.0;
/// A shorter one.
const BEEP: f64 = 1_000.0;
/// What files are as loud as.
const LOUDNESS: f64 = 10_000.0;

/// Calls with these actions at the keys 0, 1, ..
fn club(actions: &[&str]) -> Scene {
    let key = |(key, actions): (usize, &&str)| {
        format!(
            "transition \"{key}\" T - key(#key == {key}) / {{ set($errno=old); set($strerror=old); {actions} \
             postEvent(witness, \"errno;strerror;n;m\"); }} -> T;\n"
        )
    };
    let keys: String = actions.iter().enumerate().map(key).collect();
    let text = format!(
        "import(mod_conference);\nimport(mod_monitoring);\ninitial state A;\n\
         state T;\ntransition \"up\" A - sessionStart -> T;\n{keys}{REST}"
    );
    let mut scene = Scene::new("club", diagram("club", &text));
    scene.open_studio();
    for (name, hertz, ms) in [("tone.wav", TONE, 2_000), ("beep.wav", BEEP, 400)] {
        let prompt = Prompt::from_pcm(sine(hertz, ms), 8_000);
        let prompts = &mut scene.agent().prompts;
        prompts.insert(name.to_owned(), Arc::new(prompt));
    }
    scene
}

/// One more caller.
fn call(scene: &mut Scene) -> usize {
    scene.peer().new_call("club");
    scene.call();
    scene.agent().calls.len() - 1
}

/// A club with this many callers.
fn with_callers(callers: usize, actions: &[&str]) -> Scene {
    let mut scene = club(actions);
    for _ in 0..callers {
        call(&mut scene);
    }
    scene
}

/// Caller `call` presses a key; what scripts told then.
fn press(scene: &mut Scene, call: usize, key: char) -> Vec<Params> {
    let now = scene.world.now;
    scene.studio().press(now, call, key);
    scene.with_agent(|agent, now| agent.settle(now));
    scene.run(100);
    told(scene)
}

fn told(scene: &mut Scene) -> Vec<Params> {
    std::mem::take(&mut scene.agent().witness)
}

/// The value of a variable after the actions of a key.
fn value(told: &[Params], name: &str) -> String {
    let last = told.iter().rev().find(|told| told.contains_key("errno"));
    last.and_then(|told| told.get(name))
        .cloned()
        .unwrap_or_default()
}

/// `$errno` after the actions of a key.
fn errno(scene: &mut Scene, call: usize, key: char) -> String {
    value(&press(scene, call, key), "errno")
}

/// The events of rooms among what was told: room, number, participants.
fn events(told: &[Params]) -> Vec<&str> {
    let events = told.iter().filter_map(|told| told.get("event"));
    events.map(String::as_str).collect()
}

/// The size of a room, by the key 0.
const SIZES: &str = "conference.size(r, $n); conference.size(b, m);";

fn sizes(scene: &mut Scene, call: usize) -> (String, String) {
    let told = press(scene, call, '0');
    assert_eq!(value(&told, "errno") + &value(&told, "strerror"), "");
    (value(&told, "n"), value(&told, "m"))
}

fn are(n: &str, m: &str) -> (String, String) {
    (n.to_owned(), m.to_owned())
}

/// Callers speak at pitches of their own; who hears whom.
fn hears(scene: &mut Scene, callers: &[usize]) -> Vec<Vec<bool>> {
    let pitch = |call: usize| 400.0 + 300.0 * call as f64;
    let voices: Vec<_> = callers.iter().map(|&call| sine(pitch(call), 600)).collect();
    for &caller in callers {
        scene.studio().heard(caller);
    }
    for at in (0..4_800).step_by(160) {
        let now = scene.world.now;
        for (&call, voice) in callers.iter().zip(&voices) {
            scene.studio().say(now, call, &voice[at..at + 160]);
        }
        scene.run(20);
    }
    scene.run(100);
    let heard = callers.iter().map(|&call| scene.studio().heard(call).0);
    let of_whom = |pcm: Vec<i16>| {
        let of = callers.iter().map(|&whom| ms_of(&pcm, pitch(whom)) > 250);
        of.collect()
    };
    heard.map(of_whom).collect()
}

const BOTH: [[bool; 2]; 2] = [[false, true], [true, false]];
const NONE: [[bool; 2]; 2] = [[false; 2]; 2];

#[test]
fn members_are_counted_and_told_of_each_other() {
    let mut scene = with_callers(2, &[SIZES, "conference.join(r);"]);
    assert_eq!(sizes(&mut scene, 0), are("0", "0"));
    let told = press(&mut scene, 0, '1');
    assert_eq!(events(&told), ["r 1 1"], "the first hears of itself");
    assert_eq!(value(&told, "errno") + &value(&told, "strerror"), "");
    assert_eq!(sizes(&mut scene, 0), are("1", "0"));
    let told = press(&mut scene, 1, '1');
    assert_eq!(events(&told), ["r 1 2"], "and not the newcomer");
    assert_eq!(sizes(&mut scene, 1), are("2", "0"));
    scene.bye();
    assert_eq!(events(&told_now(&mut scene)), ["r 2 1"]);
    assert_eq!(sizes(&mut scene, 0), are("1", "0"));
}

fn told_now(scene: &mut Scene) -> Vec<Params> {
    scene.run(50);
    told(scene)
}

#[test]
fn a_mode_is_half_of_a_talk_or_none_at_all() {
    let mut scene = with_callers(
        2,
        &[
            SIZES,
            "conference.join(r);",
            "conference.join(r, speakonly);",
            "conference.leave();",
            "conference.join(r, listenonly);",
            "conference.join(b, foo);",
        ],
    );
    press(&mut scene, 0, '1');
    press(&mut scene, 1, '2');
    assert_eq!(
        hears(&mut scene, &[0, 1]),
        [[false, true], [false, false]],
        "who only speaks"
    );
    press(&mut scene, 1, '3');
    press(&mut scene, 1, '4');
    assert_eq!(
        hears(&mut scene, &[0, 1]),
        [[false, false], [true, false]],
        "who only listens"
    );
    assert_eq!(errno(&mut scene, 1, '5'), "arg");
    assert_eq!(sizes(&mut scene, 1), are("2", "0"));
}

#[test]
fn a_file_before_the_room_is_heard_first_by_a_member() {
    let mut scene = with_callers(
        2,
        &[
            SIZES,
            "playFile(tone.wav); conference.join(r);",
            "conference.join(r);",
        ],
    );
    press(&mut scene, 1, '2');
    scene.studio().heard(0);
    press(&mut scene, 0, '1');
    assert_eq!(sizes(&mut scene, 0), are("2", "0"));
    assert_eq!(hears(&mut scene, &[0, 1])[1], [false; 2], "not yet");
    scene.run(2_000);
    assert_eq!(hears(&mut scene, &[0, 1]), BOTH);
}

#[test]
fn who_leaves_is_out_whatever_is_left_of_the_playlist() {
    for leave in [
        "flushPlaylist(); conference.leave();",
        "conference.leave();",
        "conference.leave(); conference.leave();",
        "conference.join(r); conference.leave();",
    ] {
        let mut scene = with_callers(2, &[SIZES, "conference.join(r);", leave]);
        assert_eq!(errno(&mut scene, 0, '1') + &errno(&mut scene, 1, '1'), "");
        assert_eq!(hears(&mut scene, &[0, 1]), BOTH);
        let told = press(&mut scene, 1, '2');
        assert_eq!(events(&told), ["r 2 1"], "{leave}");
        assert_eq!(value(&told, "errno") + &value(&told, "strerror"), "");
        assert_eq!(sizes(&mut scene, 1), are("1", "0"), "{leave}");
        assert_eq!(hears(&mut scene, &[0, 1]), NONE, "{leave}");
    }
}

#[test]
fn what_makes_no_sense_is_an_error_and_changes_nothing() {
    let mut scene = with_callers(
        1,
        &[
            SIZES,
            "conference.leave();",
            "conference.teeleave();",
            "conference.postEvent(r, x);",
            "conference.postEvent(r, \"\");",
            "conference.postEvent(r, -1);",
            "conference.postEvent(r, 1);",
            "conference.flushMixInList();",
        ],
    );
    let errnos: Vec<_> = "1234567"
        .chars()
        .map(|key| errno(&mut scene, 0, key))
        .collect();
    assert_eq!(errnos, ["script", "script", "arg", "arg", "arg", "", "old"]);
    assert_eq!(sizes(&mut scene, 0), are("0", "0"));
}

#[test]
fn another_room_is_joined_by_leaving_the_one_before() {
    let mut scene = with_callers(
        2,
        &[
            SIZES,
            "conference.join(r);",
            "flushPlaylist(); conference.join(b);",
        ],
    );
    press(&mut scene, 0, '1');
    press(&mut scene, 1, '1');
    let told = press(&mut scene, 1, '2');
    let mut events = events(&told);
    events.sort();
    assert_eq!(events, ["b 1 1", "r 2 1"]);
    assert_eq!(sizes(&mut scene, 0), are("1", "1"));
    assert_eq!(hears(&mut scene, &[0, 1]), NONE);
}

#[test]
fn rejoining_changes_the_mode_and_tells_nobody() {
    let mut scene = with_callers(
        2,
        &[
            SIZES,
            "conference.rejoin(r);",
            "flushPlaylist(); conference.rejoin(r, listenonly);",
            "conference.rejoin(r);",
        ],
    );
    // Without a room before it joins.
    press(&mut scene, 0, '1');
    press(&mut scene, 1, '1');
    assert_eq!(sizes(&mut scene, 0), are("2", "0"));
    let told = press(&mut scene, 1, '2');
    assert!(events(&told).is_empty(), "{told:?}");
    assert_eq!(hears(&mut scene, &[0, 1]), [[false, false], [true, false]]);
    for _ in 0..2 {
        let told = press(&mut scene, 1, '3');
        assert!(events(&told).is_empty(), "{told:?}");
    }
    assert_eq!(hears(&mut scene, &[0, 1]), BOTH);
    assert_eq!(sizes(&mut scene, 0), are("2", "0"));
}

#[test]
fn an_event_reaches_all_members_and_makes_no_room() {
    let mut scene = with_callers(
        3,
        &[
            SIZES,
            "conference.join(r);",
            "conference.postEvent(r, 42);",
            "conference.postEvent(b, 1);",
        ],
    );
    press(&mut scene, 0, '1');
    press(&mut scene, 1, '1');
    for sender in [0, 2] {
        let told = press(&mut scene, sender, '2');
        assert_eq!(events(&told), ["r 42 2", "r 42 2"]);
        assert_eq!(value(&told, "errno") + &value(&told, "strerror"), "");
    }
    assert!(events(&press(&mut scene, 0, '3')).is_empty());
    assert_eq!(sizes(&mut scene, 0), are("2", "0"));
}

#[test]
fn a_diagram_without_a_call_counts_members_and_posts_to_them() {
    let clerk = "import(mod_conference); initial state A;
        transition \"up\" A - startup / registerEventQueue(clerk) -> A;
        transition \"go\" A - event / {
          set($errno=old); set($strerror=old);
          conference.size(r, $n); conference.postEvent(r, 7); postEvent(witness, var);
          conference.join(r);
        } -> A;
        transition \"no call\" A - exception / { set($thrown=#type); postEvent(witness, thrown); } -> A;";
    let mut scene = with_callers(2, &[SIZES, "conference.join(r);", "postEvent(clerk);"]);
    scene.with_agent(|agent, now| agent.start_system(now, diagram("clerk", clerk)));
    press(&mut scene, 0, '1');
    let told = press(&mut scene, 1, '2');
    let counted = told
        .iter()
        .find(|told| told.get("n").is_some_and(|n| n == "1"));
    assert_eq!(counted.map(|told| &*told["errno"]), Some(""), "{told:?}");
    assert_eq!(events(&told), ["r 7 1"]);
    let thrown = told.iter().find_map(|told| told.get("thrown"));
    assert_eq!(thrown.map(String::as_str), Some("core"));
    assert_eq!(sizes(&mut scene, 0), are("1", "0"), "and is no member");
}

#[test]
fn how_a_caller_is_buffered_is_up_to_the_script() {
    let mut scene = with_callers(
        1,
        &[
            "conference.setPlayoutType(adaptive);",
            "conference.setPlayoutType(jb);",
            "conference.setPlayoutType(other);",
        ],
    );
    scene.media();
    let wanted = [
        "setplayout(adaptive)",
        "setplayout(fixed(60ms))",
        "setplayout(simple)",
    ];
    for (key, wanted) in "012".chars().zip(wanted) {
        assert_eq!(errno(&mut scene, 0, key), "old");
        assert_eq!(scene.media(), [wanted]);
    }
}

#[test]
fn a_tee_leads_where_it_was_led_last() {
    let mut scene = with_callers(
        4,
        &[
            SIZES,
            "conference.join(a);",
            "setInOutPlaylist(); conference.teejoin(b);",
            "conference.teejoin(r);",
            "conference.teeleave();",
            "conference.join(b);",
            "conference.join(r);",
            "conference.teejoin(b, $other);",
            "conference.teeleave(other);",
        ],
    );
    // The caller with a neighbour, and one in each of the other rooms.
    press(&mut scene, 0, '1');
    press(&mut scene, 1, '1');
    press(&mut scene, 2, '5');
    press(&mut scene, 3, '6');
    let by = |scene: &mut Scene| {
        let heard = hears(scene, &[0, 1, 2, 3]);
        assert_eq!(heard[0], [false, true, false, false]);
        [heard[1][0], heard[2][0], heard[3][0]]
    };
    let told = press(&mut scene, 0, '2');
    assert_eq!(value(&told, "errno") + &value(&told, "strerror"), "");
    assert_eq!(sizes(&mut scene, 0), are("1", "2"));
    assert_eq!(by(&mut scene), [true, true, false]);
    // Under the same name, while the caller speaks.
    for _ in 0..2 {
        assert_eq!(errno(&mut scene, 0, '3'), "");
        assert_eq!(sizes(&mut scene, 0), are("2", "1"));
        assert_eq!(by(&mut scene), [true, false, true]);
    }
    // A name written as an unset variable is that name.
    assert_eq!(errno(&mut scene, 0, '7'), "");
    assert_eq!(by(&mut scene), [true; 3]);
    assert_eq!(errno(&mut scene, 0, '8'), "");
    assert_eq!(errno(&mut scene, 0, '4'), "");
    assert_eq!(by(&mut scene), [true, false, false]);
    assert_eq!(sizes(&mut scene, 0), are("1", "1"));
    assert_eq!(errno(&mut scene, 0, '4'), "script");
    // Once more under the name that was given up.
    assert_eq!(errno(&mut scene, 0, '3'), "");
    assert_eq!(by(&mut scene), [true, false, true]);
}

#[test]
fn a_tee_needs_nothing_else_to_be_connected() {
    let mut scene = with_callers(
        2,
        &[
            SIZES,
            "disconnectMedia(); conference.teejoin(b);",
            "conference.join(b);",
        ],
    );
    assert_eq!(errno(&mut scene, 0, '1'), "");
    press(&mut scene, 1, '2');
    assert_eq!(sizes(&mut scene, 0), are("0", "2"));
    assert_eq!(hears(&mut scene, &[0, 1]), [[false; 2], [true, false]]);
}

/// How loud a pitch is in each tenth of a second that the caller hears from now on.
fn listen(scene: &mut Scene, hertz: f64, tenths: usize) -> Vec<f64> {
    scene.studio().heard(0);
    scene.run(100 * tenths as u64);
    let pcm = scene.studio().heard(0).0;
    let tenth = |pcm: &[i16]| (level(pcm, hertz) / LOUDNESS * 10.0).round() / 10.0;
    pcm.chunks(800).map(tenth).collect()
}

/// A call that hears a tone without end, and what is mixed in by the keys.
fn listener(actions: &[&str]) -> Scene {
    let mut all = vec!["playFile(tone.wav, true);"];
    all.extend(actions);
    let mut scene = with_callers(1, &all);
    press(&mut scene, 0, '0');
    assert_eq!(listen(&mut scene, TONE, 2), [1.0, 1.0]);
    scene
}

#[test]
fn a_sound_is_mixed_in_at_its_level_and_all_is_as_before() {
    let mut scene = listener(&[
        "conference.setupMixIn(0.5); conference.playMixIn(beep.wav);",
        "conference.setupMixIn(0.3); conference.setupMixIn(0.8); conference.playMixIn(beep.wav);",
        "conference.setupMixIn(0.5); conference.playMixInList(beep.wav);",
    ]);
    for (key, tone, beep) in [
        ('1', 0.5, 0.5),
        ('2', 0.2, 0.8),
        ('3', 0.5, 0.5),
        ('3', 0.5, 0.5),
    ] {
        press(&mut scene, 0, key);
        assert_eq!(listen(&mut scene, BEEP, 2), [beep, beep], "{key}");
        scene.run(200);
        assert_eq!(listen(&mut scene, TONE, 2), [1.0, 1.0], "{key}");
        press(&mut scene, 0, key);
        assert_eq!(listen(&mut scene, TONE, 2), [tone, tone], "{key}");
        scene.run(200);
    }
}

#[test]
fn a_list_of_sounds_goes_on_after_a_single_one() {
    let mut scene = listener(&[
        "conference.setupMixIn(0.5); conference.playMixInList(beep.wav);",
        "conference.playMixIn(beep.wav);",
        "conference.playMixInList(beep.wav, true);",
        "conference.flushMixInList();",
        "conference.playMixInList(missing.wav);",
    ]);
    for key in ['1', '2', '1', '5', '1'] {
        let told = press(&mut scene, 0, key);
        // What is not there disturbs nothing.
        let is_heard = key != '5';
        assert_eq!(told[0].contains_key("errno"), is_heard, "{told:?}");
        let heard = listen(&mut scene, BEEP, 2);
        assert_eq!(heard, [if is_heard { 0.5 } else { 0.0 }; 2], "{key}");
        scene.run(300);
    }
    press(&mut scene, 0, '3');
    scene.run(1_000);
    assert_eq!(listen(&mut scene, BEEP, 3), [0.5; 3]);
    press(&mut scene, 0, '4');
    assert_eq!(listen(&mut scene, BEEP, 3), [0.0; 3]);
    assert_eq!(listen(&mut scene, TONE, 3), [1.0; 3]);
}

#[test]
fn at_level_nought_what_is_heard_waits() {
    let mut scene = with_callers(
        1,
        &["playFile(tone.wav); conference.setupMixIn(0); conference.playMixIn(beep.wav);"],
    );
    scene.studio().heard(0);
    press(&mut scene, 0, '0');
    scene.run(3_000);
    let heard = scene.studio().heard(0).0;
    // The file has all of its two seconds.
    assert_eq!((ms_of(&heard, TONE), ms_of(&heard, BEEP)), (2_000, 400));
    assert_eq!(ms_of(&heard[..3_200], TONE), 0, "the beep is alone");
}

#[test]
fn a_sound_comes_again_after_as_many_seconds() {
    let mut scene = listener(&["conference.setupMixIn(0.5, 1); conference.playMixIn(beep.wav);"]);
    press(&mut scene, 0, '1');
    // A tenth has passed since.
    let heard = listen(&mut scene, BEEP, 33);
    let begins = |at: &usize| heard[*at] == 0.5 && heard[at - 1] < 0.5;
    let begins: Vec<_> = (1..heard.len()).filter(begins).collect();
    assert_eq!(begins.len(), 3, "{heard:?}");
    for (begin, expected) in begins.iter().zip([9, 19, 29]) {
        assert!(begin.abs_diff(expected) <= 1, "{begins:?}");
    }
}

#[test]
fn mixing_in_throws_without_a_mixer_or_a_file() {
    let mut scene = with_callers(
        1,
        &[
            "conference.playMixIn(beep.wav);",
            "conference.playMixInList(beep.wav);",
            "conference.setupMixIn(0.5, soon);",
            "conference.setupMixIn(loud); conference.playMixIn(missing.wav);",
            "conference.setupMixIn(7);",
            "conference.setupMixIn(-1);",
        ],
    );
    for (key, thrown, path) in [
        ('0', "conference", ""),
        ('1', "conference", ""),
        ('2', "conference", ""),
        ('3', "file", "missing.wav"),
        ('4', "conference", ""),
        ('5', "conference", ""),
    ] {
        let told = press(&mut scene, 0, key).remove(0);
        assert_eq!((&*told["thrown"], &*told["path"]), (thrown, path), "{key}");
        assert_ne!(told["cause"].is_empty(), path.is_empty(), "{key}");
    }
}

#[test]
fn a_gain_is_how_loud_the_room_hears_a_caller() {
    let mut scene = with_callers(
        2,
        &[
            "conference.join(r);",
            "conference.gain(-20);",
            "conference.gain(6);",
            "conference.gain(0);",
            "conference.gain(loud);",
            "conference.gain(19);",
            "conference.gain(-60.5);",
        ],
    );
    press(&mut scene, 0, '0');
    press(&mut scene, 1, '0');
    let mut after = |key| {
        let errno = errno(&mut scene, 0, key);
        let heard = loudness(&mut scene, &[(0, 700.0, 1.0)], 1);
        (errno, (heard[0] / 1_000.0).round())
    };
    let errno = |errno: &str, heard| (errno.to_owned(), heard);
    assert_eq!(after('1'), errno("", 1.0));
    assert_eq!(after('2'), errno("", 20.0));
    assert_eq!(after('3'), errno("", 10.0));
    for key in "456".chars() {
        assert_eq!(after(key), errno("arg", 10.0));
    }
}

/// Callers speak for a second, each at a pitch and a loudness; how loud another one hears each pitch then.
fn loudness(scene: &mut Scene, talkers: &[(usize, f64, f64)], listener: usize) -> Vec<f64> {
    let voice = |hertz, part| {
        let pcm = sine(hertz, 1_000).into_iter();
        pcm.map(|sample| (f64::from(sample) * part) as i16)
            .collect()
    };
    let voices: Vec<Vec<i16>> = talkers
        .iter()
        .map(|&(_, hertz, part)| voice(hertz, part))
        .collect();
    for at in (0..8_000).step_by(160) {
        let now = scene.world.now;
        for (&(call, ..), voice) in talkers.iter().zip(&voices) {
            scene.studio().say(now, call, &voice[at..at + 160]);
        }
        scene.run(20);
        if at == 4_000 {
            scene.studio().heard(listener);
        }
    }
    let heard = scene.studio().heard(listener).0;
    // All of it is speech: the end of the voices is still on its way.
    let heard = &heard[..heard.len().min(3_200)];
    talkers
        .iter()
        .map(|&(_, hertz, _)| level(heard, hertz))
        .collect()
}

#[test]
fn of_several_speakers_only_the_loudest_are_heard() {
    let mut scene = with_callers(
        3,
        &[
            "conference.join(r);",
            "conference.speakers(1);",
            "conference.speakers();",
            "conference.speakers(0);",
            "conference.speakers(few);",
        ],
    );
    let told = press(&mut scene, 0, '1');
    assert_eq!(told[0]["thrown"], "conference", "it is in no room");
    for caller in 0..3 {
        press(&mut scene, caller, '0');
    }
    let talkers = [(1, 700.0, 0.3), (2, 1_100.0, 1.0)];
    for (key, both) in [('2', true), ('1', false), ('3', true), ('1', false)] {
        assert_eq!(errno(&mut scene, 0, key), "");
        let heard = loudness(&mut scene, &talkers, 0);
        assert!(heard[1] > 8_000.0, "{heard:?}");
        assert_eq!(heard[0] > 2_000.0, both, "{key}: {heard:?}");
    }
    assert_eq!(errno(&mut scene, 0, '4'), "arg");
}

#[test]
fn who_speaks_most_is_told_to_whom_asks() {
    let mut scene = with_callers(
        3,
        &[
            "conference.join(r);",
            "conference.followSpeaker();",
            "conference.followSpeaker(false);",
            "conference.leave();",
        ],
    );
    assert_eq!(errno(&mut scene, 0, '1'), "script");
    for caller in 0..3 {
        press(&mut scene, caller, '0');
    }
    let ids: Vec<_> = scene
        .agent()
        .calls
        .iter()
        .map(|call| call.id.to_string())
        .collect();
    let speaks = |scene: &mut Scene, call: usize| {
        loudness(scene, &[(call, 700.0, 1.0)], 0);
        let told = told(scene);
        let told = told.iter().filter_map(|told| told.get("speaker"));
        told.cloned().collect::<Vec<_>>()
    };
    assert!(speaks(&mut scene, 1).is_empty(), "nobody asks");
    assert_eq!(errno(&mut scene, 0, '1'), "");
    assert_eq!(speaks(&mut scene, 2), [format!("r {}", ids[2])]);
    assert_eq!(speaks(&mut scene, 1), [format!("r {}", ids[1])]);
    let told = press(&mut scene, 1, '3');
    assert!(
        told.iter()
            .any(|told| told.get("speaker").is_some_and(|it| it == "r "))
    );
    assert_eq!(errno(&mut scene, 0, '2'), "");
    assert!(speaks(&mut scene, 2).is_empty());
}

#[test]
fn a_room_is_recorded_until_the_script_stops_that_or_leaves() {
    let mut scene = with_callers(
        2,
        &[
            "conference.join(r);",
            "conference.record(\"all.wav\");",
            "conference.stopRecord();",
            "conference.leave();",
            "conference.record(\"../all.wav\");",
            "conference.record(\"again.wav\");",
        ],
    );
    assert_eq!(press(&mut scene, 0, '1')[0]["thrown"], "conference");
    assert_eq!(errno(&mut scene, 0, '2'), "script");
    for caller in 0..2 {
        press(&mut scene, caller, '0');
    }
    let told = press(&mut scene, 0, '4');
    assert_eq!(
        (&*told[0]["thrown"], &*told[0]["path"]),
        ("file", "../all.wav")
    );
    assert_eq!(errno(&mut scene, 0, '1'), "");
    assert_eq!(errno(&mut scene, 0, '1'), "script", "one at a time");
    hears(&mut scene, &[0, 1]);
    assert_eq!(errno(&mut scene, 0, '2'), "");
    let recorded = scene
        .agent()
        .recordings
        .remove("all.wav")
        .expect("a recording");
    for pitch in [400.0, 700.0] {
        assert!(ms_of(&recorded, pitch) > 400, "{pitch}");
    }
    assert_eq!(errno(&mut scene, 0, '2'), "script");
    // The call of another member may end it, and its own leaving.
    assert_eq!(errno(&mut scene, 0, '1') + &errno(&mut scene, 1, '5'), "");
    assert!(scene.agent().recordings.contains_key("all.wav"));
    press(&mut scene, 1, '3');
    scene.run(100);
    assert!(scene.agent().recordings.contains_key("again.wav"));
    assert_eq!(errno(&mut scene, 1, '2'), "", "it ended well");
}

#[test]
fn a_room_takes_as_many_as_its_diagram_allows() {
    let settings = [("max_participants", "1"), ("first_participant", "")];
    let mut scene = Scene::new("club", shipped("conference", &settings));
    scene.peer().new_call("conference");
    scene.call();
    scene.peer().new_call("conference");
    scene.peer().invite();
    scene.run(100);
    assert_eq!(scene.peer().statuses("INVITE"), [486]);
    scene.peer().same_branch("ACK");
    scene.run(100);
    assert_eq!(scene.agent().live(), 1);
}

/// What an operator does with callers that wait: takes one into a room, and then into another.
const LOBBY: &str = r#"
import(mod_conference);
import(mod_monitoring);
initial state START;
state LOBBY enter { monitoring.log(position, lobby); };
state ROOM;
transition "in" START - sessionStart -> LOBBY;
transition "taken" (LOBBY, ROOM) - event(#action == take) / {
  closePlaylist();
  conference.join(#roomname);
  monitoring.log(position, #roomname);
} -> ROOM;
transition "kicked" (LOBBY, ROOM) - event(#action == kick) / stop(true) -> ROOM;
transition "gone" (START, LOBBY, ROOM) - hangup / stop(false) -> ROOM;
"#;

fn take(scene: &mut Scene, id: &SessionId, room: &str) {
    order(scene, id, &[("action", "take"), ("roomname", room)]);
}

/// As `postDSMEvent` does it.
fn order(scene: &mut Scene, id: &SessionId, params: &[(&str, &str)]) {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let params = params.iter().map(pair).collect();
    scene.agent().router.post(id, params);
    scene.with_agent(|agent, now| agent.settle(now));
    scene.run(50);
}

#[test]
fn an_operator_moves_callers_from_room_to_room() {
    let mut scene = Scene::new("lobby", diagram("lobby", LOBBY));
    scene.open_studio();
    for _ in 0..2 {
        scene.peer().new_call("lobby");
        scene.call();
    }
    let ids: Vec<_> = scene
        .agent()
        .calls
        .iter()
        .map(|call| call.id.clone())
        .collect();
    let at = |scene: &mut Scene, position: &'static str| {
        let search = Search::equal(vec![("position".into(), position.into())]);
        match scene.agent().ask(Question::Find(search)) {
            Reply::Found(found) => found.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(at(&mut scene, "lobby"), 2);
    for (room, other) in [("wonderland", "lobby"), ("oz", "wonderland")] {
        for id in &ids {
            take(&mut scene, id, room);
        }
        assert_eq!((at(&mut scene, room), at(&mut scene, other)), (2, 0));
        assert_eq!(hears(&mut scene, &[0, 1]), BOTH, "{room}");
    }
    take(&mut scene, &ids[0], "lobby");
    assert_eq!(hears(&mut scene, &[0, 1]), NONE);
    order(&mut scene, &ids[1], &[("action", "kick")]);
    assert_eq!(scene.peer().count("BYE"), 1);
}

#[test]
fn a_room_without_a_name_is_none() {
    let actions = ["conference.join($unset);", "conference.teejoin($unset);"];
    let mut scene = with_callers(1, &actions);
    for key in ['0', '1'] {
        let told = press(&mut scene, 0, key);
        assert_eq!(told[0]["thrown"], "conference", "{told:?}");
        assert_eq!(told[0]["cause"], "the name of the room is empty");
    }
}
