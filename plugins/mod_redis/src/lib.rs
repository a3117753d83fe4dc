//! `mod_redis`: a connection to a Redis server for each session. `README.md` says what it does.

mod actions;
mod address;
mod command;
mod connection;
mod reply;

use muleteer_sdk::module::*;

export_module! {
    name: "mod_redis",
    doc: "Redis: commands, one by one or many at once.",
    load: actions::load,
    actions: [
        actions::CONNECT,
        actions::DISCONNECT,
        actions::EXEC_COMMAND,
        actions::APPEND_COMMAND,
        actions::GET_REPLY,
    ],
}
