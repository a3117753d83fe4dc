//! Log lines as programs read them: byte for byte those of the library's own format with the fields of the event
//! at the top, for a fraction of the work.
//!
//! The library keeps the fields of a span as an object in text, and reads that text twice for every line. Here it
//! is copied. What is not a plain string or a number is left to the serializer.

use std::fmt::{self, Debug};
use std::io;
use std::time::SystemTime;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::{is_plain, write_time};
use crate::decimal::write_number;

/// One event as an object. Writes what [`tracing_subscriber::fmt::format::Json`] does.
///
/// There is one difference: a number with a fraction in a span, which the library reads with an error of its last
/// digit now and then.
#[derive(Debug)]
pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("{\"timestamp\":\"")?;
        write_time(&mut writer, SystemTime::now())?;
        writer.write_str("\",\"level\":\"")?;
        writer.write_str(event.metadata().level().as_str())?;
        writer.write_str("\"")?;
        let mut fields = JsonVisitor {
            writer: writer.by_ref(),
            result: Ok(()),
        };
        event.record(&mut fields);
        fields.result?;
        writer.write_str(",\"target\":")?;
        write_text(&mut writer, event.metadata().target())?;
        // As the library has it: the span is the event's, the spans are those of the thread.
        let current = context.lookup_current();
        let own = event.parent().and_then(|parent| context.span(parent));
        if let Some(span) = own.as_ref().or(current.as_ref()) {
            writer.write_str(",\"span\":")?;
            write_span(&mut writer, span)?;
            writer.write_str(",\"spans\":[")?;
            if let Some(span) = &current {
                write_spans(&mut writer, span)?;
            }
            writer.write_str("]")?;
        }
        writer.write_str("}\n")
    }
}

/// The outermost span comes first.
fn write_spans<S>(writer: &mut Writer<'_>, span: &SpanRef<'_, S>) -> fmt::Result
where
    S: for<'a> LookupSpan<'a>,
{
    if let Some(parent) = span.parent() {
        write_spans(writer, &parent)?;
        writer.write_str(",")?;
    }
    write_span(writer, span)
}

fn write_span<S>(writer: &mut Writer<'_>, span: &SpanRef<'_, S>) -> fmt::Result
where
    S: for<'a> LookupSpan<'a>,
{
    writer.write_str("{")?;
    let extensions = span.extensions();
    let fields = extensions.get::<FormattedFields<JsonFields>>();
    let inner = fields.and_then(|text| text.strip_prefix('{')?.strip_suffix('}'));
    if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
        writer.write_str(inner)?;
        writer.write_str(",")?;
    }
    writer.write_str("\"name\":")?;
    write_text(writer, span.name())?;
    writer.write_str("}")
}

/// Writes each field with a comma before it.
struct JsonVisitor<'a> {
    writer: Writer<'a>,
    result: fmt::Result,
}

impl<'a> JsonVisitor<'a> {
    fn named(&mut self, field: &Field, write: impl FnOnce(&mut Writer<'a>) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = self
                .begin(field.name())
                .and_then(|()| write(&mut self.writer));
        }
    }

    fn begin(&mut self, name: &str) -> fmt::Result {
        self.writer.write_str(",")?;
        write_text(&mut self.writer, name)?;
        self.writer.write_str(":")
    }
}

impl Visit for JsonVisitor<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.named(field, |writer| write_json(writer, &value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.named(field, |writer| write_number(writer, value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.named(field, |writer| write_json(writer, &value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.named(field, |writer| write_json(writer, &value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.named(field, |writer| write_text(writer, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.named(field, |writer| {
            write_json(writer, &format_args!("{value:?}"))
        });
    }
}

fn write_text(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    if !is_plain(text) {
        return write_json(writer, text);
    }
    writer.write_str("\"")?;
    writer.write_str(text)?;
    writer.write_str("\"")
}

fn write_json(writer: &mut Writer<'_>, value: &(impl Serialize + ?Sized)) -> fmt::Result {
    serde_json::to_writer(Pieces(writer), value).map_err(|_| fmt::Error)
}

/// The serializer writes bytes, whole characters at a time.
struct Pieces<'a, 'w>(&'a mut Writer<'w>);

impl io::Write for Pieces<'_, '_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(piece).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
