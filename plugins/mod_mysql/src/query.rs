//! Statements and their results.

use std::sync::Arc;

use muleteer_sdk::module::{
    Action, Args, Condition, Context, Failure, Flow, Kind, action, condition, may, need,
};

use crate::connection::Rows;
use crate::problem::Problem;
use crate::session::{self, run};
use crate::table::{Outcome, Table};

/// The name of the current result.
const RESULT: &str = "db.res";

/// `mysql.execute`
pub const EXECUTE: Action = action("mysql.execute", execute)
    .doc("Runs a statement and drops what it selects.")
    .parameters(&[need("statement", Kind::Sql)])
    .errno(&["connection", "query"])
    .sets(&[
        "$db.rows",
        "$db.insert_id",
        "$db.info",
        "$db.errno",
        "$db.ereason",
    ]);

/// `mysql.query`
pub const QUERY: Action = action("mysql.query", query)
    .doc("Runs a statement and keeps what it selects, for mysql.getResult.")
    .parameters(&[need("statement", Kind::Sql)])
    .errno(&["connection", "query", "result"])
    .sets(&["$db.rows", "$db.insert_id", "$db.errno", "$db.ereason"]);

/// `mysql.queryGetResult`
pub const QUERY_GET_RESULT: Action = action("mysql.queryGetResult", query_get_result)
    .doc("Runs a statement and assigns the columns of one row, the first if none is named, to variables of their names.")
    .parameters(&[need("statement", Kind::Sql), may("row", Kind::Value)])
    .last_comma()
    .errno(&["connection", "query", "arg", "result"])
    .sets(&["$db.rows", "$db.errno", "$db.ereason"])
    .assigns_any();

/// `mysql.getResult`
pub const GET_RESULT: Action = action("mysql.getResult", get_result)
    .doc("Assigns the columns of a row of the result, or one of them, to variables of their names.")
    .parameters(&[may("row", Kind::Value), may("column", Kind::Value)])
    .errno(&["arg", "result"])
    .assigns_any();

/// `mysql.saveResult`
pub const SAVE_RESULT: Action = action("mysql.saveResult", save_result)
    .doc("Keeps the result under another name too.")
    .parameters(&[need("name", Kind::NameValue)]);

/// `mysql.useResult`
pub const USE_RESULT: Action = action("mysql.useResult", use_result)
    .doc("Makes a result that was saved the current one.")
    .parameters(&[need("name", Kind::NameValue)]);

/// `mysql.resolveQueryParams`
pub const RESOLVE: Action = action("mysql.resolveQueryParams", resolve)
    .doc("Shows a statement with the values of its references.")
    .parameters(&[need("statement", Kind::Sql)])
    .errno(&["query"])
    .sets(&["$db.qstr", "$db.errno", "$db.ereason"])
    .example(muleteer_sdk::module::Example {
        code: "set($table=calls); set($user=\"O'Neil\"); \
               mysql.resolveQueryParams(SELECT id FROM $table WHERE user='$user')",
        expect: &[("db.qstr", "SELECT id FROM calls WHERE user='O\\'Neil'")],
    });

/// `mysql.hasResult`
pub const HAS_RESULT: Condition = condition("mysql.hasResult", |cx, _| {
    Ok(cx
        .object::<Table>(RESULT)
        .is_some_and(|table| !table.rows.is_empty()))
})
.doc("The result has at least one row.");

fn execute(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    run(cx, args.text(0), Rows::Counted, |cx, outcome| {
        counted(cx, &outcome)?;
        cx.set("db.info", "")?;
        Ok(Flow::Next)
    })
}

fn counted(cx: &mut Context<'_>, outcome: &Outcome) -> Result<(), Failure> {
    cx.set("db.rows", outcome.count.to_string())?;
    cx.set("db.insert_id", outcome.insert_id.to_string())
}

fn query(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    run(cx, args.text(0), Rows::Kept, |cx, mut outcome| {
        match outcome.table.take() {
            Some(table) => {
                cx.set_object(RESULT, Arc::new(table))?;
                cx.set("db.rows", outcome.count.to_string())?;
            }
            None => {
                cx.remove_object(RESULT);
                counted(cx, &outcome)?;
            }
        }
        Ok(Flow::Next)
    })
}

fn query_get_result(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let row = row(args.text(1))?;
    run(cx, args.text(0), Rows::Kept, move |cx, outcome| {
        let table = outcome.table.unwrap_or_default();
        assign(cx, &table, row, None)?;
        cx.set("db.rows", outcome.count.to_string())?;
        Ok(Flow::Next)
    })
}

fn get_result(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let row = row(args.text(0))?;
    let table = cx.object::<Table>(RESULT);
    let table = table.ok_or_else(|| Failure::errno("result", "there is no result"))?;
    let column = Some(args.text(1)).filter(|column| !column.is_empty());
    assign(cx, &table, row, column)?;
    Ok(Flow::Next)
}

/// The number of a row, from 0.
fn row(text: &str) -> Result<usize, Failure> {
    let text = text.trim();
    match text.is_empty() {
        true => Ok(0),
        false => {
            let number = text.parse();
            number.map_err(|_| Failure::errno("arg", format!("{text:?} is no number of a row")))
        }
    }
}

/// Assigns the columns of a row to variables of their labels.
fn assign(
    cx: &mut Context<'_>,
    table: &Table,
    row: usize,
    column: Option<&str>,
) -> Result<(), Failure> {
    let Some(cells) = table.rows.get(row) else {
        let text = format!("there is no row {row} among {}", table.rows.len());
        return Err(Problem::result(text).told(cx));
    };
    let mut is_found = column.is_none();
    for (label, cell) in table.labels.iter().zip(cells) {
        if column.is_some_and(|column| !column.eq_ignore_ascii_case(label)) {
            continue;
        }
        is_found = true;
        let null = format!("db.null.{label}");
        match cell {
            Some(bytes) => {
                cx.set(label, String::from_utf8_lossy(bytes))?;
                cx.remove(&null);
            }
            None => {
                cx.set(label, "")?;
                cx.set(&null, "true")?;
            }
        }
    }
    match is_found {
        true => Ok(()),
        false => Err(Failure::errno("result", "the result has no such column")),
    }
}

fn save_result(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    match cx.object::<Table>(RESULT) {
        Some(table) => cx.set_object(args.text(0), table)?,
        None => forget(cx, args.text(0)),
    }
    Ok(Flow::Next)
}

fn use_result(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    match cx.object::<Table>(args.text(0)) {
        Some(table) => cx.set_object(RESULT, table)?,
        None => cx.remove_object(RESULT),
    }
    Ok(Flow::Next)
}

/// Removes a result, and no other object.
fn forget(cx: &mut Context<'_>, name: &str) {
    if cx.object::<Table>(name).is_some() {
        cx.remove_object(name);
    }
}

fn resolve(cx: &mut Context<'_>, args: &Args<'_>) -> Result<Flow, Failure> {
    let statement = session::statement(cx, args.text(0))?;
    cx.set("db.qstr", statement.inlined())?;
    Ok(Flow::Next)
}
