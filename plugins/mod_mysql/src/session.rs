//! The connection as a script sees it.

use std::sync::Arc;
use std::time::Duration;

use muleteer_sdk::module::{
    Action, Args, Condition, Context, Deadline, Failure, Flow, Kind, action, condition, may, need,
};

use crate::config::config;
use crate::connection::{Connection, Rows};
use crate::escape::{Marks, Mode, escape};
use crate::pool;
use crate::problem::Problem;
use crate::statement::{Statement, Unusable, Values};
use crate::table::Outcome;
use crate::url::Target;

/// The names of the objects that a session keeps.
const CONNECTION: &str = "db.con";
const MARKS: &str = "db.escaped";

/// The client library, as Cargo.lock has it.
const CLIENT: &str = "mysql_async 0.37.1";

/// How much later than our own deadlines the SDK gives up.
const GRACE: Duration = Duration::from_secs(2);

/// `mysql.connect`
pub const CONNECT: Action = action("mysql.connect", connect)
    .doc("Connects the session with a database; without a URL with that of $config.db_url.")
    .parameters(&[may("url", Kind::Value)])
    .errno(&["arg", "config", "connection"])
    .sets(&["$db.errno", "$db.ereason"]);

/// `mysql.disconnect`
pub const DISCONNECT: Action = action("mysql.disconnect", disconnect)
    .doc("Gives the connection of the session back; what is open in it is undone.")
    .errno(&["connection"]);

/// `mysql.escape`
pub const ESCAPE: Action = action("mysql.escape", escape_value)
    .doc("Makes a text safe to stand between quotes in a statement. References in statements are safe without it.")
    .parameters(&[need("variable", Kind::Name), need("text", Kind::Value)])
    .equals()
    .errno(&["connection"])
    .escapes();

/// `mysql.getClientVersion`
pub const CLIENT_VERSION: Action = action("mysql.getClientVersion", client_version)
    .doc("Tells the version of the client library; without a name in $db.client_version.")
    .parameters(&[may("variable", Kind::NameValue)])
    .errno(&["connection"])
    .sets(&["$db.client_version"]);

/// `mysql.connected`
pub const CONNECTED: Condition = condition("mysql.connected", |cx, _| {
    Ok(cx
        .object::<Connection>(CONNECTION)
        .is_some_and(|connection| connection.answers()))
})
.doc("There is a connection, and it answered when it was used or asked last.");

/// What a script gets when it did not connect.
fn not_connected() -> Failure {
    Failure::errno(
        "connection",
        "there is no connection; use mysql.connect first",
    )
}

/// How long an action waits for work that has deadlines of its own.
pub fn deadline() -> Deadline {
    Deadline::new(config().timeout() + GRACE).failing("connection", "no answer in time")
}

/// The connection of the session.
///
/// # Errors
/// `connection`.
pub fn connection(cx: &Context<'_>) -> Result<Arc<Connection>, Failure> {
    cx.object(CONNECTION).ok_or_else(not_connected)
}

/// How values are escaped for the session's connection, or for any if there is none.
pub fn mode(cx: &Context<'_>) -> Mode {
    connection(cx).map_or(Mode::Backslash, |connection| connection.mode())
}

/// Replaces the references of a statement by values of the session.
///
/// # Errors
/// `query` for what cannot be a statement.
pub fn statement(cx: &mut Context<'_>, text: &str) -> Result<Statement, Failure> {
    let statement = Statement::new(text, &SessionValues::new(cx), mode(cx));
    statement.map_err(|unusable| Problem::unusable(unusable.text()).told(cx))
}

/// The same for a statement that stores a file.
///
/// # Errors
/// `arg` if it has no place for the file, else `query`.
pub fn statement_with_file(cx: &mut Context<'_>, text: &str) -> Result<Statement, Failure> {
    let statement = Statement::with_file(text, &SessionValues::new(cx), mode(cx));
    statement.map_err(|unusable| match unusable {
        Unusable::NoFile | Unusable::FileInText => Problem::Arg(unusable.text()).told(cx),
        _ => Problem::unusable(unusable.text()).told(cx),
    })
}

/// Runs a statement of the script, then goes on with `done`.
///
/// # Errors
/// `connection` and `query`, before anything runs.
pub fn run(
    cx: &mut Context<'_>,
    text: &str,
    rows: Rows,
    done: impl FnOnce(&mut Context<'_>, Outcome) -> Result<Flow, Failure> + Send + 'static,
) -> Result<Flow, Failure> {
    let connection = connection(cx)?;
    let statement = statement(cx, text)?;
    Ok(cx.later(
        deadline(),
        async move { connection.run(statement, None, rows).await },
        move |cx, outcome| match outcome {
            Ok(outcome) => done(cx, outcome),
            Err(problem) => Err(problem.told(cx)),
        },
    ))
}

fn connect(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let url = match args.text(0) {
        "" => cx.var("config.db_url").unwrap_or_default(),
        url => url.to_owned(),
    };
    if url.is_empty() {
        return Err(Failure::errno(
            "arg",
            "there is no URL: give one, or set db_url",
        ));
    }
    let target = Target::parse(&url).map_err(|problem| Failure::errno("arg", problem))?;
    let certificates = cx.var("config.mysql_ca_cert").unwrap_or_default();
    Ok(cx.later(
        deadline(),
        async move {
            let authorities = pool::authorities(&certificates).await?;
            Connection::open(pool::pool(target, authorities)?).await
        },
        |cx, opened| match opened {
            Ok(connection) => {
                cx.set_object(CONNECTION, Arc::new(connection))?;
                Ok(Flow::Next)
            }
            Err(problem) => Err(problem.told(cx)),
        },
    ))
}

fn disconnect(cx: &mut Context<'_>, _: &Args<'_>) -> Result<Flow, Failure> {
    connection(cx)?;
    cx.remove_object(CONNECTION);
    Ok(Flow::Next)
}

fn escape_value(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let mode = connection(cx)?.mode();
    let text = args.text(1);
    let mut escaped = String::with_capacity(text.len());
    escape(&mut escaped, text, '\'', mode);
    let marks = match cx.object::<Marks>(MARKS) {
        Some(marks) => marks,
        None => {
            let marks = Arc::new(Marks::default());
            cx.set_object(MARKS, marks.clone())?;
            marks
        }
    };
    marks.note(&escaped, text);
    cx.set(args.name(0), escaped)?;
    Ok(Flow::Next)
}

fn client_version(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    connection(cx)?;
    let name = match args.text(0) {
        "" => "db.client_version",
        name => name,
    };
    cx.set(name, CLIENT)?;
    Ok(Flow::Next)
}

/// The values of a session, as statements ask for them.
struct SessionValues<'a, 'b> {
    cx: &'a Context<'b>,
    marks: Option<Arc<Marks>>,
}

impl<'a, 'b> SessionValues<'a, 'b> {
    fn new(cx: &'a Context<'b>) -> Self {
        let marks = cx.object(MARKS);
        Self { cx, marks }
    }
}

impl Values for SessionValues<'_, '_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.cx.var(name)
    }

    fn has_params(&self) -> bool {
        !self.cx.params().is_empty()
    }

    fn param(&self, name: &str) -> Option<String> {
        self.cx.param(name)
    }

    fn select(&self, name: &str) -> Option<String> {
        self.cx.select(name)
    }

    fn unescaped(&self, value: &str) -> Option<String> {
        self.marks.as_ref()?.raw(value)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_that_of_the_library() {
        let lock = include_str!("../../../Cargo.lock");
        let (name, version) = super::CLIENT.split_once(' ').expect("a name and a version");
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"");
        assert!(lock.contains(&entry), "{entry} is not in Cargo.lock");
    }
}
