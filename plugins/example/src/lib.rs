//! `mod_example`: every part of the module contract once. See the README.

mod sessions;
mod sound;
mod texts;
mod waiting;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_example",
    doc: "Every part of the module contract once.",
    load: sessions::load,
    actions: [
        texts::JOIN,
        texts::SHOUT,
        texts::COPY,
        texts::FAIL,
        sessions::COUNT,
        sessions::ABOUT,
        sessions::SIGN,
        sessions::TIMER,
        waiting::WAIT,
        waiting::WORK,
        waiting::REVERSE,
        waiting::REMIND,
        sound::BEEP,
    ],
    conditions: [texts::IS_EVEN, waiting::AFTER],
    events: [waiting::TOLD],
    hooks: Hooks {
        session_start: Some(sessions::greet),
        before_destroy: Some(sessions::say_goodbye),
        sdp_offer: Some(sessions::sign_offer),
        sdp_answer: Some(sessions::sign_answer),
        diagrams: Some(sound::diagrams),
        ..Hooks::NONE
    },
}
