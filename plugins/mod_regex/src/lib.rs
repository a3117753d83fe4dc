//! `mod_regex`: regular expressions by name. `README.md` says what it does.

mod expressions;
mod load;
mod matching;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_regex",
    doc: "Regular expressions, kept by name for all calls of the server.",
    load: load::load,
    actions: [matching::COMPILE, matching::MATCH, matching::CLEAR],
    conditions: [matching::MATCHES],
}
