//! Muleteer: a SIP media server that is programmed with state diagrams.
//!
//! A SIP user agent ([`sip`], [`net`]) hands accepted calls to a session engine ([`session`]); the
//! behaviour of a call comes from a state diagram ([`dsm`]); what is heard comes from media threads
//! ([`media`], over [`rtp`], [`codec`] and [`audio`]). `docs/architecture.md` walks one call through
//! all of them.
//!
//! Modules marked CORE own no socket, thread, clock or file: they take `now` and input and give
//! output, so whole calls run in tests in virtual time. SHELL modules do the input and output and
//! decide nothing.

pub mod audio; // CORE: frames, files, resampling, playlists, recorders
pub mod cli; // SHELL: the command line: arguments, logging, `check`
pub mod codec; // CORE: one file per codec behind `Encoder` and `Decoder`
pub mod config; // text to typed configuration, once
pub mod control; // functions that diagrams and operators call by name
pub mod counter; // counters and gauges
pub(crate) mod decimal; // numbers and addresses, written fast
pub mod deployment; // SHELL: diagrams and what belongs to them, read from disk
pub mod dsm; // CORE: the state diagram language: front end, program, engine
pub(crate) mod excerpt; // what peers wrote, cut for log lines
pub mod ids; // random identifiers
pub mod lsp; // CORE: the language server for editors
pub mod media; // CORE core.rs and what it drives; SHELL thread, sockets, ports, control_port, pool, room_handle, file_*
pub mod net; // SHELL: SIP sockets and the signalling task
pub mod plugin; // SHELL: shared objects that are loaded at the start
pub mod rtp; // CORE: packets, telephone events, jitter buffer
pub mod sdp; // CORE: session descriptions, offer and answer
pub mod server; // wiring: builds all parts, starts and ends them
pub mod session; // CORE but for task.rs, pool.rs, prompts.rs, recordings.rs, local
pub mod sip; // CORE: messages, transactions, dialogs
pub mod stats; // every counter under its name
pub mod suggest; // "did you mean"
mod throttle; // one log line for what a flood repeats

#[cfg(test)]
pub(crate) mod probe; // how tests listen
