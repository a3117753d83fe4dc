//! The connection of a session: one from the pool, from `connect` until `disconnect` or its end.
//!
//! A statement takes the connection out of its slot and puts it back when its whole answer has been read;
//! what is given up in between is closed and not used again. The next statement opens another one.
#![allow(
    clippy::disallowed_methods,
    reason = "connections and deadlines live on the module's runtime"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mysql_async::consts::StatusFlags;
use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Conn, Params, Pool, QueryResult, Value};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::config;
use crate::escape::Mode;
use crate::problem::Problem;
use crate::statement::{Bound, Statement};
use crate::table::{MAX_BYTES, MAX_ROWS, Outcome, Table, cells};

/// A connection that was not used for so long is asked whether it still answers.
const IDLE: Duration = Duration::from_secs(1);
/// How long saying goodbye may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What becomes of the rows of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    Kept,
    Counted,
}

/// The connection of a session.
pub struct Connection {
    pool: Pool,
    slot: Mutex<Slot>,
    /// It answered when it was asked last.
    answers: AtomicBool,
    /// It takes no `\` for an escape.
    doubles_quotes: AtomicBool,
    runtime: Handle,
}

/// One connection of the pool while nobody uses it.
struct Slot {
    conn: Option<Conn>,
    in_transaction: bool,
    used: Instant,
}

impl Connection {
    /// Takes one from the pool. Runs on the module's runtime.
    ///
    /// # Errors
    /// `connection`.
    pub async fn open(pool: Pool) -> Result<Self, Problem> {
        let connection = Self {
            pool,
            slot: Mutex::new(Slot {
                conn: None,
                in_transaction: false,
                used: Instant::now(),
            }),
            answers: AtomicBool::new(false),
            doubles_quotes: AtomicBool::new(false),
            runtime: Handle::current(),
        };
        let opening = async {
            let mut slot = connection.slot.lock().await;
            let conn = connection.ready(&mut slot, "").await?;
            connection.give_back(&mut slot, conn);
            Ok(())
        };
        let late = || {
            let most = config().connections;
            let text = format!("no connection in time: no answer, or all {most} are in use");
            Problem::no_connection(text)
        };
        timeout(config().timeout(), opening)
            .await
            .map_err(|_| late())??;
        Ok(connection)
    }

    /// How values have to be escaped for it.
    pub fn mode(&self) -> Mode {
        match self.doubles_quotes.load(Ordering::Relaxed) {
            true => Mode::Doubled,
            false => Mode::Backslash,
        }
    }

    /// Whether it answered when it was asked last. If that is a while ago it is asked again, for the next
    /// time: nobody waits for it here.
    pub fn answers(self: &Arc<Self>) -> bool {
        if let Ok(slot) = self.slot.try_lock()
            && slot.used.elapsed() >= IDLE
        {
            drop(slot);
            let connection = Arc::clone(self);
            self.runtime.spawn(async move { connection.ask().await });
        }
        self.answers.load(Ordering::Relaxed)
    }

    async fn ask(&self) {
        let mut slot = self.slot.lock().await;
        let Some(mut conn) = slot.conn.take() else {
            return;
        };
        match timeout(config().timeout(), conn.ping()).await {
            Ok(Ok(())) => self.give_back(&mut slot, conn),
            _ => self.answers.store(false, Ordering::Relaxed),
        }
    }

    /// Runs a statement; `file` is the content for `__FILE__`.
    ///
    /// # Errors
    /// `connection`, `query`, or `result` if there are too many rows.
    pub async fn run(
        &self,
        statement: Statement,
        file: Option<Vec<u8>>,
        rows: Rows,
    ) -> Result<Outcome, Problem> {
        let running = self.run_in_time(statement, file, rows);
        let late = |_| Problem::lost(format!("no answer within {:?}", config().timeout()));
        let outcome = timeout(config().timeout(), running).await.map_err(late);
        if matches!(outcome, Err(_) | Ok(Err(Problem::Connection { .. }))) {
            self.answers.store(false, Ordering::Relaxed);
        }
        outcome?
    }

    async fn run_in_time(
        &self,
        statement: Statement,
        file: Option<Vec<u8>>,
        rows: Rows,
    ) -> Result<Outcome, Problem> {
        let mut slot = self.slot.lock().await;
        let mut lease = Lease {
            conn: Some(self.ready(&mut slot, &statement.text).await?),
        };
        if statement.mode != self.mode() {
            let text = "the connection was opened again and escapes in another way; try again";
            return Err(Problem::lost(text));
        }
        let conn = lease.conn.as_mut().expect("the lease has just been made");
        let outcome = match statement.bound.is_empty() {
            true => read(conn.query_iter(statement.text).await, rows).await,
            false => {
                let bound = bound(statement.bound, file);
                read(conn.exec_iter(statement.text, bound).await, rows).await
            }
        };
        if matches!(
            &outcome,
            Ok(_) | Err(Problem::Query { .. } | Problem::Result(_))
        ) && let Some(conn) = lease.conn.take()
        {
            self.give_back(&mut slot, conn);
        }
        outcome
    }

    /// A connection that answers: the one there is, or another. A transaction that was lost with its
    /// connection has to be ended by the script first, or it would take half of it for the whole.
    async fn ready(&self, slot: &mut Slot, statement: &str) -> Result<Conn, Problem> {
        if let Some(mut conn) = slot.conn.take() {
            if slot.used.elapsed() < IDLE || conn.ping().await.is_ok() {
                return Ok(conn);
            }
            self.answers.store(false, Ordering::Relaxed);
        }
        if slot.in_transaction {
            let verb = statement.split_whitespace().next().unwrap_or_default();
            let is = |word: &&str| verb.trim_end_matches(';').eq_ignore_ascii_case(word);
            slot.in_transaction = !["ROLLBACK", "COMMIT", "START", "BEGIN"].iter().any(is);
            if slot.in_transaction || is(&"COMMIT") {
                let text = "the connection was lost in a transaction, which is undone; roll back";
                return Err(Problem::lost(text));
            }
        }
        self.pool
            .get_conn()
            .await
            .map_err(|error| Problem::connecting(&error))
    }

    fn give_back(&self, slot: &mut Slot, conn: Conn) {
        if let Some(ok) = conn.last_ok_packet() {
            let status = ok.status_flags();
            slot.in_transaction = status.contains(StatusFlags::SERVER_STATUS_IN_TRANS);
            let doubles = status.contains(StatusFlags::SERVER_STATUS_NO_BACKSLASH_ESCAPES);
            self.doubles_quotes.store(doubles, Ordering::Relaxed);
        }
        slot.used = Instant::now();
        slot.conn = Some(conn);
        self.answers.store(true, Ordering::Relaxed);
    }
}

/// Gives the connection back to the pool as new. The pool would do so too, but wait for ever for a database
/// that says nothing, and the place would be lost.
impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(mut conn) = self.slot.get_mut().conn.take() {
            self.runtime.spawn(async move {
                if !matches!(
                    timeout(config().timeout(), conn.reset()).await,
                    Ok(Ok(true))
                ) {
                    // It goes in any case; the database may not hear of it.
                    let _ = timeout(FAREWELL, conn.disconnect()).await;
                }
            });
        }
    }
}

/// A connection at work. Dropped before its answer has been read, it is closed: in the pool somebody would
/// have to wait for the rest.
struct Lease {
    conn: Option<Conn>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(FAREWELL, conn.disconnect()));
        }
    }
}

fn bound(values: Vec<Bound>, mut file: Option<Vec<u8>>) -> Params {
    let value = |value| match value {
        Bound::Text(text) => Value::Bytes(text.into_bytes()),
        Bound::File => Value::Bytes(file.take().unwrap_or_default()),
    };
    Params::Positional(values.into_iter().map(value).collect())
}

/// Reads all that a statement gives; only its first result counts.
async fn read<P: Protocol>(
    result: mysql_async::Result<QueryResult<'_, '_, P>>,
    rows: Rows,
) -> Result<Outcome, Problem> {
    let failed = |error| Problem::running(&error);
    let mut result = result.map_err(failed)?;
    let Some(columns) = result.columns().filter(|columns| !columns.is_empty()) else {
        let outcome = Outcome {
            table: None,
            count: result.affected_rows(),
            insert_id: result.last_insert_id().unwrap_or_default(),
        };
        result.drop_result().await.map_err(failed)?;
        return Ok(outcome);
    };
    let mut table = Table::default();
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = result.next().await.map_err(failed)? {
        count += 1;
        if rows == Rows::Kept && count <= MAX_ROWS && bytes <= MAX_BYTES {
            let cells = cells(row);
            bytes += cells.iter().flatten().map(Vec::len).sum::<usize>();
            table.rows.push(cells);
        }
    }
    result.drop_result().await.map_err(failed)?;
    if rows == Rows::Kept && (count > MAX_ROWS || bytes > MAX_BYTES) {
        let text = format!("more than {MAX_ROWS} rows or {MAX_BYTES} bytes");
        return Err(Problem::Result(text));
    }
    table.labels = columns
        .iter()
        .map(|column| column.name_str().into_owned())
        .collect();
    Ok(Outcome {
        table: (rows == Rows::Kept).then_some(table),
        count: count as u64,
        insert_id: 0,
    })
}
