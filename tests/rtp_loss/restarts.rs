//! Senders that begin anew, or in the middle.

use super::ear::{CLICK, Ear, Talker, quiet_frames};
use crate::support::audio::largest_step;

/// A peer that talks for four seconds, becomes another by `change`, and talks on.
fn changed(change: impl FnOnce(&mut Talker)) -> Ear {
    let mut ear = Ear::new();
    let mut talker = Talker::new();
    let mut packets = talker.talk_ms(4_000);
    change(&mut talker);
    packets.extend(talker.talk_ms(4_000));
    ear.listen(packets);
    ear
}

#[test]
fn a_new_source_is_heard_when_it_has_proved_itself() {
    let ear = changed(|talker| {
        talker.ssrc = 99;
        talker.number = 4;
        talker.timestamp = 77;
    });
    let sound = ear.sound();
    assert!(quiet_frames(sound) <= 7, "{}", quiet_frames(sound));
    assert!(largest_step(sound) < 2 * CLICK);
    // Three packets prove it, a tenth of a second after the last of the old source.
    assert!(ear.counters().packets.played >= 394, "{:?}", ear.counters());
}

#[test]
fn a_sender_that_restarts_under_its_name_is_heard_within_half_a_second() {
    for jump in [-30_000, -300, -50, 200, 20_000] {
        let ear = changed(|talker| {
            talker.number = talker.number.wrapping_add_signed(jump);
            talker.timestamp = 77;
        });
        let counters = ear.counters();
        assert!(counters.packets.played >= 370, "{jump}: {counters:?}");
        assert!(quiet_frames(ear.sound()) <= 26, "{jump}: {counters:?}");
    }
}

#[test]
fn whoever_joins_late_hears_from_there_on() {
    let mut ear = Ear::new();
    let mut packets = Talker::new().talk_ms(4_000);
    packets.drain(..100);
    // Two were swapped on the way.
    packets[0].at += std::time::Duration::from_millis(21);
    ear.listen(packets);
    let counters = ear.counters();
    assert!(counters.packets.played >= 99, "{counters:?}");
    assert_eq!(counters.concealed.as_millis() / 100, 0, "{counters:?}");
}
