//! Prompts, silence, tones and separators, in order.

use std::time::Duration;

use muleteer::audio::playlist::{MAX_PLAYLIST_ITEMS, PlaylistItem, RoomId, RoomSeat};
use muleteer::audio::{Cadence, Prompt, Tone};
use muleteer::media::{MediaCommand, MediaEvent, Output};

use crate::support::audio::{self, silent_ms};
use crate::support::media::{Rig, looped, once, tone_prompt};

fn separator(id: i64) -> PlaylistItem {
    PlaylistItem::Separator(id)
}

#[test]
fn the_peer_hears_440_hertz_for_a_second_and_then_nothing() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(440.0, 1_000));
    rig.run_ms(3_000);
    assert_eq!(rig.audio().len(), 50);
    assert_eq!(rig.heard_ms(440.0), 1_000);
    assert_eq!(rig.events(), [MediaEvent::NoAudio { version: 0 }]);
}

#[test]
fn items_follow_each_other_without_a_gap() {
    let mut rig = Rig::new();
    // Neither length is a whole number of packets.
    rig.play(&tone_prompt(400.0, 310));
    rig.play(&tone_prompt(800.0, 290));
    rig.run_ms(1_000);
    assert_eq!(rig.audio().len(), 30);
    assert_eq!((rig.heard_ms(400.0), rig.heard_ms(800.0)), (310, 290));
    assert_eq!(rig.events(), [MediaEvent::NoAudio { version: 0 }]);
}

#[test]
fn the_last_packet_is_filled_up_with_silence() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(400.0, 50));
    rig.run_ms(200);
    let heard = rig.heard();
    assert_eq!(heard.len(), 3 * 160);
    assert_eq!(silent_ms(&heard), 10);
}

#[test]
fn no_audio_comes_after_the_last_packet_was_heard() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(440.0, 100));
    rig.run_ms(500);
    let last = rig.world.sent.last().unwrap().at;
    assert_eq!(rig.world.events[0].0 - last, Duration::from_millis(20));
}

#[test]
fn separators_are_reported_where_they_stand() {
    let mut rig = Rig::new();
    let prompt = tone_prompt(440.0, 100);
    for item in [
        separator(1),
        once(&prompt),
        separator(-2),
        once(&prompt),
        separator(3),
    ] {
        rig.command(MediaCommand::Append(item));
    }
    rig.run_ms(500);
    let start = rig.world.sent[0].at;
    let after: Vec<_> = rig
        .world
        .events
        .iter()
        .map(|(at, event)| ((*at - start).as_millis(), event.clone()))
        .collect();
    assert_eq!(
        after,
        [
            (0, MediaEvent::Separator(1)),
            (100, MediaEvent::Separator(-2)),
            (200, MediaEvent::Separator(3)),
            (200, MediaEvent::NoAudio { version: 5 }),
        ]
    );
}

#[test]
fn a_looped_prompt_goes_on_until_it_is_flushed() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::Append(looped(&tone_prompt(500.0, 130))));
    rig.run_ms(2_000);
    assert_eq!(rig.audio().len(), 100);
    rig.command(MediaCommand::Flush);
    rig.run_ms(1_000);
    assert_eq!(rig.audio().len(), 100);
    assert_eq!(rig.events(), []);
}

#[test]
fn an_item_in_front_interrupts_and_the_other_resumes() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(400.0, 500));
    rig.run_ms(200);
    rig.command(MediaCommand::Prepend(once(&tone_prompt(1_000.0, 100))));
    rig.run_ms(2_000);
    let heard = rig.heard();
    assert_eq!(heard.len(), 600 * 8);
    let first = audio::ms_of(&heard[..1_800], 400.0);
    assert!((180..=220).contains(&first), "{first}");
    assert_eq!((rig.heard_ms(400.0), rig.heard_ms(1_000.0)), (500, 100));
}

#[test]
fn silence_is_sent_as_audio() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::Append(PlaylistItem::Silence(
        Duration::from_millis(200),
    )));
    rig.run_ms(500);
    assert_eq!(silent_ms(&rig.heard()), 200);
    assert_eq!(rig.events(), [MediaEvent::NoAudio { version: 0 }]);
}

#[test]
fn a_tone_lasts_as_long_as_it_was_asked_to() {
    let mut rig = Rig::new();
    let tone = Box::new(Tone::sine(600.0, 10_000));
    let duration = Some(Duration::from_millis(300));
    rig.command(MediaCommand::Append(PlaylistItem::Tone { tone, duration }));
    rig.run_ms(1_000);
    assert!(rig.heard_ms(600.0) >= 290);
    assert_eq!(rig.audio().len(), 15);
}

#[test]
fn a_prompt_nobody_encoded_is_encoded_while_it_plays() {
    for rate in [8_000, 16_000] {
        let pcm = audio::sine(
            440.0 * 8_000.0 / f64::from(rate),
            300 * rate as usize / 8_000,
        );
        let mut rig = Rig::new();
        rig.play(&Prompt::from_pcm(pcm, rate).into());
        rig.run_ms(1_000);
        assert_eq!(rig.heard_ms(440.0), 300);
    }
}

#[test]
fn empty_prompts_end_at_once_even_when_looped() {
    let mut rig = Rig::new();
    rig.command(MediaCommand::Append(looped(
        &Prompt::from_pcm(Vec::new(), 8_000).into(),
    )));
    rig.run_ms(100);
    assert_eq!(rig.audio().len(), 0);
    assert_eq!(rig.events(), [MediaEvent::NoAudio { version: 0 }]);
}

#[test]
fn a_full_playlist_says_so() {
    let mut rig = Rig::new();
    for id in 0..=MAX_PLAYLIST_ITEMS as i64 {
        rig.command(MediaCommand::Append(separator(id)));
    }
    assert_eq!(rig.events(), [MediaEvent::PlaylistFull(None)]);
    let (room, hears, speaks) = (RoomId::new(3, 1), true, true);
    rig.command(MediaCommand::Append(PlaylistItem::Room(RoomSeat {
        room,
        hears,
        speaks,
    })));
    let (_, full) = rig.world.events.pop().expect("an event");
    assert_eq!(full, MediaEvent::PlaylistFull(Some(room)));
    rig.run_ms(100);
    assert_eq!(rig.events().len(), 1 + MAX_PLAYLIST_ITEMS + 1);
}

#[test]
fn a_muted_playlist_goes_on_unheard() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(440.0, 400));
    rig.run_ms(100);
    rig.command(MediaCommand::SetMuted(true));
    rig.run_ms(200);
    rig.command(MediaCommand::SetMuted(false));
    rig.run_ms(1_000);
    assert_eq!(rig.audio().len(), 10);
    assert_eq!(rig.events(), [MediaEvent::NoAudio { version: 0 }]);
}

#[test]
fn what_is_not_the_output_waits() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(440.0, 100));
    rig.command(MediaCommand::SetOutput(Output::None));
    rig.run_ms(500);
    assert_eq!(rig.audio().len(), 0);
    rig.command(MediaCommand::SetOutput(Output::Playlist));
    rig.run_ms(500);
    assert_eq!(rig.heard_ms(440.0), 100);
}

#[test]
fn many_short_silences_are_as_long_as_one() {
    let mut rig = Rig::new();
    for _ in 0..900 {
        let silence = PlaylistItem::Silence(Duration::from_millis(7));
        rig.command(MediaCommand::Append(silence));
    }
    rig.play(&tone_prompt(400.0, 100));
    rig.run_ms(8_000);
    let heard = rig.heard();
    assert_eq!(heard.len(), 6_400 * 8);
    assert_eq!(silent_ms(&heard[..6_300 * 8]), 6_300);
    assert_eq!(audio::ms_of(&heard[6_300 * 8..], 400.0), 100);
    assert_eq!(rig.events(), [MediaEvent::NoAudio { version: 0 }]);
}

#[test]
fn a_looped_prompt_has_no_gap() {
    // 13 whole waves; not a whole number of packets.
    let prompt = tone_prompt(200.0, 65);
    let mut rig = Rig::new();
    rig.command(MediaCommand::Append(looped(&prompt)));
    rig.run_ms(3_000);
    let heard = rig.heard();
    let round = &heard[..65 * 8];
    let rounds = heard.chunks_exact(round.len());
    assert!(rounds.len() > 40);
    assert!(rounds.into_iter().all(|next| next == round));
}

#[test]
fn what_is_in_front_can_be_interrupted_itself() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(400.0, 300));
    rig.run_ms(100);
    rig.command(MediaCommand::Prepend(once(&tone_prompt(800.0, 300))));
    rig.run_ms(100);
    rig.command(MediaCommand::Prepend(separator(2)));
    rig.command(MediaCommand::Prepend(once(&tone_prompt(1_200.0, 100))));
    rig.command(MediaCommand::Prepend(separator(1)));
    rig.run_ms(2_000);
    assert_eq!(rig.heard().len(), 700 * 8);
    let order = |start: usize| {
        let part = &rig.heard()[start * 8 + 160..start * 8 + 720];
        [400.0, 800.0, 1_200.0].map(|hertz| audio::level(part, hertz) > 5_000.0)
    };
    let expected = [
        (0, [true, false, false]),
        (100, [false, true, false]),
        (200, [false, false, true]),
        (300, [false, true, false]),
        (400, [false, true, false]),
        (500, [true, false, false]),
        (600, [true, false, false]),
    ];
    for (start, heard) in expected {
        assert_eq!(order(start), heard, "at {start} ms");
    }
    let ends = [
        MediaEvent::Separator(1),
        MediaEvent::Separator(2),
        MediaEvent::NoAudio { version: 0 },
    ];
    assert_eq!(rig.events(), ends);
}

#[test]
fn a_playlist_that_is_filled_up_in_time_never_ran_empty() {
    let mut rig = Rig::new();
    rig.play(&tone_prompt(400.0, 100));
    let first = Duration::from_millis(100);
    // Up to the very last moment: the last packet is sent, and its end is not due yet.
    rig.run(first);
    rig.play(&tone_prompt(800.0, 100));
    rig.run_ms(1_000);
    assert_eq!(rig.heard().len(), 200 * 8);
    assert_eq!(rig.events(), [MediaEvent::NoAudio { version: 0 }]);
    // Once for each time that it runs empty.
    rig.play(&tone_prompt(800.0, 100));
    rig.run_ms(1_000);
    assert_eq!(rig.events().len(), 2);
    rig.command(MediaCommand::Flush);
    rig.run_ms(1_000);
    assert_eq!(rig.events().len(), 2);
}

#[test]
fn a_ring_tone_has_its_cadence_and_length() {
    let cadence = Cadence {
        on: Duration::from_millis(300),
        off: Duration::from_millis(200),
    };
    let tone = Box::new(Tone::ringing(440.0, Some(480.0), Some(cadence)));
    let duration = Some(Duration::from_millis(1_500));
    let mut rig = Rig::new();
    rig.command(MediaCommand::Append(PlaylistItem::Tone { tone, duration }));
    rig.run_ms(3_000);
    let heard = rig.heard();
    assert_eq!(heard.len(), 1_500 * 8);
    for round in heard.chunks(500 * 8) {
        assert!(audio::level(&round[..2_000], 440.0) > 3_000.0);
        assert!(silent_ms(&round[300 * 8..]) >= 190);
    }
}
