//! Numbers, words and ring tones.

use super::{on_start, queued, told};

#[test]
fn a_number_is_played_in_the_order_of_its_words() {
    let mut scene = on_start("utils.playCountRight(1025, d/); utils.playCountLeft(25, d/);");
    scene
        .agent()
        .add_prompts(&["d/1000.wav", "d/20.wav", "d/x5.wav"]);
    scene.call();
    let expected = ["d/1000.wav", "d/20.wav", "d/x5.wav", "d/x5.wav", "d/20.wav"];
    assert_eq!(queued(&mut scene), expected);
    assert_eq!(told(&mut scene)["errno"], "");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn of_a_number_with_a_missing_word_nothing_is_played() {
    let mut scene = on_start("utils.playCountRight(321, d/);");
    scene.agent().add_prompts(&["d/300.wav", "d/20.wav"]);
    scene.call();
    assert!(queued(&mut scene).is_empty());
    let told = told(&mut scene);
    assert_eq!((&*told["thrown"], &*told["path"]), ("file", "d/x1.wav"));
    scene.bye();
    scene.ends_clean();
}

#[test]
fn star_and_hash_are_spelt_by_either_name() {
    let mut scene = on_start("utils.spell(\"1*#\", d/);");
    scene
        .agent()
        .add_prompts(&["d/1.wav", "d/star.wav", "d/#.wav", "d/hash.wav"]);
    scene.call();
    assert_eq!(queued(&mut scene), ["d/1.wav", "d/star.wav", "d/#.wav"]);
    scene.bye();
    scene.ends_clean();
}

#[test]
fn a_hang_up_while_words_are_loaded_ends_the_call() {
    let mut scene = on_start("utils.spell(\"111\", d/);");
    scene.agent().add_prompts(&["d/1.wav"]);
    scene.peer().invite();
    scene.run(100);
    scene.peer().ack("");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn the_length_of_a_ring_tone_counts_its_pauses() {
    let mut scene = on_start("utils.playRingTone(2000, 400, 200, 425, 0);");
    scene.open_studio();
    scene.call();
    scene.run(4000);
    let (pcm, _) = scene.heard();
    let loud = |frame: &&[i16]| frame.iter().any(|sample| sample.unsigned_abs() > 1000);
    let loud = pcm.chunks(160).filter(loud).count();
    // 400 ms on and 200 ms off: three times and the 200 ms that are left.
    assert!((68..=72).contains(&loud), "{loud} frames of 20 ms");
    scene.bye();
    scene.ends_clean();
}

#[test]
fn ids_and_random_numbers_of_two_sessions_differ() {
    let mut scene = on_start("utils.getNewId(a); utils.getNewId(b); utils.rand(c);");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2 {
        scene.peer().new_call("test");
        scene.call();
        let told = told(&mut scene);
        seen.extend(["a", "b", "c"].map(|name| told[name].clone()));
        scene.bye();
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
    scene.ends_clean();
}
