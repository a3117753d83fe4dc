//! `mod_xml`: XML documents of a session: read, asked with XPath, changed, written. `README.md` says what it does.

mod document;
mod evaluation;
mod library;
mod messages;
mod objects;
mod query;
mod read;
mod results;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_xml",
    doc: "XML documents: read, asked with XPath, changed and written.",
    load: read::load,
    actions: [
        read::PARSE,
        read::PARSE_BODY,
        read::DUMP,
        read::SET_LOGLEVEL,
        query::EVALUATE,
        results::COUNT,
        results::GET,
        results::PRINT,
        results::UPDATE,
    ],
}
