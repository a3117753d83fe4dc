//! `mod_json`: JSON documents of a session: read, asked, changed, written. `README.md` says what it does.

mod build;
mod document;
mod path;
mod read;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_json",
    doc: "JSON documents: read, asked, changed and written.",
    actions: [
        build::PARSE,
        build::CREATE,
        build::SET,
        build::SET_VALUE,
        build::SET_STRUCT,
        build::REMOVE,
        read::GET,
        read::TYPE,
        read::SIZE,
        read::KEYS,
        read::TO_STRUCT,
        read::QUERY,
        read::DUMP,
    ],
    conditions: [read::HAS],
}
