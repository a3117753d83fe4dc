//! What a statement gives: rows of texts.

use mysql_async::consts::ColumnType;
use mysql_async::{Column, Row, Value};

/// The most rows that a result has.
pub const MAX_ROWS: usize = 100_000;
/// The most bytes that they have together.
pub const MAX_BYTES: usize = 64 << 20;

/// The content of a column; `None` is NULL.
pub type Cell = Option<Vec<u8>>;

/// The rows of a result.
#[derive(Debug, Default)]
pub struct Table {
    pub labels: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

/// What a statement did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The rows, if it is one that gives any and they were asked for.
    pub table: Option<Table>,
    /// Rows that there are, or were changed.
    pub count: u64,
    pub insert_id: u64,
}

impl Outcome {
    /// The first column of the first row.
    pub fn first_cell(&mut self) -> Option<Vec<u8>> {
        let row = self.table.as_mut()?.rows.first_mut()?;
        row.first_mut()?.take()
    }
}

/// The cells of a row, as the database writes them in texts. Rows of statements with bound values come
/// with numbers and times in a form of their own.
pub fn cells(row: Row) -> Vec<Cell> {
    let columns = row.columns();
    let values = row.unwrap_raw().into_iter();
    let cell = |(value, column): (Option<Value>, &Column)| text(value?, column);
    values.zip(columns.iter()).map(cell).collect()
}

fn text(value: Value, column: &Column) -> Cell {
    let text = match value {
        Value::NULL => return None,
        Value::Bytes(bytes) => return Some(bytes),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) => {
            fraction(f64::from(number), number.to_string(), format!("{number:e}"))
        }
        Value::Double(number) => fraction(number, number.to_string(), format!("{number:e}")),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let date = format!("{year:04}-{month:02}-{day:02}");
            match column.column_type() {
                ColumnType::MYSQL_TYPE_DATE | ColumnType::MYSQL_TYPE_NEWDATE => date,
                _ => format!(
                    "{date} {hour:02}:{minute:02}:{second:02}{}",
                    micro(micros, column)
                ),
            }
        }
        Value::Time(is_negative, days, hours, minutes, seconds, micros) => {
            let sign = if is_negative { "-" } else { "" };
            let hours = days * 24 + u32::from(hours);
            format!(
                "{sign}{hours:02}:{minutes:02}:{seconds:02}{}",
                micro(micros, column)
            )
        }
    };
    Some(text.into_bytes())
}

/// Large and small numbers with an exponent, as the database does.
fn fraction(number: f64, plain: String, exponential: String) -> String {
    match number == 0.0 || (1e-15..1e15).contains(&number.abs()) {
        true => plain,
        false => exponential,
    }
}

/// As many digits of a second as the column has.
fn micro(micros: u32, column: &Column) -> String {
    match usize::from(column.decimals()) {
        digits @ 1..=6 => format!(".{}", &format!("{micros:06}")[..digits]),
        _ => String::new(),
    }
}
