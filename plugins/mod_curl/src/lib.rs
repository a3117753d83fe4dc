//! `mod_curl`: HTTP requests. `README.md` says what it does.

mod actions;
mod client;
mod config;
mod request;
mod response;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_curl",
    doc: "HTTP requests.",
    load: client::load,
    actions: [
        actions::GET,
        actions::GET_DISCARD_RESULT,
        actions::GET_FILE,
        actions::GET_FORM,
        actions::POST,
        actions::POST_DISCARD_RESULT,
        actions::PUT,
        actions::DELETE,
    ],
}
