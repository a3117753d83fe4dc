//! Log lines as people read them: byte for byte those of the library's own format, for a fraction of the work.
//!
//! Every call is a line at the level that a server runs at, and the library writes it a character at a time
//! through many layers. Here the common cases are written in whole pieces: a time, a name, a string without
//! anything to escape, a number. Everything else, and all that is coloured, is left to the library.

use std::error::Error;
use std::fmt::{self, Debug, Write};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::format::{DefaultFields, DefaultVisitor, Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::{is_plain, is_printable, write_time};
use crate::decimal::write_number;

/// Room that is made for a line: what one of a call has, and a little more.
const LINE: usize = 256;
/// The same for the fields of a span.
const SPAN_FIELDS: usize = 128;

/// One event as a line. Writes what [`Format`] does.
#[derive(Debug, Default)]
pub(super) struct TextLines {
    library: Format,
}

/// The fields of a span. Writes what [`DefaultFields`] does.
#[derive(Debug, Default)]
pub(super) struct TextFields {
    library: DefaultFields,
}

impl<S> FormatEvent<S, TextFields> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, TextFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if writer.has_ansi_escapes() {
            return self.library.format_event(context, writer, event);
        }
        let mut line = String::with_capacity(LINE);
        write_time(&mut Writer::new(&mut line), SystemTime::now())?;
        line.push_str(padded(*event.metadata().level()));
        if let Some(span) = context.parent_span() {
            write_spans(&mut line, &span);
            line.push(' ');
        }
        line.push_str(event.metadata().target());
        line.push_str(": ");
        let mut fields = TextVisitor::new(&mut line);
        event.record(&mut fields);
        fields.result?;
        line.push('\n');
        writer.write_str(&line)
    }
}

impl<'writer> FormatFields<'writer> for TextFields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        if writer.has_ansi_escapes() {
            return self.library.format_fields(writer, fields);
        }
        // What is kept with the span then takes no more room than it needs.
        let mut text = String::with_capacity(SPAN_FIELDS);
        let mut visitor = TextVisitor::new(&mut text);
        fields.record(&mut visitor);
        visitor.result?;
        writer.write_str(&text)
    }
}

/// The outermost span comes first.
fn write_spans<S>(line: &mut String, span: &SpanRef<'_, S>)
where
    S: for<'a> LookupSpan<'a>,
{
    if let Some(parent) = span.parent() {
        write_spans(line, &parent);
    }
    line.push_str(span.name());
    if let Some(fields) = span.extensions().get::<FormattedFields<TextFields>>()
        && !fields.is_empty()
    {
        line.push('{');
        line.push_str(fields);
        line.push('}');
    }
    line.push(':');
}

fn padded(level: Level) -> &'static str {
    match level {
        Level::TRACE => " TRACE ",
        Level::DEBUG => " DEBUG ",
        Level::INFO => "  INFO ",
        Level::WARN => "  WARN ",
        Level::ERROR => " ERROR ",
    }
}

/// Writes fields without colours.
struct TextVisitor<'a> {
    text: &'a mut String,
    is_empty: bool,
    result: fmt::Result,
}

impl<'a> TextVisitor<'a> {
    fn new(text: &'a mut String) -> Self {
        Self {
            text,
            is_empty: true,
            result: Ok(()),
        }
    }

    /// Writes what is in front of a value: the message has no name.
    fn begin(&mut self, name: &str) {
        if !self.is_empty {
            self.text.push(' ');
        }
        self.is_empty = false;
        if name != MESSAGE {
            self.text.push_str(name);
            self.text.push('=');
        }
    }

    fn by_library(&mut self, field: &Field, record: impl FnOnce(&mut DefaultVisitor<'_>)) {
        if self.result.is_err() {
            return;
        }
        let mut visitor = DefaultVisitor::new(Writer::new(self.text), self.is_empty);
        record(&mut visitor);
        self.result = visitor.finish();
        self.is_empty &= is_hidden(field.name());
    }
}

impl Visit for TextVisitor<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if is_special(field.name()) {
            return self.record_debug(field, &value);
        }
        if self.result.is_ok() {
            self.begin(field.name());
            self.result = write_number(self.text, value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if is_special(field.name()) || !is_plain(value) {
            return self.by_library(field, |visitor| visitor.record_str(field, value));
        }
        if self.result.is_ok() {
            self.begin(field.name());
            for piece in ["\"", value, "\""] {
                self.text.push_str(piece);
            }
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.by_library(field, |visitor| visitor.record_error(field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let name = field.name();
        if is_special(name) && name != MESSAGE {
            return self.by_library(field, |visitor| visitor.record_debug(field, value));
        }
        if self.result.is_err() {
            return;
        }
        let (before, was_empty) = (self.text.len(), self.is_empty);
        self.begin(name);
        self.result = write!(self.text, "{value:?}");
        // The library escapes what a terminal would obey, in the message only.
        if name == MESSAGE && !is_printable(&self.text[before..]) {
            self.text.truncate(before);
            (self.is_empty, self.result) = (was_empty, Ok(()));
            self.by_library(field, |visitor| visitor.record_debug(field, value));
        }
    }
}

/// The name of the field that has the words of a line.
const MESSAGE: &str = "message";

/// Whether the library does something of its own with a field of this name: the message is shown without it, and
/// escaped; `r#` is left out.
fn is_special(name: &str) -> bool {
    name == MESSAGE || name.starts_with("r#") || is_hidden(name)
}

/// Whether the library does not show a field of this name.
fn is_hidden(name: &str) -> bool {
    name.starts_with("log.")
}
