//! Lines as they are written.

use std::io::Write;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use super::*;
use crate::config::LogFormat;

/// Always the same time, with more digits than a line has.
struct Noon;

impl FormatTime for Noon {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        writer.write_str("2026-01-31T12:00:00.123456Z")
    }
}

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Kept;

    fn make_writer(&'a self) -> Kept {
        self.clone()
    }
}

fn written(format: LogFormat, level: LogLevel, log: impl FnOnce()) -> String {
    let kept = Kept::default();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(kept.clone())
        .fmt_fields(Fields(format))
        .event_format(Line { format, clock: Noon });
    let subscriber = tracing_subscriber::registry().with(filter(level)).with(layer);
    tracing::subscriber::with_default(subscriber, log);
    let bytes = kept.0.lock().clone();
    String::from_utf8(bytes).expect("lines are text")
}

fn some_event() {
    let span = tracing::info_span!("write", tenant = "a b", later = tracing::field::Empty);
    let _inside = span.enter();
    span.record("later", 7);
    let error = std::io::Error::other("disk \"full\"");
    tracing::warn!(
        target: "node::test",
        samples = 3u64, ok = true, ratio = 0.5, odd = f64::NAN, error = %error, r#type = ?Some(1),
        "write {}\nfailed", 1
    );
}

#[test]
fn logfmt_has_time_level_message_and_fields() {
    assert_eq!(
        written(LogFormat::Logfmt, LogLevel::Info, some_event),
        "ts=2026-01-31T12:00:00.123Z level=warn msg=\"write 1\\nfailed\" tenant=\"a b\" later=7 \
         samples=3 ok=true ratio=0.5 odd=NaN error=\"disk \\\"full\\\"\" type=Some(1)\n"
    );
}

#[test]
fn json_has_the_same_in_one_object_a_line() {
    let line = written(LogFormat::Json, LogLevel::Info, some_event);
    assert_eq!(line.matches('\n').count(), 1);
    let read: serde_json::Value = serde_json::from_str(&line).expect("valid JSON");
    let expected = serde_json::json!({
        "ts": "2026-01-31T12:00:00.123Z", "level": "warn", "msg": "write 1\nfailed",
        "tenant": "a b", "later": 7, "samples": 3, "ok": true, "ratio": 0.5, "odd": "NaN",
        "error": "disk \"full\"", "type": "Some(1)",
    });
    assert_eq!(read, expected);
}

#[test]
fn levels_below_the_chosen_one_are_not_written() {
    let log = || {
        tracing::debug!(target: "node::test", "own debug");
        tracing::info!(target: "storage", "own info");
        tracing::info!(target: "hyper", "other info");
        tracing::warn!(target: "hyper", "other warning");
        tracing::warn!(target: "openraft::core", "raft warning");
    };
    let lines = |level| written(LogFormat::Logfmt, level, log).lines().count();
    assert_eq!(lines(LogLevel::Info), 2);
    assert_eq!(lines(LogLevel::Debug), 5);
    assert_eq!(lines(LogLevel::Warn), 1);
    assert_eq!(lines(LogLevel::Error), 0);
}
