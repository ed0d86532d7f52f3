//! Builds a line out of an event and the spans around it.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::value::{json_text, logfmt_text};
use crate::config::LogFormat;

/// Writes events; `clock` writes RFC 3339 times in UTC.
pub(super) struct Line<T> {
    /// How.
    pub format: LogFormat,
    /// What time it is.
    pub clock: T,
}

impl<S, N, T> FormatEvent<S, N> for Line<T>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    T: FormatTime,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut pairs = Pairs::new(self.format);
        event.record(&mut pairs);
        let (ts, level) = (self.time()?, level_name(*event.metadata().level()));
        match self.format {
            LogFormat::Logfmt => {
                write!(writer, "ts={ts} level={level} msg={}", logfmt_text(&pairs.message))?;
            }
            LogFormat::Json => {
                let message = json_text(&pairs.message);
                write!(writer, r#"{{"ts":"{ts}","level":"{level}","msg":{message}"#)?;
            }
        }
        if let Some(spans) = context.event_scope() {
            for span in spans.from_root() {
                if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                    writer.write_str(&fields.fields)?;
                }
            }
        }
        writer.write_str(&pairs.text)?;
        writer.write_str(if self.format == LogFormat::Json { "}\n" } else { "\n" })
    }
}

impl<T: FormatTime> Line<T> {
    /// The time, cut to milliseconds.
    fn time(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        self.clock.format_time(&mut Writer::new(&mut text))?;
        if let Some(point) = text.find('.') {
            let zone = text[point + 1..].find(|c: char| !c.is_ascii_digit());
            let zone = zone.map_or(text.len(), |digits| point + 1 + digits);
            text.replace_range(zone.min(point + 4)..zone, "");
        }
        Ok(text)
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Writes the fields of spans.
pub(super) struct Fields(pub LogFormat);

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(
        &self,
        mut writer: Writer<'writer>,
        fields: R,
    ) -> fmt::Result {
        let mut pairs = Pairs::new(self.0);
        fields.record(&mut pairs);
        writer.write_str(&pairs.text)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

/// Collects fields as text that goes behind what the line has already: ` key=value`, or
/// `,"key":value`.
struct Pairs {
    format: LogFormat,
    text: String,
    message: String,
}

impl Pairs {
    fn new(format: LogFormat) -> Pairs {
        Pairs { format, text: String::new(), message: String::new() }
    }

    fn key(&mut self, field: &Field) {
        let name = field.name().trim_start_matches("r#");
        match self.format {
            LogFormat::Logfmt => self.text.extend([" ", name, "="]),
            LogFormat::Json => self.text.extend([",", &json_text(name), ":"]),
        }
    }

    fn add_text(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_owned();
            return;
        }
        self.key(field);
        match self.format {
            LogFormat::Logfmt => self.text.push_str(&logfmt_text(value)),
            LogFormat::Json => self.text.push_str(&json_text(value)),
        }
    }

    /// Adds what is written alike in both formats.
    fn add_bare(&mut self, field: &Field, value: impl fmt::Display) {
        self.key(field);
        self.text.push_str(&value.to_string());
    }
}

impl Visit for Pairs {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add_text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add_text(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add_text(field, &value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add_bare(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add_bare(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add_bare(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.add_bare(field, value),
            false => self.add_text(field, &value.to_string()),
        }
    }
}
