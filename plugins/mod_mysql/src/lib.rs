//! MySQL and MariaDB for state diagrams: `mysql.*`. README.md has the whole picture.

mod blob;
mod config;
mod connection;
mod escape;
mod pool;
mod problem;
mod query;
mod session;
mod statement;
mod table;
mod url;

use muleteer_sdk::module::export_module;

export_module! {
    name: "mod_mysql",
    doc: "Statements, results, sound and files of a MySQL or MariaDB database.",
    load: config::load,
    actions: [
        session::CONNECT,
        session::DISCONNECT,
        query::EXECUTE,
        query::QUERY,
        query::QUERY_GET_RESULT,
        query::GET_RESULT,
        query::SAVE_RESULT,
        query::USE_RESULT,
        query::RESOLVE,
        session::ESCAPE,
        session::CLIENT_VERSION,
        blob::PLAY,
        blob::PLAY_FRONT,
        blob::PLAY_LOOPED,
        blob::GET_FILE,
        blob::PUT_FILE,
    ],
    conditions: [session::CONNECTED, query::HAS_RESULT],
}
