//! `muleteer lsp`: the language server over standard input and output.
#![allow(clippy::disallowed_methods)]

use std::io::{self, BufReader, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use serde::Serialize;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use super::output::complain;
use super::{Exit, LspArgs};
use crate::dsm::loader::FileSystem;
use crate::lsp::Server;
use crate::lsp::framing::{self, Incoming};

/// Messages that were read and not looked at yet. The client waits meanwhile.
const WAITING: usize = 256;

/// Runs the command until the client says `exit` or closes the stream.
pub fn run(args: &LspArgs) -> Exit {
    log_to_stderr();
    let (sender, incoming) = sync_channel(WAITING);
    // Standard input cannot be read and watched at once; the thread ends with the process.
    thread::spawn(move || read_all(&sender));
    let server = Server::new(Box::new(FileSystem), args.modules.registry());
    match serve(server, &incoming, &mut io::stdout().lock()) {
        Ok(true) => Exit::Good,
        Ok(false) => Exit::Input,
        Err(error) => {
            complain!("muleteer lsp: cannot write to the client: {error}");
            Exit::Usage
        }
    }
}

/// Answers until the end; says whether the client ended the session as it should.
fn serve(
    mut server: Server,
    incoming: &Receiver<Incoming>,
    out: &mut impl Write,
) -> io::Result<bool> {
    while let Ok(first) = incoming.recv() {
        take(&mut server, first, out)?;
        loop {
            // What came meanwhile may cancel what waits, or make it stale.
            for more in incoming.try_iter() {
                take(&mut server, more, out)?;
            }
            let Some(messages) = server.work() else { break };
            for message in messages {
                send(out, &message)?;
            }
        }
        if let Some(well) = server.ended() {
            return Ok(well);
        }
    }
    Ok(false)
}

fn take(server: &mut Server, incoming: Incoming, out: &mut impl Write) -> io::Result<()> {
    match incoming {
        Incoming::Message(message) => {
            server.receive(message);
            Ok(())
        }
        Incoming::Malformed(answer) => {
            tracing::warn!("malformed message: {answer}");
            send(out, &answer)
        }
    }
}

fn read_all(sender: &SyncSender<Incoming>) {
    let mut stream = BufReader::new(io::stdin());
    loop {
        match framing::read(&mut stream) {
            Ok(Some(incoming)) => {
                if sender.send(incoming).is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                complain!("muleteer lsp: cannot read from the client: {error}");
                return;
            }
        }
    }
}

fn send(out: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut value = serde_json::to_value(message)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("jsonrpc".into(), "2.0".into());
    }
    let body = value.to_string();
    write!(out, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    out.flush()
}

/// Standard output belongs to the protocol.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false);
    // Only the first subscriber of a process counts, and this is it.
    let _ = subscriber.try_init();
}
