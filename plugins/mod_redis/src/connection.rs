//! The connection of a session. It is made again by the next command after it was lost.

use std::collections::VecDeque;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError};
use tokio::sync::Mutex;

use crate::address::Address;
use crate::reply::Reply;

/// The most commands that wait to be sent together.
const MAX_QUEUED: usize = 10_000;

/// A connection of a session.
pub struct Connection {
    address: Address,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    line: Option<MultiplexedConnection>,
    queued: Vec<Cmd>,
    replies: VecDeque<Reply>,
}

/// Why a command brought no reply.
#[derive(Debug)]
pub enum Broken {
    /// There is no connection, or no longer.
    Connection(String),
    /// The reply cannot be read, or there is none to come.
    Read(String),
    /// Too many commands wait.
    TooMany,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Broken::Connection`].
    pub async fn open(address: Address, timeout: Duration) -> Result<Self, Broken> {
        let line = connect(&address, timeout).await?;
        let state = State {
            line: Some(line),
            ..State::default()
        };
        Ok(Self {
            address,
            timeout,
            state: Mutex::new(state),
        })
    }

    /// Sends a command and waits for its reply.
    ///
    /// # Errors
    /// [`Broken`].
    pub async fn execute(&self, command: Cmd) -> Result<Reply, Broken> {
        let mut state = self.state.lock().await;
        let mut replies = self.exchange(&mut state, vec![command]).await?;
        let none = || Broken::Read("the server sent no reply".to_owned());
        replies.pop_front().ok_or_else(none)
    }

    /// Has a command wait until a reply is asked for.
    ///
    /// # Errors
    /// [`Broken::TooMany`].
    pub async fn queue(&self, command: Cmd) -> Result<(), Broken> {
        let mut state = self.state.lock().await;
        if state.queued.len() + state.replies.len() >= MAX_QUEUED {
            return Err(Broken::TooMany);
        }
        state.queued.push(command);
        Ok(())
    }

    /// The next reply to the commands that were queued; the first one sends them all.
    ///
    /// # Errors
    /// [`Broken`].
    pub async fn next_reply(&self) -> Result<Reply, Broken> {
        let mut state = self.state.lock().await;
        if state.replies.is_empty() && !state.queued.is_empty() {
            let commands = std::mem::take(&mut state.queued);
            state.replies = self.exchange(&mut state, commands).await?;
        }
        let none = || Broken::Read("no command was appended whose reply is still to come".into());
        state.replies.pop_front().ok_or_else(none)
    }

    async fn exchange(
        &self,
        state: &mut State,
        commands: Vec<Cmd>,
    ) -> Result<VecDeque<Reply>, Broken> {
        let line = match &mut state.line {
            Some(line) => line,
            empty => empty.insert(connect(&self.address, self.timeout).await?),
        };
        let count = commands.len();
        let mut pipeline = Pipeline::with_capacity(count);
        for command in commands {
            pipeline.add_command(command);
        }
        match line.send_packed_commands(&pipeline, 0, count).await {
            Ok(values) => Ok(values.into_iter().map(Reply::read).collect()),
            Err(error) => {
                // Whatever it was: the next command begins anew.
                state.line = None;
                Err(broken(&error))
            }
        }
    }
}

async fn connect(address: &Address, timeout: Duration) -> Result<MultiplexedConnection, Broken> {
    let info = address.info().map_err(|error| broken(&error))?;
    let client = Client::open(info).map_err(|error| broken(&error))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(address.connect_timeout))
        .set_response_timeout(Some(timeout));
    let line = client.get_multiplexed_async_connection_with_config(&config);
    line.await.map_err(|error| Broken::Connection(text(&error)))
}

fn broken(error: &RedisError) -> Broken {
    match error.kind() {
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Broken::Read(text(error)),
        _ => Broken::Connection(text(error)),
    }
}

fn text(error: &RedisError) -> String {
    match error {
        error if error.is_timeout() => "no answer in time".to_owned(),
        error => error.to_string(),
    }
}
