//! A block that we write is read by promtool, and its dump is what was written.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use journal::files::OsFiles;
use proto::Labels;
use storage::Chunk;
use storage::block::{BlockSpec, write_block};
use storage::chunk::encode;
use ulid::Ulid;

type Samples = Vec<(i64, f64)>;

/// The path of promtool, or `None` with a line that says so. Under CI it must be there.
fn promtool() -> Option<&'static str> {
    if Command::new("promtool").arg("--version").output().is_ok() {
        return Some("promtool");
    }
    let required = std::env::var_os("CI_REQUIRE_PARTS").is_some();
    assert!(
        !required,
        "promtool is not installed (package prometheus) and CI_REQUIRE_PARTS is set"
    );
    println!("SKIPPED: promtool not found");
    None
}

fn run(promtool: &str, arguments: &[&str]) -> String {
    let output = Command::new(promtool).args(arguments).output().expect("promtool runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {error}");
    String::from_utf8(output.stdout).expect("promtool prints UTF-8")
}

/// 150 series of 300 samples: whole numbers, fractions, infinities; names that need quoting.
fn series() -> Vec<(Labels, Samples)> {
    let one = |i: usize| {
        let (metric, path) = (format!("metric_{}", i % 4), format!("/a \"b\" \\{i}\n"));
        let pairs = [("__name__", metric.as_str()), ("path", &path), ("zone", "north")];
        let value = |s: i64| match (i % 5, s % 50) {
            (4, 7) => f64::INFINITY,
            (3, _) => s as f64 * 0.1,
            _ => (s * i as i64) as f64,
        };
        let at = |s: i64| 1_700_000_000_000 + s * 15_000 + i as i64;
        let samples = (0..300).map(|s| (at(s), value(s))).collect();
        (Labels::from_pairs(pairs).expect("the labels are valid"), samples)
    };
    let mut all: Vec<_> = (0..150).map(one).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn chunks(samples: &[(i64, f64)]) -> Vec<Chunk> {
    let chunk = |piece: &[(i64, f64)]| encode(piece.iter().copied()).expect("120 samples fit");
    samples.chunks(120).filter_map(chunk).collect()
}

fn spec(number: u128) -> BlockSpec {
    BlockSpec {
        ulid: Ulid::from_parts(1_700_000_000_000, number),
        labels: [("tenant_id".to_owned(), "a".to_owned())].into(),
        extension: serde_json::json!({ "epoch": 1 }),
    }
}

/// A line of `promtool tsdb dump`: labels, value, timestamp.
fn dumped(labels: &Labels, (timestamp_ms, value): (i64, f64)) -> String {
    let mut line = String::from("{");
    for (i, (name, value)) in labels.iter().enumerate() {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(line, "{}{name}=\"{value}\"", if i == 0 { "" } else { ", " });
    }
    line.push('}');
    line.push_str(&format!(" {} {timestamp_ms}", number(value)));
    line
}

/// The dump prints numbers as Go's `%g`; comparing what they parse to is enough.
fn number(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

fn normalised(line: &str) -> String {
    let (front, timestamp) = line.rsplit_once(' ').expect("a dump line has a timestamp");
    let (labels, value) = front.rsplit_once(' ').expect("a dump line has a value");
    let value: f64 = value.trim_start_matches('+').parse().expect("a dump line has a number");
    format!("{labels} {} {timestamp}", number(value))
}

#[test]
fn promtool_reads_our_blocks() {
    let Some(promtool) = promtool() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path();
    let all = series();
    let written = all.iter().map(|(labels, samples)| (labels.clone(), chunks(samples)));
    let meta = write_block(Arc::new(OsFiles), path, spec(1), written)
        .expect("the block is written")
        .expect("the block has series");
    std::fs::create_dir(path.join("wal")).expect("promtool wants a wal directory");
    let path = path.to_str().expect("temporary paths are UTF-8");
    check_list(&run(promtool, &["tsdb", "list", path]), &meta.ulid.to_string());
    check_analyze(&run(promtool, &["tsdb", "analyze", path]));
    check_dump(&run(promtool, &["tsdb", "dump", path]), &all);
    assert!(Path::new(path).join(meta.ulid.to_string()).join("meta.json").exists());
}

fn check_list(list: &str, ulid: &str) {
    let row = list.lines().find(|line| line.contains(ulid)).expect("the block is listed");
    let columns: Vec<&str> = row.split_whitespace().collect();
    assert!(columns.contains(&"45000") && columns.contains(&"450"), "{row}");
}

fn check_analyze(report: &str) {
    assert!(report.contains("\nSeries: 150\n"), "{report}");
    assert!(report.contains("Label names: 3"), "{report}");
}

fn check_dump(dump: &str, all: &[(Labels, Samples)]) {
    let mut got: Vec<String> = dump.lines().map(normalised).collect();
    let lines = |(labels, samples): &(Labels, Samples)| -> Vec<String> {
        samples.iter().map(|sample| dumped(labels, *sample)).collect()
    };
    let mut expected: Vec<String> = all.iter().flat_map(lines).collect();
    got.sort_unstable();
    expected.sort_unstable();
    assert_eq!(got.len(), expected.len());
    let differs = got.iter().zip(&expected).find(|(g, e)| g != e);
    assert_eq!(differs, None);
}
