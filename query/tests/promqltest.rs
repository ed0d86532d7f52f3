//! Runs PromQL scripts in the language of Prometheus' own test suite.
//!
//! - `testdata/*.test`, the project's own scripts, always run and must pass wholly.
//! - `$PROMQLTEST_DIR/*.test`, Prometheus' suite, runs when that variable names its (absolute)
//!   folder. Not all of it passes yet: `testdata/promqltest-floor.txt` says how many cases of each
//!   file do, and the run fails when a file falls below its floor. Whoever makes more cases pass
//!   raises the floor; nobody lowers it.
//! - Without the variable it prints `SKIPPED: PROMQLTEST_DIR is not set` and succeeds, unless
//!   `CI_REQUIRE_PARTS` is set: then a missing suite is a failure.
//!
//! A case passes with all its re-runs, those that upstream's runner does: see `rerun`.
//!
//! `PROMQLTEST_VERBOSE=1` prints each failed case; `PROMQLTEST_FILE=name` runs one file.

#[path = "promqltest/compare.rs"]
mod compare;
#[path = "promqltest/execute.rs"]
mod execute;
#[path = "promqltest/histogram.rs"]
mod histogram;
#[path = "promqltest/rerun.rs"]
mod rerun;
#[path = "promqltest/script.rs"]
mod script;
#[path = "promqltest/self_test.rs"]
mod self_test;
#[path = "promqltest/storing.rs"]
mod storing;
#[path = "promqltest/values.rs"]
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use execute::Outcome;

fn main() -> ExitCode {
    let results = [self_test::run(), own_scripts(), suite()];
    let failures: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    failures.iter().for_each(|failure| println!("FAILED: {failure}"));
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// The project's own scripts: every case must pass.
fn own_scripts() -> Result<(), String> {
    let mut failed = 0;
    for path in scripts(&testdata())? {
        let outcome = run_file(&path)?;
        report(&path, &outcome);
        outcome.failures.iter().for_each(|failure| println!("  {failure}"));
        failed += outcome.failures.len();
    }
    if failed > 0 { Err(format!("{failed} cases of the project's own scripts")) } else { Ok(()) }
}

/// Prometheus' suite: no file may fall below its floor.
fn suite() -> Result<(), String> {
    let Ok(folder) = std::env::var("PROMQLTEST_DIR") else {
        println!("SKIPPED: PROMQLTEST_DIR is not set");
        return match std::env::var_os("CI_REQUIRE_PARTS") {
            Some(_) => Err("PROMQLTEST_DIR is not set but CI_REQUIRE_PARTS is".to_owned()),
            None => Ok(()),
        };
    };
    let floors = floors()?;
    let only = std::env::var("PROMQLTEST_FILE").ok();
    let (mut total, mut below) = (Outcome::default(), Vec::new());
    let mut files = 0;
    for path in scripts(Path::new(&folder))? {
        let name = file_name(&path);
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let outcome = run_file(&path)?;
        report(&path, &outcome);
        if std::env::var_os("PROMQLTEST_VERBOSE").is_some() {
            outcome.failures.iter().for_each(|failure| println!("  {failure}"));
        }
        let floor = floors.get(&name).copied().unwrap_or(0);
        if outcome.passed < floor {
            below.push(format!("{name}: {} passed, its floor is {floor}", outcome.passed));
        }
        files += 1;
        total.passed += outcome.passed;
        total.queries += outcome.queries;
        total.failures.extend(outcome.failures);
    }
    let (passed, failed) = (total.passed, total.failures.len());
    println!("queries of the passed cases, re-runs among them: {}", total.queries);
    let cases = passed + failed;
    println!("total: {files} files, {cases} cases, {passed} passed, {failed} failed, 0 skipped");
    if below.is_empty() { Ok(()) } else { Err(below.join("; ")) }
}

/// Scripts of a folder in order of their names.
fn scripts(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let shown = folder.display();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{shown}: {error}"))?;
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut scripts: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "test")).collect();
    scripts.sort();
    if scripts.is_empty() { Err(format!("{shown}: no .test files")) } else { Ok(scripts) }
}

fn run_file(path: &Path) -> Result<Outcome, String> {
    let at = |error: String| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
    let commands = script::parse(&text).map_err(at)?;
    Ok(execute::run(&commands))
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

fn report(path: &Path, outcome: &Outcome) {
    let (passed, failed) = (outcome.passed, outcome.failures.len());
    println!("{}: {passed} passed, {failed} failed", file_name(path));
}

/// Lines of `file passed`; `#` starts a comment.
fn floors() -> Result<BTreeMap<String, usize>, String> {
    let path = testdata().join("promqltest-floor.txt");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let (file, count) = line.split_once(' ').ok_or(format!("bad floor line {line:?}"))?;
            let count = count.trim().parse().map_err(|_| format!("bad floor line {line:?}"))?;
            Ok((file.to_owned(), count))
        })
        .collect()
}
