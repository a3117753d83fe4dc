//! Conference rooms as scripts use them: who hears whom, and what the members are told.

use std::sync::Arc;

use muleteer::audio::Prompt;
use muleteer::audio::playlist::RoomId;
use muleteer::media::{MAX_FEEDS, MediaEvent};

use super::{Scene, diagram, shipped};
use crate::support::audio::{ms_of, sine};

/// Calls whose keys do things in rooms. Each event of a room is shown as a separator.
fn scene() -> Scene {
    let text = "import(mod_conference);
        initial state START; state TALK; state END;
        transition \"go\" START - sessionStart -> TALK;
        transition \"failed\" TALK - exception / addSeparator(666); -> TALK;
        transition \"1\" TALK - key(#key == 1) / {
          conference.join(blue); set($did=$errno);
        } -> TALK;
        transition \"2\" TALK - key(#key == 2) / conference.leave(); -> TALK;
        transition \"3\" TALK - key(#key == 3) / conference.rejoin(blue, listenonly); -> TALK;
        transition \"4\" TALK - key(#key == 4) / conference.join(red); -> TALK;
        transition \"5\" TALK - key(#key == 5) / {
          conference.size(blue, $n); sets($path=\"size-$(n).wav\"); playFileFront($path);
        } -> TALK;
        transition \"6\" TALK - key(#key == 6) / conference.teejoin(red); -> TALK;
        transition \"7\" TALK - key(#key == 7) / conference.teeleave(); -> TALK;
        transition \"8\" TALK - key(#key == 8) / {
          conference.setupMixIn(0.5); conference.playMixIn(\"tone.wav\");
        } -> TALK;
        transition \"9\" TALK - key(#key == 9) / conference.announce(\"tone.wav\"); -> TALK;
        transition \"0\" TALK - key(#key == 0) / playFileFront(\"tone.wav\"); -> TALK;
        transition \"quiet\" TALK - noAudio / sendDTMF(9, 100); -> TALK;
        transition \"bye\" (START, TALK, END) - hangup / stop(false); -> END;";
    let mut scene = Scene::new("menu", diagram("menu", text));
    scene.open_studio();
    let tone = Prompt::from_pcm(sine(1_000.0, 400), 8_000);
    let agent = scene.agent();
    agent.prompts.insert("tone.wav".to_owned(), Arc::new(tone));
    scene
}

/// Calls once more.
fn call(scene: &mut Scene) -> usize {
    scene.peer().new_call("menu");
    scene.call();
    scene.agent().calls.len() - 1
}

/// Two callers in the room.
fn two_members() -> (Scene, usize, usize) {
    let mut scene = scene();
    let (ann, bob) = (call(&mut scene), call(&mut scene));
    press(&mut scene, ann, '1');
    press(&mut scene, bob, '1');
    (scene, ann, bob)
}

/// Forgets what these callers heard so far.
fn listen_anew(scene: &mut Scene, callers: &[usize]) {
    for &caller in callers {
        scene.studio().heard(caller);
    }
}

/// How often the script of a caller met an exception.
fn exceptions(scene: &mut Scene, call: usize) -> usize {
    let told = scene.agent().calls[call].media.iter();
    told.filter(|words| *words == "append separator(666)")
        .count()
}

/// Caller `call` presses a key.
fn press(scene: &mut Scene, call: usize, key: char) {
    let now = scene.world.now;
    scene.studio().press(now, call, key);
    scene.with_agent(|agent, now| agent.settle(now));
    scene.run(100);
}

/// All these callers speak for 400 ms, each at a pitch of its own. What each heard of whom, in ms.
fn talk(scene: &mut Scene, callers: &[usize]) -> Vec<Vec<usize>> {
    let pitch = |call: usize| 400.0 + 300.0 * call as f64;
    listen_anew(scene, callers);
    let voices: Vec<_> = callers.iter().map(|&call| sine(pitch(call), 400)).collect();
    for at in (0..3_200).step_by(160) {
        let now = scene.world.now;
        for (&call, voice) in callers.iter().zip(&voices) {
            scene.studio().say(now, call, &voice[at..at + 160]);
        }
        scene.run(20);
    }
    scene.run(100);
    let heard = callers.iter().map(|&call| scene.studio().heard(call).0);
    let of_whom = |pcm: Vec<i16>| {
        callers
            .iter()
            .map(|&whom| ms_of(&pcm, pitch(whom)))
            .collect()
    };
    heard.map(of_whom).collect()
}

/// Who hears whom after that.
fn hears(scene: &mut Scene, callers: &[usize]) -> Vec<Vec<bool>> {
    let heard = talk(scene, callers);
    let rows = heard.into_iter();
    rows.map(|row| row.into_iter().map(|ms| ms > 250).collect())
        .collect()
}

#[test]
fn members_hear_each_other_and_not_themselves() {
    let mut scene = scene();
    let callers = [call(&mut scene), call(&mut scene), call(&mut scene)];
    for caller in callers {
        press(&mut scene, caller, '1');
    }
    let expected = [
        [false, true, true],
        [true, false, true],
        [true, true, false],
    ];
    assert_eq!(hears(&mut scene, &callers), expected);
}

#[test]
fn who_leaves_or_changes_the_room_is_heard_there_no_more() {
    let (mut scene, ann, bob) = two_members();
    press(&mut scene, bob, '4');
    assert_eq!(hears(&mut scene, &[ann, bob]), [[false; 2]; 2]);
    press(&mut scene, ann, '4');
    assert_eq!(
        hears(&mut scene, &[ann, bob]),
        [[false, true], [true, false]]
    );
    press(&mut scene, bob, '2');
    assert_eq!(hears(&mut scene, &[ann, bob]), [[false; 2]; 2]);
}

#[test]
fn a_change_of_mode_keeps_the_seat() {
    let (mut scene, ann, bob) = two_members();
    press(&mut scene, bob, '3');
    assert_eq!(
        hears(&mut scene, &[ann, bob]),
        [[false, false], [true, false]]
    );
    press(&mut scene, bob, '1');
    assert_eq!(
        hears(&mut scene, &[ann, bob]),
        [[false, true], [true, false]]
    );
}

#[test]
fn a_tee_is_heard_in_a_second_room_and_hears_nothing_of_it() {
    let (mut scene, ann, bob) = two_members();
    let cid = call(&mut scene);
    press(&mut scene, cid, '4');
    press(&mut scene, ann, '6');
    let expected = [
        [false, true, false],
        [true, false, false],
        [true, false, false],
    ];
    assert_eq!(hears(&mut scene, &[ann, bob, cid]), expected);
    press(&mut scene, ann, '7');
    let expected = [[false, true, false], [true, false, false], [false; 3]];
    assert_eq!(hears(&mut scene, &[ann, bob, cid]), expected);
}

#[test]
fn a_sound_for_the_others_interrupts_nobody() {
    let (mut scene, ann, bob) = two_members();
    listen_anew(&mut scene, &[ann, bob]);
    press(&mut scene, bob, '9');
    assert_eq!(
        hears(&mut scene, &[ann, bob]),
        [[false, true], [true, false]]
    );
    press(&mut scene, bob, '9');
    scene.run(600);
    assert!(ms_of(&scene.studio().heard(ann).0, 1_000.0) > 350);
    assert!(ms_of(&scene.studio().heard(bob).0, 1_000.0) < 50);
}

#[test]
fn a_sound_mixed_in_is_heard_over_the_room_by_one() {
    let (mut scene, ann, bob) = two_members();
    listen_anew(&mut scene, &[ann, bob]);
    press(&mut scene, ann, '8');
    scene.run(500);
    assert!(ms_of(&scene.studio().heard(ann).0, 1_000.0) > 350);
    assert_eq!(ms_of(&scene.studio().heard(bob).0, 1_000.0), 0);
}

#[test]
fn a_file_in_front_suspends_the_room_until_it_has_ended() {
    let (mut scene, ann, bob) = two_members();
    press(&mut scene, ann, '0');
    let heard = talk(&mut scene, &[ann, bob]);
    assert!(heard[0][1] < 250 && heard[1][0] < 250, "{heard:?}");
    assert_eq!(
        hears(&mut scene, &[ann, bob]),
        [[false, true], [true, false]]
    );
}

#[test]
fn a_room_without_sound_throws_and_the_end_of_the_playlist_is_told_all_the_same() {
    let mut scene = scene();
    let ann = call(&mut scene);
    scene.agent().no_rooms = true;
    press(&mut scene, ann, '0');
    press(&mut scene, ann, '1');
    assert_eq!(exceptions(&mut scene, ann), 1);
    scene.run(400);
    let (pcm, keys) = scene.studio().heard(ann);
    assert!(ms_of(&pcm, 1_000.0) > 350);
    assert_eq!(keys, "9", "the script was told of the end");
    // It is no member, and can become one.
    scene.agent().no_rooms = false;
    scene.agent().add_prompts(&["size-0.wav", "size-1.wav"]);
    for key in ['5', '1', '5'] {
        press(&mut scene, ann, key);
    }
    let sizes = scene.agent().calls[ann].media.iter();
    let sizes: Vec<_> = sizes.filter(|words| words.contains("size")).collect();
    assert_eq!(sizes, ["prepend size-0.wav", "prepend size-1.wav"]);
    assert_eq!(exceptions(&mut scene, ann), 1);
}

#[test]
fn a_call_that_cannot_enter_another_room_is_in_none() {
    let (mut scene, ann, bob) = two_members();
    scene.agent().no_rooms = true;
    press(&mut scene, ann, '4');
    assert_eq!(exceptions(&mut scene, ann), 1);
    scene.agent().no_rooms = false;
    assert_eq!(hears(&mut scene, &[ann, bob]), [[false; 2]; 2]);
    press(&mut scene, ann, '1');
    assert_eq!(
        hears(&mut scene, &[ann, bob]),
        [[false, true], [true, false]]
    );
}

#[test]
fn a_room_that_fails_is_opened_anew_and_its_members_are_in_it() {
    let (mut scene, ann, bob) = two_members();
    scene.studio().break_a_room();
    talk(&mut scene, &[ann, bob]);
    assert_eq!(
        hears(&mut scene, &[ann, bob]),
        [[false, true], [true, false]]
    );
    let told = &scene.agent().calls[ann].media;
    assert!(!told.contains(&"send digit 9".to_owned()), "{told:?}");
    press(&mut scene, ann, '2');
    assert_eq!(hears(&mut scene, &[ann, bob]), [[false; 2]; 2]);
}

#[test]
fn a_tee_goes_on_in_a_room_that_is_opened_anew() {
    let mut scene = scene();
    let (ann, bob) = (call(&mut scene), call(&mut scene));
    press(&mut scene, ann, '6');
    press(&mut scene, bob, '4');
    scene.studio().break_a_room();
    talk(&mut scene, &[bob]);
    talk(&mut scene, &[ann]);
    assert_eq!(
        hears(&mut scene, &[ann, bob]),
        [[false, false], [true, false]]
    );
}

#[test]
fn a_room_that_cannot_be_opened_anew_ends_the_playlist() {
    let (mut scene, ann, bob) = two_members();
    scene.studio().break_a_room();
    scene.agent().no_rooms = true;
    talk(&mut scene, &[ann]);
    for caller in [ann, bob] {
        let told = &scene.agent().calls[caller].media;
        assert!(told.contains(&"send digit 9".to_owned()), "{told:?}");
    }
    scene.agent().no_rooms = false;
    press(&mut scene, ann, '1');
    press(&mut scene, bob, '1');
    assert_eq!(
        hears(&mut scene, &[ann, bob]),
        [[false, true], [true, false]]
    );
}

#[test]
fn a_tee_too_many_throws() {
    let mut scene = scene();
    for number in 0..=MAX_FEEDS {
        let caller = call(&mut scene);
        press(&mut scene, caller, '6');
        let refused = usize::from(number == MAX_FEEDS);
        assert_eq!(exceptions(&mut scene, caller), refused, "tee {number}");
    }
    press(&mut scene, 0, '7');
    press(&mut scene, MAX_FEEDS, '6');
    assert_eq!(exceptions(&mut scene, MAX_FEEDS), 1);
}

#[test]
fn a_seat_is_taken_again_only_if_its_own_room_left_the_playlist() {
    let mut scene = scene();
    let ann = call(&mut scene);
    press(&mut scene, ann, '1');
    let (own, other) = (RoomId::new(0, 1), RoomId::new(7, 1));
    for (event, acts) in [
        (MediaEvent::RoomEnded(other), 1),
        (MediaEvent::PlaylistFull(Some(other)), 1),
        (MediaEvent::PlaylistFull(None), 1),
        (MediaEvent::PlaylistFull(Some(own)), 2),
        (MediaEvent::RoomEnded(own), 3),
    ] {
        scene.with_agent(|agent, now| agent.hear(now, ann, event.clone()));
        press(&mut scene, ann, '1');
        let told = &scene.agent().calls[ann].acts;
        assert_eq!(told.len(), acts, "{event:?}: {told:?}");
    }
}

#[test]
fn nothing_is_left_of_a_room_when_its_members_have_hung_up() {
    let mut scene = scene();
    let caller = call(&mut scene);
    press(&mut scene, caller, '1');
    press(&mut scene, caller, '6');
    scene.bye();
    scene.ends_clean();
}

#[test]
fn the_shipped_diagram_greets_the_first_and_announces_the_second() {
    let settings = [
        ("first_participant", "alone.wav"),
        ("join_sound", "tone.wav"),
        ("drop_sound", "missing.wav"),
    ];
    let mut scene = Scene::new("menu", shipped("conference", &settings));
    scene.open_studio();
    let sound = |hertz| Arc::new(Prompt::from_pcm(sine(hertz, 400), 8_000));
    for (name, hertz) in [("alone.wav", 2_000.0), ("tone.wav", 1_000.0)] {
        let agent = scene.agent();
        agent.prompts.insert(name.to_owned(), sound(hertz));
    }
    scene.peer().new_call("conference");
    scene.call();
    scene.run(600);
    assert!(ms_of(&scene.studio().heard(0).0, 2_000.0) > 350);
    scene.peer().new_call("conference");
    scene.call();
    scene.run(600);
    assert!(ms_of(&scene.studio().heard(0).0, 1_000.0) > 350);
    let newcomer = scene.studio().heard(1).0;
    assert_eq!(
        (ms_of(&newcomer, 1_000.0), ms_of(&newcomer, 2_000.0)),
        (0, 0)
    );
    assert_eq!(hears(&mut scene, &[0, 1]), [[false, true], [true, false]]);
    // Its sound is not there, and it leaves all the same.
    scene.bye();
    assert_eq!(scene.agent().live(), 1);
}
