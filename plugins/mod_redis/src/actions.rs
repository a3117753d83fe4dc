//! The actions.

use std::sync::Arc;
use std::time::Duration;

use muleteer_sdk::module::*;
use redis::Cmd;

use crate::address::Address;
use crate::command;
use crate::connection::{Broken, Connection};

/// The name of the session's connection among its objects.
const CONNECTION: &str = "db_redis.con";
/// The variable of the configuration that names the server.
const DEFAULT_URL: &str = "config.redis_db_url";
/// How long a server may take for a reply.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A lost connection is made again before the command is sent: both have their own limit.
const DEADLINE: Duration = Duration::from_secs(70);

const COMMAND: Parameter = need("command", Kind::Raw);

pub const CONNECT: Action = action("redis.connect", connect)
    .doc("Connects the session to a server, that of $config.redis_db_url if no URL is written.")
    .parameters(&[may("url", Kind::Value)])
    .errno(&["arg", "connection"])
    .cancellable()
    .example(Example {
        code: "redis.connect(\"http://localhost\")",
        expect: &[("errno", "arg")],
    });

pub const DISCONNECT: Action = action("redis.disconnect", disconnect)
    .doc("Closes the connection.")
    .errno(&["connection"])
    .example(Example {
        code: "redis.disconnect()",
        expect: &[("errno", "connection")],
    });

pub const EXEC_COMMAND: Action = action("redis.execCommand", exec_command)
    .doc(
        "Sends a command and stores its reply: an array as $v[0].., nothing as `nil` and $v.nil. A value in \
         the command is one argument, whatever it holds.",
    )
    .parameters(&[need("variable", Kind::Name), COMMAND])
    .equals()
    .errno(&["arg", "connection", "read", "write"])
    .cancellable()
    .example(Example {
        code: "redis.execCommand($v=get k)",
        expect: &[("errno", "connection")],
    });

pub const APPEND_COMMAND: Action = action("redis.appendCommand", append_command)
    .doc("Has a command wait; redis.getReply sends all that wait together.")
    .parameters(&[COMMAND])
    .errno(&["arg", "connection"]);

pub const GET_REPLY: Action = action("redis.getReply", get_reply)
    .doc("Stores the next reply to the commands that were appended: one call for each of them.")
    .parameters(&[need("variable", Kind::Name)])
    .errno(&["connection", "read", "write"])
    .cancellable();

/// Takes no configuration.
pub fn load(host: &Host) -> Result<(), String> {
    let config: serde_json::Value =
        serde_json::from_str(host.config()).map_err(|error| error.to_string())?;
    match config.as_object().and_then(|keys| keys.keys().next()) {
        None => Ok(()),
        Some(key) => Err(format!("[module.redis] has no key {key:?}: it has none")),
    }
}

fn connect(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let url = match args.text(0) {
        "" => cx.var(DEFAULT_URL).unwrap_or_default(),
        url => url.to_owned(),
    };
    if url.is_empty() {
        let text = format!("no URL is written, and ${DEFAULT_URL} is empty");
        return Err(Failure::errno("arg", text));
    }
    let address = Address::parse(&url).map_err(|error| Failure::errno("arg", error))?;
    Ok(cx.later(
        address.connect_timeout + TIMEOUT,
        Connection::open(address, TIMEOUT),
        |cx, opened| {
            cx.set_object(CONNECTION, Arc::new(opened.map_err(failure)?))?;
            Ok(Flow::Next)
        },
    ))
}

fn disconnect(cx: &mut Context<'_>, _: &Args<'_>) -> Result<Flow, Failure> {
    connection(cx)?;
    cx.remove_object(CONNECTION);
    Ok(Flow::Next)
}

fn exec_command(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let (connection, command) = (connection(cx)?, command_of(cx, args.text(1))?);
    let variable = args.name(0).to_owned();
    Ok(cx.later(
        DEADLINE,
        async move { connection.execute(command).await },
        move |cx, reply| reply.map_err(failure)?.store(cx, &variable),
    ))
}

fn append_command(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let (connection, command) = (connection(cx)?, command_of(cx, args.text(0))?);
    Ok(cx.later(
        TIMEOUT,
        async move { connection.queue(command).await },
        |_, queued| queued.map(|()| Flow::Next).map_err(failure),
    ))
}

fn get_reply(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let connection = connection(cx)?;
    let variable = args.name(0).to_owned();
    Ok(cx.later(
        DEADLINE,
        async move { connection.next_reply().await },
        move |cx, reply| reply.map_err(failure)?.store(cx, &variable),
    ))
}

fn connection(cx: &Context<'_>) -> Result<Arc<Connection>, Failure> {
    let missing = || Failure::errno("connection", "the session is not connected to Redis");
    cx.object::<Connection>(CONNECTION).ok_or_else(missing)
}

/// The command of a text, with the values of its references.
fn command_of(cx: &Context<'_>, text: &str) -> Result<Cmd, Failure> {
    let arguments = command::split(text).map_err(|why| Failure::errno("arg", why))?;
    let arguments = arguments.iter().map(|argument| cx.resolve(argument));
    Ok(command::command(&arguments.collect::<Vec<_>>()))
}

fn failure(broken: Broken) -> Failure {
    match broken {
        Broken::Connection(text) => Failure::errno("connection", text),
        Broken::Read(text) => Failure::errno("read", text),
        Broken::TooMany => Failure::errno("arg", "too many commands wait to be sent"),
    }
}
