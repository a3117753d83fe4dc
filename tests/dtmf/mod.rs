//! Every key, each once: as telephone-event, as tone, by INFO; and keys sent in each way.

mod info;
mod sending;
mod tones;

use std::time::Duration;

use muleteer::audio::DtmfSender;
use muleteer::rtp::Digit;

use crate::agent::{Scene, diagram};
use crate::support::audio::SAMPLE_RATE;

/// A call to a diagram that does `actions` when the session starts, and adds a separator with its code for
/// each key, so that [`keys`] can tell.
fn scene(actions: &str, before: impl FnOnce(&mut Scene)) -> Scene {
    let text = format!(
        "initial state TALK;
         transition \"go\" TALK - sessionStart / {{ {actions} }} -> TALK;
         transition \"key\" TALK - key / {{ addSeparator(#key); }} -> TALK;
         transition \"on\" TALK - timer(#id == 4) / enableDTMFDetection(); -> TALK;
         transition \"bye\" TALK - hangup / stop(false); -> TALK;"
    );
    let mut scene = Scene::new("test", diagram("test", &text));
    scene.open_studio();
    before(&mut scene);
    scene.call();
    scene
}

/// The keys that the diagram was told of since the last time.
fn keys(scene: &mut Scene) -> String {
    let code = |words: &String| {
        let code = words.strip_prefix("append separator(")?.strip_suffix(")")?;
        Some(Digit::from_event_code(code.parse().ok()?)?.to_char())
    };
    scene.media().iter().filter_map(code).collect()
}

/// Keys of 80 ms as tones, with 70 ms between them.
fn tones(keys: &str) -> Vec<i16> {
    let mut sender = DtmfSender::new(SAMPLE_RATE);
    for key in keys.chars() {
        let digit = Digit::from_char(key).expect("a key");
        sender.queue(digit, Duration::from_millis(80));
    }
    let mut pcm = Vec::new();
    while !sender.is_idle() {
        let mut frame = [0; 160];
        sender.fill(&mut frame);
        pcm.extend(frame);
    }
    pcm
}
