//! Debian's promtool on granary's blocks.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Samples by series: `{labels}` as promtool prints them, then (milliseconds, value).
pub type Dump = BTreeMap<String, Vec<(i64, String)>>;

/// Runs `promtool tsdb <arguments>`; fails if it fails.
pub fn tsdb(promtool: &Path, arguments: &[&str]) -> String {
    let output = Command::new(promtool).arg("tsdb").args(arguments).output();
    let output = output.expect("promtool can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool tsdb {arguments:?} failed: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every sample of the blocks in a folder. promtool wants a `wal` in it, which this makes.
pub fn dump(promtool: &Path, folder: &Path) -> Dump {
    std::fs::create_dir_all(folder.join("wal")).expect("room for an empty folder");
    let text = tsdb(promtool, &["dump", &folder.display().to_string()]);
    let mut dump = Dump::new();
    for line in text.lines() {
        let (labels, sample) = line.rsplit_once("} ").expect("a series and a sample");
        let (value, time) = sample.split_once(' ').expect("a value and a time");
        let time = time.parse().expect("milliseconds");
        dump.entry(format!("{labels}}}")).or_default().push((time, value.to_owned()));
    }
    dump
}
